//! One upstream of the configuration: where it is, what it speaks and how it has been doing.
//! Must not know messages. Next: `exchange`.

use super::https::Line;
use backstop_gate::{OwnPlace, OwnStream};
use backstop_model::host::Host;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An upstream resolver.
#[derive(Debug)]
pub struct Upstream {
    place: OwnPlace,
    transport: Transport,
    health: Mutex<Health>,
    /// The connection by HTTPS.
    line: Line,
    /// Connections that wait for the next question (RFC 7766 §6.2.1).
    idle: Mutex<Vec<(OwnStream, Instant)>>,
}

/// What an upstream is spoken to by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams, and TCP for what does not fit into one.
    UdpThenTcp,
    /// TCP alone.
    Tcp,
    /// TLS (RFC 7858), by somebody who proves to be this host (the strict profile of RFC 8310).
    Tls(Host),
    /// HTTPS (RFC 8484), the same.
    Https(Site),
}

/// Where an upstream answers by HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Who it must prove to be.
    pub host: Host,
    port: u16,
    path: String,
}

impl Site {
    /// What is asked for.
    pub(crate) fn uri(&self) -> String {
        let Self { host, port, path } = self;
        match port {
            443 => format!("https://{host}{path}"),
            port => format!("https://{host}:{port}{path}"),
        }
    }
}

/// Why a text names no upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no DNS upstream (write `address`, `address:port`, `tcp://address:port`, \
     `tls://address:port#name-in-its-certificate` or `https://address/dns-query#name`)"
)]
pub struct UpstreamFault(String);

impl Upstream {
    /// Parses a text of the configuration: `9.9.9.9`, `[2620:fe::fe]:53`, `tcp://9.9.9.9`.
    ///
    /// # Errors
    /// [`UpstreamFault`] for a name (who would resolve it?), a port 0, or another scheme.
    pub fn parse(text: &str) -> Result<Self, UpstreamFault> {
        let fault = || UpstreamFault(shown(text));
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let (place, transport) = match scheme {
            "udp" => (OwnPlace::parse(rest, 53), Transport::UdpThenTcp),
            "tcp" => (OwnPlace::parse(rest, 53), Transport::Tcp),
            "tls" => {
                let (place, host) = match rest.split_once('#') {
                    Some((place, name)) => (place, Some(Host::parse(name).map_err(|_| fault())?)),
                    None => (rest, None),
                };
                let place = OwnPlace::parse(place, 853).ok_or_else(fault)?;
                let host = host.unwrap_or(Host::Address(place.address().ip()));
                (Some(place), Transport::Tls(host))
            }
            "https" => {
                let (rest, name) = match rest.split_once('#') {
                    Some((rest, name)) => (rest, Some(Host::parse(name).map_err(|_| fault())?)),
                    None => (rest, None),
                };
                let (place, path) = rest.split_once('/').ok_or_else(fault)?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
                if !path.bytes().all(plain) {
                    return Err(fault());
                }
                let place = OwnPlace::parse(place, 443).ok_or_else(fault)?;
                let (host, port) = (place.address().ip(), place.address().port());
                let host = name.unwrap_or(Host::Address(host));
                (Some(place), Transport::Https(Site { host, port, path: format!("/{path}") }))
            }
            _ => return Err(fault()),
        };
        let place = place.ok_or_else(fault)?;
        let line = Line::default();
        Ok(Self { place, transport, line, health: Mutex::default(), idle: Mutex::default() })
    }
    /// A connection that waits for a question, if there is one.
    pub(crate) fn take_idle(&self, now: Instant) -> Option<OwnStream> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The youngest first: it is the least likely to have been closed.
        while let Some((stream, since)) = idle.pop() {
            if now.saturating_duration_since(since) < IDLE {
                return Some(stream);
            }
        }
        None
    }
    /// Keeps a connection for the next question.
    pub(crate) fn keep_idle(&self, stream: OwnStream, now: Instant) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push((stream, now));
        }
    }
    /// Its connection by HTTPS.
    pub(crate) const fn line(&self) -> &Line {
        &self.line
    }
    /// Where it is.
    pub const fn place(&self) -> &OwnPlace {
        &self.place
    }
    /// What it is spoken to by.
    pub const fn transport(&self) -> &Transport {
        &self.transport
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
        match &self.transport {
            Transport::UdpThenTcp => write!(f, "{}", self.place),
            Transport::Tcp => write!(f, "tcp://{}", self.place),
            Transport::Tls(host) => write!(f, "tls://{}#{host}", self.place),
            Transport::Https(Site { host, path, .. }) => {
                write!(f, "https://{}{path}#{host}", self.place)
            }
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

/// How long a connection waits for the next question; servers close after some 10 s.
const IDLE: Duration = Duration::from_secs(8);
/// LIMIT: connections that wait.
const MOST_IDLE: usize = 8;
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
        check("tls://9.9.9.9#dns.quad9.net", "tls://9.9.9.9:853#dns.quad9.net");
        check("tls://[2620:fe::fe]:8853", "tls://[2620:fe::fe]:8853#[2620:fe::fe]");
        check(
            "https://9.9.9.9/dns-query#dns.quad9.net",
            "https://9.9.9.9:443/dns-query#dns.quad9.net",
        );
        check("https://[2620:fe::fe]:8443/", "https://[2620:fe::fe]:8443/#[2620:fe::fe]");
        for bad in [
            "https://9.9.9.9",
            "https://dns.quad9.net/dns-query",
            "https://9.9.9.9/dns-query#",
            "https://9.9.9.9/dns query#dns.quad9.net",
            "https://9.9.9.9/dns-query{?dns}#dns.quad9.net",
            "https://user@9.9.9.9/dns-query#dns.quad9.net",
        ] {
            assert!(Upstream::parse(bad).is_err(), "{bad}");
        }
        for bad in ["tls://dns.quad9.net", "tls://9.9.9.9#", "9.9.9.9#dns.quad9.net"] {
            assert!(Upstream::parse(bad).is_err(), "{bad}");
        }
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
