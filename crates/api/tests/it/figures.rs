//! `/metrics`, read by a parser of the text format (version 0.0.4).

use crate::house::House;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: bool,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads a whole exposition; panics where it breaks a rule of the format.
fn read(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && !families.contains_key(name), "{line}");
            current = name.to_owned();
            families.entry(current.clone()).or_default().help = true;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current, "TYPE apart from its HELP");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            families.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            let (name, labels, value) = sample(line);
            let family = families.get_mut(&current).expect("a sample before its family");
            let suffix = name.strip_prefix(current.as_str()).expect("a sample of another family");
            match family.kind.as_str() {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
                "counter" => assert!(suffix.is_empty() && current.ends_with("_total"), "{line}"),
                _ => assert!(suffix.is_empty(), "{line}"),
            }
            assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
            assert!(!value.is_nan());
            family.samples.push((name, labels, value));
        }
    }
    families
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
    };
    let (name, labels, value) = match line.split_once('{') {
        None => {
            let (name, value) = line.split_once(' ').unwrap();
            (name, BTreeMap::new(), value)
        }
        Some((name, rest)) => {
            let (labels, value) = rest.rsplit_once("} ").unwrap();
            let mut out = BTreeMap::new();
            for pair in labels.split("\",") {
                let (label, content) = pair.trim_end_matches('"').split_once("=\"").unwrap();
                assert!(is_name(label), "{line}");
                out.insert(label.to_owned(), content.to_owned());
            }
            (name, out, value)
        }
    };
    assert!(is_name(name), "{line}");
    (name.to_owned(), labels, value.parse().unwrap())
}

#[tokio::test]
async fn the_figures_are_well_formed_and_move() {
    let house = House::open().await;
    house.session("research").await;
    house.send("GET /v1/alerts", Some("nonsense"), None).await;
    let answer = house.send("GET /metrics", Some(&house.operator), None).await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let families = read(&answer.text());
    for (name, family) in &families {
        assert!(family.help && !family.kind.is_empty(), "{name}");
        assert!(name.starts_with("backstop_") || name.starts_with("process_"), "{name}");
    }
    let value = |name: &str| families[name].samples[0].2;
    assert_eq!(value("backstop_open_sessions"), 1.0);
    assert_eq!(value("backstop_ledger_writable"), 1.0);
    assert!(value("backstop_ledger_rows") >= 2.0);
    assert_eq!(value("backstop_api_unauthenticated_total"), 1.0);
    assert!(value("process_resident_memory_bytes") > 1_000_000.0);
    assert!(value("process_open_fds") > 3.0);
    assert_eq!(
        families["backstop_policy_info"].samples[0].1["digest"],
        house.gate.policy().digest().to_string()
    );
    let elsewhere = &families["backstop_elsewhere_total"].samples;
    let elsewhere: Vec<_> = elsewhere.iter().map(|(_, l, n)| (l["zone"].as_str(), *n)).collect();
    assert_eq!(elsewhere, [("a.example", 3.0), ("b.example", 0.0)]);
    // Who showed no valid token was refused by a control, like anyone on any plane.
    let answers = &families["backstop_answers_total"].samples;
    assert!(
        answers
            .iter()
            .any(|(_, l, n)| l["control"] == "identity" && l["verdict"] == "deny" && *n == 1.0)
    );

    let asks = &families["backstop_ask_duration_seconds"];
    let buckets: Vec<f64> = asks
        .samples
        .iter()
        .filter(|(n, _, _)| n.ends_with("_bucket"))
        .map(|(_, _, v)| *v)
        .collect();
    assert!(buckets.is_sorted(), "buckets are cumulative");
    let last = asks.samples.iter().rfind(|(n, _, _)| n.ends_with("_bucket")).unwrap();
    assert_eq!(last.1["le"], "+Inf");
    let count = asks.samples.iter().find(|(n, _, _)| n.ends_with("_count")).unwrap();
    assert_eq!(last.2, count.2);
}
