//! The table of routes. Dispatch reads it, and so does the description at `/openapi.json`:
//! what is not in it does not exist. Next: `dispatch`.

use crate::forms;
use crate::schema::{Record, Shape};
use crate::shapes;
use Caller::{Agent, Operator, Runtime};
use Method::{Delete, Get, Post};

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// The path; `{id}` stands for one segment.
    pub(crate) path: &'static str,
    /// What it does: dispatch matches this without `_`.
    pub(crate) operation: Operation,
    pub(crate) access: Access,
    pub(crate) summary: &'static str,
    /// What `{id}` is.
    pub(crate) id: Option<Shape>,
    pub(crate) query: &'static [Parameter],
    /// The request's body.
    pub(crate) body: Option<&'static Record>,
    pub(crate) answer: Answer,
}

/// The methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

impl Method {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Operator,
    Runtime,
    Agent,
}

impl Caller {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Runtime => "runtime",
            Self::Agent => "agent",
        }
    }
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Without a token.
    Anyone,
    /// With a valid token of one of these kinds.
    Only(&'static [Caller]),
    /// As `api.analyzer` says: everyone, or who has an operator or runtime token.
    Analyzer,
}

impl Access {
    pub(crate) fn admits(self, caller: Caller) -> bool {
        match self {
            Self::Anyone => true,
            Self::Only(callers) => callers.contains(&caller),
            Self::Analyzer => matches!(caller, Operator | Runtime),
        }
    }
}

/// A query parameter.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
}

