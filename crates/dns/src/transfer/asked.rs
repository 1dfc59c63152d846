//! What a secondary asks for, read from its query once the signature is off. Next: `messages`.

use crate::body::HEADER;
use backstop_model::name::{QueryName, QueryType};

/// A secondary's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) zone: QueryName,
    pub(super) class: u16,
    pub(super) what: What,
}

/// What of the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Which version there is.
    Soa,
    /// All of it.
    Whole,
    /// What changed since this serial.
    Changes(u32),
    /// Something else: nothing of a policy zone is told record by record.
    Other,
}

impl Asked {
    /// A query (opcode 0) with one question; IXFR with the SOA that the secondary has.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let (header, rest) = message.split_first_chunk::<HEADER>()?;
        let [_, _, flags, _, q0, q1, ..] = *header;
        if flags & 0xF8 != 0 || [q0, q1] != [0, 1] {
            return None;
        }
        let (zone, length) = QueryName::read(rest)?;
        let ([t0, t1, c0, c1], rest) = rest.get(length..)?.split_first_chunk::<4>()?;
        let what = match QueryType(u16::from_be_bytes([*t0, *t1])) {
            QueryType::SOA => What::Soa,
            AXFR => What::Whole,
            IXFR => What::Changes(serial(rest)?),
            _ => What::Other,
        };
        Some(Self { zone, class: u16::from_be_bytes([*c0, *c1]), what })
    }
}

/// The serial of the SOA that stands first behind the question.
fn serial(record: &[u8]) -> Option<u32> {
    let mut rest = record;
    loop {
        let (length, after) = rest.split_first()?;
        match length {
            0 => {
                rest = after;
                break;
            }
            1..=63 => rest = after.get(usize::from(*length)..)?,
            0xC0.. => {
                rest = after.get(1..)?;
                break;
            }
            64..0xC0 => return None,
        }
    }
    let ([t0, t1, _, _, _, _, _, _, l0, l1], rest) = rest.split_first_chunk::<10>()?;
    let data = rest.get(..usize::from(u16::from_be_bytes([*l0, *l1])))?;
    // Behind the two names, which may be compressed, stand five words.
    let words = data.len().checked_sub(20).and_then(|at| data.get(at..))?;
    let serial = words.first_chunk::<4>()?;
    (u16::from_be_bytes([*t0, *t1]) == QueryType::SOA.0).then(|| u32::from_be_bytes(*serial))
}

const IXFR: QueryType = QueryType(251);
const AXFR: QueryType = QueryType(252);
