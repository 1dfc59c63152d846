//! What can go wrong at the ledger's border. The gate turns each into a refusal.
//! Next: `chain`.

use std::path::PathBuf;

/// Why the ledger did not do what was asked. Nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// Another process holds the directory.
    #[error("the ledger in `{}` is in use by process {pid}", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// The process that holds it, as it wrote it down itself; `unknown` if it did not.
        pid: String,
    },
    /// The disk is full: permits are refused until there is space again.
    #[error(
        "the disk of the ledger in `{}` is full ({what}); free space there or lower `ledger.retention`",
        directory.display()
    )]
    Full {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        what: String,
    },
    /// The directory or the database cannot be read or written.
    #[error(
        "the ledger in `{}` cannot be used ({what}); check that the directory exists, is mounted read-write and belongs to this user",
        directory.display()
    )]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        what: String,
    },
    /// The database was written by a newer version.
    #[error(
        "the ledger in `{}` has schema version {found}, this version reads up to {known}",
        directory.display()
    )]
    TooNew {
        /// The directory.
        directory: PathBuf,
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// What is on disk contradicts itself.
    #[error("the ledger in `{}` is broken: {what}; see `backstop ledger verify`", directory.display())]
    Broken {
        /// The directory.
        directory: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// Too many events wait, of this session or in all.
    #[error("too many events wait to be recorded")]
    QueueFull,
    /// A receipt that is already on record.
    #[error("receipt `{0}` is already on record")]
    Twice(String),
    /// There is no such row, or none that can be proved yet.
    #[error("{0}")]
    Missing(String),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}
