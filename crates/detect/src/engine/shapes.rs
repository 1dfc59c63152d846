//! Shapes without a fixed text: numbers, codes of letters and digits, addresses in hexadecimal.
//!
//! All their patterns are one lazy automaton. It is asked only where a word stands that such a
//! pattern can begin with, anchored there, so that it walks a few bytes, builds few states and
//! dies early; it says which patterns match, and these alone run by themselves.
//!
//! A place is asked when at least one of these holds:
//! - a word starts and a digit stands among its ten next bytes;
//! - a word starts that has a digit and is at least eight long;
//! - a run of sixteen `[A-Za-z0-9_+/=-]` starts;
//! - a word of at most four hexadecimal digits starts that `:`, `-` or `.` and another follow;
//! - digits start inside a word;
//! - `+` or `(` stands before such a place, or `::` starts.
//!
//! INVARIANT: at each place at most `MAX_REACH` bytes are walked. Next: `plan`.

use crate::pack::Guard;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::Hir;
use std::fmt;

/// LIMIT: the longest match of a pattern that takes part, in bytes.
pub(super) const MAX_REACH: usize = 160;
/// LIMIT: memory that the states of one thread's automaton take, in bytes.
const CACHE_BYTES: usize = 2 << 20;
/// A shape shows a digit among this many bytes after its first.
pub(super) const DIGIT_WITHIN: usize = 9;
/// A word with a digit is asked when it is this long.
pub(super) const LONG_WORD: usize = 8;
/// A run of token characters is asked when it is this long.
pub(super) const LONG_TOKEN: usize = 16;

type Caches = Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync>>;

/// The patterns of all shapes as one automaton.
pub(super) struct Shapes {
    patterns: usize,
    automaton: Option<(DFA, Caches)>,
}

impl fmt::Debug for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shapes({})", self.patterns)
    }
}

/// Whether a pattern begins only where places are asked for, and ends soon.
pub(super) fn takes_part(guard: Guard, first: &[bool; 256], longest: Option<usize>) -> bool {
    let allowed = |byte: u8| match guard {
        Guard::Word | Guard::Token | Guard::Address | Guard::Number => {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'(' | b':')
        }
        Guard::Digit => byte.is_ascii_digit() || matches!(byte, b'+' | b'('),
        Guard::None => false,
    };
    longest.is_some_and(|longest| longest <= MAX_REACH)
        && (0..=u8::MAX)
            .all(|byte| !first.get(usize::from(byte)).is_some_and(|b| *b) || allowed(byte))
}

impl Shapes {
    /// The automaton of these patterns, numbered in their order.
    ///
    /// # Errors
    /// Why they cannot be one automaton.
    pub(super) fn of(patterns: &[Hir]) -> Result<Self, String> {
        if patterns.is_empty() {
            return Ok(Self { patterns: 0, automaton: None });
        }
        let config = thompson::Config::new().which_captures(WhichCaptures::None);
        let nfa = thompson::Compiler::new()
            .configure(config)
            .build_many_from_hir(patterns)
            .map_err(|error| error.to_string())?;
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder()
            .configure(config)
            .build_from_nfa(nfa)
            .map_err(|error| error.to_string())?;
        let template = dfa.clone();
        let caches: Caches = Pool::new(Box::new(move || template.create_cache()));
        Ok(Self { patterns: patterns.len(), automaton: Some((dfa, caches)) })
    }

    /// Calls with each place and the patterns that match from there, with the end of the longest.
    /// Returns the number of bytes walked.
    pub(super) fn each(
        &self,
        text: &str,
        sieve: &mut Sieve,
        mut call: impl FnMut(usize, usize, &[usize]),
    ) -> usize {
        let Some((dfa, caches)) = &self.automaton else { return 0 };
        let mut cache = caches.get();
        let mut walked = 0;
        sieve.marks.resize(self.patterns, 0);
        places(text.as_bytes(), |start| {
            sieve.next();
            match walk(dfa, &mut cache, text.as_bytes(), start, sieve) {
                Some((bytes, end)) => {
                    walked += bytes;
                    if !sieve.matched.is_empty() {
                        call(start, end, &sieve.matched);
                    }
                }
                // The automaton gave up, which its configuration rules out: ask every pattern.
                None => {
                    sieve.matched = (0..self.patterns).collect();
                    call(start, start, &sieve.matched);
                }
            }
        });
        walked
    }
}

