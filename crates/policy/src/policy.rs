//! The compiled policy: immutable, quick to ask.
//! Must not know YAML. Next: `decide`.

use crate::canonical::skill_digest;
use crate::diagnostic::Source;
use crate::document::{
    Classification, CredentialSource, Dlp, Document, Names, OverCap, Role, Row, Skill, Target,
    Tenant,
};
use crate::index::TargetIndex;
use crate::library::Library;
use backstop_model::addr::Cidr;
use backstop_model::destination::Destination;
use backstop_model::finding::PerMille;
use backstop_model::host::{Host, HostName};
use backstop_model::id::{
    Digest, LevelName, RoleName, SkillId, SkillName, SkillVersion, TenantName,
};
use backstop_model::name::QueryName;
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// All documents in force, compiled.
#[derive(Debug)]
pub struct Policy {
    digest: Digest,
    /// Whose documents these are; it shares them and their texts.
    library: Library,
    tenants: BTreeMap<TenantName, TenantRules>,
    skills: BTreeMap<SkillName, Vec<SkillRules>>,
    roles: HashMap<RoleName, Arc<Role>>,
    /// Where documents stand, for hints and test outcomes: `Tenant/research` → file.
    places: BTreeMap<String, String>,
}

/// A tenant and the look-up over its rows.
#[derive(Debug)]
pub(crate) struct TenantRules {
    pub(crate) document: Arc<Tenant>,
    pub(crate) scheme: Option<Arc<Classification>>,
    /// Entities that its classification names.
    named: Arc<[String]>,
    index: TargetIndex,
    /// What its clients append to names, the longest first.
    search: Vec<QueryName>,
    /// `NAMESPACE.svc.ZONE`.
    namespace: Option<QueryName>,
}

/// A skill and the look-up over its requirements.
#[derive(Debug)]
pub(crate) struct SkillRules {
    pub(crate) document: Arc<Skill>,
    pub(crate) id: SkillId,
    index: TargetIndex,
}

/// How deep a row's traffic is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InspectMode {
    /// TLS passes through; the server name is checked, bodies are not read.
    Tunnel,
}

/// What the connection layer needs of the rows that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowTerms {
    /// Private networks that this host may resolve to.
    pub allow_private: Vec<Cidr>,
    /// How long a connection may be idle, where the row says so.
    pub idle: Option<Duration>,
    /// How deep to look.
    pub inspect: InspectMode,
}

/// How hard a subject's payloads to one destination are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DlpTerms {
    /// How names are looked for.
    pub names: Names,
    /// From which score on personal data refuses.
    pub threshold: PerMille,
    /// What happens to a payload that is larger than is held.
    pub over_cap: OverCap,
    /// Entities of which a finding counts though it refuses nothing by itself: those that the
    /// tenant's classification gives a level.
    pub named: Arc<[String]>,
}

impl Policy {
    /// A policy without documents: everything is denied.
    pub fn empty() -> Self {
        Self::compile(&Library::default())
    }

    pub(crate) fn compile(library: &Library) -> Self {
        let mut policy = Self {
            digest: library.digest(),
            library: library.clone(),
            tenants: BTreeMap::new(),
            skills: BTreeMap::new(),
            roles: HashMap::new(),
            places: BTreeMap::new(),
        };
        for stored in library.documents() {
            let place = match &stored.document {
                Document::Tenant(tenant) => {
                    let (search, namespace) = suffixes(tenant);
                    let rules = TenantRules {
                        search,
                        namespace,
                        document: Arc::clone(tenant),
                        scheme: stored.scheme.clone(),
                        named: stored
                            .scheme
                            .iter()
                            .flat_map(|scheme| scheme.entities.keys().cloned())
                            .collect(),
                        index: TargetIndex::of(tenant.egress.iter().map(|row| &row.target)),
                    };
                    policy.tenants.insert(tenant.name.clone(), rules);
                    format!("Tenant/{}", tenant.name)
                }
                Document::Skill(skill) => {
                    let rules = SkillRules {
                        document: Arc::clone(skill),
                        id: SkillId {
                            name: skill.name.clone(),
                            version: skill.version.clone(),
                            digest: skill_digest(skill),
                        },
                        index: TargetIndex::of(skill.requirements.iter()),
                    };
                    policy.skills.entry(skill.name.clone()).or_default().push(rules);
                    format!("Skill/{}", skill.document)
                }
                Document::Role(role) => {
                    policy.roles.insert(role.name.clone(), Arc::clone(role));
                    continue;
                }
                Document::Classification(_) => continue,
            };
            policy.places.insert(place, stored.source.clone());
        }
        policy
    }

