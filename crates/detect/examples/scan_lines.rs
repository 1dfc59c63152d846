//! Scans every line of standard input and writes its hits as a line of JSON: a black box to
//! compare other detectors with.
//!
//! A line is a JSON object: `{"text": "…", "entities": ["US_SSN"], "threshold": 0.0}`; only `text`
//! is needed. Scores are given before (`base`) and after context.

use backstop_detect::{Detectors, ScanOptions, Score, Scratch};
use serde_json::{Value, json};
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let detectors = Detectors::builtin();
    let mut scratch = Scratch::default();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?).map_err(std::io::Error::other)?;
        let text = request.get("text").and_then(Value::as_str).unwrap_or_default();
        let entities = request
            .get("entities")
            .and_then(Value::as_array)
            .map(|entities| entities.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        let threshold = request.get("threshold").and_then(Value::as_f64).unwrap_or(0.0);
        let options = ScanOptions {
            threshold: Score::new(threshold as f32),
            entities,
            explain: true,
            ..ScanOptions::default()
        };
        let points = |at: usize| text.get(..at).map_or(0, |before| before.chars().count());
        let hits: Vec<Value> = detectors
            .scan(text, &options, &mut scratch)
            .iter()
            .map(|hit| {
                let explanation = hit.explanation.as_ref();
                let valid = explanation.is_some_and(|e| e.validation_result == Some(true));
                let base = explanation.map_or(hit.score, |e| e.original_score).value();
                json!({
                    "entity": hit.entity.as_ref(),
                    "detector": hit.detector.as_ref(),
                    "acts": format!("{:?}", hit.acts),
                    "start": points(hit.span.start),
                    "end": points(hit.span.end),
                    "value": text.get(hit.span.clone()),
                    "base": if valid { 1.0 } else { base },
                    "score": hit.score.value(),
                })
            })
            .collect();
        writeln!(out, "{}", Value::Array(hits))?;
    }
    Ok(())
}
