//! A compiled pattern: built when it is first needed, run only where it may match.
//!
//! Most patterns run a few times in the life of a process, over a few bytes: these are built as a
//! small backtracker (bounded: each state at each byte once), which takes a fifth of the time and
//! memory. One that is often needed, or over long stretches, is built once more as a fast automaton.
//! Next: `judge`.

use super::{form, guard};
use crate::pack::{Group, Guard, Pattern};
use crate::score::Score;
use regex_automata::meta::{BuildError, Regex};
use regex_automata::nfa::thompson::backtrack::{BoundedBacktracker, Cache};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, Look};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// LIMIT: memory of one compiled pattern's automaton, in bytes.
const NFA_BYTES: usize = 4 << 20;
/// LIMIT: memory of the states that one pattern builds while it searches, in bytes.
const CACHE_BYTES: usize = 1 << 18;
/// LIMIT: how far a match of a pattern without an upper length may reach past its keyword.
const OPEN_END: usize = 1 << 16;

/// Runs of the small matcher after which the fast one is built.
const SMALL_RUNS: u32 = 256;
/// The longest stretch that the small matcher looks through, in bytes.
const SMALL_SPAN: usize = 1024;

/// Buffers of small matchers; reused.
#[derive(Debug, Default)]
pub(super) struct Runner(Option<Cache>);

/// A match, with its value where that is known already.
struct Found {
    whole: Range<usize>,
    value: Option<Range<usize>>,
}

/// A pattern of a detector.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) name: Box<str>,
    pub(super) source: Box<str>,
    pub(super) score: Score,
    /// The most bytes that a match takes.
    pub(super) longest: Option<usize>,
    /// Whether the value may be a part of the match.
    pub(super) is_parted: bool,
    guard: Guard,
    group: Group,
    small: OnceLock<Option<BoundedBacktracker>>,
    /// How often the small matcher ran.
    runs: AtomicU32,
    regex: OnceLock<Option<Regex>>,
}

impl Compiled {
    pub(super) fn of(pattern: &Pattern, hir: &Hir) -> Self {
        Self {
            name: pattern.name.as_str().into(),
            source: pattern.regex.as_str().into(),
            score: pattern.score,
            longest: hir.properties().maximum_len(),
            is_parted: hir.properties().explicit_captures_len() > 0,
            guard: pattern.guard,
            group: pattern.group,
            small: OnceLock::new(),
            runs: AtomicU32::new(0),
            regex: OnceLock::new(),
        }
    }
    /// How far a match reaches at most.
    pub(super) fn reach(&self) -> usize {
        self.longest.unwrap_or(OPEN_END).min(OPEN_END)
    }
    /// Calls with the value's span of each match in a range; returns the bytes looked at.
    /// INVARIANT: linear in the range: a
    /// match that its guard forbids is tried again one character later only while that costs
    /// less than the range itself.
    pub(super) fn each(
        &self,
        text: &str,
        range: Range<usize>,
        runner: &mut Runner,
        mut call: impl FnMut(Range<usize>),
    ) -> usize {
        let mut work = 0;
        let mut again = range.len().saturating_mul(4);
        let mut at = range.start;
        while at < range.end {
            let input = Input::new(text).range(at..range.end);
            let Some(found) = self.search(&input, runner) else {
                return work + range.end - at;
            };
            let Range { start, end } = found.whole;
            work += end - at;
            if start < end && self.is_free(text, start..end) {
                call(self.value(text, found));
                at = end;
            } else {
                let next = text.ceil_char_boundary(start + 1);
                let cost = end.saturating_sub(next);
                at = if cost <= again { next } else { end.max(next) };
                again = again.saturating_sub(cost);
            }
        }
        work
    }
    /// Whether its guard lets a match start here.
    pub(super) fn may_start(&self, text: &str, start: usize) -> bool {
        guard::starts_free(self.guard, text, start)
    }
    /// Whether its guard lets this be a match.
    pub(super) fn is_free(&self, text: &str, span: Range<usize>) -> bool {
        guard::stands_free(self.guard, text, span.start, span.end)
    }
    /// The most bytes that `at` looks at.
    pub(super) fn cost(&self, text: &str, start: usize) -> usize {
        self.reach().min(text.len().saturating_sub(start))
    }
    /// The match that starts exactly here, and its value's span.
    pub(super) fn at(
        &self,
        text: &str,
        start: usize,
        runner: &mut Runner,
    ) -> Option<(Range<usize>, Range<usize>)> {
        let end = text.len().min(start.saturating_add(self.reach()));
        let input = Input::new(text).range(start..end).anchored(Anchored::Yes);
        let found = self.search(&input, runner)?;
        let whole = found.whole.clone();
        let free = !whole.is_empty() && self.is_free(text, whole.clone());
        free.then(|| (whole, self.value(text, found)))
    }
    /// The first match.
    fn search(&self, input: &Input<'_>, runner: &mut Runner) -> Option<Found> {
        if let Some(small) = self.small(input) {
            let cache = runner.0.get_or_insert_with(|| small.create_cache());
            cache.reset(small);
            if !self.is_parted {
                if let Ok(found) = small.try_find(cache, input.clone()) {
                    return found.map(|found| Found { whole: found.range(), value: None });
                }
            } else {
                let mut groups = small.create_captures();
                if small.try_captures(cache, input.clone(), &mut groups).is_ok() {
                    let whole = groups.get_match()?.range();
                    let value = self.part(&groups).unwrap_or_else(|| whole.clone());
                    return Some(Found { whole, value: Some(value) });
                }
            }
        }
        let found = self.regex()?.search(input)?;
        Some(Found { whole: found.range(), value: None })
    }
    /// The part of a match that is reported.
    fn value(&self, text: &str, found: Found) -> Range<usize> {
        let Found { whole, value } = found;
        if let Some(value) = value {
            return value;
        }
        let Some(regex) = self.regex().filter(|_| self.is_parted) else { return whole };
        let mut groups = regex.create_captures();
        let input = Input::new(text).range(whole.clone()).anchored(Anchored::Yes);
        regex.search_captures(&input, &mut groups);
        self.part(&groups).unwrap_or(whole)
    }
    fn part(&self, groups: &Captures) -> Option<Range<usize>> {
        let group = match self.group {
            Group::Value => groups.get_group_by_name("value"),
            Group::First => (1..groups.group_len()).find_map(|number| groups.get_group(number)),
            Group::Number(number) => groups.get_group(number),
        };
        group.map(|group| group.range())
    }
    /// The small matcher, while it is the right one for this.
    fn small(&self, input: &Input<'_>) -> Option<&BoundedBacktracker> {
        let length = input.get_span().len();
        if self.regex.get().is_some()
            || length > SMALL_SPAN
            || self.runs.fetch_add(1, Ordering::Relaxed) >= SMALL_RUNS
        {
            return None;
        }
        let built = self.small.get_or_init(|| {
            let hir = guarded(&self.source, self.guard).ok()?;
            let captures =
                if self.is_parted { WhichCaptures::All } else { WhichCaptures::Implicit };
            let config =
                thompson::Config::new().nfa_size_limit(Some(NFA_BYTES)).which_captures(captures);
            let nfa = thompson::Compiler::new().configure(config).build_from_hir(&hir).ok()?;
            BoundedBacktracker::new_from_nfa(nfa).ok()
        });
        built.as_ref().filter(|small| length <= small.max_haystack_len())
    }
    /// The fast automaton; packs whose patterns do not compile are refused before.
    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compile(&guarded(&self.source, self.guard).ok()?).ok()).as_ref()
    }
}

