//! The layer after policy: what an upstream answered is walked, cut down to what was asked for,
//! judged by the permit at each telling, and pinned.
//!
//! ```text
//!  permit + question ─▶ Answers ─▶ cache ─ hit ──────────────▶ judge ─▶ pin ─▶ Body
//!                                    │ miss, or soon to be old    ▲
//!                                 flights ─▶ forward ─▶ reading ──┘
//!                                    └ chase            └ service, image
//! ```
//! A permit for a name is no permit for its addresses: `NamePermit::judge` sees all of them (A,
//! AAAA, hints of HTTPS and SVCB) each time before they are told, cached or not, so a rule that
//! changes counts from the next answer on, and what one client may reach says nothing of another.
//! Must not know sockets or clients' messages. Reading order: `reading`, `chase`, `service`, `image`,
//! `told`. Next: `resolve`.

mod chase;
mod image;
mod reading;
pub(crate) mod service;
mod told;

#[cfg(test)]
mod tests;

pub use chase::Way;
pub use told::{Body, Told};

use crate::body::Head;
use crate::cache::{self, Age, Cache, Entry};
use crate::forward::{Asker, Failure, Flights, Forwarder, Key, Landing, Reach};
use crate::rpz::{Declared, Filter, Seen};
use backstop_gate::names::{NamePermit, Question, Route};
use reading::{Found, Reading, read};
use service::Ech;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Rules that look at an answer before it is told; whoever withholds it says something else instead.
pub struct Screen<'s> {
    /// They also end aliases that an answer leaves open.
    pub filter: &'s Arc<Filter>,
    /// Looks.
    pub look: &'s mut (dyn FnMut(Seen<'_>) -> Screened + Send),
}

/// What became of an answer that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screened {
    /// It is told.
    Told,
    /// It is not.
    Withheld,
}

/// How much may be under way.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Questions to upstreams at a time.
    pub queries: usize,
    /// Of these, for one client.
    pub queries_of_one: usize,
    /// How long a client waits where an old answer could be told instead (RFC 8767 §5).
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queries: 2_048, queries_of_one: 512, patience: Duration::from_millis(1_800) }
    }
}

/// Answers permitted questions.
pub struct Answers {
    cache: Cache,
    times: cache::Config,
    limits: Limits,
    forwarder: Forwarder,
    flights: Flights<(Key, Option<Declared>), Outcome>,
}

type Outcome = Result<Arc<Entry>, Failure>;

/// Whether an answer is being fetched anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    NotYet,
    Begun,
}

impl Answers {
    /// Asks by `forwarder`; look-ups run on `runtime`.
    pub fn new(
        forwarder: Forwarder,
        times: cache::Config,
        limits: Limits,
        runtime: Handle,
    ) -> Arc<Self> {
        let flights = Flights::new(runtime, limits.queries, limits.queries_of_one);
        Arc::new(Self { cache: Cache::new(times.bytes), times, limits, forwarder, flights })
    }

    /// The answer that the cache has.
    pub(crate) fn find(&self, question: &Question<'_>) -> Option<Arc<Entry>> {
        self.cache.find(question.name, question.qtype, question.class)
    }

