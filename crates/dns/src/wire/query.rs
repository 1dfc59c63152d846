//! What may be read of a query: one question without compression, at most one OPT record, and not
//! an octet more. Everything else has its response code. Next: `cookie`.
//!
//! INVARIANT: nothing of a query is ever sent on as it came. The forwarder builds its own from name
//! and type; client subnet (RFC 7871), padding and unknown options end here.

use super::Rcode;
use crate::body::HEADER;
use backstop_model::name::{QueryName, QueryType};

/// A query that can be answered.
#[derive(Debug, Clone)]
pub struct Query {
    /// The name, folded to lower case; the client's own spelling stands in the message.
    pub name: QueryName,
    /// The type asked for.
    pub qtype: QueryType,
    /// The class asked for; judged with the name, never assumed.
    pub class: u16,
    /// What the answer's header and OPT depend on.
    pub manner: Manner,
    /// By what it came; who read it from a socket says so.
    pub by: By,
}

/// By what a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// A datagram, whose source anyone may have written.
    #[default]
    Datagram,
    /// A stream.
    Stream,
    /// A stream under TLS.
    Sealed,
    /// HTTP, which has time limits of its own.
    Web,
}

/// How a query was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// The id, which the answer repeats.
    pub id: u16,
    /// Opcode and the bits RD and CD as they stood, which the answer repeats.
    pub flags: u16,
    /// Octets of the question, from the name to the class; none if it could not be read.
    pub question: u16,
    /// Octets of the whole query.
    pub length: u16,
    /// What its OPT record says, if it has one.
    pub edns: Option<Edns>,
}

/// What an OPT record (RFC 6891) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edns {
    /// The longest answer over UDP that the client takes; at least 512.
    pub payload: u16,
    /// DO: the client would like DNSSEC records. It never changes a verdict.
    pub dnssec_ok: bool,
    /// Its cookie.
    pub cookie: Option<Cookie>,
    /// It asks how long its connection may be silent (RFC 7828).
    pub keepalive: bool,
    /// It says for whom it asks (`front`); heard from trusted peers alone.
    pub fronted: bool,
}

/// A cookie option (RFC 7873 §4) as the client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    /// The client's own part.
    pub client: [u8; 8],
    /// Our part, if it has our length; another length cannot be ours.
    pub server: Option<[u8; 16]>,
}

/// A message that is no query to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Not worth an answer: too short for a header, or itself an answer (two servers would answer
    /// each other for ever).
    Silence,
    /// To be answered with this code.
    Answer(Rcode, Manner),
}

/// Reads a query.
///
/// # Errors
/// [`Unfit`] says what to answer instead, if anything.
pub fn read(message: &[u8]) -> Result<Query, Unfit> {
    let (header, rest) = message.split_first_chunk::<HEADER>().ok_or(Unfit::Silence)?;
    let [id0, id1, flags0, flags1, counts @ ..] = *header;
    let flags = u16::from_be_bytes([flags0, flags1]);
    if flags & QR != 0 {
        return Err(Unfit::Silence);
    }
    let mut manner = Manner {
        id: u16::from_be_bytes([id0, id1]),
        flags: flags & (OPCODE | RD | CD),
        question: 0,
        length: u16::try_from(message.len()).unwrap_or(u16::MAX),
        edns: None,
    };
    if flags & OPCODE != 0 {
        return Err(Unfit::Answer(Rcode::NotImp, manner));
    }
    let malformed = |manner: Manner| Unfit::Answer(Rcode::FormErr, manner);
    let [q0, q1, an0, an1, ns0, ns1, ar0, ar1] = counts;
    let (questions, additional) = (u16::from_be_bytes([q0, q1]), u16::from_be_bytes([ar0, ar1]));
    if [an0, an1, ns0, ns1] != [0; 4] || questions > 1 || additional > 1 {
        return Err(malformed(manner));
    }
    let mut asked = None;
    let mut rest = rest;
    if questions == 1 {
        let (name, length) = QueryName::read(rest).ok_or(malformed(manner))?;
        let after = rest.get(length..).ok_or(malformed(manner))?;
        let ([t0, t1, c0, c1], after) = after.split_first_chunk::<4>().ok_or(malformed(manner))?;
        let (qtype, class) = (u16::from_be_bytes([*t0, *t1]), u16::from_be_bytes([*c0, *c1]));
        // LIMIT: a name has 255 octets at most.
        manner.question = u16::try_from(length + 4).unwrap_or(0);
        asked = Some((name, QueryType(qtype), class));
        rest = after;
    }
    if additional == 1 {
        let (edns, version, after) = options(rest).ok_or(malformed(manner))?;
        manner.edns = Some(edns);
        if version != 0 {
            return Err(Unfit::Answer(Rcode::BadVers, manner));
        }
        rest = after;
    }
    if !rest.is_empty() {
        return Err(malformed(manner));
    }
    let Some((name, qtype, class)) = asked else {
        // No question and a cookie: the client wants to learn its cookie (RFC 7873 §5.4).
        let learns = manner.edns.is_some_and(|edns| edns.cookie.is_some());
        let code = if learns { Rcode::NoError } else { Rcode::FormErr };
        return Err(Unfit::Answer(code, manner));
    };
    Ok(Query { name, qtype, class, manner, by: By::default() })
}

