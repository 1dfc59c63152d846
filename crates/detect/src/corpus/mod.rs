//! Documents that must not leave, known by fingerprints alone: nothing of their text is kept.
//!
//! ```text
//!  text ─ words ─ shingles ─ winnow ─▶ index ─▶ stretches of one document ─▶ DocumentHit
//!  rows ─ words ─ cells ──────────────▶ table ─▶ k of n columns of one row ─▶ DocumentHit
//! ```
//! A text that shares `Terms::words` normalised words in a row with a registered document is found
//! whatever its case, line breaks and punctuation, and mostly also where words were dropped. A
//! copy translated or rewritten is not found. Must not know files: the binary reads and writes them.
//! Reading order: `words`, `shingle`, `index`, `stretch`, `table`, `file`.

mod file;
mod index;
mod shingle;
mod stretch;
mod table;
mod words;

pub use file::CorpusFault;

use index::{DocumentNumber, Gathering, Index, MOST_DOCUMENTS};
use shingle::{Fingerprint, fingerprints};
use std::ops::Range;
use std::sync::Arc;
use stretch::Stretches;
use table::{Table, TableGathering};

/// When a shared passage is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// So many words in a row are always found. At least [`Terms::LEAST`].
    pub words: usize,
}

impl Terms {
    /// LIMIT: shorter passages are ordinary phrases.
    pub const LEAST: usize = 20;
}

impl Default for Terms {
    fn default() -> Self {
        Self { words: 50 }
    }
}

/// What a finding names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The id under which it was registered.
    pub id: Arc<str>,
    /// Its classification level.
    pub level: Arc<str>,
}

/// A passage of a registered document, or a row of a registered table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentHit {
    /// Of which document.
    pub document: Document,
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
    /// How many words of it are shared at least (cells, for a table).
    pub shared: usize,
}

/// All registered documents and tables.
#[derive(Debug)]
pub struct Corpus {
    terms: Terms,
    seed: u64,
    documents: Vec<Document>,
    index: Index,
    tables: Vec<Table>,
}

impl Corpus {
    /// Begins an empty one. The seed should be random: it makes hashes differ between corpora.
    pub fn builder(seed: u64, terms: Terms) -> CorpusBuilder {
        let terms = Terms { words: terms.words.max(Terms::LEAST) };
        let (documents, gathering, tables) = (Vec::new(), Gathering::default(), Vec::new());
        CorpusBuilder { terms, seed, documents, gathering, tables }
    }

    /// Goes on with a finished one.
    pub fn into_builder(self) -> CorpusBuilder {
        let Self { terms, seed, documents, index, tables } = self;
        CorpusBuilder { terms, seed, documents, gathering: Gathering::of(index), tables }
    }

    /// The registered documents and tables.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().chain(self.tables.iter().map(Table::document))
    }

    /// Passages of registered documents in a text, each document once for each passage.
    pub fn scan(&self, text: &str) -> Vec<DocumentHit> {
        let mut stretches = Stretches::new(self.terms);
        if !self.documents.is_empty() {
            let (mut prints, mut hashes) = (Vec::with_capacity(PRINTS), Vec::with_capacity(PRINTS));
            let mut look_up = |prints: &mut Vec<Fingerprint>, hashes: &mut Vec<u64>| {
                self.index.of_all(hashes, |at, number| {
                    if let Some(print) = prints.get(at) {
                        stretches.meet(number, print.word, &print.span);
                    }
                });
                prints.clear();
                hashes.clear();
            };
            fingerprints(text, self.seed, |print| {
                hashes.push(print.hash);
                prints.push(print);
                if prints.len() == PRINTS {
                    look_up(&mut prints, &mut hashes);
                }
            });
            look_up(&mut prints, &mut hashes);
        }
        let found = stretches.finish().into_iter().filter_map(|found| {
            let document = self.documents.get(found.document.0 as usize)?.clone();
            Some(DocumentHit { document, span: found.span, shared: found.words })
        });
        let mut hits: Vec<DocumentHit> = found.collect();
        for table in &self.tables {
            table.scan(text, self.seed, &mut hits);
        }
        hits.sort_by_key(|hit| (hit.span.start, hit.span.end));
        hits
    }
}

/// Fingerprints of a text that are looked up at a time.
const PRINTS: usize = 256;

/// A corpus in the making.
#[derive(Debug)]
pub struct CorpusBuilder {
    terms: Terms,
    seed: u64,
    documents: Vec<Document>,
    gathering: Gathering,
    tables: Vec<Table>,
}

impl CorpusBuilder {
    /// Registers a text; how many fingerprints it gave. None means that it is shorter than a shingle
    /// and cannot be found.
    ///
    /// # Errors
    /// [`CorpusFault::Full`] past 16,777,215 documents.
    pub fn document(&mut self, document: Document, text: &str) -> Result<usize, CorpusFault> {
        let number = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        if number >= MOST_DOCUMENTS {
            return Err(CorpusFault::Full);
        }
        self.documents.push(document);
        let mut kept = 0;
        fingerprints(text, self.seed, |print| {
            self.gathering.add(print.hash, DocumentNumber(number));
            kept += 1;
        });
        Ok(kept)
    }

    /// Registers the rows of a table: a text that holds `k` cells of one row is found.
    ///
    /// # Errors
    /// [`CorpusFault::Columns`] where `k` is 0 or more than a row has, [`CorpusFault::Full`] past
    /// 16,777,215 rows.
    pub fn table<'r>(
        &mut self,
        document: Document,
        k: usize,
        rows: impl Iterator<Item = Vec<&'r str>>,
    ) -> Result<usize, CorpusFault> {
        let mut gathering = TableGathering::new(document, k)?;
        for row in rows {
            gathering.row(&row, self.seed)?;
        }
        let table = gathering.finish()?;
        let rows = table.rows();
        self.tables.push(table);
        Ok(rows)
    }

    /// Takes out all that is registered under an id; how many documents and tables that was.
    pub fn remove(&mut self, id: &str) -> usize {
        let tables = self.tables.len();
        self.tables.retain(|table| *table.document().id != *id);
        if self.documents.iter().all(|document| *document.id != *id) {
            return tables - self.tables.len();
        }
        let before = self.documents.len() + tables;
        let mut next = 0;
        let numbers: Vec<Option<DocumentNumber>> = self
            .documents
            .iter()
            .map(|document| {
                let kept = (*document.id != *id).then_some(DocumentNumber(next));
                next += u32::from(kept.is_some());
                kept
            })
            .collect();
        self.documents.retain(|document| *document.id != *id);
        self.gathering.renumber(|old| numbers.get(old.0 as usize).copied().flatten());
        before - self.documents.len() - self.tables.len()
    }

    /// Sorts and closes it.
    pub fn finish(self) -> Corpus {
        let Self { terms, seed, documents, gathering, tables } = self;
        Corpus { terms, seed, documents, index: gathering.finish(), tables }
    }
}

#[cfg(test)]
mod tests;
