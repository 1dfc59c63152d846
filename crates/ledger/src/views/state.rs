//! The fold itself: what each fact does to what stands.
//!
//! INVARIANT: only the writer changes a `State`, after the rows are committed and before their
//! commits answer. Must not know storage. Next: `rows`.

use super::kinds::{
    AlertView, GrantView, HoldView, QuarantineView, Released, Resolved, Revoked, SessionView,
    TokenView,
};
use super::minutes::Minutes;
use backstop_model::attempt::Plane;
use backstop_model::event::{Event, Fact, Resolution, TokenRecord};
use backstop_model::id::{
    AlertId, ByteCount, Digest, GrantId, HoldId, QuarantineId, SessionId, SkillName, TenantName,
    TokenId,
};
use backstop_model::standing::Quarantined;
use backstop_model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How long what has ended stays in memory. It stays findable on disk until retention removes it.
pub(crate) const LINGER: Duration = Duration::from_secs(3_600);
/// The most alerts held in memory; older ones are in the events.
pub(crate) const ALERTS: usize = 10_000;

/// Names one thing that stands; sorted, so that a flush writes in key order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Session(SessionId),
    Token(TokenId),
    Quarantine(QuarantineId),
    Alert(AlertId),
    Hold(HoldId),
    Grant(GrantId),
}

/// A session with its call window; its tokens stand in `State::tokens`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Live {
    /// The view, its `tokens` left empty.
    pub(crate) view: SessionView,
    pub(crate) tokens: Vec<TokenId>,
    pub(crate) window: Minutes,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sessions: HashMap<SessionId, Live>,
    pub(crate) tokens: HashMap<TokenId, TokenView>,
    pub(crate) by_hash: HashMap<Digest, TokenId>,
    pub(crate) quarantines: BTreeMap<QuarantineId, QuarantineView>,
    pub(crate) binding: HashMap<Quarantined, BTreeSet<QuarantineId>>,
    pub(crate) alerts: BTreeMap<AlertId, AlertView>,
    pub(crate) holds: BTreeMap<HoldId, HoldView>,
    pub(crate) approvals: HashMap<(SessionId, Digest), HoldId>,
    pub(crate) grants: BTreeMap<GrantId, GrantView>,
    pub(crate) granted: HashMap<(TenantName, SkillName), BTreeSet<GrantId>>,
    /// What changed since the last flush.
    pub(crate) dirty: BTreeSet<Key>,
}

