//! What decoded bytes are: text, text in UTF-16, a compressed stream, or nothing that reads.
//!
//! Decoding what was never encoded gives noise, and noise must cost little: two passes at most, and
//! none of it is looked at but for the readable stretches. Next: `run`.

use super::bytes::{CONTROL, is};
use super::inflate::Codec;

/// What some bytes are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Text; what is not UTF-8 in it became U+FFFD.
    Text(String),
    /// Text in UTF-16.
    Wide(String),
    /// A compressed stream that says so.
    Compressed(Codec),
    /// None of these.
    Noise,
}

/// Below this length every byte must be text; above, one in eight may be anything.
const STRICT: usize = 16;

/// Says what bytes are.
pub(crate) fn nature(bytes: &[u8]) -> Nature {
    if let Some(codec) = said(bytes) {
        return Nature::Compressed(codec);
    }
    if let Some(text) = utf16(bytes) {
        return Nature::Wide(text);
    }
    if reads_as_text(bytes) {
        return Nature::Text(String::from_utf8_lossy(bytes).into_owned());
    }
    Nature::Noise
}

/// The compression that a stream's first bytes name.
pub(crate) fn said(bytes: &[u8]) -> Option<Codec> {
    match bytes {
        [0x1f, 0x8b, 8, ..] => Some(Codec::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Codec::Zstd),
        // RFC 1950 §2.2: method 8, and both bytes as a number divide by 31. `x\x01`, `x\x9c` and
        // `x\xda` begin no text, whatever follows: a stored block is its content as it stands.
        [cmf @ (0x78 | 0x68 | 0x58 | 0x48), flags, _, _, _, _, ..]
            if u16::from_be_bytes([*cmf, *flags]).is_multiple_of(31)
                && flags & 0x20 == 0
                && (!flags.is_ascii_graphic() || !reads_as_text(bytes)) =>
        {
            Some(Codec::Zlib)
        }
        _ => None,
    }
}

/// The compressions without a signature of which these bytes may be a stream: their first bits
/// make sense for this length.
pub(crate) fn perhaps(bytes: &[u8]) -> impl Iterator<Item = Codec> {
    let deflate = may_be_deflate(bytes).then_some(Codec::Deflate);
    deflate.into_iter().chain(may_be_brotli(bytes).then_some(Codec::Brotli))
}

/// RFC 1951 §3.2.3: block type 3 does not exist; a stored block repeats its length inverted.
fn may_be_deflate(bytes: &[u8]) -> bool {
    match bytes {
        [first, a, b, c, d, _, ..] => match first >> 1 & 3 {
            0 => u16::from_le_bytes([*a, *b]) == !u16::from_le_bytes([*c, *d]),
            1 => true,
            // At most 286 and 30 codes.
            2 => first >> 3 <= 29 && a & 0x1f <= 29,
            _ => false,
        },
        _ => false,
    }
}

/// RFC 7932 §9.1 and §9.2: the first meta-block's length must suit the stream's.
fn may_be_brotli(bytes: &[u8]) -> bool {
    let [a, b, c, d, e, _, ..] = bytes else { return false };
    let mut bits = u64::from(u32::from_le_bytes([*a, *b, *c, *d])) | u64::from(*e) << 32;
    let mut take = |count: u32| {
        let value = bits & ((1 << count) - 1);
        bits >>= count;
        value
    };
    // WBITS: 1, 4 or 7 bits.
    if take(1) == 1 && take(3) == 0 {
        take(3);
    }
    // ISLAST, then ISLASTEMPTY.
    if take(1) == 1 && take(1) == 1 {
        return false;
    }
    let nibbles = take(2);
    if nibbles == 3 {
        return false;
    }
    let length =
        (0..nibbles + 4).fold((0, 0), |(sum, shift), _| (sum | take(4) << shift, shift + 4));
    length.0 < 4096.max(u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_mul(1024))
        && bytes.len() < 1 << 24
}

