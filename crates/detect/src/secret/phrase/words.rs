//! The word lists, embedded, and which of them know a word. Built when first needed.
//!
//! BIP-39's ten lists and Monero's (licences in `packs/words/ATTRIBUTION.md`): one word a line,
//! the line is its number.
//! Words are known in any case; English BIP-39 words also by their first four letters, which are
//! unique; Spanish and French ones also without accents. Next: `bip39`.

use std::sync::OnceLock;

/// How a list's words carry a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// 2,048 words, eleven bits each: BIP-39, Polyseed, Electrum.
    Bip39,
    /// 1,626 words, with a checksum over their first letters.
    Monero {
        /// How many letters tell a word from all others.
        prefix: usize,
    },
}

/// One word list.
#[derive(Debug)]
pub(super) struct List {
    pub(super) scheme: Scheme,
    pub(super) english: bool,
    words: Vec<&'static str>,
}

impl List {
    /// The word of a number.
    pub(super) fn word(&self, index: u16) -> &'static str {
        self.words.get(usize::from(index)).copied().unwrap_or_default()
    }
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) list: u8,
    pub(super) index: u16,
}

/// All lists, with one index over them: every spelling by its hash, sorted, which takes a tenth of
/// the memory of a table of texts. Nobody gains by a word that hashes like one of a list.
#[derive(Debug)]
pub(super) struct Lists {
    all: Vec<List>,
    hashes: Vec<u64>,
    /// Of each hash.
    places: Vec<Place>,
    /// Where hashes with these highest bits begin, and one end more.
    starts: Vec<u32>,
    /// A bit for the highest bits of each hash: most words of a text are in no list.
    known: Vec<u64>,
}

/// Highest bits of a hash that choose where to look.
const BITS: u32 = 12;
/// Highest bits of a hash that choose a bit of `known`: 64 KiB, of which one bit in twelve is set.
const KNOWN: u32 = 19;

/// Where the bit of a hash stands in `known`.
fn known_at(hash: u64) -> (usize, u32) {
    let bit = hash >> (64 - KNOWN);
    (usize::try_from(bit / 64).unwrap_or(usize::MAX), u32::try_from(bit % 64).unwrap_or(0))
}

/// Eight bytes at a time, spread to the highest bits: most words are of one step.
fn hash(word: &str) -> u64 {
    let (eights, rest) = word.as_bytes().as_chunks::<8>();
    let rest = rest.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
    let length = word.len() as u64;
    let step =
        |sum: u64, next: u64| (sum ^ next).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    let sum = eights.iter().fold(length, |sum, eight| step(sum, u64::from_le_bytes(*eight)));
    step(sum, rest).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl Lists {
    pub(super) fn all(&self) -> &[List] {
        &self.all
    }
    /// Where a word stands, in whatever case it is written.
    pub(super) fn places(&self, word: &str) -> &[Place] {
        let hash = if word.bytes().all(|b| b.is_ascii_lowercase()) {
            hash(word)
        } else {
            hash(&word.to_lowercase())
        };
        let (word, bit) = known_at(hash);
        if self.known.get(word).is_none_or(|known| known >> bit & 1 == 0) {
            return &[];
        }
        let bucket = usize::try_from(hash >> (64 - BITS)).unwrap_or(usize::MAX - 1);
        let start = |bucket: usize| self.starts.get(bucket).map_or(0, |start| *start as usize);
        let range = start(bucket)..start(bucket + 1);
        let near = self.hashes.get(range.clone()).unwrap_or_default();
        let same = near.iter().position(|known| *known == hash);
        let Some(first) = same.map(|first| range.start + first) else { return &[] };
        let same = self.hashes.iter().skip(first).take_while(|known| **known == hash).count();
        self.places.get(first..first + same).unwrap_or_default()
    }
}

macro_rules! sources {
    ($($scheme:expr => [$($file:literal)*],)*) => {
        &[$($(($scheme, $file, include_str!(concat!("../../../packs/words/", $file, ".txt"))),)*)*]
    };
}

/// Scheme, name and text of every list.
const SOURCES: &[(Scheme, &str, &str)] = sources![
    Scheme::Bip39 => [
        "bip39-english" "bip39-spanish" "bip39-french" "bip39-italian" "bip39-portuguese"
        "bip39-czech" "bip39-japanese" "bip39-korean" "bip39-chinese-simplified"
        "bip39-chinese-traditional"
    ],
    Scheme::Monero { prefix: 3 } => ["monero-english"],
    Scheme::Monero { prefix: 4 } => [
        "monero-spanish" "monero-german" "monero-french" "monero-italian" "monero-portuguese"
        "monero-dutch" "monero-russian"
    ],
    Scheme::Monero { prefix: 3 } => ["monero-japanese"],
    Scheme::Monero { prefix: 1 } => ["monero-chinese-simplified"],
];

/// The lists, built on first use.
pub(super) fn lists() -> &'static Lists {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    LISTS.get_or_init(|| {
        let (mut all, mut spelt) = (Vec::new(), Vec::new());
        for (list, (scheme, name, text)) in (0..).zip(SOURCES) {
            let words: Vec<&'static str> = text.lines().collect();
            let english = name.ends_with("english");
            for (index, word) in (0..).zip(&words) {
                let place = Place { list, index };
                for spelling in spellings(word, *scheme, english) {
                    spelt.push((hash(&spelling), place));
                }
            }
            all.push(List { scheme: *scheme, english, words });
        }
        spelt.sort_unstable();
        spelt.dedup();
        let starts = (0..=1_u64 << BITS).map(|bucket| {
            let before = |(hash, _): &(u64, Place)| hash >> (64 - BITS) < bucket;
            u32::try_from(spelt.partition_point(before)).unwrap_or(u32::MAX)
        });
        let starts = starts.collect();
        let mut known = vec![0; 1 << (KNOWN - 6)];
        for (hash, _) in &spelt {
            let (word, bit) = known_at(*hash);
            if let Some(known) = known.get_mut(word) {
                *known |= 1 << bit;
            }
        }
        let (hashes, places) = spelt.into_iter().unzip();
        Lists { all, hashes, places, starts, known }
    })
}

fn spellings(word: &str, scheme: Scheme, english: bool) -> Vec<String> {
    let lower = word.to_lowercase();
    let mut spellings = vec![plain(&lower), lower.clone()];
    if english && scheme == Scheme::Bip39 {
        spellings.extend(lower.get(..4).map(str::to_owned));
    }
    spellings
}

/// Without the accents of the Latin lists.
fn plain(word: &str) -> String {
    word.chars()
        .map(|c| match c {
            'à' | 'á' | 'â' | 'ä' => 'a',
            'ç' => 'c',
            'è' | 'é' | 'ê' | 'ë' => 'e',
            'í' | 'î' | 'ï' => 'i',
            'ñ' => 'n',
            'ó' | 'ô' | 'ö' => 'o',
            'ú' | 'û' | 'ü' => 'u',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_whole() {
        for list in lists().all() {
            let words = match list.scheme {
                Scheme::Bip39 => 2048,
                Scheme::Monero { .. } => 1626,
            };
            assert_eq!(list.words.len(), words);
        }
        let places = lists().places("ABANDON");
        assert!(places.contains(&Place { list: 0, index: 0 }));
        assert_eq!(lists().places("zoo"), lists().places("Zoo"));
        assert!(lists().places("aban").contains(&Place { list: 0, index: 0 }));
        assert!(lists().places("backstop").is_empty());
    }
}
