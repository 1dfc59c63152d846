//! What was true when it was asked must be true when it is used: stale judgements, withdrawn
//! exceptions, edited manifests, ended rollouts.

use crate::house::*;
use backstop_gate::{Answer, Session, SessionRequest};
use backstop_ledger::Ledger;
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::{Event, Fact};
use backstop_model::id::{Digest, QuarantineId, ReceiptId};
use backstop_model::standing::Quarantined;
use backstop_model::time::Timestamp;
use backstop_model::verdict::Ruling;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const API: &str = "api.weather.example:443";
const INSIDE: &str = "rebind.weather.example:443";
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A quarantine that comes from elsewhere: on record, and nobody has swept yet.
async fn quarantine(ledger: Ledger, session: Session, now: Timestamp) {
    let id = session.id().clone();
    let fact = Fact::QuarantineImposed {
        id: QuarantineId::draw(now, fresh()),
        target: Quarantined::Session(id),
        by: None,
        reason: "it sent data".to_owned(),
    };
    let receipt = ReceiptId::draw(now, fresh());
    let subject = Some(session.subject().clone());
    ledger.commit(Event { receipt, at: now, policy: Digest::ZERO, subject, fact }).await.unwrap();
}

#[tokio::test]
async fn a_permit_that_was_judged_again_has_the_terms_and_the_record_of_the_second_judgement() {
    let house = House::new().await;
    let session = house.session().await;
    let policy = house.policy.clone();
    let fresh = load(&with_idle());
    let digest = fresh.digest();
    house.dice.meanwhile(move || drop(policy.send_replace(fresh)));
    let permit = house.permit(&session, API).await;
    assert_eq!(permit.idle(), Some(Duration::from_secs(7 * 60)));
    let record = house.ledger.find(permit.receipt()).unwrap().unwrap();
    assert_eq!(record.event.policy, digest, "on record under the policy that allows it");
    let Fact::AttemptPermitted { refines: Some(first), .. } = record.event.fact else { panic!() };
    assert_ne!(house.ledger.find(&first).unwrap().unwrap().event.policy, digest);
    let calls = house.ledger.views().session(session.id()).unwrap().calls;
    assert_eq!(calls, 1, "one call, however often it was judged");
    house.stop().await;
}

#[tokio::test]
async fn a_withdrawn_exception_stops_the_permit_that_was_issued_under_it() {
    let mut house = House::new().await;
    house.put_policy(&with_private());
    house.names.set("rebind.weather.example", &[PRIVATE]);
    house.stop_sweeping().await;
    let session = house.session().await;
    let permit = house.permit(&session, INSIDE).await;
    house.put_policy(POLICY);
    is_refused_by(&permit.dial().await.unwrap_err(), Control::SsrfAddress);

    house.put_policy(&with_private());
    let permit = house.permit(&session, INSIDE).await;
    let (policy, narrow) = (house.policy.clone(), load(POLICY));
    house.names.meanwhile(async move { drop(policy.send_replace(narrow)) });
    is_refused_by(&permit.dial().await.unwrap_err(), Control::SsrfAddress);
    house.stop().await;
}

#[tokio::test]
async fn a_withdrawn_exception_cuts_the_flow_that_lives_by_it() {
    let house = House::new().await;
    house.put_policy(&with_private());
    house.names.set("rebind.weather.example", &[PRIVATE]);
    let session = house.session().await;
    let inside = house.permit(&session, INSIDE).await.dial().await.unwrap();
    assert_eq!(inside.address(), Some(PRIVATE.parse().unwrap()));
    let outside = house.permit(&session, API).await.dial().await.unwrap();
    house.put_policy(POLICY);
    within_a_second(|| !inside.handle().is_live()).await;
    assert!(outside.handle().is_live());
    assert_eq!(inside.handle().why().unwrap().0, Control::SsrfAddress);
    house.stop().await;
}

#[tokio::test]
async fn a_session_in_quarantine_does_not_dial_before_the_sweep_either() {
    let mut house = House::new().await;
    house.stop_sweeping().await;
    let session = house.session().await;
    let now = house.gate.now();
    let permit = house.permit(&session, API).await;
    quarantine(house.ledger.clone(), session.clone(), now).await;
    is_refused_by(&permit.dial().await.unwrap_err(), Control::Quarantine);
    assert_eq!(house.names.asked(), 0, "not even looked up");

    let session = house.session().await;
    let permit = house.permit(&session, API).await;
    house.names.meanwhile(quarantine(house.ledger.clone(), session.clone(), now));
    is_refused_by(&permit.dial().await.unwrap_err(), Control::Quarantine);
    assert_eq!((house.names.asked(), house.gate.stats().live), (1, 0));
    house.stop().await;
}

