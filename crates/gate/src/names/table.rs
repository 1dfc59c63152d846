//! What is on record: one entry for each name that a session asks, for one minute.
//!
//! The minutes of a name begin at a second of their own, drawn by its hash: were they those of the
//! clock, all names in use would want a new row at once, and their questions would wait together.
//! A name in steady use has the row of its next minute before its present one is over (`ahead`).
//!
//! INVARIANT: an entry stands here only after its row is committed. Next: `client`.

use super::by_hash::ByHash;
use crate::identity::Session;
use crate::live::lock;
use backstop_model::event::CHAIN_KEPT;
use backstop_model::id::ReceiptId;
use backstop_model::name::{KeptName, QueryName};
use backstop_model::time::Timestamp;
use backstop_policy::{NameRow, NameTerms, Policy};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockWriteGuard};

/// LIMIT: names of one session on record within a minute.
pub(super) const NAMES: usize = 262_144;
const SHARDS: usize = 64;

/// A name on record.
///
/// Of 100,000 of them none is where the processor still has it: what each question looks at comes
/// first and lies together, in three of its lines; what few look at lies behind it or apart.
#[repr(C)]
pub(super) struct Entry {
    pub(super) name: KeptName,
    /// When its minute began, in seconds since 1970.
    pub(super) begins: i64,
    pub(super) policy: Arc<Policy>,
    /// Nearly always the same ones as of the name before.
    pub(super) terms: Arc<NameTerms>,
    /// The count of standing changes under which it was last found to stand.
    pub(super) changes: AtomicU64,
    /// When it may turn with nothing but time, in microseconds.
    pub(super) until: AtomicI64,
    pub(super) row: NameRow,
    /// When its row was made, in seconds since 1970.
    made: i64,
    pub(super) queries: AtomicU64,
    pub(super) answered: AtomicU64,
    /// What was last pinned under it, and when; 0 for nothing yet.
    pub(super) pinned: AtomicU64,
    /// Its keyed hash.
    pub(super) hash: u64,
    /// It leans on no grant, and nothing is noted against it.
    pub(super) plain: bool,
    /// Its next minute is being put on record.
    ahead: AtomicBool,
    /// What came of it is written down: nothing is counted under it any more.
    closed: AtomicBool,
    pub(super) session: Arc<Session>,
    pub(super) receipt: ReceiptId,
    /// Its next minute, on record already.
    next: OnceLock<Arc<Entry>>,
    ways: OnceLock<Box<Ways>>,
}

/// Where an answer's aliases led.
#[derive(Default)]
struct Ways {
    through: Mutex<Vec<String>>,
    /// The chain that was last noted.
    chained: AtomicU64,
}

