//! Payloads: looked at before a permit, judged again with their flow.

use crate::house::*;
use backstop_detect::{Canary, Detectors, Inspector};
use backstop_gate::{Answer, Content};
use backstop_model::attempt::Inspection;
use backstop_model::control::Control;
use backstop_model::redacted::Redacted;
use std::sync::Arc;

/// A request whose body is said to be seen.
pub(crate) fn seen(url: &str) -> backstop_model::attempt::Attempt {
    let mut attempt = get(url);
    attempt.sight = Inspection::Body;
    attempt
}

fn note(text: &'static str) -> Content {
    Content {
        body: text.as_bytes().to_vec().into(),
        content_type: Some("text/plain".to_owned()),
        ..Content::default()
    }
}

#[tokio::test]
async fn who_claims_to_have_seen_a_body_needs_the_proof() {
    let house = House::new().await;
    let session = house.session().await;
    let url = "https://api.weather.example/";
    let Answer::Refusal(refusal) = house.gate.ask(&session, seen(url)).await else { panic!() };
    is_refused_by(&refusal, Control::Fault);
    let inspected = house.gate.inspect(&session, &seen(url), note("it will rain")).await.unwrap();
    assert!(inspected.evidence().findings.is_empty());
    let answer = house.gate.ask_with(&session, seen(url), &inspected).await;
    assert!(matches!(answer, Answer::Permit(_)), "{answer:?}");
    drop(answer);
    house.stop().await;
}

#[tokio::test]
async fn what_was_found_is_judged_again_with_every_change_of_policy() {
    let house = House::new().await;
    let session = house.session().await;
    let url = "https://api.weather.example/";
    let found = house.gate.inspect(&session, &seen(url), note("SSN 536-90-4399")).await.unwrap();
    assert_eq!(found.evidence().findings[0].record.kind, "US_SSN");
    let Answer::Refusal(refusal) = house.gate.ask_with(&session, seen(url), &found).await else {
        panic!("it is refused")
    };
    is_refused_by(&refusal, Control::DlpPii);
    assert!(!refusal.reason.contains("536"), "{}", refusal.reason);

    // Allowed by the row's recipient, then not any more: the permit of then dials no more.
    let row = "host: api.weather.example";
    let may = format!("{row}, recipient: {{ entities: [US_SSN] }}");
    let before = POLICY.to_owned();
    house.put_policy(&before.replacen(row, &may, 1));
    let answer = house.gate.ask_with(&session, seen(url), &found).await;
    let Answer::Permit(permit) = answer else { panic!("{answer:?}") };
    house.put_policy(&before);
    is_refused_by(&permit.dial().await.unwrap_err(), Control::DlpPii);
    house.stop().await;
}

#[tokio::test]
async fn what_only_notes_is_looked_for_where_the_classification_names_it() {
    let house = House::new().await;
    let session = house.session().await;
    let url = "https://api.weather.example/";
    let text = "ticket 123e4567-e89b-42d3-a456-426614174000";
    let plain = house.gate.inspect(&session, &seen(url), note(text)).await.unwrap();
    assert!(plain.evidence().findings.is_empty());
    let answer = house.gate.ask_with(&session, seen(url), &plain).await;
    let Answer::Permit(permit) = answer else { panic!("{answer:?}") };

    let scheme = "---
apiVersion: backstop.dev/v1alpha1
kind: Classification
metadata: { name: corporate }
spec:
  levels: [public, internal, confidential, restricted]
  default: internal
  entities: { UUID: restricted }
";
    let tenant = POLICY.replace(
        "spec:\n  skills:",
        "spec:\n  classification: corporate\n  maxClassificationLevel: internal\n  skills:",
    );
    house.put_policy(&format!("{tenant}{scheme}"));
    // Looked at for less than is judged now.
    is_refused_by(&permit.dial().await.unwrap_err(), Control::EgressUninspected);
    let Answer::Refusal(refusal) = house.gate.ask_with(&session, seen(url), &plain).await else {
        panic!("it is refused")
    };
    is_refused_by(&refusal, Control::EgressUninspected);
    let found = house.gate.inspect(&session, &seen(url), note(text)).await.unwrap();
    assert_eq!(found.evidence().findings[0].record.kind, "UUID");
    let Answer::Refusal(refusal) = house.gate.ask_with(&session, seen(url), &found).await else {
        panic!("it is refused")
    };
    is_refused_by(&refusal, Control::DlpClassification);
    house.stop().await;
}

#[tokio::test]
async fn what_was_clean_is_looked_at_again_once_a_value_is_registered() {
    let house = House::new().await;
    let session = house.session().await;
    let attempt = seen("https://api.weather.example/");
    for _ in 0..3 {
        let clean = house.gate.inspect(&session, &attempt, note("the word is kestrel-on-a-wire"));
        assert!(clean.await.unwrap().evidence().findings.is_empty());
    }
    let value = Redacted::new("canary", b"kestrel-on-a-wire".to_vec());
    let canary = Canary { name: "canary:bird".to_owned(), value };
    let detectors = Detectors::builder().canary(canary).build().unwrap();
    house.gate.equip(&Inspector::new(Arc::new(detectors)));
    let found = house.gate.inspect(&session, &attempt, note("the word is kestrel-on-a-wire"));
    let found = found.await.unwrap();
    assert_eq!(found.evidence().findings.len(), 1, "{:?}", found.evidence());
    // Nor does one who was refused wear it out.
    let again = house.gate.inspect(&session, &attempt, note("the word is kestrel-on-a-wire"));
    assert_eq!(again.await.unwrap().evidence().findings.len(), 1);
    house.stop().await;
}
