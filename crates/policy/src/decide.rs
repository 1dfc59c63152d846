//! The one deciding function: pure and total.
//!
//! ```text
//!  quarantine ─ wire ─ ssrf ─ egress ─ dlp ─ volume
//! ```
//! Every control that bears on the attempt says its word; the verdict is their maximum, and a
//! tenant's dated observe state turns the `deny` of an observable control into `would_deny`.
//! INVARIANT: nothing is allowed unless a row of the tenant and a requirement of the acting skill
//! (or a person's grant for both) name it, or the tenant observes.
//! Must not know the clock, the ledger or any wire. Next: `decide/egress`.

mod dlp;
mod egress;
mod name;
mod volume;
mod wire;

pub use name::{
    NameAsked, NameDecision, NameRow, NameRules, NameTerms, NameTold, decide_name, name_rules,
};

use crate::policy::Policy;
use backstop_model::addr::{AddressRules, judge_literal};
use backstop_model::attempt::{Act, Attempt, Inspection};
use backstop_model::control::Control;
use backstop_model::destination::{ParseRefusal, Protocol};
use backstop_model::finding::Evidence;
use backstop_model::host::Host;
use backstop_model::id::ByteCount;
use backstop_model::standing::{Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Duty, Obligation, Reason, Ruling, Verdict};

/// LIMIT: how much of a body is held for inspection.
const BODY_CAP: ByteCount = ByteCount(1 << 20);

/// Decides an attempt.
///
/// Pure: the same arguments give the same decision. Total: it answers for all of them. Reasons
/// stand in the order of [`Control`]; what has no bearing on the attempt is left out.
pub fn decide(
    policy: &Policy,
    subject: &Subject,
    standing: &Standing,
    usage: &Usage,
    attempt: &Attempt,
    evidence: &Evidence,
    now: Timestamp,
) -> Decision {
    let tenant = policy.tenant(&subject.tenant);
    let until = tenant.and_then(|t| t.document.observe_until);
    let mut reasons = Reasons::new(until.filter(|until| now < *until));
    quarantine(standing, &mut reasons);
    let found = egress::judge(policy, tenant, subject, standing, attempt, now, &mut reasons);
    wire::judge(attempt, found.row, &mut reasons);
    if let Host::Address(address) = attempt.destination.host {
        literal(address, found.row, &mut reasons);
    }
    dlp::judge(policy, tenant, subject, found.row, attempt, evidence, &mut reasons);
    volume::judge(usage, &attempt.act, &mut reasons);
    let mut list = reasons.list;
    list.sort_by_key(|reason| reason.control);
    let verdict = list.iter().map(|r| r.ruling.verdict()).max().unwrap_or(Verdict::Deny);
    Decision { verdict, reasons: list, duties: duties(attempt), grant: found.grant }
}

/// The decision for a text that never became an attempt.
pub fn decide_unparsable(refusal: &ParseRefusal) -> Decision {
    let text = refusal.reason.clone();
    Decision {
        verdict: Verdict::Deny,
        reasons: vec![Reason { control: refusal.control, ruling: Ruling::Deny, text }],
        duties: Vec::new(),
        grant: None,
    }
}

/// What the controls said so far.
struct Reasons {
    /// Until when the tenant observes, if it does now.
    observes: Option<Timestamp>,
    list: Vec<Reason>,
}

impl Reasons {
    fn new(observes: Option<Timestamp>) -> Self {
        Self { observes, list: Vec::with_capacity(10) }
    }
    fn pass(&mut self, control: Control, text: String) {
        self.list.push(Reason { control, ruling: Ruling::Pass, text });
    }
    /// Refuses, or, where the tenant observes and the control may be observed, says that it would.
    fn deny(&mut self, control: Control, text: String) {
        let (ruling, text) = match self.observes {
            Some(until) if control.observable() => {
                (Ruling::WouldDeny, format!("{text} (the tenant observes until {})", until.date()))
            }
            Some(_) | None => (Ruling::Deny, text),
        };
        self.list.push(Reason { control, ruling, text });
    }
    /// Refuses, whatever the tenant observes.
    fn deny_always(&mut self, control: Control, text: String) {
        self.list.push(Reason { control, ruling: Ruling::Deny, text });
    }
    /// On record only: the control does not enforce yet.
    fn flag(&mut self, control: Control, text: String) {
        self.list.push(Reason { control, ruling: Ruling::WouldDeny, text });
    }
}

fn quarantine(standing: &Standing, reasons: &mut Reasons) {
    match &standing.quarantine {
        None => reasons.pass(Control::Quarantine, String::new()),
        Some(id) => {
            let text = format!("the session or its skill is in quarantine (`{id}`)");
            reasons.deny(Control::Quarantine, text);
        }
    }
}

/// An address as host: a row must declare it, and it must be one that may be reached.
fn literal(address: std::net::IpAddr, row: Option<&crate::document::Row>, reasons: &mut Reasons) {
    match row {
        Some(_) => reasons.pass(Control::SsrfLiteral, "a row declares this address".to_owned()),
        None => {
            let text = format!("the host is the IP address {address}, and no row declares it");
            reasons.deny(Control::SsrfLiteral, text);
        }
    }
    let allowed = row.map(|row| row.allow_private.iter().map(|(cidr, _)| *cidr).collect());
    let rules = AddressRules { allow_private: allowed.unwrap_or_default(), nat64: Vec::new() };
    match judge_literal(address, &rules) {
        Ok(()) => reasons.pass(Control::SsrfAddress, String::new()),
        Err(class) => {
            let text = format!("{address} is {}", class.describe());
            reasons.deny(Control::SsrfAddress, text);
        }
    }
}

/// What a permit would oblige to, sorted, and whether the path at hand can pay it.
fn duties(attempt: &Attempt) -> Vec<Duty> {
    let tunnel = match (&attempt.act, attempt.destination.protocol) {
        (Act::Connect | Act::Hello { .. } | Act::Opaque, Protocol::Https) => true,
        (Act::Connect | Act::Hello { .. } | Act::Opaque, Protocol::Http)
        | (Act::Request { .. }, Protocol::Https | Protocol::Http) => false,
    };
    let mut duties = Vec::with_capacity(4);
    duties.push(Duty {
        obligation: Obligation::InspectBody { cap: BODY_CAP },
        discharged: attempt.sight >= Inspection::Body,
    });
    if tunnel {
        duties.push(Duty {
            obligation: Obligation::MatchServerName,
            discharged: attempt.sight >= Inspection::Sni,
        });
    }
    duties.push(Duty { obligation: Obligation::PinAddresses, discharged: true });
    duties.push(Duty { obligation: Obligation::CountBytes, discharged: true });
    duties
}