    /// This answer, that was found, if it is still fresh. May be called from any thread and never waits.
    pub(crate) fn tell_now<'e>(
        self: &Arc<Self>,
        permit: &NamePermit<'_>,
        question: &Question<'_>,
        now: Instant,
        entry: Option<&'e Arc<Entry>>,
        screen: Option<Screen<'_>>,
    ) -> Option<Told<'e>> {
        if !self.is_reachable(question, reach(permit)) {
            return Some(Told::Failed(Failure::NoUpstream));
        }
        let entry = entry?;
        let Age::Fresh(left) = entry.age(now) else { return None };
        let way = || Way::of_permit(permit, screen.as_ref());
        if entry.content().cut_off && !way().admits(entry.content()) {
            return None;
        }
        if self.refresh_in_time(entry, left, reach(permit), way) == Refresh::Begun {
            permit.sent();
        }
        Some(match entry.failure() {
            Some(failure) => Told::Failed(failure),
            None => judged(permit, Cow::Borrowed(entry), Age::Fresh(left), screen),
        })
    }

    /// The answer, waited for.
    pub async fn tell(
        self: &Arc<Self>,
        permit: &NamePermit<'_>,
        question: &Question<'_>,
        source: IpAddr,
        screen: Option<Screen<'_>>,
    ) -> Told<'static> {
        let key = Key { name: question.name.clone(), qtype: question.qtype, class: question.class };
        let way = Way::of_permit(permit, screen.as_ref());
        // Who comes here found nothing in the cache a moment ago.
        permit.sent();
        match self.look_up(key, reach(permit), Asker::Client(source), way).await {
            Ok((entry, age)) => judged(permit, Cow::Owned(entry), age, screen),
            Err(failure) => Told::Failed(failure),
        }
    }

    /// What the cache or an upstream says to a question that somebody has a permit for.
    ///
    /// # Errors
    /// [`Failure`], if there is not even an old answer.
    pub(crate) async fn look_up(
        self: &Arc<Self>,
        key: Key,
        reach: Reach,
        asker: Asker,
        way: Way<'_>,
    ) -> Result<(Arc<Entry>, Age), Failure> {
        if !self.forwarder.is_reachable(&key.name, reach) {
            return Err(Failure::NoUpstream);
        }
        let now = Instant::now();
        let found = self.cache.find(&key.name, key.qtype, key.class);
        let mut old = None;
        if let Some(entry) = found.filter(|entry| way.admits(entry.content())) {
            match (entry.age(now), entry.failure()) {
                (Age::Fresh(_), Some(failure)) => return Err(failure),
                (age @ Age::Fresh(left), None) => {
                    let _counted = self.refresh_in_time(&entry, left, reach, || way);
                    return Ok((entry, age));
                }
                (Age::Stale, None) if entry.is_put_off(now) => return Ok((entry, Age::Stale)),
                (Age::Stale, None) => old = Some(entry),
                (Age::Stale | Age::Gone, _) => {}
            }
        }
        let landed = match self.start(&key, reach, asker, way) {
            Ok(landing) if old.is_some() => {
                // Past that the look-up goes on, for the next one who asks.
                tokio::time::timeout(self.limits.patience, land(landing))
                    .await
                    .unwrap_or(Err(Failure::TimedOut))
            }
            Ok(landing) => land(landing).await,
            Err(failure) => Err(failure),
        };
        match (landed, old) {
            (Ok(entry), _) => {
                let age = entry.age(Instant::now());
                Ok((entry, age))
            }
            (Err(_), Some(old)) => Ok((old, Age::Stale)),
            (Err(failure), None) => Err(failure),
        }
    }

    /// The cache, for figures.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    fn is_reachable(&self, question: &Question<'_>, reach: Reach) -> bool {
        self.forwarder.is_reachable(question.name, reach)
    }

    /// Has an answer fetched anew while the present one still holds, once it is nearly over.
    fn refresh_in_time<'w>(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        left: Duration,
        reach: Reach,
        way: impl FnOnce() -> Way<'w>,
    ) -> Refresh {
        if entry.failure().is_some() || !entry.should_refresh(left) {
            return Refresh::NotYet;
        }
        if self.start(&entry.key(), reach, Asker::Own, way()).is_err() {
            entry.refresh_again();
            return Refresh::NotYet;
        }
        Refresh::Begun
    }

    fn start(
        self: &Arc<Self>,
        key: &Key,
        reach: Reach,
        asker: Asker,
        way: Way<'_>,
    ) -> Result<Landing<Outcome>, Failure> {
        let work = || {
            let (this, key, way) = (Arc::clone(self), key.clone(), way.kept());
            async move { this.fetch(key, reach, Way::of(way.as_ref())).await }
        };
        let of = (key.clone(), way.kind());
        self.flights.join_or_start(&of, asker, work).map_err(|_| Failure::Crowded)
    }

    async fn fetch(&self, key: Key, reach: Reach, way: Way<'_>) -> Outcome {
        let asked = self.whole(&key, reach, way).await;
        let now = Instant::now();
        match asked {
            Ok(reading) => {
                let entry = Arc::new(self.entry(&key, reading, now));
                self.cache.keep(Arc::clone(&entry));
                Ok(entry)
            }
            Err(failure) => {
                match self.cache.find(&key.name, key.qtype, key.class) {
                    Some(old) if old.failure().is_none() && old.age(now) != Age::Gone => {
                        old.put_off(now + PUT_OFF);
                        old.refresh_again();
                    }
                    _ => {
                        let failed = Entry::failed(&key, failure, now, self.times.failure);
                        self.cache.keep(Arc::new(failed));
                    }
                }
                Err(failure)
            }
        }
    }

    fn entry(&self, key: &Key, reading: Reading, now: Instant) -> Entry {
        let times = &self.times;
        let (ceiling, stale) = match reading.found {
            Found::Records => (times.ttl_ceiling, times.stale),
            Found::Nothing => (times.negative_ceiling, Duration::ZERO),
        };
        // A floor over the ceiling would be a mistake of the configuration; the floor counts.
        let fresh = reading.ttl.unwrap_or_default().min(ceiling).max(times.ttl_floor);
        Entry::new(key, reading.content, now, fresh, stale)
    }
}

