//! The description of the API (OpenAPI 3.1.0), written from the table of routes.
//! Must not know anything that the table does not say. Next: `client`.

use crate::problem::Kind;
use crate::routes::{Access, Answer, Parameter, ROUTES, Route, Status};
use crate::schema::Shape;
use serde_json::{Map, Value, json};

/// The whole document.
pub(crate) fn document(version: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas = Map::new();
    schemas.insert("Problem".to_owned(), problem());
    for route in ROUTES {
        for record in [route.body, answer_record(&route.answer)].into_iter().flatten() {
            Shape::Record(record).collect(&mut schemas);
        }
        let item = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Backstop",
            "summary": "Egress security for AI agents: sessions, events, quarantines, holds, grants.",
            "version": version,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An operator, runtime or agent token; `x-backstop-callers` says which kinds an operation takes.",
                },
            },
        },
    })
}

fn answer_record(answer: &Answer) -> Option<&'static crate::schema::Record> {
    match answer {
        Answer::Json(_, record) | Answer::Probe(record) => Some(record),
        Answer::AnyJson(_) | Answer::Empty | Answer::Stream | Answer::Metrics => None,
    }
}

fn operation(route: &Route) -> Value {
    let mut out = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses(route),
    });
    let callers: Vec<&str> = match route.access {
        Access::Anyone => Vec::new(),
        Access::Only(callers) => callers.iter().map(|c| c.as_str()).collect(),
        Access::Analyzer => Vec::new(),
    };
    if let Some(map) = out.as_object_mut() {
        match route.access {
            Access::Anyone => {
                map.insert("security".to_owned(), json!([]));
            }
            // Without a token, or with one: `api.analyzer` says which.
            Access::Analyzer => {
                map.insert("security".to_owned(), json!([{}, { "bearer": [] }]));
            }
            Access::Only(_) => {}
        }
        map.insert("x-backstop-callers".to_owned(), json!(callers));
        if let Some(record) = route.body {
            map.insert(
                "requestBody".to_owned(),
                json!({
                    "required": true,
                    "content": { "application/json": { "schema": Shape::Record(record).to_schema() } },
                }),
            );
        }
    }
    out
}

/// The operation's name in lower camel case.
fn operation_id(route: &Route) -> String {
    let name = format!("{:?}", route.operation);
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |c| c.to_lowercase().chain(letters).collect())
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut out = Vec::new();
    if let Some(shape) = &route.id {
        out.push(
            json!({ "name": "id", "in": "path", "required": true, "schema": shape.to_schema() }),
        );
    }
    for Parameter { name, about, shape } in route.query {
        out.push(json!({
            "name": name, "in": "query", "required": false,
            "description": about, "schema": shape.to_schema(),
        }));
    }
    if matches!(route.answer, Answer::Stream) {
        out.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false,
            "description": "Resume behind this row; goes before `after`.",
            "schema": { "type": "integer", "minimum": 0 },
        }));
    }
    out
}

fn responses(route: &Route) -> Value {
    let mut out = Map::new();
    let content = |media: &str, schema: Value| json!({ media: { "schema": schema } });
    match &route.answer {
        Answer::Json(status, record) => {
            let (code, about) = match status {
                Status::Ok => ("200", "It went well."),
                Status::Created => ("201", "It was made, and is on record."),
            };
            let schema = Shape::Record(record).to_schema();
            out.insert(
                code.to_owned(),
                json!({ "description": about, "content": content("application/json", schema) }),
            );
        }
        Answer::AnyJson(about) => {
            let schema = if route.access == Access::Analyzer {
                json!({})
            } else {
                json!({ "type": "object" })
            };
            out.insert(
                "200".to_owned(),
                json!({ "description": about, "content": content("application/json", schema) }),
            );
        }
        Answer::Empty => {
            out.insert("204".to_owned(), json!({ "description": "It is done, and on record." }));
        }
        Answer::Stream => {
            let about = "Each event: `id` is the row, `event` is `recorded`, `data` an `Event`. \
                 The last event says why the stream ends: `cut` (the reader fell behind; resume with \
                 `Last-Event-ID`) or `end`.";
            out.insert(
                "200".to_owned(),
                json!({ "description": about, "content": content("text/event-stream", json!({ "type": "string" })) }),
            );
        }
        Answer::Metrics => {
            out.insert(
                "200".to_owned(),
                json!({ "description": "The figures.", "content": content("text/plain", json!({ "type": "string" })) }),
            );
        }
        Answer::Probe(record) => {
            for (code, about) in [("200", "Ready."), ("503", "Not ready.")] {
                let schema = Shape::Record(record).to_schema();
                out.insert(
                    code.to_owned(),
                    json!({ "description": about, "content": content("application/json", schema) }),
                );
            }
        }
    }
    let refusal = if route.access == Access::Analyzer {
        let schema = json!({
            "type": "object",
            "properties": { "error": { "type": "string" } },
            "required": ["error"],
        });
        json!({
            "description": "A refusal or fault, as Presidio writes it.",
            "content": content("application/json", schema),
        })
    } else {
        json!({
            "description": "A refusal or fault (RFC 9457).",
            "content": content("application/problem+json", json!({ "$ref": "#/components/schemas/Problem" })),
        })
    };
    out.insert("default".to_owned(), refusal);
    Value::Object(out)
}

