//! Counting received bytes while meters come and go.

use super::*;
use backstop_model::attempt::{Act, Inspection, Plane};
use backstop_model::destination::{Protocol, parse_authority};
use backstop_model::id::TenantName;
use backstop_model::standing::Subject;
use std::sync::atomic::AtomicU64;

const NOW: Timestamp = Timestamp::from_unix_micros(1_000_000);

fn session(n: u8) -> Session {
    let id = SessionId::draw(NOW, [n; 10]);
    let subject = Subject {
        session: Some(id.clone()),
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    };
    Session { id, subject, token: None, expires: None, source: None }
}

fn live() -> Arc<Live> {
    Arc::new(Live::new(&Config::default()))
}

fn register(live: &Arc<Live>, who: &Session, recorded: impl Fn(&SessionId) -> u64) -> Registration {
    let stage = Attempt {
        plane: Plane::Proxy,
        destination: parse_authority("api.weather.example:443", Protocol::Https).unwrap(),
        act: Act::Connect,
        sight: Inspection::Sni,
    };
    live.register(who, stage, Digest::ZERO, super::Ties::default(), NOW, recorded).unwrap()
}

#[test]
fn a_meter_made_from_an_old_look_at_the_record_counts_no_less_than_it_should() {
    let (live, who) = (live(), session(1));
    let record = AtomicU64::new(0);
    let looks = AtomicU64::new(0);
    let flow = register(&live, &who, |_| {
        let seen = record.load(Ordering::SeqCst);
        if looks.fetch_add(1, Ordering::SeqCst) == 0 {
            // Between the look and the registration another flow of the session comes, receives,
            // goes on record, and its meter is forgotten.
            let other = register(&live, &who, |_| 0);
            other.entry().received(1_000);
            drop(other);
            record.store(1_000, Ordering::SeqCst);
            live.forget(&who.id);
        }
        seen
    });
    flow.entry().received(7);
    assert_eq!(flow.entry().meter.received(), 1_007);
    assert_eq!(looks.load(Ordering::SeqCst), 2);
}

#[test]
fn a_meter_is_kept_until_what_it_counted_is_on_record() {
    let live = live();
    lock(&live.state).full = 2;
    let (one, two) = (session(1), session(2));
    let flow = register(&live, &one, |_| 0);
    flow.entry().received(1_000);
    drop(flow);
    drop(register(&live, &two, |_| 0));
    // The end of the first flow still waits in the ledger's queue.
    lock(&live.state).full = 0;
    drop(register(&live, &two, |_| 0));
    assert_eq!(register(&live, &one, |_| 0).entry().meter.received(), 1_000);
    // Now it is on record.
    lock(&live.state).full = 0;
    let recorded = |id: &SessionId| if *id == one.id { 1_000 } else { 0 };
    drop(register(&live, &two, recorded));
    assert!(!lock(&live.state).sessions.contains_key(&one.id));
    assert_eq!(register(&live, &one, recorded).entry().meter.received(), 1_000);
}

#[test]
fn meters_of_sessions_that_are_over_are_forgotten() {
    let live = live();
    let over = Session { expires: Some(NOW), ..session(1) };
    register(&live, &over, |_| 0).entry().received(1_000);
    lock(&live.state).full = 0;
    drop(register(&live, &session(2), |_| 0));
    assert!(!lock(&live.state).sessions.contains_key(&over.id));
}
