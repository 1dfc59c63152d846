//! The forward proxy: HTTP/1.1 absolute-form and CONNECT on one port.
//!
//! ```text
//!  client ─▶ strict ─▶ hyper ─▶ server ─▶ gate.ask ─▶ dial ─▶ upstream
//!            framing            identity     │
//!                               tunnel ◀─────┘ hello: SNI before a byte leaves
//! ```
//! Reading order: `hello` and `strict` (sans-IO: what may be read at all), `server`,
//! `connection`, `connect` and `tunnel`, `forward` with `fields`, `upload`, `pool` and `body`, `refusal`
//! (how a refusal looks on this wire).
//! This crate judges nothing: it asks the gate. It must not know its siblings, policy or ledger.

pub mod hello;
pub mod strict;

mod config;
mod identity;
mod refusal;

mod server;

mod connection;

mod connect;
mod tunnel;

mod forward;

mod fields;

mod places;
mod pool;

mod body;
mod upload;
mod windows;

pub use config::{Bound, Config};
pub use server::serve;
