//! What names under a wildcard row carry out, and answers bring in: each budget from the side of a
//! tunnel, beside honest use of the same row.

use crate::house::House;
use crate::naming::{ask, client, name, permit, refusal, text, who, wild};
use backstop_gate::Config;
use backstop_gate::names::{NameAnswer, NameClient, Question};
use backstop_model::control::Control;
use backstop_model::event::Fact;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use std::net::IpAddr;
use std::time::Duration;

const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// A house with `*.t.example` for any type.
async fn liberal() -> House {
    let house = House::new().await;
    house.put_policy(&wild().replace(
        "{ host: \"*.t.example\",",
        "{ host: \"*.t.example\", dns: { types: [A, AAAA, HTTPS, TXT, \"NULL\", CNAME] },",
    ));
    house
}

async fn ask_for<'a>(
    house: &'a House,
    client: &'a NameClient,
    text: &str,
    qtype: QueryType,
) -> NameAnswer<'a> {
    let name = name(text);
    let question = Question { name: &name, qtype, class: CLASS_IN };
    house.gate.ask_name(client, &question).await
}

/// The texts of the alerts of a control.
async fn alerts(house: &House, control: Control) -> Vec<String> {
    let raised = |fact: Fact| match fact {
        Fact::AlertRaised { control: c, summary, .. } if c == control => Some(summary),
        _ => None,
    };
    house.events().await.into_iter().filter_map(|row| raised(row.event.fact)).collect()
}

#[tokio::test]
async fn what_is_brought_in_by_answers_is_flagged_and_cut_too() {
    let house = liberal().await;
    let client = client(&house, false).await;
    // One name, asked again whenever the cache lets it through; each answer says something new.
    let (mut told, mut flagged) = (0, None);
    for n in 0..1_000_u32 {
        house.clock.advance(Duration::from_secs(5));
        let NameAnswer::Permit(held) =
            ask_for(&house, &client, "down.t.example", QueryType::A).await
        else {
            break;
        };
        let data = text(n, 250, BASE32);
        held.answered(data.len() + 12, true);
        held.told([data.as_bytes()].into_iter());
        told += data.len();
        if flagged.is_none() && !alerts(&house, Control::DnsPayload).await.is_empty() {
            flagged = Some(told);
        }
    }
    println!("brought in before the cut: {told} octets, flagged at {flagged:?}");
    assert!((65_536..65_536 + 250).contains(&told), "{told}");
    assert!(flagged.is_some_and(|at| at <= 16_384 + 500), "{flagged:?}");
    let refused = refusal(ask_for(&house, &client, "down.t.example", QueryType::A).await);
    assert!(refused.reason.contains("distinct records told"), "{}", refused.reason);
}

/// Forty short names that the other side knows, and which of them are asked anew in each five seconds.
#[tokio::test]
async fn names_asked_again_to_say_something_are_flagged_and_cut() {
    let house = liberal().await;
    let client = client(&house, false).await;
    let (mut sent, mut flagged) = (0_u32, None);
    'day: for slot in 0..17_000_u32 {
        house.clock.advance(Duration::from_secs(5));
        for n in 0..40 {
            if text(slot * 40 + n, 1, "01") == "0" {
                continue;
            }
            let NameAnswer::Permit(held) = ask(&house, &client, &format!("n{n}.t.example")).await
            else {
                break 'day;
            };
            held.sent();
            sent += 1;
        }
        if flagged.is_none()
            && slot % 32 == 0
            && !alerts(&house, Control::DnsPayload).await.is_empty()
        {
            flagged = Some(sent);
        }
    }
    println!("repeated before the cut: {sent} questions, flagged before {flagged:?}");
    assert_eq!(sent, 65_536 + 40);
    assert!(flagged.is_some_and(|at| at <= 17_500), "{flagged:?}");
}

#[tokio::test]
async fn answers_that_rotate_among_a_pool_add_up_to_the_pool() {
    let house = liberal().await;
    let client = client(&house, false).await;
    for n in 0..5_000_u32 {
        house.clock.advance(Duration::from_secs(10));
        let held = permit(ask(&house, &client, "cdn.t.example").await);
        let pool = (0..8).map(|k| [203, 0, 113, ((n * 7 + k * 31) % 200) as u8]);
        let told: Vec<[u8; 4]> = pool.collect();
        held.told(told.iter().map(<[u8; 4]>::as_slice));
    }
    assert_eq!(alerts(&house, Control::DnsPayload).await, [""; 0]);
}

