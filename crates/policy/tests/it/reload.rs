//! Hot reload: what is bad keeps its last good version, what is good goes ahead.

use crate::desk::*;
use backstop_policy::{Applied, Level, Library, Source};
use expect_test::{Expect, expect};

fn next(before: &Library, files: &[(&str, &str)]) -> Applied {
    let sources: Vec<Source> = files.iter().map(|(name, text)| source(name, text)).collect();
    before.apply(&sources, &ctx())
}

/// Tenants in force with how many of `a`, `b`, `c`.example.com they know, what is kept, and errors.
fn show(applied: &Applied) -> String {
    let mut out = Vec::new();
    for tenant in applied.policy.tenants() {
        let known: String = ["a", "b", "c"]
            .into_iter()
            .filter(|letter| {
                let destination = attempt(&format!("connect {letter}.example.com:443")).destination;
                applied.policy.row_terms(tenant, &destination).idle.is_some()
            })
            .collect();
        out.push(format!("{tenant}: {known}"));
    }
    out.extend(applied.kept.iter().cloned());
    out.extend(
        applied
            .diagnostics
            .iter()
            .filter(|d| d.level == Level::Error)
            .map(|d| format!("{}:{}: {} [{}]", d.source, d.line, d.message, d.code)),
    );
    out.join("\n")
}

fn tenant(name: &str, letters: &str) -> String {
    let rows: String =
        letters.chars().map(|c| format!("\n  - {{ host: {c}.example.com, idle: 1m }}")).collect();
    document(
        "Tenant",
        name,
        &format!("  egress:{}", if rows.is_empty() { " []".to_owned() } else { rows }),
    )
}

fn check(applied: &Applied, expected: Expect) {
    expected.assert_eq(&show(applied));
    // The last good texts give the same policy again: that is what a snapshot is.
    let again = Library::default().apply(&applied.policy.sources(), &ctx());
    assert_eq!(again.policy.digest(), applied.policy.digest(), "{:?}", applied.policy.sources());
}

