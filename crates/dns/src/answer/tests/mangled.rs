//! Answers with octets changed: whatever is read of them, nothing is told that was not judged.

use super::key;
use crate::answer::reading::read;
use crate::body::records_begin;
use crate::cache::Image;
use crate::forward::Key;
use backstop_model::name::QueryType;
use backstop_testkit::nameserver::{self, address, alias, record, soa};
use domain::base::Message;
use domain::base::name::ParsedName;
use domain::rdata::{A, Aaaa, Https};
use proptest::prelude::*;
use std::net::IpAddr;

/// An answer in due form for each kind of question.
fn answers() -> Vec<(Key, Vec<u8>)> {
    let hints = [
        &[0, 1, 3][..],
        b"svc\x04test\x00",
        &[0, 1, 0, 3, 2, b'h', b'2', 0, 4, 0, 8, 93, 184, 0, 7, 93, 184, 0, 8, 0, 5, 0, 2, 1, 2],
        &[0, 6, 0, 16, 0x26, 6, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
    ]
    .concat();
    let pointer = |rtype: u16, data: &[u8]| {
        let owner = [0xc0, 12];
        [&owner[..], &record("", rtype, 60, data)[1..]].concat()
    };
    let of = |qtype: QueryType, rcode: u8, sections: [Vec<Vec<u8>>; 3]| {
        let question =
            [nameserver::name("a.name.example"), qtype.0.to_be_bytes().to_vec(), vec![0, 1]];
        let reply = nameserver::Reply {
            id: [0, 0],
            flags: [0x81, 0x80 | rcode],
            question: question.concat(),
            sections,
        };
        (key("a.name.example", qtype), reply.wire())
    };
    vec![
        of(
            QueryType::A,
            0,
            [
                vec![
                    alias("a.name.example", 60, "b.test"),
                    alias("b.test", 60, "c.test"),
                    address("c.test", 60, "93.184.0.7"),
                    address("c.test", 60, "93.184.0.8"),
                ],
                vec![],
                vec![address("c.test", 60, "10.0.0.1")],
            ],
        ),
        of(
            QueryType::AAAA,
            0,
            [vec![pointer(28, &[0x26; 16]), pointer(28, &[0x64; 16])], vec![], vec![]],
        ),
        of(QueryType::HTTPS, 0, [vec![pointer(65, &hints)], vec![], vec![]]),
        of(
            QueryType::A,
            0,
            [
                vec![
                    record("name.example", 39, 60, &nameserver::name("other.test")),
                    address("a.other.test", 60, "93.184.0.9"),
                ],
                vec![],
                vec![],
            ],
        ),
        of(
            QueryType::ANY,
            0,
            [vec![pointer(1, &[93, 184, 0, 7]), pointer(65, &hints)], vec![], vec![]],
        ),
        of(QueryType::A, 3, [vec![], vec![soa("example", 60)], vec![]]),
    ]
}

/// Every address that a client can read in what it is told.
fn told(key: &Key, image: &Image) -> Vec<IpAddr> {
    let mut message = vec![0, 0, 0x81, 0x80 | image.head.rcode, 0, 1];
    message.extend(image.head.answers.to_be_bytes());
    message.extend(image.head.authorities.to_be_bytes());
    message.extend([0, 0]);
    message.extend(key.name.as_wire());
    message.extend([key.qtype.0.to_be_bytes(), key.class.to_be_bytes()].concat());
    assert_eq!(message.len(), records_begin(key.name.as_wire().len()));
    message.extend(image.records());
    let message = Message::from_octets(message).unwrap();
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut records = 0;
    for parsed in message.answer().unwrap() {
        let parsed = parsed.unwrap();
        records += 1;
        if let Some(record) = parsed.to_record::<A>().unwrap() {
            addresses.push(record.data().addr().into());
        }
        if let Some(record) = parsed.to_record::<Aaaa>().unwrap() {
            addresses.push(record.data().addr().into());
        }
        if let Some(record) = parsed.to_record::<Https<_, ParsedName<_>>>().unwrap() {
            for value in record.data().params().iter_all() {
                use domain::rdata::svcb::value::AllValues;
                #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's open enum")]
                match value.unwrap() {
                    AllValues::Ipv4Hint(hint) => addresses.extend(hint.iter().map(IpAddr::from)),
                    AllValues::Ipv6Hint(hint) => addresses.extend(hint.iter().map(IpAddr::from)),
                    _ => {}
                }
            }
        }
    }
    assert_eq!(records, image.head.answers);
    for parsed in message.authority().unwrap() {
        parsed.unwrap();
    }
    addresses
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_octet_makes_an_address_pass_unjudged(
        which in 0usize..6,
        changes in prop::collection::vec((12usize..400, any::<u8>()), 0..6),
        cut in prop::option::weighted(0.1, 0usize..300),
    ) {
        let (key, mut message) = answers().swap_remove(which);
        for (at, octet) in changes {
            if let Some(place) = message.get_mut(at) {
                *place = octet;
            }
        }
        if let Some(cut) = cut {
            message.truncate(cut);
        }
        if let Ok(reading) = read(&message, &key) {
            let content = reading.content;
            for image in [Some(&content.image), content.with_ech()].into_iter().flatten() {
                for address in told(&key, image) {
                    prop_assert!(content.addresses().contains(&address), "{address} was not judged");
                }
            }
        }
    }
}

#[test]
fn unchanged_answers_are_read() {
    for (key, message) in answers() {
        let content = read(&message, &key).unwrap().content;
        let told = told(&key, &content.image);
        assert_eq!(told.is_empty(), content.image.head.rcode == 3, "{key:?}");
    }
}
