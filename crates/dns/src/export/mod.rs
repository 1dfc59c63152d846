//! A policy's names written down for resolvers that others run: Response Policy Zones and CoreDNS.
//!
//! ```text
//!  rules ─▶ closed   every ancestor has its rows ─▶ Record
//!                                                    ├▶ text      a zone file, its serial, drift
//!                                                    ├▶ resolver  what each resolver must be told
//!                                                    └▶ transfer  the same by AXFR and IXFR
//!  rules ─▶ coredns  stanzas
//! ```
//! Pure: rules come as `model::name::NameRule`, the time is handed in. Must not know policy, files
//! or sockets. Next: `closed`.

mod closed;

mod text;

pub mod serial;

pub mod coredns;

pub mod resolver;

pub use closed::{Action, Record, TooLong, Zone};
pub use text::{Drift, Header, drift, render, rest, rest_origin, serial_of};
pub(crate) use text::{TIMES, TTL};
