//! Equal meaning, equal digest; another meaning, another digest.

use crate::desk::*;
use expect_test::expect;

const SKILL: &str = "apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: { name: s-1.0.0 }\nspec:\n  name: s\n  version: 1.0.0\n  egressRequirements:\n  - a.example.com\n  - { host: b.example.com, methods: [GET, POST], paths: [/a, /b] }\n";

fn digest(text: &str) -> String {
    policy(text).skills().next().unwrap().digest.to_string()
}

#[test]
fn the_form_is_stable() {
    // A changed digest takes away every approval that tenants have given: it needs a new form.
    expect!["sha256:5875ae6245bdcb6f95e7f090345e8603acda790435d7befcf2e9d49a21fd54b3"]
        .assert_eq(&digest(SKILL));
}

#[test]
fn comments_order_and_quotes_do_not_matter() {
    let same = "# a comment\nkind: \"Skill\"\nspec:\n  egressRequirements:\n  - host: B.example.com.\n    paths: [/b, /a]\n    methods: [POST, GET]\n    ports: [443]\n    protocol: HTTPS\n  - host: a.example.com # inline\n  version: '1.0.0'\n  networkEgress: deny\n  name: s\nmetadata:\n  name: s-1.0.0\n  labels: { a: b }\napiVersion: backstop.dev/v1alpha1\n";
    assert_eq!(digest(SKILL), digest(same));
    assert_eq!(policy(SKILL).digest(), policy(same).digest());
}

#[test]
fn tests_are_no_part_of_a_skills_identity_but_of_the_policy() {
    let tested = format!("{SKILL}  tests: [{{ connect: \"x.example:443\", expect: deny }}]\n");
    assert_eq!(digest(SKILL), digest(&tested));
    assert_ne!(policy(SKILL).digest(), policy(&tested).digest());
}

#[test]
fn every_change_of_meaning_shows() {
    for (from, to) in [
        ("a.example.com", "c.example.com"),
        ("GET, ", ""),
        ("/a, /b", "/a"),
        ("  version", "  maxClassificationLevel: low\n  version"),
        ("  version", "  tools: { x: {} }\n  version"),
        ("- a.example.com", "- { host: a.example.com, ports: [8443] }"),
        ("- a.example.com", "- { host: a.example.com, protocol: HTTP, ports: [443] }"),
    ] {
        let changed = SKILL.replacen(from, to, if from == "a.example.com" { 1 } else { 9 });
        let changed = if from == "  version" {
            SKILL.replace("\n  version", &format!("\n{to}"))
        } else {
            changed
        };
        assert_ne!(digest(SKILL), digest(&changed), "{from} → {to}");
    }
}

#[test]
fn the_digest_is_that_of_the_set_of_documents() {
    let (one, other) =
        (document("Role", "a", "  skills: []"), document("Role", "b", "  skills: []"));
    assert_eq!(policy(&(one.clone() + &other)).digest(), policy(&(other.clone() + &one)).digest());
    assert_ne!(policy(&one).digest(), policy(&other).digest());
    let role = |text: &str| {
        backstop_policy::Library::default()
            .apply(&[source("x.yaml", text), source("y.yaml", &other)], &ctx())
            .policy
            .digest()
    };
    assert_eq!(role(&one), policy(&(one.clone() + &other)).digest());
}
