//! A compiled pattern: built when it is first needed, run only where it may match. Next: `judge`.

use super::guard;
use crate::pack::{Group, Guard, Pattern};
use crate::score::Score;
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use std::ops::Range;
use std::sync::OnceLock;

/// LIMIT: memory of one compiled pattern's automaton, in bytes.
const NFA_BYTES: usize = 1 << 20;
/// LIMIT: memory of the states that one pattern builds while it searches, in bytes.
const CACHE_BYTES: usize = 1 << 18;

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) name: Box<str>,
    pub(super) source: Box<str>,
    pub(super) score: Score,
    guard: Guard,
    group: Group,
    regex: OnceLock<Option<Regex>>,
}

impl Compiled {
    pub(super) fn of(pattern: &Pattern) -> Self {
        Self {
            name: pattern.name.as_str().into(),
            source: pattern.regex.as_str().into(),
            score: pattern.score,
            guard: pattern.guard,
            group: pattern.group,
            regex: OnceLock::new(),
        }
    }
    /// Calls with the value's span of each match within a range whose guard stands free.
    pub(super) fn each(&self, text: &str, range: Range<usize>, mut call: impl FnMut(Range<usize>)) {
        let Some(regex) = self.regex() else { return };
        let mut at = range.start;
        while at <= range.end {
            let Some(found) = regex.search(&Input::new(text).range(at..range.end)) else { return };
            let (start, end) = (found.start(), found.end());
            let free = start < end && guard::stands_free(self.guard, text, start, end);
            at = if free { end } else { text.ceil_char_boundary(start + 1) };
            if free {
                call(self.value(regex, text, start..end));
            }
        }
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
        };
        found.map_or(span, |group| group.range())
    }
    /// The regular expression; packs whose patterns do not compile are refused before.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compile(&self.source).ok()).as_ref()
    }
}

/// Compiles a pattern with small limits.
pub(crate) fn compile(source: &str) -> Result<Regex, Box<regex_automata::meta::BuildError>> {
    let config = Regex::config()
        .nfa_size_limit(Some(NFA_BYTES))
        .hybrid_cache_capacity(CACHE_BYTES)
        .onepass(false)
        .dfa(false);
    Regex::builder().configure(config).build(source).map_err(Box::new)
}
