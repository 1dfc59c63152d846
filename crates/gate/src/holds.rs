//! Holds: a person decides about exactly what was asked, within a quarter of an hour.
//!
//! What is held in this issue: a skill of a name and version that is in quarantine under another
//! digest. Must not know who the person is. Next: `record`.

mod placing;

pub(crate) use placing::Placing;

use crate::fault::Faulted;
use crate::gate::Inner;
use crate::judge::Judged;
use crate::live::{Entry, lock};
use crate::permit::Answer;
use crate::record::Refused;
use crate::settle::asked;
use backstop_ledger::views::HoldView;
use backstop_model::attempt::{Act, Attempt};
use backstop_model::control::Control;
use backstop_model::event::{Fact, Resolution};
use backstop_model::id::{Digest, HoldId, ReceiptId, SessionId, SkillId, TenantName};
use backstop_model::standing::{Quarantined, Subject};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Reason, Ruling, Verdict};
use placing::Reserved;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// The quarantines of skills, kept until standing changes: they are asked at every attempt.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    kept: Mutex<Option<(u64, Arc<Vec<Quarantined>>)>>,
}

/// What an approval is bound to: subject and attempt in a form that has one reading only.
pub(crate) fn digest(subject: &Subject, attempt: &Attempt) -> Digest {
    let Subject { session, tenant, role, skill, ceiling } = subject;
    let mut out = Vec::from(&b"backstop-hold-1"[..]);
    let mut put = |part: &str| {
        out.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    };
    put(session.as_ref().map_or("", |s| s.as_str()));
    put(tenant.as_str());
    put(role.as_ref().map_or("", |r| r.as_str()));
    match skill {
        Some(skill) => {
            put(skill.name.as_str());
            put(skill.version.as_str());
            put(&skill.digest.to_string());
        }
        None => put(""),
    }
    put(ceiling.as_ref().map_or("", |c| c.as_str()));
    let Attempt { plane, destination, act, sight } = attempt;
    put(plane.as_str());
    put(destination.protocol.as_str());
    put(&destination.to_string());
    put(sight.as_str());
    match act {
        Act::Connect => put("connect"),
        Act::Hello { sni, ech } => {
            put("hello");
            put(sni.as_ref().map_or("", |s| s.as_str()));
            put(if *ech { "ech" } else { "" });
        }
        Act::Opaque => put("opaque"),
        Act::Request { method, path } => {
            put("request");
            put(method);
            put(path);
        }
    }
    Digest::of(&out)
}

/// The digest that a hold of this stage is bound to: the first flight of a tunnel is the same
/// operation as the tunnel, a request is one of its own.
fn bound_to(entry: &Entry, attempt: &Attempt) -> Digest {
    match attempt.act {
        Act::Connect | Act::Hello { .. } | Act::Opaque => entry.root,
        Act::Request { .. } => digest(&entry.session.subject, attempt),
    }
}

impl Inner {
    /// Adds the hold that standing asks for, and lets pass what a person has approved. Whether it
    /// was an approval that let it pass.
    pub(crate) fn hold_back(
        &self,
        entry: &Entry,
        attempt: &Attempt,
        decision: &mut Decision,
        now: Timestamp,
    ) -> bool {
        let subject = &entry.session.subject;
        if let Some(skill) = &subject.skill
            && let Some(other) = self.same_name_in_quarantine(&subject.tenant, skill)
        {
            let text = format!(
                "{skill} is in quarantine with the digest {}; this one is new ({})",
                other.digest, skill.digest
            );
            decision.reasons.push(Reason {
                control: Control::Quarantine,
                ruling: Ruling::Hold,
                text,
            });
            decision.reasons.sort_by_key(|reason| reason.control);
            decision.verdict = decision.verdict.max(Verdict::Hold);
        }
        if decision.verdict != Verdict::Hold || !self.is_approved(entry, attempt, now) {
            return false;
        }
        for reason in &mut decision.reasons {
            if reason.ruling == Ruling::Hold {
                reason.ruling = Ruling::Pass;
                reason.text.push_str("; a person approved it");
            }
        }
        decision.verdict = Verdict::Allow;
        true
    }

    fn is_approved(&self, entry: &Entry, attempt: &Attempt, now: Timestamp) -> bool {
        let asked = bound_to(entry, attempt);
        self.ledger.views().approval(&entry.session.id, &asked, now).is_some()
    }

    fn same_name_in_quarantine(&self, tenant: &TenantName, skill: &SkillId) -> Option<SkillId> {
        let same = |other: &SkillId| {
            (other.name == skill.name
                && other.version == skill.version
                && other.digest != skill.digest)
                .then(|| other.clone())
        };
        self.watched_skills().iter().find_map(|target| match target {
            Quarantined::Skill { tenant: of, skill: other } if of == tenant => same(other),
            Quarantined::SkillEverywhere(other) => same(other),
            Quarantined::Skill { .. } | Quarantined::Session(_) => None,
        })
    }

