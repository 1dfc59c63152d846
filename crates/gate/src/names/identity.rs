//! Who asks: what the configuration says of a DNS client. Next: the parent.

use backstop_model::id::{RoleName, SkillName, SkillVersion, TenantName};

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
