//! Fingerprints of all documents in one sorted array: eight bytes each, and a filter before it.
//!
//! An entry is the top 40 bits of a hash and 24 bits of document number. 1 GB of prose has about
//! 50 million fingerprints: 400 MB. A foreign shingle meets an entry by chance once in 20,000 times
//! then, and a finding needs about ten in a row of one document. Next: `mod`.

use std::ops::Range;

/// Fingerprints that are looked up together.
const BLOCK: usize = 64;

/// The number of a document in its corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct DocumentNumber(pub(super) u32);

/// LIMIT: documents in one corpus.
pub(super) const MOST_DOCUMENTS: u32 = (1 << NUMBER_BITS) - 1;
/// LIMIT: of the documents that share one fingerprint (boilerplate) so many are told apart.
pub(super) const MOST_SHARED: usize = 16;
const NUMBER_BITS: u32 = 24;

/// What is gathered before it is sorted.
#[derive(Debug, Default)]
pub(super) struct Gathering(Vec<u64>);

impl Gathering {
    pub(super) fn add(&mut self, hash: u64, document: DocumentNumber) {
        self.0.push(pack(hash, document));
    }

    /// What was gathered for an index, to go on with it.
    pub(super) fn of(index: Index) -> Self {
        Self(index.entries)
    }

    /// Gives documents other numbers; those without one are left out.
    pub(super) fn renumber(&mut self, number: impl Fn(DocumentNumber) -> Option<DocumentNumber>) {
        self.0.retain_mut(|entry| {
            let old = DocumentNumber((*entry & u64::from(MOST_DOCUMENTS)) as u32);
            let new = number(old);
            *entry = pack(*entry, new.unwrap_or(old));
            new.is_some()
        });
    }

    pub(super) fn finish(mut self) -> Index {
        self.0.sort_unstable();
        self.0.dedup();
        let mut run = (0, 0);
        self.0.retain(|entry| {
            let key = entry >> NUMBER_BITS;
            run = if run.0 == key { (key, run.1 + 1) } else { (key, 1) };
            run.1 <= MOST_SHARED
        });
        self.0.shrink_to_fit();
        Index::new(self.0)
    }
}

/// The sorted array and where each prefix begins in it.
#[derive(Debug)]
pub(super) struct Index {
    entries: Vec<u64>,
    /// For each value of the top bits, the first entry that is not smaller; one more at the end.
    starts: Vec<u32>,
    shift: u32,
    filter: Filter,
}

/// One bit for each key, in eight times as many: most foreign hashes end here, at the price of one
/// cache miss in a small table instead of several in large ones.
#[derive(Debug)]
struct Filter {
    bits: Vec<u64>,
    mask: u64,
}

