//! Tables over single bytes: what kind a byte is and what digit it stands for.
//!
//! One pass with `survey` says whether a text can hold anything encoded at all, so that clean text
//! pays for nothing else. Must not know any transform. Next: `base64`.

use crate::mask::{Mask, Runs, WIDTH, each_run, low, pair, sign};

/// The value that stands for "no digit of this alphabet".
pub(crate) const NONE: u8 = 0xff;

/// A letter or digit.
pub(crate) const ALNUM: u16 = 1;
/// A character of base64, base64url and their padding.
pub(crate) const RUN: u16 = 1 << 1;
/// A hexadecimal digit.
pub(crate) const HEX: u16 = 1 << 2;
/// Begins an escape: `%`, `&`, `\`, `=`.
pub(crate) const PERCENT: u16 = 1 << 3;
/// See [`PERCENT`].
pub(crate) const AMPERSAND: u16 = 1 << 4;
/// See [`PERCENT`].
pub(crate) const BACKSLASH: u16 = 1 << 5;
/// See [`PERCENT`].
pub(crate) const EQUALS: u16 = 1 << 6;
/// Part of a character beyond ASCII.
pub(crate) const WIDE: u16 = 1 << 7;
/// A letter of either case.
pub(crate) const LETTER: u16 = UPPER | LOWER;
/// Printable, no space.
pub(crate) const GRAPH: u16 = 1 << 8;
/// A decimal digit.
pub(crate) const DIGIT: u16 = 1 << 9;
/// Space, tab, line feed, carriage return.
pub(crate) const BLANK: u16 = 1 << 10;
/// May begin JSON: `{`, `[`, `"`.
pub(crate) const OPENS: u16 = 1 << 11;
/// An upper-case letter.
pub(crate) const UPPER: u16 = 1 << 12;
/// A lower-case letter.
pub(crate) const LOWER: u16 = 1 << 13;
/// A control character that text does not hold.
pub(crate) const CONTROL: u16 = 1 << 14;

/// Punctuation of base85 that addresses, paths and prose seldom use.
pub(crate) const ODD: u16 = 1 << 15;

const KINDS: [u16; 256] = kinds();

#[expect(clippy::indexing_slicing, reason = "worked out when this is compiled")]
const fn kinds() -> [u16; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
        let b = i as u8;
        let mut kind = 0;
        if b.is_ascii_alphanumeric() {
            kind |= ALNUM | RUN;
        }
        if matches!(b, b'+' | b'/' | b'-' | b'_' | b'=') {
            kind |= RUN;
        }
        if b.is_ascii_hexdigit() {
            kind |= HEX;
        }
        if b.is_ascii_digit() {
            kind |= DIGIT;
        }
        if b.is_ascii_uppercase() {
            kind |= UPPER;
        }
        if b.is_ascii_lowercase() {
            kind |= LOWER;
        }
        if b.is_ascii_graphic() {
            kind |= GRAPH;
        }
        if !b.is_ascii() {
            kind |= WIDE;
        }
        if b.is_ascii_control() && !matches!(b, b'\t' | b'\n' | b'\r') {
            kind |= CONTROL;
        }
        if matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'*'
                | b';'
                | b'<'
                | b'>'
                | b'?'
                | b'@'
                | b'^'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
                | b'('
                | b'"'
        ) {
            kind |= ODD;
        }
        kind |= match b {
            b'%' => PERCENT,
            b'&' => AMPERSAND,
            b'\\' => BACKSLASH,
            b'=' => EQUALS,
            b' ' | b'\t' | b'\n' | b'\r' => BLANK,
            b'{' | b'[' | b'"' => OPENS,
            _ => 0,
        };
        table[i] = kind;
        i += 1;
    }
    table
}

/// What kind of byte this is, as bits.
#[expect(clippy::indexing_slicing, reason = "a byte indexes a table of 256")]
pub(crate) const fn kind(b: u8) -> u16 {
    KINDS[b as usize]
}

/// Whether a byte is of one of these kinds.
pub(crate) const fn is(b: u8, kinds: u16) -> bool {
    kind(b) & kinds != 0
}

/// What a text holds, from one pass over it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Which of these occur: what begins an escape or JSON, digits, letters, characters beyond ASCII.
    pub(crate) kinds: u16,
    /// The longest run of base64 characters.
    pub(crate) run: usize,
    /// The longest run of printable characters without a space, told from [`LONG_WORD`] on.
    pub(crate) word: usize,
    /// The most lone letters or digits in a row, with something else between (`4 1 1 1`,
    /// `s.k.-.l`), told from three on.
    pub(crate) singles: usize,
    /// The most runs of equal length in a row (`QUtJ QUlP U0ZP`), less one.
    pub(crate) equals: usize,
    /// The most characters of three or more runs of equal length in a row, with a few blanks alone
    /// between.
    pub(crate) joined: usize,
    /// Digits in all.
    pub(crate) digits: usize,
    /// The most runs of two to 24 characters in a row that begin with a digit, less one, told from
    /// two on.
    pub(crate) groups: usize,
}

