//! Words in a row, fast: the one part of the phrase search that sees every text.
//!
//! A word here is a run of letters of a length that some list has; whatever stands between words
//! (blanks, commas, quotes, numbering, line ends) parts them, up to `GAP` bytes. Bytes of other
//! scripts count as letters, save for the general punctuation block and the ideographic space.
//! Next: `words`.

use std::ops::Range;

/// The shortest and longest word of any list, in bytes.
const SHORT: usize = 3;
const LONG: usize = 28;
/// LIMIT: what may stand between two words, in bytes: `",\n    12. "` and the like.
const GAP: usize = 24;

/// Words that follow each other.
pub(super) struct Run<'b> {
    pub(super) words: &'b [Range<usize>],
}

/// Calls with each run of at least the shortest phrase's number of words.
pub(super) fn each(text: &str, mut call: impl FnMut(Run<'_>)) {
    let bytes = text.as_bytes();
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at + length_while(bytes, at, false);
        let end = start + length_while(bytes, start, true);
        let fits = (SHORT..=LONG).contains(&(end - start));
        let near = words.last().is_none_or(|last| start - last.end <= GAP);
        if !(fits && near) {
            finish(&mut words, &mut call);
        }
        if fits {
            words.push(start..end);
        }
        at = end;
    }
    finish(&mut words, &mut call);
}

fn finish(words: &mut Vec<Range<usize>>, call: &mut impl FnMut(Run<'_>)) {
    if words.len() >= super::SHORTEST {
        call(Run { words });
    }
    words.clear();
}

/// How many bytes from here are letters, or are not.
fn length_while(bytes: &[u8], from: usize, letters: bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let mut length = 0;
    while let Some(&byte) = rest.get(length) {
        let wide = byte == 0xE2 || (byte == 0xE3 && rest.get(length + 1) == Some(&0x80));
        let letter = !wide && (byte.is_ascii_alphabetic() || byte >= 0x80);
        if letter != letters {
            break;
        }
        length += if wide { 3 } else { 1 };
    }
    length.min(rest.len())
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
