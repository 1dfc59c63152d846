//! The text of a zone, and drift from it.

use super::*;
use backstop_model::name::{NameGate, NamePart, NameRule};
use expect_test::expect;

fn zone(open: &[&str]) -> Zone {
    let rules: Vec<NameRule> = open
        .iter()
        .map(|text| {
            let (text, part) = match text.strip_prefix("*.") {
                Some(base) => (base, NamePart::Below),
                None => (*text, NamePart::Itself),
            };
            NameRule { name: QueryName::from_text(text).unwrap(), part, gate: NameGate::Open }
        })
        .collect();
    Zone::closed(QueryName::from_text("rpz.backstop").unwrap(), &rules)
}

fn header(digest: &str) -> Header {
    Header {
        about: "Names of tenant `research`".to_owned(),
        digest: digest.to_owned(),
        warnings: vec!["types are not told apart".to_owned()],
    }
}

#[test]
fn a_zone_is_a_master_file() {
    let text = render(&zone(&["api.example.com", "*.example.net"]), 7, &header("sha256:00"));
    expect![[r#"
        ; Names of tenant `research`. Written by `backstop render rpz`: do not edit.
        ; Policy sha256:00.
        ; WARNING: types are not told apart
        $ORIGIN rpz.backstop.
        $TTL 60
        @ SOA localhost. hostmaster.localhost. 7 60 15 2147483647 60
        @ NS localhost.
        * CNAME .
        com CNAME .
        *.com CNAME .
        example.com CNAME .
        *.example.com CNAME .
        api.example.com CNAME rpz-passthru.
        *.api.example.com CNAME .
        net CNAME .
        *.net CNAME .
        example.net CNAME .
        *.example.net CNAME rpz-passthru.
    "#]]
    .assert_eq(&text);
    assert_eq!(serial_of(&text), Some(7));
}

#[test]
fn drift_is_anything_but_comments_and_serial() {
    let zone = zone(&["api.example.com"]);
    let text = render(&zone, 7, &header("sha256:00"));
    assert_eq!(drift(&zone, &text), Drift::None);
    assert_eq!(drift(&zone, &render(&zone, 9, &header("sha256:01"))), Drift::None);
    let passes = text.replace("*.com CNAME .", "*.com CNAME rpz-passthru.");
    assert_eq!(drift(&zone, &passes), Drift::Line(10));
    let shorter: String = text.lines().take(9).map(|line| format!("{line}\n")).collect();
    assert_eq!(drift(&zone, &shorter), Drift::Line(10));
    let longer = text.clone() + "evil.com CNAME rpz-passthru.\n";
    assert_ne!(drift(&zone, &longer), Drift::None);
    let included = text.replacen("* CNAME .", "$INCLUDE /tmp/more\n* CNAME .", 1);
    assert_ne!(drift(&zone, &included), Drift::None);
    assert_ne!(drift(&zone, ""), Drift::None);
    // A second SOA, or one that is not ours.
    let later = text.replace("2147483647", "60");
    assert_ne!(drift(&zone, &later), Drift::None);
}

#[test]
fn texts_of_equal_rules_are_equal() {
    let one = zone(&["a.example", "b.example", "*.c.example"]);
    let other = zone(&["*.c.example", "b.example", "a.example"]);
    assert_eq!(render(&one, 1, &header("x")), render(&other, 1, &header("x")));
}
