//! The TSIG record itself (RFC 8945 §4.2): found at the end of a message, or put there.
//! Next: `query`.

use super::key::Algorithm;
use crate::body::HEADER;
use backstop_model::name::{LONGEST_NAME, QueryName};

/// What a message's TSIG record says, and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Found<'m> {
    /// Octets of the message before it.
    pub(super) at: usize,
    pub(super) key: QueryName,
    /// As it stands, folded to lower case.
    pub(super) algorithm: QueryName,
    pub(super) tail: Tail<'m>,
    pub(super) mac: &'m [u8],
    pub(super) original: [u8; 2],
}

/// What is signed of the record besides names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail<'m> {
    /// Seconds since 1970, 48 bits.
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) error: u16,
    pub(super) other: &'m [u8],
}

/// A message that cannot be read, or whose TSIG record does not stand alone at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The TSIG record, which is the last of all or not there.
pub(super) fn find(message: &[u8]) -> Result<Option<Found<'_>>, Malformed> {
    let (header, _) = message.split_first_chunk::<HEADER>().ok_or(Malformed)?;
    let [_, _, _, _, q0, q1, a0, a1, n0, n1, x0, x1] = *header;
    let count = |high, low| usize::from(u16::from_be_bytes([high, low]));
    let mut at = HEADER;
    for _ in 0..count(q0, q1) {
        at = skip(message, at).ok_or(Malformed)? + 4;
    }
    let plain = count(a0, a1) + count(n0, n1);
    let records = plain + count(x0, x1);
    for number in 0..records {
        let begin = at;
        let data = skip(message, at).ok_or(Malformed)?;
        let fixed = message.get(data..).and_then(<[u8]>::first_chunk::<10>).ok_or(Malformed)?;
        let [t0, t1, c0, c1, l0, l1, l2, l3, d0, d1] = *fixed;
        at = data + 10 + count(d0, d1);
        let rdata = message.get(data + 10..at).ok_or(Malformed)?;
        if u16::from_be_bytes([t0, t1]) != TSIG {
            continue;
        }
        let last = number + 1 == records && number >= plain && at == message.len();
        if !last || [c0, c1] != ANY || [l0, l1, l2, l3] != [0; 4] {
            return Err(Malformed);
        }
        let key = owner(message, begin).ok_or(Malformed)?;
        return fields(rdata, begin, key).map(Some).ok_or(Malformed);
    }
    if at == message.len() { Ok(None) } else { Err(Malformed) }
}

fn fields(rdata: &[u8], at: usize, key: QueryName) -> Option<Found<'_>> {
    let (algorithm, used) = QueryName::read(rdata)?;
    let (fixed, rest) = rdata.get(used..)?.split_first_chunk::<10>()?;
    let [t0, t1, t2, t3, t4, t5, f0, f1, m0, m1] = *fixed;
    let (mac, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([m0, m1])))?;
    let ([i0, i1, e0, e1, o0, o1], other) = rest.split_first_chunk::<6>()?;
    if other.len() != usize::from(u16::from_be_bytes([*o0, *o1])) {
        return None;
    }
    let tail = Tail {
        time: u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]),
        fudge: u16::from_be_bytes([f0, f1]),
        error: u16::from_be_bytes([*e0, *e1]),
        other,
    };
    Some(Found { at, key, algorithm, tail, mac, original: [*i0, *i1] })
}

/// Behind the name that begins at `at`; where it points to is not looked at.
fn skip(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + usize::from(length),
            0xC0.. => return message.get(at + 1).map(|_| at + 2),
            64..0xC0 => return None,
        }
    }
}

/// The name that begins at `at`. Some servers compress the owner of this record.
fn owner(message: &[u8], mut at: usize) -> Option<QueryName> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut bound = at;
    loop {
        let length = *message.get(at)?;
        match length {
            0 => break,
            1..=63 => {
                let end = at + 1 + usize::from(length);
                labels.push(message.get(at + 1..end)?);
                at = end;
            }
            // Pointers lead backwards alone, so that there are no circles.
            0xC0.. => {
                let to = usize::from(u16::from_be_bytes([length & 0x3F, *message.get(at + 1)?]));
                if to >= bound {
                    return None;
                }
                (at, bound) = (to, to);
            }
            64..0xC0 => return None,
        }
        // A name of one-octet labels has half as many as octets.
        if labels.len() > LONGEST_NAME / 2 {
            return None;
        }
    }
    if labels.is_empty() { Some(QueryName::ROOT) } else { QueryName::of_labels(labels) }
}

/// Puts the record at the end of the message and counts it.
pub(super) fn append(
    message: &mut Vec<u8>,
    key: &QueryName,
    algorithm: &[u8],
    tail: &Tail<'_>,
    mac: &[u8],
    original: [u8; 2],
) {
    message.extend_from_slice(key.as_wire());
    let [t0, t1] = TSIG.to_be_bytes();
    message.extend_from_slice(&[t0, t1, 0, 255, 0, 0, 0, 0]);
    let length = algorithm.len() + 10 + mac.len() + 6 + tail.other.len();
    message.extend_from_slice(&short(length));
    message.extend_from_slice(algorithm);
    message.extend_from_slice(&tail.timers());
    message.extend_from_slice(&short(mac.len()));
    message.extend_from_slice(mac);
    message.extend_from_slice(&original);
    message.extend_from_slice(&tail.error.to_be_bytes());
    message.extend_from_slice(&short(tail.other.len()));
    message.extend_from_slice(tail.other);
    count(message, 1);
}

/// The message as it was before the record was put there.
pub(super) fn without(message: &[u8], found: &Found<'_>) -> Vec<u8> {
    let mut plain = message.get(..found.at).unwrap_or_default().to_vec();
    if let Some(id) = plain.first_chunk_mut::<2>() {
        *id = found.original;
    }
    count(&mut plain, -1);
    plain
}

fn count(message: &mut [u8], by: i16) {
    if let Some(words) = message.get_mut(10..12)
        && let [high, low] = words
    {
        let number = u16::from_be_bytes([*high, *low]).wrapping_add_signed(by);
        [*high, *low] = number.to_be_bytes();
    }
}

impl Tail<'_> {
    /// Time and fudge, as they stand in the record and are signed.
    pub(super) fn timers(&self) -> [u8; 8] {
        let [_, _, t0, t1, t2, t3, t4, t5] = self.time.to_be_bytes();
        let [f0, f1] = self.fudge.to_be_bytes();
        [t0, t1, t2, t3, t4, t5, f0, f1]
    }

    /// The "TSIG variables" (RFC 8945 §4.3.3).
    pub(super) fn variables(&self, key: &QueryName, algorithm: Algorithm) -> Vec<u8> {
        let mut out = key.as_wire().to_vec();
        out.extend_from_slice(&[0, 255, 0, 0, 0, 0]);
        out.extend_from_slice(algorithm.wire());
        out.extend_from_slice(&self.timers());
        out.extend_from_slice(&self.error.to_be_bytes());
        out.extend_from_slice(&short(self.other.len()));
        out.extend_from_slice(self.other);
        out
    }
}

/// LIMIT: all lengths here are bounded far below 65,535 octets.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

const TSIG: u16 = 250;
const ANY: [u8; 2] = [0, 255];
