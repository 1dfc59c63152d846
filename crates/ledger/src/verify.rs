//! `verify`: the whole chain, row by row, in constant memory; the first row that breaks it is
//! named with what is wrong.
//!
//! What it can prove depends on what it is given:
//! - by itself: no row was changed, moved, added or taken out without the signing key. Rows after
//!   the newest checkpoint are chained but not signed yet.
//! - with a checkpoint or witness file kept elsewhere: nor was the end cut off, an older copy put
//!   back, or history rewritten *with* the key, up to the newest checkpoint kept there.
//!
//! Next: `proof`.

use crate::chain;
use crate::checkpoint::Checkpoint;
use crate::key::PublicKey;
use crate::ledger::CHECKPOINT_AT_LEAST;
use crate::reader::Reader;
use crate::record;
use crate::store::rows::{self, RawRow};
use crate::store::{Place, seal};
use backstop_model::id::Digest;
use rusqlite::Connection;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

/// What to hold the chain against beside its own checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// A checkpoint that was kept elsewhere.
    pub checkpoint: Option<Checkpoint>,
    /// A file of checkpoints that was kept elsewhere, one a line.
    pub witness: Option<PathBuf>,
    /// The public key, kept elsewhere; otherwise that of `ledger.pub`.
    pub key: Option<PublicKey>,
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The ledger.
    pub ledger: String,
    /// Rows checked.
    pub rows: u64,
    /// The first row kept; 0 where there is none.
    pub first: u64,
    /// The last row.
    pub last: u64,
    /// The last row's hash.
    pub hash: Digest,
    /// The newest row that a checkpoint has signed: those after it are chained only.
    pub signed: u64,
    /// Checkpoints checked.
    pub checkpoints: u64,
    /// Checkpoints kept elsewhere that the chain agrees with.
    pub witnessed: u64,
    /// Checkpoints kept elsewhere of rows that retention has removed since: nothing to compare.
    pub outlived: u64,
}

/// What is wrong with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Breakage {
    /// A row is not as it was written.
    Altered,
    /// Two rows have changed places.
    Swapped,
    /// Rows are missing between others, or before them.
    Missing,
    /// The end was cut off.
    CutTail,
    /// The end was cut off or an older copy was put back: a checkpoint kept elsewhere is ahead.
    RolledBack,
    /// The row is not the one that a checkpoint has signed: history was rewritten.
    Rewritten,
    /// A checkpoint that the key did not sign.
    ForgedCheckpoint,
    /// It is not the ledger, or not the key, that the checkpoint kept elsewhere speaks of.
    Foreign,
    /// The table of what stands is not as the writer left it.
    Standing,
    /// The files cannot be read.
    Unreadable,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The row; `None` where it is not about one row.
    pub row: Option<u64>,
    /// What is wrong.
    pub kind: Breakage,
    /// In a sentence.
    pub detail: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}
impl std::error::Error for Broken {}

fn broken<T>(row: impl Into<Option<u64>>, kind: Breakage, detail: String) -> Result<T, Broken> {
    Err(Broken { row: row.into(), kind, detail })
}

pub(crate) fn verify(reader: &Reader, options: &VerifyOptions) -> Result<Verified, Broken> {
    let conn = &reader.conn;
    // One transaction: what a running server adds meanwhile is not seen.
    let _snapshot = conn.unchecked_transaction().map_err(unreadable)?;
    let ledger = reader.id().map_err(unreadable)?;
    let key = match options.key {
        Some(key) => key,
        None => reader.public_key().map_err(unreadable)?,
    };
    let own = own_checkpoints(conn, &ledger, &key)?;
    let kept = kept_elsewhere(options, &ledger, &key)?;
    let mut walk = Walk {
        conn,
        previous: start(conn, own.base, &key)?,
        expected: own.base + 1,
        own: Marks::new(own.marks, own.base, Breakage::Rewritten),
        kept: Marks::new(kept, own.base, Breakage::Rewritten),
        rows: 0,
    };
    if own.base > 0 {
        let hash = walk.previous;
        walk.own.meet(own.base, &hash)?;
        walk.kept.meet(own.base, &hash)?;
    }
    rows::each_after(conn, own.base, |row| walk.row(&row)).map_err(unreadable)??;
    let last = walk.expected - 1;
    if let Some((seq, _)) = walk.own.next() {
        return broken(
            last + 1,
            Breakage::CutTail,
            format!("rows {} to {seq} are missing: the end was cut off", last + 1),
        );
    }
    if let Some((seq, _)) = walk.kept.next() {
        return broken(
            last + 1,
            Breakage::RolledBack,
            format!(
                "rows {} to {seq} are missing, which a checkpoint kept elsewhere has signed: the end was cut off or an older copy put back",
                last + 1
            ),
        );
    }
    if last.saturating_sub(own.signed) > CHECKPOINT_AT_LEAST {
        return broken(
            own.signed + 1,
            Breakage::ForgedCheckpoint,
            format!("no checkpoint signs the rows from here to {last}: checkpoints were removed"),
        );
    }
    let head = Place { seq: last, hash: walk.previous };
    if reader.keeps_standing().map_err(unreadable)?
        && !seal::holds(conn, &key, &ledger, own.base, head).map_err(unreadable)?
    {
        return broken(
            None,
            Breakage::Standing,
            "the table of what stands (sessions, tokens, quarantines, holds, grants) was changed by another than the writer".into(),
        );
    }
    Ok(Verified {
        ledger,
        rows: walk.rows,
        first: if walk.rows == 0 { 0 } else { own.base + 1 },
        last,
        hash: walk.previous,
        signed: own.signed,
        checkpoints: own.count,
        witnessed: walk.kept.met,
        outlived: walk.kept.outlived,
    })
}

