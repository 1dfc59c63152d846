//! Words in a row, fast: the one part of the phrase search that sees every text.
//!
//! A word here is a run of letters of a length that some list has; whatever stands between words
//! (blanks, commas, quotes, numbering, line ends) parts them, up to `GAP` bytes. Bytes of other
//! scripts count as letters, save for the general punctuation block and the ideographic space.
//! Next: `words`.

use crate::mask::{Mask, WIDTH, each_run, low, pair};
use std::ops::Range;

/// The shortest and longest word of any list, in bytes.
const SHORT: usize = 3;
const LONG: usize = 28;
/// LIMIT: what may stand between two words, in bytes: `",\n    12. "` and the like.
const GAP: usize = 24;

/// Room for words of one run; most have fewer.
const WORDS: usize = 64;

/// Words that follow each other.
pub(super) struct Run<'b> {
    pub(super) words: &'b [Range<usize>],
}

/// Calls with each run of at least the shortest phrase's number of words. `masks` are the kinds of
/// the text's bytes.
pub(super) fn each(text: &str, masks: &[Mask], mut call: impl FnMut(Run<'_>)) {
    let bytes = text.as_bytes();
    let mut words: Vec<Range<usize>> = Vec::new();
    if text.is_ascii() {
        rows(bytes.len(), masks, |row| {
            words.reserve(WORDS);
            each_run(masks, row, letters, |start, end| {
                end_word(start, end, &mut words, &mut call);
            });
            finish(&mut words, &mut call);
        });
        return;
    }
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !byte.is_ascii_alphabetic() && byte.is_ascii() {
            at += 1;
            continue;
        }
        if is_wide_sign(*byte, bytes.get(at + 1)) {
            at += 3;
            continue;
        }
        let start = at;
        while let Some(byte) = bytes.get(at) {
            let letter = byte.is_ascii_alphabetic()
                || (!byte.is_ascii() && !is_wide_sign(*byte, bytes.get(at + 1)));
            if !letter {
                break;
            }
            at += 1;
        }
        end_word(start, at, &mut words, &mut call);
    }
    finish(&mut words, &mut call);
}

fn end_word(
    start: usize,
    end: usize,
    words: &mut Vec<Range<usize>>,
    call: &mut impl FnMut(Run<'_>),
) {
    let fits = (SHORT..=LONG).contains(&(end - start));
    let near = words.last().is_none_or(|last| start - last.end <= GAP);
    if !(fits && near) {
        finish(words, call);
    }
    if fits {
        words.push(start..end);
    }
}

const fn letters(mask: &Mask) -> u64 {
    mask.alnum & !mask.digit
}

/// Calls with each stretch of ASCII in which enough words begin and none is too short: all others
/// are passed over, a block at a time.
fn rows(length: usize, masks: &[Mask], mut call: impl FnMut(Range<usize>)) {
    let (mut from, mut words, mut carry) = (0, 0, 0);
    for (number, mask) in masks.iter().enumerate() {
        let next = masks.get(number + 1).map_or(0, letters);
        let (here, both) = (letters(mask), pair(letters(mask), next));
        let mut starts = here & !(here << 1 | carry);
        carry = here >> 63;
        let mut short = starts & !low(both >> 1 & both >> 2);
        while short != 0 {
            let word = short & short.wrapping_neg();
            words += (starts & (word - 1)).count_ones() as usize;
            let at = number * WIDTH + short.trailing_zeros() as usize;
            if words >= super::SHORTEST {
                call(from..at);
            }
            (from, words) = (at, 0);
            starts &= !(word | (word - 1));
            short ^= word;
        }
        words += starts.count_ones() as usize;
    }
    if words >= super::SHORTEST {
        call(from..length);
    }
}

/// The general punctuation block (and its neighbours) and CJK punctuation with its blank.
const fn is_wide_sign(byte: u8, next: Option<&u8>) -> bool {
    byte == 0xE2 || (byte == 0xE3 && matches!(next, Some(0x80)))
}

fn finish(words: &mut Vec<Range<usize>>, call: &mut impl FnMut(Run<'_>)) {
    if words.len() >= super::SHORTEST {
        call(Run { words });
    }
    words.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::drawn;

    fn runs(text: &str) -> Vec<usize> {
        let mut found = Vec::new();
        let masks = drawn(text.as_bytes());
        each(text, &masks, |run| found.push(run.words.len()));
        found
    }

    #[test]
    fn runs_end_at_short_words_and_wide_gaps() {
        let twelve = ["word"; 12];
        for separator in [" ", ", ", "\n", "\",\"", " 3. ", "\u{3000}", "\u{2003}", "-", "_"] {
            assert_eq!(runs(&twelve.join(separator)), [12], "{separator:?}");
        }
        assert_eq!(runs(&["word"; 11].join(" ")), Vec::<usize>::new());
        assert_eq!(runs(&format!("{} is {}", twelve.join(" "), twelve.join(" "))), [12, 12]);
        assert_eq!(runs(&twelve.join(&"-".repeat(25))), Vec::<usize>::new());
        assert_eq!(runs("e\u{301}"), Vec::<usize>::new());
        assert_eq!(runs("\u{e2}\u{3000}"), Vec::<usize>::new());
    }
}