    fn watched_skills(&self) -> Arc<Vec<Quarantined>> {
        // RACE: the count is read before the quarantines: a later change has a later count.
        let count = self.changes();
        if let Some((at, kept)) = lock(&self.watched.kept).as_ref()
            && *at == count
        {
            return Arc::clone(kept);
        }
        let fresh: Vec<_> = self
            .ledger
            .views()
            .quarantines()
            .into_iter()
            .filter(|view| view.released.is_none())
            .map(|view| view.target)
            .filter(|target| !matches!(target, Quarantined::Session(_)))
            .collect();
        let fresh = Arc::new(fresh);
        *lock(&self.watched.kept) = Some((count, Arc::clone(&fresh)));
        fresh
    }

    /// Answers a hold: the one that stands for the same thing, or a new one, on record first.
    pub(crate) async fn hold(
        &self,
        entry: &Entry,
        attempt: &Attempt,
        judged: &Judged,
        refines: Option<ReceiptId>,
    ) -> Answer {
        let (control, reason) = judged.deciding();
        let session = &entry.session;
        let subject = &session.subject;
        let id = match self.place(entry, attempt, judged, &reason).await {
            Ok(id) => id,
            Err(fault) => return self.faulted(session, attempt, fault, refines),
        };
        let mut refused = Refused::new(Some(subject), asked(attempt), control, reason);
        refused.refines = refines;
        refused.hold = Some(id);
        Answer::Hold(self.refuse(refused))
    }

    /// The hold that stands for the attempt, or a new one, on record.
    async fn place(
        &self,
        entry: &Entry,
        attempt: &Attempt,
        judged: &Judged,
        reason: &str,
    ) -> Result<HoldId, Faulted> {
        let session = &entry.session;
        let wanted = bound_to(entry, attempt);
        let now = self.now();
        if self.placing.is_littered(&session.id) {
            let holds = self.ledger.views().holds();
            self.placing.clear(now, |id| holds.iter().any(|hold| hold.id == *id));
        }
        let hold = HoldId::draw(now, self.ten());
        let until = now.plus(self.config.hold_span);
        // RACE: reserved before the open holds are looked at: a hold is then either in the look or
        // among those that stand before us, so that neither the bound nor the one hold for one
        // thing depends on who is quicker.
        let (mut mine, ahead) = loop {
            match self.placing.reserve(&session.id, wanted, hold.clone(), until) {
                Reserved::Mine(mine, ahead) => break (mine, ahead),
                Reserved::Others(mut done) => while done.changed().await.is_ok() {},
                Reserved::Left => {
                    let text = "a hold for this is being recorded: ask again".to_owned();
                    return Err(Faulted::limit(text));
                }
            }
        };
        let open = self.open_holds(&session.id, now);
        if let Some(known) = open.iter().find(|hold| hold.asked == wanted) {
            return Ok(known.id.clone());
        }
        let hidden = ahead.iter().filter(|asked| !open.iter().any(|hold| hold.asked == **asked));
        let waiting = open.len() + hidden.count();
        if waiting >= self.config.holds_per_session {
            let text = format!("{waiting} holds of this session wait already");
            return Err(Faulted::limit(text));
        }
        let subject = &session.subject;
        let summary = summary(subject, attempt, reason);
        let fact = Fact::HoldPlaced { hold: hold.clone(), asked: wanted, summary, until };
        let event = self.event(judged.policy.digest(), Some(subject.clone()), fact);
        mine.write();
        let placed = self.ledger.commit(event).await;
        mine.finish();
        placed?;
        Ok(hold)
    }

    fn open_holds(&self, session: &SessionId, now: Timestamp) -> Vec<HoldView> {
        let of = |hold: &HoldView| hold.subject.as_ref().and_then(|s| s.session.clone());
        let mut open = self.ledger.views().holds();
        open.retain(|hold| {
            hold.resolved.is_none() && now < hold.until && of(hold).as_ref() == Some(session)
        });
        open
    }

    /// Denies what nobody decided in time. `noted` keeps what waits in the ledger's queue, so that
    /// it is not denied twice.
    pub(crate) fn expire_holds(&self, noted: &mut HashSet<HoldId>) {
        let now = self.now();
        let holds = self.ledger.views().holds();
        self.placing.clear(now, |id| holds.iter().any(|hold| hold.id == *id));
        noted.retain(|id| holds.iter().any(|hold| hold.id == *id && hold.resolved.is_none()));
        for hold in holds {
            // RACE: a person who is deciding right now came before the clock.
            let deciding = self.claims.is_claimed(hold.id.as_str());
            if hold.resolved.is_some() || now < hold.until || deciding || noted.contains(&hold.id) {
                continue;
            }
            let fact = Fact::HoldResolved {
                hold: hold.id.clone(),
                resolution: Resolution::Expired,
                by: None,
                until: None,
            };
            let event = self.event(self.policy().digest(), hold.subject.clone(), fact);
            if self.ledger.note(event).is_ok() {
                noted.insert(hold.id);
            }
        }
    }
}

fn summary(subject: &Subject, attempt: &Attempt, reason: &str) -> String {
    let skill = subject.skill.as_ref().map_or_else(|| "no skill".to_owned(), ToString::to_string);
    let act = asked(attempt);
    format!(
        "{skill} of {} asks for {} {}{}: {reason}",
        subject.tenant, act.act, attempt.destination, act.path
    )
}
