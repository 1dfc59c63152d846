//! Figures that others count, for `/metrics`: this crate knows no plane, so they come as they are to be
//! written. Next: `metrics`.

use std::fmt;

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// It counts since the start, and never falls.
    Total,
    /// It is what it is now.
    Now,
}

/// A figure in all its kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Its name: `backstop_…_total` if it counts.
    pub name: &'static str,
    /// How it moves.
    pub measure: Measure,
    /// What it says.
    pub help: &'static str,
    /// Labels, and the figure. How many there are must be bounded by the configuration.
    pub samples: Vec<(Vec<(&'static str, String)>, u64)>,
}

/// Who counts something besides gate, ledger and API.
pub trait Counts: fmt::Debug + Send + Sync {
    /// What was counted so far.
    fn counted(&self) -> Vec<Counted>;
}
