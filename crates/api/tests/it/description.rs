//! What the API answers is what it describes: a small JSON Schema check over `/openapi.json`.

use serde_json::Value;

/// Checks `value` against a schema of the document; panics with the place where it does not fit.
pub(crate) fn conforms(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        let target = &document["components"]["schemas"][name];
        assert!(target.is_object(), "{place}: {reference} leads nowhere");
        return conforms(document, target, value, place);
    }
    match schema["type"].as_str() {
        Some("object") => {
            let fields = value.as_object().unwrap_or_else(|| panic!("{place}: {value}"));
            let empty = serde_json::Map::new();
            let known = schema["properties"].as_object().unwrap_or(&empty);
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(name.as_str().unwrap()), "{place}: {name} is missing");
            }
            for (name, field) in fields {
                match known.get(name) {
                    Some(inner) => conforms(document, inner, field, &format!("{place}/{name}")),
                    None => assert_ne!(
                        schema["additionalProperties"],
                        Value::Bool(false),
                        "{place}/{name} is not described"
                    ),
                }
            }
        }
        Some("array") => {
            for (index, item) in value.as_array().unwrap().iter().enumerate() {
                conforms(document, &schema["items"], item, &format!("{place}/{index}"));
            }
        }
        Some("string") => {
            let text = value.as_str().unwrap_or_else(|| panic!("{place}: {value}"));
            if let Some(words) = schema["enum"].as_array() {
                assert!(words.contains(value), "{place}: {value}");
            }
            let length = u64::try_from(text.chars().count()).unwrap();
            assert!(length >= schema["minLength"].as_u64().unwrap_or(0), "{place}: {value}");
            assert!(length <= schema["maxLength"].as_u64().unwrap_or(u64::MAX), "{place}: {value}");
        }
        Some("integer") => {
            let number = value.as_u64().unwrap_or_else(|| panic!("{place}: {value}"));
            assert!(number <= schema["maximum"].as_u64().unwrap_or(u64::MAX), "{place}: {value}");
        }
        Some("boolean") => assert!(value.is_boolean(), "{place}: {value}"),
        other => panic!("{place}: schema of type {other:?}"),
    }
}

/// The schema of an answer.
pub(crate) fn answer<'a>(document: &'a Value, method: &str, path: &str, status: u16) -> &'a Value {
    let responses = &document["paths"][path][method.to_lowercase()]["responses"];
    assert!(responses.is_object(), "{method} {path} is not described");
    match &responses[status.to_string()] {
        Value::Null => &responses["default"]["content"]["application/problem+json"]["schema"],
        described => &described["content"]["application/json"]["schema"],
    }
}
