//! Standing: what the past says of a session and its skill now (quarantine, grants, use).
//! The one arrow back from the ledger into the decision. Must not know storage. Next: `event`.

use crate::id::{
    ByteCount, GrantId, HoldId, LevelName, QuarantineId, RoleName, SessionId, SkillId, SkillName,
    TenantName,
};
use crate::time::Timestamp;

/// Who acts: session, tenant, role and the one skill that the credential names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The session; `None` for a question without one (`explain`).
    pub session: Option<SessionId>,
    /// The tenant.
    pub tenant: TenantName,
    /// The agent's role, if it has one.
    pub role: Option<RoleName>,
    /// The acting skill; without one `egress.skill` denies.
    pub skill: Option<SkillId>,
    /// The session's own ceiling, if it has one.
    pub ceiling: Option<LevelName>,
}

/// What is put in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quarantined {
    /// One session.
    Session(SessionId),
    /// A skill version (by digest) within one tenant.
    Skill {
        /// The tenant.
        tenant: TenantName,
        /// The skill.
        skill: SkillId,
    },
    /// A skill version everywhere.
    SkillEverywhere(SkillId),
}

/// A permission given by a person for a time (`backstop allow`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The tenant.
    pub tenant: TenantName,
    /// The skill it is for.
    pub skill: SkillName,
    /// The exact host and port.
    pub host: crate::host::HostName,
    /// The port.
    pub port: u16,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// A hold that a person has approved: it lets exactly one digest of an attempt pass until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The hold.
    pub hold: HoldId,
    /// The digest of what was asked.
    pub asked: crate::id::Digest,
    /// When it ends.
    pub until: Timestamp,
}

/// What the past says of one subject at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The quarantine that binds session or skill, if any.
    pub quarantine: Option<QuarantineId>,
    /// Grants for this tenant and skill that have not ended.
    pub grants: Vec<Grant>,
}

/// What one session has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// External calls within the last 60 minutes.
    pub calls: u64,
    /// Bytes received from outside since the session began.
    pub received: ByteCount,
}
