//! The one dialer: nothing that an agent asked for leaves but through [`dial`].
//!
//! ```text
//!  permit ─▶ dial ─┬─▶ pins    one look-up, every address judged, the answer pinned
//!                  │    └─▶ race ─▶ wire     exactly these addresses, RFC 8305
//!                  └─▶ chain ─▶ own          by an upstream proxy: the look-up is its own
//!                        │
//!                        ▼
//!                       tls ─▶ ExitStream    verified, never weakened
//! ```
//!
//! Must not know policy, planes or the ledger: who holds a permit comes here, in `gate`'s core.
//! Reading order: `pins`, `nat64`, `race`, `wire`, `loops`, `chain`, `tls`, `stream`.

mod chain;
mod loops;
mod nat64;
mod pins;
mod race;
mod stream;
mod tls;
mod wire;

#[cfg(test)]
mod tests;

pub use chain::{NoProxy, NoProxyFault, ProxyFault, UpstreamProxy};
pub use loops::OwnListeners;
pub use nat64::{Nat64Prefix, Nat64PrefixFault};
pub(crate) use stream::ExitStream;
pub(crate) use tls::UpstreamTls;
pub use tls::{Trust, TrustFault};
pub use wire::{MappedWire, TcpConfig, TcpWire, Wire};

pub(crate) use race::{interleave, race};
pub(crate) use wire::connect as wire_connect;

use crate::names::Told;
use crate::own::OwnDialer;
use crate::resolve::{Resolve, SystemResolver};
use backstop_model::addr::AddressRules;
use backstop_model::control::Control;
use backstop_model::destination::Destination;
use backstop_model::host::Host;
use backstop_model::id::SessionId;
use backstop_model::standing::Subject;
use pins::{Pinned, Pins};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How this process leaves the machine.
#[derive(Debug, Clone)]
pub struct Config {
    /// From the permit to a stream that can be used: look-up, connection and TLS together.
    pub deadline: Duration,
    /// How long one address is waited for before the next is tried too (RFC 8305 §5: 250 ms).
    pub stagger: Duration,
    /// The NAT64 prefixes of this network; the first one is dialled through (RFC 6052).
    pub nat64: Vec<Nat64Prefix>,
    /// By which roots an upstream's certificate is judged.
    pub trust: Trust,
    /// An HTTP proxy that everything goes through.
    pub upstream_proxy: Option<UpstreamProxy>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            stagger: Duration::from_millis(250),
            nat64: Vec::new(),
            trust: Trust::default(),
            upstream_proxy: None,
        }
    }
}

/// The way out, made once.
pub(crate) struct Exit {
    config: Config,
    resolver: Arc<dyn Resolve>,
    wire: Arc<dyn Wire>,
    own: OwnDialer,
    pins: Pins,
    tls: UpstreamTls,
    listeners: OwnListeners,
}

impl Exit {
    /// Loads the trusted roots and makes the dialer.
    ///
    /// # Errors
    /// [`TrustFault`] where a file of roots cannot be read.
    pub(crate) fn new(
        config: Config,
        resolver: Arc<dyn Resolve>,
        wire: Arc<dyn Wire>,
        listeners: OwnListeners,
    ) -> Result<Self, TrustFault> {
        let tls = UpstreamTls::new(&config.trust)?;
        let system = SystemResolver::new(config.deadline);
        let own = OwnDialer::new(system, Arc::clone(&wire), listeners.clone(), config.stagger);
        Ok(Self { config, resolver, wire, own, pins: Pins::default(), tls, listeners })
    }

    /// Whether an upstream proxy is the one who looks up and connects for `destination`.
    pub(crate) fn delegates(&self, destination: &Destination) -> bool {
        self.proxy_for(destination).is_some()
    }

    fn proxy_for(&self, destination: &Destination) -> Option<&UpstreamProxy> {
        self.config.upstream_proxy.as_ref().filter(|proxy| !proxy.is_bypassed(destination))
    }

    /// Judges the address of a live connection again, by the rules of now.
    ///
    /// # Errors
    /// `ssrf.address` if it may be reached no longer.
    pub(crate) fn judge_again(
        &self,
        host: &Host,
        address: IpAddr,
        rules: &AddressRules,
    ) -> Result<(), DialFault> {
        pins::judge_reached(host, address, &self.with_own_prefixes(rules))
    }

