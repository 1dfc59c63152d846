//! The tests that documents carry, run through the one deciding function.
//!
//! A test asks what the policy says once it enforces: a tenant's observe state does not soften it.
//! Next: `hint`.

use crate::decide::{decide, decide_unparsable};
use crate::document::{TestCase, TestSubject};
use crate::policy::{Policy, SkillRules, TenantRules};
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::destination::ParseRefusal;
use backstop_model::finding::Evidence;
use backstop_model::id::{SkillId, TenantName};
use backstop_model::standing::{Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Verdict};

/// One test that a document carries, for one tenant.
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
    /// What that means, or why it can never be tried.
    pub attempt: Result<Attempt, ParseRefusal>,
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
    /// Every test of every document, once for each tenant that it concerns.
    pub fn tests(&self) -> Vec<PolicyTest> {
        let mut out = Vec::new();
        for tenant in self.tenant_rules() {
            for test in &tenant.document.tests {
                let skill = self.actor(tenant, &test.who);
                out.push(self.test(
                    format!("Tenant/{}", tenant.document.name),
                    test,
                    tenant,
                    skill,
                ));
            }
        }
        for skill in self.all_skill_rules() {
            for test in &skill.document.tests {
                for tenant in self.tenant_rules().filter(|t| concerns(t, skill, &test.who)) {
                    let document = format!("Skill/{}", skill.document.document);
                    out.push(self.test(document, test, tenant, Some(skill.id.clone())));
                }
            }
        }
        out
    }

    /// Runs every test through [`decide`], as if each tenant enforced already.
    pub fn run_tests(&self, now: Timestamp) -> Vec<TestOutcome> {
        self.tests().into_iter().map(|test| self.run(test, now)).collect()
    }

    fn run(&self, test: PolicyTest, now: Timestamp) -> TestOutcome {
        let decision = match &test.attempt {
            Ok(attempt) => self.enforced(attempt, &test, now),
            Err(refusal) => decide_unparsable(refusal),
        };
        let deciding = decision.deciding();
        let control = deciding.map(|reason| reason.control);
        let reason = deciding.map(|reason| reason.text.clone()).unwrap_or_default();
        // A test may name any control that gives the verdict, not only the first.
        let named = test.control.is_none_or(|wanted| {
            decision
                .reasons
                .iter()
                .any(|r| r.control == wanted && r.ruling.verdict() == decision.verdict)
        });
        let passed = decision.verdict == test.expect && named;
        TestOutcome { test, passed, verdict: decision.verdict, control, reason }
    }

    fn enforced(&self, attempt: &Attempt, test: &PolicyTest, now: Timestamp) -> Decision {
        let observes = self.tenant(&test.tenant).and_then(|t| t.document.observe_until);
        let subject = Subject {
            session: None,
            tenant: test.tenant.clone(),
            role: None,
            skill: test.skill.clone(),
            ceiling: None,
        };
        let (standing, usage) = (Standing::default(), Usage::default());
        let then = observes.unwrap_or(now).max(now);
        decide(self, &subject, &standing, &usage, attempt, &Evidence::default(), then)
    }

    fn actor(&self, tenant: &TenantRules, who: &TestSubject) -> Option<SkillId> {
        let (name, version) = match who {
            TestSubject::Skill(skill) => skill.as_ref()?,
            TestSubject::Tenant(_) => return None,
        };
        let listed = tenant.document.skills.iter().find(|s| {
            s.name == *name && version.as_ref().is_none_or(|version| s.version == *version)
        })?;
        self.skill(&listed.name, &listed.version).cloned()
    }

    fn test(
        &self,
        document: String,
        test: &TestCase,
        tenant: &TenantRules,
        skill: Option<SkillId>,
    ) -> PolicyTest {
        PolicyTest {
            source: self.place(&document).unwrap_or_default().to_owned(),
            document,
            line: test.span.line,
            column: test.span.column,
            connect: test.connect.clone(),
            attempt: test.attempt.clone(),
            tenant: tenant.document.name.clone(),
            skill,
            expect: test.expect,
            control: test.control,
        }
    }
}

fn concerns(tenant: &TenantRules, skill: &SkillRules, who: &TestSubject) -> bool {
    let lists = tenant
        .document
        .skills
        .iter()
        .any(|listed| listed.name == skill.id.name && listed.version == skill.id.version);
    let meant = match who {
        TestSubject::Tenant(named) => {
            named.as_ref().is_none_or(|named| *named == tenant.document.name)
        }
        TestSubject::Skill(_) => false,
    };
    lists && meant
}
