//! What a text must hold before a pattern can match at all, worked out from the pattern: so many
//! digits, a stretch so long without blanks, a sign such as `@`. Compared with the text's outline, it spares most
//! detectors that a common word has opened. Next: `form`.

use super::outline::Outline;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The least that every match has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Digits.
    pub(super) digits: usize,
    /// Bytes in a row without blanks and control characters.
    pub(super) stretch: usize,
    /// Words in a row (see [`Outline::row`]).
    pub(super) row: usize,
    /// A sign that few texts hold.
    pub(super) sign: Option<u8>,
}

/// Signs, the rarest first, that are worth a look of their own: not those of prose and paths.
const SIGNS: &[u8] = b"@$~^`|\\#%&*;=<>!?{}[]()";

impl Needs {
    /// What a pattern needs.
    pub(super) fn of(hir: &Hir) -> Self {
        let signs = signs(hir);
        let sign = SIGNS.iter().copied().find(|sign| signs & bit(*sign) != 0);
        Self { digits: digits(hir), stretch: stretch(hir).longest, row: 0, sign }
    }
    /// Whether a text has that.
    pub(super) const fn met_by(&self, outline: &Outline) -> bool {
        self.digits <= outline.digits && self.stretch <= outline.stretch && self.row <= outline.row
    }
    /// Whether the sign stands in a text: asked where all of it would be searched otherwise.
    pub(super) fn sign_in(&self, text: &str) -> bool {
        self.sign.is_none_or(|sign| memchr::memchr(sign, text.as_bytes()).is_some())
    }
}

/// One bit for a byte of ASCII.
const fn bit(byte: u8) -> u128 {
    if byte.is_ascii() { 1 << byte } else { 0 }
}

/// The bytes of ASCII that stand in every match, but for letters that may be of either case.
fn signs(hir: &Hir) -> u128 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => 0,
        HirKind::Literal(literal) => literal.0.iter().fold(0, |all, byte| all | bit(*byte)),
        HirKind::Repetition(repetition) if repetition.min == 0 => 0,
        HirKind::Repetition(repetition) => signs(&repetition.sub),
        HirKind::Capture(capture) => signs(&capture.sub),
        HirKind::Concat(parts) => parts.iter().fold(0, |all, part| all | signs(part)),
        HirKind::Alternation(branches) => {
            branches.iter().map(signs).reduce(|all, one| all & one).unwrap_or(0)
        }
    }
}

/// The fewest ASCII digits of a match.
fn digits(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.iter().filter(|byte| byte.is_ascii_digit()).count(),
        HirKind::Class(class) => usize::from(within(class, b'0', b'9')),
        HirKind::Repetition(repetition) => times(digits(&repetition.sub), repetition.min),
        HirKind::Capture(capture) => digits(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(digits).fold(0, usize::saturating_add),
        HirKind::Alternation(branches) => branches.iter().map(digits).min().unwrap_or(0),
    }
}

fn times(count: usize, least: u32) -> usize {
    count.saturating_mul(usize::try_from(least).unwrap_or(usize::MAX))
}

/// Stretches without blanks that every match of a part has.
#[derive(Clone, Copy)]
struct Stretch {
    /// At its start, at its end, anywhere.
    first: usize,
    last: usize,
    longest: usize,
    /// Whether it may hold a blank.
    blank: bool,
}

impl Stretch {
    const fn solid(length: usize) -> Self {
        Self { first: length, last: length, longest: length, blank: false }
    }
    const OPEN: Self = Self { first: 0, last: 0, longest: 0, blank: true };

    fn then(self, next: Self) -> Self {
        let across = self.last.saturating_add(next.first);
        Self {
            first: if self.blank { self.first } else { self.first.saturating_add(next.first) },
            last: if next.blank { next.last } else { self.last.saturating_add(next.last) },
            longest: self.longest.max(next.longest).max(across),
            blank: self.blank || next.blank,
        }
    }
    fn or(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.min(other.last),
            longest: self.longest.min(other.longest),
            blank: self.blank || other.blank,
        }
    }
}