fn unreadable(error: impl fmt::Display) -> Broken {
    Broken { row: None, kind: Breakage::Unreadable, detail: error.to_string() }
}

/// Row numbers and the hashes they must have, in order: 40 bytes a checkpoint are all that is
/// held in memory.
struct Marks {
    marks: std::iter::Peekable<std::vec::IntoIter<(u64, Digest)>>,
    met: u64,
    outlived: u64,
    kind: Breakage,
}

impl Marks {
    fn new(mut marks: Vec<(u64, Digest)>, base: u64, kind: Breakage) -> Self {
        let all = marks.len();
        marks.retain(|(seq, _)| *seq >= base.max(1));
        marks.sort_unstable();
        let outlived = u64::try_from(all - marks.len()).unwrap_or(0);
        Self { marks: marks.into_iter().peekable(), met: 0, outlived, kind }
    }
    fn next(&mut self) -> Option<(u64, Digest)> {
        self.marks.next()
    }
    /// The chain has this hash at this row: so must every checkpoint there.
    fn meet(&mut self, seq: u64, hash: &Digest) -> Result<(), Broken> {
        while let Some((_, signed)) = self.marks.next_if(|(marked, _)| *marked <= seq) {
            if signed != *hash {
                return broken(
                    seq,
                    self.kind,
                    "it is not the row that a checkpoint has signed: history was rewritten".into(),
                );
            }
            self.met += 1;
        }
        Ok(())
    }
}

struct Own {
    marks: Vec<(u64, Digest)>,
    base: u64,
    signed: u64,
    count: u64,
}

fn own_checkpoints(conn: &Connection, ledger: &str, key: &PublicKey) -> Result<Own, Broken> {
    let mut own = Own { marks: Vec::new(), base: 0, signed: 0, count: 0 };
    let mut query =
        conn.prepare("SELECT seq, line FROM checkpoints ORDER BY seq, id").map_err(unreadable)?;
    let mut found = query.query([]).map_err(unreadable)?;
    while let Some(row) = found.next().map_err(unreadable)? {
        let seq = rows::unsigned(row, 0).map_err(unreadable)?;
        let line: String = row.get(1).map_err(unreadable)?;
        let good = Checkpoint::parse(&line)
            .is_ok_and(|c| c.seq == seq && c.ledger == ledger && c.is_signed_by(key));
        let (true, Ok(checkpoint)) = (good, Checkpoint::parse(&line)) else {
            return broken(
                seq,
                Breakage::ForgedCheckpoint,
                format!("the checkpoint here was not signed by the key {}", key.id()),
            );
        };
        own.marks.push((seq, checkpoint.hash));
        own.base = own.base.max(checkpoint.base);
        own.signed = own.signed.max(seq);
        own.count += 1;
    }
    Ok(own)
}

