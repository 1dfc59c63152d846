//! Values pulled apart or disguised digit by digit: separators between all characters
//! (`4 1 1 1`, `s.k.-.l.i.v.e`), digits in unusual groups (`4111_1111_…`), letters for digits
//! (`4ll1 IIII`). Next: `mirror`.

use super::bytes::{ALNUM, DIGIT, GRAPH, WIDE, is};
use super::rewrite::Rewrite;
use std::ops::Range;

/// The fewest characters pulled apart that are put together again.
pub(crate) const MIN_SINGLES: usize = 8;
/// The fewest digits of a number in unusual groups.
pub(crate) const MIN_GROUPED: usize = 9;
/// The fewest digits that a number has as they are, where letters stand for the others.
pub(crate) const MIN_LEET: usize = 3;
/// The longest separator, in bytes.
const MAX_GAP: usize = 6;

/// Takes the separators out of stretches where one and the same stands between single characters.
pub(crate) fn gathered(text: &str) -> Option<Rewrite> {
    let bytes = text.as_bytes();
    let mut out: Option<Rewrite> = None;
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        let Some((letters, end)) = stretch(bytes.get(at..).unwrap_or_default()) else {
            // Stretches begin where a word does.
            let word = bytes.get(at..).unwrap_or_default();
            let word = word.iter().take_while(|b| is(**b, ALNUM | WIDE)).count();
            at += word.max(1);
            continue;
        };
        let out = out.get_or_insert_with(|| Rewrite::with_capacity(text.len()));
        out.keep(text.get(kept..at).unwrap_or_default());
        out.put(&String::from_utf8_lossy(&letters));
        at += end;
        kept = at;
    }
    let mut out = out?;
    out.keep(text.get(kept..).unwrap_or_default());
    Some(out)
}

/// Single characters with one separator between them at the start of a text: the characters and
/// where they end.
fn stretch(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (first, rest) = text.split_first().filter(|(b, _)| is(**b, ALNUM))?;
    let width = rest.iter().take(MAX_GAP + 1).take_while(|b| !is(**b, ALNUM)).count();
    if width == 0 || width > MAX_GAP {
        return None;
    }
    // The widest first; `s.k.-.l` shows that a mark may also be one of the characters.
    (1..=width).rev().find_map(|width| {
        let gap = rest.get(..width)?;
        let (mut letters, mut at) = (vec![*first], 1);
        while let Some(after) = text.get(at..).and_then(|rest| rest.strip_prefix(gap)) {
            let Some(letter) = after.first().filter(|b| is(**b, GRAPH)) else { break };
            letters.push(*letter);
            at += width + 1;
        }
        // A word that begins with the last character is none of it.
        if text.get(at).is_some_and(|b| is(*b, ALNUM)) {
            letters.pop();
            at -= width + 1;
        }
        (letters.len() >= MIN_SINGLES).then_some((letters, at))
    })
}

/// Digits in equal groups of two to six with the same unusual separator between (`4111_1111_1111`,
/// `41*11*11`) as one number. Blanks, points and hyphens are for the detectors themselves.
pub(crate) fn regrouped(text: &str) -> Option<Rewrite> {
    let bytes = text.as_bytes();
    let mut out: Option<Rewrite> = None;
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let first = rest.iter().take_while(|b| is(**b, DIGIT)).count();
        if first == 0 {
            at += 1;
            continue;
        }
        let Some((digits, end)) = groups(rest, first) else {
            at += first;
            continue;
        };
        let out = out.get_or_insert_with(|| Rewrite::with_capacity(text.len()));
        out.keep(text.get(kept..at).unwrap_or_default());
        out.put(&digits);
        at += end;
        kept = at;
    }
    let mut out = out?;
    out.keep(text.get(kept..).unwrap_or_default());
    Some(out)
}

