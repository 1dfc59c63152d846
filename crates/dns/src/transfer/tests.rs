//! Who gets what of a zone, each message read back and checked.

use super::*;
use crate::export::{TIMES, TTL};
use crate::wire::tsig::Checker;
use backstop_model::name::{NameGate, NamePart, NameRule};
use backstop_model::time::Timestamp;
use std::collections::BTreeSet;

const NOW: u64 = 1_800_000_000;
const SECONDARY: &str = "192.0.2.53:5353";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(i64::try_from(NOW).unwrap() * 1_000_000)
    }
}

fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

fn key(text: &str) -> Key {
    Key::new(name(text), tsig::Algorithm::Sha256, text.repeat(32).as_bytes()).unwrap()
}

fn zone(open: &[&str]) -> Zone {
    let rules: Vec<NameRule> = open
        .iter()
        .map(|text| NameRule { name: name(text), part: NamePart::Itself, gate: NameGate::Open })
        .collect();
    Zone::closed(name("rpz.backstop"), &rules)
}

fn transfers() -> Transfers {
    let served = |origin: &str, key_name: &str| Served {
        origin: name(origin),
        key: key(key_name),
        from: vec![Cidr::parse("192.0.2.0/24").unwrap()],
    };
    let transfers = Transfers::new(
        vec![served("rpz.backstop", "one"), served("rpz.other", "two")],
        Arc::new(Fixed),
    );
    assert!(transfers.publish(&zone(&["a.example"]), 10));
    transfers
}

/// A query, with the SOA of an IXFR behind it if a serial is given.
fn query(zone: &str, qtype: u16, serial: Option<u32>) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, u8::from(serial.is_some()), 0, 0];
    out.extend_from_slice(name(zone).as_wire());
    out.extend_from_slice(&qtype.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    if let Some(serial) = serial {
        messages::soa(&mut out, serial);
    }
    out
}

