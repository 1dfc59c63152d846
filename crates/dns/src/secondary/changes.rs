//! What changed between versions (RFC 1995 §4), applied to a copy: exactly, or not at all. A change
//! that does not fit shows that the copy is not what the primary thinks, and all is fetched anew.
//! Next: `fetch`.

use super::image::{Image, Row, Rows, Soa};
use super::incoming::{Fault, Limits};
use std::collections::HashMap;

/// Rows that go and come, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    pub(super) from: u32,
    pub(super) to: Soa,
    pub(super) body: Vec<u8>,
    /// What is done from which octet on.
    pub(super) steps: Vec<(Op, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Gone,
    New,
}

/// What becomes of a record over all steps.
struct Fate {
    /// Whether it must have been there before.
    was: bool,
    /// Its time to live if it is there behind.
    is: Option<u32>,
}

impl Changes {
    /// The version that they begin with.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// The version that they lead to.
    pub fn to(&self) -> &Soa {
        &self.to
    }

    /// Applies them to a copy of the version that they begin with.
    ///
    /// # Errors
    /// Another version; a record that goes and is not there, or comes and is; more than may be kept.
    pub fn apply(&self, image: &Image, limits: &Limits) -> Result<Image, Fault> {
        if image.soa.serial() != self.from {
            return Err(Fault::Order("the copy here is of another version than its changes"));
        }
        let mut fates = self.fates()?;
        let mut body = Vec::with_capacity(image.body.len());
        let (mut records, mut begin, mut at) = (0u64, 0, 0);
        // Records that stay are copied in rows, not singly.
        let copy = |body: &mut Vec<u8>, from: usize, to: usize| {
            body.extend_from_slice(image.body.get(from..to).unwrap_or_default());
        };
        for row in Rows(&image.body) {
            let end = at + row.key.len() + TTL;
            if let Some(fate) = fates.get_mut(row.key) {
                if !std::mem::replace(&mut fate.was, false) {
                    return Err(Fault::Order(TWICE));
                }
                copy(&mut body, begin, at);
                begin = end;
            } else {
                records += 1;
            }
            at = end;
        }
        copy(&mut body, begin, at);
        // In the order of the changes, so that the same ones make the same copy.
        for Row { key, .. } in self.rows().map(|(_, row)| row) {
            let Some(fate) = fates.remove(key) else { continue };
            if fate.was {
                return Err(Fault::Order(ABSENT));
            }
            if let Some(ttl) = fate.is {
                body.extend_from_slice(key);
                body.extend_from_slice(&ttl.to_be_bytes());
                records += 1;
            }
        }
        if u64::try_from(body.len()).unwrap_or(u64::MAX) > limits.octets {
            return Err(Fault::TooMuch("octets", limits.octets));
        }
        if records > limits.records {
            return Err(Fault::TooMuch("records", limits.records));
        }
        Ok(Image { origin: image.origin.clone(), soa: self.to.clone(), body, records })
    }

    fn fates(&self) -> Result<HashMap<&[u8], Fate>, Fault> {
        let mut fates: HashMap<&[u8], Fate> = HashMap::new();
        for (op, row) in self.rows() {
            let is = (op == Op::New).then_some(row.ttl);
            match fates.get_mut(row.key) {
                None => {
                    fates.insert(row.key, Fate { was: op == Op::Gone, is });
                }
                Some(fate) if fate.is.is_some() == is.is_some() => {
                    return Err(Fault::Order(if op == Op::Gone { ABSENT } else { TWICE }));
                }
                Some(fate) => fate.is = is,
            }
        }
        Ok(fates)
    }

    fn rows(&self) -> impl Iterator<Item = (Op, Row<'_>)> {
        let ends = self.steps.iter().skip(1).map(|(_, at)| *at).chain([self.body.len()]);
        self.steps.iter().zip(ends).flat_map(|((op, from), to)| {
            Rows(self.body.get(*from..to).unwrap_or_default()).map(move |row| (*op, row))
        })
    }
}

const TTL: usize = 4;
const ABSENT: &str = "its changes take away a record that is not there";
const TWICE: &str = "its changes add a record that is there";