fn problem() -> Value {
    let types: Vec<String> =
        Kind::ALL.iter().map(|k| format!("{}{}", crate::problem::TYPE_BASE, k.code())).collect();
    json!({
        "type": "object",
        "description": "A problem (RFC 9457).",
        "properties": {
            "type": { "type": "string", "format": "uri", "enum": types },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "pointer": { "type": "string", "description": "JSON Pointer into the body, or `?name` of the query." },
                        "detail": { "type": "string" },
                    },
                    "required": ["pointer", "detail"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_with_its_callers_bodies_and_errors() {
        let document = document("1.2.3");
        let mut ids = std::collections::BTreeSet::new();
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
            assert!(operation.is_object(), "{}", route.path);
            assert_eq!(operation["summary"], route.summary);
            assert!(ids.insert(operation["operationId"].to_string()), "{}", route.path);
            assert_eq!(operation.get("requestBody").is_some(), route.body.is_some());
            assert!(operation["responses"]["default"].is_object());
            assert_eq!(
                operation["security"] == json!([]),
                route.access == Access::Anyone,
                "{}",
                route.path
            );
        }
        let described: usize = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|i| i.as_object().unwrap().len())
            .sum();
        assert_eq!(described, ROUTES.len());
    }

    /// OpenAPI 3.1.0 §4.8, as far as structure goes.
    #[test]
    fn the_document_has_the_structure_of_openapi_3_1() {
        let document = document("1.2.3");
        assert_eq!(document["openapi"], "3.1.0");
        for field in ["title", "version"] {
            assert!(document["info"][field].is_string());
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut used = std::collections::BTreeSet::new();
        references(&document, &mut used);
        for reference in &used {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "{reference} leads nowhere");
        }
        for name in schemas.keys() {
            assert!(used.contains(&format!("#/components/schemas/{name}")), "{name} is unused");
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            assert!(path.starts_with('/'));
            for (method, operation) in item.as_object().unwrap() {
                assert!(["get", "post", "delete"].contains(&method.as_str()));
                let mut seen = std::collections::BTreeSet::new();
                for parameter in operation["parameters"].as_array().unwrap() {
                    let place = parameter["in"].as_str().unwrap();
                    assert!(["path", "query", "header"].contains(&place));
                    assert!(parameter["schema"].is_object());
                    assert!(seen.insert((place, parameter["name"].as_str().unwrap())));
                    if place == "path" {
                        assert_eq!(parameter["required"], true);
                        assert!(
                            path.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()))
                        );
                    }
                }
                assert_eq!(
                    path.matches('{').count(),
                    seen.iter().filter(|(p, _)| *p == "path").count()
                );
                for (code, response) in operation["responses"].as_object().unwrap() {
                    assert!(
                        code == "default"
                            || code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit())
                    );
                    assert!(response["description"].is_string());
                }
                for requirement in
                    operation.get("security").and_then(Value::as_array).into_iter().flatten()
                {
                    for name in requirement.as_object().unwrap().keys() {
                        assert!(document["components"]["securitySchemes"][name].is_object());
                    }
                }
            }
        }
    }

    fn references(value: &Value, out: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    out.insert(reference.clone());
                }
                map.values().for_each(|v| references(v, out));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, out)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
