//! Everything that lives under a permit: registered before it is checked, asked again on every
//! change, cut when it may no longer.
//!
//! Must not know how anything is decided. Next: `flow`.

use crate::config::Config;
use crate::identity::Session;
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::finding::{Evidence, Look};
use backstop_model::id::{Digest, SessionId};
use backstop_model::standing::Usage;
use backstop_model::time::Timestamp;
use backstop_policy::Policy;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
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

#[derive(Debug)]
struct State {
    entries: HashMap<u64, Arc<Entry>>,
    sessions: HashMap<SessionId, Arc<Meter>>,
    /// How often meters were forgotten.
    forgotten: u64,
    /// So many meters are looked through for what can be forgotten.
    full: usize,
}

/// What one session has moved through this process, live flows included.
///
/// INVARIANT: `base` and `received` together are never less than what is on record and what live
/// or just ended flows will still add to it: a meter is forgotten only once its last flow is on
/// record, and one is never made from a look at the record that is older than such a forgetting.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    live: AtomicUsize,
    /// Received from upstreams through this process.
    received: AtomicU64,
    /// What was on record when the meter was made.
    base: u64,
    /// When the session ends by itself.
    expires: Option<Timestamp>,
}

impl Meter {
    /// Bytes received since the session began, as far as this process knows.
    pub(crate) fn received(&self) -> u64 {
        self.base.saturating_add(self.received.load(Ordering::Relaxed))
    }
    /// Whether nobody needs it: nothing lives, and all of it is on record or its session is over.
    fn is_idle(&self, recorded: u64, now: Timestamp) -> bool {
        self.live.load(Ordering::Acquire) == 0
            && (self.received() <= recorded || self.expires.is_some_and(|end| end <= now))
    }
}

/// One thing that lives: a permit, the flow it became, or a request that rides on a flow.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) session: Session,
    stages: Mutex<Stages>,
    /// The digest of the first stage: what an approval is bound to.
    pub(crate) root: Digest,
    pub(crate) cord: Arc<Cord>,
    pub(crate) meter: Arc<Meter>,
    /// What was found in what it sends: judged again with it, long after the bytes are gone.
    evidence: Mutex<Arc<Evidence>>,
    /// The address that was reached, once it is dialled.
    reached: OnceLock<IpAddr>,
}

#[derive(Debug, Default)]
struct Stages {
    /// Every stage that was permitted; each must stay so.
    list: Vec<Attempt>,
    /// Under what all of them were last seen to be allowed.
    settled: Option<Settled>,
}

/// Under what a judgement holds: while none of it changes, asking again gives the same answer.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) policy: Arc<Policy>,
    /// The count of standing changes.
    pub(crate) changes: u64,
    pub(crate) usage: Usage,
    /// When something ends by itself: the session, a grant, a tenant's observe state.
    pub(crate) until: Option<Timestamp>,
}

