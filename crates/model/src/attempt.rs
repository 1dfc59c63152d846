//! An attempt: what somebody asks to do, in the same words on every plane.
//! Must not know wires or policy. Next: `finding`.

use crate::destination::Destination;
use crate::host::HostName;
use std::fmt;

/// Which enforcement plane asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Plane {
    /// The forward proxy.
    Proxy,
    /// The resolver.
    Dns,
    /// The tool-call API and MCP.
    Tools,
    /// Envoy and Istio.
    Mesh,
    /// The Linux sandbox.
    Sandbox,
    /// A question without effect (`explain`, `check`).
    Explain,
}

impl Plane {
    /// All planes.
    pub const ALL: [Self; 6] =
        [Self::Proxy, Self::Dns, Self::Tools, Self::Mesh, Self::Sandbox, Self::Explain];
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Dns => "dns",
            Self::Tools => "tools",
            Self::Mesh => "mesh",
            Self::Sandbox => "sandbox",
            Self::Explain => "explain",
        }
    }
}

/// How deep a path looks into what passes. `None < Sni < Headers < Windows < Body`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inspection {
    /// Nothing but host and port.
    None,
    /// The TLS server name.
    Sni,
    /// Request and response heads.
    Headers,
    /// Bodies too large to be held, in overlapping windows while they leave.
    Windows,
    /// Whole bodies.
    Body,
}

impl Inspection {
    /// The word used in receipts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sni => "sni",
            Self::Headers => "headers",
            Self::Windows => "windows",
            Self::Body => "body",
        }
    }
    /// The depth of that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Sni, Self::Headers, Self::Windows, Self::Body]
            .into_iter()
            .find(|i| i.as_str() == text)
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What exactly is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Act {
    /// Open a byte tunnel (CONNECT); nothing has been seen of it yet.
    Connect,
    /// The tunnel's first flight was a TLS ClientHello (RFC 8446 §4.1.2).
    Hello {
        /// The server name, if it has one and it is a host name (RFC 6066 §3).
        sni: Option<HostName>,
        /// Whether it carries an `encrypted_client_hello` extension (0xfe0d).
        ech: bool,
    },
    /// The tunnel's first flight was not TLS.
    Opaque,
    /// An HTTP request whose head is visible.
    Request {
        /// The method, as sent (RFC 9110 §9: case-sensitive).
        method: String,
        /// The path without query, percent-encoding as sent, never empty.
        path: String,
    },
}

/// What somebody asks to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// On which plane.
    pub plane: Plane,
    /// Where to.
    pub destination: Destination,
    /// What.
    pub act: Act,
    /// The deepest look that this path will take: what a tunnel can never show counts as unseen.
    pub sight: Inspection,
}
