//! An analyzer's answer: a list of entities with code-point offsets, or nothing that counts.
//! End of the room.
//!
//! INVARIANT: of an answer's own words only the name of an entity is kept, and only one that reads
//! like a name: an analyzer that echoes what it was asked must not bring that into the record.

use super::AnalyzerFault;
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;

/// LIMIT: entities in one text.
const SPANS: usize = 1_024;
/// LIMIT: characters of an entity's name, and digits among them.
const NAME: usize = 64;
const DIGITS: usize = 3;

/// An entity in a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) entity: Arc<str>,
    /// Bytes of the text.
    pub(super) bytes: Range<usize>,
    pub(super) score: f32,
}

/// Reads an answer about `text`, as Presidio's `POST /analyze` gives it.
pub(super) fn spans(body: &[u8], text: &str, threshold: f32) -> Result<Vec<Span>, AnalyzerFault> {
    let absurd = AnalyzerFault::Absurd;
    let answer: Value = serde_json::from_slice(body).map_err(|_| absurd("it is no JSON"))?;
    let Value::Array(list) = answer else { return Err(absurd("it is no list")) };
    if list.len() > SPANS {
        return Err(absurd("it has more than 1024 entities for one text"));
    }
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let borders = Borders::of(text);
    let mut spans = Vec::with_capacity(list.len());
    for item in &list {
        let span = span(item, &borders)?;
        if span.score >= threshold {
            spans.push(span);
        }
    }
    Ok(spans)
}

fn span(item: &Value, borders: &Borders) -> Result<Span, AnalyzerFault> {
    let absurd = AnalyzerFault::Absurd;
    let entity = item.get("entity_type").and_then(Value::as_str);
    let entity = entity.filter(|name| is_a_name(name)).ok_or(absurd("an entity has no name"))?;
    let place = |key| {
        let place = item.get(key).and_then(Value::as_u64);
        place.and_then(|place| usize::try_from(place).ok())
    };
    let (Some(start), Some(end)) = (place("start"), place("end")) else {
        return Err(absurd("an entity has no place"));
    };
    let bytes = borders.bytes(start..end).ok_or(absurd("an entity stands outside the text"))?;
    let score = item.get("score").and_then(Value::as_f64);
    let score = score.filter(|score| (0.0..=1.0).contains(score));
    let score = score.ok_or(absurd("an entity has no score"))?;
    Ok(Span { entity: entity.into(), bytes, score: score as f32 })
}

fn is_a_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.len() <= NAME
        && digits <= DIGITS
        && name.bytes().all(word)
}

/// Where each code point of a text begins.
struct Borders(Vec<usize>);

impl Borders {
    fn of(text: &str) -> Self {
        Self(text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len())).collect())
    }
    /// Bytes of a span of code points that is not empty.
    fn bytes(&self, points: Range<usize>) -> Option<Range<usize>> {
        let (start, end) = (*self.0.get(points.start)?, *self.0.get(points.end)?);
        (start < end).then_some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "größe 😀 Jane Doe";

    fn read(body: &str) -> Result<Vec<String>, AnalyzerFault> {
        let spans = spans(body.as_bytes(), TEXT, 0.5)?;
        Ok(spans
            .iter()
            .map(|s| format!("{} {}", s.entity, TEXT.get(s.bytes.clone()).unwrap()))
            .collect())
    }

    #[test]
    fn offsets_are_code_points() {
        let body = r#"[{"entity_type":"PERSON","start":8,"end":16,"score":0.85,
            "analysis_explanation":null,"recognition_metadata":{}},
            {"entity_type":"NRP","start":0,"end":5,"score":0.4},
            {"entity_type":"EMOJI","start":6,"end":7,"score":1}]"#;
        assert_eq!(read(body).unwrap(), ["PERSON Jane Doe", "EMOJI 😀"]);
        assert_eq!(read("[]").unwrap(), [""; 0]);
    }

    #[test]
    fn what_makes_no_sense_is_a_fault() {
        let item = |entity: &str, start: &str, end: &str, score: &str| {
            format!(r#"[{{"entity_type":{entity},"start":{start},"end":{end},"score":{score}}}]"#)
        };
        for bad in [
            String::new(),
            "null".to_owned(),
            "{}".to_owned(),
            r#"{"error":"no"}"#.to_owned(),
            "[[]]".to_owned(),
            "[]]".to_owned(),
            item(r#""PERSON""#, "8", "17", "1"),
            item(r#""PERSON""#, "17", "18", "1"),
            item(r#""PERSON""#, "8", "8", "1"),
            item(r#""PERSON""#, "9", "8", "1"),
            item(r#""PERSON""#, "-1", "8", "1"),
            item(r#""PERSON""#, "0.5", "8", "1"),
            item(r#""PERSON""#, "\"0\"", "8", "1"),
            item(r#""PERSON""#, "0", "18446744073709551616", "1"),
            item(r#""PERSON""#, "0", "8", "1.1"),
            item(r#""PERSON""#, "0", "8", "-1"),
            item(r#""PERSON""#, "0", "8", "null"),
            item("7", "0", "8", "1"),
            item(r#""""#, "0", "8", "1"),
            item(r#""Jane Doe""#, "0", "8", "1"),
            item(r#""536-90-4399""#, "0", "8", "1"),
            item(r#""SSN_536904399""#, "0", "8", "1"),
            "[".repeat(100_000),
        ] {
            let fault = read(&bad).unwrap_err();
            assert!(matches!(fault, AnalyzerFault::Absurd(_)), "{bad}");
        }
    }
}