impl State {
    /// Folds one event in. Says whether anybody's standing may have changed.
    pub(crate) fn fold(&mut self, event: &Event) -> bool {
        let session = event.subject.as_ref().and_then(|s| s.session.as_ref());
        match &event.fact {
            Fact::ProcessStarted { .. }
            | Fact::ProcessStopped
            | Fact::PolicyLoaded { .. }
            | Fact::PolicyRejected { .. } => false,
            Fact::TokenIssued(record) => {
                self.token(record, event.at);
                true
            }
            Fact::TokenRevoked { id, by: _ } => {
                if let Some(token) = self.tokens.get_mut(id) {
                    token.revoked.get_or_insert(event.at);
                    self.dirty.insert(Key::Token(id.clone()));
                }
                true
            }
            Fact::SessionOpened { tokens } => {
                if let (Some(id), Some(subject)) = (session, &event.subject) {
                    self.open(id, subject.clone(), tokens, event.at);
                }
                true
            }
            Fact::SessionClosed => {
                if let Some(id) = session {
                    self.close(id, event.at);
                }
                true
            }
            Fact::AttemptPermitted { asked, refines, .. } => {
                let counted = refines.is_none() && !matches!(asked.plane, Plane::Dns);
                if counted {
                    self.count(session, |live| {
                        live.view.calls = live.view.calls.saturating_add(1);
                        live.window.add(event.at);
                    });
                }
                false
            }
            Fact::AttemptRefused { .. } => {
                self.count(session, |live| {
                    live.view.refused = live.view.refused.saturating_add(1);
                });
                false
            }
            Fact::RefusalsCounted { count, .. } => {
                self.count(session, |live| {
                    live.view.refused = live.view.refused.saturating_add(*count);
                });
                false
            }
            Fact::NameResolved { .. } => false,
            Fact::FlowEnded { sent, received, .. } => {
                self.count(session, |live| {
                    let view = &mut live.view;
                    view.sent = ByteCount(view.sent.0.saturating_add(sent.0));
                    view.received = ByteCount(view.received.0.saturating_add(received.0));
                });
                false
            }
            Fact::HoldPlaced { hold, asked, summary, until } => {
                let view = HoldView {
                    id: hold.clone(),
                    subject: event.subject.clone(),
                    asked: *asked,
                    summary: summary.clone(),
                    placed: event.at,
                    until: *until,
                    resolved: None,
                };
                self.hold(view);
                false
            }
            Fact::HoldResolved { hold, resolution, by, until } => {
                if let Some(mut view) = self.holds.get(hold).cloned() {
                    view.resolved = Some(Resolved {
                        resolution: *resolution,
                        by: by.clone(),
                        at: event.at,
                        until: *until,
                    });
                    self.hold(view);
                }
                true
            }
            Fact::QuarantineImposed { id, target, by, reason } => {
                self.quarantine(QuarantineView {
                    id: id.clone(),
                    target: target.clone(),
                    by: by.clone(),
                    reason: reason.clone(),
                    imposed: event.at,
                    released: None,
                });
                true
            }
            Fact::QuarantineReleased { id, by, reason } => {
                if let Some(mut view) = self.quarantines.get(id).cloned() {
                    view.released =
                        Some(Released { by: by.clone(), at: event.at, reason: reason.clone() });
                    self.quarantine(view);
                }
                true
            }
            Fact::AlertRaised { id, control, severity, summary, cause, count } => {
                let raised = self.alerts.get(id).map_or(event.at, |known| known.raised);
                self.alert(AlertView {
                    id: id.clone(),
                    raised,
                    latest: event.at,
                    subject: event.subject.clone(),
                    control: *control,
                    severity: *severity,
                    summary: summary.clone(),
                    cause: cause.clone(),
                    count: *count,
                });
                false
            }
            Fact::GrantIssued { grant, by, reason } => {
                self.grant(GrantView {
                    grant: grant.clone(),
                    by: by.clone(),
                    reason: reason.clone(),
                    issued: event.at,
                    revoked: None,
                });
                true
            }
            Fact::GrantRevoked { id, by } => {
                if let Some(mut view) = self.grants.get(id).cloned() {
                    view.revoked.get_or_insert(Revoked { by: by.clone(), at: event.at });
                    self.grant(view);
                }
                true
            }
        }
    }

    fn count(&mut self, session: Option<&SessionId>, change: impl FnOnce(&mut Live)) {
        if let Some(id) = session
            && let Some(live) = self.sessions.get_mut(id)
        {
            change(live);
            self.dirty.insert(Key::Session(id.clone()));
        }
    }

    fn token(&mut self, record: &TokenRecord, at: Timestamp) {
        self.put_token(TokenView::issued(record, at));
        self.dirty.insert(Key::Token(record.id.clone()));
    }

    fn open(
        &mut self,
        id: &SessionId,
        subject: backstop_model::standing::Subject,
        tokens: &[TokenRecord],
        at: Timestamp,
    ) {
        for record in tokens {
            self.token(record, at);
        }
        let endless = tokens.iter().any(|t| t.expires.is_none());
        let expires = if endless { None } else { tokens.iter().filter_map(|t| t.expires).max() };
        let view = SessionView {
            id: id.clone(),
            subject,
            opened: at,
            closed: None,
            expires,
            tokens: Vec::new(),
            calls: 0,
            sent: ByteCount(0),
            received: ByteCount(0),
            refused: 0,
        };
        let tokens = tokens.iter().map(|t| t.id.clone()).collect();
        self.sessions.insert(id.clone(), Live { view, tokens, window: Minutes::default() });
        self.dirty.insert(Key::Session(id.clone()));
    }

    fn close(&mut self, id: &SessionId, at: Timestamp) {
        let Some(live) = self.sessions.get_mut(id) else { return };
        live.view.closed.get_or_insert(at);
        self.dirty.insert(Key::Session(id.clone()));
        for token in &live.tokens {
            if let Some(view) = self.tokens.get_mut(token) {
                view.revoked.get_or_insert(at);
                self.dirty.insert(Key::Token(token.clone()));
            }
        }
    }

    fn hold(&mut self, view: HoldView) {
        self.dirty.insert(Key::Hold(view.id.clone()));
        self.put_hold(view);
    }
    fn quarantine(&mut self, view: QuarantineView) {
        self.dirty.insert(Key::Quarantine(view.id.clone()));
        self.put_quarantine(view);
    }
    fn alert(&mut self, view: AlertView) {
        self.dirty.insert(Key::Alert(view.id.clone()));
        self.put_alert(view);
    }
    fn grant(&mut self, view: GrantView) {
        self.dirty.insert(Key::Grant(view.grant.id.clone()));
        self.put_grant(view);
    }