impl Entry {
    pub(super) fn new(
        (name, hash): (&QueryName, u64),
        receipt: ReceiptId,
        session: Arc<Session>,
        (begins, made): (i64, Timestamp),
        policy: Arc<Policy>,
        (row, terms, plain): (NameRow, Arc<NameTerms>, bool),
        (changes, until): (u64, i64),
    ) -> Self {
        Self {
            name: KeptName::from(name),
            begins,
            policy,
            terms,
            changes: AtomicU64::new(changes),
            until: AtomicI64::new(until),
            row,
            made: made.unix_seconds(),
            queries: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            pinned: AtomicU64::new(0),
            hash,
            plain,
            ahead: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            session,
            receipt,
            next: OnceLock::new(),
            ways: OnceLock::new(),
        }
    }
    /// When its minute is over.
    pub(super) const fn ends(&self) -> i64 {
        self.begins + MINUTE
    }
    /// Whether the row of its next minute is to be made now, by whoever asks this: it is asked again
    /// a while after its row was made, and its minute is nearly over.
    pub(super) fn wants_next(&self, now: Timestamp) -> bool {
        let second = now.unix_seconds();
        second - self.made >= STEADY
            && self.ends() - second <= AHEAD
            && !self.ahead.load(Ordering::Relaxed)
            && !self.ahead.swap(true, Ordering::Relaxed)
    }
    /// The row of its next minute, where there is one.
    pub(super) fn next(&self) -> Option<&Arc<Self>> {
        self.next.get()
    }
    /// Whether this is another chain than the last one, by its keyed hash.
    pub(super) fn is_new_chain(&self, hash: u64) -> bool {
        let chained = &self.ways.get_or_init(Box::default).chained;
        chained.load(Ordering::Relaxed) != hash && chained.swap(hash, Ordering::Relaxed) != hash
    }
    pub(super) fn pass_through(&self, chain: impl Iterator<Item = String>) {
        let mut through = lock(&self.ways.get_or_init(Box::default).through);
        for name in chain {
            if through.len() < CHAIN_KEPT && !through.contains(&name) {
                through.push(name);
            }
        }
    }
    /// What came of it is being written down.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
    /// Whether questions of this moment may still be answered under it by who has it at hand.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        self.covers(now.unix_seconds()) && !self.closed.load(Ordering::Relaxed)
    }
    /// Reads what a question looks at, so that it is where the processor has it.
    pub(super) fn warm(&self) -> u64 {
        let hot = self.begins.cast_unsigned() ^ self.changes.load(Ordering::Relaxed);
        let name = u64::from(self.name.as_wire().first().copied().unwrap_or(0));
        hot ^ name ^ self.queries.load(Ordering::Relaxed) ^ self.hash
    }
    /// Whether its minute is the one of this second.
    const fn covers(&self, second: i64) -> bool {
        self.begins <= second && second - self.begins < MINUTE
    }
    pub(super) fn chain(&self) -> Vec<String> {
        self.ways.get().map(|ways| lock(&ways.through).clone()).unwrap_or_default()
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
    fn write(&self, hash: u64) -> Option<RwLockWriteGuard<'_, Shard>> {
        Some(Self::place(hash, &self.shards)?.write().unwrap_or_else(PoisonError::into_inner))
    }
    /// What is on record of a name for its minute of this moment, and the entry whose minute ended
    /// with this look.
    pub(super) fn current(
        &self,
        hash: u64,
        name: &QueryName,
        now: Timestamp,
    ) -> Option<(Arc<Entry>, Option<Arc<Entry>>)> {
        let second = now.unix_seconds();
        let shard = Self::place(hash, &self.shards)?.read().unwrap_or_else(PoisonError::into_inner);
        let found = shard.get(&hash).filter(|entry| entry.name == *name)?;
        if found.covers(second) {
            return Some((Arc::clone(found), None));
        }
        let next = Arc::clone(found.next().filter(|next| next.covers(second))?);
        let over = Arc::clone(found);
        drop(shard);
        let mut shard = self.write(hash)?;
        let place = shard.get_mut(&hash)?;
        // RACE: another question may have come first.
        let turned = Arc::ptr_eq(place, &over);
        if turned {
            *place = Arc::clone(&next);
        }
        Some((next, turned.then_some(over)))
    }
    /// Puts the row of an entry's next minute behind it, if that still stands here.
    pub(super) fn follow(&self, entry: &Arc<Entry>, next: Arc<Entry>) -> Result<(), Arc<Entry>> {
        let shard = self.write(entry.hash);
        match shard.as_ref().and_then(|shard| shard.get(&entry.hash)) {
            Some(known) if Arc::ptr_eq(known, entry) => entry.next.set(next),
            Some(_) | None => Err(next),
        }
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
    pub(super) fn put(&self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let old = self.write(entry.hash)?.insert(entry.hash, entry);
        if old.is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        old
    }
    /// Takes out what is of minutes that are over: entries whose next minute has begun, and those
    /// without one.
    pub(super) fn retire(&self, now: Timestamp) -> Retired {
        let second = now.unix_seconds();
        let mut retired = Retired::default();
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, entry| {
                if entry.covers(second) {
                    return true;
                }
                let next = entry.next().filter(|next| next.covers(second)).cloned();
                match next {
                    Some(next) => retired.turned.push(std::mem::replace(entry, next)),
                    None => retired.gone.push(Arc::clone(entry)),
                }
                entry.covers(second)
            });
        }
        self.count.fetch_sub(retired.gone.len(), Ordering::Relaxed);
        retired
    }
}

/// Entries whose minute is over.
#[derive(Default)]
pub(super) struct Retired {
    /// Their next minute has begun.
    pub(super) turned: Vec<Arc<Entry>>,
    /// They are on record no more; nor is their next minute, if they have one.
    pub(super) gone: Vec<Arc<Entry>>,
}

/// Seconds for which a row stands.
const MINUTE: i64 = 60;
/// Seconds before its end from which on a question has the next row made.
const AHEAD: i64 = 15;
/// Seconds after its row was made from which on a question shows that the name is in steady use; the
/// types of one look-up come at once.
const STEADY: i64 = 5;

/// A row that says nothing, for tests of what keeps rows.
#[cfg(test)]
pub(super) fn entry_for_tests() -> Arc<Entry> {
    use backstop_policy::{Library, LoadContext};
    let now = Timestamp::from_unix_micros(0);
    let subject = backstop_model::standing::Subject {
        session: None,
        tenant: backstop_model::id::TenantName::parse("research").unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    };
    let id = backstop_model::id::SessionId::draw(now, [0; 10]);
    let session = Session { id, subject, token: None, expires: None, source: None };
    let policy = Library::default().apply(&[], &LoadContext::at(now)).policy;
    Arc::new(Entry::new(
        (&QueryName::ROOT, 0),
        ReceiptId::draw(now, [0; 10]),
        Arc::new(session),
        (0, now),
        policy,
        (NameRow::Exact, Arc::default(), true),
        (0, i64::MAX),
    ))
}