impl Filter {
    fn of(entries: &[u64]) -> Self {
        let size = (entries.len().max(8) * 8).next_power_of_two();
        let mask = size as u64 - 1;
        let mut filter = Self { bits: vec![0; size / 64], mask };
        for entry in entries {
            let (word, bit) = filter.place(*entry);
            if let Some(word) = filter.bits.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        filter
    }

    /// By bits of the key alone, and not by those that sort it: these differ least among neighbours.
    fn place(&self, hash: u64) -> (usize, u32) {
        let key = hash >> NUMBER_BITS & self.mask;
        ((key / 64) as usize, (key % 64) as u32)
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.bits.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }
}

impl Index {
    /// From entries that are sorted already.
    fn new(entries: Vec<u64>) -> Self {
        // About four entries a prefix.
        let bits = (usize::BITS - (entries.len() / 4).leading_zeros()).clamp(1, 24);
        let shift = u64::BITS - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0_usize;
        for prefix in 0..(1_u64 << bits) {
            while entries.get(at).is_some_and(|entry| entry >> shift < prefix) {
                at += 1;
            }
            starts.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        starts.push(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        let filter = Filter::of(&entries);
        Self { entries, starts, shift, filter }
    }

    /// The documents that have a fingerprint.
    pub(super) fn of(&self, hash: u64) -> impl Iterator<Item = DocumentNumber> {
        let bounds = if self.filter.may_hold(hash) { self.bounds(hash) } else { 0..0 };
        self.within(bounds, hash)
    }

    /// The documents that have each of several fingerprints, told with the place of that in the list.
    ///
    /// Each step is done for all of them before the next: their cache misses wait for one another
    /// no more.
    pub(super) fn of_all(&self, hashes: &[u64], mut tell: impl FnMut(usize, DocumentNumber)) {
        for (block, hashes) in hashes.chunks(BLOCK).enumerate() {
            let mut known = [false; BLOCK];
            for (known, hash) in known.iter_mut().zip(hashes) {
                *known = self.filter.may_hold(*hash);
            }
            let mut found: [(usize, Range<usize>); BLOCK] = [const { (0, 0..0) }; BLOCK];
            let mut count = 0;
            for (at, (hash, _)) in hashes.iter().zip(known).enumerate().filter(|(_, (_, k))| *k) {
                if let Some(place) = found.get_mut(count) {
                    *place = (at, self.bounds(*hash));
                    count += 1;
                }
            }
            for (at, bounds) in found.into_iter().take(count) {
                let Some(hash) = hashes.get(at) else { continue };
                self.within(bounds, *hash).for_each(|number| tell(block * BLOCK + at, number));
            }
        }
    }

    /// Where the entries stand that begin as a hash does.
    fn bounds(&self, hash: u64) -> Range<usize> {
        let prefix = usize::try_from(hash >> self.shift).unwrap_or(usize::MAX);
        let bound = |at: usize| self.starts.get(at).map_or(0, |start| *start as usize);
        bound(prefix)..bound(prefix.saturating_add(1))
    }

    fn within(&self, bounds: Range<usize>, hash: u64) -> impl Iterator<Item = DocumentNumber> {
        let key = hash >> NUMBER_BITS;
        self.entries
            .get(bounds)
            .unwrap_or_default()
            .iter()
            .filter(move |entry| **entry >> NUMBER_BITS == key)
            .map(|entry| DocumentNumber((entry & u64::from(MOST_DOCUMENTS)) as u32))
    }

    pub(super) fn entries(&self) -> &[u64] {
        &self.entries
    }

    /// From what [`Index::entries`] gave; `None` where they are not sorted or name a document past
    /// `documents`.
    pub(super) fn from_entries(entries: Vec<u64>, documents: usize) -> Option<Self> {
        let known = |entry: &u64| ((entry & u64::from(MOST_DOCUMENTS)) as usize) < documents;
        (entries.is_sorted() && entries.iter().all(known)).then(|| Self::new(entries))
    }
}

const fn pack(hash: u64, document: DocumentNumber) -> u64 {
    (hash >> NUMBER_BITS << NUMBER_BITS) | (document.0 & MOST_DOCUMENTS) as u64
}

#[cfg(test)]
mod tests {
    use super::super::words::mix;
    use super::*;

    #[test]
    fn all_that_was_added_is_found_and_nothing_else() {
        let mut gathering = Gathering::default();
        for n in 0..5_000_u32 {
            gathering.add(mix(u64::from(n)), DocumentNumber(n % 7));
        }
        let index = gathering.finish();
        for n in 0..5_000_u32 {
            let found: Vec<_> = index.of(mix(u64::from(n))).collect();
            assert_eq!(found, [DocumentNumber(n % 7)], "{n}");
        }
        assert_eq!((5_000..50_000_u64).filter(|n| index.of(mix(*n)).next().is_some()).count(), 0);
        let hashes: Vec<u64> = (4_900..5_100).map(mix).collect();
        let mut told = Vec::new();
        index.of_all(&hashes, |at, number| told.push((at, number)));
        let wanted: Vec<_> =
            (0..100).map(|at| (at, DocumentNumber((4_900 + at as u32) % 7))).collect();
        assert_eq!(told, wanted);
    }

    #[test]
    fn boilerplate_is_bounded() {
        let mut gathering = Gathering::default();
        (0..100).for_each(|n| gathering.add(mix(1), DocumentNumber(n)));
        assert_eq!(gathering.finish().of(mix(1)).count(), MOST_SHARED);
    }

    #[test]
    fn an_empty_index_answers() {
        assert_eq!(Gathering::default().finish().of(5).count(), 0);
    }
}