    // The `put_*` functions keep the indices; a restore uses them directly.

    pub(crate) fn put_session(&mut self, live: Live) {
        self.sessions.insert(live.view.id.clone(), live);
    }
    pub(crate) fn put_token(&mut self, view: TokenView) {
        self.by_hash.insert(view.hash, view.id.clone());
        self.tokens.insert(view.id.clone(), view);
    }
    pub(crate) fn put_hold(&mut self, view: HoldView) {
        let approved = view.resolved.as_ref().is_some_and(|r| r.resolution == Resolution::Approved);
        let session = view.subject.as_ref().and_then(|s| s.session.clone());
        if let (true, Some(session)) = (approved, session) {
            self.approvals.insert((session, view.asked), view.id.clone());
        }
        self.holds.insert(view.id.clone(), view);
    }
    pub(crate) fn put_quarantine(&mut self, view: QuarantineView) {
        let binding = self.binding.entry(view.target.clone()).or_default();
        if view.released.is_none() {
            binding.insert(view.id.clone());
        } else {
            binding.remove(&view.id);
        }
        if binding.is_empty() {
            self.binding.remove(&view.target);
        }
        self.quarantines.insert(view.id.clone(), view);
    }
    pub(crate) fn put_alert(&mut self, view: AlertView) {
        self.alerts.insert(view.id.clone(), view);
    }
    pub(crate) fn put_grant(&mut self, view: GrantView) {
        let key = (view.grant.tenant.clone(), view.grant.skill.clone());
        let granted = self.granted.entry(key.clone()).or_default();
        if view.revoked.is_none() {
            granted.insert(view.grant.id.clone());
        } else {
            granted.remove(&view.grant.id);
        }
        if granted.is_empty() {
            self.granted.remove(&key);
        }
        self.grants.insert(view.grant.id.clone(), view);
    }

    /// Forgets what has ended more than [`LINGER`] ago and is flushed.
    ///
    /// INVARIANT: nothing that is dirty is forgotten, or the disk would keep its older state.
    pub(crate) fn evict(&mut self, now: Timestamp) {
        let gone = |end: Option<Timestamp>| end.is_some_and(|end| now.since(end) > LINGER);
        let dirty = &self.dirty;
        self.sessions.retain(|id, live| {
            !gone(live.view.ended()) || dirty.contains(&Key::Session(id.clone()))
        });
        let by_hash = &mut self.by_hash;
        self.tokens.retain(|id, view| {
            let keep = !gone(view.ended()) || dirty.contains(&Key::Token(id.clone()));
            if !keep {
                by_hash.remove(&view.hash);
            }
            keep
        });
        self.quarantines
            .retain(|id, view| !gone(view.ended()) || dirty.contains(&Key::Quarantine(id.clone())));
        let approvals = &mut self.approvals;
        self.holds.retain(|id, view| {
            let keep = !gone(view.ended()) || dirty.contains(&Key::Hold(id.clone()));
            if !keep {
                approvals.retain(|_, hold| hold != id);
            }
            keep
        });
        let granted = &mut self.granted;
        self.grants.retain(|id, view| {
            let keep = !gone(view.ended()) || dirty.contains(&Key::Grant(id.clone()));
            if !keep {
                granted.retain(|_, ids| {
                    ids.remove(id);
                    !ids.is_empty()
                });
            }
            keep
        });
        while self.alerts.len() > ALERTS {
            match self.alerts.first_key_value() {
                Some((id, _)) if !dirty.contains(&Key::Alert(id.clone())) => {
                    self.alerts.pop_first();
                }
                Some(_) | None => break,
            }
        }
    }
}

impl SessionView {
    /// When it ended or will end: closed, or its last token expired.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.closed.or(self.expires)
    }
}
impl TokenView {
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.revoked.or(self.expires)
    }
}
impl QuarantineView {
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.released.as_ref().map(|r| r.at)
    }
}
impl HoldView {
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        match &self.resolved {
            Some(resolved) => Some(resolved.until.map_or(resolved.at, |u| u.max(resolved.at))),
            None => Some(self.until),
        }
    }
}
impl GrantView {
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        Some(self.revoked.as_ref().map_or(self.grant.until, |r| r.at))
    }
}
