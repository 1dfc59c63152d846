//! Upstreams' messages: nothing panics; what would be told of one is a whole message, and no
//! address stands in it that the judge would not see.
#![no_main]

use backstop_dns::answer::{Look, look};
use backstop_dns::forward::Key;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use domain::base::Message;
use domain::base::name::ParsedName;
use domain::rdata::svcb::value::AllValues;
use domain::rdata::{A, Aaaa, Https, Svcb};
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;

fuzz_target!(|input: &[u8]| {
    // The first octet is the type that was asked for, the rest the message.
    let Some((qtype, message)) = input.split_first() else { return };
    let name = QueryName::from_text("a.name.example").expect("a name");
    let key = Key { name, qtype: QueryType((*qtype).into()), class: CLASS_IN };
    let Ok(Look { head, records, addresses: judged }) = look(message, &key) else { return };
    let mut told = vec![0, 0, 0x81, 0x80 | head.rcode, 0, 1];
    told.extend([head.answers.to_be_bytes(), head.authorities.to_be_bytes(), [0, 0]].concat());
    told.extend(key.name.as_wire());
    told.extend([key.qtype.0.to_be_bytes(), key.class.to_be_bytes()].concat());
    told.extend(&records);
    let told = Message::from_octets(told).expect("a message");
    let check = |address: IpAddr| assert!(judged.contains(&address), "{address} was not judged");
    let hints = |value| match value {
        AllValues::Ipv4Hint(hint) => hint.iter().map(IpAddr::from).for_each(check),
        AllValues::Ipv6Hint(hint) => hint.iter().map(IpAddr::from).for_each(check),
        AllValues::Ech(_) => panic!("ech is told"),
        _ => {}
    };
    let mut count = 0;
    for record in told.answer().expect("a section") {
        let record = record.expect("a record");
        count += 1;
        if let Some(record) = record.to_record::<A>().expect("an address") {
            check(record.data().addr().into());
        }
        if let Some(record) = record.to_record::<Aaaa>().expect("an address") {
            check(record.data().addr().into());
        }
        if let Some(record) = record.to_record::<Https<_, ParsedName<_>>>().expect("parameters") {
            record.data().params().iter_all().flatten().for_each(hints);
        }
        if let Some(record) = record.to_record::<Svcb<_, ParsedName<_>>>().expect("parameters") {
            record.data().params().iter_all().flatten().for_each(hints);
        }
    }
    assert_eq!(count, head.answers);
    let authority = told.authority().expect("a section");
    assert_eq!(
        authority.map(|record| record.expect("a record")).count(),
        usize::from(head.authorities)
    );
});
