//! One judgement: policy, standing, use, and whether the session itself still stands.
//!
//! Must not know how the answer is recorded. Next: `holds`.

use crate::fault::Faulted;
use crate::gate::Inner;
use crate::identity::Session;
use crate::live::{Entry, Settled};
use backstop_model::addr::AddressRules;
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::id::ByteCount;
use backstop_model::standing::Usage;
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Obligation, Reason, Ruling, Verdict};
use backstop_policy::{Policy, decide};
use std::sync::Arc;

/// What was decided, and under what.
pub(crate) struct Judged {
    pub(crate) decision: Decision,
    pub(crate) policy: Arc<Policy>,
    /// The count of standing changes that was seen.
    changes: u64,
    /// When this answer may turn into another with nothing but time; `None` for never.
    until: Option<Timestamp>,
}

/// Whether the call is in the ledger's count of calls already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is asked for the first time.
    Asked,
    /// It was permitted, so it is one of the calls that are counted.
    Counted,
}

impl Judged {
    /// The control that decided and its reason.
    pub(crate) fn deciding(&self) -> (Control, String) {
        self.decision.deciding().map_or_else(
            || (Control::Fault, "it is refused, and no control says why".to_owned()),
            |reason| (reason.control, reason.text.clone()),
        )
    }

    /// Whether both allow, by the same policy and with the same duties and grant, so that the
    /// record of the one is true of the other.
    pub(crate) fn permits_as(&self, recorded: &Self) -> bool {
        let (one, other) = (&self.decision, &recorded.decision);
        one.verdict == Verdict::Allow
            && other.verdict == Verdict::Allow
            && self.policy.digest() == recorded.policy.digest()
            && one.duties == other.duties
            && one.grant == other.grant
    }
}

impl Inner {
    /// Judges one stage of an entry as things stand now.
    pub(crate) fn judge(&self, entry: &Entry, attempt: &Attempt, seen: Seen) -> Judged {
        // RACE: the count is read first: a change that comes while we judge shows in `is_current`.
        let changes = self.changes();
        let (policy, now) = (self.policy(), self.now());
        let mut until = entry.session.expires;
        let decision = match self.stands(&entry.session, now) {
            Err(text) => denied(Control::Identity, text),
            Ok(()) => {
                let subject = &entry.session.subject;
                let standing = self.ledger.views().standing(subject, now);
                let ends = standing.grants.iter().map(|grant| grant.until);
                let ends = ends.chain(policy.observes_until(&subject.tenant));
                until = ends.filter(|end| now < *end).chain(until).min();
                let used = self.usage(entry, now);
                let own = match seen {
                    Seen::Asked => 0,
                    Seen::Counted => 1,
                };
                let usage = Usage { calls: used.calls.saturating_sub(own), ..used };
                let mut decision =
                    decide(&policy, subject, &standing, &usage, attempt, &entry.evidence(), now);
                // How much is held is this process's affair, so policy cannot say it.
                let cap = ByteCount(u64::try_from(self.inspection.cap).unwrap_or(u64::MAX));
                for duty in &mut decision.duties {
                    if let Obligation::InspectBody { cap: held } = &mut duty.obligation {
                        *held = cap;
                    }
                }
                if self.hold_back(entry, attempt, &mut decision, now) {
                    // An approval ends by itself, and soon: such a flow is asked every time.
                    until = Some(now);
                }
                decision
            }
        };
        Judged { decision, policy, changes, until }
    }

    /// What the entry's session has used by now.
    fn usage(&self, entry: &Entry, now: Timestamp) -> Usage {
        let used = self.ledger.views().usage(&entry.session.id, now);
        // Live flows are not on record yet, but what they received counts.
        Usage { received: ByteCount(used.received.0.max(entry.meter.received())), ..used }
    }

