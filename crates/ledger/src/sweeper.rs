//! The sweeper moves the write-ahead log into the database, off the path of commits.
//!
//! A log that was moved whole begins anew with the next commit, which then waits for the disk (its
//! new header is synced before its frames). So while permits are waited for, the log is moved in
//! short pieces and *pinned*: a reader that stays where it is keeps it from beginning anew, until it
//! is long enough for that to be seldom. Nobody who waits is the one that begins it: see
//! [`crate::store::Store::begin_log_anew`].
//! Next: `ledger`.

use crate::ledger::Shared;
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// Times that one sweep tries to reach the log's end: only a log that was moved whole begins anew,
/// and a commit may come behind each try.
const PASSES: usize = 4;

/// How much of the log is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// What there is, and the log goes on.
    Piece,
    /// All, so that it begins anew.
    Whole,
}

/// A reader that keeps the log from beginning anew while it is pinned.
#[derive(Debug, Clone)]
pub(crate) struct Pin(Arc<Mutex<Connection>>);

impl Pin {
    pub(crate) fn new(reader: Connection) -> Self {
        Self(Arc::new(Mutex::new(reader)))
    }
    /// Lets go of the log.
    pub(crate) fn release(&self) {
        let reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !reader.is_autocommit() {
            let _ = reader.execute_batch("ROLLBACK");
        }
    }
    /// Pins the log at its end: all that stands in it now may still be moved.
    fn renew(&self) {
        self.release();
        let reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pinned = reader.execute_batch("BEGIN").and_then(|()| {
            reader.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0))
        });
        if let Err(error) = pinned {
            tracing::debug!(%error, "the write-ahead log could not be pinned");
        }
    }
}

/// Moves the log whenever it is told to. What it does is never needed by a commit: where it fails,
/// the log grows until it succeeds.
pub(crate) fn run(conn: &Connection, pin: &Pin, nudges: &Receiver<Sweep>, shared: &Shared) {
    while let Ok(sweep) = nudges.recv() {
        let passes = match sweep {
            Sweep::Piece => {
                pin.renew();
                1
            }
            Sweep::Whole => {
                pin.release();
                PASSES
            }
        };
        for _ in 0..passes {
            match moved(conn) {
                Ok((pages, moved)) => {
                    shared.log_pages.store(pages, Ordering::Relaxed);
                    if sweep == Sweep::Whole && moved >= pages {
                        if pages > 0 {
                            shared.swept.store(true, Ordering::Release);
                            shared.queue.nudge();
                        }
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the write-ahead log could not be moved");
                    break;
                }
            }
        }
    }
    pin.release();
}

/// Moves what no reader needs. Pages in the log, and how many of them are moved.
fn moved(conn: &Connection) -> rusqlite::Result<(u64, u64)> {
    let (pages, moved) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    Ok((u64::try_from(pages).unwrap_or(0), u64::try_from(moved).unwrap_or(0)))
}
