//! What is asked and answered, told to a reader of dnstap (<https://dnstap.info>): questions of
//! clients with their answers and what refused them, and what is asked of upstreams.
//!
//! ```text
//!  server, forward ─▶ Tap (message, bounded queue, never waits) ─▶ Outlet (frames) ─▶ file, socket
//! ```
//! INVARIANT: nobody waits for a reader: what finds no room is dropped and counted.
//! Of a refused question whose name carries data the messages are left out, as events leave it out:
//! whoever reads the tap must not become the tunnel's other end. Next: `message`, `frames`.

mod frames;
mod message;

pub use frames::{Outlet, Target};

use crate::forward::Transport;
use crate::server::{Counter, Reply, Why};
use backstop_gate::{Clock, OwnPlace};
use backstop_model::control::Control;
use backstop_model::refusal::Refusal;
use backstop_model::time::Timestamp;
use message::{Action, Event, Kind, Match, Policy, Protocol};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;

/// Takes what happens.
pub struct Tap {
    queue: mpsc::Sender<Vec<u8>>,
    /// Octets in the queue.
    queued: AtomicUsize,
    /// What the time is; monotonic from then on.
    began: (Instant, Timestamp),
    /// Messages that found no room.
    pub dropped: Counter,
    /// Messages that were written.
    pub written: Counter,
}

/// By what a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    Udp,
    Tcp,
    Tls,
    Https,
}

/// Who asked what, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) listener: SocketAddr,
    pub(crate) means: Means,
    pub(crate) at: Instant,
    pub(crate) message: &'a [u8],
}

impl Tap {
    /// A tap and its other end, which must run.
    pub fn new(clock: &dyn Clock) -> (Arc<Self>, Outlet) {
        let (queue, events) = mpsc::channel(MESSAGES);
        let tap = Arc::new(Self {
            queue,
            queued: AtomicUsize::new(0),
            began: (Instant::now(), clock.now()),
            dropped: Counter::default(),
            written: Counter::default(),
        });
        let outlet = Outlet::new(Arc::clone(&tap), events);
        (tap, outlet)
    }

    fn time(&self, at: Instant) -> Timestamp {
        let (instant, stamp) = self.began;
        stamp.plus(at.saturating_duration_since(instant))
    }

    /// A question of a client and its answer.
    pub(crate) fn answered(&self, asked: &Asked<'_>, reply: &Reply, answer: &[u8]) {
        let (query_at, now) = (self.time(asked.at), self.time(Instant::now()));
        let refusal = match &reply.why {
            Why::Refused(refusal) => Some(refusal),
            Why::Answered | Why::Noted(_) | Why::CutShort | Why::Silence => None,
        };
        let redacted = refusal.is_some_and(carries_data);
        let protocol = match asked.means {
            Means::Udp => Protocol::Udp,
            Means::Tcp => Protocol::Tcp,
            Means::Tls => Protocol::Tls,
            Means::Https => Protocol::Https,
        };
        let event = Event {
            kind: Kind::ClientQuery,
            protocol,
            query: Some(asked.source),
            response: Some(asked.listener),
            query_at: Some(query_at),
            response_at: None,
            query_message: (!redacted).then_some(asked.message),
            response_message: None,
            policy: None,
            receipt: refusal.map(|refusal| refusal.receipt.as_str()),
        };
        let of_zone = |action| Policy {
            kind: ZONE,
            rule: Control::DnsRpz.as_str(),
            action,
            matched: Match::Name,
            value: "",
        };
        let policy = match &reply.why {
            Why::Answered | Why::Noted(_) => None,
            Why::CutShort => Some(of_zone(Action::Truncate)),
            Why::Silence => Some(of_zone(Action::Drop)),
            Why::Refused(refusal) => {
                let empty = reply.head.rcode == 0;
                Some(policy(refusal, if empty { Action::NoData } else { Action::NxDomain }))
            }
        };
        if answer.is_empty() {
            // Nothing was sent, and that is all there is to tell.
            return self.push(&Event { policy, ..event });
        }
        self.push(&event);
        self.push(&Event {
            kind: Kind::ClientResponse,
            query_message: None,
            response_at: Some(now),
            response_message: (!redacted).then_some(answer),
            policy,
            ..event
        });
    }

    /// A question to an upstream (no answer yet), or its answer.
    pub(crate) fn forwarded(
        &self,
        place: &OwnPlace,
        transport: Option<&Transport>,
        query: &[u8],
        answer: Option<&[u8]>,
    ) {
        let now = self.time(Instant::now());
        let event = Event {
            kind: Kind::ForwarderQuery,
            protocol: match transport {
                None => Protocol::Udp,
                Some(Transport::UdpThenTcp | Transport::Tcp) => Protocol::Tcp,
                Some(Transport::Tls(_)) => Protocol::Tls,
                Some(Transport::Https(_)) => Protocol::Https,
            },
            query: None,
            response: Some(place.address()),
            query_at: None,
            response_at: None,
            query_message: None,
            response_message: None,
            policy: None,
            receipt: None,
        };
        self.push(&match answer {
            None => Event { query_at: Some(now), query_message: Some(query), ..event },
            Some(answer) => Event {
                kind: Kind::ForwarderResponse,
                response_at: Some(now),
                response_message: Some(answer),
                ..event
            },
        });
    }

    fn push(&self, event: &Event<'_>) {
        let octets = event.written();
        let length = octets.len();
        let before = self.queued.fetch_add(length, Ordering::Relaxed);
        if before + length > OCTETS || self.queue.try_send(octets).is_err() {
            self.queued.fetch_sub(length, Ordering::Relaxed);
            self.dropped.add(1);
        }
    }

    fn taken(&self, octets: usize) {
        self.queued.fetch_sub(octets, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

/// The gate writes `[56 octets].evil.example` where it keeps a name without its labels.
fn carries_data(refusal: &Refusal) -> bool {
    refusal.host.as_ref().is_none_or(|host| host.starts_with('['))
}

fn policy(refusal: &Refusal, action: Action) -> Policy<'_> {
    let of_answer = matches!(refusal.control, Control::SsrfAddress | Control::SsrfRebind);
    Policy {
        kind: if refusal.control == Control::DnsRpz { ZONE } else { "backstop" },
        rule: refusal.control.as_str(),
        action,
        matched: if of_answer { Match::ResponseIp } else { Match::Name },
        value: refusal.host.as_deref().unwrap_or_default(),
    }
}

/// The type of policy that a response policy zone is.
const ZONE: &str = "RPZ";
/// LIMIT: messages and octets that wait for a reader.
const MESSAGES: usize = 16_384;
const OCTETS: usize = 8 << 20;
