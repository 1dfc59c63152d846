//! Takes connections: so many in all, so many of one source, and the one that has been silent
//! longest goes when all are taken, so that half-open ones keep nobody out. Next: `tcp`.
//!
//! LIMIT: a connection costs a file; all listeners of a server share the number.

use super::hurry::Hurry;
use super::listen::stopped;
use super::tcp::Conversation;
use super::turn::{By, House, Peer};
use super::{Config, Service, https};
use crate::wire::front::{Proxied, proxied};
use std::collections::HashMap;
use std::io::{self, Cursor};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, join, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the listeners of a server share.
pub(super) struct Room {
    places: Arc<Semaphore>,
    /// Told once for each connection that finds no place; those who are silent listen, and the one
    /// that began to listen first hears it.
    pub(super) pressure: Notify,
    of_source: Mutex<HashMap<IpAddr, usize>>,
    per_source: usize,
    hurry: Mutex<Hurry>,
}

impl Room {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.connections)),
            pressure: Notify::new(),
            of_source: Mutex::default(),
            per_source: config.connections_per_source,
            hurry: Mutex::default(),
        }
    }

    /// A place for one more of this source.
    fn seat(self: &Arc<Self>, source: IpAddr) -> Option<Seat> {
        let mut of_source = self.of_source.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of_source.entry(source).or_default();
        if *count >= self.per_source {
            return None;
        }
        *count += 1;
        Some(Seat { room: Arc::clone(self), source })
    }
}

/// One connection of a source; gives its place back when dropped.
struct Seat {
    room: Arc<Room>,
    source: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut of_source = self.room.of_source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = of_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                of_source.remove(&self.source);
            }
        }
    }
}

/// What is spoken at a listener for connections.
pub(super) enum Way {
    Plain,
    /// DNS over TLS (RFC 7858).
    Tls(TlsAcceptor),
    /// DNS over HTTPS (RFC 8484), at this path.
    Https(TlsAcceptor, Arc<str>),
}

/// A listener for connections.
pub(super) struct Door<S: Service> {
    pub(super) address: SocketAddr,
    pub(super) way: Way,
    pub(super) house: Arc<House<S>>,
    pub(super) room: Arc<Room>,
    pub(super) config: Arc<Config>,
}

/// Accepts until `stop`.
pub(super) async fn run<S: Service>(
    listener: TcpListener,
    door: Arc<Door<S>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(fault) => {
                    tracing::debug!(%fault, "cannot accept");
                    sleep(PAUSE).await;
                    continue;
                }
            },
        };
        // Behind a trusted peer stand many; each of them is counted when it is known who it is.
        let seat = match door.house.peer(peer.ip()) {
            Peer::Trusted => None,
            Peer::Fronted | Peer::Other => match door.room.seat(peer.ip()) {
                Some(seat) => Some(seat),
                None => {
                    door.house.stats.crowded.add(1);
                    continue;
                }
            },
        };
        let Some(place) = place(&door.room, &door.house).await else { continue };
        door.house.stats.connections.add(1);
        let door = Arc::clone(&door);
        connections.spawn(async move {
            let _ended = door.receive(stream, peer, seat).await;
            drop(place);
        });
    }
    connections.shutdown().await;
}

/// A place, if need be that of the connection that has been silent longest.
async fn place<S: Service>(room: &Room, house: &House<S>) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = Arc::clone(&room.places).try_acquire_owned() {
        return Some(place);
    }
    house.stats.displaced.add(1);
    room.pressure.notify_one();
    timeout(ROOM, Arc::clone(&room.places).acquire_owned()).await.ok()?.ok()
}

impl<S: Service> Door<S> {
    async fn receive(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        mut seat: Option<Seat>,
    ) -> io::Result<()> {
        let _best_effort = stream.set_nodelay(true);
        let (mut from, to) = stream.into_split();
        let (mut begun, mut source) = (Vec::new(), peer);
        let mut kind = self.house.peer(peer.ip());
        match kind {
            Peer::Fronted | Peer::Other => self.house.proven.note(peer.ip(), Instant::now()),
            Peer::Trusted => {
                let header = timeout(self.config.patience, header(&mut from, &mut begun));
                let said = tokio::select! {
                    said = header => said,
                    () = self.room.pressure.notified() => return Ok(()),
                };
                let said = match said {
                    Ok(Ok(said)) => said,
                    failed => {
                        // Who says nothing at all only looks whether somebody is here.
                        self.house.stats.unfollowed.add(u64::from(!begun.is_empty()));
                        failed??
                    }
                };
                if let Some(said) = said {
                    (source, kind) = (said, Peer::Fronted);
                    let Some(taken) = self.room.seat(said.ip()) else {
                        self.house.stats.crowded.add(1);
                        return Ok(());
                    };
                    seat = Some(taken);
                }
            }
        }
        let from = Cursor::new(begun).chain(from);
        let conversation = |by| Conversation { door: Arc::clone(self), source, peer: kind, by };
        let ended = match &self.way {
            Way::Plain => conversation(By::Stream).hold(from, to).await,
            Way::Tls(acceptor) => {
                let (from, to) = split(self.shake(acceptor, (source, kind), join(from, to)).await?);
                conversation(By::Sealed).hold(from, to).await
            }
            Way::Https(acceptor, path) => {
                let stream = self.shake(acceptor, (source, kind), join(from, to)).await?;
                let version = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => https::Version::Two,
                    Some(_) | None => https::Version::One,
                };
                https::serve(conversation(By::Web), Arc::clone(path), version, stream).await
            }
        };
        drop(seat);
        ended
    }
}

impl<S: Service> Door<S> {
    /// The handshake, if its source has not begun too many, in the time that a client has for its first question.
    async fn shake<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        acceptor: &TlsAcceptor,
        (source, kind): (SocketAddr, Peer),
        stream: T,
    ) -> io::Result<TlsStream<T>> {
        // A trusted peer that speaks for itself is the operator's own.
        if !matches!(kind, Peer::Trusted) {
            let mut hurry = self.room.hurry.lock().unwrap_or_else(PoisonError::into_inner);
            if !hurry.admits(source.ip(), self.config.handshakes, Instant::now()) {
                self.house.stats.hurried.add(1);
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        }
        tokio::select! {
            shaken = timeout(self.config.patience, acceptor.accept(stream)) => shaken?,
            () = self.room.pressure.notified() => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

/// Reads the header with which a trusted peer may begin; what was read behind it stays in `begun`.
async fn header(
    from: &mut (impl AsyncRead + Unpin),
    begun: &mut Vec<u8>,
) -> io::Result<Option<SocketAddr>> {
    loop {
        if from.read_buf(begun).await? == 0 {
            return Ok(None);
        }
        match proxied(begun) {
            Proxied::Absent => return Ok(None),
            Proxied::Incomplete => {}
            Proxied::Malformed => return Err(io::ErrorKind::InvalidData.into()),
            Proxied::Header { source, length } => {
                begun.drain(..length);
                return Ok(source);
            }
        }
    }
}

const PAUSE: Duration = Duration::from_millis(50);
/// How long a new connection waits for the place of a silent one.
const ROOM: Duration = Duration::from_millis(200);