/// What a route answers when it goes well.
pub(crate) enum Answer {
    /// JSON of this shape.
    Json(Status, &'static Record),
    /// JSON that is described elsewhere.
    AnyJson(&'static str),
    /// Nothing (204).
    Empty,
    /// Server-sent events.
    Stream,
    /// Prometheus text.
    Metrics,
    /// 200 or 503, both with this shape.
    Probe(&'static Record),
}

/// The good statuses in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    Created,
}

/// Every operation, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    OpenSession,
    ListSessions,
    ShowSession,
    CloseSession,
    IssueToken,
    ListTokens,
    RevokeToken,
    FollowEvents,
    ShowEvent,
    ListAlerts,
    ListQuarantines,
    ImposeQuarantine,
    ReleaseQuarantine,
    ListHolds,
    ApproveHold,
    DenyHold,
    ListGrants,
    IssueGrant,
    RevokeGrant,
    ShowPolicy,
    Explain,
    Health,
    Readiness,
    Metrics,
    Description,
    Analyze,
    Recognizers,
    SupportedEntities,
    AnalyzerHealth,
    Anonymize,
    Deanonymize,
    Anonymizers,
    Deanonymizers,
}

const OPERATOR: Access = Access::Only(&[Operator]);
const OPENERS: Access = Access::Only(&[Operator, Runtime]);
const ALL: Access = Access::Only(&[Operator, Runtime, Agent]);

const fn route(
    method: Method,
    path: &'static str,
    operation: Operation,
    access: Access,
    answer: Answer,
    summary: &'static str,
) -> Route {
    Route { method, path, operation, access, summary, id: None, query: &[], body: None, answer }
}

impl Route {
    const fn id(mut self, shape: Shape) -> Self {
        self.id = Some(shape);
        self
    }
    const fn body(mut self, record: &'static Record) -> Self {
        self.body = Some(record);
        self
    }
    const fn query(mut self, query: &'static [Parameter]) -> Self {
        self.query = query;
        self
    }
}

const ALL_OR_OPEN: &[Parameter] = &[Parameter {
    name: "all",
    about: "`true` shows those that have ended, too.",
    shape: Shape::Word(&["true", "false"]),
}];

const EVENT_QUERY: &[Parameter] = &[
    Parameter {
        name: "after",
        about: "Begin behind this row (0: at the oldest kept); `Last-Event-ID` goes before it. Without either only what is new is sent.",
        shape: Shape::Count { min: 0, max: u64::MAX },
    },
    Parameter { name: "tenant", about: "Only of this tenant.", shape: forms::TENANT },
    Parameter { name: "session", about: "Only of this session.", shape: forms::SESSION_ID },
    Parameter {
        name: "type",
        about: "Only these types of event, separated by commas.",
        shape: Shape::Text { min: 1, max: 1_000 },
    },
    Parameter {
        name: "follow",
        about: "`false` ends the stream with the newest row instead of waiting for more.",
        shape: Shape::Word(&["true", "false"]),
    },
];

const LANGUAGE: &[Parameter] = &[Parameter {
    name: "language",
    about: "Only for this language.",
    shape: Shape::Text { min: 1, max: 16 },
}];

/// Every route, in the order of the description.
pub(crate) static ROUTES: &[Route] = &[
    route(
        Post,
        "/v1/sessions",
        Operation::OpenSession,
        OPENERS,
        Answer::Json(Status::Created, &shapes::OPENED),
        "Open a session and make its agent tokens",
    )
    .body(&shapes::SESSION_REQUEST),
    route(
        Get,
        "/v1/sessions",
        Operation::ListSessions,
        OPENERS,
        Answer::Json(Status::Ok, &shapes::SESSIONS),
        "List sessions that the token may see",
    )
    .query(ALL_OR_OPEN),
    route(
        Get,
        "/v1/sessions/{id}",
        Operation::ShowSession,
        ALL,
        Answer::Json(Status::Ok, &shapes::SESSION),
        "Show one session; an agent token shows its own alone",
    )
    .id(forms::SESSION_ID),
    route(
        Delete,
        "/v1/sessions/{id}",
        Operation::CloseSession,
        OPENERS,
        Answer::Empty,
        "Close a session: its tokens end and its flows are cut",
    )
    .id(forms::SESSION_ID),
    route(
        Post,
        "/v1/tokens",
        Operation::IssueToken,
        OPERATOR,
        Answer::Json(Status::Created, &shapes::MADE_TOKEN),
        "Make a runtime or operator token",
    )
    .body(&shapes::TOKEN_REQUEST),
    route(
        Get,
        "/v1/tokens",
        Operation::ListTokens,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::TOKENS),
        "List runtime and operator tokens",
    )
    .query(ALL_OR_OPEN),
    route(
        Delete,
        "/v1/tokens/{id}",
        Operation::RevokeToken,
        OPERATOR,
        Answer::Empty,
        "Revoke a token",
    )
    .id(forms::TOKEN_ID),
    route(
        Get,
        "/v1/events",
        Operation::FollowEvents,
        OPERATOR,
        Answer::Stream,
        "Follow the ledger as server-sent events",
    )
    .query(EVENT_QUERY),
    route(
        Get,
        "/v1/events/{id}",
        Operation::ShowEvent,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::EVENT),
        "Show one event by its receipt",
    )
    .id(forms::RECEIPT_ID),
    route(
        Get,
        "/v1/alerts",
        Operation::ListAlerts,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::ALERTS),
        "List alerts; to follow them use /v1/events?type=AlertRaised",
    ),
    route(
        Get,
        "/v1/quarantines",
        Operation::ListQuarantines,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::QUARANTINES),
        "List quarantines",
    )
    .query(ALL_OR_OPEN),
    route(
        Post,
        "/v1/quarantines",
        Operation::ImposeQuarantine,
        OPERATOR,
        Answer::Json(Status::Created, &shapes::IMPOSED),
        "Put a session or a skill version in quarantine",
    )
    .body(&shapes::QUARANTINE_REQUEST),
    route(
        Post,
        "/v1/quarantines/{id}/release",
        Operation::ReleaseQuarantine,
        OPERATOR,
        Answer::Empty,
        "Release a quarantine, with a reason",
    )
    .id(forms::QUARANTINE_ID)
    .body(&shapes::REASONED),
    route(
        Get,
        "/v1/holds",
        Operation::ListHolds,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::HOLDS),
        "List holds",
    )
    .query(ALL_OR_OPEN),
    route(
        Post,
        "/v1/holds/{id}/approve",
        Operation::ApproveHold,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::APPROVED),
        "Approve exactly what a hold asks for",
    )
    .id(forms::HOLD_ID)
    .body(&shapes::APPROVAL),
    route(
        Post,
        "/v1/holds/{id}/deny",
        Operation::DenyHold,
        OPERATOR,
        Answer::Empty,
        "Deny what a hold asks for",
    )
    .id(forms::HOLD_ID)
    .body(&shapes::NOTHING),
    route(
        Get,
        "/v1/grants",
        Operation::ListGrants,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::GRANTS),
        "List grants",
    )
    .query(ALL_OR_OPEN),
    route(
        Post,
        "/v1/grants",
        Operation::IssueGrant,
        OPERATOR,
        Answer::Json(Status::Created, &shapes::GRANTED),
        "Allow one host for a time",
    )
    .body(&shapes::GRANT_REQUEST),
    route(
        Delete,
        "/v1/grants/{id}",
        Operation::RevokeGrant,
        OPERATOR,
        Answer::Empty,
        "Take a grant back",
    )
    .id(forms::GRANT_ID),
    route(
        Get,
        "/v1/policy",
        Operation::ShowPolicy,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::POLICY),
        "Show the policy in force",
    ),
    route(
        Post,
        "/v1/explain",
        Operation::Explain,
        OPERATOR,
        Answer::Json(Status::Ok, &shapes::EXPLANATION),
        "Say what each control answers, without effect",
    )
    .body(&shapes::EXPLAIN_REQUEST),
    route(
        Get,
        "/healthz",
        Operation::Health,
        Access::Anyone,
        Answer::Json(Status::Ok, &shapes::HEALTH),
        "Whether the process lives",
    ),
    route(
        Get,
        "/readyz",
        Operation::Readiness,
        Access::Anyone,
        Answer::Probe(&shapes::READINESS),
        "Whether every room is ready",
    ),
    route(
        Get,
        "/metrics",
        Operation::Metrics,
        OPENERS,
        Answer::Metrics,
        "Figures in Prometheus text format",
    ),
    route(
        Get,
        "/openapi.json",
        Operation::Description,
        OPENERS,
        Answer::AnyJson("This document."),
        "This description",
    ),
    route(
        Post,
        "/analyze",
        Operation::Analyze,
        Access::Analyzer,
        Answer::AnyJson(
            "What was found, the best first; a list of such lists for a list of texts.",
        ),
        "Find personal data, credentials and marks in texts, as Presidio's analyzer does",
    )
    .body(&shapes::ANALYZE_REQUEST),
    route(
        Get,
        "/recognizers",
        Operation::Recognizers,
        Access::Analyzer,
        Answer::AnyJson("Names of detectors."),
        "List the detectors",
    )
    .query(LANGUAGE),
    route(
        Get,
        "/supportedentities",
        Operation::SupportedEntities,
        Access::Analyzer,
        Answer::AnyJson("Names of entities."),
        "List what can be found",
    )
    .query(LANGUAGE),
    route(
        Get,
        "/health",
        Operation::AnalyzerHealth,
        Access::Analyzer,
        Answer::Metrics,
        "Whether the analyzer is up, for Presidio's clients",
    ),
    route(
        Post,
        "/anonymize",
        Operation::Anonymize,
        Access::Analyzer,
        Answer::AnyJson("The new text and where the new values stand in it."),
        "Replace, redact, mask, hash or encrypt what was found, as Presidio's anonymizer does",
    )
    .body(&shapes::ANONYMIZE_REQUEST),
    route(
        Post,
        "/deanonymize",
        Operation::Deanonymize,
        Access::Analyzer,
        Answer::AnyJson("The old text and where the old values stand in it."),
        "Decrypt what was encrypted",
    )
    .body(&shapes::DEANONYMIZE_REQUEST),
    route(
        Get,
        "/anonymizers",
        Operation::Anonymizers,
        Access::Analyzer,
        Answer::AnyJson("Their names."),
        "List what can be done to a value",
    ),
    route(
        Get,
        "/deanonymizers",
        Operation::Deanonymizers,
        Access::Analyzer,
        Answer::AnyJson("Their names."),
        "List what can be undone",
    ),
];

