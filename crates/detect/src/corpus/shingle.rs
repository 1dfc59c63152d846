//! Winnowed shingles: few fingerprints of a text, of which any long enough shared run keeps some.
//!
//! A shingle is the hash of [`SHINGLE`] words in a row; of each [`WINDOW`] shingles the smallest is
//! kept. Two texts that share `SHINGLE + WINDOW - 1` words in a row share a kept fingerprint
//! (Schleimer, Wilkerson, Aiken: "Winnowing", SIGMOD 2003, §3). Next: `index`.

use super::words::{Word, mix, words};
use std::collections::VecDeque;
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
    let mut recent: VecDeque<Word> = VecDeque::with_capacity(SHINGLE);
    // Rising hashes; the front is the smallest of the window. Of equal ones the last stays.
    let mut window: VecDeque<Fingerprint> = VecDeque::with_capacity(WINDOW);
    let mut kept = None;
    let mut count = 0_usize;
    for word in words(text, seed) {
        count += 1;
        if recent.len() == SHINGLE {
            recent.pop_front();
        }
        recent.push_back(word);
        let (Some(first), Some(last)) = (recent.front(), recent.back()) else { continue };
        if recent.len() < SHINGLE {
            continue;
        }
        let hash =
            recent.iter().fold(seed, |sum, word| sum.wrapping_mul(BASE).wrapping_add(word.hash));
        let number = count - SHINGLE;
        let print =
            Fingerprint { hash: mix(hash), word: number, span: first.span.start..last.span.end };
        while window.back().is_some_and(|back| back.hash >= print.hash) {
            window.pop_back();
        }
        window.push_back(print);
        while window.front().is_some_and(|front| front.word + WINDOW <= number) {
            window.pop_front();
        }
        if number + 1 >= WINDOW
            && let Some(least) = window.front()
            && kept != Some(least.word)
        {
            kept = Some(least.word);
            keep(least.clone());
        }
    }
    // A text too short for one window still has its smallest shingle.
    if kept.is_none()
        && let Some(least) = window.pop_front()
    {
        keep(least);
    }
    count
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

    #[test]
    fn few_shingles_are_kept() {
        let kept = prints(&text(0..10_000)).len();
        assert!((2_000..4_000).contains(&kept), "{kept} of 10,000");
    }
}
