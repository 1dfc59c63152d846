//! Exact data match: rows of a registered table, of which a text holds `k` of `n` cells.
//!
//! A cell is the hash of its words. Cells that few rows share lead to a row; the row's other cells
//! are then looked for around that place. Next: `file`.

use super::file::CorpusFault;
use super::index::{DocumentNumber, Gathering, Index, MOST_DOCUMENTS};
use super::words::{Word, mix, words};
use super::{Document, DocumentHit};
use std::collections::{HashMap, HashSet};

/// LIMIT: words of a cell that are looked at; a longer cell is text, not a value.
const CELL_WORDS: usize = 6;
/// Words before and after a cell in which the rest of its row must stand.
const REACH: usize = 60;
/// Characters (letters and digits) below which a cell leads nowhere: it still counts beside others.
const TELLING: usize = 4;
/// LIMIT: rows that are looked at in one text.
const MOST_LEADS: usize = 10_000;
/// More rows than this share a cell: it leads nowhere.
const COMMON: u32 = 16;

/// A registered table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) document: Document,
    pub(super) k: usize,
    /// From a telling cell to its rows.
    pub(super) index: Index,
    /// The cells of each row, in short, in row order: `width` each; 0 for an empty cell.
    pub(super) cells: Vec<u32>,
    pub(super) width: usize,
    /// For each low half of a first word's hash: a bit for each length a telling cell can have.
    lengths: Vec<u8>,
}

/// A table in the making.
pub(super) struct TableGathering {
    document: Document,
    k: usize,
    telling: Vec<(u64, DocumentNumber, u16, u8)>,
    cells: Vec<u32>,
    width: usize,
    rows: u32,
}

impl TableGathering {
    pub(super) fn new(document: Document, k: usize) -> Result<Self, CorpusFault> {
        if k == 0 {
            return Err(CorpusFault::Columns);
        }
        Ok(Self { document, k, telling: Vec::new(), cells: Vec::new(), width: 0, rows: 0 })
    }

    pub(super) fn row(&mut self, row: &[&str], seed: u64) -> Result<(), CorpusFault> {
        if self.rows == 0 {
            self.width = row.len();
        }
        if self.rows >= MOST_DOCUMENTS {
            return Err(CorpusFault::Full);
        }
        let number = DocumentNumber(self.rows);
        for at in 0..self.width {
            let cell = row.get(at).copied().unwrap_or_default();
            let list: Vec<Word> = words(cell, seed).take(CELL_WORDS + 1).collect();
            let Some(first) = list.first().filter(|_| list.len() <= CELL_WORDS) else {
                self.cells.push(0);
                continue;
            };
            let hash = list.iter().fold(0, |sum, word| join(sum, word.hash));
            self.cells.push(short(hash));
            if cell.chars().filter(|c| c.is_alphanumeric()).count() >= TELLING {
                let length = u8::try_from(list.len()).unwrap_or(u8::MAX);
                self.telling.push((mix(hash), number, low(first.hash), length));
            }
        }
        self.rows += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Table, CorpusFault> {
        let Self { document, k, telling, cells, width, rows } = self;
        if rows > 0 && k > width {
            return Err(CorpusFault::Columns);
        }
        let mut shared: HashMap<u64, u32> = HashMap::new();
        for (hash, ..) in &telling {
            *shared.entry(*hash).or_default() += 1;
        }
        let mut gathering = Gathering::default();
        let mut lengths = vec![0_u8; 1 << 16];
        for (hash, number, first, length) in telling {
            if shared.get(&hash).is_some_and(|count| *count <= COMMON) {
                gathering.add(hash, number);
                if let Some(bits) = lengths.get_mut(usize::from(first)) {
                    *bits |= 1 << length;
                }
            }
        }
        Ok(Table { document, k, index: gathering.finish(), cells, width, lengths })
    }
}

impl Table {
    pub(super) fn from_parts(
        document: Document,
        k: usize,
        index: Index,
        cells: Vec<u32>,
        width: usize,
        lengths: Vec<u8>,
    ) -> Self {
        Self { document, k, index, cells, width, lengths }
    }

    pub(super) const fn document(&self) -> &Document {
        &self.document
    }
    pub(super) fn lengths(&self) -> &[u8] {
        &self.lengths
    }
    pub(super) fn rows(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// Adds the rows that a text holds, each once.
    pub(super) fn scan(&self, text: &str, seed: u64, hits: &mut Vec<DocumentHit>) {
        let list: Vec<Word> = words(text, seed).collect();
        let mut seen = HashSet::new();
        let mut leads = 0;
        for at in 0..list.len() {
            let Some(rest) = list.get(at..) else { return };
            let Some(first) = rest.first() else { return };
            let bits = self.lengths.get(usize::from(low(first.hash))).copied().unwrap_or(0);
            if bits == 0 {
                continue;
            }
            let mut hash = 0;
            for (length, word) in rest.iter().enumerate().take(CELL_WORDS) {
                hash = join(hash, word.hash);
                if bits >> (length + 1) & 1 == 0 {
                    continue;
                }
                for row in self.index.of(mix(hash)) {
                    leads += 1;
                    if leads > MOST_LEADS {
                        return;
                    }
                    if !seen.contains(&row)
                        && let Some(hit) = self.row_around(row, at, &list)
                    {
                        seen.insert(row);
                        hits.push(hit);
                    }
                }
            }
        }
    }

    /// The row, if enough of its cells stand around word number `at`.
    fn row_around(&self, row: DocumentNumber, at: usize, list: &[Word]) -> Option<DocumentHit> {
        let start = (row.0 as usize).checked_mul(self.width)?;
        let mut wanted: HashSet<u32> = self
            .cells
            .get(start..start + self.width)?
            .iter()
            .copied()
            .filter(|c| *c != 0)
            .collect();
        let near = list.get(at.saturating_sub(REACH)..list.len().min(at + REACH))?;
        let mut span: Option<std::ops::Range<usize>> = None;
        let mut shared = 0;
        for from in 0..near.len() {
            let mut hash = 0;
            for word in near.get(from..)?.iter().take(CELL_WORDS) {
                hash = join(hash, word.hash);
                if wanted.remove(&short(hash)) {
                    shared += 1;
                    let begins = near.get(from)?.span.start;
                    span = Some(match span {
                        None => begins..word.span.end,
                        Some(old) => old.start.min(begins)..old.end.max(word.span.end),
                    });
                }
            }
        }
        let span = span.filter(|_| shared >= self.k)?;
        Some(DocumentHit { document: self.document.clone(), span, shared })
    }
}

const fn join(sum: u64, word: u64) -> u64 {
    sum.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(word)
}

/// Never 0: that is an empty cell.
const fn short(hash: u64) -> u32 {
    let short = (mix(hash) >> 32) as u32;
    if short == 0 { 1 } else { short }
}

const fn low(hash: u64) -> u16 {
    hash as u16
}
