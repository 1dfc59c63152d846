//! One message, from octets to an answer or a wait: the same for UDP and TCP. Next: `udp`.

use super::proven::Proven;
use super::stats::Stats;
use super::{Aside, Known, Now, Parts, Reply, Service, Source, Why};
use crate::body::Head;
use crate::refusal;
use crate::tap::{self, Means, Tap};
use crate::wire::Rcode;
use crate::wire::answer::{self, Extended, Finish, Limit};
use crate::wire::cookie::Cookies;
use crate::wire::front::{self, Proxied, proxied};
pub(super) use crate::wire::query::By;
use crate::wire::query::{self, Manner, Query, Unfit};
use backstop_model::addr::Cidr;
use backstop_model::time::Timestamp;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What all listeners of a server share.
pub(super) struct House<S> {
    pub(super) service: S,
    pub(super) asides: Vec<Arc<dyn Aside>>,
    pub(super) cookies: Cookies,
    pub(super) proven: Proven,
    pub(super) stats: Arc<Stats>,
    /// What the time is, for cookies; monotonic from then on.
    pub(super) began: (Instant, Timestamp),
    /// Who may say for whom it asks.
    pub(super) trusted: Vec<Cidr>,
    /// How long a connection may be silent.
    pub(super) idle: Duration,
    /// Who is told of questions and answers, if anybody is.
    pub(super) tap: Option<Arc<Tap>>,
    /// When it was last said that somebody poses as a trusted peer, in seconds from the start.
    pub(super) told: AtomicU64,
}

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    /// Where it came in.
    pub(super) listener: SocketAddr,
    /// Who asks.
    pub(super) source: SocketAddr,
    /// Who sent it.
    pub(super) peer: Peer,
    pub(super) at: Instant,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// The configuration trusts it to say for whom it asks.
    Trusted,
    /// A trusted peer's header says for whom. What the message says besides is the client's own.
    Fronted,
    /// It is heard as itself.
    Other,
}

/// What became of a message.
pub(super) enum Turn<S: Service> {
    /// `out` holds the answer.
    Answer,
    /// No answer to a message that is worth none: whoever sends such is no client.
    Silence,
    /// No answer to this question; others of the same client are answered.
    Unanswered,
    /// It waits.
    Wait(Box<Wait<S>>),
    /// Several answers, one behind the other; over a stream alone.
    Parts(Parts),
}

/// A question that waits.
pub(super) struct Wait<S: Service> {
    pub(super) client: S::Client,
    pub(super) waiting: S::Waiting,
    pub(super) query: Query,
    pub(super) terms: Terms,
    /// On whose account it waits.
    pub(super) source: IpAddr,
    /// The answer as far as it is begun.
    pub(super) out: Vec<u8>,
    tapped: Option<Tapped>,
}

/// A question that waits, as the tap will be told of it.
struct Tapped {
    tap: Arc<Tap>,
    message: Vec<u8>,
    from: From,
    by: By,
}

impl Tapped {
    fn tell(&self, reply: &Reply, out: &[u8]) {
        self.tap.answered(&asked(&self.message, self.from, self.by), reply, out);
    }
}

/// What a message asks.
pub(super) fn read(message: &[u8], by: By) -> Result<Query, Unfit> {
    let mut read = query::read(message);
    if let Ok(query) = &mut read {
        query.by = by;
    }
    read
}

const fn asked(message: &[u8], from: From, by: By) -> tap::Asked<'_> {
    let means = match by {
        By::Datagram => Means::Udp,
        By::Stream => Means::Tcp,
        By::Sealed => Means::Tls,
        By::Web => Means::Https,
    };
    tap::Asked { source: from.source, listener: from.listener, means, at: from.at, message }
}

/// What the end of an answer depends on, besides the query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    limit: Limit,
    cookie: Option<[u8; 16]>,
    keepalive: Option<Duration>,
}

impl<S: Service> House<S> {
    /// What the configuration says of an address that sends.
    pub(super) fn peer(&self, address: IpAddr) -> Peer {
        if self.trusted.iter().any(|range| range.contains(address)) {
            Peer::Trusted
        } else {
            Peer::Other
        }
    }

