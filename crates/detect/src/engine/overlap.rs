//! Which of several hits on the same bytes is reported.
//!
//! On the same span what refuses wins, then the higher score, then the higher priority, then the
//! detector that comes first. A hit inside another of the same entity is dropped; personal data of
//! different entities all stays, as in Presidio, because a destination may be allowed one of them
//! and not the other.
//! INVARIANT: a hit that refuses is never dropped for one that does not. Next: `detectors`.

use crate::hit::Hit;
use crate::pack::{Acts, Family};
use crate::score::Score;
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
        let rank = |r: &Ranked| {
            let span = (r.hit.span.start, Reverse(r.hit.span.end));
            (span, Reverse(refuses(&r.hit)), Reverse(r.hit.score))
        };
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
            && (refuses(other) || !refuses(hit))
            && ((same_span && comparable(other, hit))
                || (inside && other.entity == hit.entity && other.score >= hit.score))
    })
}

/// Whether a hit refuses by itself.
fn refuses(hit: &Hit) -> bool {
    hit.acts == Acts::Block && hit.score >= Score::VERDICT
}

/// Only kinds that answer the same question compete for a span.
fn comparable(one: &Hit, other: &Hit) -> bool {
    one.family == other.family && (one.family != Family::Pii || one.entity == other.entity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;
    use std::sync::Arc;

    fn ranked(entity: &str, acts: Acts, span: Range<usize>, score: f32) -> Ranked {
        let hit = Hit {
            detector: Arc::from(format!("{entity}-{acts:?}-{score}")),
            entity: Arc::from(entity),
            family: Family::Pii,
            acts,
            level: None,
            span,
            score: Score::new(score),
            canary: None,
            explanation: None,
        };
        Ranked { hit, priority: 0, order: 0 }
    }

    fn kept(ranked: Vec<Ranked>) -> Vec<(String, Acts)> {
        resolve(ranked).into_iter().map(|hit| (hit.entity.to_string(), hit.acts)).collect()
    }

    #[test]
    fn a_note_never_hides_what_refuses() {
        let block = || ranked("SSN", Acts::Block, 4..13, 0.85);
        for note in [4..13, 0..20] {
            let hits = kept(vec![ranked("SSN", Acts::Note, note, 1.0), block()]);
            assert!(hits.contains(&("SSN".to_owned(), Acts::Block)), "{hits:?}");
        }
        let hits = kept(vec![ranked("SSN", Acts::Note, 4..13, 1.0), block()]);
        assert_eq!(hits.len(), 1, "the note is dropped for it");
    }

    #[test]
    fn each_entity_stays_and_the_surer_of_one_entity() {
        let hits = kept(vec![
            ranked("SSN", Acts::Note, 0..9, 0.1),
            ranked("SSN", Acts::Note, 0..9, 0.4),
            ranked("ABA", Acts::Note, 0..9, 1.0),
            ranked("ABA", Acts::Note, 2..5, 0.5),
        ]);
        assert_eq!(hits, [("ABA".to_owned(), Acts::Note), ("SSN".to_owned(), Acts::Note)]);
    }
}
