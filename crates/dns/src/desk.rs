//! What a receiving thread has at hand: for questions that come again and again, the row under which
//! each was last permitted and the answer that it was given, side by side and its own.
//!
//! ```text
//!  question ─▶ desk ─ hit ──▶ gate: the same row still? ─▶ answer: still fresh? ─▶ judged and told
//!                └─ no ─▶ gate: table, record ─▶ cache, upstream ─▶ laid on the desk
//! ```
//! Other threads' locks and counts are not touched on the way, and the places of the memory that the
//! questions of one batch need are read beforehand, all at once ([`Desk::warm`]).
//!
//! INVARIANT: nothing is decided here. The gate is asked for each question, whatever lies here, and an
//! answer is told only while it is fresh. What the cache gives up lives here until its row's minute is
//! over, at most [`SLOTS`] answers a thread. Next: `service`.

use crate::cache::{Age, Entry};
use backstop_gate::names::{KeptRow, NameClient};
use backstop_model::name::{QueryName, QueryType};
use backstop_model::time::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// What a thread has at hand. One made by `default` keeps nothing.
#[derive(Default)]
pub struct Desk {
    /// A power of two of them, or none.
    buckets: Vec<Bucket>,
    filled: usize,
    /// Where the last look for what is over ended, and when it was.
    swept: (usize, i64),
}

/// Four slots in two lines of the processor's cache, side by side.
#[derive(Default)]
#[repr(align(128))]
struct Bucket([Slot; 4]);

#[derive(Default)]
struct Slot {
    key: u64,
    kept: Option<Kept>,
}

/// What was told to a question, and under which row.
pub(crate) struct Kept {
    pub(crate) row: KeptRow,
    pub(crate) answer: Arc<Entry>,
}

impl Kept {
    /// Whether the answer is told as it is: neither old nor soon to be, so that nobody has fetched it
    /// anew.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        match self.answer.age(now) {
            Age::Fresh(left) => self.answer.failure().is_none() && !self.answer.is_ending(left),
            Age::Stale | Age::Gone => false,
        }
    }
}

impl Desk {
    /// One that keeps what is laid on it.
    pub(crate) fn open() -> Self {
        let mut desk = Self::default();
        desk.buckets.resize_with(FIRST, Bucket::default);
        desk
    }

    /// What lies there for a question of this client.
    pub(crate) fn find(
        &self,
        client: &NameClient,
        (name, qtype, class): (&QueryName, QueryType, u16),
    ) -> Option<&Kept> {
        let key = key(client, name, qtype);
        let kept = self.slot(key)?.kept.as_ref()?;
        (kept.row.is_of(client) && kept.answer.answers(name, qtype, class)).then_some(kept)
    }

    /// Lays an answer there.
    pub(crate) fn lay(
        &mut self,
        client: &NameClient,
        name: &QueryName,
        qtype: QueryType,
        kept: Kept,
    ) {
        if self.buckets.is_empty() {
            return;
        }
        let key = key(client, name, qtype);
        if self.filled * 2 >= self.buckets.len() * 3 && self.buckets.len() < SLOTS / 4 {
            self.widen();
        }
        self.put(Slot { key, kept: Some(kept) });
    }

    /// In the place of the same question or in a free one; else the one that came last gives way, so
    /// that of several that come in turn not all do.
    fn put(&mut self, slot: Slot) {
        let at = self.place(slot.key);
        let Some(Bucket(slots)) = self.buckets.get_mut(at) else { return };
        let same = slots.iter().position(|known| known.key == slot.key);
        let free = || slots.iter().position(|known| known.kept.is_none());
        let at = same.or_else(free).unwrap_or(slots.len() - 1);
        if let Some(place) = slots.get_mut(at) {
            self.filled += usize::from(place.kept.is_none());
            *place = slot;
        }
    }

    /// Reads what a batch of questions will look at: first all places here, then all rows and answers,
    /// then all records, so that one does not wait for the other.
    pub(crate) fn warm<'q>(
        &self,
        questions: impl Iterator<Item = (&'q NameClient, &'q QueryName, QueryType)>,
    ) {
        if self.buckets.is_empty() {
            return;
        }
        let mut keys = [0; BATCH];
        let mut count = 0;
        for ((client, name, qtype), place) in questions.zip(&mut keys) {
            *place = key(client, name, qtype);
            count += 1;
        }
        let keys = keys.get(..count).unwrap_or_default();
        let read = |key: &u64| {
            let bucket = self.buckets.get(self.place(*key));
            bucket.map_or(0, |Bucket([first, _, third, _])| first.key ^ third.key)
        };
        std::hint::black_box(keys.iter().map(read).fold(0, std::ops::BitXor::bitxor));
        let kept = |key: &u64| self.slot(*key).and_then(|slot| slot.kept.as_ref());
        let rows = keys.iter().filter_map(kept).map(|kept| kept.row.warm() ^ kept.answer.warm());
        std::hint::black_box(rows.fold(0, std::ops::BitXor::bitxor));
        let records = keys.iter().filter_map(kept).map(|kept| kept.answer.warm_records());
        std::hint::black_box(records.fold(0, std::ops::BitXor::bitxor));
    }

    /// Lets go of what is over, some of it a second: what is asked again is laid there anew.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        let (from, second) = self.swept;
        if now.unix_seconds() == second || self.buckets.is_empty() {
            return;
        }
        let some = self.buckets.len().div_ceil(SECONDS);
        for Bucket(slots) in self.buckets.iter_mut().skip(from).take(some) {
            for slot in slots {
                if slot.kept.as_ref().is_some_and(|kept| kept.row.is_over(now)) {
                    *slot = Slot::default();
                    self.filled = self.filled.saturating_sub(1);
                }
            }
        }
        let next = from + some;
        self.swept = (if next < self.buckets.len() { next } else { 0 }, now.unix_seconds());
    }

    fn widen(&mut self) {
        let more = self.buckets.len() * 2;
        let old = std::mem::take(&mut self.buckets);
        self.buckets.resize_with(more, Bucket::default);
        self.filled = 0;
        for slot in old.into_iter().flat_map(|Bucket(slots)| slots) {
            if slot.kept.is_some() {
                self.put(slot);
            }
        }
    }

    fn place(&self, key: u64) -> usize {
        let high = usize::try_from(key >> 32).unwrap_or(0);
        high & self.buckets.len().wrapping_sub(1)
    }

    fn slot(&self, key: u64) -> Option<&Slot> {
        let Bucket(slots) = self.buckets.get(self.place(key))?;
        slots.iter().find(|slot| slot.key == key)
    }
}

/// Where a question lies. Not keyed: who chooses names that meet has them found in the table instead.
fn key(client: &NameClient, name: &QueryName, qtype: QueryType) -> u64 {
    let (eights, rest) = name.as_wire().as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let mix = |key: u64, part: u64| {
        let wide = u128::from(key ^ part) * u128::from(MIX);
        let half = |half: u128| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0);
        half(wide) ^ half(wide >> 64)
    };
    let begun = mix(MIX ^ client.number(), u64::from(qtype.0));
    let all = eights.iter().fold(begun, |key, eight| mix(key, u64::from_le_bytes(*eight)));
    mix(all, u64::from_le_bytes(last))
}

/// An odd number without a pattern (of the golden ratio).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
/// Buckets at first.
const FIRST: usize = 512;
/// LIMIT: answers at hand of one thread.
const SLOTS: usize = 262_144;
/// Questions whose places are read at once; more come in no batch.
const BATCH: usize = 64;
/// In so many seconds all slots are looked at for what is over.
const SECONDS: usize = 64;
