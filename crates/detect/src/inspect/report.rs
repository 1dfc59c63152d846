//! What an inspection says. Never the matched bytes. Next: `inspection`.

use super::passages::Passage;
use crate::decode::Transform;
use crate::hit::Hit;
use crate::pack::{Acts, Family};
use backstop_model::redacted::Redacted;
use std::sync::Arc;

/// What was found, and whether everything was looked at.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Every finding, by field.
    pub found: Vec<Found>,
    /// Findings that are like many before them and were only counted.
    pub more: Vec<More>,
    /// The content that was looked at, where `Looks::passages` asked for it.
    pub passages: Vec<Passage>,
    /// Whether the inspection reached the end.
    pub outcome: Outcome,
    /// Bytes scanned in all.
    pub scanned: usize,
}

/// How an inspection ended. Anything but `Complete` must be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was looked at.
    #[default]
    Complete,
    /// Something cannot be read.
    Unreadable(Unreadable),
    /// A limit of this name was reached.
    OverLimit(&'static str),
}

/// Why something cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A coding that is not known.
    #[error("the content coding is not known")]
    Coding,
    /// Bytes after the end of a compressed stream.
    #[error("bytes follow the end of a compressed stream")]
    Trailing,
    /// It decompresses to more than it may.
    #[error("it decompresses to more than it may")]
    Bomb,
    /// Framing or syntax that does not hold.
    #[error("malformed: {0}")]
    Malformed(&'static str),
}

/// Findings of one kind that were counted and not kept: a verdict on those that were holds for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct More {
    /// What they are.
    pub entity: Arc<str>,
    /// Which control they belong to.
    pub family: Family,
    /// Whether they refuse by themselves.
    pub acts: Acts,
    /// Their classification level.
    pub level: Option<Arc<str>>,
    /// How many.
    pub count: usize,
}

/// One finding in a payload.
#[derive(Debug, Clone)]
pub struct Found {
    /// The field, as an RFC 6901 pointer.
    pub pointer: String,
    /// What was undone to see it, outermost first.
    pub chain: Vec<Transform>,
    /// What it is. Its span belongs to the decoded text; to the field when the chain is empty.
    pub hit: Hit,
    /// Length of the value in bytes.
    pub length: usize,
    /// The value, for the keyed digest that the gate makes, and for nothing else.
    pub digest_input: Redacted<Vec<u8>>,
}

impl Found {
    /// Field and chain in one line: "/body → base64 → gzip".
    pub fn field(&self) -> String {
        let mut field = self.pointer.clone();
        for Transform(name) in &self.chain {
            field.push_str(" → ");
            field.push_str(name);
        }
        field
    }
}
