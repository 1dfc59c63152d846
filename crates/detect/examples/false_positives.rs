//! Scans real text and says what would be refused: a measure of false positives.
//!
//! `cargo run --release --example false_positives -- SNIPPETS FOLDER…` cuts that many snippets of
//! 500 to 1000 bytes evenly out of the text files below the folders, prints each finding that
//! refuses (they are to be read by a person), and the share of snippets that have one.

use backstop_detect::{Acts, Detectors, Family, ScanOptions, Scratch};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// LIMIT: bytes read of one file, and snippets cut from it.
const FILE_BYTES: usize = 200_000;
const PER_FILE: usize = 4;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted: usize = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(3000);
    let mut files = Vec::new();
    for folder in arguments {
        gather(Path::new(&folder), &mut files);
    }
    files.sort();
    let step = (files.len() * PER_FILE / wanted.max(1)).max(1);
    let detectors = Detectors::builtin();
    let (options, mut scratch) = (ScanOptions::default(), Scratch::default());
    let mut flagged: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut snippets, mut bytes) = (0_u32, 0);
    let mut entities: BTreeMap<String, usize> = BTreeMap::new();
    for file in files.iter().step_by(step) {
        let Some(text) = read(file) else { continue };
        for (number, snippet) in cut(&text).into_iter().enumerate() {
            snippets += 1;
            bytes += snippet.len();
            let mut hits = detectors.scan(snippet, &options, &mut scratch);
            hits.retain(|hit| hit.acts == Acts::Block);
            for (name, family) in [("pii", Family::Pii), ("credential", Family::Credential)] {
                if hits.iter().any(|hit| hit.family == family) {
                    *flagged.entry(name).or_default() += 1;
                }
            }
            for hit in hits {
                *entities.entry(hit.entity.to_string()).or_default() += 1;
                let start = hit.span.start.saturating_sub(50);
                let around = snippet.get(snippet.ceil_char_boundary(start)..hit.span.end);
                let around = around.unwrap_or_default().replace('\n', "⏎");
                println!(
                    "{}\t{}\t{}\t{}#{number}\t{around}",
                    hit.entity,
                    hit.detector,
                    hit.score,
                    file.display()
                );
            }
        }
    }
    println!("{snippets} snippets, {bytes} bytes, {} files", files.len() / step);
    for (name, count) in flagged {
        println!(
            "{name}: {count} flagged, {:.2} %",
            count as f64 * 100.0 / f64::from(snippets.max(1))
        );
    }
    println!("{entities:?}");
}

/// Text files below a folder; links are not followed.
fn gather(path: &Path, files: &mut Vec<PathBuf>) {
    let Ok(kind) = path.symlink_metadata() else { return };
    if kind.is_file() {
        files.push(path.to_owned());
    } else if kind.is_dir() {
        for entry in path.read_dir().into_iter().flatten().flatten() {
            gather(&entry.path(), files);
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = std::fs::read(path).ok()?;
    bytes.truncate(FILE_BYTES);
    if bytes.contains(&0) {
        return None;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A few snippets, spread over the text, each of whole lines where lines are not too long.
fn cut(text: &str) -> Vec<&str> {
    let mut snippets = Vec::new();
    let stride = (text.len() / PER_FILE).max(1000);
    let mut at = 0;
    while at < text.len() && snippets.len() < PER_FILE {
        let start = text.ceil_char_boundary(at);
        let rest = text.get(start..).unwrap_or_default();
        let most = rest.floor_char_boundary(1000);
        let window = rest.get(..most).unwrap_or_default();
        let end = window.rfind('\n').filter(|end| *end >= 500).unwrap_or(most);
        let snippet = window.get(..end).unwrap_or_default();
        if snippet.len() >= 300 {
            snippets.push(snippet);
        }
        at += stride;
    }
    snippets
}
