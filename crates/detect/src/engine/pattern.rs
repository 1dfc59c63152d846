//! A compiled pattern: built when it is first needed, run only where it may match. Next: `judge`.

use super::{form, guard};
use crate::pack::{Group, Guard, Pattern};
use crate::score::Score;
use regex_automata::meta::{BuildError, Regex};
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, Look};
use std::ops::Range;
use std::sync::OnceLock;

/// LIMIT: memory of one compiled pattern's automaton, in bytes.
const NFA_BYTES: usize = 4 << 20;
/// LIMIT: memory of the states that one pattern builds while it searches, in bytes.
const CACHE_BYTES: usize = 1 << 18;
/// LIMIT: how far a match of a pattern without an upper length may reach past its keyword.
const OPEN_END: usize = 1 << 16;

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
        mut call: impl FnMut(Range<usize>),
    ) -> usize {
        let Some(regex) = self.regex() else { return 0 };
        let mut work = 0;
        let mut again = range.len().saturating_mul(4);
        let mut at = range.start;
        while at < range.end {
            let Some(found) = regex.search(&Input::new(text).range(at..range.end)) else {
                return work + range.end - at;
            };
            let (start, end) = (found.start(), found.end());
            work += end - at;
            if start < end && guard::stands_free(self.guard, text, start, end) {
                call(self.value(regex, text, start..end));
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
    /// The most bytes that `at` looks at.
    pub(super) fn cost(&self, text: &str, start: usize) -> usize {
        self.reach().min(text.len().saturating_sub(start))
    }
    /// The match that starts exactly here, and its value's span.
    pub(super) fn at(&self, text: &str, start: usize) -> Option<(Range<usize>, Range<usize>)> {
        let regex = self.regex()?;
        let end = text.len().min(start.saturating_add(self.reach()));
        let input = Input::new(text).range(start..end).anchored(Anchored::Yes);
        let found = regex.search(&input)?.range();
        let free =
            !found.is_empty() && guard::stands_free(self.guard, text, found.start, found.end);
        free.then(|| (found.clone(), self.value(regex, text, found)))
    }
    /// The part of a match that is reported.
    fn value(&self, regex: &Regex, text: &str, span: Range<usize>) -> Range<usize> {
        if regex.captures_len() < 2 {
            return span;
        }
        let mut groups = regex.create_captures();
        regex.search_captures(
            &Input::new(text).range(span.clone()).anchored(Anchored::Yes),
            &mut groups,
        );
        let found = match self.group {
            Group::Value => groups.get_group_by_name("value"),
            Group::First => (1..groups.group_len()).find_map(|number| groups.get_group(number)),
            Group::Number(number) => groups.get_group(number),
        };
        found.map_or(span, |group| group.range())
    }
    /// The regular expression; packs whose patterns do not compile are refused before.
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
        compiled(regex, guard).each(text, 0..text.len(), |span| {
            found.push(text.get(span).unwrap().to_owned());
        });
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
        assert!(pattern.at("a 123", 2).is_some() && pattern.at("a 123", 1).is_none());
        assert!(pattern.at("1123", 1).is_none());
    }
}
