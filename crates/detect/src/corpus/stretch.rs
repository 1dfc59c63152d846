//! From single shared fingerprints to passages: a document counts only where enough of its words
//! stand close together.
//!
//! Next: `table`.

use super::Terms;
use super::index::DocumentNumber;
use super::shingle::{SHINGLE, WINDOW};
use super::words::mix;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

/// A passage that is long enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) document: DocumentNumber,
    pub(super) span: Range<usize>,
    /// Words that are shared for certain.
    pub(super) words: usize,
}

/// Words between two shared shingles that do not end a passage: as many as a dropped word here and
/// there makes invisible.
const GAP: usize = 16;
/// LIMIT: documents whose passages are followed at a time.
const MOST_FOLLOWED: usize = 4_096;

/// The passages being followed.
#[derive(Debug)]
pub(super) struct Stretches {
    needed: usize,
    open: HashMap<DocumentNumber, Stretch, BuildHasherDefault<ByNumber>>,
    done: Vec<Passage>,
}

/// Numbers are given by whoever registers documents, so that no text can make them collide.
#[derive(Debug, Default)]
struct ByNumber(u64);

impl Hasher for ByNumber {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }
    fn write_u32(&mut self, number: u32) {
        self.0 = mix(self.0 ^ u64::from(number));
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Debug)]
struct Stretch {
    /// The word after the last shared one.
    end: usize,
    words: usize,
    span: Range<usize>,
}

impl Stretches {
    pub(super) fn new(terms: Terms) -> Self {
        // Of a passage of n words, winnowing shows all but up to WINDOW - 1 at either end.
        let needed = terms.words.saturating_sub(2 * (WINDOW - 1)).max(SHINGLE);
        Self { needed, open: HashMap::default(), done: Vec::new() }
    }

    /// A fingerprint at word number `word` is one of `document`.
    pub(super) fn meet(&mut self, document: DocumentNumber, word: usize, span: &Range<usize>) {
        if let Some(stretch) = self.open.get_mut(&document)
            && word <= stretch.end + GAP
        {
            let gap = word.saturating_sub(stretch.end);
            // Within one window nothing else could have been kept: these words are shared too.
            let between = if gap < WINDOW { gap } else { 0 };
            let fresh = (word + SHINGLE).saturating_sub(stretch.end.max(word));
            stretch.words += between + fresh;
            stretch.end = stretch.end.max(word + SHINGLE);
            stretch.span.end = stretch.span.end.max(span.end);
            return;
        }
        let fresh = Stretch { end: word + SHINGLE, words: SHINGLE, span: span.clone() };
        if let Some(old) = self.open.insert(document, fresh) {
            self.close(document, old);
        }
        if self.open.len() > MOST_FOLLOWED {
            self.prune(word);
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Vec<Passage> {
        for (document, stretch) in std::mem::take(&mut self.open) {
            self.close(document, stretch);
        }
        self.done
    }

    fn close(&mut self, document: DocumentNumber, stretch: Stretch) {
        if stretch.words >= self.needed {
            let Stretch { words, span, .. } = stretch;
            self.done.push(Passage { document, span, words });
        }
    }

    /// Closes what cannot go on at `word`.
    fn prune(&mut self, word: usize) {
        let ended: Vec<DocumentNumber> = self
            .open
            .iter()
            .filter(|(_, stretch)| stretch.end + GAP < word)
            .map(|(document, _)| *document)
            .collect();
        for document in ended {
            if let Some(stretch) = self.open.remove(&document) {
                self.close(document, stretch);
            }
        }
    }
}
