//! All keywords of all detectors: one pass over the text says which stand where.
//! Next: `sieve` (how), `plan` (what for).

use super::sieve::Sieve;
use std::collections::HashMap;

/// Every keyword, by number.
#[derive(Debug)]
pub(super) struct Keywords {
    sieve: Sieve,
    /// Those alone that a detector waits for which has a say in a verdict.
    weighty: Sieve,
    keywords: usize,
}

/// Which keywords are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// All.
    All,
    /// Those of detectors that have a say in a verdict.
    Weighty,
}

/// Numbers keywords while detectors are planned.
#[derive(Debug, Default)]
pub(super) struct Numbering(HashMap<String, usize>);

impl Numbering {
    pub(super) fn number(&mut self, word: &str) -> usize {
        let next = self.0.len();
        *self.0.entry(word.to_owned()).or_insert(next)
    }
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
    /// All of them, ready to be sought, and those apart that are `weighty`.
    pub(super) fn finish(self, weighty: impl Fn(usize) -> bool) -> Keywords {
        let mut words: Vec<(String, usize)> = self.0.into_iter().collect();
        words.sort_unstable_by_key(|(_, number)| *number);
        let words: Vec<String> = words.into_iter().map(|(word, _)| word).collect();
        Keywords {
            sieve: Sieve::of(&words, |_| true),
            weighty: Sieve::of(&words, weighty),
            keywords: words.len(),
        }
    }
}

/// Which keywords stand where in one text; reused from scan to scan.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// Number of the keyword and where it starts, sorted.
    places: Vec<(usize, usize)>,
    /// How often each keyword was seen.
    counts: Vec<u32>,
    seen: Vec<usize>,
}

impl Sightings {
    /// Every keyword that was seen, once.
    pub(super) fn seen(&self) -> &[usize] {
        &self.seen
    }
    pub(super) fn is_seen(&self, keyword: usize) -> bool {
        self.counts.get(keyword).is_some_and(|count| *count > 0)
    }
    /// Where a keyword starts. Empty as well where there are too many to be kept.
    pub(super) fn places(&self, keyword: usize) -> &[(usize, usize)] {
        let from = self.places.partition_point(|(number, _)| *number < keyword);
        let to = self.places.partition_point(|(number, _)| *number <= keyword);
        self.places.get(from..to).unwrap_or_default()
    }
    /// Whether every place of a keyword was kept.
    pub(super) fn is_complete(&self, keyword: usize) -> bool {
        let count = self.counts.get(keyword).copied().unwrap_or_default();
        self.places(keyword).len() == usize::try_from(count).unwrap_or(usize::MAX)
    }
}

impl Keywords {
    /// Looks through a text.
    pub(super) fn look(&self, text: &str, sought: Sought, sightings: &mut Sightings) {
        for keyword in sightings.seen.drain(..) {
            if let Some(count) = sightings.counts.get_mut(keyword) {
                *count = 0;
            }
        }
        sightings.places.clear();
        sightings.counts.resize(self.keywords, 0);
        // LIMIT: places kept of one keyword; with more, its patterns run over the whole text,
        // which is then the cheaper way.
        let most = u32::try_from(64 + text.len() / 256).unwrap_or(u32::MAX - 1);
        let Sightings { places, counts, seen } = sightings;
        let sieve = match sought {
            Sought::All => &self.sieve,
            Sought::Weighty => &self.weighty,
        };
        sieve.each(text.as_bytes(), most, counts, |keyword, start| places.push((keyword, start)));
        places.sort_unstable();
        // Each keyword that was seen is among them.
        seen.extend(places.iter().map(|(keyword, _)| *keyword));
        seen.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_seen_in_any_case_and_inside_others() {
        let mut numbering = Numbering::default();
        let (long, short, other) =
            (numbering.number("sk-ant-"), numbering.number("sk-"), numbering.number("ghp_"));
        assert_eq!(numbering.number("sk-"), short);
        assert_eq!(numbering.len(), 3);
        let keywords = numbering.finish(|number| number != short);
        let mut sightings = Sightings::default();
        keywords.look("x SK-ant-1 sk-2", Sought::All, &mut sightings);
        assert_eq!(sightings.places(long), [(long, 2)]);
        assert_eq!(sightings.places(short), [(short, 2), (short, 11)]);
        assert!(!sightings.is_seen(other) && sightings.is_complete(short));
        keywords.look(&"sk-".repeat(10_000), Sought::All, &mut sightings);
        assert!(!sightings.is_complete(short));
        keywords.look("x SK-ant-1 sk-2", Sought::Weighty, &mut sightings);
        assert_eq!(sightings.seen(), [long]);
        keywords.look("", Sought::All, &mut sightings);
        assert!(sightings.seen().is_empty() && !sightings.is_seen(short));
    }
}
