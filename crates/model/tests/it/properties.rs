//! Properties: nothing panics, normal forms are fixed points, and the classes agree with
//! `std::net` and with each other.

use crate::spellings::spell4;
use backstop_model::addr::{
    AddressClass, AddressRules, Cidr, classify, disguise, judge_literal, judge_resolved,
    nat64_embedded, special, table,
};
use backstop_model::destination::{Protocol, parse_authority, parse_url, path_ambiguity};
use backstop_model::host::{Host, HostName};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// No file of seeds is written: a failure prints its case, which becomes a test of its own.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    // Random IPv6 is almost never special, so half of it lies near a row of the table.
    let rows: Vec<Cidr> = table().map(|row| row.block).collect();
    let near = (0..rows.len(), any::<u128>()).prop_map(move |(row, noise)| {
        let row = rows[row];
        match row.network() {
            IpAddr::V4(four) => {
                let host = u32::MAX.checked_shr(u32::from(row.prefix())).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(four.to_bits() | noise as u32 & host))
            }
            IpAddr::V6(six) => {
                let host = u128::MAX.checked_shr(u32::from(row.prefix())).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() | noise & host))
            }
        }
    });
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        (any::<u128>()).prop_map(|bits| {
            IpAddr::V6(Ipv6Addr::from_bits(bits & (u128::MAX >> 3) | 0b001 << 125))
        }),
        near,
    ]
}

/// Texts put together from what parsers trip over.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(vec![
            "http", "https", "ws", "file", ":", "//", "/", "\\", "@", "?", "#", "[", "]", "%", "%25",
            "%00", "%2e", "%5b", ".", "..", "-", "_", "xn--", "0x", "0", "127.0.0.1", "::1", "::ffff:",
            "fe80::1", "localhost", "nip.io", ".sslip.io", "example.com", ":80", ":0", ":99999", "\t",
            "\n", "\0", " ", "。", "．", "１", "\u{ad}", "\u{200d}", "\u{202e}", "ß", "İ", "ﬀ", "①",
            "\u{1fbf0}", "א", "١", "xn--a", "a", "--", "1", "2130706433", "0177.1",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        pieces(),
        pieces().prop_map(|text| format!("http://{text}")),
        pieces().prop_map(|text| format!("https://{text}/")),
        any::<String>(),
        "[a-z0-9.-]{0,40}",
        "https?://[a-z0-9.:@\\[\\]%/?#-]{0,40}",
    ]
}

