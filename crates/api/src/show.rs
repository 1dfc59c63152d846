//! What stands, as JSON: from the ledger's views and the gate's answers to the shapes.
//! Must not know requests. Next: `stream`.

use backstop_gate::{Explanation, OpenedSession};
use backstop_ledger::views::{
    AlertView, GrantView, HoldView, QuarantineView, SessionView, TokenView,
};
use backstop_model::event::{Resolution, TokenKind};
use backstop_model::finding::FindingRecord;
use backstop_model::id::SkillId;
use backstop_model::standing::{Quarantined, Subject};
use backstop_model::time::Timestamp;
use backstop_policy::Diagnostic;
use serde_json::{Map, Value, json};

/// An object whose absent values are left out.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
    fn text(self, name: &str, value: &impl ToString) -> Self {
        self.with(name, value.to_string())
    }
    fn maybe<T: ToString>(self, name: &str, value: Option<&T>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }
    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn list<T>(items: impl IntoIterator<Item = T>, show: impl FnMut(T) -> Value) -> Value {
    Value::Array(items.into_iter().map(show).collect())
}

pub(crate) fn skill(id: &SkillId) -> Value {
    json!({
        "name": id.name.as_str(),
        "version": id.version.as_str(),
        "digest": id.digest.to_string(),
    })
}

fn subject(subject: &Subject) -> Value {
    let fields = Fields::default()
        .maybe("session", subject.session.as_ref())
        .text("tenant", &subject.tenant)
        .maybe("role", subject.role.as_ref())
        .maybe("maxClassificationLevel", subject.ceiling.as_ref());
    match &subject.skill {
        Some(id) => fields.with("skill", skill(id)),
        None => fields,
    }
    .done()
}

fn with_subject(fields: Fields, of: Option<&Subject>) -> Fields {
    match of {
        Some(of) => fields.with("subject", subject(of)),
        None => fields,
    }
}

pub(crate) fn opened(session: &OpenedSession) -> Value {
    Fields::default()
        .text("id", &session.id)
        .text("expires", &session.expires)
        .with(
            "tokens",
            list(
                &session.tokens,
                |(id, token)| json!({ "skill": skill(id), "token": token.expose() }),
            ),
        )
        .done()
}

pub(crate) fn session(session: &SessionView) -> Value {
    let skills =
        session.tokens.iter().filter_map(|t| t.bound.as_ref().and_then(|b| b.skill.as_ref()));
    Fields::default()
        .text("id", &session.id)
        .text("tenant", &session.subject.tenant)
        .maybe("role", session.subject.role.as_ref())
        .maybe("maxClassificationLevel", session.subject.ceiling.as_ref())
        .with("skills", list(skills, skill))
        .text("opened", &session.opened)
        .maybe("closed", session.closed.as_ref())
        .maybe("expires", session.expires.as_ref())
        .with("calls", session.calls)
        .with("sent", session.sent.0)
        .with("received", session.received.0)
        .with("refused", session.refused)
        .done()
}

pub(crate) fn token(token: &TokenView) -> Value {
    let kind = match token.kind {
        TokenKind::Agent => "agent",
        TokenKind::Runtime => "runtime",
        TokenKind::Operator => "operator",
    };
    let fields = Fields::default()
        .text("id", &token.id)
        .with("kind", kind)
        .maybe("principal", token.principal.as_ref())
        .text("issued", &token.issued)
        .maybe("expires", token.expires.as_ref())
        .maybe("revoked", token.revoked.as_ref());
    match &token.bound {
        Some(bound) => fields.with("bound", subject(bound)),
        None => fields,
    }
    .done()
}

pub(crate) fn alert(alert: &AlertView) -> Value {
    let fields = Fields::default()
        .text("id", &alert.id)
        .text("raised", &alert.raised)
        .text("latest", &alert.latest)
        .text("control", &alert.control)
        .text("severity", &alert.severity)
        .with("summary", alert.summary.as_str())
        .maybe("cause", alert.cause.as_ref())
        .with("count", alert.count);
    with_subject(fields, alert.subject.as_ref()).done()
}

pub(crate) fn quarantine(quarantine: &QuarantineView) -> Value {
    let target = match &quarantine.target {
        Quarantined::Session(id) => json!({ "session": id.as_str() }),
        Quarantined::Skill { tenant, skill: id } => {
            json!({ "tenant": tenant.as_str(), "skill": skill(id) })
        }
        Quarantined::SkillEverywhere(id) => json!({ "skill": skill(id) }),
    };
    let fields = Fields::default()
        .text("id", &quarantine.id)
        .with("target", target)
        .maybe("by", quarantine.by.as_ref())
        .with("reason", quarantine.reason.as_str())
        .text("imposed", &quarantine.imposed);
    match &quarantine.released {
        Some(end) => fields.with(
            "released",
            json!({ "by": end.by.as_str(), "at": end.at.to_string(), "reason": end.reason }),
        ),
        None => fields,
    }
    .done()
}

