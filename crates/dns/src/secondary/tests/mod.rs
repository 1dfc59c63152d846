//! Primaries that are honest, and primaries that are not: what they send comes by a real connection,
//! and nothing of what is wrong in it may count.

mod notices;
mod pace;

use super::*;
use crate::body::HEADER;
use crate::rpz::Terms;
use crate::wire::tsig::{self, Algorithm, Key};
use backstop_gate::{Clock, OwnListeners, OwnPlace, OwnSockets, Random, RandomFault};
use backstop_model::name::{QueryName, QueryType};
use backstop_model::time::Timestamp;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering as Memory};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const NOW: u64 = 1_800_000_000;

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(i64::try_from(NOW).unwrap() * 1_000_000)
    }
}

struct Counting(AtomicU16);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault> {
        let next = self.0.fetch_add(0x0101, Memory::Relaxed).to_be_bytes();
        bytes.iter_mut().zip(next.iter().cycle()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

fn origin() -> QueryName {
    name("feed.example")
}

fn key(secret: u8) -> Key {
    Key::new(name("feed.key"), Algorithm::Sha256, &[secret; 32]).unwrap()
}

/// A record as a primary writes it.
fn record(owner: &str, rtype: u16, data: &[u8]) -> Vec<u8> {
    let mut out = name(owner).as_wire().to_vec();
    out.extend(rtype.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 60]);
    out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    out.extend(data);
    out
}

fn soa(serial: u32) -> Vec<u8> {
    let mut data = b"\x02ns\0\x04host\0".to_vec();
    for word in [serial, 3_600, 600, 86_400, 60] {
        data.extend(word.to_be_bytes());
    }
    record("feed.example", 6, &data)
}

/// A rule of the zone: NXDOMAIN.
fn rule(owner: &str) -> Vec<u8> {
    record(&format!("{owner}.feed.example"), 5, &[0])
}

/// An answer to `query` with these records.
fn answer(query: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let (_, length) = QueryName::read(&query[HEADER..]).unwrap();
    let mut out = vec![query[0], query[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
    out.extend(&query[HEADER..HEADER + length + 4]);
    records.iter().for_each(|record| out.extend(record));
    out
}

fn qtype(query: &[u8]) -> u16 {
    let (_, length) = QueryName::read(&query[HEADER..]).unwrap();
    u16::from_be_bytes([query[HEADER + length], query[HEADER + length + 1]])
}

/// What a primary says to a query (without its signature), in messages.
type Script = dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync;

/// How its answers are signed: which ones, by whom, when.
#[derive(Clone)]
struct Signing {
    key: Key,
    at: u64,
    /// Numbers of messages that are left without.
    bare: Vec<usize>,
}

fn signing(secret: u8) -> Option<Signing> {
    Some(Signing { key: key(secret), at: NOW, bare: vec![] })
}

/// A primary until the end of the test, and where it is.
async fn primary(script: Arc<Script>, signing: Option<Signing>) -> (JoinSet<()>, OwnPlace) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = OwnPlace::parse(&listener.local_addr().unwrap().to_string(), 53).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (script, signing) = (Arc::clone(&script), signing.clone());
            connections.spawn(async move {
                let Ok(length) = stream.read_u16().await else { return };
                let mut query = vec![0; length.into()];
                stream.read_exact(&mut query).await.unwrap();
                let mut signer = None;
                if let Some(signing) = &signing {
                    let signed = tsig::verify(&query, std::slice::from_ref(&signing.key), NOW);
                    if let Ok(Some(signed)) = signed {
                        (query, signer) = (signed.message, Some(signed.signer));
                    } else {
                        // Another secret: what it can do is sign for itself.
                        let mut own = answer(&query, &[]);
                        let _checker = signing.key.sign(&mut own, NOW);
                        let own_query = own.clone();
                        let keys = [signing.key.clone()];
                        signer = tsig::verify(&own_query, &keys, NOW).unwrap().map(|s| s.signer);
                    }
                }
                for (number, mut message) in script(&query).into_iter().enumerate() {
                    if let (Some(signer), Some(signing)) = (&mut signer, &signing)
                        && !signing.bare.contains(&number)
                    {
                        signer.sign(&mut message, signing.at);
                    }
                    let length = u16::try_from(message.len()).unwrap();
                    let framed = [&length.to_be_bytes()[..], &message].concat();
                    if stream.write_all(&framed).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (tasks, place)
}

fn limits() -> Limits {
    Limits { time: Duration::from_secs(20), silence: Duration::from_secs(5), ..Limits::default() }
}

async fn fetched_with(
    script: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ours: Option<&Image>,
    (ours_key, signing): (Option<Key>, Option<Signing>),
    limits: Limits,
) -> Result<Arrived, Fault> {
    let (_tasks, place) = primary(Arc::new(script), signing).await;
    let means = Means {
        sockets: OwnSockets::new(OwnListeners::default()),
        clock: Arc::new(Fixed),
        random: Arc::new(Counting(AtomicU16::new(7))),
        limits,
    };
    let primary = Primary { place, key: ours_key };
    fetch(&means, &primary, &origin(), ours.map(Image::soa), Way::Changes).await
}

async fn fetched(
    script: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ours: Option<&Image>,
) -> Result<Arrived, Fault> {
    fetched_with(script, ours, (None, None), limits()).await
}

/// Says this serial, and sends these records by AXFR.
fn whole(serial: u32, records: Vec<Vec<u8>>) -> impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync {
    move |query| match qtype(query) {
        6 => vec![answer(query, &[soa(serial)])],
        252 => vec![answer(query, &records)],
        _ => vec![with_rcode(answer(query, &[]), 4)],
    }
}

fn with_rcode(mut message: Vec<u8>, rcode: u8) -> Vec<u8> {
    message[3] |= rcode;
    message
}

/// The zone with these rules, as fetched.
async fn image(serial: u32, rules: &[&str]) -> Image {
    let rules = rules.iter().map(|owner| rule(owner));
    let records = [soa(serial)].into_iter().chain(rules).chain([soa(serial)]).collect();
    match fetched(whole(serial, records), None).await {
        Ok(Arrived::Whole(image)) => *image,
        other => panic!("{other:?}"),
    }
}

fn rules(image: &Image) -> usize {
    image.zone(Terms::default(), (1, 2)).unwrap().len()
}

#[test]
fn serials_go_round() {
    for (one, other, newer) in [
        (1, 0, true),
        (0, u32::MAX, true),
        (u32::MAX, 0, false),
        (HALF, 0, false),
        (0, HALF, false),
        (HALF - 1, 0, true),
        (5, 5, false),
    ] {
        assert_eq!(is_newer(one, other), newer, "{one} {other}");
    }
}

#[tokio::test]
async fn all_of_a_zone_comes_over_many_messages_and_is_kept_octet_for_octet() {
    let first = image(7, &["bad.example", "*.bad.example", "32.9.0.0.10.rpz-ip"]).await;
    assert_eq!((first.soa().serial(), first.records(), rules(&first)), (7, 3, 3));
    // One record a message, and no question from the second one on.
    let single = |query: &[u8]| match qtype(query) {
        6 => vec![answer(query, &[soa(7)])],
        _ => {
            [soa(7), rule("bad.example"), rule("*.bad.example"), rule("32.9.0.0.10.rpz-ip"), soa(7)]
                .iter()
                .enumerate()
                .map(|(number, record)| {
                    let whole = answer(query, std::slice::from_ref(record));
                    if number == 0 {
                        return whole;
                    }
                    let mut bare = whole[..HEADER].to_vec();
                    bare[2] &= !4;
                    bare[5] = 0;
                    bare.extend(record);
                    bare
                })
                .collect()
        }
    };
    assert_eq!(fetched(single, None).await, Ok(Arrived::Whole(Box::new(first.clone()))));
    let mut kept = Vec::new();
    first.write(&mut kept).unwrap();
    assert_eq!(Image::read(&kept[..], &origin(), &limits()).unwrap(), first);
    // Cut anywhere, changed anywhere, of another zone: no copy.
    for at in 0..kept.len() {
        assert!(Image::read(&kept[..at], &origin(), &limits()).is_err(), "{at}");
        let mut changed = kept.clone();
        changed[at] ^= 1;
        assert!(Image::read(&changed[..], &origin(), &limits()).is_err(), "{at}");
    }
    assert!(Image::read(&kept[..], &name("other.example"), &limits()).is_err());
}

#[tokio::test]
async fn what_is_wrong_in_a_transfer_leaves_nothing_of_it() {
    let good = || vec![soa(7), rule("bad.example"), soa(7)];
    let check = async |script: Box<Script>, said: &str| {
        let fault = fetched(script, None).await.unwrap_err().to_string();
        assert!(fault.contains(said), "{said}: {fault}");
    };
    let records = |records: Vec<Vec<u8>>| Box::new(whole(7, records)) as Box<Script>;
    let changed = |change: fn(&mut Vec<u8>)| {
        Box::new(move |query: &[u8]| {
            let mut messages = whole(7, good())(query);
            if qtype(query) == 252 {
                change(&mut messages[0]);
            }
            messages
        }) as Box<Script>
    };
    check(changed(|m| m[0] ^= 1), "its id").await;
    check(changed(|m| m[HEADER + 1] = b'g'), "another question").await;
    check(changed(|m| m[2] &= 0x7F), "no answer to a query").await;
    check(changed(|m| m[2] |= 0x28), "no answer to a query").await;
    check(changed(|m| m[2] |= 2), "no answer to a query").await;
    check(changed(|m| m[2] &= !4), "does not speak for the zone").await;
    check(changed(|m| m[3] |= 5), "response code 5").await;
    check(changed(|m| m[5] = 0), "no question").await;
    check(changed(|m| m.truncate(11)), "too short").await;
    check(changed(|m| m.truncate(60)), "cannot be read").await;
    check(changed(|m| m[7] += 1), "cannot be read").await;
    check(records(vec![soa(7), rule("a.example")]), "closes the connection early").await;
    check(records(vec![soa(7)]), "closes the connection early").await;
    check(records(vec![]), "closes the connection early").await;
    check(records(vec![rule("a.example"), soa(7)]), "does not begin with an SOA").await;
    check(records(vec![soa(7), rule("a.example"), soa(8)]), "SOA changed on the way").await;
    check(records(vec![soa(8), rule("a.example"), soa(7)]), "SOA changed on the way").await;
    check(records(vec![soa(6), rule("a.example"), soa(6)]), "an older version than it says").await;
    check(records([good(), vec![rule("b.example")]].concat()), "behind the last one").await;
    let foreign = record("bad.other.example", 5, &[0]);
    check(records(vec![soa(7), foreign, soa(7)]), "`bad.other.example` is not in the zone").await;
    let mut chaos = rule("a.example");
    let class = chaos.len() - 8;
    chaos[class] = 3;
    check(records(vec![soa(7), chaos, soa(7)]), "is not of class IN").await;
    // A name that points to itself, as owner and as data; one that points ahead.
    for (owner, data) in
        [(vec![0xC0, 85], vec![0]), (vec![0], vec![0xC0, 96]), (vec![0xC0, 0xFF], vec![0])]
    {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        let looped = [&owner[..], &[0, 5, 0, 1, 0, 0, 0, 60], &length, &data].concat();
        let fault = fetched(whole(7, vec![soa(7), looped, soa(7)]), None).await.unwrap_err();
        assert!(matches!(fault, Fault::Record(_)), "{fault}");
    }
    let lame: Box<Script> = Box::new(|query| vec![with_rcode(answer(query, &[]), 9)]);
    check(lame, "response code 9").await;
    let other: Box<Script> = Box::new(|query| vec![answer(query, &[rule("a.example")])]);
    check(other, "does not begin with an SOA").await;
    // Records that are no rules are found when it is made a zone.
    let strange = vec![soa(7), rule("x.rpz-asn"), soa(7)];
    let Ok(Arrived::Whole(image)) = fetched(whole(7, strange), None).await else { panic!() };
    assert!(image.zone(Terms::default(), (1, 2)).is_err());
}

#[tokio::test]
async fn what_a_primary_sends_is_bounded() {
    let endless = |query: &[u8]| match qtype(query) {
        6 => vec![answer(query, &[soa(7)])],
        _ => [soa(7)]
            .into_iter()
            .chain((0..3_000).map(|i| rule(&format!("a{i:04}.example"))))
            .map(|record| answer(query, &[record]))
            .collect(),
    };
    // A rule takes its owner (28 octets), 8 for type, lengths and time, and 1 of data.
    let octets = |count: u64| count * (28 + 9);
    let at = |change: fn(&mut Limits, u64), value: u64| {
        let mut limits = limits();
        change(&mut limits, value);
        limits
    };
    for (bounded, what, edge) in [
        ((|limits, most| limits.messages = most) as fn(&mut Limits, u64), "messages", 11),
        (|limits, most| limits.records = most, "records", 12),
        (|limits, most| limits.octets = most, "octets", octets(10)),
    ] {
        // Two SOA records, ten rules, and an SOA of its own connection: just what is allowed.
        let ten = move |query: &[u8]| {
            let mut messages = endless(query);
            if messages.len() > 1 {
                messages.truncate(10);
                messages.push(answer(query, &[rule("a0009.example"), soa(7)]));
            }
            messages
        };
        let done = fetched_with(ten, None, (None, None), at(bounded, edge)).await;
        assert!(matches!(&done, Ok(Arrived::Whole(image)) if image.records() == 10), "{done:?}");
        let fault = fetched_with(ten, None, (None, None), at(bounded, edge - 1)).await.unwrap_err();
        assert_eq!(fault, Fault::TooMuch(what, edge - 1));
        let fault = fetched_with(endless, None, (None, None), at(bounded, edge)).await.unwrap_err();
        assert_eq!(fault, Fault::TooMuch(what, edge));
    }
    // A copy is bounded too: one octet less than it has, and it is none.
    let image = image(7, &["a.example"]).await;
    let mut kept = Vec::new();
    image.write(&mut kept).unwrap();
    kept.extend([0; 2_000]);
    let none = Limits { octets: 10, ..limits() };
    assert!(Image::read(&kept[..], &origin(), &none).is_err());
}

#[tokio::test]
async fn silence_and_drops_end_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = OwnPlace::parse(&listener.local_addr().unwrap().to_string(), 53).unwrap();
    let means = Means {
        sockets: OwnSockets::new(OwnListeners::default()),
        clock: Arc::new(Fixed),
        random: Arc::new(Counting(AtomicU16::new(7))),
        limits: Limits {
            silence: Duration::from_millis(300),
            time: Duration::from_millis(1_200),
            ..limits()
        },
    };
    let primary = Primary { place, key: None };
    let fault = fetch(&means, &primary, &origin(), None, Way::Changes).await.unwrap_err();
    assert_eq!(fault, Fault::Silence);
    // An SOA record, message by message, each in time: the whole is bounded.
    let mut drip = JoinSet::new();
    drip.spawn(async move {
        // Of the connection above, nobody hears any more.
        let _silent = listener.accept().await.unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut query = vec![0; length.into()];
            stream.read_exact(&mut query).await.unwrap();
            let mut records = vec![soa(7)];
            loop {
                let message = answer(&query, &records);
                let length = u16::try_from(message.len()).unwrap().to_be_bytes();
                if stream.write_all(&[&length[..], &message].concat()).await.is_err()
                    || qtype(&query) == 6
                {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                records = vec![rule("a.example")];
            }
        }
    });
    let fault = fetch(&means, &primary, &origin(), None, Way::Changes).await.unwrap_err();
    assert_eq!(fault, Fault::Time(means.limits.time));
}

#[tokio::test]
async fn a_signed_transfer_is_taken_and_nothing_less() {
    let three = |query: &[u8]| match qtype(query) {
        6 => vec![answer(query, &[soa(7)])],
        _ => [soa(7), rule("bad.example"), soa(7)].map(|r| answer(query, &[r])).to_vec(),
    };
    let tried = async |ours: Option<Key>, theirs: Option<Signing>| {
        fetched_with(three, None, (ours, theirs), limits()).await
    };
    let signed = |change: fn(&mut Signing)| {
        let mut signing = signing(1).unwrap();
        change(&mut signing);
        Some(signing)
    };
    assert!(matches!(tried(Some(key(1)), signing(1)).await, Ok(Arrived::Whole(_))));
    let fault = async |theirs| match tried(Some(key(1)), theirs).await {
        Err(Fault::Signature(fault)) => fault,
        other => panic!("{other:?}"),
    };
    // Without a signature the last one is nobody's, and one in the middle is not what the next one's
    // signature covers.
    assert_eq!(fault(signed(|s| s.bare = vec![2])).await, tsig::Fault::Unsigned);
    assert_eq!(fault(signed(|s| s.bare = vec![1])).await, tsig::Fault::Signature);
    assert_eq!(fault(signed(|s| s.bare = vec![0])).await, tsig::Fault::Unsigned);
    assert_eq!(fault(None).await, tsig::Fault::Unsigned);
    assert_eq!(fault(signing(2)).await, tsig::Fault::Signature);
    assert_eq!(fault(signed(|s| s.at = NOW - 301)).await, tsig::Fault::Time);
    assert_eq!(fault(signed(|s| s.at = NOW + 301)).await, tsig::Fault::Time);
    assert!(matches!(
        tried(Some(key(1)), signed(|s| s.at = NOW - 300)).await,
        Ok(Arrived::Whole(_))
    ));
    // A message that somebody between puts in, with no signature of its own.
    let forged = move |query: &[u8]| {
        let mut messages = three(query);
        if messages.len() == 3 {
            messages.insert(1, answer(query, &[rule("forged.example")]));
        }
        messages
    };
    let put_in = signed(|signing| signing.bare = vec![1]);
    let forged = fetched_with(forged, None, (Some(key(1)), put_in), limits()).await;
    assert_eq!(forged, Err(Fault::Signature(tsig::Fault::Signature)));
}

/// Says this serial; these messages by IXFR; the whole of it by AXFR.
fn changing(
    serial: u32,
    changes: Vec<Vec<u8>>,
    all: Vec<Vec<u8>>,
) -> impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync {
    move |query| match qtype(query) {
        251 => vec![answer(query, &changes)],
        _ => whole(serial, all.clone())(query),
    }
}

#[tokio::test]
async fn changes_are_applied_in_order_and_exactly() {
    let ours = image(7, &["a.example", "b.example", "c.example"]).await;
    let take = async |serial, changes| match fetched(changing(serial, changes, vec![]), Some(&ours))
        .await
    {
        Ok(Arrived::Changes(changes)) => changes.apply(&ours, &limits()),
        other => panic!("{other:?}"),
    };
    // Two versions: b goes; a goes and d comes, and b comes again.
    let steps = vec![
        soa(9),
        soa(7),
        rule("b.example"),
        soa(8),
        soa(8),
        rule("a.example"),
        soa(9),
        rule("d.example"),
        rule("b.example"),
        soa(9),
    ];
    let done = take(9, steps).await.unwrap();
    let same = image(9, &["c.example", "d.example", "b.example"]).await;
    assert_eq!((done.soa(), done.records()), (same.soa(), 3));
    let sorted = |image: &Image| {
        let mut all: Vec<Vec<u8>> = image::Rows(&image.body).map(|row| row.key.to_vec()).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&done), sorted(&same));
    // In one step (condensed), and with a new time to live for what stays.
    let mut later = rule("a.example");
    let ttl = later.len() - 4;
    later[ttl] = 99;
    let condensed =
        vec![soa(9), soa(7), rule("a.example"), rule("b.example"), soa(9), later, soa(9)];
    let done = take(9, condensed).await.unwrap();
    assert_eq!(done.records(), 2);
    assert!(image::Rows(&done.body).any(|row| row.ttl == 99));
    // What is not there cannot go, what is there cannot come; nor twice in one go.
    for (changes, said) in [
        (vec![soa(9), soa(7), rule("x.example"), soa(9), soa(9)], "that is not there"),
        (vec![soa(9), soa(7), soa(9), rule("a.example"), soa(9)], "that is there"),
        (vec![soa(9), soa(7), rule("a.example"), rule("a.example"), soa(9), soa(9)], "not there"),
        (vec![soa(9), soa(7), soa(9), rule("x.example"), rule("x.example"), soa(9)], "is there"),
    ] {
        let fault = take(9, changes).await.unwrap_err().to_string();
        assert!(fault.contains(said), "{said}: {fault}");
    }
    // Bounded at its edge, and only for the version that they were made for.
    let grow = vec![soa(9), soa(7), soa(9), rule("d.example"), soa(9)];
    let Ok(Arrived::Changes(grow)) = fetched(changing(9, grow, vec![]), Some(&ours)).await else {
        panic!()
    };
    let most = |records| Limits { records, ..limits() };
    assert_eq!(grow.apply(&ours, &most(4)).unwrap().records(), 4);
    assert_eq!(grow.apply(&ours, &most(3)), Err(Fault::TooMuch("records", 3)));
    let size = u64::try_from(ours.body.len() / 3 * 4).unwrap();
    let most = |octets| Limits { octets, ..limits() };
    assert!(grow.apply(&ours, &most(size)).is_ok());
    assert_eq!(grow.apply(&ours, &most(size - 1)), Err(Fault::TooMuch("octets", size - 1)));
    assert!(grow.apply(&image(8, &["a.example"]).await, &limits()).is_err());
}

#[tokio::test]
async fn where_changes_cannot_be_had_all_of_it_is_fetched() {
    let ours = image(7, &["a.example"]).await;
    let all = || vec![soa(9), rule("new.example"), soa(9)];
    for changes in [
        // A single SOA that is newer; a version that is not ours; steps that lead back, or apart, or
        // nowhere; another SOA at the end.
        vec![soa(9)],
        vec![soa(9), soa(6), rule("a.example"), soa(9), soa(9)],
        vec![soa(9), soa(7), rule("a.example"), soa(6), soa(9)],
        vec![soa(9), soa(7), rule("a.example"), soa(8), soa(9)],
        vec![soa(9), soa(7), rule("a.example"), soa(8), soa(6), soa(9), soa(9)],
        vec![soa(9), soa(7), rule("a.example"), soa(9)],
        vec![soa(9), soa(7), rule("a.example"), soa(9), soa(10)],
        vec![soa(9), soa(7), rule("a.example"), soa(9), soa(9), rule("b.example")],
    ] {
        let got = fetched(changing(9, changes.clone(), all()), Some(&ours)).await;
        let Ok(Arrived::Whole(image)) = got else { panic!("{got:?} {changes:?}") };
        assert_eq!((image.soa().serial(), rules(&image)), (9, 1));
    }
    // IXFR that is not known there (response code), and the whole in the answer to it.
    let got = fetched(whole(9, all()), Some(&ours)).await;
    assert!(matches!(got, Ok(Arrived::Whole(_))), "{got:?}");
    let got = fetched(changing(9, all(), vec![]), Some(&ours)).await;
    assert!(matches!(got, Ok(Arrived::Whole(_))), "{got:?}");
    // Empty now: two SOA records are all of it.
    let got = fetched(changing(9, vec![soa(9), soa(9)], vec![]), Some(&ours)).await;
    assert!(matches!(&got, Ok(Arrived::Whole(image)) if image.records() == 0), "{got:?}");
}

#[tokio::test]
async fn an_older_version_is_never_taken() {
    let ours = image(7, &["a.example"]).await;
    assert_eq!(fetched(whole(7, vec![]), Some(&ours)).await, Ok(Arrived::Current));
    for theirs in [6, 0, 7 + HALF, 8 + HALF] {
        let fault = fetched(whole(theirs, vec![soa(theirs), soa(theirs)]), Some(&ours)).await;
        assert_eq!(fault, Err(Fault::Behind { theirs, ours: 7 }));
    }
    // It says that it has a newer one, and gives an older one.
    let old = || vec![soa(6), rule("b.example"), soa(6)];
    let fault = fetched(changing(9, old(), old()), Some(&ours)).await;
    assert_eq!(fault, Err(Fault::Behind { theirs: 6, ours: 7 }));
    // Round the circle is newer.
    let ours = image(u32::MAX, &["a.example"]).await;
    let got = fetched(whole(3, vec![soa(3), rule("b.example"), soa(3)]), Some(&ours)).await;
    assert!(matches!(got, Ok(Arrived::Whole(_))), "{got:?}");
}

#[tokio::test]
async fn octets_at_random_are_a_fault_and_no_more() {
    let good = whole(7, vec![soa(7), rule("bad.example"), soa(7)]);
    let query = incoming::query([1, 2], &origin(), incoming::What::Whole, None);
    let message = good(&query).remove(0);
    let (limits, origin) = (limits(), origin());
    for at in 0..message.len() {
        for octet in [0, 1, 0x3F, 0xC0, 0xFF] {
            let mut changed = message.clone();
            changed[at] = octet;
            let mut incoming =
                incoming::Incoming::new([1, 2], &origin, incoming::What::Whole, None, &limits);
            if incoming.message(&changed).is_ok_and(|more| more == incoming::More::Done) {
                let _any = incoming.finish().unwrap();
            }
        }
    }
}
