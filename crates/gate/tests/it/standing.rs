//! Holds and grants: a person decides about exactly what was asked.

use crate::house::*;
use backstop_gate::{Answer, ControlFault, GrantRequest, Session};
use backstop_model::attempt::{Act, Plane};
use backstop_model::control::Control;
use backstop_model::event::{Fact, Resolution};
use backstop_model::host::HostName;
use backstop_model::id::{Digest, HoldId, SkillId};
use backstop_model::standing::Quarantined;
use std::time::Duration;

/// A session whose skill has the name and version of one that is in quarantine with another digest.
async fn held(house: &House) -> Session {
    let session = house.session().await;
    let skill = session.subject().skill.clone().unwrap();
    let other = SkillId { digest: Digest::of(b"an older manifest"), ..skill };
    let target = Quarantined::SkillEverywhere(other);
    house.gate.control().quarantine(&house.operator, target, "it sent data").await.unwrap();
    session
}

async fn hold(house: &House, session: &Session, place: &str) -> HoldId {
    match house.gate.ask(session, connect(place)).await {
        Answer::Hold(refusal) => {
            is_refused_by(&refusal, Control::Quarantine);
            refusal.hold.expect("a hold has an id")
        }
        other => panic!("{place} should be held: {other:?}"),
    }
}

const API: &str = "api.weather.example:443";

#[tokio::test]
async fn an_approval_lets_exactly_what_was_asked_pass_for_its_time() {
    let house = House::new().await;
    let session = held(&house).await;
    let id = hold(&house, &session, API).await;
    assert_eq!(hold(&house, &session, API).await, id, "asked again, it is the same hold");
    let control = house.gate.control();
    control.approve(&house.operator, &id, Some(Duration::from_secs(600))).await.unwrap();
    let permit = house.permit(&session, API).await;
    let sni = Some(HostName::parse("api.weather.example").unwrap());
    let Answer::Permit(permit) = permit.refine(Act::Hello { sni, ech: false }).await else {
        panic!("the first flight is the same operation")
    };
    let flow = permit.dial().await.unwrap();
    // Another place, and the same place for another session, are other operations.
    assert_ne!(hold(&house, &session, "rebind.weather.example:443").await, id);
    let other = house.session().await;
    assert_ne!(hold(&house, &other, API).await, id);
    let again = control.approve(&house.operator, &id, None).await;
    assert!(matches!(again, Err(ControlFault::Conflict(_))));

    house.clock.advance(Duration::from_secs(600));
    within_a_second(|| !flow.handle().is_live()).await;
    assert_ne!(hold(&house, &session, API).await, id, "what has ended is asked anew");
    house.stop().await;
}

#[tokio::test]
async fn a_hold_that_is_denied_or_forgotten_stays_shut() {
    let house = House::new().await;
    let session = held(&house).await;
    let id = hold(&house, &session, API).await;
    let control = house.gate.control();
    control.deny(&house.operator, &id).await.unwrap();
    let next = hold(&house, &session, API).await;
    assert_ne!(next, id);

    house.clock.advance(Duration::from_secs(15 * 60));
    let late = control.approve(&house.operator, &next, None).await;
    assert!(matches!(late, Err(ControlFault::Conflict(_))), "{late:?}");
    let views = house.ledger.views().clone();
    let resolved = |id: &HoldId| {
        let holds = views.holds();
        holds.into_iter().find(|h| h.id == *id).and_then(|h| h.resolved).map(|r| r.resolution)
    };
    within_a_second(|| resolved(&next).is_some()).await;
    assert_eq!(
        (resolved(&id), resolved(&next)),
        (Some(Resolution::Denied), Some(Resolution::Expired))
    );
    let expired =
        house.events().await.into_iter().filter(
            |row| matches!(&row.event.fact, Fact::HoldResolved { hold, .. } if *hold == next),
        );
    assert_eq!(expired.count(), 1, "it expires once");
    house.stop().await;
}

#[tokio::test]
async fn holds_survive_a_restart() {
    let kept = tempfile::tempdir().unwrap();
    let house = House::open(kept.path(), Default::default()).await;
    let opened = house.opened().await;
    let sign_in = |house: &House| house.gate.sign_in(Plane::Proxy, &credential(&opened)).unwrap();
    let session = sign_in(&house);
    let skill = session.subject().skill.clone().unwrap();
    let other = SkillId { digest: Digest::of(b"an older manifest"), ..skill };
    let control = house.gate.control();
    control
        .quarantine(&house.operator, Quarantined::SkillEverywhere(other), "it sent data")
        .await
        .unwrap();
    let id = hold(&house, &session, API).await;
    house.stop().await;

    let house = House::open(kept.path(), Default::default()).await;
    let session = sign_in(&house);
    assert_eq!(hold(&house, &session, API).await, id);
    house.gate.control().approve(&house.operator, &id, None).await.unwrap();
    house.stop().await;

    let house = House::open(kept.path(), Default::default()).await;
    drop(house.permit(&sign_in(&house), API).await);
    house.stop().await;
}

