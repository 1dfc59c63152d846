//! Rules by name: found, not found, and how much memory they take.

use super::*;

fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

fn table(rules: &[(&str, Action)]) -> Names {
    let mut table = Names::new((7, 11));
    for (owner, action) in rules {
        let (base, reach) = match owner.strip_prefix("*.") {
            Some(base) => (base, Reach::Below),
            None if *owner == "*" => (".", Reach::Below),
            None => (*owner, Reach::Exact),
        };
        table.set(&name(base), reach, *action).unwrap();
    }
    table.finish(&[]);
    table
}

fn check(table: &Names, asked: &str, expected: Option<(&str, Action)>) {
    let found = table.find(&name(asked)).map(|found| {
        let base = QueryName::parse(found.base).unwrap().to_string();
        let owner = match found.reach {
            Reach::Exact => base,
            Reach::Below if base == "." => "*".to_owned(),
            Reach::Below => format!("*.{base}"),
        };
        (owner, found.action)
    });
    assert_eq!(found, expected.map(|(owner, action)| (owner.to_owned(), action)), "{asked}");
}

#[test]
fn exact_before_wildcard_and_the_longest_wildcard() {
    let table = table(&[
        ("bad.example", Action::Nxdomain),
        ("*.bad.example", Action::Nodata),
        ("*.deep.bad.example", Action::Drop),
        ("good.bad.example", Action::Passthru),
    ]);
    check(&table, "bad.example", Some(("bad.example", Action::Nxdomain)));
    check(&table, "BAD.Example", Some(("bad.example", Action::Nxdomain)));
    check(&table, "x.bad.example", Some(("*.bad.example", Action::Nodata)));
    check(&table, "x.y.bad.example", Some(("*.bad.example", Action::Nodata)));
    check(&table, "x.deep.bad.example", Some(("*.deep.bad.example", Action::Drop)));
    check(&table, "deep.bad.example", Some(("*.bad.example", Action::Nodata)));
    check(&table, "good.bad.example", Some(("good.bad.example", Action::Passthru)));
    // No name hides a wildcard that refuses: below a listed name it holds as well.
    check(&table, "x.good.bad.example", Some(("*.bad.example", Action::Nodata)));
    check(&table, "notbad.example", None);
    check(&table, "example", None);
    check(&table, ".", None);
}

#[test]
fn a_wildcard_at_the_top_holds_around_every_name_that_passes() {
    let table = table(&[
        ("*", Action::Nxdomain),
        ("api.weather.example", Action::Passthru),
        ("*.tiles.example", Action::Passthru),
    ]);
    check(&table, "api.weather.example", Some(("api.weather.example", Action::Passthru)));
    for refused in
        ["weather.example", "other.weather.example", "x.api.weather.example", "example", "a"]
    {
        check(&table, refused, Some(("*", Action::Nxdomain)));
    }
    check(&table, "a.b.tiles.example", Some(("*.tiles.example", Action::Passthru)));
    check(&table, "tiles.example", Some(("*", Action::Nxdomain)));
    check(&table, ".", None);
}

#[test]
fn a_wildcard_that_passes_is_hidden_as_rfc_4592_says() {
    let table = table(&[
        ("*.example", Action::Passthru),
        ("evil.example", Action::Nxdomain),
        ("x.deep.example", Action::Nxdomain),
    ]);
    check(&table, "good.example", Some(("*.example", Action::Passthru)));
    check(&table, "a.good.example", Some(("*.example", Action::Passthru)));
    // It would take away what later zones refuse, so where the readings differ nothing is said.
    check(&table, "a.evil.example", None);
    check(&table, "deep.example", None);
    check(&table, "y.deep.example", None);
}

#[test]
fn hashes_that_meet_and_names_of_any_length_are_told_apart() {
    let mut table = Names::new((1, 2));
    let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
    let many = vec!["x"; 127].join(".");
    for text in [long.as_str(), many.as_str()] {
        table.set(&name(text), Reach::Exact, Action::Drop).unwrap();
    }
    for number in 0..5_000 {
        table.set(&name(&format!("n{number}.example")), Reach::Exact, Action::Nxdomain).unwrap();
    }
    table.finish(&[]);
    assert_eq!(table.len(), 5_002);
    check(&table, &long, Some((&long, Action::Drop)));
    check(&table, &many, Some((&many, Action::Drop)));
    for number in 0..5_000 {
        let text = format!("n{number}.example");
        check(&table, &text, Some((&text, Action::Nxdomain)));
        check(&table, &format!("m{number}.example"), None);
    }
}

#[test]
fn a_rule_takes_few_octets_however_many_there_are() {
    let mut table = Names::new((1, 2));
    let mut names = 0usize;
    for number in 0..100_000u32 {
        let text = format!("host-{number}.bad{}.example", number % 977);
        names += text.len() + 2;
        table.set(&name(&text), Reach::Exact, Action::Nxdomain).unwrap();
        table.set(&name(&text), Reach::Below, Action::Nxdomain).unwrap();
    }
    table.finish(&[]);
    // The name, two octets for two rules, and 5 octets of a slot at two thirds.
    assert!(table.octets() <= names + 10 * 100_000 + 64, "{} {names}", table.octets());
    assert_eq!(table.len(), 200_000);
}
