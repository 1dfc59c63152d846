//! The scan: keywords and shapes trigger detectors, triggered detectors run their patterns, and
//! what matches is judged.
//!
//! ```text
//!  text ─ trigger ─▶ detectors ─ pattern (guard) ─▶ candidate ─ judge ─▶ hit ─ overlap ─▶ hits
//!                      └─ finder ───────────────────▲   └ context · entropy · validate
//! ```
//! INVARIANT: all work is linear in the text. Must not know where the text comes from.

mod context;
mod entropy;
mod finder;
mod guard;
mod judge;
mod overlap;
mod pattern;

pub(crate) use finder::{Candidate, Finder};

use crate::hit::Hit;
use crate::options::ScanOptions;
use crate::pack::Detector;
use context::{Vocabulary, Window};
use judge::{Bench, Ready};
use overlap::Ranked;

/// Buffers that are reused from scan to scan; one per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    window: Window,
    candidates: Vec<Candidate>,
}

/// Detectors, compiled.
#[derive(Debug)]
pub(crate) struct Engine {
    ready: Vec<Ready>,
    vocabulary: Vocabulary,
}

impl Engine {
    pub(crate) fn of(detectors: Vec<Detector>) -> Self {
        let mut vocabulary = Vocabulary::default();
        let ready =
            detectors.into_iter().map(|detector| Ready::of(detector, &mut vocabulary)).collect();
        Self { ready, vocabulary }
    }

    /// Everything found in a text, by place.
    pub(crate) fn scan(
        &self,
        text: &str,
        options: &ScanOptions,
        scratch: &mut Scratch,
    ) -> Vec<Hit> {
        let bench = Bench { text, vocabulary: &self.vocabulary, options };
        scratch.window.give(&self.vocabulary, &options.context);
        let folded = text.to_ascii_lowercase();
        let mut found = Vec::new();
        for (order, ready) in self.ready.iter().enumerate() {
            let keywords = &ready.detector.keywords;
            let triggered =
                keywords.is_empty() || keywords.iter().any(|word| folded.contains(word.as_str()));
            if !triggered || !ready.wanted(options) {
                continue;
            }
            let mut take = |pattern, candidate, scratch: &mut Scratch| {
                if let Some(hit) = bench.judge(ready, pattern, candidate, scratch) {
                    found.push(Ranked { hit, priority: ready.detector.priority, order });
                }
            };
            for pattern in &ready.patterns {
                pattern.each(text, 0..text.len(), |span| {
                    let candidate = Candidate { span, score: pattern.score };
                    take(Some(pattern), candidate, scratch);
                });
            }
            if let Some(finder) = ready.detector.finder {
                let mut candidates = std::mem::take(&mut scratch.candidates);
                finder.find(text, &mut candidates);
                for candidate in candidates.drain(..) {
                    take(None, candidate, scratch);
                }
                scratch.candidates = candidates;
            }
        }
        overlap::resolve(found)
    }
}
