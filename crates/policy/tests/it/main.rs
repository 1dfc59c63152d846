//! The policy crate from outside: texts in; diagnostics, decisions and digests out.
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

mod decisions;
mod desk;
mod diagnostics;
mod digests;
mod dlp;
mod name_rules;
mod names;
mod properties;
mod reload;
mod targets;
mod trials;
