//! The strings and numbers of a JSON text with their places in it, which a parsed value no longer
//! has. Next: `place`.

use std::fmt::Write;
use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The name of a member.
    Key,
    /// A string.
    Text,
    /// A number.
    Number,
}

/// A string or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'p> {
    /// Its RFC 6901 pointer; a key has that of its value.
    pub(crate) pointer: &'p str,
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it stands, quotes included.
    pub(crate) span: Range<usize>,
}

/// Tells `tell` every token of a JSON text, in order. A text that is no JSON is read as far as it
/// goes: `false`.
pub(crate) fn json(text: &str, tell: &mut impl FnMut(&Token<'_>)) -> bool {
    let mut walk = Walk { text, at: 0, pointer: String::new(), depth: 0, tell };
    walk.value().is_some() && walk.peek().is_none()
}

/// The same for a JSON value per line; the line's number, from 0, is the first step.
pub(crate) fn ndjson(text: &str, tell: &mut impl FnMut(&Token<'_>)) -> bool {
    let (mut from, mut whole) = (0, true);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if !line.trim().is_empty() {
            let mut moved = |token: &Token<'_>| {
                let span = token.span.start + from..token.span.end + from;
                tell(&Token { span, ..token.clone() });
            };
            let pointer = format!("/{number}");
            let mut walk = Walk { text: line, at: 0, pointer, depth: 0, tell: &mut moved };
            whole &= walk.value().is_some() && walk.peek().is_none();
        }
        from += line.len();
    }
    whole
}

/// LIMIT: nesting, for the walk uses the stack.
const DEPTH: usize = 512;

struct Walk<'t, F> {
    text: &'t str,
    at: usize,
    pointer: String,
    depth: usize,
    tell: &'t mut F,
}

impl<F: FnMut(&Token<'_>)> Walk<'_, F> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn say(&mut self, kind: Kind, span: Range<usize>) {
        (self.tell)(&Token { pointer: &self.pointer, kind, span });
    }

    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'{' => self.nested(b'}', Self::member),
            b'[' => self.nested(b']', Self::item),
            b'"' => {
                let span = self.string()?;
                self.say(Kind::Text, span);
                Some(())
            }
            _ => {
                let rest = self.text.as_bytes().get(self.at..)?;
                let length = rest
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))
                    .count();
                let number = rest.first().is_some_and(|b| *b == b'-' || b.is_ascii_digit());
                let span = self.at..self.at + length;
                self.at += length;
                if number {
                    self.say(Kind::Number, span);
                }
                (length > 0).then_some(())
            }
        }
    }

    /// A list or an object, after its opening bracket and with its commas.
    fn nested(&mut self, close: u8, part: fn(&mut Self, usize) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let mut number = 0;
        if self.eat(close).is_none() {
            loop {
                let length = self.pointer.len();
                part(self, number)?;
                self.pointer.truncate(length);
                number += 1;
                if self.eat(b',').is_none() {
                    self.eat(close)?;
                    break;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn member(&mut self, _: usize) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        let span = self.string()?;
        let key: String = serde_json::from_str(self.text.get(span.clone())?).ok()?;
        self.pointer.push('/');
        self.pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        self.say(Kind::Key, span);
        self.eat(b':')?;
        self.value()
    }

    fn item(&mut self, number: usize) -> Option<()> {
        // Writing to a string cannot fail.
        let _ = write!(self.pointer, "/{number}");
        self.value()
    }

    /// A string, quotes included.
    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        loop {
            match bytes.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, token: &Token<'_>) -> String {
        let raw = text.get(token.span.clone()).unwrap();
        format!("{} {:?} {raw}", token.pointer, token.kind)
    }

    #[test]
    fn every_string_and_number_is_told_with_its_place() {
        let text = r#" {"a/b": ["x\"y", -1.5e3, true, {}], "~": {"k": null, "": "z"}} "#;
        let mut lines = Vec::new();
        assert!(json(text, &mut |token| lines.push(line(text, token))));
        assert_eq!(
            lines,
            [
                r#"/a~1b Key "a/b""#,
                r#"/a~1b/0 Text "x\"y""#,
                "/a~1b/1 Number -1.5e3",
                r#"/~0 Key "~""#,
                r#"/~0/k Key "k""#,
                r#"/~0/ Key """#,
                r#"/~0/ Text "z""#,
            ]
        );
    }

    #[test]
    fn lines_count_from_nought_and_blank_ones_count_too() {
        let text = "{\"a\":1}\n\n[2]\n";
        let mut lines = Vec::new();
        assert!(ndjson(text, &mut |token| lines.push(line(text, token))));
        assert_eq!(lines, ["/0/a Key \"a\"", "/0/a Number 1", "/2/0 Number 2"]);
    }

    #[test]
    fn what_is_no_json_ends_the_walk() {
        for text in ["", "{", "{\"a\" 1}", "[1,]", "\"a", "[1] 2", "{a:1}", "\"\\"] {
            assert!(!json(text, &mut |_| {}), "{text}");
        }
        assert!(!json(&"[".repeat(100_000), &mut |_| {}));
    }
}
