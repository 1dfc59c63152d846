//! Questions for names: on record before they are permitted, refused at once, judged again.

use crate::house::{
    GOOD, House, OTHER, POLICY, PRIVATE, with_private, within_a_second, without_api,
};
use backstop_gate::Config;
use backstop_gate::names::{
    NameAnswer, NameClient, NameIdentity, NamePermit, NameSkill, Question, Route,
};
use backstop_ledger::Recorded;
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::Fact;
use backstop_model::id::{ReceiptId, SkillName, SkillVersion, TenantName};
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use backstop_model::refusal::Refusal;
use backstop_model::standing::Quarantined;
use std::net::IpAddr;
use std::time::Duration;

pub(crate) fn who(skill: bool) -> NameIdentity {
    NameIdentity {
        place: "10.1.0.0/16".to_owned(),
        tenant: TenantName::parse("research").unwrap(),
        skill: if skill {
            NameSkill::One(
                SkillName::parse("weather").unwrap(),
                SkillVersion::parse("1.2.0").unwrap(),
            )
        } else {
            NameSkill::Any
        },
        role: None,
    }
}

pub(crate) fn wild() -> String {
    POLICY.replace(
        "  egress:\n  - { host: api",
        "  egress:\n  - { host: \"*.t.example\", owner: t, reason: r, reviewBy: \"2027-02-01\" }\n  - { host: api",
    )
}

pub(crate) fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

pub(crate) async fn client(house: &House, skill: bool) -> NameClient {
    let session = house.gate.name_session(who(skill)).await.unwrap();
    house.gate.name_client(&session, "10.1.0.7".parse().unwrap())
}

pub(crate) async fn ask<'a>(
    house: &'a House,
    client: &'a NameClient,
    text: &str,
) -> NameAnswer<'a> {
    let name = name(text);
    let question = Question { name: &name, qtype: QueryType::A, class: CLASS_IN };
    house.gate.ask_name(client, &question).await
}

fn now<'a>(house: &'a House, client: &'a NameClient, text: &str) -> Option<NameAnswer<'a>> {
    let name = name(text);
    let question = Question { name: &name, qtype: QueryType::A, class: CLASS_IN };
    house.gate.ask_name_now(client, &question)
}

