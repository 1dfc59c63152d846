//! The analyzer's and anonymizer's routes, asked as Presidio's clients ask them.

use crate::house::{House, soon};
use backstop_api::{AnalyzerAccess, Config};
use serde_json::{Value, json};

const CARD: &str = "4539578763621486";

/// Asks without a token and answers status and JSON.
async fn ask(house: &House, line: &str, body: Option<Value>) -> (u16, Value) {
    let answer = soon(house.send(line, None, body.as_ref())).await;
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
    (answer.status, answer.json())
}

async fn analyze(house: &House, body: Value) -> Vec<(String, u64, u64)> {
    let (status, list) = ask(house, "POST /analyze", Some(body)).await;
    assert_eq!(status, 200, "{list}");
    let place = |one: &Value| {
        (
            one["entity_type"].as_str().unwrap().to_owned(),
            one["start"].as_u64().unwrap(),
            one["end"].as_u64().unwrap(),
        )
    };
    list.as_array().unwrap().iter().map(place).collect()
}

fn card(start: u64) -> (String, u64, u64) {
    ("CREDIT_CARD".to_owned(), start, start + 16)
}

#[tokio::test]
async fn offsets_are_code_points_and_answers_have_presidios_fields() {
    let house = House::open().await;
    let text = format!("Zoë 😀 pays with {CARD}");
    let body = json!({"text": text, "language": "en", "entities": ["CREDIT_CARD"]});
    let (status, list) = ask(&house, "POST /analyze", Some(body)).await;
    assert_eq!(status, 200, "{list}");
    let one = &list[0];
    assert_eq!((&one["start"], &one["end"], &one["score"]), (&json!(16), &json!(32), &json!(1.0)));
    assert_eq!(one["analysis_explanation"], Value::Null);
    let mut fields: Vec<_> = one.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    let expect = ["analysis_explanation", "end", "entity_type", "score", "start"];
    assert_eq!(fields, expect);
}

#[tokio::test]
async fn the_same_value_is_listed_at_each_of_its_places() {
    let house = House::open().await;
    let text = format!("{CARD} and {CARD}");
    let body = json!({"text": text, "language": "en", "entities": ["CREDIT_CARD"]});
    assert_eq!(analyze(&house, body).await, [card(0), card(21)]);
}

#[tokio::test]
async fn a_list_of_texts_is_answered_with_a_list_of_lists() {
    let house = House::open().await;
    let body = json!({"text": ["nothing", CARD], "language": "en", "entities": ["CREDIT_CARD"]});
    let (status, lists) = ask(&house, "POST /analyze", Some(body)).await;
    assert_eq!(status, 200);
    assert_eq!((&lists[0], lists[1].as_array().unwrap().len()), (&json!([]), 1), "{lists}");
}

