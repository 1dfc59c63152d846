//! The words of the acts: what is asked for, what comes of it, and why it was not done.
//! Next: `sessions`.

use crate::clock::RandomFault;
use backstop_ledger::LedgerFault;
use backstop_model::event::TokenKind;
use backstop_model::host::HostName;
use backstop_model::id::{
    LevelName, Principal, RoleName, SessionId, SkillId, SkillName, SkillVersion, TenantName,
    TokenId,
};
use backstop_model::redacted::Redacted;
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use std::time::Duration;

/// Why an act was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlFault {
    /// The actor may not do this (HTTP 403).
    #[error("{0}")]
    Forbidden(String),
    /// What it names does not exist (HTTP 404).
    #[error("{0}")]
    Unknown(String),
    /// What it asks for cannot be (HTTP 422).
    #[error("{0}")]
    Invalid(String),
    /// It is done or decided already (HTTP 409).
    #[error("{0}")]
    Conflict(String),
    /// It could not be recorded, so it was not done (HTTP 503).
    #[error("it cannot be recorded")]
    Ledger(#[from] LedgerFault),
    /// There is no randomness for ids and tokens (HTTP 503).
    #[error("no random bytes")]
    Random(#[from] RandomFault),
}

/// A session to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    /// For which tenant.
    pub tenant: TenantName,
    /// In which role.
    pub role: Option<RoleName>,
    /// With which skills.
    pub skills: Vec<(SkillName, SkillVersion)>,
    /// Up to which classification.
    pub ceiling: Option<LevelName>,
    /// How long it lives; `None` for the configured span.
    pub lives: Option<Duration>,
}

/// A session that was opened. Its tokens are shown this once.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    /// Its id.
    pub id: SessionId,
    /// One token for each skill.
    pub tokens: Vec<(SkillId, Redacted<String>)>,
    /// When it ends by itself.
    pub expires: Timestamp,
}

/// A runtime or operator token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// `Runtime` or `Operator`; agent tokens come with their session.
    pub kind: TokenKind,
    /// Whom it stands for.
    pub principal: Principal,
    /// For a runtime token: tenant, role and ceiling (session and skill must be `None`).
    pub bound: Option<Subject>,
    /// How long it lives; `None` for ever.
    pub lives: Option<Duration>,
}

/// A token that was made. It is shown this once.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// Its public id.
    pub id: TokenId,
    /// The token.
    pub token: Redacted<String>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// A host to be allowed for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRequest {
    /// For which tenant.
    pub tenant: TenantName,
    /// For which skill.
    pub skill: SkillName,
    /// The exact host.
    pub host: HostName,
    /// The port.
    pub port: u16,
    /// For how long.
    pub lives: Duration,
    /// Why.
    pub reason: String,
}
