//! Checkpoints: the key's word that the chain had this hash at this row.
//!
//! One line of JSON, the form that is kept in the database, written to the witness and embedded in
//! proofs:
//! ```json
//! {"version":1,"ledger":"ldg_0f…","seq":4096,"hash":"sha256:…","base":0,"at":"2026-11-22T10:00:00.000000Z","key":"sha256:…","signature":"…128 hexadecimal digits…"}
//! ```
//! `base` is the last row that retention had removed by then: rows up to it may be absent, rows
//! after it may not. The signature is Ed25519 over
//! ```text
//! "backstop.ledger.checkpoint.v1\0" ‖ length of ledger id (1 byte) ‖ ledger id ‖ seq ‖ base ‖ hash ‖ at ‖ key
//! ```
//! with `seq` and `base` as 8 bytes and `at` as microseconds since 1970 in 8 bytes, all
//! big-endian, and `key` the SHA-256 of the public key. Next: `store`.

use crate::key::{PublicKey, SigningKey, hex, unhex};
use crate::record::words::Text;
use backstop_model::id::Digest;
use backstop_model::time::Timestamp;
use serde::{Deserialize, Serialize};

const DOMAIN: &[u8] = b"backstop.ledger.checkpoint.v1\0";
const VERSION: u32 = 1;

/// A signed statement about the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger.
    pub ledger: String,
    /// The row.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
    /// The last row that retention had removed.
    pub base: u64,
    /// When it was signed.
    pub at: Timestamp,
    /// SHA-256 of the public key.
    pub key: Digest,
    /// The Ed25519 signature.
    pub signature: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CheckpointJson {
    version: u32,
    ledger: String,
    seq: u64,
    hash: Text<Digest>,
    base: u64,
    at: Text<Timestamp>,
    key: Text<Digest>,
    signature: String,
}

impl From<&Checkpoint> for CheckpointJson {
    fn from(value: &Checkpoint) -> Self {
        Self {
            version: VERSION,
            ledger: value.ledger.clone(),
            seq: value.seq,
            hash: Text(value.hash),
            base: value.base,
            at: Text(value.at),
            key: Text(value.key),
            signature: hex(&value.signature),
        }
    }
}

impl TryFrom<CheckpointJson> for Checkpoint {
    type Error = CheckpointFault;
    fn try_from(json: CheckpointJson) -> Result<Self, CheckpointFault> {
        if json.version != VERSION {
            return Err(CheckpointFault(format!("it has version {}", json.version)));
        }
        let signature = unhex(&json.signature)
            .ok_or_else(|| CheckpointFault("its signature is not hexadecimal".into()))?;
        Ok(Self {
            ledger: json.ledger,
            seq: json.seq,
            hash: json.hash.0,
            base: json.base,
            at: json.at.0,
            key: json.key.0,
            signature,
        })
    }
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: {0}")]
pub struct CheckpointFault(String);

impl Checkpoint {
    pub(crate) fn sign(
        key: &SigningKey,
        ledger: &str,
        seq: u64,
        hash: Digest,
        base: u64,
        at: Timestamp,
    ) -> Self {
        let mut checkpoint = Self {
            ledger: ledger.to_owned(),
            seq,
            hash,
            base,
            at,
            key: key.public().id(),
            signature: Vec::new(),
        };
        checkpoint.signature = key.sign(&checkpoint.message());
        checkpoint
    }

    /// Whether `key` signed exactly this.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.key == key.id() && key.verifies(&self.message(), &self.signature)
    }

    /// Parses one line.
    ///
    /// # Errors
    /// [`CheckpointFault`] for anything but the form above.
    pub fn parse(line: &str) -> Result<Self, CheckpointFault> {
        serde_json::from_str::<CheckpointJson>(line)
            .map_err(|fault| CheckpointFault(fault.to_string()))?
            .try_into()
    }

    /// The line, without a line feed.
    pub fn to_line(&self) -> String {
        serde_json::to_string(&CheckpointJson::from(self)).unwrap_or_default()
    }

    fn message(&self) -> Vec<u8> {
        let id = self.ledger.as_bytes();
        let mut out = DOMAIN.to_vec();
        out.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        out.extend(id);
        out.extend(self.seq.to_be_bytes());
        out.extend(self.base.to_be_bytes());
        out.extend(self.hash.0);
        out.extend(self.at.unix_micros().to_be_bytes());
        out.extend(self.key.0);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_every_field_is_signed() {
        let (key, _) = SigningKey::draw().unwrap();
        let at = Timestamp::from_unix_micros(1_700_000_000_000_000);
        let good = Checkpoint::sign(&key, "ldg_x", 7, Digest::of(b"h"), 3, at);
        assert!(good.is_signed_by(&key.public()));
        assert_eq!(Checkpoint::parse(&good.to_line()), Ok(good.clone()));
        let forged = [
            Checkpoint { ledger: "ldg_y".into(), ..good.clone() },
            Checkpoint { seq: 8, ..good.clone() },
            Checkpoint { hash: Digest::of(b"g"), ..good.clone() },
            Checkpoint { base: 4, ..good.clone() },
            Checkpoint { at: at.plus(std::time::Duration::from_micros(1)), ..good.clone() },
            Checkpoint { signature: vec![0; 64], ..good.clone() },
        ];
        for checkpoint in forged {
            assert!(!checkpoint.is_signed_by(&key.public()), "{checkpoint:?}");
        }
        let (other, _) = SigningKey::draw().unwrap();
        assert!(!good.is_signed_by(&other.public()));
    }
}
