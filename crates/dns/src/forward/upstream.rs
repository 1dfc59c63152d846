//! One upstream of the configuration: where it is, what it speaks and how it has been doing.
//! Must not know messages. Next: `exchange`.

use backstop_gate::OwnPlace;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An upstream resolver.
#[derive(Debug)]
pub struct Upstream {
    place: OwnPlace,
    transport: Transport,
    health: Mutex<Health>,
}

/// What an upstream is spoken to by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams, and TCP for what does not fit into one.
    UdpThenTcp,
    /// TCP alone.
    Tcp,
}

/// Why a text names no upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no DNS upstream (write `address`, `address:port` or `tcp://address:port`)")]
pub struct UpstreamFault(String);

impl Upstream {
    /// Parses a text of the configuration: `9.9.9.9`, `[2620:fe::fe]:53`, `tcp://9.9.9.9`.
    ///
    /// # Errors
    /// [`UpstreamFault`] for a name (who would resolve it?), a port 0, or another scheme.
    pub fn parse(text: &str) -> Result<Self, UpstreamFault> {
        let (transport, rest) = match text.split_once("://") {
            None => (Transport::UdpThenTcp, text),
            Some(("udp", rest)) => (Transport::UdpThenTcp, rest),
            Some(("tcp", rest)) => (Transport::Tcp, rest),
            Some(_) => return Err(UpstreamFault(shown(text))),
        };
        let place = OwnPlace::parse(rest, 53).ok_or_else(|| UpstreamFault(shown(text)))?;
        Ok(Self { place, transport, health: Mutex::default() })
    }
    /// Where it is.
    pub const fn place(&self) -> &OwnPlace {
        &self.place
    }
    /// What it is spoken to by.
    pub const fn transport(&self) -> Transport {
        self.transport
    }
    /// How it has been doing.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let health = self.lock();
        if health.down_until.is_some_and(|until| now < until) {
            Standing::Down
        } else {
            // What was measured long ago says nothing: one query finds out.
            let known = health.measured.filter(|(_, at)| now.duration_since(*at) < REMEMBERED);
            Standing::Up(known.map(|(smoothed, _)| smoothed).unwrap_or_default())
        }
    }
    /// It answered, after that time.
    pub(crate) fn note_answer(&self, took: Duration, now: Instant) {
        let mut health = self.lock();
        // RFC 6298 §2: an eighth of each new measure.
        let smoothed = health.measured.map_or(took, |(before, _)| before * 7 / 8 + took / 8);
        *health = Health { measured: Some((smoothed, now)), failures: 0, down_until: None };
    }
    /// Another one answered while this one had been asked for that time already.
    pub(crate) fn note_slow(&self, waited: Duration, now: Instant) {
        let mut health = self.lock();
        let slowest = health.measured.map_or(waited, |(before, _)| before.max(waited));
        health.measured = Some((slowest, now));
    }
    /// It did not answer, or with what nobody can use.
    pub(crate) fn note_failure(&self, now: Instant) {
        let mut health = self.lock();
        health.failures = health.failures.saturating_add(1);
        if health.failures >= FAILURES {
            let doubled = BACK_OFF * 2u32.saturating_pow((health.failures - FAILURES).min(6));
            health.down_until = Some(now + doubled.min(LONGEST_BACK_OFF));
            // Its first chance afterwards is one query, in its turn among the others.
            health.measured = None;
        }
    }
    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::UdpThenTcp => write!(f, "{}", self.place),
            Transport::Tcp => write!(f, "tcp://{}", self.place),
        }
    }
}

#[derive(Debug, Default)]
struct Health {
    /// The smoothed time to an answer, and when it was last measured.
    measured: Option<(Duration, Instant)>,
    failures: u32,
    down_until: Option<Instant>,
}

/// What is to be expected of an upstream; the least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It answers, in about that time (zero: not known yet).
    Up(Duration),
    /// It failed several times in a row and is left alone for a while, if there is another.
    Down,
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

const FAILURES: u32 = 3;
const BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
const REMEMBERED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_addresses() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Upstream::parse(text).unwrap().to_string(), expected);
        };
        check("9.9.9.9", "9.9.9.9:53");
        check("udp://9.9.9.9:5300", "9.9.9.9:5300");
        check("tcp://[2620:fe::fe]:53", "tcp://[2620:fe::fe]:53");
        for bad in ["", "dns.example", "ftp://9.9.9.9", "9.9.9.9:0", "https://dns.example/"] {
            assert!(Upstream::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_that_fails_is_left_alone_for_a_while() {
        let upstream = Upstream::parse("9.9.9.9").unwrap();
        let start = Instant::now();
        upstream.note_answer(Duration::from_millis(8), start);
        assert_eq!(upstream.standing(start), Standing::Up(Duration::from_millis(8)));
        for _ in 0..FAILURES {
            upstream.note_failure(start);
        }
        assert_eq!(upstream.standing(start), Standing::Down);
        assert_eq!(upstream.standing(start + BACK_OFF), Standing::Up(Duration::ZERO));
        for _ in 0..100 {
            upstream.note_failure(start);
        }
        assert_eq!(upstream.standing(start + LONGEST_BACK_OFF), Standing::Up(Duration::ZERO));
        upstream.note_answer(Duration::from_millis(2), start);
        assert_eq!(upstream.standing(start), Standing::Up(Duration::from_millis(2)));
        upstream.note_slow(Duration::from_millis(400), start);
        assert_eq!(upstream.standing(start), Standing::Up(Duration::from_millis(400)));
        assert_eq!(upstream.standing(start + REMEMBERED), Standing::Up(Duration::ZERO));
    }
}