/// What would come of an upstream's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Response code and counts.
    pub head: Head,
    /// The records, with `ech` taken out.
    pub records: Box<[u8]>,
    /// The addresses that the judge would see.
    pub addresses: Box<[IpAddr]>,
}

/// Looks at a message as one that an upstream sent, for tools without a network.
///
/// # Errors
/// [`Failure::Rcode`] for what the upstream could not do, [`Failure::Unacceptable`] for a message of
/// which nothing would be used.
pub fn look(message: &[u8], key: &Key) -> Result<Look, Failure> {
    let content = read(message, key)?.content;
    let addresses = content.addresses().into();
    Ok(Look { head: content.image.head, records: content.image.records().into(), addresses })
}

async fn land(mut landing: Landing<Outcome>) -> Outcome {
    match landing.wait_for(Option::is_some).await {
        Ok(done) => done.clone().unwrap_or(Err(Failure::Unacceptable)),
        // The look-up broke off.
        Err(_) => Err(Failure::Unacceptable),
    }
}

fn reach(permit: &NamePermit<'_>) -> Reach {
    match permit.route() {
        Route::Usual => Reach::Any,
        Route::Cluster => Reach::ZoneAlone,
    }
}

fn judged<'e>(
    permit: &NamePermit<'_>,
    entry: Cow<'e, Arc<Entry>>,
    age: Age,
    screen: Option<Screen<'_>>,
) -> Told<'e> {
    let content = entry.content();
    if !content.chain().is_empty() {
        permit.through(content.chain());
    }
    // Also without an address: the permit may stand no longer.
    if let Err(refusal) = permit.judge(content.addresses()) {
        return Told::Refused(refusal);
    }
    if screen.is_some_and(|screen| (screen.look)(content.seen()) == Screened::Withheld) {
        return Told::Withheld;
    }
    let ech = if permit.strips_ech() { Ech::Strip } else { Ech::Keep };
    let body = Body::new(entry, ech, age);
    if !body.addresses().is_empty() {
        permit.pin(body.addresses(), body.ttl());
    }
    permit.answered(body.len(), body.exists());
    permit.told(body.records());
    Told::Body(body)
}

/// How long no other try is made after one that failed while an old answer is told.
const PUT_OFF: Duration = Duration::from_secs(30);
