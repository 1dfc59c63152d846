//! The one deciding function: pure and total.

use crate::policy::Policy;
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::destination::ParseRefusal;
use backstop_model::finding::Evidence;
use backstop_model::standing::{Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Reason, Ruling, Verdict};

/// Decides an attempt.
pub fn decide(
    policy: &Policy,
    subject: &Subject,
    standing: &Standing,
    usage: &Usage,
    attempt: &Attempt,
    evidence: &Evidence,
    now: Timestamp,
) -> Decision {
    let _ = (policy, standing, usage, attempt, evidence, now);
    let text = format!("no policy document names the tenant `{}`", subject.tenant);
    let reasons = vec![Reason { control: Control::EgressTenant, ruling: Ruling::Deny, text }];
    Decision { verdict: Verdict::Deny, reasons, duties: Vec::new(), grant: None }
}

/// The decision for a text that never became an attempt.
pub fn decide_unparsable(refusal: &ParseRefusal) -> Decision {
    Decision {
        verdict: Verdict::Deny,
        reasons: vec![Reason {
            control: refusal.control,
            ruling: Ruling::Deny,
            text: refusal.reason.clone(),
        }],
        duties: Vec::new(),
        grant: None,
    }
}
