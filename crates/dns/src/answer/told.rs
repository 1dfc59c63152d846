//! What a client is told: records to copy behind its question, a refusal, or a failure.
//! Must not know messages: `body` says how the records fit into one. Next: `resolve`.

use super::service::Ech;
use crate::body::Head;
use crate::cache::{Age, Entry, Image};
use crate::forward::Failure;
use backstop_model::refusal::Refusal;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a client is told.
#[derive(Debug)]
pub enum Told<'e> {
    /// These records, or that there are none.
    Body(Body<'e>),
    /// The answer holds what this client may not be told (`ssrf.address`, `ssrf.rebind`).
    Refused(Refusal),
    /// It was looked at and is withheld: who withholds it knows what to say instead.
    Withheld,
    /// No upstream gave a usable answer: SERVFAIL.
    Failed(Failure),
}

/// The records of an answer.
#[derive(Debug)]
pub struct Body<'e> {
    entry: Cow<'e, Arc<Entry>>,
    ech: Ech,
    ttl: Duration,
    age: Age,
}

impl<'e> Body<'e> {
    pub(super) fn new(entry: Cow<'e, Arc<Entry>>, ech: Ech, age: Age) -> Self {
        let ttl = match age {
            // Never 0 for what may still be told: clients would ask again at once.
            Age::Fresh(left) => left.max(Duration::from_secs(1)),
            Age::Stale | Age::Gone => STALE_TTL,
        };
        Self { entry, ech, ttl, age }
    }
    fn image(&self) -> &Image {
        let content = self.entry.content();
        match (self.ech, content.with_ech()) {
            (Ech::Keep, Some(with)) => with,
            (Ech::Keep | Ech::Strip, _) => &content.image,
        }
    }
    /// Response code and counts.
    pub fn head(&self) -> Head {
        self.image().head
    }
    /// Octets of the records.
    pub fn len(&self) -> usize {
        self.image().records().len()
    }
    /// Whether there are no records at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Whether the name has records of the type, or of a type on the way there.
    pub fn exists(&self) -> bool {
        self.head().rcode == 0
    }
    /// Whether its time is over and it is told because no upstream answers (RFC 8767; Extended DNS
    /// Error 3).
    pub fn is_stale(&self) -> bool {
        matches!(self.age, Age::Stale | Age::Gone)
    }
    /// How long the client may keep it.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }
    /// The addresses in it.
    pub fn addresses(&self) -> &[IpAddr] {
        self.entry.content().addresses()
    }
    /// The data of each record, those of the authority section included.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let image = self.image();
        image.ttl_at().filter_map(|at| {
            let (_ttl, rest) = image.records().get(at..)?.split_first_chunk::<4>()?;
            let (length, rest) = rest.split_first_chunk::<2>()?;
            rest.get(..usize::from(u16::from_be_bytes(*length)))
        })
    }
    /// Copies the records to the beginning of `out`, each with the time that is left; `None` if
    /// there is no room. They belong behind a question for the same name (see `body`).
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let image = self.image();
        let records = image.records();
        let out = out.get_mut(..records.len())?;
        out.copy_from_slice(records);
        let ttl = u32::try_from(self.ttl.as_secs()).unwrap_or(u32::MAX).to_be_bytes();
        for at in image.ttl_at() {
            out.get_mut(at..at + 4)?.copy_from_slice(&ttl);
        }
        Some(records.len())
    }
}

impl Failure {
    /// The Extended DNS Error that says so (RFC 8914 §4).
    pub const fn extended_error(self) -> u16 {
        match self {
            Self::NoUpstream | Self::Unreachable | Self::TimedOut => NO_REACHABLE_AUTHORITY,
            Self::Rcode(_) => OTHER,
            Self::Unacceptable => INVALID_DATA,
            Self::Crowded => NOT_READY,
        }
    }
}

const OTHER: u16 = 0;
const NOT_READY: u16 = 14;
const NO_REACHABLE_AUTHORITY: u16 = 22;
const INVALID_DATA: u16 = 24;
/// RFC 8767 §4.
const STALE_TTL: Duration = Duration::from_secs(30);
