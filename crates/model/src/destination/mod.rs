//! From the text of a URL or an authority to a place, refusing at parse time, before any DNS.
//! Must not know policy. Next: `attempt`.
//!
//! ```text
//!  authority  text → scheme, host, port   (splits, refuses odd forms)
//!  judge      host → place or refusal     (addresses and their disguises)
//!  path       what two servers could read as two different paths
//! ```
//! The reading is stricter than WHATWG's: where two parsers could differ (back-slashes, tabs,
//! credentials, missing slashes) the text is refused, and what is left is read a second time by the
//! `url` crate, which must see the same host and port.
//! Sources: WHATWG URL, RFC 3986 §3, RFC 9110 §4.2 and §9.3.6.

mod authority;
mod judge;
mod path;

pub use path::path_ambiguity;

use crate::control::Control;
use crate::host::Host;
use authority::{Fault, parse_parts, split_port, split_url};
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
    /// The scheme of its URLs.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
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
    /// The path without query and fragment, never empty; percent-encoding as sent, and what
    /// a path may not hold encoded. Dot segments stand as sent: see [`path_ambiguity`].
    pub path: String,
    /// Whether there is a query string (its content is nobody's business here).
    pub has_query: bool,
}

impl fmt::Display for WebAddress {
    /// The URL without its query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.destination.protocol.scheme(), self.destination, self.path)
    }
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

/// LIMIT: longer texts are refused unread.
const LONGEST_URL: usize = 65_536;

/// Parses an absolute URL and applies every `ssrf.*` rule that needs no look-up.
///
/// An address of a refused class answers `ssrf.address` even where the form is at fault too.
///
/// # Errors
/// [`ParseRefusal`] with `ssrf.scheme`, `ssrf.address`, `wire.authority`, or `limit` for a text of
/// more than 65,536 bytes.
pub fn parse_url(text: &str) -> Result<WebAddress, ParseRefusal> {
    if text.len() > LONGEST_URL {
        return Err(too_long());
    }
    read_url(text).map_err(|fault| judge::refuse(text, fault))
}

/// Parses an authority `host:port` as CONNECT carries it (RFC 9110 §9.3.6), with the same rules.
///
/// # Errors
/// As [`parse_url`].
pub fn parse_authority(text: &str, protocol: Protocol) -> Result<Destination, ParseRefusal> {
    if text.len() > LONGEST_URL {
        return Err(too_long());
    }
    read_authority(text, protocol).map_err(|fault| judge::refuse(text, fault))
}

fn read_url(text: &str) -> Result<WebAddress, Fault> {
    let parts = split_url(text)?;
    let (host, port) = parse_parts(parts.authority)?;
    let port = port.unwrap_or(parts.protocol.default_port());
    let destination = Destination { protocol: parts.protocol, host, port };
    judge::admit(&destination.host)?;
    if !authority::read_again(text, &destination) {
        return Err(Fault::Form("two readings of it name two different places"));
    }
    let (before_fragment, _) = parts.tail.split_once('#').unwrap_or((parts.tail, ""));
    let (path, has_query) = match before_fragment.split_once('?') {
        Some((path, _)) => (path, true),
        None => (before_fragment, false),
    };
    Ok(WebAddress { destination, path: path::as_sent(path), has_query })
}

fn read_authority(text: &str, protocol: Protocol) -> Result<Destination, Fault> {
    authority::refuse_odd_characters(text)?;
    if text.contains('@') {
        return Err(Fault::Form("it carries credentials"));
    }
    if text.contains(['/', '?', '#']) {
        return Err(Fault::Form("an authority is `host:port` and no more"));
    }
    if split_port(text)?.1.is_none() {
        return Err(Fault::Form("it names no port"));
    }
    let (host, port) = parse_parts(text)?;
    judge::admit(&host)?;
    let port = port.ok_or(Fault::Form("it names no port"))?;
    Ok(Destination { protocol, host, port })
}

fn too_long() -> ParseRefusal {
    let reason = format!("it is longer than {LONGEST_URL} bytes");
    ParseRefusal { control: Control::Limit, reason, host: None }
}
