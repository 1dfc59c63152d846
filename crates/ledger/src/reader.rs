//! Reading without the lock: `verify`, `prove`, `export` and `explain RECEIPT`, while a server
//! writes or none does. Next: `verify`.

use crate::checkpoint::Checkpoint;
use crate::key::PublicKey;
use crate::ledger::{Recorded, open_read};
use crate::store::{self, directory, rows, schema};
use crate::{LedgerFault, proof, verify};
use backstop_model::id::{ReceiptId, SessionId, TenantName};
use rusqlite::{Connection, Params, params};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Which events to show; the default shows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this session.
    pub session: Option<SessionId>,
    /// Only of this tenant.
    pub tenant: Option<TenantName>,
    /// Only of these types ([`crate::record::TYPES`]); empty for all.
    pub types: Vec<String>,
}

/// A view of a ledger's files, read-only.
pub struct Reader {
    pub(crate) conn: Connection,
    directory: PathBuf,
}

impl Reader {
    /// Opens the ledger in `directory` for reading.
    ///
    /// # Errors
    /// [`LedgerFault`] where there is none or it is newer than this version.
    pub fn open(directory: &Path) -> Result<Self, LedgerFault> {
        let conn = open_read(directory).map_err(|e| store::fault(directory, &e))?;
        let found = schema::version(&conn).map_err(|e| store::fault(directory, &e))?;
        let directory = directory.to_owned();
        if found > schema::VERSION {
            return Err(LedgerFault::TooNew { directory, found, known: schema::VERSION });
        }
        if found == 0 {
            let what = "there is no ledger yet".into();
            return Err(LedgerFault::Unusable { directory, what });
        }
        Ok(Self { conn, directory })
    }

    /// Whether a living process writes the ledger of this directory. The system lets go of its lock
    /// when it dies, however that ends.
    ///
    /// # Errors
    /// [`LedgerFault`] where the lock cannot be looked at.
    pub fn has_writer(directory: &Path) -> Result<bool, LedgerFault> {
        directory::is_held(directory).map_err(|fault| directory::fault(directory, &fault))
    }

