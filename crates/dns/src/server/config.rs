//! What may be set of the listeners. Next: `stats`.

use super::Aside;
use super::hurry::Handshakes;
use super::tls::Files;
use crate::tap::Tap;
use backstop_model::addr::Cidr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How the listeners run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses to answer at, by UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// DNS over TLS, if it is spoken.
    pub tls: Option<Tls>,
    /// DNS over HTTPS, if it is spoken.
    pub https: Option<Https>,
    /// Threads that receive, for each address.
    pub threads: usize,
    /// Questions that may wait for an upstream at once.
    pub waiting: usize,
    /// Of these, for one source address.
    pub waiting_per_source: usize,
    /// TCP connections at once.
    pub connections: usize,
    /// Of these, from one source address.
    pub connections_per_source: usize,
    /// Handshakes under TLS that one source address may begin.
    pub handshakes: Handshakes,
    /// Questions of one TCP connection that may wait at once.
    pub pipelined: usize,
    /// How long a TCP client may take for a whole question, and for taking an answer.
    pub patience: Duration,
    /// How long a TCP connection may be silent between questions.
    pub idle: Duration,
    /// Who may say for whom it asks (`wire::front`): a load balancer in front, say.
    pub trusted: Vec<Cidr>,
    /// Who is told of questions and answers.
    pub tap: Option<Arc<Tap>>,
    /// The secret under which cookies are made; drawn at the start if none is given.
    pub cookie_secret: Option<[u8; 16]>,
    /// Who answers what is no question of a client, in this order.
    pub asides: Vec<Arc<dyn Aside>>,
}

/// Listeners for DNS over TLS (RFC 7858).
#[derive(Debug, Clone)]
pub struct Tls {
    /// Their addresses; port 853 by custom.
    pub listen: Vec<SocketAddr>,
    /// What they show of themselves.
    pub files: Files,
}

/// Listeners for DNS over HTTPS (RFC 8484).
#[derive(Debug, Clone)]
pub struct Https {
    /// Their addresses; port 443 by custom.
    pub listen: Vec<SocketAddr>,
    /// What they show of themselves.
    pub files: Files,
    /// The path of questions; `/dns-query` by custom.
    pub path: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 1053))],
            tls: None,
            https: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            // After a policy change all names in use want a new row at once: what comes within
            // the time that takes must find room, and one source no more than a quarter of it.
            waiting: 16_384,
            waiting_per_source: 4_096,
            connections: 4_096,
            connections_per_source: 128,
            handshakes: Handshakes::default(),
            pipelined: 64,
            patience: Duration::from_secs(3),
            idle: Duration::from_secs(10),
            trusted: Vec::new(),
            tap: None,
            cookie_secret: None,
            asides: Vec::new(),
        }
    }
}
