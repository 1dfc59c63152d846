//! Passages and rows of registered documents, looked for in all fields of a payload as one text:
//! a paragraph may come a line a field, a row a cell a field. Next: `report`.

use super::inspection::{Inspection, Site, Taste};
use super::report::{Found, Outcome};
use crate::corpus::{Corpus, DocumentHit};
use crate::hit::Hit;
use crate::pack::{Acts, Family};
use crate::score::Score;
use backstop_model::redacted::Redacted;
use std::ops::Range;
use std::sync::Arc;

/// The detector's and the entity's name.
const DETECTOR: &str = "document";
const ENTITY: &str = "DOCUMENT";

/// The fields of a payload, one after the other.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    text: String,
    /// Where each begins, and its pointer.
    fields: Vec<(usize, String)>,
}

impl Inspection<'_> {
    /// Keeps a text for the end; one that was decoded is looked at now, by itself.
    pub(super) fn documents(&mut self, text: &str, site: &Site<'_>, taste: Taste) {
        let Some(corpus) = self.corpus().filter(|_| taste == Taste::Usual) else { return };
        if self.chain.is_empty() {
            let pointer = self.pointer(site);
            self.gathered.fields.push((self.gathered.text.len(), pointer));
            self.gathered.text.push_str(text);
            self.gathered.text.push('\n');
            return;
        }
        for found in corpus.scan(text) {
            let hit = hit(&found, found.span.clone());
            self.keep(hit, text, site);
        }
    }

    /// Looks at all that was kept.
    pub(super) fn end_of_documents(&mut self) {
        let Some(corpus) = self.corpus() else { return };
        let Gathered { text, fields } = std::mem::take(&mut self.gathered);
        if !self.charge_work(text.len()) {
            return;
        }
        let mut told: Vec<(Arc<str>, String)> = Vec::new();
        for found in corpus.scan(&text) {
            let number = fields.partition_point(|(start, _)| *start <= found.span.start);
            let Some((start, pointer)) = number.checked_sub(1).and_then(|at| fields.get(at)) else {
                continue;
            };
            let place = (found.document.id.clone(), pointer.clone());
            if fields.len() > 1 && told.contains(&place) {
                continue;
            }
            told.push(place);
            // In the field where it begins; the rest may stand in those that follow.
            let end = fields.get(number).map_or(text.len(), |(next, _)| *next).saturating_sub(1);
            let span =
                found.span.start - start..found.span.end.min(end).max(found.span.start) - start;
            let value = text.get(found.span.clone()).unwrap_or_default().as_bytes().to_vec();
            self.push_found(Found {
                pointer: pointer.clone(),
                chain: Vec::new(),
                length: value.len(),
                digest_input: Redacted::new("passage of a document", value),
                hit: hit(&found, span),
            });
            if self.spent() {
                return;
            }
        }
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