/// One OPT record and nothing else (a TSIG or SIG(0) has no key here that it could be signed with);
/// what it says, its version, and what follows.
fn options(record: &[u8]) -> Option<(Edns, u8, &[u8])> {
    let ([root, t0, t1, p0, p1, _rcode, version, z0, _z1, l0, l1], after) =
        record.split_first_chunk::<11>()?;
    if *root != 0 || u16::from_be_bytes([*t0, *t1]) != QueryType::OPT.0 {
        return None;
    }
    let (mut options, after) =
        after.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
    let mut edns = Edns {
        payload: u16::from_be_bytes([*p0, *p1]).max(512),
        dnssec_ok: z0 & 0x80 != 0,
        ..Edns::default()
    };
    while !options.is_empty() {
        let (code, data, rest) = option(options)?;
        match code {
            // Of several cookies the first counts (RFC 7873 §5.2).
            COOKIE if edns.cookie.is_none() => edns.cookie = Some(cookie(data)?),
            KEEPALIVE => edns.keepalive = true,
            FRONT => edns.fronted = true,
            _ => {}
        }
        options = rest;
    }
    Some((edns, *version, after))
}

/// The data of the option by which a trusted peer says for whom it asks; `None` if there is none, or
/// more than one: which of them would count?
pub(super) fn front<'m>(message: &'m [u8], manner: &Manner) -> Option<&'m [u8]> {
    let record = message.get(HEADER + usize::from(manner.question)..)?;
    let ([.., l0, l1], after) = record.split_first_chunk::<11>()?;
    let mut options = after.get(..usize::from(u16::from_be_bytes([*l0, *l1])))?;
    let mut found = None;
    while !options.is_empty() {
        let (code, data, rest) = option(options)?;
        if code == FRONT && found.replace(data).is_some() {
            return None;
        }
        options = rest;
    }
    found
}

/// Code and data of the first option, and what follows.
fn option(options: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([c0, c1, l0, l1], rest) = options.split_first_chunk::<4>()?;
    let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
    Some((u16::from_be_bytes([*c0, *c1]), data, rest))
}

/// Eight octets of the client alone, or 8 to 32 of a server behind them (RFC 7873 §4).
fn cookie(data: &[u8]) -> Option<Cookie> {
    let (client, server) = data.split_first_chunk::<8>()?;
    if !(server.is_empty() || (8..=32).contains(&server.len())) {
        return None;
    }
    Some(Cookie { client: *client, server: server.try_into().ok() })
}

pub(super) const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const RD: u16 = 0x0100;
const CD: u16 = 0x0010;
/// The cookie option's code (RFC 7873 §4).
pub(super) const COOKIE: u16 = 10;
/// The code of edns-tcp-keepalive (RFC 7828 §3.1).
pub(super) const KEEPALIVE: u16 = 11;
/// The code of our own option, of the range for local use (RFC 6891 §9).
pub(super) const FRONT: u16 = 65_413;

#[cfg(test)]
mod tests;