    /// Who asks by a datagram, and what: a trusted peer may have put a header before it. `None` if
    /// that says nothing that can be relied on.
    pub(super) fn opened<'m>(
        &self,
        listener: SocketAddr,
        sender: SocketAddr,
        message: &'m [u8],
        at: Instant,
    ) -> Option<(From, &'m [u8])> {
        let peer = self.peer(sender.ip());
        let from = |source, peer| From { listener, source, peer, at };
        match peer {
            Peer::Fronted | Peer::Other => Some((from(sender, peer), message)),
            Peer::Trusted => match proxied(message) {
                Proxied::Absent => Some((from(sender, peer), message)),
                Proxied::Header { source, length } => {
                    let from =
                        source.map_or(from(sender, peer), |source| from(source, Peer::Fronted));
                    Some((from, message.get(length..)?))
                }
                Proxied::Incomplete | Proxied::Malformed => {
                    self.stats.unfollowed.add(1);
                    None
                }
            },
        }
    }

    /// What is no question of a client may be somebody else's.
    fn aside(
        &self,
        message: &[u8],
        source: SocketAddr,
        by: By,
        out: &mut Vec<u8>,
    ) -> Option<Turn<S>> {
        let mut asides = self.asides.iter();
        match by {
            By::Datagram => {
                *out = asides.find_map(|aside| aside.datagram(message, source))?;
                Some(Turn::Answer)
            }
            By::Stream | By::Sealed => {
                asides.find_map(|aside| aside.stream(message, source)).map(Turn::Parts)
            }
            // RFC 8484 §6: no transfers over HTTP.
            By::Web => None,
        }
    }

    /// Reads a message and answers it, if that can be done without waiting.
    pub(super) fn turn(
        &self,
        message: &[u8],
        known: Option<&Known<S::Client>>,
        from: From,
        by: By,
        out: &mut Vec<u8>,
    ) -> Turn<S> {
        self.turn_of((message, &read(message, by)), known, from, (by, &mut S::Desk::default()), out)
    }

    /// The same for a message that was read, by who has something at hand.
    pub(super) fn turn_of(
        &self,
        (message, read): (&[u8], &Result<Query, Unfit>),
        known: Option<&Known<S::Client>>,
        from: From,
        (by, desk): (By, &mut S::Desk),
        out: &mut Vec<u8>,
    ) -> Turn<S> {
        let query = match read {
            Ok(query) => query,
            Err(unfit) => {
                self.stats.unfit.add(1);
                if let Some(turn) = self.aside(message, from.source, by, out) {
                    return turn;
                }
                let Unfit::Answer(rcode, manner) = *unfit else { return Turn::Silence };
                answer::begin(out, &manner, message);
                let terms = self.terms(&manner, None, from, by);
                close(out, &manner, bare(rcode), None, terms);
                return Turn::Answer;
            }
        };
        let manner = query.manner;
        answer::begin(out, &manner, message);
        let (mut known, mut source) = (known, from.source.ip());
        let named;
        if manner.edns.is_some_and(|edns| edns.fronted) {
            match from.peer {
                // What it says and cannot be followed is followed by nobody's rights.
                Peer::Trusted => {
                    named = self.named(message, &manner, from);
                    self.stats.unfollowed.add(u64::from(named.is_none()));
                    known = named.as_ref().map(|(known, _)| known);
                    source = named.as_ref().map_or(source, |(_, source)| *source);
                }
                Peer::Fronted | Peer::Other => self.forged(from),
            }
        }
        let terms = self.terms(&manner, known.map(|known| known.source), from, by);
        let Some(known) = known else {
            // Nobody to judge, so nobody's record: it is counted, and REFUSED is never more than
            // was sent (RFC 8914 §4.19).
            self.stats.strangers.add(1);
            let error = Extended { code: PROHIBITED, words: ["identity", ""] };
            close(out, &manner, bare(Rcode::Refused), Some(error), terms);
            return Turn::Answer;
        };
        match self.service.now(desk, &known.client, query, from.at, out) {
            Now::Reply(reply) => {
                let terms =
                    if terms.limit == Limit::Unknown && out.len() > usize::from(manner.length) {
                        self.widened(terms, from)
                    } else {
                        terms
                    };
                reply.close(out, &manner, terms);
                if let Some(tap) = &self.tap {
                    tap.answered(&asked(message, from, by), &reply, out);
                }
                if out.is_empty() { Turn::Unanswered } else { Turn::Answer }
            }
            Now::Later(waiting) => {
                self.stats.waited.add(1);
                let (client, query) = (known.client.clone(), query.clone());
                let (out, terms) = (out.clone(), self.widened(terms, from));
                let tapped = self.tap.as_ref().map(|tap| Tapped {
                    tap: Arc::clone(tap),
                    message: message.to_vec(),
                    from,
                    by,
                });
                Turn::Wait(Box::new(Wait { client, waiting, query, terms, source, out, tapped }))
            }
        }
    }

    /// Whom a trusted peer names by its option.
    fn named(
        &self,
        message: &[u8],
        manner: &Manner,
        from: From,
    ) -> Option<(Known<S::Client>, IpAddr)> {
        let named = front::named(message, manner)?;
        let source = named.source.unwrap_or(from.source.ip());
        let known = match named.identity {
            "" => self.service.client(from.listener, source),
            identity => self.service.named(source, identity),
        };
        Some((known?, source))
    }

    /// Somebody who is not trusted says for whom he asks. It changes nothing; it is counted, and
    /// told once a minute.
    fn forged(&self, from: From) {
        self.stats.forged.add(1);
        let second = from.at.saturating_duration_since(self.began.0).as_secs() + 60;
        let told = self.told.load(Ordering::Relaxed);
        if second >= told + 60
            && self
                .told
                .compare_exchange(told, second, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let (source, count) = (from.source.ip(), self.stats.forged.read());
            tracing::warn!(%source, count, "DNS clients that are not trusted name somebody else");
        }
    }

    fn terms(&self, manner: &Manner, source: Option<Source>, from: From, by: By) -> Terms {
        let address = from.source.ip();
        let cookie = manner.edns.and_then(|edns| edns.cookie);
        let now = cookie.map_or(0, |_| self.seconds(from.at));
        let limit = match by {
            By::Stream => Limit::Stream,
            By::Sealed | By::Web => Limit::Sealed,
            By::Datagram => {
                // A trusted peer is where the configuration says.
                let answers_go_there = match from.peer {
                    Peer::Trusted | Peer::Fronted => true,
                    Peer::Other => false,
                };
                let named =
                    source == Some(Source::Named) || address.is_loopback() || answers_go_there;
                let proves = |cookie| self.cookies.proves(&cookie, address, now);
                if named || cookie.is_some_and(proves) { Limit::Known } else { Limit::Unknown }
            }
        };
        let keepalive = match by {
            By::Stream | By::Sealed => Some(self.idle),
            By::Datagram | By::Web => None,
        };
        let cookie = cookie.map(|cookie| self.cookies.make(cookie.client, address, now));
        Terms { limit, cookie, keepalive }
    }

    /// The same for a source that proved itself by a handshake; asked only where it matters.
    fn widened(&self, terms: Terms, from: From) -> Terms {
        let proven = terms.limit == Limit::Unknown && self.proven.holds(from.source.ip(), from.at);
        Terms { limit: if proven { Limit::Known } else { terms.limit }, ..terms }
    }

    /// Seconds since 1970, wrapped to what a cookie holds.
    fn seconds(&self, at: Instant) -> u32 {
        let (instant, stamp) = self.began;
        let now = stamp.plus(at.saturating_duration_since(instant));
        let whole = now.unix_micros().cast_unsigned() / 1_000_000;
        u32::try_from(whole & u64::from(u32::MAX)).unwrap_or(0)
    }
}

