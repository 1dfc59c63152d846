//! Answers of upstreams by name, type and class, bounded in bytes.
//!
//! It may be asked from any thread and never waits: a shard's lock is held for one look into a
//! table. The hash is keyed, so nobody can choose names that meet in one place.
//! Must not know policy: whoever asks it holds a permit for the name, at each question anew.
//! Reading order: `entry`. Next: `forward`.

mod entry;

pub use entry::Entry;
pub(crate) use entry::{Age, Content, Image, Rest};

use backstop_gate::names::ByHash;
use backstop_model::name::{QueryName, QueryType};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much is kept and how long.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes in all.
    pub bytes: usize,
    /// The least time for which an answer is kept and told, whatever it says of itself. A name
    /// whose TTL is 0 could otherwise lead somewhere else at each question (DNS rebinding).
    pub ttl_floor: Duration,
    /// The longest.
    pub ttl_ceiling: Duration,
    /// The longest for "there is no such name" (RFC 2308 §5).
    pub negative_ceiling: Duration,
    /// For how long after its time an answer is told if no upstream answers (RFC 8767 §5).
    pub stale: Duration,
    /// How long a failure of all upstreams is remembered (RFC 9520 §3.2).
    pub failure: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            ttl_floor: Duration::from_secs(5),
            ttl_ceiling: Duration::from_secs(86_400),
            negative_ceiling: Duration::from_secs(3_600),
            stale: Duration::from_secs(86_400),
            failure: Duration::from_secs(5),
        }
    }
}

/// The answers.
pub struct Cache {
    /// All but the last.
    shards: Vec<Mutex<Shard>>,
    last: Mutex<Shard>,
    bytes_of_shard: usize,
    keyed: RandomState,
}

impl Cache {
    /// An empty one, for at most that many bytes.
    pub fn new(bytes: usize) -> Self {
        let shards = (1..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            shards,
            last: Mutex::default(),
            bytes_of_shard: bytes / SHARDS,
            keyed: RandomState::new(),
        }
    }

    /// The answer that is kept for a question, however old.
    pub(crate) fn find(
        &self,
        name: &QueryName,
        qtype: QueryType,
        class: u16,
    ) -> Option<Arc<Entry>> {
        let hash = self.hash(name, qtype, class);
        let found = self.shard(hash).table.get(&hash).map(Arc::clone)?;
        // Two questions of one hash are one in 2^64; then the younger has the place.
        if !found.answers(name, qtype, class) {
            return None;
        }
        found.touch();
        Some(found)
    }

    /// Keeps an answer in place of the one before.
    pub(crate) fn keep(&self, entry: Arc<Entry>) {
        let key = entry.key();
        let hash = self.hash(&key.name, key.qtype, key.class);
        let size = entry.size();
        if size > self.bytes_of_shard {
            return;
        }
        let mut shard = self.shard(hash);
        shard.bytes += size;
        match shard.table.insert(hash, entry) {
            Some(before) => shard.bytes = shard.bytes.saturating_sub(before.size()),
            None => shard.queue.push_back(hash),
        }
        shard.make_room(self.bytes_of_shard);
    }

    /// How many answers are kept, and how many bytes they take.
    pub fn fill(&self) -> (usize, usize) {
        self.shards
            .iter()
            .chain([&self.last])
            .map(lock)
            .fold((0, 0), |(count, bytes), shard| (count + shard.table.len(), bytes + shard.bytes))
    }

    fn hash(&self, name: &QueryName, qtype: QueryType, class: u16) -> u64 {
        let mut hasher = self.keyed.build_hasher();
        hasher.write(name.as_wire());
        hasher.write_u32(u32::from(qtype.0) << 16 | u32::from(class));
        hasher.finish()
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        lock(self.shards.get(at).unwrap_or(&self.last))
    }
}

#[derive(Default)]
struct Shard {
    table: ByHash<Arc<Entry>>,
    queue: VecDeque<u64>,
    bytes: usize,
}

impl Shard {
    /// The clock algorithm: what was asked for since its last turn gets another one.
    fn make_room(&mut self, bytes: usize) {
        let mut turns = self.queue.len() * 2;
        while self.bytes > bytes
            && turns > 0
            && let Some(oldest) = self.queue.pop_front()
        {
            turns -= 1;
            if self.table.get(&oldest).is_some_and(|entry| entry.take_used()) {
                self.queue.push_back(oldest);
            } else if let Some(gone) = self.table.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(gone.size());
            }
        }
    }
}

/// INVARIANT: under this lock nothing can panic half-way but for want of memory.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

const SHARDS: usize = 64;
