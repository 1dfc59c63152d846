//! How the API listener runs: limits, deadlines, names. Must not know policy.
//! Next: `serve`.

use std::net::SocketAddr;
use std::time::Duration;

/// How the API listener runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Names, beside `localhost` and the listener's own address, that a `Host` header may carry
    /// (`name` alone, any port). Everything else is taken for DNS rebinding.
    pub names: Vec<String>,
    /// Who may ask the analyzer (`/analyze`, `/anonymize` and their like).
    pub analyzer: AnalyzerAccess,
    /// How long a request's head may take, and how long a connection may be idle.
    pub head: Duration,
    /// How long a request's body may take.
    pub body: Duration,
    /// The most bytes of a body.
    pub body_limit: usize,
    /// How long a peer may leave written bytes untaken before its connection is cut.
    pub stall: Duration,
    /// How often an idle event stream says that it lives (and asks whether its token still does).
    pub heartbeat: Duration,
    /// How long connections may take to end once the process stops.
    pub drain: Duration,
    /// The most connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// The most event streams at once; more are answered 503.
    pub streams: usize,
}

/// Who may ask the analyzer. Presidio's clients send no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnalyzerAccess {
    /// Everyone who reaches the listener, which is on loopback.
    Open,
    /// Who has an operator or runtime token.
    Token,
    /// Nobody: its routes are not there.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            analyzer: AnalyzerAccess::Open,
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            body_limit: 1 << 20,
            stall: Duration::from_secs(20),
            heartbeat: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            connections: 256,
            streams: 64,
        }
    }
}

impl Config {
    /// Whether the API may listen on `address`. To be asked before the socket is bound, and asked
    /// again by [`crate::serve`].
    ///
    /// # Errors
    /// [`ConfigFault::NotLoopback`]: tokens travel over plain HTTP on loopback only.
    pub fn check(&self, address: SocketAddr) -> Result<(), ConfigFault> {
        // `::ffff:127.0.0.1` is loopback too (RFC 4291 §2.5.5.2).
        if address.ip().to_canonical().is_loopback() {
            Ok(())
        } else {
            Err(ConfigFault::NotLoopback(address))
        }
    }
}

/// Why the API does not run as configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFault {
    /// Bearer tokens would cross a network in clear.
    #[error(
        "the API cannot listen on `{0}`: tokens travel over plain HTTP on loopback only, and this build serves no TLS here"
    )]
    NotLoopback(SocketAddr),
    /// The listener has no address.
    #[error("the API's listener has no local address")]
    NoAddress(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_on_loopback() {
        let config = Config::default();
        for good in ["127.0.0.1:8480", "127.9.9.9:1", "[::1]:8480", "[::ffff:127.0.0.1]:8480"] {
            assert!(config.check(good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in ["0.0.0.0:8480", "[::]:8480", "10.0.0.1:8480", "[::ffff:10.0.0.1]:8480"] {
            let said = config.check(bad.parse().unwrap()).unwrap_err().to_string();
            assert!(said.contains("loopback only"), "{said}");
        }
    }
}
