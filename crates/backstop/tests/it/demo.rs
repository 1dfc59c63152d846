//! `backstop demo`: holds, says so, and its JSON is what programs rely on.

use crate::run::backstop;

#[test]
fn the_demo_holds_and_the_attacker_gets_nothing() {
    let ran = backstop(&["demo", "--format", "json"]);
    let report = ran.json();
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert_eq!(report["held"], true);
    assert_eq!(report["attacker_bytes"], 0);
    assert_eq!(report["attacker_visits"], 0);
    assert_eq!(report["leaked_names"], serde_json::json!([]));
    assert_eq!(report["ledger_ok"], true);
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.len() >= 30, "{}", rows.len());
    for row in rows {
        assert_eq!(row["verdict"], row["expect"], "{row}");
        assert!(
            row["receipt"].as_str().is_some_and(|receipt| receipt.starts_with("rcp_")),
            "{row}"
        );
        assert!(row["micros"].as_u64().is_some_and(|micros| micros > 0), "{row}");
        assert_eq!(row["control"].is_string(), row["verdict"] == "deny", "{row}");
    }
    for attack in [
        "undeclared host",
        "another tenant's host",
        "file:///etc/passwd",
        "gopher://",
        "SNI fronting",
        "SSN in a note",
        "card as a JSON number",
        "key in gzip in Base64",
        "seed phrase",
        "key split by zero-width characters",
        "a paragraph of a registered document",
        "honest: a few words of that document",
        "banner above the session's ceiling",
        "CONFIDENTIAL at the head of a note",
        "honest: forecast for a note",
        "honest: look-up of a declared name",
        "DNS tunnel: a document in 40 look-ups",
        "DNS tunnel below a wildcard row",
    ] {
        assert!(rows.iter().any(|row| row["attack"] == attack), "{attack}");
    }
    assert_eq!(
        rows.iter().filter(|row| row["attack"].as_str().unwrap().starts_with("metadata:")).count(),
        6
    );
}

#[test]
fn the_demo_says_for_people_what_it_says_for_programs() {
    let ran = backstop(&["demo"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    for line in
        ["attacker's server received   0 bytes", "ledger verify                passed", "HELD:"]
    {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "no colour outside a terminal");
}
