//! The proxy with a real gate and a real ledger, met by raw TCP clients; upstreams on loopback
//! stand behind public-looking addresses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod house;

mod connect;
mod forward;
mod identity;
mod limits;
mod smuggling;
mod windows;
