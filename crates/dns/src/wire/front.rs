//! What a trusted peer in front says of whom it asks for: a PROXY protocol header (version 2), or an
//! EDNS option of our own. Sans-IO; who is trusted is the server's business. Next: `refusal`.
//!
//! The option (code 65413, of the range for local use) is one octet of version (1), one of family
//! (0, 4 or 6), the address of that family, and the identity as text, which may be empty. Nothing of
//! it is ever sent on.

use super::query::{self, Manner};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What stands at the beginning of a message or connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxied {
    /// No header.
    Absent,
    /// The beginning of one.
    Incomplete,
    /// One that cannot be read, or that says of nobody that it is for him.
    Malformed,
    /// A whole one.
    Header {
        /// For whom; `None` where the peer asks for itself (`LOCAL`).
        source: Option<SocketAddr>,
        /// Its octets.
        length: usize,
    },
}

/// Reads a PROXY header.
#[must_use]
pub fn proxied(octets: &[u8]) -> Proxied {
    if !octets.iter().zip(SIGNATURE).all(|(theirs, ours)| *theirs == ours) || octets.is_empty() {
        return Proxied::Absent;
    }
    let Some((head, rest)) = octets.split_first_chunk::<16>() else { return Proxied::Incomplete };
    let [.., command, family, l0, l1] = *head;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if length > LONGEST {
        return Proxied::Malformed;
    }
    let Some(body) = rest.get(..length) else { return Proxied::Incomplete };
    let length = head.len() + length;
    match command {
        LOCAL => Proxied::Header { source: None, length },
        PROXY => match source(family, body) {
            Some(source) => Proxied::Header { source: Some(source), length },
            None => Proxied::Malformed,
        },
        _ => Proxied::Malformed,
    }
}

/// The source of a header; destination and whatever follows them say nothing here.
fn source(family: u8, body: &[u8]) -> Option<SocketAddr> {
    // The lower half says stream or datagram.
    match family >> 4 {
        1 => {
            let [a, b, c, d, _, _, _, _, p0, p1, ..] = *body.first_chunk::<12>()?;
            let port = u16::from_be_bytes([p0, p1]);
            Some(SocketAddr::new(Ipv4Addr::from([a, b, c, d]).into(), port))
        }
        2 => {
            let (address, rest) = body.split_first_chunk::<16>()?;
            let [.., p0, p1, _, _] = *rest.first_chunk::<20>()?;
            let port = u16::from_be_bytes([p0, p1]);
            Some(SocketAddr::new(canonical(Ipv6Addr::from(*address)), port))
        }
        _ => None,
    }
}

/// What the option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// The address that asks.
    pub source: Option<IpAddr>,
    /// Who asks, as `dns.clients` spells it; empty: whoever that address is.
    pub identity: &'a str,
}

/// Reads the option of a query that has one; `None` if it cannot be read or says nothing.
#[must_use]
pub fn named<'a>(message: &'a [u8], manner: &Manner) -> Option<Named<'a>> {
    let ([version, family], rest) = query::front(message, manner)?.split_first_chunk::<2>()?;
    let (source, rest) = match (*version, *family) {
        (1, 0) => (None, rest),
        (1, 4) => {
            let (address, rest) = rest.split_first_chunk::<4>()?;
            (Some(Ipv4Addr::from(*address).into()), rest)
        }
        (1, 6) => {
            let (address, rest) = rest.split_first_chunk::<16>()?;
            (Some(canonical(Ipv6Addr::from(*address))), rest)
        }
        _ => return None,
    };
    let identity = std::str::from_utf8(rest).ok()?;
    (source.is_some() || !identity.is_empty()).then_some(Named { source, identity })
}

/// An IPv4 address in an IPv6 one is that IPv4 address: ranges are written so.
const fn canonical(address: Ipv6Addr) -> IpAddr {
    address.to_canonical()
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
/// LIMIT: addresses and whatever a front likes to add.
const LONGEST: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    #[test]
    fn headers_say_for_whom_and_end_where_they_say() {
        let four = [192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 0, 53];
        let mut whole = header(0x21, 0x12, &[&four[..], b"\x04\0\x01x"].concat());
        let length = whole.len();
        whole.extend_from_slice(b"message");
        let source = Some("192.0.2.7:12345".parse().unwrap());
        assert_eq!(proxied(&whole), Proxied::Header { source, length });
        for short in 1..length {
            assert_eq!(proxied(&whole[..short]), Proxied::Incomplete, "{short}");
        }
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        six[32..34].copy_from_slice(&[0, 9]);
        let source = Some("[2001:db8::7]:9".parse().unwrap());
        assert_eq!(proxied(&header(0x21, 0x21, &six)), Proxied::Header { source, length: 52 });
        let mapped = "::ffff:192.0.2.7".parse::<Ipv6Addr>().unwrap().octets();
        six[..16].copy_from_slice(&mapped);
        let source = Some("192.0.2.7:9".parse().unwrap());
        assert_eq!(proxied(&header(0x21, 0x22, &six)), Proxied::Header { source, length: 52 });
        assert_eq!(proxied(&header(0x20, 0, &[])), Proxied::Header { source: None, length: 16 });
    }

    #[test]
    fn what_is_no_header_is_none_and_half_truths_are_malformed() {
        for none in [&b""[..], b"\x12\x34", b"\r\n\r\n\0\r\nQUIT\r"] {
            assert_eq!(proxied(none), Proxied::Absent, "{none:?}");
        }
        for bad in [
            header(0x21, 0x11, &[0; 11]),
            header(0x21, 0x21, &[0; 35]),
            header(0x21, 0x00, &[0; 36]),
            header(0x21, 0x31, &[0; 216]),
            header(0x22, 0x11, &[0; 12]),
            header(0x11, 0x11, &[0; 12]),
            header(0x21, 0x11, &[0; 1_025]),
        ] {
            assert_eq!(proxied(&bad), Proxied::Malformed, "{bad:?}");
        }
    }

    #[test]
    fn the_option_names_an_address_an_identity_or_both() {
        let read = |options: &[&[u8]]| {
            let mut message = b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\x01\x01a\0\0\x01\0\x01".to_vec();
            let all: Vec<u8> = options
                .iter()
                .flat_map(|data| {
                    let length = (data.len() as u16).to_be_bytes();
                    [&65_413u16.to_be_bytes()[..], &length, data].concat()
                })
                .collect();
            message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0]);
            message.extend_from_slice(&(all.len() as u16).to_be_bytes());
            message.extend_from_slice(&all);
            let manner = query::read(&message).unwrap().manner;
            assert_eq!(manner.edns.unwrap().fronted, !options.is_empty());
            named(&message, &manner).map(|named| (named.source, named.identity.to_owned()))
        };
        let address = Some("192.0.2.7".parse().unwrap());
        assert_eq!(read(&[b"\x01\x04\xc0\0\x02\x07"]), Some((address, String::new())));
        let both = b"\x01\x04\xc0\0\x02\x07research/weather@1.2.0";
        assert_eq!(read(&[both]), Some((address, "research/weather@1.2.0".to_owned())));
        assert_eq!(read(&[b"\x01\0research/*"]), Some((None, "research/*".to_owned())));
        for none in [
            &[][..],
            &[&b""[..]],
            &[&b"\x01\0"[..]],
            &[&b"\x02\x04\xc0\0\x02\x07"[..]],
            &[&b"\x01\x04\xc0\0\x02"[..]],
            &[&b"\x01\0\xff"[..]],
            &[&both[..], &both[..]],
        ] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }
}