impl Entry {
    /// What is known of its payload so far.
    pub(crate) fn evidence(&self) -> Arc<Evidence> {
        Arc::clone(&lock(&self.evidence))
    }
    /// More of its payload was looked at.
    pub(crate) fn learn(&self, more: Evidence) {
        {
            let mut evidence = lock(&self.evidence);
            let all = Arc::make_mut(&mut evidence);
            all.findings.extend(more.findings);
            if all.look == Look::Whole {
                all.look = more.look;
            }
        }
        lock(&self.stages).settled = None;
    }
    pub(crate) fn stages(&self) -> Vec<Attempt> {
        lock(&self.stages).list.clone()
    }
    pub(crate) fn push(&self, stage: Attempt) {
        let mut stages = lock(&self.stages);
        stages.list.push(stage);
        stages.settled = None;
    }
    /// Keeps under what these `stages` and the address `reached` were allowed, unless there is
    /// more by now.
    pub(crate) fn settle(&self, stages: usize, reached: Option<IpAddr>, settled: Settled) {
        let mut kept = lock(&self.stages);
        if kept.list.len() == stages && self.reached() == reached {
            kept.settled = Some(settled);
        }
    }
    /// Whether all stages were allowed under what still holds.
    pub(crate) fn is_settled(&self, holds: impl FnOnce(&Settled) -> bool) -> bool {
        lock(&self.stages).settled.as_ref().is_some_and(holds)
    }
    /// Notes the address that was reached: from now on it must stay one that may be.
    pub(crate) fn reach(&self, address: IpAddr) {
        let mut stages = lock(&self.stages);
        // An entry becomes one connection at most.
        let _ = self.reached.set(address);
        stages.settled = None;
    }
    pub(crate) fn reached(&self) -> Option<IpAddr> {
        self.reached.get().copied()
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

/// What an entry hangs on, and what is known of its payload.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    pub(crate) cord: Arc<Cord>,
    pub(crate) evidence: Arc<Evidence>,
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

/// LIMIT: meters of sessions that are kept before those without a live flow are looked through.
const METERS: usize = 16_384;

impl Live {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            state: Mutex::new(State {
                entries: HashMap::new(),
                sessions: HashMap::new(),
                forgotten: 0,
                full: METERS,
            }),
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
    /// Registers. `recorded` gives what is on record of a session's received bytes.
    ///
    /// # Errors
    /// The limit that is reached, in a sentence.
    pub(crate) fn register(
        self: &Arc<Self>,
        session: &Session,
        stage: Attempt,
        root: Digest,
        ties: Ties,
        now: Timestamp,
        recorded: impl Fn(&SessionId) -> u64,
    ) -> Result<Registration, String> {
        let Ties { cord, evidence } = ties;
        self.make_room(now, &recorded);
        // The ledger's views have a lock of their own: never asked under ours.
        let mut looked_up = None;
        loop {
            let mut state = lock(&self.state);
            if state.entries.len() >= self.flows {
                return Err(format!("all {} flows of this gateway are in use", self.flows));
            }
            let meter = match (state.sessions.get(&session.id), looked_up) {
                (Some(meter), _) => Arc::clone(meter),
                (None, Some((base, forgotten))) if forgotten == state.forgotten => {
                    let meter = Meter { base, expires: session.expires, ..Meter::default() };
                    let meter = Arc::new(meter);
                    state.sessions.insert(session.id.clone(), Arc::clone(&meter));
                    meter
                }
                // RACE: a meter that came and went since the look at the record may have counted
                // what that look did not see, so it takes another look.
                (None, _) => {
                    let forgotten = state.forgotten;
                    drop(state);
                    looked_up = Some((recorded(&session.id), forgotten));
                    continue;
                }
            };
            let most = self.flows_per_session;
            if meter.live.load(Ordering::Acquire) >= most {
                return Err(format!("all {most} flows of this session are in use"));
            }
            meter.live.fetch_add(1, Ordering::AcqRel);
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let entry = Arc::new(Entry {
                session: session.clone(),
                stages: Mutex::new(Stages { list: vec![stage], settled: None }),
                root,
                cord,
                meter,
                evidence: Mutex::new(evidence),
                reached: OnceLock::new(),
            });
            state.entries.insert(id, Arc::clone(&entry));
            self.count.store(state.entries.len(), Ordering::Release);
            return Ok(Registration { live: Arc::clone(self), id, entry });
        }
    }

    /// Forgets idle meters once there are many.
    fn make_room(&self, now: Timestamp, recorded: impl Fn(&SessionId) -> u64) {
        let idle: Vec<SessionId> = {
            let state = lock(&self.state);
            if state.sessions.len() < state.full {
                return;
            }
            let idle = |meter: &Meter| meter.is_idle(u64::MAX, now);
            state.sessions.iter().filter(|(_, m)| idle(m)).map(|(id, _)| id.clone()).collect()
        };
        let known: Vec<(SessionId, u64)> =
            idle.into_iter().map(|id| (id.clone(), recorded(&id))).collect();
        let mut state = lock(&self.state);
        for (id, recorded) in known {
            if state.sessions.get(&id).is_some_and(|meter| meter.is_idle(recorded, now)) {
                state.sessions.remove(&id);
                state.forgotten = state.forgotten.wrapping_add(1);
            }
        }
        // The next look is due when there are twice as many, so that it stays cheap on average.
        state.full = METERS.max(state.sessions.len().saturating_mul(2));
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
            state.forgotten = state.forgotten.wrapping_add(1);
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

#[cfg(test)]
mod tests;
