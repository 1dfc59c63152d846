//! The outline of a text, from one pass over it: where shapes may begin, and what decides at once
//! that most detectors have nothing to look for (no digits, no long words).
//!
//! A place is asked when at least one of these holds:
//! - a word starts and a digit stands among its ten next bytes;
//! - a word starts that has a digit and is at least eight long;
//! - a run of sixteen `[A-Za-z0-9_+/=-]` starts;
//! - a word of at most four hexadecimal digits starts that `:`, `-` or `.` and another follow;
//! - digits start inside a word;
//! - `+` or `(` stands before such a place, or `::` starts.
//!
//! Next: `needs` (who asks), `shapes`.

use crate::mask::{self, Mask, WIDTH, low, pair};
use std::ops::Range;

/// A shape shows a digit among this many bytes after its first.
pub(super) const DIGIT_WITHIN: usize = 9;
/// A word with a digit is asked when it is this long.
pub(super) const LONG_WORD: usize = 8;
/// A run of token characters is asked when it is this long.
pub(super) const LONG_TOKEN: usize = 16;
/// Lengths of words that a list of words for keys may hold, in bytes.
const LISTED: std::ops::RangeInclusive<usize> = 3..=28;

/// What one pass over a text says.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Where shapes may begin, in rising order but for the marks before a word.
    pub(super) places: Vec<usize>,
    /// Digits in all.
    pub(super) digits: usize,
    /// The longest stretch without blanks and control characters, in bytes.
    pub(super) stretch: usize,
    /// Words of listed lengths in a row, at most.
    pub(super) row: usize,
    /// The kinds of its bytes.
    pub(super) masks: Vec<Mask>,
}

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const HEX_LETTER: u8 = 3;
const DIGIT: u8 = 4;
/// `_ + / = -`
const TOKEN: u8 = 8;
/// Blanks and control characters.
const BLANK: u8 = 16;
/// Parts of characters beyond ASCII.
const WIDE: u8 = 32;

const CLASSES: [u8; 256] = {
    let mut classes = [WIDE; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let class = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            b'_' | b'+' | b'/' | b'=' | b'-' => TOKEN,
            0..=b' ' | 127 => BLANK,
            _ => OTHER,
        };
        #[expect(clippy::indexing_slicing, reason = "a u8 indexes 256 places")]
        {
            classes[byte as usize] = class;
        }
        byte += 1;
    }
    classes
};