proptest! {
    #![proptest_config(config(1_500))]

    /// What is in normal form already is not normalised; what is not, is, to the same end.
    #[test]
    fn names_that_need_no_normalising_read_as_those_that_do(text in "[a-z0-9_.-]{0,20}[a-z][a-z0-9_.-]{0,80}") {
        let first = text.find(|c: char| c.is_ascii_lowercase()).unwrap();
        let (head, tail) = text.split_at(first);
        let (letter, rest) = tail.split_at(1);
        let upper = format!("{head}{}{rest}", letter.to_ascii_uppercase());
        prop_assert_eq!(Host::parse(&text).ok(), Host::parse(&upper).ok());
    }

    #[test]
    fn no_text_makes_anything_panic_and_what_passes_is_a_fixed_point(text in texts()) {
        if let Ok(host) = Host::parse(&text) {
            prop_assert_eq!(Host::parse(&host.to_string()), Ok(host.clone()));
            if let Host::Name(name) = &host {
                let shown = name.as_str();
                prop_assert_eq!(HostName::parse(shown), Ok(name.clone()));
                prop_assert!(shown.len() <= 253 && shown.is_ascii());
                prop_assert!(name.labels().all(|label| (1..=63).contains(&label.len())));
                prop_assert!(shown.parse::<IpAddr>().is_err());
                let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.');
                prop_assert!(shown.chars().all(plain));
                // What the standard says of our normal form is our normal form.
                prop_assert_eq!(
                    url::Host::parse(shown).unwrap(),
                    url::Host::<String>::Domain(shown.to_owned())
                );
                let _ = disguise(name);
            }
        }
        match parse_url(&text) {
            Ok(read) => {
                let again = parse_url(&read.to_string());
                prop_assert_eq!(again.as_ref().map(|r| &r.destination), Ok(&read.destination));
                prop_assert_eq!(again.as_ref().map(|r| r.path.as_str()), Ok(read.path.as_str()));
                let place = &read.destination;
                prop_assert_eq!(&parse_authority(&place.to_string(), place.protocol), &Ok(place.clone()));
                prop_assert!(read.path.starts_with('/') && read.path.is_ascii());
                prop_assert_ne!(place.port, 0);
                match &place.host {
                    Host::Address(address) => prop_assert_eq!(classify(*address), AddressClass::Public),
                    Host::Name(name) => prop_assert!(disguise(name).is_none()),
                }
                let _ = path_ambiguity(&read.path);
            }
            Err(refusal) => prop_assert!(!refusal.reason.is_empty()),
        }
        if let Ok(place) = parse_authority(&text, Protocol::Http) {
            prop_assert_eq!(&parse_authority(&place.to_string(), place.protocol), &Ok(place.clone()));
        }
        if let Ok(prefix) = Cidr::parse(&text) {
            prop_assert_eq!(Cidr::parse(&prefix.to_string()), Ok(prefix));
        }
        let _ = path_ambiguity(&text);
    }

    #[test]
    fn whatever_std_calls_special_is_never_public(address in any_ip()) {
        let class = classify(address);
        let std_says = match address {
            IpAddr::V4(four) => {
                four.is_private() || four.is_loopback() || four.is_link_local() || four.is_broadcast()
                    || four.is_documentation() || four.is_multicast() || four.is_unspecified()
            }
            IpAddr::V6(six) => {
                six.is_loopback() || six.is_multicast() || six.is_unspecified()
                    || six.is_unique_local() || six.is_unicast_link_local()
                    || six.to_ipv4().is_some() || six.segments()[0] & 0xe000 != 0x2000
            }
        };
        prop_assert!(!std_says || class != AddressClass::Public);
        match address {
            IpAddr::V4(four) => {
                prop_assert!(!four.is_loopback() || class == AddressClass::Loopback);
                prop_assert!(!four.is_multicast() || class == AddressClass::Multicast);
                prop_assert!(!four.is_private() || class == AddressClass::Private);
            }
            IpAddr::V6(six) => {
                prop_assert!(!six.is_multicast() || class == AddressClass::Multicast);
                prop_assert!(six.to_ipv4_mapped().is_none() || class == AddressClass::Embedding);
            }
        }
    }

    #[test]
    fn the_look_up_finds_the_most_specific_row(address in any_ip()) {
        let slow = table().filter(|row| row.block.contains(address)).max_by_key(|row| row.block.prefix());
        prop_assert_eq!(special(address), slow);
    }

    #[test]
    fn no_exception_opens_a_class_that_is_never_open(address in any_ip(), length in 0..=128_u8) {
        let rules = AddressRules { allow_private: vec![Cidr::around(address, length)], nat64: Vec::new() };
        let class = classify(address);
        let literal = judge_literal(address, &rules);
        let expected =
            if class == AddressClass::Public || class.may_be_allowed() { Ok(()) } else { Err(class) };
        prop_assert_eq!(literal, expected);
        let resolved = judge_resolved(address, &rules);
        prop_assert!(resolved == expected || special(address).is_some_and(|row| row.source == "RFC 6052"));
    }

    #[test]
    fn coverage_agrees_with_what_the_judge_opens(address in any_ip(), length in 0..=128_u8) {
        let prefix = Cidr::around(address, length);
        if classify(address).may_be_allowed() {
            prop_assert_eq!(prefix.coverage(), backstop_model::addr::Coverage::Opens);
        }
    }

    #[test]
    fn nat64_answers_stand_and_fall_with_their_ipv4(
        bits in any::<u32>(), network in any::<u128>(), choice in 0..6_usize,
    ) {
        let length = [32, 40, 48, 56, 64, 96][choice];
        // Global unicast outside the special blocks, with bits 64 to 71 zero.
        let network = network & !(0xff << 56) & (u128::MAX >> 16) | 0x2a00 << 112;
        let prefix = Cidr::around(IpAddr::V6(Ipv6Addr::from_bits(network)), length);
        let four = Ipv4Addr::from_bits(bits);
        let address = embed(prefix, four);
        prop_assert_eq!(nat64_embedded(prefix, address), Some(four));
        let rules = AddressRules { allow_private: Vec::new(), nat64: vec![prefix] };
        let inner = judge_resolved(IpAddr::V4(four), &rules);
        prop_assert_eq!(judge_resolved(address, &rules).is_ok(), inner.is_ok());
        prop_assert!(judge_literal(address, &rules).is_err());
        let well_known = Ipv6Addr::from_bits(0x0064_ff9b << 96 | u128::from(bits));
        prop_assert_eq!(judge_resolved(IpAddr::V6(well_known), &AddressRules::default()), inner);
    }
}

proptest! {
    // Each case is some 170 spellings.
    #![proptest_config(config(150))]

    #[test]
    fn every_spelling_of_an_ipv4_address_is_that_address(bits in any::<u32>()) {
        let four = Ipv4Addr::from_bits(bits);
        for spelling in spell4(four) {
            prop_assert_eq!(Host::parse(&spelling), Ok(Host::Address(IpAddr::V4(four))), "{}", spelling);
        }
    }
}

/// RFC 6052 §2.2 from the other side: bit by bit, skipping bits 64 to 71.
fn embed(prefix: Cidr, four: Ipv4Addr) -> IpAddr {
    let IpAddr::V6(network) = prefix.network() else { unreachable!("IPv6 alone") };
    let mut octets = network.octets();
    let mut index = usize::from(prefix.prefix() / 8);
    for octet in four.octets() {
        if index == 8 {
            index += 1;
        }
        octets[index] = octet;
        index += 1;
    }
    IpAddr::V6(Ipv6Addr::from(octets))
}