#[test]
fn a_bad_document_keeps_its_own_last_good_version() {
    let first = next(&Library::default(), &[("x", &(tenant("t", "a") + &tenant("u", "a")))]);
    check(
        &first,
        expect![[r#"
        t: a
        u: a"#]],
    );
    let bad = tenant("t", "b").replace("idle: 1m", "idle: 1x") + &tenant("u", "b");
    let second = next(&first.library, &[("x", &bad)]);
    check(
        &second,
        expect![[r#"
        t: a
        u: b
        Tenant/t keeps its last good version
        x:7: `1x` is not a duration between 1s and 24h [policy.duration]"#]],
    );
    let third = next(&second.library, &[("x", &(tenant("t", "c") + &tenant("u", "c")))]);
    check(
        &third,
        expect![[r#"
        t: c
        u: c"#]],
    );
}

#[test]
fn a_file_with_a_syntax_error_keeps_all_its_documents() {
    let first = next(
        &Library::default(),
        &[("x", &(tenant("t", "a") + &tenant("u", "a"))), ("y", &tenant("v", "a"))],
    );
    let second = next(&first.library, &[("x", "a: [\n"), ("y", &tenant("v", "b"))]);
    check(
        &second,
        expect![[r#"
        t: a
        u: a
        v: b
        Tenant/t keeps its last good version
        Tenant/u keeps its last good version
        x:2: not valid YAML: while parsing a node, did not find expected node content [policy.syntax]"#]],
    );
}

#[test]
fn a_document_that_cannot_be_told_apart_keeps_what_the_file_had() {
    let first = next(&Library::default(), &[("x", &(tenant("t", "a") + &tenant("u", "a")))]);
    let second = next(
        &first.library,
        &[("x", &(tenant("t", "b") + &tenant("u", "b").replace("kind: Tenant", "kind: Tennant")))],
    );
    check(
        &second,
        expect![[r#"
        t: b
        u: a
        Tenant/u keeps its last good version
        x:10: `Tennant` is not a kind of policy document [policy.kind]"#]],
    );
}

#[test]
fn what_is_gone_is_gone() {
    let first = next(
        &Library::default(),
        &[("x", &(tenant("t", "a") + &tenant("u", "a"))), ("y", &tenant("v", "a"))],
    );
    check(&next(&first.library, &[("x", &tenant("u", "a"))]), expect!["u: a"]);
    check(&next(&first.library, &[]), expect![[""]]);
}

#[test]
fn a_document_may_move_to_another_file() {
    let first = next(&Library::default(), &[("x", &tenant("t", "a"))]);
    check(&next(&first.library, &[("y", &tenant("t", "b"))]), expect!["t: b"]);
}

#[test]
fn two_claims_keep_the_first_good_owner() {
    check(
        &next(&Library::default(), &[("x", &tenant("t", "a")), ("y", &tenant("t", "b"))]),
        expect![[r#"
            t: a
            y:4: `Tenant/t` stands twice [policy.duplicate_document]"#]],
    );
    let bad = tenant("t", "a").replace("idle: 1m", "idle: 1x");
    check(
        &next(&Library::default(), &[("x", &bad), ("y", &tenant("t", "b"))]),
        expect![[r#"
        t: b
        x:4: `Tenant/t` stands twice [policy.duplicate_document]
        x:7: `1x` is not a duration between 1s and 24h [policy.duration]"#]],
    );
    let first = next(&Library::default(), &[("y", &tenant("t", "b"))]);
    check(
        &next(&first.library, &[("x", &tenant("t", "a")), ("y", &tenant("t", "c"))]),
        expect![[r#"
            t: c
            x:4: `Tenant/t` stands twice [policy.duplicate_document]"#]],
    );
    check(
        &next(&first.library, &[("x", &tenant("t", "a")), ("y", "a: [\n")]),
        expect![[r#"
        t: b
        Tenant/t keeps its last good version
        x:4: `Tenant/t` stands twice [policy.duplicate_document]
        y:2: not valid YAML: while parsing a node, did not find expected node content [policy.syntax]"#]],
    );
}

#[test]
fn a_cold_start_with_a_bad_document_goes_without_it() {
    let bad = tenant("t", "a").replace("idle: 1m", "idle: 1x");
    check(
        &next(&Library::default(), &[("x", &(bad + &tenant("u", "a")))]),
        expect![[r#"
        u: a
        x:7: `1x` is not a duration between 1s and 24h [policy.duration]"#]],
    );
}

#[test]
fn a_classification_that_takes_a_level_away_does_not_break_a_tenant() {
    let tenant = document(
        "Tenant",
        "t",
        "  classification: c\n  maxClassificationLevel: high\n  egress: [{ host: a.example.com, idle: 1m }]",
    );
    let scheme = |levels: &str| document("Classification", "c", &format!("  levels: [{levels}]"));
    let first = next(&Library::default(), &[("x", &tenant), ("y", &scheme("low, high"))]);
    let second = next(&first.library, &[("x", &tenant), ("y", &scheme("low"))]);
    expect![[r#"
        t: a
        Tenant/t keeps its last good version
        x:7: `high` is not a level of the classification `c` [policy.level]"#]]
    .assert_eq(&show(&second));
    assert_ne!(first.policy.digest(), second.policy.digest());
    let third = next(&second.library, &[("x", &tenant), ("y", &scheme("low, high"))]);
    assert_eq!(first.policy.digest(), third.policy.digest());
}

#[test]
fn sources_are_the_files_themselves_where_all_is_good() {
    let text = format!("# kept, comments and all\n{}", tenant("t", "a"));
    let applied = next(&Library::default(), &[("x", &text)]);
    assert_eq!(applied.policy.sources(), [source("x", &text)]);
}

#[test]
fn a_good_reload_says_nothing() {
    let first = next(&Library::default(), &[("x", &tenant("t", "a"))]);
    let second = next(&first.library, &[("x", &tenant("t", "a"))]);
    assert!(second.kept.is_empty());
    assert_eq!(first.policy.digest(), second.policy.digest());
}
