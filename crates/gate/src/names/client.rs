//! One host that asks for a session: a cheap handle on what it was told and what it has asked.
//! Next: `book`.

use super::book::Book;
use super::identity::Standing;
use super::table;
use super::told::Told;
use crate::live::lock;
use backstop_model::name::QueryName;
use backstop_model::time::Timestamp;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One host of a standing session. Clones are the same client.
#[derive(Clone)]
pub struct NameClient {
    pub(super) inner: Arc<Client>,
}

pub(super) struct Client {
    pub(super) standing: Arc<Standing>,
    pub(super) source: IpAddr,
    /// The same in words, as the reason of a refusal ends.
    asked_by: Box<str>,
    /// As [`super::Names`] has it.
    hasher: RandomState,
    pub(super) book: Mutex<Book>,
    /// How many pinned names its book has forgotten, to be looked at without the book.
    pub(super) forgotten: AtomicU64,
    /// The minute of its last question.
    seen: AtomicI64,
}

impl NameClient {
    /// Its address: `127.0.0.1` for all of loopback, the /64 of an IPv6 address, `::` for all those
    /// beyond the limit, who share one book.
    pub fn source(&self) -> IpAddr {
        self.inner.source
    }
    /// A number that no other client has as long as this one lives.
    pub fn number(&self) -> u64 {
        u64::try_from(Arc::as_ptr(&self.inner).addr()).unwrap_or(0)
    }
    /// What this client was told for `name` and may still use, the newest first; `grace` is how
    /// long of its time it only stands in.
    pub(super) fn told(&self, name: &QueryName, now: Timestamp, grace: Duration) -> Option<Told> {
        let name = self.inner.hasher.hash_one(name.as_wire());
        lock(&self.inner.book).pinned(name, now).map(|pinned| pinned.told(now, grace))
    }
    /// ` (asked by ADDRESS)`.
    pub(super) fn asked_by(&self) -> &str {
        &self.inner.asked_by
    }
    pub(super) fn standing(&self) -> &Arc<Standing> {
        &self.inner.standing
    }
    pub(super) fn asks(&self, now: Timestamp) {
        let minute = table::minute(now);
        // A plain look first: a store at each question would make the line wander.
        if self.inner.seen.load(Ordering::Relaxed) != minute {
            self.inner.seen.store(minute, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for NameClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NameClient").field("source", &self.inner.source).finish_non_exhaustive()
    }
}

/// The clients of one session.
///
/// Who has asked within a day is not forgotten, since its budgets would begin anew: whoever owns
/// many addresses must not win by their number. Beyond the limit newcomers share one book.
#[derive(Default)]
pub(super) struct Clients(Mutex<HashMap<IpAddr, NameClient>>);

impl Clients {
    /// One who has asked; nobody where sources are no longer told apart.
    pub(super) fn known(&self, source: IpAddr) -> Option<NameClient> {
        lock(&self.0).get(&source).cloned()
    }
    pub(super) fn client(
        &self,
        standing: &Arc<Standing>,
        (source, hasher): (IpAddr, &RandomState),
        now: Timestamp,
        most: usize,
    ) -> NameClient {
        let mut all = lock(&self.0);
        if let Some(known) = all.get(&source) {
            return known.clone();
        }
        if all.len() >= most {
            let since = table::minute(now) - DAY;
            all.retain(|_, client| client.inner.seen.load(Ordering::Relaxed) >= since);
        }
        let crowded = all.len() >= most;
        let source = if crowded { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { source };
        let new = || NameClient {
            inner: Arc::new(Client {
                standing: Arc::clone(standing),
                source,
                asked_by: format!(" (asked by {source})").into(),
                hasher: hasher.clone(),
                book: Mutex::default(),
                forgotten: AtomicU64::new(0),
                seen: AtomicI64::new(table::minute(now)),
            }),
        };
        all.entry(source).or_insert_with(new).clone()
    }
}

/// The address under which a host is known, whichever of those it sends from that are its own to
/// choose: all of loopback is one machine (RFC 1122 §3.2.1.3), and an IPv6 host has its whole /64
/// (RFC 4291 §2.5.1).
pub(super) fn host(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        one if one.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(one) => IpAddr::V6(Ipv6Addr::from_bits(one.to_bits() & !u128::from(u64::MAX))),
        one @ IpAddr::V4(_) => one,
    }
}

/// Minutes of a day.
const DAY: i64 = 24 * 60;