#[tokio::test]
async fn allow_lists_thresholds_and_context_choose() {
    let house = House::open().await;
    let text = format!("card {CARD}");
    let with = |more: Value| {
        let mut body = json!({"text": text, "language": "en", "entities": ["CREDIT_CARD"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, found) in [
        (json!({}), true),
        (json!({"allow_list": [CARD]}), false),
        (json!({"allow_list": ["4539"]}), true),
        (json!({"allow_list": ["^4539"], "allow_list_match": "regex"}), false),
        (json!({"allow_list": ["9$"], "allow_list_match": "regex"}), true),
        (json!({"score_threshold": 1.0}), true),
        (json!({"entities": ["EMAIL_ADDRESS"]}), false),
        (json!({"entities": ["CREDIT_CARD", "NO_SUCH"]}), true),
    ] {
        let got = analyze(&house, with(more.clone())).await;
        assert_eq!(!got.is_empty(), found, "{more}");
    }
    // A word that the caller knows stands for one in the text.
    let weak = json!({"text": "A1B2C3 90210", "language": "en", "ad_hoc_recognizers": [{
        "name": "Zip", "supported_language": "en", "supported_entity": "ZIP",
        "patterns": [{"name": "zip", "regex": r"\b\d{5}\b", "score": 0.1}], "context": ["zip"],
    }], "entities": ["ZIP"], "score_threshold": 0.4});
    assert!(analyze(&house, weak.clone()).await.is_empty());
    let mut helped = weak;
    helped["context"] = json!(["zip"]);
    assert_eq!(analyze(&house, helped).await, [("ZIP".to_owned(), 7, 12)]);
}

#[tokio::test]
async fn ad_hoc_recognizers_find_by_pattern_and_by_deny_list() {
    let house = House::open().await;
    let body = json!({
        "text": "Mr. Rocket flies to 90210", "language": "en", "entities": ["ROCKET", "TITLE"],
        "ad_hoc_recognizers": [
            {"name": "R", "supported_entity": "ROCKET", "supported_language": "en",
             "patterns": [{"name": "rocket", "regex": "rocket", "score": 0.6}], "deny_list": null},
            {"supported_entities": ["TITLE"], "supported_language": "en", "deny_list": ["Mr."]},
        ],
    });
    let mut found = analyze(&house, body).await;
    found.sort();
    assert_eq!(found, [("ROCKET".to_owned(), 4, 10), ("TITLE".to_owned(), 0, 3)]);
}

#[tokio::test]
async fn a_decision_is_explained_when_asked() {
    let house = House::open().await;
    let body = json!({"text": format!("card {CARD}"), "language": "en",
        "entities": ["CREDIT_CARD"], "return_decision_process": true});
    let (_, list) = ask(&house, "POST /analyze", Some(body)).await;
    let why = &list[0]["analysis_explanation"];
    assert_eq!(why["recognizer"], "credit-card", "{list}");
    assert_eq!((&why["validation_result"], &why["score"]), (&json!(true), &json!(1.0)), "{list}");
    assert!(!list.to_string().contains(CARD), "{list}");
}

#[tokio::test]
async fn errors_are_written_as_presidio_writes_them() {
    let house = House::open().await;
    for (line, body, status, said) in [
        ("POST /analyze", json!({"language": "en"}), 500, "No text provided"),
        ("POST /analyze", json!({"text": "a"}), 500, "No language provided"),
        ("POST /analyze", json!({"text": "a", "language": "qq"}), 500, "No matching recognizers"),
        ("POST /anonymize", json!({}), 400, "Invalid request json"),
        ("POST /anonymize", json!({"text": "a"}), 422, "must contain analyzer results"),
        (
            "POST /anonymize",
            json!({"text": "a", "analyzer_results": [], "anonymizers": {"X": {"type": "custom"}}}),
            400,
            "Custom type anonymizer is not supported",
        ),
    ] {
        let (got, answer) = ask(&house, line, Some(body.clone())).await;
        assert_eq!(got, status, "{line} {body}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(said), "{body}: {answer}");
        assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    }
    let host = house.address.to_string();
    let headers =
        [("Host", host.as_str()), ("Content-Type", "text/plain"), ("Content-Length", "2")];
    let answer = soon(house.raw("POST /analyze", &headers, "{}")).await;
    assert_eq!(answer.status, 415);
    assert!(answer.json()["error"].is_string(), "{}", answer.text());
}

#[tokio::test]
async fn names_of_detectors_and_entities_are_listed() {
    let house = House::open().await;
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let (status, entities) = ask(&house, "GET /supportedentities?language=en", None).await;
    assert_eq!(status, 200);
    for entity in ["CREDIT_CARD", "US_SSN", "EMAIL_ADDRESS", "IBAN_CODE"] {
        assert!(strings(&entities).contains(&entity.to_owned()), "{entity}");
    }
    let (_, recognizers) = ask(&house, "GET /recognizers", None).await;
    assert!(strings(&recognizers).contains(&"us-ssn".to_owned()));
    let (status, _) = ask(&house, "GET /recognizers?language=qq", None).await;
    assert_eq!(status, 500);
    let up = soon(house.send("GET /health", None, None)).await;
    assert_eq!((up.status, up.text().as_str()), (200, "Backstop analyzer is up"));
    let (_, anonymizers) = ask(&house, "GET /anonymizers", None).await;
    assert_eq!(anonymizers, json!(["replace", "redact", "mask", "hash", "encrypt", "keep"]));
}

#[tokio::test]
async fn what_analyze_answers_is_what_anonymize_takes() {
    let house = House::open().await;
    let text = format!("Zoë pays with {CARD}.");
    let body = json!({"text": text, "language": "en", "entities": ["CREDIT_CARD"]});
    let (_, found) = ask(&house, "POST /analyze", Some(body)).await;
    let body = json!({"text": text, "analyzer_results": found});
    let (status, answer) = ask(&house, "POST /anonymize", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["text"], "Zoë pays with <CREDIT_CARD>.");
    assert_eq!(
        answer["items"],
        json!([{"start": 14, "end": 27, "entity_type": "CREDIT_CARD", "text": "<CREDIT_CARD>", "operator": "replace", "score": 1.0}])
    );
}

#[tokio::test]
async fn the_analyzer_can_need_a_token_or_be_off() {
    let body = json!({"text": CARD, "language": "en"});
    let house = House::with(Config { analyzer: AnalyzerAccess::Token, ..Config::default() }).await;
    let (_, agent) = house.session("research").await;
    let runtime = house.runtime().await;
    for (token, status) in [
        (None, 401),
        (Some(agent.as_str()), 403),
        (Some(runtime.as_str()), 200),
        (Some(house.operator.as_str()), 200),
        (Some("bst_o_nonsense"), 401),
    ] {
        let answer = soon(house.send("POST /analyze", token, Some(&body))).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let house = House::with(Config { analyzer: AnalyzerAccess::Off, ..Config::default() }).await;
    for line in ["GET /health", "GET /recognizers"] {
        let answer = soon(house.send(line, Some(&house.operator), None)).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
    // A page in a browser is refused whatever the configuration says.
    let house = House::open().await;
    let host = house.address.to_string();
    let headers = [("Host", host.as_str()), ("Origin", "http://evil.example")];
    assert_eq!(soon(house.raw("GET /recognizers", &headers, "")).await.status, 403);
}

#[tokio::test]
async fn names_are_found_and_listed() {
    let house = House::open().await;
    let body = json!({"text": "Dear Dr. Grace Johnson,", "language": "en", "entities": ["PERSON"]});
    let found = analyze(&house, body).await;
    assert!(found.iter().any(|(entity, _, end)| entity == "PERSON" && *end == 22), "{found:?}");
    let body = json!({"text": "Dear Dr. Grace Johnson,", "language": "en", "entities": ["US_SSN"]});
    assert!(analyze(&house, body).await.is_empty());
    let (_, entities) = ask(&house, "GET /supportedentities?language=en", None).await;
    assert!(entities.as_array().unwrap().contains(&json!("PERSON")));
}
