//! Asks the upstreams of the configuration: by datagram and TCP, the best one first, others soon
//! after. It is no recursor.
//!
//! ```text
//!  Key ─▶ Forwarder ─ the zone's upstreams, by health ─▶ exchange ─▶ query (0x20, random id)
//!            ▲                                             │
//!         flights (equal questions share one)              └▶ gate's own sockets (random ports)
//! ```
//! Must not know policy, clients or what an answer may hold: who calls it holds a permit and reads
//! the message himself. Reading order: `query`, `upstream`, `exchange`, `https`, `flights`. Next: `cache`.

mod exchange;
mod flights;
mod https;
mod query;
mod upstream;

pub use flights::Asker;
pub(crate) use flights::{Flights, Landing};
pub use upstream::{Site, Transport, Upstream, UpstreamFault};

use crate::tap::Tap;
use backstop_gate::{BoxFuture, OwnSockets, Random};
use backstop_model::name::{QueryName, QueryType};
use exchange::{ExchangeFault, Means, exchange};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A question as upstreams and the cache know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The name, in lower case.
    pub name: QueryName,
    /// The type.
    pub qtype: QueryType,
    /// The class.
    pub class: u16,
}

/// Who is asked, and how patiently.
#[derive(Debug)]
pub struct Config {
    /// The usual upstreams, in the order of preference as long as nothing is known of them.
    pub upstreams: Vec<Upstream>,
    /// Upstreams of their own for these zones; the longest zone counts.
    pub zones: Vec<Zone>,
    /// From the question to the last word of the last upstream.
    pub deadline: Duration,
    /// How long one upstream is waited for before the next is asked too.
    pub hedge: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            zones: Vec::new(),
            deadline: Duration::from_secs(4),
            hedge: Duration::from_millis(400),
        }
    }
}

/// A zone with upstreams of its own (the cluster's DNS, say).
#[derive(Debug)]
pub struct Zone {
    /// The zone.
    pub name: QueryName,
    /// Who knows it.
    pub upstreams: Vec<Upstream>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The configuration names no upstream for this name.
    #[error("no upstream is configured for this name")]
    NoUpstream,
    /// No upstream answered in time.
    #[error("no upstream answered in time")]
    TimedOut,
    /// No upstream could be reached.
    #[error("no upstream could be reached")]
    Unreachable,
    /// Upstreams answered, with a failure of their own.
    #[error("the upstreams failed (response code {0})")]
    Rcode(u8),
    /// Upstreams answered, with what is not acceptable.
    #[error("the upstreams' answer is not acceptable")]
    Unacceptable,
    /// Too many questions are under way.
    #[error("too many questions are under way")]
    Crowded,
}

/// Which upstreams a permit admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whichever the configuration names.
    Any,
    /// A zone's own ones alone: the name must never leave for the usual upstreams.
    ZoneAlone,
}

/// Asks upstreams.
pub struct Forwarder {
    config: Config,
    sockets: OwnSockets,
    random: Arc<dyn Random>,
    tap: Option<Arc<Tap>>,
}

impl Forwarder {
    /// Asks by these sockets.
    pub fn new(config: Config, sockets: OwnSockets, random: Arc<dyn Random>) -> Self {
        Self { config, sockets, random, tap: None }
    }

    /// The same; what is asked and answered is told to this tap.
    #[must_use]
    pub fn with_tap(self, tap: Arc<Tap>) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Whether anybody is there to be asked for a name.
    pub(crate) fn is_reachable(&self, name: &QueryName, reach: Reach) -> bool {
        match reach {
            Reach::Any => true,
            Reach::ZoneAlone => self.zone_of(name).is_some(),
        }
    }

    /// How long the upstreams have for one question.
    pub(crate) fn deadline(&self) -> Duration {
        self.config.deadline
    }

    /// Whether the target of an alias may be asked for on behalf of a name: never of the upstreams
    /// of a zone that the name itself is not in.
    pub(crate) fn leads_on(&self, name: &QueryName, target: &QueryName, reach: Reach) -> bool {
        match (self.zone_of(name), self.zone_of(target), reach) {
            (_, None, reach) => reach == Reach::Any,
            (None, Some(_), _) => false,
            (Some(from), Some(to), _) => from.name == to.name,
        }
    }