/// Whether a hold still waits for a person at `now`.
pub(crate) fn is_open(hold: &HoldView, now: Timestamp) -> bool {
    hold.resolved.is_none() && now < hold.until
}

pub(crate) fn hold(hold: &HoldView, now: Timestamp) -> Value {
    let state = match &hold.resolved {
        None if is_open(hold, now) => "open",
        None => "expired",
        Some(end) => match end.resolution {
            Resolution::Approved => "approved",
            Resolution::Denied => "denied",
            Resolution::Expired => "expired",
        },
    };
    let fields = Fields::default()
        .text("id", &hold.id)
        .text("asked", &hold.asked)
        .with("summary", hold.summary.as_str())
        .text("placed", &hold.placed)
        .text("until", &hold.until)
        .with("state", state)
        .maybe("by", hold.resolved.as_ref().and_then(|r| r.by.as_ref()))
        .maybe("resolved", hold.resolved.as_ref().map(|r| &r.at))
        .maybe("approvedUntil", hold.resolved.as_ref().and_then(|r| r.until.as_ref()));
    with_subject(fields, hold.subject.as_ref()).done()
}

/// Whether a grant holds at `now`.
pub(crate) fn holds(grant: &GrantView, now: Timestamp) -> bool {
    grant.revoked.is_none() && now < grant.grant.until
}

pub(crate) fn grant(view: &GrantView) -> Value {
    let grant = &view.grant;
    Fields::default()
        .text("id", &grant.id)
        .text("host", &grant.host)
        .with("port", grant.port)
        .text("tenant", &grant.tenant)
        .text("skill", &grant.skill)
        .text("until", &grant.until)
        .text("by", &view.by)
        .with("reason", view.reason.as_str())
        .text("issued", &view.issued)
        .maybe("revoked", view.revoked.as_ref().map(|r| &r.at))
        .maybe("revokedBy", view.revoked.as_ref().map(|r| &r.by))
        .done()
}

pub(crate) fn diagnostic(diagnostic: &Diagnostic) -> Value {
    Fields::default()
        .with("level", diagnostic.level.as_str())
        .with("code", diagnostic.code)
        .with("source", diagnostic.source.as_str())
        .with("line", diagnostic.line)
        .with("column", diagnostic.column)
        .with("message", diagnostic.message.as_str())
        .maybe("hint", diagnostic.hint.as_ref())
        .done()
}

/// A finding as it is kept: never the bytes.
fn finding(found: &FindingRecord) -> Value {
    let fields = Fields::default()
        .with("control", found.control.as_str())
        .with("kind", found.kind.as_str())
        .with("part", found.part.as_str())
        .with("field", found.field.as_str())
        .with("chain", found.chain.as_str())
        .with("scorePerMille", found.score.get())
        .with("length", found.length)
        .text("digest", &found.digest);
    fields.maybe("level", found.level.as_ref()).maybe("canary", found.canary.as_ref()).done()
}

pub(crate) fn explanation(explained: &Explanation) -> Value {
    let row = Fields::default()
        .with("allowPrivate", explained.row.allow_private.clone())
        .with("inspect", explained.row.inspect.as_str());
    let row = match explained.row.idle {
        Some(idle) => row.with("idleSeconds", idle.as_secs()),
        None => row,
    };
    Fields::default()
        .with("asked", explained.asked.as_str())
        .text("verdict", &explained.verdict)
        .with(
            "controls",
            list(&explained.controls, |reason| {
                json!({
                    "id": reason.control.as_str(),
                    "answer": reason.ruling.as_str(),
                    "reason": reason.text,
                })
            }),
        )
        .with("findings", list(&explained.findings, finding))
        .with(
            "duties",
            list(&explained.duties, |duty| {
                json!({
                    "obligation": duty.obligation.as_str(),
                    "discharged": duty.discharged,
                })
            }),
        )
        .with("row", row.done())
        .maybe("hint", explained.hint.as_ref())
        .text("policy", &explained.policy)
        .maybe("receipt", explained.receipt.as_ref().map(|(id, _)| id))
        .maybe("at", explained.receipt.as_ref().map(|(_, at)| at))
        .done()
}
