//! What inspecting costs in processor time, for machines that are not quiet: the least of several
//! turns over clean JSON of some kinds, a tool call and texts made to hurt.
//!
//! ```sh
//! cargo run --release -p backstop-detect --example pace -- [TURNS] [NAME] [all]
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool of developers, no product"
)]

use backstop_detect::{
    Coding, Detectors, Inspector, Looks, Media, Notes, Payload, ScanOptions, Scratch,
};
use std::fmt::Write;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let turns: usize = arguments.next().map_or(5, |turns| turns.parse().unwrap());
    let wanted = arguments.next().unwrap_or_default();
    let inspector = Inspector::new(Detectors::builtin());
    let looks = looks(arguments.next().is_some_and(|word| word == "all"));
    let mut scratch = Scratch::default();
    for (name, media, body) in bodies() {
        if !name.starts_with(&wanted) {
            continue;
        }
        let mut inspect = || {
            let payload = Payload {
                bytes: body.as_bytes(),
                media: media.clone(),
                coding: Coding::Identity,
                at: "/body",
            };
            inspector.inspect(payload, &looks, &mut scratch).found.len()
        };
        let found = inspect();
        let repeats = ((1 << 20) / body.len()).max(1);
        let mut best = f64::MAX;
        for _ in 0..turns {
            let before = spent();
            for _ in 0..repeats {
                std::hint::black_box(inspect());
            }
            best = best.min((spent() - before) as f64 / repeats as f64);
        }
        let bytes = body.len() as f64;
        println!("{name:12} {:9.1} µs {:7.1} MB/s {found} found", best / 1e3, bytes / best * 1e3);
    }
}

/// As a verdict looks, which leaves out what only notes, or as whoever wants to know all.
fn looks(all: bool) -> Looks {
    let notes = if all { Notes::All } else { Notes::none() };
    Looks { scan: ScanOptions { notes, ..ScanOptions::default() }, ..Looks::default() }
}

/// Nanoseconds that this thread had a processor, as Linux tells it.
fn spent() -> u64 {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn bodies() -> Vec<(String, Media, String)> {
    let mut all: Vec<(String, Media, String)> = Vec::new();
    let list = |one: fn(u32) -> String| {
        let rows: Vec<String> = (0..4000).map(one).collect();
        format!("[{}]", rows.join(","))
    };
    all.push(("records".into(), Media::Json, list(record)));
    all.push(("prose".into(), Media::Json, list(prose)));
    all.push(("code".into(), Media::Json, list(code)));
    let mut call =
        String::from("{\"url\":\"https://api.weather.gov/points/39.7456,-97.0892\",\"note\":\"");
    while call.len() < 990 {
        call.push_str("Please fetch the forecast for the coming week and sum it up in a table. ");
    }
    call.push_str("\",\"unit\":\"metric\"}");
    all.push(("call".into(), Media::Json, call));
    for unit in [
        "(", "-", "{", "%25", "\\u0061", "&amp;", "4 ", "a1", "A", "sk_", "1,", "\u{430}", "1-",
        "1.", "::", "a:", "key=", "=", "a b ", "\"", "Aa0+/", "12 ", "é ", "@a.b ",
    ] {
        all.push((format!("x {unit}"), Media::Text, unit.repeat((1 << 20) / unit.len())));
    }
    all
}

fn record(i: u32) -> String {
    let mut out = String::new();
    write!(
        out,
        "{{\"id\":{i},\"uuid\":\"123e4567-e89b-42d3-a456-4266141{i:05}\",\
         \"name\":\"station {i}\",\"kind\":\"weather\",\"active\":true,\
         \"created\":\"2026-11-{:02}T10:00:00Z\",\"temperature\":{}.5,\
         \"tags\":[\"north\",\"coast\",\"daily\"]}}",
        i % 28 + 1,
        i % 30
    )
    .unwrap();
    out
}

fn prose(i: u32) -> String {
    format!(
        "{{\"role\":\"user\",\"content\":\"The station on the coast reports every \
         morning, and on most days nothing much happens: wind from the west, some rain, \
         then a clear evening. Report number {i} says the same, and so did the one before.\"}}"
    )
}

fn code(i: u32) -> String {
    format!(
        "{{\"path\":\"src/station/report_{i}.rs\",\"text\":\"fn report(&self) -> \
         Result<(), Fault> {{\\n    let total = self.readings.iter().sum();\\n    \
         self.sink.send(total)?;\\n    Ok(())\\n}}\\n\"}}"
    )
}
