//! DNS over TCP (RFC 7766): questions one behind the other, answers as they come, every read and
//! write with a deadline. Next: `listen`.
//!
//! LIMIT: a connection costs a file. There are so many in all and so many of one source; when all
//! are taken, the one that has been silent longest goes, so that half-open ones keep nobody out.

use super::listen::stopped;
use super::turn::{By, From, House, Turn, Wait};
use super::{Config, Known, Service};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What the listeners of a server share.
pub(super) struct Room {
    places: Arc<Semaphore>,
    /// Told once for each connection that finds no place; those who are silent listen, and the one
    /// that began to listen first hears it.
    pressure: Notify,
    of_source: Mutex<HashMap<IpAddr, usize>>,
    per_source: usize,
}

impl Room {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.connections)),
            pressure: Notify::new(),
            of_source: Mutex::default(),
            per_source: config.connections_per_source,
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

/// Accepts until `stop`.
pub(super) async fn run<S: Service>(
    listener: TcpListener,
    address: SocketAddr,
    house: Arc<House<S>>,
    room: Arc<Room>,
    config: Arc<Config>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, source) = tokio::select! {
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
        let Some(seat) = room.seat(source.ip()) else {
            house.stats.crowded.add(1);
            continue;
        };
        let Some(place) = place(&room, &house).await else { continue };
        house.stats.connections.add(1);
        house.proven.note(source.ip(), Instant::now());
        let connection = Connection { address, source, config: Arc::clone(&config) };
        let (house, room) = (Arc::clone(&house), Arc::clone(&room));
        connections.spawn(async move {
            let _ended = connection.serve(stream, &house, &room).await;
            drop((seat, place));
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

struct Connection {
    address: SocketAddr,
    source: SocketAddr,
    config: Arc<Config>,
}

impl Connection {
    async fn serve<S: Service>(
        &self,
        stream: TcpStream,
        house: &Arc<House<S>>,
        room: &Room,
    ) -> io::Result<()> {
        let _best_effort = stream.set_nodelay(true);
        let (mut from, mut to) = stream.into_split();
        let known = house.service.client(self.address, self.source.ip());
        let mut waiting: JoinSet<Vec<u8>> = JoinSet::new();
        let mut out = Vec::new();
        let mut reading = Reading::default();
        // The first question must come soon: who connects has one.
        let mut silence = self.config.patience;
        loop {
            // A read that is given up in favour of an answer goes on where it was.
            let message = {
                let pressure = room.pressure.notified();
                tokio::select! {
                    biased;
                    Some(done) = waiting.join_next(), if !waiting.is_empty() => {
                        self.write(&mut to, &done.unwrap_or_default()).await?;
                        reading.answered();
                        continue;
                    }
                    read = reading.message(&mut from, silence, self.config.patience),
                        if waiting.len() < self.config.pipelined => read?,
                    () = pressure, if waiting.is_empty() => return Ok(()),
                }
            };
            let Some(message) = message else { break };
            silence = self.config.idle;
            house.stats.streamed.add(1);
            match self.turn(house, &message, known.as_ref(), &mut out) {
                Turn::Silence => return Ok(()),
                Turn::Answer => self.write(&mut to, &out).await?,
                Turn::Wait(wait) => {
                    let house = Arc::clone(house);
                    waiting.spawn(async move { Wait::answer(*wait, &house.service).await });
                }
            }
        }
        // The client has said all (a half-closed connection): what waits is still answered.
        while let Some(done) = waiting.join_next().await {
            self.write(&mut to, &done.unwrap_or_default()).await?;
        }
        Ok(())
    }

    fn turn<S: Service>(
        &self,
        house: &House<S>,
        message: &[u8],
        known: Option<&Known<S::Client>>,
        out: &mut Vec<u8>,
    ) -> Turn<S> {
        let from = From { source: self.source, at: Instant::now() };
        house.turn(message, known, from, By::Stream, out)
    }

    async fn write(
        &self,
        to: &mut tokio::net::tcp::OwnedWriteHalf,
        octets: &[u8],
    ) -> io::Result<()> {
        let Ok(length) = u16::try_from(octets.len()) else { return Ok(()) };
        if length == 0 {
            return Ok(());
        }
        // In one write, so that length and message share a segment (RFC 7766 §8).
        let mut framed = Vec::with_capacity(octets.len() + 2);
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(octets);
        timeout(self.config.patience, to.write_all(&framed)).await?
    }
}

/// A message that arrives in pieces; what is there outlives a read that is given up.
#[derive(Default)]
struct Reading {
    octets: Vec<u8>,
    since: Option<Instant>,
}

impl Reading {
    /// A client that waited for an answer was not silent meanwhile.
    fn answered(&mut self) {
        if self.octets.is_empty() {
            self.since = None;
        }
    }

    /// The next message; `None` at the end of the stream.
    async fn message(
        &mut self,
        from: &mut tokio::net::tcp::OwnedReadHalf,
        silence: Duration,
        patience: Duration,
    ) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some((length, rest)) = self.octets.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                if length > LONGEST {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if let Some(message) = rest.get(..length) {
                    let message = message.to_vec();
                    self.octets.drain(..2 + length);
                    self.since = None;
                    return Ok(Some(message));
                }
            }
            let began = *self.since.get_or_insert_with(Instant::now);
            // Silence is counted from the last whole question, a slow one from there too: a client
            // that sends an octet at a time gains nothing by it.
            let longest = if self.octets.is_empty() { silence } else { patience.max(silence) };
            let left = longest.saturating_sub(began.elapsed());
            if timeout(left, from.read_buf(&mut self.octets)).await?? == 0 {
                return Ok(None);
            }
        }
    }
}

/// LIMIT: the longest query over TCP, as over UDP.
const LONGEST: usize = 1_232;
const PAUSE: Duration = Duration::from_millis(50);
/// How long a new connection waits for the place of a silent one.
const ROOM: Duration = Duration::from_millis(200);
