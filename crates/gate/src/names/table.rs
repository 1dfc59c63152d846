//! What is on record: one entry for each name that a session asks, for one minute.
//!
//! The minutes of a name begin at a second of their own, drawn by its hash: were they those of the
//! clock, all names in use would want a new row at once, and their questions would wait together.
//!
//! INVARIANT: an entry stands here only after its row is committed. Next: `client`.

use super::by_hash::ByHash;
use crate::identity::Session;
use crate::live::lock;
use backstop_model::event::CHAIN_KEPT;
use backstop_model::id::ReceiptId;
use backstop_model::name::QueryName;
use backstop_model::time::Timestamp;
use backstop_policy::{NameRow, NameTerms, Policy};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// LIMIT: names of one session on record within a minute.
pub(super) const NAMES: usize = 262_144;
const SHARDS: usize = 64;

/// A name on record.
pub(super) struct Entry {
    /// Its wire octets; a whole `QueryName` takes 256, whatever it holds.
    pub(super) name: Box<[u8]>,
    pub(super) receipt: ReceiptId,
    pub(super) session: Arc<Session>,
    /// When its minute began, in seconds since 1970.
    pub(super) begins: i64,
    pub(super) policy: Arc<Policy>,
    pub(super) row: NameRow,
    pub(super) terms: NameTerms,
    /// The count of standing changes under which it was last found to stand.
    pub(super) changes: AtomicU64,
    /// When it may turn with nothing but time, in microseconds.
    pub(super) until: AtomicI64,
    pub(super) queries: AtomicU64,
    pub(super) answered: AtomicU64,
    through: Mutex<Vec<String>>,
}

impl Entry {
    pub(super) fn new(
        name: &QueryName,
        receipt: ReceiptId,
        session: Arc<Session>,
        begins: i64,
        policy: Arc<Policy>,
        (row, terms): (NameRow, NameTerms),
        changes: u64,
    ) -> Self {
        Self {
            name: name.as_wire().into(),
            receipt,
            session,
            begins,
            policy,
            row,
            terms,
            changes: AtomicU64::new(changes),
            until: AtomicI64::new(i64::MIN),
            queries: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            through: Mutex::default(),
        }
    }
    pub(super) fn pass_through(&self, chain: impl Iterator<Item = String>) {
        let mut through = lock(&self.through);
        for name in chain {
            if through.len() < CHAIN_KEPT && !through.contains(&name) {
                through.push(name);
            }
        }
    }
    /// Whether its minute is the one of this second.
    const fn covers(&self, second: i64) -> bool {
        self.begins <= second && second - self.begins < MINUTE
    }
    pub(super) fn chain(&self) -> Vec<String> {
        lock(&self.through).clone()
    }
}

/// The minute of a moment.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.unix_seconds().div_euclid(60)
}

/// When the minute of this moment began for a name of this hash, in seconds since 1970.
pub(super) fn begin(hash: u64, now: Timestamp) -> i64 {
    let shift = i64::try_from(hash % MINUTE.unsigned_abs()).unwrap_or(0);
    let now = now.unix_seconds();
    now - (now - shift).rem_euclid(MINUTE)
}

/// By the keyed hash of the name. Two names of one hash are one in 2^64; then the younger has the
/// place, and the other is recorded anew.
type Shard = ByHash<Arc<Entry>>;

/// All names of one session that are on record for this minute.
pub(super) struct Table {
    shards: Vec<RwLock<Shard>>,
    /// Who records a name of this shard: one at a time, so that a name has one row a minute.
    turns: Vec<tokio::sync::Mutex<()>>,
    count: AtomicUsize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            shards: std::iter::repeat_with(RwLock::default).take(SHARDS).collect(),
            turns: std::iter::repeat_with(tokio::sync::Mutex::default).take(4 * SHARDS).collect(),
            count: AtomicUsize::new(0),
        }
    }
}

impl Table {
    fn place<T>(hash: u64, all: &[T]) -> Option<&T> {
        let high = usize::try_from(hash >> 16).unwrap_or(0);
        all.get(high % all.len().max(1))
    }
    /// What is on record of a name for its minute of this moment.
    pub(super) fn current(&self, hash: u64, name: &[u8], now: Timestamp) -> Option<Arc<Entry>> {
        let shard = Self::place(hash, &self.shards)?.read().unwrap_or_else(PoisonError::into_inner);
        let covers = |entry: &Arc<Entry>| entry.covers(now.unix_seconds());
        shard.get(&hash).filter(|entry| covers(entry) && *entry.name == *name).cloned()
    }
    /// Waits until nobody else records this name.
    pub(super) async fn turn(&self, hash: u64) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        Some(Self::place(hash, &self.turns)?.lock().await)
    }
    /// Whether one more name may be put on record.
    pub(super) fn has_room(&self) -> bool {
        self.count.load(Ordering::Relaxed) < NAMES
    }
    /// Puts a name on record; the entry that it takes the place of.
    pub(super) fn put(&self, hash: u64, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let shard = Self::place(hash, &self.shards)?;
        let old = shard.write().unwrap_or_else(PoisonError::into_inner).insert(hash, entry);
        if old.is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        old
    }
    /// Takes out what is of minutes that are over.
    pub(super) fn retire(&self, now: Timestamp) -> Vec<Arc<Entry>> {
        let second = now.unix_seconds();
        let mut gone = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            gone.extend(shard.extract_if(|_, entry| !entry.covers(second)).map(|(_, old)| old));
        }
        self.count.fetch_sub(gone.len(), Ordering::Relaxed);
        gone
    }
}

/// Seconds for which a row stands.
const MINUTE: i64 = 60;
