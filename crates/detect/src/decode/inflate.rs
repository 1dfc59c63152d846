//! The one door for decompression: gzip, zlib, raw deflate, Brotli, Zstandard.
//!
//! Every stream is read in pieces against a cap on what comes out, so that a bomb costs the cap and
//! no more. What a receiver could read differently is refused: bytes after the end, a checksum that
//! does not hold, a cut stream. Several gzip members or Zstandard frames in a row are read as one
//! (RFC 1952 §2.2, RFC 8878 §3.1). Next: `nature`.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is the one door")]

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::Read;

/// A compression (RFC 1950 to 1952, RFC 7932, RFC 8878).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// gzip.
    Gzip,
    /// zlib (HTTP's "deflate").
    Zlib,
    /// Deflate without a frame, which some senders mean by "deflate".
    Deflate,
    /// Brotli.
    Brotli,
    /// Zstandard.
    Zstd,
}

/// Why a stream was not decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InflateFault {
    /// Not a stream of this kind, or a broken one.
    #[error("not a whole stream of this coding")]
    Broken,
    /// Bytes follow the end.
    #[error("bytes follow the end of the stream")]
    Trailing,
    /// More would come out than may.
    #[error("it decompresses to more than it may")]
    TooLarge,
}

/// LIMIT: the largest window of a Zstandard frame, in bytes (RFC 8878 §3.1.1.1.2 advises 8 MB).
const ZSTD_WINDOW: u64 = 8 << 20;
/// LIMIT: gzip members or Zstandard frames in one stream.
const MAX_MEMBERS: usize = 1024;
/// How much is decompressed between two looks at the cap.
const PIECE: usize = 16 << 10;

/// Decompresses a whole stream to at most `cap` bytes.
///
/// # Errors
/// When the stream is broken or cut, when bytes follow its end, and past the cap.
pub fn inflate(codec: Codec, bytes: &[u8], cap: usize) -> Result<Vec<u8>, InflateFault> {
    let mut out = Vec::new();
    let rest = inflate_into(codec, bytes, cap, &mut out)?;
    if rest.is_empty() { Ok(out) } else { Err(InflateFault::Trailing) }
}

/// The same as far as it goes: what came before a fault, and the fault. What follows the stream is
/// left out.
pub fn inflate_some(codec: Codec, bytes: &[u8], cap: usize) -> (Vec<u8>, Option<InflateFault>) {
    let mut out = Vec::new();
    let fault = inflate_into(codec, bytes, cap, &mut out).err();
    (out, fault)
}

/// The same into a buffer, which on a fault holds what came before it. Answers what follows the
/// stream.
///
/// # Errors
/// When the stream is broken or cut, and past the cap.
pub(crate) fn inflate_into<'b>(
    codec: Codec,
    bytes: &'b [u8],
    cap: usize,
    out: &mut Vec<u8>,
) -> Result<&'b [u8], InflateFault> {
    match codec {
        Codec::Gzip => members(bytes, out, |rest, out| {
            let mut decoder = GzDecoder::new(rest);
            drain(&mut decoder, out, cap)?;
            Ok(decoder.into_inner())
        }),
        Codec::Zlib => {
            let mut decoder = ZlibDecoder::new(bytes);
            drain(&mut decoder, out, cap)?;
            Ok(decoder.into_inner())
        }
        Codec::Deflate => {
            let mut decoder = DeflateDecoder::new(bytes);
            drain(&mut decoder, out, cap)?;
            Ok(decoder.into_inner())
        }
        Codec::Brotli => brotli(bytes, cap, out),
        Codec::Zstd => members(bytes, out, |rest, out| zstd_frame(rest, out, cap)),
    }
}

/// Several streams in a row, each of which answers what follows it.
fn members<'b>(
    bytes: &'b [u8],
    out: &mut Vec<u8>,
    mut one: impl FnMut(&'b [u8], &mut Vec<u8>) -> Result<&'b [u8], InflateFault>,
) -> Result<&'b [u8], InflateFault> {
    let mut rest = bytes;
    for member in 0..MAX_MEMBERS {
        match one(rest, out) {
            Ok(after) if after.is_empty() => return Ok(after),
            Ok(after) => rest = after,
            // What follows a whole member and is none itself.
            Err(InflateFault::Broken) if member > 0 => return Ok(rest),
            Err(fault) => return Err(fault),
        }
    }
    Err(InflateFault::TooLarge)
}

/// Reads to the end or to the cap.
fn drain(reader: &mut impl Read, out: &mut Vec<u8>, cap: usize) -> Result<(), InflateFault> {
    let mut piece = [0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                if out.len() + count > cap {
                    return Err(InflateFault::TooLarge);
                }
                out.extend_from_slice(piece.get(..count).unwrap_or_default());
            }
            Err(_) => return Err(InflateFault::Broken),
        }
    }
}