/// The patterns that matched from one place, each once; reused.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    matched: Vec<usize>,
    marks: Vec<u64>,
    round: u64,
}

impl Sieve {
    fn next(&mut self) {
        self.round += 1;
        self.matched.clear();
    }
    fn add(&mut self, pattern: usize) {
        if let Some(mark) = self.marks.get_mut(pattern)
            && *mark != self.round
        {
            *mark = self.round;
            self.matched.push(pattern);
        }
    }
}

/// Walks from a place until nothing can match any more: bytes walked, end of the longest match.
fn walk(
    dfa: &DFA,
    cache: &mut Cache,
    text: &[u8],
    start: usize,
    sieve: &mut Sieve,
) -> Option<(usize, usize)> {
    let input = Input::new(text).range(start..).anchored(Anchored::Yes);
    let mut state = dfa.start_state_forward(cache, &input).ok()?;
    let mut last = start;
    // One more than the longest match, for matches are told one byte late.
    let rest = text.get(start..)?;
    for (at, byte) in rest.iter().take(MAX_REACH + 1).enumerate() {
        state = dfa.next_state(cache, state, *byte).ok()?;
        if state.is_tagged() {
            if state.is_match() {
                last = start + at;
                for number in 0..dfa.match_len(cache, state) {
                    sieve.add(dfa.match_pattern(cache, state, number).as_usize());
                }
            } else if state.is_dead() {
                return Some((at + 1, last));
            } else if state.is_quit() {
                return None;
            }
        }
    }
    if rest.len() <= MAX_REACH {
        state = dfa.next_eoi_state(cache, state).ok()?;
        if state.is_match() {
            last = text.len();
            for number in 0..dfa.match_len(cache, state) {
                sieve.add(dfa.match_pattern(cache, state, number).as_usize());
            }
        }
    }
    Some((rest.len().min(MAX_REACH + 1), last))
}

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const HEX_LETTER: u8 = 3;
const DIGIT: u8 = 4;
/// `_ + / = -`
const TOKEN: u8 = 8;

const CLASSES: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let class = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            b'_' | b'+' | b'/' | b'=' | b'-' => TOKEN,
            _ => OTHER,
        };
        #[expect(clippy::indexing_slicing, reason = "a u8 indexes 256 places")]
        {
            classes[byte as usize] = class;
        }
        byte += 1;
    }
    classes
};

/// `[A-Za-z0-9_+/=-]`
pub(super) fn in_token(byte: u8) -> bool {
    class(&[byte], 0) != OTHER
}

fn class(text: &[u8], at: usize) -> u8 {
    text.get(at).and_then(|byte| CLASSES.get(usize::from(*byte))).copied().unwrap_or(OTHER)
}

const fn alphanumeric(class: u8) -> bool {
    class & (LETTER | DIGIT) != 0
}

/// Calls with each place that is worth asking, in rising order but for the marks before a word.
pub(super) fn places(text: &[u8], mut call: impl FnMut(usize)) {
    let mut at = 0;
    let mut token_end = 0;
    while at < text.len() {
        let kind = class(text, at);
        if !alphanumeric(kind) {
            if kind == OTHER
                && text.get(at..at + 2) == Some(b"::")
                && !text
                    .get(at.wrapping_sub(1))
                    .is_some_and(|b| *b == b':' || b.is_ascii_alphanumeric())
            {
                call(at);
            }
            at += 1;
            continue;
        }
        let start = at;
        let mut all = kind;
        let mut first_digit = None;
        let mut inner = None;
        let mut before = kind;
        while alphanumeric(class(text, at)) {
            let kind = class(text, at);
            if kind == DIGIT {
                first_digit = first_digit.or(Some(at));
                if before != DIGIT {
                    inner = inner.or(Some(at));
                }
            }
            all |= kind;
            before = kind;
            at += 1;
        }
        let length = at - start;
        let near = match first_digit {
            Some(digit) => digit <= start + DIGIT_WITHIN || length >= LONG_WORD,
            None => (at..=start + DIGIT_WITHIN).any(|ahead| class(text, ahead) == DIGIT),
        };
        let asked =
            near || is_long_token(text, start, at, &mut token_end) || joins(text, start, at, all);
        if asked {
            before_word(text, start, &mut call);
            call(start);
        }
        if let Some(inner) = inner {
            digits_inside(text, inner, at, &mut call);
        }
    }
}

