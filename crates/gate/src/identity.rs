//! Who asks: credentials, sessions, and the actors of the API.
//! Must not know wires: how a credential travels is each plane's business. Next: `gate`.

use crate::gate::{Gate, Inner};
use crate::token;
use backstop_ledger::views::TokenView;
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::{Asked, TokenKind};
use backstop_model::id::{Digest, Principal, SessionId, SkillName, SkillVersion};
use backstop_model::redacted::Redacted;
use backstop_model::refusal::Refusal;
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use std::net::IpAddr;
use subtle::ConstantTimeEq as _;

/// What a client presents, as its plane read it.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The session that it names beside the token (the user name of `Basic`), if any.
    pub session: Option<SessionId>,
    /// The token.
    pub token: Redacted<String>,
}

/// A session that has signed in. Only the gate makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub(crate) id: SessionId,
    pub(crate) subject: Subject,
    /// The hash of the token that signed in; `None` for a listener bound to the session.
    pub(crate) token: Option<Digest>,
    pub(crate) expires: Option<Timestamp>,
    /// Where its connection comes from, if it has one.
    pub(crate) source: Option<IpAddr>,
}

impl Session {
    /// Its id.
    pub fn id(&self) -> &SessionId {
        &self.id
    }
    /// Who acts.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
    /// The same at a connection from this address (as the socket says, never a message): what the
    /// resolver has told this client holds for what it opens (`names::Told`).
    #[must_use]
    pub fn at(self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self }
    }
}

/// Who uses the API. Only [`Gate::authenticate`] makes one, of a token: others can look at it, not
/// build it.
///
/// ```compile_fail,E0639
/// fn forge(principal: backstop_model::id::Principal) -> backstop_gate::Actor {
///     backstop_gate::Actor::Operator { principal }
/// }
/// ```
/// ```compile_fail,E0639
/// fn forge(
///     principal: backstop_model::id::Principal,
///     bound: backstop_model::standing::Subject,
/// ) -> backstop_gate::Actor {
///     backstop_gate::Actor::Runtime { principal, bound }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person who may release, approve and grant.
    #[non_exhaustive]
    Operator {
        /// The person.
        principal: Principal,
    },
    /// A runtime, which opens sessions within its bounds.
    #[non_exhaustive]
    Runtime {
        /// The runtime.
        principal: Principal,
        /// Tenant, role and ceiling that it is bound to.
        bound: Subject,
    },
    /// An agent, which may ask.
    Agent(Session),
}

impl Gate {
    /// Signs a session in by an agent token.
    ///
    /// # Errors
    /// A refusal by `identity`, the same for every cause as far as the client sees.
    pub fn sign_in(&self, plane: Plane, credential: &Credential) -> Result<Session, Refusal> {
        self.inner.agent(credential).map_err(|reason| self.stranger(plane, "sign_in", reason))
    }

    /// The session that a listener is bound to, acting as `skill`; without one, as the session's
    /// only skill if it has just one.
    ///
    /// # Errors
    /// A refusal by `identity` where the session is not open or does not hold the skill.
    pub fn session_of(
        &self,
        plane: Plane,
        id: &SessionId,
        skill: Option<&(SkillName, SkillVersion)>,
    ) -> Result<Session, Refusal> {
        self.inner.bound(id, skill).map_err(|reason| self.stranger(plane, "sign_in", reason))
    }

    /// Who uses the API, by a token of any kind.
    ///
    /// # Errors
    /// A refusal by `identity`.
    pub fn authenticate(&self, token: &Redacted<String>) -> Result<Actor, Refusal> {
        self.inner
            .actor(token)
            .map_err(|reason| self.stranger(Plane::Tools, "authenticate", reason))
    }

    fn stranger(&self, plane: Plane, act: &str, reason: String) -> Refusal {
        let asked =
            Asked { plane, host: String::new(), port: 0, act: act.to_owned(), path: String::new() };
        self.refuse(None, asked, Control::Identity, reason)
    }
}

impl Inner {
    fn agent(&self, credential: &Credential) -> Result<Session, String> {
        let view = self.known(&credential.token)?;
        if view.kind != TokenKind::Agent {
            return Err(format!("token {} is not an agent token", view.id));
        }
        let subject =
            view.bound.ok_or_else(|| format!("token {} is bound to no session", view.id))?;
        let id = subject
            .session
            .clone()
            .ok_or_else(|| format!("token {} is bound to no session", view.id))?;
        if credential.session.as_ref().is_some_and(|named| *named != id) {
            return Err(format!("token {} is not of the session that is named", view.id));
        }
        match self.ledger.views().session(&id) {
            Some(session) if session.closed.is_none() => {}
            Some(_) => return Err(format!("session {id} is closed")),
            None => return Err(format!("session {id} is not known")),
        }
        Ok(Session { id, subject, token: Some(view.hash), expires: view.expires, source: None })
    }

    fn bound(
        &self,
        id: &SessionId,
        skill: Option<&(SkillName, SkillVersion)>,
    ) -> Result<Session, String> {
        let view =
            self.ledger.views().session(id).ok_or_else(|| format!("session {id} is not known"))?;
        if view.closed.is_some() {
            return Err(format!("session {id} is closed"));
        }
        if view.expires.is_some_and(|end| end <= self.now()) {
            return Err(format!("session {id} has ended"));
        }
        let mut held: Vec<Subject> =
            view.tokens.into_iter().filter_map(|token| token.bound).collect();
        if let Some((name, version)) = skill {
            held.retain(|s| {
                s.skill.as_ref().is_some_and(|s| s.name == *name && s.version == *version)
            });
            if held.is_empty() {
                return Err(format!("session {id} does not hold {name}@{version}"));
            }
        }
        // Several skills and none named: nobody acts as a skill, and `egress.skill` denies.
        let one = if held.len() == 1 { held.pop() } else { None };
        let subject = one.unwrap_or(Subject { skill: None, ..view.subject });
        Ok(Session { id: id.clone(), subject, token: None, expires: view.expires, source: None })
    }

    fn actor(&self, token: &Redacted<String>) -> Result<Actor, String> {
        let view = self.known(token)?;
        match view.kind {
            TokenKind::Agent => {
                self.agent(&Credential { session: None, token: token.clone() }).map(Actor::Agent)
            }
            TokenKind::Runtime => match (view.principal, view.bound) {
                (Some(principal), Some(bound)) => Ok(Actor::Runtime { principal, bound }),
                (_, _) => Err(format!("runtime token {} is bound to nothing", view.id)),
            },
            TokenKind::Operator => match view.principal {
                Some(principal) => Ok(Actor::Operator { principal }),
                None => Err(format!("operator token {} stands for nobody", view.id)),
            },
        }
    }

    /// The live token of that text, whose kind is the kind it claims.
    fn known(&self, token: &Redacted<String>) -> Result<TokenView, String> {
        let (kind, hash) =
            token::read(token.expose()).ok_or("the credential is not a token of Backstop")?;
        // The map is searched by the hash of the secret, which tells a guesser nothing about it;
        // the comparison afterwards takes the same time wherever two hashes differ.
        let view = self.ledger.views().token(&hash).ok_or("the token is not known")?;
        if !bool::from(view.hash.0.ct_eq(&hash.0)) || view.kind != kind {
            return Err("the token is not known".to_owned());
        }
        if !view.is_live(self.now()) {
            return Err(format!("token {} has ended", view.id));
        }
        Ok(view)
    }
}
