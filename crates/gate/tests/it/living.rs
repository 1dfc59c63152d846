//! What lives is asked again: a change of policy or standing cuts it within a second, in both
//! directions, even asleep; and no race leaves a forbidden flow alive.

use crate::house::*;
use backstop_gate::{Answer, Flow};
use backstop_model::control::Control;
use backstop_model::event::{Ending, Fact};
use backstop_model::standing::Quarantined;
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn asleep(house: &House) -> (tokio::task::JoinHandle<ErrorKind>, backstop_gate::FlowHandle) {
    let session = house.session().await;
    let flow = house.permit(&session, "api.weather.example:443").await.dial().await.unwrap();
    let handle = flow.handle();
    (tokio::spawn(read_until_cut(flow)), handle)
}

/// Sleeps in a read; once cut, a write must fail as well.
async fn read_until_cut(mut flow: Flow) -> ErrorKind {
    let mut byte = [0];
    let read = flow.read(&mut byte).await.expect_err("cut");
    let write = flow.write(b"x").await.expect_err("cut in both directions");
    assert_eq!(write.kind(), read.kind());
    read.kind()
}

#[tokio::test]
async fn a_policy_change_cuts_a_sleeping_flow_within_a_second() {
    let house = House::new().await;
    let (reader, handle) = asleep(&house).await;
    assert!(handle.is_live());
    let changed = Instant::now();
    house.put_policy(&without_api());
    handle.cut().await;
    assert_eq!(reader.await.unwrap(), ErrorKind::ConnectionAborted);
    assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
    let events = house.events().await;
    let ending = events.iter().find_map(|row| match row.event.fact {
        Fact::FlowEnded { ending, .. } => Some(ending),
        _ => None,
    });
    assert_eq!((ending, house.gate.stats().cut), (Some(Ending::Revoked), 1));
    house.stop().await;
}

#[tokio::test]
async fn a_policy_change_that_concerns_nobody_cuts_nobody() {
    let house = House::new().await;
    let (_reader, handle) = asleep(&house).await;
    house.put_policy(&POLICY.replace("rebind.weather.example, owner", "other.example, owner"));
    // The sweep that this change causes is over once a later change has had its effect.
    let (reader, other) = {
        let session = house.session().await;
        let answer = house.gate.ask(&session, get("http://plain.weather.example/")).await;
        let Answer::Permit(permit) = answer else { panic!() };
        let flow = permit.dial().await.unwrap();
        let other = flow.handle();
        (tokio::spawn(read_until_cut(flow)), other)
    };
    let row = "plain.weather.example, protocol: HTTP, ports: [80], owner";
    house.put_policy(&POLICY.replace(row, "other.example, owner"));
    other.cut().await;
    reader.await.unwrap();
    assert!(handle.is_live());
    house.stop().await;
}

#[tokio::test]
async fn closing_a_session_cuts_before_it_answers() {
    let house = House::new().await;
    let opened = house.opened().await;
    let session =
        house.gate.sign_in(backstop_model::attempt::Plane::Proxy, &credential(&opened)).unwrap();
    let flow = house.permit(&session, "api.weather.example:443").await.dial().await.unwrap();
    let kept = house.permit(&session, "api.weather.example:443").await;
    house.gate.control().close_session(&house.operator, &opened.id).await.unwrap();
    assert!(!flow.handle().is_live());
    is_refused_by(
        &kept.dial().await.expect_err("a permit dies with its session"),
        Control::Identity,
    );
    is_refused_by(&house.refusal(&session, "api.weather.example:443").await, Control::Identity);
    assert!(
        house.gate.sign_in(backstop_model::attempt::Plane::Proxy, &credential(&opened)).is_err()
    );
    assert_eq!(house.names.asked(), 1);
    house.stop().await;
}

#[tokio::test]
async fn what_ends_by_itself_cuts_by_itself() {
    let house = House::new().await;
    let (reader, handle) = asleep(&house).await;
    house.clock.advance(Duration::from_secs(24 * 3_600));
    within_a_second(|| !handle.is_live()).await;
    assert_eq!(reader.await.unwrap(), ErrorKind::ConnectionAborted);
    house.stop().await;
}

/// RACE: many attempts run against a policy that flips; once it is settled on the narrow one and
/// swept, nothing that it forbids may live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_between_check_and_registration_leaves_no_forbidden_flow() {
    let house = House::new().await;
    let session = house.session().await;
    let mut flows = Vec::new();
    for round in 0..20 {
        house.put_policy(POLICY);
        let gate = house.gate.clone();
        let own = session.clone();
        let asking = tokio::spawn(async move {
            let mut live = Vec::new();
            for _ in 0..8 {
                if let Answer::Permit(permit) =
                    gate.ask(&own, connect("api.weather.example:443")).await
                    && let Ok(flow) = permit.dial().await
                {
                    live.push(flow);
                }
            }
            live
        });
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        house.put_policy(&without_api());
        flows.extend(asking.await.unwrap());
        // Each flow that came through was permitted by the wide policy, and dies by the narrow one.
        let waited = async {
            for flow in &flows {
                flow.handle().cut().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), waited).await.expect("cut within a second");
        flows.clear();
    }
    house.stop().await;
}

#[tokio::test]
async fn quarantine_cuts_refuses_and_survives_a_restart() {
    let kept = tempfile::tempdir().unwrap();
    let house = House::open(kept.path(), Default::default()).await;
    let opened = house.opened().await;
    let session =
        house.gate.sign_in(backstop_model::attempt::Plane::Proxy, &credential(&opened)).unwrap();
    let flow = house.permit(&session, "api.weather.example:443").await.dial().await.unwrap();
    let target = Quarantined::Skill {
        tenant: session.subject().tenant.clone(),
        skill: session.subject().skill.clone().unwrap(),
    };
    let control = house.gate.control();
    let id = control.quarantine(&house.operator, target, "it sent data").await.unwrap();
    assert!(!flow.handle().is_live());
    drop(flow);
    is_refused_by(&house.refusal(&session, "api.weather.example:443").await, Control::Quarantine);
    house.stop().await;

    let house = House::open(kept.path(), Default::default()).await;
    let session =
        house.gate.sign_in(backstop_model::attempt::Plane::Proxy, &credential(&opened)).unwrap();
    is_refused_by(&house.refusal(&session, "api.weather.example:443").await, Control::Quarantine);
    let control = house.gate.control();
    control.release(&house.operator, &id, "the skill was mended").await.unwrap();
    assert!(control.release(&house.operator, &id, "again").await.is_err());
    drop(house.permit(&session, "api.weather.example:443").await);
    house.stop().await;
}

#[tokio::test]
async fn draining_ends_what_is_left_and_says_so() {
    let house = House::new().await;
    let (reader, handle) = asleep(&house).await;
    house.gate.drain(Duration::from_millis(1)).await;
    assert!(!house.gate.readiness().is_ready() && !handle.is_live());
    reader.await.unwrap();
    let ended = house
        .events()
        .await
        .into_iter()
        .any(|row| matches!(row.event.fact, Fact::FlowEnded { ending: Ending::Drained, .. }));
    assert!(ended);
}
