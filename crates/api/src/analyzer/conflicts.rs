//! Which results the anonymizer acts on where they overlap: Presidio's rules, step by step
//! (`MERGE_SIMILAR_OR_CONTAINED`, then neighbours of one type with only spaces between them).
//! Next: `operators`.

use super::points::Points;

/// A result of an analysis, in code points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Marked {
    pub(super) entity: String,
    pub(super) start: usize,
    pub(super) end: usize,
    /// `None` for what was operated on and came back.
    pub(super) score: Option<f64>,
}

impl Marked {
    /// How many code points are in both; touching is none.
    fn shares(&self, other: &Self) -> usize {
        self.end.min(other.end).saturating_sub(self.start.max(other.start))
    }
    fn holds(&self, other: &Self) -> bool {
        self.start <= other.start && self.end >= other.end
    }
    /// Whether it gives way to another.
    fn yields_to(&self, other: &Self) -> bool {
        if (self.start, self.end) == (other.start, other.end) {
            return self.score <= other.score;
        }
        other.holds(self)
    }
}

/// What is acted on, in no particular order.
pub(super) fn settled(mut results: Vec<Marked>, text: &Points<'_>) -> Vec<Marked> {
    results.sort_by_key(|result| (result.start, result.end));
    let merged = of_one_type(results);
    let kept = without_contained(merged);
    over_spaces(kept, text)
}

/// Results of one type that overlap become one.
fn of_one_type(results: Vec<Marked>) -> Vec<Marked> {
    let mut done: Vec<Marked> = Vec::with_capacity(results.len());
    for result in results {
        // Sorted by start: what overlaps this one and stands before it reaches past its start.
        let similar =
            |other: &&mut Marked| other.entity == result.entity && other.shares(&result) > 0;
        match done.iter_mut().rev().find(similar) {
            Some(other) => {
                other.end = other.end.max(result.end);
                if result.score > other.score {
                    other.score = result.score;
                }
            }
            None => done.push(result),
        }
    }
    done
}

/// Without what lies within another, and of equal spans only the best.
fn without_contained(results: Vec<Marked>) -> Vec<Marked> {
    let mut alive: Vec<Option<Marked>> = results.into_iter().map(Some).collect();
    for at in 0..alive.len() {
        let Some(result) = alive.get_mut(at).and_then(Option::take) else { continue };
        let yields = alive.iter().flatten().any(|other| result.yields_to(other));
        if !yields && let Some(place) = alive.get_mut(at) {
            *place = Some(result);
        }
    }
    alive.into_iter().flatten().collect()
}

/// Neighbours of one type with nothing but spaces between them become one.
fn over_spaces(results: Vec<Marked>, text: &Points<'_>) -> Vec<Marked> {
    let mut merged: Vec<Marked> = Vec::with_capacity(results.len());
    for mut result in results {
        let joins = merged.last().filter(|last| {
            let between = text.slice(last.end, result.start.max(last.end));
            last.entity == result.entity && !between.is_empty() && between.chars().all(|c| c == ' ')
        });
        if let Some(start) = joins.map(|last| last.start) {
            merged.pop();
            result.start = start;
        }
        merged.push(result);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(text: &str, results: &[(&str, usize, usize, f64)]) -> Vec<(String, usize, usize)> {
        let results = results
            .iter()
            .map(|(entity, start, end, score)| Marked {
                entity: (*entity).to_owned(),
                start: *start,
                end: *end,
                score: Some(*score),
            })
            .collect();
        let settled = settled(results, &Points::of(text));
        settled.into_iter().map(|result| (result.entity, result.start, result.end)).collect()
    }

    fn one(entity: &str, start: usize, end: usize) -> (String, usize, usize) {
        (entity.to_owned(), start, end)
    }

    #[test]
    fn overlaps_are_settled_as_presidio_does() {
        let text = "0123456789 0123456789";
        assert_eq!(settle(text, &[("A", 0, 5, 0.5), ("A", 3, 8, 0.9)]), [one("A", 0, 8)]);
        assert_eq!(settle(text, &[("A", 0, 8, 0.1), ("B", 2, 5, 0.9)]), [one("A", 0, 8)]);
        assert_eq!(settle(text, &[("A", 0, 5, 0.4), ("B", 0, 5, 0.9)]), [one("B", 0, 5)]);
        // Of two equal in everything one stays.
        assert_eq!(settle(text, &[("A", 0, 5, 0.5), ("B", 0, 5, 0.5)]).len(), 1);
        // Partial overlaps of two types both stay: the text is cut where the later one begins.
        assert_eq!(
            settle(text, &[("A", 0, 5, 0.5), ("B", 3, 8, 0.9)]),
            [one("A", 0, 5), one("B", 3, 8)]
        );
        assert_eq!(settle(text, &[("A", 0, 10, 0.5), ("A", 11, 15, 0.5)]), [one("A", 0, 15)]);
        assert_eq!(
            settle(text, &[("A", 0, 10, 0.5), ("B", 11, 15, 0.5)]),
            [one("A", 0, 10), one("B", 11, 15)]
        );
    }
}
