//! The test tools themselves: worlds end at this machine, servers record, loads count.
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

mod loads;
mod servers;
mod worlds;
