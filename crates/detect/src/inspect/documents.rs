//! Passages and rows of registered documents, looked for in all fields of a payload as one text:
//! a paragraph may come a line a field, a row a cell a field, and each of them encoded. Next: `report`.

use super::inspection::{Inspection, Site, Taste};
use super::report::{Found, Outcome};
use crate::corpus::{Corpus, DocumentHit};
use crate::decode::Transform;
use crate::hit::Hit;
use crate::pack::{Acts, Family};
use crate::score::Score;
use backstop_model::redacted::Redacted;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The detector's and the entity's name.
const DETECTOR: &str = "document";
const ENTITY: &str = "DOCUMENT";

/// Words of keys from which keys are looked at too: a text may stand in them.
const KEYS: usize = 16;

/// What a text is in its structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Role {
    /// The name of a member.
    Key,
    /// Everything else.
    #[default]
    Value,
}

/// The fields of a payload, one after the other, for each way in which they were hidden: what is
/// one text may come encoded a line a field.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    streams: HashMap<Vec<Transform>, Stream>,
    /// As what the next text is gathered.
    pub(super) role: Role,
}

/// Texts in their order.
#[derive(Debug, Default)]
struct Stream {
    text: String,
    fields: Vec<Piece>,
}

/// One text of a stream.
#[derive(Debug, Clone)]
struct Piece {
    start: usize,
    role: Role,
    pointer: String,
}

impl Stream {
    fn add(&mut self, text: &str, role: Role, pointer: String) {
        self.fields.push(Piece { start: self.text.len(), role, pointer });
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// The same without what has another role.
    fn only(&self, role: Role) -> Self {
        let mut part = Self::default();
        let ends = self.fields.iter().skip(1).map(|next| next.start).chain([self.text.len()]);
        for (piece, end) in self.fields.iter().zip(ends) {
            if piece.role == role {
                let text = self.text.get(piece.start..end.saturating_sub(1)).unwrap_or_default();
                part.add(text, role, piece.pointer.clone());
            }
        }
        part
    }

    /// What is looked at: the values; where there are many keys, these too, and all in its order.
    fn views(self) -> Vec<Self> {
        let keys = self.only(Role::Key);
        if keys.fields.is_empty() {
            return vec![self];
        }
        let values = self.only(Role::Value);
        if keys.text.split_whitespace().count() < KEYS {
            vec![values]
        } else {
            vec![values, keys, self]
        }
    }
}

impl Inspection<'_> {
    /// Keeps a text for the end.
    pub(super) fn documents(&mut self, text: &str, site: &Site<'_>, taste: Taste) {
        if taste != Taste::Usual || self.corpus().is_none() {
            return;
        }
        let pointer = self.pointer(site);
        let role = self.gathered.role;
        if !self.gathered.streams.contains_key(&self.chain) {
            self.gathered.streams.insert(self.chain.clone(), Stream::default());
        }
        if let Some(stream) = self.gathered.streams.get_mut(&self.chain) {
            stream.add(text, role, pointer);
        }
    }

    /// Looks at all that was kept.
    pub(super) fn end_of_documents(&mut self) {
        let Some(corpus) = self.corpus() else { return };
        let mut streams: Vec<_> = std::mem::take(&mut self.gathered.streams).into_iter().collect();
        streams.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        for (chain, stream) in streams {
            let mut told = Vec::new();
            for view in stream.views() {
                if !self.charge_work(view.text.len()) {
                    return;
                }
                self.documents_in(&corpus, &chain, &view, &mut told);
                if self.spent() {
                    return;
                }
            }
        }
    }

    fn documents_in(
        &mut self,
        corpus: &Corpus,
        chain: &[Transform],
        view: &Stream,
        told: &mut Vec<(Arc<str>, String)>,
    ) {
        let Stream { text, fields } = view;
        let mut fresh = Vec::new();
        for found in corpus.scan(text) {
            let number = fields.partition_point(|piece| piece.start <= found.span.start);
            let Some(piece) = number.checked_sub(1).and_then(|at| fields.get(at)) else {
                continue;
            };
            let place = (found.document.id.clone(), piece.pointer.clone());
            if told.contains(&place) || (fields.len() > 1 && fresh.contains(&place)) {
                continue;
            }
            fresh.push(place);
            // In the field where it begins; the rest may stand in those that follow.
            let end = fields.get(number).map_or(text.len(), |next| next.start).saturating_sub(1);
            let span = found.span.start - piece.start
                ..found.span.end.min(end).max(found.span.start) - piece.start;
            let value = text.get(found.span.clone()).unwrap_or_default().as_bytes().to_vec();
            self.push_found(Found {
                pointer: piece.pointer.clone(),
                chain: chain.to_vec(),
                length: value.len(),
                digest_input: Redacted::new("passage of a document", value),
                hit: hit(&found, span),
            });
            if self.spent() {
                return;
            }
        }
        told.append(&mut fresh);
    }

    /// The registered documents, if they are looked for.
    fn corpus(&self) -> Option<Arc<Corpus>> {
        let scan = &self.looks.scan;
        let asked = scan.families.contains(Family::Document)
            && scan.entities.as_ref().is_none_or(|names| names.iter().any(|name| name == ENTITY));
        self.inspector.corpus.clone().filter(|_| asked)
    }

    fn push_found(&mut self, found: Found) {
        self.found.push(found);
        if self.found.len() >= super::inspection::MAX_FOUND {
            self.fault(Outcome::OverLimit("findings"));
        }
    }
}

fn hit(found: &DocumentHit, span: Range<usize>) -> Hit {
    Hit {
        detector: DETECTOR.into(),
        entity: ENTITY.into(),
        family: Family::Document,
        acts: Acts::Block,
        level: Some(found.document.level.clone()),
        span,
        score: Score::CERTAIN,
        canary: Some(format!("document:{}", found.document.id).into()),
        explanation: None,
    }
}
