//! What may not stand directly before or after a match: look-around by hand. Next: `pattern`.

use crate::pack::Guard;

/// Whether a match at these bytes stands free of what its guard forbids.
pub(super) fn stands_free(guard: Guard, text: &str, start: usize, end: usize) -> bool {
    starts_free(guard, text, start) && ends_free(guard, text, end)
}

/// Whether a match may start here.
pub(super) fn starts_free(guard: Guard, text: &str, start: usize) -> bool {
    let mut before = text.get(..start).unwrap_or_default().chars().rev();
    let Some(last) = before.next() else { return true };
    match guard {
        Guard::None => true,
        Guard::Word => !in_word(last),
        Guard::Token => !in_token(last),
        Guard::Address => !(in_word(last) || matches!(last, ':' | '.')),
        Guard::Number => {
            let beyond = before.next().unwrap_or(' ');
            let joined = match last {
                '.' | ',' => beyond.is_ascii_digit(),
                '-' => in_word(beyond),
                _ => false,
            };
            !(in_word(last) || last == '+' && starts_with_digit(text, start) || joined)
        }
        Guard::Digit => {
            let joins = joins_digits(last) && before.next().is_some_and(|c| c.is_ascii_digit());
            !(last.is_ascii_digit() || joins)
        }
    }
}

/// Whether a match may end here.
pub(super) fn ends_free(guard: Guard, text: &str, end: usize) -> bool {
    let mut after = text.get(end..).unwrap_or_default().chars();
    let Some(next) = after.next() else { return true };
    match guard {
        Guard::None => true,
        Guard::Word => !in_word(next),
        Guard::Token => !in_token(next),
        Guard::Address => {
            let joins = |c: char| c == ':' || c.is_ascii_hexdigit();
            !(in_word(next) || (matches!(next, ':' | '.') && after.next().is_some_and(joins)))
        }
        Guard::Number => {
            let beyond = after.next().unwrap_or(' ');
            let joined = match next {
                '.' | ',' => beyond.is_ascii_digit(),
                '-' | ':' | '/' => in_word(beyond),
                _ => false,
            };
            !(in_word(next) || joined)
        }
        Guard::Digit => {
            let joins = joins_digits(next) && after.next().is_some_and(|c| c.is_ascii_digit());
            !(next.is_ascii_digit() || joins)
        }
    }
}

fn starts_with_digit(text: &str, start: usize) -> bool {
    text.as_bytes().get(start).is_some_and(u8::is_ascii_digit)
}

fn in_word(c: char) -> bool {
    // Letters of scripts without spaces do not glue: `番号123456` is a number after a word.
    c == '_'
        || if c.is_ascii() {
            c.is_ascii_alphanumeric()
        } else {
            c.is_alphanumeric() && !super::context::unspaced(c)
        }
}

const fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '/' | '=' | '-')
}

const fn joins_digits(c: char) -> bool {
    matches!(c, '.' | ',' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_see_the_neighbours() {
        let free = |guard, text: &str, value: &str| {
            let start = text.find(value).unwrap();
            stands_free(guard, text, start, start + value.len())
        };
        for (guard, text, expected) in [
            (Guard::Word, "x12", false),
            (Guard::Word, "é12", false),
            (Guard::Word, "番12号", true),
            (Guard::Word, "(12)", true),
            (Guard::Word, "12_", false),
            (Guard::Digit, "x12x", true),
            (Guard::Digit, "312", false),
            (Guard::Digit, "3.12", false),
            (Guard::Digit, "a.12", true),
            (Guard::Digit, "12,5", false),
            (Guard::Digit, "12, 5", true),
            (Guard::Digit, "12.", true),
            (Guard::Token, "12=", false),
            (Guard::Token, "/12", false),
            (Guard::Token, "\"12\"", true),
            (Guard::Number, "0.12", false),
            (Guard::Number, "a-12", false),
            (Guard::Number, "+12", false),
            (Guard::Number, "iam::12:role", false),
            (Guard::Number, "id:12, x", true),
            (Guard::Number, "/12?x", true),
            (Guard::Number, "12.", true),
            (Guard::None, "31234", true),
            (Guard::Address, ":12", false),
            (Guard::Address, "x12", false),
            (Guard::Address, "12:", true),
            (Guard::Address, "12: 5", true),
            (Guard::Address, "12:f", false),
            (Guard::Address, "12.5", false),
            (Guard::Address, "[12]:80", true),
        ] {
            assert_eq!(free(guard, text, "12"), expected, "{guard:?} {text}");
        }
    }
}