fn groups(text: &[u8], first: usize) -> Option<(String, usize)> {
    if !(2..=6).contains(&first) {
        return None;
    }
    let after = text.get(first..)?;
    let width = after.iter().take(4).take_while(|b| !is(**b, ALNUM)).count();
    let gap = after.get(..width).filter(|gap| (1..=3).contains(&gap.len()))?;
    if gap.contains(&b',') || (gap.len() == 1 && b" .-/:\n".contains(gap.first()?)) {
        return None;
    }
    let mut digits: Vec<u8> = text.get(..first)?.to_vec();
    let (mut at, mut groups) = (first, 1);
    while let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(gap)) {
        let length = rest.iter().take_while(|b| is(**b, DIGIT)).count();
        if length == 0 || length > first {
            break;
        }
        digits.extend_from_slice(rest.get(..length)?);
        (at, groups) = (at + width + length, groups + 1);
        if length < first {
            break;
        }
    }
    (groups >= 3 && digits.len() >= MIN_GROUPED)
        .then(|| (String::from_utf8_lossy(&digits).into_owned(), at))
}

/// The fewest and the most digits of a number that is read with letters for digits.
const NUMBER: std::ops::RangeInclusive<usize> = 9..=24;

/// Letters that stand for digits within numbers, as digits. At least a third must be digits as
/// they are, and nothing else may stand among them. Looked at is what stands near three digits that
/// are close to each other.
pub(crate) fn unleet(text: &str) -> Option<Rewrite> {
    let bytes = text.as_bytes();
    let mut out: Option<Rewrite> = None;
    let (mut at, mut kept) = (0, 0);
    let mut clusters = Clusters { text: bytes, at: 0 };
    while let Some(cluster) = clusters.next() {
        if !may_be_disguised(bytes, &cluster) {
            continue;
        }
        at = at.max(word_start(bytes, cluster.start.saturating_sub(NEAR)));
        let until = bytes.len().min(cluster.end + NEAR);
        let mut number = Number::default();
        while at <= until {
            if number.all == 0 {
                // A number begins with a word that holds a digit: on to the next.
                let near = bytes.get(at..bytes.len().min(until + 1)).unwrap_or_default();
                let Some(ahead) = near.iter().position(u8::is_ascii_digit) else { break };
                at = leet_start(bytes, at, at + ahead);
            }
            // A word, then what stands behind it.
            let rest = bytes.get(at..).unwrap_or_default();
            let mut word = Number { start: at, end: at, all: 0, digits: 0 };
            let mut length = 0;
            for &b in rest {
                if leet(b).is_some() {
                    word.all += 1;
                    word.digits += usize::from(is(b, DIGIT));
                } else if !is(b, ALNUM | WIDE) && b != b'_' {
                    break;
                }
                length += 1;
            }
            word.end = at + length;
            let fits = length > 0 && word.all == length;
            if fits {
                number.take(&word);
            }
            let behind = rest.get(length).copied();
            let goes_on = (fits || length == 0) && matches!(behind, Some(b' ' | b'-' | b'.'));
            if !goes_on {
                if number.is_disguised() && !in_hex(bytes, &number) && !is_literal(bytes, &number) {
                    let stretch = bytes.get(number.start..number.end).unwrap_or_default();
                    let out = out.get_or_insert_with(|| Rewrite::with_capacity(text.len()));
                    out.keep(text.get(kept..number.start).unwrap_or_default());
                    let plain = stretch.iter().map(|b| char::from(leet(*b).unwrap_or(*b)));
                    out.put(&plain.collect::<String>());
                    kept = number.end;
                }
                number = Number::default();
            }
            at += length + 1;
        }
    }
    let mut out = out?;
    out.keep(text.get(kept..).unwrap_or_default());
    Some(out)
}

/// Stretches that begin and end with a digit, in which any three that follow each other are close
/// enough for one number; those less than `2 * NEAR` apart are one.
struct Clusters<'t> {
    text: &'t [u8],
    at: usize,
}

/// How far the first of three digits stands from the third at most: a disguised number has three
/// digits, or more, among `NUMBER` characters with separators between.
const CLOSE: usize = 96;

impl Clusters<'_> {
    fn digit(&self, from: usize) -> Option<usize> {
        digit(self.text, from)
    }
    /// The next three digits that are close, from their first to behind their third.
    fn three(&self, from: usize) -> Option<Range<usize>> {
        let mut first = self.digit(from)?;
        let mut second = self.digit(first + 1)?;
        loop {
            let third = self.digit(second + 1)?;
            if third - first <= CLOSE {
                return Some(first..third + 1);
            }
            (first, second) = (second, third);
        }
    }
    fn next(&mut self) -> Option<Range<usize>> {
        let mut found = self.three(self.at)?;
        // The last two of them may belong to the next three.
        while let Some(more) = self.digit(found.end) {
            if more - found.end > 2 * NEAR {
                break;
            }
            found.end = more + 1;
        }
        self.at = found.end;
        Some(found)
    }
}

