//! Names and places: a gate that proposes candidates in microseconds, and the port for a model
//! that decides what the gate could not.
//!
//! ```text
//!  text ─ word ─▶ words ─ gate (sense · weigh) ─▶ finds ────────────────▶ merge ─▶ hits
//!                                              └▶ doubts ─ passage ─▶ NameModel ─▲
//! ```
//! A person by full name refuses (level `internal`); a bare given name, a town, a country, a
//! nationality, a company are reported and refuse nothing by themselves: a forecast for Paris
//! passes. The word lists stand in `names/`, made into a table by `build.rs`; the crate `ner`
//! holds the one model. Reading order: `word`, `sense`, `gate`, `body`, `weigh`,
//! `passage`, `merge`.

mod body;
mod gate;
pub(crate) mod merge;
mod passage;
mod sense;
mod table;
mod weigh;
mod word;

use crate::hit::Hit;
use crate::options::ScanOptions;
use crate::pack::Family;
use crate::score::Score;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use merge::NAME_DETECTORS;
pub use merge::NameDetector;

/// A model that finds names in free text (the crate `ner` holds one).
pub trait NameModel: Send + Sync {
    /// The parts of names and addresses in each passage, in the order of the passages.
    ///
    /// # Errors
    /// When it cannot answer: what was asked must then be refused, never passed.
    fn spans(
        &self,
        passages: &[&str],
        budget: &mut NameBudget,
    ) -> Result<Vec<Vec<NameSpan>>, NameFault>;

    /// How much it was asked so far.
    fn counts(&self) -> NameCounts {
        NameCounts::default()
    }
}

/// How much a model was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameCounts {
    /// Passages that it looked at.
    pub looked: u64,
    /// Passages that it remembered.
    pub remembered: u64,
}

/// What one caller may still spend on the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameBudget {
    /// Who asks: the workers are shared fairly between sessions, not between calls.
    pub session: u64,
    /// LIMIT: bytes of passages that the model may still look at. What its cache knows is free.
    pub bytes: usize,
}

/// One part of a name or address, as the model labels it.
#[derive(Debug, Clone, PartialEq)]
pub struct NameSpan {
    /// What it is.
    pub label: Label,
    /// Bytes of the passage; whole words.
    pub span: Range<usize>,
    /// How sure the model is.
    pub score: Score,
}

/// The parts that a model tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// A given name.
    Given,
    /// A surname.
    Surname,
    /// The number of a house.
    Building,
    /// A street.
    Street,
    /// A flat, suite or box.
    Unit,
    /// A town.
    City,
    /// A state or province.
    Region,
    /// A postcode.
    Postcode,
}

/// Why the model gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// The text holds more doubtful passages than the budget allows.
    #[error("more text to look at for names than the budget allows")]
    OverBudget,
    /// The workers' queue is full.
    #[error("the model for names is busy")]
    Busy,
    /// The model failed.
    #[error("the model for names failed")]
    Broken,
}

/// How names are looked for.
#[derive(Clone, Default)]
pub enum Names {
    /// Not at all.
    #[default]
    Off,
    /// By the gate alone: strong evidence counts, doubt does not.
    GateOnly,
    /// By the gate, and by the model where the gate is in doubt.
    Required(Arc<dyn NameModel>),
}

/// How the gate answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing that could be a name.
    Clear,
    /// Strong evidence, and nothing else in doubt.
    Found,
    /// Something that only the model can settle.
    Doubt,
}

/// What a look at one text gave.
#[derive(Debug, Clone)]
pub struct NameLook {
    /// The hits, in order of place.
    pub hits: Vec<Hit>,
    /// What the gate said, before any model.
    pub answer: Answer,
}

/// Buffers that are reused from text to text; one per thread.
#[derive(Debug, Default)]
pub struct NameScratch {
    words: Vec<word::Word>,
}

impl Names {
    /// Looks for names in one text; `key` is the name of the field it stands in.
    ///
    /// # Errors
    /// When the model was needed and gave no answer: the caller refuses.
    pub fn look(
        &self,
        text: &str,
        key: Option<&str>,
        options: &ScanOptions,
        budget: &mut NameBudget,
        scratch: &mut NameScratch,
    ) -> Result<NameLook, NameFault> {
        let model = match self {
            Self::Off => None,
            Self::GateOnly => Some(None),
            Self::Required(model) => Some(Some(model)),
        };
        // Who asks for an address of mail alone pays for no names.
        let asked = options.families.contains(Family::Pii)
            && options.entities.as_ref().is_none_or(|entities| {
                NAME_DETECTORS.iter().any(|row| entities.iter().any(|name| name == row.entity))
            });
        let (true, Some(model)) = (asked, model) else {
            return Ok(NameLook { hits: Vec::new(), answer: Answer::Clear });
        };
        let hints = gate::Hints::of(key, &options.context);
        let glance = gate::glance(text, hints, &mut scratch.words);
        let answer = match (glance.doubts.is_empty(), glance.finds.is_empty()) {
            (true, true) => Answer::Clear,
            (true, false) => Answer::Found,
            (false, _) => Answer::Doubt,
        };
        let mut spans = Vec::new();
        if let (Some(model), Answer::Doubt) = (model, answer) {
            let places = passage::passages(text, &glance.doubts);
            let passages: Vec<&str> =
                places.iter().map(|place| text.get(place.clone()).unwrap_or_default()).collect();
            let answers = model.spans(&passages, budget)?;
            if answers.len() != places.len() {
                return Err(NameFault::Broken);
            }
            for (place, found) in places.iter().zip(answers) {
                spans.extend(found.into_iter().map(|found| NameSpan {
                    span: found.span.start + place.start..found.span.end + place.start,
                    ..found
                }));
            }
        }
        let hits = merge::merge(text, &glance, spans, &scratch.words, options);
        Ok(NameLook { hits, answer })
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::GateOnly => "GateOnly",
            Self::Required(_) => "Required",
        })
    }
}

#[cfg(test)]
mod tests;
