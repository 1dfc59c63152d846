//! Load for proxies, closed and open loop, with honest percentiles.
//!
//! ```text
//!  get      requests with or without a proxy; a steady rate measures from the planned start
//!  connect  tunnels one after another: from dial to the first byte back
//!  bulk     one large body
//!  tunnels  thousands of tunnels at once, all alive
//!  slow     clients that dribble
//!  flood    more new tunnels than anybody can serve
//!  histogram  latencies in log-linear buckets
//! ```
//! INVARIANT: every load first asks `world::stays_here`; none is ever sent off this machine.

pub mod bulk;
pub mod connect;
pub mod flood;
pub mod get;
pub mod histogram;
pub mod slow;
pub mod tunnels;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::hello::Hello;
use crate::message::{Extent, Kind, Message, extent};
use crate::world;

pub use histogram::{Histogram, Summary, micros};

/// No single step may take longer.
pub const STEP: Duration = Duration::from_secs(30);

/// A proxy to go through.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<String>,
}

/// What is spoken inside a tunnel.
#[derive(Debug, Clone)]
pub enum Inside {
    /// A hand-made ClientHello for that name; the upstream must mirror bytes.
    Hello(String),
    /// A real handshake for that name.
    Tls(String, Arc<ClientConfig>),
    /// Nothing: raw bytes; the upstream must mirror them.
    Raw,
}

/// Lets this process have as many descriptors as it may.
///
/// # Errors
/// The kernel refuses.
pub fn raise_descriptors() -> anyhow::Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// Runs one load on this thread.
///
/// # Errors
/// What the load gives.
pub fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    raise_descriptors()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

pub(crate) async fn dial(address: SocketAddr) -> anyhow::Result<TcpStream> {
    world::stays_here(address.ip()).map_err(anyhow::Error::msg)?;
    let stream = tokio::time::timeout(STEP, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one reply; `buffer` keeps what lies past it.
pub(crate) async fn read_reply<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    kind: Kind,
) -> anyhow::Result<(u16, bool)> {
    loop {
        let reach = extent(buffer, kind);
        if let Extent::Whole(length) = reach {
            let head = Message::parse(&buffer[..length.min(4096)]);
            let closes = head.first.starts_with("HTTP/1.0")
                || head.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
            buffer.drain(..length);
            return Ok((head.status(), closes));
        }
        let read = tokio::time::timeout(STEP, stream.read_buf(buffer)).await??;
        if read == 0 {
            anyhow::ensure!(reach == Extent::UntilClose, "the connection ended inside a reply");
            let status = Message::parse(buffer).status();
            buffer.clear();
            return Ok((status, true));
        }
    }
}

/// Opens a tunnel and says what belongs inside; the answer is a stream on which bytes come back.
pub(crate) async fn open(
    proxy: &Proxy,
    authority: &str,
    inside: &Inside,
) -> anyhow::Result<Result<Box<dyn Stream>, u16>> {
    let mut stream = dial(proxy.address).await?;
    let authorization = proxy
        .authorization
        .as_ref()
        .map(|value| format!("proxy-authorization: {value}\r\n"))
        .unwrap_or_default();
    let head = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{authorization}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut buffer = Vec::new();
    let (status, _) = read_reply(&mut stream, &mut buffer, Kind::HeadReply).await?;
    if status != 200 {
        return Ok(Err(status));
    }
    match inside {
        Inside::Raw => Ok(Ok(Box::new(stream))),
        Inside::Hello(name) => {
            let hello = Hello::for_name(name).bytes();
            stream.write_all(&hello).await?;
            let mut back = vec![0; hello.len()];
            tokio::time::timeout(STEP, stream.read_exact(&mut back)).await??;
            anyhow::ensure!(back == hello, "the tunnel changed the ClientHello");
            Ok(Ok(Box::new(stream)))
        }
        Inside::Tls(name, config) => {
            let name = ServerName::try_from(name.clone())?;
            let connector = TlsConnector::from(Arc::clone(config));
            Ok(Ok(Box::new(tokio::time::timeout(STEP, connector.connect(name, stream)).await??)))
        }
    }
}
