//! The handle that everyone holds. Next: `reader`.

use crate::queue::{Entry, Queue};
use crate::store::{self, Store, rows};
use crate::sweeper::{self, Pin};
use crate::views::state::{LINGER, State};
use crate::writer::{self, Abandon, Writer};
use crate::{Config, LedgerFault, Views, Witness, chain, record, witness};
use backstop_model::event::Event;
use backstop_model::id::{ByteCount, Digest, ReceiptId};
use backstop_model::time::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{broadcast, oneshot, watch};

/// Where the ledger takes the time from.
pub type NowFn = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The most rows that the tail keeps for a listener that is slow; past it the listener is told
/// that it lags and reads on with [`Ledger::events_after`].
const TAIL: usize = 4_096;
/// The longest gap between two checkpoints that `verify` accepts.
pub(crate) const CHECKPOINT_AT_LEAST: u64 = 65_536;

/// The proof that an event is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's receipt.
    pub id: ReceiptId,
    /// Its row.
    pub seq: u64,
    /// The row's hash in the chain.
    pub hash: Digest,
}

/// An event with its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its row, from 1.
    pub seq: u64,
    /// The row's hash in the chain.
    pub hash: Digest,
    /// The event.
    pub event: Event,
}

/// How the ledger fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether permits can be recorded.
    pub writable: bool,
    /// Rows kept.
    pub rows: u64,
    /// The newest row.
    pub last: u64,
    /// Bytes of the database in use, as last measured (at each checkpoint).
    pub bytes: ByteCount,
    /// Whether more than 80 % of `retention.size` is in use.
    pub nearly_full: bool,
    /// Events that wait.
    pub queued: usize,
    /// Noted events that could not be recorded.
    pub lost: u64,
    /// The last thing that went wrong and still stands.
    pub last_error: Option<String>,
}

