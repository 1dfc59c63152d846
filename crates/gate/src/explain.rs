//! What would be answered, and why: no effect, nothing recorded.
//! Next: `readiness`.

use crate::gate::{Gate, clean};
use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::destination::{
    Destination, ParseRefusal, Protocol, parse_authority, parse_url,
};
use backstop_model::event::{Asked, Event, Fact};
use backstop_model::finding::{Evidence, FindingRecord};
use backstop_model::host::Host;
use backstop_model::id::{
    Digest, ReceiptId, RoleName, SkillId, SkillName, SkillVersion, TenantName,
};
use backstop_model::standing::{Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Duty, Reason, Ruling, Verdict};
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
    /// What was found in the payload, as it is on record.
    pub findings: Vec<FindingRecord>,
    /// What a permit would oblige to; those not discharged are for the operator to know.
    pub duties: Vec<Duty>,
    /// The terms of the row that matches, in words.
    pub row: Row,
    /// How to allow it.
    pub hint: Option<String>,
    /// What else the asker should know: a skill that is not loaded, for one.
    pub note: Option<String>,
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
    #[error("receipt `{0}` is on record, but is not of an answer to an attempt")]
    NotAnAnswer(ReceiptId),
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
    let acting =
        question.skill.as_ref().and_then(|(name, version)| skill(policy, name, version.as_ref()));
    let note = match (&question.skill, &acting) {
        (Some((name, Some(version))), None) => {
            Some(format!("the skill `{name}@{version}` is not loaded"))
        }
        (Some((name, None)), None) => Some(format!(
            "`{name}` is not loaded, or in several versions: name one, `{name}@VERSION`"
        )),
        (Some(_), Some(_)) => None,
        (None, _) => Some("no skill acts: without one `egress.skill` denies".to_owned()),
    };
    let subject = Subject {
        session: None,
        tenant: question.tenant.clone(),
        role: question.role.clone(),
        skill: acting,
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
                findings: Vec::new(),
                duties: decision.duties,
                row: Row::default(),
                hint: None,
                note: None,
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
        findings: Vec::new(),
        duties: decision.duties,
        row: row(&terms),
        hint,
        note,
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

/// The skill of that name; without a version, the only one that is loaded.
fn skill(policy: &Policy, name: &SkillName, version: Option<&SkillVersion>) -> Option<SkillId> {
    let Some(version) = version else {
        let mut named = policy.skills().filter(|skill| skill.name == *name);
        let first = named.next();
        return if named.next().is_none() { first.cloned() } else { None };
    };
    policy.skill(name, version).cloned()
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

    /// What a receipt says, judged as it was: by the words on record, not by today's policy.
    ///
    /// # Errors
    /// [`ExplainFault`] where it is not on record, or not of an answer.
    pub fn explain_receipt(&self, receipt: &ReceiptId) -> Result<Explanation, ExplainFault> {
        let recorded = self.inner.ledger.find(receipt)?;
        let event = recorded.ok_or_else(|| ExplainFault::Unknown(receipt.clone()))?.event;
        explain_event(&self.policy(), event)
    }
}

/// What an event on record says; `policy` gives the hint how to allow it now.
///
/// # Errors
/// [`ExplainFault::NotAnAnswer`].
pub fn explain_event(policy: &Policy, event: Event) -> Result<Explanation, ExplainFault> {
    let Event { receipt, at, policy: digest, subject, fact } = event;
    let (asked, decision, sight, findings) = match fact {
        Fact::AttemptPermitted { asked, reasons, duties, inspected, grant, findings, .. } => {
            let decision = Decision { verdict: Verdict::Allow, reasons, duties, grant };
            (asked, decision, inspected, findings)
        }
        Fact::AttemptRefused { asked, control, reason, hold, findings, .. } => {
            let (verdict, ruling) = match hold {
                Some(_) => (Verdict::Hold, Ruling::Hold),
                None => (Verdict::Deny, Ruling::Deny),
            };
            let reasons = vec![Reason { control, ruling, text: reason }];
            let decision = Decision { verdict, reasons, duties: Vec::new(), grant: None };
            (asked, decision, Inspection::None, findings)
        }
        Fact::ProcessStarted { .. }
        | Fact::ProcessStopped
        | Fact::PolicyLoaded { .. }
        | Fact::PolicyRejected { .. }
        | Fact::TokenIssued(_)
        | Fact::TokenRevoked { .. }
        | Fact::SessionOpened { .. }
        | Fact::SessionClosed
        | Fact::RefusalsCounted { .. }
        | Fact::FlowEnded { .. }
        | Fact::NameResolved { .. }
        | Fact::HoldPlaced { .. }
        | Fact::HoldResolved { .. }
        | Fact::QuarantineImposed { .. }
        | Fact::QuarantineReleased { .. }
        | Fact::AlertRaised { .. }
        | Fact::GrantIssued { .. }
        | Fact::GrantRevoked { .. } => return Err(ExplainFault::NotAnAnswer(receipt)),
    };
    let attempt = recorded_attempt(&asked, sight);
    let about = attempt.as_ref().zip(subject.as_ref());
    let row = about
        .map(|(attempt, who)| row(&policy.row_terms(&who.tenant, &attempt.destination)))
        .unwrap_or_default();
    let hint = about
        .filter(|_| decision.verdict != Verdict::Allow)
        .and_then(|(attempt, who)| policy.hint(who, &decision, attempt));
    let port = if asked.port == 0 { String::new() } else { format!(":{}", asked.port) };
    Ok(Explanation {
        asked: format!("{} {}{port}{}", asked.act, asked.host, asked.path),
        attempt,
        verdict: decision.verdict,
        controls: decision.reasons,
        findings,
        duties: decision.duties,
        row,
        hint,
        note: None,
        policy: digest,
        receipt: Some((receipt, at)),
    })
}

/// The attempt that a record is of, as far as the record tells.
fn recorded_attempt(asked: &Asked, sight: Inspection) -> Option<Attempt> {
    let host = Host::parse(&asked.host).ok()?;
    let act = match asked.act.as_str() {
        "connect" | "hello" | "opaque" => Act::Connect,
        "parse" | "sign_in" | "authenticate" => return None,
        method => Act::Request { method: method.to_owned(), path: asked.path.clone() },
    };
    // LIMIT: a record has no protocol: a request is taken for plain HTTP, but on port 443.
    let protocol = match &act {
        Act::Request { .. } if asked.port != Protocol::Https.default_port() => Protocol::Http,
        Act::Request { .. } | Act::Connect | Act::Hello { .. } | Act::Opaque => Protocol::Https,
    };
    let port = (asked.port != 0).then_some(asked.port)?;
    Some(Attempt {
        plane: asked.plane,
        destination: Destination { protocol, host, port },
        act,
        sight,
    })
}