/// One Zstandard frame, or one skippable frame (RFC 8878 §3.1.2).
fn zstd_frame<'b>(
    bytes: &'b [u8],
    out: &mut Vec<u8>,
    cap: usize,
) -> Result<&'b [u8], InflateFault> {
    if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, rest @ ..] = bytes {
        let length = u32::from_le_bytes([*a, *b, *c, *d]);
        let length = usize::try_from(length).map_err(|_| InflateFault::Broken)?;
        return rest.get(length..).ok_or(InflateFault::Broken);
    }
    let mut frames = FrameDecoder::new();
    frames.set_max_window_size(ZSTD_WINDOW);
    let mut decoder =
        StreamingDecoder::new_with_decoder(bytes, frames).map_err(|_| InflateFault::Broken)?;
    drain(&mut decoder, out, cap)?;
    let (rest, frames) = decoder.into_parts();
    match (frames.get_checksum_from_data(), frames.get_calculated_checksum()) {
        (Some(said), Some(is)) if said != is => Err(InflateFault::Broken),
        (Some(_) | None, _) => Ok(rest),
    }
}

fn brotli<'b>(bytes: &'b [u8], cap: usize, out: &mut Vec<u8>) -> Result<&'b [u8], InflateFault> {
    let alloc = StandardAlloc::default;
    // Strict: no windows beyond RFC 7932.
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut available_in, mut input_offset, mut total) = (bytes.len(), 0, 0);
    let mut piece = [0; PIECE];
    loop {
        let (mut available_out, mut output_offset) = (PIECE, 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut input_offset,
            bytes,
            &mut available_out,
            &mut output_offset,
            &mut piece,
            &mut total,
            &mut state,
        );
        if out.len() + output_offset > cap {
            return Err(InflateFault::TooLarge);
        }
        out.extend_from_slice(piece.get(..output_offset).unwrap_or_default());
        match result {
            BrotliResult::ResultSuccess => {
                return Ok(bytes.get(input_offset..).unwrap_or_default());
            }
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => {
                return Err(InflateFault::Broken);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    /// Compresses, for tests.
    pub(crate) fn deflated(codec: Codec, plain: &[u8]) -> Vec<u8> {
        let level = Compression::default();
        match codec {
            Codec::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Codec::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Codec::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Codec::Brotli => {
                let mut out = Vec::new();
                brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(plain).unwrap();
                out
            }
            Codec::Zstd => ruzstd::encoding::compress_to_vec(
                plain,
                ruzstd::encoding::CompressionLevel::Fastest,
            ),
        }
    }

    pub(crate) const ALL: [Codec; 5] =
        [Codec::Gzip, Codec::Zlib, Codec::Deflate, Codec::Brotli, Codec::Zstd];

    #[test]
    fn what_was_compressed_comes_back() {
        for codec in ALL {
            for plain in [b"".as_slice(), b"hello", &[b'x'; 100_000]] {
                let stream = deflated(codec, plain);
                assert_eq!(inflate(codec, &stream, 1 << 20).as_deref(), Ok(plain), "{codec:?}");
            }
        }
    }

    #[test]
    fn a_bomb_costs_the_cap() {
        let zeros = vec![0; 8 << 20];
        for codec in ALL {
            let stream = deflated(codec, &zeros);
            assert_eq!(inflate(codec, &stream, 1 << 20), Err(InflateFault::TooLarge), "{codec:?}");
        }
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        for codec in ALL {
            let mut stream = deflated(codec, b"hello hello hello");
            stream.extend_from_slice(b"AKIA");
            assert_eq!(inflate(codec, &stream, 1 << 20), Err(InflateFault::Trailing), "{codec:?}");
        }
    }

    #[test]
    fn cut_streams_are_refused() {
        for codec in ALL {
            let stream = deflated(codec, b"hello hello hello");
            for cut in 1..stream.len() {
                let got = inflate(codec, &stream[..cut], 1 << 20);
                assert!(got.is_err(), "{codec:?} cut at {cut} of {}", stream.len());
            }
        }
    }

    #[test]
    fn members_in_a_row_are_one_stream() {
        for codec in [Codec::Gzip, Codec::Zstd] {
            let mut stream = deflated(codec, b"hello ");
            stream.extend(deflated(codec, b"world"));
            assert_eq!(inflate(codec, &stream, 100).as_deref(), Ok(b"hello world".as_slice()));
        }
        let skippable = [b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), deflated(Codec::Zstd, b"x")];
        assert_eq!(inflate(Codec::Zstd, &skippable.concat(), 100).as_deref(), Ok(b"x".as_slice()));
    }
}
