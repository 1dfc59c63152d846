//! Which detectors are slow: scans a text (the file named, else generated JSON) with one entity at
//! a time and prints what each costs beyond the scan with none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool of developers, no product"
)]

use backstop_detect::{Detectors, ScanOptions, Scratch};
use std::time::Instant;

fn main() {
    let file = std::env::args().nth(1).expect("the name of a text file");
    let text = std::fs::read_to_string(file).expect("a text file");
    let detectors = Detectors::builtin();
    let mut scratch = Scratch::default();
    let mut time = |entities: Option<Vec<String>>| {
        let options = ScanOptions { entities, ..ScanOptions::default() };
        let best = (0..7).map(|_| {
            let start = Instant::now();
            std::hint::black_box(detectors.scan(&text, &options, &mut scratch));
            start.elapsed()
        });
        best.min().unwrap_or_default()
    };
    // With a second argument, this entity (or nothing) again and again, for a profiler.
    if let Some(entity) = std::env::args().nth(2) {
        let entities = if entity == "all" { None } else { Some(vec![entity]) };
        println!("{:?}", (0..40).map(|_| time(entities.clone())).min());
        return;
    }
    let none = time(Some(Vec::new()));
    println!("{:>12?} nothing, {:?} everything", none, time(None));
    let entities = detectors.catalog().entities();
    let mut costs: Vec<_> = entities
        .into_iter()
        .map(|entity| (time(Some(vec![entity.to_owned()])).saturating_sub(none), entity))
        .collect();
    costs.sort_unstable_by(|a, b| b.cmp(a));
    for (cost, entity) in costs.iter().take(40) {
        println!("{cost:>12?} {entity}");
    }
}
