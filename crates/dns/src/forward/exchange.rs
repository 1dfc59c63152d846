//! One question to one upstream: datagram first, TCP for what is cut short or contested.
//! Must not know which upstream is the best, nor what an answer may hold. Next: `flights`.
//!
//! Datagrams that are not the answer are passed over, and waiting goes on: whoever guesses must not
//! be able to stop the true answer. After some of them the question goes by TCP, where nobody can
//! guess (RFC 5452 §9.3 asks for no less).

use super::Key;
use super::query::{Edns, Match, Query};
use super::upstream::{Transport, Upstream};
use crate::tap::Tap;
use backstop_gate::{OwnSockets, OwnStream, Random, RandomFault};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

/// By what is asked.
pub(crate) struct Means<'a> {
    pub(crate) sockets: &'a OwnSockets,
    pub(crate) random: &'a dyn Random,
    pub(crate) tap: Option<&'a Tap>,
}

impl Means<'_> {
    /// Tells of a question on its way (no answer yet), or of its answer. By datagrams: no transport.
    fn tell(
        &self,
        upstream: &Upstream,
        transport: Option<&Transport>,
        query: &Query,
        answer: Option<&[u8]>,
    ) {
        if let Some(tap) = self.tap {
            tap.forwarded(upstream.place(), transport, query.wire(), answer);
        }
    }
}

/// Why an upstream gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExchangeFault {
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
    /// The operating system's words.
    #[error("{0}")]
    Io(String),
    /// Something came by TCP that answers another question.
    #[error("it answered another question")]
    Foreign,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomFault),
}

impl From<io::Error> for ExchangeFault {
    fn from(fault: io::Error) -> Self {
        Self::Io(fault.to_string())
    }
}

/// Asks once and gives back the message that answers, checked against the query.
///
/// # Errors
/// [`ExchangeFault`].
pub(crate) async fn exchange(
    means: &Means<'_>,
    upstream: &Upstream,
    key: &Key,
    until: Instant,
) -> Result<Vec<u8>, ExchangeFault> {
    let asked = async {
        let edns = match upstream.transport() {
            Transport::UdpThenTcp | Transport::Tcp => Edns::With,
            Transport::Tls(_) | Transport::Https(_) => Edns::Padded,
        };
        let message = ask(means, upstream, key, edns).await?;
        match message.get(3).map(|flags| flags & 0x0f) {
            // RFC 6891 §7: FORMERR or NOTIMP of somebody who does not know EDNS.
            Some(1 | 4) => ask(means, upstream, key, Edns::Without).await,
            _ => Ok(message),
        }
    };
    match timeout_at(until, asked).await {
        Ok(done) => done,
        Err(_) => Err(ExchangeFault::TimedOut),
    }
}

async fn ask(
    means: &Means<'_>,
    upstream: &Upstream,
    key: &Key,
    edns: Edns,
) -> Result<Vec<u8>, ExchangeFault> {
    match upstream.transport() {
        Transport::Tcp | Transport::Tls(_) => {}
        Transport::Https(site) => {
            let query = Query::new(key, edns, means.random)?;
            let transport = Some(upstream.transport());
            means.tell(upstream, transport, &query, None);
            let line = upstream.line();
            let message = line.ask(means.sockets, upstream.place(), site, &query).await?;
            means.tell(upstream, transport, &query, Some(&message));
            return Ok(message);
        }
        Transport::UdpThenTcp => {
            if let Some(message) = by_datagram(means, upstream, key, edns).await? {
                return Ok(message);
            }
        }
    }
    by_stream(means, upstream, key, edns).await
}

/// The answer, or `None` if the question should go by TCP.
async fn by_datagram(
    means: &Means<'_>,
    upstream: &Upstream,
    key: &Key,
    edns: Edns,
) -> Result<Option<Vec<u8>>, ExchangeFault> {
    for _ in 0..SENDINGS {
        // A socket, an id and a spelling for each sending: a late answer to the one before is lost,
        // and a guess at it is worth nothing.
        let query = Query::new(key, edns, means.random)?;
        let socket = means.sockets.datagrams(upstream.place())?;
        socket.send(query.wire()).await?;
        means.tell(upstream, None, &query, None);
        let answered = async {
            let mut buffer = vec![0u8; BUFFER];
            for _ in 0..FOREIGN {
                let length = socket.receive(&mut buffer).await?;
                let message = buffer.get(..length).unwrap_or_default();
                let matched = query.matches(message);
                if matched != Match::Foreign {
                    means.tell(upstream, None, &query, Some(message));
                }
                match matched {
                    // More than it was told to send: it does not keep to the protocol.
                    Match::Answer if length <= usize::from(super::query::UDP_SIZE) => {
                        return Ok(Some(message.to_vec()));
                    }
                    Match::Answer | Match::Truncated | Match::OtherCase => return Ok(None),
                    Match::Foreign => {}
                }
            }
            Ok::<_, ExchangeFault>(None)
        };
        if let Ok(done) = timeout(RESEND, answered).await {
            return done;
        }
    }
    Err(ExchangeFault::TimedOut)
}

/// By a connection that waits for a question, or by a new one.
async fn by_stream(
    means: &Means<'_>,
    upstream: &Upstream,
    key: &Key,
    edns: Edns,
) -> Result<Vec<u8>, ExchangeFault> {
    let query = Query::new(key, edns, means.random)?;
    let transport = Some(upstream.transport());
    means.tell(upstream, transport, &query, None);
    // It may have been closed meanwhile; that is no fault of the upstream.
    if let Some(mut stream) = upstream.take_idle(std::time::Instant::now())
        && let Ok(Ok(message)) = timeout(RESEND, converse(&mut stream, &query)).await
    {
        upstream.keep_idle(stream, std::time::Instant::now());
        means.tell(upstream, transport, &query, Some(&message));
        return Ok(message);
    }
    let mut stream = match upstream.transport() {
        Transport::UdpThenTcp | Transport::Tcp => means.sockets.stream(upstream.place()).await?,
        // Its questions share a connection, and never come here.
        Transport::Https(_) => return Err(ExchangeFault::Foreign),
        Transport::Tls(host) => means.sockets.secured(upstream.place(), host).await?,
    };
    let message = converse(&mut stream, &query).await?;
    upstream.keep_idle(stream, std::time::Instant::now());
    means.tell(upstream, transport, &query, Some(&message));
    Ok(message)
}

async fn converse(stream: &mut OwnStream, query: &Query) -> Result<Vec<u8>, ExchangeFault> {
    let length = u16::try_from(query.wire().len()).unwrap_or(u16::MAX);
    // One write, so that length and message go in one segment (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes(), query.wire()].concat()).await?;
    stream.flush().await?;
    let length = stream.read_u16().await?;
    let mut message = vec![0u8; usize::from(length)];
    stream.read_exact(&mut message).await?;
    match query.matches(&message) {
        // By TCP the spelling proves nothing more, and some upstreams fold.
        Match::Answer | Match::OtherCase => Ok(message),
        Match::Truncated | Match::Foreign => Err(ExchangeFault::Foreign),
    }
}

/// LIMIT: datagrams that are no answer, for one sending.
const FOREIGN: usize = 16;
/// How often a datagram is sent.
const SENDINGS: usize = 2;
/// How long the answer to one datagram is waited for.
const RESEND: Duration = Duration::from_millis(1_200);
/// Room for a datagram; what is longer than it should be shows as such.
const BUFFER: usize = 4096;
