//! Reads the first flight of a tunnel: is it a TLS ClientHello, and which server does it name?
//!
//! Sans-IO: bytes in as they come, an answer out. The message is put together over TCP segments
//! and TLS records (RFC 8446 §5.1) up to [`CAP`] bytes; what a lenient server might read in
//! another way is refused. Must not know sockets or policy. Next: `message` (the ClientHello
//! itself), `follow` (a second one), then `tunnel`, which holds the bytes back until the gate has judged the name.
//!
//! LIMIT: a ClientHello longer than [`CAP`] is refused as malformed.

mod follow;
mod message;

pub(crate) use follow::Follow;

use backstop_model::host::HostName;

/// The most bytes, record headers included, within which a ClientHello must end.
pub const CAP: usize = 64 * 1024;

/// What a ClientHello says in the clear (RFC 8446 §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The server name (RFC 6066 §3); `None` if there is none or it is no host name.
    pub sni: Option<HostName>,
    /// Whether it carries `encrypted_client_hello` (0xfe0d, draft-ietf-tls-esni): then `sni` is
    /// only the outer name.
    pub ech: bool,
    /// Whether early data may follow it (RFC 8446 §4.2.10).
    pub early_data: bool,
    /// The offered application protocols in order (RFC 7301), as sent.
    pub alpn: Vec<Vec<u8>>,
}

/// The answer after some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A TLS ClientHello so far; more bytes are needed.
    NeedMore,
    /// The whole ClientHello has been read.
    Hello(ClientHello),
    /// The first bytes are not a TLS handshake record.
    NotTls,
    /// It begins as TLS but breaks a rule.
    Malformed {
        /// The rule.
        why: &'static str,
    },
}

/// Collects the first flight. Everything that was pushed is kept, to be sent on unchanged.
#[derive(Debug, Default)]
pub struct HelloReader {
    raw: Vec<u8>,
    /// The handshake bytes of the records seen so far, headers taken off.
    handshake: Vec<u8>,
    /// Where in `raw` the next unread byte stands.
    at: usize,
    /// Bytes of the current record's fragment that are still to come.
    left: usize,
}

impl HelloReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes further bytes and answers for all bytes so far. After any answer but
    /// [`Progress::NeedMore`] the reader is done.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        self.raw.extend_from_slice(bytes);
        match self.advance() {
            Ok(progress) => progress,
            Err(Stop::NotTls) => Progress::NotTls,
            Err(Stop::Malformed(why)) => Progress::Malformed { why },
        }
    }

    /// How many of the bytes pushed so far have been read: after [`Progress::Hello`] those behind
    /// it have not been judged.
    pub const fn read(&self) -> usize {
        self.at
    }

    /// Every byte pushed so far, as it came.
    pub fn into_bytes(self) -> Vec<u8> {
        self.raw
    }

    fn advance(&mut self) -> Result<Progress, Stop> {
        loop {
            if self.left == 0 {
                let Some(length) = record_length(self.raw.get(self.at..).unwrap_or_default())?
                else {
                    break;
                };
                self.at += RECORD_HEADER;
                self.left = length;
            }
            let unread = self.raw.get(self.at..).unwrap_or_default();
            let fragment = unread.get(..self.left.min(unread.len())).unwrap_or_default();
            if fragment.is_empty() {
                break;
            }
            self.handshake.extend_from_slice(fragment);
            self.at += fragment.len();
            self.left -= fragment.len();
            if self.at > CAP {
                break;
            }
            let Some(total) = message_length(&self.handshake)? else { continue };
            if self.handshake.len() > total || (self.handshake.len() == total && self.left > 0) {
                return Err(Stop::Malformed("something follows the ClientHello in its record"));
            }
            if self.handshake.len() == total {
                let body = self.handshake.get(MESSAGE_HEADER..).unwrap_or_default();
                return message::parse(body).map(Progress::Hello).map_err(Stop::Malformed);
            }
        }
        if self.raw.len() >= CAP {
            return Err(Stop::Malformed("the ClientHello does not end within 64 KiB"));
        }
        Ok(Progress::NeedMore)
    }
}

enum Stop {
    NotTls,
    Malformed(&'static str),
}

/// Type, version, length (RFC 8446 §5.1).
const RECORD_HEADER: usize = 5;
/// Type, 24-bit length (RFC 8446 §4).
const MESSAGE_HEADER: usize = 4;
/// The most that a plaintext fragment may hold.
const FRAGMENT: usize = 1 << 14;

/// The fragment length that a record header announces; `None` while the header is incomplete.
/// Each byte is judged as soon as it is there, so that a client that is silent after a
/// non-TLS greeting is found at once.
fn record_length(bytes: &[u8]) -> Result<Option<usize>, Stop> {
    if bytes.first().is_some_and(|kind| *kind != 22) {
        return Err(Stop::NotTls);
    }
    if bytes.get(1).is_some_and(|major| *major != 3) {
        return Err(Stop::NotTls);
    }
    if bytes.get(2).is_some_and(|minor| *minor > 4) {
        return Err(Stop::Malformed("the record's version is not 3.0 to 3.4"));
    }
    let (Some(high), Some(low)) = (bytes.get(3), bytes.get(4)) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    match length {
        0 => Err(Stop::Malformed("a handshake record is empty")),
        1..=FRAGMENT => Ok(Some(length)),
        _ => Err(Stop::Malformed("a record is longer than 16 KiB")),
    }
}

/// The whole length, header included, of the handshake message; `None` while its header is incomplete.
fn message_length(bytes: &[u8]) -> Result<Option<usize>, Stop> {
    if bytes.first().is_some_and(|kind| *kind != 1) {
        return Err(Stop::Malformed("the first handshake message is not a ClientHello"));
    }
    let (Some(a), Some(b), Some(c)) = (bytes.get(1), bytes.get(2), bytes.get(3)) else {
        return Ok(None);
    };
    let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
    if length + MESSAGE_HEADER + RECORD_HEADER > CAP {
        return Err(Stop::Malformed("the ClientHello does not end within 64 KiB"));
    }
    Ok(Some(length + MESSAGE_HEADER))
}

#[cfg(test)]
mod tests;
