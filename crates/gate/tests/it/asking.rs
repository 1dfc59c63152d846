//! Ask, refine, dial: what is permitted is on record first, what is refused costs no look-up.

use crate::house::*;
use backstop_gate::Answer;
use backstop_model::attempt::{Act, Plane};
use backstop_model::control::Control;
use backstop_model::destination::{Protocol, parse_authority, parse_url};
use backstop_model::event::{Ending, Fact};
use backstop_model::host::HostName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_permit_is_on_record_before_it_is_given_and_a_flow_after_it_ended() {
    let house = House::new().await;
    let session = house.session().await;
    let permit = house.permit(&session, "api.weather.example:443").await;
    let receipt = permit.receipt().clone();
    let found = house.ledger.find(&receipt).unwrap().expect("on record before the effect");
    assert!(matches!(found.event.fact, Fact::AttemptPermitted { .. }));
    assert_eq!(house.names.asked(), 0, "nothing is looked up before the dial");

    let mut flow = permit.dial().await.unwrap();
    assert_eq!(flow.address(), Some(GOOD.parse().unwrap()));
    flow.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    flow.read_exact(&mut echoed).await.unwrap();
    assert_eq!((&echoed, house.gate.stats().live), (b"hello", 1));
    drop(flow);
    assert_eq!(house.gate.stats().live, 0);
    let ended = house.events().await.into_iter().find_map(|row| match row.event.fact {
        Fact::FlowEnded { permit, address, sent, received, ending, .. } => {
            Some((permit, address, sent.0, received.0, ending))
        }
        _ => None,
    });
    assert_eq!(ended, Some((receipt, Some(GOOD.parse().unwrap()), 5, 5, Ending::Closed)));
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_looked_up_for_what_policy_or_the_parse_refuses() {
    let house = House::new().await;
    let session = house.session().await;
    let refusal = house.refusal(&session, "evil.example:443").await;
    is_refused_by(&refusal, Control::EgressTenant);
    assert_eq!(refusal.host.as_deref(), Some("evil.example"));
    is_refused_by(
        &house.refusal(&session, "api.weather.example:8443").await,
        Control::EgressTenant,
    );
    for text in [
        "file:///etc/passwd",
        "gopher://evil.example/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/",
        "http://user:secret@api.weather.example/",
    ] {
        let parse = parse_url(text).expect_err(text);
        let refusal = house.gate.refuse_unparsable(Some(&session), Plane::Proxy, &parse);
        assert_eq!(refusal.control, parse.control, "{text}");
        assert!(!refusal.reason.contains("secret"));
    }
    assert!(parse_authority("localhost:443", Protocol::Https).is_err());
    assert_eq!(house.names.asked(), 0);
    house.stop().await;
}

#[tokio::test]
async fn one_refused_address_refuses_the_name() {
    let house = House::new().await;
    house.names.set("rebind.weather.example", &[GOOD, "169.254.169.254"]);
    let session = house.session().await;
    let permit = house.permit(&session, "rebind.weather.example:443").await;
    let receipt = permit.receipt().clone();
    let refusal = permit.dial().await.expect_err("one address is metadata");
    is_refused_by(&refusal, Control::SsrfAddress);
    assert!(house.upstream_saw.lock().unwrap().is_empty());
    assert_eq!(house.gate.stats().live, 0);
    let refines = house.events().await.into_iter().find_map(|row| match row.event.fact {
        Fact::AttemptRefused { refines, .. } if row.event.receipt == refusal.receipt => refines,
        _ => None,
    });
    assert_eq!(refines, Some(receipt), "the refusal names the permit that failed");
    house.stop().await;
}

#[tokio::test]
async fn a_later_stage_can_only_tighten() {
    let house = House::new().await;
    let session = house.session().await;
    let sni = |name: &str| Some(HostName::parse(name).unwrap());

    let permit = house.permit(&session, "api.weather.example:443").await;
    let (duties, first) = (permit.duties().to_vec(), permit.receipt().clone());
    let hello = Act::Hello { sni: sni("api.weather.example"), ech: false };
    let Answer::Permit(permit) = permit.refine(hello).await else { panic!("honest") };
    assert!(duties.iter().all(|d| permit.duties().iter().any(|p| p.obligation == d.obligation)));
    assert_ne!(*permit.receipt(), first);
    drop(permit);

    for (act, control) in [
        (Act::Hello { sni: sni("evil.example"), ech: false }, Control::WireAuthority),
        (Act::Hello { sni: None, ech: false }, Control::WireAuthority),
        (Act::Hello { sni: sni("api.weather.example"), ech: true }, Control::WireEch),
        (Act::Opaque, Control::WireProtocol),
    ] {
        let permit = house.permit(&session, "api.weather.example:443").await;
        let Answer::Refusal(refusal) = permit.refine(act).await else { panic!("{control}") };
        is_refused_by(&refusal, control);
    }
    assert_eq!((house.names.asked(), house.gate.stats().live), (0, 0));
    house.stop().await;
}

#[tokio::test]
async fn a_request_rides_only_on_its_own_flow() {
    let house = House::new().await;
    let session = house.session().await;
    let ask = |url: &'static str| house.gate.ask(&session, get(url));
    let Answer::Permit(first) = ask("http://plain.weather.example/a").await else { panic!() };
    let flow = first.dial().await.unwrap();
    let Answer::Permit(second) = ask("http://plain.weather.example/b").await else { panic!() };
    let ride = second.ride(&flow.handle()).await.unwrap();
    assert!(ride.is_live());
    assert_eq!(house.gate.stats().live, 2);

    let stranger = house.session().await;
    let answer = house.gate.ask(&stranger, get("http://plain.weather.example/b")).await;
    let Answer::Permit(foreign) = answer else { panic!() };
    is_refused_by(&foreign.ride(&flow.handle()).await.unwrap_err(), Control::Fault);
    let elsewhere = house.permit(&session, "api.weather.example:443").await;
    is_refused_by(&elsewhere.ride(&flow.handle()).await.unwrap_err(), Control::Fault);
    house.stop().await;
}

#[tokio::test]
async fn limits_refuse_and_say_so() {
    let config = backstop_gate::Config { flows: 3, flows_per_session: 2, ..Default::default() };
    let house = House::with(config).await;
    let (one, two) = (house.session().await, house.session().await);
    let mut kept = Vec::new();
    for _ in 0..2 {
        kept.push(house.permit(&one, "api.weather.example:443").await);
    }
    is_refused_by(&house.refusal(&one, "api.weather.example:443").await, Control::Limit);
    kept.push(house.permit(&two, "api.weather.example:443").await);
    is_refused_by(&house.refusal(&two, "api.weather.example:443").await, Control::Limit);
    kept.clear();
    drop(house.permit(&two, "api.weather.example:443").await);
    house.stop().await;
}

#[tokio::test]
async fn a_question_has_no_effect() {
    let house = House::new().await;
    let before = house.events().await.len();
    let (name, version) = weather();
    let mut question = backstop_gate::Question {
        tenant: backstop_model::id::TenantName::parse("research").unwrap(),
        skill: Some((name, Some(version))),
        role: None,
        text: "https://api.weather.example/x".to_owned(),
        method: None,
    };
    let explained = house.gate.explain(&question);
    assert_eq!(explained.verdict.as_str(), "allow", "{explained:?}");
    assert!(!explained.controls.is_empty() && explained.hint.is_none());
    question.skill = Some((weather().0, None));
    assert_eq!(house.gate.explain(&question).verdict.as_str(), "allow", "its only version");
    question.text = "evil.example:443".to_owned();
    let explained = house.gate.explain(&question);
    assert_eq!(explained.verdict.as_str(), "deny");
    assert!(explained.hint.is_some());
    question.text = "gopher://evil.example/".to_owned();
    let explained = house.gate.explain(&question);
    assert_eq!(explained.controls[0].control, Control::SsrfScheme);
    assert_eq!(house.events().await.len(), before + 1, "only the fence of the test itself");

    let session = house.session().await;
    let refusal = house.refusal(&session, "evil.example:443").await;
    house.events().await;
    let explained = house.gate.explain_receipt(&refusal.receipt).unwrap();
    assert_eq!(explained.controls[0].control, refusal.control);
    assert!(explained.hint.is_some());
    house.stop().await;
}

#[tokio::test]
async fn a_ledger_that_is_down_refuses() {
    let house = House::new().await;
    let session = house.session().await;
    let permit = house.permit(&session, "api.weather.example:443").await;
    house.ledger.close().await;
    let refusal = house.refusal(&session, "api.weather.example:443").await;
    is_refused_by(&refusal, Control::Fault);
    assert!(refusal.reason.contains("cannot be recorded"), "{}", refusal.reason);
    // A permit that is on record is good for what it was given for; the next stage is not.
    let next = permit.refine(Act::Opaque).await;
    assert!(matches!(next, Answer::Refusal(_)));
    assert!(house.upstream_saw.lock().unwrap().is_empty());
}
