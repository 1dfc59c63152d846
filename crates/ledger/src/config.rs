//! How a ledger runs: where it lies, how hard it writes, how long it keeps.
//! Must not know policy. Next: `fault`.

use backstop_model::id::ByteCount;
use std::path::PathBuf;
use std::time::Duration;

/// What an answered commit has survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// The operating system has it: it survives the death of the process (`kill -9`), not of the machine.
    #[default]
    Os,
    /// The disk has it: one `fsync` for each group commit.
    Disk,
}

/// How long events are kept. What stands (sessions, tokens, quarantines, grants, holds) outlives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events older than this are removed, in whole checkpointed segments.
    pub age: Duration,
    /// The oldest segments are removed once the database is larger than this.
    pub size: ByteCount,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age: Duration::from_secs(30 * 86_400), size: ByteCount(10 << 30) }
    }
}

/// Where signed checkpoints go beside the ledger itself, so that a cut tail or an old copy shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Witness {
    /// Nowhere: whoever holds disk and key can rewrite history.
    #[default]
    None,
    /// One JSON line each, appended to this file (best on another machine's disk).
    File(PathBuf),
    /// One JSON line each on standard output, for a log shipper.
    Stdout,
}

/// How a ledger runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory: database, key, lock and reserve. Made with mode 0700 if it is not there.
    pub directory: PathBuf,
    /// What an answered commit has survived.
    pub durability: Durability,
    /// How long events are kept.
    pub retention: Retention,
    /// A checkpoint is signed at the latest after this many rows.
    pub checkpoint_every: u64,
    /// A checkpoint is signed at the latest this long after a row that none covers.
    pub checkpoint_within: Duration,
    /// Where checkpoints go beside the ledger itself.
    pub witness: Witness,
    /// Disk space kept back: once the disk is full, permits are refused and refusals and alerts
    /// are still recorded in it.
    pub reserve: ByteCount,
    /// How many events may wait in all.
    pub queue: usize,
    /// How many events of one session may wait.
    pub lane: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("ledger"),
            durability: Durability::Os,
            retention: Retention::default(),
            checkpoint_every: 512,
            checkpoint_within: Duration::from_secs(60),
            witness: Witness::None,
            reserve: ByteCount(16 << 20),
            queue: 65_536,
            lane: 4_096,
        }
    }
}
