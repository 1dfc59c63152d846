//! The listeners from outside, over real sockets. `toy` answers in place of gate and upstreams.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod clients;
mod desk;
mod exact;
mod fronts;
mod house;
mod judged;
mod resolvers;
mod rpz;
mod rpz_bind;
mod sealed;
mod server;
mod signed;
mod slow;
mod tapped;
mod told;
mod toy;
mod whole;
