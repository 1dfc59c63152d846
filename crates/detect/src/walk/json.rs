//! JSON (RFC 8259), strictly: what two parsers could read differently is malformed. Both of two
//! equal keys are seen. No tree is built and nothing is copied but strings with escapes.
//! Next: `form`.

use super::{Field, Halt, Kind, Path, Step, Visitor, Walked, go};
use crate::decode::escape::joined;
use memchr::memchr2;
use std::borrow::Cow;

/// Walks one JSON value with nothing but blanks around it.
pub(crate) fn json(text: &str, depth: usize, visitor: &mut impl Visitor) -> Walked {
    let mut walker = Walker { text, at: 0, path: Path::default(), visitor };
    walker.value(depth)?;
    walker.end()
}

/// Walks one JSON value per line; empty lines are passed over.
pub(crate) fn ndjson(text: &str, depth: usize, visitor: &mut impl Visitor) -> Walked {
    let mut path = Path::default();
    path.push(Step::Index(0));
    for line in text.split('\n') {
        if !line.trim().is_empty() {
            let mut walker =
                Walker { text: line, at: 0, path: path.clone(), visitor: &mut *visitor };
            walker.value(depth)?;
            walker.end()?;
        }
        path.next_item();
    }
    Ok(())
}

struct Walker<'t, 'v, V> {
    text: &'t str,
    at: usize,
    path: Path<'t>,
    visitor: &'v mut V,
}

impl<'t, V: Visitor> Walker<'t, '_, V> {
    fn value(&mut self, depth: usize) -> Walked {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let text = self.string()?;
                self.tell(Kind::Text, &text)
            }
            Some(b'{') => self.object(depth.checked_sub(1).ok_or(Halt::TooDeep)?),
            Some(b'[') => self.array(depth.checked_sub(1).ok_or(Halt::TooDeep)?),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(_) => Err(Halt::Malformed("not a JSON value")),
            None => Err(Halt::Malformed("the JSON text ends early")),
        }
    }

    fn object(&mut self, depth: usize) -> Walked {
        self.at += 1;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            if !self.eat(b'"') {
                return Err(Halt::Malformed("a JSON key must be a string"));
            }
            let key = self.string()?;
            self.path.push(Step::Key(key.clone()));
            self.tell(Kind::Key, &key)?;
            if !self.eat(b':') {
                return Err(Halt::Malformed("a JSON key without a value"));
            }
            self.value(depth)?;
            self.path.pop();
            if self.eat(b',') {
                self.peek();
                continue;
            }
            if self.eat(b'}') {
                return Ok(());
            }
            return Err(Halt::Malformed("a JSON object that does not close"));
        }
    }

    fn array(&mut self, depth: usize) -> Walked {
        self.at += 1;
        if self.eat(b']') {
            return Ok(());
        }
        self.path.push(Step::Index(0));
        loop {
            self.value(depth)?;
            if self.eat(b',') {
                self.path.next_item();
                continue;
            }
            if self.eat(b']') {
                self.path.pop();
                return Ok(());
            }
            return Err(Halt::Malformed("a JSON array that does not close"));
        }
    }

    /// The rest of a string whose quote was read.
    fn string(&mut self) -> Result<Cow<'t, str>, Halt> {
        const CUT: Halt = Halt::Malformed("a JSON string that does not close");
        let text = self.text;
        let rest = text.get(self.at..).ok_or(CUT)?;
        let stop = quote_or_escape(rest.as_bytes()).ok_or(CUT)?;
        let (plain, after) = rest.split_at_checked(stop).ok_or(CUT)?;
        if has_control(plain) {
            return Err(Halt::Malformed("a control character in a JSON string"));
        }
        if after.starts_with('"') {
            self.at += stop + 1;
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped(plain, after).map(Cow::Owned)
    }

    /// A string with escapes: `plain` stands before the first of them.
    fn escaped(&mut self, plain: &str, after: &'t str) -> Result<String, Halt> {
        const BAD: Halt = Halt::Malformed("an escape that JSON does not have");
        let mut out = String::with_capacity(plain.len() + 32);
        out.push_str(plain);
        let mut rest = after;
        loop {
            let stop = quote_or_escape(rest.as_bytes())
                .ok_or(Halt::Malformed("a JSON string that does not close"))?;
            let (plain, after) = rest.split_at_checked(stop).ok_or(BAD)?;
            if has_control(plain) {
                return Err(Halt::Malformed("a control character in a JSON string"));
            }
            out.push_str(plain);
            let (c, length) = match after.as_bytes() {
                [b'"', ..] => {
                    self.at = self.text.len() - after.len() + 1;
                    return Ok(out);
                }
                [b'\\', b'u', a, b, c, d, more @ ..] => {
                    let unit = four([*a, *b, *c, *d]).ok_or(BAD)?;
                    let low = match more {
                        [b'\\', b'u', a, b, c, d, ..] => four([*a, *b, *c, *d]),
                        _ => None,
                    };
                    match (char::from_u32(unit), low.and_then(|low| joined(unit, low))) {
                        (Some(c), _) => (c, 6),
                        (None, Some(c)) => (c, 12),
                        // A surrogate alone: judged as the unknown character it will be taken for.
                        (None, None) => (char::REPLACEMENT_CHARACTER, 6),
                    }
                }
                [b'\\', b, ..] => (simple(*b).ok_or(BAD)?, 2),
                _ => return Err(BAD),
            };
            out.push(c);
            rest = after.get(length..).ok_or(BAD)?;
        }
    }

    fn number(&mut self) -> Walked {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = number_length(rest.as_bytes()).ok_or(Halt::Malformed("not a JSON number"))?;
        let number = rest.get(..length).unwrap_or_default();
        self.at += length;
        self.tell(Kind::Number, number)
    }

    fn word(&mut self, word: &str) -> Walked {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        Err(Halt::Malformed("not a JSON value"))
    }

    fn tell(&mut self, kind: Kind, text: &str) -> Walked {
        go(self.visitor.field(Field { kind, text, path: &self.path }))
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    fn eat(&mut self, b: u8) -> bool {
        let found = self.peek() == Some(b);
        self.at += usize::from(found);
        found
    }

    fn end(&mut self) -> Walked {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Halt::Malformed("something follows the JSON value")),
        }
    }
}

