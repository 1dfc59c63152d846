//! Answers as an independent reader sees them, and their bounds.

use super::*;
use crate::wire::query::{self, Cookie, Query};
use domain::base::{Message, iana, opt};
use proptest::prelude::*;

const ERROR: Extended<'_> =
    Extended { code: 15, words: ["dns.undeclared", "rcp_00000000000000000000000000"] };

fn message(labels: &[&[u8]], edns: Option<u16>, cookie: Option<&[u8]>) -> Vec<u8> {
    let mut message = vec![0xAB, 0xCD, 1, 0x10, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    for label in labels {
        message.push(label.len() as u8);
        message.extend_from_slice(label);
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    if let Some(payload) = edns {
        message.extend_from_slice(&[0, 0, 41]);
        message.extend_from_slice(&payload.to_be_bytes());
        message.extend_from_slice(&[0, 0, 0x80, 0]);
        let cookie = cookie.map_or(vec![], |c| [&[0, 10, 0, c.len() as u8][..], c].concat());
        message.extend_from_slice(&(cookie.len() as u16).to_be_bytes());
        message.extend_from_slice(&cookie);
    }
    message
}

fn read(message: &[u8]) -> Query {
    query::read(message).unwrap()
}

/// So many addresses as records of the name that was asked for.
fn addresses(out: &mut Vec<u8>, count: u16) -> Head {
    for number in 0..count {
        let [n0, n1] = number.to_be_bytes();
        out.extend_from_slice(&[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, n0, n1]);
    }
    Head { rcode: 0, answers: count, authorities: 0 }
}

fn refused(out: &mut Vec<u8>, manner: &Manner) -> Head {
    soa(out, manner, 5);
    Head { rcode: 3, answers: 0, authorities: 1 }
}

#[test]
fn a_refusal_is_read_by_an_independent_reader() {
    let message = message(&[b"EviL", b"example"], Some(1_232), Some(b"abcdefgh"));
    let manner = read(&message).manner;
    let mut out = vec![1, 2, 3];
    begin(&mut out, &manner, &message);
    let head = refused(&mut out, &manner);
    let cookie = Some([9; 16]);
    finish(
        &mut out,
        &manner,
        &Finish { head, error: Some(ERROR), cookie, limit: Limit::Known, keepalive: None },
    );

    let answer = Message::from_octets(&out).unwrap();
    let header = answer.header();
    assert_eq!((header.id(), header.qr(), header.rd(), header.cd()), (0xABCD, true, true, true));
    assert_eq!((header.ra(), header.aa(), header.ad(), header.tc()), (true, false, false, false));
    assert_eq!(header.rcode(), iana::Rcode::NXDOMAIN);
    // The client's own spelling comes back, which 0x20 clients insist on.
    assert_eq!(answer.sole_question().unwrap().qname().to_string(), "EviL.example");
    let soa =
        answer.authority().unwrap().limit_to::<domain::rdata::Soa<_>>().next().unwrap().unwrap();
    assert_eq!((soa.owner().to_string(), soa.ttl().as_secs()), ("example".to_owned(), 5));
    assert_eq!(soa.data().minimum().as_secs(), 5);
    let options = answer.opt().unwrap();
    assert_eq!((options.udp_payload_size(), options.dnssec_ok()), (1_232, true));
    let error = options.opt().iter::<opt::ExtendedError<_>>().next().unwrap().unwrap();
    assert_eq!(error.code().to_int(), 15);
    assert_eq!(error.text().unwrap().unwrap(), "dns.undeclared rcp_00000000000000000000000000");
    let cookie = options.opt().iter::<opt::Cookie>().next().unwrap().unwrap();
    assert_eq!(cookie.client(), opt::cookie::ClientCookie::from_octets(*b"abcdefgh"));
    assert_eq!(cookie.server().unwrap().as_ref(), [9; 16]);
    assert!(answer.additional().unwrap().count() == 1);
}

#[test]
fn who_speaks_no_edns_gets_none() {
    let message = message(&[b"evil", b"example"], None, None);
    let manner = read(&message).manner;
    let mut out = Vec::new();
    begin(&mut out, &manner, &message);
    let head = refused(&mut out, &manner);
    let cookie = Some([9; 16]);
    finish(
        &mut out,
        &manner,
        &Finish { head, error: Some(ERROR), cookie, limit: Limit::Known, keepalive: None },
    );
    let answer = Message::from_octets(&out).unwrap();
    assert!(answer.opt().is_none());
    assert_eq!(answer.header_counts().arcount(), 0);
}

#[test]
fn a_bad_version_is_said_in_the_opt() {
    let mut message = message(&[b"a"], Some(1_232), None);
    let place = message.len() - 5;
    message[place] = 1;
    let Err(query::Unfit::Answer(rcode, manner)) = query::read(&message) else { panic!() };
    let mut out = Vec::new();
    begin(&mut out, &manner, &message);
    let head = Head { rcode: rcode.number(), answers: 0, authorities: 0 };
    finish(
        &mut out,
        &manner,
        &Finish { head, error: None, cookie: None, limit: Limit::Known, keepalive: None },
    );
    let answer = Message::from_octets(&out).unwrap();
    assert_eq!(answer.opt_rcode(), iana::OptRcode::BADVERS);
}

#[test]
fn the_soa_of_every_name_stands_at_its_parent() {
    for (labels, parent) in
        [(&[][..], "."), (&[&b"com"[..]], "."), (&[b"a", b"bb", b"ccc"], "bb.ccc")]
    {
        let message = message(labels, None, None);
        let manner = read(&message).manner;
        let mut out = Vec::new();
        begin(&mut out, &manner, &message);
        let head = refused(&mut out, &manner);
        finish(
            &mut out,
            &manner,
            &Finish { head, error: None, cookie: None, limit: Limit::Known, keepalive: None },
        );
        let answer = Message::from_octets(&out).unwrap();
        let soa = answer.authority().unwrap().limit_to::<domain::rdata::Soa<_>>().next();
        let owner = soa.unwrap().unwrap().owner().to_string();
        assert_eq!(owner, parent.trim_end_matches('.'), "{labels:?}");
    }
}

#[test]
fn what_does_not_fit_is_cut_with_tc_and_never_in_the_middle() {
    for (edns, count, whole) in [
        (None, 29, true),
        (None, 31, false),
        (Some(1_232), 74, true),
        (Some(1_232), 76, false),
        (Some(65_535), 76, false),
    ] {
        let message = message(&[b"a"], edns, None);
        let manner = read(&message).manner;
        let mut out = Vec::new();
        begin(&mut out, &manner, &message);
        let head = addresses(&mut out, count);
        finish(
            &mut out,
            &manner,
            &Finish { head, error: None, cookie: None, limit: Limit::Known, keepalive: None },
        );
        let answer = Message::from_octets(&out).unwrap();
        assert_eq!(answer.header().tc(), !whole, "{edns:?} {count}");
        assert_eq!(answer.answer().unwrap().count(), if whole { usize::from(count) } else { 0 });
        assert!(out.len() <= usize::from(edns.unwrap_or(512).min(UDP_PAYLOAD)));
    }
}

#[test]
fn a_refusal_sheds_its_text_before_it_sheds_the_truth() {
    let with = |edns| {
        let message = message(&[b"some", b"evil", b"example"], edns, None);
        let manner = read(&message).manner;
        let mut out = Vec::new();
        begin(&mut out, &manner, &message);
        let head = refused(&mut out, &manner);
        finish(
            &mut out,
            &manner,
            &Finish {
                head,
                error: Some(ERROR),
                cookie: None,
                limit: Limit::Unknown,
                keepalive: None,
            },
        );
        let answer = Message::from_octets(&out).unwrap();
        assert!(out.len() <= 2 * message.len());
        assert_eq!((answer.header().rcode(), answer.header().tc()), (iana::Rcode::NXDOMAIN, false));
        let error = answer.opt().and_then(|opt| {
            let error = opt.opt().iter::<opt::ExtendedError<_>>().next()?.ok()?;
            Some((error.code().to_int(), error.text().is_some()))
        });
        (answer.header_counts().nscount(), error)
    };
    assert_eq!(with(Some(1_232)), (1, Some((15, false))));
    assert_eq!(with(None), (1, None));
}

proptest! {
    #[test]
    fn an_unknown_source_never_gets_more_than_twice_what_it_sent(
        labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 0..4),
        edns in prop::option::of(any::<u16>()),
        cookie in prop::option::of(any::<[u8; 8]>()),
        count in 0u16..200,
        negative: bool,
    ) {
        let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
        let message = message(&labels, edns, cookie.as_ref().map(|c| &c[..]));
        let Query { manner, .. } = match query::read(&message) {
            Ok(query) => query,
            Err(_) => return Ok(()),
        };
        for limit in [Limit::Unknown, Limit::Known, Limit::Stream, Limit::Sealed] {
            let mut out = Vec::new();
            begin(&mut out, &manner, &message);
            let head = if negative { refused(&mut out, &manner) } else { addresses(&mut out, count) };
            finish(&mut out, &manner, &Finish { head, error: Some(ERROR), cookie: Some([1; 16]), limit, keepalive: None });
            let bound = match limit {
                Limit::Unknown => 2 * message.len(),
                Limit::Known => usize::from(UDP_PAYLOAD),
                Limit::Stream | Limit::Sealed => usize::from(u16::MAX),
            };
            prop_assert!(out.len() <= bound, "{} > {bound}", out.len());
            if limit == Limit::Sealed && manner.edns.is_some() {
                prop_assert_eq!(out.len() % 468, 0);
            }
            // And it is a whole message, of the same question.
            let answer = Message::from_octets(&out).unwrap();
            let counts = answer.header_counts();
            prop_assert_eq!(counts.qdcount(), 1);
            prop_assert_eq!(answer.answer().unwrap().count(), usize::from(counts.ancount()));
            prop_assert_eq!(answer.authority().unwrap().count(), usize::from(counts.nscount()));
            prop_assert_eq!(&out[12..12 + usize::from(manner.question)], &message[12..12 + usize::from(manner.question)]);
        }
    }

    #[test]
    fn a_query_reads_as_it_was_written(
        labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 0..4),
        edns in prop::option::of(any::<u16>()),
        cookie in prop::option::of(any::<[u8; 24]>()),
    ) {
        let parts: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
        if labels.iter().map(|label| label.len() + 1).sum::<usize>() > 254 {
            return Ok(());
        }
        let query = read(&message(&parts, edns, cookie.as_ref().map(|c| &c[..])));
        let lower: Vec<Vec<u8>> = labels.iter().map(|label| label.to_ascii_lowercase()).collect();
        prop_assert_eq!(query.name.labels().map(<[u8]>::to_vec).collect::<Vec<_>>(), lower);
        prop_assert_eq!(query.manner.edns.map(|edns| edns.payload), edns.map(|payload| payload.max(512)));
        let read = query.manner.edns.and_then(|edns| edns.cookie);
        let sent = cookie.filter(|_| edns.is_some()).map(|octets| Cookie {
            client: octets[..8].try_into().unwrap(),
            server: Some(octets[8..].try_into().unwrap()),
        });
        prop_assert_eq!(read, sent);
    }
}
