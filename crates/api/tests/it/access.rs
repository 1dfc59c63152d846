//! Who may do what: every route with every kind of token.

use crate::house::{House, session_request, soon};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Route, body, and whether an operator, a runtime, an agent and a stranger get past the door.
const MATRIX: &[(&str, &str, [bool; 4])] = &[
    ("POST /v1/sessions", "{}", [true, true, false, false]),
    ("GET /v1/sessions", "", [true, true, false, false]),
    ("GET /v1/sessions/{ses}", "", [true, true, true, false]),
    ("DELETE /v1/sessions/{ses}", "", [true, true, false, false]),
    ("POST /v1/tokens", "{}", [true, false, false, false]),
    ("GET /v1/tokens", "", [true, false, false, false]),
    ("DELETE /v1/tokens/{tok}", "", [true, false, false, false]),
    ("GET /v1/events?follow=false", "", [true, false, false, false]),
    ("GET /v1/events/{rcp}", "", [true, false, false, false]),
    ("GET /v1/alerts", "", [true, false, false, false]),
    ("GET /v1/quarantines", "", [true, false, false, false]),
    ("POST /v1/quarantines", "{}", [true, false, false, false]),
    ("POST /v1/quarantines/{qrn}/release", "{}", [true, false, false, false]),
    ("GET /v1/holds", "", [true, false, false, false]),
    ("POST /v1/holds/{hld}/approve", "{}", [true, false, false, false]),
    ("POST /v1/holds/{hld}/deny", "{}", [true, false, false, false]),
    ("GET /v1/grants", "", [true, false, false, false]),
    ("POST /v1/grants", "{}", [true, false, false, false]),
    ("DELETE /v1/grants/{grt}", "", [true, false, false, false]),
    ("GET /v1/policy", "", [true, false, false, false]),
    ("POST /v1/explain", "{}", [true, false, false, false]),
    ("GET /healthz", "", [true, true, true, true]),
    ("GET /readyz", "", [true, true, true, true]),
    ("GET /metrics", "", [true, true, false, false]),
    ("GET /openapi.json", "", [true, true, false, false]),
    ("POST /analyze", "{}", [true, true, true, true]),
    ("GET /recognizers", "", [true, true, true, true]),
    ("GET /supportedentities", "", [true, true, true, true]),
    ("GET /health", "", [true, true, true, true]),
    ("POST /anonymize", "{}", [true, true, true, true]),
    ("POST /deanonymize", "{}", [true, true, true, true]),
    ("GET /anonymizers", "", [true, true, true, true]),
    ("GET /deanonymizers", "", [true, true, true, true]),
];

#[tokio::test]
async fn every_route_admits_exactly_its_callers() {
    let house = House::open().await;
    let (session, agent) = house.session("research").await;
    let runtime = house.runtime().await;
    let document = house.operator().get("/openapi.json").await.unwrap();
    let mut seen = 0;
    for (line, body, admitted) in MATRIX {
        let path = line
            .replace("{ses}", &session)
            .replace("{tok}", "tok_00000000000000000000000000")
            .replace("{rcp}", "rcp_00000000000000000000000000")
            .replace("{qrn}", "qrn_00000000000000000000000000")
            .replace("{hld}", "hld_00000000000000000000000000")
            .replace("{grt}", "grt_00000000000000000000000000");
        let body: Option<Value> = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap());
        // The session must outlive its row: closing is tried by those who may not.
        let callers = [Some(&house.operator), Some(&runtime), Some(&agent), None];
        for (token, admitted) in callers.into_iter().zip(admitted) {
            if line.starts_with("DELETE /v1/sessions") && *admitted {
                continue;
            }
            let answer = soon(house.send(&path, token.map(String::as_str), body.as_ref())).await;
            let refused = matches!(answer.status, 401 | 403);
            assert_eq!(refused, !*admitted, "{line} {:?} {}", answer.status, answer.text());
            match (admitted, token) {
                (true, _) => {}
                (false, None) => {
                    assert_eq!(
                        (answer.status, answer.problem().as_str()),
                        (401, "unauthenticated")
                    );
                    assert_eq!(
                        answer.header("www-authenticate"),
                        Some("Bearer realm=\"backstop\"")
                    );
                }
                (false, Some(_)) => {
                    assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
                    assert!(
                        answer.header("www-authenticate").unwrap().contains("insufficient_scope")
                    );
                }
            }
        }
        let (method, template) = line.split_once(' ').unwrap();
        let template = template.split('?').next().unwrap();
        let template: String = ["ses", "tok", "rcp", "qrn", "hld", "grt"]
            .iter()
            .fold(template.to_owned(), |t, id| t.replace(&format!("{{{id}}}"), "{id}"));
        let described = &document["paths"][&template][method.to_lowercase()];
        let callers: Vec<&str> = ["operator", "runtime", "agent"]
            .into_iter()
            .zip(admitted)
            .filter(|(_, a)| **a && !admitted[3])
            .map(|(c, _)| c)
            .collect();
        assert_eq!(described["x-backstop-callers"], json!(callers), "{line}");
        seen += 1;
    }
    let all: usize =
        document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
    assert_eq!(seen, all, "a route is not in the matrix");
}

