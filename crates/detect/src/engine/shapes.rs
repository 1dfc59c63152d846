//! Shapes without a fixed text: numbers, codes of letters and digits, addresses in hexadecimal.
//!
//! All their patterns are one lazy automaton. It is asked only at the places of the text's outline,
//! anchored there, so that it walks a few bytes, builds few states and dies early; it says which
//! patterns match and where the longest match of each ends.
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

    /// Calls with each of these places, the end of the longest match there, and the patterns that
    /// match, each with the end of its own longest match. Returns the number of bytes walked.
    pub(super) fn each(
        &self,
        text: &str,
        places: &[usize],
        sieve: &mut Sieve,
        mut call: impl FnMut(usize, usize, &[Matched]),
    ) -> usize {
        let Some((dfa, caches)) = self.automaton.as_ref().filter(|_| !places.is_empty()) else {
            return 0;
        };
        let mut cache = caches.get();
        let mut walked = 0;
        sieve.marks.resize(self.patterns.max(sieve.marks.len()), (0, 0));
        let mut last: Option<Walk> = None;
        for start in places.iter().copied() {
            let walk = match last.and_then(|last| last.again(text.as_bytes(), start)) {
                Some(walk) => {
                    sieve.shift(walk.shift);
                    Some(walk)
                }
                None => {
                    sieve.next();
                    let walk = walk(dfa, &mut cache, text.as_bytes(), start, sieve);
                    walked += walk.map_or(0, |walk| walk.bytes);
                    walk
                }
            };
            match walk {
                Some(walk) if sieve.matched.is_empty() => last = Some(walk),
                Some(walk) => {
                    last = Some(walk);
                    call(start, walk.end, &sieve.matched);
                }
                // The automaton gave up, which its configuration rules out: ask every pattern.
                None => {
                    last = None;
                    let unknown = |pattern| Matched { pattern, end: None };
                    sieve.matched = (0..self.patterns).map(unknown).collect();
                    call(start, start, &sieve.matched);
                }
            }
        }
        walked
    }
}

/// A pattern that matches from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Matched {
    /// Its number.
    pub(super) pattern: usize,
    /// Where its longest match ends; `None` when the pattern itself must say.
    pub(super) end: Option<usize>,
}

/// The patterns that matched from one place, each once; reused.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    matched: Vec<Matched>,
    /// Of each pattern: the round in which it matched last, and its place in `matched`.
    marks: Vec<(u64, usize)>,
    round: u64,
}

impl Sieve {
    fn next(&mut self) {
        self.round += 1;
        self.matched.clear();
    }
    /// Takes what matched for what matches so many bytes further on.
    fn shift(&mut self, by: usize) {
        for matched in &mut self.matched {
            matched.end = matched.end.map(|end| end + by);
        }
    }
    /// Ends rise from call to call.
    fn add(&mut self, pattern: usize, end: usize) {
        let Some((round, place)) = self.marks.get_mut(pattern) else { return };
        if *round != self.round {
            (*round, *place) = (self.round, self.matched.len());
            self.matched.push(Matched { pattern, end: Some(end) });
        } else if let Some(known) = self.matched.get_mut(*place) {
            known.end = Some(end);
        }
    }
}

/// A walk of the automaton.
#[derive(Clone, Copy)]
struct Walk {
    start: usize,
    /// Bytes that it looked at, from its start on.
    bytes: usize,
    /// The end of the longest match.
    end: usize,
    /// How much further on than the one that it repeats.
    shift: usize,
}

impl Walk {
    /// The same walk from another place, if the same bytes stand there: texts that repeat
    /// themselves (`4 4 4 4`) are walked once. What decides is the byte before the place and those
    /// that were looked at; a walk that ran into the text's end finds fewer further on.
    fn again(self, text: &[u8], start: usize) -> Option<Self> {
        // A short walk is as cheap as to compare.
        if self.bytes < WORTH || start <= self.start || self.start == 0 {
            return None;
        }
        let looked = |from: usize| text.get(from - 1..from + self.bytes);
        let same = looked(start).is_some_and(|there| looked(self.start) == Some(there));
        let shift = start - self.start;
        same.then(|| Self { start, end: self.end + shift, shift, ..self })
    }
}

/// LIMIT: the shortest walk that is compared with the next, in bytes.
const WORTH: usize = 12;

/// Walks from a place until nothing can match any more.
fn walk(
    dfa: &DFA,
    cache: &mut Cache,
    text: &[u8],
    start: usize,
    sieve: &mut Sieve,
) -> Option<Walk> {
    let walked = |bytes, end| Some(Walk { start, bytes, end, shift: 0 });
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
                    sieve.add(dfa.match_pattern(cache, state, number).as_usize(), last);
                }
            } else if state.is_dead() {
                return walked(at + 1, last);
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
                sieve.add(dfa.match_pattern(cache, state, number).as_usize(), last);
            }
        }
    }
    walked(rest.len().min(MAX_REACH + 1), last)
}

#[cfg(test)]
mod tests {
    use super::super::outline::Outline;
    use super::*;

    fn places(text: &str) -> Vec<usize> {
        let mut outline = Outline::default();
        outline.draw(text.as_bytes());
        outline.places
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
        let text = "x 123-45 AB1234";
        shapes.each(text, &places(text), &mut sieve, |start, end, patterns| {
            let mut patterns: Vec<_> =
                patterns.iter().map(|matched| (matched.pattern, matched.end.unwrap())).collect();
            patterns.sort_unstable();
            found.push((start, end, patterns));
        });
        assert_eq!(
            found,
            [
                (2, 8, vec![(0, 8), (2, 5)]),
                (6, 8, vec![(2, 8)]),
                (9, 15, vec![(1, 15)]),
                (11, 15, vec![(2, 15)])
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn what_repeats_itself_matches_as_it_would_alone(
            unit in "[0-9a-b .:-]{1,6}", times in 1_usize..60, end in "[0-9a-c .]{0,6}",
        ) {
            let patterns =
                ["(?:[0-9][ -]?){13,19}", "[0-9a-b]{2}(?:[:.-][0-9a-b]{1,2})+", "(?-u:\\b)[0-9]{3}"];
            let hirs = patterns.map(|pattern| regex_syntax::parse(pattern).unwrap());
            let shapes = Shapes::of(&hirs).unwrap();
            let text = format!("x{}{end}", unit.repeat(times));
            let places = places(&text);
            let at = |places: &[usize]| {
                let (mut found, mut sieve) = (Vec::new(), Sieve::default());
                shapes.each(&text, places, &mut sieve, |start, end, matched| {
                    let mut matched = matched.to_vec();
                    matched.sort_unstable_by_key(|matched| matched.pattern);
                    found.push((start, end, matched));
                });
                found
            };
            let alone: Vec<_> = places.iter().flat_map(|place| at(&[*place])).collect();
            proptest::prop_assert_eq!(at(&places), alone, "{}", text);
        }
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
            let walked = shapes.each(&text, &places(&text), &mut Sieve::default(), |_, _, _| {});
            assert!(walked <= 64 * text.len(), "{unit}: {walked}");
        }
    }
}
