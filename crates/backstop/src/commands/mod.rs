//! One file a command: it reads its arguments, asks a room, prints the answer.

pub(crate) mod alerts;
pub(crate) mod allow;
pub(crate) mod canary;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod corpus;
pub(crate) mod dns;
pub(crate) mod explain;
pub(crate) mod holds;
pub(crate) mod inspect;
pub(crate) mod ledger;
pub(crate) mod models;
pub(crate) mod quarantine;
mod receipt;
pub(crate) mod remote;
pub(crate) mod render;
pub(crate) mod serve;
pub(crate) mod sessions;
pub(crate) mod tokens;

use std::fmt;

/// The caller's mistake: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage;

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot run as asked")
    }
}

impl std::error::Error for Usage {}

/// Marks a fault as the caller's mistake.
pub(crate) fn usage(fault: anyhow::Error) -> anyhow::Error {
    fault.context(Usage)
}
