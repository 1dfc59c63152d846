//! Every deterministic entity of Presidio: ten made-up values and ten near misses each, in three
//! frames. The values were drawn from Presidio's own patterns and validated by its own code, so
//! that they are independent of ours.
//!
//! A value must be reported wherever it stands and, with its word beside it, at 0.4 or more, which
//! is what Presidio's context gives. A near miss must not refuse. What we answer otherwise on
//! purpose stands in `STRICTER` and `LOOSER`, each with its reason.

use backstop_detect::{Acts, Detectors, ScanOptions, Score, Scratch};
use std::collections::{BTreeMap, BTreeSet};

const VALUES: &str = include_str!("presidio_entities.tsv");

/// Entities of which Presidio takes values that we refuse to take, and why.
const STRICTER: &[(&str, &str)] = &[];

/// Entities of which we take values that Presidio's own patterns leave out, and why.
const LOOSER: &[(&str, &str)] = &[];

/// How many of an entity's values are found, in which frame.
#[derive(Default)]
struct Count {
    values: usize,
    bare: usize,
    named: usize,
    told: usize,
    misses: usize,
    refused: usize,
}

#[test]
fn values_of_every_entity() {
    let detectors = Detectors::builtin();
    let known: BTreeSet<String> =
        detectors.catalog().entities().into_iter().map(|entity| entity.to_string()).collect();
    let mut scratch = Scratch::default();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut differences = Vec::new();
    for row in VALUES.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [entity, _, word, sign, value] = cells.as_slice() else { panic!("`{row}`") };
        assert!(known.contains(*entity), "no detector finds {entity}");
        let options = ScanOptions {
            threshold: Score::new(f32::MIN_POSITIVE),
            entities: Some(vec![(*entity).to_owned()]),
            ..ScanOptions::default()
        };
        let mut best = |text: &str| {
            let start = text.find(value).expect("the value is in its frame");
            let hits = detectors.scan(text, &options, &mut scratch);
            let touching = hits
                .iter()
                .filter(|hit| hit.span.start < start + value.len() && hit.span.end > start);
            let all = touching.clone().map(|hit| hit.score.value()).fold(0.0, f32::max);
            let blocks = touching.filter(|hit| hit.acts == Acts::Block);
            (all, blocks.map(|hit| hit.score.value()).fold(0.0, f32::max))
        };
        let frames = [
            (*value).to_owned(),
            format!("{word}: {value}"),
            format!("He told me that the {word} is {value} and left."),
        ];
        let scores = frames.each_ref().map(|frame| best(frame));
        let count = counts.entry(entity).or_default();
        if *sign == "+" {
            count.values += 1;
            count.bare += usize::from(scores[0].0 > 0.0);
            count.named += usize::from(scores[1].0 >= 0.4);
            count.told += usize::from(scores[2].0 >= 0.4);
            if scores[0].0 == 0.0 || scores[1].0 < 0.4 || scores[2].0 < 0.4 {
                let reason = STRICTER.iter().find(|(name, _)| name == entity);
                if reason.is_none() {
                    differences.push(format!("{entity}: `{}` {scores:?}", frames[2]));
                }
            }
        } else {
            count.misses += 1;
            let refused = scores.iter().any(|(_, blocks)| *blocks >= 0.5);
            count.refused += usize::from(refused);
            if refused && !LOOSER.iter().any(|(name, _)| name == entity) {
                differences.push(format!("{entity}: near miss `{}` {scores:?}", frames[2]));
            }
        }
    }
    println!("entity: values, bare, `word: value`, told; near misses, refused");
    for (entity, count) in &counts {
        println!(
            "{entity}: {}, {}, {}, {}; {}, {}",
            count.values, count.bare, count.named, count.told, count.misses, count.refused
        );
    }
    assert!(counts.len() >= 85, "{}", counts.len());
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}
