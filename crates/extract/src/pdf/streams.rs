//! The streams of a PDF as they stand in its bytes, whatever its tables say, uncompressed through
//! `detect`'s one door. Next: `content`.

use backstop_detect::decode::inflate::{Codec, InflateFault, inflate_some};
use memchr::memmem;

/// What all compressed streams come to; `None` past `most`.
pub(super) fn measure(bytes: &[u8], most: usize) -> Option<usize> {
    let mut total = 0_usize;
    for stream in compressed(bytes) {
        total += inflated(stream, most - total)?.len();
    }
    Some(total)
}

/// Tells each stream uncompressed. `most` was measured before.
pub(super) fn each(bytes: &[u8], most: usize, mut tell: impl FnMut(&[u8])) {
    for stream in compressed(bytes) {
        if let Some(plain) = inflated(stream, most) {
            tell(&plain);
        }
    }
}

/// One stream uncompressed, as far as it can be; `None` past `most`.
pub(super) fn inflated(stream: &[u8], most: usize) -> Option<Vec<u8>> {
    let (plain, fault) = inflate_some(Codec::Zlib, stream, most);
    match fault {
        Some(InflateFault::TooLarge) => None,
        Some(InflateFault::Broken) if plain.is_empty() => {
            // Readers take a stream whose header does not hold.
            let (plain, fault) =
                inflate_some(Codec::Deflate, stream.get(2..).unwrap_or_default(), most);
            (fault != Some(InflateFault::TooLarge)).then_some(plain)
        }
        Some(InflateFault::Broken | InflateFault::Trailing) | None => Some(plain),
    }
}

/// Whatever follows the word `stream` and may be a zlib stream.
fn compressed(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends: Vec<usize> = memmem::find_iter(bytes, b"endstream").collect();
    memmem::find_iter(bytes, b"stream").filter_map(move |at| {
        if bytes.get(..at)?.ends_with(b"end") {
            return None;
        }
        let next = ends.get(ends.partition_point(|end| *end < at));
        let rest = bytes.get(at + 6..next.copied().unwrap_or(bytes.len()))?;
        let stream =
            [b"\r\n".as_slice(), b"\n", b"\r"].iter().find_map(|end| rest.strip_prefix(*end))?;
        // RFC 1950: method 8, a window of at most 32 KiB.
        stream.first().is_some_and(|cmf| cmf & 0x8f == 8).then_some(stream)
    })
}
