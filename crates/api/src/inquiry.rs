//! Questions to the record and to the policy: events, the policy in force, explanations.
//! Nothing here has an effect. Next: `metrics`.

use crate::acts::id;
use crate::dispatch::{Call, authenticate};
use crate::forms;
use crate::problem::{Kind, Problem};
use crate::reply::Reply;
use crate::show;
use crate::stream::{EventStream, Filter, Follow, Source};
use backstop_gate::{ExplainFault, Question};
use backstop_ledger::record;
use backstop_model::id::{Digest, ReceiptId, RoleName, SessionId, TenantName};
use backstop_policy::Library;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::spawn_blocking;

pub(crate) fn events(call: &Call<'_>) -> Result<Reply, Problem> {
    let house = call.house;
    let newest = house.api.ledger.health().last;
    let after = match call.resume.as_deref().or_else(|| call.query.text("after")) {
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| Problem::new(Kind::Invalid, "Last-Event-ID is not the number of a row"))?,
        None => newest,
    };
    if after > newest {
        return Err(Problem::new(
            Kind::Conflict,
            format!(
                "row {after} is past the newest row {newest}: this is another ledger, or one that was rolled back"
            ),
        ));
    }
    let place = Arc::clone(&house.streams).try_acquire_owned().map_err(|_| {
        Problem::new(Kind::Unavailable, "there are too many event streams")
            .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
    })?;
    let filter = Filter {
        tenant: call.query.typed("tenant", TenantName::parse)?,
        session: call.query.typed("session", SessionId::parse)?,
        types: call.query.typed("type", types)?.unwrap_or_default(),
    };
    let follow = match call.query.text("follow") {
        Some("false") => Follow::Backlog,
        Some(_) | None => Follow::Live,
    };
    let (asking, token) = (Arc::clone(house), call.token.clone());
    Ok(Reply::Stream(EventStream::open(Source {
        ledger: house.api.ledger.clone(),
        filter,
        after,
        follow,
        heartbeat: house.api.config.heartbeat,
        stop: house.stop.clone(),
        may: Box::new(move || authenticate(&asking, &token).is_ok()),
        place,
    })))
}

fn types(text: &str) -> Result<Vec<&'static str>, String> {
    text.split(',')
        .map(|name| {
            record::TYPES.iter().copied().find(|t| *t == name.trim()).ok_or_else(|| {
                format!("there is no such type of event; known: {}", record::TYPES.join(", "))
            })
        })
        .collect()
}

pub(crate) async fn event(call: &Call<'_>) -> Result<Reply, Problem> {
    let receipt = id(call, ReceiptId::parse)?;
    let ledger = call.house.api.ledger.clone();
    let found = spawn_blocking(move || ledger.find(&receipt)).await;
    match found {
        Ok(Ok(Some(row))) => Ok(Reply::Json(StatusCode::OK, record::to_json(&row))),
        Ok(Ok(None)) => Err(Problem::new(
            Kind::NotFound,
            "no event has this receipt: it was counted instead of kept, or retention removed it",
        )),
        Ok(Err(_)) | Err(_) => Err(Problem::new(Kind::Unavailable, "the ledger cannot be read")),
    }
}

pub(crate) async fn policy(call: &Call<'_>) -> Result<Reply, Problem> {
    let policy = call.house.api.policy.borrow().clone();
    let context = call.house.api.gate.load_context();
    let shown = spawn_blocking(move || {
        // Dated keys age: what there is to say is said as of now.
        let applied = Library::default().apply(&policy.sources(), &context);
        let diagnostics: Vec<Value> = applied.diagnostics.iter().map(show::diagnostic).collect();
        let tenants: Vec<&str> = policy.tenants().map(TenantName::as_str).collect();
        let sources: Vec<Value> = policy
            .sources()
            .iter()
            .map(|s| json!({ "name": s.name, "digest": Digest::of(s.text.as_bytes()).to_string() }))
            .collect();
        json!({
            "digest": policy.digest().to_string(),
            "tenants": tenants,
            "sources": sources,
            "diagnostics": diagnostics,
        })
    });
    match shown.await {
        Ok(value) => Ok(Reply::Json(StatusCode::OK, value)),
        Err(_) => Err(Problem::new(Kind::Unavailable, "the policy cannot be shown")),
    }
}

pub(crate) async fn explain(call: &Call<'_>) -> Result<Reply, Problem> {
    let text = |name: &str| call.body.get(name).and_then(Value::as_str);
    let wrong = |name: &str, e: String| Problem::field(&format!("/{name}"), e);
    let gate = call.house.api.gate.clone();
    if let Some(receipt) = text("receipt") {
        let others = ["target", "tenant", "skill", "role", "method"];
        if let Some(other) = others.into_iter().find(|n| text(n).is_some()) {
            return Err(Problem::field(&format!("/{other}"), "a receipt is explained alone"));
        }
        let receipt = ReceiptId::parse(receipt).map_err(|e| wrong("receipt", e.to_string()))?;
        let explained = spawn_blocking(move || gate.explain_receipt(&receipt))
            .await
            .map_err(|_| Problem::new(Kind::Unavailable, "it cannot be explained"))?;
        return explained.map(|e| Reply::Json(StatusCode::OK, show::explanation(&e))).map_err(
            |fault| match fault {
                ExplainFault::Unknown(_) => Problem::new(Kind::NotFound, fault.to_string()),
                ExplainFault::NotAnAnswer(..) => Problem::new(Kind::Refused, fault.to_string()),
                ExplainFault::Ledger(_) => {
                    Problem::new(Kind::Unavailable, "the ledger cannot be read")
                }
            },
        );
    }
    let target = text("target")
        .ok_or_else(|| Problem::field("", "name a target (with a tenant), or a receipt"))?;
    let tenant = text("tenant")
        .ok_or_else(|| Problem::field("/tenant", "a target is judged for a tenant: name it"))?;
    let question = Question {
        text: target.to_owned(),
        tenant: TenantName::parse(tenant).map_err(|e| wrong("tenant", e.to_string()))?,
        skill: text("skill").map(forms::acting_skill).transpose().map_err(|e| wrong("skill", e))?,
        role: text("role")
            .map(RoleName::parse)
            .transpose()
            .map_err(|e| wrong("role", e.to_string()))?,
        method: text("method").map(str::to_owned),
    };
    Ok(Reply::Json(StatusCode::OK, show::explanation(&gate.explain(&question))))
}
