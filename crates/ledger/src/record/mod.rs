//! The record: an event as JSON, the form that is hashed, exported and sent to watchers.
//!
//! ```json
//! {"version":1,"receipt":"rcp_…","at":"2026-11-22T10:00:00.000000Z","policy":"sha256:…",
//!  "subject":{"session":"ses_…","tenant":"research","skill":{"name":"weather","version":"1.2.0","digest":"sha256:…"}},
//!  "type":"AttemptRefused","fact":{"asked":{…},"control":"egress.skill","reason":"…"}}
//! ```
//! The form is canonical in that one event gives one text: fields in the order above, no white
//! space, absent options left out. The ledger keeps exactly these bytes and hashes them; nothing
//! is ever written a second time from the parsed form. Times are RFC 3339 in UTC, spans and sizes
//! integers with their unit in the name or the documentation, digests `sha256:` and hexadecimal.
//!
//! A reader ignores fields that it does not know as long as `version` is its own; a record of
//! another version is refused. New facts and new fields that may be absent keep the version.
//! Next: `facts`.

pub(crate) mod facts;
pub(crate) mod words;

pub use facts::{TYPES, type_of};

use crate::ledger::Recorded;
use backstop_model::event::Event;
use backstop_model::id::{Digest, ReceiptId};
use backstop_model::time::Timestamp;
use facts::{FactJson, SubjectJson};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use words::{Mirror, Text, absent};

/// The version of the record's form.
pub const VERSION: u32 = 1;

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// They are not JSON of the right shape.
    #[error("not a readable event: {0}")]
    Malformed(String),
    /// They were written by another version.
    #[error("the event has record version {0}, this version reads {VERSION}")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
struct EventJson {
    version: u32,
    receipt: Text<ReceiptId>,
    at: Text<Timestamp>,
    policy: Text<Digest>,
    #[serde(skip_serializing_if = "absent")]
    subject: Option<SubjectJson>,
    #[serde(flatten)]
    fact: FactJson,
}

/// The bytes that are kept and hashed.
///
/// # Errors
/// [`RecordFault::Malformed`] never in practice: every event has a JSON form.
pub fn encode(event: &Event) -> Result<Vec<u8>, RecordFault> {
    serde_json::to_vec(&EventJson {
        version: VERSION,
        receipt: Text(event.receipt.clone()),
        at: Text(event.at),
        policy: Text(event.policy),
        subject: Mirror::of(&event.subject),
        fact: Mirror::of(&event.fact),
    })
    .map_err(|fault| RecordFault::Malformed(fault.to_string()))
}

/// The event that these bytes record.
///
/// # Errors
/// [`RecordFault`] for anything that [`encode`] of this version would not have written, except
/// fields that are not known.
pub fn decode(body: &[u8]) -> Result<Event, RecordFault> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let malformed = |fault: serde_json::Error| RecordFault::Malformed(fault.to_string());
    let json: EventJson = match serde_json::from_slice(body) {
        Ok(json) => json,
        Err(fault) => {
            return match serde_json::from_slice::<Version>(body) {
                Ok(Version { version }) if version != VERSION => Err(RecordFault::Version(version)),
                Ok(_) | Err(_) => Err(malformed(fault)),
            };
        }
    };
    if json.version != VERSION {
        return Err(RecordFault::Version(json.version));
    }
    Ok(Event {
        receipt: json.receipt.0,
        at: json.at.0,
        policy: json.policy.0,
        subject: json.subject.back(),
        fact: json.fact.back(),
    })
}

/// The record with its place in the chain: `seq` and `hash` beside the fields of the record.
pub fn to_json(recorded: &Recorded) -> Value {
    let mut out = serde_json::Map::new();
    out.insert("seq".into(), recorded.seq.into());
    out.insert("hash".into(), recorded.hash.to_string().into());
    let body = encode(&recorded.event).ok().and_then(|b| serde_json::from_slice(&b).ok());
    if let Some(Value::Object(fields)) = body {
        out.extend(fields);
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests;
