//! The routes of Presidio's analyzer and anonymizer, answered by `detect`: their clients switch by
//! changing a URL.
//!
//! ```text
//!  POST /analyze ─ request ─▶ analyze ─ detect ─▶ points (code points) ─▶ JSON
//!  POST /anonymize, /deanonymize ─ results ─▶ conflicts ─▶ operators ─▶ JSON
//! ```
//! These routes keep Presidio's habits where the rest of the API has others: bodies may hold what
//! nobody reads, `null` is the same as nothing, and errors are `{"error": …}` with its statuses.
//! Registered values and documents are never looked for here: whoever may ask without a token could
//! otherwise guess them. Must not know the gate. Reading order: `request`, `analyze`, `points`,
//! `conflicts`, `operators`.

mod analyze;
mod anonymize;
mod conflicts;
mod operators;
mod points;
mod request;

use crate::problem::Problem;
use crate::query::Query;
use crate::reply::Reply;
use crate::routes::Operation;
use crate::serve::House;
use backstop_detect::name::{NAME_DETECTORS, NameDetector};
use backstop_detect::{Catalog, Names};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A refusal as Presidio writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    status: StatusCode,
    message: String,
}

impl Fault {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
    /// The analyzer's answer to what it cannot work with.
    fn analyzer(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
    /// The analyzer's answer to a value of the wrong type.
    fn kind(message: impl AsRef<str>) -> Self {
        let message = message.as_ref();
        let text =
            format!("Failed to parse /analyze request for AnalyzerEngine.analyze(). {message}");
        Self::new(StatusCode::BAD_REQUEST, text)
    }
    /// What cannot be answered now.
    fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
    /// The anonymizer's answer to a wrong parameter.
    fn parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }
    /// As an answer.
    pub(crate) fn reply(self) -> Reply {
        Reply::Json(self.status, json!({ "error": self.message }))
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::new(problem.kind.status(), problem.detail())
    }
}

/// Answers one of these routes.
pub(crate) async fn answer(
    house: &Arc<House>,
    operation: Operation,
    query: &Query,
    body: Value,
) -> Result<Reply, Fault> {
    match operation {
        Operation::AnalyzerHealth => {
            Ok(Reply::Text("text/plain; charset=utf-8", "Backstop analyzer is up".to_owned()))
        }
        Operation::Recognizers => names(house, query, recognizers, |name| name.id),
        Operation::SupportedEntities => names(house, query, entities, |name| name.entity),
        Operation::Anonymizers => Ok(list(operators::ANONYMIZERS)),
        Operation::Deanonymizers => Ok(list(operators::DEANONYMIZERS)),
        Operation::Analyze => {
            let request = request::read(&body, &house.api.analyzer)?;
            work(house, move |house| analyze::analyze(&house.api.analyzer, &request)).await
        }
        Operation::Anonymize => work(house, move |_| anonymize::anonymize(&body)).await,
        Operation::Deanonymize => work(house, move |_| anonymize::deanonymize(&body)).await,
        Operation::OpenSession
        | Operation::ListSessions
        | Operation::ShowSession
        | Operation::CloseSession
        | Operation::IssueToken
        | Operation::ListTokens
        | Operation::RevokeToken
        | Operation::FollowEvents
        | Operation::ShowEvent
        | Operation::ListAlerts
        | Operation::ListQuarantines
        | Operation::ImposeQuarantine
        | Operation::ReleaseQuarantine
        | Operation::ListHolds
        | Operation::ApproveHold
        | Operation::DenyHold
        | Operation::ListGrants
        | Operation::IssueGrant
        | Operation::RevokeGrant
        | Operation::ShowPolicy
        | Operation::Explain
        | Operation::Health
        | Operation::Readiness
        | Operation::Metrics
        | Operation::Description => Err(Fault::analyzer("this is no operation of the analyzer")),
    }
}

/// Does work that may take long on a thread of its own, as many at a time as there are processors.
async fn work(
    house: &Arc<House>,
    job: impl FnOnce(&House) -> Result<Value, Fault> + Send + 'static,
) -> Result<Reply, Fault> {
    let busy = || Fault::busy("too many texts wait to be analyzed");
    let place = timeout(PATIENCE, Arc::clone(&house.analyses).acquire_owned()).await;
    let place = place.map_err(|_| busy())?.map_err(|_| busy())?;
    let house = Arc::clone(house);
    let done = tokio::task::spawn_blocking(move || {
        // Whoever asked may have gone: the place is free once the work is done.
        let _place = place;
        job(&house)
    });
    let failed = |_| Fault::analyzer("the analysis failed");
    Ok(Reply::Json(StatusCode::OK, done.await.map_err(failed)??))
}

/// How long a request may wait for a processor.
const PATIENCE: Duration = Duration::from_secs(10);

fn list(names: &[&str]) -> Reply {
    Reply::Json(StatusCode::OK, json!(names))
}

/// A list of names, for `?language=` alone if it is given.
fn names(
    house: &House,
    query: &Query,
    names: fn(&Catalog, Option<&str>) -> BTreeSet<String>,
    of_names: fn(&NameDetector) -> &'static str,
) -> Result<Reply, Fault> {
    let language = query.text("language");
    let inspector = &house.api.analyzer;
    let mut found = names(inspector.detectors.catalog(), language);
    if !matches!(inspector.names, Names::Off) {
        found.extend(NAME_DETECTORS.iter().map(|detector| of_names(detector).to_owned()));
    }
    if language.is_some_and(|language| !request::speaks(inspector.detectors.catalog(), language)) {
        return Err(Fault::analyzer(request::NO_RECOGNIZERS));
    }
    Ok(Reply::Json(StatusCode::OK, json!(found)))
}

fn recognizers(catalog: &Catalog, language: Option<&str>) -> BTreeSet<String> {
    let speaks = |languages: &[String]| {
        language.is_none_or(|l| languages.is_empty() || languages.iter().any(|known| known == l))
    };
    let all = catalog.detectors().iter().filter(|entry| speaks(&entry.languages));
    all.map(|entry| entry.id.to_string()).collect()
}

fn entities(catalog: &Catalog, language: Option<&str>) -> BTreeSet<String> {
    let found = match language {
        Some(language) => catalog.entities_for(language),
        None => catalog.entities(),
    };
    found.into_iter().map(str::to_owned).collect()
}
