//! `backstop check`: each fault has its own clear diagnostic, with its place and a way out.

use crate::run::{backstop, policy, project};

const GOOD: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  skills: [{ name: weather, version: 1.2.0 }]
  egress:
  - { host: api.weather.example, owner: team-weather, reason: forecasts, reviewBy: "2099-01-01" }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  egressRequirements: [api.weather.example]
  tests:
  - { connect: "https://api.weather.example/", expect: allow }
  - { connect: "https://evil.example/", expect: deny, control: egress.skill }
"#;

#[test]
fn a_good_policy_is_clean_and_its_tests_run() {
    let (_folder, path) = policy(GOOD);
    let ran = backstop(&["--format", "json", "check", &path]);
    let answer = ran.json();
    assert_eq!((ran.code, answer["ok"].as_bool()), (0, Some(true)), "{}", ran.out);
    assert_eq!(answer["tests"].as_array().unwrap().len(), 2);
    assert_eq!(answer["tenants"], serde_json::json!(["research"]));
    assert!(answer["skills"][0]["digest"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn each_fault_has_its_own_diagnostic() {
    // What stands in the good policy, what stands there instead, what must be said.
    for (from, to, said) in [
        ("reason: forecasts", "reasons: forecasts", "unknown key `reasons`"),
        (
            "metadata: { name: weather-1.2.0 }",
            "metadata: { name: weather-1.2.0 }\nkind: Skill",
            "kind",
        ),
        ("[api.weather.example]", "[\"*.weather.example\"]", "`*.weather.example`"),
        ("host: api.weather.example", "host: \"*.co.uk\"", "`*.co.uk`"),
        ("host: api.weather.example", "host: \"*.github.io\"", "`*.github.io`"),
        (
            "host: api.weather.example",
            "host: \"*.s3.eu-west-1.amazonaws.com\"",
            "`*.s3.eu-west-1.amazonaws.com`",
        ),
        ("owner: team-weather", "allowPrivate: [127.0.0.0/8], owner: team-weather", "127.0.0.0/8"),
        (
            "owner: team-weather",
            "allowPrivate: [169.254.0.0/16], owner: team-weather",
            "169.254.0.0/16",
        ),
        ("owner: team-weather", "ports: [0], owner: team-weather", "0"),
        (
            "version: 1.2.0\n  egress",
            "version: 1.2.0\n  credential: { env: KEY }\n  egress",
            "credential",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (_folder, path) = policy(&GOOD.replace(from, to));
        let ran = backstop(&["--format", "json", "check", &path]);
        let answer = ran.json();
        assert_eq!(ran.code, 2, "{to}\n{}", ran.out);
        let errors: Vec<_> = answer["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|d| d["level"] == "error")
            .collect();
        assert!(
            errors.iter().any(|d| d["message"].as_str().unwrap().contains(said)),
            "{said}\n{}",
            ran.out
        );
        assert!(
            errors
                .iter()
                .all(|d| d["line"].as_u64().unwrap() > 0 && d["column"].as_u64().unwrap() > 0)
        );
    }
}

#[test]
fn all_faults_of_a_file_are_said_at_once() {
    let text = GOOD
        .replace("reason: forecasts", "reasons: forecasts")
        .replace("[api.weather.example]", "[\"*.x.example\", 7up..example]");
    let (_folder, path) = policy(&text);
    let ran = backstop(&["check", &path]);
    assert_eq!(ran.code, 2);
    for said in ["reasons", "*.x.example", "7up..example", "policy.yaml:8:"] {
        assert!(ran.out.contains(said), "{said}\n{}", ran.out);
    }
}

#[test]
fn an_expired_review_warns_and_loads() {
    let (_folder, path) = policy(&GOOD.replace("2099-01-01", "2020-01-01"));
    let ran = backstop(&["--format", "json", "check", &path]);
    let answer = ran.json();
    assert_eq!(ran.code, 0, "{}", ran.out);
    let warned =
        answer["diagnostics"].as_array().unwrap().iter().any(|d| {
            d["level"] == "warning" && d["message"].as_str().unwrap().contains("2020-01-01")
        });
    assert!(warned, "{}", ran.out);
}

#[test]
fn a_document_that_stands_twice_is_a_fault() {
    let (folder, _path) = policy(GOOD);
    std::fs::write(folder.path().join("second.yaml"), GOOD).unwrap();
    let ran = backstop(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.out.contains("research"), "{}", ran.out);
}

#[test]
fn a_test_that_fails_exits_1() {
    let (_folder, path) = policy(&GOOD.replace("expect: allow", "expect: deny"));
    let ran = backstop(&["check", &path]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("expected deny, got allow"), "{}", ran.out);
}

#[test]
fn the_policies_of_readme_and_demo_are_clean() {
    let readme = project("README.md");
    let yaml = readme.split("```yaml").nth(1).unwrap().split("```").next().unwrap();
    for text in [yaml, &project("crates/backstop/src/demo/policy.yaml")] {
        let (_folder, path) = policy(text);
        let ran = backstop(&["check", &path]);
        assert_eq!(ran.code, 0, "{}", ran.out);
    }
}