/// What the handles and the writer share.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) views: Views,
    pub(crate) tail: broadcast::Sender<Arc<Recorded>>,
    pub(crate) closed: watch::Sender<bool>,
    pub(crate) last: AtomicU64,
    pub(crate) base: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) nearly_full: AtomicBool,
    pub(crate) lost: AtomicU64,
    pub(crate) log_pages: AtomicU64,
    /// All of the log is in the database: the writer's thread is to begin it anew.
    pub(crate) swept: AtomicBool,
    writable: watch::Sender<bool>,
    error: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn is_writable(&self) -> bool {
        *self.writable.borrow()
    }
    pub(crate) fn fail(&self, fault: &LedgerFault) {
        self.complain(fault.to_string());
        self.writable.send_if_modified(|writable| std::mem::replace(writable, false));
    }
    pub(crate) fn complain(&self, what: String) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }
    pub(crate) fn recovered(&self) {
        if self.writable.send_if_modified(|writable| !std::mem::replace(writable, true)) {
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// The ledger. A handle: clones write to the same one; the last one that goes closes it.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    disk: Arc<Mutex<Connection>>,
    config: Config,
    writer: Arc<writer::Place>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Ledger {
    /// Opens or makes the ledger: takes the directory's lock, migrates, restores what stands and
    /// starts the writer.
    ///
    /// # Errors
    /// [`LedgerFault`] where the directory cannot be used, another process holds it, or what is
    /// on disk contradicts itself.
    pub fn open(mut config: Config, now: NowFn) -> Result<Self, LedgerFault> {
        config.checkpoint_every = config.checkpoint_every.clamp(1, CHECKPOINT_AT_LEAST);
        let path = config.directory.clone();
        let store = Store::open(&path, config.durability)?;
        let state = restore(&store, now())?;
        let disk = open_read(&path).map_err(|e| store.fault(&e))?;
        let disk = Arc::new(Mutex::new(disk));
        let views = Views::new(state, Arc::clone(&disk));
        let shared = Arc::new(Shared {
            queue: Queue::new(config.queue, config.lane),
            views,
            tail: broadcast::Sender::new(TAIL),
            closed: watch::Sender::new(false),
            last: AtomicU64::new(store.head().seq),
            base: AtomicU64::new(store.base()),
            bytes: AtomicU64::new(store.bytes().map_err(|e| store.fault(&e))?),
            nearly_full: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            log_pages: AtomicU64::new(0),
            swept: AtomicBool::new(false),
            writable: watch::Sender::new(true),
            error: Mutex::default(),
        });
        let reduced = (!store.directory().keep_reserve(config.reserve.0)).then(|| {
            let what = format!("no space for the reserve of {} bytes", config.reserve.0);
            LedgerFault::Full { directory: path.clone(), what }
        });
        if let Some(fault) = &reduced {
            shared.fail(fault);
        }
        if let Witness::File(path) = &config.witness
            && let Err(what) = witness::agrees(&store, path)
        {
            tracing::error!(%what, "the ledger is behind its witness");
            shared.complain(what);
        }
        let open = || {
            Connection::open_with_flags(path.join(store::directory::DATABASE), {
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
            })
            .map_err(|e| store.fault(&e))
        };
        let (sweeping, pin) = (open()?, Pin::new(open()?));
        let (sweeper, nudges) = mpsc::sync_channel(1);
        let mut writer = Writer {
            purging: store.base() > 0,
            store,
            shared: Arc::clone(&shared),
            config: config.clone(),
            retained: now(),
            now,
            sweeper,
            pin: pin.clone(),
            uncovered_since: None,
            reduced,
            unswept: 0,
            log: 0,
            kept: store::LOG_LEAST,
            asked: 0,
            swept: Instant::now(),
            written: Instant::now(),
        };
        let patience = writer.begin();
        let writer = Arc::new(Mutex::new(Some(writer)));
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
            thread.map_err(|error| LedgerFault::Unusable {
                directory: path.clone(),
                what: format!("no thread could be started: {error}"),
            })
        };
        let of_sweeper = Arc::clone(&shared);
        let sweeper = spawn("ledger-sweeper", {
            Box::new(move || sweeper::run(&sweeping, &pin, &nudges, &of_sweeper))
        })?;
        let (of_writer, its) = (Arc::clone(&shared), Arc::clone(&writer));
        let thread = spawn(
            "ledger-writer",
            Box::new(move || {
                // Dropped last: who waits for the end finds the lock released.
                let _abandon = Abandon(Arc::clone(&of_writer));
                writer::run(&its, &of_writer, patience);
            }),
        )?;
        let threads = Mutex::new(vec![thread, sweeper]);
        Ok(Self { inner: Arc::new(Inner { shared, disk, config, writer, threads }) })
    }

    /// Commits the event, then answers. Once queued the event is written even if the caller goes
    /// away.
    ///
    /// # Errors
    /// [`LedgerFault`]: then nothing was recorded.
    pub async fn commit(&self, event: Event) -> Result<Receipt, LedgerFault> {
        let (answer, answered) = oneshot::channel();
        let shared = &self.inner.shared;
        let wakes = shared.queue.leave(self.entry(event, Some(answer))?)?;
        if wakes && !writer::commit_here(&self.inner.writer, shared) {
            shared.queue.nudge();
        }
        answered.await.unwrap_or(Err(LedgerFault::Closed))
    }

    /// Commits events that nobody waits for one by one: they are queued at once, so that they share
    /// transactions; the answers come in their order.
    pub async fn commit_all(&self, events: Vec<Event>) -> Vec<Result<Receipt, LedgerFault>> {
        let mut queued = Vec::with_capacity(events.len());
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            let (answer, answered) = oneshot::channel();
            queued.push(self.entry(event, Some(answer)).map(|entry| {
                entries.push(entry);
                answered
            }));
        }
        self.inner.shared.queue.push_all(entries);
        let mut receipts = Vec::with_capacity(queued.len());
        for answered in queued {
            receipts.push(match answered {
                Ok(answered) => answered.await.unwrap_or(Err(LedgerFault::Closed)),
                Err(fault) => Err(fault),
            });
        }
        receipts
    }

    /// Queues the event without waiting: for refusals, ends of flows and alerts.
    ///
    /// # Errors
    /// [`LedgerFault::QueueFull`] past the bound of the session or of all: the caller counts.
    pub fn note(&self, event: Event) -> Result<(), LedgerFault> {
        self.queue(event, None)
    }

    fn queue(
        &self,
        event: Event,
        answer: Option<oneshot::Sender<Result<Receipt, LedgerFault>>>,
    ) -> Result<(), LedgerFault> {
        self.inner.shared.queue.push(self.entry(event, answer)?)
    }

    fn entry(
        &self,
        event: Event,
        answer: Option<oneshot::Sender<Result<Receipt, LedgerFault>>>,
    ) -> Result<Entry, LedgerFault> {
        let body = record::encode(&event).map_err(|fault| LedgerFault::Unusable {
            directory: self.inner.config.directory.clone(),
            what: fault.to_string(),
        })?;
        let digest = Digest::of(&body);
        Ok(Entry { event, body, digest, answer })
    }

    /// What stands.
    pub fn views(&self) -> &Views {
        &self.inner.shared.views
    }

    /// Committed events from now on, in order. A listener that lags reads on with
    /// [`Ledger::events_after`].
    pub fn tail(&self) -> broadcast::Receiver<Arc<Recorded>> {
        self.inner.shared.tail.subscribe()
    }

    /// At most `limit` events after row `seq`, in order.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Recorded>, LedgerFault> {
        let disk = self.disk();
        let raw = rows::after(&disk, seq, limit).map_err(|e| self.fault(&e))?;
        drop(disk);
        raw.into_iter().map(|row| rows::recorded(row).map_err(|what| self.broken(what))).collect()
    }

    /// The event with this receipt.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn find(&self, receipt: &ReceiptId) -> Result<Option<Recorded>, LedgerFault> {
        let row = rows::by_receipt(&self.disk(), receipt.as_str()).map_err(|e| self.fault(&e))?;
        row.map(|row| rows::recorded(row).map_err(|what| self.broken(what))).transpose()
    }

    /// How it fares.
    pub fn health(&self) -> Health {
        let shared = &self.inner.shared;
        let (last, base) =
            (shared.last.load(Ordering::Acquire), shared.base.load(Ordering::Relaxed));
        Health {
            writable: shared.is_writable() && !*shared.closed.borrow(),
            rows: last.saturating_sub(base),
            last,
            bytes: ByteCount(shared.bytes.load(Ordering::Relaxed)),
            nearly_full: shared.nearly_full.load(Ordering::Relaxed),
            queued: shared.queue.len(),
            lost: shared.lost.load(Ordering::Relaxed),
            last_error: shared.error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Whether permits can be recorded, as it changes.
    pub fn writable(&self) -> watch::Receiver<bool> {
        self.inner.shared.writable.subscribe()
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.inner.config.directory
    }

    /// Takes no more events, writes what waits, signs a last checkpoint and stops. Whoever
    /// commits later gets [`LedgerFault::Closed`].
    pub async fn close(&self) {
        self.inner.shared.queue.close();
        let mut closed = self.inner.shared.closed.subscribe();
        // The sender lives in `shared`: this cannot fail while we hold it.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    fn disk(&self) -> MutexGuard<'_, Connection> {
        self.inner.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn fault(&self, error: &rusqlite::Error) -> LedgerFault {
        store::fault(&self.inner.config.directory, error)
    }
    fn broken(&self, what: String) -> LedgerFault {
        LedgerFault::Broken { directory: self.inner.config.directory.clone(), what }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.queue.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

/// What stood at the last flush, and what came after it. The rows replayed are checked against
/// the chain.
fn restore(store: &Store, now: Timestamp) -> Result<State, LedgerFault> {
    let conn = store.conn();
    let fault = |error: rusqlite::Error| store.fault(&error);
    let broken =
        |what: String| LedgerFault::Broken { directory: store.directory().path().to_owned(), what };
    let mut state = State::default();
    let since = now.unix_micros().saturating_sub(i64::try_from(LINGER.as_micros()).unwrap_or(0));
    // Nothing that the seal does not cover, even if the clock was set back.
    let since = store.sealed_since().map_err(fault)?.map_or(since, |sealed| since.max(sealed));
    rows::standing(conn, since, |kind, id, body| {
        state.restore(kind, id, body).map_err(|fault| broken(fault.to_string()))
    })
    .map_err(fault)??;
    let mut place = rows::place(conn, store.folded()).map_err(fault)?;
    rows::each_after(conn, store.folded(), |row| {
        let digest = Digest::of(&row.body);
        if let Some(previous) = place
            && (row.seq != previous.seq + 1
                || chain::link(&previous.hash, row.seq, &digest) != row.hash)
        {
            return Err(broken(format!("row {} does not follow row {}", row.seq, previous.seq)));
        }
        place = Some(store::Place { seq: row.seq, hash: row.hash });
        let recorded = rows::recorded(row).map_err(broken)?;
        state.fold(&recorded.event);
        Ok(())
    })
    .map_err(fault)??;
    state.evict(now);
    Ok(state)
}

/// Opens the database for reading.
///
/// On a read-only disk SQLite cannot make the shared memory that a write-ahead log needs; where
/// there is no such log nobody writes either, and the file is read as it lies.
pub(crate) fn open_read(directory: &Path) -> rusqlite::Result<Connection> {
    let file = directory.join(store::directory::DATABASE);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(&file, flags)?;
    let probe = conn.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0));
    if let Err(error) = probe {
        let log = directory.join(format!("{}-wal", store::directory::DATABASE));
        let no_log = std::fs::metadata(log).map_or(true, |log| log.len() == 0);
        if !(no_log && error.sqlite_error_code() == Some(ErrorCode::CannotOpen)) {
            return Err(error);
        }
        let path = file.to_string_lossy();
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        conn = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
    }
    conn.busy_timeout(store::BUSY)?;
    Ok(conn)
}
