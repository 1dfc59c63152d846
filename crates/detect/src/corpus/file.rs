//! A corpus as bytes and back. Next: back to `mod`.
//!
//! Layout, little-endian: `BSCORPUS`, version, seed, words; documents; fingerprints; tables; the
//! hash of all that stands before it (against damage, not against forgery).

use super::index::Index;
use super::table::Table;
use super::words::Hash;
use super::{Corpus, Document, Terms};
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
}

const MAGIC: &[u8; 8] = b"BSCORPUS";
const VERSION: u32 = 1;

impl Corpus {
    /// As bytes, for [`Corpus::decode`].
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.index.entries().len() * 8 + 1_024);
        out.extend_from_slice(MAGIC);
        put(&mut out, u64::from(VERSION));
        put(&mut out, self.seed);
        put(&mut out, self.terms.words as u64);
        put(&mut out, self.documents.len() as u64);
        self.documents.iter().for_each(|document| put_document(&mut out, document));
        put_list(&mut out, self.index.entries());
        put(&mut out, self.tables.len() as u64);
        for table in &self.tables {
            put_document(&mut out, table.document());
            put(&mut out, table.k as u64);
            put(&mut out, table.width as u64);
            put_list(&mut out, table.index.entries());
            put(&mut out, table.cells.len() as u64);
            table.cells.iter().for_each(|cell| out.extend_from_slice(&cell.to_le_bytes()));
            out.extend_from_slice(table.lengths());
        }
        let sum = checksum(&out);
        put(&mut out, sum);
        out
    }

    /// From the bytes of [`Corpus::encode`].
    ///
    /// # Errors
    /// [`CorpusFault::Foreign`] where it is none, [`CorpusFault::Damaged`] where its sum or its
    /// structure is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, CorpusFault> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(CorpusFault::Foreign)?;
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(CorpusFault::Damaged)?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(CorpusFault::Damaged);
        }
        let mut reader = Reader(rest.get(..rest.len().saturating_sub(8)).unwrap_or_default());
        if reader.number()? != u64::from(VERSION) {
            return Err(CorpusFault::Foreign);
        }
        let seed = reader.number()?;
        let words = reader.count(usize::MAX)?;
        let count = reader.count(reader.0.len())?;
        let documents = (0..count).map(|_| reader.document()).collect::<Result<Vec<_>, _>>()?;
        let index =
            Index::from_entries(reader.list()?, documents.len()).ok_or(CorpusFault::Damaged)?;
        let tables = (0..reader.count(reader.0.len())?)
            .map(|_| reader.table())
            .collect::<Result<Vec<_>, _>>()?;
        if !reader.0.is_empty() {
            return Err(CorpusFault::Damaged);
        }
        Ok(Self { terms: Terms { words: words.max(Terms::LEAST) }, seed, documents, index, tables })
    }
}

fn put(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_list(out: &mut Vec<u8>, list: &[u64]) {
    put(out, list.len() as u64);
    list.iter().for_each(|entry| put(out, *entry));
}

fn put_document(out: &mut Vec<u8>, document: &Document) {
    for text in [&document.id, &document.level] {
        put(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Hash::new(0);
    bytes.iter().for_each(|byte| hash.byte(*byte));
    hash.finish()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], CorpusFault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CorpusFault::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }
    fn number(&mut self) -> Result<u64, CorpusFault> {
        let (number, rest) = self.0.split_first_chunk::<8>().ok_or(CorpusFault::Damaged)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }
    /// A count of things of which there can be no more than `most`.
    fn count(&mut self, most: usize) -> Result<usize, CorpusFault> {
        usize::try_from(self.number()?).ok().filter(|n| *n <= most).ok_or(CorpusFault::Damaged)
    }
    fn list(&mut self) -> Result<Vec<u64>, CorpusFault> {
        let count = self.count(self.0.len() / 8)?;
        let bytes = self.take(count * 8)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect())
    }
    fn text(&mut self) -> Result<Arc<str>, CorpusFault> {
        let length = self.count(self.0.len())?;
        std::str::from_utf8(self.take(length)?).map(Arc::from).map_err(|_| CorpusFault::Damaged)
    }
    fn document(&mut self) -> Result<Document, CorpusFault> {
        Ok(Document { id: self.text()?, level: self.text()? })
    }
    fn table(&mut self) -> Result<Table, CorpusFault> {
        let document = self.document()?;
        let k = self.count(usize::MAX)?;
        let width = self.count(usize::MAX)?;
        let entries = self.list()?;
        let count = self.count(self.0.len() / 4)?;
        let bytes = self.take(count * 4)?;
        let cells: Vec<u32> =
            bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
        let lengths = self.take(1 << 16)?.to_vec();
        let rows = count.checked_div(width).unwrap_or(0);
        let index = Index::from_entries(entries, rows).ok_or(CorpusFault::Damaged)?;
        Ok(Table::from_parts(document, k, index, cells, width, lengths))
    }
}
