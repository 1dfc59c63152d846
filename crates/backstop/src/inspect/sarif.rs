//! A summary as SARIF 2.1.0 (OASIS Standard, 27 March 2020), for code scanning services.

use super::show::and_more;
use super::{Finding, Summary, control};
use backstop_detect::Acts;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The whole log: one run.
pub(crate) fn sarif(summary: &Summary, version: &str) -> Value {
    let all = || {
        summary
            .files
            .iter()
            .flat_map(|file| file.findings.iter().map(move |finding| (file, finding)))
    };
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for (_, finding) in all() {
        rules.entry(&finding.detector).or_insert(finding);
    }
    let numbers: BTreeMap<&str, usize> =
        rules.keys().enumerate().map(|(number, id)| (*id, number)).collect();
    let results: Vec<Value> = all()
        .map(|(file, finding)| {
            let number = numbers.get(&*finding.detector).copied().unwrap_or_default();
            result(&file.name, finding, number)
        })
        .collect();
    let passed = summary.passed().map(|(file, passed)| {
        let level = if passed.is_gap() { "warning" } else { "note" };
        notification(&file.name, level, passed.word(), &passed.to_string())
    });
    let more = summary
        .more()
        .map(|(file, more)| notification(&file.name, "warning", "not-listed", &and_more(more)));
    let notifications: Vec<Value> = passed.chain(more).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "backstop",
                "semanticVersion": version,
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|(id, finding)| rule(id, finding)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": summary.incomplete().next().is_none(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    })
}

/// Something about a file that is no finding.
fn notification(file: &str, level: &str, id: &str, text: &str) -> Value {
    json!({
        "level": level,
        "message": { "text": format!("{file}: {text}") },
        "descriptor": { "id": id },
        "locations": [{ "physicalLocation": { "artifactLocation": artifact(file) } }],
    })
}

fn rule(id: &str, finding: &Finding) -> Value {
    json!({
        "id": id,
        "name": &*finding.entity,
        "shortDescription": { "text": format!("{} ({})", finding.entity, control(finding.family)) },
        "defaultConfiguration": { "level": level(finding) },
        "properties": { "tags": ["security", super::family(finding.family)] },
    })
}

fn result(file: &str, finding: &Finding, rule: usize) -> Value {
    let mut physical = Map::new();
    physical.insert("artifactLocation".to_owned(), artifact(file));
    if let Some(place) = finding.place {
        let region = json!({
            "startLine": place.line, "startColumn": place.column,
            "endLine": place.end_line, "endColumn": place.end_column,
        });
        physical.insert("region".to_owned(), region);
    }
    let mut location = Map::new();
    location.insert("physicalLocation".to_owned(), Value::Object(physical));
    if !finding.field.is_empty() {
        let logical = json!([{ "fullyQualifiedName": finding.field, "kind": "property" }]);
        location.insert("logicalLocations".to_owned(), logical);
    }
    let hidden = if finding.chain.is_empty() {
        String::new()
    } else {
        format!(", hidden by {}", finding.chain.join(" → "))
    };
    json!({
        "ruleId": &*finding.detector,
        "ruleIndex": rule,
        "level": level(finding),
        "message": {
            "text": format!(
                "{} of {} bytes (score {:.2}{hidden})",
                finding.entity, finding.length, finding.score
            ),
        },
        "locations": [location],
    })
}

const fn level(finding: &Finding) -> &'static str {
    match finding.acts {
        Acts::Block => "error",
        Acts::Note => "note",
    }
}

/// A file's name as a URI reference (RFC 3986 §4.1).
fn artifact(file: &str) -> Value {
    let mut uri = String::new();
    // A colon before the first slash would be a scheme.
    if !file.starts_with('/') && file.split('/').next().is_some_and(|first| first.contains(':')) {
        uri.push_str("./");
    } else if file.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    json!({ "uri": uri })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_uri_references() {
        for (name, uri) in [
            ("a/b.txt", "a/b.txt"),
            ("a b?.txt", "a%20b%3F.txt"),
            ("x:y", "./x:y"),
            ("/tmp/é", "file:///tmp/%C3%A9"),
            ("<stdin>", "%3Cstdin%3E"),
        ] {
            assert_eq!(artifact(name), json!({ "uri": uri }));
        }
    }
}