    /// A row's exceptions, with the network's own NAT64 prefixes.
    fn with_own_prefixes(&self, rules: &AddressRules) -> AddressRules {
        let mut rules = rules.clone();
        rules.nat64.extend(self.config.nat64.iter().map(Nat64Prefix::cidr));
        rules
    }

    /// The listeners of this process, to which no way out may lead; more can be added later.
    pub(crate) fn listeners(&self) -> &OwnListeners {
        &self.listeners
    }
    /// Forgets which addresses a session was given, once it is closed.
    pub(crate) fn forget(&self, session: &SessionId) {
        self.pins.forget(session);
    }
}

/// Who speaks TLS on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// The client itself, through the tunnel, or nobody: bytes pass as they are.
    Client,
    /// Backstop: the upstream is verified before a byte of the request is sent.
    Verified,
}

/// A connection that stands.
#[derive(Debug)]
pub(crate) struct Dialled {
    /// Its bytes.
    pub(crate) stream: ExitStream,
    /// The address reached; `None` if an upstream proxy chose it.
    pub(crate) address: Option<IpAddr>,
    /// Whether an upstream proxy looked the name up and connected.
    pub(crate) delegated: bool,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{control}: {reason}")]
pub(crate) struct DialFault {
    /// The control that refuses.
    pub(crate) control: Control,
    /// Why, for the operator alone.
    pub(crate) reason: String,
}

impl DialFault {
    pub(crate) fn new(control: Control, reason: impl Into<String>) -> Self {
        Self { control, reason: reason.into() }
    }
}

/// Connects to where a permit leads.
///
/// # Errors
/// `ssrf.address` and `ssrf.rebind` for a refused address, `upstream.reach` and `upstream.tls`
/// for what the far end does, `limit` for an answer beyond all measure.
pub(crate) async fn dial(
    exit: &Exit,
    destination: &Destination,
    rules: &AddressRules,
    tls: TlsMode,
    who: (&Subject, Option<Told>),
) -> Result<Dialled, DialFault> {
    let until = Instant::now() + exit.config.deadline;
    let rules = &exit.with_own_prefixes(rules);
    let dialled = match exit.proxy_for(destination) {
        Some(proxy) => {
            if let Host::Address(address) = destination.host {
                pins::judge_literal(address, rules)?;
            }
            let through = proxy.connect(&exit.own, &exit.tls, destination);
            let stream = in_time(until, "the upstream proxy did not answer", through).await?;
            Dialled { stream, address: None, delegated: true }
        }
        None => {
            let look_up = pins::pin(exit, &destination.host, rules, who);
            let pinned = in_time(until, "the look-up took too long", look_up).await?;
            let reach = reach(exit, &pinned, destination.port);
            let (stream, address) = in_time(until, "no address answered", reach).await?;
            Dialled { stream, address: Some(address), delegated: false }
        }
    };
    match tls {
        TlsMode::Client => Ok(dialled),
        TlsMode::Verified => {
            let shake = exit.tls.verify(dialled.stream, &destination.host);
            let stream = in_time(until, "the TLS handshake took too long", shake).await?;
            Ok(Dialled { stream, ..dialled })
        }
    }
}

/// Connects to one of the pinned addresses and to nothing else.
async fn reach(exit: &Exit, pinned: &Pinned, port: u16) -> Result<(ExitStream, IpAddr), DialFault> {
    let places: Vec<SocketAddr> =
        pinned.dialled().map(|address| SocketAddr::new(address, port)).collect();
    for place in &places {
        exit.listeners.refuse(*place)?;
    }
    let places = race::interleave(places);
    let (place, stream) =
        race::race(places, exit.config.stagger, |place| wire::connect(&*exit.wire, place)).await?;
    Ok((ExitStream::Tcp(stream), pinned.judged_for(place.ip())))
}

async fn in_time<T>(
    until: Instant,
    otherwise: &str,
    work: impl Future<Output = Result<T, DialFault>>,
) -> Result<T, DialFault> {
    match tokio::time::timeout_at(until, work).await {
        Ok(done) => done,
        Err(_) => Err(DialFault::new(Control::UpstreamReach, otherwise)),
    }
}
