//! From a judgement to an answer: decide, record, permit.
//!
//! INVARIANT: a permit is what its record says. Must not know how anything is judged.
//! Next: `permit`.

use crate::fault::Faulted;
use crate::gate::{Inner, clean};
use crate::identity::Session;
use crate::judge::{Judged, Seen};
use crate::live::{Entry, Registration};
use crate::permit::{Answer, Permit};
use crate::record::Refused;
use crate::respond::Outcome;
use backstop_ledger::{LedgerFault, Receipt};
use backstop_model::attempt::{Act, Attempt};
use backstop_model::event::{Asked, FINDINGS_KEPT, Fact};
use backstop_model::finding::{Acts, Evidence, FindingRecord};
use backstop_model::id::ReceiptId;
use backstop_model::verdict::{Reason, Ruling, Verdict};
use std::sync::Arc;

impl Inner {
    /// From a judgement to an answer: a permit only after its record is committed.
    pub(crate) async fn settle(
        self: &Arc<Self>,
        registration: Registration,
        attempt: Attempt,
        judged: Judged,
        refines: Option<ReceiptId>,
    ) -> Answer {
        let session = registration.entry().session.clone();
        let first = refines.is_none();
        let (mut judged, mut refines) = (judged, refines);
        let mut rounds = 0;
        let receipt = loop {
            match judged.decision.verdict {
                Verdict::Allow => {}
                Verdict::Hold => {
                    return self.hold(registration.entry(), &attempt, &judged, refines).await;
                }
                Verdict::Deny => {
                    return self.denied(registration.entry(), &attempt, &judged, refines);
                }
            }
            if rounds == ROUNDS {
                let reason = "policy changes faster than it can be recorded".to_owned();
                return self.faulted(&session, &attempt, Faulted::limit(reason), refines);
            }
            rounds += 1;
            let receipt =
                match self.record(registration.entry(), &attempt, &judged, refines.clone()).await {
                    Ok(receipt) => receipt,
                    Err(fault) => return self.faulted(&session, &attempt, fault.into(), refines),
                };
            // RACE: policy or standing may have changed while the record was written. The registry
            // has then cut, or is about to cut, this entry; asking again here answers the truth at
            // once instead of handing out a permit that dies at its first use.
            if self.is_current(&judged) {
                break receipt;
            }
            let again = self.judge(registration.entry(), &attempt, Seen::Counted);
            // A permit is what its record says: what is allowed otherwise now is recorded anew.
            let same = again.permits_as(&judged);
            judged = again;
            if same {
                break receipt;
            }
            refines = Some(receipt.id);
        };
        if let Some((control, reason)) = registration.cord().why() {
            return self.faulted(&session, &attempt, Faulted { control, reason }, Some(receipt.id));
        }
        self.counters.answer(attempt.plane, None, Verdict::Allow);
        if first {
            self.flag(&session, &attempt, &judged, &receipt);
        }
        Answer::Permit(Permit::new(Arc::clone(self), registration, receipt, attempt, judged))
    }

    /// Raises alerts for what passed and yet would have been refused: volume while the role
    /// learns, anything observable while the tenant observes.
    fn flag(&self, session: &Session, attempt: &Attempt, judged: &Judged, receipt: &Receipt) {
        let flagged = judged.decision.reasons.iter().filter(|r| r.ruling == Ruling::WouldDeny);
        for Reason { control, text, .. } in flagged {
            let subject = Some(&session.subject);
            let seen = Refused::new(subject, asked(attempt), *control, text.clone());
            let alert =
                self.alerts.see(&seen, Outcome::Passed, &receipt.id, self.now(), || self.ten());
            if let Some(alert) = alert {
                self.owe(subject.cloned(), alert);
            }
        }
    }

    async fn record(
        &self,
        entry: &Entry,
        attempt: &Attempt,
        judged: &Judged,
        refines: Option<ReceiptId>,
    ) -> Result<Receipt, LedgerFault> {
        let fact = Fact::AttemptPermitted {
            asked: asked(attempt),
            reasons: telling(&judged.decision.reasons),
            duties: judged.decision.duties.clone(),
            inspected: attempt.sight,
            refines,
            grant: judged.decision.grant.clone(),
            delegated: self.exit.delegates(&attempt.destination),
            findings: kept(&entry.evidence()),
        };
        let event = self.event(judged.policy.digest(), Some(entry.session.subject.clone()), fact);
        self.ledger.commit(event).await
    }
}

/// LIMIT: records of one answer: each after the first is for a change that came during the last.
const ROUNDS: usize = 4;

/// An attempt as it is recorded.
pub(crate) fn asked(attempt: &Attempt) -> Asked {
    let (act, path) = match &attempt.act {
        Act::Connect => ("connect".to_owned(), String::new()),
        Act::Hello { .. } => ("hello".to_owned(), String::new()),
        Act::Opaque => ("opaque".to_owned(), String::new()),
        Act::Request { method, path } => (clean(method, 32), clean(path, 1_024)),
    };
    Asked {
        plane: attempt.plane,
        host: attempt.destination.host.to_string(),
        port: attempt.destination.port,
        act,
        path,
    }
}

/// Findings as an event keeps them: the gravest first, each once, and not too many.
pub(crate) fn kept(evidence: &Evidence) -> Vec<FindingRecord> {
    let mut grave: Vec<_> = evidence.findings.iter().collect();
    grave.sort_by_key(|finding| {
        let note = match finding.acts {
            Acts::Block => false,
            Acts::Note => true,
        };
        (note, finding.record.canary.is_none(), std::cmp::Reverse(finding.record.score))
    });
    let mut out: Vec<FindingRecord> = Vec::new();
    for finding in grave {
        if out.len() == FINDINGS_KEPT {
            break;
        }
        if !out.contains(&finding.record) {
            out.push(finding.record.clone());
        }
    }
    out
}

/// The controls that had something to say.
fn telling(reasons: &[Reason]) -> Vec<Reason> {
    reasons
        .iter()
        .filter(|reason| match reason.ruling {
            Ruling::Pass | Ruling::Skipped => false,
            Ruling::WouldDeny | Ruling::Hold | Ruling::Deny => true,
        })
        .cloned()
        .collect()
}
