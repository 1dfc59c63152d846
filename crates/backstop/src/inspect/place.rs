//! Where a finding stands in the file: from field and span to bytes, from bytes to line and column.
//! Next: `redact`.

use super::Place;
use super::look::Lens;
use super::tokens::{self, Token};
use backstop_detect::{Found, Media, Scratch};
use std::collections::HashMap;
use std::ops::Range;

/// LIMIT: a text longer than this is not looked through line by line for what decoding hid.
const MOST_NARROWED: usize = 1 << 20;

/// The places of findings of one text, in their order.
pub(super) fn spans(
    text: &str,
    media: &Media,
    found: &[Found],
    lens: &Lens,
    scratch: &mut Scratch,
) -> Vec<Option<Range<usize>>> {
    let fields = fields(text, media, found);
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    found
        .iter()
        .map(|found| {
            if let Some(span) = direct(text, media, found) {
                return Some(span);
            }
            let value = found.digest_input.expose();
            if let Some(spans) = fields.get(found.pointer.as_str()) {
                // In the key or in the value, as it is written; else the value (or key) as a whole.
                let inside = found.chain.is_empty().then(|| {
                    spans.iter().find_map(|span| nth(text.get(span.clone())?, value, 0, span.start))
                });
                return inside.flatten().or_else(|| spans.last().cloned());
            }
            if found.chain.is_empty() {
                let before = seen.entry(value).or_default();
                *before += 1;
                if let Some(span) = nth(text, value, *before - 1, 0) {
                    return Some(span);
                }
            }
            narrowed(text, found, lens, scratch)
        })
        .collect()
}

/// The span of what stands in plain text as it is.
pub(super) fn direct(text: &str, media: &Media, found: &Found) -> Option<Range<usize>> {
    let plain = *media == Media::Text && found.chain.is_empty() && found.pointer.is_empty();
    let span = plain.then(|| found.hit.span.clone())?;
    let value = text.get(span.clone())?;
    (value.as_bytes() == found.digest_input.expose().as_slice()).then_some(span)
}

/// Keys and values of the JSON fields that findings name.
fn fields(text: &str, media: &Media, found: &[Found]) -> HashMap<String, Vec<Range<usize>>> {
    let mut fields: HashMap<String, Vec<Range<usize>>> = HashMap::new();
    if !matches!(media, Media::Json | Media::Ndjson) {
        return fields;
    }
    let wanted: HashMap<&str, ()> = found.iter().map(|f| (f.pointer.as_str(), ())).collect();
    let mut tell = |token: &Token<'_>| {
        if wanted.contains_key(token.pointer) {
            fields.entry(token.pointer.to_owned()).or_default().push(token.span.clone());
        }
    };
    if *media == Media::Ndjson {
        tokens::ndjson(text, &mut tell);
    } else {
        tokens::json(text, &mut tell);
    }
    fields
}

/// The `number`-th place of a value in a text that begins at `from`.
fn nth(text: &str, value: &[u8], number: usize, from: usize) -> Option<Range<usize>> {
    let value = std::str::from_utf8(value).ok().filter(|value| !value.is_empty())?;
    let (at, _) = text.match_indices(value).nth(number)?;
    Some(from + at..from + at + value.len())
}

/// The word, or else the line, that shows the same finding when looked at alone.
pub(super) fn narrowed(
    text: &str,
    found: &Found,
    lens: &Lens,
    scratch: &mut Scratch,
) -> Option<Range<usize>> {
    if text.len() > MOST_NARROWED {
        return None;
    }
    let mut shows = |part: &str| {
        let report = lens.report(part, &Media::Text, scratch);
        report.found.iter().any(|other| {
            other.hit.entity == found.hit.entity
                && other.digest_input.expose() == found.digest_input.expose()
        })
    };
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let start = from;
        from += line.len();
        if line.trim().len() < 4 || !shows(line) {
            continue;
        }
        let words = line.split_whitespace().filter(|word| word.len() >= 8);
        for word in words {
            if shows(word) {
                let at = start + (word.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
                return Some(at..at + word.len());
            }
        }
        return Some(start..start + line.trim_end().len());
    }
    None
}

/// Finds line and column of ascending or any other places, quickly.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = self.point(span.start);
        let (end_line, end_column) = self.point(span.end);
        Place { line, column, end_line, end_column }
    }

    fn point(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..at).map_or(at - start, |text| text.chars().count());
        (line, before + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let lines = Lines::of("ab\ncéf\n");
        let place = |span| {
            let place = lines.place(&span);
            (place.line, place.column, place.end_line, place.end_column)
        };
        assert_eq!(place(0..2), (1, 1, 1, 3));
        assert_eq!(place(3..7), (2, 1, 2, 4));
        assert_eq!(place(6..7), (2, 3, 2, 4));
        assert_eq!(place(8..8), (3, 1, 3, 1));
    }
}
