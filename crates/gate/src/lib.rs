//! The one door: ask, decide, record, permit, dial, revoke, respond.
//!
//! ```text
//!  identity ─▶ gate ─▶ judge ─▶ settle (ledger) ─▶ permit ─▶ exit ─▶ flow
//!                │        │                                        ▲
//!                │        └─▶ holds                             resolve
//!                ├─▶ live     what lives, asked again by `run` on every change
//!                ├─▶ record   refusals: singly, then counted
//!                └─▶ respond  alerts
//!  inspect    payloads: held, looked at, kept as evidence
//!  names      questions for names, on record before they are sent
//!  admin      what people and runtimes may do        explain   what would be answered
//! ```
//! Reading order: `gate`, `settle`, `permit`, `judge`, `live`, `flow`, `record`, `admin`.
//! Must not know any wire protocol, and never judges by itself: `policy::decide` does.

mod admin;
pub mod analyzer;
mod bootstrap;
pub mod clock;
mod config;
mod exit;
mod explain;
mod fault;
mod flow;
mod gate;
mod holds;
mod identity;
mod inspect;
mod judge;
mod latest;
mod live;
pub mod names;
mod own;
mod permit;
mod readiness;
mod record;
pub mod resolve;
mod respond;
mod run;
mod settle;
mod stats;
mod token;

pub use admin::{
    Control, ControlFault, GrantRequest, IssuedToken, OpenedSession, SessionRequest, TokenRequest,
};
pub use bootstrap::{BootstrapFault, bootstrap_operator};
pub use clock::{Clock, OsRandom, Random, RandomFault, SystemClock};
pub use config::{Config, Rate};
pub use exit::{
    Config as NetworkConfig, MappedWire, Nat64Prefix, Nat64PrefixFault, NoProxy, NoProxyFault,
    OwnListeners, ProxyFault, TcpConfig, TcpWire, Trust, TrustFault, UpstreamProxy, Wire,
};
pub use explain::{ExplainFault, Explanation, Question, Row, explain, explain_event};
pub use fault::GateFault;
pub use flow::{Flow, FlowHandle, Ride};
pub use gate::{Gate, Parts};
pub use identity::{Actor, Credential, Session};
pub use inspect::{
    Content, Extent, Held, HeldFault, InspectConfig, Inspected, WINDOW, WINDOW_OVERLAP, Windows,
    load_context,
};
pub use own::{Datagrams, OwnPlace, OwnSockets, OwnStream};
pub use permit::{Answer, Permit};
pub use readiness::{Readiness, Ready};
pub use resolve::{Resolve, ResolveFault, StaticResolver, SystemResolver};
pub use stats::{Answered, BUCKETS, Latency, Stats};

use std::future::Future;
use std::pin::Pin;

/// A boxed future, for the ports that the binary joins to the gate.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
