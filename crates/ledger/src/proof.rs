//! Proofs: one event, and why the signing key vouches for it. Checked with the public key alone.
//!
//! ```json
//! {"version":1,"ledger":"ldg_…","seq":41,"previous":"sha256:…","body":"{\"version\":1,…}",
//!  "following":["sha256:…", …],"checkpoint":{"version":1,…}}
//! ```
//! From `previous`, `seq` and the body's SHA-256 follows the row's hash; from it and the digests
//! of the following bodies the hash at the checkpoint, which is signed. The following rows show
//! nothing but their digests.

use crate::checkpoint::{Checkpoint, CheckpointJson};
use crate::key::PublicKey;
use crate::reader::Reader;
use crate::record::words::Text;
use crate::store::{number, rows};
use crate::{LedgerFault, chain, record};
use backstop_model::event::Event;
use backstop_model::id::{Digest, ReceiptId};
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// One event and its way to a signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The ledger.
    pub ledger: String,
    /// The row.
    pub seq: u64,
    /// The hash of the row before.
    pub previous: Digest,
    /// The record's bytes.
    pub body: String,
    /// SHA-256 of the bodies of the rows after it, up to the checkpoint's.
    pub following: Vec<Digest>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// What a good proof proves.
#[derive(Debug, Clone, PartialEq)]
pub struct Proved {
    /// The event.
    pub event: Event,
    /// Its row.
    pub seq: u64,
    /// The row's hash.
    pub hash: Digest,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// It is not JSON of the right shape.
    #[error("not a proof: {0}")]
    Malformed(String),
    /// The checkpoint was not signed by that key.
    #[error("the checkpoint was not signed by this key")]
    Signature,
    /// The checkpoint is of another ledger.
    #[error("the checkpoint is of another ledger")]
    Ledger,
    /// Event and following digests do not lead to the checkpoint.
    #[error("the event does not lead to the checkpoint")]
    Chain,
}

#[derive(Serialize, Deserialize)]
struct ProofJson {
    version: u32,
    ledger: String,
    seq: u64,
    previous: Text<Digest>,
    body: String,
    following: Vec<Text<Digest>>,
    checkpoint: CheckpointJson,
}

impl Proof {
    /// Checks the proof with the public key alone.
    ///
    /// # Errors
    /// [`ProofFault`] saying where it fails.
    pub fn check(&self, key: &PublicKey) -> Result<Proved, ProofFault> {
        if !self.checkpoint.is_signed_by(key) {
            return Err(ProofFault::Signature);
        }
        if self.checkpoint.ledger != self.ledger {
            return Err(ProofFault::Ledger);
        }
        let own = chain::link(&self.previous, self.seq, &Digest::of(self.body.as_bytes()));
        let (mut seq, mut hash) = (self.seq, own);
        for digest in &self.following {
            seq = seq.checked_add(1).ok_or(ProofFault::Chain)?;
            hash = chain::link(&hash, seq, digest);
        }
        if (seq, hash) != (self.checkpoint.seq, self.checkpoint.hash) {
            return Err(ProofFault::Chain);
        }
        let event = record::decode(self.body.as_bytes())
            .map_err(|fault| ProofFault::Malformed(fault.to_string()))?;
        Ok(Proved { event, seq: self.seq, hash: own })
    }

    /// Parses the JSON form.
    ///
    /// # Errors
    /// [`ProofFault::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofFault> {
        let malformed = |fault: &dyn std::fmt::Display| ProofFault::Malformed(fault.to_string());
        let json: ProofJson = serde_json::from_str(text).map_err(|e| malformed(&e))?;
        if json.version != VERSION {
            return Err(malformed(&format!("it has version {}", json.version)));
        }
        Ok(Self {
            ledger: json.ledger,
            seq: json.seq,
            previous: json.previous.0,
            body: json.body,
            following: json.following.into_iter().map(|d| d.0).collect(),
            checkpoint: json.checkpoint.try_into().map_err(|e| malformed(&e))?,
        })
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        let json = ProofJson {
            version: VERSION,
            ledger: self.ledger.clone(),
            seq: self.seq,
            previous: Text(self.previous),
            body: self.body.clone(),
            following: self.following.iter().copied().map(Text).collect(),
            checkpoint: CheckpointJson::from(&self.checkpoint),
        };
        serde_json::to_string(&json).unwrap_or_default()
    }
}

pub(crate) fn prove(reader: &Reader, receipt: &ReceiptId) -> Result<Proof, LedgerFault> {
    let conn = &reader.conn;
    let fault = |error: rusqlite::Error| reader.fault(&error);
    let missing = |what: &str| LedgerFault::Missing(format!("receipt `{receipt}` {what}"));
    let _snapshot = conn.unchecked_transaction().map_err(fault)?;
    let row = rows::by_receipt(conn, receipt.as_str())
        .map_err(fault)?
        .ok_or_else(|| missing("is not on record"))?;
    let line: Option<String> = conn
        .query_row(
            "SELECT line FROM checkpoints WHERE seq >= ?1 ORDER BY seq, id LIMIT 1",
            [number(row.seq)],
            |found| found.get(0),
        )
        .optional()
        .map_err(fault)?;
    let checkpoint = line
        .and_then(|line| Checkpoint::parse(&line).ok())
        .ok_or_else(|| missing("is on record, but no checkpoint covers it yet"))?;
    let previous = match row.seq {
        1 => Some(Digest::ZERO),
        seq => match rows::place(conn, seq - 1).map_err(fault)? {
            Some(place) => Some(place.hash),
            None => checkpoint_hash(reader, seq - 1)?,
        },
    };
    let mut query = conn
        .prepare("SELECT body FROM events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq")
        .map_err(fault)?;
    let following = query
        .query_map(params![number(row.seq), number(checkpoint.seq)], |found| {
            Ok(Digest::of(found.get_ref(0)?.as_bytes()?))
        })
        .and_then(Iterator::collect)
        .map_err(fault)?;
    Ok(Proof {
        ledger: checkpoint.ledger.clone(),
        seq: row.seq,
        previous: previous.ok_or_else(|| missing("lost the row before it"))?,
        body: String::from_utf8(row.body).map_err(|_| missing("is not readable"))?,
        following,
        checkpoint,
    })
}

/// The hash of a row that retention has removed, as its checkpoint says.
fn checkpoint_hash(reader: &Reader, seq: u64) -> Result<Option<Digest>, LedgerFault> {
    let line: Option<String> = reader
        .conn
        .query_row("SELECT line FROM checkpoints WHERE seq = ?1 LIMIT 1", [number(seq)], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|error| reader.fault(&error))?;
    Ok(line.and_then(|line| Checkpoint::parse(&line).ok()).map(|c| c.hash))
}
