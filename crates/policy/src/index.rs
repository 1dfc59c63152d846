//! Which targets name a host: exact names by hash, wildcards by a walk over the name's parents.
//!
//! INVARIANT: a wildcard never reaches across a public suffix. `*.amazonaws.com` does not cover
//! `x.s3.eu-west-1.amazonaws.com`, since anybody can get a name below that suffix.
//! Must not know rows beyond their target. Next: `policy`.

use crate::document::{HostPattern, Target};
use backstop_model::host::{Host, HostName};
use std::collections::HashMap;
use std::net::IpAddr;

/// The look-up of one list of targets; answers are positions in that list.
#[derive(Debug, Default)]
pub(crate) struct TargetIndex {
    exact: HashMap<HostName, Picks>,
    below: HashMap<Box<str>, Picks>,
    addresses: HashMap<IpAddr, Picks>,
    /// How many labels the longest wildcard base has: longer parents need no look.
    deepest: usize,
}

/// Nearly always one.
#[derive(Debug)]
enum Picks {
    One(usize),
    Many(Vec<usize>),
}

impl Picks {
    fn as_slice(&self) -> &[usize] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
    fn push(&mut self, next: usize) {
        match self {
            Self::One(one) => *self = Self::Many(vec![*one, next]),
            Self::Many(many) => many.push(next),
        }
    }
}

impl TargetIndex {
    pub(crate) fn of<'t>(targets: impl Iterator<Item = &'t Target>) -> Self {
        let mut index = Self::default();
        for (number, target) in targets.enumerate() {
            match &target.host {
                HostPattern::Exact(name) => put(&mut index.exact, name.clone(), number),
                HostPattern::Below(base) => {
                    index.deepest = index.deepest.max(base.as_str().split('.').count());
                    put(&mut index.below, Box::from(base.as_str()), number);
                }
                HostPattern::Address(address) => put(&mut index.addresses, *address, number),
            }
        }
        index
    }

    /// All targets whose host pattern covers the host, the most specific first.
    pub(crate) fn find(&self, host: &Host) -> impl Iterator<Item = usize> {
        let (direct, name) = match host {
            Host::Name(name) => (self.exact.get(name), Some(name.as_str())),
            Host::Address(address) => (self.addresses.get(address), None),
        };
        let wild = name.into_iter().flat_map(|name| self.wildcards(name));
        direct.into_iter().chain(wild).flat_map(Picks::as_slice).copied()
    }

    fn wildcards<'i>(&'i self, name: &str) -> impl Iterator<Item = &'i Picks> {
        let dots = if self.deepest == 0 { 0 } else { name.bytes().filter(|b| *b == b'.').count() };
        parents(name)
            .skip(dots.saturating_sub(self.deepest))
            .take(self.deepest)
            .filter_map(|base| self.below.get(base).map(|picks| (base, picks)))
            .filter(move |(base, _)| !crosses_suffix(name, base))
            .map(|(_, picks)| picks)
    }
}

fn put<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Picks>, key: K, number: usize) {
    map.entry(key).and_modify(|picks| picks.push(number)).or_insert(Picks::One(number));
}

/// Whether the name's public suffix is the base or lies below it.
fn crosses_suffix(name: &str, base: &str) -> bool {
    psl::suffix_str(name).is_none_or(|suffix| suffix.len() >= base.len())
}

/// `b.c` and `c` of `a.b.c`.
pub(crate) fn parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.').map(|(_, rest)| rest), |rest| {
        rest.split_once('.').map(|(_, rest)| rest)
    })
}
