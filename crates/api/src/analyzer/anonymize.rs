//! `POST /anonymize` and `/deanonymize`: operators run over the results of an analysis, from the
//! end of the text to its start, so that offsets hold. Next: `conflicts`.

use super::Fault;
use super::conflicts::{Marked, settled};
use super::operators::{Direction, Operators};
use super::points::Points;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;

/// LIMIT: results of one request.
const MOST_RESULTS: usize = 20_000;
/// LIMIT: bytes of an answer's text: a long replacement may stand for many short values.
const MOST_BYTES: usize = 16 << 20;

/// Anonymizes a text, or each of several.
pub(super) fn anonymize(body: &Value) -> Result<Value, Fault> {
    let body = fields(body)?;
    let operators = Operators::read(body.get("anonymizers"), Direction::Anonymize)?;
    each(body, "analyzer_results", |text, results| {
        let points = Points::of(text);
        let results = match results.filter(|results| !results.is_null()) {
            Some(results) => marked(results, Scored::Yes)?,
            None => {
                let message = "Invalid input, request must contain analyzer results";
                return Err(Fault::parameter(message));
            }
        };
        operate(&points, settled(results, &points), &operators)
    })
}

/// Undoes what can be undone.
pub(super) fn deanonymize(body: &Value) -> Result<Value, Fault> {
    let body = fields(body)?;
    let operators = Operators::read(body.get("deanonymizers"), Direction::Deanonymize)?;
    each(body, "anonymizer_results", |text, results| {
        let results = results.filter(|results| !results.is_null());
        let results =
            results.map(|results| marked(results, Scored::No)).transpose()?.unwrap_or_default();
        operate(&Points::of(text), results, &operators)
    })
}

fn fields(body: &Value) -> Result<&Map<String, Value>, Fault> {
    let fields = body.as_object().filter(|fields| !fields.is_empty());
    fields.ok_or_else(|| Fault::new(StatusCode::BAD_REQUEST, "Invalid request json"))
}

