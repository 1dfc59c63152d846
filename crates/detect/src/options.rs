//! What a caller asks of a scan: which detectors, from which score, what is allowed.
//! Next: `detectors`.

use crate::attribution::COUNTED;
use crate::pack::{Acts, Detector, Family};
use crate::score::Score;
use regex_automata::meta::Regex;
use std::sync::Arc;

/// What is asked of a scan. The default is what a verdict needs: everything from 0.5 on.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Hits below are not reported.
    pub threshold: Score,
    /// Only detectors that answer for one of these languages (`None`: all).
    pub languages: Option<Vec<String>>,
    /// Only these entities (`None`: all).
    pub entities: Option<Vec<String>>,
    /// Only these families.
    pub families: Families,
    /// Which of the detectors run whose hits refuse nothing by themselves.
    pub notes: Notes,
    /// Words that count as standing near every hit (the JSON key, a column's name).
    pub context: Vec<String>,
    /// Values that are no hit.
    pub allow: AllowList,
    /// Whether hits say how their score came about.
    pub explain: bool,
}

impl ScanOptions {
    /// Whether no detector is left out.
    pub(crate) fn is_everything(&self) -> bool {
        self.languages.is_none()
            && self.entities.is_none()
            && self.families == Families::ALL
            && self.notes == Notes::All
    }
    /// Whether a detector is asked.
    pub(crate) fn ask(&self, detector: &Detector) -> bool {
        let named = |entities: &[String]| entities.iter().any(|name| **name == *detector.entity);
        self.families.contains(detector.family)
            && self.entities.as_ref().is_none_or(|entities| named(entities))
            && self.languages.as_ref().is_none_or(|languages| {
                detector.languages.is_empty()
                    || detector.languages.iter().any(|known| languages.contains(known))
            })
            && match &self.notes {
                Notes::All => true,
                Notes::Of(entities) => has_say(detector) || named(entities),
            }
    }
}

/// Whether a detector runs even where no notes are asked for.
pub(crate) fn has_say(detector: &Detector) -> bool {
    detector.acts == Acts::Block || &*detector.entity == COUNTED || detector.origin.is_imported
}

/// Which of the detectors run whose hits refuse nothing by themselves (`acts: note`).
///
/// INVARIANT: at a threshold of 0.5 or more, leaving them out takes away their own hits and no
/// others: a hit that refuses never depends on one that does not (`engine::overlap`). The one kind
/// of note that many of make a refusal, addresses of authors, is never left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Notes {
    /// All: for whoever asks what stands in a text.
    #[default]
    All,
    /// Those of these entities: for whoever asks whether it may leave, which the others cannot
    /// change.
    Of(Arc<[String]>),
}

impl Notes {
    /// None but those that count towards a refusal.
    pub fn none() -> Self {
        Self::Of(Arc::from([]))
    }
}

/// What of a scan's options says which detectors run.
#[derive(Debug)]
pub(crate) struct Asks {
    languages: Option<Vec<String>>,
    entities: Option<Vec<String>>,
    families: Families,
    notes: Notes,
}

impl Asks {
    /// Those of these options.
    pub(crate) fn of(options: &ScanOptions) -> Self {
        Self {
            languages: options.languages.clone(),
            entities: options.entities.clone(),
            families: options.families,
            notes: options.notes.clone(),
        }
    }
    /// Whether these options ask for the same.
    pub(crate) fn are(&self, options: &ScanOptions) -> bool {
        self.families == options.families
            && self.notes == options.notes
            && self.languages == options.languages
            && self.entities == options.entities
    }
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            threshold: Score::VERDICT,
            languages: None,
            entities: None,
            families: Families::ALL,
            notes: Notes::All,
            context: Vec::new(),
            allow: AllowList::default(),
            explain: false,
        }
    }
}

/// A set of families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families(u8);

impl Families {
    /// Every family.
    pub const ALL: Self = Self(u8::MAX);
    /// No family.
    pub const NONE: Self = Self(0);

    /// These families.
    pub fn of(families: &[Family]) -> Self {
        families.iter().fold(Self::NONE, |all, family| all.with(*family))
    }
    /// The set and this family.
    #[must_use]
    pub const fn with(self, family: Family) -> Self {
        Self(self.0 | family.bit())
    }
    /// The set without this family.
    #[must_use]
    pub const fn without(self, family: Family) -> Self {
        Self(self.0 & !family.bit())
    }
    /// Of the set at most this family.
    #[must_use]
    pub const fn only(self, family: Family) -> Self {
        Self(self.0 & family.bit())
    }
    /// Whether the family is in the set.
    pub const fn contains(self, family: Family) -> bool {
        self.0 & family.bit() != 0
    }
}

/// Values that are no hit, as Presidio's `allow_list`.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    exact: Vec<String>,
    patterns: Option<Regex>,
}

/// A pattern of an allow-list that is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern {number} of the allow-list is not valid: {reason}")]
pub struct AllowListFault {
    /// Which one, counted from 1.
    pub number: usize,
    /// Why.
    pub reason: String,
}

/// LIMIT: memory that the compiled patterns of one allow-list may take, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

impl AllowList {
    /// Values that must be equal to the hit.
    pub fn exact(values: impl IntoIterator<Item = String>) -> Self {
        let mut exact: Vec<String> = values.into_iter().collect();
        exact.sort_unstable();
        Self { exact, patterns: None }
    }
    /// Patterns that must be found in the hit (`allow_list_match: regex`).
    ///
    /// # Errors
    /// Names the first pattern that is none.
    pub fn patterns(patterns: &[String]) -> Result<Self, AllowListFault> {
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let config = Regex::config().nfa_size_limit(Some(PATTERN_BYTES));
        match Regex::builder().configure(config).build_many(patterns) {
            Ok(regex) => Ok(Self { exact: Vec::new(), patterns: Some(regex) }),
            Err(error) => Err(AllowListFault {
                number: error.pattern().map_or(1, |pattern| pattern.as_usize() + 1),
                reason: crate::pack::regex_fault(&error),
            }),
        }
    }
    /// Whether this value is allowed.
    pub fn allows(&self, value: &str) -> bool {
        self.exact.binary_search_by(|kept| kept.as_str().cmp(value)).is_ok()
            || self.patterns.as_ref().is_some_and(|regex| regex.is_match(value))
    }
    /// Whether nothing is allowed.
    pub const fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_a_set() {
        let set = Families::of(&[Family::Pii, Family::Mark]);
        assert!(set.contains(Family::Pii) && !set.contains(Family::Credential));
        assert!(!set.without(Family::Pii).contains(Family::Pii));
        assert!(Families::ALL.contains(Family::Document));
    }

    #[test]
    fn an_allow_list_knows_values_and_patterns() {
        let exact = AllowList::exact(["b@b.example".to_owned(), "a".to_owned()]);
        assert!(exact.allows("a") && exact.allows("b@b.example") && !exact.allows("b"));
        let patterns = AllowList::patterns(&["@example\\.com$".to_owned()]).unwrap();
        assert!(patterns.allows("x@example.com") && !patterns.allows("x@example.org"));
        let fault = AllowList::patterns(&["a".to_owned(), "(".to_owned()]).unwrap_err();
        assert_eq!(fault.number, 2);
        assert!(!AllowList::default().allows(""));
    }
}
