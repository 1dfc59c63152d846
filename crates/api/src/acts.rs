//! Acts: what changes something. Each is done by the gate as the authenticated principal, and
//! answered once its event is on record. Must not know how it is recorded. Next: `lists`.

use crate::dispatch::Call;
use crate::lists;
use crate::problem::{Kind, Problem};
use crate::reply::Reply;
use crate::show;
use crate::span;
use backstop_gate::{ControlFault, GrantRequest, SessionRequest, TokenRequest};
use backstop_model::event::TokenKind;
use backstop_model::host::HostName;
use backstop_model::id::{
    GrantId, HoldId, LevelName, Principal, QuarantineId, RoleName, SessionId, SkillName,
    SkillVersion, TenantName, TokenId,
};
use backstop_model::standing::{Quarantined, Subject};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::time::Duration;

pub(crate) async fn open_session(call: &Call<'_>) -> Result<Reply, Problem> {
    let body = Body(&call.body);
    let request = SessionRequest {
        tenant: body.must("tenant", TenantName::parse)?,
        role: body.may("role", RoleName::parse)?,
        skills: body.skills("skills")?,
        ceiling: body.may("maxClassificationLevel", LevelName::parse)?,
        lives: body.may("for", span::parse)?,
    };
    let opened = control(call).open_session(call.actor, request).await.map_err(refused)?;
    Ok(Reply::Json(StatusCode::CREATED, show::opened(&opened)))
}

pub(crate) async fn close_session(call: &Call<'_>) -> Result<Reply, Problem> {
    let id = id(call, SessionId::parse)?;
    lists::visible(call, &id)?;
    done(control(call).close_session(call.actor, &id).await)
}

pub(crate) async fn issue_token(call: &Call<'_>) -> Result<Reply, Problem> {
    let body = Body(&call.body);
    let kind = match body.text("kind") {
        Some("operator") => TokenKind::Operator,
        Some(_) | None => TokenKind::Runtime,
    };
    let tenant = body.may("tenant", TenantName::parse)?;
    let role = body.may("role", RoleName::parse)?;
    let ceiling = body.may("maxClassificationLevel", LevelName::parse)?;
    let bound = match (kind, tenant) {
        (TokenKind::Operator, None) if role.is_none() && ceiling.is_none() => None,
        (TokenKind::Operator, _) => {
            return Err(Problem::field(
                "/kind",
                "an operator token is not bound to a tenant, a role or a ceiling",
            ));
        }
        (TokenKind::Runtime | TokenKind::Agent, None) => {
            return Err(Problem::field("/tenant", "a runtime token is bound to a tenant: name it"));
        }
        (TokenKind::Runtime | TokenKind::Agent, Some(tenant)) => {
            Some(Subject { session: None, tenant, role, skill: None, ceiling })
        }
    };
    let request = TokenRequest {
        kind,
        principal: body.must("principal", Principal::parse)?,
        bound,
        lives: body.may("for", span::parse)?,
    };
    let issued = control(call).issue_token(call.actor, request).await.map_err(refused)?;
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(issued.id.as_str()));
    out.insert("token".to_owned(), json!(issued.token.expose()));
    if let Some(expires) = issued.expires {
        out.insert("expires".to_owned(), json!(expires.to_string()));
    }
    Ok(Reply::Json(StatusCode::CREATED, Value::Object(out)))
}

pub(crate) async fn revoke_token(call: &Call<'_>) -> Result<Reply, Problem> {
    let id = id(call, TokenId::parse)?;
    done(control(call).revoke_token(call.actor, &id).await)
}

pub(crate) async fn impose_quarantine(call: &Call<'_>) -> Result<Reply, Problem> {
    let body = Body(&call.body);
    let session = body.may("session", SessionId::parse)?;
    let tenant = body.may("tenant", TenantName::parse)?;
    let target = match (session, body.skill("skill")?) {
        (Some(id), None) if tenant.is_none() => Quarantined::Session(id),
        (None, Some((name, version))) => {
            let policy = call.house.api.policy.borrow().clone();
            let skill = policy.skill(&name, &version).cloned().ok_or_else(|| {
                Problem::field("/skill", format!("no skill `{name}@{version}` is loaded"))
            })?;
            match tenant {
                Some(tenant) => Quarantined::Skill { tenant, skill },
                None => Quarantined::SkillEverywhere(skill),
            }
        }
        (Some(_), _) => {
            return Err(Problem::field("/session", "name a session alone, or a skill"));
        }
        (None, None) => return Err(Problem::field("", "name a session or a skill")),
    };
    let reason = body.reason()?;
    let id = control(call).quarantine(call.actor, target, &reason).await.map_err(refused)?;
    Ok(Reply::Json(StatusCode::CREATED, json!({ "id": id.as_str() })))
}

pub(crate) async fn release_quarantine(call: &Call<'_>) -> Result<Reply, Problem> {
    let id = id(call, QuarantineId::parse)?;
    let reason = Body(&call.body).reason()?;
    done(control(call).release(call.actor, &id, &reason).await)
}

