//! Watches for a second ClientHello. After a HelloRetryRequest (RFC 8446 §4.1.4) a client sends
//! its hello again, in the clear, and a server may believe the later name: so the second must name
//! the same server as the first, or the tunnel ends before the message is whole.
//!
//! Bytes are judged before they are passed on, and may be passed on in parts: no server acts on a
//! hello before its last byte. Must not know sockets. Next: `crate::tunnel`.

use super::{ClientHello, HelloReader, Progress};

/// What the client's bytes after its first hello are held to.
#[derive(Debug)]
pub(crate) struct Follow {
    first: ClientHello,
    at: At,
    /// The record's header and, for a handshake record, the first bytes of its fragment.
    head: Vec<u8>,
}

#[derive(Debug)]
enum At {
    /// At a record's start.
    Head,
    /// Within a record that needs no look.
    Skip { left: usize },
    /// Within a second hello.
    Hello(HelloReader),
    /// No further hello in the clear can come.
    Done,
}

/// Record types (RFC 8446 §5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// RFC 6520.
const HEARTBEAT: u8 = 24;
/// Message type, 24-bit length and version of a ClientHello: enough to tell one from a record that
/// is already encrypted (they look alike once in 2^28).
const TELLING: usize = 6;

impl Follow {
    /// After `first`.
    pub(crate) const fn new(first: ClientHello) -> Self {
        Self { first, at: At::Head, head: Vec::new() }
    }

    /// Whether nothing more needs to be shown.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.at, At::Done)
    }

    /// Judges the next bytes.
    ///
    /// # Errors
    /// Why they may not pass.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Done => return Ok(()),
                At::Skip { left } => {
                    let count = bytes.len().min(*left);
                    *left -= count;
                    if *left == 0 {
                        self.at = At::Head;
                    }
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                At::Hello(reader) => match reader.push(bytes) {
                    Progress::NeedMore => return Ok(()),
                    Progress::Hello(second) if self.is_same(&second) => {
                        // A server asks for one retry at most (RFC 8446 §4.1.4).
                        self.at = At::Done;
                        return Ok(());
                    }
                    Progress::Hello(_) => return Err("a second ClientHello names another server"),
                    Progress::NotTls | Progress::Malformed { .. } => {
                        return Err("a second ClientHello is malformed");
                    }
                },
                At::Head => {
                    let (byte, rest) = bytes.split_at(1);
                    self.head.extend_from_slice(byte);
                    bytes = rest;
                    self.judge_head()?;
                }
            }
        }
        Ok(())
    }

    fn is_same(&self, second: &ClientHello) -> bool {
        self.first.sni == second.sni && self.first.ech == second.ech
    }

    fn judge_head(&mut self) -> Result<(), &'static str> {
        let [kind, _, _, high, low, fragment @ ..] = self.head.as_slice() else { return Ok(()) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let at = match *kind {
            CHANGE_CIPHER_SPEC | ALERT | HEARTBEAT => At::Skip { left: length },
            // Never encrypted, never lawful (RFC 8446 §5.1), and some servers read on after it.
            HANDSHAKE if length == 0 => return Err("a second ClientHello is malformed"),
            HANDSHAKE if fragment.len() < TELLING.min(length) => return Ok(()),
            HANDSHAKE if is_hello(fragment) => {
                let mut reader = HelloReader::new();
                match reader.push(&self.head) {
                    Progress::NeedMore => At::Hello(reader),
                    Progress::Hello(_) | Progress::NotTls | Progress::Malformed { .. } => {
                        return Err("a second ClientHello is malformed");
                    }
                }
            }
            // Application data before the handshake is done is early data; a hello may follow it.
            APPLICATION_DATA if self.first.early_data => At::Skip { left: length },
            // A key exchange, a Finished, application data: the server has answered the first hello.
            _ => At::Done,
        };
        self.at = match at {
            At::Skip { left: 0 } => At::Head,
            At::Skip { .. } | At::Head | At::Hello(_) | At::Done => at,
        };
        self.head.clear();
        Ok(())
    }
}

/// Whether a handshake record's first bytes are a ClientHello's. A fragment too short to tell is
/// too short to be encrypted, so its type byte can be believed.
fn is_hello(fragment: &[u8]) -> bool {
    match fragment {
        [kind, high, _, _, major, minor, ..] => {
            *kind == 1 && *high <= 2 && *major == 3 && *minor <= 4
        }
        _ => fragment.first() == Some(&1),
    }
}
