//! What the listeners count. Next: `listen`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of the listeners, all from the start on.
#[derive(Debug, Default)]
pub struct Stats {
    /// Questions read over UDP.
    pub datagrams: Counter,
    /// Questions read over TCP.
    pub streamed: Counter,
    /// Messages that are no questions, answered by a code or not at all.
    pub unfit: Counter,
    /// Questions from addresses that nobody is configured for.
    pub strangers: Counter,
    /// Questions that name somebody else, of peers who may not (`dns.trusted_peers`).
    pub forged: Counter,
    /// Headers and options of trusted peers that cannot be followed.
    pub unfollowed: Counter,
    /// Questions that had to wait.
    pub waited: Counter,
    /// Questions that were not taken because too many wait already.
    pub turned_away: Counter,
    /// Answers over UDP that could not be sent.
    pub unsent: Counter,
    /// TCP connections taken.
    pub connections: Counter,
    /// TCP connections closed at once because of their source's number.
    pub crowded: Counter,
    /// TCP connections closed before a handshake because their source began too many.
    pub hurried: Counter,
    /// TCP connections closed while idle to make room.
    pub displaced: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts so many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
    /// The number.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