/// Whether a control character stands in a text. Looks at all of it, many bytes at once.
fn has_control(text: &str) -> bool {
    text.bytes().fold(false, |any, b| any | (b < b' '))
}

/// Where the next quote or backslash stands.
fn quote_or_escape(text: &[u8]) -> Option<usize> {
    // Most strings are short, and for these a search costs more than it saves.
    let near = text.get(..32).unwrap_or(text);
    let (eights, rest) = near.as_chunks::<8>();
    for (number, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let found = equal_to(eight, b'"') | equal_to(eight, b'\\');
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let behind = near.len() - rest.len();
    memchr2(b'"', b'\\', text.get(behind..)?).map(|at| at + behind)
}

/// The highest bit of the first of eight bytes that is this one, and perhaps of some behind it.
const fn equal_to(eight: u64, byte: u8) -> u64 {
    let differs = eight ^ u64::from_le_bytes([byte; 8]);
    differs.wrapping_sub(0x0101_0101_0101_0101) & !differs & 0x8080_8080_8080_8080
}

fn four(digits: [u8; 4]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |sum, b| Some(sum << 4 | u32::from(crate::decode::bytes::hex_digit(*b)?)))
}

const fn simple(b: u8) -> Option<char> {
    match b {
        b'"' => Some('"'),
        b'\\' => Some('\\'),
        b'/' => Some('/'),
        b'b' => Some('\u{8}'),
        b'f' => Some('\u{c}'),
        b'n' => Some('\n'),
        b'r' => Some('\r'),
        b't' => Some('\t'),
        _ => None,
    }
}

/// How long the number is that a text begins with.
fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

/// A number as the digits of a whole number, where it is one: `4.111e3` is `4111`, `12.0` is `12`.
pub(crate) fn whole_digits(number: &str) -> Option<String> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let zeros = usize::try_from(exponent - i32::try_from(fraction.len()).ok()?).ok()?;
    if zeros > 64 {
        return None;
    }
    let digits = format!("{whole}{fraction}{}", "0".repeat(zeros));
    let digits = digits.trim_start_matches('0');
    (digits != number && !digits.is_empty()).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scribe;
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        let mut scribe = Scribe::default();
        let walked = json(text, 8, &mut scribe);
        expected.assert_eq(&format!("{}\n{walked:?}", scribe.text()));
    }

    #[test]
    fn keys_values_and_numbers_are_told_in_order() {
        check(
            r#" {"a": ["x", 4111111111111111, {"b/c": "\u0041\n\ud83d\ude00"}], "a": -1.5e3, "n": null} "#,
            expect![[r#"
                /a key a
                /a/0 = x
                /a/1 # 4111111111111111
                /a/2/b~1c key b/c
                /a/2/b~1c = A
                😀
                /a key a
                /a # -1.5e3
                /n key n
                Ok(())"#]],
        );
    }

    #[test]
    fn what_parsers_differ_on_is_malformed() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'x'",
            "[1] 2",
            "01",
            "1.",
            "+1",
            ".5",
            "NaN",
            "\"a",
            "\"\\x41\"",
            "\"\t\"",
            "{\"a\" 1}",
            "[1 2]",
            "// c\n1",
            "\u{feff}1",
            "tru",
        ] {
            let walked = json(text, 8, &mut Scribe::default());
            assert!(matches!(walked, Err(Halt::Malformed(_))), "{text}: {walked:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(json(&nested(8), 8, &mut Scribe::default()), Ok(()));
        assert_eq!(json(&nested(9), 8, &mut Scribe::default()), Err(Halt::TooDeep));
        assert_eq!(json(&"[".repeat(1 << 20), 8, &mut Scribe::default()), Err(Halt::TooDeep));
    }

    #[test]
    fn a_surrogate_alone_is_an_unknown_character() {
        check(
            r#""\ud83d!""#,
            expect![[r#"
             = �!
            Ok(())"#]],
        );
    }

    #[test]
    fn lines_of_json_have_an_index_each() {
        let mut scribe = Scribe::default();
        assert_eq!(ndjson("{\"a\":1}\n\n\"x\"\r\n", 8, &mut scribe), Ok(()));
        assert_eq!(scribe.lines, ["/0/a key a", "/0/a # 1", "/2 = x"]);
    }

    #[test]
    fn numbers_are_whole_numbers_in_any_notation() {
        for (number, digits) in [
            ("4.111111111111111e15", Some("4111111111111111")),
            ("4111111111111111.0", Some("4111111111111111")),
            ("411111111111111100E-2", None),
            ("-536904399", Some("536904399")),
            ("4111", None),
            ("1.5", None),
            ("1e400000", None),
        ] {
            assert_eq!(whole_digits(number).as_deref(), digits, "{number}");
        }
    }
}
