//! Pieces of messages that were looked at before and had nothing in them: the head of a request is
//! mostly that of the one before it.
//!
//! INVARIANT: only a look that came to its end and found nothing at all is remembered, under a
//! SHA-256 of all that it depended on: whoever wants something to pass for it needs a second
//! preimage. A memory belongs to one set of inspectors and goes with it (a canary that is
//! registered must be found in what was clean before). No byte of a payload is kept.
//! Next: `message`.

use crate::live::lock;
use aws_lc_rs::digest::{Context, SHA256};
use backstop_detect::{Coding, Media};
use backstop_model::finding::Part;
use backstop_policy::{DlpTerms, Names};
use std::collections::HashSet;
use std::sync::Mutex;

/// What is remembered of one set of inspectors.
#[derive(Debug, Default)]
pub(super) struct Memory {
    state: Mutex<Marks>,
}

/// Two generations: when the young one is full the old one is forgotten.
#[derive(Debug, Default)]
struct Marks {
    young: HashSet<Mark>,
    old: HashSet<Mark>,
}

/// A look, by all that it depends on.
pub(super) type Mark = [u8; 32];

/// LIMIT: marks of one generation: 256 KB for both.
const MARKS: usize = 2_048;
/// LIMIT: a larger piece is not remembered: it seldom comes again.
const BYTES: usize = 16 * 1024;

impl Memory {
    /// The mark of a piece, if it is one that may be remembered.
    pub(super) fn mark(
        terms: &DlpTerms,
        media: &Media,
        coding: &Coding,
        part: Option<Part>,
        bytes: &[u8],
    ) -> Option<Mark> {
        if bytes.len() > BYTES || *coding != Coding::Identity {
            return None;
        }
        let media = match media {
            Media::Json => 1,
            Media::Form => 2,
            Media::Text => 3,
            Media::Ndjson
            | Media::Multipart { .. }
            | Media::Yaml
            | Media::Xml
            | Media::Csv
            | Media::Opaque
            | Media::Sniff => return None,
        };
        let names = match terms.names {
            Names::Off => 1,
            Names::GateOnly => 2,
            Names::Required => 3,
        };
        let mut context = Context::new(&SHA256);
        context.update(&[media, names]);
        context.update(&terms.threshold.get().to_be_bytes());
        context.update(part.map_or("", Part::as_str).as_bytes());
        for name in &*terms.named {
            context.update(&[0]);
            context.update(name.as_bytes());
        }
        // No name of an entity has this octet, so nothing before the piece can be taken for it.
        context.update(&[0xff]);
        context.update(bytes);
        context.finish().as_ref().try_into().ok()
    }

    /// Whether a look like this found nothing before.
    pub(super) fn is_clean(&self, mark: &Mark) -> bool {
        let marks = lock(&self.state);
        marks.young.contains(mark) || marks.old.contains(mark)
    }

    /// A look like this found nothing.
    pub(super) fn remember(&self, mark: Mark) {
        let mut marks = lock(&self.state);
        if marks.young.len() >= MARKS {
            marks.old = std::mem::take(&mut marks.young);
        }
        marks.young.insert(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_detect::Codec;
    use backstop_model::finding::PerMille;
    use backstop_policy::OverCap;

    fn terms(threshold: u16, named: &[&str]) -> DlpTerms {
        DlpTerms {
            names: Names::GateOnly,
            threshold: PerMille::new(threshold),
            over_cap: OverCap::Refuse,
            named: named.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn mark(terms: &DlpTerms, part: Option<Part>, bytes: &[u8]) -> Option<Mark> {
        Memory::mark(terms, &Media::Json, &Coding::Identity, part, bytes)
    }

    #[test]
    fn whatever_a_look_depends_on_makes_another_mark() {
        let plain = mark(&terms(500, &[]), None, b"{}").unwrap();
        let others = [
            mark(&terms(400, &[]), None, b"{}"),
            mark(&terms(500, &["PERSON"]), None, b"{}"),
            mark(&terms(500, &[]), Some(Part::Body), b"{}"),
            mark(&terms(500, &[]), None, b"{ }"),
            mark(&DlpTerms { names: Names::Off, ..terms(500, &[]) }, None, b"{}"),
            Memory::mark(&terms(500, &[]), &Media::Form, &Coding::Identity, None, b"{}"),
        ];
        for (at, other) in others.into_iter().enumerate() {
            assert_ne!(other.unwrap(), plain, "{at}");
        }
        assert_eq!(mark(&terms(500, &[]), None, b"{}").unwrap(), plain);
        // Names that run into each other or into the piece.
        let ab = mark(&terms(500, &["A", "B"]), None, b"{}");
        assert_ne!(ab, mark(&terms(500, &["AB"]), None, b"{}"));
        assert_ne!(ab, mark(&terms(500, &["A"]), None, b"B{}"));
    }

    #[test]
    fn what_is_large_or_compressed_is_not_remembered() {
        let terms = terms(500, &[]);
        assert!(mark(&terms, None, &vec![b' '; BYTES]).is_some());
        assert_eq!(mark(&terms, None, &vec![b' '; BYTES + 1]), None);
        assert_eq!(
            Memory::mark(&terms, &Media::Json, &Coding::Stack(vec![Codec::Gzip]), None, b"{}"),
            None
        );
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let memory = Memory::default();
        let terms = terms(500, &[]);
        let marks: Vec<Mark> = (0..3 * MARKS)
            .map(|at| mark(&terms, None, at.to_string().as_bytes()).unwrap())
            .collect();
        for mark in &marks {
            assert!(!memory.is_clean(mark));
            memory.remember(*mark);
            assert!(memory.is_clean(mark));
        }
        assert!(!memory.is_clean(&marks[0]));
        let kept = marks.iter().filter(|mark| memory.is_clean(mark)).count();
        assert!(kept <= 2 * MARKS, "{kept}");
    }
}
