//! Detectors as data: what a pack may say, and how text becomes typed detectors.
//!
//! ```text
//!  packs/*.yaml ── yaml ─┐
//!  Presidio YAML ─ yaml ─┼─▶ tree ─ fields ─▶ schema · presidio · gitleaks ─▶ Detector
//!  gitleaks TOML ─ toml ─┘                     every fault with its line
//! ```
//! To add a pack: write `packs/NAME.yaml` and add its line in `builtin`. Must not know how text is
//! scanned. Next: `detector` (what comes out), `schema` (what may be written).

mod builtin;
mod catalog;
mod detector;
mod dialect;
mod fault;
mod fields;
mod gitleaks;
mod presidio;
mod regex;
mod schema;
mod toml;
mod tree;
mod yaml;

pub(crate) use builtin::PACKS;
pub use catalog::{Catalog, CatalogEntry};
pub use detector::{Acts, Family};
pub(crate) use detector::{Detector, Group, Guard, Pattern, Trigger};
pub use fault::{PackFault, PackLine};
pub(crate) use gitleaks::read as read_gitleaks;
pub(crate) use presidio::read as read_presidio;
pub(crate) use regex::fault_text as regex_fault;
pub(crate) use schema::read;
