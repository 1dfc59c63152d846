//! What changes standing: quarantines, holds, grants. All take an operator.

use super::{Control, ControlFault, GrantRequest, operator, reason};
use crate::identity::Actor;
use backstop_ledger::views::HoldView;
use backstop_model::event::{Fact, Resolution};
use backstop_model::id::{GrantId, HoldId, QuarantineId};
use backstop_model::standing::{Grant, Quarantined};
use backstop_model::time::Timestamp;
use std::time::Duration;

impl Control {
    /// Puts a session or a skill version in quarantine; what lives by it is cut before this answers.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn quarantine(
        &self,
        by: &Actor,
        target: Quarantined,
        why: &str,
    ) -> Result<QuarantineId, ControlFault> {
        let principal = operator(by)?.clone();
        let reason = reason(why)?;
        let mut subject = None;
        if let Quarantined::Session(session) = &target {
            let view = self.inner.ledger.views().session(session).ok_or_else(|| {
                ControlFault::Unknown(format!("session `{session}` is not known"))
            })?;
            subject = Some(view.subject);
        }
        let id = QuarantineId::draw(self.inner.now(), self.ten()?);
        let fact = Fact::QuarantineImposed { id: id.clone(), target, by: Some(principal), reason };
        self.act(subject, fact).await?;
        self.inner.sweep().await;
        Ok(id)
    }

    /// Ends a quarantine.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn release(
        &self,
        by: &Actor,
        id: &QuarantineId,
        why: &str,
    ) -> Result<(), ControlFault> {
        let principal = operator(by)?.clone();
        let reason = reason(why)?;
        let known = self.inner.ledger.views().quarantines();
        let view = known
            .into_iter()
            .find(|view| view.id == *id)
            .ok_or_else(|| ControlFault::Unknown(format!("quarantine `{id}` is not known")))?;
        if view.released.is_some() {
            return Err(ControlFault::Conflict(format!("quarantine `{id}` is released already")));
        }
        let _claim = self.inner.claims.claim(id.as_str())?;
        self.act(None, Fact::QuarantineReleased { id: id.clone(), by: principal, reason }).await
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
        let lives = self.span(lives.unwrap_or(self.inner.config.approval_span))?;
        let until = self.inner.now().plus(lives);
        self.resolve(by, id, Resolution::Approved, Some(until)).await?;
        Ok(until)
    }

    /// Denies a hold.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn deny(&self, by: &Actor, id: &HoldId) -> Result<(), ControlFault> {
        self.resolve(by, id, Resolution::Denied, None).await
    }

    async fn resolve(
        &self,
        by: &Actor,
        id: &HoldId,
        resolution: Resolution,
        until: Option<Timestamp>,
    ) -> Result<(), ControlFault> {
        let principal = operator(by)?.clone();
        // RACE: claimed before it is read, so that neither another person nor the clock decides
        // between the look and the record.
        let _claim = self.inner.claims.claim(id.as_str())?;
        let hold = self.undecided(id)?;
        let fact = Fact::HoldResolved { hold: id.clone(), resolution, by: Some(principal), until };
        self.act(hold.subject, fact).await
    }

    fn undecided(&self, id: &HoldId) -> Result<HoldView, ControlFault> {
        let holds = self.inner.ledger.views().holds();
        let hold = holds
            .into_iter()
            .find(|hold| hold.id == *id)
            .ok_or_else(|| ControlFault::Unknown(format!("hold `{id}` is not known")))?;
        if hold.resolved.is_some() {
            return Err(ControlFault::Conflict(format!("hold `{id}` is decided already")));
        }
        if hold.until <= self.inner.now() {
            return Err(ControlFault::Conflict(format!("hold `{id}` has expired: it is denied")));
        }
        Ok(hold)
    }

    /// Allows a host for a time.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn grant(&self, by: &Actor, request: GrantRequest) -> Result<Grant, ControlFault> {
        let principal = operator(by)?.clone();
        let GrantRequest { tenant, skill, host, port, lives, reason: why } = request;
        let reason = reason(&why)?;
        if port == 0 {
            return Err(ControlFault::Invalid("port 0 is no port".to_owned()));
        }
        if !self.inner.policy().tenants().any(|known| *known == tenant) {
            let text = format!("no policy document names the tenant `{tenant}`");
            return Err(ControlFault::Invalid(text));
        }
        let now = self.inner.now();
        let until = now.plus(self.span(lives)?);
        let id = GrantId::draw(now, self.ten()?);
        let grant = Grant { id, tenant, skill, host, port, until };
        self.act(None, Fact::GrantIssued { grant: grant.clone(), by: principal, reason }).await?;
        Ok(grant)
    }

    /// Takes a grant back; what lives by it is cut before this answers.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn revoke_grant(&self, by: &Actor, id: &GrantId) -> Result<(), ControlFault> {
        let principal = operator(by)?.clone();
        let known = self.inner.ledger.views().grants();
        let view = known
            .into_iter()
            .find(|view| view.grant.id == *id)
            .ok_or_else(|| ControlFault::Unknown(format!("grant `{id}` is not known")))?;
        if view.revoked.is_some() {
            return Err(ControlFault::Conflict(format!("grant `{id}` is taken back already")));
        }
        let _claim = self.inner.claims.claim(id.as_str())?;
        self.act(None, Fact::GrantRevoked { id: id.clone(), by: principal }).await?;
        self.inner.sweep().await;
        Ok(())
    }

    /// How long an exception may last.
    fn span(&self, lives: Duration) -> Result<Duration, ControlFault> {
        let most = self.inner.config.longest_exception;
        if lives.is_zero() || lives > most {
            let text = format!("an exception lasts 1 to {} seconds", most.as_secs());
            return Err(ControlFault::Invalid(text));
        }
        Ok(lives)
    }
}
