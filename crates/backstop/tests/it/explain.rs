//! `backstop explain`: each control's answer in order, by JSON too, one or many at a time.

use crate::run::{Ran, backstop, feed, policy, project};

fn explain(arguments: &[&str], input: &str) -> Ran {
    let (_folder, path) = policy(&project("crates/backstop/src/demo/policy.yaml"));
    let mut all = vec![
        "--policy", &path, "--format", "json", "explain", "--tenant", "research", "--skill",
        "weather",
    ];
    all.extend(arguments);
    feed(&all, input)
}

#[test]
fn an_allowed_host_passes_every_control() {
    let ran = explain(&["api.weather.example:443"], "");
    let answer = ran.json();
    assert_eq!((ran.code, answer["verdict"].as_str()), (0, Some("allow")), "{}", ran.out);
    let controls = answer["controls"].as_array().unwrap();
    assert!(
        controls.iter().all(|c| c["answer"] == "pass" || c["answer"] == "skipped"),
        "{}",
        ran.out
    );
    assert!(controls.iter().any(|c| c["id"] == "egress.tenant" && c["answer"] == "pass"));
    let undischarged =
        answer["duties"].as_array().unwrap().iter().filter(|d| d["discharged"] == false);
    assert!(
        undischarged.map(|d| &d["obligation"]).any(|o| o == "inspect_body"),
        "a tunnel shows no body: {}",
        ran.out
    );
}

#[test]
fn a_refused_host_names_the_control_and_the_way_to_allow_it() {
    let ran = explain(&["https://models.example/"], "");
    let answer = ran.json();
    assert_eq!((ran.code, answer["verdict"].as_str()), (1, Some("deny")), "{}", ran.out);
    let denied: Vec<_> =
        answer["controls"].as_array().unwrap().iter().filter(|c| c["answer"] == "deny").collect();
    assert_eq!(
        denied.iter().map(|c| c["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["egress.skill"]
    );
    assert!(answer["hint"].as_str().unwrap().contains("egressRequirements"), "{}", ran.out);
}

#[test]
fn what_cannot_be_parsed_is_refused_by_its_control() {
    for (text, control) in [
        ("file:///etc/passwd", "ssrf.scheme"),
        ("gopher://evil.example/", "ssrf.scheme"),
        ("http://0xA9FEA9FE/", "ssrf.address"),
        ("http://[::ffff:169.254.169.254]/", "ssrf.address"),
        ("http://user:secret@api.weather.example/", "wire.authority"),
        ("metadata.google.internal:80", "ssrf.address"),
        ("http://93.184.215.66/", "ssrf.literal"),
    ] {
        let ran = explain(&[text], "");
        let answer = ran.json();
        assert_eq!((ran.code, answer["verdict"].as_str()), (1, Some("deny")), "{text} {}", ran.out);
        let controls = answer["controls"].as_array().unwrap();
        assert!(
            controls.iter().any(|c| c["id"] == control && c["answer"] == "deny"),
            "{text} {}",
            ran.out
        );
        assert!(!ran.out.replace(text, "").contains("secret"), "{}", ran.out);
    }
}

#[test]
fn many_attempts_come_by_standard_input_and_are_answered_one_a_line() {
    let ran =
        explain(&["--stdin"], "api.weather.example:443\n\nhttps://evil.example/\nfile:///x\n");
    assert_eq!(ran.code, 1, "{}", ran.err);
    let verdicts: Vec<_> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["allow", "deny", "deny"]);
}

#[test]
fn a_question_without_a_tenant_is_a_usage_fault() {
    let (_folder, path) = policy(&project("crates/backstop/src/demo/policy.yaml"));
    let ran = backstop(&["--policy", &path, "explain", "api.weather.example:443"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--tenant"), "{}", ran.err);
}