fn source(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn signed(mut message: Vec<u8>, key: &Key, at: u64) -> (Vec<u8>, Checker) {
    let checker = key.sign(&mut message, at);
    (message, checker)
}

/// Rows as text, one for each record: `SOA 10`, `a.example CNAME 13`, `NS`.
fn rows(messages: &[Vec<u8>], zone: &str) -> Vec<String> {
    let mut out = Vec::new();
    for message in messages {
        let count = u16::from_be_bytes([message[6], message[7]]);
        let mut at = HEADER + name(zone).as_wire().len() + 4;
        for _ in 0..count {
            let mut labels = Vec::new();
            while message[at] < 0xC0 {
                let end = at + 1 + usize::from(message[at]);
                labels.push(message[at + 1..end].to_vec());
                at = end;
            }
            let owner = QueryName::of_labels(labels.iter().map(Vec::as_slice));
            let rtype = message[at + 3];
            assert_eq!(message[at + 6..at + 10], TTL.to_be_bytes());
            let length = usize::from(message[at + 11]);
            let data = &message[at + 12..at + 12 + length];
            at += 12 + length;
            out.push(match rtype {
                6 => {
                    assert_eq!(data[data.len() - 4..], TIMES[3].to_be_bytes());
                    let words = &data[data.len() - 20..];
                    format!("SOA {}", u32::from_be_bytes(words[..4].try_into().unwrap()))
                }
                2 => "NS".to_owned(),
                _ => format!("{} {}", owner.unwrap(), if length == 1 { "." } else { "pass" }),
            });
        }
        assert_eq!(at, message.len());
    }
    out
}

/// What comes by TCP, each message checked.
fn stream(transfers: &Transfers, message: Vec<u8>, key: &Key) -> Vec<Vec<u8>> {
    let (message, mut checker) = signed(message, key, NOW);
    let parts = transfers.stream(&message, source(SECONDARY)).unwrap();
    let plain = parts.map(|part| checker.check(&part, NOW).unwrap()).collect();
    assert!(checker.complete());
    plain
}

fn rcode(message: &[u8]) -> u8 {
    message[3] & 0xF
}

#[test]
fn a_zone_is_given_whole_and_then_by_its_changes() {
    let transfers = transfers();
    let key = key("one");
    let first = rows(&stream(&transfers, query("rpz.backstop", 252, None), &key), "rpz.backstop");
    let expected = [
        "SOA 10",
        "NS",
        "* .",
        "example .",
        "*.example .",
        "a.example pass",
        "*.a.example .",
        "SOA 10",
    ];
    assert_eq!(first, expected);
    // The same contents are no new version.
    assert!(!transfers.publish(&zone(&["a.example"]), 11));
    assert!(transfers.publish(&zone(&["a.example", "b.example"]), 12));
    assert!(transfers.publish(&zone(&["b.example"]), 13));
    let since =
        rows(&stream(&transfers, query("rpz.backstop", 251, Some(10)), &key), "rpz.backstop");
    let expected = [
        "SOA 13",
        "SOA 10",
        "SOA 12",
        "b.example pass",
        "*.b.example .",
        "SOA 12",
        "a.example pass",
        "*.a.example .",
        "SOA 13",
        "SOA 13",
    ];
    assert_eq!(since, expected);
    // A version that is not remembered: all of it.
    let whole =
        rows(&stream(&transfers, query("rpz.backstop", 251, Some(7)), &key), "rpz.backstop");
    assert_eq!(whole[1], "NS");
    // The same serial, and one from the future: nothing to get.
    for theirs in [13, 14, 0x7FFF_FFFF] {
        let none = stream(&transfers, query("rpz.backstop", 251, Some(theirs)), &key);
        assert_eq!(rows(&none, "rpz.backstop"), ["SOA 13"], "{theirs}");
    }
}

#[test]
fn who_does_not_sign_or_may_not_ask_learns_nothing() {
    let transfers = transfers();
    let (ours, other) = (key("one"), key("two"));
    let asked = || query("rpz.backstop", 252, None);
    let told = |message: &[u8], from: &str| -> Vec<Vec<u8>> {
        transfers.stream(message, source(from)).map(Iterator::collect).unwrap_or_default()
    };
    // Not signed: a client's question, for the gate.
    assert!(transfers.stream(&asked(), source(SECONDARY)).is_none());
    assert!(transfers.datagram(&query("rpz.backstop", 6, None), source(SECONDARY)).is_none());
    // From elsewhere: not even whether the key is known.
    let (message, _) = signed(asked(), &ours, NOW);
    let answer = told(&message, "203.0.113.9:53");
    assert_eq!((answer.len(), rcode(&answer[0]), answer[0].len()), (1, 5, asked().len()));
    // By another zone's key.
    let (message, mut checker) = signed(asked(), &other, NOW);
    assert_eq!(rcode(&checker.check(&told(&message, SECONDARY)[0], NOW).unwrap()), 5);
    // By a key of ours with another secret, by a key that nobody has, at another time.
    let forged = Key::new(name("one"), tsig::Algorithm::Sha256, &[9; 32]).unwrap();
    for (key, at, fault) in [
        (&forged, NOW, 16),
        (&key("three"), NOW, 17),
        (&ours, NOW - 301, 18),
        (&ours, NOW + 301, 18),
    ] {
        let (message, mut checker) = signed(asked(), key, at);
        let answer = told(&message, SECONDARY);
        assert_eq!((answer.len(), rcode(&answer[0])), (1, 9));
        assert_eq!(checker.check(&answer[0], at), Err(tsig::Fault::Told(fault)));
    }
    // A zone that is not there, one without contents yet, another class, one record of it.
    for (zone, qtype, code) in
        [("rpz.nobody", 252, 9), ("rpz.backstop", 5, 5), ("rpz.backstop", 255, 5)]
    {
        let answer = stream(&transfers, query(zone, qtype, None), &ours);
        assert_eq!((answer.len(), rcode(&answer[0])), (1, code), "{zone} {qtype}");
    }
    assert_eq!(rcode(&stream(&transfers, query("rpz.other", 252, None), &other)[0]), 2);
    // An answer is not answered.
    let (mut message, _) = signed(asked(), &ours, NOW);
    message[2] |= 0x80;
    assert!(transfers.stream(&message, source(SECONDARY)).is_none());
    assert!(transfers.datagram(&message, source(SECONDARY)).is_none());
}

#[test]
fn a_request_that_was_recorded_and_is_sent_again_is_refused() {
    let transfers = transfers();
    let (message, _) = signed(query("rpz.backstop", 252, None), &key("one"), NOW);
    let count = |parts: Option<Parts>| parts.map(Iterator::count);
    assert_eq!(count(transfers.stream(&message, source(SECONDARY))), Some(1));
    let again: Vec<_> = transfers.stream(&message, source(SECONDARY)).unwrap().collect();
    assert_eq!((again.len(), rcode(&again[0])), (1, 5));
}

#[test]
fn transfers_at_once_are_bounded() {
    let transfers = transfers();
    let key = key("one");
    let begin = |id: u8| {
        let mut message = query("rpz.backstop", 252, None);
        message[1] = id;
        let (message, _) = signed(message, &key, NOW);
        transfers.stream(&message, source(SECONDARY)).unwrap()
    };
    let held: Vec<Parts> = (0..8).map(begin).collect();
    assert_eq!(rcode(&begin(9).next().unwrap()), 5);
    drop(held);
    assert_eq!(rcode(&begin(10).next().unwrap()), 0);
}

#[test]
fn over_udp_there_is_the_soa_alone() {
    let transfers = transfers();
    let key = key("one");
    for (qtype, serial, code, expected) in
        [(6, None, 0, vec!["SOA 10"]), (251, Some(3), 0, vec!["SOA 10"]), (252, None, 5, vec![])]
    {
        let (message, mut checker) = signed(query("rpz.backstop", qtype, serial), &key, NOW);
        let answer = transfers.datagram(&message, source(SECONDARY)).unwrap();
        assert!(answer.len() < message.len() * 2);
        let answer = checker.check(&answer, NOW).unwrap();
        assert_eq!(rcode(&answer), code);
        assert_eq!(rows(&[answer], "rpz.backstop"), expected);
    }
}

#[test]
fn a_large_zone_comes_in_messages_of_bounded_length() {
    let transfers = transfers();
    let names: Vec<String> =
        (0..3_000).map(|i| format!("host{i}.team{}.example", i % 50)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let large = zone(&names);
    assert!(transfers.publish(&large, 11));
    let messages = stream(&transfers, query("rpz.backstop", 252, None), &key("one"));
    assert!(messages.len() > 5 && messages.iter().all(|message| message.len() < 17_000));
    let all = rows(&messages, "rpz.backstop");
    assert_eq!(all.len(), large.records().len() + 3);
    assert_eq!((all[0].as_str(), all[all.len() - 1].as_str()), ("SOA 11", "SOA 11"));
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len() - 1, "none twice");
}

#[test]
fn no_octets_stop_it() {
    let transfers = transfers();
    let (message, _) = signed(query("rpz.backstop", 251, Some(3)), &key("one"), NOW);
    for place in 0..message.len() {
        for octet in [0, 1, 0xC0, 0xFF] {
            let mut changed = message.clone();
            changed[place] = octet;
            let _any = transfers.datagram(&changed, source(SECONDARY));
            let _any = transfers.stream(&changed, source(SECONDARY)).map(Iterator::count);
        }
        let _any = transfers.stream(&message[..place], source(SECONDARY)).map(Iterator::count);
    }
}
