//! What an inspection costs: clean JSON of several shapes, a clean tool call, encoded and hostile
//! payloads. `cargo bench -p backstop-detect --bench inspect`.

use backstop_detect::{
    Builder, Coding, Detectors, Inspector, Looks, Media, Notes, Payload, Report, ScanOptions,
    Scratch,
};
use divan::Bencher;
use divan::counter::BytesCount;
use std::fmt::Write;
use std::sync::Arc;

fn main() {
    divan::main();
}

/// Clean payloads of a megabyte or so.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Rows of short fields: ids, dates, numbers, words.
    Records,
    /// A conversation: few fields, long prose.
    Prose,
    /// Source code within JSON strings.
    Code,
}

const SHAPES: [Shape; 3] = [Shape::Records, Shape::Prose, Shape::Code];

impl Shape {
    fn body(self) -> String {
        let mut out = String::from("[");
        for i in 0..4000_u32 {
            let sep = if i == 0 { "" } else { "," };
            let written = match self {
                Self::Records => write!(
                    out,
                    "{sep}{{\"id\":{i},\"uuid\":\"123e4567-e89b-42d3-a456-4266141{i:05}\",\
                     \"name\":\"station {i}\",\"kind\":\"weather\",\"active\":true,\
                     \"created\":\"2026-11-{:02}T10:00:00Z\",\"temperature\":{}.5,\
                     \"tags\":[\"north\",\"coast\",\"daily\"]}}",
                    i % 28 + 1,
                    i % 30
                ),
                Self::Prose => write!(
                    out,
                    "{sep}{{\"role\":\"user\",\"content\":\"The station on the coast reports every \
                     morning, and on most days nothing much happens: wind from the west, some rain, \
                     then a clear evening. Report number {i} says the same, and so did the one before.\"}}"
                ),
                Self::Code => write!(
                    out,
                    "{sep}{{\"path\":\"src/station/report_{i}.rs\",\"text\":\"fn report(&self) -> \
                     Result<(), Fault> {{\\n    let total = self.readings.iter().sum();\\n    \
                     self.sink.send(total)?;\\n    Ok(())\\n}}\\n\"}}"
                ),
            };
            assert!(written.is_ok());
        }
        out.push(']');
        out
    }
}

/// As a verdict looks: what only notes is left out.
fn inspect(inspector: &Inspector, media: Media, body: &str, scratch: &mut Scratch) -> Report {
    inspect_with(Notes::none(), inspector, media, body, scratch)
}

fn inspect_with(
    notes: Notes,
    inspector: &Inspector,
    media: Media,
    body: &str,
    scratch: &mut Scratch,
) -> Report {
    let payload = Payload { bytes: body.as_bytes(), media, coding: Coding::Identity, at: "/body" };
    let scan = ScanOptions { notes, ..ScanOptions::default() };
    inspector.inspect(payload, &Looks { scan, ..Looks::default() }, scratch)
}

#[divan::bench(sample_count = 20, args = SHAPES)]
fn clean_json(bencher: Bencher<'_, '_>, shape: Shape) {
    let (inspector, body) = (Inspector::new(Detectors::builtin()), shape.body());
    let mut scratch = Scratch::default();
    bencher
        .counter(BytesCount::of_str(&body))
        .bench_local(|| inspect(&inspector, Media::Json, &body, &mut scratch));
}

/// The same with everything that only notes, as `inspect` and `/analyze` look.
#[divan::bench(sample_count = 20, args = SHAPES)]
fn clean_json_noted(bencher: Bencher<'_, '_>, shape: Shape) {
    let (inspector, body) = (Inspector::new(Detectors::builtin()), shape.body());
    let mut scratch = Scratch::default();
    bencher
        .counter(BytesCount::of_str(&body))
        .bench_local(|| inspect_with(Notes::All, &inspector, Media::Json, &body, &mut scratch));
}

/// The same with no detector at all: what the walk and the look for encodings cost.
#[divan::bench(sample_count = 20, args = SHAPES)]
fn clean_json_undetected(bencher: Bencher<'_, '_>, shape: Shape) {
    let Ok(detectors) = Builder::empty().build() else { return };
    let (inspector, body) = (Inspector::new(Arc::new(detectors)), shape.body());
    let mut scratch = Scratch::default();
    bencher
        .counter(BytesCount::of_str(&body))
        .bench_local(|| inspect(&inspector, Media::Json, &body, &mut scratch));
}

#[divan::bench]
fn clean_call_of_1_kb(bencher: Bencher<'_, '_>) {
    let inspector = Inspector::new(Detectors::builtin());
    let mut body =
        String::from("{\"url\":\"https://api.weather.gov/points/39.7456,-97.0892\",\"note\":\"");
    while body.len() < 990 {
        body.push_str("Please fetch the forecast for the coming week and sum it up in a table. ");
    }
    body.push_str("\",\"unit\":\"metric\"}");
    let mut scratch = Scratch::default();
    bencher
        .counter(BytesCount::of_str(&body))
        .bench_local(|| inspect(&inspector, Media::Json, &body, &mut scratch));
}

/// Payloads of a megabyte that are made to cost much.
#[divan::bench(sample_count = 10, args = ["(", "-", "{", "%25", "\\u0061", "&amp;", "4 ", "a1", "A", "sk_", "1,", "1-", "a:", "key=", "@a.b ", "\u{430}"])]
fn hostile(bencher: Bencher<'_, '_>, unit: &str) {
    let (inspector, body) =
        (Inspector::new(Detectors::builtin()), unit.repeat((1 << 20) / unit.len()));
    let mut scratch = Scratch::default();
    bencher
        .counter(BytesCount::of_str(&body))
        .bench_local(|| inspect(&inspector, Media::Text, &body, &mut scratch));
}
