//! `POST /analyze`: what is found in texts, as Presidio lists it. Next: `points`.

use super::Fault;
use super::points::Points;
use super::request::{Request, Texts};
use backstop_detect::{Detectors, Explanation, Hit, Inspector, NameBudget, NameScratch, Scratch};
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Finds and lists.
pub(super) fn analyze(inspector: &Inspector, request: &Request) -> Result<Value, Fault> {
    let mut scratch = Scratch::default();
    let mut one = |text: &str| one(inspector, request, text, &mut scratch);
    match &request.texts {
        Texts::One(text) => one(text),
        Texts::Many(texts) => texts.iter().map(|text| one(text)).collect(),
    }
}

fn one(
    inspector: &Inspector,
    request: &Request,
    text: &str,
    scratch: &mut Scratch,
) -> Result<Value, Fault> {
    let mut hits = inspector.detectors.scan(text, &request.options, scratch);
    hits.extend(
        request.ad_hoc.iter().flat_map(|own: &Detectors| own.scan(text, &request.options, scratch)),
    );
    hits.extend(names(inspector, request, text)?);
    let points = Points::of(text);
    Ok(without_doubles(hits).iter().map(|hit| result(hit, &points)).collect())
}

/// Names and places. The model, where it is used, has a budget for each request.
fn names(inspector: &Inspector, request: &Request, text: &str) -> Result<Vec<Hit>, Fault> {
    let mut budget = NameBudget { session: 0, bytes: MODEL_BYTES };
    let names = &inspector.names;
    let look = names.look(text, None, &request.options, &mut budget, &mut NameScratch::default());
    look.map(|look| look.hits).map_err(|fault| Fault::busy(fault.to_string()))
}

/// LIMIT: bytes in doubt that the model of names looks at for one text.
const MODEL_BYTES: usize = 128 << 10;

/// The best first; of one entity nothing within another that is at least as good.
fn without_doubles(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (Reverse(hit.score), hit.span.start, Reverse(hit.span.len())));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        let within = |other: &Hit| {
            other.entity == hit.entity
                && other.span.start <= hit.span.start
                && hit.span.end <= other.span.end
        };
        if !kept.iter().any(within) {
            kept.push(hit);
        }
    }
    kept
}

fn result(hit: &Hit, points: &Points<'_>) -> Value {
    json!({
        "analysis_explanation": hit.explanation.as_deref().map(explanation),
        "end": points.before(hit.span.end),
        "entity_type": &*hit.entity,
        "score": number(hit.score.value()),
        "start": points.before(hit.span.start),
    })
}

fn explanation(why: &Explanation) -> Value {
    json!({
        "original_score": number(why.original_score.value()),
        "pattern": why.pattern,
        "pattern_name": why.pattern_name,
        "recognizer": why.recognizer,
        "regex_flags": why.pattern.as_ref().map(|_| PATTERN_FLAGS),
        "score": number(why.score.value()),
        "score_context_improvement": number(why.score_context_improvement.value()),
        "supportive_context_word": why.supportive_context_word.as_deref().unwrap_or_default(),
        "textual_explanation": why.textual_explanation,
        "validation_result": why.validation_result,
    })
}

/// `DOTALL | MULTILINE | IGNORECASE`, with which Presidio compiles every pattern.
const PATTERN_FLAGS: u32 = 26;

/// A score as it was written: more digits would only show how floats are kept.
fn number(score: f32) -> f64 {
    (f64::from(score) * 10_000.0).round() / 10_000.0
}