fn kept_elsewhere(
    options: &VerifyOptions,
    ledger: &str,
    key: &PublicKey,
) -> Result<Vec<(u64, Digest)>, Broken> {
    let mut marks = Vec::new();
    let mut foreign = None;
    let mut take = |checkpoint: &Checkpoint| {
        if checkpoint.ledger != ledger {
            foreign = Some(checkpoint.ledger.clone());
            return Ok(());
        }
        if !checkpoint.is_signed_by(key) {
            return broken(
                checkpoint.seq,
                Breakage::Foreign,
                format!(
                    "the checkpoint kept elsewhere was signed by the key {}, the ledger's is {}: one of them was forged",
                    checkpoint.key,
                    key.id()
                ),
            );
        }
        marks.push((checkpoint.seq, checkpoint.hash));
        Ok(())
    };
    if let Some(checkpoint) = &options.checkpoint {
        take(checkpoint)?;
    }
    if let Some(path) = &options.witness {
        let file = File::open(path)
            .map_err(|error| unreadable(format!("witness `{}`: {error}", path.display())))?;
        for (number, line) in (1u64..).zip(BufReader::new(file).lines()) {
            let line = line.map_err(unreadable)?;
            if line.trim().is_empty() {
                continue;
            }
            let checkpoint = Checkpoint::parse(&line).map_err(|fault| {
                unreadable(format!("witness `{}`, line {number}: {fault}", path.display()))
            })?;
            take(&checkpoint)?;
        }
    }
    // A witness may serve several ledgers; one that does not know this one witnesses nothing.
    if let (true, Some(other)) = (marks.is_empty(), foreign) {
        return broken(
            None,
            Breakage::Foreign,
            format!("what was kept elsewhere speaks of ledger {other}, this is {ledger}"),
        );
    }
    Ok(marks)
}

/// The hash that the first kept row must follow.
fn start(conn: &Connection, base: u64, key: &PublicKey) -> Result<Digest, Broken> {
    if base == 0 {
        return Ok(Digest::ZERO);
    }
    let line = conn.query_row(
        "SELECT line FROM checkpoints WHERE seq = ?1 ORDER BY id LIMIT 1",
        [crate::store::number(base)],
        |row| row.get::<_, String>(0),
    );
    match line.ok().and_then(|line| Checkpoint::parse(&line).ok()) {
        Some(checkpoint) if checkpoint.is_signed_by(key) => Ok(checkpoint.hash),
        Some(_) | None => broken(
            base,
            Breakage::Missing,
            "the checkpoint from which the kept rows follow is missing".into(),
        ),
    }
}

struct Walk<'a> {
    conn: &'a Connection,
    previous: Digest,
    expected: u64,
    own: Marks,
    kept: Marks,
    rows: u64,
}

impl Walk<'_> {
    fn row(&mut self, row: &RawRow) -> Result<(), Broken> {
        if row.seq != self.expected {
            let detail = if row.seq == self.expected + 1 {
                "it is missing".to_owned()
            } else {
                format!("rows {} to {} are missing", self.expected, row.seq - 1)
            };
            return broken(self.expected, Breakage::Missing, detail);
        }
        let hash = chain::link(&self.previous, row.seq, &Digest::of(&row.body));
        if hash != row.hash {
            return Err(self.diagnose(row));
        }
        columns(row)?;
        self.own.meet(row.seq, &hash)?;
        self.kept.meet(row.seq, &hash)?;
        self.previous = hash;
        self.expected += 1;
        self.rows += 1;
        Ok(())
    }

    /// The row does not follow: was it changed, or does another row's body belong here?
    fn diagnose(&self, row: &RawRow) -> Broken {
        let swapped = rows::each_after(self.conn, row.seq, |other| {
            let moved = chain::link(&self.previous, row.seq, &Digest::of(&other.body));
            // The hash stayed in its place, or moved with the body.
            if moved == row.hash || moved == other.hash { Err(other.seq) } else { Ok(()) }
        });
        match swapped {
            Ok(Err(other)) => Broken {
                row: Some(row.seq),
                kind: Breakage::Swapped,
                detail: format!("it has changed places with row {other}"),
            },
            Ok(Ok(())) | Err(_) => Broken {
                row: Some(row.seq),
                kind: Breakage::Altered,
                detail: "it is not as it was written: its body, number or hash was changed".into(),
            },
        }
    }
}

/// The columns repeat what the body says, or a row could be hidden from queries unseen.
fn columns(row: &RawRow) -> Result<(), Broken> {
    let altered = |what: &str| {
        broken(row.seq, Breakage::Altered, format!("its {what} is not what its body says"))
    };
    let event = match record::decode(&row.body) {
        Ok(event) => event,
        Err(fault) => return broken(row.seq, Breakage::Unreadable, fault.to_string()),
    };
    let subject = event.subject.as_ref();
    if event.receipt.as_str() != row.receipt {
        return altered("receipt");
    }
    if record::type_of(&event.fact) != row.kind {
        return altered("type");
    }
    if subject.and_then(|s| s.session.as_ref()).map(|id| id.as_str()) != row.session.as_deref() {
        return altered("session");
    }
    if subject.map(|s| s.tenant.as_str()) != row.tenant.as_deref() {
        return altered("tenant");
    }
    if event.at.unix_micros() != row.at {
        return altered("time");
    }
    Ok(())
}