/// The next digit. Most texts have few: many bytes are looked at at once.
fn digit(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    for some in text.get(from..)?.chunks(32) {
        if some.iter().fold(false, |any, b| any | b.is_ascii_digit()) {
            return some.iter().position(u8::is_ascii_digit).map(|ahead| at + ahead);
        }
        at += some.len();
    }
    None
}

/// Whether around a digit of these there is enough of what a disguised number consists of. Each
/// byte is looked at at most twice.
fn may_be_disguised(text: &[u8], cluster: &Range<usize>) -> bool {
    let inside = |b: &&u8| leet(**b).is_some() || matches!(b, b' ' | b'-' | b'.');
    let mut at = cluster.start;
    while let Some(first) = digit(text, at).filter(|first| *first < cluster.end) {
        let (before, after) = text.split_at_checked(first).unwrap_or_default();
        let start = first - before.iter().rev().take_while(inside).count();
        let end = first + after.iter().take_while(inside).count();
        let (mut all, mut digits) = (0, 0);
        for b in text.get(start..end).unwrap_or_default() {
            all += usize::from(leet(*b).is_some());
            digits += usize::from(b.is_ascii_digit());
        }
        if NUMBER.start() <= &all && digits < all && digits >= MIN_LEET {
            return true;
        }
        at = end;
    }
    false
}

/// How far from the nearest digit a number may begin or end, in bytes.
const NEAR: usize = 64;

/// Where the word begins in which a place lies.
fn word_start(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    at - before.iter().rev().take_while(|b| is(**b, ALNUM | WIDE) || **b == b'_').count()
}

/// Where the word begins, from `from` on, that a digit stands in: as `unleet` takes words.
fn leet_start(text: &[u8], from: usize, digit: usize) -> usize {
    let before = text.get(from..digit).unwrap_or_default();
    let inside = |b: &&u8| leet(**b).is_some() || is(**b, ALNUM | WIDE) || **b == b'_';
    digit - before.iter().rev().take_while(inside).count()
}

/// Words that may be one number.
#[derive(Default)]
struct Number {
    start: usize,
    end: usize,
    /// Characters that are or stand for digits.
    all: usize,
    /// Those that are.
    digits: usize,
}

impl Number {
    fn take(&mut self, word: &Self) {
        // A number begins with a word that holds a digit: `is so less 4ll1`.
        if self.all == 0 && word.digits == 0 {
            return;
        }
        if self.all == 0 {
            self.start = word.start;
        }
        self.end = word.end;
        self.all += word.all;
        self.digits += word.digits;
    }
    fn is_disguised(&self) -> bool {
        NUMBER.contains(&self.all) && self.digits < self.all && self.digits * 3 >= self.all
    }
}

/// Whether this is a number of source code with its type: `2147205104i32`.
fn is_literal(text: &[u8], number: &Number) -> bool {
    let inside = text.get(number.start..number.end).unwrap_or_default();
    // The most digits of each type.
    [(&b"i8"[..], 3), (b"i16", 5), (b"i32", 10), (b"i64", 19)].into_iter().any(|(end, most)| {
        inside
            .strip_suffix(end)
            .is_some_and(|digits| digits.len() <= most && digits.iter().all(u8::is_ascii_digit))
    })
}

/// Whether these are words of a list of hex numbers: no letters but `A`, `B`, `E`, and among the words
/// next to them several that are hex and hold a `C`, `D` or `F`.
fn in_hex(text: &[u8], number: &Number) -> bool {
    let hex = |word: &&[u8]| {
        word.iter().all(u8::is_ascii_hexdigit)
            && word.iter().any(|b| matches!(b, b'C' | b'D' | b'F' | b'c' | b'd' | b'f'))
    };
    let inside = text.get(number.start..number.end).unwrap_or_default();
    let only = inside.iter().all(|b| b.is_ascii_hexdigit() || !is(*b, ALNUM | WIDE));
    if !only {
        return false;
    }
    let before = text.get(number.start.saturating_sub(NEAR)..number.start).unwrap_or_default();
    let after = text.get(number.end..text.len().min(number.end + NEAR)).unwrap_or_default();
    let count = |part: &[u8]| {
        part.split(|b| !is(*b, ALNUM | WIDE)).filter(|word| word.len() > 1).filter(hex).count()
    };
    count(before) + count(after) >= 3
}

