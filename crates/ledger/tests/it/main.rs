//! The ledger from outside: attacks on its files, kills, full disks, and what it promises of speed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod disk;
mod keeping;
mod kill;
mod proofs;
mod speed;
mod standing;
mod support;
mod tamper;
