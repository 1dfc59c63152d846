//! Reads what may be a telephone number: digits in groups, brackets, separators, an extension.
//! Knows layouts, not numbering plans. Next: `plan`.

use std::ops::Range;

/// How a number begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// `+`.
    Plus,
    /// A digit or a bracket.
    None,
}

/// LIMIT: a run of more digits is no telephone number.
const DIGITS: usize = 20;
/// Fewer are none either.
const FEWEST: usize = 7;
/// LIMIT: separators between two groups of digits.
const BETWEEN: usize = 3;

/// Groups of digits that stand together.
#[derive(Debug)]
pub(super) struct Run<'t> {
    text: &'t str,
    pub(super) lead: Lead,
    /// All digits, without an `(0)` after the calling code.
    pub(super) digits: String,
    start: usize,
    /// Where a group ends: bytes of the text, and digits up to there.
    ends: Vec<(usize, usize)>,
    /// `(3) 3-4`: lengths of groups with what parts them.
    layout: String,
}

impl Run<'_> {
    /// The longest beginning of the run, in whole groups, whose digits are accepted; with its
    /// extension.
    pub(super) fn longest(&self, mut accepted: impl FnMut(&str) -> bool) -> Option<Range<usize>> {
        let last = self.ends.len().checked_sub(1)?;
        self.ends.iter().enumerate().rev().find_map(|(place, (end, count))| {
            let free = place < last || ends_free(self.text, *end);
            let digits = self.digits.get(..*count)?;
            let accepted = free && accepted(digits);
            accepted
                .then(|| self.start..if place == last { extension(self.text, *end) } else { *end })
        })
    }
    /// All of it, without an extension.
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.ends.last().map_or(self.start, |(end, _)| *end)
    }
    /// Whether the digits stand in groups.
    pub(super) fn grouped(&self) -> bool {
        self.ends.len() > 1 || self.layout.contains('(')
    }
    /// Years, months and days, alone or with a time behind them.
    pub(super) fn looks_like_date(&self) -> bool {
        let frame = |parts: &str| {
            self.layout
                .strip_prefix(parts)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let year = |at: usize| {
            self.digits.get(at..at + 2).is_some_and(|century| matches!(century, "18" | "19" | "20"))
        };
        let parted =
            |lengths: [&str; 3]| ["-", ".", "/"].iter().any(|sign| frame(&lengths.join(sign)));
        // A date with other numbers before it: `uname 2 2023-02-05`, `1.0.0 / 2014-04-30`.
        let inside = self.layout.contains(" 4-2-2") || self.layout.ends_with(" 4-2");
        inside
            || (parted(["4", "2", "2"]) && year(0))
            || (parted(["2", "2", "4"]) && year(4))
            || (parted(["1", "2", "4"]) && year(3))
            || (parted(["1", "1", "4"]) && year(2))
            || ["4-4", "4 - 4", "4/4"].contains(&&*self.layout) && year(0) && year(4)
    }
    /// Three, two and four digits: a social security number of the United States, and no way in
    /// which telephone numbers are written.
    pub(super) fn looks_like_ssn(&self) -> bool {
        ["3-2-4", "3 2 4"].contains(&&*self.layout)
    }
    /// Four numbers of up to three digits parted by points, or more: an IP address, a version, an
    /// object identifier.
    pub(super) fn looks_like_address(&self) -> bool {
        let points = self.layout.matches('.').count();
        points > 0
            && self.layout.chars().all(|sign| sign == '.' || sign.is_ascii_digit())
            && self
                .layout
                .split('.')
                .any(|length| length.parse::<u8>().is_ok_and(|length| length < 2))
            || points == 3 && self.layout.split('.').all(|length| matches!(length, "1" | "2" | "3"))
    }
    /// One point and nothing else: a number with decimals.
    pub(super) fn looks_like_decimal(&self) -> bool {
        self.layout.matches('.').count() == 1 && !self.layout.contains([' ', '-', '(', '/'])
    }
}

