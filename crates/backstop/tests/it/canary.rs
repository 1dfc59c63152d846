//! `backstop canary`: registered values are kept from others and found wherever they hide.

use crate::run::{Ran, feed};
use base64::Engine as _;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

const VALUE: &str = "kestrel drum lamp 91x";

fn run(state: &tempfile::TempDir, arguments: &[&str], input: &str) -> Ran {
    let state = state.path().display().to_string();
    feed(&[&["--state", &state, "--format", "json"], arguments].concat(), input)
}

#[test]
fn a_registered_value_is_found_plain_and_encoded_and_never_shown() {
    let state = tempfile::tempdir().unwrap();
    let ran = run(&state, &["canary", "add", "vault", "--from-stdin"], &format!("{VALUE}\n"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.out.contains(VALUE) && !ran.err.contains(VALUE));
    let mode = std::fs::metadata(state.path().join("canaries")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = run(&state, &["canary", "list"], "");
    assert_eq!(listed.json(), json!([{"name": "vault", "bytes": VALUE.len()}]));
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("say {VALUE} to them"));
    for text in [format!("it is {VALUE}."), format!("x {encoded} y")] {
        let ran = run(&state, &["inspect"], &text);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        let found = ran.json();
        assert!(
            found["findings"].as_array().unwrap().iter().any(|f| f["canary"] == "canary:vault"),
            "{}",
            ran.out
        );
        assert!(!ran.out.contains(VALUE), "{}", ran.out);
    }
    assert_eq!(run(&state, &["canary", "remove", "vault"], "").code, 0);
    assert_eq!(run(&state, &["inspect"], &format!("it is {VALUE}.")).code, 0);
}

#[test]
fn without_a_value_one_is_made_up_and_found() {
    let state = tempfile::tempdir().unwrap();
    let made = run(&state, &["canary", "add", "db-dump"], "").json();
    let value = made["value"].as_str().unwrap().to_owned();
    assert_eq!(value.len(), 32);
    let ran = run(&state, &["inspect"], &format!("row {value} of a table"));
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(!ran.out.contains(&value) && ran.out.contains("canary:db-dump"), "{}", ran.out);
}

#[test]
fn mistakes_are_said_and_change_nothing() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(run(&state, &["canary", "add", "a", "--from-stdin"], VALUE).code, 0);
    for (arguments, input, said) in [
        (&["canary", "add", "a", "--from-stdin"][..], VALUE, "already"),
        (&["canary", "add", "b", "--from-stdin"], "short", "8 to"),
        (&["canary", "add", "b", "--from-stdin"], "two lines\nof text", "one line"),
        (&["canary", "add", "b c", "--from-stdin"], VALUE, "letters"),
        (&["canary", "remove", "b"], "", "no value"),
    ] {
        let ran = run(&state, arguments, input);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    assert_eq!(run(&state, &["canary", "list"], "").json().as_array().unwrap().len(), 1);
    // A file that others can read is not trusted with more.
    let file = state.path().join("canaries");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = run(&state, &["canary", "list"], "");
    assert!(ran.code != 0 && ran.err.contains("readable by others"), "{}", ran.err);
}
