//! Thousands of spellings of forbidden addresses, none of which may pass, and hundreds of public
//! addresses and names, all of which must.

use backstop_model::addr::{AddressClass, classify};
use backstop_model::destination::{Protocol, parse_authority, parse_url};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const FORBIDDEN: [&str; 18] = [
    "127.0.0.1",
    "127.127.3.4",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.9.8",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
];

/// Every way that some client is known to read as this IPv4 address.
pub(crate) fn spell4(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    let mut all = Vec::new();
    let radixes: [fn(u32) -> String; 5] = [
        |n| n.to_string(),
        |n| format!("0{n:o}"),
        |n| format!("0x{n:x}"),
        |n| format!("0X{n:X}"),
        |n| format!("0x{n:08x}"),
    ];
    for first in radixes {
        for second in radixes {
            let (a, b, c, d) = (u32::from(a), u32::from(b), u32::from(c), u32::from(d));
            all.push(format!("{}.{}.{}.{}", first(a), second(b), first(c), second(d)));
            all.push(format!("{}.{}.{}.{}", first(a), first(b), second(c), second(d)));
            all.push(format!("{}.{}.{}", first(a), second(b), second(bits & 0xffff)));
            all.push(format!("{}.{}", first(a), second(bits & 0xff_ffff)));
        }
        all.push(first(bits));
        all.push(format!("{}.", first(bits)));
    }
    all.push(format!("000{a:o}.0000{b:o}.00{c:o}.000000{d:o}"));
    all.push(format!("{address}."));
    let dotted = address.to_string();
    for dot in ["。", "．", "｡", "%2e", "%2E", "%E3%80%82", "%ef%bc%8e"] {
        all.push(dotted.replace('.', dot));
    }
    let digits = |zero: char| -> String {
        dotted
            .chars()
            .map(|c| match c.to_digit(10) {
                Some(digit) => char::from_u32(zero as u32 + digit).unwrap(),
                None => c,
            })
            .collect()
    };
    // Full-width, mathematical bold, double-struck, sans-serif, bold sans, monospace, legacy segments.
    for zero in ['０', '𝟎', '𝟘', '𝟢', '𝟬', '𝟶', '\u{1fbf0}'] {
        all.push(digits(zero));
        all.push(percent(&digits(zero)));
    }
    all.push(percent(&dotted));
    all.push(percent(&dotted).to_lowercase());
    all.push(dotted.chars().flat_map(|c| [c, '\u{ad}']).collect());
    all.push(dotted.chars().flat_map(|c| [c, '\u{200b}']).collect());
    all
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Every IPv6 form that carries this IPv4 address, in brackets.
fn embed(address: Ipv4Addr) -> Vec<String> {
    let bits = u128::from(address.to_bits());
    let bits32 = address.to_bits();
    let forms: [u128; 12] = [
        bits,
        0xffff_0000_0000 | bits,
        0xffff_0000_0000_0000 | bits,
        0x0064_ff9b << 96 | bits,
        0x0064_ff9b_0001 << 80 | bits,
        0x0064_ff9b_0001_abcd << 64 | bits,
        0x2002 << 112 | bits << 80 | 1,
        0x2001_0000 << 96 | 0x0808_0808 << 64 | u128::from(!bits32),
        0xfe80 << 112 | 0x5efe << 32 | bits,
        0x2606_4700 << 96 | 0x5efe << 32 | bits,
        0x2606_4700 << 96 | 0x0200_5efe << 32 | bits,
        0xfd00 << 112 | 0x0200_5efe << 32 | bits,
    ];
    let mut all = Vec::new();
    for form in forms {
        let six = Ipv6Addr::from_bits(form);
        let groups = six.segments();
        let long: Vec<String> = groups.iter().map(|group| format!("{group:04x}")).collect();
        let short: Vec<String> = groups.iter().map(|group| format!("{group:X}")).collect();
        let dotted = |head: &[u16]| {
            let tail = [groups[6].to_be_bytes(), groups[7].to_be_bytes()].concat();
            let head: Vec<String> = head.iter().map(|group| format!("{group:x}")).collect();
            format!("{}:{}.{}.{}.{}", head.join(":"), tail[0], tail[1], tail[2], tail[3])
        };
        for text in [six.to_string(), long.join(":"), short.join(":"), dotted(&groups[..6])] {
            all.push(format!("[{text}]"));
            all.push(format!("[{text}%25eth0]"));
        }
    }
    all
}

/// Names that resolve to this address by their spelling.
fn names(address: Ipv4Addr) -> Vec<String> {
    let dashed = address.to_string().replace('.', "-");
    let hex = format!("{:08x}", address.to_bits());
    ["nip.io", "sslip.io", "xip.io", "traefik.me"]
        .iter()
        .flat_map(|zone| {
            [
                format!("{address}.{zone}"),
                format!("app.{address}.{zone}"),
                format!("{dashed}.{zone}"),
                format!("app-{dashed}.{zone}."),
                format!("www.app-{dashed}-x.{zone}"),
                format!("{hex}.{zone}"),
                format!("APP-{hex}.{zone}"),
            ]
        })
        .collect()
}

#[test]
fn no_spelling_of_a_forbidden_address_passes() {
    let mut spellings = BTreeSet::new();
    for text in FORBIDDEN {
        let address: Ipv4Addr = text.parse().unwrap();
        spellings.extend(spell4(address));
        spellings.extend(embed(address));
        spellings.extend(names(address));
    }
    for text in ["::1", "::", "fe80::1", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fc00::1"]
    {
        let six: Ipv6Addr = text.parse().unwrap();
        let long: Vec<String> = six.segments().iter().map(|g| format!("{g:04X}")).collect();
        spellings.insert(format!("[{six}]"));
        spellings.insert(format!("[{six}%25lo]"));
        spellings.insert(format!("[{}]", long.join(":")));
    }
    assert!(spellings.len() >= 2_000, "{}", spellings.len());
    for spelling in &spellings {
        for url in [
            format!("http://{spelling}/"),
            format!("HTTPS://{spelling}:8443/latest/meta-data/?x=1"),
            format!("http://example.com@{spelling}/"),
            format!("http:\\\\{spelling}"),
            format!("wss:{spelling}"),
        ] {
            let refusal = parse_url(&url).expect_err(&url);
            assert_eq!(refusal.control.as_str(), "ssrf.address", "{url}: {refusal}");
        }
        let authority = format!("{spelling}:443");
        let refusal = parse_authority(&authority, Protocol::Https).expect_err(&authority);
        assert_eq!(refusal.control.as_str(), "ssrf.address", "{authority}: {refusal}");
    }
    eprintln!("{} spellings, none passes", spellings.len());
}

#[test]
fn public_addresses_and_names_pass() {
    let mut passed = BTreeSet::new();
    // A linear congruential generator with a fixed seed: the same addresses on every run.
    let mut state: u64 = 0x5eed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    while passed.len() < 400 {
        let four = Ipv4Addr::from_bits(next());
        if !special_by_hand(four) {
            assert_eq!(classify(IpAddr::V4(four)), AddressClass::Public, "{four}");
            passed.insert(format!("{four}"));
        }
    }
    let allocated = [0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00, 0x2001_u16];
    for number in 0..200_u16 {
        let block = allocated[usize::from(number) % allocated.len()];
        let (low, high) = ((next() & 0xffff) as u16, (next() & 0xffff) as u16);
        let six = Ipv6Addr::new(block, 0x4860 + number, low, high, 0, 0, low, high);
        passed.insert(format!("[{six}]"));
    }
    for number in 0..200 {
        passed.insert(format!("host-{number}.example-{}.com", number % 7));
    }
    for name in ["api.openai.com", "api.weather.gov", "8-8-8-8.nip.io", "10-20-30.example.com"] {
        passed.insert(name.to_owned());
    }
    assert!(passed.len() >= 800);
    for host in &passed {
        let url = format!("https://{host}:8443/x?y");
        let read = parse_url(&url).unwrap_or_else(|refusal| panic!("{url}: {refusal}"));
        assert_eq!(read.destination.host.to_string(), *host);
        assert!(parse_authority(&format!("{host}:443"), Protocol::Https).is_ok(), "{host}");
    }
}

/// The IPv4 registry written down a second time, by first octets, as a check on the table.
fn special_by_hand(four: Ipv4Addr) -> bool {
    match four.octets() {
        [0 | 10 | 127 | 224..=255, ..] | [169, 254, ..] | [192, 168, ..] | [198, 18 | 19, ..] => {
            true
        }
        [100, b, ..] => (64..128).contains(&b),
        [172, b, ..] => (16..32).contains(&b),
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [192, 31, 196, _] | [192, 52, 193, _] => true,
        [192, 175, 48, _] | [198, 51, 100, _] | [203, 0, 113, _] | [168, 63, 129, 16] => true,
        _ => false,
    }
}
