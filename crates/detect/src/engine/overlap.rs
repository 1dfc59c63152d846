//! Which of several hits on the same bytes is reported.
//!
//! On the same span the higher score wins, then the higher priority, then the detector that comes
//! first. A hit inside another of the same entity is dropped; hits of different entities that
//! only overlap all stay, as in Presidio. Next: `detectors`.

use crate::hit::Hit;
use crate::pack::Family;
use std::cmp::Reverse;

/// A hit, with what decides between it and its rivals.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) hit: Hit,
    pub(super) priority: i32,
    /// The detector's place in the packs.
    pub(super) order: usize,
}

/// The hits that stay, by place.
pub(super) fn resolve(mut ranked: Vec<Ranked>) -> Vec<Hit> {
    ranked.sort_by(|a, b| {
        let rank = |r: &Ranked| (r.hit.span.start, Reverse(r.hit.span.end), Reverse(r.hit.score));
        rank(a).cmp(&rank(b)).then(b.priority.cmp(&a.priority)).then(a.order.cmp(&b.order))
    });
    let mut kept: Vec<Hit> = Vec::with_capacity(ranked.len());
    for Ranked { hit, .. } in ranked {
        if !beaten(&hit, &kept) {
            kept.push(hit);
        }
    }
    kept
}

/// LIMIT: how many earlier hits are looked at; more than this many cannot contain one place in
/// any text that is not made for it, and keeping one too many is harmless.
const REACH: usize = 64;

/// Whether an earlier hit (which starts no later) makes this one needless.
fn beaten(hit: &Hit, kept: &[Hit]) -> bool {
    kept.iter().rev().take(REACH).any(|other| {
        let same_span = other.span == hit.span;
        let inside = other.span.end >= hit.span.end;
        // A registered value is never hidden by a guess about its kind, nor hides one.
        let canaries = other.canary == hit.canary;
        canaries
            && ((same_span && comparable(other.family, hit.family))
                || (inside && other.entity == hit.entity && other.score >= hit.score))
    })
}

/// Only kinds that answer the same question compete for a span.
fn comparable(one: Family, other: Family) -> bool {
    one == other
}
