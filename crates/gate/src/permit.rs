//! The permit: the proof that an attempt was allowed and is on record, and the only key to the
//! dialer.
//!
//! Nobody but the gate makes one:
//! ```compile_fail,E0423
//! let permit = backstop_gate::Permit(());
//! ```
//! ```compile_fail,E0451
//! fn forge(real: backstop_gate::Permit) -> backstop_gate::Permit {
//!     backstop_gate::Permit { attempt: todo!(), ..real }
//! }
//! ```
//! ```compile_fail,E0624
//! let permit = backstop_gate::Permit::new(todo!(), todo!(), todo!(), todo!(), todo!());
//! ```
//! It cannot be copied, so one answer opens one connection:
//! ```compile_fail,E0277
//! fn copied<T: Clone>() {}
//! copied::<backstop_gate::Permit>();
//! ```
//! ```compile_fail,E0382
//! async fn twice(permit: backstop_gate::Permit) {
//!     let first = permit.dial().await;
//!     let second = permit.dial().await;
//! }
//! ```
//! And there is no other way to dial:
//! ```compile_fail,E0603
//! use backstop_gate::exit::dial;
//! ```
//! Next: `flow`.

use crate::exit::{self, TlsMode};
use crate::fault::Faulted;
use crate::flow::{Carries, Flow, FlowHandle, Ride, Tie};
use crate::gate::Inner;
use crate::inspect::Windows;
use crate::judge::{Judged, Seen, address_rules};
use crate::live::{Registration, Ties};
use backstop_ledger::Receipt;
use backstop_model::attempt::{Act, Attempt};
use backstop_model::destination::Protocol;
use backstop_model::id::ReceiptId;
use backstop_model::refusal::Refusal;
use backstop_model::standing::Subject;
use backstop_model::verdict::{Duty, Reason};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The answer to an attempt. Never a `Result`: a refusal is a value, not an error.
#[derive(Debug)]
#[must_use]
pub enum Answer {
    /// It may go on.
    Permit(Permit),
    /// It is refused.
    Refusal(Refusal),
    /// A person must decide first; until then it is refused (`hold` is set).
    Hold(Refusal),
}

/// The proof that an attempt was allowed and is on record.
#[must_use]
pub struct Permit {
    inner: Arc<Inner>,
    registration: Registration,
    receipt: Receipt,
    attempt: Attempt,
    duties: Vec<Duty>,
    reasons: Vec<Reason>,
    idle: Option<Duration>,
}

impl Permit {
    pub(crate) fn new(
        inner: Arc<Inner>,
        registration: Registration,
        receipt: Receipt,
        attempt: Attempt,
        judged: Judged,
    ) -> Self {
        let subject = &registration.entry().session.subject;
        let idle = judged.policy.row_terms(&subject.tenant, &attempt.destination).idle;
        let (duties, reasons) = (judged.decision.duties, judged.decision.reasons);
        Self { inner, registration, receipt, attempt, duties, reasons, idle }
    }

