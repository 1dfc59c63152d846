//! The socket: the only place in the house where a TCP connection is opened.
//! Must not know names, nor who may go where. Next: `loops`.

use super::DialFault;
use crate::BoxFuture;
use backstop_model::control::Control;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// Opens one connection to one address. A port: tests and `demo` map public-looking addresses
/// to loopback with [`MappedWire`].
pub trait Wire: Send + Sync + 'static {
    /// Connects to exactly `address`.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;

    /// Whether the other end of `stream` is the place to which `address` leads.
    ///
    /// # Errors
    /// As `getpeername(2)`.
    fn has_reached(&self, address: SocketAddr, stream: &TcpStream) -> io::Result<bool> {
        Ok(same_place(stream.peer_addr()?, address))
    }
}

/// Connects by `wire`, and trusts the socket alone for what came of it.
///
/// # Errors
/// `upstream.reach` in the operating system's words; `ssrf.rebind` for a connection that leads to
/// another address than `address`, `ssrf.address` for one that leads to itself.
pub(crate) async fn connect(wire: &dyn Wire, address: SocketAddr) -> Result<TcpStream, DialFault> {
    let stream = wire.connect(address).await?;
    if !wire.has_reached(address, &stream)? {
        let reason = format!("the connection does not lead to `{address}`, which was judged");
        return Err(DialFault::new(Control::SsrfRebind, reason));
    }
    // RFC 9293 §3.5: a simultaneous open with oneself, when a free local port is dialled.
    if same_place(stream.local_addr()?, stream.peer_addr()?) {
        let reason = format!("the connection to `{address}` leads to itself");
        return Err(DialFault::new(Control::SsrfAddress, reason));
    }
    Ok(stream)
}

/// Same address and port; IPv6 flow labels and scopes do not count.
fn same_place(one: SocketAddr, other: SocketAddr) -> bool {
    (one.ip(), one.port()) == (other.ip(), other.port())
}

/// Socket options.
#[derive(Debug, Clone)]
pub struct TcpConfig {
    /// How long one address is waited for.
    pub connect: Duration,
    /// The first keepalive probe on an idle connection.
    pub keepalive: Duration,
    /// The local addresses to connect from, at most one of each family.
    pub sources: Vec<IpAddr>,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(8),
            keepalive: Duration::from_secs(60),
            sources: Vec::new(),
        }
    }
}

/// Real TCP.
#[derive(Debug, Clone, Default)]
pub struct TcpWire {
    config: TcpConfig,
}

impl TcpWire {
    /// TCP with these options.
    pub fn new(config: TcpConfig) -> Self {
        Self { config }
    }

    async fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_nodelay(true)?;
        let probes = socket2::TcpKeepalive::new()
            .with_time(self.config.keepalive)
            .with_interval(PROBE_INTERVAL);
        socket2::SockRef::from(&socket).set_tcp_keepalive(&probes)?;
        let source = self.config.sources.iter().find(|s| s.is_ipv4() == address.is_ipv4());
        if let Some(source) = source {
            socket.bind(SocketAddr::new(*source, 0))?;
        }
        #[expect(clippy::disallowed_methods, reason = "the one place where connections open")]
        let connecting = socket.connect(address);
        match tokio::time::timeout(self.config.connect, connecting).await {
            Ok(done) => done,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
        }
    }
}

impl Wire for TcpWire {
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(self.open(address))
    }
}

/// TCP to the places of a table: what stands for `93.184.0.7:443` is a server on loopback.
///
/// An address that the table lacks is unreachable, so nothing leaves the machine. The address
/// guard sees the public-looking address and judges it like any other.
#[derive(Debug, Clone, Default)]
pub struct MappedWire {
    table: BTreeMap<SocketAddr, SocketAddr>,
    tcp: TcpWire,
}

impl MappedWire {
    /// Leads each key to its value.
    pub fn new(table: BTreeMap<SocketAddr, SocketAddr>) -> Self {
        Self { table, tcp: TcpWire::default() }
    }
    fn place(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.table.get(&address).copied().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NetworkUnreachable, "no place stands for this address")
        })
    }
}

impl Wire for MappedWire {
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        let place = self.place(address);
        Box::pin(async move { self.tcp.open(place?).await })
    }
    fn has_reached(&self, address: SocketAddr, stream: &TcpStream) -> io::Result<bool> {
        Ok(same_place(stream.peer_addr()?, self.place(address)?))
    }
}

impl From<io::Error> for DialFault {
    /// A fault of the far end, in the operating system's words.
    fn from(fault: io::Error) -> Self {
        Self::new(Control::UpstreamReach, fault.to_string())
    }
}

const PROBE_INTERVAL: Duration = Duration::from_secs(15);
