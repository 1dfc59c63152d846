//! Escapes within text: percent (RFC 3986 §2.1), HTML and XML character references, backslash
//! escapes of JSON, JavaScript, C and Python, quoted-printable (RFC 2045 §6.7).
//!
//! Each answers `None` when nothing in the text is such an escape. Bytes that spell no UTF-8 become
//! U+FFFD. Next: `fold`.

use super::bytes::{HEX, hex_digit, hex_pair, is};
use super::rewrite::Rewrite;
use memchr::memchr2;

/// Undoes `%41`; `+` becomes a space where `plus` says that this is a form.
pub(crate) fn percent(text: &str, plus: Plus) -> Option<Rewrite> {
    let other = if plus == Plus::IsSpace { b'+' } else { b'%' };
    rewrite(text, [b'%', other], |rest| match rest {
        [b'%', high, low, ..] => Some((Piece::Byte(hex_pair(*high, *low)?), 3)),
        [b'+', ..] if plus == Plus::IsSpace => Some((Piece::Byte(b' '), 1)),
        _ => None,
    })
}

/// What `+` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself.
    IsPlus,
    /// A space, as in forms and query strings.
    IsSpace,
}

/// Undoes `&#65;`, `&#x41;` (with or without the semicolon) and the named references that stand for
/// ASCII characters or for nothing visible.
pub(crate) fn html(text: &str) -> Option<Rewrite> {
    rewrite(text, [b'&'; 2], |rest| match rest {
        [b'&', b'#', b'x' | b'X', digits @ ..] => reference(digits, 16, 3),
        [b'&', b'#', digits @ ..] => reference(digits, 10, 2),
        [b'&', name @ ..] => {
            let length = name.iter().take(10).take_while(|b| b.is_ascii_alphabetic()).count();
            if name.get(length) != Some(&b';') {
                return None;
            }
            let name = name.get(..length)?;
            let (_, c) = NAMED.iter().find(|(known, _)| known.as_bytes() == name)?;
            Some((Piece::Char(*c), length + 2))
        }
        _ => None,
    })
}

fn reference(digits: &[u8], radix: u32, prefix: usize) -> Option<(Piece, usize)> {
    let mut value = 0_u32;
    let mut length = 0;
    for b in digits.iter().take(10) {
        let Some(digit) = char::from(*b).to_digit(radix) else { break };
        value = value.saturating_mul(radix).saturating_add(digit);
        length += 1;
    }
    if length == 0 {
        return None;
    }
    let semicolon = usize::from(digits.get(length) == Some(&b';'));
    Some((Piece::Char(char::from_u32(value)?), prefix + length + semicolon))
}

