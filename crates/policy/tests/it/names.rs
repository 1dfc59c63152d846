//! Questions for names: what tenant and skill both name, and nothing beside, above or below it.

use backstop_model::control::Control;
use backstop_model::finding::Acts;
use backstop_model::id::{RoleName, SkillName, SkillVersion, TenantName};
use backstop_model::name::{CLASS_IN, NameScope, NameSign, QueryName, QueryType};
use backstop_model::standing::{Standing, Subject};
use backstop_model::time::Timestamp;
use backstop_model::verdict::Verdict;
use backstop_policy::{
    Library, LoadContext, NameAsked, NameDecision, NameRow, NameTold, Policy, Source, decide_name,
};
use proptest::prelude::*;
use std::sync::Arc;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T12:00:00Z").unwrap()
}

fn load(text: &str) -> Arc<Policy> {
    let context = LoadContext::at(now());
    let source = Source { name: "policy.yaml".to_owned(), text: text.to_owned() };
    let applied = Library::default().apply(&[source], &context);
    let errors: Vec<_> = applied
        .diagnostics
        .iter()
        .filter(|d| d.level == backstop_policy::Level::Error)
        .map(|d| d.message.clone())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    applied.policy
}

fn world(rollout: &str) -> Arc<Policy> {
    load(&format!(
        "apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: {{ name: research }}
spec:
  {rollout}
  skills: [{{ name: weather, version: 1.2.0 }}]
  dns: {{ searchSuffixes: [corp.example], clusterZone: cluster.local, clusterCidrs: [10.96.0.0/12] }}
  egress:
  - {{ host: api.weather.example }}
  - {{ host: only.tenant.example }}
  - {{ host: mail.example, dns: {{ types: [MX, TXT], ech: keep }} }}
  - {{ host: \"*.tiles.example.net\" }}
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: {{ name: weather-1.2.0 }}
spec:
  name: weather
  version: 1.2.0
  egressRequirements: [api.weather.example, mail.example, only.skill.example, a.tiles.example.net]
"
    ))
}

fn subject(policy: &Policy) -> Subject {
    let (name, version) =
        (SkillName::parse("weather").unwrap(), SkillVersion::parse("1.2.0").unwrap());
    Subject {
        session: None,
        tenant: TenantName::parse("research").unwrap(),
        role: None::<RoleName>,
        skill: policy.skill(&name, &version).cloned(),
        ceiling: None,
    }
}

fn ask_as(
    policy: &Policy,
    scope: NameScope,
    text: &str,
    qtype: QueryType,
    signs: &[NameSign],
) -> NameDecision {
    let name = QueryName::from_text(text).unwrap();
    let asked = NameAsked { name: &name, qtype, class: CLASS_IN };
    let standing = Standing::default();
    decide_name(policy, &subject(policy), scope, &standing, asked, signs, now())
}

fn told(policy: &Policy, scope: NameScope, text: &str, qtype: QueryType) -> NameTold {
    ask_as(policy, scope, text, qtype, &[]).told
}

#[test]
fn a_name_is_asked_only_where_tenant_and_skill_both_name_it() {
    let policy = world("");
    let told = |text| told(&policy, NameScope::Skill, text, QueryType::A);
    for asked in ["api.weather.example", "API.weather.EXAMPLE.", "a.tiles.example.net"] {
        assert_eq!(told(asked), NameTold::Ask, "{asked}");
    }
    for refused in [
        "only.tenant.example",
        "only.skill.example",
        "b.tiles.example.net",
        "x.a.tiles.example.net",
        "tiles.example.net",
        "weather.example",
        "x.api.weather.example",
        "example",
        ".",
        "xapi.weather.example",
        r"api\.weather.example",
        r"api.weather.example\000",
        r"api\000.weather.example",
        "_dmarc.api.weather.example",
        "1.0.0.10.in-addr.arpa",
    ] {
        assert_eq!(told(refused), NameTold::Refused, "{refused}");
    }
    let refused = ask_as(&policy, NameScope::Skill, "only.tenant.example", QueryType::A, &[]);
    let reason = refused.deciding().unwrap();
    assert_eq!(reason.control, Control::DnsUndeclared);
    assert_eq!(reason.text, "`weather@1.2.0` does not declare this name");
}

#[test]
fn without_skill_or_tenant_no_name_is_asked() {
    let policy = world("");
    let name = QueryName::from_text("api.weather.example").unwrap();
    let asked = NameAsked { name: &name, qtype: QueryType::A, class: CLASS_IN };
    let told = |subject: &Subject, scope| {
        decide_name(&policy, subject, scope, &Standing::default(), asked, &[], now()).told
    };
    let nobody = Subject { skill: None, ..subject(&policy) };
    assert_eq!(told(&nobody, NameScope::Skill), NameTold::Refused);
    assert_eq!(told(&nobody, NameScope::Tenant), NameTold::Ask, "the operator said so");
    let mut elsewhere = subject(&policy);
    elsewhere.tenant = TenantName::parse("elsewhere").unwrap();
    for scope in [NameScope::Skill, NameScope::Tenant] {
        assert_eq!(told(&elsewhere, scope), NameTold::Refused);
    }
}

#[test]
fn a_wildcard_is_told_from_an_exact_row() {
    let policy = world("");
    let row = |text| ask_as(&policy, NameScope::Tenant, text, QueryType::A, &[]).row;
    assert!(
        matches!(row("x.y.tiles.example.net"), NameRow::Wildcard(base) if base.as_str() == "tiles.example.net")
    );
    assert_eq!(row("api.weather.example"), NameRow::Exact);
    assert_eq!(row("tiles.example.net"), NameRow::None);
    assert_eq!(row(r"a\255b.tiles.example.net"), NameRow::None, "no host is called that");
    let declared = ask_as(&policy, NameScope::Skill, "a.tiles.example.net", QueryType::A, &[]);
    assert_eq!(declared.row, NameRow::Exact, "a skill names it letter by letter");
}

#[test]
fn an_undeclared_type_of_a_declared_name_is_answered_empty() {
    let policy = world("");
    let told = |text, qtype| told(&policy, NameScope::Skill, text, qtype);
    for qtype in
        [QueryType::A, QueryType::AAAA, QueryType::HTTPS, QueryType::SVCB, QueryType::CNAME]
    {
        assert_eq!(told("api.weather.example", qtype), NameTold::Ask, "{qtype}");
    }
    for qtype in [QueryType::TXT, QueryType::ANY, QueryType::NULL, QueryType::AXFR, QueryType(0)] {
        assert_eq!(told("api.weather.example", qtype), NameTold::Empty, "{qtype}");
        assert_eq!(told("evil.example", qtype), NameTold::Refused, "{qtype}");
    }
    assert_eq!(told("mail.example", QueryType::MX), NameTold::Ask);
    assert_eq!(told("mail.example", QueryType::A), NameTold::Empty);
    let mail = ask_as(&policy, NameScope::Skill, "mail.example", QueryType::TXT, &[]);
    assert!(mail.terms.keeps_ech);
    assert_eq!(mail.terms.types, [QueryType::MX, QueryType::TXT]);
}

#[test]
fn other_classes_open_nothing_and_are_refused_where_the_tenant_observes_too() {
    for rollout in ["", "rollout: { mode: observe, until: \"2026-12-01\" }"] {
        let policy = world(rollout);
        for text in ["api.weather.example", "evil.example", "version.bind"] {
            for class in [0, 2, 3, 4, 254, 255, u16::MAX] {
                let name = QueryName::from_text(text).unwrap();
                let asked = NameAsked { name: &name, qtype: QueryType::A, class };
                let (who, standing) = (subject(&policy), Standing::default());
                let decision =
                    decide_name(&policy, &who, NameScope::Skill, &standing, asked, &[], now());
                assert_eq!(decision.told, NameTold::Refused, "{text} {class}");
            }
        }
    }
}

#[test]
fn search_suffixes_of_allowed_names_are_nobodys_alarm() {
    let policy = world("");
    let told = |text| told(&policy, NameScope::Skill, text, QueryType::A);
    for noise in [
        "api.weather.example.research.svc.cluster.local",
        "api.weather.example.svc.cluster.local",
        "api.weather.example.cluster.local",
        "api.weather.example.corp.example",
        "cluster.local",
        "corp.example",
    ] {
        assert_eq!(told(noise), NameTold::Nothing, "{noise}");
    }
    for refused in [
        "evil.example.svc.cluster.local",
        "evil.example.corp.example",
        "x.api.weather.example.corp.example",
        "web.other.svc.cluster.local",
        "a.b.c.research.svc.cluster.local",
    ] {
        assert_eq!(told(refused), NameTold::Refused, "{refused}");
    }
}

#[test]
fn services_of_the_own_namespace_go_to_the_cluster() {
    let policy = world("");
    let asked = |text| ask_as(&policy, NameScope::Skill, text, QueryType::A, &[]);
    let service = asked("web.research.svc.cluster.local");
    assert_eq!((service.told, service.row), (NameTold::Ask, NameRow::Cluster));
    assert_eq!(service.terms.allow_private.len(), 1);
    assert_eq!(asked("pod-0.web.research.svc.cluster.local").row, NameRow::Cluster);
    assert_eq!(asked("web.other.svc.cluster.local").told, NameTold::Refused);
}

#[test]
fn an_observing_tenant_records_what_it_would_refuse() {
    let policy = world("rollout: { mode: observe, until: \"2026-12-01\" }");
    let decision = ask_as(&policy, NameScope::Skill, "evil.example", QueryType::TXT, &[]);
    assert_eq!((decision.told, decision.verdict()), (NameTold::Ask, Verdict::Allow));
    assert!(decision.reasons.iter().any(|r| r.ruling.as_str() == "would_deny"));
    let transfer = ask_as(&policy, NameScope::Skill, "evil.example", QueryType::AXFR, &[]);
    assert_eq!(transfer.verdict(), Verdict::Deny, "a zone transfer is passed on for nobody");
    let held = Standing {
        quarantine: Some(backstop_model::id::QuarantineId::draw(now(), [0; 10])),
        grants: Vec::new(),
    };
    let name = QueryName::from_text("api.weather.example").unwrap();
    let asked = NameAsked { name: &name, qtype: QueryType::A, class: CLASS_IN };
    let who = subject(&policy);
    let decision = decide_name(&policy, &who, NameScope::Skill, &held, asked, &[], now());
    assert_eq!(decision.told, NameTold::Refused);
    assert_eq!(decision.deciding().unwrap().control, Control::Quarantine);
}

#[test]
fn signs_never_loosen_and_blocking_ones_refuse() {
    let policy = world("");
    let sign = |acts| NameSign { control: Control::DnsPayload, text: "data".to_owned(), acts };
    let asked = |signs: &[NameSign]| {
        ask_as(&policy, NameScope::Tenant, "x.tiles.example.net", QueryType::A, signs).told
    };
    assert_eq!(asked(&[]), NameTold::Ask);
    assert_eq!(asked(&[sign(Acts::Note)]), NameTold::Ask);
    assert_eq!(asked(&[sign(Acts::Note), sign(Acts::Block)]), NameTold::Refused);
}

#[test]
fn what_cannot_be_meant_is_refused_at_load() {
    for (keys, message) in [
        ("egress: [{ host: a.example, dns: { types: [] } }]", "`types` is empty"),
        ("egress: [{ host: a.example, dns: { types: [BOGUS] } }]", "is not a record type"),
        ("egress: [{ host: a.example, dns: { ech: maybe } }]", "`ech` does not know"),
        ("dns: { clusterCidrs: [10.0.0.0/8] }", "without a `clusterZone`"),
        (
            "dns: { clusterZone: cluster.local, clusterCidrs: [169.254.0.0/16] }",
            "no exception opens",
        ),
        ("dns: { searchSuffixes: [10.0.0.1] }", "is not a domain"),
    ] {
        let text = format!(
            "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: t }}\nspec:\n  {keys}\n"
        );
        let source = Source { name: "p.yaml".to_owned(), text };
        let context = LoadContext::at(now());
        let applied = Library::default().apply(&[source], &context);
        assert!(
            applied.diagnostics.iter().any(|d| d.message.contains(message)),
            "{keys}: {:?}",
            applied.diagnostics
        );
    }
}

/// A hundred names, and what lies around each: siblings, children, parents, look-alikes.
fn hundred() -> Arc<Policy> {
    let hosts: Vec<String> = (0..100).map(|n| format!("h{n}.zone{}.example", n % 7)).collect();
    let rows: String = hosts.iter().map(|h| format!("  - {{ host: {h} }}\n")).collect();
    load(&format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: research }}\nspec:\n  skills: [{{ name: weather, version: 1.2.0 }}]\n  egress:\n{rows}---\napiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: weather-1.2.0 }}\nspec:\n  name: weather\n  version: 1.2.0\n  egressRequirements: [{}]\n",
        hosts.join(", ")
    ))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn nothing_around_an_allowed_name_passes(
        n in 0..100_usize,
        child in "[a-z0-9_*-]{1,12}",
        case in any::<u64>(),
        qtype in any::<u16>(),
        class in any::<u16>(),
        tenant in any::<bool>(),
    ) {
        let policy = {
            static POLICY: std::sync::OnceLock<Arc<Policy>> = std::sync::OnceLock::new();
            POLICY.get_or_init(hundred)
        };
        let scope = if tenant { NameScope::Tenant } else { NameScope::Skill };
        let who = subject(policy);
        let zone = n % 7;
        let told = |text: &str, qtype: QueryType, class| {
            let mixed: String = text.chars().enumerate().map(|(at, c)| {
                if case >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }
            }).collect();
            let name = QueryName::from_text(&mixed)?;
            let asked = NameAsked { name: &name, qtype, class };
            Some(decide_name(policy, &who, scope, &Standing::default(), asked, &[], now()).told)
        };
        prop_assert_eq!(told(&format!("h{n}.zone{zone}.example"), QueryType::A, CLASS_IN), Some(NameTold::Ask));
        let around = [
            format!("{child}.h{n}.zone{zone}.example"),
            format!("{child}h{n}.zone{zone}.example"),
            format!("h{n}{child}.zone{zone}.example"),
            format!("{child}-x.zone{zone}.example"),
            format!("h{n}.zone{zone}.example.{child}"),
            format!("h{n}.{child}.zone{zone}.example"),
            format!("zone{zone}.example"),
            "example".to_owned(),
            ".".to_owned(),
            format!("*.zone{zone}.example"),
            format!("h{n}.zone{}.example", zone + 7),
        ];
        for probe in &around {
            let is_listed = (0..100).any(|m| *probe == format!("h{m}.zone{}.example", m % 7));
            if is_listed {
                continue;
            }
            let told = told(probe, QueryType(qtype), class);
            prop_assert!(matches!(told, None | Some(NameTold::Refused)), "{} {:?}", probe, told);
        }
    }
}
