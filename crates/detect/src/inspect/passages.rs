//! Content kept for a detector that is asked elsewhere, after the inspection. Next: `report`.

use super::inspection::{Inspection, Site};
use super::report::{Found, Outcome};
use crate::decode::Transform;
use crate::hit::Hit;
use backstop_model::redacted::Redacted;

/// A text that was looked at for everything, as it was scanned: behind its key, where it has one.
#[derive(Debug, Clone)]
pub struct Passage {
    /// Its field, as an RFC 6901 pointer.
    pub pointer: String,
    /// What was undone to see it, outermost first.
    pub chain: Vec<Transform>,
    /// Key and text.
    pub text: Redacted<String>,
    /// Where the text itself begins.
    offset: usize,
}

impl Passage {
    /// What somebody found in `text`; `None` where it stands in the key alone, which is looked at
    /// for itself, or is no span of the text.
    pub fn found(&self, mut hit: Hit) -> Option<Found> {
        if hit.span.end <= self.offset {
            return None;
        }
        let start = hit.span.start.max(self.offset);
        let value = self.text.expose().get(start..hit.span.end)?.as_bytes().to_vec();
        hit.span = start - self.offset..hit.span.end - self.offset;
        Some(Found {
            pointer: self.pointer.clone(),
            chain: self.chain.clone(),
            length: value.len(),
            digest_input: Redacted::new("matched value", value),
            hit,
        })
    }
}

impl Inspection<'_> {
    /// Keeps a passage, if anybody wants it. What is more than may be kept is over the limit.
    pub(super) fn keep_passage(&mut self, whole: &str, offset: usize, site: &Site<'_>) {
        let Some(most) = self.looks.passages else { return };
        self.kept = self.kept.saturating_add(whole.len());
        if self.kept > most {
            self.fault(Outcome::OverLimit("passages"));
            return;
        }
        self.passages.push(Passage {
            pointer: self.pointer(site),
            chain: self.chain.clone(),
            text: Redacted::new("passage", whole.to_owned()),
            offset,
        });
    }
}
