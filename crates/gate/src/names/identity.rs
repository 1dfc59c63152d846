//! Who asks: what the configuration says of a DNS client, and its standing session.
//!
//! The session is opened on record, renewed before it ends, and never renewed out of a quarantine.
//! Nobody holds a token of it: the one that its record needs is drawn and thrown away.
//! Next: `table`.

use super::client::Clients;
use super::payload::Shared;
use super::table::Table;
use crate::fault::Faulted;
use crate::gate::Inner;
use crate::identity::Session;
use crate::token;
use arc_swap::ArcSwap;
use backstop_model::control::Control;
use backstop_model::event::{Fact, TokenKind, TokenRecord};
use backstop_model::id::{
    Principal, RoleName, SessionId, SkillId, SkillName, SkillVersion, TenantName, TokenId,
};
use backstop_model::name::NameScope;
use backstop_model::standing::{Quarantined, Subject};
use backstop_model::time::Timestamp;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A configured DNS client: a listener or a range of sources.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NameIdentity {
    /// How the configuration calls it (`10.1.0.0/16`, `listener 127.0.0.1:1053`): its standing
    /// session is found again by this, so that a quarantine outlives a restart.
    pub place: String,
    /// Its tenant.
    pub tenant: TenantName,
    /// Whose names it may ask.
    pub skill: NameSkill,
    /// Its role, if it has one.
    pub role: Option<RoleName>,
}

/// Whose names a DNS client may ask.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NameSkill {
    /// Those of tenant and skill both.
    One(SkillName, SkillVersion),
    /// Those of the tenant: several skills stand behind one address, and the resolver cannot tell
    /// them apart. Connections are still judged by skill.
    Any,
}

/// A standing session with what is kept for it.
pub(super) struct Standing {
    /// `None` for a session that somebody else opened and keeps.
    pub(super) who: Option<NameIdentity>,
    pub(super) scope: NameScope,
    pub(super) session: ArcSwap<Session>,
    pub(super) table: Table,
    pub(super) clients: Clients,
    /// What all of them together have asked under wildcard rows.
    pub(super) shared: Mutex<Shared>,
    renewing: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("who", &self.who).finish_non_exhaustive()
    }
}

impl Standing {
    pub(super) fn new(who: Option<NameIdentity>, session: Session) -> Arc<Self> {
        let scope = match who.as_ref().map(|who| &who.skill) {
            Some(NameSkill::Any) => NameScope::Tenant,
            Some(NameSkill::One(..)) | None => NameScope::Skill,
        };
        Arc::new(Self {
            who,
            scope,
            session: ArcSwap::from_pointee(session),
            table: Table::default(),
            clients: Clients::default(),
            shared: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        })
    }
}

impl NameIdentity {
    /// How its session's token is marked, so that it is found again.
    fn mark(&self) -> Result<Principal, String> {
        let skill = match &self.skill {
            NameSkill::One(name, version) => format!("{name}@{version}"),
            NameSkill::Any => "*".to_owned(),
        };
        let role = self.role.as_ref().map_or("-", RoleName::as_str);
        let text = format!("dns:{}:{}:{skill}:{role}", self.place, self.tenant);
        let text: String =
            text.chars().map(|c| if c.is_whitespace() { '_' } else { c }).take(128).collect();
        Principal::parse(&text).map_err(|fault| fault.to_string())
    }
}

impl Inner {
    /// The standing session of a client, as it stands or newly opened.
    pub(super) async fn standing_session(&self, who: &NameIdentity) -> Result<Session, String> {
        let skill = self.admitted(who)?;
        let mark = who.mark()?;
        if let Some(kept) = self.kept_session(&mark, who, skill.as_ref()) {
            return Ok(kept);
        }
        self.open_standing(who, skill, mark).await
    }

    /// The skill as policy knows it now.
    fn admitted(&self, who: &NameIdentity) -> Result<Option<SkillId>, String> {
        let asked = match &who.skill {
            NameSkill::One(name, version) => vec![(name.clone(), version.clone())],
            NameSkill::Any => Vec::new(),
        };
        let admitted = self.policy().admit(&who.tenant, who.role.as_ref(), &asked, None)?;
        Ok(admitted.into_iter().next())
    }