/// The shortest word whose length matters to anyone.
pub(crate) const LONG_WORD: usize = 15;

impl Survey {
    /// Whether any of these kinds occurs.
    pub(crate) const fn has(&self, kinds: u16) -> bool {
        self.kinds & kinds != 0
    }
}

/// Looks over what of a text follows `from`, whose kinds are these. No run reaches over `from`.
/// `stretch` bounds the longest stretch without blanks.
pub(crate) fn survey_of(text: &[u8], from: usize, masks: &[Mask], stretch: usize) -> Survey {
    let mut counts = Counts::default();
    let mut runs = Runs::default();
    let (mut letters, mut digits, mut wide, mut signs) = (0, 0, 0, 0_u8);
    let (mut graph, mut long) = (0, false);
    let (mut carry, mut numbers) = (0, 0);
    let skipped = from / WIDTH;
    let mut base = skipped * WIDTH;
    for mask in masks.iter().skip(skipped) {
        let inside = u64::MAX << from.saturating_sub(base).min(WIDTH - 1);
        signs |= if inside == u64::MAX {
            mask.signs
        } else {
            let part = text.get(from..text.len().min(base + WIDTH)).unwrap_or_default();
            part.iter().fold(0, |all, b| all | sign(*b))
        };
        letters |= mask.alnum & !mask.digit & inside;
        digits += (mask.digit & inside).count_ones() as usize;
        wide |= mask.wide & inside;
        let token = mask.token() & inside;
        numbers += (token & mask.digit & !(token << 1 | carry)).count_ones();
        carry = token >> 63;
        runs.step(token, base, |start, end| counts.run(text, start, end));
        if stretch >= LONG_WORD {
            let next = mask.graph() & inside;
            long |= has_long_word(graph, next);
            graph = next;
        }
        base += WIDTH;
    }
    if let Some(start) = runs.end() {
        counts.run(text, start, text.len());
    }
    long |= has_long_word(graph, 0);
    let mut out = counts.survey;
    if numbers > 2 {
        out.groups = groups(text, from, masks);
    }
    if long {
        let words = text.get(from..).unwrap_or_default().split(|b| !is(*b, GRAPH));
        out.word = words.map(<[u8]>::len).max().unwrap_or_default();
    }
    out.digits = digits;
    let kinds = [PERCENT, AMPERSAND, BACKSLASH, EQUALS, OPENS];
    for (at, kind) in kinds.into_iter().enumerate() {
        out.kinds |= if signs >> at & 1 == 1 { kind } else { 0 };
    }
    out.kinds |= if letters != 0 { LETTER } else { 0 };
    out.kinds |= if digits != 0 { DIGIT } else { 0 };
    out.kinds |= if wide != 0 { WIDE } else { 0 };
    out
}

/// Whether a word of at least [`LONG_WORD`] characters begins in the first of two blocks.
#[inline(always)]
fn has_long_word(block: u64, next: u64) -> bool {
    let twice = |run: u128, by: u32| run & run >> by;
    let eight = twice(twice(twice(pair(block, next), 1), 2), 4);
    low(twice(eight, 7)) != 0
}

/// What is counted from run to run.
#[derive(Default)]
struct Counts {
    survey: Survey,
    /// The length of the last run and its end, and how many before it were as long.
    last: usize,
    end: usize,
    equals: usize,
    /// Those among them that blanks alone stand between.
    parted: usize,
}

/// LIMIT: the most blanks between two runs that may belong together.
pub(crate) const MAX_GAP: usize = 6;

impl Counts {
    #[inline(always)]
    fn run(&mut self, text: &[u8], start: usize, end: usize) {
        let run = end - start;
        self.survey.run = self.survey.run.max(run);
        if run == self.last {
            self.equal(text, start, run);
        } else {
            (self.equals, self.parted) = (0, 0);
        }
        (self.last, self.end) = (run, end);
    }
    fn equal(&mut self, text: &[u8], start: usize, run: usize) {
        let out = &mut self.survey;
        self.equals += 1;
        out.equals = out.equals.max(self.equals);
        let gap = text.get(self.end..start).unwrap_or_default();
        let parted = gap.len() <= MAX_GAP && gap.iter().all(|b| is(*b, BLANK));
        self.parted = if parted { self.parted + 1 } else { 0 };
        if self.equals >= 2 {
            out.singles = out.singles.max(if run == 1 { self.equals + 1 } else { 0 });
        }
        if self.parted >= 2 {
            out.joined = out.joined.max(run * (self.parted + 1));
        }
    }
}

/// See [`Survey::groups`]; for texts in which at least three runs begin with a digit.
fn groups(text: &[u8], from: usize, masks: &[Mask]) -> usize {
    let (mut row, mut most) = (0_usize, 0);
    each_run(masks, from..text.len(), Mask::token, |start, end| {
        let number = text.get(start).is_some_and(u8::is_ascii_digit);
        row = if number && (2..=24).contains(&(end - start)) { row + 1 } else { 0 };
        most = most.max(row);
    });
    if most > 2 { most - 1 } else { 0 }
}

