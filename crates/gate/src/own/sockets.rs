//! Sockets to the DNS upstreams of the configuration.
//! Must not know names, messages or policy. Next: `exit`.
//!
//! A datagram socket is connected and used for one exchange: the kernel draws its port at random
//! (RFC 5452 §4.5, §9.2) and drops what comes from any other place than the one it is connected to.

use crate::exit::{
    ExitStream, OwnListeners, TcpWire, Trust, TrustFault, UpstreamTls, wire_connect,
};
use backstop_model::host::Host;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UdpSocket;

/// An address and port that stand in the configuration.
///
/// INVARIANT: it is parsed from the configuration's text and from nothing else, so no name, answer
/// or request of an agent can become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnPlace(SocketAddr);

impl OwnPlace {
    /// Parses `address`, `address:port`, `[v6]:port` of the configuration; `None` for a name, a
    /// port 0, or an address that nothing can be sent to.
    pub fn parse(text: &str, default_port: u16) -> Option<Self> {
        let place = match text.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, default_port),
            Err(_) => text.parse::<SocketAddr>().ok()?,
        };
        let usable = place.port() != 0
            && !place.ip().is_unspecified()
            && !place.ip().is_multicast()
            && place.ip() != IpAddr::V4(Ipv4Addr::BROADCAST);
        usable.then_some(Self(place))
    }
    /// The address and port.
    pub const fn address(&self) -> SocketAddr {
        self.0
    }
}

impl fmt::Display for OwnPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Opens sockets to places of the configuration, and to nothing else.
#[derive(Clone)]
pub struct OwnSockets {
    listeners: OwnListeners,
    tcp: TcpWire,
    tls: Option<Arc<UpstreamTls>>,
    web: Option<Arc<UpstreamTls>>,
}

impl OwnSockets {
    /// Sockets that lead to none of these listeners of the process itself: a resolver that asks
    /// itself would never end.
    pub fn new(listeners: OwnListeners) -> Self {
        Self { listeners, tcp: TcpWire::default(), tls: None, web: None }
    }

    /// The same, able to speak DNS over TLS (RFC 7858) and HTTPS (RFC 8484): whoever answers is judged
    /// by these roots.
    ///
    /// # Errors
    /// [`TrustFault`] where a file of roots cannot be read.
    pub fn with_tls(self, trust: &Trust) -> Result<Self, TrustFault> {
        let (tls, web) =
            (UpstreamTls::speaking(trust, b"dot")?, UpstreamTls::speaking(trust, b"h2")?);
        Ok(Self { tls: Some(Arc::new(tls)), web: Some(Arc::new(web)), ..self })
    }

    /// A datagram socket of its own, on a random port, that talks to `place` alone.
    ///
    /// # Errors
    /// As `socket(2)` and `connect(2)`; `AddrInUse` if `place` is a listener of this process.
    pub fn datagrams(&self, place: &OwnPlace) -> io::Result<Datagrams> {
        self.refuse_own(place)?;
        let any: IpAddr = match place.0 {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = std::net::UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(place.0)?;
        Ok(Datagrams(UdpSocket::from_std(socket)?))
    }

    /// A connection to `place`.
    ///
    /// # Errors
    /// As `connect(2)`; `AddrInUse` if `place` is a listener of this process.
    pub async fn stream(&self, place: &OwnPlace) -> io::Result<OwnStream> {
        self.refuse_own(place)?;
        let stream = wire_connect(&self.tcp, place.0).await;
        Ok(OwnStream(ExitStream::Tcp(stream.map_err(|fault| io::Error::other(fault.to_string()))?)))
    }

    /// A connection to `place` under TLS, whose far end has proved to be `host`.
    ///
    /// # Errors
    /// As [`OwnSockets::stream`]; `Unsupported` without roots; what is wrong with the certificate.
    pub async fn secured(&self, place: &OwnPlace, host: &Host) -> io::Result<OwnStream> {
        self.shaken(place, host, self.tls.as_deref()).await
    }

    /// The same for HTTP/2 (RFC 9113).
    ///
    /// # Errors
    /// As [`OwnSockets::secured`].
    pub async fn secured_web(&self, place: &OwnPlace, host: &Host) -> io::Result<OwnStream> {
        self.shaken(place, host, self.web.as_deref()).await
    }

    async fn shaken(
        &self,
        place: &OwnPlace,
        host: &Host,
        tls: Option<&UpstreamTls>,
    ) -> io::Result<OwnStream> {
        let tls = tls.ok_or(io::ErrorKind::Unsupported)?;
        let OwnStream(stream) = self.stream(place).await?;
        let stream = tls.verify(stream, host).await;
        Ok(OwnStream(stream.map_err(|fault| io::Error::other(fault.to_string()))?))
    }

    fn refuse_own(&self, place: &OwnPlace) -> io::Result<()> {
        if self.listeners.contains(place.0) {
            let why = format!("`{place}` is a listener of this very process");
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        Ok(())
    }
}

/// A connection to a place of the configuration.
#[derive(Debug)]
pub struct OwnStream(ExitStream);

impl AsyncRead for OwnStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for OwnStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A connected datagram socket.
#[derive(Debug)]
pub struct Datagrams(UdpSocket);

impl Datagrams {
    /// Sends one datagram.
    ///
    /// # Errors
    /// As `send(2)`.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.0.send(datagram).await.map(|_| ())
    }
    /// Receives one datagram, cut to the size of `buffer`.
    ///
    /// # Errors
    /// As `recv(2)`: `ConnectionRefused` where nobody listens.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buffer).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_addresses_with_ports() {
        let check = |text: &str, expected: Option<&str>| {
            let place = OwnPlace::parse(text, 53).map(|place| place.to_string());
            assert_eq!(place.as_deref(), expected, "{text}");
        };
        check("9.9.9.9", Some("9.9.9.9:53"));
        check("127.0.0.1:5353", Some("127.0.0.1:5353"));
        check("2620:fe::fe", Some("[2620:fe::fe]:53"));
        check("[2620:fe::fe]:853", Some("[2620:fe::fe]:853"));
        for none in ["", "dns.example", "9.9.9.9:0", "0.0.0.0", "::", "224.0.0.1", "9.9.9.9:53:1"] {
            check(none, None);
        }
    }

    #[tokio::test]
    async fn a_datagram_from_another_source_is_not_heard() {
        let upstream = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let spoofer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let place = OwnPlace::parse(&upstream.local_addr().unwrap().to_string(), 53).unwrap();
        let own = OwnSockets::new(OwnListeners::default()).datagrams(&place).unwrap();
        own.send(b"question").await.unwrap();
        let mut buffer = [0u8; 64];
        let (_, asker) = upstream.recv_from(&mut buffer).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "the other ends of this test")]
        {
            spoofer.send_to(b"spoofed", asker).await.unwrap();
            upstream.send_to(b"answer", asker).await.unwrap();
        }
        let length = own.receive(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"answer");
    }

    #[tokio::test]
    async fn no_socket_leads_to_a_listener_of_our_own() {
        let place = OwnPlace::parse("127.0.0.1:1053", 53).unwrap();
        let own = OwnSockets::new(OwnListeners::new(vec![place.address()]));
        assert_eq!(own.datagrams(&place).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(own.stream(&place).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
