//! What waits to be written: one lane a session, drained round-robin, so that a session that
//! floods its own lane delays nobody else's commits.
//!
//! Order is kept within a lane: what one session had queued first is written first. Between
//! lanes there is no order but that of answers: who waits for a commit before the next event has
//! them in that order. Next: `writer`.

use crate::LedgerFault;
use crate::ledger::Receipt;
use backstop_model::event::{Event, Fact};
use backstop_model::id::{Digest, SessionId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// An event, encoded by who queued it, and who waits for it.
pub(crate) struct Entry {
    pub(crate) event: Event,
    pub(crate) body: Vec<u8>,
    pub(crate) digest: Digest,
    /// `None` for what was noted.
    pub(crate) answer: Option<oneshot::Sender<Result<Receipt, LedgerFault>>>,
}

type Lane = Option<SessionId>;

impl Entry {
    /// Whether it is written at once: all but ends and counts, for which nobody waits.
    fn presses(&self) -> bool {
        self.answer.is_some()
            || !matches!(self.event.fact, Fact::FlowEnded { .. } | Fact::NameResolved { .. })
    }
}

/// How long the end of a flow may wait for company.
const COMPANY: Duration = Duration::from_millis(20);
/// How long after an entry the writer looks every [`COMPANY`] by itself whether one waits: while
/// there is traffic, what can wait wakes nobody.
const AWAKE: Duration = Duration::from_secs(1);
/// So many entries need no company.
const CROWD: usize = 256;

#[derive(Default)]
struct Lanes {
    lanes: HashMap<Lane, VecDeque<Entry>>,
    /// Whose turn it is; a lane stands here exactly once while it is not empty.
    turn: VecDeque<Lane>,
    waiting: usize,
    /// How many of them cannot wait.
    pressing: usize,
    /// Since when there has been something in the queue.
    since: Option<Instant>,
    /// No more is taken; what waits is still written.
    closed: bool,
    /// The writer sleeps until it is woken.
    asleep: bool,
    /// The writer is to think again about how long it sleeps.
    nudged: bool,
    /// When an entry came last.
    last: Option<Instant>,
}

/// The queue between everybody and the writer.
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    wake: Condvar,
    bound: usize,
    lane_bound: usize,
}

impl Queue {
    pub(crate) fn new(bound: usize, lane_bound: usize) -> Self {
        Self { lanes: Mutex::default(), wake: Condvar::new(), bound, lane_bound }
    }

