//! The API from outside: a real gate and a real ledger behind a real socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests"
)]

mod access;
mod analyzer;
mod description;
mod figures;
mod hostile;
mod house;
mod presidio;
mod routes;
mod streams;
mod wire;
