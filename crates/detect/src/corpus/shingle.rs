//! Winnowed shingles: few fingerprints of a text, of which any long enough shared run keeps some.
//!
//! A shingle is the hash of [`SHINGLE`] words in a row; of each [`WINDOW`] shingles the smallest is
//! kept. Two texts that share `SHINGLE + WINDOW - 1` words in a row share a kept fingerprint
//! (Schleimer, Wilkerson, Aiken: "Winnowing", SIGMOD 2003, §3). Next: `index`.

use super::words::{Word, mix, words};
use std::ops::Range;

/// Words in one shingle.
pub(super) const SHINGLE: usize = 5;
/// Shingles of which one is kept.
pub(super) const WINDOW: usize = 6;

/// A kept shingle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) hash: u64,
    /// The number of its first word.
    pub(super) word: usize,
    /// Where it stands in the text, in bytes.
    pub(super) span: Range<usize>,
}

/// Gives each fingerprint of a text to `keep`, in order; the number of words.
pub(super) fn fingerprints(text: &str, seed: u64, mut keep: impl FnMut(Fingerprint)) -> usize {
    let mut recent = Recent::default();
    let start = seed.wrapping_mul(BASE.wrapping_pow(SHINGLE as u32));
    let mut kept = None;
    let mut count = 0_usize;
    // Rolls on from word to word: the last `SHINGLE` words alone are in it.
    let mut sum = 0_u64;
    for word in words(text, seed) {
        let left = count.checked_sub(SHINGLE).map_or(0, |number| recent.word(number).hash);
        sum = sum
            .wrapping_mul(BASE)
            .wrapping_add(word.hash)
            .wrapping_sub(left.wrapping_mul(BASE.wrapping_pow(SHINGLE as u32)));
        recent.put(count, word);
        count += 1;
        let Some(number) = count.checked_sub(SHINGLE) else { continue };
        recent.hash(number, mix(sum.wrapping_add(start)));
        if number + 1 >= WINDOW {
            let least = recent.least(number + 1 - WINDOW, number);
            if kept != Some(least) {
                kept = Some(least);
                keep(recent.print(least));
            }
        }
    }
    // A text too short for one window still has its smallest shingle.
    if kept.is_none()
        && let Some(last) = count.checked_sub(SHINGLE)
    {
        keep(recent.print(recent.least(0, last)));
    }
    count
}

/// The last words and the hashes of the last shingles, by the low bits of their numbers: as many as
/// one window with the words of its shingles has, and more.
#[derive(Default)]
struct Recent {
    words: [Word; KEPT],
    hashes: [u64; KEPT],
}

const KEPT: usize = 16;
const _: () = assert!(SHINGLE + WINDOW <= KEPT && KEPT.is_power_of_two());

impl Recent {
    fn put(&mut self, number: usize, word: Word) {
        if let Some(place) = self.words.get_mut(number % KEPT) {
            *place = word;
        }
    }
    fn hash(&mut self, number: usize, hash: u64) {
        if let Some(place) = self.hashes.get_mut(number % KEPT) {
            *place = hash;
        }
    }
    fn word(&self, number: usize) -> Word {
        self.words.get(number % KEPT).cloned().unwrap_or_default()
    }
    fn hash_of(&self, number: usize) -> u64 {
        self.hashes.get(number % KEPT).copied().unwrap_or_default()
    }
    /// The number of the smallest hash; of equal ones the last.
    fn least(&self, first: usize, last: usize) -> usize {
        let mut least = (self.hash_of(first), first);
        for number in first + 1..=last {
            let hash = self.hash_of(number);
            if hash <= least.0 {
                least = (hash, number);
            }
        }
        least.1
    }
    fn print(&self, number: usize) -> Fingerprint {
        let span = self.word(number).span.start..self.word(number + SHINGLE - 1).span.end;
        Fingerprint { hash: self.hash_of(number), word: number, span }
    }
}

/// Odd, so that no word is lost in the product (Knuth's multiplier for 64 bits).
const BASE: u64 = 6_364_136_223_846_793_005;

#[cfg(test)]
mod tests {
    use super::*;

    fn prints(text: &str) -> Vec<u64> {
        let mut list = Vec::new();
        fingerprints(text, 3, |print| list.push(print.hash));
        list
    }

    fn text(range: Range<u32>) -> String {
        range.map(|n| format!("w{} ", n.wrapping_mul(2_654_435_761))).collect()
    }

    #[test]
    fn every_shared_run_of_the_guaranteed_length_shares_a_fingerprint() {
        let document = prints(&text(0..400));
        let length = u32::try_from(SHINGLE + WINDOW - 1).unwrap();
        for start in 0..(400 - length) {
            let copy = format!("other words before {} and some after", text(start..start + length));
            assert!(prints(&copy).iter().any(|hash| document.contains(hash)), "from {start}");
        }
    }

    /// As the paper says it, without anything that is carried on from word to word.
    fn by_definition(text: &str, seed: u64) -> Vec<Fingerprint> {
        let list: Vec<Word> = words(text, seed).collect();
        let all: Vec<Fingerprint> = list
            .windows(SHINGLE)
            .enumerate()
            .map(|(word, list)| {
                let sum = list.iter().fold(seed, |s, w| s.wrapping_mul(BASE).wrapping_add(w.hash));
                let span = list[0].span.start..list[SHINGLE - 1].span.end;
                Fingerprint { hash: mix(sum), word, span }
            })
            .collect();
        let mut kept: Vec<Fingerprint> = Vec::new();
        for window in all.windows(WINDOW.min(all.len()).max(1)) {
            let least = window.iter().rev().min_by_key(|print| print.hash).unwrap();
            if kept.last() != Some(least) {
                kept.push(least.clone());
            }
        }
        kept
    }

    #[test]
    fn what_rolls_on_gives_what_the_definition_says() {
        let common: String = (0..900_u32).map(|n| format!("w{} ", n.wrapping_mul(n) % 7)).collect();
        for text in [
            "",
            "one",
            "a b c d",
            "a b c d e",
            "a b c d e f g h",
            "東京 は a-b",
            &common,
            &text(0..500),
        ] {
            for seed in [0, 3, u64::MAX] {
                let mut list = Vec::new();
                let count = fingerprints(text, seed, |print| list.push(print));
                assert_eq!(list, by_definition(text, seed), "{text:.40}");
                assert_eq!(count, words(text, seed).count());
            }
        }
        assert_eq!(by_definition(&"a ".repeat(40), 1).len(), 31);
    }

    #[test]
    fn few_shingles_are_kept() {
        let kept = prints(&text(0..10_000)).len();
        assert!((2_000..4_000).contains(&kept), "{kept} of 10,000");
    }
}
