//! Writes an answer: the client's own question, the records, our OPT; then cuts it down to what the
//! client takes and, over UDP, to what a forged source could gain by it. Next: `refusal`.
//!
//! ```text
//!  begin(query) ─▶ records appended by cache, forwarder or `soa` ─▶ finish(head, …)
//! ```
//! INVARIANT: what leaves is never longer than [`Limit`] says, whatever was appended.

use super::query::{COOKIE, KEEPALIVE, Manner, QR};
use super::{QUESTION, UDP_PAYLOAD};
use crate::body::{HEADER, Head};
use backstop_model::name::QueryType;
use std::time::Duration;

/// An Extended DNS Error (RFC 8914): code, and two words of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended<'a> {
    /// The code of IANA's registry.
    pub code: u16,
    /// What a person may read, joined by a space; none if empty.
    pub words: [&'a str; 2],
}

/// How long an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Over TCP: what a length prefix can say.
    Stream,
    /// The same under encryption: its length is rounded up, so that it says little of what is in it.
    Sealed,
    /// Over UDP to a source that is known to be who it says: what both sides take.
    Known,
    /// Over UDP to a source that anyone may have written into the packet: twice the query at most.
    Unknown,
}

impl Limit {
    fn octets(self, manner: &Manner) -> usize {
        let payload = manner.edns.map_or(512, |edns| edns.payload.min(UDP_PAYLOAD));
        match self {
            Self::Stream | Self::Sealed => usize::from(u16::MAX),
            Self::Known => usize::from(payload),
            Self::Unknown => usize::from(payload).min(usize::from(manner.length) * 2),
        }
    }
}

/// Begins the answer: room for the header, then the question as the client spelled it. `out` is
/// emptied first; it keeps its memory.
pub fn begin(out: &mut Vec<u8>, manner: &Manner, message: &[u8]) {
    out.clear();
    out.extend_from_slice(&[0; HEADER]);
    let end = HEADER + usize::from(manner.question);
    out.extend_from_slice(message.get(HEADER..end).unwrap_or_default());
}

/// Appends the SOA of a negative answer (RFC 2308 §3). It stands at the parent of the name that was
/// asked for, names nobody, and says only for how long the answer may be kept.
pub fn soa(out: &mut Vec<u8>, manner: &Manner, seconds: u32) {
    let first = out.get(HEADER).copied().unwrap_or(0);
    let parent = if manner.question <= 5 || first == 0 { 0 } else { u16::from(first) + 1 };
    let [p0, p1] = (QUESTION + parent).to_be_bytes();
    let [t0, t1, t2, t3] = seconds.to_be_bytes();
    let [s0, s1] = QueryType::SOA.0.to_be_bytes();
    out.extend_from_slice(&[p0, p1, s0, s1, 0, 1, t0, t1, t2, t3, 0, 22, 0, 0]);
    for word in [1, 3_600, 600, 86_400, seconds] {
        out.extend_from_slice(&u32::to_be_bytes(word));
    }
}

/// What [`finish`] is told besides the records.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// What the records are.
    pub head: Head,
    /// Why it is refused or failed; told only to clients that speak EDNS.
    pub error: Option<Extended<'a>>,
    /// Our part of the cookie, for a client that brought its own.
    pub cookie: Option<[u8; 16]>,
    /// How long it may be.
    pub limit: Limit,
    /// How long the connection may be silent, for a client that asks (RFC 7828).
    pub keepalive: Option<Duration>,
}

/// Ends the answer: OPT, then the header. What does not fit goes in this order: the error's text,
/// the error, the SOA of a negative answer, at last all records with TC set, so that the client
/// comes again over TCP.
pub fn finish(out: &mut Vec<u8>, manner: &Manner, finish: &Finish<'_>) {
    let limit = finish.limit.octets(manner);
    let records = HEADER + usize::from(manner.question);
    let mut head = finish.head;
    let mut error = finish.error.filter(|_| manner.edns.is_some());
    let cookie = manner.edns.and_then(|edns| edns.cookie).zip(finish.cookie);
    let cookie = cookie.map(|(theirs, ours)| (theirs.client, ours));
    let keepalive = finish.keepalive.filter(|_| manner.edns.is_some_and(|edns| edns.keepalive));
    let mut options = Options { error: None, cookie, keepalive, padding: None };
    let fits = |out: &Vec<u8>, error: &Option<Extended<'_>>| {
        let options = Options { error: *error, ..options };
        out.len() + manner.edns.map_or(0, |_| 11 + options.length()) <= limit
    };
    let mut truncated = false;
    if !fits(out, &error) {
        error = error.map(|error| Extended { words: ["", ""], ..error });
    }
    if !fits(out, &error) {
        error = None;
    }
    if !fits(out, &error) {
        // A negative answer is whole without its SOA; it is only not kept by caches.
        truncated = head.answers > 0;
        (head.answers, head.authorities) = (0, 0);
        out.truncate(records);
    }
    let opts = u16::from(manner.edns.is_some());
    if let Some(edns) = manner.edns {
        options.error = error;
        if finish.limit == Limit::Sealed {
            let bare = out.len() + 11 + options.length() + 4;
            let room = limit.saturating_sub(bare);
            options.padding = Some((bare.next_multiple_of(BLOCK) - bare).min(room));
        }
        opt(out, head.rcode, edns.dnssec_ok, &options);
    }
    // Recursion is available; authoritative or authenticated data is nothing we have.
    let flags =
        QR | RA | manner.flags | u16::from(head.rcode & 0xF) | if truncated { TC } else { 0 };
    let questions = u16::from(manner.question > 0);
    let words = [manner.id, flags, questions, head.answers, head.authorities, opts];
    for (to, from) in out.iter_mut().zip(words.into_iter().flat_map(u16::to_be_bytes)) {
        *to = from;
    }
}

