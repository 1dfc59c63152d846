//! How a proxy listener runs: limits and deadlines. What agents may do is policy.
//! Next: `server`.

use crate::strict::Deadlines;
use backstop_model::id::{SessionId, SkillName, SkillVersion};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How one proxy listener runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; the binary binds each and serves it with this configuration.
    pub listen: Vec<SocketAddr>,
    /// The session whose requests come in here without credentials; `None` asks for credentials.
    pub bound: Option<Bound>,
    /// LIMIT: open client connections. Beyond it a client is told 503 at once.
    pub max_connections: usize,
    /// LIMIT: open client connections of one session.
    pub max_connections_per_session: usize,
    /// LIMIT: idle connections kept to one destination for one session and skill.
    pub idle_per_destination: usize,
    /// LIMIT: idle connections to upstreams in all.
    pub idle_in_all: usize,
    /// A request head must be whole within this time of its first byte.
    pub head: Duration,
    /// The longest silence within a request body, and the longest time a client does not read.
    pub body: Duration,
    /// A request body must be whole within this time of its head.
    pub upload: Duration,
    /// A client connection without a request is closed after this.
    pub keep_alive: Duration,
    /// The ClientHello in a tunnel must be whole within this time.
    pub hello: Duration,
    /// A tunnel or an answer in which nothing moves ends after this, unless its row says otherwise.
    pub idle: Duration,
    /// An idle connection to an upstream is kept for this time.
    pub upstream_keep_alive: Duration,
    /// On stop, live tunnels and requests may go on for this time.
    pub drain: Duration,
}

/// The session and skill that a listener stands for.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The session.
    pub session: SessionId,
    /// The skill; `None` for the session's only one.
    pub skill: Option<(SkillName, SkillVersion)>,
}

impl Config {
    pub(crate) const fn deadlines(&self) -> Deadlines {
        Deadlines { head: self.head, body: self.body }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3128)],
            bound: None,
            // The hard limit of open files is often 20,000: two for each tunnel.
            max_connections: 9_500,
            max_connections_per_session: 4_000,
            idle_per_destination: 16,
            idle_in_all: 256,
            head: Duration::from_secs(10),
            body: Duration::from_secs(60),
            upload: Duration::from_secs(5 * 60),
            keep_alive: Duration::from_secs(60),
            hello: Duration::from_secs(10),
            idle: Duration::from_secs(15 * 60),
            upstream_keep_alive: Duration::from_secs(30),
            drain: Duration::from_secs(30 * 60),
        }
    }
}
