//! Every deterministic entity of Presidio: ten made-up values and ten near misses each, in three
//! frames. The values were drawn from Presidio's own patterns and validated by its own code, so
//! that they are independent of ours.
//!
//! A value must be reported wherever it stands and, with its word beside it, at 0.4 or more, which
//! is what Presidio's context gives. A near miss must not refuse. What is answered otherwise is
//! counted in `OPEN`, which may only shrink.

use backstop_detect::{Acts, Detectors, ScanOptions, Score, Scratch};
use std::collections::{BTreeMap, BTreeSet};

const VALUES: &str = include_str!("presidio_entities.tsv");

/// LIMIT: of each entity, how many rows may still be answered otherwise than Presidio does. It may
/// only shrink. Known reasons: issued codes and check digits that Presidio does not know (KR_RRN,
/// PL_PESEL, NG and ZA plates); odd spacing (IT_VAT_CODE, DE_HANDELSREGISTER); mixed case (IN_PAN);
/// a word that must stand beside (IN_PASSPORT). The others are not examined yet.
const OPEN: &[(&str, usize)] = &[
    ("ABA_ROUTING_NUMBER", 6),
    ("AU_MEDICARE", 1),
    ("CA_SIN", 1),
    ("CREDIT_CARD", 6),
    ("DATE_TIME", 1),
    ("DE_HANDELSREGISTER", 5),
    ("DE_KFZ", 6),
    ("DE_PASSPORT", 7),
    ("EMAIL_ADDRESS", 2),
    ("IN_GSTIN", 1),
    ("IN_PAN", 10),
    ("IN_PASSPORT", 10),
    ("IN_VEHICLE_REGISTRATION", 10),
    ("IT_VAT_CODE", 10),
    ("KR_DRIVER_LICENSE", 9),
    ("KR_FRN", 1),
    ("KR_RRN", 1),
    ("NG_VEHICLE_REGISTRATION", 7),
    ("PHONE_NUMBER", 10),
    ("PH_TIN", 2),
    ("PL_PESEL", 1),
    ("SE_ORGANISATIONSNUMMER", 3),
    ("SE_PERSONNUMMER", 7),
    ("SG_NRIC_FIN", 10),
    ("SG_UEN", 2),
    ("TH_TNIN", 1),
    ("TR_LICENSE_PLATE", 6),
    ("US_HEALTH_INSURANCE_MEMBER_ID", 10),
    ("US_MBI", 1),
    ("US_REFERRAL_NUMBER", 5),
    ("ZA_COMPANY_REGISTRATION", 8),
    ("ZA_DRIVER_LICENSE", 10),
    ("ZA_INCOME_TAX_NUMBER", 10),
    ("ZA_LICENSE_PLATE", 10),
    ("ZA_TRAFFIC_REGISTER_NUMBER", 10),
    ("ZA_VAT_NUMBER", 10),
];

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
                differences.push((*entity, format!("`{}` {scores:?}", frames[2])));
            }
        } else {
            count.misses += 1;
            let refused = scores.iter().any(|(_, blocks)| *blocks >= 0.5);
            count.refused += usize::from(refused);
            if refused {
                differences.push((*entity, format!("near miss `{}` {scores:?}", frames[2])));
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
    for entity in counts.keys() {
        let differ: Vec<&str> = differences
            .iter()
            .filter(|(name, _)| name == entity)
            .map(|(_, difference)| &**difference)
            .collect();
        let open = OPEN.iter().find(|(name, _)| name == entity).map_or(0, |(_, count)| *count);
        println!("{entity}: {} differ\n{}", differ.len(), differ.join("\n"));
        assert!(differ.len() <= open, "{entity}: {} differ:\n{}", differ.len(), differ.join("\n"));
    }
}
