//! Lists: what stands, as far as the caller may see it. Must not change anything.
//! Next: `inquiry`.

use crate::acts::id;
use crate::dispatch::Call;
use crate::problem::{Kind, Problem};
use crate::reply::Reply;
use crate::show;
use backstop_gate::Actor;
use backstop_ledger::views::SessionView;
use backstop_model::id::SessionId;
use http::StatusCode;
use serde_json::{Value, json};

pub(crate) fn sessions(call: &Call<'_>) -> Result<Reply, Problem> {
    let now = call.house.api.gate.now();
    let shown: Vec<Value> = call
        .house
        .api
        .ledger
        .views()
        .sessions()
        .iter()
        .filter(|s| may_see(call, s))
        .filter(|s| all(call) || s.closed.is_none() && s.expires.is_none_or(|end| now < end))
        .map(show::session)
        .collect();
    ok(json!({ "sessions": shown }))
}

pub(crate) fn session(call: &Call<'_>) -> Result<Reply, Problem> {
    let id = id(call, SessionId::parse)?;
    // An agent learns nothing of other sessions, not even whether they exist.
    if let Actor::Agent(own) = call.actor
        && *own.id() != id
    {
        return Err(Problem::forbidden("an agent token shows its own session alone"));
    }
    ok(show::session(&visible(call, &id)?))
}

/// The session, if there is one that the caller may see.
pub(crate) fn visible(call: &Call<'_>, id: &SessionId) -> Result<SessionView, Problem> {
    match call.house.api.ledger.views().session(id) {
        Some(view) if may_see(call, &view) => Ok(view),
        Some(_) | None => Err(Problem::new(Kind::NotFound, "there is no such session")),
    }
}

/// Whether the caller may see a session: an operator any, a runtime those within its bounds, an
/// agent its own.
fn may_see(call: &Call<'_>, session: &SessionView) -> bool {
    match call.actor {
        Actor::Operator { .. } => true,
        Actor::Runtime { bound, .. } => {
            call.house.api.gate.control().is_within(bound, &session.subject)
        }
        Actor::Agent(own) => *own.id() == session.id,
    }
}

pub(crate) fn tokens(call: &Call<'_>) -> Result<Reply, Problem> {
    let now = call.house.api.gate.now();
    let tokens = call.house.api.ledger.views().tokens();
    let shown: Vec<Value> =
        tokens.iter().filter(|t| all(call) || t.is_live(now)).map(show::token).collect();
    ok(json!({ "tokens": shown }))
}

pub(crate) fn alerts(call: &Call<'_>) -> Result<Reply, Problem> {
    let alerts = call.house.api.ledger.views().alerts();
    ok(json!({ "alerts": alerts.iter().map(show::alert).collect::<Vec<Value>>() }))
}

pub(crate) fn quarantines(call: &Call<'_>) -> Result<Reply, Problem> {
    let quarantines = call.house.api.ledger.views().quarantines();
    let shown: Vec<Value> = quarantines
        .iter()
        .filter(|q| all(call) || q.released.is_none())
        .map(show::quarantine)
        .collect();
    ok(json!({ "quarantines": shown }))
}

pub(crate) fn holds(call: &Call<'_>) -> Result<Reply, Problem> {
    let now = call.house.api.gate.now();
    let holds = call.house.api.ledger.views().holds();
    let shown: Vec<Value> = holds
        .iter()
        .filter(|h| all(call) || show::is_open(h, now))
        .map(|h| show::hold(h, now))
        .collect();
    ok(json!({ "holds": shown }))
}

pub(crate) fn grants(call: &Call<'_>) -> Result<Reply, Problem> {
    let now = call.house.api.gate.now();
    let grants = call.house.api.ledger.views().grants();
    let shown: Vec<Value> =
        grants.iter().filter(|g| all(call) || show::holds(g, now)).map(show::grant).collect();
    ok(json!({ "grants": shown }))
}

/// Whether what has ended is wanted, too.
fn all(call: &Call<'_>) -> bool {
    call.query.text("all") == Some("true")
}

fn ok(value: Value) -> Result<Reply, Problem> {
    Ok(Reply::Json(StatusCode::OK, value))
}
