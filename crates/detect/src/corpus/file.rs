//! A corpus as bytes and back, by a reader and a writer that are given. Next: back to `mod`.
//!
//! Layout, little-endian: `BSCORPUS`, version, seed, words; documents; fingerprints; tables; the
//! hash of all that stands before it (against damage, not against forgery).

use super::index::Index;
use super::table::Table;
use super::words::Hash;
use super::{Corpus, Document, Terms};
use std::io::{self, Read, Write};
use std::sync::Arc;
use thiserror::Error;

/// Why a corpus cannot be made or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CorpusFault {
    /// Too many documents or rows.
    #[error("a corpus holds at most 16,777,215 documents, and a table as many rows")]
    Full,
    /// `k` of `n` columns makes no sense.
    #[error("of a row's n cells at least one and at most n must match")]
    Columns,
    /// It is no corpus file, or one of another version.
    #[error("this is no corpus of this version")]
    Foreign,
    /// It is cut short or damaged.
    #[error("the corpus is damaged")]
    Damaged,
    /// It cannot be read.
    #[error("the corpus cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

impl From<io::Error> for CorpusFault {
    fn from(fault: io::Error) -> Self {
        let kind = fault.kind();
        if kind == io::ErrorKind::UnexpectedEof { Self::Damaged } else { Self::Unreadable(kind) }
    }
}

const MAGIC: &[u8; 8] = b"BSCORPUS";
const VERSION: u32 = 1;

impl Corpus {
    /// Writes it for [`Corpus::read`], a piece at a time: nothing is held twice.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut out = Sealing { out, sum: Hash::new(0) };
        out.bytes(MAGIC)?;
        out.number(u64::from(VERSION))?;
        out.number(self.seed)?;
        out.number(self.terms.words as u64)?;
        out.number(self.documents.len() as u64)?;
        for document in &self.documents {
            out.document(document)?;
        }
        out.list(self.index.entries())?;
        out.number(self.tables.len() as u64)?;
        for table in &self.tables {
            out.document(table.document())?;
            out.number(table.k as u64)?;
            out.number(table.width as u64)?;
            out.list(table.index.entries())?;
            out.number(table.cells.len() as u64)?;
            for cell in &table.cells {
                out.bytes(&cell.to_le_bytes())?;
            }
            out.bytes(table.lengths())?;
        }
        let sum = out.sum.finish();
        out.number(sum)?;
        out.out.flush()
    }

    /// From what [`Corpus::write`] wrote.
    ///
    /// # Errors
    /// [`CorpusFault::Foreign`] where it is none, [`CorpusFault::Damaged`] where its sum or its
    /// structure is wrong, [`CorpusFault::Unreadable`] where it cannot be read.
    pub fn read(input: impl Read) -> Result<Self, CorpusFault> {
        let mut input = Opening { input, sum: Hash::new(0) };
        if input.chunk::<8>().map_err(|_| CorpusFault::Foreign)? != *MAGIC
            || input.number()? != u64::from(VERSION)
        {
            return Err(CorpusFault::Foreign);
        }
        let seed = input.number()?;
        let words = input.count()?;
        let documents = input.many(Opening::document)?;
        let entries = input.list(u64::from_le_bytes)?;
        let index = Index::from_entries(entries, documents.len()).ok_or(CorpusFault::Damaged)?;
        let tables = input.many(Opening::table)?;
        let sum = input.sum.finish();
        if input.number()? != sum || input.input.read(&mut [0])? != 0 {
            return Err(CorpusFault::Damaged);
        }
        Ok(Self { terms: Terms { words: words.max(Terms::LEAST) }, seed, documents, index, tables })
    }
}

/// Writes, and sums up what it writes.
struct Sealing<W> {
    out: W,
    sum: Hash,
}

impl<W: Write> Sealing<W> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.iter().for_each(|byte| self.sum.byte(*byte));
        self.out.write_all(bytes)
    }
    fn number(&mut self, number: u64) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }
    fn list(&mut self, list: &[u64]) -> io::Result<()> {
        self.number(list.len() as u64)?;
        list.iter().try_for_each(|entry| self.number(*entry))
    }
    fn document(&mut self, document: &Document) -> io::Result<()> {
        [&document.id, &document.level].into_iter().try_for_each(|text| {
            self.number(text.len() as u64)?;
            self.bytes(text.as_bytes())
        })
    }
}

/// Reads, and sums up what it reads. No count is believed: room is made for what has come.
struct Opening<R> {
    input: R,
    sum: Hash,
}

/// Bytes that are read at once.
const STEP: usize = 64 << 10;

impl<R: Read> Opening<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CorpusFault> {
        self.input.read_exact(bytes)?;
        bytes.iter().for_each(|byte| self.sum.byte(*byte));
        Ok(())
    }
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], CorpusFault> {
        let mut chunk = [0; N];
        self.fill(&mut chunk)?;
        Ok(chunk)
    }
    fn number(&mut self) -> Result<u64, CorpusFault> {
        self.chunk().map(u64::from_le_bytes)
    }
    fn count(&mut self) -> Result<usize, CorpusFault> {
        usize::try_from(self.number()?).map_err(|_| CorpusFault::Damaged)
    }
    fn many<T>(
        &mut self,
        one: impl Fn(&mut Self) -> Result<T, CorpusFault>,
    ) -> Result<Vec<T>, CorpusFault> {
        let count = self.count()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(one(self)?);
        }
        Ok(list)
    }
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, CorpusFault> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let from = bytes.len();
            bytes.resize(count.min(from.saturating_add(STEP)), 0);
            self.fill(bytes.get_mut(from..).unwrap_or_default())?;
        }
        Ok(bytes)
    }
    fn list<T, const N: usize>(
        &mut self,
        from: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, CorpusFault> {
        let mut left = self.count()?;
        let mut list = Vec::new();
        while left > 0 {
            let step = left.min(STEP / N);
            let bytes = self.bytes(step * N)?;
            list.extend(bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)));
            left -= step;
        }
        Ok(list)
    }
    fn text(&mut self) -> Result<Arc<str>, CorpusFault> {
        let length = self.count()?;
        let text = String::from_utf8(self.bytes(length)?);
        text.map(Arc::from).map_err(|_| CorpusFault::Damaged)
    }
    fn document(&mut self) -> Result<Document, CorpusFault> {
        Ok(Document { id: self.text()?, level: self.text()? })
    }
    fn table(&mut self) -> Result<Table, CorpusFault> {
        let document = self.document()?;
        let k = self.count()?;
        let width = self.count()?;
        let entries = self.list(u64::from_le_bytes)?;
        let cells = self.list(u32::from_le_bytes)?;
        let lengths = self.bytes(1 << 16)?;
        let rows = cells.len().checked_div(width).unwrap_or(0);
        let index = Index::from_entries(entries, rows).ok_or(CorpusFault::Damaged)?;
        Ok(Table::from_parts(document, k, index, cells, width, lengths))
    }
}
