//! Sessions: opened with one token for each skill, closed by their runtime or an operator.
//! Next: `tokens`.

use super::{Control, ControlFault, OpenedSession, SessionRequest};
use crate::identity::Actor;
use crate::token;
use backstop_model::event::{Fact, TokenKind, TokenRecord};
use backstop_model::id::{LevelName, RoleName, SessionId, TenantName, TokenId};
use backstop_model::standing::Subject;
use backstop_policy::Policy;
use std::collections::BTreeSet;

/// LIMIT: skills of one session.
const SKILLS: usize = 32;

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
        let SessionRequest { tenant, role, skills, ceiling, lives } = request;
        let (role, ceiling) = within(&self.inner.policy(), by, &tenant, role, ceiling)?;
        let config = &self.inner.config;
        let lives = lives.unwrap_or(config.session_span);
        if lives.is_zero() || lives > config.longest_session {
            let most = config.longest_session.as_secs();
            return Err(ControlFault::Invalid(format!("a session lives 1 to {most} seconds")));
        }
        let distinct: BTreeSet<_> = skills.iter().collect();
        if skills.is_empty() || skills.len() > SKILLS || distinct.len() != skills.len() {
            let text = format!("name 1 to {SKILLS} skills, each once");
            return Err(ControlFault::Invalid(text));
        }
        let skills = self
            .inner
            .policy()
            .admit(&tenant, role.as_ref(), &skills, ceiling.as_ref())
            .map_err(ControlFault::Invalid)?;
        let now = self.inner.now();
        let expires = now.plus(lives);
        let id = SessionId::draw(now, self.ten()?);
        let subject = Subject { session: Some(id.clone()), tenant, role, skill: None, ceiling };
        let mut records = Vec::with_capacity(skills.len());
        let mut tokens = Vec::with_capacity(skills.len());
        for skill in skills {
            let (secret, hash) = token::draw(TokenKind::Agent, &*self.inner.random)?;
            records.push(TokenRecord {
                id: TokenId::draw(now, self.ten()?),
                kind: TokenKind::Agent,
                hash,
                principal: None,
                bound: Some(Subject { skill: Some(skill.clone()), ..subject.clone() }),
                expires: Some(expires),
            });
            tokens.push((skill, secret));
        }
        self.act(Some(subject), Fact::SessionOpened { tokens: records }).await?;
        Ok(OpenedSession { id, tokens, expires })
    }

    /// Closes a session: its tokens end, its live flows are cut before this answers.
    ///
    /// # Errors
    /// [`ControlFault`].
    pub async fn close_session(&self, by: &Actor, id: &SessionId) -> Result<(), ControlFault> {
        let unknown = || ControlFault::Unknown(format!("session `{id}` is not known"));
        let view = self.inner.ledger.views().session(id).ok_or_else(unknown)?;
        match by {
            Actor::Operator { .. } => {}
            Actor::Runtime { bound, .. } if self.is_within(bound, &view.subject) => {}
            // Another's session is not told from one that does not exist.
            Actor::Runtime { .. } => return Err(unknown()),
            Actor::Agent(_) => {
                return Err(ControlFault::Forbidden("an agent closes no session".to_owned()));
            }
        }
        if view.closed.is_some() {
            return Err(ControlFault::Conflict(format!("session `{id}` is closed already")));
        }
        let _claim = self.inner.claims.claim(id.as_str())?;
        self.act(Some(view.subject), Fact::SessionClosed).await?;
        self.inner.sweep().await;
        self.inner.forget(id);
        Ok(())
    }

    /// Whether a session lies within the bounds of a runtime: its tenant, its role, its ceiling.
    pub fn is_within(&self, bound: &Subject, session: &Subject) -> bool {
        let (ceiling, highest) = (session.ceiling.as_ref(), bound.ceiling.as_ref());
        bound.tenant == session.tenant
            && (bound.role.is_none() || bound.role == session.role)
            && is_below(&self.inner.policy(), &session.tenant, highest, ceiling)
    }
}

/// What a session of this actor gets: a runtime's bounds count where nothing is asked for, and
/// nothing else may be asked for.
fn within(
    policy: &Policy,
    by: &Actor,
    tenant: &TenantName,
    role: Option<RoleName>,
    ceiling: Option<LevelName>,
) -> Result<(Option<RoleName>, Option<LevelName>), ControlFault> {
    let bound = match by {
        Actor::Operator { .. } => return Ok((role, ceiling)),
        Actor::Runtime { bound, .. } => bound,
        Actor::Agent(_) => {
            return Err(ControlFault::Forbidden("an agent opens no session".to_owned()));
        }
    };
    let outside = |what: &str| {
        Err(ControlFault::Forbidden(format!("this runtime is bound to another {what}")))
    };
    if bound.tenant != *tenant {
        return outside("tenant");
    }
    if bound.role.is_some() && role.is_some() && bound.role != role {
        return outside("role");
    }
    let ceiling = ceiling.or_else(|| bound.ceiling.clone());
    if !is_below(policy, tenant, bound.ceiling.as_ref(), ceiling.as_ref()) {
        return Err(ControlFault::Forbidden(
            "this ceiling is not within that of the runtime".to_owned(),
        ));
    }
    Ok((bound.role.clone().or(role), ceiling))
}

/// Whether a ceiling lies within a bound: the same level, or one that the tenant's classification
/// puts below it. What cannot be compared does not.
fn is_below(
    policy: &Policy,
    tenant: &TenantName,
    bound: Option<&LevelName>,
    ceiling: Option<&LevelName>,
) -> bool {
    let rank = |level| policy.rank(tenant, level);
    match (bound, ceiling) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(bound), Some(ceiling)) => {
            bound == ceiling
                || rank(ceiling).zip(rank(bound)).is_some_and(|(ceiling, bound)| ceiling < bound)
        }
    }
}