pub(crate) async fn approve_hold(call: &Call<'_>) -> Result<Reply, Problem> {
    let id = id(call, HoldId::parse)?;
    let lives = Body(&call.body).may("for", span::parse)?;
    let until = control(call).approve(call.actor, &id, lives).await.map_err(refused)?;
    Ok(Reply::Json(StatusCode::OK, json!({ "until": until.to_string() })))
}

pub(crate) async fn deny_hold(call: &Call<'_>) -> Result<Reply, Problem> {
    let id = id(call, HoldId::parse)?;
    done(control(call).deny(call.actor, &id).await)
}

pub(crate) async fn issue_grant(call: &Call<'_>) -> Result<Reply, Problem> {
    let body = Body(&call.body);
    let lives = body.must("for", span::parse)?;
    if lives > LONGEST_GRANT {
        return Err(Problem::field("/for", "a grant lasts at most 7 days"));
    }
    let port = match call.body.get("port").and_then(Value::as_u64) {
        None => 443,
        Some(port) => {
            u16::try_from(port).map_err(|_| Problem::field("/port", "there is no such port"))?
        }
    };
    let request = GrantRequest {
        tenant: body.must("tenant", TenantName::parse)?,
        skill: body.must("skill", SkillName::parse)?,
        host: body.must("host", HostName::parse)?,
        port,
        lives,
        reason: body.reason()?,
    };
    let grant = control(call).grant(call.actor, request).await.map_err(refused)?;
    Ok(Reply::Json(
        StatusCode::CREATED,
        json!({ "id": grant.id.as_str(), "until": grant.until.to_string() }),
    ))
}

pub(crate) async fn revoke_grant(call: &Call<'_>) -> Result<Reply, Problem> {
    let id = id(call, GrantId::parse)?;
    done(control(call).revoke_grant(call.actor, &id).await)
}

/// A body of the right shape, read field by field.
struct Body<'a>(&'a Value);

impl Body<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn may<T, E: Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        self.text(name)
            .map(|text| read(text).map_err(|e| Problem::field(&format!("/{name}"), e.to_string())))
            .transpose()
    }

    fn must<T, E: Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        self.may(name, read)?.ok_or_else(|| Problem::field(&format!("/{name}"), "it is missing"))
    }

    fn reason(&self) -> Result<String, Problem> {
        self.must("reason", |text| {
            let text = text.trim();
            if text.is_empty() { Err("say why") } else { Ok(text.to_owned()) }
        })
    }

    fn skill(&self, name: &str) -> Result<Option<(SkillName, SkillVersion)>, Problem> {
        self.0.get(name).map(|value| skill(value, &format!("/{name}"))).transpose()
    }

    fn skills(&self, name: &str) -> Result<Vec<(SkillName, SkillVersion)>, Problem> {
        let items = self.0.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        items.iter().enumerate().map(|(i, v)| skill(v, &format!("/{name}/{i}"))).collect()
    }
}

fn skill(value: &Value, pointer: &str) -> Result<(SkillName, SkillVersion), Problem> {
    let part = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let wrong =
        |field: &str, e: &dyn Display| Problem::field(&format!("{pointer}/{field}"), e.to_string());
    Ok((
        SkillName::parse(part("name")).map_err(|e| wrong("name", &e))?,
        SkillVersion::parse(part("version")).map_err(|e| wrong("version", &e))?,
    ))
}

/// The typed id of the path; dispatch has checked its form.
pub(crate) fn id<T, E: Display>(
    call: &Call<'_>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    read(&call.id).map_err(|e| Problem::new(Kind::NotFound, e.to_string()))
}

fn control<'a>(call: &'a Call<'_>) -> &'a backstop_gate::Control {
    call.house.api.gate.control()
}

fn done(result: Result<(), ControlFault>) -> Result<Reply, Problem> {
    result.map(|()| Reply::Empty).map_err(refused)
}

fn refused(fault: ControlFault) -> Problem {
    match fault {
        ControlFault::Forbidden(why) => Problem::forbidden(why),
        ControlFault::Unknown(why) => Problem::new(Kind::NotFound, why),
        ControlFault::Invalid(why) => Problem::new(Kind::Refused, why),
        ControlFault::Conflict(why) => Problem::new(Kind::Conflict, why),
        ControlFault::Ledger(fault) => {
            tracing::error!(%fault, "an act could not be recorded, so it was not done");
            Problem::new(Kind::Unavailable, "it cannot be recorded, so it was not done")
        }
        ControlFault::Random(fault) => {
            tracing::error!(%fault, "no random bytes for an id or a token");
            Problem::new(Kind::Unavailable, "there are no random bytes, so it was not done")
        }
    }
}

/// LIMIT: the longest grant.
const LONGEST_GRANT: Duration = Duration::from_secs(7 * span::DAY);
