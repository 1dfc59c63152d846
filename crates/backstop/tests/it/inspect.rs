//! `backstop inspect`: found, placed, never shown.

use crate::run::{Ran, backstop, feed};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A number whose area, group and serial are given out, and its entity.
const SSN: &str = "536-90-4399";
/// A test number of a card network that passes Luhn's check.
const CARD: &str = "4539578763621486";
const IBAN: &str = "DE89370400440532013000";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text.as_bytes());
    }
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Runs `inspect` and holds it to the promise that it never shows what it found.
#[track_caller]
fn inspect(arguments: &[&str], input: &str) -> Ran {
    let ran = feed(&[&["inspect"], arguments].concat(), input);
    for value in [SSN, CARD, IBAN] {
        assert!(!ran.out.contains(value) && !ran.err.contains(value), "{}{}", ran.out, ran.err);
    }
    ran
}

fn list(ran: &Ran) -> Vec<Value> {
    ran.json()["findings"].as_array().unwrap().clone()
}

#[test]
fn what_is_found_is_placed_and_never_shown() {
    let text = format!("Dear all,\nGrüße: her ssn is {SSN}.\nBye\n");
    let folder = folder(&[("note.txt", &text)]);
    let file = folder.path().join("note.txt").display().to_string();
    let ran = inspect(&["--format", "json", &file], "");
    let found = list(&ran);
    assert_eq!((ran.code, found.len()), (1, 1), "{}", ran.out);
    let expect = json!({
        "file": file, "line": 2, "column": 19, "end_line": 2, "end_column": 30, "field": "",
        "chain": [], "entity": "US_SSN", "family": "pii", "control": "dlp.pii", "acts": "block",
        "detector": "us-ssn", "length": 11, "canary": null,
    });
    for (member, value) in expect.as_object().unwrap() {
        assert_eq!(&found[0][member], value, "{member}: {}", ran.out);
    }
    let ran = inspect(&[&file], "");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains(&format!("{file}:2:19  US_SSN  dlp.pii  11 bytes")), "{}", ran.out);
    assert!(ran.out.contains("not clean: 1 findings in 1 files"), "{}", ran.out);
}

#[test]
fn nothing_found_is_clean() {
    let ran = inspect(&["--format", "json"], "The weather in June is mild.");
    assert_eq!((ran.code, &ran.json()["clean"]), (0, &json!(true)), "{}", ran.out);
    let ran = inspect(&["-"], "The weather in June is mild.");
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("clean: 0 findings in 1 files, 28 bytes"), "{}", ran.out);
}

#[test]
fn fields_of_json_have_pointer_line_and_column() {
    let text = format!(
        "{{\n  \"name\": \"x\",\n  \"pay\": [{{ \"iban\": \"to {IBAN} now\" }},\n    {{ \"card\": {CARD} }}]\n}}\n"
    );
    let folder = folder(&[("pay.json", &text)]);
    let file = folder.path().join("pay.json").display().to_string();
    let ran = inspect(&["--format", "json", &file], "");
    let places: Vec<_> = list(&ran)
        .iter()
        .map(|f| (f["entity"].clone(), f["field"].clone(), f["line"].clone(), f["column"].clone()))
        .collect();
    assert_eq!(
        places,
        [
            (json!("IBAN_CODE"), json!("/pay/0/iban"), json!(3), json!(25)),
            (json!("CREDIT_CARD"), json!("/pay/1/card"), json!(4), json!(15)),
        ],
        "{}",
        ran.out
    );
}

#[test]
fn a_key_that_is_the_value_is_masked() {
    let ran = inspect(&["--format", "json"], &format!("{{\"{IBAN}\": [{{\"b\": \"{CARD}\"}}]}}"));
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(list(&ran).iter().any(|f| f["field"] == "/<IBAN_CODE>/0/b"), "{}", ran.out);
}

