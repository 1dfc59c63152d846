//! From what a pattern matched to a hit, or to nothing: allow-lists, stop-words, entropy,
//! validator, context, threshold. Next: `overlap`.

use super::context::{Vocabulary, Words};
use super::finder::Candidate;
use super::pattern::{self, Compiled};
use super::{Scratch, entropy};
use crate::hit::{Explanation, Hit};
use crate::options::ScanOptions;
use crate::pack::Detector;
use crate::score::Score;
use crate::validate::{Validator, Verdict};
use regex_automata::meta::Regex;
use regex_syntax::hir::Hir;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A detector, ready to run.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) detector: Arc<Detector>,
    pub(super) patterns: Vec<Compiled>,
    pub(super) words: Words,
    allow: OnceLock<Option<Regex>>,
}

impl Ready {
    /// `hirs` are the detector's patterns, parsed.
    pub(super) fn of(detector: Arc<Detector>, hirs: &[Hir], vocabulary: &mut Vocabulary) -> Self {
        let patterns = detector.patterns.iter().zip(hirs);
        Self {
            patterns: patterns.map(|(pattern, hir)| Compiled::of(pattern, hir)).collect(),
            words: vocabulary.learn(&detector.context),
            allow: OnceLock::new(),
            detector,
        }
    }
    fn allows(&self, value: &str) -> bool {
        if self.detector.allow.is_empty() {
            return false;
        }
        let compiled = self.allow.get_or_init(|| {
            let alternatives: Vec<String> =
                self.detector.allow.iter().map(|pattern| format!("(?:{pattern})")).collect();
            let hir = regex_syntax::parse(&alternatives.join("|")).ok()?;
            pattern::compile(&hir).ok()
        });
        compiled.as_ref().is_some_and(|regex| regex.is_match(value))
    }
    fn stopped(&self, value: &str) -> bool {
        if self.detector.stopwords.is_empty() {
            return false;
        }
        let folded = value.to_lowercase();
        self.detector.stopwords.iter().any(|word| folded.contains(word.as_str()))
    }
    fn validate(&self, validator: Validator, value: &str) -> Verdict {
        let removed = &self.detector.normalise;
        if removed.is_empty() || !value.contains(|c| removed.contains(c)) {
            return validator.check(value);
        }
        let bare: String = value.chars().filter(|c| !removed.contains(*c)).collect();
        validator.check(&bare)
    }
}

/// What a scan knows while it judges.
pub(super) struct Bench<'s> {
    pub(super) text: &'s str,
    pub(super) vocabulary: &'s Vocabulary,
    pub(super) options: &'s ScanOptions,
}

impl Bench<'_> {
    /// The hit that a candidate is, if it is one.
    pub(super) fn judge(
        &self,
        ready: &Ready,
        pattern: Option<&Compiled>,
        candidate: Candidate,
        scratch: &mut Scratch,
    ) -> Option<Hit> {
        let detector = &ready.detector;
        let value = self.text.get(candidate.span.clone()).filter(|value| !value.is_empty())?;
        if detector.entropy.is_some_and(|floor| entropy::bits(value) < floor)
            || ready.stopped(value)
            || ready.allows(value)
            || self.options.allow.allows(value)
        {
            return None;
        }
        let verdict = detector.validator.map(|validator| ready.validate(validator, value));
        let validated = match verdict {
            None | Some(Verdict::Unknown) => candidate.score,
            Some(Verdict::Valid) => Score::CERTAIN,
            Some(Verdict::Invalid) => return None,
        };
        let word = self.word(ready, validated, &candidate, scratch);
        if detector.context_required && word.is_none() {
            return None;
        }
        let score = if word.is_some() { validated.with_context() } else { validated };
        if score < self.options.threshold || score == Score::ZERO {
            return None;
        }
        let explanation = self.options.explain.then(|| {
            Box::new(explain(ready, pattern, &candidate, verdict, validated, score, word))
        });
        Some(Hit {
            detector: detector.id.clone(),
            entity: detector.entity.clone(),
            family: detector.family,
            acts: detector.acts,
            level: detector.level.clone(),
            span: candidate.span,
            score,
            canary: None,
            explanation,
        })
    }

    /// Whether a candidate of this score can reach the threshold at all: a weak one only next to
    /// one of its detector's words. Spares looking closer elsewhere.
    pub(super) fn may_count(
        &self,
        ready: &Ready,
        score: Score,
        span: Range<usize>,
        scratch: &mut Scratch,
    ) -> bool {
        let detector = &ready.detector;
        let weak = score < self.options.threshold && detector.validator.is_none();
        if !weak && !detector.context_required {
            return true;
        }
        if weak && score.with_context() < self.options.threshold {
            return false;
        }
        scratch.window.look(self.vocabulary, self.text, span.start, span.end);
        scratch.window.supports(&ready.words).is_some()
    }

    /// The context word near the candidate, looked for only where it changes something.
    fn word<'r>(
        &self,
        ready: &'r Ready,
        score: Score,
        candidate: &Candidate,
        scratch: &mut Scratch,
    ) -> Option<&'r str> {
        if ready.detector.context.is_empty()
            || (score == Score::CERTAIN && !ready.detector.context_required)
        {
            return None;
        }
        let span = &candidate.span;
        scratch.window.look(self.vocabulary, self.text, span.start, span.end);
        scratch.window.supports(&ready.words)
    }
}

fn explain(
    ready: &Ready,
    pattern: Option<&Compiled>,
    candidate: &Candidate,
    verdict: Option<Verdict>,
    validated: Score,
    score: Score,
    word: Option<&str>,
) -> Explanation {
    let by = match (pattern, ready.detector.finder) {
        (Some(pattern), _) => format!("pattern `{}`", pattern.name),
        (None, Some(finder)) => format!("finder `{}`", finder.name()),
        (None, None) => "a registered value".to_owned(),
    };
    let said = match verdict {
        Some(Verdict::Valid) => ", validated",
        Some(Verdict::Unknown) => ", not refuted",
        Some(Verdict::Invalid) | None => "",
    };
    Explanation {
        recognizer: ready.detector.id.to_string(),
        pattern_name: pattern.map(|pattern| pattern.name.to_string()),
        pattern: pattern.map(|pattern| pattern.source.to_string()),
        original_score: candidate.score,
        score,
        textual_explanation: Some(format!("detected by {} with {by}{said}", ready.detector.id)),
        score_context_improvement: Score::new(score.value() - validated.value()),
        supportive_context_word: word.map(str::to_owned),
        validation_result: match verdict {
            Some(Verdict::Valid) => Some(true),
            Some(Verdict::Invalid) => Some(false),
            Some(Verdict::Unknown) | None => None,
        },
    }
}
