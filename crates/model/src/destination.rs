//! From the text of a URL or an authority to a place, refusing at parse time, before any DNS.
//! Must not know policy. Next: `attempt`.

use crate::control::Control;
use crate::host::Host;
use std::fmt;

/// What is spoken at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP over TLS (`https`, `wss`, and CONNECT tunnels).
    Https,
    /// Plain HTTP (`http`, `ws`).
    Http,
}

impl Protocol {
    /// The word used in policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "HTTPS",
            Self::Http => "HTTP",
        }
    }
    /// Its usual port.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// A place to go: protocol, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination {
    /// What is spoken there.
    pub protocol: Protocol,
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

impl fmt::Display for Destination {
    /// `host:port`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A URL that may be considered at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress {
    /// Where.
    pub destination: Destination,
    /// The path without query and fragment, never empty.
    pub path: String,
    /// Whether there is a query string (its content is nobody's business here).
    pub has_query: bool,
}

/// A text that was refused before any look-up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{control}: {reason}")]
pub struct ParseRefusal {
    /// The control that refuses.
    pub control: Control,
    /// Why, for the operator. Never holds userinfo or a query string.
    pub reason: String,
    /// The host, as far as it could be read.
    pub host: Option<String>,
}

/// Parses an absolute URL and applies every `ssrf.*` rule that needs no look-up.
///
/// # Errors
/// [`ParseRefusal`] with `ssrf.scheme`, `ssrf.address` or `wire.authority`.
pub fn parse_url(text: &str) -> Result<WebAddress, ParseRefusal> {
    Err(ParseRefusal { control: Control::Fault, reason: text.len().to_string(), host: None })
}

/// Parses an authority `host:port` as CONNECT carries it (RFC 9110 §9.3.6), with the same rules.
///
/// # Errors
/// As [`parse_url`].
pub fn parse_authority(text: &str, protocol: Protocol) -> Result<Destination, ParseRefusal> {
    let _ = protocol;
    Err(ParseRefusal { control: Control::Fault, reason: text.len().to_string(), host: None })
}
