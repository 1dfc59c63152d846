//! The database: rows in, in order, in transactions. Held by the writer alone.
//!
//! ```text
//!  directory  lock, key, reserve      schema     versions and migrations
//!  rows       reading rows            retention  removing the oldest segments
//! ```
//! Must not know queues or views' meaning: standing is text with a key here. Next: `directory`.

pub(crate) mod directory;
pub(crate) mod retention;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod seal;

use crate::checkpoint::Checkpoint;
use crate::key::SigningKey;
use crate::{Durability, LedgerFault, chain};
use backstop_model::id::Digest;
use backstop_model::time::Timestamp;
use directory::{DATABASE, Directory};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another connection's lock.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// Bytes of the write-ahead log's file that are kept for reuse under load: a file that is cut and grows
/// again costs each commit the system's work for new pages. No more than the log begins anew after.
pub(crate) const LOG_KEPT: u64 = 4 << 20;
/// … and where nobody waits for commits: a flood of refusals should leave little behind.
pub(crate) const LOG_LEAST: u64 = 512 << 10;

/// One row before it has its place.
pub(crate) struct NewRow<'a> {
    pub(crate) receipt: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) session: Option<&'a str>,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) at: Timestamp,
    pub(crate) body: &'a [u8],
    pub(crate) digest: Digest,
}

/// One thing that stands, as text.
pub(crate) struct StandingRow {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) body: String,
}

/// The place of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
}

/// What one transaction adds beside rows.
#[derive(Default)]
pub(crate) struct Extra {
    /// What stands as of the head before this transaction, and since when what has ended still
    /// counts.
    pub(crate) standing: Option<(Vec<StandingRow>, Timestamp)>,
    /// With it, forget what ended before.
    pub(crate) forget: Option<Timestamp>,
    /// Sign the new head at this time.
    pub(crate) checkpoint: Option<Timestamp>,
    /// The new base, with the checkpoint.
    pub(crate) base: Option<u64>,
}

/// What one transaction has written.
pub(crate) struct Written {
    /// The place of each row, in order, or why it alone was not written.
    pub(crate) places: Vec<Result<Place, LedgerFault>>,
    pub(crate) checkpoint: Option<Checkpoint>,
}

pub(crate) struct Store {
    conn: Connection,
    directory: Directory,
    key: SigningKey,
    ledger: String,
    head: Place,
    base: u64,
    /// The newest row that a checkpoint covers.
    covered: u64,
    /// The row as of which `standing` holds.
    folded: u64,
}

impl Store {
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self, LedgerFault> {
        let directory = Directory::hold(path)?;
        let key = directory.key()?;
        let fault = |error: rusqlite::Error| fault(path, &error);
        let mut conn = Connection::open(path.join(DATABASE)).map_err(fault)?;
        configure(&conn, durability).map_err(fault)?;
        schema::migrate(&mut conn, path)?;
        let ledger = ledger_id(&conn, path)?;
        let newest = rows::newest_checkpoint(&conn).map_err(fault)?;
        let base = rows::base(&conn).map_err(fault)?;
        let head = rows::head(&conn).map_err(fault)?;
        let covered = newest.as_ref().map_or(0, |c| c.seq);
        let folded = meta(&conn, "folded").map_err(fault)?;
        let folded = folded.and_then(|text| text.parse().ok()).unwrap_or(0);
        // An empty table after retention removed everything goes on from the base checkpoint.
        let head = match (head, &newest) {
            (Some(place), _) => place,
            (None, Some(c)) => Place { seq: c.seq, hash: c.hash },
            (None, None) => Place { seq: 0, hash: Digest::ZERO },
        };
        let store = Self { conn, directory, key, ledger, head, base, covered, folded };
        store.check(newest.as_ref())?;
        Ok(store)
    }

    /// What can be checked in no time: the newest checkpoint and the head agree.
    fn check(&self, newest: Option<&Checkpoint>) -> Result<(), LedgerFault> {
        let broken = |what: String| {
            Err(LedgerFault::Broken { directory: self.directory.path().to_owned(), what })
        };
        if self.folded > self.head.seq {
            return broken(format!(
                "rows {} to {} are missing: what stands was folded up to there",
                self.head.seq + 1,
                self.folded
            ));
        }
        let sealed =
            seal::holds(&self.conn, &self.key.public(), &self.ledger, self.base, self.head);
        if !sealed.map_err(|e| self.fault(&e))? {
            return broken("what stands was changed by another than the writer".into());
        }
        let Some(newest) = newest else { return Ok(()) };
        if newest.ledger != self.ledger || !newest.is_signed_by(&self.key.public()) {
            return broken(format!(
                "the checkpoint at row {} was not signed by `ledger.key`",
                newest.seq
            ));
        }
        if newest.seq > self.head.seq {
            return broken(format!(
                "rows {} to {} are missing: a checkpoint has signed them",
                self.head.seq + 1,
                newest.seq
            ));
        }
        let place = rows::place(&self.conn, newest.seq).map_err(|e| self.fault(&e))?;
        if place.is_some_and(|place| place.hash != newest.hash) {
            return broken(format!("row {} is not the one that was signed", newest.seq));
        }
        Ok(())
    }

