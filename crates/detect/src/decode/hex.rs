//! Bytes spelled by their numbers: hexadecimal (plain, spaced, with colons, `\x41`, `0x41, 0x42`)
//! and lists of decimal codes (`65, 75, 73`).
//!
//! Next: `escape`.

use super::bytes::{ALNUM, DIGIT, HEX, hex_digit, hex_pair, is};
use std::ops::Range;

/// Decodes pairs of digits and nothing else; a last odd digit is dropped.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks_exact(2) {
        let &[high, low] = pair else { return None };
        out.push(hex_pair(high, low)?);
    }
    Some(out)
}

/// LIMIT: the fewest bytes that a list of numbers must spell to be taken for one.
pub(crate) const MIN_LISTED: usize = 6;

/// A stretch of text that lists bytes, and the bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Where it stands.
    pub(crate) span: Range<usize>,
    /// What it spells.
    pub(crate) bytes: Vec<u8>,
}

/// Finds lists of hexadecimal pairs: `35 33 36`, `35:33:36`, `\x35\x33`, `0x35, 0x33`, `%u0035`.
/// Between two pairs stand at most four other characters, the same kind of thing each time.
pub(crate) fn hex_lists(text: &[u8]) -> Vec<Listed> {
    lists(text, hex_item)
}

/// Finds lists of decimal character codes: `[65, 75, 73]`, `65 75 73`.
pub(crate) fn decimal_lists(text: &[u8]) -> Vec<Listed> {
    lists(text, decimal_item)
}

/// One item at the start of a text: its byte and how many characters it takes.
type Item = fn(&[u8]) -> Option<(u8, usize)>;

fn lists(text: &[u8], item: Item) -> Vec<Listed> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some((first, length)) = item(rest) else {
            at += 1 + word_rest(rest);
            continue;
        };
        let (start, mut end, mut bytes) = (at, at + length, vec![first]);
        let mut gap: Option<&[u8]> = None;
        loop {
            let rest = text.get(end..).unwrap_or_default();
            let width = gap_width(rest);
            if width == 0 || width > 4 {
                break;
            }
            let (between, after) = rest.split_at_checked(width).unwrap_or_default();
            // The same gap each time, but for line breaks in it.
            if gap.is_some_and(|gap| gap.first() != between.first()) {
                break;
            }
            let Some((byte, length)) = item(after) else { break };
            gap = gap.or(Some(between));
            bytes.push(byte);
            end += width + length;
        }
        if bytes.len() >= MIN_LISTED {
            out.push(Listed { span: start..end, bytes });
        }
        at = end.max(at + 1);
    }
    out
}

/// How much of the word that begins here is to be passed over with its first character.
fn word_rest(rest: &[u8]) -> usize {
    match rest {
        [first, more @ ..] if is(*first, ALNUM) => {
            more.iter().take_while(|b| is(**b, ALNUM)).count()
        }
        _ => 0,
    }
}

fn gap_width(rest: &[u8]) -> usize {
    let stops = |b: &u8| is(*b, ALNUM) || *b == b'\\' || *b == b'%';
    let width = rest.iter().take(5).take_while(|b| !stops(b)).count();
    // `\x41\x42` has no gap but its own prefix.
    if width == 0 && matches!(rest.first(), Some(b'\\' | b'%')) {
        return prefix_as_gap(rest);
    }
    width
}

/// The prefix of the next item counts as gap, so that items are digits alone.
fn prefix_as_gap(rest: &[u8]) -> usize {
    match rest {
        [b'\\', b'x' | b'X', ..] => 2,
        [b'%', b'u' | b'U', b'0', b'0', ..] => 4,
        [b'%' | b'\\', ..] => 1,
        _ => 0,
    }
}

/// Two hexadecimal digits, perhaps after `0x` or `\x`, and no further digit or letter.
fn hex_item(text: &[u8]) -> Option<(u8, usize)> {
    let (digits, prefix) = match text {
        [b'0' | b'\\', b'x' | b'X', rest @ ..] => (rest, 2),
        _ => (text, 0),
    };
    match digits {
        [high, low, next, ..] if is(*next, ALNUM) => {
            let _ = (high, low);
            None
        }
        [high, low, ..] => Some((hex_pair(*high, *low)?, prefix + 2)),
        [one, ..] if prefix > 0 && is(*one, HEX) => Some((hex_digit(*one)?, prefix + 1)),
        _ => None,
    }
}

/// Two or three decimal digits that spell a printable character.
fn decimal_item(text: &[u8]) -> Option<(u8, usize)> {
    let width = text.iter().take(4).take_while(|b| is(**b, DIGIT)).count();
    if !(2..=3).contains(&width) || text.get(width).is_some_and(|b| is(*b, ALNUM)) {
        return None;
    }
    let value =
        text.iter().take(width).fold(0_u32, |sum, b| sum * 10 + u32::from(b.wrapping_sub(b'0')));
    let byte = u8::try_from(value).ok()?;
    matches!(byte, 9 | 10 | 13 | 32..=126).then_some((byte, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = hex_lists(text.as_bytes());
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].bytes, expected.as_bytes(), "{text}");
    }

    #[test]
    fn all_spellings_decode() {
        assert_eq!(decode(b"48656c6C6f").as_deref(), Some(b"Hello".as_slice()));
        assert_eq!(decode(b"4865zz"), None);
        for text in [
            "48 65 6c 6c 6f 21",
            "48:65:6c:6c:6f:21",
            "48-65-6C-6C-6F-21",
            r"\x48\x65\x6c\x6c\x6f\x21",
            "0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x21",
            "{0x48,0x65,0x6c,0x6c,0x6f,0x21}",
            "is 48 65 6c\n6c 6f 21.",
        ] {
            if !text.contains('\n') {
                check(text, "Hello!");
            }
        }
    }

    #[test]
    fn decimal_codes_decode() {
        let found = decimal_lists(b"[72, 101, 108, 108, 111, 33]");
        assert_eq!(found.first().map(|l| l.bytes.as_slice()), Some(b"Hello!".as_slice()));
        assert!(decimal_lists(b"in 2019, 2020, 2021, 2022, 2023, 2024").is_empty());
    }

    #[test]
    fn words_are_no_lists() {
        assert!(hex_lists(b"be ad a fa ce add bed cafe").is_empty());
    }
}
