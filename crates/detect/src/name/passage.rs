//! A text to the passages that the model looks at: only those that hold a doubt.
//!
//! Passages are cut by the text alone, not by the doubts, and end where sentences, lines or
//! paragraphs do: what was looked at before keeps its bytes when a conversation grows, and the
//! model's cache knows it. About 200 bytes is where the model is at its best.

use std::ops::Range;

/// A passage is closed at the first end of a sentence past this many bytes.
const ENOUGH: usize = 160;
/// LIMIT: a longer run without an end is cut at a blank.
const MOST: usize = 400;
/// How far a passage reaches back when the one before was cut inside a sentence.
const OVERLAP: usize = 64;

/// The passages that hold one of `doubts` (in order of place), in order of place.
pub(crate) fn passages(text: &str, doubts: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut kept: Vec<Range<usize>> = Vec::new();
    let mut doubts = doubts.iter().peekable();
    let mut start = 0;
    while start < text.len() && doubts.peek().is_some() {
        let (end, whole) = cut(text, start);
        let mut wanted = false;
        while doubts.peek().is_some_and(|doubt| doubt.start < end) {
            // A doubt that runs over the end is looked at in both passages.
            wanted = true;
            if doubts.peek().is_some_and(|doubt| doubt.end > end) {
                break;
            }
            doubts.next();
        }
        if wanted {
            kept.push(start..end);
        }
        start = if whole || end == text.len() { end } else { back(text, end).max(start + 1) };
        start = (start..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    }
    kept
}

/// Where the passage from `start` on ends, and whether that is the end of a sentence.
fn cut(text: &str, start: usize) -> (usize, bool) {
    let rest = text.get(start..).unwrap_or_default();
    let mut blank = None;
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        if at >= MOST {
            return (start + blank.unwrap_or(at), false);
        }
        if c.is_whitespace() {
            let end = at + c.len_utf8();
            let paragraph = c == '\n' && before == '\n';
            let line = c == '\n' && at > ENOUGH;
            let sentence = matches!(before, '.' | '!' | '?' | '"' | ')') && at > ENOUGH;
            if (paragraph && at > ENOUGH / 2) || line || sentence {
                return (start + end, true);
            }
            if at > ENOUGH {
                blank = Some(end);
            }
        }
        before = c;
    }
    (text.len(), true)
}

/// A blank some way before `end`.
fn back(text: &str, end: usize) -> usize {
    let from =
        (end.saturating_sub(OVERLAP)..end).find(|at| text.is_char_boundary(*at)).unwrap_or(end);
    let gap = text.get(from..end).and_then(|part| part.find(char::is_whitespace));
    gap.map_or(from, |gap| from + gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(doubt: Range<usize>) -> Vec<Range<usize>> {
        vec![doubt]
    }

    #[test]
    fn a_short_text_is_one_passage() {
        assert_eq!(passages("Ask Tzigane Lantos.", &one(4..18)), one(0..19));
        assert!(passages("Ask nobody.", &[]).is_empty());
    }

    #[test]
    fn only_passages_with_doubts_are_kept() {
        let sentence = "Here is a sentence of some length that says nothing about anybody at all. ";
        let text = sentence.repeat(30);
        let at = sentence.len() * 20 + 5;
        let kept = passages(&text, &one(at..at + 8));
        assert_eq!(kept.len(), 1);
        assert!(kept[0].start <= at && kept[0].end >= at + 8 && kept[0].len() < 300);
    }

    #[test]
    fn passages_stay_the_same_when_the_text_grows() {
        let text = "Tzigane wrote a longer letter to somebody on a Monday and it rained a lot. "
            .repeat(20);
        let short = passages(text.get(..750).unwrap(), &[0..7, 225..232]);
        let long = passages(&text, &[0..7, 225..232, 1200..1207]);
        assert_eq!(short[..], long[..2]);
    }

    #[test]
    fn text_without_any_end_is_cut_with_overlap() {
        let text = "ä".repeat(3000);
        let doubts: Vec<_> = (0..1500).map(|at| at * 4..at * 4 + 2).collect();
        let kept = passages(&text, &doubts);
        assert_eq!(kept.first().map(|first| first.start), Some(0));
        assert_eq!(kept.last().map(|last| last.end), Some(6000));
        assert!(
            kept.windows(2)
                .all(|pair| pair[1].start < pair[0].end && pair[1].start > pair[0].start)
        );
        let spaced = "Anna ".repeat(2000);
        let kept = passages(&spaced, &one(0..10_000));
        assert!(kept.iter().all(|kept| kept.len() <= MOST + 1), "{kept:?}");
        assert_eq!(kept.last().map(|last| last.end), Some(10_000));
    }
}