    /// Writes the rows and what comes with them in one transaction.
    ///
    /// A receipt that is there already fails alone; any other fault fails all, and nothing is
    /// written.
    pub(crate) fn write(
        &mut self,
        new: &[NewRow<'_>],
        extra: Extra,
    ) -> Result<Written, LedgerFault> {
        let path = self.directory.path().to_owned();
        let fault = |error: rusqlite::Error| fault(&path, &error);
        let tx = Transaction::begin(&self.conn).map_err(fault)?;
        let mut folded = self.folded;
        if let Some((standing, since)) = &extra.standing {
            put_standing(tx.conn, standing).map_err(fault)?;
            if let Some(before) = extra.forget {
                tx.conn
                    .execute("DELETE FROM standing WHERE ended < ?1", [before.unix_micros()])
                    .map_err(fault)?;
            }
            let since = since.unix_micros();
            seal::put(tx.conn, &self.key, &self.ledger, self.head.seq, since).map_err(fault)?;
            folded = self.head.seq;
        }
        let mut head = self.head;
        let mut places = Vec::with_capacity(new.len());
        {
            let mut insert = tx
                .conn
                .prepare_cached(
                    "INSERT INTO events (seq, receipt, type, session, tenant, at, body, hash)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )
                .map_err(fault)?;
            for row in new {
                let seq = head.seq + 1;
                let hash = chain::link(&head.hash, seq, &row.digest);
                let done = insert.execute(params![
                    number(seq),
                    row.receipt,
                    row.kind,
                    row.session,
                    row.tenant,
                    row.at.unix_micros(),
                    row.body,
                    hash.0
                ]);
                places.push(match done {
                    Ok(_) => {
                        head = Place { seq, hash };
                        Ok(head)
                    }
                    Err(error)
                        if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) =>
                    {
                        Err(LedgerFault::Twice(row.receipt.to_owned()))
                    }
                    Err(error) => return Err(fault(error)),
                });
            }
        }
        let base = extra.base.unwrap_or(self.base);
        let checkpoint = match extra.checkpoint {
            Some(at) if head.seq > 0 => {
                let signed =
                    Checkpoint::sign(&self.key, &self.ledger, head.seq, head.hash, base, at);
                put_checkpoint(tx.conn, &signed).map_err(fault)?;
                Some(signed)
            }
            Some(_) | None => None,
        };
        tx.commit().map_err(fault)?;
        self.head = head;
        self.base = base;
        self.folded = folded;
        if let Some(signed) = &checkpoint {
            self.covered = signed.seq;
        }
        Ok(Written { places, checkpoint })
    }

    pub(crate) fn id(&self) -> &str {
        &self.ledger
    }
    pub(crate) fn head(&self) -> Place {
        self.head
    }
    pub(crate) fn base(&self) -> u64 {
        self.base
    }
    /// Rows that no checkpoint covers yet.
    pub(crate) fn uncovered(&self) -> u64 {
        self.head.seq.saturating_sub(self.covered)
    }
    pub(crate) fn folded(&self) -> u64 {
        self.folded
    }
    /// Since when what has ended is sealed.
    pub(crate) fn sealed_since(&self) -> rusqlite::Result<Option<i64>> {
        Ok(meta(&self.conn, "since")?.and_then(|text| text.parse().ok()))
    }
    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }
    pub(crate) fn fault(&self, error: &rusqlite::Error) -> LedgerFault {
        fault(self.directory.path(), error)
    }
    /// Bytes of the database in use.
    pub(crate) fn bytes(&self) -> rusqlite::Result<u64> {
        self.conn.query_row(
            "SELECT (page_count - freelist_count) * page_size
             FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
            [],
            |row| rows::unsigned(row, 0),
        )
    }
    /// Begins the transaction of the next [`Store::write`], unless another connection has one:
    /// then `false`, at once. [`Store::end_unused`] must follow.
    pub(crate) fn begin_at_once(&self) -> bool {
        let _ = self.conn.busy_timeout(Duration::ZERO);
        let begun = self.conn.prepare_cached("BEGIN IMMEDIATE").and_then(|mut s| s.execute([]));
        let _ = self.conn.busy_timeout(BUSY);
        begun.is_ok()
    }
    /// Ends a transaction of [`Store::begin_at_once`] that nothing was written in.
    pub(crate) fn end_unused(&self) {
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
    /// Begins the write-ahead log anew once all of it is in the database. Whatever is written first
    /// does that, and then waits for the disk (the log's new header is synced before its frames):
    /// nobody who waits for a commit should be that one. The version is written as it is. Of a longer
    /// file `kept` bytes are kept for reuse.
    pub(crate) fn begin_log_anew(&self, kept: u64) {
        let _ = self.conn.busy_timeout(Duration::ZERO);
        let _ =
            self.conn.pragma_update_and_check(None, "journal_size_limit", number(kept), |_| Ok(()));
        let _ = self.conn.pragma_update(None, "user_version", schema::VERSION);
        let _ = self.conn.busy_timeout(BUSY);
    }
    /// Moves all of the write-ahead log into the database and cuts it, unless a reader still
    /// needs it: commits never wait for a reader.
    pub(crate) fn truncate_log(&self) {
        let _ = self.conn.busy_timeout(Duration::ZERO);
        let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _ = self.conn.busy_timeout(BUSY);
    }
}

/// A transaction that is rolled back unless it is committed. Its statements are kept: a commit of
/// one row is short enough for their parsing to count.
struct Transaction<'a> {
    conn: &'a Connection,
    open: bool,
}