#[tokio::test]
async fn questions_for_records_that_carry_text_are_flagged_and_a_few_are_not() {
    let house = liberal().await;
    let client = client(&house, false).await;
    // Honest: mail checks now and then among addresses.
    for n in 0..40_u32 {
        let host = format!("host{}.t.example", n % 4);
        for qtype in [QueryType::A, QueryType::AAAA, QueryType::HTTPS] {
            let _ = permit(ask_for(&house, &client, &host, qtype).await);
        }
        if n % 4 == 0 {
            let _ = permit(ask_for(&house, &client, "mail.t.example", QueryType::TXT).await);
        }
    }
    assert_eq!(alerts(&house, Control::DnsPayload).await, [""; 0]);
    let session = house.gate.name_session(who(false)).await.unwrap();
    let tunnel = house.gate.name_client(&session, "10.1.0.8".parse().unwrap());
    let mut asked = 0;
    while alerts(&house, Control::DnsPayload).await.is_empty() {
        // One name alone: nothing else gives it away.
        let _ = permit(ask_for(&house, &tunnel, "c2.t.example", QueryType::TXT).await);
        asked += 1;
        assert!(asked <= 40);
    }
    let raised = house.events().await.into_iter().any(|row| match row.event.fact {
        Fact::AttemptPermitted { reasons, .. } => {
            reasons.iter().any(|reason| reason.text.contains("ask for records that carry text"))
        }
        _ => false,
    });
    println!("TXT of one name: flagged after {asked} questions (on a record of it: {raised})");
}

#[tokio::test]
async fn names_that_do_not_exist_are_flagged_and_slips_are_not() {
    let house = liberal().await;
    let client = client(&house, false).await;
    for n in 0..40_u32 {
        let held = permit(ask(&house, &client, &format!("h{}.t.example", n % 30)).await);
        held.answered(60, n % 5 != 0);
    }
    assert_eq!(alerts(&house, Control::DnsPayload).await, [""; 0]);
    let session = house.gate.name_session(who(false)).await.unwrap();
    let tunnel = house.gate.name_client(&session, "10.1.0.8".parse().unwrap());
    let mut asked = 0;
    while alerts(&house, Control::DnsPayload).await.is_empty() {
        // Two letters each: neither octets nor symbols give them away.
        let label = text(asked, 2, "abcdefghijklmnopqrstuvwxyz");
        permit(ask(&house, &tunnel, &format!("{label}.t.example")).await).answered(60, false);
        asked += 1;
        assert!(asked <= 40);
    }
    println!("names that do not exist: flagged after {asked} questions");
}

#[tokio::test]
async fn octets_that_no_host_has_are_refused_and_flagged_at_once() {
    let house = liberal().await;
    let client = client(&house, false).await;
    for (wire, at) in [
        (&b"\x04a\xffb\x80\x01t\x07example\x00"[..], "7 and 8 bits"),
        (b"\x05=auth\x01t\x07example\x00", "Base64"),
    ] {
        let name = QueryName::parse(wire).unwrap();
        let question = Question { name: &name, qtype: QueryType::A, class: CLASS_IN };
        let refused = refusal(house.gate.ask_name(&client, &question).await);
        assert_eq!(refused.control, Control::DnsUndeclared, "{at}");
        assert!(refused.reason.contains("stand in no host name"), "{at}: {}", refused.reason);
    }
    assert_eq!(alerts(&house, Control::DnsPayload).await.len(), 1);
}

/// Two agents, or one that forges its neighbours' addresses, share a load.
#[tokio::test]
async fn all_clients_of_an_entry_share_a_budget_as_well() {
    let mut config = Config::default();
    config.names.block_shared = backstop_model::id::ByteCount(10_000);
    let house = House::with(config).await;
    house.put_policy(&wild());
    let session = house.gate.name_session(who(false)).await.unwrap();
    let mut octets = 0;
    for n in 0..600_u32 {
        let source = IpAddr::from([10, 1, 7, (n % 50) as u8]);
        let client = house.gate.name_client(&session, source);
        let data = text(n, 60, BASE32);
        if let NameAnswer::Permit(_) = ask(&house, &client, &format!("{data}.t.example")).await {
            octets += data.len() + 1;
        }
    }
    println!("50 addresses with 50 budgets: {octets} octets");
    assert!(octets < 10_000 + 2_500, "{octets}");
    // The same names from many are one load: a fleet that asks what its fellows ask is no tunnel.
    let house = House::with(Config::default()).await;
    house.put_policy(&wild());
    let session = house.gate.name_session(who(false)).await.unwrap();
    for n in 0..2_000_u32 {
        let source = IpAddr::from([10, 1, (n / 250) as u8, (n % 250) as u8]);
        let client = house.gate.name_client(&session, source);
        for host in ["a", "b", "c", "d"] {
            let _ =
                permit(ask(&house, &client, &format!("{host}.tiles-of-the-world.t.example")).await);
        }
    }
}

