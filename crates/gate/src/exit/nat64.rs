//! IPv6-only networks: IPv4 addresses are dialled through a translator's prefix (RFC 6052 §2.2).
//! Must not know names. Next: `race`.

use backstop_model::addr::{Cidr, CidrFault, Nat64Fault, nat64_prefix};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A NAT64 prefix of /32, /40, /48, /56, /64 or /96.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nat64Prefix {
    network: Ipv6Addr,
    length: u8,
}

/// Why a text is not a NAT64 prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nat64PrefixFault {
    /// It is no prefix at all.
    #[error(transparent)]
    Cidr(#[from] CidrFault),
    /// No translator could use it.
    #[error(transparent)]
    Nat64(#[from] Nat64Fault),
}

impl Nat64Prefix {
    /// Parses `prefix/length`.
    ///
    /// # Errors
    /// [`Nat64PrefixFault`] for what no translator could use.
    pub fn parse(text: &str) -> Result<Self, Nat64PrefixFault> {
        let cidr = nat64_prefix(Cidr::parse(text)?)?;
        match cidr.network() {
            IpAddr::V6(network) => Ok(Self { network, length: cidr.prefix() }),
            IpAddr::V4(_) => Err(Nat64Fault::Family.into()),
        }
    }

    /// The same prefix, for the address guard.
    pub fn cidr(&self) -> Cidr {
        Cidr::around(IpAddr::V6(self.network), self.length)
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

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::addr::nat64_embedded;

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
            let cidr = Cidr::parse(prefix).unwrap();
            let IpAddr::V6(network) = cidr.network() else { unreachable!() };
            let prefix = Nat64Prefix { network, length: cidr.prefix() };
            let four = Ipv4Addr::new(192, 0, 2, 33);
            let embedded = prefix.embed(four);
            assert_eq!(embedded, expect.parse::<Ipv6Addr>().unwrap(), "{prefix}");
            assert_eq!(nat64_embedded(prefix.cidr(), embedded.into()), Some(four), "{prefix}");
        }
    }

    #[test]
    fn every_length_embeds_what_the_address_guard_reads() {
        for length in [32, 40, 48, 56, 64, 96] {
            let prefix = Nat64Prefix::parse(&format!("2606:2800::/{length}")).unwrap();
            for four in ["0.0.0.0", "255.255.255.255", "1.2.3.4", "128.0.0.1", "93.184.0.7"] {
                let four: Ipv4Addr = four.parse().unwrap();
                let six = IpAddr::V6(prefix.embed(four));
                assert_eq!(nat64_embedded(prefix.cidr(), six), Some(four), "{six} /{length}");
            }
        }
    }

    #[test]
    fn what_no_translator_could_use_is_refused() {
        for text in ["2606:2800::/33", "2606:2800::1/96", "::/96", "10.0.0.0/32", "2606:2800::"] {
            assert!(Nat64Prefix::parse(text).is_err(), "{text}");
        }
    }
}
