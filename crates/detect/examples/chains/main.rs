//! Values hidden below chains of encodings: how many are found, and which are not.
//!
//! ```sh
//! cargo run --release -p backstop-detect --example chains -- COUNT SEED [all|standards|turns]
//! ```
//! Hides each of a few values below one to four transforms in random order and looks as the gate
//! does, with its default limits. Prints what passed, then counts by length of chain. `turns` puts
//! ROT13 and reversed text in as well, around credentials alone: the rest of a text is not turned.
//! Reading order: `wrap`, `look`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of developers, no product")]

mod look;
mod wrap;

use look::{Fate, Try, tries};
use std::collections::BTreeMap;
use wrap::{SECRETS, STANDARDS, TURNS, Wrap};

/// The longest chain.
const MOST: usize = 4;
/// Characters of a body that are shown.
const SHOWN: usize = 160;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).map(|word| word.parse::<u64>().unwrap());
    let (count, seed) = (number(0).unwrap_or(10_000) as usize, number(1).unwrap_or(1));
    let turned = arguments.get(2).is_some_and(|word| word == "turns");
    let wraps: Vec<Wrap> = match turned {
        true => STANDARDS.iter().chain(&TURNS).copied().collect(),
        false => STANDARDS.to_vec(),
    };
    // Turned text is looked at where a credential's beginning stands in it.
    let secrets: Vec<usize> = if turned { vec![0, 5] } else { (0..SECRETS.len()).collect() };
    let list = tries(count, MOST, &wraps, &secrets, seed);
    let mut counts: BTreeMap<(usize, Fate), usize> = BTreeMap::new();
    for Try { secret, chain, body, fate } in &list {
        *counts.entry((chain.len(), *fate)).or_default() += 1;
        if *fate == Fate::Passed {
            let start: String = String::from_utf8_lossy(body).chars().take(SHOWN).collect();
            let (_, entity) = SECRETS.get(*secret).unwrap();
            println!("{entity} {chain:?} {start}");
        }
    }
    println!(
        "| transforms | hidden | found for what it is | refused for something else | passed |"
    );
    println!("|---:|---:|---:|---:|---:|");
    for length in 1..=MOST {
        let of = |fate| counts.get(&(length, fate)).copied().unwrap_or_default();
        let (named, refused, passed) = (of(Fate::Named), of(Fate::Refused), of(Fate::Passed));
        println!("| {length} | {} | {named} | {refused} | {passed} |", named + refused + passed);
    }
}
