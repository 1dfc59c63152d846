//! A text with what was found replaced by `<ENTITY>`.
//!
//! INVARIANT: what is handed out was looked at once more and nothing was found in it. Where that
//! cannot be reached, nothing is handed out. Next: `show`.

use super::look::{Lens, passed};
use super::place::{direct, narrowed};
use super::sources::{Origin, Text};
use super::tokens::{self, Kind, Token};
use backstop_detect::{Found, Media, Outcome, Report, Scratch};
use std::collections::HashMap;
use std::ops::Range;
use thiserror::Error;

/// A text without what was found.
#[derive(Debug)]
pub(crate) struct Redacted {
    /// The text.
    pub(crate) text: String,
    /// How many values were replaced.
    pub(crate) replaced: usize,
}

/// Why nothing is handed out.
#[derive(Debug, Error)]
pub(crate) enum RedactFault {
    /// A limit, or something that cannot be undone.
    #[error("{0}")]
    NotLookedAt(super::Passed),
    /// An office file or a PDF.
    #[error("the file holds more than its text: only plain text and its like are redacted")]
    Packed,
    /// Something is left that cannot be replaced.
    #[error("`{0}` is still found after replacing (perhaps split over several places)")]
    Left(String),
}

/// LIMIT: looks at one text. Each replaces what the one before has found.
const ROUNDS: usize = 200;

/// Replaces everything that is found.
pub(crate) fn redact(
    mut text: Text,
    lens: &Lens,
    scratch: &mut Scratch,
) -> Result<Redacted, RedactFault> {
    if text.origin == Origin::Extracted {
        return Err(RedactFault::Packed);
    }
    let mut replaced = 0;
    let mut last = String::new();
    for _ in 0..ROUNDS {
        let report = lens.report_file(&mut text, scratch);
        let Some(first) = report.found.first() else {
            return match passed(&report.outcome) {
                None => Ok(Redacted { text: text.text, replaced }),
                Some(passed) => Err(RedactFault::NotLookedAt(passed)),
            };
        };
        if let Outcome::Unreadable(why) = &report.outcome {
            return Err(RedactFault::NotLookedAt(super::Passed::Hidden(why.to_string())));
        }
        last = first.hit.entity.to_string();
        let next = match &text.media {
            Media::Json | Media::Ndjson => in_json(&text, &report),
            Media::Yaml
            | Media::Xml
            | Media::Csv
            | Media::Text
            | Media::Form
            | Media::Multipart { .. }
            | Media::Opaque
            | Media::Sniff => in_text(&text, &report, lens, scratch),
        };
        if next == text.text {
            break;
        }
        replaced += report.found.len();
        text.text = next;
    }
    Err(RedactFault::Left(last))
}

/// What stands for a value. In XML an angle bracket would begin an element.
fn label(found: &Found, media: &Media) -> String {
    if *media == Media::Xml {
        format!("[{}]", found.hit.entity)
    } else {
        format!("<{}>", found.hit.entity)
    }
}

/// Every found field of a JSON text written anew; the rest of the text stays as it is.
fn in_json(text: &Text, report: &Report) -> String {
    let mut by_field: HashMap<&str, Vec<&Found>> = HashMap::new();
    for found in &report.found {
        by_field.entry(&found.pointer).or_default().push(found);
    }
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut tell = |token: &Token<'_>| {
        if let (Some(found), Some(raw)) =
            (by_field.get(token.pointer), text.text.get(token.span.clone()))
            && let Some(new) = rewritten(raw, token.kind, found)
        {
            edits.push((token.span.clone(), new));
        }
    };
    if text.media == Media::Ndjson {
        tokens::ndjson(&text.text, &mut tell);
    } else {
        tokens::json(&text.text, &mut tell);
    }
    edited(&text.text, edits)
}

/// A JSON string or number without what was found in its field; `None` if it stays.
fn rewritten(raw: &str, kind: Kind, found: &[&Found]) -> Option<String> {
    let quoted = |text: &str| serde_json::to_string(text).ok();
    let old = match kind {
        Kind::Number => raw.to_owned(),
        Kind::Key | Kind::Text => serde_json::from_str::<String>(raw).ok()?,
    };
    let mut new = old.clone();
    for found in found {
        let label = label(found, &Media::Json);
        match std::str::from_utf8(found.digest_input.expose()) {
            Ok(value) if found.chain.is_empty() && new.contains(value) => {
                new = if kind == Kind::Number { label } else { new.replace(value, &label) };
            }
            // Hidden in the value, or the value in another notation: all of it goes.
            Ok(_) | Err(_) if kind != Kind::Key && new == old => new = label,
            Ok(_) | Err(_) => {}
        }
    }
    if new == old { None } else { quoted(&new) }
}

/// Every place of what was found replaced, in a text of any other kind.
fn in_text(text: &Text, report: &Report, lens: &Lens, scratch: &mut Scratch) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for found in &report.found {
        let label = label(found, &text.media);
        if let Some(span) = direct(&text.text, &text.media, found) {
            edits.push((span, label));
            continue;
        }
        let before = edits.len();
        if found.chain.is_empty()
            && let Ok(value) = std::str::from_utf8(found.digest_input.expose())
        {
            edits.extend(standing_alone(&text.text, value).map(|span| (span, label.clone())));
        }
        if edits.len() == before
            && let Some(span) = narrowed(&text.text, found, lens, scratch)
        {
            edits.push((span, label));
        }
    }
    edited(&text.text, edits)
}

/// The places of a value where it is not part of a longer word.
pub(super) fn standing_alone(text: &str, value: &str) -> impl Iterator<Item = Range<usize>> {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let value = if value.is_empty() { "\0" } else { value };
    text.match_indices(value).filter_map(move |(at, value)| {
        let end = at + value.len();
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(end..).and_then(|text| text.chars().next());
        let inside = (word(before) && word(value.chars().next()))
            || (word(after) && word(value.chars().next_back()));
        (!inside).then_some(at..end)
    })
}

/// A text with spans replaced; of spans that overlap the first stands, for all that they cover.
fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, new) in edits {
        if span.start >= at {
            out.push_str(text.get(at..span.start).unwrap_or_default());
            out.push_str(&new);
        }
        at = at.max(span.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_spans_leave_nothing_of_what_they_cover() {
        let edits =
            vec![(2..5, "<B>".to_owned()), (0..3, "<A>".to_owned()), (7..8, "<C>".to_owned())];
        assert_eq!(edited("abcdefghi", edits), "<A>fg<C>i");
        assert_eq!(edited("abc", Vec::new()), "abc");
    }

    #[test]
    fn a_value_within_a_longer_word_stays() {
        let spans: Vec<_> = standing_alone("Al, Also Al al-Al", "Al").collect();
        assert_eq!(spans, [0..2, 9..11, 15..17]);
        assert_eq!(standing_alone("abc", "").count(), 0);
    }
}
