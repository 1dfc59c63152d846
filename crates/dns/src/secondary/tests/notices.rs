//! Notices, of primaries and of others.

use super::*;
use crate::server::Aside as _;

fn notices(ours: Option<Key>) -> (Notices, Arc<Notify>) {
    let wake = Arc::new(Notify::new());
    let awaited = Awaited {
        origin: origin(),
        primaries: vec!["192.0.2.53".parse().unwrap()],
        key: ours,
        wake: Arc::clone(&wake),
    };
    (Notices::new(vec![awaited], Arc::new(Fixed)), wake)
}

fn notice(zone: &str, qtype: u16) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend(name(zone).as_wire());
    out.extend(qtype.to_be_bytes());
    out.extend([0, 1]);
    out
}

/// Whether it was woken, and is no more.
async fn woken(wake: &Notify) -> bool {
    tokio::time::timeout(Duration::from_millis(5), wake.notified()).await.is_ok()
}

#[tokio::test]
async fn notices_count_from_primaries_alone_and_many_are_one() {
    let (heard, wake) = notices(None);
    let from = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let primary = "192.0.2.53:40000";
    // RFC 1996 §4.7: the question comes back, and nothing else.
    let mut hinted = notice("Feed.Example", 6);
    hinted[7] = 1;
    hinted.extend(soa(99));
    let answer = heard.datagram(&hinted, from(primary)).unwrap();
    let mut expected = notice("feed.example", 6);
    expected[2] = 0xA4;
    assert_eq!(answer, expected);
    for _ in 0..1_000 {
        assert!(heard.datagram(&notice("feed.example", 6), from(primary)).is_some());
    }
    assert!(woken(&wake).await && !woken(&wake).await, "a thousand are one");
    assert!(heard.datagram(&notice("feed.example", 6), from("[::ffff:192.0.2.53]:9")).is_some());
    assert!(woken(&wake).await);
    let rcode = |message: &[u8]| heard.datagram(message, from(primary)).map(|m| m[3] & 0xF);
    assert_eq!(rcode(&notice("other.example", 6)), Some(9));
    assert_eq!(rcode(&notice("a.feed.example", 6)), Some(9));
    assert_eq!(rcode(&notice("feed.example", 5)), Some(4));
    let mut two = notice("feed.example", 6);
    two[5] = 2;
    assert_eq!(rcode(&two), Some(1));
    assert_eq!(rcode(&two[..20]), Some(1));
    // An answer, a query, an update; a stranger's.
    for flags in [0xA4, 0x00, 0x28] {
        let mut other = notice("feed.example", 6);
        other[2] = flags;
        assert_eq!(rcode(&other), None, "{flags:x}");
    }
    assert!(heard.datagram(&notice("feed.example", 6), from("192.0.2.54:53")).is_none());
    assert!(heard.stream(&notice("feed.example", 6), from("192.0.2.54:53")).is_none());
    assert!(!woken(&wake).await);
}

#[tokio::test]
async fn where_a_key_is_agreed_notices_count_signed_with_it_alone() {
    let (heard, wake) = notices(Some(key(1)));
    let from: SocketAddr = "192.0.2.53:40000".parse().unwrap();
    let signed = |by: &Key, at| {
        let mut message = notice("feed.example", QueryType::SOA.0);
        let checker = by.sign(&mut message, at);
        (message, checker)
    };
    let (message, mut checker) = signed(&key(1), NOW);
    let answer = heard.datagram(&message, from).unwrap();
    assert_eq!(checker.check(&answer, NOW).unwrap()[3] & 0xF, 0);
    assert!(woken(&wake).await);
    assert_eq!(heard.datagram(&notice("feed.example", 6), from).unwrap()[3] & 0xF, 5);
    for (by, at) in [(key(2), NOW), (key(1), NOW - 301), (key(1), NOW + 301)] {
        let (message, _) = signed(&by, at);
        assert_eq!(heard.datagram(&message, from).unwrap()[3] & 0xF, 9);
        // BADTIME tells our time, to those alone who know the key.
        assert!(heard.datagram(&message, from).unwrap().len() <= message.len() + 6);
    }
    let other = Key::new(name("other.key"), Algorithm::Sha256, &[1; 32]).unwrap();
    assert_eq!(heard.datagram(&signed(&other, NOW).0, from).unwrap()[3] & 0xF, 9);
    let (message, _) = signed(&key(1), NOW);
    // The id in front is not signed: the signature has one of its own.
    for at in 2..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 0x40;
        let _any = heard.datagram(&changed, from);
        let _any = heard.datagram(&message[..at], from);
    }
    assert!(!woken(&wake).await);
}
