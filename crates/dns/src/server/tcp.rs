//! DNS over a stream (RFC 7766, 7858): questions one behind the other, answers as they come, every
//! read and write with a deadline. Next: `listen`.

use super::Service;
use super::accept::Door;
use super::turn::{By, From, Peer, Turn, Wait};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// One client's connection.
pub(super) struct Conversation<S: Service> {
    pub(super) door: Arc<Door<S>>,
    /// Who asks.
    pub(super) source: SocketAddr,
    /// Who sends.
    pub(super) peer: Peer,
    /// By what it came.
    pub(super) by: By,
}

impl<S: Service> Conversation<S> {
    /// Goes on until the client is silent for too long, or has said all.
    pub(super) async fn hold(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let Door { address, house, room, config, .. } = &*self.door;
        let known = house.service.client(*address, self.source.ip());
        let mut waiting: JoinSet<Vec<u8>> = JoinSet::new();
        let mut out = Vec::new();
        let mut reading = Reading::default();
        // The first question must come soon: who connects has one.
        let mut silence = config.patience;
        loop {
            // A read that is given up in favour of an answer goes on where it was.
            let message = {
                let pressure = room.pressure.notified();
                tokio::select! {
                    biased;
                    Some(done) = waiting.join_next(), if !waiting.is_empty() => {
                        write(&mut to, &done.unwrap_or_default(), config.patience).await?;
                        reading.answered();
                        continue;
                    }
                    read = reading.message(&mut from, silence, config.patience),
                        if waiting.len() < config.pipelined => read?,
                    () = pressure, if waiting.is_empty() => return Ok(()),
                }
            };
            let Some(message) = message else { break };
            silence = config.idle;
            house.stats.streamed.add(1);
            let from = From {
                listener: *address,
                source: self.source,
                peer: self.peer,
                at: Instant::now(),
            };
            match house.turn(&message, known.as_ref(), from, self.by, &mut out) {
                Turn::Silence => return Ok(()),
                Turn::Unanswered => {}
                Turn::Answer => write(&mut to, &out, config.patience).await?,
                Turn::Parts(parts) => {
                    for part in parts {
                        write(&mut to, &part, config.patience).await?;
                    }
                }
                Turn::Wait(wait) => {
                    let house = Arc::clone(house);
                    waiting.spawn(async move { Wait::answer(*wait, &house.service).await });
                }
            }
        }
        // The client has said all (a half-closed connection): what waits is still answered.
        while let Some(done) = waiting.join_next().await {
            write(&mut to, &done.unwrap_or_default(), config.patience).await?;
        }
        Ok(())
    }
}

async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    octets: &[u8],
    patience: Duration,
) -> io::Result<()> {
    let Ok(length) = u16::try_from(octets.len()) else { return Ok(()) };
    if length == 0 {
        return Ok(());
    }
    // In one write, so that length and message share a segment (RFC 7766 §8).
    let mut framed = Vec::with_capacity(octets.len() + 2);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(octets);
    timeout(patience, async {
        to.write_all(&framed).await?;
        to.flush().await
    })
    .await?
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
        from: &mut (impl AsyncRead + Unpin),
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
