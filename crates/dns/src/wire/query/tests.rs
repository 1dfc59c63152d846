//! Hostile packets: each is read to the end, to a code, or not at all.

use super::*;
use proptest::prelude::*;

const NAME: &[u8] = b"\x03wWw\x07example\x00";

fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let words = [0xABCD, flags, counts[0], counts[1], counts[2], counts[3]];
    words.into_iter().flat_map(u16::to_be_bytes).collect()
}

fn query(name: &[u8], qtype: u16, class: u16, additional: &[&[u8]]) -> Vec<u8> {
    let mut message = header(RD, [1, 0, 0, additional.len() as u16]);
    message.extend_from_slice(name);
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&class.to_be_bytes());
    additional.iter().for_each(|record| message.extend_from_slice(record));
    message
}

fn opt(payload: u16, version: u8, flags: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let data: Vec<u8> = options
        .iter()
        .flat_map(|(code, data)| {
            [&code.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat()
        })
        .collect();
    [
        &[0, 0, 41][..],
        &payload.to_be_bytes(),
        &[0, version],
        &flags.to_be_bytes(),
        &(data.len() as u16).to_be_bytes(),
        &data,
    ]
    .concat()
}

fn code(message: &[u8]) -> Option<Rcode> {
    match read(message) {
        Ok(_) => panic!("read: {message:?}"),
        Err(Unfit::Silence) => None,
        Err(Unfit::Answer(code, manner)) => {
            assert_eq!(manner.id, 0xABCD);
            Some(code)
        }
    }
}

#[test]
fn a_plain_question_is_read() {
    let read = read(&query(NAME, 1, 1, &[])).unwrap();
    assert_eq!(read.name.to_string(), "www.example");
    assert_eq!((read.qtype, read.class), (QueryType::A, 1));
    let Manner { id, flags, question, length, edns } = read.manner;
    assert_eq!((id, flags, question, length, edns), (0xABCD, RD, 17, 29, None));
}

#[test]
fn any_class_and_type_is_read_and_left_to_policy() {
    for (qtype, class) in [(255, 255), (252, 1), (16, 3), (1, 0), (65_535, 65_535), (10, 254)] {
        let read = read(&query(NAME, qtype, class, &[])).unwrap();
        assert_eq!((read.qtype.0, read.class), (qtype, class));
    }
}

#[test]
fn edns_is_read_and_only_what_concerns_us() {
    let options: &[(u16, &[u8])] = &[
        (8, b"\x00\x01\x18\x00\x0a\x00\x00"), // a client subnet: never believed, never sent on
        (10, b"abcdefgh"),
        (12, &[0; 64]),
        (65_001, b"x"),
    ];
    let edns = read(&query(NAME, 1, 1, &[&opt(4_096, 0, 0x8000, options)])).unwrap().manner.edns;
    let cookie = Some(Cookie { client: *b"abcdefgh", server: None });
    assert_eq!(edns, Some(Edns { payload: 4_096, dnssec_ok: true, cookie, ..Edns::default() }));
    let edns = read(&query(NAME, 1, 1, &[&opt(0, 0, 0, &[])])).unwrap().manner.edns;
    assert_eq!(edns, Some(Edns { payload: 512, ..Edns::default() }));
}

#[test]
fn cookies_of_each_length() {
    for length in 0..=48_usize {
        let data = vec![b'c'; length];
        let message = query(NAME, 1, 1, &[&opt(1_232, 0, 0, &[(10, &data)])]);
        match length {
            8 | 16..=40 => {
                let cookie = read(&message).unwrap().manner.edns.unwrap().cookie.unwrap();
                assert_eq!(cookie.server.is_some(), length == 24, "{length}");
            }
            _ => assert_eq!(code(&message), Some(Rcode::FormErr), "{length}"),
        }
    }
}

#[test]
fn what_is_no_query_gets_no_answer() {
    assert_eq!(code(&[]), None);
    assert_eq!(code(&[0xAB; 11]), None);
    // An answer, whatever else it is: two servers must not answer each other.
    for flags in [QR, QR | 0x7800, 0xFFFF] {
        let mut message = query(NAME, 1, 1, &[]);
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        assert_eq!(code(&message), None);
    }
}

#[test]
fn other_opcodes_are_not_implemented() {
    for opcode in 1..16u16 {
        let mut message = query(NAME, 1, 1, &[]);
        message[2..4].copy_from_slice(&(opcode << 11).to_be_bytes());
        assert_eq!(code(&message), Some(Rcode::NotImp), "{opcode}");
    }
}

#[test]
fn many_questions_or_other_sections_are_malformed() {
    for counts in
        [[2, 0, 0, 0], [65_535, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 2], [0; 4]]
    {
        let mut message = header(RD, counts);
        for _ in 0..counts[0].clamp(1, 2) {
            message.extend_from_slice(&query(NAME, 1, 1, &[])[12..]);
        }
        assert_eq!(code(&message), Some(Rcode::FormErr), "{counts:?}");
    }
}

#[test]
fn compression_in_a_question_is_malformed() {
    // To itself, to the header, forward, past the end, at the end of labels; and the two reserved
    // label types.
    for name in [
        &b"\xc0\x0c"[..],
        b"\xc0\x00",
        b"\xc0\x0e\xc0\x0c",
        b"\xff\xff",
        b"\x03www\xc0\x0c",
        b"\x41a\x00",
        b"\x80\x00",
    ] {
        assert_eq!(code(&query(name, 1, 1, &[])), Some(Rcode::FormErr), "{name:?}");
    }
}

#[test]
fn names_that_are_too_long_or_cut_off_are_malformed() {
    let label = [&[63u8][..], &[b'a'; 63]].concat();
    let bomb = [label.repeat(4), vec![0]].concat();
    assert_eq!(code(&query(&bomb, 1, 1, &[])), Some(Rcode::FormErr));
    let deep = [b"\x01a".repeat(128), vec![0]].concat();
    assert_eq!(code(&query(&deep, 1, 1, &[])), Some(Rcode::FormErr));
    assert!(read(&query(&[b"\x01a".repeat(127), vec![0]].concat(), 1, 1, &[])).is_ok());
    let whole = query(NAME, 1, 1, &[&opt(1_232, 0, 0, &[(10, b"abcdefgh")])]);
    assert!(read(&whole).is_ok());
    for cut in 12..whole.len() {
        assert_eq!(code(&whole[..cut]), Some(Rcode::FormErr), "cut at {cut}");
    }
}

#[test]
fn octets_behind_the_end_are_malformed() {
    for additional in [vec![], vec![opt(1_232, 0, 0, &[])]] {
        let additional: Vec<&[u8]> = additional.iter().map(Vec::as_slice).collect();
        let mut message = query(NAME, 1, 1, &additional);
        assert!(read(&message).is_ok());
        message.extend_from_slice(b"exfiltrated");
        assert_eq!(code(&message), Some(Rcode::FormErr));
    }
}

#[test]
fn additional_records_other_than_one_sound_opt_are_malformed() {
    let (good, a) = (opt(1_232, 0, 0, &[]), b"\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00");
    let named = [b"\x01a", &good[..]].concat();
    let mut long = opt(1_232, 0, 0, &[(10, b"abcdefgh")]);
    long[10] += 1;
    let mut option = opt(1_232, 0, 0, &[(10, b"abcdefgh")]);
    option[14] += 1;
    for additional in [&[&a[..]][..], &[&named], &[&long], &[&option], &[&good, &good]] {
        assert_eq!(code(&query(NAME, 1, 1, additional)), Some(Rcode::FormErr));
    }
    let newer = query(NAME, 1, 1, &[&opt(1_232, 1, 0, &[])]);
    assert_eq!(code(&newer), Some(Rcode::BadVers));
}

#[test]
fn a_cookie_can_be_learned_without_a_question() {
    let mut message = header(0, [0, 0, 0, 1]);
    message.extend_from_slice(&opt(1_232, 0, 0, &[(10, b"abcdefgh")]));
    assert_eq!(code(&message), Some(Rcode::NoError));
}

proptest! {
    #[test]
    fn no_message_makes_the_reader_panic_and_a_question_is_where_it_says(message: Vec<u8>) {
        if let Ok(query) = read(&message) {
            let end = 12 + usize::from(query.manner.question);
            prop_assert_eq!(&message[12..end - 4].to_ascii_lowercase(), &query.name.as_wire().to_ascii_lowercase());
        }
    }

    #[test]
    fn a_changed_octet_is_read_as_another_query_or_refused(place in 0usize..60, value: u8) {
        let mut message = query(NAME, 1, 1, &[&opt(1_232, 0, 0, &[(10, b"abcdefgh")])]);
        if let Some(octet) = message.get_mut(place) {
            *octet = value;
        }
        match (read(&message), domain::base::Message::from_octets(&message)) {
            // Whatever we take, an independent reader takes with the same meaning.
            (Ok(ours), Ok(theirs)) => {
                let question = theirs.sole_question().unwrap();
                prop_assert_eq!(ours.qtype.0, question.qtype().to_int());
                prop_assert_eq!(ours.class, question.qclass().to_int());
                let name: Vec<u8> = question.qname().iter().flat_map(|label| {
                    [&[label.len() as u8][..], label.as_slice()].concat()
                }).collect();
                prop_assert_eq!(ours.name.as_wire(), name.to_ascii_lowercase());
                prop_assert_eq!(ours.manner.edns.is_some(), theirs.opt().is_some());
            }
            (Ok(_), Err(_)) => prop_assert!(false, "read what is no message"),
            (Err(_), _) => {}
        }
    }
}
