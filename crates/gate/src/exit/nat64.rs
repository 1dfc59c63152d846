//! IPv6-only networks: IPv4 addresses are dialled through a translator's prefix (RFC 6052 §2.2).
//! Must not know names. Next: `race`.

use backstop_model::addr::Cidr;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A NAT64 prefix of /32, /40, /48, /56, /64 or /96 (RFC 6052 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nat64Prefix {
    network: Ipv6Addr,
    length: u8,
}

impl Nat64Prefix {
    /// Parses `prefix/length`; `None` for another length, host bits, or a set bit in 64 to 71.
    pub fn parse(text: &str) -> Option<Self> {
        let (network, length) = text.split_once('/')?;
        let network: Ipv6Addr = network.parse().ok()?;
        let length = [32, 40, 48, 56, 64, 96].into_iter().find(|l| l.to_string() == length)?;
        let host_bits = network.to_bits() & (u128::MAX >> length);
        let reserved = network.to_bits() & RESERVED;
        (host_bits == 0 && reserved == 0).then_some(Self { network, length })
    }

    /// The same prefix, for the address guard.
    pub fn cidr(&self) -> Option<Cidr> {
        Cidr::parse(&self.to_string()).ok()
    }

    /// Whether an address lies within it.
    pub fn contains(&self, address: Ipv6Addr) -> bool {
        (address.to_bits() ^ self.network.to_bits()) >> (128 - u32::from(self.length)) == 0
    }

    /// The address by which the translator reaches `address`.
    pub fn embed(&self, address: Ipv4Addr) -> Ipv6Addr {
        let bits = u128::from(address.to_bits());
        let end = u32::from(self.length) + 32;
        // The 32 bits follow the prefix, but bits 64 to 71 stay zero and push the rest back.
        let bits = if self.length == 96 {
            bits
        } else if self.length == 64 {
            bits << (128 - 104)
        } else {
            let before = 64 - u32::from(self.length);
            let high = bits >> (32 - before);
            let low = bits & ((1 << (32 - before)) - 1);
            (high << 64) | (low << (128 - end - 8))
        };
        Ipv6Addr::from_bits(self.network.to_bits() | bits)
    }

    /// What to dial for `address`: itself if it is IPv6, else its form within the prefix.
    pub fn reach(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => IpAddr::V6(self.embed(address)),
            IpAddr::V6(_) => address,
        }
    }
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

/// Bits 64 to 71, which RFC 6052 §2.2 wants to be zero.
const RESERVED: u128 = 0xff << 56;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6052 §2.4, table 2.
    #[test]
    fn addresses_are_embedded_as_in_rfc_6052() {
        for (prefix, expect) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ] {
            let prefix = Nat64Prefix::parse(prefix).unwrap();
            let embedded = prefix.embed(Ipv4Addr::new(192, 0, 2, 33));
            assert_eq!(embedded, expect.parse::<Ipv6Addr>().unwrap(), "{prefix}");
            assert!(prefix.contains(embedded));
        }
    }

    #[test]
    fn what_is_no_prefix_of_rfc_6052_is_refused() {
        for text in [
            "2001:db8::/33",
            "2001:db8::1/96",
            "2001:db8::/0",
            "2001:db8::/128",
            "10.0.0.0/32",
            "2001:db8:0:0:100::/96",
            "2001:db8::",
            "2001:db8::/+96",
            "2001:db8::/096",
        ] {
            assert_eq!(Nat64Prefix::parse(text), None, "{text}");
        }
    }
}
