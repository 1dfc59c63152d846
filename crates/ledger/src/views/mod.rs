//! Folds over the events: what stands now. Cheap to read, updated before a commit answers.
//!
//! ```text
//!  kinds    what is shown            state    the fold
//!  minutes  the 60-minute window     rows     its form on disk
//! ```
//! Views never judge: expiry is compared with the `now` that the caller passes. Next: `kinds`.

mod kinds;
mod minutes;
pub(crate) mod rows;
pub(crate) mod state;

pub use kinds::{
    AlertView, GrantView, HoldView, QuarantineView, Released, Resolved, Revoked, SessionView,
    TokenView,
};

use backstop_model::event::{Event, Resolution};
use backstop_model::id::{Digest, SessionId, TokenId};
use backstop_model::standing::{Approval, Quarantined, Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use state::{Live, State};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// What stands, by the events committed so far. A handle: clones show the same.
#[derive(Clone)]
pub struct Views {
    state: Arc<RwLock<State>>,
    /// Where what has been evicted is still found.
    disk: Arc<Mutex<Connection>>,
    changes: Arc<watch::Sender<u64>>,
    /// The same number, for who looks at it at each question: a look at the watch writes to memory that
    /// all threads share.
    count: Arc<AtomicU64>,
}

impl Views {
    pub(crate) fn new(state: State, disk: Arc<Mutex<Connection>>) -> Self {
        let state = Arc::new(RwLock::new(state));
        let changes = Arc::new(watch::Sender::new(0));
        Self { state, disk, changes, count: Arc::default() }
    }

    /// The token with this hash, live or not.
    pub fn token(&self, hash: &Digest) -> Option<TokenView> {
        let state = self.read();
        state.by_hash.get(hash).and_then(|id| state.tokens.get(id)).cloned()
    }

    /// The token with this public id, live or not.
    pub fn token_by_id(&self, id: &TokenId) -> Option<TokenView> {
        self.read().tokens.get(id).cloned()
    }

    /// All runtime and operator tokens, in order of their ids.
    pub fn tokens(&self) -> Vec<TokenView> {
        let state = self.read();
        let mut tokens: Vec<_> = state
            .tokens
            .values()
            .filter(|t| !matches!(t.kind, backstop_model::event::TokenKind::Agent))
            .cloned()
            .collect();
        tokens.sort_by(|a, b| a.id.cmp(&b.id));
        tokens
    }

    /// The session with this id, open or not, until retention forgets it.
    pub fn session(&self, id: &SessionId) -> Option<SessionView> {
        {
            let state = self.read();
            if let Some(live) = state.sessions.get(id) {
                return Some(shown(&state, live));
            }
        }
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let body: Option<String> = disk
            .prepare_cached("SELECT body FROM standing WHERE kind = 'session' AND id = ?1")
            .and_then(|mut query| query.query_row([id.as_str()], |row| row.get(0)).optional())
            .ok()
            .flatten();
        rows::session(&body?)
    }

    /// Whether this session is open; `None` if it is not known. [`Views::session`] copies all that
    /// is shown of it.
    pub fn is_open(&self, id: &SessionId) -> Option<bool> {
        if let Some(live) = self.read().sessions.get(id) {
            return Some(live.view.closed.is_none());
        }
        self.session(id).map(|view| view.closed.is_none())
    }

    /// All sessions that are open or ended within the last hour, oldest first.
    pub fn sessions(&self) -> Vec<SessionView> {
        let state = self.read();
        let mut sessions: Vec<_> =
            state.sessions.values().map(|live| shown(&state, live)).collect();
        sessions.sort_by(|a, b| a.id.cmp(&b.id));
        sessions
    }

    /// What the past says of this subject at `now`.
    pub fn standing(&self, subject: &Subject, now: Timestamp) -> Standing {
        let state = self.read();
        if state.binding.is_empty() && state.granted.is_empty() {
            return Standing::default();
        }
        let mut targets = Vec::with_capacity(3);
        if let Some(session) = &subject.session {
            targets.push(Quarantined::Session(session.clone()));
        }
        let mut grants = Vec::new();
        if let Some(skill) = &subject.skill {
            targets
                .push(Quarantined::Skill { tenant: subject.tenant.clone(), skill: skill.clone() });
            targets.push(Quarantined::SkillEverywhere(skill.clone()));
            if let Some(ids) = state.granted.get(&(subject.tenant.clone(), skill.name.clone())) {
                grants = ids
                    .iter()
                    .filter_map(|id| state.grants.get(id))
                    .filter(|view| view.revoked.is_none() && now < view.grant.until)
                    .map(|view| view.grant.clone())
                    .collect();
            }
        }
        let quarantine =
            targets.iter().find_map(|t| state.binding.get(t)).and_then(|ids| ids.first().cloned());
        Standing { quarantine, grants }
    }

    /// What this session has used: external calls of the last 60 minutes, bytes received by ended
    /// flows.
    pub fn usage(&self, session: &SessionId, now: Timestamp) -> Usage {
        self.read().sessions.get(session).map_or_else(Usage::default, |live| Usage {
            calls: live.window.count(now),
            received: live.view.received,
        })
    }

    /// All quarantines that bind or were released within the last hour, oldest first.
    pub fn quarantines(&self) -> Vec<QuarantineView> {
        self.read().quarantines.values().cloned().collect()
    }
    /// The last alerts (at most 10,000), oldest first.
    pub fn alerts(&self) -> Vec<AlertView> {
        self.read().alerts.values().cloned().collect()
    }
    /// All holds that are open or ended within the last hour, oldest first.
    pub fn holds(&self) -> Vec<HoldView> {
        self.read().holds.values().cloned().collect()
    }
    /// All grants that bind or ended within the last hour, oldest first.
    pub fn grants(&self) -> Vec<GrantView> {
        self.read().grants.values().cloned().collect()
    }

    /// The approval that lets this session do exactly what has this digest, if it holds at `now`.
    pub fn approval(
        &self,
        session: &SessionId,
        asked: &Digest,
        now: Timestamp,
    ) -> Option<Approval> {
        let state = self.read();
        let view = state.holds.get(state.approvals.get(&(session.clone(), *asked))?)?;
        let resolved = view.resolved.as_ref()?;
        let until = resolved.until?;
        (resolved.resolution == Resolution::Approved && now < until).then(|| Approval {
            hold: view.id.clone(),
            asked: *asked,
            until,
        })
    }

    /// Counts up whenever somebody's standing may have changed: quarantine, release, grant,
    /// session opened or closed, token issued or revoked, hold resolved.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How often that was so far.
    pub fn change_count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Folds a committed batch in, then tells the watchers.
    pub(crate) fn fold<'a>(&self, events: impl Iterator<Item = &'a Event>) {
        let changed = {
            let mut state = self.write();
            events.fold(false, |changed, event| state.fold(event) | changed)
        };
        if changed {
            // Who looks sees it no later than who is woken.
            self.count.fetch_add(1, Ordering::AcqRel);
            self.changes.send_modify(|n| *n = n.wrapping_add(1));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(state: &State, live: &Live) -> SessionView {
    let mut view = live.view.clone();
    view.tokens = live.tokens.iter().filter_map(|id| state.tokens.get(id)).cloned().collect();
    view
}