    /// Queues an entry without waiting.
    pub(crate) fn push(&self, entry: Entry) -> Result<(), LedgerFault> {
        if self.leave(entry)? {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Queues an entry and wakes nobody; says whether somebody is to be woken for it.
    pub(crate) fn leave(&self, entry: Entry) -> Result<bool, LedgerFault> {
        self.put(&mut self.lock(), entry).map_err(|(fault, _)| fault)
    }

    /// Wakes the writer: something waits, or it is to think again about how long it sleeps.
    pub(crate) fn nudge(&self) {
        self.lock().nudged = true;
        self.wake.notify_one();
    }

    /// Queues entries one behind the other; whoever waits for one that finds no room is told so.
    pub(crate) fn push_all(&self, entries: Vec<Entry>) {
        let mut wakes = false;
        let mut lanes = self.lock();
        for entry in entries {
            match self.put(&mut lanes, entry) {
                Ok(wake) => wakes |= wake,
                Err((fault, entry)) => {
                    if let Some(answer) = entry.answer {
                        let _gone = answer.send(Err(fault));
                    }
                }
            }
        }
        drop(lanes);
        if wakes {
            self.wake.notify_one();
        }
    }

    /// Puts an entry into its lane; says whether the writer is to be woken.
    fn put(&self, lanes: &mut Lanes, entry: Entry) -> Result<bool, (LedgerFault, Box<Entry>)> {
        let lane = entry.event.subject.as_ref().and_then(|s| s.session.clone());
        if lanes.closed {
            return Err((LedgerFault::Closed, Box::new(entry)));
        }
        if lanes.waiting >= self.bound {
            return Err((LedgerFault::QueueFull, Box::new(entry)));
        }
        let queue = lanes.lanes.entry(lane.clone()).or_default();
        if queue.len() >= self.lane_bound {
            return Err((LedgerFault::QueueFull, Box::new(entry)));
        }
        if queue.is_empty() {
            lanes.turn.push_back(lane);
        }
        let pressing = entry.presses();
        queue.push_back(entry);
        lanes.waiting += 1;
        lanes.pressing += usize::from(pressing);
        let now = Instant::now();
        lanes.since.get_or_insert(now);
        lanes.last = Some(now);
        Ok(pressing || lanes.asleep || lanes.waiting == CROWD)
    }

    /// Waits at most `wait` until something is to be written; says whether the queue is closed and
    /// empty.
    ///
    /// The ends of flows wait up to [`COMPANY`] for something that presses: a request and the end of
    /// the one before it then cost one transaction, not two.
    pub(crate) fn wait(&self, wait: Duration) -> bool {
        let began = Instant::now();
        let mut lanes = self.lock();
        loop {
            let company = lanes.since.map_or(Duration::ZERO, |since| since.elapsed());
            let due = lanes.waiting > 0
                && (lanes.pressing > 0 || lanes.waiting >= CROWD || company >= COMPANY);
            let over = wait.saturating_sub(began.elapsed());
            if due || lanes.closed || lanes.nudged || over.is_zero() {
                lanes.nudged = false;
                return lanes.closed && lanes.waiting == 0;
            }
            let awake = lanes.waiting > 0 || lanes.last.is_some_and(|last| last.elapsed() < AWAKE);
            lanes.asleep = !awake;
            let nap = if awake { over.min(COMPANY) } else { over };
            lanes = self.wake.wait_timeout(lanes, nap).unwrap_or_else(PoisonError::into_inner).0;
            lanes.asleep = false;
        }
    }

    /// Takes at most `most` entries, one a lane in turn.
    pub(crate) fn take(&self, most: usize) -> Vec<Entry> {
        let mut guard = self.lock();
        let lanes = &mut *guard;
        let mut batch = Vec::with_capacity(most.min(lanes.waiting));
        while batch.len() < most
            && let Some(lane) = lanes.turn.pop_front()
        {
            let Some(queue) = lanes.lanes.get_mut(&lane) else { continue };
            if let Some(entry) = queue.pop_front() {
                lanes.waiting = lanes.waiting.saturating_sub(1);
                lanes.pressing = lanes.pressing.saturating_sub(usize::from(entry.presses()));
                batch.push(entry);
            }
            if queue.is_empty() {
                lanes.lanes.remove(&lane);
            } else {
                lanes.turn.push_back(lane);
            }
        }
        lanes.since = (lanes.waiting > 0).then(Instant::now);
        batch
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().waiting
    }

    /// Takes no more; wakes the writer.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Closes and drops what waits: the writer is gone, its waiters see a closed channel.
    pub(crate) fn abandon(&self) {
        let mut lanes = self.lock();
        *lanes = Lanes { closed: true, ..Lanes::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::id::{ReceiptId, TenantName};
    use backstop_model::standing::Subject;
    use backstop_model::time::Timestamp;

    fn entry(session: u8, number: u8) -> Entry {
        let at = Timestamp::from_unix_micros(1_000_000);
        let subject = Subject {
            session: Some(SessionId::draw(at, [session; 10])),
            tenant: TenantName::parse("t").unwrap(),
            role: None,
            skill: None,
            ceiling: None,
        };
        Entry {
            event: Event {
                receipt: ReceiptId::draw(at, [session, number, 0, 0, 0, 0, 0, 0, 0, 0]),
                at,
                policy: Digest::ZERO,
                subject: Some(subject),
                fact: Fact::SessionClosed,
            },
            body: vec![session, number],
            digest: Digest::ZERO,
            answer: None,
        }
    }

    fn taken(queue: &Queue, most: usize) -> Vec<Vec<u8>> {
        queue.take(most).into_iter().map(|e| e.body).collect()
    }

    #[test]
    fn lanes_take_turns_and_keep_their_order() {
        let queue = Queue::new(100, 100);
        for number in 0..5 {
            queue.push(entry(1, number)).unwrap();
        }
        queue.push(entry(2, 0)).unwrap();
        queue.push(entry(3, 0)).unwrap();
        assert_eq!(taken(&queue, 4), [[1, 0], [2, 0], [3, 0], [1, 1]]);
        queue.push(entry(2, 1)).unwrap();
        assert_eq!(taken(&queue, 9), [[1, 2], [2, 1], [1, 3], [1, 4]]);
        assert_eq!(queue.len(), 0);
        assert!(taken(&queue, 9).is_empty());
    }

    #[test]
    fn a_flooded_lane_is_full_and_the_others_are_not() {
        let queue = Queue::new(4, 2);
        queue.push(entry(1, 0)).unwrap();
        queue.push(entry(1, 1)).unwrap();
        assert_eq!(queue.push(entry(1, 2)), Err(LedgerFault::QueueFull));
        queue.push(entry(2, 0)).unwrap();
        queue.push(entry(3, 0)).unwrap();
        assert_eq!(queue.push(entry(4, 0)), Err(LedgerFault::QueueFull));
    }

    #[test]
    fn a_closed_queue_gives_what_it_has() {
        let queue = Queue::new(4, 4);
        queue.push(entry(1, 0)).unwrap();
        queue.close();
        assert_eq!(queue.push(entry(1, 1)), Err(LedgerFault::Closed));
        assert!(!queue.wait(Duration::MAX));
        assert_eq!(queue.take(9).len(), 1);
        assert!(queue.wait(Duration::MAX));
    }
}
