//! Registers much text and checks much text, for `cargo xtask bench corpus`.
//!
//! ```text
//! corpus make FOLDER BYTES ROOT…      writes FOLDER/{registered,foreign,real,planted}
//! corpus register FOLDER FILE         registers every file of a folder; one JSON line
//! corpus check FILE FOLDER            looks for them in every file of a folder; one JSON line
//! ```
//! The text is made by a generator that always makes the same, and taken from files below the roots
//! (sources, read-me files, manual pages).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a tool for people who measure"
)]

use backstop_detect::corpus::{Corpus, Document, Terms};
use backstop_detect::decode::inflate::{Codec, inflate};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

/// Bytes of one file.
const FILE: usize = 4 << 20;
/// Bytes of each folder that is checked.
const CHECKED: usize = 200 << 20;
/// Passages that are looked for.
const PLANTED: usize = 500;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", folder, bytes, roots @ ..] => {
            make(Path::new(folder), bytes.parse().unwrap(), roots)
        }
        ["register", folder, file] => register(Path::new(folder), Path::new(file)),
        ["check", file, folder] => check(Path::new(file), Path::new(folder)),
        _ => panic!("usage: see the top of the source"),
    }
}

/// A generator of numbers that always gives the same (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        self.roll() as f64 / (1_u64 << 31) as f64
    }
}

/// 50,000 words of syllables.
fn vocabulary() -> Vec<String> {
    let starts =
        ["b", "br", "c", "d", "f", "g", "h", "l", "m", "n", "p", "pr", "s", "st", "t", "w"];
    let middles = ["a", "e", "i", "o", "u", "ea", "ou"];
    let ends = ["", "n", "r", "s", "t", "ck", "ng", "l"];
    let mut dice = Dice(1);
    let mut pick = |list: &[&'static str]| list[dice.roll() as usize % list.len()];
    (0..50_000)
        .map(|number| {
            // The common words are the short ones.
            let syllables = if number < 200 { 1 } else { 1 + number % 3 };
            (0..=syllables).map(|_| [pick(&starts), pick(&middles), pick(&ends)].concat()).collect()
        })
        .collect()
}

/// Prose in which words are as common as in a language (Zipf's law).
fn prose(dice: &mut Dice, vocabulary: &[String], bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let (mut sentence, mut line) = (0, 0);
    while text.len() < bytes {
        let rank = (vocabulary.len() as f64).powf(dice.share()) as usize;
        let word = &vocabulary[rank.min(vocabulary.len() - 1)];
        text.push_str(word);
        (sentence, line) = (sentence + 1, line + word.len() + 1);
        if sentence > 6 && dice.roll().is_multiple_of(12) {
            text.push('.');
            sentence = 0;
        }
        text.push(if line > 90 { '\n' } else { ' ' });
        line = if line > 90 { 0 } else { line };
    }
    text
}

fn make(folder: &Path, bytes: usize, roots: &[&str]) {
    let vocabulary = vocabulary();
    let place = |name: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let (registered, foreign, real, planted) =
        (place("registered"), place("foreign"), place("real"), place("planted"));
    let mut files = Vec::new();
    roots.iter().for_each(|root| gather(Path::new(root), 0, &mut files));
    files.sort();
    // What is checked first, then a third of what is registered.
    let mut left = bytes;
    let (mut text, mut number, mut checked) = (String::new(), 0, 0);
    for file in &files {
        text.push_str(&read(file));
        if text.len() < FILE {
            continue;
        }
        let to = if checked < CHECKED { &real } else { &registered };
        std::fs::write(to.join(format!("real-{number:04}.txt")), &text).unwrap();
        if checked < CHECKED {
            checked += text.len();
        } else {
            left = left.saturating_sub(text.len());
        }
        number += 1;
        text.clear();
        if left < bytes / 3 * 2 {
            break;
        }
    }
    let mut dice = Dice(2);
    let mut number = 0;
    while left > 0 {
        let text = prose(&mut dice, &vocabulary, FILE.min(left));
        if number < PLANTED {
            let words: Vec<&str> = text.split_whitespace().collect();
            let from = dice.roll() as usize % (words.len() - 60);
            let passage: Vec<String> =
                words[from..from + 60].chunks(7).map(|l| l.join("  ").to_uppercase()).collect();
            let around = prose(&mut Dice(900 + number as u64), &vocabulary, 2_000);
            let text = format!("{around}\n> {}\n{around}", passage.join(",\r\n> "));
            std::fs::write(planted.join(format!("made-{number:04}.txt")), text).unwrap();
        }
        left = left.saturating_sub(text.len());
        std::fs::write(registered.join(format!("made-{number:04}.txt")), text).unwrap();
        number += 1;
    }
    let mut dice = Dice(3);
    for number in 0..CHECKED / FILE {
        let text = prose(&mut dice, &vocabulary, FILE);
        std::fs::write(foreign.join(format!("{number:04}.txt")), text).unwrap();
    }
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
        if kind.is_dir() && depth < 12 {
            gather(&path, depth + 1, files);
        } else if kind.is_file() {
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            if ["rs", "md", "txt", "c", "h", "py", "gz"].contains(&extension) {
                files.push(path);
            }
        }
    }
}

fn read(file: &Path) -> String {
    let Ok(bytes) = std::fs::read(file) else { return String::new() };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let plain = inflate(Codec::Gzip, &bytes, 64 << 20).unwrap_or_default();
        return String::from_utf8(plain).unwrap_or_default();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn register(folder: &Path, out: &Path) {
    let begin = cpu();
    let mut builder = Corpus::builder(4_711, Terms::default());
    let (mut bytes, mut prints, mut documents) = (0, 0, 0);
    for file in list(folder) {
        let text = std::fs::read_to_string(&file).unwrap();
        let id = file.file_name().unwrap().to_string_lossy().into_owned();
        let document = Document { id: id.into(), level: "restricted".into() };
        prints += builder.document(document, &text).unwrap();
        bytes += text.len();
        documents += 1;
    }
    let corpus = builder.finish();
    corpus.write(BufWriter::with_capacity(1 << 20, File::create(out).unwrap())).unwrap();
    println!(
        "{{\"bytes\":{bytes},\"documents\":{documents},\"fingerprints\":{prints},\"file\":{},\
         \"seconds\":{:.2},\"rss\":{}}}",
        std::fs::metadata(out).unwrap().len(),
        cpu() - begin,
        peak()
    );
}

fn check(file: &Path, folder: &Path) {
    let begin = cpu();
    let corpus =
        Corpus::read(BufReader::with_capacity(1 << 20, File::open(file).unwrap())).unwrap();
    let load = cpu() - begin;
    let (mut bytes, mut seconds, mut files, mut hit, mut right) = (0, 0.0, 0, 0, 0);
    for file in list(folder) {
        let text = std::fs::read_to_string(&file).unwrap();
        let begin = cpu();
        let found = corpus.scan(&text);
        seconds += cpu() - begin;
        bytes += text.len();
        files += 1;
        hit += usize::from(!found.is_empty());
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        right += usize::from(found.iter().any(|found| *found.document.id == *name));
    }
    println!(
        "{{\"bytes\":{bytes},\"files\":{files},\"hit\":{hit},\"right\":{right},\"load\":{load:.2},\
         \"seconds\":{seconds:.4},\"rss\":{}}}",
        peak()
    );
}

/// Seconds that this thread has had a processor: what else the machine does is not counted.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The most memory that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1_024
}