/// The digit that a character stands for.
#[expect(clippy::indexing_slicing, reason = "a byte indexes a table of 256")]
const fn leet(b: u8) -> Option<u8> {
    const TABLE: [Option<u8>; 256] = {
        let mut table = [None; 256];
        let mut b = 0;
        while b < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
            {
                table[b] = leet_of(b as u8);
            }
            b += 1;
        }
        table
    };
    TABLE[b as usize]
}

const fn leet_of(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b),
        b'o' | b'O' => Some(b'0'),
        b'l' | b'I' | b'i' | b'|' | b'!' => Some(b'1'),
        b'z' | b'Z' => Some(b'2'),
        b'E' => Some(b'3'),
        b'A' => Some(b'4'),
        b'S' | b's' | b'$' => Some(b'5'),
        b'G' | b'b' => Some(b'6'),
        b'T' => Some(b'7'),
        b'B' => Some(b'8'),
        b'q' | b'g' => Some(b'9'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(got: Option<Rewrite>, expected: &str) {
        assert_eq!(got.as_ref().map(Rewrite::whole), Some(expected));
    }

    #[test]
    fn separators_between_characters_go() {
        check(gathered("card 4 1 1 1 1 1 1 1 ok"), "card 41111111 ok");
        check(gathered("s.k.-.l.i.v.e.-.a.b"), "sk-live-ab");
        check(gathered("4 - 1 - 1 - 1 - 1 - 1 - 1 - 1"), "41111111");
        check(gathered("4·1·1·1·1·1·1·1"), "41111111");
        check(gathered("5 3 6 - 9 0 - 4 3 9 9"), "536-90-4399");
        assert!(gathered("a b c").is_none() && gathered("I am a man of a few words").is_none());
    }

    #[test]
    fn unusual_groups_are_joined() {
        check(regrouped("n 4111_1111_1111_1111."), "n 4111111111111111.");
        check(regrouped("41--11--11--11--11"), "4111111111");
        assert!(regrouped("4111 1111 1111 1111, 1, 2, 3; 12:30:45").is_none());
    }

    proptest::proptest! {
        #[test]
        fn what_is_far_from_a_number_changes_nothing_in_it(
            before in "[a-zé ,.|!$_-]{0,90}", after in "[,;][a-zé ,.]{0,90}",
        ) {
            let number = "4ll1-IIII-l1l1-1111";
            let text = format!("{before}; {number}{after}");
            let plain = format!("{before}; 4111-1111-1111-1111{after}");
            let got = unleet(&text);
            proptest::prop_assert_eq!(got.as_ref().map(Rewrite::whole), Some(&*plain));
        }
    }

    #[test]
    fn letters_stand_for_digits_in_numbers() {
        check(unleet("card 4ll1 IIII l1l1 1111"), "card 4111 1111 1111 1111");
        check(unleet("S36-9O-4399"), "536-90-4399");
        check(unleet("E7B2-8224-6E1O-005 in DC"), "3782-8224-6310-005 in DC");
        check(unleet("card A111 1111 1111 1111 of CD 12"), "card 4111 1111 1111 1111 of CD 12");
        // Far from other digits, and more than one.
        let far = "word ".repeat(50);
        check(
            unleet(&format!("7 {far}4ll1 IIII l1l1 1111 {far}no 5, {far}S36-9O-4399")),
            &format!("7 {far}4111 1111 1111 1111 {far}no 5, {far}536-90-4399"),
        );
        for text in [
            "is so less loss",
            "version 1.2.3 is so old",
            "b0e5a1c4d2f36789ab",
            "2024-01-01 10:11:12",
            "7C2C 7C3B\n7CEC 7CEA 7E76 7E75 7E78 7E70 7E77 7E6F",
            "= -2147205104i32;",
            "FE4A 4E11 1B11 11A1 11E1 CD01 C0DE",
        ] {
            assert!(unleet(text).is_none(), "{text}");
        }
    }
}
