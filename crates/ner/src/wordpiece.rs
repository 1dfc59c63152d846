//! Text to the pieces that the network knows: BERT's WordPiece, uncased.
//!
//! The same as Hugging Face's `BertNormalizer` (clean, CJK apart, accents off, lower case),
//! `BertPreTokenizer` (blanks and punctuation part words) and `WordPiece` (longest piece first),
//! proven by a test against its own answers. Keeps which bytes of the text each word came from.

use std::collections::HashMap;
use std::ops::Range;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

/// LIMIT: a longer word is unknown as a whole, as in the original.
const LONGEST: usize = 100;

/// The pieces and their numbers.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pieces: HashMap<Box<str>, i32>,
    pub(crate) unknown: i32,
    pub(crate) first: i32,
    pub(crate) last: i32,
}

/// A text in pieces, without the marks of beginning and end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    /// The pieces' numbers.
    pub(crate) ids: Vec<i32>,
    /// The word of each piece.
    pub(crate) words: Vec<usize>,
    /// The bytes of the text that each word came from.
    pub(crate) spans: Vec<Range<usize>>,
}

impl Vocabulary {
    /// Reads `vocab.txt`. `None`: a special piece is missing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut pieces = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            pieces.insert(line.into(), i32::try_from(number).ok()?);
        }
        let special = |name: &str| pieces.get(name).copied();
        let (unknown, first, last) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Some(Self { pieces, unknown, first, last })
    }

    /// Takes a text apart.
    pub(crate) fn pieces(&self, text: &str) -> Pieces {
        let mut pieces = Pieces::default();
        let mut word = Word::default();
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            if c.is_ascii_alphanumeric() {
                word.take(c.to_ascii_lowercase(), at..end);
                continue;
            }
            if c.is_whitespace() {
                self.close(&mut word, &mut pieces);
                continue;
            }
            if unwanted(c) {
                continue;
            }
            if is_cjk(c) || is_punctuation(c) {
                self.close(&mut word, &mut pieces);
                word.take(c, at..end);
                self.close(&mut word, &mut pieces);
                continue;
            }
            for part in NFD.normalize_iter(std::iter::once(c)) {
                if category(part) == GeneralCategory::NonspacingMark {
                    continue;
                }
                for lower in part.to_lowercase() {
                    word.take(lower, at..end);
                }
            }
        }
        self.close(&mut word, &mut pieces);
        pieces
    }

    /// Cuts a word into the longest pieces there are.
    fn close(&self, word: &mut Word, into: &mut Pieces) {
        if word.text.is_empty() {
            return;
        }
        let number = into.spans.len();
        let before = into.ids.len();
        into.spans.push(word.span.clone());
        let mut rest = word.text.as_str();
        let mut key = String::with_capacity(word.text.len() + 2);
        let mut whole = word.letters <= LONGEST;
        while whole && !rest.is_empty() {
            let found = rest.char_indices().rev().find_map(|(at, c)| {
                let part = rest.get(..at + c.len_utf8())?;
                key.clear();
                if into.ids.len() > before {
                    key.push_str("##");
                }
                key.push_str(part);
                Some((*self.pieces.get(key.as_str())?, part.len()))
            });
            match found {
                Some((id, length)) => {
                    into.ids.push(id);
                    rest = rest.get(length..).unwrap_or_default();
                }
                None => whole = false,
            }
        }
        if !whole {
            into.ids.truncate(before);
            into.ids.push(self.unknown);
        }
        into.words.resize(into.ids.len(), number);
        word.text.clear();
        word.letters = 0;
    }
}

static NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();

#[derive(Default)]
struct Word {
    text: String,
    letters: usize,
    span: Range<usize>,
}

impl Word {
    fn take(&mut self, c: char, from: Range<usize>) {
        if self.text.is_empty() {
            self.span = from;
        } else {
            self.span.end = from.end;
        }
        self.text.push(c);
        self.letters += 1;
    }
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Characters that are dropped without parting a word.
fn unwanted(c: char) -> bool {
    c == '\0'
        || c == '\u{fffd}'
        || matches!(
            category(c),
            GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse
        )
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || GeneralCategoryGroup::Punctuation.contains(category(c))
}

/// The blocks of ideographs that BERT takes one by one.
fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Vocabulary {
        Vocabulary::parse(
            "[PAD]\n[UNK]\n[CLS]\n[SEP]\nann\n##a\n##lott\n-\nsz\n##ollo\nan\n李\n##\u{1161}\n'",
        )
        .unwrap()
    }

    #[test]
    fn the_longest_piece_wins_and_spans_are_of_the_text() {
        let pieces = small().pieces("Anna-ÁNN  Szöllő 李x");
        assert_eq!(pieces.ids, [4, 5, 7, 4, 8, 9, 11, 1]);
        assert_eq!(pieces.words, [0, 0, 1, 2, 3, 3, 4, 5]);
        assert_eq!(pieces.spans, [0..4, 4..5, 5..9, 11..19, 20..23, 23..24]);
    }

    #[test]
    fn a_word_without_pieces_or_too_long_is_unknown() {
        let vocabulary = small();
        assert_eq!(vocabulary.pieces("annx").ids, [1]);
        assert_eq!(vocabulary.pieces(&"an".repeat(60)).ids, [1]);
        assert!(vocabulary.pieces(" \u{200b}\0 ").ids.is_empty());
    }

    #[test]
    fn a_vocabulary_without_its_special_pieces_is_none() {
        assert!(Vocabulary::parse("a\nb").is_none());
    }
}
