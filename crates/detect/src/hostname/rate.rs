//! Unique names of one registered domain within a minute. Next: `volume`.

use std::collections::HashMap;
use std::time::Duration;

/// From this many unique names on within [`RATE_SPAN`] it is a sign (`dns.unique_rate`).
pub const RATE_NAMES: usize = 100;
/// The span.
pub const RATE_SPAN: Duration = Duration::from_secs(60);
/// LIMIT: names remembered; more than are needed to know that it is too many.
const KEPT: usize = 128;

/// The names of one registered domain that were asked within the last minute.
#[derive(Debug, Clone, Default)]
pub struct UniqueRate {
    /// Hash of a name → when it was asked last, in microseconds.
    seen: HashMap<u64, i64>,
    /// None of them is older.
    oldest: i64,
}

impl UniqueRate {
    /// Adds a name by its hash; says how many unique ones there were within the last minute.
    pub fn add(&mut self, name: u64, now_micros: i64) -> usize {
        let span = i64::try_from(RATE_SPAN.as_micros()).unwrap_or(i64::MAX);
        let from = now_micros.saturating_sub(span);
        if self.seen.is_empty() {
            self.oldest = now_micros;
        } else if self.oldest <= from {
            self.seen.retain(|_, at| *at > from);
            self.oldest = self.seen.values().copied().min().unwrap_or(now_micros);
        }
        if self.seen.len() < KEPT || self.seen.contains_key(&name) {
            self.seen.insert(name, now_micros);
            self.oldest = self.oldest.min(now_micros);
        }
        self.seen.len()
    }

    /// Whether nothing was asked within the last minute.
    pub fn rests(&self, now_micros: i64) -> bool {
        let span = i64::try_from(RATE_SPAN.as_micros()).unwrap_or(i64::MAX);
        let from = now_micros.saturating_sub(span);
        self.seen.values().all(|at| *at <= from)
    }
}
