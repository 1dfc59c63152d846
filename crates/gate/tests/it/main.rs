//! The gate against a real ledger and real policy texts; the resolver and the wire are ports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod acting;
mod analyzing;
mod analyzing_tls;
mod asking;
mod current;
mod cutting;
mod disk;
mod house;
mod inspecting;
mod kept;
mod living;
mod naming;
mod payload;
mod recording;
mod standing;
