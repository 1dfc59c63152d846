//! Rules into rows of a Response Policy Zone (draft-vixie-dnsop-dns-rpz-00) that no resolver reads
//! as more than they say.
//!
//! `* CNAME .` with passthru rows beside it is no allowlist. A resolver that follows RFC 4592 looks
//! for the *closest encloser* of a name first: with `api.example.com` in the zone, `com`,
//! `example.com` and `api.example.com` exist there, so for `evil.com` and `x.api.example.com` the
//! wildcard at the top is not looked at, no row matches, and the name is let through.
//!
//! INVARIANT: each name that exists in the zone, also as an ancestor alone, has a row of its own
//! *and* a `*.` row. Then every name below the zone meets exactly one of them, whatever its
//! closest encloser is.
//! One kind of name is left: `*` may stand in a question as a label like others, and then the row
//! `*.com` is a name that exists, so that `data.*.com` meets no row in BIND and unbound. Rows cannot
//! end that (`*.*.com` only moves it); a second zone that refuses every *client* does, behind this
//! one: [`super::rest`].
//! Next: `text`.

use backstop_model::name::{LONGEST_NAME, NameGate, NamePart, NameRule, QueryName};
use std::collections::{BTreeMap, HashMap};

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `CNAME rpz-passthru.`: the name is answered as ever.
    Passthru,
    /// `CNAME .`: the name does not exist.
    NxDomain,
}

impl Action {
    /// The target of the row's CNAME, on the wire.
    #[must_use]
    pub const fn target(self) -> &'static [u8] {
        match self {
            Self::Passthru => b"\x0crpz-passthru\0",
            Self::NxDomain => b"\0",
        }
    }
}

/// A row: an owner relative to the zone's origin, `*` being a label like others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    /// The owner, without the origin.
    pub owner: QueryName,
    /// What it says.
    pub action: Action,
}

/// The rows of a policy, in the order of RFC 4034 §6.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    origin: QueryName,
    records: Vec<Record>,
    left_out: Vec<TooLong>,
}

/// A rule that does not fit below the origin: its name stays closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong(pub NameRule);

impl Zone {
    /// The rows that say what the rules say, at this origin.
    #[must_use]
    pub fn closed(origin: QueryName, rules: &[NameRule]) -> Self {
        let room = LONGEST_NAME.saturating_sub(origin.as_wire().len());
        let mut said: HashMap<(QueryName, NamePart), NameGate> = HashMap::new();
        let mut left_out = Vec::new();
        for rule in rules {
            if rule.gate == NameGate::Open && rule.name.as_wire().len() + LABEL > room {
                left_out.push(TooLong(rule.clone()));
                continue;
            }
            said.insert((rule.name.clone(), rule.part), rule.gate);
        }
        // Sorted by their labels from the right, so that a name follows its ancestors.
        let mut nodes: BTreeMap<Vec<Vec<u8>>, QueryName> = BTreeMap::new();
        for (name, _) in said.keys() {
            for suffix in name.suffixes().filter_map(QueryName::parse) {
                let reversed: Vec<Vec<u8>> = suffix.labels().rev().map(<[u8]>::to_vec).collect();
                if nodes.insert(reversed, suffix).is_some() {
                    break;
                }
            }
        }
        nodes.insert(Vec::new(), QueryName::ROOT);
        let mut records = Vec::with_capacity(nodes.len() * 2);
        for name in nodes.values() {
            let below = |name: &QueryName| {
                name.suffixes().find_map(|wire| {
                    let at = (QueryName::parse(wire)?, NamePart::Below);
                    said.get(&at).copied()
                })
            };
            let above =
                || name.suffixes().nth(1).and_then(QueryName::parse).and_then(|n| below(&n));
            let itself = said.get(&(name.clone(), NamePart::Itself)).copied().or_else(above);
            // The origin itself holds SOA and NS; the root cannot be said in such a zone.
            if name.depth() > 0 {
                records.push(Record { owner: name.clone(), action: action(itself) });
            }
            let labels = std::iter::once(b"*".as_slice()).chain(name.labels());
            if let Some(owner) = QueryName::of_labels(labels) {
                records.push(Record { owner, action: action(below(name)) });
            }
        }
        records.retain(|record| record.owner.as_wire().len() <= room + 1);
        Self { origin, records, left_out }
    }

    /// The zone's own name.
    #[must_use]
    pub fn origin(&self) -> &QueryName {
        &self.origin
    }

    /// Its rows, without SOA and NS.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What could not be said.
    #[must_use]
    pub fn left_out(&self) -> &[TooLong] {
        &self.left_out
    }
}

/// What no rule opens is closed.
fn action(gate: Option<NameGate>) -> Action {
    match gate {
        Some(NameGate::Open) => Action::Passthru,
        Some(NameGate::Closed) | None => Action::NxDomain,
    }
}

/// LIMIT: room for one more label below each open name, at the longest. BIND cuts labels off the
/// left of a name that does not fit in front of the origin, and so would take a long child for its
/// parent.
const LABEL: usize = 64;

#[cfg(test)]
mod tests;
