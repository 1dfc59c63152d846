//! How fast text is scanned with every built-in detector: clean JSON as tools and models send it,
//! a small tool call, and texts made to hurt. One core.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench is no product"
)]

use backstop_detect::{Detectors, ScanOptions, Scratch};
use divan::Bencher;
use divan::counter::BytesCount;
use std::fmt::Write as _;

fn main() {
    divan::main();
}

/// A small generator of numbers, so that every run scans the same text.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.roll(words.len())]
    }
}

const WORDS: &[&str] = &[
    "the", "report", "shows", "that", "most", "of", "our", "servers", "answered", "within", "two",
    "seconds", "and", "no", "customer", "was", "affected", "please", "review", "attached", "table",
    "before", "meeting", "on", "monday", "we", "should", "discuss", "next", "quarter", "plans",
    "for", "storage", "team", "key", "results", "are", "better", "than", "expected", "account",
    "number", "issue", "tracked", "in", "backlog", "version", "released", "with", "several",
    "fixes",
];

fn prose(dice: &mut Dice, words: usize) -> String {
    let mut text = String::new();
    for at in 0..words {
        let word = dice.pick(WORDS);
        let gap = match (at, dice.roll(14)) {
            (0, _) => "",
            (_, 0) => ", ",
            (_, 1) => ". ",
            _ => " ",
        };
        let _ = write!(text, "{gap}{word}");
    }
    text
}

/// One record of an answer or a request as services write them.
fn record(dice: &mut Dice) -> String {
    let id = dice.roll(900_000) + 1000;
    let (month, day, hour, minute) =
        (dice.roll(12) + 1, dice.roll(28) + 1, dice.roll(24), dice.roll(60));
    let time = format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", dice.roll(60));
    match dice.roll(4) {
        0 => format!(
            "{{\"id\": {id}, \"title\": \"{}\", \"created_at\": \"{time}\", \"state\": \"{}\", \"comments\": {}, \"body\": \"{}\", \"labels\": [\"bug\", \"v1.{}.0\"]}}",
            prose(dice, 6),
            dice.pick(&["open", "closed"]),
            dice.roll(40),
            prose(dice, 60),
            dice.roll(20),
        ),
        1 => format!(
            "{{\"name\": \"service-{}\", \"latitude\": {}.{:04}, \"longitude\": -{}.{:04}, \"temperature\": {}.{}, \"unit\": \"celsius\", \"observed\": \"{time}\", \"station\": \"https://api.weather.gov/stations/K{}/observations\"}}",
            dice.roll(99),
            dice.roll(90),
            dice.roll(9999),
            dice.roll(180),
            dice.roll(9999),
            dice.roll(40),
            dice.roll(10),
            dice.pick(&["BOS", "LAX", "JFK"]),
        ),
        2 => format!(
            "{{\"role\": \"{}\", \"content\": \"{}\", \"tokens\": {}, \"finish_reason\": \"stop\"}}",
            dice.pick(&["user", "assistant", "tool"]),
            prose(dice, 90),
            dice.roll(4000),
        ),
        _ => format!(
            "{{\"sku\": \"{}-{:05}\", \"price\": {}.{:02}, \"currency\": \"EUR\", \"stock\": {}, \"dimensions\": {{\"width\": {}, \"height\": {}, \"weight_kg\": {}.{}}}, \"description\": \"{}\", \"updated\": {}}}",
            dice.pick(&["AB", "CX", "QZ"]),
            dice.roll(99_999),
            dice.roll(900),
            dice.roll(100),
            dice.roll(500),
            dice.roll(200),
            dice.roll(200),
            dice.roll(30),
            dice.roll(10),
            prose(dice, 25),
            1_760_000_000 + dice.roll(9_999_999),
        ),
    }
}

fn json(bytes: usize) -> String {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut text = String::from("[");
    while text.len() < bytes {
        text.push_str(&record(&mut dice));
        text.push_str(",\n");
    }
    text
}

#[divan::bench]
fn clean_json_1_mib(bencher: Bencher<'_, '_>) {
    run(bencher, &json(1 << 20));
}

#[divan::bench]
fn clean_tool_call_1_kib(bencher: Bencher<'_, '_>) {
    run(bencher, &json(1 << 10));
}

#[divan::bench]
fn clean_tool_call_analyze_threshold_0(bencher: Bencher<'_, '_>) {
    let options = ScanOptions { threshold: backstop_detect::Score::ZERO, ..ScanOptions::default() };
    run_with(bencher, &json(1 << 10), &options);
}

#[divan::bench]
fn first_use(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Detectors::builder().build().unwrap());
}

#[divan::bench(args = ["(", "-", "1", "1 ", "1-", "1.", "a1", "a@", "a.", "AKIA", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "://", "::", "a:", "key=", "eyJ", "{\"a\":1},", "é", "Aa0+/"])]
fn made_to_hurt_1_mib(bencher: Bencher<'_, '_>, unit: &str) {
    run(bencher, &unit.repeat((1 << 20) / unit.len()));
}

fn run(bencher: Bencher<'_, '_>, text: &str) {
    run_with(bencher, text, &ScanOptions::default());
}

fn run_with(bencher: Bencher<'_, '_>, text: &str, options: &ScanOptions) {
    let detectors = Detectors::builtin();
    let mut scratch = Scratch::default();
    detectors.scan(text, options, &mut scratch);
    bencher
        .counter(BytesCount::of_str(text))
        .bench_local(|| detectors.scan(divan::black_box(text), options, &mut scratch));
}
