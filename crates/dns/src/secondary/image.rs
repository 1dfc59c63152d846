//! A zone as it was transferred, record by record, packed: what changes are applied to, and what is
//! kept for a start without the primary. Must not know messages. Next: `incoming`.
//!
//! On disk it is a header, the records and their SHA-256, so that a copy that was cut or rotted is told
//! from a good one. Who may write to the state folder could of course write another.

use super::incoming::Limits;
use crate::rpz::{Builder, Diagnostic, Record, Terms, Zone};
use aws_lc_rs::digest::{Context, SHA256};
use backstop_model::name::{LONGEST_NAME, QueryName, QueryType};
use std::io::{self, Read, Write};

/// An SOA record (RFC 1035 §3.3.13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    pub(super) ttl: u32,
    /// Two names in lower case, without compression, and five words.
    pub(super) data: Box<[u8]>,
}

impl Soa {
    /// `None` if it has no two names and five words.
    pub(super) fn read(ttl: u32, data: &[u8]) -> Option<Self> {
        let (_, first) = QueryName::read(data)?;
        let (_, second) = QueryName::read(data.get(first..)?)?;
        (data.len() == first + second + 20).then(|| Self { ttl, data: data.into() })
    }

    fn word(&self, number: usize) -> u32 {
        let at = self.data.len().saturating_sub(20) + number * 4;
        let word = self.data.get(at..).and_then(<[u8]>::first_chunk::<4>);
        word.copied().map(u32::from_be_bytes).unwrap_or_default()
    }
    /// The version.
    pub fn serial(&self) -> u32 {
        self.word(0)
    }
    /// Seconds after which to ask for another.
    pub fn refresh(&self) -> u32 {
        self.word(1)
    }
    /// The same after an attempt that failed.
    pub fn retry(&self) -> u32 {
        self.word(2)
    }
    /// Seconds after which it should not be believed any more.
    pub fn expire(&self) -> u32 {
        self.word(3)
    }
}

/// A zone's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub(super) origin: QueryName,
    pub(super) soa: Soa,
    pub(super) body: Vec<u8>,
    pub(super) records: u64,
}

/// Why a copy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is not what was written.
    #[error("it is no whole copy of this zone")]
    Damaged,
}

/// A record among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'i> {
    /// Owner, type, length and data: what makes it the record that it is. The time to live does not.
    pub(super) key: &'i [u8],
    pub(super) ttl: u32,
}

impl Row<'_> {
    fn record(self) -> Option<Record> {
        let (owner, length) = QueryName::read(self.key)?;
        let ([t0, t1, _, _], data) = self.key.get(length..)?.split_first_chunk::<4>()?;
        let rtype = QueryType(u16::from_be_bytes([*t0, *t1]));
        Some(Record { owner, rtype, ttl: self.ttl, data: data.into() })
    }
}

/// Appends a record; its octets.
pub(super) fn push(
    body: &mut Vec<u8>,
    owner: &QueryName,
    rtype: QueryType,
    ttl: u32,
    data: &[u8],
) -> usize {
    let before = body.len();
    body.extend_from_slice(owner.as_wire());
    body.extend_from_slice(&rtype.0.to_be_bytes());
    // LIMIT: data comes out of a message and is not longer than 65,535 octets but for names that were
    // compressed; `incoming` refuses what is longer.
    body.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    body.extend_from_slice(data);
    body.extend_from_slice(&ttl.to_be_bytes());
    body.len() - before
}

/// Records one behind the other; the iteration ends early where they are damaged.
pub(super) struct Rows<'i>(pub(super) &'i [u8]);

impl<'i> Iterator for Rows<'i> {
    type Item = Row<'i>;

    fn next(&mut self) -> Option<Row<'i>> {
        let mut at = 0;
        loop {
            let length = usize::from(*self.0.get(at)?);
            at += 1 + length;
            if length == 0 {
                break;
            }
        }
        let length = self.0.get(at + 2..).and_then(<[u8]>::first_chunk::<2>)?;
        let (key, rest) =
            self.0.split_at_checked(at + 4 + usize::from(u16::from_be_bytes(*length)))?;
        let (ttl, rest) = rest.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(Row { key, ttl: u32::from_be_bytes(*ttl) })
    }
}

impl Image {
    /// Its SOA.
    pub fn soa(&self) -> &Soa {
        &self.soa
    }
    /// Records besides the SOA.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The rules that its records are.
    ///
    /// # Errors
    /// Everything that is wrong with them; a line is the number of the record.
    pub fn zone(&self, terms: Terms, keys: (u64, u64)) -> Result<Zone, Vec<Diagnostic>> {
        let mut builder = Builder::new(&self.origin, keys);
        let Soa { ttl, data } = self.soa.clone();
        builder.add(1, Record { owner: self.origin.clone(), rtype: QueryType::SOA, ttl, data });
        let mut number = 1;
        for row in Rows(&self.body) {
            number += 1;
            match row.record() {
                Some(record) => builder.add(number, record),
                None => builder.fault(number, "the record is damaged".to_owned()),
            }
        }
        if number != self.records + 1 {
            builder.fault(0, "records are missing".to_owned());
        }
        builder.finish(terms)
    }

    /// Writes it, with what shows later that it is whole.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(self.origin.as_wire());
        head.extend_from_slice(&self.soa.ttl.to_be_bytes());
        let length = u16::try_from(self.soa.data.len()).unwrap_or(u16::MAX);
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&self.soa.data);
        head.extend_from_slice(&self.records.to_be_bytes());
        let mut digest = Context::new(&SHA256);
        digest.update(&head);
        digest.update(&self.body);
        out.write_all(&head)?;
        out.write_all(&self.body)?;
        out.write_all(digest.finish().as_ref())?;
        out.flush()
    }

    /// Reads a copy of this zone.
    ///
    /// # Errors
    /// [`ImageFault`].
    pub fn read(
        source: impl Read,
        origin: &QueryName,
        limits: &Limits,
    ) -> Result<Self, ImageFault> {
        let mut all = Vec::new();
        // LIMIT: what could have been written, and an octet more that shows that it was not.
        source.take(limits.octets.saturating_add(HEAD)).read_to_end(&mut all)?;
        Self::parse(&all, origin).ok_or(ImageFault::Damaged)
    }

    fn parse(all: &[u8], origin: &QueryName) -> Option<Self> {
        let (signed, digest) = all.split_at_checked(all.len().checked_sub(DIGEST)?)?;
        let mut context = Context::new(&SHA256);
        context.update(signed);
        if context.finish().as_ref() != digest {
            return None;
        }
        let rest = signed.strip_prefix(MAGIC)?.strip_prefix(origin.as_wire())?;
        let ([t0, t1, t2, t3, l0, l1], rest) = rest.split_first_chunk::<6>()?;
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        let soa = Soa::read(u32::from_be_bytes([*t0, *t1, *t2, *t3]), data)?;
        let (records, body) = rest.split_first_chunk::<8>()?;
        let records = u64::from_be_bytes(*records);
        Some(Self { origin: origin.clone(), soa, body: body.to_vec(), records })
    }
}

const MAGIC: &[u8] = b"backstop transferred zone 1\n";
const DIGEST: usize = 32;
/// LIMIT: octets of a copy besides its records: magic, three names, words, digest, one more.
const HEAD: u64 = 28 + 3 * LONGEST_NAME as u64 + 6 + 20 + 8 + 32 + 1;
