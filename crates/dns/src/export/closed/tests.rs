//! Rows and what a resolver that follows RFC 4592 makes of them.

use super::*;
use backstop_model::name::{NameGate, NamePart};
use proptest::prelude::*;

fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

fn rule(text: &str, part: NamePart, gate: NameGate) -> NameRule {
    NameRule { name: name(text), part, gate }
}

/// What RFC 4592 makes of a name: its own row, or the `*.` row of its closest encloser and of no
/// other; nothing where that is not there.
fn looked_up(zone: &Zone, asked: &QueryName) -> Option<Action> {
    let row = |wire: &[u8]| zone.records().iter().find(|r| r.owner.as_wire() == wire);
    if let Some(row) = row(asked.as_wire()) {
        return Some(row.action);
    }
    let exists = |wire: &[u8]| {
        let under = QueryName::parse(wire).unwrap();
        zone.records().iter().any(|r| r.owner.below(&under).is_some())
    };
    if exists(asked.as_wire()) {
        return None;
    }
    let encloser = asked.suffixes().skip(1).find(|wire| exists(wire))?;
    let star: Vec<u8> = [b"\x01*", encloser].concat();
    row(&star).map(|row| row.action)
}

fn nearest(rules: &[NameRule], asked: &QueryName) -> Action {
    let find = |wire: &[u8], part| {
        rules.iter().find(|r| r.part == part && r.name.as_wire() == wire).map(|r| r.gate)
    };
    let gate = find(asked.as_wire(), NamePart::Itself)
        .or_else(|| asked.suffixes().skip(1).find_map(|wire| find(wire, NamePart::Below)));
    if gate == Some(NameGate::Open) { Action::Passthru } else { Action::NxDomain }
}

#[test]
fn an_empty_policy_is_one_row() {
    let zone = Zone::closed(name("rpz.backstop"), &[]);
    assert_eq!(zone.records().len(), 1);
    assert_eq!(looked_up(&zone, &name("anything.example")), Some(Action::NxDomain));
}

#[test]
fn the_naive_form_is_seen_to_leak_by_this_test() {
    let mut zone = Zone::closed(
        name("rpz.backstop"),
        &[rule("api.example.com", NamePart::Itself, NameGate::Open)],
    );
    let naive = [name("*"), name("api.example.com")];
    zone.records.retain(|record| naive.contains(&record.owner));
    for open in ["evil.com", "x.example.com", "x.api.example.com", "com"] {
        assert_eq!(looked_up(&zone, &name(open)), None, "{open}: no row is found, so it passes");
    }
    assert_eq!(looked_up(&zone, &name("evil.org")), Some(Action::NxDomain));
}

/// What the second zone is for: no number of rows closes this one.
#[test]
fn a_name_with_a_star_for_a_label_meets_no_row() {
    let zone = Zone::closed(
        name("rpz.backstop"),
        &[rule("api.example.com", NamePart::Itself, NameGate::Open)],
    );
    for open in ["x.*.example.com", "x.*", "x.y.*.api.example.com"] {
        assert_eq!(looked_up(&zone, &name(open)), None, "{open}");
    }
    assert_eq!(looked_up(&zone, &name("*.example.com")), Some(Action::NxDomain));
}

#[test]
fn a_name_that_others_would_cut_short_is_left_out() {
    let label = "a".repeat(60);
    let long = [label.as_str(), &label, &label, "x"].join(".");
    let rules = [rule(&long, NamePart::Itself, NameGate::Open)];
    let zone = Zone::closed(name("rpz.backstop"), &rules);
    assert_eq!(zone.left_out(), [TooLong(rules[0].clone())]);
    assert_eq!(zone.records().len(), 1);
}

#[test]
fn every_owner_fits_in_front_of_the_origin() {
    let label = "a".repeat(60);
    let deep = [label.as_str(), &label, &label, &label].join(".");
    let rules = [
        rule("a", NamePart::Below, NameGate::Open),
        rule(&deep, NamePart::Itself, NameGate::Closed),
        rule(&deep, NamePart::Below, NameGate::Closed),
    ];
    let zone = Zone::closed(name("rpz.backstop"), &rules);
    for record in zone.records() {
        assert!(record.owner.as_wire().len() - 1 + zone.origin().as_wire().len() <= 255);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn every_name_meets_one_row_and_it_says_what_the_rules_say(
        rules in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..5), any::<bool>(), any::<bool>()),
            0..8,
        ),
        asked in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e"]), 1..7),
    ) {
        let mut list: Vec<NameRule> = Vec::new();
        for (labels, itself, open) in rules {
            let part = if itself { NamePart::Itself } else { NamePart::Below };
            let gate = if open { NameGate::Open } else { NameGate::Closed };
            let next = rule(&labels.join("."), part, gate);
            list.retain(|kept| kept.name != next.name || kept.part != part);
            list.push(next);
        }
        let zone = Zone::closed(name("rpz.backstop"), &list);
        let asked = name(&asked.join("."));
        prop_assert_eq!(looked_up(&zone, &asked), Some(nearest(&list, &asked)), "{}", asked);
        let mut shuffled = list.clone();
        shuffled.reverse();
        prop_assert_eq!(Zone::closed(name("rpz.backstop"), &shuffled), zone);
    }
}
