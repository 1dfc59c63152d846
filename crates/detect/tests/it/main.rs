//! The crate from outside: real packs, real text.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests may stop"
)]

mod chains;
mod gates;
mod presidio_cases;
mod presidio_entities;
