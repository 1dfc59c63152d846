//! Policy: text → typed documents → a pure, total decision.
//!
//! ```text
//!  text ─ yaml ─▶ tree ─ decode(schema) ─▶ shape is right ─ read ─▶ document
//!                                                                      │ library (last good)
//!  attempt, subject, standing, usage, evidence ─▶ decide ◀─ policy ◀───┘ compile
//!                                                   │
//!                                          exam (tests:) · hint
//! ```
//! Every fault of a file is reported at once, with its place; nothing is half loaded; what this
//! build cannot enforce is refused. Must not know detectors, the ledger, sockets or the clock.
//!
//! Reading order: `schema` (what may be written), `document` (what it becomes), `library` (what
//! happens on reload), `decide` (what it all means).

mod canonical;
mod decide;
mod decode;
mod diagnostic;
mod document;
mod exam;
mod hint;
mod index;
mod library;
mod path;
mod pointer;
mod policy;
mod read;
mod reference;
mod schema;
mod yaml;

pub use decide::{
    NameAsked, NameDecision, NameRow, NameRules, NameTerms, NameTold, decide, decide_name,
    decide_unparsable, name_rules,
};
pub use diagnostic::{Diagnostic, Level, LoadContext, NamesModel, Source};
pub use document::{CredentialSource, Names, OverCap};
pub use exam::{PolicyTest, TestOutcome};
pub use library::{Applied, Library};
pub use policy::{DlpTerms, InspectMode, Policy, RowTerms};
pub use reference::reference;