    /// Whether nothing has changed since the judgement.
    pub(crate) fn is_current(&self, judged: &Judged) -> bool {
        self.changes() == judged.changes && Arc::ptr_eq(&self.policy.borrow(), &judged.policy)
    }

    /// Whether the session may act at all.
    pub(crate) fn stands(&self, session: &Session, now: Timestamp) -> Result<(), String> {
        if session.expires.is_some_and(|end| end <= now) {
            return Err("the session has ended".to_owned());
        }
        let views = self.ledger.views();
        match &session.token {
            Some(hash) => match views.token(hash) {
                Some(token) if token.is_live(now) => Ok(()),
                Some(_) => Err("its token was revoked, or its session is closed".to_owned()),
                None => Err("its token is not known any more".to_owned()),
            },
            None => match views.is_open(&session.id) {
                Some(true) => Ok(()),
                Some(false) => Err("the session is closed".to_owned()),
                None => Err("the session is not known any more".to_owned()),
            },
        }
    }

    /// Judges all that an entry stands on as things are now: every stage, and the address that was
    /// reached.
    ///
    /// What was allowed under the same policy, standing and use, and nothing of it has ended since,
    /// is allowed again without a look: thousands of quiet flows cost next to nothing.
    ///
    /// # Errors
    /// Why it may live no longer.
    pub(crate) fn judge_again(&self, entry: &Entry) -> Result<(), Faulted> {
        // RACE: read before anything is judged: what changes meanwhile unsettles the entry.
        let (changes, policy, now) = (self.changes(), self.policy(), self.now());
        let usage = self.usage(entry, now);
        let holds = |settled: &Settled| {
            settled.changes == changes
                && Arc::ptr_eq(&settled.policy, &policy)
                && settled.until.is_none_or(|until| now < until)
                && settled.usage.received == usage.received
                // The window slides: fewer calls allow no less.
                && settled.usage.calls >= usage.calls
        };
        if entry.is_settled(holds) {
            return Ok(());
        }
        let mut settled = Settled { policy, changes, usage, until: None };
        let (stages, reached) = (entry.stages(), entry.reached());
        for stage in &stages {
            let judged = self.judge(entry, stage, Seen::Counted);
            match judged.decision.verdict {
                Verdict::Allow => {
                    settled.until = settled.until.into_iter().chain(judged.until).min();
                }
                Verdict::Hold | Verdict::Deny => {
                    let (control, reason) = judged.deciding();
                    return Err(Faulted { control, reason });
                }
            }
            if let Some(address) = reached {
                let rules = address_rules(&judged.policy, &entry.session, stage);
                self.exit.judge_again(&stage.destination.host, address, &rules)?;
            }
        }
        entry.settle(stages.len(), reached, settled);
        Ok(())
    }

    /// Asks everything that lives again, and cuts what may no longer. How many were cut.
    pub(crate) async fn sweep(&self) -> usize {
        let mut cut = 0;
        for (index, entry) in self.live.entries().into_iter().enumerate() {
            // LIMIT: other tasks of this thread have their turn between batches.
            if index % 128 == 127 {
                tokio::task::yield_now().await;
            }
            if entry.cord.is_cut() {
                continue;
            }
            match self.judge_again(&entry) {
                Ok(()) => {}
                Err(Faulted { control, reason }) => {
                    if entry.cord.cut(control, reason) {
                        cut += 1;
                        self.counters.cut.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            }
        }
        cut
    }
}

/// Which addresses the policy's rows let an attempt reach.
pub(crate) fn address_rules(policy: &Policy, session: &Session, attempt: &Attempt) -> AddressRules {
    let terms = policy.row_terms(&session.subject.tenant, &attempt.destination);
    AddressRules { allow_private: terms.allow_private, nat64: Vec::new() }
}

fn denied(control: Control, text: String) -> Decision {
    let reasons = vec![Reason { control, ruling: Ruling::Deny, text }];
    Decision { verdict: Verdict::Deny, reasons, duties: Vec::new(), grant: None }
}
