//! Everything that lives under a permit: registered before it is checked, asked again on every
//! change, cut when it may no longer.
//!
//! Must not know how anything is decided. Next: `flow`.

use crate::config::Config;
use crate::identity::Session;
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::id::{Digest, SessionId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::sync::Notify;

/// All live entries.
#[derive(Debug)]
pub(crate) struct Live {
    state: Mutex<State>,
    next: AtomicU64,
    count: AtomicUsize,
    emptied: Notify,
    flows: usize,
    flows_per_session: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<u64, Arc<Entry>>,
    sessions: HashMap<SessionId, Arc<Meter>>,
}

/// What one session has moved through this process, live flows included.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    live: AtomicUsize,
    /// Received from upstreams through this process.
    received: AtomicU64,
    /// What was on record when the meter was made.
    base: u64,
}

impl Meter {
    /// Bytes received since the session began, as far as this process knows.
    pub(crate) fn received(&self) -> u64 {
        self.base.saturating_add(self.received.load(Ordering::Relaxed))
    }
}

/// One thing that lives: a permit, the flow it became, or a request that rides on a flow.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) session: Session,
    /// Every stage that was permitted; each must stay so.
    stages: Mutex<Vec<Attempt>>,
    /// The digest of the first stage: what an approval is bound to.
    pub(crate) root: Digest,
    pub(crate) cord: Arc<Cord>,
    pub(crate) meter: Arc<Meter>,
}

impl Entry {
    pub(crate) fn stages(&self) -> Vec<Attempt> {
        lock(&self.stages).clone()
    }
    pub(crate) fn push(&self, stage: Attempt) {
        lock(&self.stages).push(stage);
    }
    pub(crate) fn received(&self, bytes: u64) {
        self.meter.received.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What a flow hangs on. Once cut it stays cut.
#[derive(Debug, Default)]
pub(crate) struct Cord {
    cut: AtomicBool,
    why: Mutex<Option<(Control, String)>>,
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
    told: Notify,
}

/// Which direction waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Cord {
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
    pub(crate) fn why(&self) -> Option<(Control, String)> {
        lock(&self.why).clone()
    }
    /// Cuts, and wakes whoever waits. `false` if it was cut before.
    pub(crate) fn cut(&self, control: Control, reason: String) -> bool {
        {
            let mut why = lock(&self.why);
            if why.is_some() {
                return false;
            }
            *why = Some((control, reason));
        }
        self.cut.store(true, Ordering::Release);
        self.told.notify_waiters();
        for side in [&self.reader, &self.writer] {
            let waker = lock(side).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        true
    }
    /// Whether it is cut; if not, `waker` will be told.
    pub(crate) fn watch(&self, side: Side, waker: &Waker) -> bool {
        let slot = match side {
            Side::Read => &self.reader,
            Side::Write => &self.writer,
        };
        {
            let mut slot = lock(slot);
            if !slot.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
                *slot = Some(waker.clone());
            }
        }
        // RACE: the waker stands before the flag is read, and `cut` sets the flag before it takes
        // the wakers, so one of the two sees the other.
        self.is_cut()
    }
    /// Waits until it is cut.
    pub(crate) async fn until_cut(&self) {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            // RACE: enrolled before the flag is read.
            told.as_mut().enable();
            if self.is_cut() {
                return;
            }
            told.await;
        }
    }
}

/// Keeps an entry registered; dropping it takes the entry out.
#[derive(Debug)]
pub(crate) struct Registration {
    live: Arc<Live>,
    id: u64,
    entry: Arc<Entry>,
}

impl Registration {
    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }
    pub(crate) fn cord(&self) -> &Arc<Cord> {
        &self.entry.cord
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = lock(&self.live.state);
        if state.entries.remove(&self.id).is_some() {
            self.entry.meter.live.fetch_sub(1, Ordering::AcqRel);
            let left = state.entries.len();
            self.live.count.store(left, Ordering::Release);
            if left == 0 {
                self.live.emptied.notify_waiters();
            }
        }
    }
}

/// LIMIT: meters of sessions without a live flow that are kept.
const METERS: usize = 16_384;

impl Live {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            state: Mutex::default(),
            next: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            emptied: Notify::new(),
            flows: config.flows,
            flows_per_session: config.flows_per_session,
        }
    }
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
    /// Registers. `base` gives what is on record of the session's received bytes.
    ///
    /// # Errors
    /// The limit that is reached, in a sentence.
    pub(crate) fn register(
        self: &Arc<Self>,
        session: &Session,
        stage: Attempt,
        root: Digest,
        cord: Arc<Cord>,
        base: impl FnOnce() -> u64,
    ) -> Result<Registration, String> {
        let known = lock(&self.state).sessions.get(&session.id).cloned();
        // The ledger's views have a lock of their own: never asked under ours.
        let fresh = if known.is_none() { base() } else { 0 };
        let mut state = lock(&self.state);
        if state.entries.len() >= self.flows {
            return Err(format!("all {} flows of this gateway are in use", self.flows));
        }
        if state.sessions.len() >= METERS {
            state.sessions.retain(|_, meter| meter.live.load(Ordering::Acquire) > 0);
        }
        let meter = Arc::clone(
            state
                .sessions
                .entry(session.id.clone())
                .or_insert_with(|| Arc::new(Meter { base: fresh, ..Meter::default() })),
        );
        if meter.live.load(Ordering::Acquire) >= self.flows_per_session {
            return Err(format!("all {} flows of this session are in use", self.flows_per_session));
        }
        meter.live.fetch_add(1, Ordering::AcqRel);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let stages = Mutex::new(vec![stage]);
        let entry = Arc::new(Entry { session: session.clone(), stages, root, cord, meter });
        state.entries.insert(id, Arc::clone(&entry));
        self.count.store(state.entries.len(), Ordering::Release);
        Ok(Registration { live: Arc::clone(self), id, entry })
    }
    /// All that lives now.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        lock(&self.state).entries.values().cloned().collect()
    }
    /// Forgets what a closed session has moved, once nothing of it lives.
    pub(crate) fn forget(&self, session: &SessionId) {
        let mut state = lock(&self.state);
        if state.sessions.get(session).is_some_and(|m| m.live.load(Ordering::Acquire) == 0) {
            state.sessions.remove(session);
        }
    }
    /// Waits until nothing lives.
    pub(crate) async fn until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // RACE: enrolled before the count is read.
            emptied.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// A poisoned lock is still a lock: what it guards is changed in single steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
