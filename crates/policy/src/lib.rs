//! Policy: text → typed documents → a pure, total decision.
//!
//! Must not know detectors, the ledger, sockets or the clock.

mod decide;
mod diagnostic;
mod library;
mod policy;

pub use decide::{decide, decide_unparsable};
pub use diagnostic::{Diagnostic, Level, LoadContext, Source};
pub use library::{Applied, Library};
pub use policy::{InspectMode, Policy, PolicyTest, RowTerms, TestOutcome};

/// The Markdown reference of every policy key, for `docs/reference/policy.md`.
pub fn reference() -> String {
    String::new()
}
