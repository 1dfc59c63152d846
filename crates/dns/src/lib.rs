//! The filtering resolver: the allowlist decides before anything is sent, and answers are checked
//! as a layer of their own.
//!
//! ```text
//!  client ─▶ server ─▶ wire::query ─▶ gate (policy) ─▶ cache ─▶ wire::answer ─▶ client
//!            UDP, TCP                    │               │ miss
//!                                  refusal           forward ─▶ upstream
//!                                                       └▶ answer: addresses judged, pinned
//! ```
//! Reading order: `wire` (sans-IO: what may be read, how answers are written), `refusal` (how a
//! refusal looks on this wire), `body` (what stands between the server and what is behind it),
//! `server`, `desk` (what a thread has at hand), `service` (policy first, for each question), `cache`, `forward`, `answer`, `resolve`;
//! besides these `export` (a policy's names for resolvers of others) and
//! `transfer` (the same given to secondaries), `secondary` (response policy zones that come from
//! primaries), `tap` (dnstap).
//! This crate judges nothing: it asks the gate. It must not know its siblings, policy, ledger or
//! detect, and it is no recursor: it asks the upstreams of the configuration and nobody else.

pub mod wire;

pub mod refusal;

pub mod body;

mod web;

pub mod server;

mod screening;

mod desk;

pub mod service;

pub mod cache;

pub mod forward;

pub mod rpz;

pub mod answer;

pub mod resolve;

pub mod export;

pub mod transfer;

pub mod secondary;

pub mod tap;