/// The definitions of length and entropy are kept: each such name is noted on its record. Its client
/// is flagged where its names together say the same.
#[tokio::test]
async fn a_long_or_dense_name_is_noted_on_its_record_and_flags_nobody_alone() {
    let house = liberal().await;
    let client = client(&house, false).await;
    let long = format!("{}.t.example", "deployment-of-a-branch-".repeat(2).trim_end_matches('-'));
    let held = permit(ask(&house, &client, &long).await);
    let found = house.ledger.find(held.receipt()).unwrap().unwrap();
    assert!(matches!(&found.event.fact, Fact::AttemptPermitted { reasons, .. }
        if reasons.iter().any(|reason| reason.control == Control::DnsLabelLength)));
    let dense = permit(ask(&house, &client, "kj4h2g5f7d9s1a0qwertyuiop.t.example").await);
    let found = house.ledger.find(dense.receipt()).unwrap().unwrap();
    assert!(matches!(&found.event.fact, Fact::AttemptPermitted { reasons, .. }
        if reasons.iter().any(|reason| reason.control == Control::DnsEntropy)));
    for control in [Control::DnsLabelLength, Control::DnsEntropy, Control::DnsPayload] {
        assert_eq!(alerts(&house, control).await, [""; 0], "{control}");
    }
    for n in 0..12 {
        let _ = ask(&house, &client, &format!("{}.t.example", text(n, 50, BASE32))).await;
    }
    for control in [Control::DnsLabelLength, Control::DnsEntropy, Control::DnsPayload] {
        assert!(!alerts(&house, control).await.is_empty(), "{control}");
    }
}

/// A tenant with many wildcard rows: each has its budget, and all of them one.
#[tokio::test]
async fn many_wildcard_rows_are_not_as_many_budgets() {
    let house = House::new().await;
    let rows: String = (0..12)
        .map(|n| format!("  - {{ host: \"*.t{n}.example\", owner: t, reason: r, reviewBy: \"2027-02-01\" }}\n"))
        .collect();
    house.put_policy(&crate::house::POLICY.replace("  egress:\n", &format!("  egress:\n{rows}")));
    let client = client(&house, false).await;
    let mut octets = 0;
    for n in 0..480_u32 {
        let data = text(n, 40, BASE32);
        let name = format!("{data}.t{}.example", n % 12);
        if let NameAnswer::Permit(_) = ask(&house, &client, &name).await {
            octets += data.len() + 1;
        }
    }
    println!("12 rows: {octets} octets");
    assert!((16_000..16_384).contains(&octets), "{octets}");
    let refused = refusal(ask(&house, &client, "x.t3.example").await);
    assert!(refused.reason.contains("all wildcard rows are closed"), "{}", refused.reason);
    let _ = permit(ask(&house, &client, "api.weather.example").await);
}

#[tokio::test]
async fn who_spends_the_shared_budget_closes_the_row_to_himself_first() {
    let mut config = Config::default();
    config.names.block_shared = backstop_model::id::ByteCount(10_000);
    let house = House::with(config).await;
    house.put_policy(&wild());
    let session = house.gate.name_session(who(false)).await.unwrap();
    let of =
        |third: u8, last: u8| house.gate.name_client(&session, IpAddr::from([10, 1, third, last]));
    let (mut octets, mut serial) = (0, 0);
    let mut send = async |client: &NameClient| {
        serial += 1;
        let data = text(serial, 60, BASE32);
        match ask(&house, client, &format!("{data}.t.example")).await {
            NameAnswer::Permit(_) => octets += data.len() + 1,
            _ => return (false, octets),
        }
        (true, octets)
    };
    // Three addresses of one agent, each to the end of its own budget.
    for last in 1..=3 {
        let client = of(7, last);
        while send(&client).await.0 {}
    }
    // The others of its entry go on; what they ask is a handful.
    for last in 1..=20 {
        let honest = of(8, last);
        let _ = permit(ask(&house, &honest, &format!("shard-{last}.t.example")).await);
    }
    // Then it comes from addresses that are as new as theirs, by the hundred: the reserve is all
    // that there is, and it is the end for everybody.
    for last in 0..=255 {
        let client = of(9, last);
        while send(&client).await.0 {}
    }
    let passed = send(&of(10, 1)).await.1;
    println!("259 addresses with 259 budgets: {passed} octets of a tunnel");
    assert!(passed < 10_000 + 2_500, "{passed}");
    assert!(passed > 10_000, "the reserve is there: {passed}");
    refusal(ask(&house, &of(8, 1), "another-shard.t.example").await);
}
