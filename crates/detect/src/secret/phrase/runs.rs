//! Words in a row, fast: the one part of the phrase search that sees every text.
//!
//! A word here is a run of letters of a length that some list has; whatever stands between words
//! (blanks, commas, quotes, numbering, line ends) parts them, up to `GAP` bytes. Bytes of other
//! scripts count as letters, save for the general punctuation block and the ideographic space.
//! Next: `words`.

use crate::mask::{Mask, Runs, WIDTH, blocks};
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

/// Calls with each run of at least the shortest phrase's number of words.
pub(super) fn each(text: &str, mut call: impl FnMut(Run<'_>)) {
    let bytes = text.as_bytes();
    let mut words: Vec<Range<usize>> = Vec::with_capacity(WORDS);
    let mut end_word = |start: usize, end: usize, words: &mut Vec<Range<usize>>| {
        let fits = (SHORT..=LONG).contains(&(end - start));
        let near = words.last().is_none_or(|last| start - last.end <= GAP);
        if !(fits && near) {
            finish(words, &mut call);
        }
        if fits {
            words.push(start..end);
        }
    };
    if text.is_ascii() {
        let (mut letters, mut base) = (Runs::default(), 0);
        blocks(bytes, |block| {
            let mask = Mask::of(block);
            letters.step(mask.alnum & !mask.digit, base, |start, end| {
                end_word(start, end, &mut words);
            });
            base += WIDTH;
        });
        if let Some(start) = letters.end() {
            end_word(start, bytes.len(), &mut words);
        }
        finish(&mut words, &mut call);
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
        end_word(start, at, &mut words);
    }
    finish(&mut words, &mut call);
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

    fn runs(text: &str) -> Vec<usize> {
        let mut found = Vec::new();
        each(text, |run| found.push(run.words.len()));
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
