//! Which of many findings of one kind are kept. Next: `documents`.
//!
//! What a policy says of PII and marks it says of the kind, so that more of them change no verdict.
//! INVARIANT: whatever could change one is kept: a hit that acts otherwise, has another level, a
//! higher score than all before it, or is the first in a field that others may be excused in.

use super::report::More;
use crate::hit::Hit;
use crate::pack::{Acts, Family};
use crate::score::Score;
use std::collections::HashMap;
use std::sync::Arc;

/// LIMIT: fields of which the first hit of a kind is kept past the limit.
const FIRSTS: usize = 64;

/// What a policy could tell apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    entity: Arc<str>,
    family: Family,
    acts: Acts,
    level: Option<Arc<str>>,
}

#[derive(Debug)]
struct Count {
    kept: usize,
    left: usize,
    best: Score,
    /// The last field that had a hit: its number, and whether something was undone in it.
    field: (usize, bool),
    firsts: usize,
}

/// The kinds of one inspection.
#[derive(Debug, Default)]
pub(super) struct Alike {
    kinds: HashMap<Kind, Count>,
}

impl Alike {
    /// Whether a hit is kept. `most` are kept of a kind, and what else matters.
    pub(super) fn keeps(&mut self, hit: &Hit, field: (usize, bool), most: usize) -> bool {
        let kind = Kind {
            entity: Arc::clone(&hit.entity),
            family: hit.family,
            acts: hit.acts,
            level: hit.level.clone(),
        };
        let fresh = Count { kept: 0, left: 0, best: Score::ZERO, field, firsts: 0 };
        let count = self.kinds.entry(kind).or_insert(fresh);
        let first = count.field != field && count.firsts < FIRSTS;
        count.field = field;
        let over = count.kept >= most && hit.score <= count.best;
        let keeps = !over || first;
        if keeps {
            count.firsts += usize::from(over);
            count.kept += 1;
            count.best = count.best.max(hit.score);
        } else {
            count.left += 1;
        }
        keeps
    }

    /// What was counted and not kept.
    pub(super) fn more(self) -> Vec<More> {
        let mut more: Vec<More> = self
            .kinds
            .into_iter()
            .filter(|(_, count)| count.left > 0)
            .map(|(kind, count)| {
                let Kind { entity, family, acts, level } = kind;
                More { entity, family, acts, level, count: count.left }
            })
            .collect();
        more.sort_by(|a, b| (&a.entity, &a.level).cmp(&(&b.entity, &b.level)));
        more
    }
}