/// What a method and a path lead to.
pub(crate) enum Found {
    /// A route, and the text of its `{id}`.
    Route(&'static Route, Option<String>),
    /// The path has other methods: the value of `Allow`.
    OtherMethods(String),
    /// There is no such path.
    Nothing,
}

/// Looks a request up. Paths are compared as sent: ids need no percent-encoding.
pub(crate) fn find(method: &str, path: &str) -> Found {
    let mut allow: Vec<&str> = Vec::new();
    for route in ROUTES {
        if let Some(id) = matches(route.path, path) {
            if route.method.as_str() == method {
                return Found::Route(route, id);
            }
            allow.push(route.method.as_str());
        }
    }
    if allow.is_empty() { Found::Nothing } else { Found::OtherMethods(allow.join(", ")) }
}

/// `Some(id)` where the path fits the template.
fn matches(template: &str, path: &str) -> Option<Option<String>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut id = None;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(id),
            (Some("{id}"), Some(text)) if !text.is_empty() => id = Some(text.to_owned()),
            (Some(one), Some(other)) if one == other => {}
            (_, _) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_route() {
        for route in ROUTES {
            let path = route.path.replace("{id}", "x");
            match find(route.method.as_str(), &path) {
                Found::Route(found, id) => {
                    assert_eq!(found.operation, route.operation, "{path}");
                    assert_eq!(id.is_some(), route.id.is_some(), "{path}");
                    assert_eq!(route.id.is_some(), route.path.contains("{id}"), "{path}");
                }
                Found::OtherMethods(_) | Found::Nothing => panic!("{path} leads nowhere"),
            }
        }
        assert!(matches!(find("GET", "/v1/sessions/"), Found::Nothing));
        assert!(matches!(find("GET", "//v1/sessions"), Found::Nothing));
        assert!(matches!(find("GET", "/v1/sessions/a/b"), Found::Nothing));
    }

    #[test]
    fn other_methods_are_named() {
        for (method, path, expect) in [
            ("PUT", "/v1/sessions", "POST, GET"),
            ("POST", "/healthz", "GET"),
            ("HEAD", "/metrics", "GET"),
            ("OPTIONS", "/v1/sessions/x", "GET, DELETE"),
            ("get", "/healthz", "GET"),
        ] {
            let Found::OtherMethods(allow) = find(method, path) else { panic!("{method} {path}") };
            assert_eq!(allow, expect);
        }
    }
}
