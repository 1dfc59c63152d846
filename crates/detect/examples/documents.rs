//! What documents cost when they are first seen and when everything is warm: inspects the texts of
//! a file round after round, prints times of each round and the memory that the process took.
//!
//! ```sh
//! cargo run --release -p backstop-detect --example documents -- DOCUMENTS.jsonl off|gate [ROUNDS] [all]
//! ```
//! One JSON object `{"text"}` a line. The first round begins with nothing built. Looks as a verdict does,
//! or with `all` for whatever only notes as well.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool of developers, no product"
)]

use backstop_detect::{
    Coding, Detectors, Inspector, Looks, Media, Names, Notes, Payload, ScanOptions, Scratch,
};
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(&arguments[0]).expect("a file of documents");
    let names = if arguments[1] == "gate" { Names::GateOnly } else { Names::Off };
    let rounds = arguments.get(2).map_or(5, |rounds| rounds.parse().unwrap());
    let texts: Vec<String> = text
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["text"].as_str().unwrap().to_owned()
        })
        .collect();
    drop(text);
    let began = Instant::now();
    let inspector = Inspector::new(Detectors::builtin()).with_names(names);
    println!("start {:?}, {}", began.elapsed(), memory());
    let all = arguments.get(3).is_some_and(|word| word == "all");
    let notes = if all { Notes::All } else { Notes::none() };
    let scan = ScanOptions { notes, ..ScanOptions::default() };
    let (looks, mut scratch) = (Looks { scan, ..Looks::default() }, Scratch::default());
    let mut found = 0;
    for round in 1..=rounds {
        let mut times: Vec<Duration> = texts
            .iter()
            .map(|text| {
                let payload = Payload {
                    bytes: text.as_bytes(),
                    media: Media::Sniff,
                    coding: Coding::Identity,
                    at: "",
                };
                let clock = Instant::now();
                found += inspector.inspect(payload, &looks, &mut scratch).found.len();
                clock.elapsed()
            })
            .collect();
        times.sort_unstable();
        let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap();
        println!(
            "round {round}: mean {mean:?}, p50 {:?}, p99 {:?}, most {:?}",
            times[times.len() / 2],
            times[times.len() * 99 / 100],
            times[times.len() - 1]
        );
    }
    println!("{found} findings, {}", memory());
}

/// Resident memory, now and at most, as Linux tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    lines.collect::<Vec<_>>().join(" ").replace(['\t', ' '], "")
}
