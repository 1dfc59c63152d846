//! The seal on what stands: the key's word that the table is as the writer left it.
//!
//! A quarantine deleted from the table while nobody writes would be a release that nobody gave.
//! So each flush signs a digest of every row that a start would restore: all that has not ended,
//! or ended after `since`. The signature is Ed25519 over
//! ```text
//! "backstop.ledger.standing.v1\0" ‖ SHA-256 of ledger id ‖ folded ‖ since ‖ digest
//! ```
//! and the digest SHA-256 over kind, id, end and body of each row in key order, each with its
//! length before it. Alerts are left out: nothing hangs on them. Next: `retention`.

use super::{Place, meta, number};
use crate::key::{PublicKey, SigningKey, hex, unhex};
use backstop_model::id::Digest;
use rusqlite::{Connection, params};
use sha2::Digest as _;

const DOMAIN: &[u8] = b"backstop.ledger.standing.v1\0";

/// Seals the table as of row `folded`, in the transaction that brought it there.
pub(super) fn put(
    conn: &Connection,
    key: &SigningKey,
    ledger: &str,
    folded: u64,
    since: i64,
) -> rusqlite::Result<()> {
    let signature = hex(&key.sign(&message(conn, ledger, folded, since)?));
    let mut put = conn.prepare_cached(
        "INSERT INTO meta (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?;
    put.execute(params!["folded", folded.to_string()])?;
    put.execute(params!["since", since.to_string()])?;
    put.execute(params!["seal", signature])?;
    Ok(())
}

/// Whether the table is as it was sealed. Before the first flush there is neither; once retention
/// has removed events there must be, and no older one than they.
pub(crate) fn holds(
    conn: &Connection,
    key: &PublicKey,
    ledger: &str,
    base: u64,
    head: Place,
) -> rusqlite::Result<bool> {
    let Some(seal) = meta(conn, "seal")? else {
        let rows: i64 = conn.query_row("SELECT count(*) FROM standing", [], |row| row.get(0))?;
        return Ok(rows == 0 && base == 0 && meta(conn, "folded")?.is_none());
    };
    let parsed = |name| -> rusqlite::Result<i64> {
        Ok(meta(conn, name)?.and_then(|text| text.parse().ok()).unwrap_or(-1))
    };
    let (folded, since) = (parsed("folded")?, parsed("since")?);
    if folded < number(base) || folded > number(head.seq) {
        return Ok(false);
    }
    let message = message(conn, ledger, u64::try_from(folded).unwrap_or(0), since)?;
    Ok(unhex(&seal).is_some_and(|signature| key.verifies(&message, &signature)))
}

fn message(conn: &Connection, ledger: &str, folded: u64, since: i64) -> rusqlite::Result<Vec<u8>> {
    let mut digest = sha2::Sha256::new();
    let mut query = conn.prepare_cached(
        "SELECT kind, id, ifnull(CAST(ended AS TEXT), 'never'), body FROM standing
         WHERE kind <> 'alert' AND (ended IS NULL OR ended >= ?1) ORDER BY kind, id",
    )?;
    let mut rows = query.query([since])?;
    while let Some(row) = rows.next()? {
        for index in 0..4 {
            let text = row.get_ref(index)?.as_bytes_or_null()?.unwrap_or_default();
            digest.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(text);
        }
    }
    let mut out = DOMAIN.to_vec();
    out.extend(Digest::of(ledger.as_bytes()).0);
    out.extend(folded.to_be_bytes());
    out.extend(since.to_be_bytes());
    out.extend(<[u8; 32]>::from(digest.finalize()));
    Ok(out)
}
