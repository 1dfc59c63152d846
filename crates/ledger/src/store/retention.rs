//! Removing the oldest rows, in whole checkpointed segments.
//!
//! First a checkpoint is signed that names the new base; from then on the rows up to it may be
//! absent and `verify` starts behind them. Then they are removed, some at a time between two
//! batches, and the pages given back. Who removes rows without the key has no such checkpoint to
//! show. What stands outlives its events: it is in the `standing` table. Next: `queue`.

use super::{Store, number};
use backstop_model::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

/// Rows removed between two batches.
const STEP_ROWS: i64 = 512;
/// Pages given back between two batches.
const STEP_PAGES: i64 = 64;

impl Store {
    /// The row up to which events are older than `before`, or too many for `size` bytes: always
    /// one that a checkpoint has signed. `None` where nothing is to be removed.
    pub(crate) fn overdue(&self, before: Timestamp, size: u64) -> rusqlite::Result<Option<u64>> {
        let by_age: Option<i64> = self
            .conn()
            .query_row(
                "SELECT max(seq) FROM checkpoints WHERE at < ?1",
                [before.unix_micros()],
                |row| row.get(0),
            )
            .optional()?
            .flatten();
        let bytes = self.bytes()?;
        let rows = self.head().seq.saturating_sub(self.base());
        let by_size: Option<i64> = if bytes > size && rows > 0 {
            // Down to 90 %, so that it need not be done for every few rows.
            let excess = u128::from(bytes - size / 10 * 9);
            let share = u128::from(rows) * excess / u128::from(bytes.max(1));
            let share = u64::try_from(share).unwrap_or(rows).clamp(1, rows);
            self.conn()
                .query_row(
                    "SELECT min(seq) FROM checkpoints WHERE seq >= ?1",
                    [number(self.base().saturating_add(share))],
                    |row| row.get(0),
                )
                .optional()?
                .flatten()
        } else {
            None
        };
        Ok(by_age.max(by_size).and_then(|s| u64::try_from(s).ok()).filter(|seq| *seq > self.base()))
    }

    /// Removes some of what lies at or below the base. Says whether there is more to do.
    pub(crate) fn purge(&mut self) -> rusqlite::Result<bool> {
        let base = number(self.base());
        let tx = self.conn.transaction()?;
        let removed = tx.execute(
            "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= ?1 ORDER BY seq LIMIT ?2)",
            params![base, STEP_ROWS],
        )?;
        if removed == 0 {
            // The checkpoint at the base itself stays: the chain starts there.
            tx.execute("DELETE FROM checkpoints WHERE seq < ?1", [base])?;
        }
        tx.commit()?;
        if removed > 0 {
            return Ok(true);
        }
        let free: i64 = self.conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if free > STEP_PAGES {
            // Each row of the answer is one page given back.
            let mut vacuum =
                self.conn.prepare_cached(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))?;
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether anything ended before `before`.
    pub(crate) fn has_ended(&self, before: Timestamp) -> rusqlite::Result<bool> {
        self.conn().query_row(
            "SELECT EXISTS (SELECT 1 FROM standing WHERE ended < ?1)",
            [before.unix_micros()],
            |row| row.get(0),
        )
    }
}