fn stretch(hir: &Hir) -> Stretch {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Stretch::solid(0),
        HirKind::Literal(literal) => literal.0.iter().fold(Stretch::solid(0), |all, byte| {
            all.then(if *byte > b' ' && *byte != 127 { Stretch::solid(1) } else { Stretch::OPEN })
        }),
        HirKind::Class(class) if has_blank(class) => Stretch::OPEN,
        HirKind::Class(_) => Stretch::solid(hir.properties().minimum_len().unwrap_or(0)),
        HirKind::Repetition(repetition) => {
            let one = stretch(&repetition.sub);
            if one.blank {
                // One after the other, blanks between: what one has, if there is one.
                return if repetition.min == 0 { Stretch::OPEN } else { Stretch { ..one } };
            }
            Stretch::solid(times(one.longest, repetition.min))
        }
        HirKind::Capture(capture) => stretch(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(stretch).fold(Stretch::solid(0), Stretch::then),
        HirKind::Alternation(branches) => {
            branches.iter().map(stretch).reduce(Stretch::or).unwrap_or(Stretch::OPEN)
        }
    }
}

/// Whether a class holds nothing but these.
fn within(class: &Class, from: u8, to: u8) -> bool {
    match class {
        Class::Unicode(class) => {
            !class.ranges().is_empty()
                && class
                    .iter()
                    .all(|range| range.start() >= char::from(from) && range.end() <= char::from(to))
        }
        Class::Bytes(class) => {
            !class.ranges().is_empty()
                && class.iter().all(|range| range.start() >= from && range.end() <= to)
        }
    }
}

/// Whether a class holds a blank or a control character of ASCII.
fn has_blank(class: &Class) -> bool {
    match class {
        Class::Unicode(class) => class.iter().any(|range| {
            range.start() <= ' ' || (range.start() <= '\u{7f}' && range.end() >= '\u{7f}')
        }),
        Class::Bytes(class) => class
            .iter()
            .any(|range| range.start() <= b' ' || (range.start() <= 127 && range.end() >= 127)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(pattern: &str) -> (usize, usize) {
        let needs = Needs::of(&regex_syntax::parse(pattern).unwrap());
        (needs.digits, needs.stretch)
    }

    #[test]
    fn a_sign_of_every_match_is_needed() {
        let sign = |pattern: &str| Needs::of(&regex_syntax::parse(pattern).unwrap()).sign;
        assert_eq!(sign("https?://[^@]+@[a-z.]+"), Some(b'@'));
        assert_eq!(sign("(?:a=|b=&)(?P<value>[0-9]+)"), Some(b'='));
        assert_eq!(sign("(?:a@|b#)x"), None);
        assert_eq!(sign("a@?(?:~x)*"), None);
        let needs = Needs { sign: Some(b'@'), ..Needs::default() };
        assert!(needs.sign_in("a@b") && !needs.sign_in("a.b") && Needs::default().sign_in(""));
    }

    #[test]
    fn needs_are_the_least_of_every_match() {
        assert_eq!(needs("ghp_[A-Za-z0-9]{36}"), (0, 40));
        assert_eq!(needs("[0-9]{3}[ -]?[0-9]{2}"), (5, 3));
        assert_eq!(needs("[0-9]{3}-?[0-9]{2}"), (5, 5));
        assert_eq!(needs("(?:a|bc)[0-9]+|xyz9"), (1, 2));
        assert_eq!(needs("(?i)aged (?P<value>[0-9]{1,3})"), (1, 4));
        assert_eq!(needs("(?:[0-9]{4} ){3}[0-9]{4}"), (16, 4));
        assert_eq!(needs("[^,]{9}x*"), (0, 0));
        assert_eq!(needs("é{2}"), (0, 4));
    }
}