impl Run<'_> {
    /// Reads the run that starts here into itself; returns where the next one may start.
    fn read(&mut self, start: usize) -> usize {
        let text = self.text;
        let bytes = text.as_bytes();
        (self.start, self.lead) = (start, Lead::None);
        self.digits.clear();
        self.ends.clear();
        self.layout.clear();
        let mut at = start;
        let mut open = bytes.get(start) == Some(&b'(');
        if let [b'(', b'+', ..] | [b'+', ..] = bytes.get(at..).unwrap_or_default() {
            self.lead = Lead::Plus;
            at += if open { 2 } else { 1 };
        } else if open {
            self.layout.push('(');
            at += 1;
        }
        loop {
            let group = bytes.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
            if group == 0 || self.digits.len() + group > DIGITS {
                return at + group;
            }
            let end = at + group;
            let digits = text.get(at..end).unwrap_or_default();
            let closing = open && bytes.get(end) == Some(&b')');
            // The trunk prefix in brackets, `+44 (0)20`, is not dialled.
            if !(digits == "0" && closing && self.lead == Lead::Plus) {
                self.digits.push_str(digits);
            }
            self.layout.push_str(&group.to_string());
            self.ends.push((if closing { end + 1 } else { end }, self.digits.len()));
            let separator = |byte: &&u8| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')');
            let between = bytes.iter().skip(end).take(BETWEEN + 1).take_while(separator).count();
            let signs = text.get(end..end + between).unwrap_or_default();
            let next_is_digit = bytes.get(end + between).is_some_and(u8::is_ascii_digit);
            let shut = signs.contains(')');
            if (shut && !open)
                || between == 0
                || between > BETWEEN
                || !next_is_digit
                || signs.contains("--")
            {
                return end;
            }
            open = if shut {
                signs.rfind('(') > signs.rfind(')')
            } else {
                open || signs.contains('(')
            };
            self.layout.push_str(signs);
            at = end + between;
        }
    }
}

/// Calls with every run of a text that stands free of letters and of other numbers.
pub(super) fn each_run<'t>(text: &'t str, mut call: impl FnMut(&Run<'t>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut run = Run {
        text,
        lead: Lead::None,
        digits: String::new(),
        start: 0,
        ends: Vec::new(),
        layout: String::new(),
    };
    while let Some(byte) = bytes.get(at) {
        if !(byte.is_ascii_digit() || *byte == b'+' || *byte == b'(') {
            at += 1;
            continue;
        }
        let end = run.read(at);
        if run.digits.len() >= FEWEST && starts_free(text, at) {
            call(&run);
        }
        at = end.max(at + 1);
    }
}

/// Whether what stands before does not belong to the number.
fn starts_free(text: &str, start: usize) -> bool {
    let mut before = text.get(..start).unwrap_or_default().chars().rev();
    let Some(last) = before.next() else { return true };
    let joined = before.next().is_some_and(char::is_alphanumeric);
    match last {
        '_' | '+' | '#' | '$' | '€' | '£' | '¥' | '%' | '\\' | '@' | '&' => false,
        '.' | ',' => !before_is_number(text, start),
        '-' | '/' | '=' if joined && last != '=' => false,
        other => !other.is_alphanumeric() || crate::engine::unspaced(other),
    }
}

fn before_is_number(text: &str, start: usize) -> bool {
    text.get(..start)
        .unwrap_or_default()
        .bytes()
        .rev()
        .nth(1)
        .is_some_and(|byte| byte.is_ascii_digit())
}

/// Whether what stands behind does not belong to the number.
fn ends_free(text: &str, end: usize) -> bool {
    let mut after = text.get(end..).unwrap_or_default().chars();
    let Some(next) = after.next() else { return true };
    let then = after.next();
    match next {
        'x' | 'X' => then.is_some_and(|sign| sign.is_ascii_digit()),
        '_' | '%' | '@' => false,
        '.' | ',' | ':' | '-' | '/' => !then.is_some_and(char::is_alphanumeric),
        other => !other.is_alphanumeric() || crate::engine::unspaced(other),
    }
}

/// The end with an extension (`x565`, `ext. 12`), if one follows.
fn extension(text: &str, end: usize) -> usize {
    let after = text.get(end..).unwrap_or_default();
    let word = after.trim_start_matches(' ');
    let marked =
        ["extension", "ext.", "ext", "x", "X", "#"].iter().find_map(|mark| word.strip_prefix(mark));
    let Some(rest) = marked.map(|rest| rest.trim_start_matches(' ')) else { return end };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let closed = rest.as_bytes().get(digits).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    if (1..=7).contains(&digits) && closed { text.len() - rest.len() + digits } else { end }
}
