//! Registered values: a credential bound to a host, a variable of the gateway's own environment, a
//! planted row of a database. Found by their exact bytes, whatever they look like.
//!
//! Must not know who registered them. Next: `crate::engine`.

use crate::detectors::Canary;
use crate::hit::Hit;
use crate::options::ScanOptions;
use crate::pack::{Acts, Family};
use crate::score::Score;
use aho_corasick::{AhoCorasick, MatchKind};
use std::fmt;
use std::sync::Arc;

/// The entity of every registered value.
pub const ENTITY: &str = "CANARY";

/// LIMIT: a shorter value would stand in innocent texts.
const SHORTEST: usize = 8;

/// All registered values, compiled.
#[derive(Clone, Default)]
pub(crate) struct Canaries {
    automaton: Option<AhoCorasick>,
    names: Vec<Arc<str>>,
    entity: Arc<str>,
}

impl fmt::Debug for Canaries {
    /// The automaton holds the values: names alone are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

impl Canaries {
    /// Compiles them; those too short to mean anything are left out.
    pub(crate) fn of(canaries: &[Canary]) -> Result<Self, String> {
        let kept: Vec<&Canary> =
            canaries.iter().filter(|c| c.value.byte_len() >= SHORTEST).collect();
        if kept.is_empty() {
            return Ok(Self::default());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(kept.iter().map(|canary| canary.value.expose()))
            .map_err(|_| "the registered values are too many to compile".to_owned())?;
        let names = kept.iter().map(|canary| Arc::from(canary.name.as_str())).collect();
        Ok(Self { automaton: Some(automaton), names, entity: Arc::from(ENTITY) })
    }

    /// Adds those that stand in the text. One value within another is found beside it.
    pub(crate) fn scan(&self, text: &str, options: &ScanOptions, hits: &mut Vec<Hit>) {
        let Some(automaton) = &self.automaton else { return };
        let wanted = options.entities.as_ref().is_none_or(|list| list.iter().any(|e| e == ENTITY));
        if !wanted || !options.families.contains(Family::Credential) {
            return;
        }
        let before = hits.len();
        for found in automaton.find_overlapping_iter(text).take(MOST) {
            // A value of bytes that are no text cannot begin or end within a character.
            if !text.is_char_boundary(found.start()) || !text.is_char_boundary(found.end()) {
                continue;
            }
            let Some(name) = self.names.get(found.pattern().as_usize()) else { continue };
            hits.push(Hit {
                detector: Arc::clone(&self.entity),
                entity: Arc::clone(&self.entity),
                family: Family::Credential,
                acts: Acts::Block,
                level: None,
                span: found.range(),
                score: Score::CERTAIN,
                canary: Some(Arc::clone(name)),
                explanation: None,
            });
        }
        if hits.len() > before {
            hits.sort_by_key(|hit| (hit.span.start, hit.span.end));
        }
    }
}

/// LIMIT: hits of registered values in one text.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::Detectors;
    use crate::engine::Scratch;
    use backstop_model::redacted::Redacted;

    fn detectors(values: &[(&str, &str)]) -> Detectors {
        let mut builder = Detectors::builder();
        for (name, value) in values {
            let value = Redacted::new("canary", value.as_bytes().to_vec());
            builder = builder.canary(Canary { name: (*name).to_owned(), value });
        }
        builder.build().unwrap()
    }

    fn found(detectors: &Detectors, text: &str) -> Vec<String> {
        let hits = detectors.scan(text, &ScanOptions::default(), &mut Scratch::default());
        let canaries = hits.iter().filter_map(|hit| {
            Some(format!("{} {:?}", hit.canary.as_deref()?, &text[hit.span.clone()]))
        });
        canaries.collect()
    }

    #[test]
    fn registered_values_are_found_wherever_they_stand() {
        let detectors = detectors(&[("DB", "kestrel-drum-91"), ("LONG", "xx-kestrel-drum-91-yy")]);
        assert_eq!(found(&detectors, "a kestrel-drum-91 b"), ["DB \"kestrel-drum-91\""]);
        assert_eq!(found(&detectors, "akestrel-drum-91b"), ["DB \"kestrel-drum-91\""]);
        assert_eq!(found(&detectors, "xx-kestrel-drum-91-yy").len(), 2);
        for clean in ["", "kestrel-drum-9", "Kestrel-drum-91", "kestrel drum 91"] {
            assert!(found(&detectors, clean).is_empty(), "{clean}");
        }
    }

    #[test]
    fn short_values_are_not_looked_for_and_no_value_is_printed() {
        let detectors = detectors(&[("SHORT", "abc"), ("OTHER", "kestrel-drum-91")]);
        assert!(found(&detectors, "abc abc").is_empty());
        assert!(!format!("{detectors:?}").contains("kestrel"));
    }
}