#[expect(clippy::indexing_slicing, reason = "a u8 indexes 256 places")]
const fn class_of(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

fn class(text: &[u8], at: usize) -> u8 {
    text.get(at).map_or(OTHER, |byte| class_of(*byte))
}

/// `[A-Za-z0-9_+/=-]`
pub(super) const fn in_token(byte: u8) -> bool {
    token(class_of(byte))
}

const fn token(class: u8) -> bool {
    class & (LETTER | DIGIT | TOKEN) != 0
}

impl Outline {
    /// Looks over a text.
    pub(super) fn draw(&mut self, text: &[u8]) {
        self.places.clear();
        (self.digits, self.stretch, self.row) = (0, 0, 0);
        let mut masks = std::mem::take(&mut self.masks);
        mask::draw(text, &mut masks);
        let mut words = Words { text, masks: &masks, token_end: 0, row: 0 };
        let (mut carry, mut solid, mut wide) = (0, 0, 0);
        for (number, mask) in masks.iter().enumerate() {
            let base = number * WIDTH;
            let next = masks.get(number + 1).copied().unwrap_or_default();
            let starts = mask.alnum & !(mask.alnum << 1 | carry);
            carry = mask.alnum >> 63;
            wide |= mask.wide;
            self.solid(mask.blank, base, &mut solid);
            let long = long_tokens(mask, &next);
            if long == 0 && is_plain(mask, &next) {
                self.plain(&mut words, base, mask, &next, starts);
            } else {
                self.closely(&mut words, base, (mask, long), starts);
            }
        }
        self.stretch = self.stretch.max(text.len().saturating_sub(solid));
        self.row = if wide == 0 { self.row.max(words.row) } else { usize::MAX };
        self.masks = masks;
    }

    /// The stretches without blanks that end in a block. `solid` is where the last one began. Most
    /// blocks hold none that is longer than the longest so far.
    #[inline(always)]
    fn solid(&mut self, blanks: u64, base: usize, solid: &mut usize) {
        if blanks == 0 {
            return;
        }
        let first = base + blanks.trailing_zeros() as usize;
        self.stretch = self.stretch.max(first.saturating_sub(*solid));
        if has_run_over(self.stretch, !blanks) {
            let (mut rest, mut start) = (blanks & (blanks - 1), first + 1);
            while rest != 0 {
                let at = base + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                self.stretch = self.stretch.max(at - start);
                start = at + 1;
            }
        }
        *solid = base + WIDTH - blanks.leading_zeros() as usize;
    }

    /// The words that begin in a block without digits and long tokens near: all that is to be known
    /// of them is how many there are in a row, and whether one is a group of hexadecimal digits.
    #[inline(always)]
    fn plain(&mut self, words: &mut Words<'_>, base: usize, mask: &Mask, next: &Mask, starts: u64) {
        let alnum = pair(mask.alnum, next.alnum);
        // No word is too long here, but some are too short for a list.
        let mut short = starts & !low(alnum >> 1 & alnum >> 2);
        let mut rest = starts;
        while short != 0 {
            let below = short ^ (short - 1);
            words.row += (rest & below).count_ones() as usize - 1;
            self.row = self.row.max(words.row);
            words.row = 0;
            rest &= !below;
            short &= short - 1;
        }
        words.row += rest.count_ones() as usize;
        // Words of at most four letters that `:`, `-` or `.` follows.
        let join = pair(mask.join, next.join);
        let ends = |length: u32| low(join >> length & !(alnum >> length));
        let (two, three) = (low(alnum >> 1), low(alnum >> 1 & alnum >> 2));
        let mut joined = starts
            & (ends(1) | (two & ends(2)) | (three & ends(3)) | (three & low(alnum >> 3) & ends(4)));
        while joined != 0 {
            let start = base + joined.trailing_zeros() as usize;
            joined &= joined - 1;
            if joins(words.text, start, words.end(start)) {
                self.before_word(words.text, start);
                self.places.push(start);
            }
        }
    }

    /// The words that begin in any other block, one by one, and `::` between them.
    fn closely(
        &mut self,
        words: &mut Words<'_>,
        base: usize,
        (mask, long): (&Mask, u64),
        mut starts: u64,
    ) {
        let mut colons = mask.colon;
        loop {
            let word = starts.trailing_zeros();
            while colons.trailing_zeros() < word {
                let at = base + colons.trailing_zeros() as usize;
                colons &= colons - 1;
                if colons_start(words.text, at) {
                    self.places.push(at);
                }
            }
            if starts == 0 {
                return;
            }
            starts &= starts - 1;
            let start = base + word as usize;
            self.word(words, start..words.end(start), long >> word & 1 == 1);
        }
    }

    /// One word; `long` says that a run of token characters from its start on is long enough.
    #[inline(always)]
    fn word(&mut self, words: &mut Words<'_>, Range { start, end }: Range<usize>, long: bool) {
        let text = words.text;
        let length = end - start;
        let digit = words.digit(start, end);
        let near = digit.is_some_and(|digit| {
            digit <= start + DIGIT_WITHIN || (digit < end && length >= LONG_WORD)
        });
        if near || (long && words.begins_token(start)) || (length <= 4 && joins(text, start, end)) {
            self.before_word(text, start);
            self.places.push(start);
        }
        match digit.filter(|digit| *digit < end) {
            Some(first) => {
                let letters = self.digits_inside(text, start, first, end);
                // No list has digits in its words: taken for as many as it could hold.
                words.row += if letters { length } else { 0 };
            }
            None if LISTED.contains(&length) => words.row += 1,
            None => {
                self.row = self.row.max(words.row);
                words.row = 0;
            }
        }
    }

    /// `+` and `(` that stand directly before a word.
    fn before_word(&mut self, text: &[u8], start: usize) {
        let mark = |back: usize| {
            start.checked_sub(back).is_some_and(|at| matches!(text.get(at), Some(b'+' | b'(')))
        };
        if mark(1) {
            if mark(2) {
                self.places.push(start - 2);
            }
            self.places.push(start - 1);
        }
    }

    /// Counts the digits of a word; every place where some follow a letter is asked. Whether there
    /// are letters.
    fn digits_inside(&mut self, text: &[u8], start: usize, first: usize, end: usize) -> bool {
        // Digits that start the word were asked with it.
        let mut before = if first == start { DIGIT } else { LETTER };
        let mut letters = first > start;
        for at in first..end {
            let kind = class(text, at);
            if kind == DIGIT {
                self.digits += 1;
                if before != DIGIT {
                    self.places.push(at);
                }
            } else {
                letters = true;
            }
            before = kind;
        }
        letters
    }
}

/// Whether more bits than this stand in a row.
#[inline(always)]
const fn has_run_over(most: usize, mut bits: u64) -> bool {
    if most >= WIDTH {
        return false;
    }
    // A bit stays where so many follow it that are set.
    let mut behind = 0;
    while behind < most {
        let by = if behind + 1 < most - behind { behind + 1 } else { most - behind };
        bits &= bits >> by;
        behind += by;
    }
    bits != 0
}

/// Where in a block [`LONG_TOKEN`] token characters or more stand in a row from there on.
#[inline(always)]
const fn long_tokens(mask: &Mask, next: &Mask) -> u64 {
    const fn twice(run: u128, by: u32) -> u128 {
        run & run >> by
    }
    low(twice(twice(twice(twice(pair(mask.token(), next.token()), 1), 2), 4), 8))
}

/// Whether no digit stands in this block or the next, and no `::` begins.
#[inline(always)]
fn is_plain(mask: &Mask, next: &Mask) -> bool {
    let colons = pair(mask.colon, next.colon);
    mask.digit | next.digit == 0 && low(colons & colons >> 1) == 0
}

/// How far the words of a text were looked at.
struct Words<'t> {
    text: &'t [u8],
    masks: &'t [Mask],
    /// The end of the last long run of token characters.
    token_end: usize,
    /// Words of listed lengths in a row, so far.
    row: usize,
}

