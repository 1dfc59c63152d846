//! The four documents as values: parsed once, never validated again.
//! Must not know YAML. Next: `read`.

use crate::diagnostic::Span;
use crate::path::PathPattern;
use crate::pointer::FieldPattern;
use backstop_model::addr::Cidr;
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::destination::{ParseRefusal, Protocol};
use backstop_model::finding::PerMille;
use backstop_model::host::HostName;
use backstop_model::id::{
    ClassificationName, Digest, LevelName, RoleName, SkillName, SkillVersion, TenantName,
};
use backstop_model::name::QueryType;
use backstop_model::time::{Date, Timestamp};
use backstop_model::verdict::Verdict;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// One document.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    Tenant(Arc<Tenant>),
    Skill(Arc<Skill>),
    Role(Arc<Role>),
    Classification(Arc<Classification>),
}

/// Which of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Classification,
    Skill,
    Role,
    Tenant,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Tenant, Self::Skill, Self::Role, Self::Classification];
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "Classification",
            Self::Skill => "Skill",
            Self::Role => "Role",
            Self::Tenant => "Tenant",
        }
    }
}

/// A document's identity: `Tenant/research`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DocumentKey {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) name: TenantName,
    pub(crate) classification: Option<(ClassificationName, Span)>,
    pub(crate) ceiling: Option<(LevelName, Span)>,
    /// Until when refusals are only recorded.
    pub(crate) observe_until: Option<Timestamp>,
    pub(crate) skills: Vec<ListedSkill>,
    pub(crate) egress: Vec<Row>,
    pub(crate) dlp: Dlp,
    pub(crate) dns: TenantDns,
    pub(crate) tests: Vec<TestCase>,
}

/// What a tenant says of its clients' resolvers.
#[derive(Debug, Clone, Default)]
pub(crate) struct TenantDns {
    /// What its clients append to names, `svc.cluster.local` and its kin among them.
    pub(crate) search: Vec<HostName>,
    /// The zone of its Kubernetes cluster.
    pub(crate) zone: Option<HostName>,
    /// Where the services of its own namespace live.
    pub(crate) cidrs: Vec<Cidr>,
}

/// What a row says of look-ups of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowDns {
    /// Sorted, without duplicates, never empty.
    pub(crate) types: Arc<[QueryType]>,
    pub(crate) ech: NameEch,
}

/// What happens to the ECH keys in HTTPS and SVCB records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameEch {
    Strip,
    Keep,
}

#[derive(Debug, Clone)]
pub(crate) struct ListedSkill {
    pub(crate) name: SkillName,
    pub(crate) version: SkillVersion,
    pub(crate) digest: Option<Digest>,
    pub(crate) span: Span,
}

/// What a row's host may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HostPattern {
    Exact(HostName),
    /// `*.name`: any depth below, not the name itself.
    Below(HostName),
    Address(IpAddr),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Host, ports and what may be asked there: what a tenant's row and a skill's requirement share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: HostPattern,
    pub(crate) ports: Ports,
    pub(crate) protocol: Protocol,
    /// Empty: all.
    pub(crate) methods: Box<[String]>,
    /// Empty: all.
    pub(crate) paths: Box<[PathPattern]>,
    pub(crate) span: Span,
}

/// Sorted, without duplicates, never empty. Nearly always one, which takes no room of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ports {
    One(u16),
    Many(Box<[u16]>),
}

impl From<Vec<u16>> for Ports {
    fn from(ports: Vec<u16>) -> Self {
        match ports.as_slice() {
            [one] => Self::One(*one),
            _ => Self::Many(ports.into()),
        }
    }
}

impl Deref for Ports {
    type Target = [u16];
    fn deref(&self) -> &[u16] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A row of a tenant. There may be 100,000 of them: what few rows have lies apart, and what many
/// have alike is shared.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) target: Target,
    pub(crate) recipient: Option<Box<Recipient>>,
    pub(crate) dlp: Dlp,
    pub(crate) credential: Option<Box<CredentialSource>>,
    pub(crate) allow_private: Vec<(Cidr, String)>,
    pub(crate) ech: Ech,
    pub(crate) idle: Option<Duration>,
    pub(crate) dns: RowDns,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) review_by: Option<Date>,
}

/// Whether an Encrypted ClientHello may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ech {
    Allow,
    Refuse,
}

#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) ceiling: Option<(LevelName, Span)>,
    pub(crate) entities: Vec<(String, Span)>,
    pub(crate) encoded_fields: Vec<FieldPattern>,
}

/// Where the process finds the value that may go to a row's host alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialSource {
    /// A variable of the gateway's own environment.
    Env(String),
    /// A file that the gateway can read.
    File(String),
    /// A value that was registered with `backstop canary add`.
    Canary(String),
}

impl CredentialSource {
    /// The name under which the value is registered.
    pub fn canary(&self) -> String {
        match self {
            Self::Env(name) => name.clone(),
            Self::File(path) => format!("file:{path}"),
            Self::Canary(name) => format!("canary:{name}"),
        }
    }
}

/// How hard payloads are looked at; what is not said is left to the other documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dlp {
    pub(crate) names: Option<Names>,
    pub(crate) threshold: Option<PerMille>,
    /// A row's alone.
    pub(crate) over_cap: Option<OverCap>,
}

/// What happens to a payload that is larger than is held. `Window < Refuse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OverCap {
    /// It is judged piece by piece while it leaves: weaker, for earlier pieces have left by then.
    Window,
    /// It is refused.
    Refuse,
}

/// How names of people, places and organisations are looked for. `Off < GateOnly < Required`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Names {
    /// Not at all.
    Off,
    /// By tables and context alone.
    GateOnly,
    /// By the model too, wherever the tables leave a doubt.
    Required,
}

#[derive(Debug, Clone)]
pub(crate) struct Skill {
    pub(crate) document: String,
    pub(crate) name: SkillName,
    pub(crate) version: SkillVersion,
    pub(crate) requirements: Vec<Target>,
    pub(crate) ceiling: Option<LevelName>,
    pub(crate) tools: BTreeMap<String, Tool>,
    pub(crate) tests: Vec<TestCase>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) struct Tool {
    pub(crate) effect: Effect,
    pub(crate) url_fields: Vec<String>,
    pub(crate) content_fields: Vec<String>,
}

/// Whether a tool's arguments leave the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    External,
    Local,
}

#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) name: RoleName,
    pub(crate) skills: Vec<(SkillName, Span)>,
    pub(crate) dlp: Dlp,
}

#[derive(Debug, Clone)]
pub(crate) struct Classification {
    pub(crate) name: ClassificationName,
    /// Rising.
    pub(crate) levels: Vec<LevelName>,
    pub(crate) default: LevelName,
    pub(crate) entities: BTreeMap<String, LevelName>,
    pub(crate) marks: Vec<(String, LevelName)>,
    pub(crate) span: Span,
}

/// One test as a document carries it.
#[derive(Debug, Clone)]
pub(crate) struct TestCase {
    pub(crate) connect: String,
    pub(crate) attempt: Result<Attempt, ParseRefusal>,
    pub(crate) who: TestSubject,
    pub(crate) expect: Verdict,
    pub(crate) control: Option<Control>,
    pub(crate) span: Span,
}

/// For whom a test runs.
#[derive(Debug, Clone)]
pub(crate) enum TestSubject {
    /// In a Tenant: no skill, or one of those listed.
    Skill(Option<(SkillName, Option<SkillVersion>)>),
    /// In a Skill: every tenant that lists it, or one.
    Tenant(Option<TenantName>),
}
