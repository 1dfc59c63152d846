//! The analyzer's and anonymizer's routes beside the real Presidio, on the requests that its clients
//! make. Needs the Python environment of `cargo xtask bench dlp`; says so where it is missing.

use crate::house::{House, soon};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// How an answer of ours is held to Presidio's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Status, fields, places and scores, or the words of the error.
    Wholly,
    /// The same status.
    Status,
    /// Ours is another on purpose.
    Apart { ours: u16, theirs: u16 },
}

const CARD: &str = "4539578763621486";
const IBAN: &str = "DE89370400440532013000";

/// LiteLLM's guardrail sends these, and its own keys that nobody reads.
fn analyses() -> Vec<(Held, Value)> {
    use Held::{Apart, Status, Wholly};
    let text = format!("card {CARD}");
    let zip = |patterns: Value| {
        json!({
            "text": "my zip 90210 😀 90211", "language": "en", "entities": ["ZIP"],
            "return_decision_process": true,
            "ad_hoc_recognizers": [{
                "name": "Zip code", "supported_language": "en", "supported_entity": "ZIP",
                "patterns": patterns, "context": ["zip"],
            }],
        })
    };
    let good = json!([{ "name": "zip", "regex": r"\b\d{5}\b", "score": 0.5 }]);
    let on = |more: Value| {
        let mut body = json!({ "text": text, "language": "en", "entities": ["CREDIT_CARD"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    vec![
        (Wholly, on(json!({}))),
        (Wholly, on(json!({ "return_decision_process": false, "correlation_id": "a-1" }))),
        (
            Wholly,
            on(json!({ "score_threshold": 0.4, "ad_hoc_recognizers": null, "context": null })),
        ),
        (Wholly, on(json!({ "ad_hoc_recognizers": [], "allow_list": [], "context": ["card"] }))),
        (Wholly, on(json!({ "allow_list": [CARD] }))),
        (Wholly, on(json!({ "allow_list": ["4539"], "allow_list_match": "exact" }))),
        (Wholly, on(json!({ "allow_list": ["^4539", "x"], "allow_list_match": "regex" }))),
        (
            Wholly,
            on(json!({ "allow_list": ["^4539"], "allow_list_match": "regex", "regex_flags": 2 })),
        ),
        (
            Wholly,
            on(
                json!({ "text": format!("😀😀 Zoë {CARD}, 𝒳 {IBAN} 👩‍👧"), "entities": ["CREDIT_CARD", "IBAN_CODE"] }),
            ),
        ),
        (Wholly, on(json!({ "text": ["", text, format!("😀 {CARD}")] }))),
        (Wholly, on(json!({ "text": ["nothing"] }))),
        (Wholly, on(json!({ "text": "nothing at all" }))),
        (Wholly, on(json!({ "entities": ["CREDIT_CARD", "NO_SUCH"] }))),
        (Wholly, zip(good.clone())),
        (
            Wholly,
            json!({
                "text": "Mr. Smith and Mrs. Li", "language": "en", "entities": ["TITLE"],
                "ad_hoc_recognizers": [{ "name": "Titles", "supported_language": "en",
                    "supported_entity": "TITLE", "deny_list": ["Mr.", "Mrs."] }],
            }),
        ),
        (Wholly, json!({ "language": "en" })),
        (Wholly, json!({ "text": "", "language": "en" })),
        (Wholly, json!({ "text": [], "language": "en" })),
        (Wholly, json!({ "text": "a" })),
        (Wholly, json!({ "text": "a", "language": "" })),
        (Wholly, json!({ "text": "a", "language": "xx" })),
        (Wholly, json!({ "text": "a", "language": 7 })),
        (Wholly, on(json!({ "entities": ["NO_SUCH"] }))),
        (Wholly, on(json!({ "entities": "CREDIT_CARD" }))),
        (Wholly, on(json!({ "allow_list": ["a"], "allow_list_match": "other" }))),
        (Status, on(json!({ "score_threshold": "high" }))),
        (Status, on(json!({ "ad_hoc_recognizers": [{ "name": "x" }] }))),
        (Status, zip(json!([{ "name": "zip", "regex": "(", "score": 0.5 }]))),
        (Status, json!([])),
        // What is no text was not looked at: Presidio says that nothing is in it.
        (Apart { ours: 400, theirs: 200 }, json!({ "text": 5, "language": "en" })),
        (Apart { ours: 400, theirs: 200 }, json!({ "text": ["a", 5], "language": "en" })),
    ]
}

fn anonymizations() -> Vec<(Held, Value)> {
    use Held::{Apart, Wholly};
    let one = |operators: Value| {
        json!({
            "text": "😀 call 555-0100 now", "anonymizers": operators,
            "analyzer_results": [
                { "start": 7, "end": 15, "score": 0.75, "entity_type": "PHONE_NUMBER" },
                { "start": 7, "end": 10, "score": 0.4, "entity_type": "AREA" },
            ],
        })
    };
    vec![
        (Wholly, one(Value::Null)),
        (Wholly, one(json!({}))),
        (Wholly, one(json!({ "DEFAULT": { "type": "replace", "new_value": "X" } }))),
        (Wholly, one(json!({ "PHONE_NUMBER": { "type": "redact" } }))),
        (Wholly, one(json!({ "PHONE_NUMBER": { "type": "keep" } }))),
        (
            Wholly,
            one(
                json!({ "PHONE_NUMBER": { "type": "mask", "masking_char": "*", "chars_to_mask": 4, "from_end": true } }),
            ),
        ),
        (
            Wholly,
            one(
                json!({ "PHONE_NUMBER": { "type": "hash", "hash_type": "sha512", "salt": "0123456789abcdef" } }),
            ),
        ),
        (Wholly, one(json!({ "PHONE_NUMBER": { "type": "nope" } }))),
        (Wholly, one(json!({ "PHONE_NUMBER": { "type": "custom", "lambda": "x" } }))),
        (Wholly, json!({ "text": "abc", "analyzer_results": [] })),
        (Wholly, json!({ "analyzer_results": [] })),
        (Wholly, json!({ "text": "abc" })),
        (Wholly, json!({})),
        (
            Wholly,
            json!({ "text": "abc", "analyzer_results": [{ "start": 0, "end": 9, "score": 1, "entity_type": "A" }] }),
        ),
        (
            Wholly,
            json!({ "text": "abc", "analyzer_results": [{ "start": 0, "end": 1, "score": 1 }] }),
        ),
        // Mistakes of the caller, which Presidio takes for its own.
        (Apart { ours: 422, theirs: 500 }, json!({ "text": "abc", "analyzer_results": "x" })),
        (Apart { ours: 422, theirs: 500 }, json!({ "text": 5, "analyzer_results": [] })),
        // A list of texts, as the engine takes it and its server does not.
        (Apart { ours: 200, theirs: 500 }, json!({ "text": ["abc"], "analyzer_results": [[]] })),
    ]
}

/// The answers of the real engines; `None` where they are not installed.
fn presidio(asked: &[(&str, Held, Value)]) -> Option<Vec<(u16, Value)>> {
    let exe = std::env::current_exe().ok()?;
    let target = exe.ancestors().find(|path| path.join("CACHEDIR.TAG").exists())?;
    let python = target.join("tools/presidio/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/presidio.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let lines: String = asked
        .iter()
        .map(|(route, _, body)| format!("{}\n", json!({ "route": route, "body": body })))
        .collect();
    // A program that cannot start reads nothing: told by what it answers.
    let _written = child.stdin.take()?.write_all(lines.as_bytes());
    let output = child.wait_with_output().ok()?;
    let answers: Vec<(u16, Value)> = String::from_utf8(output.stdout)
        .ok()?
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).unwrap();
            (u16::try_from(answer["status"].as_u64().unwrap()).unwrap(), answer["answer"].clone())
        })
        .collect();
    (answers.len() == asked.len()).then_some(answers)
}

/// An answer without what may differ: which recognizer says so, in its own words.
fn plain(answer: &Value) -> Value {
    match answer {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(plain).collect();
            // Of equal scores nobody says which comes first.
            if list.iter().all(Value::is_object) {
                list.sort_by_key(|one| (one["start"].as_u64(), one["end"].as_u64()));
            }
            Value::Array(list)
        }
        Value::Object(fields) => {
            let own = ["recognizer", "pattern_name", "pattern", "textual_explanation"];
            let fields = fields.iter().map(|(name, value)| {
                let value = if own.contains(&name.as_str()) { json!("…") } else { plain(value) };
                let rounded = value.as_f64().map(|n| json!((n * 1e4).round() / 1e4));
                (name.clone(), rounded.unwrap_or(value))
            });
            Value::Object(fields.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => answer.clone(),
    }
}

#[tokio::test]
async fn answers_are_those_of_a_real_presidio() {
    let asked: Vec<(&str, Held, Value)> = analyses()
        .into_iter()
        .map(|(held, body)| ("analyze", held, body))
        .chain(anonymizations().into_iter().map(|(held, body)| ("anonymize", held, body)))
        .collect();
    let Some(theirs) = presidio(&asked) else {
        eprintln!(
            "\n*** SKIPPED: no Presidio in target/tools/presidio; `cargo xtask bench dlp` installs it ***\n"
        );
        return;
    };
    let house = House::open().await;
    let mut faults = BTreeSet::new();
    for ((route, held, body), (status, answer)) in asked.iter().zip(&theirs) {
        let ours = soon(house.send(&format!("POST /{route}"), None, Some(body))).await;
        let (got, said) = (ours.status, ours.json());
        let same = match held {
            Held::Wholly => got == *status && plain(&said) == plain(answer),
            Held::Status => got == *status && said["error"].is_string(),
            Held::Apart { ours, theirs } => got == *ours && status == theirs,
        };
        if !same {
            faults.insert(format!(
                "{route} {body}\n  ours   {got} {said}\n  theirs {status} {answer}"
            ));
        }
    }
    let list: Vec<String> = faults.into_iter().collect();
    assert!(list.is_empty(), "{}", list.join("\n"));
}
