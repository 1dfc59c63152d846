//! The word lists, embedded, and which of them know a word. Built when first needed.
//!
//! BIP-39's ten lists and Monero's (licences in `packs/words/ATTRIBUTION.md`): one word a line,
//! the line is its number.
//! Words are known in any case; English BIP-39 words also by their first four letters, which are
//! unique; Spanish and French ones also without accents. Next: `bip39`.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) list: u8,
    pub(super) index: u16,
}

/// All lists, with one index over them.
#[derive(Debug)]
pub(super) struct Lists {
    all: Vec<List>,
    places: HashMap<Box<str>, Vec<Place>, BuildHasherDefault<Fnv>>,
}

/// FNV-1a: short words of a fixed dictionary need no better, and prose is looked up in it.
#[derive(Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

impl Lists {
    pub(super) fn all(&self) -> &[List] {
        &self.all
    }
    /// Where a word stands, in whatever case it is written.
    pub(super) fn places(&self, word: &str) -> &[Place] {
        let found = if word.bytes().all(|b| b.is_ascii_lowercase()) {
            self.places.get(word)
        } else {
            self.places.get(word.to_lowercase().as_str())
        };
        found.map(Vec::as_slice).unwrap_or_default()
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
        let mut lists = Lists { all: Vec::new(), places: HashMap::default() };
        for (list, (scheme, name, text)) in (0..).zip(SOURCES) {
            let words: Vec<&'static str> = text.lines().collect();
            let english = name.ends_with("english");
            for (index, word) in (0..).zip(&words) {
                let place = Place { list, index };
                for spelling in spellings(word, *scheme, english) {
                    let places = lists.places.entry(spelling.into()).or_default();
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
            }
            lists.all.push(List { scheme: *scheme, english, words });
        }
        lists
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