/// The pattern with what its guard says of ASCII neighbours written into it, so that a shorter
/// match is tried where a longer one is glued to something.
pub(super) fn guarded(source: &str, guard: Guard) -> Result<Hir, Box<regex_syntax::Error>> {
    let hir = form::plain(&regex_syntax::parse(source).map_err(Box::new)?);
    Ok(match guard {
        Guard::Word | Guard::Token | Guard::Address | Guard::Number => Hir::concat(vec![
            Hir::look(Look::WordStartHalfAscii),
            hir,
            Hir::look(Look::WordEndHalfAscii),
        ]),
        Guard::Digit | Guard::None => hir,
    })
}

/// Compiles a pattern with small limits.
pub(super) fn compile(hir: &Hir) -> Result<Regex, Box<BuildError>> {
    let config = Regex::config()
        .nfa_size_limit(Some(NFA_BYTES))
        .hybrid_cache_capacity(CACHE_BYTES)
        .onepass(false)
        .dfa(false);
    Regex::builder().configure(config).build_from_hir(hir).map_err(Box::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(regex: &str, guard: Guard) -> Compiled {
        let pattern = Pattern {
            name: String::new(),
            regex: regex.to_owned(),
            group: Group::Value,
            score: Score::CERTAIN,
            guard,
            line: 1,
        };
        Compiled::of(&pattern, &guarded(regex, guard).unwrap())
    }

    fn found(regex: &str, guard: Guard, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let pattern = compiled(regex, guard);
        let mut runner = Runner::default();
        pattern.each(text, 0..text.len(), &mut runner, |span| {
            found.push(text.get(span).unwrap().to_owned());
        });
        // Both matchers agree.
        pattern.runs.store(SMALL_RUNS, Ordering::Relaxed);
        let mut fast = Vec::new();
        pattern.each(text, 0..text.len(), &mut runner, |span| {
            fast.push(text.get(span).unwrap().to_owned());
        });
        assert!(found.is_empty() || pattern.regex.get().is_some());
        assert_eq!(found, fast);
        found
    }

    #[test]
    fn guards_leave_what_stands_free() {
        assert_eq!(found("[0-9]{3}", Guard::Digit, "1234 567 8.910 111"), ["567", "111"]);
        assert_eq!(
            found("[0-9]{3,4}", Guard::Word, "123 12345 1234x é123 番号567番"),
            ["123", "567"]
        );
        assert_eq!(found("[0-9]{5}(?:-[0-9]{4})?", Guard::Word, "12345-67890"), ["12345", "67890"]);
        assert_eq!(found("k=(?P<value>[a-z]+)", Guard::Word, "k=abc; ak=d"), ["abc"]);
        assert_eq!(found("x*", Guard::None, "axa"), ["x"]);
    }

    #[test]
    fn a_match_may_be_asked_for_at_a_place() {
        let pattern = compiled("[0-9]{3}", Guard::Digit);
        let mut runner = Runner::default();
        let mut at = |text, start| pattern.at(text, start, &mut runner).is_some();
        assert!(at("a 123", 2) && !at("a 123", 1) && !at("1123", 1));
    }
}