    fn zone_of(&self, name: &QueryName) -> Option<&Zone> {
        self.config
            .zones
            .iter()
            .filter(|zone| name.below(&zone.name).is_some())
            .max_by_key(|zone| zone.name.as_wire().len())
    }

    /// The upstreams for a name, the most promising first; none if there are none.
    fn candidates(&self, name: &QueryName, reach: Reach) -> Vec<&Upstream> {
        let upstreams = match (self.zone_of(name), reach) {
            (Some(zone), _) => &zone.upstreams,
            (None, Reach::Any) => &self.config.upstreams,
            (None, Reach::ZoneAlone) => return Vec::new(),
        };
        let now = std::time::Instant::now();
        let mut candidates: Vec<&Upstream> = upstreams.iter().collect();
        // Stable: what is alike stays in the order of the configuration.
        candidates.sort_by_key(|upstream| upstream.standing(now));
        candidates
    }

    /// Asks the upstreams for `key` until one gives a message that `read` accepts.
    ///
    /// # Errors
    /// [`Failure`]: what the last of them to fail had to say.
    pub(crate) async fn ask<T: Send>(
        &self,
        key: &Key,
        reach: Reach,
        read: impl Fn(&[u8]) -> Result<T, Failure> + Sync,
    ) -> Result<T, Failure> {
        let until = Instant::now() + self.config.deadline;
        let mut candidates = self.candidates(&key.name, reach).into_iter();
        let mut tries: Vec<Try<'_, T>> = Vec::new();
        let mut timer = pin!(sleep(Duration::ZERO));
        let mut start_next = true;
        let mut last = Failure::NoUpstream;
        loop {
            if std::mem::take(&mut start_next)
                && let Some(upstream) = candidates.next()
            {
                let work = Box::pin(self.ask_one(upstream, key, until, &read));
                tries.push(Try { upstream, start: Instant::now(), work });
                timer.as_mut().reset(Instant::now() + self.config.hedge);
            }
            if tries.is_empty() {
                return Err(last);
            }
            let first_done = poll_fn(|context| {
                let done = tries.iter_mut().enumerate().find_map(|(at, one)| {
                    match one.work.as_mut().poll(context) {
                        Poll::Ready(done) => Some((at, done)),
                        Poll::Pending => None,
                    }
                });
                done.map_or(Poll::Pending, Poll::Ready)
            });
            let more = candidates.len() > 0;
            tokio::select! {
                biased;
                (at, done) = first_done => {
                    drop(tries.swap_remove(at));
                    match done {
                        Ok(answer) => {
                            let now = std::time::Instant::now();
                            for one in &tries {
                                one.upstream.note_slow(one.start.elapsed(), now);
                            }
                            return Ok(answer);
                        }
                        Err(failure) => last = failure,
                    }
                    start_next = true;
                }
                () = timer.as_mut(), if more => start_next = true,
            }
        }
    }

    fn means(&self) -> Means<'_> {
        Means { sockets: &self.sockets, random: &*self.random, tap: self.tap.as_deref() }
    }

    async fn ask_one<T>(
        &self,
        upstream: &Upstream,
        key: &Key,
        until: Instant,
        read: &(impl Fn(&[u8]) -> Result<T, Failure> + Sync),
    ) -> Result<T, Failure> {
        let start = Instant::now();
        let answered = exchange(&self.means(), upstream, key, until).await;
        let read = match answered {
            Ok(message) => read(&message),
            Err(ExchangeFault::TimedOut) => Err(Failure::TimedOut),
            Err(ExchangeFault::Io(_)) => Err(Failure::Unreachable),
            Err(ExchangeFault::Foreign | ExchangeFault::Random(_)) => Err(Failure::Unacceptable),
        };
        let now = std::time::Instant::now();
        match &read {
            // SERVFAIL or nonsense for one name says nothing of the upstream: it answered, and
            // whoever owns a name must not be able to take an upstream away from the others.
            Ok(_) | Err(Failure::Rcode(SERVFAIL) | Failure::Unacceptable) => {
                upstream.note_answer(start.elapsed(), now);
            }
            Err(failure) => {
                tracing::debug!(%upstream, %failure, "an upstream failed");
                upstream.note_failure(now);
            }
        }
        read
    }
}

/// An upstream that has been asked.
struct Try<'a, T> {
    upstream: &'a Upstream,
    start: Instant,
    work: BoxFuture<'a, Result<T, Failure>>,
}

const SERVFAIL: u8 = 2;
