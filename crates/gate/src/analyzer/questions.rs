//! What the analyzer is to look at: passages, cut where no detector of language could read, and
//! each text once. Next: `memory`.

use super::answer::Span;
use super::{Analyzer, AnalyzerFault, Answers, Name};
use crate::live::lock;
use backstop_detect::name::NAME_DETECTORS;
use backstop_detect::{Acts, Detectors, Family, Found, Hit, Passage, Score};
use backstop_model::finding::Part;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

/// LIMIT: bytes that are asked about at once for one payload, beside those that are remembered.
const FRESH: usize = 128 << 10;
/// LIMIT: texts that are asked about at once.
const TEXTS: usize = 1_024;
/// From here on a run of the letters of base64 is no language: it is judged by `dlp.encoded`, and
/// what it decodes to is a passage of its own.
const RUN: usize = 512;

/// Passages that were looked at, with what is remembered of them.
#[derive(Debug, Default)]
pub struct Questions {
    /// What something was found in, or may be.
    open: Vec<Open>,
    known: Answers,
    fresh: HashMap<Name, ()>,
    bytes: usize,
}

#[derive(Debug)]
struct Open {
    part: Option<Part>,
    passage: Passage,
    pieces: Vec<(Name, Range<usize>)>,
}

impl Questions {
    /// Adds passages. What was found in them before is remembered: their text is let go where that
    /// was nothing.
    pub fn add(&mut self, analyzer: &Analyzer, part: Option<Part>, passages: Vec<Passage>) {
        for passage in passages {
            let text = passage.text.expose();
            let mut open = Vec::new();
            for piece in pieces(text) {
                let Some(words) = text.get(piece.clone()) else { continue };
                if !words.contains(char::is_alphanumeric) {
                    continue;
                }
                let name = analyzer.name(words);
                if self.fresh.contains_key(&name) {
                    open.push((name, piece));
                } else if let Some(spans) = lock(&analyzer.memory).recall(&name) {
                    if !spans.is_empty() {
                        self.known.insert(name, spans);
                        open.push((name, piece));
                    }
                } else {
                    self.bytes = self.bytes.saturating_add(words.len());
                    self.fresh.insert(name, ());
                    open.push((name, piece));
                }
            }
            // Past the limit it is refused: nothing more is kept for that.
            if !open.is_empty() && self.too_much().is_none() {
                self.open.push(Open { part, passage, pieces: open });
            }
        }
    }

    fn too_much(&self) -> Option<AnalyzerFault> {
        if self.bytes > FRESH {
            Some(AnalyzerFault::TooMuch("more than 128 KiB of new text"))
        } else if self.fresh.len() > TEXTS {
            Some(AnalyzerFault::TooMuch("more than 1024 new texts"))
        } else {
            None
        }
    }

    /// The texts to ask about, and what is known of the others.
    pub(super) fn sorted(
        &self,
        analyzer: &Analyzer,
    ) -> Result<(HashMap<Name, Zeroizing<String>>, Answers), AnalyzerFault> {
        if let Some(fault) = self.too_much() {
            return Err(fault);
        }
        let mut known = self.known.clone();
        let mut fresh = HashMap::new();
        for open in &self.open {
            for (name, piece) in &open.pieces {
                if known.contains_key(name) || fresh.contains_key(name) {
                    continue;
                }
                // Somebody else may have asked meanwhile.
                if let Some(spans) = lock(&analyzer.memory).recall(name) {
                    known.insert(*name, spans);
                } else if let Some(words) = open.passage.text.expose().get(piece.clone()) {
                    fresh.insert(*name, Zeroizing::new(words.to_owned()));
                }
            }
        }
        Ok((fresh, known))
    }

    pub(super) fn found(
        &self,
        answers: &Answers,
        detectors: &Detectors,
    ) -> Vec<(Option<Part>, Found)> {
        let mut ranks = HashMap::new();
        let mut out = Vec::new();
        for open in &self.open {
            for (name, piece) in &open.pieces {
                for span in answers.get(name).into_iter().flat_map(|spans| spans.iter()) {
                    let (acts, level) = ranks
                        .entry(Arc::clone(&span.entity))
                        .or_insert_with(|| rank(&span.entity, detectors))
                        .clone();
                    let hit = hit(span, piece.start, acts, level);
                    out.extend(open.passage.found(hit).map(|found| (open.part, found)));
                }
            }
        }
        out
    }
}

fn hit(span: &Span, offset: usize, acts: Acts, level: Option<Arc<str>>) -> Hit {
    Hit {
        detector: "analyzer".into(),
        entity: Arc::clone(&span.entity),
        family: Family::Pii,
        acts,
        level,
        span: span.bytes.start + offset..span.bytes.end + offset,
        score: Score::new(span.score),
        canary: None,
        explanation: None,
    }
}

/// Whether an entity refuses by itself, and its level: as with our own detectors of that entity.
/// An entity that only the analyzer knows refuses.
fn rank(entity: &str, detectors: &Detectors) -> (Acts, Option<Arc<str>>) {
    let packs = detectors.catalog().detectors().iter();
    let packs = packs
        .filter(|entry| &*entry.entity == entity)
        .map(|entry| (entry.acts, entry.level.clone()));
    let names = NAME_DETECTORS
        .iter()
        .filter(|row| row.entity == entity)
        .map(|row| (row.acts, row.level.map(Arc::from)));
    let known: Vec<_> = packs.chain(names).collect();
    let acts = match known.iter().any(|(acts, _)| *acts == Acts::Block) || known.is_empty() {
        true => Acts::Block,
        false => Acts::Note,
    };
    let level = known.into_iter().filter(|(own, _)| *own == acts).find_map(|(_, level)| level);
    (acts, level)
}

/// A text without its long runs.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut from, mut run) = (0, 0);
    for (at, byte) in text.bytes().chain(std::iter::once(b' ')).enumerate() {
        if byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte) {
            continue;
        }
        if at - run >= RUN {
            pieces.push(from..run);
            from = at;
        }
        run = at + 1;
    }
    pieces.push(from..text.len());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_language_is_made_of_is_cut_out() {
        let run = "A".repeat(RUN);
        let cut = |text: &str| -> Vec<String> {
            pieces(text).into_iter().map(|piece| text.get(piece).unwrap().to_owned()).collect()
        };
        assert_eq!(cut("größe, Jane"), ["größe, Jane"]);
        assert_eq!(cut(""), [""; 0]);
        assert_eq!(cut(&format!("ü {run} Jane €")), ["ü ", " Jane €"]);
        assert_eq!(cut(&format!("data:image/png;base64,{run}")), ["data:image/png;base64,"]);
        let short = "A".repeat(RUN - 1);
        assert_eq!(cut(&short).concat(), short);
    }
}
