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

const fn alphanumeric(class: u8) -> bool {
    class & (LETTER | DIGIT) != 0
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
        let mut digits = Digits { text, next: 0, known: false };
        let (mut at, mut token_end, mut stretch, mut row) = (0, 0, 0, 0);
        let mut wide = 0;
        while let Some(byte) = text.get(at) {
            let kind = class_of(*byte);
            if !alphanumeric(kind) {
                wide |= kind;
                if kind == BLANK {
                    self.stretch = self.stretch.max(at - stretch);
                    stretch = at + 1;
                } else if *byte == b':' && colons_start(text, at) {
                    self.places.push(at);
                }
                at += 1;
                continue;
            }
            let start = at;
            let mut all = 0;
            while let Some(byte) = text.get(at) {
                let kind = class_of(*byte);
                if !alphanumeric(kind) {
                    break;
                }
                all |= kind;
                at += 1;
            }
            let length = at - start;
            let digit = digits.from(start);
            let near = digit <= start + DIGIT_WITHIN || (digit < at && length >= LONG_WORD);
            if near
                || is_long_token(text, start, at, &mut token_end)
                || (length <= 4 && joins(text, start, at))
            {
                self.before_word(text, start);
                self.places.push(start);
            }
            if all & DIGIT != 0 {
                self.digits_inside(text, start, digit, at);
                // No list has digits in its words: taken for as many as it could hold.
                row += if all & LETTER == 0 { 0 } else { length };
            } else if LISTED.contains(&length) {
                row += 1;
            } else {
                self.row = self.row.max(row);
                row = 0;
            }
        }
        self.stretch = self.stretch.max(at - stretch);
        self.row = if wide & WIDE == 0 { self.row.max(row) } else { usize::MAX };
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

    /// Counts the digits of a word; every place where some follow a letter is asked.
    fn digits_inside(&mut self, text: &[u8], start: usize, first: usize, end: usize) {
        // Digits that start the word were asked with it.
        let mut before = if first == start { DIGIT } else { LETTER };
        for at in first..end {
            let kind = class(text, at);
            if kind == DIGIT {
                self.digits += 1;
                if before != DIGIT {
                    self.places.push(at);
                }
            }
            before = kind;
        }
    }
}

/// Where the next digit stands, found once for all who ask.
struct Digits<'t> {
    text: &'t [u8],
    next: usize,
    known: bool,
}

impl Digits<'_> {
    fn from(&mut self, at: usize) -> usize {
        if self.next < at || !self.known {
            let rest = self.text.get(at..).unwrap_or_default();
            let ahead = rest.iter().position(u8::is_ascii_digit);
            self.next = ahead.map_or(usize::MAX, |ahead| at + ahead);
            self.known = true;
        }
        self.next
    }
}

/// `::` that no word and no other colon stands before.
fn colons_start(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    text.get(at + 1) == Some(&b':')
        && !before.is_some_and(|byte| *byte == b':' || byte.is_ascii_alphanumeric())
}

/// Whether the word starts a run of token characters that is long enough.
fn is_long_token(text: &[u8], start: usize, word_end: usize, token_end: &mut usize) -> bool {
    if start < *token_end {
        return false;
    }
    let mut end = word_end;
    while token(class(text, end)) {
        end += 1;
    }
    *token_end = end;
    end - start >= LONG_TOKEN
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
        ] {
            assert_eq!(asked(text), expected, "{text}");
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