#[tokio::test]
async fn a_request_rides_on_no_tunnel() {
    let house = House::new().await;
    let session = house.session().await;
    let tunnel = house.permit(&session, API).await.dial().await.unwrap();
    let Answer::Permit(request) =
        house.gate.ask(&session, get("https://api.weather.example/")).await
    else {
        panic!()
    };
    let refusal = request.ride(&tunnel.handle()).await.unwrap_err();
    is_refused_by(&refusal, Control::Fault);
    let second = house.permit(&session, API).await;
    is_refused_by(&second.ride(&tunnel.handle()).await.unwrap_err(), Control::Fault);
    house.stop().await;
}

#[tokio::test]
async fn an_edited_manifest_cuts_and_refuses_the_sessions_of_the_old_one() {
    let house = House::new().await;
    let digest = load(POLICY).skill(&weather().0, &weather().1).unwrap().digest;
    let pinned = POLICY.replace(
        "{ name: weather, version: 1.2.0 }",
        &format!("{{ name: weather, version: 1.2.0, digest: \"{digest}\" }}"),
    );
    let edited = |text: &str| {
        text.replace("  - { host: rebind.weather.example }\n", "  - { host: more.example }\n")
    };
    for before in [pinned.as_str(), POLICY] {
        house.put_policy(before);
        let session = house.session().await;
        let flow = house.permit(&session, API).await.dial().await.unwrap();
        let issued = house.permit(&session, API).await;
        house.put_policy(&edited(before));
        within_a_second(|| !flow.handle().is_live()).await;
        assert_eq!(flow.handle().why().unwrap().0, Control::EgressSkill);
        is_refused_by(&issued.dial().await.unwrap_err(), Control::EgressSkill);
        is_refused_by(&house.refusal(&session, API).await, Control::EgressSkill);
        house.put_policy(before);
        drop(house.permit(&session, API).await);
    }
    house.put_policy(&edited(&pinned));
    let opened = house.gate.control().open_session(&house.operator, request()).await;
    assert!(opened.is_err(), "no new session with a manifest that nobody approved");
    house.stop().await;
}

#[tokio::test]
async fn an_ended_rollout_cuts_by_itself() {
    let house = House::new().await;
    house.put_policy(&without_api().replace(
        "spec:\n  skills:",
        "spec:\n  rollout: { mode: observe, until: \"2026-11-24\" }\n  skills:",
    ));
    let request = SessionRequest { lives: Some(DAY * 7), ..request() };
    let opened = house.gate.control().open_session(&house.operator, request).await.unwrap();
    let session = house.gate.sign_in(Plane::Proxy, &credential(&opened)).unwrap();
    let permit = house.permit(&session, API).await;
    assert!(permit.reasons().iter().any(|r| r.ruling == Ruling::WouldDeny));
    let flow = permit.dial().await.unwrap();
    house.clock.advance(DAY);
    drop(house.permit(&session, API).await);
    house.clock.advance(DAY);
    within_a_second(|| !flow.handle().is_live()).await;
    assert_eq!(flow.handle().why().unwrap().0, Control::EgressTenant);
    is_refused_by(&house.refusal(&session, API).await, Control::EgressTenant);
    house.stop().await;
}

#[tokio::test]
async fn what_live_flows_received_counts_before_it_is_on_record() {
    let house = House::new().await;
    let session = house.session().await;
    let mut flow = house.permit(&session, API).await.dial().await.unwrap();
    let flagged = |permit: &backstop_gate::Permit| {
        let said = permit.reasons().iter().find(|r| r.control == Control::VolumeReceived);
        said.map(|reason| reason.ruling) == Some(Ruling::WouldDeny)
    };
    assert!(!flagged(&house.permit(&session, API).await));
    let block = vec![7; 50_000];
    let mut back = vec![0; 50_000];
    for _ in 0..1_001 {
        flow.write_all(&block).await.unwrap();
        flow.read_exact(&mut back).await.unwrap();
    }
    assert_eq!(house.ledger.views().usage(session.id(), house.gate.now()).received.0, 0);
    assert!(flagged(&house.permit(&session, API).await), "past 50 MB");
    drop(flow);
    assert!(flagged(&house.permit(&session, API).await), "whether its end is on record or not");
    let other = house.session().await;
    assert!(!flagged(&house.permit(&other, API).await), "each session has its own count");
    house.stop().await;
}
