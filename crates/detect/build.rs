//! Packs the word lists of `names/` into one table that the crate carries.
//!
//! Each key is a folded word or phrase, its value a bit field whose layout stands in
//! `src/name/sense.rs` (the one place that reads it) and here (the one that writes it).

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

#[path = "src/name/table.rs"]
mod table;
use table::{bucket, hash, mark};

/// The lists whose second column is a strength of 1 to 3, and where its two bits stand.
const GRADED: [(&str, u32); 7] = [
    ("given.txt", 0),
    ("surnames.txt", 2),
    ("cities.txt", 4),
    ("countries.txt", 6),
    ("regions.txt", 8),
    ("nationalities.txt", 10),
    ("words.txt", 12),
];
/// Set on a word that begins a longer key.
const PHRASE: u64 = 1 << 14;
/// The cues, from bit 15 on.
const CUES: [&str; 17] = [
    "honorific",
    "title",
    "name",
    "kin",
    "speech",
    "act",
    "by",
    "place",
    "motion",
    "area",
    "company",
    "body",
    "street",
    "thing",
    "product",
    "particle",
    "sign",
];

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by the environment where to write"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=names");
    let mut keys: BTreeMap<String, u64> = BTreeMap::new();
    for (file, shift) in GRADED {
        for (word, rest) in rows(file)? {
            let strength: u64 = rest.parse()?;
            *keys.entry(word).or_default() |= strength << shift;
        }
    }
    for (word, rest) in rows("cues.txt")? {
        for cue in rest.split(' ') {
            let bit = CUES
                .iter()
                .position(|name| *name == cue)
                .ok_or_else(|| format!("no cue `{cue}`"))?;
            *keys.entry(word.clone()).or_default() |= 1 << (15 + bit);
        }
    }
    let first_words: Vec<String> = keys
        .keys()
        .filter_map(|key| key.split_once([' ', '-']).map(|(first, _)| first.to_owned()))
        .collect();
    for first in first_words {
        *keys.entry(first).or_default() |= PHRASE;
    }
    let packed = pack(&keys)?;
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("names.table"), packed)?;
    Ok(())
}

/// Lays the keys out as `src/name/table.rs` says.
fn pack(keys: &BTreeMap<String, u64>) -> Result<Vec<u8>, Box<dyn Error>> {
    let buckets = u32::try_from(keys.len())? / 4 + 1;
    let mut values: Vec<u32> = keys.values().map(|value| *value as u32).collect();
    values.sort_unstable();
    values.dedup();
    let mut entries = Vec::with_capacity(keys.len());
    for (key, value) in keys {
        let hash = hash(key.as_bytes());
        let which = values.binary_search(&(*value as u32)).map_err(|_| "a value is lost")?;
        entries.push((bucket(hash, buckets), mark(hash), u16::try_from(which)?));
    }
    entries.sort_unstable();
    let mut packed = Vec::new();
    let mut put = |number: u32| packed.extend_from_slice(&number.to_le_bytes());
    put(buckets);
    put(u32::try_from(entries.len())?);
    put(u32::try_from(values.len())?);
    for number in 0..=buckets {
        put(u32::try_from(entries.partition_point(|entry| entry.0 < number))?);
    }
    entries.iter().for_each(|entry| put(entry.1));
    for entry in &entries {
        packed.extend_from_slice(&entry.2.to_le_bytes());
    }
    for value in values {
        packed.extend_from_slice(&value.to_le_bytes());
    }
    Ok(packed)
}

fn rows(file: &str) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let text = fs::read_to_string(Path::new("names").join(file))?;
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (word, rest) =
            line.split_once('\t').ok_or_else(|| format!("{file}: no tab in `{line}`"))?;
        rows.push((word.to_owned(), rest.to_owned()));
    }
    Ok(rows)
}