pub(crate) fn permit(answer: NameAnswer<'_>) -> NamePermit<'_> {
    match answer {
        NameAnswer::Permit(permit) => permit,
        other => panic!("it should be permitted: {other:?}"),
    }
}

pub(crate) fn refusal(answer: NameAnswer<'_>) -> Refusal {
    match answer {
        NameAnswer::Refusal(refusal) => refusal,
        other => panic!("it should be refused: {other:?}"),
    }
}

fn permits(events: &[Recorded]) -> Vec<(&ReceiptId, &str)> {
    let of = |row: &'_ Recorded| match &row.event.fact {
        Fact::AttemptPermitted { asked, .. } => Some(asked.plane == Plane::Dns),
        _ => None,
    };
    events
        .iter()
        .filter(|row| of(row) == Some(true))
        .filter_map(|row| match &row.event.fact {
            Fact::AttemptPermitted { asked, .. } => Some((&row.event.receipt, asked.host.as_str())),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_name_is_on_record_before_it_is_permitted_and_once_a_minute() {
    let house = House::new().await;
    let client = client(&house, true).await;
    assert!(now(&house, &client, "api.weather.example").is_none(), "not on record yet");
    let first = permit(ask(&house, &client, "api.weather.example").await);
    let found = house.ledger.find(first.receipt()).unwrap().unwrap();
    assert!(
        matches!(&found.event.fact, Fact::AttemptPermitted { asked, .. } if asked.host == "api.weather.example")
    );
    assert!(found.event.subject.unwrap().skill.is_some());
    for text in ["api.weather.example", "API.Weather.Example"] {
        let again = permit(now(&house, &client, text).unwrap());
        assert_eq!(again.receipt(), first.receipt(), "{text}");
    }
    house.clock.advance(Duration::from_secs(60));
    assert!(now(&house, &client, "api.weather.example").is_none(), "a new minute, a new row");
    let next = permit(ask(&house, &client, "api.weather.example").await);
    assert_ne!(next.receipt(), first.receipt());
    assert_eq!((next.route(), next.strips_ech()), (Route::Usual, true));
    house.gate.drain(Duration::ZERO).await;
    let events = house.events().await;
    assert_eq!(permits(&events).len(), 2);
    let resolved = events.iter().find_map(|row| match &row.event.fact {
        Fact::NameResolved { permit, queries, .. } => Some((permit.clone(), *queries)),
        _ => None,
    });
    assert_eq!(resolved, Some((first.receipt().clone(), 3)));
    let reader = backstop_ledger::Reader::open(&house.dir.join("ledger")).unwrap();
    let report = reader.verify(&backstop_ledger::VerifyOptions::default());
    assert!(report.is_ok(), "{report:?}");
}

/// The permits of clients that act as a skill.
fn of_skill(events: &[Recorded]) -> Vec<ReceiptId> {
    let skilled = |row: &&Recorded| row.event.subject.as_ref().is_some_and(|s| s.skill.is_some());
    let skilled: Vec<Recorded> = events.iter().filter(skilled).cloned().collect();
    permits(&skilled).into_iter().map(|(receipt, _)| receipt.clone()).collect()
}

/// Waits until so many of them are on record.
async fn permitted(house: &House, count: usize) {
    let waited = async {
        while of_skill(&house.events().await).len() < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("a row in ten seconds");
}

#[tokio::test]
async fn a_name_in_steady_use_is_on_record_for_its_next_minute_before_that_begins() {
    const NAME: &str = "api.weather.example";
    let house = House::new().await;
    let (steady, other) = (client(&house, true).await, client(&house, false).await);
    let place = NameIdentity { place: "10.2.0.0/16".to_owned(), ..who(false) };
    let place = house.gate.name_session(place).await.unwrap();
    let seldom = house.gate.name_client(&place, "10.2.0.7".parse().unwrap());
    let (second, before_its_end) = (Duration::from_secs(1), Duration::from_secs(50));
    let _first = permit(ask(&house, &other, NAME).await);
    while now(&house, &other, NAME).is_some() {
        house.clock.advance(second);
    }
    // Its minute begins now.
    let row = permit(ask(&house, &steady, NAME).await).receipt().clone();
    for _ in 0..5 {
        assert_eq!(permit(now(&house, &steady, NAME).unwrap()).receipt(), &row);
    }
    house.clock.advance(before_its_end);
    let asked = house.gate.now();
    // Once, though by several types: that is no steady use.
    let _once = permit(ask(&house, &seldom, NAME).await);
    for client in [&seldom, &seldom, &steady] {
        assert!(now(&house, client, NAME).is_some());
    }
    permitted(&house, 2).await;
    assert_eq!(permit(now(&house, &steady, NAME).unwrap()).receipt(), &row, "its minute goes on");
    house.clock.advance(10 * second);
    assert!(
        now(&house, &seldom, NAME).is_none(),
        "asked at one time alone: nothing was made for it"
    );
    // It stands a moment after its commit.
    let mut found = None;
    within_a_second(|| {
        found = now(&house, &steady, NAME).map(|answer| permit(answer).receipt().clone());
        found.is_some()
    })
    .await;
    let next = found.expect("nothing waits");
    let found = house.ledger.find(&next).unwrap().unwrap().event;
    assert!(matches!(&found.fact, Fact::AttemptPermitted { asked, .. } if asked.host == NAME));
    assert_eq!(found.at, asked, "the row says when it was asked");
    // Once more, and then it is not used.
    for _ in 0..5 {
        assert_eq!(permit(now(&house, &steady, NAME).unwrap()).receipt(), &next);
    }
    house.clock.advance(before_its_end);
    let _asked = permit(now(&house, &steady, NAME).unwrap());
    permitted(&house, 3).await;
    house.clock.advance(10 * second);
    // A change of policy counts at once, whatever was made ahead.
    house.put_policy(&without_api());
    assert!(matches!(now(&house, &steady, NAME), Some(NameAnswer::Refusal(_))));
    let told = async || {
        house.gate.drain(Duration::ZERO).await;
        let events = house.events().await;
        let all = of_skill(&events);
        assert_eq!(all.get(..2), Some(&[row.clone(), next.clone()][..]));
        [all.first(), all.get(1), all.get(2)].map(|receipt| {
            let receipt = receipt?;
            events.iter().find_map(|event| match &event.event.fact {
                Fact::NameResolved { permit, queries, .. } if permit == receipt => Some(*queries),
                _ => None,
            })
        })
    };
    let all = async {
        while told().await.contains(&None) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("all three say what came");
    assert_eq!(told().await, [Some(8), Some(7), Some(0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_share_one_row() {
    let house = std::sync::Arc::new(House::new().await);
    let client = client(&house, true).await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (house, client) = (std::sync::Arc::clone(&house), client.clone());
        all.spawn(async move {
            permit(ask(&house, &client, "api.weather.example").await).receipt().clone()
        });
    }
    let receipts: std::collections::HashSet<_> = all.join_all().await.into_iter().collect();
    assert_eq!(receipts.len(), 1);
}

#[tokio::test]
async fn a_refusal_waits_for_nothing_and_alerts_once() {
    let house = House::new().await;
    let client = client(&house, true).await;
    for n in 0..50 {
        let refused = refusal(now(&house, &client, &format!("x{n}.evil.example")).unwrap());
        assert_eq!(refused.control, Control::DnsUndeclared);
    }
    let events = house.events().await;
    let alerts: Vec<_> = events
        .iter()
        .filter_map(|row| match &row.event.fact {
            Fact::AlertRaised { control: Control::DnsUndeclared, summary, .. } => Some(summary),
            _ => None,
        })
        .collect();
    assert_eq!(alerts.len(), 1, "one for the registered domain");
    assert!(alerts[0].starts_with("agent-dns-undeclared: "), "{}", alerts[0]);
    assert!(alerts[0].contains("evil.example"));
    assert!(permits(&events).is_empty());
}

#[tokio::test]
async fn names_that_carry_data_are_not_kept() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let secret = "mzxw6ytboi4dgmbqgeydambqgiztgnbvgy3tqojqgezdgnbvgy3tqoi";
    let refused = refusal(now(&house, &client, &format!("{secret}.evil.example")).unwrap());
    assert!(refused.reason.contains("characters, over 40"), "{}", refused.reason);
    assert!(refused.reason.contains("asked by 10.1.0.7"), "{}", refused.reason);
    let events = house.events().await;
    let kept = format!("{events:?}");
    assert!(!kept.contains(secret), "the name's labels are the data");
    assert!(kept.contains("octets].evil.example"));
    for control in [Control::DnsLabelLength, Control::DnsEntropy] {
        let raised = events.iter().any(
            |row| matches!(&row.event.fact, Fact::AlertRaised { control: c, .. } if *c == control),
        );
        assert!(raised, "{control}");
    }
}

#[tokio::test]
async fn an_undeclared_type_is_empty_and_nothing_is_recorded_as_permitted() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let name = name("api.weather.example");
    let question = Question { name: &name, qtype: QueryType::TXT, class: CLASS_IN };
    let _ = permit(ask(&house, &client, "api.weather.example").await);
    match house.gate.ask_name_now(&client, &question) {
        Some(NameAnswer::Empty(refusal)) => assert_eq!(refusal.control, Control::DnsUndeclared),
        other => panic!("{other:?}"),
    }
    let chaos = Question { name: &name, qtype: QueryType::A, class: 3 };
    assert!(matches!(house.gate.ask_name_now(&client, &chaos), Some(NameAnswer::Refusal(_))));
}

#[tokio::test]
async fn a_policy_change_counts_at_once_for_names_on_record_and_permits_in_hand() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let held = permit(ask(&house, &client, "api.weather.example").await);
    assert!(held.judge(&["93.184.215.14".parse().unwrap()]).is_ok());
    house.put_policy(&crate::house::without_api());
    let refused = refusal(now(&house, &client, "api.weather.example").unwrap());
    assert_eq!(refused.control, Control::DnsUndeclared);
    assert!(held.judge(&["93.184.215.14".parse().unwrap()]).is_err(), "what comes back too late");
    house.put_policy(POLICY);
    let _ = permit(ask(&house, &client, "api.weather.example").await);
}

/// A reload that leaves the name's row as it is refuses no answer that is under way.
#[tokio::test]
async fn a_reload_that_changes_nothing_refuses_nothing_under_way() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let held = permit(ask(&house, &client, "api.weather.example").await);
    house.put_policy(POLICY);
    held.judge(&["93.184.216.34".parse().unwrap()]).unwrap();
    assert!(now(&house, &client, "api.weather.example").is_none(), "a row under the new policy");
}

#[tokio::test]
async fn a_session_that_opens_elsewhere_costs_no_new_row() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let first = permit(ask(&house, &client, "api.weather.example").await);
    let _other = house.session().await;
    let again = permit(now(&house, &client, "api.weather.example").unwrap());
    assert_eq!(again.receipt(), first.receipt());
}

#[tokio::test]
async fn quarantine_refuses_names_and_outlives_renewal_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(dir.path(), Config::default()).await;
    let session = house.gate.name_session(who(true)).await.unwrap();
    let source: IpAddr = "10.1.0.7".parse().unwrap();
    let client = house.gate.name_client(&session, source);
    let held = permit(ask(&house, &client, "api.weather.example").await);
    house
        .gate
        .control()
        .quarantine(&house.operator, Quarantined::Session(session.id().clone()), "test")
        .await
        .unwrap();
    let refused = refusal(now(&house, &client, "api.weather.example").unwrap());
    assert_eq!(refused.control, Control::Quarantine);
    assert!(held.judge(&[]).is_err());
    house.clock.advance(Duration::from_secs(25 * 3_600));
    let _ = refusal(ask(&house, &client, "api.weather.example").await);
    house.stop_sweeping().await;
    house.stop().await;
    let house = House::open(dir.path(), Config::default()).await;
    let session = house.gate.name_session(who(true)).await.unwrap();
    let client = house.gate.name_client(&session, source);
    let refused = refusal(ask(&house, &client, "api.weather.example").await);
    assert_eq!(refused.control, Control::Quarantine);
    house.stop().await;
}

#[tokio::test]
async fn a_standing_session_is_renewed_before_it_ends_and_handles_stay_good() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let _ = permit(ask(&house, &client, "api.weather.example").await);
    for _ in 0..4 {
        house.clock.advance(Duration::from_secs(23 * 3_600 + 1_800));
        let _ = permit(ask(&house, &client, "api.weather.example").await);
    }
    let opened = house
        .events()
        .await
        .iter()
        .filter(|row| matches!(row.event.fact, Fact::SessionOpened { .. }))
        .count();
    assert_eq!(opened, 5, "each on record");
}

#[tokio::test]
async fn refused_addresses_refuse_the_answer_and_rebinding_is_told() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let held = permit(ask(&house, &client, "api.weather.example").await);
    let (good, bad): (IpAddr, Vec<IpAddr>) = (
        "93.184.215.14".parse().unwrap(),
        [
            "10.0.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ]
        .map(|a| a.parse().unwrap())
        .to_vec(),
    );
    for address in &bad {
        let refused = held.judge(&[good, *address]).unwrap_err();
        assert_eq!(refused.control, Control::SsrfAddress, "{address}");
    }
    held.pin(&[good], Duration::from_secs(1));
    let refused = held.judge(&[bad[0]]).unwrap_err();
    assert_eq!(refused.control, Control::SsrfRebind);
}

/// Where a permitted tunnel ends: the address that was dialled and judged.
async fn dialled(house: &House, session: &backstop_gate::Session, host: &str) -> Option<IpAddr> {
    let permit = house.permit(session, &format!("{host}:443")).await;
    permit.dial().await.unwrap().address()
}

#[tokio::test]
async fn what_a_client_was_told_is_where_its_connection_leads_without_another_look_up() {
    let house = House::new().await;
    let client = client(&house, true).await;
    let session = house.session().await;
    let [told, looked_up] = [GOOD, OTHER].map(|address| address.parse::<IpAddr>().unwrap());
    house.names.set("api.weather.example", &[OTHER]);
    let permitted = permit(ask(&house, &client, "api.weather.example").await);
    permitted.pin(&[told], Duration::from_secs(1));
    let here = session.clone().at("10.1.0.7".parse().unwrap());
    let host = "api.weather.example";
    assert_eq!(dialled(&house, &here, host).await, Some(told));
    assert_eq!(house.names.asked(), 0, "nothing is looked up a second time");
    // Another host of the same skill, and a connection without a source, were told nothing.
    let there = session.clone().at("10.1.0.8".parse().unwrap());
    assert_eq!(dialled(&house, &there, host).await, Some(looked_up));
    assert_eq!(dialled(&house, &session, host).await, Some(looked_up));
    assert_eq!(house.names.asked(), 2);
    // A floor under the TTL; in the grace behind it somebody is asked, and it stands in if nobody
    // answers.
    house.clock.advance(Duration::from_secs(59));
    assert_eq!(dialled(&house, &here, host).await, Some(told));
    house.clock.advance(Duration::from_secs(2));
    assert_eq!(dialled(&house, &here, host).await, Some(looked_up));
    house.names.fail(true);
    assert_eq!(dialled(&house, &here, host).await, Some(told));
    house.clock.advance(Duration::from_secs(600));
    let permit = house.permit(&here, "api.weather.example:443").await;
    assert_eq!(permit.dial().await.unwrap_err().control, Control::UpstreamReach);
}

#[tokio::test]
async fn what_a_client_was_told_is_judged_again_by_the_rules_of_the_dial() {
    let house = House::new().await;
    // Told under a row that lets the name lead inside; that row is gone when it connects.
    house.put_policy(&with_private());
    let client = client(&house, true).await;
    let permitted = permit(ask(&house, &client, "rebind.weather.example").await);
    let inside: IpAddr = PRIVATE.parse().unwrap();
    permitted.judge(&[inside]).unwrap();
    permitted.pin(&[inside], Duration::from_secs(300));
    let session = house.session().await.at("10.1.0.7".parse().unwrap());
    assert_eq!(dialled(&house, &session, "rebind.weather.example").await, Some(inside));
    house.put_policy(POLICY);
    let again = house.permit(&session, "rebind.weather.example:443").await;
    let refused = again.dial().await.unwrap_err();
    assert!(matches!(refused.control, Control::SsrfAddress | Control::SsrfRebind), "{refused:?}");
    assert_eq!(house.names.asked(), 0);
}

#[tokio::test]
async fn a_session_without_a_skill_in_policy_is_not_opened() {
    let house = House::new().await;
    let mut stranger = who(true);
    stranger.tenant = TenantName::parse("nobody").unwrap();
    assert!(house.gate.name_session(stranger).await.is_err());
}

/// How many names a tunnel got through, and how many octets of its own these carried.
async fn tunnel(
    house: &House,
    client: &NameClient,
    labels: impl Fn(u32) -> String,
    names: u32,
    pause: Duration,
) -> (u32, usize, Option<u32>) {
    let (mut through, mut octets) = (0, 0);
    let mut told = std::collections::HashSet::new();
    for n in 0..names {
        house.clock.advance(pause);
        let data = labels(n);
        match ask(house, client, &format!("{data}.t.example")).await {
            NameAnswer::Permit(_) => {
                through += 1;
                octets += if told.insert(data.clone()) { data.len() + 1 } else { 0 };
            }
            NameAnswer::Refusal(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let flagged = house
        .ledger
        .views()
        .alerts()
        .iter()
        .any(|alert| alert.control == Control::DnsPayload)
        .then_some(through);
    (through, octets, flagged)
}

fn pseudo(n: u32, index: u32) -> u32 {
    let x = (u64::from(n) << 32 | u64::from(index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 33) as u32
}

pub(crate) fn text(n: u32, length: u32, alphabet: &str) -> String {
    let symbols: Vec<char> = alphabet.chars().collect();
    (0..length).map(|at| symbols[pseudo(n, at) as usize % symbols.len()]).collect()
}

pub(crate) fn flagged_after(events: &[Recorded]) -> Option<usize> {
    let raised = events.iter().position(|row| {
        matches!(&row.event.fact, Fact::AlertRaised { control: Control::DnsPayload, .. })
    })?;
    Some(permits(&events[..raised]).len())
}

#[tokio::test]
async fn slow_tunnels_under_a_wildcard_are_flagged_and_cut_at_the_budget() {
    const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";
    let words = ["apple", "bridge", "candle", "desert", "engine", "forest", "garden", "hammer"];
    type Talker = Box<dyn Fn(u32) -> String>;
    let cases: [(&str, Talker); 4] = [
        (
            "base32 in 14 short labels, 98 a minute",
            Box::new(|n| {
                let label = |at: u32| text(n * 14 + at, 16, BASE32);
                (0..14).map(label).collect::<Vec<_>>().join(".")
            }),
        ),
        ("16 hexadecimal digits", Box::new(|n| text(n, 16, "0123456789abcdef"))),
        (
            "words of a list",
            Box::new(move |n| {
                let word = |at| words[pseudo(n, at) as usize % words.len()];
                (0..4).map(word).collect::<Vec<_>>().join("-")
            }),
        ),
        ("8 base36 symbols", Box::new(|n| text(n, 8, "abcdefghijklmnopqrstuvwxyz0123456789"))),
    ];
    for (what, labels) in cases {
        let house = House::new().await;
        house.put_policy(&wild());
        let client = client(&house, false).await;
        let (through, octets, _) =
            tunnel(&house, &client, labels, 700, Duration::from_millis(612)).await;
        let flagged = flagged_after(&house.events().await);
        println!("{what}: {through} names with {octets} octets passed, flagged at {flagged:?}");
        assert!(octets < 4_096, "{what}: {octets}");
        assert!(flagged.is_some_and(|n| n <= 40), "{what}: {flagged:?}");
        let refused = refusal(ask(&house, &client, "more.t.example").await);
        assert_eq!(refused.control, Control::DnsPayload);
        assert!(refused.reason.contains("is closed to this client today"), "{}", refused.reason);
        // Exact names are nobody's tunnel.
        let _ = permit(ask(&house, &client, "api.weather.example").await);
        // Another client has its own budget, and tomorrow is another day.
        let session = house.gate.name_session(who(false)).await.unwrap();
        let other = house.gate.name_client(&session, "10.1.0.8".parse().unwrap());
        let _ = permit(ask(&house, &other, "more.t.example").await);
        house.clock.advance(Duration::from_secs(12 * 3_600));
        let _ = permit(ask(&house, &client, "more.t.example").await);
    }
}

/// Any program may take any address of 127/8, and a host owns a whole /64.
#[tokio::test]
async fn addresses_that_one_host_may_take_at_will_share_a_budget() {
    for (first, second, stranger) in [
        ("127.0.0.1", "127.9.8.7", "10.1.0.9"),
        ("::1", "127.0.0.2", "10.1.0.9"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
    ] {
        let house = House::new().await;
        house.put_policy(&wild());
        let session = house.gate.name_session(who(false)).await.unwrap();
        let client = |text: &str| house.gate.name_client(&session, text.parse().unwrap());
        let hex: Box<dyn Fn(u32) -> String> = Box::new(|n| text(n, 16, "0123456789abcdef"));
        let _ = tunnel(&house, &client(first), hex, 400, Duration::from_millis(612)).await;
        let refused = refusal(ask(&house, &client(second), "more.t.example").await);
        assert_eq!(refused.control, Control::DnsPayload, "{first} and {second}");
        let _ = permit(ask(&house, &client(stranger), "more.t.example").await);
    }
}

#[tokio::test]
async fn the_hundredth_unique_name_within_a_minute_alerts() {
    let house = House::new().await;
    house.put_policy(&wild());
    let client = client(&house, false).await;
    let count = async |house: &House| {
        house.events().await;
        let alerts = house.ledger.views().alerts();
        alerts.iter().filter(|a| a.control == Control::DnsUniqueRate).count()
    };
    for n in 0..99 {
        let _ = permit(ask(&house, &client, &format!("a{n}.t.example")).await);
    }
    assert_eq!(count(&house).await, 0);
    let _ = permit(ask(&house, &client, "a99.t.example").await);
    assert_eq!(count(&house).await, 1);
}

#[tokio::test]
async fn many_source_addresses_share_a_budget_beyond_the_limit() {
    let mut config = Config::default();
    config.names.clients = 4;
    let house = House::with(config).await;
    house.put_policy(&wild());
    let session = house.gate.name_session(who(false)).await.unwrap();
    let mut octets = 0;
    for n in 0..400_u32 {
        let source = IpAddr::from([10, 1, (n / 250) as u8, (n % 250) as u8]);
        let client = house.gate.name_client(&session, source);
        let data = text(n, 60, "abcdefghijklmnopqrstuvwxyz234567");
        if let NameAnswer::Permit(_) = ask(&house, &client, &format!("{data}.t.example")).await {
            octets += data.len() + 1;
        }
    }
    assert!(octets < 5 * 4_096, "{octets}");
}

#[tokio::test]
async fn an_observing_tenant_asks_on_record_and_is_told() {
    let house = House::new().await;
    house.put_policy(&POLICY.replace(
        "spec:\n  skills:\n  - { name: weather, version: 1.2.0 }\n  egress",
        "spec:\n  rollout: { mode: observe, until: \"2026-12-01\" }\n  skills:\n  - { name: weather, version: 1.2.0 }\n  egress",
    ));
    let client = client(&house, true).await;
    let held = permit(ask(&house, &client, "other.example").await);
    let found = house.ledger.find(held.receipt()).unwrap().unwrap();
    assert!(
        matches!(&found.event.fact, Fact::AttemptPermitted { reasons, .. } if reasons.iter().any(|r| r.control == Control::DnsUndeclared))
    );
    assert!(held.judge(&["10.0.0.1".parse().unwrap()]).is_err(), "addresses always enforce");
}

#[tokio::test]
async fn the_minutes_of_names_begin_apart() {
    let house = House::new().await;
    house.put_policy(&wild());
    let client = client(&house, false).await;
    let texts: Vec<String> = (0..240).map(|n| format!("n{n}.t.example")).collect();
    for text in &texts {
        let _first = permit(ask(&house, &client, text).await);
    }
    let mut most = 0;
    let mut again = vec![0; texts.len()];
    for _ in 0..60 {
        house.clock.advance(Duration::from_secs(1));
        let mut at_once = 0;
        for (text, again) in texts.iter().zip(&mut again) {
            if now(&house, &client, text).is_none() {
                at_once += 1;
                *again += 1;
                let _next = permit(ask(&house, &client, text).await);
            }
        }
        most = most.max(at_once);
    }
    assert!(again.iter().all(|times| *times == 1), "one row a minute for each: {again:?}");
    // Four a second on average; were they all of one minute, it would be 240.
    assert!(most <= 24, "{most} at once");
}
