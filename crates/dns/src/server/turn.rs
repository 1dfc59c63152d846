//! One message, from octets to an answer or a wait: the same for UDP and TCP. Next: `udp`.

use super::proven::Proven;
use super::stats::Stats;
use super::{Known, Now, Reply, Service, Source, Why};
use crate::body::Head;
use crate::refusal;
use crate::wire::Rcode;
use crate::wire::answer::{self, Extended, Finish, Limit};
use crate::wire::cookie::Cookies;
use crate::wire::query::{self, Manner, Query, Unfit};
use backstop_model::time::Timestamp;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// What all listeners of a server share.
pub(super) struct House<S> {
    pub(super) service: S,
    pub(super) cookies: Cookies,
    pub(super) proven: Proven,
    pub(super) stats: Arc<Stats>,
    /// What the time is, for cookies; monotonic from then on.
    pub(super) began: (Instant, Timestamp),
}

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    pub(super) source: SocketAddr,
    pub(super) at: Instant,
}

/// By what it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Datagram,
    Stream,
}

/// What became of a message.
pub(super) enum Turn<S: Service> {
    /// `out` holds the answer.
    Answer,
    /// No answer.
    Silence,
    /// It waits.
    Wait(Box<Wait<S>>),
}

/// A question that waits.
pub(super) struct Wait<S: Service> {
    pub(super) client: S::Client,
    pub(super) waiting: S::Waiting,
    pub(super) query: Query,
    pub(super) terms: Terms,
    /// The answer as far as it is begun.
    pub(super) out: Vec<u8>,
}

/// What the end of an answer depends on, besides the query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    limit: Limit,
    cookie: Option<[u8; 16]>,
}

impl<S: Service> House<S> {
    /// Reads a message and answers it, if that can be done without waiting.
    pub(super) fn turn(
        &self,
        message: &[u8],
        known: Option<&Known<S::Client>>,
        from: From,
        by: By,
        out: &mut Vec<u8>,
    ) -> Turn<S> {
        let query = match query::read(message) {
            Ok(query) => query,
            Err(unfit) => {
                self.stats.unfit.add(1);
                let Unfit::Answer(rcode, manner) = unfit else { return Turn::Silence };
                answer::begin(out, &manner, message);
                let terms = self.terms(&manner, None, from, by);
                close(out, &manner, bare(rcode), None, terms);
                return Turn::Answer;
            }
        };
        let manner = query.manner;
        answer::begin(out, &manner, message);
        let terms = self.terms(&manner, known.map(|known| known.source), from, by);
        let Some(known) = known else {
            // Nobody to judge, so nobody's record: it is counted, and REFUSED is never more than
            // was sent (RFC 8914 §4.19).
            self.stats.strangers.add(1);
            let error = Extended { code: PROHIBITED, words: ["identity", ""] };
            close(out, &manner, bare(Rcode::Refused), Some(error), terms);
            return Turn::Answer;
        };
        match self.service.now(&known.client, &query, from.at, out) {
            Now::Reply(reply) => {
                let terms =
                    if terms.limit == Limit::Unknown && out.len() > usize::from(manner.length) {
                        self.widened(terms, from)
                    } else {
                        terms
                    };
                reply.close(out, &manner, terms);
                Turn::Answer
            }
            Now::Later(waiting) => {
                self.stats.waited.add(1);
                let client = known.client.clone();
                let (out, terms) = (out.clone(), self.widened(terms, from));
                Turn::Wait(Box::new(Wait { client, waiting, query, terms, out }))
            }
        }
    }

    fn terms(&self, manner: &Manner, source: Option<Source>, from: From, by: By) -> Terms {
        let address = from.source.ip();
        let cookie = manner.edns.and_then(|edns| edns.cookie);
        let now = cookie.map_or(0, |_| self.seconds(from.at));
        let limit = match by {
            By::Stream => Limit::Stream,
            By::Datagram => {
                let named = source == Some(Source::Named) || address.is_loopback();
                let proves = |cookie| self.cookies.proves(&cookie, address, now);
                if named || cookie.is_some_and(proves) { Limit::Known } else { Limit::Unknown }
            }
        };
        Terms { limit, cookie: cookie.map(|cookie| self.cookies.make(cookie.client, address, now)) }
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
    /// Waits, and gives the whole answer.
    pub(super) async fn answer(self, service: &S) -> Vec<u8> {
        let Self { client, waiting, query, terms, out } = self;
        let manner = query.manner;
        let (reply, mut out) = service.later(client, waiting, query, out).await;
        reply.close(&mut out, &manner, terms);
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
            Why::Answered => None,
            Why::Refused(refusal) => Some(refusal::error(refusal)),
            Why::Noted(code) => Some(Extended { code: *code, words: ["", ""] }),
        };
        close(out, manner, self.head, error, terms);
    }
}

fn close(
    out: &mut Vec<u8>,
    manner: &Manner,
    head: Head,
    error: Option<Extended<'_>>,
    terms: Terms,
) {
    let Terms { limit, cookie } = terms;
    answer::finish(out, manner, &Finish { head, error, cookie, limit });
}

const fn bare(rcode: Rcode) -> Head {
    Head { rcode: rcode.number(), answers: 0, authorities: 0 }
}

/// Extended DNS Error "Prohibited": the client is not served here.
const PROHIBITED: u16 = 18;
