//! Hosts as policies name them, against hosts as attempts name them.

use crate::desk::*;
use backstop_model::verdict::Verdict;
use backstop_policy::{Level, reference};

#[test]
fn spellings_of_one_name_are_one_name() {
    let policy = policy(&pair(&["{ host: \"Bücher.Example.\" }"], &["xn--bcher-kva.example"]));
    for same in
        ["bücher.example", "XN--BCHER-KVA.example.", "b%C3%BCcher.example", "ＢÜcher。example"]
    {
        assert_eq!(ask(&policy, &format!("GET https://{same}/")).verdict, Verdict::Allow, "{same}");
    }
    assert_eq!(ask(&policy, "GET https://bucher.example/").verdict, Verdict::Deny);
}

#[test]
fn public_suffixes_in_other_scripts() {
    for suffix in [
        "公司.cn",
        "xn--55qx5d.cn",
        "個人.hk",
        "xn--gmqw5a.hk",
        "any.kobe.jp",
        "compute.amazonaws.com",
        "kobe.jp",
    ] {
        let applied =
            apply(&document("Tenant", "t", &format!("  egress:\n  - {{ host: \"*.{suffix}\" }}")));
        assert!(applied.diagnostics.iter().any(|d| d.code == "policy.public_suffix"), "*.{suffix}");
    }
    // `city.kobe.jp` is an exception of the list: a registered name like any other.
    let applied = apply(&document("Tenant", "t", "  egress:\n  - { host: \"*.city.kobe.jp\" }"));
    assert!(applied.diagnostics.iter().all(|d| d.level == Level::Note));
}

#[test]
fn the_most_specific_row_speaks_first_and_all_of_them_count() {
    let policy = policy(&pair(
        &[
            "{ host: \"*.example.com\", ports: [443, 8443] }",
            "{ host: a.b.example.com, methods: [GET] }",
            "{ host: \"*.b.example.com\", ech: allow }",
        ],
        &["{ host: a.b.example.com, ports: [443, 8443] }"],
    ));
    let row = |words: &str| {
        let decision = ask(&policy, words);
        format!(
            "{} {}",
            decision.verdict,
            decision.reasons.iter().find(|r| r.control.as_str() == "egress.tenant").unwrap().text
        )
    };
    assert_eq!(row("GET https://a.b.example.com/"), "allow the row `a.b.example.com` of `t`");
    assert_eq!(row("POST https://a.b.example.com/"), "allow the row `*.b.example.com` of `t`");
    assert_eq!(row("connect a.b.example.com:443"), "allow the row `*.b.example.com` of `t`");
    assert_eq!(row("connect a.b.example.com:8443"), "allow the row `*.example.com` of `t`");
    assert_eq!(
        row("hello a.b.example.com:443 a.b.example.com ech"),
        "allow the row `*.b.example.com` of `t`"
    );
}

#[test]
fn very_long_names_are_looked_up_too() {
    let deep = format!("{}example.com", "a.".repeat(120));
    let policy = policy(&pair(&["{ host: \"*.example.com\" }"], &[&deep]));
    assert_eq!(ask(&policy, &format!("connect {deep}:443")).verdict, Verdict::Allow);
}

#[test]
fn the_reference_names_every_key() {
    let page = reference();
    for key in [
        "`egressRequirements`",
        "`allowPrivate`",
        "`reviewBy`",
        "`marks`",
        "`credential`",
        "`until`",
        "`annotations`",
    ] {
        assert!(page.contains(key), "{key}");
    }
    for line in page.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(line.matches('|').count(), 5, "{line}");
    }
    assert!(page.contains("**refused: this build cannot enforce it yet**"));
}
