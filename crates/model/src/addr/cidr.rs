//! Network prefixes. Must not know classes, but for the question which of them a prefix covers.
//! Next: `embedding`.

use super::table;
use super::{AddressClass, classify};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network prefix (`10.1.2.0/24`, `fd00::/8`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is not a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrFault {
    /// No slash.
    #[error("`{0}` has no prefix length (write `address/length`)")]
    NoLength(String),
    /// The part before the slash.
    #[error("`{0}` does not begin with an IP address in its plain spelling")]
    Address(String),
    /// The part after the slash.
    #[error("`{text}` has a bad prefix length (0 to {most}, plain digits)")]
    Length {
        /// The text.
        text: String,
        /// The longest for its family.
        most: u8,
    },
    /// Bits below the prefix are set.
    #[error("`{text}` has host bits set (did you mean `{network}`?)")]
    HostBits {
        /// The text.
        text: String,
        /// The network that it lies in.
        network: Cidr,
    },
}

/// What an `allowPrivate` prefix could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// It covers addresses that an exception can open.
    Opens,
    /// It covers only addresses that are open anyway.
    AlreadyPublic,
    /// Beside public addresses it covers only classes that no exception opens; this is one of them.
    NeverOpens(AddressClass),
}

impl Cidr {
    /// Parses `address/prefix`.
    ///
    /// # Errors
    /// [`CidrFault`] if it is malformed or has host bits set.
    pub fn parse(text: &str) -> Result<Self, CidrFault> {
        let shown = || text.chars().take(64).collect::<String>().escape_default().to_string();
        let (address, length) = text.split_once('/').ok_or_else(|| CidrFault::NoLength(shown()))?;
        let network: IpAddr = address.parse().map_err(|_| CidrFault::Address(shown()))?;
        let most = bits(network);
        let plain = length.len() <= 3
            && length.bytes().all(|byte| byte.is_ascii_digit())
            && (length == "0" || !length.starts_with('0'));
        let prefix = length.parse::<u8>().ok().filter(|prefix| plain && *prefix <= most);
        let prefix = prefix.ok_or_else(|| CidrFault::Length { text: shown(), most })?;
        let cidr = Self::around(network, prefix);
        if cidr.network == network {
            Ok(cidr)
        } else {
            Err(CidrFault::HostBits { text: shown(), network: cidr })
        }
    }
    /// The prefix of that length in which `address` lies; a length past the family's is its longest.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let prefix = prefix.min(bits(address));
        let network = match address {
            IpAddr::V4(four) => IpAddr::V4(Ipv4Addr::from_bits(four.to_bits() & mask4(prefix))),
            IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & mask6(prefix))),
        };
        Self { network, prefix }
    }
    /// For the table alone, whose test checks that no host bits are set.
    pub(super) const fn constant(network: IpAddr, prefix: u8) -> Self {
        Self { network, prefix }
    }
    /// Its first address.
    pub const fn network(&self) -> IpAddr {
        self.network
    }
    /// Its length in bits.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }
    /// Its last address.
    pub fn last(&self) -> IpAddr {
        match self.network {
            IpAddr::V4(four) => {
                IpAddr::V4(Ipv4Addr::from_bits(four.to_bits() | !mask4(self.prefix)))
            }
            IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() | !mask6(self.prefix))),
        }
    }
    /// Whether `address` lies within it. An IPv4 prefix never holds an IPv6 address, mapped or not.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                address.to_bits() & mask4(self.prefix) == network.to_bits()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                address.to_bits() & mask6(self.prefix) == network.to_bits()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
    /// Whether `other` lies wholly within it.
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.network)
    }
    /// What it could do as an `allowPrivate` prefix.
    ///
    /// The class is constant between the bounds of the table's rows, so the addresses beside each
    /// bound, with the prefix's own first and last, show every class within it.
    pub fn coverage(&self) -> Coverage {
        let mut never = None;
        let mut look = |address: IpAddr| {
            let class = classify(address);
            if class != AddressClass::Public && !class.may_be_allowed() {
                never.get_or_insert(class);
            }
            class.may_be_allowed()
        };
        let mut opens = look(self.network) || look(self.last());
        for block in table::table().map(|row| row.block).chain(table::GLOBAL_UNICAST) {
            let bounds = [
                Some(block.network),
                Some(block.last()),
                before(block.network),
                after(block.last()),
            ];
            for bound in bounds.into_iter().flatten().filter(|bound| self.contains(*bound)) {
                opens |= look(bound);
            }
        }
        match (opens, never) {
            (true, _) => Coverage::Opens,
            (false, None) => Coverage::AlreadyPublic,
            (false, Some(class)) => Coverage::NeverOpens(class),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

pub(super) const fn mask4(prefix: u8) -> u32 {
    // A shift by the whole width means "no bit of the prefix".
    match u32::MAX.checked_shl(32_u32.saturating_sub(prefix as u32)) {
        Some(mask) => mask,
        None => 0,
    }
}

pub(super) const fn mask6(prefix: u8) -> u128 {
    match u128::MAX.checked_shl(128_u32.saturating_sub(prefix as u32)) {
        Some(mask) => mask,
        None => 0,
    }
}

fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(four) => {
            four.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(six) => {
            six.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from_bits(bits).into())
        }
    }
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(four) => {
            four.to_bits().checked_add(1).map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(six) => {
            six.to_bits().checked_add(1).map(|bits| Ipv6Addr::from_bits(bits).into())
        }
    }
}