impl<'a> Transaction<'a> {
    /// Goes on with the one of [`Store::begin_at_once`], if there is one.
    fn begin(conn: &'a Connection) -> rusqlite::Result<Self> {
        if conn.is_autocommit() {
            conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        Ok(Self { conn, open: true })
    }
    fn commit(mut self) -> rusqlite::Result<()> {
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // A fault such as a full disk may have rolled it back already.
        if self.open && !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}

fn put_standing(conn: &Connection, rows: &[StandingRow]) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT INTO standing (kind, id, ended, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, id) DO UPDATE SET ended = excluded.ended, body = excluded.body",
    )?;
    for row in rows {
        put.execute(params![row.kind, row.id, row.ended.map(Timestamp::unix_micros), row.body])?;
    }
    Ok(())
}

fn put_checkpoint(conn: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO checkpoints (seq, at, line) VALUES (?1, ?2, ?3)")?.execute(
        params![number(checkpoint.seq), checkpoint.at.unix_micros(), checkpoint.to_line()],
    )?;
    Ok(())
}

fn configure(conn: &Connection, durability: Durability) -> rusqlite::Result<()> {
    // Before the first table: it cannot be changed without a full vacuum later.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(
        None,
        "synchronous",
        match durability {
            Durability::Os => "NORMAL",
            Durability::Disk => "FULL",
        },
    )?;
    // The sweeper moves the log into the database, off the path of commits.
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    // After a burst the log's file shrinks again once it is written from its start.
    conn.pragma_update_and_check(None, "journal_size_limit", number(LOG_LEAST), |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -8_192)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.busy_timeout(BUSY)
}

/// The ledger's id, drawn on first open.
fn ledger_id(conn: &Connection, path: &Path) -> Result<String, LedgerFault> {
    let fault = |error: rusqlite::Error| fault(path, &error);
    if let Some(id) = meta(conn, "ledger").map_err(fault)? {
        return Ok(id);
    }
    let mut random = [0u8; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| LedgerFault::Unusable {
        directory: path.to_owned(),
        what: "the system has no randomness".into(),
    })?;
    let id = format!("ldg_{}", crate::key::hex(&random));
    conn.execute("INSERT INTO meta (name, value) VALUES ('ledger', ?1)", [&id]).map_err(fault)?;
    Ok(id)
}

pub(crate) fn meta(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// A row number as SQLite has it.
pub(crate) fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// What a database error means for who writes.
pub(crate) fn fault(directory: &Path, error: &rusqlite::Error) -> LedgerFault {
    let (directory, what) = (directory.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LedgerFault::Full { directory, what },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            LedgerFault::Broken { directory, what }
        }
        _ => LedgerFault::Unusable { directory, what },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often the write-ahead log was begun anew: the checkpoint number in its header
    /// (SQLite's file format, § 4.1).
    fn begun(directory: &Path) -> u32 {
        let log = std::fs::read(directory.join(format!("{DATABASE}-wal"))).unwrap();
        u32::from_be_bytes(log[12..16].try_into().unwrap())
    }

    #[test]
    fn a_log_that_was_moved_whole_begins_anew_before_the_next_commit() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), Durability::Os).unwrap();
        let write = |store: &mut Store, receipt: &str| {
            let row = NewRow {
                receipt,
                kind: "k",
                session: None,
                tenant: None,
                at: Timestamp::from_unix_micros(1),
                body: b"{}",
                digest: Digest::of(b"{}"),
            };
            store.write(&[row], Extra::default()).unwrap();
        };
        write(&mut store, "a");
        let before = begun(directory.path());
        let swept = store.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        swept.unwrap();
        assert_eq!(begun(directory.path()), before);
        store.begin_log_anew(LOG_LEAST);
        assert_eq!(begun(directory.path()), before + 1);
        write(&mut store, "b");
        assert_eq!(begun(directory.path()), before + 1);
        assert_eq!(schema::version(&store.conn).unwrap(), schema::VERSION);
    }
}
