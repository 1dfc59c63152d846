//! A policy's names as a list: nothing is open in it that the deciding function refuses.

use crate::desk::{now, policy};
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::name::{
    CLASS_IN, NameGate, NamePart, NameRule, NameScope, QueryName, QueryType,
};
use backstop_model::standing::{Standing, Subject};
use backstop_policy::{NameAsked, NameRules, NameTold, Policy, decide_name, name_rules};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

const WORLD: &str = "apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  skills: [{ name: weather, version: 1.2.0 }]
  dns: { searchSuffixes: [corp.example, other.example], clusterZone: cluster.local, clusterCidrs: [10.96.0.0/12] }
  egress:
  - { host: api.weather.example }
  - { host: weather.example }
  - { host: only.tenant.example }
  - { host: 93.184.215.14 }
  - { host: \"*.tiles.example.net\" }
  - { host: \"*.corp.example\" }
  - { host: \"*.amazonaws.com\" }
  - { host: reports.s3.amazonaws.com }
  - { host: \"*.reports.s3.eu-west-1.amazonaws.com\" }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  egressRequirements: [api.weather.example, a.tiles.example.net, x.s3.amazonaws.com, only.skill.example]
";

fn subject(policy: &Policy) -> Subject {
    let (name, version) =
        (SkillName::parse("weather").unwrap(), SkillVersion::parse("1.2.0").unwrap());
    Subject {
        session: None,
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skill: policy.skill(&name, &version).cloned(),
        ceiling: None,
    }
}

fn rules(policy: &Policy, scope: NameScope) -> NameRules {
    name_rules(policy, &subject(policy), scope, now()).unwrap()
}

/// The nearest rule.
fn open(rules: &[NameRule], name: &QueryName) -> bool {
    let find = |wire: &[u8], part| {
        rules.iter().find(|rule| rule.part == part && rule.name.as_wire() == wire)
    };
    let itself = find(name.as_wire(), NamePart::Itself);
    let above = || name.suffixes().skip(1).find_map(|wire| find(wire, NamePart::Below));
    itself.or_else(above).is_some_and(|rule| rule.gate == NameGate::Open)
}

fn told(policy: &Policy, scope: NameScope, name: &QueryName) -> NameTold {
    let asked = NameAsked { name, qtype: QueryType::A, class: CLASS_IN };
    let standing = Standing::default();
    decide_name(policy, &subject(policy), scope, &standing, asked, &[], now()).told
}

fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

#[test]
fn rows_are_rules_and_what_a_wildcard_never_covers_is_closed() {
    let policy = policy(WORLD);
    let list = rules(&policy, NameScope::Tenant);
    assert_eq!((list.exact, list.wildcards, list.cluster), (4, 4, true));
    for text in [
        "api.weather.example",
        "weather.example",
        "x.tiles.example.net",
        "a.b.tiles.example.net",
        "x.corp.example",
        "x.amazonaws.com",
        "reports.s3.amazonaws.com",
        "x.reports.s3.eu-west-1.amazonaws.com",
    ] {
        assert!(open(&list.rules, &name(text)), "{text}");
    }
    for text in [
        "example",
        "x.weather.example",
        "tiles.example.net",
        "amazonaws.com",
        "s3.amazonaws.com",
        "somebody.s3.amazonaws.com",
        "somebody.s3.eu-west-1.amazonaws.com",
        "reports.s3.eu-west-1.amazonaws.com",
        "x.reports.s3.amazonaws.com",
        "corp.example",
        "api.weather.example.corp.example",
        "x.tiles.example.net.corp.example",
        "svc.research.svc.cluster.local",
        "only.skill.example",
        ".",
    ] {
        assert!(!open(&list.rules, &name(text)), "{text}");
    }
}

#[test]
fn a_skills_list_is_what_tenant_and_skill_both_name() {
    let policy = policy(WORLD);
    let list = rules(&policy, NameScope::Skill);
    let names: Vec<String> = list.rules.iter().map(|rule| rule.name.to_string()).collect();
    assert_eq!(names, ["a.tiles.example.net", "api.weather.example"]);
    assert_eq!((list.exact, list.wildcards), (2, 0));
}

#[test]
fn without_tenant_or_skill_there_is_no_list() {
    let policy = policy(WORLD);
    let mut subject = subject(&policy);
    subject.skill = None;
    assert!(name_rules(&policy, &subject, NameScope::Skill, now()).is_err());
    subject.tenant = TenantName::parse("nobody").unwrap();
    assert!(name_rules(&policy, &subject, NameScope::Tenant, now()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_list_opens_what_the_decision_refuses(
        labels in prop::collection::vec(prop::sample::select(vec![
            "a", "x", "api", "weather", "example", "tiles", "net", "corp", "s3", "amazonaws",
            "com", "reports", "eu-west-1", "only", "tenant", "skill", "svc", "research", "cluster",
            "local", "elb", "compute", "other",
        ]), 1..7),
        end in prop::sample::select(vec![
            "", ".amazonaws.com", ".s3.amazonaws.com", ".s3.eu-west-1.amazonaws.com",
            ".corp.example", ".tiles.example.net", ".weather.example", ".example.net.corp.example",
        ]),
        tenant in any::<bool>(),
    ) {
        let scope = if tenant { NameScope::Tenant } else { NameScope::Skill };
        static WHOLE: LazyLock<(Arc<Policy>, [NameRules; 2])> = LazyLock::new(|| {
            let policy = policy(WORLD);
            let lists = [NameScope::Skill, NameScope::Tenant].map(|scope| rules(&policy, scope));
            (policy, lists)
        });
        let (policy, lists) = &*WHOLE;
        let name = name(&(labels.join(".") + end));
        let listed = open(&lists[usize::from(tenant)].rules, &name);
        let asked = matches!(told(policy, scope, &name), NameTold::Ask | NameTold::Empty);
        // Services of the own namespace are the one thing that the list leaves out.
        let own = name.to_string().ends_with(".research.svc.cluster.local");
        prop_assert!(listed == asked || (own && !listed), "{name}: listed {listed}, asked {asked}");
    }
}
