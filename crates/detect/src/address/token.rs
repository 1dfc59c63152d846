//! A text as an address reader sees it: words, numbers, and what parts them. Next: `vocabulary`.

use std::ops::Range;

/// One piece of text.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What kind of piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, with apostrophes and hyphens inside.
    Word(Case),
    /// Up to six digits, perhaps with a letter behind (`12b`), or a range (`12-14`, `12/3`).
    Number {
        digits: u8,
        /// Whether it is nothing but digits.
        plain: bool,
    },
    Comma,
    Dot,
    /// The end of a line.
    Line,
    /// Marks of quoted mail and brackets, which an address may run over.
    Mark,
    /// Anything else: no address runs over it.
    Wall,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Has a capital.
    Capital,
    /// Has none.
    Small,
}

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        let kind = match c {
            ' ' | '\t' | '\r' | '\u{a0}' => continue,
            ',' => Kind::Comma,
            '.' => Kind::Dot,
            '\n' => Kind::Line,
            '>' | '?' | '(' | ')' | '|' | '*' => Kind::Mark,
            c if c.is_ascii_digit() => {
                let (end, kind) = number(text, start);
                while rest.next_if(|(at, _)| *at < end).is_some() {}
                found.push(Token { span: start..end, kind });
                continue;
            }
            c if c.is_alphabetic() => {
                let mut end = start + c.len_utf8();
                let mut capital = c.is_uppercase();
                while let Some((at, next)) = rest.next_if(|(at, next)| in_word(text, *at, *next)) {
                    capital |= next.is_uppercase();
                    end = at + next.len_utf8();
                }
                let case = if capital { Case::Capital } else { Case::Small };
                found.push(Token { span: start..end, kind: Kind::Word(case) });
                continue;
            }
            _ => Kind::Wall,
        };
        found.push(Token { span: start..start + c.len_utf8(), kind });
    }
    found
}

fn in_word(text: &str, at: usize, c: char) -> bool {
    let joins = matches!(c, '\'' | '’' | '-' | '/');
    c.is_alphanumeric()
        || c == '_'
        || c == '\u{2206}'
        || joins
            && text
                .get(at + c.len_utf8()..)
                .is_some_and(|after| after.starts_with(char::is_alphabetic))
}

/// The number that starts here: its end and kind. What is glued to it (`12px`, `1.5`, `10:30`,
/// `2024-01-02`, `5%`) makes it a wall.
fn number(text: &str, start: usize) -> (usize, Kind) {
    let bytes = text.as_bytes();
    let run =
        |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let digits = run(start);
    let mut end = start + digits;
    let mut plain = true;
    let mut parts = 1;
    while let [b'-' | b'/' | b'.' | b':', next, ..] = bytes.get(end..).unwrap_or_default() {
        if !next.is_ascii_digit() {
            break;
        }
        let dotted = matches!(bytes.get(end), Some(b'.' | b':'));
        parts += if dotted { 3 } else { 1 };
        end += 1 + run(end + 1);
        plain = false;
    }
    let after = text.get(end..).unwrap_or_default();
    let glued = after
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .map(char::len_utf8)
        .sum::<usize>();
    let letter = glued == 1;
    let before = text.get(..start).unwrap_or_default().chars().next_back();
    let walled = parts > 2
        || digits > 6
        || (glued > 1)
        || after.get(glued..).is_some_and(|after| after.starts_with(['%', '=', '[', '(', '+']))
        || before.is_some_and(|c| {
            matches!(c, '-' | '.' | '=' | '$' | '€' | '£' | '#' | '+' | '/' | '\\' | ':' | '[')
        });
    let kind = if walled {
        Kind::Wall
    } else {
        Kind::Number { digits: u8::try_from(digits).unwrap_or(u8::MAX), plain: plain && !letter }
    };
    (end + glued, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_free_or_are_walls() {
        let kinds =
            |text: &str| tokens(text).into_iter().map(|token| token.kind).collect::<Vec<_>>();
        assert_eq!(kinds("12b"), [Kind::Number { digits: 2, plain: false }]);
        assert_eq!(kinds("12-14"), [Kind::Number { digits: 2, plain: false }]);
        for wall in ["12px", "1.5", "2024-01-02", "10:30", "1234567", "5%", "#5"] {
            assert!(kinds(wall).contains(&Kind::Wall), "{wall}");
        }
        assert_eq!(kinds("rue d'Ouchy"), [Kind::Word(Case::Small), Kind::Word(Case::Capital)]);
    }
}