/// Named references that can hide something: punctuation, blanks and the invisible.
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("ndash", '-'),
    ("mdash", '-'),
    ("minus", '-'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("period", '.'),
    ("comma", ','),
    ("colon", ':'),
    ("semi", ';'),
    ("commat", '@'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("equals", '='),
    ("plus", '+'),
    ("num", '#'),
    ("percnt", '%'),
    ("dollar", '$'),
    ("excl", '!'),
    ("quest", '?'),
    ("ast", '*'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("verbar", '|'),
    ("vert", '|'),
    ("Hat", '^'),
    ("grave", '`'),
    ("shy", '\u{ad}'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("NoBreak", '\u{2060}'),
];

/// Undoes `\u0041`, `\u{41}`, `\U00000041`, `\x41`, `\101`, `\n` and their like.
pub(crate) fn backslash(text: &str) -> Option<Rewrite> {
    rewrite(text, [b'\\'; 2], |rest| match rest {
        [b'\\', b'u', b'{', digits @ ..] => {
            let length = digits.iter().take(8).take_while(|b| is(**b, HEX)).count();
            if length == 0 || digits.get(length) != Some(&b'}') {
                return None;
            }
            let c = char::from_u32(number(digits.get(..length)?)?)?;
            Some((Piece::Char(c), length + 4))
        }
        [b'\\', b'u', digits @ ..] => {
            let unit = number(digits.get(..4)?)?;
            if let Some(c) = char::from_u32(unit) {
                return Some((Piece::Char(c), 6));
            }
            // A surrogate: with its partner one character, alone an unknown one.
            let partner = match digits.get(4..10) {
                Some([b'\\', b'u', low @ ..]) => number(low),
                Some(_) | None => None,
            };
            let pair = partner.and_then(|low| joined(unit, low));
            Some(match pair {
                Some(c) => (Piece::Char(c), 12),
                None => (Piece::Char(char::REPLACEMENT_CHARACTER), 6),
            })
        }
        [b'\\', b'U', digits @ ..] => {
            let c = char::from_u32(number(digits.get(..8)?)?)?;
            Some((Piece::Char(c), 10))
        }
        [b'\\', b'x' | b'X', high, low, ..] => Some((Piece::Byte(hex_pair(*high, *low)?), 4)),
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Some((Piece::Byte((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')), 4))
        }
        [b'\\', b'n', ..] => Some((Piece::Byte(b'\n'), 2)),
        [b'\\', b'r', ..] => Some((Piece::Byte(b'\r'), 2)),
        [b'\\', b't', ..] => Some((Piece::Byte(b'\t'), 2)),
        [b'\\', b'\n', ..] => Some((Piece::Nothing, 2)),
        [b'\\', b'\r', b'\n', ..] => Some((Piece::Nothing, 3)),
        [b'\\', b, ..] if b.is_ascii_punctuation() => Some((Piece::Byte(*b), 2)),
        _ => None,
    })
}

/// The number that hexadecimal digits spell; at most eight.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |sum, b| Some(sum << 4 | u32::from(hex_digit(*b)?)))
}

/// The character of a surrogate pair.
pub(crate) fn joined(high: u32, low: u32) -> Option<char> {
    if !(0xd800..0xdc00).contains(&high) || !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
}

/// Undoes `=41` and soft line breaks.
pub(crate) fn quoted_printable(text: &str) -> Option<Rewrite> {
    rewrite(text, [b'='; 2], |rest| match rest {
        [b'=', b'\r', b'\n', ..] => Some((Piece::Nothing, 3)),
        [b'=', b'\n', ..] => Some((Piece::Nothing, 2)),
        // Digits in upper case only (the RFC's own form), or `a=be` would be an escape.
        [b'=', high, low, ..] if !high.is_ascii_lowercase() && !low.is_ascii_lowercase() => {
            Some((Piece::Byte(hex_pair(*high, *low)?), 3))
        }
        _ => None,
    })
}

/// Undoes UTF-16 that was taken for UTF-8, and any other zero bytes between characters.
pub(crate) fn zeros(text: &str) -> Option<Rewrite> {
    rewrite(text, [0; 2], |_| Some((Piece::Nothing, 1)))
}

/// What an escape stands for.
enum Piece {
    Nothing,
    Byte(u8),
    Char(char),
}

/// Walks over a text from one of the marks to the next; `step` answers for an escape at the start
/// of the rest what it stands for and how many bytes it takes.
fn rewrite(
    text: &str,
    marks: [u8; 2],
    step: impl Fn(&[u8]) -> Option<(Piece, usize)>,
) -> Option<Rewrite> {
    let (bytes, [first, second]) = (text.as_bytes(), marks);
    let mut out: Option<Rewrite> = None;
    // Bytes that escapes gave and that are not yet characters.
    let mut pending: Vec<u8> = Vec::new();
    let (mut at, mut kept) = (0, 0);
    while let Some(rest) = bytes.get(at..) {
        let Some(found) = memchr2(first, second, rest) else { break };
        at += found;
        let Some((piece, length)) = bytes.get(at..).and_then(&step) else {
            at += 1;
            continue;
        };
        let out = out.get_or_insert_with(|| Rewrite::with_capacity(text.len()));
        if kept < at {
            flush(&mut pending, out);
            out.keep(text.get(kept..at).unwrap_or_default());
        }
        match piece {
            Piece::Nothing => {
                flush(&mut pending, out);
                out.put("");
            }
            Piece::Byte(b) => pending.push(b),
            Piece::Char(c) => {
                flush(&mut pending, out);
                out.put_char(c);
            }
        }
        at += length;
        kept = at;
    }
    let mut out = out?;
    flush(&mut pending, &mut out);
    out.keep(text.get(kept..).unwrap_or_default());
    Some(out)
}

fn flush(pending: &mut Vec<u8>, out: &mut Rewrite) {
    if !pending.is_empty() {
        out.put(&String::from_utf8_lossy(pending));
        pending.clear();
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
    fn percent_escapes() {
        check(percent("a%20b%C3%A9%zz%4", Plus::IsPlus), "a bé%zz%4");
        check(percent("a+b%2B", Plus::IsSpace), "a b+");
        check(percent("%ff!", Plus::IsPlus), "\u{fffd}!");
        assert!(percent("100% a+b", Plus::IsPlus).is_none());
    }

    #[test]
    fn character_references() {
        check(html("&#53;&#x33;&#0054-&lt;&amp;lt;&hyphen;"), "536-<&lt;-");
        assert!(html("R&D; a&b &nosuch; &#;").is_none());
    }

    #[test]
    fn backslash_escapes() {
        check(backslash(r"\u0041\x42\103\u{44}\U00000045\n\/"), "ABCDE\n/");
        check(backslash(r"\ud83d\ude00 \ud83d!"), "😀 \u{fffd}!");
        check(backslash(r"\xc3\xa9"), "é");
        assert!(backslash(r"C:\Users\q \u00zz").is_none());
    }

    #[test]
    fn zero_bytes_between_characters() {
        check(zeros("a\0\u{e9}\0b\0\0"), "aéb");
        assert!(zeros("none").is_none());
    }

    #[test]
    fn quoted_printable_escapes() {
        check(quoted_printable("=41=4B\r\n=\r\nx=C3=A9"), "AK\r\nxé");
        assert!(quoted_printable("a=be; b = 1").is_none());
    }
}
