//! The HTTP listener of `serve`: authentication, `/v1`, the description, the figures.
//!
//! ```text
//!  serve ─▶ front ─▶ dispatch ─▶ acts     gate::Control, as the authenticated principal
//!  (limits,  (Host,   (routes,   lists    ledger views
//!   drain)   Origin,   access)   inquiry  events, policy, explain
//!            token,              metrics  Prometheus
//!            body)
//!  routes + shapes ─▶ openapi    one table: what is not in it does not exist
//! ```
//! This crate judges no attempt and dials nowhere; it knows no other plane. It serves plain HTTP
//! on loopback alone, since bearer tokens travel in it. Reading order: `routes` (what there is),
//! `front` (who gets in), `dispatch`, `acts`, `stream` (events without loss), `client`.

mod acts;
mod analyzer;
mod client;
mod config;
mod counted;
mod dispatch;
mod exposition;
mod forms;
mod front;
mod inquiry;
mod json;
mod lists;
mod metrics;
mod openapi;
mod problem;
mod query;
mod reply;
mod routes;
mod schema;
mod serve;
mod shapes;
mod show;
mod span;
mod sse;
mod stall;
mod stream;

pub use client::{Client, ClientFault, Events};
pub use config::{AnalyzerAccess, Config, ConfigFault};
pub use counted::{Counted, Counts, Measure};
pub use serve::{Api, serve};
pub use sse::StreamEvent;