/// What stands in the OPT record of an answer.
#[derive(Clone, Copy)]
struct Options<'a> {
    error: Option<Extended<'a>>,
    /// The client's part and ours.
    cookie: Option<([u8; 8], [u8; 16])>,
    keepalive: Option<Duration>,
    /// Octets of padding (RFC 7830), its head not included.
    padding: Option<usize>,
}

impl Options<'_> {
    /// Octets that they take, the head of each included.
    fn length(&self) -> usize {
        self.cookie.map_or(0, |_| 28)
            + self.keepalive.map_or(0, |_| 6)
            + self.padding.map_or(0, |padding| 4 + padding)
            + self.error.as_ref().map_or(0, |error| {
                let [first, second] = error.words.map(|word| clipped(word).len());
                6 + first + second + usize::from(second > 0)
            })
    }
}

fn opt(out: &mut Vec<u8>, rcode: u8, dnssec_ok: bool, options: &Options<'_>) {
    let upper = rcode >> 4;
    let [t0, t1] = QueryType::OPT.0.to_be_bytes();
    let [p0, p1] = UDP_PAYLOAD.to_be_bytes();
    // LIMIT: all options are bounded far below 65,535 octets.
    let [l0, l1] = u16::try_from(options.length()).unwrap_or(0).to_be_bytes();
    let bits = if dnssec_ok { 0x80 } else { 0 };
    out.extend_from_slice(&[0, t0, t1, p0, p1, upper, 0, bits, 0, l0, l1]);
    if let Some((client, server)) = options.cookie {
        let [c0, c1] = COOKIE.to_be_bytes();
        out.extend_from_slice(&[c0, c1, 0, 24]);
        out.extend_from_slice(&client);
        out.extend_from_slice(&server);
    }
    if let Some(silence) = options.keepalive {
        let [k0, k1] = KEEPALIVE.to_be_bytes();
        // In units of 100 ms (RFC 7828 §3.1).
        let [s0, s1] = u16::try_from(silence.as_millis() / 100).unwrap_or(u16::MAX).to_be_bytes();
        out.extend_from_slice(&[k0, k1, 0, 2, s0, s1]);
    }
    if let Some(error) = options.error {
        let [first, second] = error.words.map(clipped);
        let text = first.len() + second.len() + usize::from(!second.is_empty());
        let [e0, e1] = EXTENDED_ERROR.to_be_bytes();
        let [l0, l1] = u16::try_from(2 + text).unwrap_or(2).to_be_bytes();
        let [c0, c1] = error.code.to_be_bytes();
        out.extend_from_slice(&[e0, e1, l0, l1, c0, c1]);
        out.extend_from_slice(first.as_bytes());
        if !second.is_empty() {
            out.push(b' ');
            out.extend_from_slice(second.as_bytes());
        }
    }
    if let Some(padding) = options.padding {
        let [p0, p1] = PADDING.to_be_bytes();
        let [l0, l1] = u16::try_from(padding).unwrap_or(0).to_be_bytes();
        out.extend_from_slice(&[p0, p1, l0, l1]);
        out.resize(out.len() + padding, 0);
    }
}

/// LIMIT: a word of an error's text.
fn clipped(word: &str) -> &str {
    word.get(..WORD.min(word.len())).unwrap_or_default()
}

const RA: u16 = 0x0080;
const TC: u16 = 0x0200;
/// The option of an Extended DNS Error (RFC 8914 §2).
const EXTENDED_ERROR: u16 = 15;
/// The padding option's code (RFC 7830 §3), and to what length answers are rounded (RFC 8467 §4.1).
const PADDING: u16 = 12;
const BLOCK: usize = 468;
const WORD: usize = 64;

#[cfg(test)]
mod tests;