#[tokio::test]
async fn holds_of_one_session_are_bounded() {
    let config = backstop_gate::Config { holds_per_session: 1, ..Default::default() };
    let house = House::with(config).await;
    let session = held(&house).await;
    hold(&house, &session, API).await;
    let refusal = house.refusal(&session, "rebind.weather.example:443").await;
    is_refused_by(&refusal, Control::Limit);
    house.stop().await;
}

/// Asks for all of these at the same time.
async fn together(house: &House, session: &Session, urls: &[String]) -> Vec<Answer> {
    let asking = urls.iter().map(|url| {
        let (gate, session, attempt) = (house.gate.clone(), session.clone(), get(url));
        tokio::spawn(async move { gate.ask(&session, attempt).await })
    });
    let mut answers = Vec::new();
    for task in asking.collect::<Vec<_>>() {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn parallel_asks_for_one_thing_are_one_hold() {
    let house = House::new().await;
    let session = held(&house).await;
    let urls = vec!["http://plain.weather.example/a".to_owned(); 16];
    let mut ids = std::collections::BTreeSet::new();
    for answer in together(&house, &session, &urls).await {
        let Answer::Hold(refusal) = answer else { panic!("{answer:?}") };
        ids.insert(refusal.hold.unwrap());
    }
    let placed =
        |row: &backstop_ledger::Recorded| matches!(row.event.fact, Fact::HoldPlaced { .. });
    let placed = house.events().await.iter().filter(|row| placed(row)).count();
    assert_eq!((ids.len(), placed), (1, 1));
    house.stop().await;
}

#[tokio::test]
async fn parallel_asks_pass_no_bound_on_holds() {
    let config = backstop_gate::Config { holds_per_session: 3, ..Default::default() };
    let house = House::with(config).await;
    let session = held(&house).await;
    let urls: Vec<_> = (0..16).map(|n| format!("http://plain.weather.example/{n}")).collect();
    let (mut held, mut limited) = (0, 0);
    for answer in together(&house, &session, &urls).await {
        match answer {
            Answer::Hold(_) => held += 1,
            Answer::Refusal(refusal) if refusal.control == Control::Limit => limited += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((held, limited, house.ledger.views().holds().len()), (3, 13, 3));
    house.stop().await;
}

/// Whoever hangs up while his hold is being recorded neither frees its place nor gets a second one.
#[tokio::test]
async fn an_ask_that_is_given_up_keeps_its_place_until_its_hold_shows() {
    let config = backstop_gate::Config { holds_per_session: 2, ..Default::default() };
    let house = House::with(config).await;
    let session = held(&house).await;
    for n in 0..8 {
        let attempt = get(&format!("http://plain.weather.example/{}", n % 4));
        let mut asking = Box::pin(house.gate.ask(&session, attempt));
        // Polled once: the hold is queued, its commit is not waited for.
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(asking.as_mut().poll(cx)));
        drop(first.await);
        drop(asking);
    }
    house.events().await;
    assert_eq!(house.ledger.views().holds().len(), 2);
    let answer = house.gate.ask(&session, get("http://plain.weather.example/0")).await;
    assert!(matches!(answer, Answer::Hold(_)), "{answer:?}");
    assert_eq!(house.ledger.views().holds().len(), 2);
    house.stop().await;
}

#[tokio::test]
async fn a_grant_opens_one_host_and_ends_by_itself() {
    let house = House::new().await;
    house.names.set("new.weather.example", &[OTHER]);
    let session = house.session().await;
    is_refused_by(&house.refusal(&session, "new.weather.example:443").await, Control::EgressTenant);
    let request = GrantRequest {
        tenant: session.subject().tenant.clone(),
        skill: weather().0,
        host: HostName::parse("new.weather.example").unwrap(),
        port: 443,
        lives: Duration::from_secs(4 * 3_600),
        reason: "an outage".to_owned(),
    };
    let control = house.gate.control();
    let grant = control.grant(&house.operator, request.clone()).await.unwrap();
    let flow = house.permit(&session, "new.weather.example:443").await.dial().await.unwrap();
    is_refused_by(
        &house.refusal(&session, "new.weather.example:8443").await,
        Control::EgressTenant,
    );
    control.revoke_grant(&house.operator, &grant.id).await.unwrap();
    assert!(!flow.handle().is_live());

    let grant = control.grant(&house.operator, request).await.unwrap();
    let flow = house.permit(&session, "new.weather.example:443").await.dial().await.unwrap();
    house.clock.advance(Duration::from_secs(4 * 3_600));
    within_a_second(|| !flow.handle().is_live()).await;
    is_refused_by(&house.refusal(&session, "new.weather.example:443").await, Control::EgressTenant);
    assert!(grant.until <= backstop_gate::Clock::now(&*house.clock));
    house.stop().await;
}