/// One answer for one text, a list of them for a list.
fn each(
    body: &Map<String, Value>,
    name: &str,
    one: impl Fn(&str, Option<&Value>) -> Result<Value, Fault>,
) -> Result<Value, Fault> {
    let results = body.get(name);
    let wrong = || Fault::parameter("Invalid parameter value for text. Expecting 'string'.");
    match body.get("text") {
        None | Some(Value::Null) => one("", results),
        Some(Value::String(text)) => one(text, results),
        Some(Value::Array(texts)) => {
            let lists = match results.filter(|results| !results.is_null()) {
                None => None,
                Some(Value::Array(lists)) if lists.len() == texts.len() => Some(lists),
                Some(_) => {
                    return Err(Fault::parameter(format!(
                        "Invalid input, '{name}' must contain one list of results per item in 'text' when 'text' is a list"
                    )));
                }
            };
            let none = json!([]);
            let answers = texts.iter().enumerate().map(|(number, text)| {
                let own = lists.map_or(Some(&none), |lists| lists.get(number));
                one(text.as_str().ok_or_else(wrong)?, own)
            });
            answers.collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Whether results come with a score.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scored {
    Yes,
    No,
}

/// Reads results.
fn marked(results: &Value, scored: Scored) -> Result<Vec<Marked>, Fault> {
    let wrong = || Fault::parameter("Invalid input, results must be a list");
    let list = results.as_array().ok_or_else(wrong)?;
    if list.len() > MOST_RESULTS {
        return Err(Fault::parameter(format!("at most {MOST_RESULTS} results are taken")));
    }
    let what = match scored {
        Scored::Yes => "analyzer result",
        Scored::No => "result",
    };
    list.iter()
        .map(|one| {
            let missing =
                |name: &str| Fault::parameter(format!("Invalid input, {what} must contain {name}"));
            let place = |name: &str| {
                let value = one.get(name).filter(|v| !v.is_null()).ok_or_else(|| missing(name))?;
                let number = value.as_i64().ok_or_else(|| {
                    Fault::parameter(format!("Invalid parameter value for {name}."))
                })?;
                usize::try_from(number).map_err(|_| {
                    Fault::parameter("Invalid input, result start and end must be positive")
                })
            };
            let score = match (one.get("score").and_then(Value::as_f64), scored) {
                (Some(score), _) => Some(score),
                (None, Scored::No) => None,
                (None, Scored::Yes) => return Err(missing("score")),
            };
            let entity = one.get("entity_type").and_then(Value::as_str);
            let entity = entity.ok_or_else(|| {
                Fault::parameter("Invalid input, result must contain entity_type")
            })?;
            let entity = entity.to_owned();
            let (start, end) = (place("start")?, place("end")?);
            if start > end {
                return Err(Fault::parameter(format!(
                    "Invalid input, start index '{start}' must be smaller than end index '{end}'"
                )));
            }
            Ok(Marked { entity, start, end, score })
        })
        .collect()
}

/// Runs the operators, last value first. Where two values overlap, the earlier one ends where the
/// later one begins.
fn operate(
    text: &Points<'_>,
    mut results: Vec<Marked>,
    operators: &Operators,
) -> Result<Value, Fault> {
    results.sort_by_key(|result| Reverse((result.start, result.end)));
    // The new text from its end to its start, and how many code points that is.
    let (mut pieces, mut length, mut bytes) = (Vec::new(), 0, 0);
    let mut last = text.len();
    let mut items = Vec::with_capacity(results.len());
    for result in &results {
        if result.start > text.len() || result.end > text.len() {
            return Err(Fault::parameter(format!(
                "Invalid analyzer result, start: {} and end: {}, while text length is only {}.",
                result.start,
                result.end,
                text.len()
            )));
        }
        let operator = operators.of(&result.entity)?;
        let new = operator.run(&result.entity, text.slice(result.start, result.end))?;
        let end = result.end.min(last);
        let (after, new_length) = (last - end, new.chars().count());
        bytes += new.len();
        if bytes > MOST_BYTES {
            return Err(Fault::parameter("the answer would be too long"));
        }
        pieces.push(text.slice(end, last).to_owned());
        pieces.push(new.clone());
        length += after + new_length;
        last = result.start;
        items.push((length, new_length, result, new, operator.name()));
    }
    pieces.push(text.slice(0, last).to_owned());
    length += last;
    let items: Vec<Value> = items
        .into_iter()
        .map(|(from_end, new_length, result, new, operator)| {
            let start = length - from_end;
            json!({
                "start": start, "end": start + new_length, "entity_type": result.entity,
                "text": new, "operator": operator, "score": result.score,
            })
        })
        .collect();
    pieces.reverse();
    Ok(json!({ "text": pieces.concat(), "items": items }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Presidio's own manual.
    #[test]
    fn values_are_replaced_and_placed_anew() {
        let answer = anonymize(&json!({
            "text": "hello world, my name is Jané Doe. My number is: 034453334",
            "anonymizers": {
                "PHONE_NUMBER": {"type": "mask", "masking_char": "*", "chars_to_mask": 4, "from_end": true},
                "PERSON": {"type": "replace", "new_value": "ANONYMIZED"},
            },
            "analyzer_results": [
                {"start": 24, "end": 32, "score": 0.8, "entity_type": "NAME"},
                {"start": 24, "end": 28, "score": 0.8, "entity_type": "PERSON"},
                {"start": 48, "end": 57, "score": 0.95, "entity_type": "PHONE_NUMBER"},
            ],
        }));
        assert_eq!(
            answer.unwrap(),
            json!({
                "text": "hello world, my name is <NAME>. My number is: 03445****",
                "items": [
                    {"start": 46, "end": 55, "entity_type": "PHONE_NUMBER", "text": "03445****", "operator": "mask", "score": 0.95},
                    {"start": 24, "end": 30, "entity_type": "NAME", "text": "<NAME>", "operator": "replace", "score": 0.8},
                ],
            })
        );
    }

    #[test]
    fn overlaps_of_two_types_cut_the_earlier_one() {
        let answer = anonymize(&json!({"text": "0123456789", "analyzer_results": [
            {"start": 1, "end": 5, "score": 0.8, "entity_type": "A"},
            {"start": 3, "end": 8, "score": 0.8, "entity_type": "B"},
        ]}));
        assert_eq!(answer.unwrap()["text"], "0<A><B>89");
    }

    #[test]
    fn a_list_is_answered_with_a_list() {
        let answer = anonymize(&json!({"text": ["a1", "b"], "analyzer_results": [
            [{"start": 0, "end": 1, "score": 0.8, "entity_type": "A"}], []
        ]}));
        let answer = answer.unwrap();
        assert_eq!((&answer[0]["text"], &answer[1]["text"]), (&json!("<A>1"), &json!("b")));
        assert!(anonymize(&json!({"text": ["a"], "analyzer_results": []})).is_err());
    }

    #[test]
    fn what_was_encrypted_comes_back() {
        let key = "WmZq4t7w!z%C&F)J";
        let sealed = anonymize(&json!({
            "text": "I am Zoë", "anonymizers": {"DEFAULT": {"type": "encrypt", "key": key}},
            "analyzer_results": [{"start": 5, "end": 8, "score": 1, "entity_type": "PERSON"}],
        }));
        let sealed = sealed.unwrap();
        let open = deanonymize(&json!({
            "text": sealed["text"], "anonymizer_results": sealed["items"],
            "deanonymizers": {"PERSON": {"type": "decrypt", "key": key}},
        }));
        assert_eq!(open.unwrap()["text"], "I am Zoë");
    }

    #[test]
    fn faults_have_presidios_words() {
        let one = |result: Value| json!({"text": "abc", "analyzer_results": [result]});
        for (body, status, said) in [
            (json!({}), 400, "Invalid request json"),
            (json!({"text": "a"}), 422, "request must contain analyzer results"),
            (one(json!({"start": 0, "end": 1, "score": 1})), 422, "must contain entity_type"),
            (one(json!({"end": 1, "score": 1, "entity_type": "A"})), 422, "must contain start"),
            (one(json!({"start": 0, "end": 1, "entity_type": "A"})), 422, "must contain score"),
            (
                one(json!({"start": -1, "end": 1, "score": 1, "entity_type": "A"})),
                422,
                "must be positive",
            ),
            (
                one(json!({"start": 2, "end": 1, "score": 1, "entity_type": "A"})),
                422,
                "start index '2' must be smaller than end index '1'",
            ),
            (
                one(json!({"start": 0, "end": 9, "score": 1, "entity_type": "A"})),
                422,
                "Invalid analyzer result, start: 0 and end: 9, while text length is only 3.",
            ),
        ] {
            let fault = anonymize(&body).unwrap_err();
            assert_eq!(fault.status.as_u16(), status, "{body}: {}", fault.message);
            assert!(fault.message.contains(said), "{body}: {}", fault.message);
        }
    }
}
