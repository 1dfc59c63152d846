//! What a scan finds: place, kind and certainty, never the matched bytes.
//! Next: `options`.

use crate::pack::{Acts, Family};
use crate::score::Score;
use std::ops::Range;
use std::sync::Arc;

/// Something found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The detector that found it ("us-ssn").
    pub detector: Arc<str>,
    /// What it is ("US_SSN").
    pub entity: Arc<str>,
    /// Which control it belongs to.
    pub family: Family,
    /// Whether it refuses by itself.
    pub acts: Acts,
    /// The detector's own classification level; a policy may say otherwise for the entity.
    pub level: Option<Arc<str>>,
    /// Where it stands, in bytes of the text; always at borders of characters.
    pub span: Range<usize>,
    /// How sure the detector is.
    pub score: Score,
    /// The registered value's name, when it is one.
    pub canary: Option<Arc<str>>,
    /// How the score came about, when `ScanOptions::explain` asked for it.
    pub explanation: Option<Box<Explanation>>,
}

/// How a score came about, in the words of Presidio's `analysis_explanation`.
///
/// Holds words of the detector, never of the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    /// The detector.
    pub recognizer: String,
    /// The pattern's name.
    pub pattern_name: Option<String>,
    /// The pattern itself.
    pub pattern: Option<String>,
    /// The pattern's own score.
    pub original_score: Score,
    /// The score in the end.
    pub score: Score,
    /// A sentence for people.
    pub textual_explanation: Option<String>,
    /// What context added.
    pub score_context_improvement: Score,
    /// The detector's word that stood near the hit.
    pub supportive_context_word: Option<String>,
    /// What the validator said: `Some(true)` for valid, `None` where there is none or it could
    /// not tell. (An invalid value is no hit.)
    pub validation_result: Option<bool>,
}
