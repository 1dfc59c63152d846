//! Text as a stream of normalised words: what stays the same when a text is re-cased, re-wrapped or
//! set in another markup.
//!
//! A word is a run of letters and digits in any script, folded to lower case; a CJK character is a
//! word by itself, since that script has no spaces. Must not know documents. Next: `shingle`.

use std::ops::Range;

/// One word: its hash and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) hash: u64,
    pub(super) span: Range<usize>,
}

/// The words of a text under a seed.
pub(super) fn words(text: &str, seed: u64) -> Words<'_> {
    Words { text, at: 0, seed }
}

pub(super) struct Words<'t> {
    text: &'t str,
    at: usize,
    seed: u64,
}

impl Iterator for Words<'_> {
    type Item = Word;

    #[inline]
    fn next(&mut self) -> Option<Word> {
        let bytes = self.text.as_bytes();
        loop {
            // Between words, plain ASCII first.
            let gap = bytes.get(self.at..)?.iter().take_while(|byte| folded(**byte) == GAP).count();
            self.at += gap;
            let start = self.at;
            let mut hash = Hash::new(self.seed);
            while let Some(&byte) = bytes.get(self.at) {
                match folded(byte) {
                    GAP => break,
                    WIDE => match self.wide(&mut hash, start) {
                        Wide::Goes => {}
                        Wide::Ends => break,
                        Wide::Alone => return Some(self.word(hash, start)),
                    },
                    plain => {
                        hash.byte(plain);
                        self.at += 1;
                    }
                }
            }
            if self.at > start {
                return Some(self.word(hash, start));
            }
            let rest = self.text.get(self.at..)?;
            self.at += rest.chars().next()?.len_utf8();
        }
    }
}

/// A byte that is in no word, and one that is part of a character outside ASCII.
const GAP: u8 = 0;
const WIDE: u8 = 0xff;

/// What a byte is in a word: a letter or digit in lower case, [`GAP`] or [`WIDE`].
fn folded(byte: u8) -> u8 {
    FOLDED.get(usize::from(byte)).copied().unwrap_or(GAP)
}

static FOLDED: [u8; 256] = {
    let mut table = [GAP; 256];
    let mut rest = table.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((first, others)) = rest.split_first_mut() {
        if byte.is_ascii_alphanumeric() {
            *first = byte.to_ascii_lowercase();
        } else if !byte.is_ascii() {
            *first = WIDE;
        }
        rest = others;
        byte = byte.wrapping_add(1);
    }
    table
};

enum Wide {
    Goes,
    Ends,
    Alone,
}

impl Words<'_> {
    fn word(&self, hash: Hash, start: usize) -> Word {
        Word { hash: hash.finish(), span: start..self.at }
    }

    /// A character outside ASCII.
    fn wide(&mut self, hash: &mut Hash, start: usize) -> Wide {
        let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            return Wide::Ends;
        };
        if is_ideograph(c) {
            if self.at > start {
                return Wide::Ends;
            }
            hash.char(c);
            self.at += c.len_utf8();
            return Wide::Alone;
        }
        if !c.is_alphanumeric() {
            return Wide::Ends;
        }
        c.to_lowercase().for_each(|lower| hash.char(lower));
        self.at += c.len_utf8();
        Wide::Goes
    }
}

/// Han, Hiragana, Katakana: scripts without spaces between words.
const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// FNV-1a (Fowler, Noll, Vo) with a seed, ended by the finaliser of `SplitMix64` (Steele et al., 2014).
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const fn new(seed: u64) -> Self {
        Self(0xcbf2_9ce4_8422_2325 ^ seed)
    }
    pub(super) const fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }
    fn char(&mut self, c: char) {
        c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.byte(byte));
    }
    pub(super) const fn finish(self) -> u64 {
        mix(self.0)
    }
}

/// Spreads every bit of the input over the output.
pub(super) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<u64> {
        words(text, 7).map(|word| word.hash).collect()
    }

    #[test]
    fn case_layout_and_markup_do_not_change_the_words() {
        let plain = of("Der Überschuss beträgt 12 Millionen");
        assert_eq!(
            of("DER  überschuss\r\n> BETRÄGT **12** <b>millionen</b>").len(),
            plain.len() + 2
        );
        assert_eq!(of("der überschuss, beträgt\n12 MILLIONEN!"), plain);
    }

    #[test]
    fn spans_are_those_of_the_words() {
        let text = "Zürich, 東京 ok";
        let found: Vec<&str> = words(text, 0).map(|w| text.get(w.span).unwrap()).collect();
        assert_eq!(found, ["Zürich", "東", "京", "ok"]);
    }

    #[test]
    fn another_seed_gives_other_hashes() {
        assert_ne!(words("word", 1).next().unwrap().hash, words("word", 2).next().unwrap().hash);
    }
}
