//! The compiled policy: immutable, quick to ask.

use crate::diagnostic::Source;
use backstop_model::addr::Cidr;
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::destination::Destination;
use backstop_model::id::{
    Digest, LevelName, RoleName, SkillId, SkillName, SkillVersion, TenantName,
};
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Verdict};
use std::time::Duration;

/// All documents in force, compiled.
#[derive(Debug)]
pub struct Policy {
    digest: Digest,
    sources: Vec<Source>,
}

/// How deep a row's traffic is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InspectMode {
    /// TLS passes through; the server name is checked, bodies are not read.
    Tunnel,
}

/// What the connection layer needs of the row that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowTerms {
    /// Private networks that this host may resolve to.
    pub allow_private: Vec<Cidr>,
    /// How long a connection may be idle, where the row says so.
    pub idle: Option<Duration>,
    /// How deep to look.
    pub inspect: InspectMode,
}

/// One test that a document carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTest {
    /// The document (`Skill/weather-1.2.0`).
    pub document: String,
    /// The file.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is tried, as written.
    pub connect: String,
    /// The tenant for which it runs.
    pub tenant: TenantName,
    /// The skill that acts.
    pub skill: Option<SkillId>,
    /// The verdict expected.
    pub expect: Verdict,
    /// The control expected to decide, if named.
    pub control: Option<Control>,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// The test.
    pub test: PolicyTest,
    /// Whether it came out as expected.
    pub passed: bool,
    /// The verdict it got.
    pub verdict: Verdict,
    /// The control that decided, where it is not an allow.
    pub control: Option<Control>,
    /// The reason of that control.
    pub reason: String,
}

impl Policy {
    /// A policy without documents: everything is denied.
    pub fn empty() -> Self {
        Self { digest: Digest::of(b""), sources: Vec::new() }
    }
    /// SHA-256 over the canonical typed documents: equal meaning, equal digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// The last good texts; loading them again gives this policy again.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }
    /// The skill of that name and version.
    pub fn skill(&self, name: &SkillName, version: &SkillVersion) -> Option<&SkillId> {
        let _ = (name, version);
        None
    }
    /// All tenants, sorted.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantName> {
        std::iter::empty()
    }
    /// Whether a session with these may be opened.
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
        let _ = (role, skills, ceiling);
        Err(format!("no policy document names the tenant `{tenant}`"))
    }
    /// What the connection layer needs of the row that matches; defaults when none does.
    pub fn row_terms(&self, tenant: &TenantName, destination: &Destination) -> RowTerms {
        let _ = (tenant, destination);
        RowTerms { allow_private: Vec::new(), idle: None, inspect: InspectMode::Tunnel }
    }
    /// Every test of every document, once for each tenant that it concerns.
    pub fn tests(&self) -> Vec<PolicyTest> {
        Vec::new()
    }
    /// Runs every test through `decide`.
    pub fn run_tests(&self, now: Timestamp) -> Vec<TestOutcome> {
        let _ = now;
        Vec::new()
    }
    /// How to allow what was refused: a YAML diff and a command. For the operator only.
    pub fn hint(
        &self,
        subject: &Subject,
        decision: &Decision,
        attempt: &Attempt,
    ) -> Option<String> {
        let _ = (subject, decision, attempt);
        None
    }
}
