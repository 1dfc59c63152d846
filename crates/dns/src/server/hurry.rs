//! Handshakes under TLS cost the processor about as much as a thousand questions: one source may
//! begin so many at once, and then one each so often. Next: `accept`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How many handshakes a source may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshakes {
    /// LIMIT: at once, after a rest.
    pub at_once: u32,
    /// And then one each so often.
    pub every: Duration,
}

impl Default for Handshakes {
    fn default() -> Self {
        // As many as connections may be open, so that all can come back after a restart; then 32 a
        // second, some hundredths of one processor.
        Self { at_once: 128, every: Duration::from_millis(31) }
    }
}

/// Who has begun some lately.
#[derive(Debug, Default)]
pub(super) struct Hurry {
    /// By source: when it will be as one that never came (the generic cell rate algorithm).
    rested: HashMap<IpAddr, Instant>,
}

impl Hurry {
    /// Whether one more of this source may begin now; if so, it counts.
    pub(super) fn admits(&mut self, source: IpAddr, limits: Handshakes, now: Instant) -> bool {
        let mut source = network(source);
        if !self.rested.contains_key(&source) && self.rested.len() >= SOURCES {
            self.rested.retain(|_, rested| now < *rested);
            if self.rested.len() >= SOURCES {
                source = REST;
            }
        }
        let rested = self.rested.get(&source).copied().unwrap_or(now).max(now);
        // What was begun and is not rested from yet must leave room for one more.
        if rested - now > limits.every * limits.at_once.saturating_sub(1) {
            return false;
        }
        self.rested.insert(source, rested + limits.every);
        true
    }
}

/// An IPv6 host has its whole /64 (RFC 4291 §2.5.1).
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(one) => IpAddr::V6(Ipv6Addr::from_bits(one.to_bits() & !u128::from(u64::MAX))),
        one @ IpAddr::V4(_) => one,
    }
}

/// LIMIT: sources that are told apart; those beyond share one account.
const SOURCES: usize = 16_384;
/// Whose account that is.
const REST: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Handshakes = Handshakes { at_once: 4, every: Duration::from_millis(100) };

    fn source(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn so_many_at_once_and_then_one_each_so_often() {
        let (mut hurry, begin) = (Hurry::default(), Instant::now());
        let at = |millis| begin + Duration::from_millis(millis);
        let mut begun = |text, millis| hurry.admits(source(text), LIMITS, at(millis));
        for _ in 0..4 {
            assert!(begun("192.0.2.1", 0));
        }
        assert!(!begun("192.0.2.1", 0));
        assert!(begun("192.0.2.2", 0), "another's are its own");
        assert!(!begun("192.0.2.1", 99));
        assert!(begun("192.0.2.1", 100));
        assert!(!begun("192.0.2.1", 199), "one that is refused costs nothing");
        assert!(begun("192.0.2.1", 200));
        for _ in 0..4 {
            assert!(begun("192.0.2.1", 10_000));
        }
        assert!(!begun("192.0.2.1", 10_000), "rest is not saved beyond that");
    }

    #[test]
    fn addresses_of_one_host_and_sources_without_number_share() {
        let (mut hurry, now) = (Hurry::default(), Instant::now());
        for host in 1..=4 {
            assert!(hurry.admits(source(&format!("2001:db8::{host}")), LIMITS, now));
        }
        assert!(!hurry.admits(source("2001:db8::5"), LIMITS, now));
        assert!(hurry.admits(source("2001:db8:0:1::5"), LIMITS, now));
        for number in 0..2 * SOURCES {
            let number = u32::try_from(number).unwrap();
            hurry.admits(IpAddr::V4((0x0a00_0000 + number).into()), LIMITS, now);
        }
        assert!(hurry.rested.len() <= SOURCES + 1);
        assert!(!hurry.admits(source("172.16.0.1"), LIMITS, now), "those beyond share one");
        let later = now + Duration::from_secs(1);
        assert!(hurry.admits(source("172.16.0.1"), LIMITS, later), "who has rested makes room");
    }
}
