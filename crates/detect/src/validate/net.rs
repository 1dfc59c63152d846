//! Addresses of machines: which IP and MAC addresses are somebody's, and which are documentation,
//! placeholders or version numbers. Knows no DNS and asks no network. E-mail: `mailbox`.

use super::Verdict;
use crate::mailbox::is_domain;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 address, with a zone or prefix length if it has one.
pub(crate) fn ip_address(text: &str) -> Verdict {
    Verdict::possible(parse(text).is_some())
}

/// An address that one party on the Internet holds: global unicast, no documentation, no public
/// resolver, and no version number in disguise.
pub(crate) fn public_ip(text: &str) -> Verdict {
    // A network is no person's address.
    if text.contains('/') {
        return Verdict::Invalid;
    }
    // `42.2.0.192.in-addr.arpa` asks for the name of 192.0.2.42 (RFC 1035 section 3.5).
    let (text, turned) =
        match text.len().checked_sub(REVERSE.len()).map(|at| text.split_at_checked(at)) {
            Some(Some((address, end))) if end.eq_ignore_ascii_case(REVERSE) => (address, true),
            _ => (text, false),
        };
    Verdict::possible(match parse(text) {
        Some(IpAddr::V4(address)) if turned => {
            let [a, b, c, d] = address.octets();
            is_personal_v4(Ipv4Addr::new(d, c, b, a))
        }
        Some(IpAddr::V4(address)) => is_personal_v4(address),
        Some(IpAddr::V6(address)) => match embedded(address) {
            Some(inner) => is_personal_v4(inner),
            None => is_personal_v6(address),
        },
        None => false,
    })
}

/// What stands behind an address in the name that is asked for it.
const REVERSE: &str = ".in-addr.arpa";

fn parse(text: &str) -> Option<IpAddr> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let (address, zone) = match address.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (address, None),
    };
    let parsed: IpAddr = address.parse().ok()?;
    let most = if parsed.is_ipv4() { 32 } else { 128 };
    let prefixed = prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|p| p <= most));
    (prefixed && (zone.is_none() || parsed.is_ipv6())).then_some(parsed)
}

fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let mapped = address.to_ipv4_mapped();
    mapped.or_else(|| match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    })
}

fn is_personal_v4(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    let [a, b, c, d] = octets;
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0);
    // Resolvers that stand in every manual: 1.1.1.1, 8.8.8.8, 8.8.4.4, 9.9.9.9, 208.67.222.222 …
    let resolver = matches!(
        (a, b, c, d),
        (1, 1 | 0, 1 | 0, 1)
            | (8, 8, 8 | 4, 8 | 4)
            | (9, 9, 9, 9)
            | (149, 112, 112, 112)
            | (208, 67, 222 | 220, 222 | 220)
            | (4, 2, 2, 1..=6)
            | (64, 6, 64 | 65, 6)
    );
    // X25519, X448, Ed25519 and Ed448 as certificates name them (RFC 8410 section 3).
    let curve = matches!((a, b, c, d), (1, 3, 101, 110..=113));
    // A network's own address, and what reads as a version (2.4.51.1, 10.2.0.3) or a counter
    // (1.2.3.4, 5.5.5.5): below 32 in three places of four no assignment is likely to be meant.
    let small = octets.iter().filter(|octet| **octet < 32).count();
    !special && !resolver && !curve && small < 3 && d != 0
}

fn is_personal_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global = first & 0xe000 == 0x2000;
    let documentation = (first == 0x2001 && second == 0xdb8) || first == 0x3fff;
    // 2001:4860:4860::8888, 2606:4700:4700::1111, 2620:fe::fe: resolvers.
    let resolver = matches!((first, second), (0x2001, 0x4860) | (0x2606, 0x4700) | (0x2620, 0xfe));
    let groups = address.segments().iter().filter(|group| **group != 0).count();
    global && !documentation && !resolver && groups >= 3
}

/// A MAC address that a device can have: not all zeros, not broadcast.
pub(crate) fn mac_address(text: &str) -> Verdict {
    let mut digits =
        text.bytes().filter(u8::is_ascii_hexdigit).map(|byte| byte.to_ascii_lowercase());
    let Some(first) = digits.next() else { return Verdict::Invalid };
    let uniform = (first == b'0' || first == b'f') && digits.all(|byte| byte == first);
    // One separator throughout: 10:2F:33-AC is two things side by side.
    let separators = [':', '-', '.'].iter().filter(|mark| text.contains(**mark)).count();
    Verdict::possible(!uniform && separators == 1)
}

/// A UUID of a variant and version that RFC 9562 has; neither nil nor max.
pub(crate) fn uuid(text: &str) -> Verdict {
    let version = text.as_bytes().get(14).copied().unwrap_or_default();
    let variant = text.as_bytes().get(19).copied().unwrap_or_default().to_ascii_lowercase();
    Verdict::possible(
        (b'1'..=b'8').contains(&version) && matches!(variant, b'8' | b'9' | b'a' | b'b'),
    )
}

/// A host name with a last label that can exist.
pub(crate) fn host_name(text: &str) -> Verdict {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or(host);
    Verdict::possible(is_domain(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_somebodys_address_is_public() {
        for address in [
            "93.184.216.34",
            "81.2.69.142",
            "2a00:1450:4009:81f::200e",
            "::ffff:81.2.69.142",
            "142.69.2.81.in-addr.arpa",
        ] {
            assert_eq!(public_ip(address), Verdict::Unknown, "{address}");
        }
        for address in [
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "127.0.0.1",
            "0.0.0.0",
            "169.254.1.1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "8.8.8.8",
            "1.2.3.4",
            "2.5.29.17",
            "1.3.101.112",
            "224.0.0.1",
            "255.255.255.0",
            "100.64.1.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "2001:db8::1",
            "2001:4860:4860::8888",
            "::ffff:10.0.0.1",
            "93.184.216.0/24",
            "42.2.0.192.in-addr.arpa",
            "300.1.1.1",
            "1.2.3",
        ] {
            assert_eq!(public_ip(address), Verdict::Invalid, "{address}");
        }
    }

    #[test]
    fn addresses_parse_with_zone_and_prefix() {
        for address in ["10.0.0.0/8", "::/0", "fe80::1%eth0", "::ffff:1.2.3.4", "2001:db8::/32"] {
            assert_eq!(ip_address(address), Verdict::Unknown, "{address}");
        }
        for address in ["10.0.0.0/33", "::/129", "10.0.0.1%eth0", "1:2:3:4:5:6:7", "2001::db8::1"] {
            assert_eq!(ip_address(address), Verdict::Invalid, "{address}");
        }
    }

    #[test]
    fn devices() {
        assert_eq!(mac_address("00:1A:2B:3C:4D:5E"), Verdict::Unknown);
        assert_eq!(mac_address("0012.3456.789a"), Verdict::Unknown);
        for address in ["00:00:00:00:00:00", "ff-ff-ff-ff-ff-ff", "10:2F:33-AC-29-C3", ""] {
            assert_eq!(mac_address(address), Verdict::Invalid, "{address}");
        }
        assert_eq!(uuid("550e8400-e29b-41d4-a716-446655440000"), Verdict::Unknown);
        assert_eq!(uuid("00000000-0000-0000-0000-000000000000"), Verdict::Invalid);
        assert_eq!(uuid("550e8400-e29b-91d4-c716-446655440000"), Verdict::Invalid);
    }
}
