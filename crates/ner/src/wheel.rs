//! A Python wheel (a ZIP file) to the files that are wanted of it.
//!
//! Reads the central directory only (APPNOTE 4.3.12) and takes what it names; the deflated data
//! goes to the caller's `inflate`, which is `detect`'s one door for decompression. The caller has
//! checked the wheel's digest, and each file's digest is checked again here.

use sha2::{Digest as _, Sha256};

use crate::files::Pinned;

/// Why a wheel gave no files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WheelFault {
    /// It is no ZIP file, or a broken one.
    #[error("the package is no ZIP file")]
    NoZip,
    /// A file is not in it.
    #[error("`{0}` is not in the package")]
    Missing(&'static str),
    /// A file's data is broken.
    #[error("`{0}` cannot be unpacked")]
    Broken(&'static str),
    /// A file is another than was pinned.
    #[error("`{0}` does not have the SHA-256 it must have")]
    Digest(&'static str),
}

/// LIMIT: the largest file that is unpacked.
const LARGEST: usize = 64 << 20;

/// Decompresses raw deflate data to at most so many bytes.
pub type Inflate = fn(&[u8], usize) -> Option<Vec<u8>>;

/// The wanted files of a wheel, in order.
///
/// # Errors
/// When one is missing, broken or not the pinned one: then none is given.
pub fn unpack(
    wheel: &[u8],
    wanted: &[Pinned],
    inflate: Inflate,
) -> Result<Vec<(Pinned, Vec<u8>)>, WheelFault> {
    let directory = directory(wheel).ok_or(WheelFault::NoZip)?;
    let mut files = Vec::with_capacity(wanted.len());
    for pinned in wanted {
        let entry = directory
            .iter()
            .find(|entry| entry.name == pinned.inside.as_bytes())
            .ok_or(WheelFault::Missing(pinned.name))?;
        let bytes = contents(wheel, entry, inflate).ok_or(WheelFault::Broken(pinned.name))?;
        if sha256(&bytes) != pinned.sha256 {
            return Err(WheelFault::Digest(pinned.name));
        }
        files.push((*pinned, bytes));
    }
    Ok(files)
}

/// The SHA-256 of some bytes, in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Entry<'a> {
    name: &'a [u8],
    method: u16,
    compressed: usize,
    header: usize,
}

/// The entries of the central directory.
fn directory(zip: &[u8]) -> Option<Vec<Entry<'_>>> {
    const END: &[u8] = b"PK\x05\x06";
    const ENTRY: &[u8] = b"PK\x01\x02";
    // The end record is 22 bytes and a comment of at most 65,535.
    let from = zip.len().saturating_sub(22 + 65_535);
    let tail = zip.get(from..)?;
    let end = from + tail.windows(4).rposition(|window| window == END)?;
    let count = short(zip, end + 10)?;
    let mut at = long(zip, end + 16)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        if zip.get(at..at + 4)? != ENTRY {
            return None;
        }
        let (name, extra, comment) =
            (short(zip, at + 28)?, short(zip, at + 30)?, short(zip, at + 32)?);
        let start = at + 46;
        entries.push(Entry {
            name: zip.get(start..start + usize::from(name))?,
            method: short(zip, at + 10)?,
            compressed: long(zip, at + 20)?,
            header: long(zip, at + 42)?,
        });
        at = start + usize::from(name) + usize::from(extra) + usize::from(comment);
    }
    Some(entries)
}

fn contents(zip: &[u8], entry: &Entry<'_>, inflate: Inflate) -> Option<Vec<u8>> {
    let (name, extra) = (short(zip, entry.header + 26)?, short(zip, entry.header + 28)?);
    let start = entry.header + 30 + usize::from(name) + usize::from(extra);
    let data = zip.get(start..start.checked_add(entry.compressed)?)?;
    match entry.method {
        0 => Some(data.to_vec()),
        8 => inflate(data, LARGEST),
        _ => None,
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)?;
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ZIP file of one stored file.
    fn zip(name: &str, data: &[u8]) -> Vec<u8> {
        let mut zip = Vec::new();
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let named = u16::try_from(name.len()).unwrap().to_le_bytes();
        zip.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        zip.extend_from_slice(&length);
        zip.extend_from_slice(&length);
        zip.extend_from_slice(&named);
        zip.extend_from_slice(&[0, 0]);
        zip.extend_from_slice(name.as_bytes());
        zip.extend_from_slice(data);
        let directory = u32::try_from(zip.len()).unwrap().to_le_bytes();
        zip.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        zip.extend_from_slice(&length);
        zip.extend_from_slice(&length);
        zip.extend_from_slice(&named);
        zip.extend_from_slice(&[0; 16]);
        zip.extend_from_slice(name.as_bytes());
        zip.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0");
        zip.extend_from_slice(&directory);
        zip.extend_from_slice(&[0, 0]);
        zip
    }

    const FILE: Pinned = Pinned {
        name: "a.txt",
        inside: "dir/a.txt",
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    #[test]
    fn a_pinned_file_comes_out_whole() {
        let files = unpack(&zip("dir/a.txt", b"abc"), &[FILE], |_, _| None).unwrap();
        assert_eq!(files, [(FILE, b"abc".to_vec())]);
    }

    #[test]
    fn anything_else_is_refused() {
        for (wheel, fault) in [
            (zip("dir/a.txt", b"abd"), WheelFault::Digest("a.txt")),
            (zip("dir/b.txt", b"abc"), WheelFault::Missing("a.txt")),
            (b"no zip at all".to_vec(), WheelFault::NoZip),
            (Vec::new(), WheelFault::NoZip),
        ] {
            assert_eq!(unpack(&wheel, &[FILE], |_, _| None).unwrap_err(), fault);
        }
        let whole = zip("dir/a.txt", b"abc");
        for length in 0..whole.len() - 2 {
            assert!(
                unpack(whole.get(..length).unwrap(), &[FILE], |_, _| None).is_err(),
                "{length}"
            );
        }
    }
}
