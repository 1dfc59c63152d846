//! One answer, ready to be copied behind any client's question.
//! Must not know policy or upstreams. Next: `shard`.

use crate::body::Head;
use crate::forward::{Failure, Key};
use crate::rpz::Seen;
use backstop_model::name::{KeptName, QueryName, QueryType};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Records as `body` describes them, with the places of their TTLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Response code and counts.
    pub(crate) head: Head,
    /// The records.
    pub(crate) octets: Box<[u8]>,
    /// Where in `octets` each TTL stands.
    pub(crate) ttl_at: Box<[u16]>,
}

/// What an upstream answered, read, cut down to the question and kept.
#[derive(Debug)]
pub struct Entry {
    name: KeptName,
    qtype: QueryType,
    class: u16,
    content: Content,
    failure: Option<Failure>,
    fresh: Duration,
    born: Instant,
    stale_until: Instant,
    used: AtomicBool,
    refreshing: AtomicBool,
    retry_at: Mutex<Option<Instant>>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Without `ech` (RFC 9848).
    pub(crate) image: Image,
    /// With it, where there is one.
    pub(crate) with_ech: Option<Image>,
    /// Every address in it, in records and in hints.
    pub(crate) addresses: Box<[IpAddr]>,
    /// The names that the question's name leads to, in order.
    pub(crate) chain: Box<[QueryName]>,
    /// Name servers that it names for names of the chain, in wire octets one behind the other.
    pub(crate) servers: Box<[u8]>,
    /// Their addresses, where it gives them.
    pub(crate) server_addresses: Box<[IpAddr]>,
    /// The last name of the chain was not asked for, since rules refuse it.
    pub(crate) cut_off: bool,
}

impl Content {
    /// What filters look at.
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen {
            chain: &self.chain,
            addresses: &self.addresses,
            servers: &self.servers,
            server_addresses: &self.server_addresses,
        }
    }
}

/// How old an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// It may be told for that long.
    Fresh(Duration),
    /// Its time is over; it may be told if no upstream answers (RFC 8767).
    Stale,
    /// It may be told no longer.
    Gone,
}

impl Entry {
    /// An answer that came just now, is fresh for `fresh` and may be told for `stale` after that.
    pub(crate) fn new(
        key: &Key,
        content: Content,
        now: Instant,
        fresh: Duration,
        stale: Duration,
    ) -> Self {
        Self {
            name: KeptName::from(&key.name),
            qtype: key.qtype,
            class: key.class,
            content,
            failure: None,
            fresh,
            born: now,
            stale_until: now + fresh + stale,
            used: AtomicBool::new(false),
            refreshing: AtomicBool::new(false),
            retry_at: Mutex::new(None),
        }
    }
    /// That there was no answer just now, remembered for a while.
    pub(crate) fn failed(key: &Key, failure: Failure, now: Instant, lasts: Duration) -> Self {
        let head = Head { rcode: SERVFAIL, answers: 0, authorities: 0 };
        let image = Image { head, octets: Box::default(), ttl_at: Box::default() };
        let content = Content {
            image,
            with_ech: None,
            addresses: Box::default(),
            chain: Box::default(),
            servers: Box::default(),
            server_addresses: Box::default(),
            cut_off: false,
        };
        let answer = Self::new(key, content, now, lasts, Duration::ZERO);
        Self { failure: Some(failure), ..answer }
    }
    /// Why there was no answer, if there was none.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure
    }
    /// Whether it answers this question.
    pub(crate) fn answers(&self, name: &QueryName, qtype: QueryType, class: u16) -> bool {
        self.qtype == qtype && self.class == class && self.name == *name
    }
    /// The question.
    pub(crate) fn key(&self) -> Key {
        Key { name: self.name.name(), qtype: self.qtype, class: self.class }
    }
    /// What it says.
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }
    /// How old it is.
    pub(crate) fn age(&self, now: Instant) -> Age {
        let lived = now.saturating_duration_since(self.born);
        match self.fresh.checked_sub(lived) {
            Some(left) if !left.is_zero() => Age::Fresh(left),
            _ if now < self.stale_until => Age::Stale,
            _ => Age::Gone,
        }
    }
    /// Whether this asker should have it refreshed: the last tenth of its time has begun, and
    /// nobody has before him.
    pub(crate) fn should_refresh(&self, left: Duration) -> bool {
        left < self.fresh / 10 && !self.refreshing.swap(true, Ordering::Relaxed)
    }
    /// The refresh that was to be did not come about; somebody else may try.
    pub(crate) fn refresh_again(&self) {
        self.refreshing.store(false, Ordering::Relaxed);
    }
    /// No upstream answered: until then nobody is kept waiting for another try (RFC 8767 §5).
    pub(crate) fn put_off(&self, until: Instant) {
        *self.retry_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
    /// Whether another try is put off.
    pub(crate) fn is_put_off(&self, now: Instant) -> bool {
        let until = *self.retry_at.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }
    /// Notes that somebody asked for it.
    pub(crate) fn touch(&self) {
        // A plain load first: a store on each hit would make the line wander between processors.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
    /// Whether somebody asked for it since this was last called.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
    /// What it takes of memory, about.
    pub(crate) fn size(&self) -> usize {
        let image = |image: &Image| image.octets.len() + 2 * image.ttl_at.len();
        size_of::<Self>()
            + OVERHEAD
            + self.name.as_wire().len()
            + image(&self.content.image)
            + self.content.with_ech.as_ref().map_or(0, image)
            + size_of_val(&*self.content.addresses)
            + size_of_val(&*self.content.chain)
            + self.content.servers.len()
            + size_of_val(&*self.content.server_addresses)
    }
}

/// The `Arc`, the slot in the table and the slot in the queue, and what the allocator adds.
const OVERHEAD: usize = 128;
const SERVFAIL: u8 = 2;
