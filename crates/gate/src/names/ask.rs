//! From a question to its answer: on record already, decided, or recorded now.
//! Next: `answer`.

use super::answer::{NameAnswer, NamePermit};
use super::client::NameClient;
use super::kept::KeptRow;
use super::table::{self, Entry};
use super::{Question, signs};
use crate::fault::Faulted;
use crate::gate::Inner;
use crate::identity::Session;
use crate::live::lock;
use crate::record::Refused;
use crate::respond::Outcome;
use backstop_model::attempt::{Inspection, Plane};
use backstop_model::control::Control;
use backstop_model::event::{Asked, Event, Fact};
use backstop_model::id::{ByteCount, ReceiptId};
use backstop_model::name::{CLASS_IN, NameSign, QueryName, QueryType};
use backstop_model::refusal::Refusal;
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Duty, Obligation, Reason, Ruling, Verdict};
use backstop_policy::{NameAsked, NameDecision, NameRow, NameTerms, NameTold, Policy, decide_name};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// LIMIT: records of one answer: each after the first is for a change that came during the last.
const ROUNDS: usize = 4;

/// What was decided, and under what.
pub(super) struct Judged {
    pub(super) decision: NameDecision,
    policy: Arc<Policy>,
    changes: u64,
    /// In microseconds; `i64::MAX` for never.
    until: i64,
}

