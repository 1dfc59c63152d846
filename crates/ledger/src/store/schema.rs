//! The schema, one step a version. A step that has been released is never edited.
//! Next: the parent.

use crate::LedgerFault;
use rusqlite::Connection;
use std::path::Path;

/// Step `n` leads from version `n` to `n + 1`.
const STEPS: &[&str] = &[
    // 1: the chain. `body` is the truth; the other columns repeat parts of it for queries.
    "CREATE TABLE meta (
       name TEXT PRIMARY KEY,
       value TEXT NOT NULL
     ) WITHOUT ROWID;
     CREATE TABLE events (
       seq INTEGER PRIMARY KEY,
       receipt TEXT NOT NULL,
       type TEXT NOT NULL,
       session TEXT,
       tenant TEXT,
       at INTEGER NOT NULL,
       body BLOB NOT NULL,
       hash BLOB NOT NULL
     );
     CREATE UNIQUE INDEX events_receipt ON events (receipt);
     CREATE TABLE checkpoints (
       id INTEGER PRIMARY KEY,
       seq INTEGER NOT NULL,
       at INTEGER NOT NULL,
       line TEXT NOT NULL
     );
     CREATE INDEX checkpoints_seq ON checkpoints (seq);",
    // 2: what stands, as of row `folded` in `meta`, so that opening need not replay everything.
    "CREATE TABLE standing (
       kind TEXT NOT NULL,
       id TEXT NOT NULL,
       ended INTEGER,
       body TEXT NOT NULL,
       PRIMARY KEY (kind, id)
     ) WITHOUT ROWID;
     CREATE INDEX standing_ended ON standing (ended) WHERE ended IS NOT NULL;",
];

/// The newest version.
pub(crate) const VERSION: i64 = 2;

/// Brings the database to the newest version, each step in a transaction of its own.
pub(crate) fn migrate(conn: &mut Connection, directory: &Path) -> Result<(), LedgerFault> {
    let fault = |error: rusqlite::Error| super::fault(directory, &error);
    let found = version(conn).map_err(fault)?;
    if found > VERSION {
        let directory = directory.to_owned();
        return Err(LedgerFault::TooNew { directory, found, known: VERSION });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (version, step) in (1i64..).zip(STEPS).skip(done) {
        let tx = conn.transaction().map_err(fault)?;
        tx.execute_batch(step).map_err(fault)?;
        tx.pragma_update(None, "user_version", version).map_err(fault)?;
        tx.commit().map_err(fault)?;
    }
    Ok(())
}

pub(crate) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_counts_the_steps() {
        assert_eq!(usize::try_from(VERSION), Ok(STEPS.len()));
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        let fault = migrate(&mut conn, Path::new("/x")).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "the ledger in `/x` has schema version 99, this version reads up to 2"
        );
    }
}
