//! From a request to the operation that answers it: route, host, credential, access, body.
//! Must not know how operations are done. Next: `acts`.

use crate::acts;
use crate::analyzer;
use crate::config::AnalyzerAccess;
use crate::front;
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::reply::Reply;
use crate::routes::{self, Access, Caller, Found, Operation, Route};
use crate::schema::Shape;
use crate::serve::House;
use crate::{inquiry, lists, metrics};
use backstop_gate::Actor;
use backstop_model::redacted::Redacted;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A request that may be answered.
pub(crate) struct Call<'a> {
    pub(crate) house: &'a Arc<House>,
    pub(crate) actor: &'a Actor,
    /// The text of `{id}`, of the right form.
    pub(crate) id: String,
    pub(crate) query: Query,
    /// The body, of the right shape.
    pub(crate) body: Value,
    /// What the caller showed; a stream asks now and then whether it still holds.
    pub(crate) token: Redacted<String>,
    /// `Last-Event-ID`.
    pub(crate) resume: Option<String>,
}

/// Answers a request.
pub(crate) async fn answer(
    house: &Arc<House>,
    request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let (mut parts, body) = request.into_parts();
    front::judge(&parts, &house.names)?;
    let (route, id) = find(parts.method.as_str(), parts.uri.path())?;
    if route.access == Access::Analyzer {
        return Ok(analyzed(house, route, parts, body)
            .await
            .unwrap_or_else(analyzer::Fault::reply));
    }
    if route.access == Access::Anyone {
        front::body(&parts, body, None, &house.api.config).await?;
        return open(house, route.operation);
    }
    let count = |problem: Problem| {
        house.figures.unauthenticated.fetch_add(1, Ordering::Relaxed);
        // Who has no valid token does not get to keep the connection.
        problem.with(header::CONNECTION, HeaderValue::from_static("close"))
    };
    let token = front::token(&mut parts).map_err(count)?;
    let actor = authenticate(house, &token).map_err(count)?;
    if !route.access.admits(caller(&actor)) {
        return Err(Problem::forbidden(format!(
            "this needs a token of kind {}",
            words(route.access)
        )));
    }
    if let (Some(Shape::Form(form)), Some(id)) = (&route.id, &id)
        && let Err(detail) = (form.check)(id)
    {
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let known: Vec<&str> = route.query.iter().map(|p| p.name).collect();
    let query = Query::parse(parts.uri.query().unwrap_or_default(), &known)?;
    for parameter in route.query {
        check(parameter, &query)?;
    }
    let resume = front::only(&parts.headers, "last-event-id")?.map(str::to_owned);
    let body = front::body(&parts, body, route.body, &house.api.config).await?;
    let id = id.unwrap_or_default();
    let call = Call { house, actor: &actor, id, query, body, token, resume };
    perform(&call, route.operation).await
}

/// Answers a route of the analyzer, with errors as Presidio writes them.
async fn analyzed(
    house: &Arc<House>,
    route: &'static Route,
    mut parts: Parts,
    body: Incoming,
) -> Result<Reply, analyzer::Fault> {
    match house.api.config.analyzer {
        AnalyzerAccess::Open => {}
        AnalyzerAccess::Token => {
            let token = front::token(&mut parts)?;
            if !route.access.admits(caller(&authenticate(house, &token)?)) {
                let needed = format!("this needs a token of kind {}", words(route.access));
                return Err(Problem::forbidden(needed).into());
            }
        }
        AnalyzerAccess::Off => {
            return Err(Problem::new(Kind::NotFound, "`api.analyzer` is off").into());
        }
    }
    let known: Vec<&str> = route.query.iter().map(|p| p.name).collect();
    let query = Query::parse(parts.uri.query().unwrap_or_default(), &known)?;
    let body = match route.body {
        Some(_) => front::read(&parts, body, &house.api.config).await?,
        None => front::body(&parts, body, None, &house.api.config).await?,
    };
    analyzer::answer(house, route.operation, &query, body).await
}

async fn perform(call: &Call<'_>, operation: Operation) -> Result<Reply, Problem> {
    match operation {
        Operation::OpenSession => acts::open_session(call).await,
        Operation::ListSessions => lists::sessions(call),
        Operation::ShowSession => lists::session(call),
        Operation::CloseSession => acts::close_session(call).await,
        Operation::IssueToken => acts::issue_token(call).await,
        Operation::ListTokens => lists::tokens(call),
        Operation::RevokeToken => acts::revoke_token(call).await,
        Operation::FollowEvents => inquiry::events(call),
        Operation::ShowEvent => inquiry::event(call).await,
        Operation::ListAlerts => lists::alerts(call),
        Operation::ListQuarantines => lists::quarantines(call),
        Operation::ImposeQuarantine => acts::impose_quarantine(call).await,
        Operation::ReleaseQuarantine => acts::release_quarantine(call).await,
        Operation::ListHolds => lists::holds(call),
        Operation::ApproveHold => acts::approve_hold(call).await,
        Operation::DenyHold => acts::deny_hold(call).await,
        Operation::ListGrants => lists::grants(call),
        Operation::IssueGrant => acts::issue_grant(call).await,
        Operation::RevokeGrant => acts::revoke_grant(call).await,
        Operation::ShowPolicy => inquiry::policy(call).await,
        Operation::Explain => inquiry::explain(call).await,
        Operation::Health | Operation::Readiness => open(call.house, operation),
        Operation::Metrics => Ok(metrics::reply(call.house)),
        Operation::Description => Ok(Reply::Json(StatusCode::OK, call.house.description.clone())),
        Operation::Analyze
        | Operation::Recognizers
        | Operation::SupportedEntities
        | Operation::AnalyzerHealth
        | Operation::Anonymize
        | Operation::Deanonymize
        | Operation::Anonymizers
        | Operation::Deanonymizers => {
            Err(Problem::new(Kind::NotFound, "the analyzer answers this without an actor"))
        }
    }
}

/// What is answered without a token.
fn open(house: &House, operation: Operation) -> Result<Reply, Problem> {
    if operation == Operation::Readiness {
        let waiting = house.api.gate.readiness().waiting();
        let status =
            if waiting.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        return Ok(Reply::Json(status, json!({ "ready": waiting.is_empty(), "waiting": waiting })));
    }
    Ok(Reply::Json(StatusCode::OK, json!({ "status": "ok", "version": house.api.version })))
}

fn find(method: &str, path: &str) -> Result<(&'static Route, Option<String>), Problem> {
    match routes::find(method, path) {
        Found::Route(route, id) => Ok((route, id)),
        Found::OtherMethods(allow) => {
            let problem = Problem::new(Kind::MethodNotAllowed, format!("this path has: {allow}"));
            Err(match HeaderValue::try_from(allow) {
                Ok(value) => problem.with(header::ALLOW, value),
                Err(_) => problem,
            })
        }
        Found::Nothing => Err(Problem::new(Kind::NotFound, "there is no such path")),
    }
}

/// Who a token stands for.
pub(crate) fn authenticate(house: &House, token: &Redacted<String>) -> Result<Actor, Problem> {
    house.api.gate.authenticate(token).map_err(|refusal| {
        tracing::debug!(receipt = %refusal.receipt, "an API credential was refused");
        Problem::unauthenticated(
            "the token is unknown, expired or revoked",
            crate::problem::Challenge::Invalid,
        )
    })
}

const fn caller(actor: &Actor) -> Caller {
    match actor {
        Actor::Operator { .. } => Caller::Operator,
        Actor::Runtime { .. } => Caller::Runtime,
        Actor::Agent(_) => Caller::Agent,
    }
}

fn words(access: Access) -> String {
    match access {
        Access::Anyone => "any".to_owned(),
        Access::Analyzer => words(Access::Only(&[Caller::Operator, Caller::Runtime])),
        Access::Only(callers) => {
            callers.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// A query parameter against its shape; numbers come as text here.
fn check(parameter: &routes::Parameter, query: &Query) -> Result<(), Problem> {
    let Some(text) = query.text(parameter.name) else { return Ok(()) };
    let value = match parameter.shape {
        Shape::Count { .. } => text.parse::<u64>().map_or(Value::Null, Value::from),
        Shape::Text { .. }
        | Shape::Form(_)
        | Shape::Word(_)
        | Shape::List { .. }
        | Shape::Flag
        | Shape::Record(_)
        | Shape::Open
        | Shape::Any => Value::from(text),
    };
    let mut faults = parameter.shape.faults(&value);
    for fault in &mut faults {
        fault.pointer = format!("?{}", parameter.name);
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}
