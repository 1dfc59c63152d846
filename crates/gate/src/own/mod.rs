//! The second dialer: what Backstop itself must reach, from the configuration alone.
//!
//! An agent has no say in where this goes, so private addresses are no matter here, and so no
//! agent's destination may ever be turned into an [`OwnDestination`]: it is parsed from the
//! configuration's text and from nothing else.
//! Now: upstream proxies, DNS upstreams (`sockets`), the external analyzer (`crate::analyzer`).
//! Later: Redis, Postgres, alert receivers.
//! Must not know policy. Next: `sockets`, `exit`.

mod sockets;

pub use sockets::{Datagrams, OwnPlace, OwnSockets, OwnStream};

use crate::exit::{DialFault, OwnListeners, Wire, wire_connect};
use crate::exit::{interleave, race};
use crate::resolve::SystemResolver;
use backstop_model::control::Control;
use backstop_model::host::Host;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A place that stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnDestination {
    host: Host,
    port: u16,
}

impl OwnDestination {
    /// Parses `host:port` of the configuration; `None` if it is malformed or the port is 0.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                Host::Address(std::net::IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?))
            }
            None if host.contains([':', '[', ']']) => return None,
            None => Host::parse(host).ok()?,
        };
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port != 0)?;
        Some(Self { host, port })
    }
    /// The host.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }
    /// The port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for OwnDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Dials what the configuration names.
pub(crate) struct OwnDialer {
    resolver: SystemResolver,
    wire: Arc<dyn Wire>,
    listeners: OwnListeners,
    stagger: Duration,
}

impl OwnDialer {
    pub(crate) fn new(
        resolver: SystemResolver,
        wire: Arc<dyn Wire>,
        listeners: OwnListeners,
        stagger: Duration,
    ) -> Self {
        Self { resolver, wire, listeners, stagger }
    }

    /// Connects; a configuration that leads back into this process is refused.
    pub(crate) async fn dial(&self, to: &OwnDestination) -> Result<TcpStream, DialFault> {
        let addresses = match &to.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self
                .resolver
                .look_up_own(name)
                .await
                .map_err(|fault| DialFault::new(Control::UpstreamReach, fault.to_string()))?,
        };
        let places: Vec<SocketAddr> =
            addresses.into_iter().map(|address| SocketAddr::new(address, to.port)).collect();
        for place in &places {
            self.listeners.refuse(*place)?;
        }
        let connect = |place| wire_connect(&*self.wire, place);
        let (_, stream) = race(interleave(places), self.stagger, connect).await?;
        Ok(stream)
    }
}
