//! How long a decision and a look-up take in a policy of 100,000 hosts (five tenants of 20,000,
//! since a file has at most a mebibyte), one in a hundred a wildcard. Each sample walks 1,024 hosts
//! all over the table, so that its cache misses are those of real use.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench is no product"
)]

use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::destination::{Destination, Protocol, parse_authority};
use backstop_model::finding::Evidence;
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::standing::{Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use backstop_model::verdict::Verdict;
use backstop_policy::{Library, LoadContext, Policy, Source, decide};
use std::fmt::Write as _;
use std::sync::Arc;

const TENANTS: usize = 5;
const HOSTS: usize = 20_000;

fn main() {
    divan::main();
}

fn host(tenant: usize, number: usize) -> String {
    format!("h{number:05}.zone{}.t{tenant}.example", number % 97)
}

fn sources() -> Vec<Source> {
    let head = "---\napiVersion: backstop.dev/v1alpha1\nkind:";
    let tenants = (0..TENANTS).map(|tenant| {
        let mut text = format!(
            "{head} Tenant\nmetadata: {{ name: t{tenant} }}\nspec:\n  skills: [{{ name: s{tenant}, version: 1 }}]\n  egress:\n"
        );
        for number in 0..HOSTS {
            let wild = if number.is_multiple_of(100) { "*." } else { "" };
            let _ = writeln!(text, "  - {{host: \"{wild}{}\"}}", host(tenant, number));
        }
        Source { name: format!("t{tenant}.yaml"), text }
    });
    let skills = (0..TENANTS).map(|tenant| {
        let mut text = format!(
            "{head} Skill\nmetadata: {{ name: s{tenant}-1 }}\nspec:\n  name: s{tenant}\n  version: 1\n  egressRequirements:\n"
        );
        for number in 0..HOSTS {
            let wild = if number.is_multiple_of(100) { "x." } else { "" };
            let _ = writeln!(text, "  - {wild}{}", host(tenant, number));
        }
        Source { name: format!("s{tenant}.yaml"), text }
    });
    tenants.chain(skills).collect()
}

fn load(sources: &[Source]) -> Arc<Policy> {
    let now = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
    let applied = Library::default().apply(sources, &LoadContext::at(now));
    assert_eq!(applied.policy.tenants().count(), TENANTS, "{:?}", applied.diagnostics.first());
    applied.policy
}

fn subject(policy: &Policy, tenant: usize) -> Subject {
    let name = SkillName::parse(&format!("s{tenant}")).unwrap();
    let skill = policy.skill(&name, &SkillVersion::parse("1").unwrap()).cloned();
    assert!(skill.is_some());
    let tenant = TenantName::parse(&format!("t{tenant}")).unwrap();
    Subject { session: None, tenant, role: None, skill, ceiling: None }
}

fn attempts(name: impl Fn(usize) -> String) -> Vec<Attempt> {
    // A stride that touches the whole table, so that no cache holds it by luck.
    (0..1_024)
        .map(|step| Attempt {
            plane: Plane::Proxy,
            destination: destination(&name(step * 7_919 % HOSTS)),
            act: Act::Connect,
            sight: Inspection::Sni,
        })
        .collect()
}

fn destination(name: &str) -> Destination {
    parse_authority(&format!("{name}:443"), Protocol::Https).unwrap()
}

fn deciding(bencher: divan::Bencher<'_, '_>, expected: Verdict, name: impl Fn(usize) -> String) {
    let policy = load(&sources());
    let (subject, attempts) = (subject(&policy, 1), attempts(name));
    let (standing, usage, evidence) = (Standing::default(), Usage::default(), Evidence::default());
    let now = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + 1) % attempts.len();
        let attempt = divan::black_box(&attempts[turn]);
        let decision = decide(&policy, &subject, &standing, &usage, attempt, &evidence, now);
        assert_eq!(decision.verdict, expected);
        decision
    });
}

fn exact(number: usize) -> String {
    host(1, if number.is_multiple_of(100) { number + 1 } else { number })
}

fn below(number: usize) -> String {
    format!("x.{}", host(1, number / 100 * 100))
}

#[divan::bench(sample_count = 100, sample_size = 1_024)]
fn decide_allow_exact(bencher: divan::Bencher<'_, '_>) {
    deciding(bencher, Verdict::Allow, exact);
}

#[divan::bench(sample_count = 100, sample_size = 1_024)]
fn decide_allow_wildcard(bencher: divan::Bencher<'_, '_>) {
    deciding(bencher, Verdict::Allow, below);
}

#[divan::bench(sample_count = 100, sample_size = 1_024)]
fn decide_deny_unknown(bencher: divan::Bencher<'_, '_>) {
    deciding(bencher, Verdict::Deny, |number| format!("u{number}.evil.example"));
}

#[divan::bench(sample_count = 100, sample_size = 1_024)]
fn decide_deny_deep_name(bencher: divan::Bencher<'_, '_>) {
    deciding(bencher, Verdict::Deny, |number| format!("{}u{number}.t1.example", "a.".repeat(100)));
}

fn looking_up(bencher: divan::Bencher<'_, '_>, name: impl Fn(usize) -> String) {
    let policy = load(&sources());
    let (tenant, attempts) = (TenantName::parse("t1").unwrap(), attempts(name));
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + 1) % attempts.len();
        policy.row_terms(&tenant, divan::black_box(&attempts[turn].destination))
    });
}

#[divan::bench(sample_count = 100, sample_size = 1_024)]
fn look_up_exact(bencher: divan::Bencher<'_, '_>) {
    looking_up(bencher, exact);
}

#[divan::bench(sample_count = 100, sample_size = 1_024)]
fn look_up_wildcard(bencher: divan::Bencher<'_, '_>) {
    looking_up(bencher, below);
}

#[divan::bench(sample_count = 100, sample_size = 1_024)]
fn look_up_unknown(bencher: divan::Bencher<'_, '_>) {
    looking_up(bencher, |number| format!("u{number}.evil.example"));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_100_000_hosts(bencher: divan::Bencher<'_, '_>) {
    let sources = sources();
    bencher.bench_local(|| load(&sources));
}
