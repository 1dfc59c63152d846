//! One answer, ready to be copied behind any client's question.
//! Must not know policy or upstreams. Next: `shard`.

use crate::body::Head;
use crate::forward::{Failure, Key};
use crate::rpz::Seen;
use backstop_model::name::{KeptName, QueryName, QueryType};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Records as `body` describes them, with the places of their TTLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Response code and counts.
    pub(crate) head: Head,
    /// Octets of the records.
    length: usize,
    /// The records, and behind them where in them each TTL stands, two octets for each: an answer
    /// is read at one place of the memory.
    octets: Box<[u8]>,
}

impl Image {
    /// Of these records, and the places of their TTLs in them.
    pub(crate) fn new(head: Head, mut records: Vec<u8>, ttl_at: &[u16]) -> Self {
        let length = records.len();
        records.extend(ttl_at.iter().flat_map(|at| at.to_ne_bytes()));
        Self { head, length, octets: records.into() }
    }
    /// The records.
    pub(crate) fn records(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
    /// Where in them each TTL stands.
    pub(crate) fn ttl_at(&self) -> impl Iterator<Item = usize> {
        let (places, _none) = self.octets.get(self.length..).unwrap_or_default().as_chunks::<2>();
        places.iter().map(|place| usize::from(u16::from_ne_bytes(*place)))
    }
}

/// What an upstream answered, read, cut down to the question and kept.
#[derive(Debug)]
pub struct Entry {
    name: KeptName,
    qtype: QueryType,
    class: u16,
    failure: Option<Failure>,
    used: AtomicBool,
    refreshing: AtomicBool,
    content: Content,
    fresh: Duration,
    born: Instant,
    stale_until: Instant,
    /// Until when no other try is made, in nanoseconds from its birth; 0 for none.
    put_off: AtomicU64,
}

/// What an answer says. There may be hundreds of thousands: what few of them have lies apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Without `ech` (RFC 9848).
    pub(crate) image: Image,
    addresses: Addresses,
    rest: Option<Box<Rest>>,
    /// The last name of the chain was not asked for, since rules refuse it.
    pub(crate) cut_off: bool,
}

/// What an answer says beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    /// With `ech`, where there is one.
    pub(crate) with_ech: Option<Image>,
    /// The names that the question's name leads to, in order.
    pub(crate) chain: Box<[QueryName]>,
    /// Name servers that it names for names of the chain, in wire octets one behind the other.
    pub(crate) servers: Box<[u8]>,
    /// Their addresses, where it gives them.
    pub(crate) server_addresses: Box<[IpAddr]>,
}

/// Often one, which lies in place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Addresses {
    One(IpAddr),
    Many(Box<[IpAddr]>),
}

impl Content {
    /// Of these records with these addresses in them.
    pub(crate) fn new(image: Image, addresses: Vec<IpAddr>, rest: Rest) -> Self {
        let addresses = match addresses.as_slice() {
            [one] => Addresses::One(*one),
            _ => Addresses::Many(addresses.into()),
        };
        let rest = (rest != Rest::default()).then(|| Box::new(rest));
        Self { image, addresses, rest, cut_off: false }
    }
    /// The same without the name servers that it names.
    pub(crate) fn cut_off(mut self) -> Self {
        if let Some(rest) = &mut self.rest {
            rest.servers = Box::default();
            rest.server_addresses = Box::default();
        }
        Self { cut_off: true, ..self }
    }
    /// Every address in it, in records and in hints.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        match &self.addresses {
            Addresses::One(one) => std::slice::from_ref(one),
            Addresses::Many(many) => many,
        }
    }
    /// The records with `ech`, where there is one.
    pub(crate) fn with_ech(&self) -> Option<&Image> {
        self.rest.as_ref()?.with_ech.as_ref()
    }
    /// The names that the question's name leads to, in order.
    pub(crate) fn chain(&self) -> &[QueryName] {
        self.rest.as_ref().map_or(&[], |rest| &rest.chain)
    }
    /// What filters look at.
    pub(crate) fn seen(&self) -> Seen<'_> {
        let addresses = self.addresses();
        match &self.rest {
            None => Seen { addresses, ..Seen::default() },
            Some(rest) => Seen {
                chain: &rest.chain,
                addresses,
                servers: &rest.servers,
                server_addresses: &rest.server_addresses,
            },
        }
    }
    /// What it takes of memory beside itself.
    fn size(&self) -> usize {
        let addresses = match &self.addresses {
            Addresses::One(_) => 0,
            Addresses::Many(many) => size_of_val(&**many),
        };
        let rest = self.rest.as_ref().map_or(0, |rest| {
            size_of::<Rest>()
                + rest.with_ech.as_ref().map_or(0, |image| image.octets.len())
                + size_of_val(&*rest.chain)
                + rest.servers.len()
                + size_of_val(&*rest.server_addresses)
        });
        self.image.octets.len() + addresses + rest
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
            put_off: AtomicU64::new(0),
        }
    }
    /// That there was no answer just now, remembered for a while.
    pub(crate) fn failed(key: &Key, failure: Failure, now: Instant, lasts: Duration) -> Self {
        let head = Head { rcode: SERVFAIL, answers: 0, authorities: 0 };
        let image = Image::new(head, Vec::new(), &[]);
        let content = Content::new(image, Vec::new(), Rest::default());
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
        self.is_ending(left) && !self.refreshing.swap(true, Ordering::Relaxed)
    }
    /// Whether the last tenth of its time has begun.
    pub(crate) fn is_ending(&self, left: Duration) -> bool {
        left < self.fresh / 10
    }
    /// Reads what a question looks at, so that it is where the processor has it.
    pub(crate) fn warm(&self) -> u64 {
        let name = u64::from(self.name.as_wire().first().copied().unwrap_or(0));
        let octets = u64::try_from(self.content.image.length).unwrap_or(0);
        let used = u64::from(self.used.load(Ordering::Relaxed));
        let fresh = u64::from(self.fresh.subsec_nanos());
        name ^ octets ^ used ^ fresh ^ self.put_off.load(Ordering::Relaxed)
    }
    /// The same of its records.
    pub(crate) fn warm_records(&self) -> u64 {
        u64::from(self.content.image.octets.first().copied().unwrap_or(0))
    }
    /// The refresh that was to be did not come about; somebody else may try.
    pub(crate) fn refresh_again(&self) {
        self.refreshing.store(false, Ordering::Relaxed);
    }
    /// No upstream answered: until then nobody is kept waiting for another try (RFC 8767 §5).
    pub(crate) fn put_off(&self, until: Instant) {
        self.put_off.store(self.lived(until), Ordering::Relaxed);
    }
    /// Whether another try is put off.
    pub(crate) fn is_put_off(&self, now: Instant) -> bool {
        self.lived(now) < self.put_off.load(Ordering::Relaxed)
    }
    fn lived(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.born).as_nanos()).unwrap_or(u64::MAX)
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
        size_of::<Self>() + OVERHEAD + self.name.as_wire().len() + self.content.size()
    }
}

/// The `Arc`, the slot in the table and the slot in the queue, and what the allocator adds.
const OVERHEAD: usize = 128;
const SERVFAIL: u8 = 2;
