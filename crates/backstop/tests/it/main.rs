//! The real binary, tested from outside: command line here, servers and clients in worlds
//! (network namespaces) of their own.
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

mod analyzer;
mod attacks;
mod canary;
mod check;
mod clients;
mod config;
mod corpus;
mod demo;
mod disk;
mod dlp;
mod dns2tcp;
mod dns_answers;
mod dns_around;
mod dns_explain;
mod dns_feeds;
mod dns_fronts;
mod dns_libc;
mod dns_scene;
mod dns_smuggle;
mod dns_tunnels;
mod dns_zones;
mod documents;
mod dumps;
mod explain;
mod fairness;
mod inspect;
mod lifecycle;
mod names;
mod network;
mod operators;
mod record;
mod render;
mod reread;
mod run;
mod scale;
mod scene;
mod sdk;
mod secrets;
mod stage;
mod transfers;
mod windows;