#[tokio::test]
async fn tokens_that_are_not_live_open_nothing() {
    let house = House::open().await;
    let (session, agent) = house.session("research").await;
    let operator = house.operator();
    let made = operator
        .post("/v1/tokens", &json!({ "kind": "operator", "principal": "bob" }))
        .await
        .unwrap();
    let bob = made["token"].as_str().unwrap();
    assert_eq!(house.send("GET /v1/tokens", Some(bob), None).await.status, 200);
    operator.delete(&format!("/v1/tokens/{}", made["id"].as_str().unwrap())).await.unwrap();
    operator.delete(&format!("/v1/sessions/{session}")).await.unwrap();
    // Another kind's prefix on a live token's bits is no token either.
    let dressed = house.operator.replace("bst_o_", "bst_r_");
    for token in [bob, &agent, &dressed, "bst_o_", "x", &"A".repeat(9_000)] {
        let answer = house.send("GET /metrics", Some(token), None).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{token}");
        assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

#[tokio::test]
async fn a_runtime_keeps_to_its_tenant_role_and_ceiling() {
    let house = House::open().await;
    let operator = house.operator();
    let bound = json!({
        "kind": "runtime", "principal": "kube/research", "tenant": "research",
        "role": "researcher", "maxClassificationLevel": "internal",
    });
    let made = operator.post("/v1/tokens", &bound).await.unwrap();
    let runtime = made["token"].as_str().unwrap();
    let (foreign, _) = house.session("finance").await;

    let with = |changes: Value| {
        let mut request = session_request("research");
        request["maxClassificationLevel"] = json!("internal");
        for (name, value) in changes.as_object().unwrap() {
            request[name] = value.clone();
        }
        request
    };
    let send = |body: Value| {
        let house = &house;
        async move { house.send("POST /v1/sessions", Some(runtime), Some(&body)).await }
    };
    let good = send(with(json!({}))).await;
    assert_eq!(good.status, 201, "{}", good.text());
    let own = good.json()["id"].as_str().unwrap().to_owned();
    for (changes, why) in [
        (json!({ "tenant": "finance" }), "another tenant"),
        (json!({ "maxClassificationLevel": "restricted" }), "a higher ceiling"),
        (json!({ "role": "other" }), "another role"),
    ] {
        let answer = send(with(changes)).await;
        assert!(matches!(answer.status, 403 | 422), "{why}: {}", answer.text());
        answer.problem();
    }

    let listed = house.client(runtime).get("/v1/sessions").await.unwrap();
    let ids: Vec<&str> =
        listed["sessions"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [own.as_str()]);
    let shown = house.send(&format!("GET /v1/sessions/{foreign}"), Some(runtime), None).await;
    assert_eq!(shown.status, 404);
    let closed = house.send(&format!("DELETE /v1/sessions/{foreign}"), Some(runtime), None).await;
    assert_eq!(closed.status, 404, "{}", closed.text());
    let still = operator.get(&format!("/v1/sessions/{foreign}")).await.unwrap();
    assert!(still.get("closed").is_none());
    let closed = house.send(&format!("DELETE /v1/sessions/{own}"), Some(runtime), None).await;
    assert_eq!(closed.status, 204);
}

#[tokio::test]
async fn an_agent_sees_its_own_session_alone() {
    let house = House::open().await;
    let (own, agent) = house.session("research").await;
    let (other, _) = house.session("research").await;
    let seen = house.client(&agent).get(&format!("/v1/sessions/{own}")).await.unwrap();
    assert_eq!(seen["id"], own.as_str());
    for id in [other.as_str(), "ses_00000000000000000000000000"] {
        let answer = house.send(&format!("GET /v1/sessions/{id}"), Some(&agent), None).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
    }
}

/// Everything that is logged on this thread (a test's tasks run on it), at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_stands_in_any_event_log_or_answer_but_its_own() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let house = House::open().await;
    let (session, agent) = house.session("research").await;
    let runtime = house.runtime().await;
    let operator = house.operator();
    house.send("GET /v1/tokens", Some("bst_o_guess-guess-guess"), None).await;
    operator.delete(&format!("/v1/sessions/{session}")).await.unwrap();
    let mut said = String::new();
    for path in ["/v1/sessions?all=true", "/v1/tokens?all=true", "/metrics", "/v1/policy"] {
        said.push_str(&operator.text(path).await.unwrap());
    }
    let mut events = operator.follow("/v1/events?after=0&follow=false", None).await.unwrap();
    let mut count = 0;
    while let Some(event) = soon(events.next()).await.unwrap() {
        said.push_str(&event.data);
        count += 1;
    }
    assert!(count > 3, "{count} events");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("credential was refused"), "nothing was logged: {logged}");
    said.push_str(&logged);
    for secret in [&agent, &runtime, &house.operator, "bst_o_guess-guess-guess"] {
        let bits = secret.get(6..).unwrap();
        assert!(!said.contains(bits), "a token was said");
    }
}
