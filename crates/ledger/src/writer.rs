//! The writer: turns what waits into rows. One thread does it, or, while there is little to do, whoever
//! asks for a commit: it then waits for no other thread ([`commit_here`]).
//!
//! Each round takes a batch, writes it in one transaction, folds it into the views, shows it to
//! the tail and only then answers who waits: no permit is answered before its row is committed.
//! Between rounds it signs checkpoints, keeps retention and looks whether a full disk has space
//! again.
//!
//! When the disk is full the reserve is given up: refusals, alerts and whatever else takes
//! something away are still recorded in it, while what opens something (permits, sessions,
//! tokens, grants, approvals, releases) fails until the reserve can be filled again.
//! Next: `sweeper`.

use crate::checkpoint::Checkpoint;
use crate::ledger::{NowFn, Receipt, Recorded, Shared};
use crate::queue::Entry;
use crate::record;
use crate::store::{Extra, LOG_KEPT, LOG_LEAST, NewRow, StandingRow, Store, Written};
use crate::sweeper::{Pin, Sweep};
use crate::views::state::LINGER;
use crate::witness;
use crate::{Config, Durability, LedgerFault, Witness};
use backstop_model::event::{Fact, Resolution};
use backstop_model::time::Timestamp;
use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Rows in one transaction: enough to spread its cost, few enough to keep everybody's wait short.
const BATCH: usize = 64;
/// How long nothing was written before whoever asks writes by itself: below that rate of commits
/// there is no company to share a transaction with.
const QUIET: Duration = Duration::from_millis(1);
/// Rows between two flushes of what stands: bounds what opening must replay.
const FLUSH_EVERY: u64 = 8_192;
/// How often retention is looked at.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// How often a full disk is looked at while nobody asks.
const RETRY: Duration = Duration::from_millis(500);
/// Bytes in the log past which the sweeper is nudged at once: few enough that the log stays in
/// pages that were used before, that one sweep is short, and that a flood leaves little behind.
const SWEEP_EVERY: u64 = LOG_LEAST;
/// Commits of permits since the last sweep from which on the log is moved in pieces, and begins anew
/// only when it is [`LOG_KEPT`] long: who asks at that moment waits for the disk.
const ASKED: u64 = 16;
/// … and past which it is nudged if that has not been done for a while: a slow trickle of rows
/// must not leave a long log behind, since each row alone rewrites whole pages.
const SWEEP_LEAST: u64 = 128 << 10;
const SWEEP_WITHIN: Duration = Duration::from_secs(1);
/// What a transaction adds to the log at least: a page each of the table, its index and the nodes
/// above them.
const TRANSACTION: u64 = 4 * 4_096;
/// Pages in the write-ahead log past which the writer itself waits for it to be moved.
const LOG_PAGES: u64 = 16_384;

pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Config,
    pub(crate) now: NowFn,
    pub(crate) sweeper: std::sync::mpsc::SyncSender<Sweep>,
    pub(crate) pin: Pin,
    /// Since when rows wait for a checkpoint.
    pub(crate) uncovered_since: Option<Instant>,
    /// When retention was last looked at, by the ledger's clock.
    pub(crate) retained: Timestamp,
    pub(crate) purging: bool,
    /// Why the reserve was given up.
    pub(crate) reduced: Option<LedgerFault>,
    pub(crate) unswept: u64,
    /// Bytes in the log since it was last told to begin anew.
    pub(crate) log: u64,
    /// Bytes of its file that are kept when it begins anew.
    pub(crate) kept: u64,
    /// Commits of permits, and of whatever else opens something, since the last sweep.
    pub(crate) asked: u64,
    pub(crate) swept: Instant,
    /// When something was written last.
    pub(crate) written: Instant,
}

/// The writer, until it has ended.
pub(crate) type Place = Mutex<Option<Writer>>;