/// Whether bytes read as text in UTF-8.
pub(crate) fn reads_as_text(bytes: &[u8]) -> bool {
    let allowed = if bytes.len() < STRICT { 0 } else { bytes.len() / 8 };
    // Noise shows in its first bytes.
    let start = bytes.get(..32).unwrap_or(bytes);
    if bytes.len() > 64 && odd(start) > start.len() / 2 {
        return false;
    }
    !bytes.is_empty() && odd(bytes) <= allowed
}

/// How many bytes belong in no text: control characters and broken UTF-8.
fn odd(bytes: &[u8]) -> usize {
    let control = |text: &[u8]| text.iter().filter(|b| is(**b, CONTROL)).count();
    bytes.utf8_chunks().map(|chunk| control(chunk.valid().as_bytes()) + chunk.invalid().len()).sum()
}

/// Text in UTF-16 of either order, with or without a mark: every other byte is mostly zero.
pub(crate) fn utf16(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let (body, big) = match pairs {
        [[0xff, 0xfe], body @ ..] => (body, false),
        [[0xfe, 0xff], body @ ..] => (body, true),
        _ => {
            let start = pairs.get(..32).unwrap_or(pairs);
            let zero = |at: usize| start.iter().filter(|pair| pair.get(at) == Some(&0)).count();
            let (first, second) = (zero(0), zero(1));
            let most = start.len() * 3 / 4;
            if start.len() < 4 || first.max(second) <= most {
                return None;
            }
            (pairs, first > second)
        }
    };
    if rest.len() > 1 || body.is_empty() {
        return None;
    }
    let unit =
        |pair: &[u8; 2]| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let text: String = char::decode_utf16(body.iter().map(unit))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    reads_as_text(text.as_bytes()).then_some(text)
}

/// The shortest readable stretch within noise that is looked at.
const STRETCH: usize = 16;

/// The readable stretches within noise, each on a line of its own: what `strings` finds.
pub(crate) fn stretches(bytes: &[u8]) -> Option<String> {
    let mut out = String::new();
    for stretch in bytes.split(|b| !(b.is_ascii_graphic() || *b == b' ')) {
        if stretch.len() >= STRETCH
            && let Ok(text) = std::str::from_utf8(stretch)
        {
            out.push_str(text);
            out.push('\n');
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::super::inflate::tests::{ALL, deflated};
    use super::*;

    #[test]
    fn text_is_told_from_noise() {
        for text in ["key", "ssn 536-90-4399", "Grüße aus Köln", "日本語", "a\tb\r\nc"] {
            assert!(reads_as_text(text.as_bytes()), "{text}");
        }
        for noise in [b"\x00\x01".as_slice(), b"\x8a\x7b\x5e", b"abc\x07def", b""] {
            assert!(!reads_as_text(noise));
        }
        assert!(reads_as_text(b"a long text with one \xff byte that is odd"));
    }

    #[test]
    fn wide_text_is_read() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(utf16(&wide("ssn 536-90-4399")).as_deref(), Some("ssn 536-90-4399"));
        let big: Vec<u8> = "hello".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(utf16(&big).as_deref(), Some("hello"));
        assert_eq!(utf16(b"plain text here"), None);
    }

    #[test]
    fn compressed_streams_are_known_or_guessed() {
        for plain in ["AKIAQW3ER5TYU7IOPAS2", &"the quick brown fox ".repeat(200)] {
            for codec in ALL {
                let stream = deflated(codec, plain.as_bytes());
                let known = match nature(&stream) {
                    Nature::Compressed(said) => said == codec,
                    // A stored block shows its text.
                    Nature::Text(text) => text.contains(plain),
                    Nature::Wide(_) => false,
                    Nature::Noise => perhaps(&stream).any(|guess| guess == codec),
                };
                assert!(known, "{codec:?} of {} bytes", plain.len());
            }
        }
    }

    #[test]
    fn readable_stretches_are_found_in_noise() {
        let noise =
            [&[0xff, 0, 3], b"AKIAQW3ER5TYU7IOPAS2".as_slice(), &[1, 0xfe], b"short"].concat();
        assert_eq!(stretches(&noise).as_deref(), Some("AKIAQW3ER5TYU7IOPAS2\n"));
    }
}
