//! Our detectors on documents, for `cargo xtask bench dlp`.
//!
//! ```sh
//! cargo run --release -p backstop-ner --example measure -- DOCUMENTS.jsonl off|gate|MODEL_FOLDER
//! ```
//! Reads JSON lines `{"text"}`; writes, in the same order, JSON lines `{"micros", "hits":
//! [[entity, start, end, score, blocks, detector, chain]], "refused", "pii", "credential", "model"}`
//! of what is reported (offsets in code points), then one line `{"rss_kb", "start_micros"}`. One thread.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool at hand: it may stop on a bad file"
)]

use backstop_detect::{
    Acts, Coding, Detectors, Family, Inspector, Looks, Media, NameBudget, NameFault, NameModel,
    NameSpan, Names, Outcome, Payload, Scratch,
};
use backstop_ner::{Model, Pool, PoolConfig};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The model, and how often it was asked.
struct Counted {
    pool: Pool,
    asked: Arc<AtomicU64>,
}

impl NameModel for Counted {
    fn spans(
        &self,
        passages: &[&str],
        budget: &mut NameBudget,
    ) -> Result<Vec<Vec<NameSpan>>, NameFault> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.pool.spans(passages, budget)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [list, way] = arguments.as_slice() else { panic!("DOCUMENTS.jsonl off|gate|FOLDER") };
    let began = Instant::now();
    let asked = Arc::new(AtomicU64::new(0));
    let names = match way.as_str() {
        "off" => Names::Off,
        "gate" => Names::GateOnly,
        folder => {
            let model = Arc::new(Model::load(Path::new(folder)).expect("the model"));
            let pool = Pool::start(model, PoolConfig::default()).expect("workers");
            Names::Required(Arc::new(Counted { pool, asked: Arc::clone(&asked) }))
        }
    };
    let inspector = Inspector::new(Detectors::builtin()).with_names(names);
    let mut looks = Looks::default();
    looks.limits.names = usize::MAX;
    let mut scratch = Scratch::default();
    let text = std::fs::read_to_string(list).expect("the documents");
    let documents: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Patterns are compiled when they are first needed: one turn that does not count.
    let texts: Vec<&str> =
        documents.iter().map(|d| d["text"].as_str().unwrap_or_default()).collect();
    for text in texts.iter().take(50) {
        inspector.inspect(payload(text), &looks, &mut scratch);
    }
    let started = began.elapsed();
    for text in texts {
        let before = asked.load(Ordering::Relaxed);
        let clock = Instant::now();
        let report = inspector.inspect(payload(text), &looks, &mut scratch);
        let micros = clock.elapsed().as_nanos() as f64 / 1_000.0;
        assert_eq!(report.outcome, Outcome::Complete, "every document is within the limits");
        let (mut credential, mut pii, mut refused) = (false, false, false);
        let hits: Vec<Value> = report
            .found
            .iter()
            .map(|found| {
                let hit = &found.hit;
                let blocks = hit.acts == Acts::Block;
                refused |= blocks;
                credential |= blocks && hit.family == Family::Credential;
                pii |= blocks && hit.family == Family::Pii;
                let chain: Vec<&str> = found.chain.iter().map(|by| by.0).collect();
                // What was decoded has no place in the text: it stands for all of it.
                let (start, end) = if found.chain.is_empty() {
                    (points(text, hit.span.start), points(text, hit.span.end))
                } else {
                    (0, 0)
                };
                json!([
                    &*hit.entity,
                    start,
                    end,
                    hit.score.value(),
                    blocks,
                    &*hit.detector,
                    chain.join(" "),
                ])
            })
            .collect();
        let model = asked.load(Ordering::Relaxed) > before;
        println!(
            "{}",
            json!({
                "micros": micros,
                "hits": hits,
                "refused": refused,
                "pii": pii,
                "credential": credential,
                "model": model,
            })
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rss = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok()
    });
    println!("{}", json!({ "rss_kb": rss, "start_micros": started.as_micros() as u64 }));
}

fn payload(text: &str) -> Payload<'_> {
    let media = if text.starts_with('{') { Media::Sniff } else { Media::Text };
    Payload { bytes: text.as_bytes(), media, coding: Coding::Identity, at: "" }
}

/// The code point at a byte.
fn points(text: &str, byte: usize) -> usize {
    text.get(..byte).map_or(0, |before| before.chars().count())
}
