//! Which addresses an agent may reach: the IANA special-purpose registries, the clouds' metadata
//! services, the IPv6 forms that hide an IPv4 address, and the names that stand for any of them.
//! Must not know how names resolve, nor policy. Next: `destination`.
//!
//! ```text
//!  table      prefix → class, name, source        (data)
//!  cidr       a prefix: parse, contain, cover
//!  embedding  IPv4 inside IPv6: NAT64, ISATAP
//!  disguise   names that are addresses in truth   (data)
//! ```
//! INVARIANT: [`classify`] answers [`AddressClass::Public`] only for what no row of the table
//! covers, and in IPv6 only within 2000::/3.

mod cidr;
mod disguise;
mod embedding;
mod table;

pub use cidr::{Cidr, CidrFault, Coverage};
pub use disguise::{Disguise, disguise};
pub use embedding::{Nat64Fault, nat64_embedded, nat64_prefix};
pub use table::{Special, special, table};

use std::fmt;
use std::net::IpAddr;

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

impl AddressClass {
    /// All classes.
    pub const ALL: [Self; 10] = [
        Self::Public,
        Self::Private,
        Self::Loopback,
        Self::LinkLocal,
        Self::Metadata,
        Self::SharedSpace,
        Self::Unspecified,
        Self::Multicast,
        Self::Reserved,
        Self::Embedding,
    ];
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::SharedSpace => "shared",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Embedding => "embedding",
        }
    }
    /// What it is, for a sentence: "it is …".
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata or platform address",
            Self::SharedSpace => "an address of the shared space",
            Self::Unspecified => "an unspecified address",
            Self::Multicast => "a multicast or broadcast address",
            Self::Reserved => "a reserved address",
            Self::Embedding => "an IPv6 form that hides an IPv4 address",
        }
    }
    /// Whether `allowPrivate` may cover it: never loopback, link-local, metadata, unspecified,
    /// multicast or an embedding form (DESIGN §3).
    pub const fn may_be_allowed(self) -> bool {
        match self {
            Self::Private | Self::SharedSpace | Self::Reserved => true,
            Self::Public
            | Self::Loopback
            | Self::LinkLocal
            | Self::Metadata
            | Self::Unspecified
            | Self::Multicast
            | Self::Embedding => false,
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A network's own exceptions, parsed once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// `allowPrivate` of the row: never covers loopback, link-local or metadata.
    pub allow_private: Vec<Cidr>,
    /// `network.nat64` prefixes, beside 64:ff9b::/96 (checked by [`nat64_prefix`]).
    pub nat64: Vec<Cidr>,
}

/// The class of an address as it stands, with every embedding form refused as such.
///
/// No allocation; a scan of a few dozen integer comparisons.
pub fn classify(address: IpAddr) -> AddressClass {
    let class = match special(address) {
        Some(row) => row.class,
        None if table::beyond_global_unicast(address) => AddressClass::Reserved,
        None => AddressClass::Public,
    };
    // A class that nobody may ever reach says more than the form does.
    if (class == AddressClass::Public || class.may_be_allowed()) && embedding::is_isatap(address) {
        return AddressClass::Embedding;
    }
    class
}

/// Judges an address that a name resolved to.
///
/// An address of a NAT64 prefix (64:ff9b::/96 and `rules.nat64`) is judged by the IPv4 address
/// that it embeds, since that is where its packets go (RFC 6052).
///
/// # Errors
/// The class for which it is refused.
pub fn judge_resolved(address: IpAddr, rules: &AddressRules) -> Result<(), AddressClass> {
    let class = classify(address);
    let judged_by_form =
        class == AddressClass::Public || class == AddressClass::Embedding || class.may_be_allowed();
    if !judged_by_form {
        return Err(class);
    }
    let mut translated = false;
    for prefix in embedding::WELL_KNOWN.iter().chain(&rules.nat64) {
        if !prefix.contains(address) {
            continue;
        }
        // Where two prefixes overlap, both readings must be permitted.
        let inner = nat64_embedded(*prefix, address).ok_or(AddressClass::Embedding)?;
        judge_plain(IpAddr::V4(inner), rules)?;
        translated = true;
    }
    if translated { Ok(()) } else { judge_plain(address, rules) }
}

/// Judges an address that stands as a literal: as [`judge_resolved`], but every embedding form,
/// the network's own NAT64 prefixes among them, is refused.
///
/// # Errors
/// The class for which it is refused.
pub fn judge_literal(address: IpAddr, rules: &AddressRules) -> Result<(), AddressClass> {
    if rules.nat64.iter().any(|prefix| prefix.contains(address)) {
        return Err(AddressClass::Embedding);
    }
    judge_plain(address, rules)
}

fn judge_plain(address: IpAddr, rules: &AddressRules) -> Result<(), AddressClass> {
    let class = classify(address);
    let allowed =
        class.may_be_allowed() && rules.allow_private.iter().any(|prefix| prefix.contains(address));
    if class == AddressClass::Public || allowed { Ok(()) } else { Err(class) }
}