/// `+` and `(` that stand directly before a word.
fn before_word(text: &[u8], start: usize, call: &mut impl FnMut(usize)) {
    let mark = |at: usize| matches!(text.get(at), Some(b'+' | b'('));
    if start >= 1 && mark(start - 1) {
        if start >= 2 && mark(start - 2) {
            call(start - 2);
        }
        call(start - 1);
    }
}

/// Every place in a word where digits follow a letter.
fn digits_inside(text: &[u8], from: usize, end: usize, call: &mut impl FnMut(usize)) {
    let mut before = LETTER;
    for at in from..end {
        let kind = class(text, at);
        if kind == DIGIT && before != DIGIT {
            call(at);
        }
        before = kind;
    }
}

/// Whether the word starts a run of token characters that is long enough.
fn is_long_token(text: &[u8], start: usize, word_end: usize, token_end: &mut usize) -> bool {
    if start < *token_end {
        return false;
    }
    let mut end = word_end;
    while class(text, end) != OTHER {
        end += 1;
    }
    *token_end = end;
    end - start >= LONG_TOKEN
}

/// Whether the word is a group of hexadecimal digits that another follows.
fn joins(text: &[u8], start: usize, end: usize, all: u8) -> bool {
    let hexadecimal = |class: u8| class == DIGIT || class == HEX_LETTER;
    end - start <= 4
        && (start..end).all(|at| hexadecimal(class(text, at)))
        && all != OTHER
        && matches!(text.get(end), Some(b':' | b'-' | b'.'))
        && (hexadecimal(class(text, end + 1)) || text.get(end + 1) == Some(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> String {
        let mut marks: Vec<u8> = text.bytes().map(|_| b' ').collect();
        places(text.as_bytes(), |at| marks[at] = b'^');
        String::from_utf8(marks).unwrap().trim_end().to_owned()
    }

    #[test]
    fn places_are_where_shapes_begin() {
        for (text, expected) in [
            ("plain words only", ""),
            ("id 12 34 56 C", "^  ^  ^  ^"),
            ("call +1 (415) 555", "^    ^^ ^^    ^"),
            ("mac aa:bb:cc", "    ^  ^"),
            ("RSSMRA85T10A562S", "^     ^  ^  ^"),
            ("fe80::1 ::1", "^ ^   ^ ^ ^"),
            ("abcdefghijklmnop", "^"),
        ] {
            assert_eq!(asked(text), expected, "{text}");
        }
    }

    #[test]
    fn patterns_are_told_apart() {
        let hirs: Vec<Hir> = ["[0-9]{3}-[0-9]{2}", "[A-Z]{2}[0-9]{4}", "[0-9]+"]
            .iter()
            .map(|pattern| regex_syntax::parse(pattern).unwrap())
            .collect();
        let shapes = Shapes::of(&hirs).unwrap();
        let mut found = Vec::new();
        let mut sieve = Sieve::default();
        shapes.each("x 123-45 AB1234", &mut sieve, |start, end, patterns| {
            let mut patterns = patterns.to_vec();
            patterns.sort_unstable();
            found.push((start, end, patterns));
        });
        assert_eq!(
            found,
            [(2, 8, vec![0, 2]), (6, 8, vec![2]), (9, 15, vec![1]), (11, 15, vec![2])]
        );
    }

    #[test]
    fn work_is_bounded_on_texts_made_to_hurt() {
        let hirs: Vec<Hir> = ["(?:[0-9][ -]?){13,19}", "[A-Za-z0-9]{26,60}", "[0-9.]{7,15}"]
            .iter()
            .map(|pattern| regex_syntax::parse(pattern).unwrap())
            .collect();
        let shapes = Shapes::of(&hirs).unwrap();
        for unit in ["1", "1 ", "1-", "1.", "a1", "(", "-", "+1", "a:"] {
            let text = unit.repeat(20_000 / unit.len());
            let walked = shapes.each(&text, &mut Sieve::default(), |_, _, _| {});
            assert!(walked <= 64 * text.len(), "{unit}: {walked}");
        }
    }
}