    /// A session of this client that is in quarantine, or one that still has a while to live.
    fn kept_session(
        &self,
        mark: &Principal,
        who: &NameIdentity,
        skill: Option<&SkillId>,
    ) -> Option<Session> {
        let views = self.ledger.views();
        let marked = |id: &SessionId| {
            let view = views.session(id)?;
            let token = view.tokens.iter().find(|t| t.principal.as_ref() == Some(mark))?;
            let subject = token.bound.clone()?;
            Some((
                Session {
                    id: id.clone(),
                    subject,
                    token: None,
                    expires: view.expires,
                    source: None,
                },
                view.closed,
            ))
        };
        let held = views.quarantines().into_iter().filter(|q| q.released.is_none());
        for quarantine in held {
            if let Quarantined::Session(id) = &quarantine.target
                && let Some((session, _)) = marked(id)
            {
                return Some(session);
            }
        }
        let now = self.now();
        views.sessions().iter().find_map(|view| {
            let (session, closed) = marked(&view.id)?;
            let same = session.subject.skill.as_ref() == skill
                && session.subject.tenant == who.tenant
                && session.subject.role == who.role;
            (same && closed.is_none() && !self.is_due(session.expires, now)).then_some(session)
        })
    }

    async fn open_standing(
        &self,
        who: &NameIdentity,
        skill: Option<SkillId>,
        mark: Principal,
    ) -> Result<Session, String> {
        let now = self.now();
        let expires = now.plus(self.config.session_span);
        let id = SessionId::draw(now, self.ten());
        let whole = Subject {
            session: Some(id.clone()),
            tenant: who.tenant.clone(),
            role: who.role.clone(),
            skill: None,
            ceiling: None,
        };
        let subject = Subject { skill, ..whole.clone() };
        let (_, hash) =
            token::draw(TokenKind::Agent, &*self.random).map_err(|fault| fault.to_string())?;
        let record = TokenRecord {
            id: TokenId::draw(now, self.ten()),
            kind: TokenKind::Agent,
            hash,
            principal: Some(mark),
            bound: Some(subject.clone()),
            expires: Some(expires),
        };
        let fact = Fact::SessionOpened { tokens: vec![record] };
        let event = self.event(self.policy().digest(), Some(whole), fact);
        self.ledger.commit(event).await.map_err(|fault| fault.to_string())?;
        Ok(Session { id, subject, token: None, expires: Some(expires), source: None })
    }

    /// Whether a session ends so soon that the next one is opened.
    fn is_due(&self, expires: Option<Timestamp>, now: Timestamp) -> bool {
        let margin = (self.config.session_span / 4).min(LONGEST_MARGIN);
        expires.is_some_and(|end| end <= now.plus(margin))
    }

    /// The session that a question is recorded under, renewed where it is due or its skill's
    /// manifest has changed.
    pub(super) async fn current_session(
        &self,
        standing: &Arc<Standing>,
    ) -> Result<Arc<Session>, Faulted> {
        let session = standing.session.load_full();
        let Some(who) = &standing.who else { return Ok(session) };
        if !self.wants_renewal(who, &session) {
            return Ok(session);
        }
        let _one = standing.renewing.lock().await;
        let session = standing.session.load_full();
        if !self.wants_renewal(who, &session) {
            return Ok(session);
        }
        match self.standing_session(who).await {
            Ok(next) => {
                self.names.know(next.id.clone(), standing);
                standing.session.store(Arc::new(next));
                Ok(standing.session.load_full())
            }
            // What still stands goes on; what has ended is refused where it is judged.
            Err(reason) => {
                tracing::warn!(place = who.place, reason, "a DNS client's session is not renewed");
                if session.expires.is_none_or(|end| self.now() < end) {
                    return Ok(session);
                }
                Err(Faulted { control: Control::Identity, reason })
            }
        }
    }

    fn wants_renewal(&self, who: &NameIdentity, session: &Session) -> bool {
        let views = self.ledger.views();
        let now = self.now();
        // Whom an operator closed or put in quarantine stays so.
        let closed = views.is_open(&session.id) != Some(true);
        if closed || views.standing(&session.subject, now).quarantine.is_some() {
            return false;
        }
        let changed = match &who.skill {
            NameSkill::One(name, version) => {
                let known = self.policy();
                let known = known.skill(name, version);
                known.is_some() && known != session.subject.skill.as_ref()
            }
            NameSkill::Any => false,
        };
        changed || self.is_due(session.expires, now)
    }
}

/// LIMIT: how long before its end a session is renewed, at most.
const LONGEST_MARGIN: Duration = Duration::from_secs(3_600);