impl Words<'_> {
    /// Where the word ends that starts here.
    #[inline(always)]
    fn end(&self, start: usize) -> usize {
        self.end_of(start, |mask| mask.alnum)
    }
    /// Whether a word begins its run of token characters, which is a long one.
    fn begins_token(&mut self, start: usize) -> bool {
        if start < self.token_end {
            return false;
        }
        self.token_end = self.end_of(start, Mask::token);
        true
    }
    /// Where the run of one kind ends that goes on from here.
    #[inline(always)]
    fn end_of(&self, start: usize, kind: impl Fn(&Mask) -> u64) -> usize {
        let (block, bit) = (start / WIDTH, start % WIDTH);
        let letters = |block: usize| self.masks.get(block).map_or(0, &kind);
        let here = (letters(block) >> bit).trailing_ones() as usize;
        if bit + here < WIDTH {
            return start + here;
        }
        let more = (block + 1..).map(|block| letters(block).trailing_ones() as usize);
        let mut end = start + here;
        for ones in more {
            end += ones;
            if ones < WIDTH {
                break;
            }
        }
        end
    }
    /// The first digit from here on, if it stands in the word or near enough behind its start.
    #[inline(always)]
    fn digit(&self, start: usize, end: usize) -> Option<usize> {
        let (block, bit) = (start / WIDTH, start % WIDTH);
        let digits = |block: usize| self.masks.get(block).map_or(0, |mask| mask.digit);
        let here = digits(block) >> bit;
        if here != 0 {
            return Some(start + here.trailing_zeros() as usize);
        }
        let to = end.max(start + DIGIT_WITHIN + 1);
        (block + 1..to.div_ceil(WIDTH))
            .map(|block| (block, digits(block)))
            .find(|(_, digits)| *digits != 0)
            .map(|(block, digits)| block * WIDTH + digits.trailing_zeros() as usize)
    }
}

/// `::` that no word and no other colon stands before.
fn colons_start(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    text.get(at + 1) == Some(&b':')
        && !before.is_some_and(|byte| *byte == b':' || byte.is_ascii_alphanumeric())
}

