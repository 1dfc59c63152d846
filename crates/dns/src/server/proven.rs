//! Sources that showed that they read what is sent to them: a TCP handshake cannot be done from a
//! forged address. Bounded. Next: `later`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses, each until some time.
#[derive(Debug, Default)]
pub(super) struct Proven {
    // RACE: held for one look-up or one insertion; asked only where an answer is too long for an
    // unknown source.
    until: Mutex<HashMap<IpAddr, Instant>>,
}

impl Proven {
    /// Notes that this address completed a handshake.
    pub(super) fn note(&self, source: IpAddr, at: Instant) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MOST && !until.contains_key(&source) {
            until.retain(|_, end| *end > at);
        }
        if until.len() < MOST || until.contains_key(&source) {
            until.insert(source, at + HOLDS);
        }
    }

    /// Whether this address did so lately.
    pub(super) fn holds(&self, source: IpAddr, at: Instant) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(&source).is_some_and(|end| *end > at)
    }
}

const HOLDS: Duration = Duration::from_secs(600);
/// LIMIT: addresses remembered.
const MOST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_proof_ends_and_their_number_is_bounded() {
        let (proven, start) = (Proven::default(), Instant::now());
        let source = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(n));
        for number in 0..70_000 {
            proven.note(source(number), start);
        }
        assert!(proven.holds(source(0), start));
        assert!(!proven.holds(source(69_999), start), "no room");
        assert!(!proven.holds(source(0), start + HOLDS));
        proven.note(source(69_999), start + HOLDS);
        assert!(proven.holds(source(69_999), start + HOLDS));
        assert_eq!(proven.until.lock().unwrap().len(), 1);
    }
}
