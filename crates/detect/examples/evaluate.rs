//! How well the built-in detectors do: recall on labelled sentences, false alarms on real text.
//!
//! ```sh
//! cargo run --release -p backstop-detect --example evaluate -- sentences ../shared/data/pii/sentences_dev.json
//! cargo run --release -p backstop-detect --example evaluate -- snippets 3000 /usr/share/doc /usr/share/man DIR…
//! cargo run --release -p backstop-detect --example evaluate -- text "My PESEL is 44051401359"
//! ```
//! `sentences` reads a JSON list of `{text, spans: [[entity, start, end]]}` (offsets in code points)
//! and counts a span as found when a hit that blocks touches it. `snippets` cuts pieces of up to
//! 600 bytes out of the files below the folders, always the same ones, and prints what fires.
//! Add `--misses` or `--hits` to see the single cases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a tool at hand: it may stop on a bad file"
)]

use backstop_detect::{Acts, Detectors, Family, Hit, ScanOptions, Score, Scratch};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |name: &str| {
        let before = arguments.len();
        arguments.retain(|argument| argument != name);
        arguments.len() != before
    };
    let (misses, hits) = (flag("--misses"), flag("--hits"));
    let mut bench = Bench { detectors: Detectors::builtin(), scratch: Scratch::default() };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["sentences", path] => sentences(&mut bench, Path::new(path), misses),
        ["snippets", count, folders @ ..] => {
            snippets(&mut bench, count.parse().expect("a number"), folders, hits)
        }
        ["text", text] => bench.explain(text),
        _ => panic!("sentences FILE | snippets COUNT FOLDER… | text TEXT"),
    }
}

struct Bench {
    detectors: std::sync::Arc<Detectors>,
    scratch: Scratch,
}

impl Bench {
    fn scan(&mut self, text: &str, threshold: f32) -> Vec<Hit> {
        let options = ScanOptions { threshold: Score::new(threshold), ..ScanOptions::default() };
        self.detectors.scan(text, &options, &mut self.scratch)
    }
    /// What would be refused.
    fn blocking(&mut self, text: &str) -> Vec<Hit> {
        let mut hits = self.scan(text, 0.5);
        hits.retain(|hit| hit.acts == Acts::Block);
        hits
    }
    fn explain(&mut self, text: &str) {
        for hit in self.scan(text, f32::MIN_POSITIVE) {
            let value = &text[hit.span.clone()];
            println!(
                "{:24} {:.2} {:?} {:32} {value:?}",
                hit.entity,
                hit.score.value(),
                hit.acts,
                hit.detector
            );
        }
    }
}

fn sentences(bench: &mut Bench, path: &Path, misses: bool) {
    let data: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the sentences")).expect("JSON");
    let mut spans: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut with, mut caught, mut without, mut wrong) = (0, 0, 0, 0);
    let mut fired: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for sentence in data.as_array().expect("a list") {
        let text = sentence["text"].as_str().expect("a text");
        let labels: Vec<(&str, usize, usize)> = sentence["spans"]
            .as_array()
            .expect("spans")
            .iter()
            .map(|span| {
                let at = |place: usize| byte_of(text, span[place].as_u64().unwrap() as usize);
                (span[0].as_str().unwrap(), at(1), at(2))
            })
            .collect();
        let hits = bench.blocking(text);
        for (entity, start, end) in &labels {
            let found = hits.iter().any(|hit| hit.span.start < *end && hit.span.end > *start);
            let count = spans.entry((*entity).to_owned()).or_default();
            count.1 += 1;
            count.0 += usize::from(found);
            if misses && !found {
                println!("miss {entity:16} {:?} in {text:?}", &text[*start..*end]);
            }
        }
        for hit in &hits {
            let right =
                labels.iter().any(|(_, start, end)| hit.span.start < *end && hit.span.end > *start);
            let count = fired.entry(hit.entity.to_string()).or_default();
            count.0 += 1;
            count.1 += usize::from(!right);
            if misses && !right {
                println!("wrong {:16} {:?} in {text:?}", hit.entity, &text[hit.span.clone()]);
            }
        }
        // A sentence counts as one with PII when it holds more than a date, a title or a host name.
        let personal = labels
            .iter()
            .any(|(entity, ..)| !matches!(*entity, "DATE_TIME" | "TITLE" | "DOMAIN_NAME"));
        if personal {
            with += 1;
            caught += usize::from(!hits.is_empty());
        } else if labels.is_empty() {
            without += 1;
            wrong += usize::from(!hits.is_empty());
        }
    }
    println!("entity               found    of  recall");
    for (entity, (found, all)) in &spans {
        println!("{entity:20} {found:5} {all:5}  {:.3}", *found as f64 / *all as f64);
    }
    println!("\nfired by             hits  beside every label");
    for (entity, (all, wrong)) in &fired {
        println!("{entity:20} {all:4}  {wrong}");
    }
    println!(
        "\nsentences with PII: {caught} of {with} found ({:.3})",
        caught as f64 / f64::from(with.max(1))
    );
    println!("sentences without: {wrong} of {without} flagged");
}

fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

fn snippets(bench: &mut Bench, count: usize, folders: &[&str], show: bool) {
    let mut files = BTreeSet::new();
    for folder in folders {
        walk(Path::new(folder), &mut files);
    }
    let files: Vec<PathBuf> = files.into_iter().collect();
    // The same pieces at every run: a fixed stride through the files, one piece of each.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut taken, mut flagged, mut secrets) = (0, 0, 0);
    let mut fired: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for _ in 0..count * 4 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if taken == count || files.is_empty() {
            break;
        }
        let file = &files[(state >> 33) as usize % files.len()];
        let Some(text) = read(file).filter(|text| text.len() > 40) else { continue };
        let start = text.floor_char_boundary((state >> 7) as usize % text.len());
        let start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let piece = &text[start..text.floor_char_boundary((start + 600).min(text.len()))];
        if piece.trim().len() < 20 || !seen.insert(piece.to_owned()) {
            continue;
        }
        taken += 1;
        let hits = bench.blocking(piece);
        flagged += usize::from(hits.iter().any(|hit| hit.family == Family::Pii));
        secrets += usize::from(hits.iter().any(|hit| hit.family == Family::Credential));
        for hit in &hits {
            *fired
                .entry(format!("{:?} {} {}", hit.family, hit.entity, hit.detector))
                .or_default() += 1;
            if show {
                let (from, to) =
                    (hit.span.start.saturating_sub(50), (hit.span.end + 30).min(piece.len()));
                let around = &piece[piece.ceil_char_boundary(from)..piece.floor_char_boundary(to)];
                println!(
                    "{} {:.2} {:?} in {around:?} ({})",
                    hit.detector,
                    hit.score.value(),
                    &piece[hit.span.clone()],
                    file.display()
                );
            }
        }
    }
    println!(
        "{taken} snippets of {} files: {flagged} flagged as PII ({:.2} %), {secrets} as credentials ({:.2} %)",
        files.len(),
        flagged as f64 * 100.0 / taken as f64,
        secrets as f64 * 100.0 / taken as f64
    );
    for (detector, count) in fired {
        println!("{count:5} {detector}");
    }
}

fn walk(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    const KNOWN: [&str; 18] = [
        "rs", "md", "json", "toml", "yaml", "yml", "txt", "html", "py", "js", "ts", "c", "h", "go",
        "java", "xml", "csv", "sh",
    ];
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
            continue;
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let manual = ending.len() == 1 && ending.chars().all(|c| c.is_ascii_digit());
        let plain = ending.is_empty();
        if KNOWN.contains(&ending) || manual || plain {
            files.insert(path);
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let size = std::fs::metadata(path).ok()?.len();
    if size > 2_000_000 {
        return None;
    }
    String::from_utf8(std::fs::read(path).ok()?).ok()
}
