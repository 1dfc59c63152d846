//! Which addresses an agent may reach, from the IANA special-purpose registries.
//! Must not know how names resolve. Next: `destination`.

use std::net::IpAddr;

/// A network prefix (`10.1.2.0/24`, `fd00::/8`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Parses `address/prefix`; `None` if it is malformed or has host bits set.
    pub fn parse(_text: &str) -> Option<Self> {
        None
    }
    /// Whether `address` lies within it.
    pub fn contains(&self, _address: IpAddr) -> bool {
        let _ = (self.network, self.prefix);
        false
    }
}

/// What an address is, as far as egress is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressClass {
    /// Globally reachable unicast: the only class that an agent may reach by default.
    Public,
    /// RFC 1918, RFC 4193.
    Private,
    /// 127/8, ::1.
    Loopback,
    /// 169.254/16, fe80::/10.
    LinkLocal,
    /// A cloud's instance metadata or platform service.
    Metadata,
    /// 100.64/10 (RFC 6598).
    SharedSpace,
    /// 0/8 and ::.
    Unspecified,
    /// Multicast and broadcast.
    Multicast,
    /// Documentation, benchmarking, protocol assignments, reserved.
    Reserved,
    /// An IPv6 form that embeds an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP).
    Embedding,
}

/// A network's own exceptions, parsed once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// `allowPrivate` of the row: never covers loopback, link-local or metadata.
    pub allow_private: Vec<Cidr>,
    /// `network.nat64` prefixes, beside 64:ff9b::/96.
    pub nat64: Vec<Cidr>,
}

/// The class of an address.
pub fn classify(_address: IpAddr) -> AddressClass {
    AddressClass::Reserved
}

/// Judges an address that a name resolved to.
///
/// # Errors
/// The class for which it is refused.
pub fn judge_resolved(address: IpAddr, _rules: &AddressRules) -> Result<(), AddressClass> {
    Err(classify(address))
}
