//! Refusals of the API as `application/problem+json` (RFC 9457).
//! Must not know routes. A detail never repeats a token, and never a body's values beyond what
//! a typed parser quotes. Next: `json`.

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// One fault of a body or query, with the place it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// JSON Pointer (RFC 6901) into the body; for a query, `?name`.
    pub(crate) pointer: String,
    /// The rule that is broken.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// What went wrong with a request. Closed: each has its own type URI, status and title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Malformed,
    Invalid,
    Unauthenticated,
    Forbidden,
    WrongHost,
    ForeignOrigin,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    TooSlow,
    WrongMediaType,
    Conflict,
    Refused,
    Unavailable,
}

impl Kind {
    /// All kinds, for the description of the API.
    pub(crate) const ALL: [Self; 14] = [
        Self::Malformed,
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::WrongHost,
        Self::ForeignOrigin,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TooLarge,
        Self::TooSlow,
        Self::WrongMediaType,
        Self::Conflict,
        Self::Refused,
        Self::Unavailable,
    ];

    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "The request cannot be read"),
            Self::Invalid => (
                "invalid",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The request is readable but breaks a rule",
            ),
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, "A valid bearer token is needed")
            }
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "This token may not do that"),
            Self::WrongHost => (
                "wrong-host",
                StatusCode::MISDIRECTED_REQUEST,
                "The Host header does not name this listener",
            ),
            Self::ForeignOrigin => (
                "foreign-origin",
                StatusCode::FORBIDDEN,
                "Requests from other web origins are refused",
            ),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "This path has other methods",
            ),
            Self::TooLarge => {
                ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large")
            }
            Self::TooSlow => {
                ("too-slow", StatusCode::REQUEST_TIMEOUT, "The request came too slowly")
            }
            Self::WrongMediaType => (
                "wrong-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be application/json",
            ),
            Self::Conflict => {
                ("conflict", StatusCode::CONFLICT, "The state of the thing does not allow that")
            }
            Self::Refused => (
                "refused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The policy or a rule of the gate does not allow that",
            ),
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The gateway cannot do that now")
            }
        }
    }

    pub(crate) const fn code(self) -> &'static str {
        self.row().0
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.row().1
    }

    pub(crate) const fn title(self) -> &'static str {
        self.row().2
    }
}

/// A refusal on its way to the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: String,
    faults: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), faults: Vec::new(), headers: Vec::new() }
    }

    /// A body or query that breaks rules, all of them named.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [] => "the request breaks a rule".to_owned(),
            [only] => only.detail.clone(),
            [first, rest @ ..] => format!("{} (and {} more)", first.detail, rest.len()),
        };
        Self { kind: Kind::Invalid, detail, faults, headers: Vec::new() }
    }

    /// One field that breaks a rule which only its meaning shows.
    pub(crate) fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![Fault::new(pointer, detail)])
    }

    /// 401 with its challenge (RFC 6750 §3).
    pub(crate) fn unauthenticated(detail: &'static str, error: Challenge) -> Self {
        let challenge = match error {
            Challenge::Absent => HeaderValue::from_static("Bearer realm=\"backstop\""),
            Challenge::Invalid => {
                HeaderValue::from_static("Bearer realm=\"backstop\", error=\"invalid_token\"")
            }
        };
        Self::new(Kind::Unauthenticated, detail).with(header::WWW_AUTHENTICATE, challenge)
    }

    /// 403 with its challenge (RFC 6750 §3.1, `insufficient_scope`).
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, detail).with(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"backstop\", error=\"insufficient_scope\""),
        )
    }

    pub(crate) fn at(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// What went wrong, in a sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut out = json!({
            "type": format!("{TYPE_BASE}{}", self.kind.code()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
        });
        if !self.faults.is_empty() {
            let errors: Vec<Value> = self
                .faults
                .iter()
                .map(|f| json!({ "pointer": f.pointer, "detail": f.detail }))
                .collect();
            if let Some(map) = out.as_object_mut() {
                map.insert("errors".to_owned(), Value::Array(errors));
            }
        }
        out
    }
}

/// Why a challenge is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// No credential came: RFC 6750 §3.1 wants no error code then.
    Absent,
    /// One came that is of no use.
    Invalid,
}

/// What every problem's `type` begins with.
pub(crate) const TYPE_BASE: &str = "https://backstop.dev/problems/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_every_fault() {
        let problem = Problem::invalid(vec![
            Fault::new("/tenant", "it is missing"),
            Fault::new("/skills/0/name", "use lower-case letters"),
        ]);
        assert_eq!(
            problem.to_json(),
            json!({
                "type": "https://backstop.dev/problems/invalid",
                "title": "The request is readable but breaks a rule",
                "status": 422,
                "detail": "it is missing (and 1 more)",
                "errors": [
                    {"pointer": "/tenant", "detail": "it is missing"},
                    {"pointer": "/skills/0/name", "detail": "use lower-case letters"},
                ],
            })
        );
    }

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        let mut codes: Vec<&str> = Kind::ALL.iter().map(|k| k.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
    }
}
