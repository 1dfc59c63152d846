//! Reading rows: shared by the writer, the handle and the `Reader`.
//! Next: `retention`.

use super::{Place, number};
use crate::checkpoint::Checkpoint;
use crate::ledger::Recorded;
use crate::record;
use backstop_model::id::Digest;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// A row as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRow {
    pub(crate) seq: u64,
    pub(crate) receipt: String,
    pub(crate) kind: String,
    pub(crate) session: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) at: i64,
    pub(crate) body: Vec<u8>,
    pub(crate) hash: Digest,
}

pub(crate) const COLUMNS: &str = "seq, receipt, type, session, tenant, at, body, hash";

pub(crate) fn raw(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    Ok(RawRow {
        seq: unsigned(row, 0)?,
        receipt: row.get(1)?,
        kind: row.get(2)?,
        session: row.get(3)?,
        tenant: row.get(4)?,
        at: row.get(5)?,
        body: row.get(6)?,
        hash: digest(row, 7)?,
    })
}

/// A hash column. One of another length reads as zero, which no row hashes to.
fn digest(row: &Row<'_>, index: usize) -> rusqlite::Result<Digest> {
    let bytes = row.get_ref(index)?.as_bytes_or_null()?.unwrap_or_default();
    Ok(Digest(bytes.try_into().unwrap_or([0; 32])))
}

/// A whole number that is never below zero; one that is reads as zero, which is no row.
pub(crate) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

/// The event of a row.
pub(crate) fn recorded(row: RawRow) -> Result<Recorded, String> {
    match record::decode(&row.body) {
        Ok(event) => Ok(Recorded { seq: row.seq, hash: row.hash, event }),
        Err(fault) => Err(format!("row {}: {fault}", row.seq)),
    }
}

pub(crate) fn head(conn: &Connection) -> rusqlite::Result<Option<Place>> {
    conn.query_row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", [], |row| {
        Ok(Place { seq: unsigned(row, 0)?, hash: digest(row, 1)? })
    })
    .optional()
}

pub(crate) fn place(conn: &Connection, seq: u64) -> rusqlite::Result<Option<Place>> {
    conn.query_row("SELECT seq, hash FROM events WHERE seq = ?1", [number(seq)], |row| {
        Ok(Place { seq: unsigned(row, 0)?, hash: digest(row, 1)? })
    })
    .optional()
}

pub(crate) fn after(conn: &Connection, seq: u64, limit: usize) -> rusqlite::Result<Vec<RawRow>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.prepare_cached(&sql)?.query_map(params![number(seq), limit], raw)?.collect()
}

pub(crate) fn by_receipt(conn: &Connection, receipt: &str) -> rusqlite::Result<Option<RawRow>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE receipt = ?1");
    conn.prepare_cached(&sql)?.query_row([receipt], raw).optional()
}

/// The newest checkpoint that can be read. The last written, not the highest: a later one at the
/// same row may carry a newer base.
pub(crate) fn newest_checkpoint(conn: &Connection) -> rusqlite::Result<Option<Checkpoint>> {
    let line: Option<String> = conn
        .query_row("SELECT line FROM checkpoints ORDER BY seq DESC, id DESC LIMIT 1", [], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(line.and_then(|line| Checkpoint::parse(&line).ok()))
}

/// The last row that retention removed, as the newest checkpoint says.
pub(crate) fn base(conn: &Connection) -> rusqlite::Result<u64> {
    Ok(newest_checkpoint(conn)?.map_or(0, |c| c.base))
}

/// Shows each thing that stands, or ended after `since`, to `take`; of alerts the newest.
pub(crate) fn standing<E>(
    conn: &Connection,
    since: i64,
    mut take: impl FnMut(&str, &str, &str) -> Result<(), E>,
) -> rusqlite::Result<Result<(), E>> {
    let mut query = conn.prepare(
        "SELECT kind, id, body FROM standing
         WHERE kind <> 'alert' AND (ended IS NULL OR ended >= ?1)
         UNION ALL
         SELECT * FROM (SELECT kind, id, body FROM standing WHERE kind = 'alert'
                        ORDER BY id DESC LIMIT ?2)",
    )?;
    let alerts = i64::try_from(crate::views::state::ALERTS).unwrap_or(i64::MAX);
    let mut rows = query.query(params![since, alerts])?;
    while let Some(row) = rows.next()? {
        let (kind, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Err(fault) = take(&kind, &id, &body) {
            return Ok(Err(fault));
        }
    }
    Ok(Ok(()))
}

/// Shows each row after `seq` to `take`, in order, one in memory at a time.
pub(crate) fn each_after<E>(
    conn: &Connection,
    seq: u64,
    mut take: impl FnMut(RawRow) -> Result<(), E>,
) -> rusqlite::Result<Result<(), E>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq");
    let mut query = conn.prepare_cached(&sql)?;
    let mut rows = query.query([number(seq)])?;
    while let Some(row) = rows.next()? {
        if let Err(fault) = take(raw(row)?) {
            return Ok(Err(fault));
        }
    }
    Ok(Ok(()))
}
