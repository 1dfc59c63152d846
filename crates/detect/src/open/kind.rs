//! What bytes say by their signature that they are. A ZIP archive may begin anywhere, for its
//! directory stands at the end: it is sought in all bytes. Next: `crate::inspect`.

use super::Container;
use crate::decode::inflate::Codec;
use crate::decode::nature::said;
use memchr::memmem;

/// A local file header (APPNOTE 4.3.7).
const LOCAL: &[u8] = b"PK\x03\x04";
/// The end of an archive's directory (APPNOTE 4.3.16).
const END: &[u8] = b"PK\x05\x06";

/// A compound file (MS-CFB §2.2).
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Archives that nobody here can open, by their first bytes.
const SEALED: [(&[u8], &str); 10] = [
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"LZIP\x01", "lzip"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"MSCF\x00\x00\x00\x00", "cab"),
    (b"age-encryption.org/v1\n", "age"),
    (b"Salted__", "openssl"),
    (b"\x89LZO\x00\r\n\x1a\n", "lzop"),
];

/// What kind of container bytes are, if any.
pub fn container(bytes: &[u8]) -> Option<Container> {
    let tar = is_tar(bytes);
    if bytes.starts_with(END) || local(bytes) {
        // A name of 512 bytes that is a checked tape header besides is nobody's accident.
        return Some(if tar { Container::Sealed("zip and tar") } else { Container::Zip });
    }
    if tar {
        return Some(Container::Tar);
    }
    if is_pdf(bytes) {
        return Some(Container::Pdf);
    }
    if bytes.starts_with(COMPOUND) {
        return Some(Container::Compound);
    }
    if let Some((_, name)) = SEALED.iter().find(|(first, _)| bytes.starts_with(first))
        && (*name != "bzip2" || bytes.get(4..10) == Some(b"1AY&SY"))
    {
        return Some(Container::Sealed(name));
    }
    holds_zip(bytes).then_some(Container::ZipWithin)
}

/// Whether what bytes hold is not to be seen in them: a container, or a compressed stream that says
/// so.
pub fn is_packed(bytes: &[u8]) -> bool {
    matches!(said(bytes), Some(Codec::Gzip | Codec::Zstd)) || container(bytes).is_some()
}

/// Whether a container may begin with these few bytes.
pub(crate) fn begins(first: &[u8]) -> bool {
    let named = [LOCAL, END, b"%PDF-", COMPOUND].iter().any(|start| first.starts_with(start));
    let sealed = || SEALED.iter().any(|(start, _)| first.starts_with(start));
    // A tape archive begins with a name and zeros.
    let name = || {
        let length = first.iter().take_while(|b| b.is_ascii_graphic()).count();
        length > 0 && first.iter().skip(length).all(|b| *b == 0)
    };
    named || sealed() || name()
}

/// Whether an archive stands somewhere in these bytes.
pub(crate) fn holds_zip(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, LOCAL).take(MOST_TRIED).any(|at| bytes.get(at..).is_some_and(local))
}

/// LIMIT: places where a header is looked for; whoever writes more of them made the last ones.
const MOST_TRIED: usize = 10_000;

/// Whether a header that makes sense begins here: four bytes alone also stand in noise.
fn local(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk::<30>() else { return false };
    let [b'P', b'K', 3, 4, version, _, _, _, method, high, ..] = *head else { return false };
    let [.., low_name, high_name, _, _] = *head;
    let name = usize::from(u16::from_le_bytes([low_name, high_name]));
    let method = u16::from_le_bytes([method, high]);
    let known = method <= 20 || (93..=99).contains(&method);
    version < 100 && known && name > 0 && bytes.len() >= 30 + name
}

/// A header of a tape archive: its checksum holds (POSIX.1 pax, "ustar Interchange Format").
fn is_tar(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk::<512>() else { return false };
    let said = head.get(148..156).unwrap_or_default();
    let digits = said.trim_ascii_start();
    let end = digits.iter().position(|b| !(b'0'..=b'7').contains(b)).unwrap_or(digits.len());
    let digits = std::str::from_utf8(digits.get(..end).unwrap_or_default()).unwrap_or_default();
    let Ok(said) = u32::from_str_radix(digits, 8) else { return false };
    let sum = |signed: fn(u8) -> i64| -> i64 {
        let each = head.iter().enumerate();
        each.map(|(at, b)| if (148..156).contains(&at) { 32 } else { signed(*b) }).sum()
    };
    let said = i64::from(said);
    // Old writers added signed characters.
    sum(i64::from) == said || sum(|b| i64::from(b.cast_signed())) == said
}

/// A PDF begins within the first kilobyte (ISO 32000-1, annex H), and has objects.
fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..1024 + 8).unwrap_or(bytes);
    let begins = memmem::find_iter(head, b"%PDF-")
        .any(|at| head.get(at + 5).is_some_and(u8::is_ascii_digit));
    begins && memmem::find(bytes, b" obj").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_bytes_and_words_about_them_are_none() {
        let mut tar = vec![0; 1024];
        tar[..5].copy_from_slice(b"a.txt");
        tar[148..156].copy_from_slice(b"        ");
        let sum: u32 = tar[..512].iter().map(|b| u32::from(*b)).sum();
        tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0ax";
        for (bytes, kind) in [
            (zip.to_vec(), Some(Container::Zip)),
            ([b"\x89PNG\r\n\x1a\n".as_slice(), zip].concat(), Some(Container::ZipWithin)),
            (tar, Some(Container::Tar)),
            (b"%PDF-1.7\n1 0 obj\n".to_vec(), Some(Container::Pdf)),
            (b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), Some(Container::Sealed("7z"))),
            (b"BZh91AY&SYxxxx".to_vec(), Some(Container::Sealed("bzip2"))),
            (b"BZh is how it begins".to_vec(), None),
            (b"A PDF begins with %PDF-1.7, they say".to_vec(), None),
            (b"PK\x03\x04 is four bytes".to_vec(), None),
            (vec![0; 2048], None),
        ] {
            assert_eq!(container(&bytes), kind);
        }
    }
}
