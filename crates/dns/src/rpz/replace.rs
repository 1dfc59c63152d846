//! The records that a rule answers with, written behind the question. Must not know clients.
//! Next: `service`.

use super::action::Local;
use super::entries::name_of;
use crate::answer::service::{Ech, Service};
use crate::body::{HEADER, Head};
use crate::refusal::KEPT;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use domain::base::Message;
use domain::base::name::ParsedName;
use domain::base::rdata::ComposeRecordData as _;
use domain::rdata::AllRecordData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The records of local data that answer a question.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    records: Vec<(QueryType, u32, Vec<u8>)>,
    /// Every address in them.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Chosen {
    /// Those of this type; all for ANY.
    pub(crate) fn of(local: &Local, qtype: QueryType) -> Self {
        let mut chosen = Self::default();
        for (rtype, ttl, data) in &local.records {
            if *rtype != qtype && qtype != QueryType::ANY {
                continue;
            }
            if let Some(data) = chosen.told(*rtype, data) {
                chosen.records.push((*rtype, *ttl, data));
            }
        }
        chosen
    }

    /// The data as it is told, its addresses noted; `None` for what cannot be read: it is left out.
    fn told(&mut self, rtype: QueryType, data: &[u8]) -> Option<Vec<u8>> {
        match rtype {
            QueryType::A => {
                let octets: [u8; 4] = data.try_into().ok()?;
                self.addresses.push(Ipv4Addr::from(octets).into());
            }
            QueryType::AAAA => {
                let octets: [u8; 16] = data.try_into().ok()?;
                self.addresses.push(Ipv6Addr::from(octets).into());
            }
            QueryType::HTTPS | QueryType::SVCB => {
                let (priority, rest) = data.split_first_chunk::<2>()?;
                let (target, used) = QueryName::read(rest)?;
                let priority = u16::from_be_bytes(*priority);
                let service = Service { priority, target: &target, params: rest.get(used..)? };
                return service.told(Ech::Strip, &mut self.addresses).ok()?;
            }
            _ => {}
        }
        Some(data.to_vec())
    }

    /// Writes them.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Head {
        for (rtype, ttl, data) in &self.records {
            record(out, Owner::Question, *rtype, *ttl, data);
        }
        Head { rcode: 0, answers: count(self.records.len()), authorities: 0 }
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Writes an alias of the question's name.
pub(crate) fn alias(out: &mut Vec<u8>, target: &QueryName) -> Head {
    record(out, Owner::Question, QueryType::CNAME, KEPT, target.as_wire());
    Head { rcode: 0, answers: 1, authorities: 0 }
}

/// Writes what `target` was answered, as records of its own: `body` stands behind a question for it.
/// `None` if it cannot be read.
pub(crate) fn behind(
    out: &mut Vec<u8>,
    target: &QueryName,
    (qtype, head): (QueryType, Head),
    body: &[u8],
) -> Option<u16> {
    let mut message = vec![0; HEADER];
    let counts = [1, head.answers, 0, 0].map(u16::to_be_bytes).concat();
    message.get_mut(4..HEADER)?.copy_from_slice(&counts);
    message.extend_from_slice(target.as_wire());
    message.extend_from_slice(&qtype.0.to_be_bytes());
    message.extend_from_slice(&CLASS_IN.to_be_bytes());
    message.extend_from_slice(body);
    let message = Message::from_slice(&message).ok()?;
    let mut written = 0usize;
    for parsed in message.answer().ok()? {
        let parsed = parsed.ok()?;
        let owner = name_of(&parsed.owner())?;
        let any = parsed.to_any_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>().ok()?;
        let mut data = Vec::new();
        any.data().compose_canonical_rdata(&mut data).ok()?;
        let rtype = QueryType(parsed.rtype().to_int());
        record(out, Owner::Name(&owner), rtype, parsed.ttl().as_secs(), &data);
        written += 1;
    }
    Some(count(written))
}

enum Owner<'n> {
    /// The name that was asked for.
    Question,
    Name(&'n QueryName),
}

fn record(out: &mut Vec<u8>, owner: Owner<'_>, rtype: QueryType, ttl: u32, data: &[u8]) {
    match owner {
        Owner::Question => out.extend_from_slice(&POINTER),
        Owner::Name(name) => out.extend_from_slice(name.as_wire()),
    }
    out.extend_from_slice(&rtype.0.to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    // A rule that goes is not to be felt for long.
    out.extend_from_slice(&ttl.min(KEPT).to_be_bytes());
    out.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(data);
}

fn count(records: usize) -> u16 {
    u16::try_from(records).unwrap_or(u16::MAX)
}

/// To the question's name.
const POINTER: [u8; 2] = [0xC0, 12];
