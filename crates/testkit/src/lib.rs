//! Worlds, servers and clients for tests: the real binary is tested from outside, against real
//! sockets, on a network that ends at this machine. Never shipped.
//!
//! ```text
//!  world      a thread's own network and its own /etc/hosts: real names, public-looking addresses
//!  backstop   the real binary: start, session, stop, kill          client   raw HTTP from a test
//!  upstream   HTTP and TLS servers that record                     attacker counts what reaches it
//!  nameserver a name server that lies on order          nsd      an honest one
//!  pod        an agent's own network on one cable       tap      counts what reaches a name server
//!  resolver   BIND, unbound, PowerDNS and Knot as others run them
//!  load       tunnels, requests, slow clients, refusals            ca       certificates for TLS
//!  bench      Backstop beside other proxies             train    a day's work for its profile
//!  kin        the same servers in processes of their own (`testkit …`)
//! ```
//! Reading order: `world`, `backstop`, `upstream`, `load`. A fault here panics with the reason:
//! a test tool that goes on after a fault tests nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test tool must stop its test loudly, and it dials, starts programs and reads the environment by trade"
)]

pub mod attacker;
pub mod backstop;
pub mod bench;
pub mod ca;
pub mod cgi;
pub mod client;
pub mod hello;
pub mod kin;
pub mod load;
pub mod message;
pub mod nameserver;
pub mod nsd;
pub mod pod;
pub mod resolver;
mod serving;
pub mod tap;
pub mod train;
pub mod upstream;
pub mod world;

pub use attacker::Attacker;
pub use backstop::{Backstop, Session, Setup};
pub use ca::Ca;
pub use kin::Kin;
pub use nameserver::NameServer;
pub use nsd::Nsd;
pub use pod::Pod;
pub use tap::Tap;
pub use upstream::{Answer, Upstream};
pub use world::World;
