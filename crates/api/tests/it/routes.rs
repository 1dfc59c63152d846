//! Every route once, with what it answers held against the description.

use crate::description::{answer, conforms};
use crate::house::{House, event, session_request, soon};
use backstop_model::event::Fact;
use backstop_model::id::{Digest, HoldId};
use backstop_model::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Calls a route as operator and checks status and shape.
struct Walk<'a> {
    house: &'a House,
    document: Value,
}

impl<'a> Walk<'a> {
    async fn new(house: &'a House) -> Self {
        let document = house.operator().get("/openapi.json").await.unwrap();
        Self { house, document }
    }

    async fn call(
        &self,
        method: &str,
        template: &str,
        id: &str,
        body: Option<Value>,
        expect: u16,
    ) -> Value {
        self.query(method, template, id, "", body, expect).await
    }

    async fn query(
        &self,
        method: &str,
        template: &str,
        id: &str,
        query: &str,
        body: Option<Value>,
        expect: u16,
    ) -> Value {
        let line = format!("{method} {}{query}", template.replace("{id}", id));
        let got = soon(self.house.send(&line, Some(&self.house.operator), body.as_ref())).await;
        assert_eq!(got.status, expect, "{line}: {}", got.text());
        if got.status == 204 {
            assert!(got.body.is_empty());
            return Value::Null;
        }
        let value = got.json();
        conforms(
            &self.document,
            answer(&self.document, method, template, got.status),
            &value,
            template,
        );
        value
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn sessions_open_show_and_close() {
    let house = House::open().await;
    let walk = Walk::new(&house).await;
    let opened =
        walk.call("POST", "/v1/sessions", "", Some(session_request("research")), 201).await;
    let id = text(&opened["id"]);
    assert!(text(&opened["tokens"][0]["token"]).starts_with("bst_a_"));
    assert_eq!(opened["tokens"][0]["skill"]["name"], "weather");
    let shown = walk.call("GET", "/v1/sessions/{id}", id, None, 200).await;
    assert_eq!((text(&shown["tenant"]), text(&shown["role"])), ("research", "researcher"));
    assert_eq!(shown["skills"][0]["version"], "1.2.0");
    let listed = walk.call("GET", "/v1/sessions", "", None, 200).await;
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1);
    walk.call("DELETE", "/v1/sessions/{id}", id, None, 204).await;
    let listed = walk.call("GET", "/v1/sessions", "", None, 200).await;
    assert_eq!(listed["sessions"], json!([]));
    let listed = walk.query("GET", "/v1/sessions", "", "?all=true", None, 200).await;
    assert!(listed["sessions"][0]["closed"].is_string());
    let unknown = "ses_00000000000000000000000000";
    walk.call("GET", "/v1/sessions/{id}", unknown, None, 404).await;
    walk.call("DELETE", "/v1/sessions/{id}", unknown, None, 404).await;
    let mut odd = session_request("research");
    odd["tenant"] = json!("nobody");
    walk.call("POST", "/v1/sessions", "", Some(odd), 422).await;
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let house = House::open().await;
    let walk = Walk::new(&house).await;
    let request = json!({
        "kind": "runtime", "principal": "kube/research", "tenant": "research", "for": "7d",
    });
    let made = walk.call("POST", "/v1/tokens", "", Some(request), 201).await;
    assert!(text(&made["token"]).starts_with("bst_r_"));
    let listed = walk.call("GET", "/v1/tokens", "", None, 200).await;
    let runtime =
        listed["tokens"].as_array().unwrap().iter().find(|t| t["id"] == made["id"]).unwrap();
    assert_eq!(
        (text(&runtime["principal"]), text(&runtime["bound"]["tenant"])),
        ("kube/research", "research")
    );
    walk.call("DELETE", "/v1/tokens/{id}", text(&made["id"]), None, 204).await;
    walk.call("DELETE", "/v1/tokens/{id}", "tok_00000000000000000000000000", None, 404).await;
    for (body, pointer) in [
        (json!({ "kind": "runtime", "principal": "x" }), "/tenant"),
        (json!({ "kind": "operator", "principal": "x", "tenant": "research" }), "/kind"),
        (json!({ "kind": "agent", "principal": "x" }), "/kind"),
        (json!({ "kind": "operator" }), "/principal"),
        (json!({ "kind": "operator", "principal": "a b" }), "/principal"),
    ] {
        let refused = walk.call("POST", "/v1/tokens", "", Some(body), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn quarantines_are_imposed_and_released_by_name() {
    let house = House::open().await;
    let walk = Walk::new(&house).await;
    let (session, agent) = house.session("research").await;
    let body = json!({ "session": session, "reason": "it called home" });
    let first = walk.call("POST", "/v1/quarantines", "", Some(body), 201).await;
    let body = json!({
        "skill": { "name": "weather", "version": "1.2.0" }, "tenant": "research", "reason": "it called home",
    });
    walk.call("POST", "/v1/quarantines", "", Some(body), 201).await;
    let listed = walk.call("GET", "/v1/quarantines", "", None, 200).await;
    let targets: Vec<&Value> =
        listed["quarantines"].as_array().unwrap().iter().map(|q| &q["target"]).collect();
    assert_eq!(targets.len(), 2);
    assert!(targets.iter().any(|t| t["session"] == session.as_str()));
    assert!(targets.iter().any(|t| t["skill"]["name"] == "weather" && t["tenant"] == "research"));
    assert_eq!(listed["quarantines"][0]["by"], "first-start");
    let id = text(&first["id"]);
    let no_reason =
        walk.call("POST", "/v1/quarantines/{id}/release", id, Some(json!({})), 422).await;
    assert_eq!(no_reason["errors"][0]["pointer"], "/reason");
    walk.call("POST", "/v1/quarantines/{id}/release", id, Some(json!({ "reason": "   " })), 422)
        .await;
    let good = json!({ "reason": "it was a drill" });
    walk.call("POST", "/v1/quarantines/{id}/release", id, Some(good.clone()), 204).await;
    walk.call("POST", "/v1/quarantines/{id}/release", id, Some(good.clone()), 409).await;
    let all = walk.query("GET", "/v1/quarantines", "", "?all=true", None, 200).await;
    let released = all["quarantines"].as_array().unwrap().iter().find(|q| q["id"] == id).unwrap();
    assert_eq!(released["released"]["by"], "first-start");
    for (body, pointer) in [
        (json!({ "reason": "why not" }), ""),
        (json!({ "session": session, "tenant": "research", "reason": "why not" }), "/session"),
        (json!({ "skill": { "name": "weather", "version": "9" }, "reason": "why not" }), "/skill"),
    ] {
        let refused = walk.call("POST", "/v1/quarantines", "", Some(body), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    // Quarantine is about egress: its session can still be seen.
    assert_eq!(
        house.send(&format!("GET /v1/sessions/{session}"), Some(&agent), None).await.status,
        200
    );
}

/// Puts a hold on record.
async fn hold(house: &House, number: u8, until: Timestamp) -> String {
    let placed = house.ledger.views().sessions().first().map(|s| s.subject.clone());
    let mut fact = event(placed, "");
    let id = HoldId::draw(fact.at, [number; 10]);
    fact.fact = Fact::HoldPlaced {
        hold: id.clone(),
        asked: Digest::of(&[number]),
        summary: "connect to api.weather.example:443".to_owned(),
        until,
    };
    house.ledger.commit(fact).await.unwrap();
    id.to_string()
}

#[tokio::test]
async fn holds_are_decided_once() {
    let house = House::open().await;
    let walk = Walk::new(&house).await;
    house.session("research").await;
    let soon = house.gate.now().plus(Duration::from_secs(900));
    let (yes, no) = (hold(&house, 1, soon).await, hold(&house, 2, soon).await);
    let late = hold(&house, 3, house.gate.now()).await;
    let listed = walk.call("GET", "/v1/holds", "", None, 200).await;
    assert_eq!(listed["holds"].as_array().unwrap().len(), 2);
    let approved =
        walk.call("POST", "/v1/holds/{id}/approve", &yes, Some(json!({ "for": "5m" })), 200).await;
    assert!(Timestamp::parse(text(&approved["until"])).is_some());
    walk.call("POST", "/v1/holds/{id}/deny", &no, Some(json!({})), 204).await;
    walk.call("POST", "/v1/holds/{id}/approve", &no, Some(json!({})), 409).await;
    walk.call("POST", "/v1/holds/{id}/approve", &late, Some(json!({})), 409).await;
    walk.call(
        "POST",
        "/v1/holds/{id}/deny",
        "hld_00000000000000000000000000",
        Some(json!({})),
        404,
    )
    .await;
    let all = walk.query("GET", "/v1/holds", "", "?all=true", None, 200).await;
    let state = |id: &str| {
        let holds = all["holds"].as_array().unwrap();
        let hold = holds.iter().find(|h| h["id"] == id).unwrap();
        (text(&hold["state"]).to_owned(), hold.get("by").cloned())
    };
    assert_eq!(state(&yes), ("approved".to_owned(), Some(json!("first-start"))));
    assert_eq!(state(&no), ("denied".to_owned(), Some(json!("first-start"))));
    assert_eq!(state(&late).0, "expired");
}

#[tokio::test]
async fn grants_are_given_for_at_most_a_week() {
    let house = House::open().await;
    let walk = Walk::new(&house).await;
    let request = |span: &str| {
        json!({
            "host": "API.other.example", "tenant": "research", "skill": "weather",
            "for": span, "reason": "the release needs it",
        })
    };
    let given = walk.call("POST", "/v1/grants", "", Some(request("4h")), 201).await;
    let listed = walk.call("GET", "/v1/grants", "", None, 200).await;
    let grant = &listed["grants"][0];
    assert_eq!((text(&grant["host"]), grant["port"].as_u64()), ("api.other.example", Some(443)));
    assert_eq!(
        (text(&grant["by"]), text(&grant["reason"])),
        ("first-start", "the release needs it")
    );
    assert_eq!(grant["until"], given["until"]);
    for (body, pointer) in [(request("8d"), "/for"), (request("0h"), "/for")] {
        let refused = walk.call("POST", "/v1/grants", "", Some(body), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let mut address = request("1h");
    address["host"] = json!("0x7f.1");
    let refused = walk.call("POST", "/v1/grants", "", Some(address), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/host");
    let id = text(&given["id"]);
    walk.call("DELETE", "/v1/grants/{id}", id, None, 204).await;
    walk.call("DELETE", "/v1/grants/{id}", "grt_00000000000000000000000000", None, 404).await;
    assert_eq!(walk.call("GET", "/v1/grants", "", None, 200).await["grants"], json!([]));
    let all = walk.query("GET", "/v1/grants", "", "?all=true", None, 200).await;
    assert_eq!(all["grants"][0]["revokedBy"], "first-start");
}

#[tokio::test]
async fn events_alerts_policy_and_explanations_are_shown() {
    let house = House::open().await;
    let walk = Walk::new(&house).await;
    house.session("research").await;
    let raised = event(None, "look here");
    let receipt = raised.receipt.to_string();
    house.ledger.commit(raised).await.unwrap();
    let alerts = walk.call("GET", "/v1/alerts", "", None, 200).await;
    assert_eq!(alerts["alerts"][0]["summary"], "look here");
    let shown = walk.call("GET", "/v1/events/{id}", &receipt, None, 200).await;
    assert_eq!((text(&shown["receipt"]), text(&shown["type"])), (receipt.as_str(), "AlertRaised"));
    walk.call("GET", "/v1/events/{id}", "rcp_00000000000000000000000000", None, 404).await;

    let policy = walk.call("GET", "/v1/policy", "", None, 200).await;
    assert_eq!(policy["tenants"], json!(["finance", "research"]));
    assert_eq!(policy["sources"][0]["name"], "policy.yaml");
    assert_eq!(text(&policy["digest"]), house.gate.policy().digest().to_string());

    let explain = async |body: Value, expect: u16| {
        walk.call("POST", "/v1/explain", "", Some(body), expect).await
    };
    let before = house.ledger.health().last;
    let good = explain(
        json!({ "target": "https://api.weather.example/", "tenant": "research", "skill": "weather@1.2.0" }),
        200,
    )
    .await;
    assert_eq!(good["verdict"], "allow", "{good}");
    let bad = explain(
        json!({ "target": "evil.example:443", "tenant": "research", "skill": "weather@1.2.0", "role": "researcher" }),
        200,
    )
    .await;
    assert_eq!(bad["verdict"], "deny");
    let deciding =
        bad["controls"].as_array().unwrap().iter().find(|c| c["answer"] == "deny").unwrap();
    assert!(text(&deciding["id"]).starts_with("egress."));
    let spelled = explain(json!({ "target": "http://0x7f.1/", "tenant": "research" }), 200).await;
    assert_eq!(spelled["verdict"], "deny");
    assert_eq!(house.ledger.health().last, before, "an explanation has no effect");
    explain(json!({}), 422).await;
    explain(json!({ "target": "x.example:443" }), 422).await;
    explain(json!({ "receipt": receipt, "tenant": "research" }), 422).await;
    explain(json!({ "receipt": "rcp_00000000000000000000000000" }), 404).await;
    explain(json!({ "receipt": receipt }), 422).await;
}

#[tokio::test]
async fn health_and_readiness_are_open_and_say_who_waits() {
    let house = House::open().await;
    let walk = Walk::new(&house).await;
    let health = house.send("GET /healthz", None, None).await;
    assert_eq!(health.json(), json!({ "status": "ok", "version": "1.2.3" }));
    let proxy = house.gate.readiness().announce("proxy");
    let waiting = walk.call("GET", "/readyz", "", None, 503).await;
    assert_eq!(waiting, json!({ "ready": false, "waiting": ["proxy"] }));
    proxy.ready();
    let ready = house.send("GET /readyz", None, None).await;
    assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true, "waiting": [] })));
}