impl Inner {
    /// The answer that needs no record: on record already, or refused. `None`: it must be recorded.
    pub(super) fn name_now<'a>(
        self: &'a Arc<Self>,
        client: &'a NameClient,
        question: &Question<'_>,
    ) -> Option<NameAnswer<'a>> {
        let now = self.now();
        client.asks(now);
        if let Some(answer) = self.name_on_record(client, question, now) {
            return Some(answer);
        }
        let session = client.standing().session.load();
        let judged = self.judge_name(client, &session, question, &[], now);
        match judged.decision.told {
            NameTold::Ask => None,
            NameTold::Nothing => {
                self.counters.answer(Plane::Dns, None, Verdict::Allow);
                Some(NameAnswer::Suffixed)
            }
            NameTold::Empty | NameTold::Refused => {
                Some(self.refuse_name(client, &session, question, &judged.decision, now))
            }
        }
    }

    /// The answer under a row that is on record and still stands.
    fn name_on_record<'a>(
        self: &'a Arc<Self>,
        client: &'a NameClient,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Option<NameAnswer<'a>> {
        let table = &client.standing().table;
        let hash = self.names.hash(question.name);
        let (entry, over) = table.current(hash, question.name, now)?;
        if let Some(over) = over {
            self.ended(over);
        }
        self.name_under(client, Cow::Owned(entry), question, now)
    }

    /// The answer under a row that somebody has at hand, if its minute is this one and it still
    /// stands.
    pub(super) fn name_again<'a>(
        self: &'a Arc<Self>,
        client: &'a NameClient,
        row: &'a KeptRow,
        question: &Question<'_>,
    ) -> Option<NameAnswer<'a>> {
        let now = self.now();
        let entry = row.of(client, question.name, now)?;
        client.asks(now);
        self.name_under(client, Cow::Borrowed(entry), question, now)
    }

    fn name_under<'a>(
        self: &'a Arc<Self>,
        client: &'a NameClient,
        entry: Cow<'a, Arc<Entry>>,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Option<NameAnswer<'a>> {
        let stands = question.class == CLASS_IN
            && entry.terms_allow(question)
            && self.entry_stands(client, &entry, (&|| question.name.clone(), question.qtype), now);
        stands.then(|| self.on_record(client, entry, question, now))
    }

    /// The same, once there is a record.
    pub(super) async fn name_recorded<'a>(
        self: &'a Arc<Self>,
        client: &'a NameClient,
        question: &Question<'_>,
    ) -> NameAnswer<'a> {
        let standing = client.standing();
        // One row for each session, name and minute: who comes second finds it.
        let _turn = standing.table.turn(self.names.hash(question.name)).await;
        for _ in 0..ROUNDS {
            let session = match self.current_session(standing).await {
                Ok(session) => session,
                Err(fault) => return self.name_fault(client, question, fault),
            };
            let now = self.now();
            if let Some(answer) = self.name_on_record(client, question, now) {
                return answer;
            }
            let mut judged = self.judge_name(client, &session, question, &[], now);
            let signs = self.wildcard_signs(client, &judged.decision.row, question, now);
            if !signs.is_empty() {
                judged = self.judge_name(client, &session, question, &signs, now);
            }
            match judged.decision.told {
                NameTold::Ask => {}
                NameTold::Nothing => {
                    self.counters.answer(Plane::Dns, None, Verdict::Allow);
                    return NameAnswer::Suffixed;
                }
                // What was decided without its signs would be on record as a permit.
                NameTold::Empty | NameTold::Refused => {
                    return self.refuse_name(client, &session, question, &judged.decision, now);
                }
            }
            if !standing.table.has_room() {
                let fault = Faulted::limit("too many names on record within a minute".to_owned());
                return self.name_fault(client, question, fault);
            }
            if let Err(fault) = self.record_name(client, session, question, judged, now).await {
                return self.name_fault(client, question, fault);
            }
        }
        let reason = "policy changes faster than it can be recorded".to_owned();
        self.name_fault(client, question, Faulted::limit(reason))
    }

    /// Commits the counter row, then puts the name on record.
    async fn record_name(
        &self,
        client: &NameClient,
        session: Arc<Session>,
        question: &Question<'_>,
        judged: Judged,
        now: Timestamp,
    ) -> Result<(), Faulted> {
        let event = self.permit_of_name(&session, question, &judged, now);
        let receipt = self.ledger.commit(event).await?.id;
        let reasons = &judged.decision.reasons;
        self.flag_name(&session, question, reasons, &receipt, now);
        let hash = self.names.hash(question.name);
        let begins = (table::begin(hash, now), now);
        let entry = self.entry((question.name, hash), receipt, session, begins, judged);
        if let Some(old) = client.standing().table.put(Arc::new(entry)) {
            self.gone(&old);
        }
        Ok(())
    }

    /// What stands on record of a permit.
    pub(super) fn permit_of_name(
        &self,
        session: &Session,
        question: &Question<'_>,
        judged: &Judged,
        now: Timestamp,
    ) -> Event {
        let decision = &judged.decision;
        let noted = decision.reasons.iter().filter(|r| r.ruling == Ruling::WouldDeny);
        let fact = Fact::AttemptPermitted {
            asked: asked(question),
            reasons: noted.cloned().collect(),
            duties: vec![Duty { obligation: Obligation::PinAddresses, discharged: true }],
            inspected: Inspection::None,
            refines: None,
            grant: decision.grant.clone(),
            delegated: false,
            findings: Vec::new(),
        };
        Event {
            receipt: self.receipt(),
            at: now,
            policy: judged.policy.digest(),
            subject: Some(session.subject.clone()),
            fact,
        }
    }

    /// A committed row, as the table keeps it.
    pub(super) fn entry(
        &self,
        name: (&QueryName, u64),
        receipt: ReceiptId,
        session: Arc<Session>,
        begins: (i64, Timestamp),
        judged: Judged,
    ) -> Entry {
        let Judged { decision, policy, changes, until } = judged;
        let plain = decision.grant.is_none()
            && decision.reasons.iter().all(|reason| reason.ruling != Ruling::WouldDeny);
        let terms = (decision.row, self.names.terms(decision.terms), plain);
        Entry::new(name, receipt, session, begins, policy, terms, (changes, until))
    }

    /// A permit under a row that is committed; under a wildcard, if the client's names still may.
    fn on_record<'a>(
        self: &'a Arc<Self>,
        client: &'a NameClient,
        entry: Cow<'a, Arc<Entry>>,
        question: &Question<'_>,
        now: Timestamp,
    ) -> NameAnswer<'a> {
        if let NameRow::Wildcard(base) = &entry.row {
            let signs = self.wildcard_signs(client, &entry.row, question, now);
            if !signs.is_empty() {
                let session = Arc::clone(&entry.session);
                let judged = self.judge_name(client, &session, question, &signs, now);
                match judged.decision.told {
                    NameTold::Ask => {
                        let would = judged.decision.reasons;
                        self.flag_name(&session, question, &would, &entry.receipt, now);
                    }
                    NameTold::Nothing | NameTold::Empty | NameTold::Refused => {
                        return self.refuse_name(client, &session, question, &judged.decision, now);
                    }
                }
            }
            signs::count(&mut lock(&client.inner.book), base, question.qtype, now);
        }
        entry.queries.fetch_add(1, Ordering::Relaxed);
        if entry.wants_next(now) {
            self.record_ahead(client, &entry, question.qtype);
        }
        self.counters.answer(Plane::Dns, None, Verdict::Allow);
        NameAnswer::Permit(NamePermit::new(self, client, entry, question.qtype, now))
    }

    /// What the names of this client under a wildcard row show; nothing for other rows.
    fn wildcard_signs(
        &self,
        client: &NameClient,
        row: &NameRow,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Vec<NameSign> {
        let NameRow::Wildcard(base) = row else { return Vec::new() };
        let hash = self.names.hash(question.name);
        let shared = &client.standing().shared;
        let mut book = lock(&client.inner.book);
        let name = (base, question.name);
        signs::of_wildcard(&self.config.names, &mut book, shared, name, hash, now)
    }

    /// Whether what was recorded still stands: same policy, and nothing that changed since says no.
    pub(super) fn entry_stands(
        &self,
        client: &NameClient,
        entry: &Entry,
        (name, qtype): (&dyn Fn() -> QueryName, QueryType),
        now: Timestamp,
    ) -> bool {
        if !self.is_in_force(&entry.policy) {
            return false;
        }
        let changes = self.changes();
        if entry.changes.load(Ordering::Acquire) == changes
            && now.unix_micros() < entry.until.load(Ordering::Relaxed)
        {
            return true;
        }
        let question = Question { name: &name(), qtype, class: CLASS_IN };
        let judged = self.judge_name(client, &entry.session, &question, &[], now);
        let same = judged.decision.told == NameTold::Ask
            && judged.decision.row == entry.row
            && judged.decision.terms == *entry.terms
            && Arc::ptr_eq(&judged.policy, &entry.policy);
        if same {
            entry.until.store(judged.until, Ordering::Relaxed);
            entry.changes.store(judged.changes, Ordering::Release);
        }
        same
    }

    /// What a row of the same name would be decided now, where nothing that it depends on has changed
    /// since this one was: the deciding function is pure.
    pub(super) fn judged_alike(
        &self,
        entry: &Entry,
        session: &Arc<Session>,
        now: Timestamp,
    ) -> Option<Judged> {
        let changes = self.changes();
        let until = entry.until.load(Ordering::Relaxed);
        let alike = entry.plain
            && Arc::ptr_eq(&entry.session, session)
            && self.is_in_force(&entry.policy)
            && entry.changes.load(Ordering::Acquire) == changes
            && now.unix_micros() < until;
        alike.then(|| {
            let decision = NameDecision {
                told: NameTold::Ask,
                row: entry.row.clone(),
                reasons: Vec::new(),
                terms: NameTerms::clone(&entry.terms),
                grant: None,
            };
            Judged { decision, policy: Arc::clone(&entry.policy), changes, until }
        })
    }

    /// Whether the policy of this moment permits the same by the same row.
    pub(super) fn is_permitted_alike(
        &self,
        client: &NameClient,
        entry: &Entry,
        (name, qtype): (&dyn Fn() -> QueryName, QueryType),
        now: Timestamp,
    ) -> bool {
        let question = Question { name: &name(), qtype, class: CLASS_IN };
        let decision = self.judge_name(client, &entry.session, &question, &[], now).decision;
        decision.told == NameTold::Ask
            && decision.row == entry.row
            && decision.terms == *entry.terms
    }

    pub(super) fn judge_name(
        &self,
        client: &NameClient,
        session: &Session,
        question: &Question<'_>,
        signs: &[NameSign],
        now: Timestamp,
    ) -> Judged {
        // RACE: the count is read first: a change that comes while we judge makes the entry stale.
        let changes = self.changes();
        let policy = self.policy();
        if let Err(text) = self.stands(session, now) {
            let reasons = vec![Reason { control: Control::Identity, ruling: Ruling::Deny, text }];
            let decision = NameDecision {
                told: NameTold::Refused,
                row: NameRow::None,
                reasons,
                terms: NameTerms::default(),
                grant: None,
            };
            return Judged { decision, policy, changes, until: i64::MAX };
        }
        let subject = &session.subject;
        let standing = self.ledger.views().standing(subject, now);
        let ends = standing.grants.iter().map(|grant| grant.until);
        let ends = ends.chain(policy.observes_until(&subject.tenant)).chain(session.expires);
        let until = ends.filter(|end| now < *end).map(Timestamp::unix_micros).min();
        let asked = NameAsked { name: question.name, qtype: question.qtype, class: question.class };
        let scope = client.standing().scope;
        let decision = decide_name(&policy, subject, scope, &standing, asked, signs, now);
        Judged { decision, policy, changes, until: until.unwrap_or(i64::MAX) }
    }

    /// A refusal, with what can be seen of the name; recorded within the rate.
    fn refuse_name(
        &self,
        client: &NameClient,
        session: &Session,
        question: &Question<'_>,
        decision: &NameDecision,
        now: Timestamp,
    ) -> NameAnswer<'static> {
        let (control, mut reason) = decision.deciding().map_or_else(
            || (Control::Fault, "it is refused, and no control says why".to_owned()),
            |reason| (reason.control, reason.text.clone()),
        );
        let looks = signs::Looks::of(question.name);
        let asked = asked_as(question, looks.shown(question.name));
        if decision.row == NameRow::None {
            let hash = self.names.hash(question.name);
            let seen = signs::of_undeclared(&mut lock(&client.inner.book), &looks, hash, now);
            for sign in &seen {
                reason.push_str("; ");
                reason.push_str(&sign.text);
            }
            self.sign_alerts(session, &asked, &seen, now);
        }
        reason.push_str(client.asked_by());
        let refused = Refused::new(Some(&session.subject), asked, control, reason);
        let refusal = self.refuse_at(refused, now);
        match decision.told {
            NameTold::Empty => NameAnswer::Empty(refusal),
            NameTold::Ask | NameTold::Nothing | NameTold::Refused => NameAnswer::Refusal(refusal),
        }
    }

    /// What a refused name showed beside being refused has alerts of its own.
    fn sign_alerts(&self, session: &Session, asked: &Asked, seen: &[NameSign], now: Timestamp) {
        for sign in seen {
            let subject = Some(&session.subject);
            let refused = Refused::new(subject, asked.clone(), sign.control, sign.text.clone());
            let cause = self.receipt();
            let alert = self.alerts.see(&refused, Outcome::Refused, &cause, now, || self.ten());
            if let Some(alert) = alert {
                self.owe(subject.cloned(), alert);
            }
        }
    }

    /// Alerts for what passed and would have been refused, or flags its client.
    pub(super) fn flag_name(
        &self,
        session: &Session,
        question: &Question<'_>,
        reasons: &[Reason],
        receipt: &ReceiptId,
        now: Timestamp,
    ) {
        let told = reasons.iter().filter(|reason| {
            let beside = reasons.iter().map(|reason| reason.control);
            reason.ruling == Ruling::WouldDeny && signs::flags_client(reason.control, beside)
        });
        for reason in told {
            let subject = Some(&session.subject);
            let seen = Refused::new(subject, asked(question), reason.control, reason.text.clone());
            let alert = self.alerts.see(&seen, Outcome::Passed, receipt, now, || self.ten());
            if let Some(alert) = alert {
                self.owe(subject.cloned(), alert);
            }
        }
    }

    pub(super) fn name_fault(
        &self,
        client: &NameClient,
        question: &Question<'_>,
        fault: Faulted,
    ) -> NameAnswer<'static> {
        let session = client.standing().session.load();
        NameAnswer::Refusal(self.name_refusal(&session, question, fault, None))
    }

    pub(super) fn name_refusal(
        &self,
        session: &Session,
        question: &Question<'_>,
        Faulted { control, reason }: Faulted,
        refines: Option<ReceiptId>,
    ) -> Refusal {
        let mut refused = Refused::new(Some(&session.subject), asked(question), control, reason);
        refused.refines = refines;
        self.refuse(refused)
    }

    /// Writes down what came of a row, where it says more than the row itself: that the name was
    /// asked once.
    pub(super) fn resolved(&self, entry: &Entry) {
        entry.close();
        let (queries, through) = (entry.queries.load(Ordering::Relaxed), entry.chain());
        if queries == 1 && through.is_empty() {
            return;
        }
        let fact = Fact::NameResolved {
            permit: entry.receipt.clone(),
            queries,
            answered: ByteCount(entry.answered.load(Ordering::Relaxed)),
            through,
        };
        self.owe(Some(entry.session.subject.clone()), fact);
    }

    /// The same of a row that is on record no more, and of the next one of its name.
    fn gone(&self, entry: &Entry) {
        self.resolved(entry);
        if let Some(next) = entry.next() {
            self.resolved(next);
        }
    }

    /// Forgets what is on record of minutes that have passed.
    pub(crate) fn retire_names(&self, now: Timestamp) {
        for standing in self.names.standings() {
            let retired = standing.table.retire(now);
            retired.turned.iter().for_each(|entry| self.resolved(entry));
            retired.gone.iter().for_each(|entry| self.gone(entry));
        }
        self.write_ended();
    }
}

impl Entry {
    /// Whether the type is one that the row allows; an observing tenant's names have none.
    fn terms_allow(&self, question: &Question<'_>) -> bool {
        match self.row {
            NameRow::Exact | NameRow::Wildcard(_) | NameRow::Cluster => {
                self.terms.types.contains(&question.qtype)
            }
            // Decided anew: what an observing tenant would refuse depends on the type.
            NameRow::None | NameRow::SearchSuffix => true,
        }
    }
}

fn asked(question: &Question<'_>) -> Asked {
    asked_as(question, signs::shown(question.name))
}

fn asked_as(question: &Question<'_>, host: String) -> Asked {
    Asked { plane: Plane::Dns, host, port: 0, act: question.qtype.to_string(), path: String::new() }
}
