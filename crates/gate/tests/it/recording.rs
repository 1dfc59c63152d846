//! One agent fills neither disk nor queue, and delays nobody else.

use crate::house::*;
use backstop_gate::{Answer, Credential, Gate, Session};
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::Fact;
use backstop_model::redacted::Redacted;
use std::time::{Duration, Instant};

const FLOOD: usize = 100_000;

/// The 99th percentile of so many asks that end in a permit.
async fn p99(gate: &Gate, session: &Session, asks: usize) -> Duration {
    let mut took = Vec::with_capacity(asks);
    for _ in 0..asks {
        let began = Instant::now();
        let answer = gate.ask(session, connect("api.weather.example:443")).await;
        took.push(began.elapsed());
        assert!(matches!(answer, Answer::Permit(_)), "{answer:?}");
    }
    took.sort();
    took[asks * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_refusals_cost_little_and_delay_nobody() {
    let house = House::new().await;
    let (flooder, honest) = (house.session().await, house.session().await);
    p99(&house.gate, &honest, 100).await;
    let quiet = p99(&house.gate, &honest, 500).await;
    let before = house.ledger.health().bytes.0;
    let rows_before = house.events().await.len();

    let gate = house.gate.clone();
    let flood = tokio::spawn(async move {
        for n in 0..FLOOD {
            let place = format!("x{n}.evil{}.example:443", n % 1_000);
            let answer = gate.ask(&flooder, connect(&place)).await;
            assert!(matches!(answer, Answer::Refusal(_)));
        }
        flooder
    });
    let loaded = p99(&house.gate, &honest, 500).await;
    let flooder = flood.await.unwrap();
    let control = house.gate.control();
    control.close_session(&house.operator, flooder.id()).await.unwrap();

    let events = house.events().await;
    let (mut singly, mut counted) = (0, 0);
    for row in &events[rows_before..] {
        match row.event.fact {
            Fact::AttemptRefused { .. } => singly += 1,
            Fact::RefusalsCounted { count, .. } => counted += count,
            _ => {}
        }
    }
    assert_eq!(singly + counted, FLOOD as u64, "each refusal is on record, singly or counted");
    assert!(singly <= 100, "{singly}: the test's clock stands still, so the burst is all");
    let grown = house.ledger.health().bytes.0.saturating_sub(before);
    // The 500 permits of the honest session are in it too.
    println!("p99 quiet {quiet:?}, loaded {loaded:?}; {grown} bytes; {singly} singly");
    assert!(grown < 1_000_000, "{grown} bytes");
    // A busy machine moves both figures; who is starved by the flood is off by seconds.
    assert!(loaded < quiet * 2 + Duration::from_millis(50), "quiet {quiet:?}, loaded {loaded:?}");
    house.stop().await;
}

#[tokio::test]
async fn strangers_cost_a_bounded_number_of_records() {
    let house = House::new().await;
    let token = Redacted::new("bearer token", format!("bst_a_{}", "A".repeat(43)));
    for _ in 0..10_000 {
        let credential = Credential { session: None, token: token.clone() };
        let refusal = house.gate.sign_in(Plane::Proxy, &credential).unwrap_err();
        is_refused_by(&refusal, Control::Identity);
    }
    house.gate.drain(Duration::ZERO).await;
    let (mut rows, mut counted, mut alerts) = (0, 0, 0);
    for row in house.events().await {
        match row.event.fact {
            Fact::AttemptRefused { .. } => rows += 1,
            Fact::RefusalsCounted { count, .. } => counted += count,
            Fact::AlertRaised { .. } => alerts += 1,
            _ => {}
        }
    }
    assert_eq!((rows, counted, alerts), (50, 9_950, 2));
    house.stop().await;
}

#[tokio::test]
async fn one_alert_of_a_kind_within_a_minute() {
    let house = House::new().await;
    let session = house.session().await;
    for n in 0..30 {
        house.refusal(&session, &format!("x{n}.evil.example:443")).await;
    }
    let alerts = || house.ledger.views().alerts();
    within_a_second(|| alerts().len() == 1).await;
    assert_eq!(alerts()[0].count, 1);
    house.clock.advance(Duration::from_secs(60));
    within_a_second(|| alerts()[0].count == 30).await;
    assert_eq!((alerts().len(), alerts()[0].control), (1, Control::EgressTenant));
    house.stop().await;
}

#[tokio::test]
async fn the_500th_call_within_an_hour_passes_and_raises_an_alert() {
    let house = House::new().await;
    let session = house.session().await;
    for _ in 0..499 {
        drop(house.permit(&session, "api.weather.example:443").await);
    }
    let alerts = || house.ledger.views().alerts();
    assert!(alerts().is_empty(), "{:?}", alerts());
    drop(house.permit(&session, "api.weather.example:443").await);
    within_a_second(|| alerts().len() == 1).await;
    assert_eq!(alerts()[0].control, Control::VolumeCalls);
    assert!(alerts()[0].summary.contains("was let through"), "{}", alerts()[0].summary);
    house.stop().await;
}