    /// The event with this receipt.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn find(&self, receipt: &ReceiptId) -> Result<Option<Recorded>, LedgerFault> {
        let row = rows::by_receipt(&self.conn, receipt.as_str()).map_err(|e| self.fault(&e))?;
        row.map(|row| self.recorded(row)).transpose()
    }

    /// At most `limit` events after row `seq`, in order.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Recorded>, LedgerFault> {
        self.select(&Filter::default(), seq, limit)
    }

    /// At most `limit` events after row `seq` that the filter lets through, in order.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn select(
        &self,
        filter: &Filter,
        seq: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, LedgerFault> {
        let sql = select("seq > ?4", "ASC LIMIT ?5");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let [session, tenant, types] = values(filter);
        let mut out = Vec::new();
        self.each(&sql, params![session, tenant, types, store::number(seq), limit], |row| {
            out.push(self.recorded(row)?);
            Ok(())
        })?;
        Ok(out)
    }

    /// The newest event that the filter lets through.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn last(&self, filter: &Filter) -> Result<Option<Recorded>, LedgerFault> {
        let sql = select("true", "DESC LIMIT 1");
        let [session, tenant, types] = values(filter);
        let mut out = None;
        self.each(&sql, params![session, tenant, types], |row| {
            out = Some(self.recorded(row)?);
            Ok(())
        })?;
        Ok(out)
    }

    /// Writes the events after row `after` that the filter lets through as JSON lines, each with
    /// `seq` and `hash` before the fields of the record; one row is in memory at a time. Says how
    /// many.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read, or `out` written.
    pub fn export_after(
        &self,
        filter: &Filter,
        after: u64,
        out: &mut dyn Write,
    ) -> Result<u64, LedgerFault> {
        let sql = select("seq > ?4", "ASC");
        let [session, tenant, types] = values(filter);
        let mut count = 0;
        self.each(&sql, params![session, tenant, types, store::number(after)], |row| {
            line(&row, out).map_err(|error| self.unusable(format!("export: {error}")))?;
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// [`Reader::export_after`] from the first row.
    ///
    /// # Errors
    /// As [`Reader::export_after`].
    pub fn export(&self, filter: &Filter, out: &mut dyn Write) -> Result<u64, LedgerFault> {
        self.export_after(filter, 0, out)
    }

    /// Proves the whole chain, or names the first row that breaks it.
    ///
    /// # Errors
    /// [`verify::Broken`] with the row and what is wrong with it.
    pub fn verify(
        &self,
        options: &verify::VerifyOptions,
    ) -> Result<verify::Verified, verify::Broken> {
        verify::verify(self, options)
    }

    /// A proof for the event with this receipt that needs nothing but the public key.
    ///
    /// # Errors
    /// [`LedgerFault::Missing`] where there is no such event, or no checkpoint covers it yet.
    pub fn prove(&self, receipt: &ReceiptId) -> Result<proof::Proof, LedgerFault> {
        proof::prove(self, receipt)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, LedgerFault> {
        rows::newest_checkpoint(&self.conn).map_err(|e| self.fault(&e))
    }

    /// The key in `ledger.pub`.
    ///
    /// # Errors
    /// [`LedgerFault`] where it cannot be read.
    pub fn public_key(&self) -> Result<PublicKey, LedgerFault> {
        directory::public_key(&self.directory)
    }

    /// The ledger's id, which stands in its checkpoints.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn id(&self) -> Result<String, LedgerFault> {
        let id = store::meta(&self.conn, "ledger").map_err(|e| self.fault(&e))?;
        id.ok_or_else(|| self.unusable("it has no id".into()))
    }

    /// Whether the schema has the table of what stands: since version 2.
    pub(crate) fn keeps_standing(&self) -> Result<bool, LedgerFault> {
        schema::version(&self.conn).map(|version| version >= 2).map_err(|e| self.fault(&e))
    }

    fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut take: impl FnMut(rows::RawRow) -> Result<(), LedgerFault>,
    ) -> Result<(), LedgerFault> {
        let mut query = self.conn.prepare_cached(sql).map_err(|e| self.fault(&e))?;
        let mut found = query.query(params).map_err(|e| self.fault(&e))?;
        while let Some(row) = found.next().map_err(|e| self.fault(&e))? {
            take(rows::raw(row).map_err(|e| self.fault(&e))?)?;
        }
        Ok(())
    }

    fn recorded(&self, row: rows::RawRow) -> Result<Recorded, LedgerFault> {
        rows::recorded(row)
            .map_err(|what| LedgerFault::Broken { directory: self.directory.clone(), what })
    }
    pub(crate) fn fault(&self, error: &rusqlite::Error) -> LedgerFault {
        store::fault(&self.directory, error)
    }
    fn unusable(&self, what: String) -> LedgerFault {
        LedgerFault::Unusable { directory: self.directory.clone(), what }
    }
}

fn select(which: &str, order: &str) -> String {
    format!(
        "SELECT {} FROM events
         WHERE (?1 IS NULL OR session = ?1) AND (?2 IS NULL OR tenant = ?2)
           AND (?3 IS NULL OR type IN (SELECT value FROM json_each(?3))) AND {which}
         ORDER BY seq {order}",
        rows::COLUMNS
    )
}

fn values(filter: &Filter) -> [Option<String>; 3] {
    let types = (!filter.types.is_empty())
        .then(|| serde_json::Value::from(filter.types.clone()).to_string());
    [
        filter.session.as_ref().map(|id| id.as_str().to_owned()),
        filter.tenant.as_ref().map(|name| name.as_str().to_owned()),
        types,
    ]
}

/// The record's own bytes, with `seq` and `hash` put in behind the opening brace.
fn line(row: &rows::RawRow, out: &mut dyn Write) -> io::Result<()> {
    let rest = row.body.strip_prefix(b"{").unwrap_or(&row.body);
    write!(out, "{{\"seq\":{},\"hash\":\"{}\",", row.seq, row.hash)?;
    out.write_all(rest)?;
    out.write_all(b"\n")
}
