//! One chunked body, judged strictly (RFC 9112 §7.1). Must not know heads. Next: `guard`.
//!
//! Chunk data passes as it comes. Of the trailer section nothing frames, routes or authenticates;
//! a bad line in it is found before the line that would end the message has passed.

use super::{Fault, head};
use http::StatusCode;

/// Where in the body we are.
#[derive(Debug)]
pub(super) struct Chunked {
    at: At,
    /// Bytes of chunk extensions so far, over the whole body.
    extensions: usize,
    /// Bytes of trailer lines so far.
    trailers: usize,
    /// The trailer line that is being read.
    line: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Size { value: u64, digits: u8 },
    Extension { value: u64 },
    SizeFeed { value: u64 },
    Data { left: u64 },
    DataReturn,
    DataFeed,
    Trailer,
    TrailerFeed,
    Done,
}

/// The most bytes of extensions over one body.
const EXTENSION_CAP: usize = 1_024;
/// The most bytes of trailers.
const TRAILER_CAP: usize = 8 * 1_024;
/// So many hexadecimal digits hold any length that exists, and cannot overflow 64 bits.
const DIGIT_CAP: u8 = 15;

impl Default for Chunked {
    fn default() -> Self {
        let at = At::Size { value: 0, digits: 0 };
        Self { at, extensions: 0, trailers: 0, line: Vec::new() }
    }
}

impl Chunked {
    /// Whether the last byte of the message has passed.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.at, At::Done)
    }

    /// How many of `bytes` may pass. A fault is told once it stands first.
    pub(super) fn admit(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut passed = 0;
        while let Some(byte) = bytes.get(passed) {
            if let At::Done = self.at {
                break;
            }
            if let At::Data { left } = self.at {
                let here = u64::try_from(bytes.len() - passed).unwrap_or(u64::MAX).min(left);
                passed += usize::try_from(here).unwrap_or(0);
                self.at =
                    if here == left { At::DataReturn } else { At::Data { left: left - here } };
                continue;
            }
            match self.next(*byte) {
                Ok(at) => self.at = at,
                Err(fault) if passed == 0 => return Err(fault),
                Err(_) => break,
            }
            passed += 1;
        }
        Ok(passed)
    }

    fn next(&mut self, byte: u8) -> Result<At, Fault> {
        match (self.at, byte) {
            (At::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits >= DIGIT_CAP {
                    return Err(Fault::framing("a chunk size overflows"));
                }
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                Ok(At::Size { value: value << 4 | digit, digits: digits + 1 })
            }
            (At::Size { digits: 0, .. }, _) => {
                Err(Fault::framing("a chunk size does not begin with a hexadecimal digit"))
            }
            (At::Size { value, .. }, b';') => Ok(At::Extension { value }),
            (At::Size { value, .. } | At::Extension { value }, b'\r') => Ok(At::SizeFeed { value }),
            (At::Size { .. }, _) => Err(Fault::framing("a chunk size is not followed by CRLF")),
            (At::Extension { value }, b'\t' | b' '..=b'~') => {
                if self.extensions >= EXTENSION_CAP {
                    return Err(Fault::limit(
                        StatusCode::BAD_REQUEST,
                        "the chunk extensions are larger than 1 KiB",
                    ));
                }
                self.extensions += 1;
                Ok(At::Extension { value })
            }
            (At::Extension { .. }, _) => {
                Err(Fault::framing("a chunk extension holds a control character"))
            }
            (At::SizeFeed { value: 0 }, b'\n') => Ok(At::Trailer),
            (At::SizeFeed { value }, b'\n') => Ok(At::Data { left: value }),
            (At::SizeFeed { .. }, _) => Err(Fault::framing("a line holds a bare CR")),
            (At::DataReturn, b'\r') => Ok(At::DataFeed),
            (At::DataFeed, b'\n') => Ok(At::Size { value: 0, digits: 0 }),
            (At::DataReturn | At::DataFeed, _) => {
                Err(Fault::framing("chunk data is not followed by CRLF"))
            }
            (At::Trailer, b'\r') => {
                if !self.line.is_empty() {
                    trailer(&self.line)?;
                }
                Ok(At::TrailerFeed)
            }
            (At::Trailer, b'\n') => Err(Fault::framing("a line ends in a bare LF")),
            (At::Trailer, _) => {
                if self.trailers >= TRAILER_CAP {
                    return Err(Fault::limit(
                        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                        "the trailers are larger than 8 KiB",
                    ));
                }
                self.trailers += 1;
                self.line.push(byte);
                Ok(At::Trailer)
            }
            (At::TrailerFeed, b'\n') if self.line.is_empty() => Ok(At::Done),
            (At::TrailerFeed, b'\n') => {
                self.line.clear();
                Ok(At::Trailer)
            }
            (At::TrailerFeed, _) => Err(Fault::framing("a line holds a bare CR")),
            (At::Data { .. } | At::Done, _) => Ok(self.at),
        }
    }
}

/// RFC 9110 §6.5.1: what a trailer may never carry.
fn trailer(line: &[u8]) -> Result<(), Fault> {
    const NEVER: [&str; 16] = [
        "transfer-encoding",
        "content-length",
        "host",
        "trailer",
        "te",
        "connection",
        "upgrade",
        "authorization",
        "proxy-authorization",
        "proxy-connection",
        "cookie",
        "expect",
        "content-encoding",
        "content-type",
        "content-range",
        "keep-alive",
    ];
    let (name, _) = head::field(line)?;
    if NEVER.iter().any(|never| name.eq_ignore_ascii_case(never.as_bytes())) {
        return Err(Fault::framing("a trailer carries a field that frames or routes a message"));
    }
    Ok(())
}
