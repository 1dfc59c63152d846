//! What people and runtimes may do: each act is an event, committed before it is answered.
//! Must not know HTTP. Next: `explain`.

use crate::gate::Inner;
use crate::identity::Actor;
use backstop_ledger::LedgerFault;
use backstop_model::event::TokenKind;
use backstop_model::host::HostName;
use backstop_model::id::{
    GrantId, HoldId, LevelName, Principal, QuarantineId, RoleName, SessionId, SkillId, SkillName,
    SkillVersion, TenantName, TokenId,
};
use backstop_model::redacted::Redacted;
use backstop_model::standing::{Grant, Quarantined, Subject};
use backstop_model::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// The acts of people and runtimes.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

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
    Random(#[from] crate::clock::RandomFault),
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

impl Control {
    /// Opens a session. A runtime may do so within its bounds, an operator for any tenant.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn open_session(
        &self,
        by: &Actor,
        request: SessionRequest,
    ) -> Result<OpenedSession, ControlFault> {
        let _ = (by, request, &self.inner);
        Err(LedgerFault::Closed.into())
    }
    /// Closes a session: its tokens end, its live flows are cut.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn close_session(&self, by: &Actor, id: &SessionId) -> Result<(), ControlFault> {
        let _ = (by, id);
        Err(LedgerFault::Closed.into())
    }
    /// Makes a runtime or operator token.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn issue_token(
        &self,
        by: &Actor,
        request: TokenRequest,
    ) -> Result<IssuedToken, ControlFault> {
        let _ = (by, request);
        Err(LedgerFault::Closed.into())
    }
    /// Revokes a token by its public id.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn revoke_token(&self, by: &Actor, id: &TokenId) -> Result<(), ControlFault> {
        let _ = (by, id);
        Err(LedgerFault::Closed.into())
    }
    /// Puts a session or a skill version in quarantine.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn quarantine(
        &self,
        by: &Actor,
        target: Quarantined,
        reason: &str,
    ) -> Result<QuarantineId, ControlFault> {
        let _ = (by, target, reason);
        Err(LedgerFault::Closed.into())
    }
    /// Ends a quarantine.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn release(
        &self,
        by: &Actor,
        id: &QuarantineId,
        reason: &str,
    ) -> Result<(), ControlFault> {
        let _ = (by, id, reason);
        Err(LedgerFault::Closed.into())
    }
    /// Approves a hold: exactly what was asked may pass for `lives` (`None`: the configured span).
    /// Answers when the approval ends.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn approve(
        &self,
        by: &Actor,
        id: &HoldId,
        lives: Option<Duration>,
    ) -> Result<Timestamp, ControlFault> {
        let _ = (by, id, lives);
        Err(LedgerFault::Closed.into())
    }
    /// Denies a hold.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn deny(&self, by: &Actor, id: &HoldId) -> Result<(), ControlFault> {
        let _ = (by, id);
        Err(LedgerFault::Closed.into())
    }
    /// Allows a host for a time.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn grant(&self, by: &Actor, request: GrantRequest) -> Result<Grant, ControlFault> {
        let _ = (by, request);
        Err(LedgerFault::Closed.into())
    }
    /// Takes a grant back.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn revoke_grant(&self, by: &Actor, id: &GrantId) -> Result<(), ControlFault> {
        let _ = (by, id);
        Err(LedgerFault::Closed.into())
    }
}
