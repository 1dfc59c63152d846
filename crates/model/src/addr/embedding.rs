//! IPv4 addresses inside IPv6 ones, where a prefix in the table does not show them.
//! Must not know rules. Next: `disguise`.
//!
//! Sources: RFC 6052 §2.2 (NAT64), RFC 5214 §6.1 (ISATAP).

use super::{AddressClass, Cidr, classify};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The well-known NAT64 prefix (RFC 6052 §2.1).
pub(super) const WELL_KNOWN: [Cidr; 1] =
    [Cidr::constant(IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0)), 96)];

/// Why a prefix cannot be a NAT64 prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nat64Fault {
    /// It is IPv4.
    #[error("a NAT64 prefix is an IPv6 prefix")]
    Family,
    /// Its length.
    #[error("a NAT64 prefix is 32, 40, 48, 56, 64 or 96 bits long (RFC 6052 §2.2)")]
    Length,
    /// Bits 64 to 71.
    #[error("bits 64 to 71 of a NAT64 prefix must be zero (RFC 6052 §2.2)")]
    Octet,
    /// It lies in a range that is never translated.
    #[error("a NAT64 prefix cannot lie in or around a {0} range")]
    Class(AddressClass),
}

/// Checks a prefix given as `network.nat64`.
///
/// # Errors
/// [`Nat64Fault`] if no translator could use it.
pub fn nat64_prefix(prefix: Cidr) -> Result<Cidr, Nat64Fault> {
    let IpAddr::V6(network) = prefix.network() else { return Err(Nat64Fault::Family) };
    if ![32, 40, 48, 56, 64, 96].contains(&prefix.prefix()) {
        return Err(Nat64Fault::Length);
    }
    if byte(network, 8) != 0 {
        return Err(Nat64Fault::Octet);
    }
    // Within 64:ff9b::/32 (RFC 6052, RFC 8215), in global unicast and in fc00::/7 translators do stand.
    let local_use = network.to_bits() >> 96 == 0x0064_ff9b;
    let class = classify(prefix.network());
    if local_use || class == AddressClass::Public || class.may_be_allowed() {
        Ok(prefix)
    } else {
        Err(Nat64Fault::Class(class))
    }
}

/// The IPv4 address inside an address of a NAT64 prefix (RFC 6052 §2.2); `None` if it is not of
/// that prefix, the prefix has no NAT64 length, or bits are set that must be zero.
pub fn nat64_embedded(prefix: Cidr, address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(six) = address else { return None };
    if !prefix.contains(address) || byte(six, 8) != 0 {
        return None;
    }
    // The four octets around octet 8, which is always zero, and the first octet of the suffix.
    let (octets, suffix) = match prefix.prefix() {
        32 => ([4, 5, 6, 7], 9),
        40 => ([5, 6, 7, 9], 10),
        48 => ([6, 7, 9, 10], 11),
        56 => ([7, 9, 10, 11], 12),
        64 => ([9, 10, 11, 12], 13),
        96 => ([12, 13, 14, 15], 16),
        _ => return None,
    };
    let rest_is_zero = (suffix..16).all(|index| byte(six, index) == 0);
    rest_is_zero.then(|| Ipv4Addr::from(octets.map(|index| byte(six, index))))
}

/// Whether the interface identifier is `[ug]00:5efe:a.b.c.d`, under any prefix.
pub(super) fn is_isatap(address: IpAddr) -> bool {
    const UNIVERSAL_AND_GROUP: u128 = 0x0300_0000_0000_0000;
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(six) => {
            let identifier = six.to_bits() & u128::from(u64::MAX) & !UNIVERSAL_AND_GROUP;
            identifier >> 32 == 0x5efe
        }
    }
}

fn byte(address: Ipv6Addr, index: usize) -> u8 {
    address.octets().get(index).copied().unwrap_or_default()
}
