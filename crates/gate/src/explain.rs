//! What would be answered, and why: no effect, nothing recorded.
//! Next: `readiness`.

use crate::gate::{Gate, clean};
use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::destination::{ParseRefusal, Protocol, parse_authority, parse_url};
use backstop_model::finding::Evidence;
use backstop_model::id::{
    Digest, ReceiptId, RoleName, SkillId, SkillName, SkillVersion, TenantName,
};
use backstop_model::standing::{Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Duty, Reason, Verdict};
use backstop_policy::{InspectMode, Policy, RowTerms, decide, decide_unparsable};
use std::time::Duration;

/// A question without effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// For which tenant.
    pub tenant: TenantName,
    /// As which skill; without a version, the only one that is loaded.
    pub skill: Option<(SkillName, Option<SkillVersion>)>,
    /// In which role.
    pub role: Option<RoleName>,
    /// A URL, or `host:port`.
    pub text: String,
    /// The HTTP method, for a URL whose request would be seen; `GET` if not given.
    pub method: Option<String>,
}

/// The answer to a [`Question`], or to what a receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked, in words.
    pub asked: String,
    /// What it was read as; `None` if it could not be read.
    pub attempt: Option<Attempt>,
    /// The verdict.
    pub verdict: Verdict,
    /// Each control's answer, in order.
    pub controls: Vec<Reason>,
    /// What a permit would oblige to; those not discharged are for the operator to know.
    pub duties: Vec<Duty>,
    /// The terms of the row that matches, in words.
    pub row: Row,
    /// How to allow it.
    pub hint: Option<String>,
    /// The policy that answered.
    pub policy: Digest,
    /// The receipt that is explained, with when it was given.
    pub receipt: Option<(ReceiptId, Timestamp)>,
}

/// What the connection layer takes from the row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Private networks that the host may resolve to.
    pub allow_private: Vec<String>,
    /// How long a connection may be idle.
    pub idle: Option<Duration>,
    /// `tunnel`.
    pub inspect: String,
}

/// Why a receipt cannot be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainFault {
    /// It is not on record, or only counted.
    #[error("receipt `{0}` is not on record")]
    Unknown(ReceiptId),
    /// It is the receipt of something that is not an answer.
    #[error("receipt `{0}` is of `{1}`, which is not an answer to an attempt")]
    NotAnAnswer(ReceiptId, &'static str),
    /// The ledger cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[from] backstop_ledger::LedgerFault),
}

/// Answers a question by a policy and a standing, without effect.
pub fn explain(
    policy: &Policy,
    question: &Question,
    standing: impl FnOnce(&Subject) -> Standing,
    now: Timestamp,
) -> Explanation {
    let subject = Subject {
        session: None,
        tenant: question.tenant.clone(),
        role: question.role.clone(),
        skill: question
            .skill
            .as_ref()
            .and_then(|(name, version)| skill(policy, name, version.as_ref())),
        ceiling: None,
    };
    let attempt = match read(&question.text, question.method.as_deref()) {
        Ok(attempt) => attempt,
        Err(refusal) => {
            let decision = decide_unparsable(&refusal);
            return Explanation {
                asked: clean(&question.text, 255),
                attempt: None,
                verdict: decision.verdict,
                controls: decision.reasons,
                duties: decision.duties,
                row: Row::default(),
                hint: None,
                policy: policy.digest(),
                receipt: None,
            };
        }
    };
    let (standing, usage) = (standing(&subject), Usage::default());
    let decision = decide(policy, &subject, &standing, &usage, &attempt, &Evidence::default(), now);
    let terms = policy.row_terms(&subject.tenant, &attempt.destination);
    let hint = match decision.verdict {
        Verdict::Allow => None,
        Verdict::Hold | Verdict::Deny => policy.hint(&subject, &decision, &attempt),
    };
    Explanation {
        asked: clean(&question.text, 255),
        verdict: decision.verdict,
        controls: decision.reasons,
        duties: decision.duties,
        row: row(&terms),
        hint,
        policy: policy.digest(),
        receipt: None,
        attempt: Some(attempt),
    }
}

fn row(terms: &RowTerms) -> Row {
    let inspect = match terms.inspect {
        InspectMode::Tunnel => "tunnel",
    };
    Row {
        allow_private: terms.allow_private.iter().map(ToString::to_string).collect(),
        idle: terms.idle,
        inspect: inspect.to_owned(),
    }
}

fn skill(policy: &Policy, name: &SkillName, version: Option<&SkillVersion>) -> Option<SkillId> {
    version.and_then(|version| policy.skill(name, version)).cloned()
}

/// What a text is as an attempt of the proxy: HTTPS is a tunnel, plain HTTP a request.
fn read(text: &str, method: Option<&str>) -> Result<Attempt, ParseRefusal> {
    let (destination, path) = if text.contains("://") {
        let url = parse_url(text)?;
        (url.destination, url.path)
    } else {
        (parse_authority(text, Protocol::Https)?, "/".to_owned())
    };
    let (act, sight) = match (destination.protocol, method) {
        (Protocol::Https, None) => (Act::Connect, Inspection::Sni),
        (Protocol::Https, Some(_)) | (Protocol::Http, _) => {
            let method = clean(method.unwrap_or("GET"), 32);
            (Act::Request { method, path }, Inspection::Headers)
        }
    };
    Ok(Attempt { plane: Plane::Explain, destination, act, sight })
}

impl Gate {
    /// What would be answered to a question. No effect, nothing recorded.
    pub fn explain(&self, question: &Question) -> Explanation {
        let now = self.now();
        let standing = |subject: &Subject| self.inner.ledger.views().standing(subject, now);
        explain(&self.policy(), question, standing, now)
    }

    /// What a receipt says.
    ///
    /// # Errors
    /// [`ExplainFault`] where it is not on record, or not of an answer.
    pub fn explain_receipt(&self, receipt: &ReceiptId) -> Result<Explanation, ExplainFault> {
        Err(ExplainFault::Unknown(receipt.clone()))
    }
}
