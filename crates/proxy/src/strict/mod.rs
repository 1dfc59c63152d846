//! Which HTTP/1.1 requests may be read at all: the framing guard before hyper's own parser.
//!
//! Request smuggling lives on messages that two parsers read differently (RFC 9112 §11.2). hyper
//! is strict; what stands behind us may not be. So every byte from a client first passes here,
//! where only one reading is possible, or the message is refused as a whole. [`Framing`] is
//! sans-IO; `guard` puts it on a socket. Must not know identities, destinations or policy.
//! Reading order: `head` (one request head), `chunked` (one chunked body), `guard`.

mod chunked;
mod guard;
mod head;

pub use guard::{Deadlines, FAULT_METHOD, Guarded, Sight};

use backstop_model::control::Control;
use chunked::Chunked;
use http::StatusCode;

/// A message that is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// `wire.framing`, `wire.authority`, `ssrf.scheme` or `limit`.
    pub control: Control,
    /// The status with which it is answered.
    pub status: StatusCode,
    /// The rule it breaks, in a sentence.
    pub why: &'static str,
}

impl Fault {
    const fn framing(why: &'static str) -> Self {
        Self { control: Control::WireFraming, status: StatusCode::BAD_REQUEST, why }
    }
    const fn scheme(why: &'static str) -> Self {
        Self { control: Control::SsrfScheme, status: StatusCode::FORBIDDEN, why }
    }
    const fn authority(why: &'static str) -> Self {
        Self { control: Control::WireAuthority, status: StatusCode::BAD_REQUEST, why }
    }
    const fn limit(status: StatusCode, why: &'static str) -> Self {
        Self { control: Control::Limit, status, why }
    }
}

/// The most bytes of one request head.
pub const HEAD_CAP: usize = 64 * 1024;
/// The most header fields of one request head.
pub const FIELD_CAP: usize = 100;

/// Where in the client's stream of requests we are.
#[derive(Debug, Default)]
pub struct Framing {
    state: State,
    /// How far the head that is being held has been searched for its line ends.
    scanned: usize,
}

#[derive(Debug, Default)]
enum State {
    /// Between messages or within a head.
    #[default]
    Head,
    /// Within a body of known length.
    Body(u64),
    /// Within a chunked body.
    Chunked(Chunked),
    /// After a CONNECT: whatever follows is not HTTP of this connection.
    Raw,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    Nothing,
    Length(u64),
    Chunks,
    Raw,
}

impl Framing {
    /// At the start of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the next byte belongs to a head.
    pub fn in_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Judges `bytes`, which begin where the bytes let through so far ended, and says how many of
    /// them may pass on; the rest must be shown again together with more. A head passes whole or
    /// not at all.
    ///
    /// # Errors
    /// [`Fault`] if the first byte not yet passed belongs to a message that may not pass. Good
    /// messages before it are let through first; the fault is told by the next call.
    pub fn admit(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            match self.step(rest) {
                Ok(0) => break,
                Ok(count) => passed += count,
                Err(fault) if passed == 0 => return Err(fault),
                Err(_) => break,
            }
        }
        Ok(passed)
    }

    fn step(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        match &mut self.state {
            State::Head => self.head(rest),
            State::Body(left) => {
                let count = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(*left);
                *left -= count;
                if *left == 0 {
                    self.state = State::Head;
                }
                Ok(usize::try_from(count).unwrap_or(rest.len()))
            }
            State::Chunked(body) => {
                let count = body.admit(rest)?;
                if body.is_done() {
                    self.state = State::Head;
                }
                Ok(count)
            }
            State::Raw => Ok(rest.len()),
        }
    }

    /// Looks for a whole head at the front of `rest`.
    fn head(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        // RFC 9112 §2.2: one empty line before the request line is forgiven.
        let start = if rest.starts_with(b"\r\n") { 2 } else { 0 };
        match rest.get(start) {
            None => return Ok(0),
            Some(b'\r') if start == 0 && rest.len() == 1 => return Ok(0),
            Some(b'\r' | b'\n') => {
                return Err(Fault::framing("empty lines stand before the request line"));
            }
            Some(byte) if !head::is_token_byte(*byte) => {
                return Err(Fault::framing("the first byte is not that of an HTTP method"));
            }
            Some(_) => {}
        }
        let mut from = self.scanned.max(start);
        while let Some(offset) =
            rest.get(from..).and_then(|tail| tail.iter().position(|b| *b == b'\n'))
        {
            let feed = from + offset;
            if feed == 0 || rest.get(feed - 1) != Some(&b'\r') {
                return Err(Fault::framing("a line ends in a bare LF"));
            }
            let line_start = rest
                .get(..feed)
                .and_then(|before| before.iter().rposition(|b| *b == b'\n'))
                .map_or(0, |at| at + 1);
            if line_start <= start {
                // The request line is judged as soon as it is there: HTTP/0.9 sends no more.
                head::request_line(rest.get(start..feed - 1).unwrap_or_default())?;
            }
            if line_start == feed - 1 {
                if feed + 1 > HEAD_CAP {
                    return Err(HEAD_TOO_LARGE);
                }
                let follows = head::check(rest.get(start..feed - 1).unwrap_or_default())?;
                self.scanned = 0;
                self.state = match follows {
                    Follows::Nothing | Follows::Length(0) => State::Head,
                    Follows::Length(length) => State::Body(length),
                    Follows::Chunks => State::Chunked(Chunked::default()),
                    Follows::Raw => State::Raw,
                };
                return Ok(feed + 1);
            }
            from = feed + 1;
            self.scanned = from;
        }
        self.scanned = rest.len();
        if rest.len() >= HEAD_CAP { Err(HEAD_TOO_LARGE) } else { Ok(0) }
    }
}

const HEAD_TOO_LARGE: Fault = Fault::limit(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "the request head is larger than 64 KiB",
);

#[cfg(test)]
mod tests;
