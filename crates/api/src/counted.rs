//! Figures that others count, for `/metrics`: this crate knows no plane, so they come as they are to be
//! written. Next: `metrics`.

use std::fmt;

/// A counter in all its kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Its name: `backstop_…_total`.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Labels, and how often since the start. How many there are must be bounded by the configuration.
    pub samples: Vec<(Vec<(&'static str, String)>, u64)>,
}

/// Who counts something besides gate, ledger and API.
pub trait Counts: fmt::Debug + Send + Sync {
    /// What was counted so far.
    fn counted(&self) -> Vec<Counted>;
}