    /// SHA-256 over the canonical typed documents: equal meaning, equal digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// The last good texts; loading them again gives this policy again.
    pub fn sources(&self) -> Vec<Source> {
        self.library.texts()
    }
    /// The skill of that name and version.
    pub fn skill(&self, name: &SkillName, version: &SkillVersion) -> Option<&SkillId> {
        self.skill_rules(name, version).map(|rules| &rules.id)
    }
    /// All skills, sorted by name.
    pub fn skills(&self) -> impl Iterator<Item = &SkillId> {
        self.skills.values().flatten().map(|rules| &rules.id)
    }
    /// All tenants, sorted.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantName> {
        self.tenants.keys()
    }
    /// Until when a tenant observes: at that time decisions may turn with nothing else changed.
    pub fn observes_until(&self, tenant: &TenantName) -> Option<Timestamp> {
        self.tenant(tenant).and_then(|tenant| tenant.document.observe_until)
    }

    /// Whether a session with these may be opened. The skills' identities come in the order asked.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn admit(
        &self,
        tenant: &TenantName,
        role: Option<&RoleName>,
        skills: &[(SkillName, SkillVersion)],
        ceiling: Option<&LevelName>,
    ) -> Result<Vec<SkillId>, String> {
        let rules = self
            .tenant(tenant)
            .ok_or_else(|| format!("no Tenant document is called `{tenant}`"))?;
        if let Some(ceiling) = ceiling {
            let known = rules.scheme.as_ref().is_some_and(|s| s.levels.contains(ceiling));
            if !known {
                return Err(format!(
                    "`{ceiling}` is not a level of the classification of tenant `{tenant}`"
                ));
            }
        }
        if skills.is_empty()
            && let Some(role) = role
            && self.role(role).is_none()
        {
            return Err(format!("no Role document is called `{role}`"));
        }
        skills
            .iter()
            .map(|(name, version)| {
                let standing = self.skill_of(rules, role, name, version);
                standing.map(|rules| rules.id.clone())
            })
            .collect()
    }

    /// Where a level stands in the tenant's classification, the lowest first; `None` if it has no
    /// such level.
    pub fn rank(&self, tenant: &TenantName, level: &LevelName) -> Option<usize> {
        let scheme = self.tenant(tenant)?.scheme.as_ref()?;
        scheme.levels.iter().position(|known| known == level)
    }

    /// What the connection layer needs of the rows that match; defaults when none does.
    /// Rows only add: exceptions of all matching rows hold, `idle` is the most specific one's.
    pub fn row_terms(&self, tenant: &TenantName, destination: &Destination) -> RowTerms {
        let mut terms =
            RowTerms { allow_private: Vec::new(), idle: None, inspect: InspectMode::Tunnel };
        let Some(rules) = self.tenant(tenant) else { return terms };
        for row in rules.rows(destination) {
            terms.allow_private.extend(row.allow_private.iter().map(|(cidr, _)| *cidr));
            terms.idle = terms.idle.or(row.idle);
        }
        terms
    }

    /// How hard a subject's payloads to a destination are looked at: the strictest of tenant, role
    /// and all rows that name it.
    pub fn dlp_terms(&self, subject: &Subject, destination: &Destination) -> DlpTerms {
        let tenant = self.tenant(&subject.tenant);
        let role = subject.role.as_ref().and_then(|role| self.role(role)).map(|role| role.dlp);
        let rows = tenant.into_iter().flat_map(|tenant| tenant.rows(destination));
        let said: Vec<Dlp> = tenant
            .map(|tenant| tenant.document.dlp)
            .into_iter()
            .chain(role)
            .chain(rows.map(|row| row.dlp))
            .collect();
        let said = || said.iter();
        DlpTerms {
            names: said().filter_map(|dlp| dlp.names).max().unwrap_or(Names::GateOnly),
            threshold: said().filter_map(|dlp| dlp.threshold).min().unwrap_or(PerMille::HALF),
            over_cap: said().filter_map(|dlp| dlp.over_cap).max().unwrap_or(OverCap::Refuse),
            named: tenant.map_or_else(|| Arc::from([]), |tenant| Arc::clone(&tenant.named)),
        }
    }

    /// Whether any document or row asks for the model for names.
    pub fn requires_names(&self) -> bool {
        let tenants = self.tenants.values().map(|rules| &rules.document);
        let rows = tenants.clone().flat_map(|tenant| &tenant.egress).map(|row| row.dlp);
        let roles = self.roles.values().map(|role| role.dlp);
        let mut all = tenants.map(|tenant| tenant.dlp).chain(rows).chain(roles);
        all.any(|dlp| dlp.names == Some(Names::Required))
    }

    /// Every value that a row binds to its host.
    pub fn credentials(&self) -> BTreeSet<&CredentialSource> {
        let rows = self.tenants.values().flat_map(|tenant| &tenant.document.egress);
        rows.filter_map(|row| row.credential.as_deref()).collect()
    }

    pub(crate) fn tenant(&self, name: &TenantName) -> Option<&TenantRules> {
        self.tenants.get(name)
    }
    pub(crate) fn tenant_rules(&self) -> impl Iterator<Item = &TenantRules> {
        self.tenants.values()
    }
    pub(crate) fn role(&self, name: &RoleName) -> Option<&Role> {
        self.roles.get(name).map(Arc::as_ref)
    }
    pub(crate) fn all_skill_rules(&self) -> impl Iterator<Item = &SkillRules> {
        self.skills.values().flatten()
    }
    pub(crate) fn skill_rules(
        &self,
        name: &SkillName,
        version: &SkillVersion,
    ) -> Option<&SkillRules> {
        self.skills.get(name)?.iter().find(|rules| rules.id.version == *version)
    }
    /// The file in which a document stands.
    pub(crate) fn place(&self, document: &str) -> Option<&str> {
        self.places.get(document).map(String::as_str)
    }

    /// The skill, if tenant and role let it act: listed, loaded, approved.
    pub(crate) fn skill_of(
        &self,
        tenant: &TenantRules,
        role: Option<&RoleName>,
        name: &SkillName,
        version: &SkillVersion,
    ) -> Result<&SkillRules, String> {
        let of = &tenant.document.name;
        let listed = tenant
            .document
            .skills
            .iter()
            .find(|s| s.name == *name && s.version == *version)
            .ok_or_else(|| {
                format!("the tenant `{of}` does not list the skill `{name}` version `{version}`")
            })?;
        if let Some(role) = role {
            let document =
                self.role(role).ok_or_else(|| format!("no Role document is called `{role}`"))?;
            if !document.skills.iter().any(|(skill, _)| skill == name) {
                return Err(format!("the role `{role}` does not hold the skill `{name}`"));
            }
        }
        let rules = self
            .skill_rules(name, version)
            .ok_or_else(|| format!("no Skill document is called `{name}` version `{version}`"))?;
        if listed.digest.is_some_and(|approved| approved != rules.id.digest) {
            return Err(format!(
                "the manifest of `{name}` version `{version}` is not the one that the tenant `{of}` approves"
            ));
        }
        Ok(rules)
    }
}

