//! Everything that is found in the texts of a file, a line each: what two builds must agree on.
//!
//! ```sh
//! cargo run --release -p backstop-detect --example findings -- DOCUMENTS.jsonl [verdict] > FINDINGS
//! ```
//! One JSON object `{"text"}` a line. Each text is scanned at every threshold that matters, and
//! inspected as what it looks like and as a field of JSON, with names and without. Nothing of the
//! texts is printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool of developers, no product"
)]

use backstop_detect::{
    Coding, Detectors, Hit, Inspector, Looks, Media, Names, Notes, Payload, ScanOptions, Score,
    Scratch,
};

fn main() {
    let file = std::env::args().nth(1).expect("a file of documents");
    let text = std::fs::read_to_string(file).expect("a file of documents");
    let detectors = Detectors::builtin();
    let inspectors = [Names::Off, Names::GateOnly]
        .map(|names| Inspector::new(detectors.clone()).with_names(names));
    // As for a verdict.
    let few = std::env::args().nth(2).is_some_and(|word| word == "verdict");
    let notes = if few { Notes::none() } else { Notes::All };
    let scan = ScanOptions { notes: notes.clone(), ..ScanOptions::default() };
    let (looks, mut scratch) = (Looks { scan, ..Looks::default() }, Scratch::default());
    for (number, line) in text.lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = value["text"].as_str().unwrap();
        for threshold in [Score::ZERO, Score::VERDICT] {
            let options = ScanOptions { threshold, notes: notes.clone(), ..ScanOptions::default() };
            for hit in detectors.scan(text, &options, &mut scratch) {
                println!("{number} scan {} {}", threshold.value(), show(&hit));
            }
        }
        let field = serde_json::json!({"note": text, "kind": "text"}).to_string();
        for (bytes, media) in [(text, Media::Sniff), (&field, Media::Json)] {
            for inspector in &inspectors {
                let payload = Payload {
                    bytes: bytes.as_bytes(),
                    media: media.clone(),
                    coding: Coding::Identity,
                    at: "",
                };
                let report = inspector.inspect(payload, &looks, &mut scratch);
                println!("{number} {media:?} {:?} {:?}", report.outcome, inspector.names);
                for found in &report.found {
                    println!("{number} {} {}", found.field(), show(&found.hit));
                }
            }
        }
    }
}

fn show(hit: &Hit) -> String {
    let Hit { detector, entity, acts, level, span, score, .. } = hit;
    format!("{detector} {entity} {acts:?} {level:?} {span:?} {}", score.value())
}
