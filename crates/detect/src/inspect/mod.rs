//! Whole payloads: taken apart, scanned, decoded, scanned again, within a budget.
//!
//! ```text
//!  Payload ─ coding (decompress) ─▶ walk (fields) ─▶ engine ─▶ Found
//!                                     ▲                │ decode
//!                                     └────────────────┘ up to `Limits::chain` deep
//! ```
//! Anything but `Outcome::Complete` must be refused by the caller.
//! A body that is not what it is said to be (JSON that does not parse) is scanned as text, and
//! reported as unreadable all the same: whoever receives it may read it differently. What nobody
//! said to be anything is scanned as what it looks like.
//!
//! Reading order: `payload`, `media`, `report`, `inspection` (one inspection's state), `alike`
//! (which of many findings are kept), `authors` (how many a payload may name), `fields` (the walk),
//! `look` (a text, decoded and looked at again), `containers` (archives and documents opened),
//! `repeats` (values that come again), `neighbours` (values split over fields), `passages` (content kept for a detector elsewhere).

mod alike;
mod authors;
mod containers;
mod documents;
mod fields;
mod inspection;
mod look;
mod media;
mod neighbours;
mod passages;
mod payload;
mod repeats;
mod report;
#[cfg(test)]
mod tests;

pub use crate::decode::Transform;
pub use crate::decode::inflate::Codec;
pub use passages::Passage;
pub use payload::{Coding, ContentFields, Limits, Looks, Media, Payload};
pub use report::{Found, More, Outcome, Report, Unreadable};

use crate::corpus::Corpus;
use crate::detectors::Detectors;
use crate::engine::Scratch;
use crate::name::Names;
use crate::open::Open;
use inspection::Inspection;
use std::sync::Arc;

/// Looks through payloads.
#[derive(Debug, Clone)]
pub struct Inspector {
    /// What is looked for.
    pub detectors: Arc<Detectors>,
    /// How names are looked for.
    pub names: Names,
    /// Registered documents.
    pub corpus: Option<Arc<Corpus>>,
    /// What takes archives and documents apart; without it each of them is a finding.
    pub opener: Option<Arc<dyn Open>>,
}

impl Inspector {
    /// An inspector without names.
    pub fn new(detectors: Arc<Detectors>) -> Self {
        Self { detectors, names: Names::Off, corpus: None, opener: None }
    }
    /// The same with names.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }
    /// The same with registered documents.
    #[must_use]
    pub fn with_corpus(mut self, corpus: Option<Arc<Corpus>>) -> Self {
        self.corpus = corpus;
        self
    }
    /// The same with what takes archives and documents apart.
    #[must_use]
    pub fn with_opener(mut self, opener: Arc<dyn Open>) -> Self {
        self.opener = Some(opener);
        self
    }
    /// Everything found in a payload.
    pub fn inspect(&self, payload: Payload<'_>, looks: &Looks, scratch: &mut Scratch) -> Report {
        Inspection::new(self, looks, payload.at, scratch).run(&payload)
    }
}