/// The search suffixes of a tenant's clients, those of its cluster among them, the longest first;
/// and the zone of its own namespace.
fn suffixes(tenant: &Tenant) -> (Vec<QueryName>, Option<QueryName>) {
    let below = |labels: &[&str], zone: &HostName| {
        let labels = labels.iter().map(|label| label.as_bytes());
        QueryName::of_labels(labels.chain(zone.labels().map(str::as_bytes)))
    };
    let mut search: Vec<QueryName> = tenant.dns.search.iter().map(QueryName::of_host).collect();
    let zone = tenant.dns.zone.as_ref();
    let namespace = zone.and_then(|zone| below(&[tenant.name.as_str(), "svc"], zone));
    search.extend(namespace.clone());
    search.extend(zone.and_then(|zone| below(&["svc"], zone)));
    search.extend(zone.map(QueryName::of_host));
    search.sort_by_key(|suffix| std::cmp::Reverse(suffix.depth()));
    search.dedup();
    (search, namespace)
}

impl TenantRules {
    /// What its clients append to names, the longest first.
    pub(crate) fn search_suffixes(&self) -> &[QueryName] {
        &self.search
    }
    /// `NAMESPACE.svc.ZONE`, where there is a cluster.
    pub(crate) fn namespace(&self) -> Option<&QueryName> {
        self.namespace.as_ref()
    }
    /// All rows that name the host, whatever its port, the most specific first.
    pub(crate) fn rows_of(&self, host: &Host) -> impl Iterator<Item = &Row> {
        self.index.find(host).filter_map(|number| self.document.egress.get(number))
    }
    /// All rows that name the destination, the most specific first.
    pub(crate) fn rows<'r>(&'r self, destination: &Destination) -> impl Iterator<Item = &'r Row> {
        self.index
            .find(&destination.host)
            .filter_map(|number| self.document.egress.get(number))
            .filter(|row| covers(&row.target, destination))
    }
}

impl SkillRules {
    /// Whether a requirement names the host, whatever its port.
    pub(crate) fn names(&self, host: &Host) -> bool {
        self.index.find(host).next().is_some()
    }
    /// All requirements that name the destination.
    pub(crate) fn requirements<'r>(
        &'r self,
        destination: &Destination,
    ) -> impl Iterator<Item = &'r Target> {
        self.index
            .find(&destination.host)
            .filter_map(|number| self.document.requirements.get(number))
            .filter(|target| covers(target, destination))
    }
}

/// Port and protocol; the host is known to match.
fn covers(target: &Target, destination: &Destination) -> bool {
    target.protocol == destination.protocol && target.ports.contains(&destination.port)
}