    /// The id under which it is recorded.
    pub fn receipt(&self) -> &ReceiptId {
        &self.receipt.id
    }
    /// Who acts.
    pub fn subject(&self) -> &Subject {
        &self.registration.entry().session.subject
    }
    /// What was asked.
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }
    /// What it obliges to.
    pub fn duties(&self) -> &[Duty] {
        &self.duties
    }
    /// Each control's answer.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }
    /// How long the connection may be idle, where its row says so.
    pub fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// The judge of a body that leaves in windows under this permit.
    pub fn windows(&self) -> Windows {
        let entry = Arc::clone(self.registration.entry());
        Windows::new(Arc::clone(&self.inner), entry, self.receipt.id.clone(), self.attempt.clone())
    }

    /// Asks for the next stage of the same attempt. It can only tighten: the destination stays,
    /// duties add up, every earlier stage must stay allowed, and a refusal ends it all.
    pub async fn refine(self, act: Act) -> Answer {
        let began = Instant::now();
        let Self { inner, registration, receipt, attempt, duties, .. } = self;
        let next = Attempt { act, ..attempt };
        // RACE: on the list of stages that are asked again before it is checked.
        registration.entry().push(next.clone());
        let judged = inner.judge(registration.entry(), &next, Seen::Counted);
        let answer = inner.settle(registration, next, judged, Some(receipt.id)).await;
        inner.counters.asked(began.elapsed());
        match answer {
            Answer::Permit(mut permit) => {
                permit.duties = tightened(duties, std::mem::take(&mut permit.duties));
                Answer::Permit(permit)
            }
            Answer::Refusal(refusal) => Answer::Refusal(refusal),
            Answer::Hold(refusal) => Answer::Hold(refusal),
        }
    }

    /// Connects. Every address is judged, and the one that is dialled is one that was judged.
    ///
    /// # Errors
    /// The refusal, recorded as one of this permit.
    pub async fn dial(self) -> Result<Flow, Refusal> {
        let began = Instant::now();
        let flow = self.connect().await;
        flow.1.counters.dialled(began.elapsed());
        flow.0
    }

    async fn connect(self) -> (Result<Flow, Refusal>, Arc<Inner>) {
        let Self { inner, registration, receipt, attempt, .. } = self;
        let session = registration.entry().session.clone();
        let refuse = |inner: &Inner, fault: Faulted| {
            Err(inner.fault(&session, &attempt, fault, Some(receipt.id.clone())))
        };
        // RACE: what has changed since the permit was given may not have been swept yet.
        if let Err(fault) = inner.judge_again(registration.entry()) {
            return (refuse(&inner, fault), inner);
        }
        let rules = address_rules(&inner.policy(), &session, &attempt);
        let tls = match (&attempt.act, attempt.destination.protocol) {
            (Act::Request { .. }, Protocol::Https) => TlsMode::Verified,
            (Act::Request { .. }, Protocol::Http) => TlsMode::Client,
            (Act::Connect | Act::Hello { .. } | Act::Opaque, Protocol::Https | Protocol::Http) => {
                TlsMode::Client
            }
        };
        let began = inner.now();
        let who = (&session.subject, inner.told_to(&session, &attempt.destination.host, began));
        let cord = Arc::clone(registration.cord());
        let dialled = tokio::select! {
            biased;
            () = cord.until_cut() => None,
            dialled =
                exit::dial(&inner.exit, &attempt.destination, &rules, tls, who) => Some(dialled),
        };
        let dialled = match dialled {
            Some(Ok(dialled)) => {
                if let Some(address) = dialled.address {
                    registration.entry().reach(address);
                }
                // RACE: once more with the address in the registry: a change that comes after this
                // is found by the sweep. Nothing of the client's has been sent so far.
                inner.judge_again(registration.entry()).map(|()| dialled)
            }
            Some(Err(fault)) => Err(fault.into()),
            None => Err(Faulted::misuse("the permit was cut")),
        };
        let dialled = match cord.why() {
            Some((control, reason)) => Err(Faulted { control, reason }),
            None => dialled,
        };
        let flow = match dialled {
            Err(fault) => refuse(&inner, fault),
            Ok(dialled) => {
                let tie = Tie {
                    inner: Arc::clone(&inner),
                    permit: receipt.id,
                    subject: session.subject,
                    carries: Carries::of(&attempt.act),
                    destination: attempt.destination,
                    address: dialled.address,
                    delegated: dialled.delegated,
                    registration,
                    began,
                };
                Ok(Flow::new(dialled.stream, tie))
            }
        };
        (flow, inner)
    }

    /// Sends this request on a flow that is live already, of the same subject to the same
    /// destination. Should the request no longer be permitted, the whole flow is cut.
    ///
    /// # Errors
    /// The refusal, recorded as one of this permit.
    pub async fn ride(self, flow: &FlowHandle) -> Result<Ride, Refusal> {
        let Self { inner, registration, receipt, attempt, duties, .. } = self;
        let session = registration.entry().session.clone();
        let refuse =
            |fault: Faulted| Err(inner.fault(&session, &attempt, fault, Some(receipt.id.clone())));
        if flow.subject != session.subject || flow.destination != attempt.destination {
            return refuse(Faulted::misuse(
                "a request may ride only on its own subject's flow to the same destination",
            ));
        }
        // A tunnel's bytes are the client's own: a request among them would be read by nobody.
        if (flow.carries, Carries::of(&attempt.act)) != (Carries::Requests, Carries::Requests) {
            return refuse(Faulted::misuse("only a request rides, and on no tunnel"));
        }
        let root = registration.entry().root;
        // RACE: registered with the flow's own cord before it is asked once more, so that a change
        // in between either shows in the answer or cuts the flow.
        let ties =
            Ties { cord: Arc::clone(flow.cord()), evidence: registration.entry().evidence() };
        let tied = inner.register(&session, attempt.clone(), root, ties);
        let tied = match tied {
            Ok(tied) => tied,
            Err(fault) => return refuse(fault),
        };
        let judged = inner.judge(tied.entry(), &attempt, Seen::Counted);
        if judged.decision.verdict != backstop_model::verdict::Verdict::Allow {
            let (control, reason) = judged.deciding();
            return refuse(Faulted { control, reason });
        }
        if let Some((control, reason)) = flow.cord().why() {
            return refuse(Faulted { control, reason });
        }
        Ok(Ride { registration: tied, receipt: receipt.id, duties })
    }
}

/// Duties add up; one that an earlier stage could not discharge stays undischarged.
fn tightened(earlier: Vec<Duty>, later: Vec<Duty>) -> Vec<Duty> {
    let mut all = later;
    for duty in earlier {
        match all.iter_mut().find(|known| known.obligation == duty.obligation) {
            Some(known) => known.discharged &= duty.discharged,
            None => all.push(duty),
        }
    }
    all.sort();
    all
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("receipt", &self.receipt.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::verdict::Obligation;

    #[test]
    fn duties_only_add_up() {
        let duty = |obligation, discharged| Duty { obligation, discharged };
        let all = tightened(
            vec![duty(Obligation::CountBytes, false), duty(Obligation::MatchServerName, true)],
            vec![duty(Obligation::CountBytes, true)],
        );
        assert_eq!(
            all,
            [duty(Obligation::MatchServerName, true), duty(Obligation::CountBytes, false)]
        );
    }
}