impl<S: Service> Wait<S> {
    /// Waits, and gives the whole answer; an empty one is not sent.
    pub(super) async fn answer(self, service: &S) -> Vec<u8> {
        let Self { client, waiting, query, terms, source: _, out, tapped } = self;
        let manner = query.manner;
        let (reply, mut out) = service.later(client, waiting, query, out).await;
        reply.close(&mut out, &manner, terms);
        if let Some(tapped) = tapped {
            tapped.tell(&reply, &out);
        }
        out
    }

    /// Does not wait: the client may come again.
    pub(super) fn turned_away(self) -> Vec<u8> {
        let Self { query, terms, mut out, .. } = self;
        let error = Extended { code: 0, words: ["limit", ""] };
        close(&mut out, &query.manner, bare(Rcode::ServFail), Some(error), terms);
        out
    }
}

impl Reply {
    fn close(&self, out: &mut Vec<u8>, manner: &Manner, terms: Terms) {
        let error = match &self.why {
            Why::Silence => {
                out.clear();
                return;
            }
            Why::Answered | Why::CutShort => None,
            Why::Refused(refusal) => Some(refusal::error(refusal)),
            Why::Noted(code) => Some(Extended { code: *code, words: ["", ""] }),
        };
        close(out, manner, self.head, error, terms);
        if matches!(self.why, Why::CutShort)
            && let Some(flags) = out.get_mut(2)
        {
            *flags |= TC;
        }
    }
}

fn close(
    out: &mut Vec<u8>,
    manner: &Manner,
    head: Head,
    error: Option<Extended<'_>>,
    terms: Terms,
) {
    let Terms { limit, cookie, keepalive } = terms;
    answer::finish(out, manner, &Finish { head, error, cookie, limit, keepalive });
}

const fn bare(rcode: Rcode) -> Head {
    Head { rcode: rcode.number(), answers: 0, authorities: 0 }
}

/// The bit "cut short" in the header's third octet.
const TC: u8 = 0x02;
/// Extended DNS Error "Prohibited": the client is not served here.
const PROHIBITED: u16 = 18;