/// Runs the writer's thread until the queue is closed and empty.
///
/// INVARIANT: entries are taken while the writer is held, so that the rows of one lane keep their
/// order whoever writes them.
pub(crate) fn run(place: &Place, shared: &Shared, mut patience: Duration) {
    loop {
        let finished = shared.queue.wait(patience);
        let turn = hold(place, |writer| {
            let batch = shared.queue.take(BATCH);
            if !batch.is_empty() {
                writer.batch(batch);
            }
            if finished {
                writer.end();
            } else {
                if shared.swept.swap(false, Ordering::AcqRel) {
                    writer.store.begin_log_anew(writer.kept);
                }
                writer.chores();
            }
            writer.patience()
        });
        match turn {
            Some(next) if !finished => patience = next,
            Some(_) | None => break,
        }
    }
    // The directory's lock is free before anybody hears of the end.
    drop(place.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// With the writer, unless it was left by a panic: then nothing may be written any more.
fn hold<T>(place: &Place, work: impl FnOnce(&mut Writer) -> T) -> Option<T> {
    let Ok(mut writer) = place.lock() else {
        drop(place.lock().unwrap_or_else(PoisonError::into_inner).take());
        return None;
    };
    writer.as_mut().map(work)
}

/// Writes what waits in the caller's own thread, if nobody else writes and there was a while of
/// quiet; otherwise commits share transactions, and the thread is to be woken: `false`.
pub(crate) fn commit_here(place: &Place, shared: &Shared) -> bool {
    // RACE: who holds the writer now may have taken its batch already; the thread sees the rest.
    let Ok(mut held) = place.try_lock() else { return false };
    let Some(writer) = held.as_mut() else { return false };
    if writer.written.elapsed() < QUIET || writer.config.durability == Durability::Disk {
        return false;
    }
    if writer.reduced.is_some() || !shared.is_writable() {
        return false;
    }
    // Where another process is at the database, the thread waits for it, not who asks.
    if !writer.store.begin_at_once() {
        return false;
    }
    let covered = writer.uncovered_since.is_none();
    writer.batch(shared.queue.take(BATCH));
    writer.store.end_unused();
    let due = covered && writer.uncovered_since.is_some();
    drop(held);
    if due || shared.queue.len() > 0 {
        shared.queue.nudge();
    }
    true
}

impl Writer {
    /// Signs what an earlier run left unsigned, and removes what is too old. Before anyone commits, or
    /// rows of this run would be signed as if they had been left.
    pub(crate) fn begin(&mut self) -> Duration {
        if self.store.uncovered() > 0 {
            self.checkpoint();
        }
        self.retain();
        self.patience()
    }

    fn end(&mut self) {
        let _ = self.flush(None);
        if self.store.uncovered() > 0 {
            self.checkpoint();
        }
        self.truncate_log();
        self.publish();
    }

    /// Moves and cuts the log, unless a reader still needs it.
    fn truncate_log(&mut self) {
        self.log = 0;
        self.pin.release();
        self.store.truncate_log();
    }

    fn patience(&self) -> Duration {
        if self.purging {
            return Duration::ZERO;
        }
        let due = self.uncovered_since.map_or(RETENTION_EVERY, |since| {
            self.config.checkpoint_within.saturating_sub(since.elapsed())
        });
        if self.shared.is_writable() { due.min(RETENTION_EVERY) } else { due.min(RETRY) }
    }

    fn batch(&mut self, batch: Vec<Entry>) {
        self.written = Instant::now();
        if self.reduced.is_some() && batch.iter().any(|e| opens(&e.event.fact)) {
            self.restore();
        }
        let batch = self.turn_away(batch);
        if batch.is_empty() {
            return;
        }
        match self.write(&batch).map_err(|fault| self.named(fault)) {
            Ok(done) => self.done(batch, done),
            Err(fault @ LedgerFault::Full { .. }) if self.reduced.is_none() => {
                tracing::error!(%fault, "the disk is full: permits are refused");
                self.pin.release();
                self.store.directory().release_reserve();
                self.shared.fail(&fault);
                self.reduced = Some(fault);
                let batch = self.turn_away(batch);
                if batch.is_empty() {
                    return;
                }
                match self.write(&batch) {
                    Ok(done) => self.done(batch, done),
                    Err(fault) => self.failed(batch, &fault),
                }
            }
            Err(fault) => {
                tracing::error!(%fault, "events could not be recorded");
                self.shared.fail(&fault);
                self.failed(batch, &fault);
            }
        }
    }

    /// On a full disk not every fault says so: the index of the log cannot grow either.
    fn named(&self, fault: LedgerFault) -> LedgerFault {
        if let LedgerFault::Unusable { directory, what } = &fault
            && self.store.directory().is_full()
        {
            return LedgerFault::Full { directory: directory.clone(), what: what.clone() };
        }
        fault
    }

    /// While the disk is full, answers what opens something with the fault and keeps the rest.
    fn turn_away(&self, batch: Vec<Entry>) -> Vec<Entry> {
        let Some(fault) = &self.reduced else { return batch };
        let (turned, kept): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|entry| opens(&entry.event.fact));
        self.failed(turned, fault);
        kept
    }

    fn failed(&self, batch: Vec<Entry>, fault: &LedgerFault) {
        for entry in batch {
            match entry.answer {
                Some(answer) => drop(answer.send(Err(fault.clone()))),
                None => drop(self.shared.lost.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }

    fn write(&mut self, batch: &[Entry]) -> Result<Done, LedgerFault> {
        let rows: Vec<_> = batch.iter().map(row).collect();
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let flush = self.store.head().seq + count - self.store.folded() >= FLUSH_EVERY;
        let sign = self.store.uncovered() + count >= self.config.checkpoint_every;
        let standing = flush.then(|| self.standing());
        let checkpoint = sign.then(|| (self.now)());
        let extra = Extra { standing, checkpoint, ..Extra::default() };
        let Written { places, checkpoint } = self.store.write(&rows, extra)?;
        Ok(Done { places, checkpoint, flushed: flush })
    }

    fn done(&mut self, batch: Vec<Entry>, done: Done) {
        if done.flushed {
            self.flushed();
        }
        self.unswept += TRANSACTION;
        self.asked += u64::from(batch.iter().any(|entry| opens(&entry.event.fact)));
        let mut answers = Vec::with_capacity(batch.len());
        let mut recorded = Vec::with_capacity(batch.len());
        for (entry, place) in batch.into_iter().zip(done.places) {
            self.unswept += u64::try_from(entry.body.len()).unwrap_or(0) + 256;
            let id = entry.event.receipt.clone();
            match place {
                Ok(place) => {
                    let (seq, hash) = (place.seq, place.hash);
                    recorded.push(Arc::new(Recorded { seq, hash, event: entry.event }));
                    answers.push((entry.answer, Ok(Receipt { id, seq, hash })));
                }
                Err(fault) => answers.push((entry.answer, Err(fault))),
            }
        }
        self.shared.views.fold(recorded.iter().map(|r| &r.event));
        self.shared.last.store(self.store.head().seq, Ordering::Release);
        for row in recorded {
            // Nobody may be listening.
            let _ = self.shared.tail.send(row);
        }
        for (answer, result) in answers {
            match (answer, result) {
                // Who asked may have gone away; the row stays.
                (Some(answer), result) => drop(answer.send(result)),
                (None, Ok(_)) => {}
                (None, Err(_)) => drop(self.shared.lost.fetch_add(1, Ordering::Relaxed)),
            }
        }
        if self.reduced.is_none() {
            self.shared.recovered();
        }
        match done.checkpoint {
            Some(checkpoint) => self.signed(&checkpoint),
            None => drop(self.uncovered_since.get_or_insert_with(Instant::now)),
        }
        let overdue = self.unswept >= SWEEP_LEAST && self.swept.elapsed() >= SWEEP_WITHIN;
        if self.unswept >= SWEEP_EVERY || overdue {
            let (loaded, log) = (self.asked >= ASKED, self.log + self.unswept);
            let sweep = if loaded && log < LOG_KEPT { Sweep::Piece } else { Sweep::Whole };
            // One that waits for a sweep at work is not forgotten: the next commit tells it again.
            if self.sweeper.try_send(sweep).is_ok() {
                (self.unswept, self.asked, self.swept) = (0, 0, Instant::now());
                self.log = match sweep {
                    Sweep::Piece => log,
                    Sweep::Whole => {
                        self.kept = if loaded { LOG_KEPT } else { LOG_LEAST };
                        0
                    }
                };
            }
        }
        if self.shared.log_pages.load(Ordering::Relaxed) > LOG_PAGES {
            self.shared.log_pages.store(0, Ordering::Relaxed);
            self.truncate_log();
        }
    }

    fn chores(&mut self) {
        if self.reduced.is_some() {
            self.restore();
        } else if !self.shared.is_writable() {
            self.probe();
        }
        let due =
            self.uncovered_since.is_some_and(|s| s.elapsed() >= self.config.checkpoint_within);
        if due {
            self.checkpoint();
        }
        if (self.now)().since(self.retained) >= RETENTION_EVERY {
            self.retain();
        }
        if self.purging {
            self.purging = self.store.purge().unwrap_or_else(|error| {
                tracing::warn!(%error, "old events could not be removed");
                false
            });
        }
    }

    /// Fills the reserve again; with it, permits are recorded again.
    fn restore(&mut self) {
        if self.store.directory().keep_reserve(self.config.reserve.0) {
            tracing::info!("the disk has space again: permits are recorded");
            self.reduced = None;
            self.shared.recovered();
        }
    }

    fn checkpoint(&mut self) {
        let extra = Extra { checkpoint: Some((self.now)()), ..Extra::default() };
        match self.store.write(&[], extra) {
            Ok(Written { checkpoint: Some(checkpoint), .. }) => self.signed(&checkpoint),
            Ok(Written { checkpoint: None, .. }) => {}
            Err(fault) => {
                tracing::error!(%fault, "no checkpoint could be signed");
                self.shared.fail(&fault);
                self.uncovered_since = Some(Instant::now());
            }
        }
    }

    /// A checkpoint is committed: it goes to the witness, and retention is looked at.
    fn signed(&mut self, checkpoint: &Checkpoint) {
        self.uncovered_since = None;
        self.witness(checkpoint);
        if self.measure() {
            self.retain();
        }
    }

    fn witness(&self, checkpoint: &Checkpoint) {
        let line = checkpoint.to_line();
        let sent = match &self.config.witness {
            Witness::None => Ok(()),
            Witness::File(path) => witness::append(path, &line),
            Witness::Stdout => writeln!(std::io::stdout().lock(), "{line}"),
        };
        if let Err(error) = sent {
            tracing::error!(%error, "the witness could not be written");
            self.shared.complain(format!("the witness could not be written: {error}"));
        }
    }

    /// Reads the size; says whether it is past what is kept.
    fn measure(&self) -> bool {
        let Ok(bytes) = self.store.bytes() else { return false };
        let limit = self.config.retention.size.0;
        self.shared.bytes.store(bytes, Ordering::Relaxed);
        let near = bytes / 4 > limit / 5;
        if near && !self.shared.nearly_full.swap(near, Ordering::Relaxed) {
            tracing::warn!(
                bytes,
                limit,
                "the ledger has used over 80 % of `ledger.retention.size`"
            );
        }
        self.shared.nearly_full.store(near, Ordering::Relaxed);
        bytes > limit
    }

    fn retain(&mut self) {
        self.retained = (self.now)();
        self.publish();
        if self.purging {
            return;
        }
        let age = i64::try_from(self.config.retention.age.as_micros()).unwrap_or(i64::MAX);
        let before = self.retained.unix_micros().saturating_sub(age);
        let before = Timestamp::from_unix_micros(before);
        let size = self.config.retention.size.0;
        let due = self.store.overdue(before, size).ok().flatten();
        if let Some(base) = due {
            // What stands must be on disk before the events that made it are gone.
            if self.flush(None).is_err() {
                return;
            }
            self.checkpoint_base(base);
        }
        if self.store.has_ended(before).unwrap_or(false) {
            let _ = self.flush(Some(before));
        }
        self.measure();
    }

    fn checkpoint_base(&mut self, base: u64) {
        let extra = Extra { checkpoint: Some((self.now)()), base: Some(base), ..Extra::default() };
        match self.store.write(&[], extra) {
            Ok(Written { checkpoint: Some(checkpoint), .. }) => {
                self.uncovered_since = None;
                tracing::info!(base, seq = checkpoint.seq, "old events are being removed");
                self.witness(&checkpoint);
                self.purging = true;
            }
            Ok(Written { checkpoint: None, .. }) => {}
            Err(fault) => self.shared.fail(&fault),
        }
    }

    /// Looks whether a write goes through again.
    fn probe(&mut self) {
        if self.flush(None).is_ok() {
            self.shared.recovered();
        }
    }

    /// Brings what stands up to the head, and forgets what ended before `forget`.
    fn flush(&mut self, forget: Option<Timestamp>) -> Result<(), LedgerFault> {
        let extra = Extra { standing: Some(self.standing()), forget, ..Extra::default() };
        match self.store.write(&[], extra) {
            Ok(_) => {
                self.flushed();
                Ok(())
            }
            Err(fault) => {
                self.shared.fail(&fault);
                Err(fault)
            }
        }
    }

    /// What changed since the last flush, and since when what has ended is restored at a start:
    /// every later start restores less of it.
    fn standing(&self) -> (Vec<StandingRow>, Timestamp) {
        let linger = i64::try_from(LINGER.as_micros()).unwrap_or(0);
        let since = (self.now)().unix_micros().saturating_sub(linger);
        (self.shared.views.write().dirty_rows(), Timestamp::from_unix_micros(since))
    }

    /// INVARIANT: whoever holds the writer alone changes the state, so that what was flushed is all that was
    /// dirty.
    fn flushed(&self) {
        let now = (self.now)();
        let mut state = self.shared.views.write();
        state.dirty.clear();
        state.evict(now);
    }

    fn publish(&self) {
        self.shared.base.store(self.store.base(), Ordering::Relaxed);
        self.shared.last.store(self.store.head().seq, Ordering::Release);
        self.measure();
    }
}

struct Done {
    places: Vec<Result<crate::store::Place, LedgerFault>>,
    checkpoint: Option<Checkpoint>,
    flushed: bool,
}

/// However the writer's thread ends, nobody may wait for it.
pub(crate) struct Abandon(pub(crate) Arc<Shared>);
impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.queue.abandon();
        self.0.closed.send_replace(true);
    }
}

fn row(entry: &Entry) -> NewRow<'_> {
    let subject = entry.event.subject.as_ref();
    NewRow {
        receipt: entry.event.receipt.as_str(),
        kind: record::type_of(&entry.event.fact),
        session: subject.and_then(|s| s.session.as_ref()).map(|id| id.as_str()),
        tenant: subject.map(|s| s.tenant.as_str()),
        at: entry.event.at,
        body: &entry.body,
        digest: entry.digest,
    }
}

/// Whether the fact lets somebody do more than before: such facts leave the reserve alone.
fn opens(fact: &Fact) -> bool {
    match fact {
        Fact::TokenIssued(_)
        | Fact::SessionOpened { .. }
        | Fact::AttemptPermitted { .. }
        | Fact::HoldPlaced { .. }
        | Fact::QuarantineReleased { .. }
        | Fact::GrantIssued { .. } => true,
        Fact::HoldResolved { resolution, .. } => *resolution == Resolution::Approved,
        Fact::ProcessStarted { .. }
        | Fact::ProcessStopped
        // It may be a tighter one, which must reach flows that live now; what it allows beyond the
        // former still needs a permit each, and those fail.
        | Fact::PolicyLoaded { .. }
        | Fact::PolicyRejected { .. }
        | Fact::TokenRevoked { .. }
        | Fact::SessionClosed
        | Fact::AttemptRefused { .. }
        | Fact::RefusalsCounted { .. }
        | Fact::FlowEnded { .. }
        | Fact::NameResolved { .. }
        | Fact::QuarantineImposed { .. }
        | Fact::AlertRaised { .. }
        | Fact::GrantRevoked { .. } => false,
    }
}