/// The value of a hexadecimal digit.
pub(crate) const fn hex_digit(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// The byte that two hexadecimal digits spell.
pub(crate) const fn hex_pair(high: u8, low: u8) -> Option<u8> {
    match (hex_digit(high), hex_digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        (Some(_) | None, _) => None,
    }
}

/// A table from characters to digits for an alphabet; each string lists the digits from 0 on.
#[expect(clippy::indexing_slicing, reason = "worked out when this is compiled")]
pub(crate) const fn digits(alphabets: &[&[u8]]) -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut a = 0;
    while a < alphabets.len() {
        let alphabet = alphabets[a];
        let mut i = 0;
        while i < alphabet.len() {
            #[expect(clippy::cast_possible_truncation, reason = "alphabets have at most 94 digits")]
            {
                table[alphabet[i] as usize] = i as u8;
            }
            i += 1;
        }
        a += 1;
    }
    table
}

/// Looks a digit up in such a table.
#[expect(clippy::indexing_slicing, reason = "a byte indexes a table of 256")]
pub(crate) const fn digit(table: &[u8; 256], b: u8) -> u8 {
    table[b as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::drawn;

    fn survey(text: &[u8]) -> Survey {
        survey_of(text, 0, &drawn(text), text.len())
    }

    #[test]
    fn a_survey_counts_runs_and_singles() {
        let survey = survey(b"see QUtJQUlPU0Y=, 4 1 1 1 abcd efgh ijkl");
        assert_eq!((survey.run, survey.word, survey.singles, survey.equals), (12, 0, 4, 3));
        assert!(survey.has(EQUALS) && !survey.has(PERCENT | WIDE));
    }

    /// The same from byte to byte.
    fn plainly(text: &[u8]) -> Survey {
        let mut out = Survey::default();
        let seen = [PERCENT, AMPERSAND, BACKSLASH, EQUALS, OPENS, DIGIT, WIDE]
            .into_iter()
            .filter(|wanted| text.iter().any(|b| is(*b, *wanted)));
        out.kinds = seen.fold(0, |all, kind| all | kind);
        out.kinds |= if text.iter().any(u8::is_ascii_alphabetic) { LETTER } else { 0 };
        let longest = |parts: &mut dyn Iterator<Item = usize>| parts.max().unwrap_or(0);
        out.digits = text.iter().filter(|b| is(**b, DIGIT)).count();
        out.word = longest(&mut text.split(|b| !is(*b, GRAPH)).map(<[u8]>::len));
        out.word = if out.word < LONG_WORD { 0 } else { out.word };
        let runs: Vec<&[u8]> = text.split(|b| !is(*b, RUN)).filter(|run| !run.is_empty()).collect();
        out.run = longest(&mut runs.iter().map(|run| run.len()));
        out.singles = longest(&mut runs.split(|run| run.len() != 1).map(<[_]>::len));
        out.singles = if out.singles < 3 { 0 } else { out.singles };
        let equal = runs.chunk_by(|a, b| a.len() == b.len());
        for same in equal {
            out.equals = out.equals.max(same.len() - 1);
        }
        let place = |run: &[u8]| run.as_ptr().addr() - text.as_ptr().addr();
        let parted = |a: &[u8], b: &[u8]| {
            let gap = &text[place(a) + a.len()..place(b)];
            gap.len() <= MAX_GAP && gap.iter().all(|b| is(*b, BLANK))
        };
        for same in runs.chunk_by(|a, b| a.len() == b.len() && parted(a, b)) {
            if same.len() > 2 {
                out.joined = out.joined.max(same.len() * same[0].len());
            }
        }
        let number = |run: &[u8]| is(run[0], DIGIT) && (2..=24).contains(&run.len());
        let groups = longest(&mut runs.split(|run| !number(run)).map(<[_]>::len));
        out.groups = if groups < 3 { 0 } else { groups - 1 };
        out
    }

    proptest::proptest! {
        #[test]
        fn a_survey_of_blocks_is_one_of_bytes(
            text in "[a-fA-Z0-9 .+/=%&\\\\{\"é_\n-]{0,300}", filler in 0_usize..130,
        ) {
            let text = "x ".repeat(filler) + &text;
            proptest::prop_assert_eq!(survey(text.as_bytes()), plainly(text.as_bytes()));
        }
        #[test]
        fn a_survey_of_a_part_is_one_of_that_part_alone(
            key in "[a-c%={ ]{0,90}", text in "[a-fA-Z0-9 .+/=%&\\{\"é_\n-]{0,200}",
        ) {
            let whole = format!("{key}: {text}");
            let from = whole.len() - text.len();
            let (bytes, stretch) = (whole.as_bytes(), whole.len());
            let part = survey_of(bytes, from, &drawn(bytes), stretch);
            proptest::prop_assert_eq!(part, survey(text.as_bytes()), "{}", whole);
        }
    }
}