#[test]
fn folders_are_walked_without_bookkeeping_and_binaries() {
    let leak = format!("card {CARD}");
    let folder =
        folder(&[("a/b/leak.txt", &leak), (".git/leak.txt", &leak), ("clean.md", "hello")]);
    write(folder.path(), "image.bin", &[0, 1, 2, 3]);
    let root = folder.path().display().to_string();
    let ran = inspect(&["--format", "json", &root], "");
    let answer = ran.json();
    assert_eq!((ran.code, list(&ran).len()), (1, 1), "{}", ran.out);
    assert_eq!(answer["findings"][0]["file"], json!(format!("{root}/a/b/leak.txt")));
    assert_eq!((&answer["files"], &answer["incomplete"]), (&json!(2), &json!([])));
    assert_eq!(answer["left_out"][0]["why"], "binary");
    assert!(ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn what_was_not_looked_at_is_said_aloud_and_is_not_clean() {
    let folder = folder(&[("large.txt", &"x ".repeat(3_000))]);
    write(folder.path(), "b.bin", &[0; 10]);
    let large = folder.path().join("large.txt").display().to_string();
    let ran = inspect(&["--max-size", "5KiB", &large], "");
    assert_eq!(ran.code, 3, "{}", ran.out);
    assert!(
        ran.out.contains("larger than 5120 bytes") && ran.out.contains("not known to be clean")
    );
    let ran = inspect(&["--max-size", "6KiB", &large], "");
    assert_eq!(ran.code, 0, "{}", ran.out);
    // A binary file counts where it was named.
    let binary = folder.path().join("b.bin").display().to_string();
    let ran = inspect(&["--format", "json", &binary], "");
    assert_eq!((ran.code, &ran.json()["incomplete"][0]["why"]), (3, &json!("binary")));
}

#[test]
fn redacted_text_holds_nothing_any_more() {
    let text = format!("ssn {SSN}, again ssn {SSN}\ncard {CARD}\nplain\n");
    let all = inspect(&["--format", "json"], &text);
    assert_eq!(list(&all).len(), 3, "each place is a finding: {}", all.out);
    let ran = inspect(&["--redact"], &text);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(ran.out, "ssn <US_SSN>, again ssn <US_SSN>\ncard <CREDIT_CARD>\nplain\n");
    assert_eq!(inspect(&[], &ran.out).code, 0);
    let ran = inspect(&["--redact"], "plain\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, "plain\n"));
}

#[test]
fn redacted_json_stays_json_and_keeps_the_rest_as_it_was() {
    let text = format!(
        "{{ \"a\" : 1.50,\t\"pay\": {{\"card\": {CARD}, \"to\": \"caf\\u00e9 {IBAN}\"}}, \"z\":[true] }}"
    );
    let ran = inspect(&["--redact"], &text);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let expect = "{ \"a\" : 1.50,\t\"pay\": {\"card\": \"<CREDIT_CARD>\", \"to\": \"café <IBAN_CODE>\"}, \"z\":[true] }";
    assert_eq!(ran.out, expect);
    assert_eq!(inspect(&[], &ran.out).code, 0);
}

#[test]
fn threshold_entities_and_notes_choose() {
    let text = format!("card {CARD} and iban {IBAN}, see https://docs.example.org/a");
    let entities = |arguments: &[&str]| -> Vec<String> {
        let ran = inspect(&[&["--format", "json"], arguments].concat(), &text);
        let mut found: Vec<String> =
            list(&ran).iter().map(|f| f["entity"].as_str().unwrap().to_owned()).collect();
        found.sort();
        found
    };
    assert_eq!(entities(&[]), ["CREDIT_CARD", "IBAN_CODE"]);
    assert_eq!(entities(&["--entities", "IBAN_CODE"]), ["IBAN_CODE"]);
    assert!(entities(&["--notes"]).contains(&"URL".to_owned()));
    assert_eq!(entities(&["--threshold", "1"]), ["CREDIT_CARD", "IBAN_CODE"]);
    // A note alone does not make it unclean.
    let ran = inspect(&["--notes"], "see https://docs.example.org/a");
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("URL"), "{}", ran.out);
}

#[test]
fn sarif_keeps_the_main_rules_of_its_schema() {
    let folder = folder(&[("a b.txt", &format!("ok\nssn {SSN}"))]);
    write(folder.path(), "c.bin", &[0; 3]);
    let root = folder.path().display().to_string();
    let ran = inspect(&["--format", "sarif", &root], "");
    let log = ran.json();
    assert_eq!((ran.code, &log["version"]), (1, &json!("2.1.0")), "{}", ran.out);
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "backstop");
    let result = &run["results"][0];
    let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(driver["rules"][rule]["id"], result["ruleId"]);
    assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
    assert!(!result["message"]["text"].as_str().unwrap().is_empty());
    let place = &result["locations"][0]["physicalLocation"];
    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
    assert!(uri.starts_with("file:///") && uri.ends_with("/a%20b.txt"), "{uri}");
    assert_eq!(
        place["region"],
        json!({"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 16})
    );
    assert_eq!(run["invocations"][0]["executionSuccessful"], json!(true));
    assert_eq!(run["columnKind"], "unicodeCodePoints");
}

#[test]
fn mistakes_of_the_caller_exit_2() {
    for (arguments, said) in [
        (&["inspect", "/nowhere/at/all"][..], "/nowhere/at/all"),
        (&["inspect", "--threshold", "7", "-"], "--threshold 7"),
        (&["inspect", "--entities", "SSN", "-"], ", US_SSN"),
        (&["inspect", "--media", "jsn", "-"], "--media jsn"),
        (&["inspect", "--max-size", "5", "-"], "--max-size 5"),
        (&["inspect", "--redact", "-", "-"], "one file"),
        (&["--format", "sarif", "check"], "sarif"),
    ] {
        let ran = backstop(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
}

#[test]
fn json_with_comments_is_looked_at_as_text() {
    let folder = folder(&[("tsconfig.json", &format!("{{ // {CARD}\n  \"a\": 1, }}"))]);
    let file = folder.path().join("tsconfig.json").display().to_string();
    let ran = inspect(&["--format", "json", &file], "");
    assert_eq!((ran.code, &ran.json()["incomplete"]), (1, &json!([])), "{}", ran.out);
    assert_eq!(list(&ran)[0]["line"], 1);
}

#[test]
fn every_example_of_every_pack_stands_in_the_binary() {
    let ran = backstop(&["--format", "json", "inspect", "--self-test"]);
    let answer = ran.json();
    assert_eq!((ran.code, &answer["faults"]), (0, &json!([])), "{}", ran.out);
    assert!(answer["detectors"].as_u64().unwrap() > 50, "{}", ran.out);
}

#[test]
fn packs_recognizers_and_rules_of_ones_own_are_loaded_or_refused_with_their_line() {
    let folder = folder(&[
        (
            "pack.yaml",
            "pack: own\ndetectors:\n- id: badge\n  entity: BADGE\n  family: pii\n  keywords: [badge]\n  patterns:\n  - { name: badge, regex: 'B-[0-9]{6}', score: 0.9 }\n",
        ),
        (
            "recognizers.yaml",
            "recognizers:\n- name: Ticket\n  supported_entity: TICKET\n  patterns:\n  - { name: t, regex: 'TKT\\d{5}', score: 0.8 }\n",
        ),
        (
            "rules.toml",
            "[[rules]]\nid = \"acme\"\ndescription = \"Acme\"\nregex = '''acme_[a-z0-9]{12}'''\nkeywords = [\"acme_\"]\n",
        ),
        ("bad.yaml", "pack: own\ndetectors:\n- id: x\n  entity: X\n  colour: red\n"),
    ]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = |sets: &[(&str, &str)]| {
        let mut arguments = vec!["--format".to_owned(), "json".to_owned()];
        for (key, name) in sets {
            arguments.extend(["--set".to_owned(), format!("{key}={}", path(name))]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        feed(
            &[arguments.as_slice(), &["inspect", "-"]].concat(),
            "badge B-123456, TKT12345, acme_a8f3k2m9q1x7",
        )
    };
    let ran = run(&[
        ("detect.packs", "pack.yaml"),
        ("detect.recognizers", "recognizers.yaml"),
        ("secrets.rules", "rules.toml"),
    ]);
    let entities: Vec<_> = list(&ran).iter().map(|f| f["entity"].clone()).collect();
    for entity in ["BADGE", "TICKET"] {
        assert!(entities.contains(&json!(entity)), "{}", ran.out);
    }
    assert!(list(&ran).iter().any(|f| f["detector"] == "gitleaks/acme"), "{}", ran.out);
    for key in ["detect.packs", "detect.recognizers", "secrets.rules"] {
        let ran = run(&[(key, "bad.yaml")]);
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains(key) && ran.err.contains("bad.yaml:"), "{}", ran.err);
    }
    let ran = run(&[("detect.packs", "bad.yaml")]);
    assert!(ran.err.contains("bad.yaml:5: "), "{}", ran.err);
}

#[test]
fn what_is_counted_and_not_listed_is_said_in_every_form() {
    let mails: String = (0..1_500).map(|n| format!("user{n}.x@acme-corp.com\n")).collect();
    let folder =
        folder(&[("mails.txt", &mails), ("same.txt", &format!("{SSN} ssn\n").repeat(1_200))]);
    let path = folder.path().display().to_string();
    let ran = inspect(&["--format", "json", &path], "");
    let answer = ran.json();
    let count = |entity: &str| {
        let listed = list(&ran).iter().filter(|found| found["entity"] == entity).count();
        let more = answer["more"].as_array().unwrap();
        let more = more.iter().filter(|more| more["entity"] == entity);
        (listed, more.map(|more| more["count"].as_u64().unwrap()).sum::<u64>())
    };
    assert_eq!(count("EMAIL_ADDRESS"), (1_000, 500), "{}", answer["more"]);
    assert_eq!(count("US_SSN"), (1_001, 199), "{}", answer["more"]);
    let ran = inspect(&[&path], "");
    assert!(ran.out.contains("mails.txt: and 500 more EMAIL_ADDRESS\n"), "{}", ran.out);
    assert!(ran.out.contains("not clean: 2700 findings in 2 files"), "{}", ran.out);
    let log = inspect(&["--format", "sarif", &path], "").json();
    let told = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    let told: Vec<&str> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"]["text"].as_str().unwrap())
        .collect();
    assert!(told.iter().any(|text| text.ends_with("same.txt: and 199 more US_SSN")), "{told:?}");
    // Redaction leaves none of them.
    let file = folder.path().join("mails.txt").display().to_string();
    let ran = inspect(&["--redact", &file], "");
    assert_eq!((ran.code, ran.out.matches("<EMAIL_ADDRESS>").count()), (1, 1_500), "{}", ran.err);
}
