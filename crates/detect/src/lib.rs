//! Bytes in, findings out: PII, credentials, encodings, classification marks. Pure and in-process.
//!
//! ```text
//!  packs/*.yaml ─ pack ─▶ Detector ─┐ compile
//!                                   ▼
//!  payload ─ inspect ─▶ walk ─▶ engine ─▶ hit ─▶ report
//!               ▲                  │  validate · secret · name · mark · corpus
//!               └───── decode ◀────┘  look again at what was decoded
//! ```
//! A detector is data: a row in `packs/` with its pattern, validator, context words, examples and
//! counter-examples. What no pattern can say is a validator (`validate`) or a finder (`secret`,
//! `phone`, `address`).
//! Knows no files, sockets, clocks, policy or tokio. All work is linear in the bytes looked at.
//!
//! Reading order: `pack` (what a detector may say), `engine` (how text is scanned), `hit`,
//! `inspect` (how whole payloads are taken apart).

mod address;
mod attribution;
pub mod corpus;
pub mod decode;
mod detectors;
mod engine;
mod hit;
pub mod hostname;
pub mod inspect;
mod mailbox;
pub mod mark;
mod mask;
pub mod name;
pub mod open;
mod options;
mod pack;
mod phone;
mod score;
pub mod secret;
pub mod validate;
pub mod walk;

pub use detectors::{Builder, Canary, Detectors, SelfTestFault};
pub use engine::Scratch;
pub use hit::{Explanation, Hit};
pub use inspect::{
    Codec, Coding, ContentFields, Found, Inspector, Limits, Looks, Media, More, Outcome, Passage,
    Payload, Report, Transform, Unreadable,
};
pub use name::{NameBudget, NameCounts, NameFault, NameModel, NameScratch, NameSpan, Names};
pub use options::{AllowList, AllowListFault, Families, Notes, ScanOptions};
pub use pack::{Acts, Catalog, CatalogEntry, Family, PackFault, PackLine};
pub use score::Score;