/// Whether the word is a group of hexadecimal digits that another follows.
fn joins(text: &[u8], start: usize, end: usize) -> bool {
    let hexadecimal = |class: u8| class == DIGIT || class == HEX_LETTER;
    matches!(text.get(end), Some(b':' | b'-' | b'.'))
        && (hexadecimal(class(text, end + 1)) || text.get(end + 1) == Some(&b':'))
        && (start..end).all(|at| hexadecimal(class(text, at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Outline {
        let mut outline = Outline::default();
        outline.draw(text.as_bytes());
        outline
    }

    fn asked(text: &str) -> String {
        let mut marks: Vec<u8> = text.bytes().map(|_| b' ').collect();
        for at in drawn(text).places {
            marks[at] = b'^';
        }
        String::from_utf8(marks).unwrap().trim_end().to_owned()
    }

    #[test]
    fn places_are_where_shapes_begin() {
        for (text, expected) in [
            ("plain words only", ""),
            ("id 12 34 56 C", "^  ^  ^  ^"),
            ("call +1 (415) 555", "^    ^^ ^^    ^"),
            ("mac aa:bb:cc", "    ^  ^"),
            ("RSSMRA85T10A562S", "^     ^  ^  ^"),
            ("fe80::1 ::1", "^ ^   ^ ^ ^"),
            ("abcdefghijklmnop", "^"),
            ("1a", "^"),
            ("/a1-abcdefghijklmnop", " ^^ ^"),
        ] {
            assert_eq!(asked(text), expected, "{text}");
        }
    }

    fn is_long_token(text: &[u8], start: usize, token_end: &mut usize) -> bool {
        if start < *token_end {
            return false;
        }
        let length = text[start..].iter().take_while(|b| in_token(**b)).count();
        *token_end = start + length;
        length >= LONG_TOKEN
    }

    /// The same from byte to byte.
    fn plainly(text: &[u8]) -> Outline {
        let mut outline = Outline::default();
        let (mut at, mut token_end, mut stretch, mut row) = (0, 0, 0, 0);
        let mut wide = false;
        while at < text.len() {
            let byte = text[at];
            if !byte.is_ascii_alphanumeric() {
                wide |= !byte.is_ascii();
                if byte <= b' ' || byte == 127 {
                    outline.stretch = outline.stretch.max(at - stretch);
                    stretch = at + 1;
                } else if byte == b':' && colons_start(text, at) {
                    outline.places.push(at);
                }
                at += 1;
                continue;
            }
            let start = at;
            at += text[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
            let word = &text[start..at];
            let digit = text[start..].iter().position(u8::is_ascii_digit);
            let digit = digit.map_or(usize::MAX, |ahead| start + ahead);
            let near = digit <= start + DIGIT_WITHIN || (digit < at && word.len() >= LONG_WORD);
            if near
                || is_long_token(text, start, &mut token_end)
                || (word.len() <= 4 && joins(text, start, at))
            {
                outline.before_word(text, start);
                outline.places.push(start);
            }
            if digit < at {
                outline.digits_inside(text, start, digit, at);
                row += if word.iter().any(u8::is_ascii_alphabetic) { word.len() } else { 0 };
            } else if LISTED.contains(&word.len()) {
                row += 1;
            } else {
                outline.row = outline.row.max(row);
                row = 0;
            }
        }
        outline.stretch = outline.stretch.max(at - stretch);
        outline.row = if wide { usize::MAX } else { outline.row.max(row) };
        outline
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2048))]
        #[test]
        fn an_outline_of_blocks_is_one_of_bytes(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "of", "the", "word", "cafe", "be", ".", ":", "-", "::", " ", " ", " ", "/",
                    "_", "+", "(", "1", "42", "a1", "x9y", "\n", "\u{e9}", "abcdefgh",
                    "abcdefghijklmnopqrstuvwxyzabcde", "\"", ", ", "key=",
                ]),
                0..120,
            ),
            filler in 0_usize..70,
        ) {
            let text = ".".repeat(filler) + &pieces.concat();
            let (drawn, plain) = (drawn(&text), plainly(text.as_bytes()));
            proptest::prop_assert_eq!(&drawn.places, &plain.places, "{}", text);
            proptest::prop_assert_eq!(
                (drawn.digits, drawn.stretch, drawn.row),
                (plain.digits, plain.stretch, plain.row),
                "{}", text
            );
        }
    }

    #[test]
    fn an_outline_counts() {
        let counts = |text: &str| {
            let outline = drawn(text);
            (outline.digits, outline.stretch, outline.row)
        };
        assert_eq!(counts(""), (0, 0, 0));
        assert_eq!(counts("one two of three"), (0, 5, 2));
        assert_eq!(counts("1. one 2. two\tkey-12ab34"), (6, 10, 9));
        assert_eq!(counts("où est"), (0, 3, usize::MAX));
    }
}
