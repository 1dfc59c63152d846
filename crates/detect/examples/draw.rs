//! Draws pieces of real text by chance: what false alarms are counted on.
//!
//! ```sh
//! cargo run --release -p backstop-detect --example draw -- SEED EACH KIND=ROOT… > SNIPPETS.jsonl
//! ```
//! Of each kind `EACH` pieces of up to 600 characters, whole lines at their beginning, two of a file
//! at most and no text twice, as JSON lines `{"kind", "file", "text"}`. The same seed over the same
//! files draws the same pieces. A kind may be named with several roots; `cargo xtask bench snippets`
//! knows where they are on this machine. Files that are no UTF-8, larger than 2 MB or held in a
//! folder of test data for detectors of personal data are left out; `.gz` is undone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool of developers, no product"
)]

use backstop_detect::decode::inflate::{Codec, inflate};
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// LIMIT: bytes of a file.
const MOST: usize = 2 << 20;
/// Characters of a piece, and the fewest that are worth one.
const PIECE: usize = 600;
const LEAST: usize = 40;
/// Pieces of one file.
const OF_A_FILE: usize = 2;
/// LIMIT: folders within folders.
const DEPTH: usize = 24;

/// Whether a file of that name is read.
type Reads = fn(&str) -> bool;

/// What is read for a kind, by the ends of names.
const KINDS: [(&str, Reads); 7] = [
    ("rust", |name| name.ends_with(".rs")),
    ("readme", |name| name.to_ascii_lowercase().starts_with("readme")),
    ("manual", |name| {
        let name = name.strip_suffix(".gz").unwrap_or(name);
        name.rsplit_once('.').is_some_and(|(_, end)| end.starts_with(|c: char| c.is_ascii_digit()))
    }),
    ("json", |name| name.ends_with(".json")),
    ("python", |name| name.ends_with(".py")),
    ("other", |name| {
        let ends = [".c", ".h", ".cc", ".sh", ".yaml", ".yml", ".toml", ".pl", ".pm", ".go"];
        ends.iter().any(|end| name.ends_with(end))
    }),
    ("npm", |name| [".js", ".mjs", ".ts", ".md"].iter().any(|end| name.ends_with(end))),
];

/// Folders that hold personal data on purpose, and what is built rather than written.
const LEFT_OUT: [&str; 6] =
    ["presidio_analyzer", "presidio_anonymizer", "faker", "rampart", "target", ".git"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seed, each, roots @ ..] = arguments.as_slice() else { panic!("SEED EACH KIND=ROOT…") };
    let (seed, each): (u64, usize) = (seed.parse().expect("SEED"), each.parse().expect("EACH"));
    let mut files: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for root in roots {
        let (kind, root) = root.split_once('=').expect("KIND=ROOT");
        let (_, wanted) = KINDS.iter().find(|(name, _)| *name == kind).expect("a known kind");
        gather(Path::new(root), 0, *wanted, files.entry(kind).or_default());
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut seen = HashSet::new();
    for (kind, mut files) in files {
        files.sort();
        files.dedup();
        let mut dice = Dice::of(seed, kind);
        // Fisher and Yates: every order is as likely.
        for at in (1..files.len()).rev() {
            files.swap(at, dice.below(at + 1));
        }
        let mut drawn = 0;
        for file in &files {
            let Some(text) = read(file) else { continue };
            for _ in 0..OF_A_FILE {
                let Some(piece) = piece(&text, &mut dice).filter(|_| drawn < each) else {
                    continue;
                };
                let mut hasher = DefaultHasher::new();
                piece.hash(&mut hasher);
                if seen.insert(hasher.finish()) {
                    let file = file.display().to_string();
                    let line = serde_json::json!({ "kind": kind, "file": file, "text": piece });
                    writeln!(out, "{line}").expect("standard output");
                    drawn += 1;
                }
            }
        }
        eprintln!("draw: {drawn} of {kind}, from {} files", files.len());
    }
}

/// A piece of a text, from the beginning of a line that chance picks.
fn piece<'t>(text: &'t str, dice: &mut Dice) -> Option<&'t str> {
    let at = text.floor_char_boundary(dice.below(text.len().max(1)));
    let start = text.get(..at)?.rfind('\n').map_or(0, |line| line + 1);
    let rest = text.get(start..)?;
    let end = rest.char_indices().nth(PIECE).map_or(rest.len(), |(end, _)| end);
    rest.get(..end).filter(|piece| piece.trim().len() >= LEAST)
}

fn gather(folder: &Path, depth: usize, wanted: fn(&str) -> bool, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // Of a link the kind is that of the link: none is followed.
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
            continue;
        };
        if kind.is_dir() && depth < DEPTH && !LEFT_OUT.contains(&name.as_str()) {
            gather(&entry.path(), depth + 1, wanted, files);
        } else if kind.is_file() && wanted(&name) {
            files.push(entry.path());
        }
    }
}

fn read(file: &Path) -> Option<String> {
    let bytes = std::fs::read(file).ok().filter(|bytes| bytes.len() <= MOST)?;
    let bytes = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => inflate(Codec::Gzip, &bytes, MOST).ok()?,
        false => bytes,
    };
    String::from_utf8(bytes).ok()
}

/// `SplitMix64` (Steele, Lea, Flood, 2014).
struct Dice(u64);

impl Dice {
    /// Another row of numbers for each kind, so that a kind more or less changes no other.
    fn of(seed: u64, kind: &str) -> Self {
        let mut dice = Self(seed);
        for byte in kind.bytes() {
            dice.0 = dice.roll() ^ u64::from(byte);
        }
        dice
    }
    const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }
}
