//! `tests:` that documents carry.

use crate::desk::*;
use backstop_policy::Policy;
use expect_test::expect;

fn outcomes(policy: &Policy) -> String {
    let outcomes = policy.run_tests(now());
    let line = |o: &backstop_policy::TestOutcome| {
        let t = &o.test;
        let word = if o.passed { "ok" } else { "FAILED" };
        let control = o.control.map(|c| format!(" by {c}")).unwrap_or_default();
        format!(
            "{word} {}:{} {} in {}: {} → {}{control}",
            t.source, t.line, t.document, t.tenant, t.connect, o.verdict
        )
    };
    outcomes.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn tests_run_for_each_tenant_that_lists_the_skill() {
    let skill = "  name: s\n  version: 1.0.0\n  egressRequirements: [{ host: a.example.com, methods: [GET] }, b.example.com]\n  tests:
  - { connect: \"https://evil.example/\", expect: deny, control: egress.skill }
  - { connect: \"https://a.example.com/x\", method: GET, expect: allow }
  - { connect: \"https://a.example.com/x\", method: POST, expect: deny }
  - { connect: \"https://a.example.com/x\", expect: deny, control: egress.uninspected }
  - { connect: \"b.example.com:443\", expect: allow }
  - { connect: \"http://169.254.169.254/\", expect: deny, control: ssrf.address }
  - { connect: \"gopher://a.example.com/\", expect: deny, control: ssrf.scheme }
  - { connect: \"a.example.com:443\", tenant: t, expect: allow }";
    let tenant = |name: &str, extra: &str| {
        document(
            "Tenant",
            name,
            &format!(
                "  skills: [{{ name: s, version: 1.0.0 }}]\n  egress: [{{ host: a.example.com }}]\n{extra}"
            ),
        )
    };
    let text = tenant(
        "t",
        "  tests:\n  - { connect: \"a.example.com:443\", skill: s, expect: deny, control: egress.uninspected }\n  - { connect: \"b.example.com:443\", skill: s@1.0.0, expect: deny, control: egress.tenant }\n  - { connect: \"a.example.com:443\", expect: deny, control: egress.skill }",
    ) + &tenant("u", "  rollout: { mode: observe, until: 2026-12-01 }")
        + &document("Skill", "s-1.0.0", skill);
    expect![[r#"
        ok p.yaml:9 Tenant/t in t: a.example.com:443 → deny by egress.uninspected
        ok p.yaml:10 Tenant/t in t: b.example.com:443 → deny by egress.tenant
        ok p.yaml:11 Tenant/t in t: a.example.com:443 → deny by egress.skill
        ok p.yaml:29 Skill/s-1.0.0 in t: https://evil.example/ → deny by egress.tenant
        ok p.yaml:29 Skill/s-1.0.0 in u: https://evil.example/ → deny by egress.tenant
        ok p.yaml:30 Skill/s-1.0.0 in t: https://a.example.com/x → allow
        ok p.yaml:30 Skill/s-1.0.0 in u: https://a.example.com/x → allow
        ok p.yaml:31 Skill/s-1.0.0 in t: https://a.example.com/x → deny by egress.skill
        ok p.yaml:31 Skill/s-1.0.0 in u: https://a.example.com/x → deny by egress.skill
        ok p.yaml:32 Skill/s-1.0.0 in t: https://a.example.com/x → deny by egress.uninspected
        ok p.yaml:32 Skill/s-1.0.0 in u: https://a.example.com/x → deny by egress.uninspected
        FAILED p.yaml:33 Skill/s-1.0.0 in t: b.example.com:443 → deny by egress.tenant
        FAILED p.yaml:33 Skill/s-1.0.0 in u: b.example.com:443 → deny by egress.tenant
        ok p.yaml:34 Skill/s-1.0.0 in t: http://169.254.169.254/ → deny by ssrf.address
        ok p.yaml:34 Skill/s-1.0.0 in u: http://169.254.169.254/ → deny by ssrf.address
        ok p.yaml:35 Skill/s-1.0.0 in t: gopher://a.example.com/ → deny by ssrf.scheme
        ok p.yaml:35 Skill/s-1.0.0 in u: gopher://a.example.com/ → deny by ssrf.scheme
        FAILED p.yaml:36 Skill/s-1.0.0 in t: a.example.com:443 → deny by egress.uninspected"#]]
    .assert_eq(&outcomes(&policy(&text)));
}

/// A whole policy as its author would write it, but for what this build cannot enforce yet.
const EXAMPLE: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  classification: corporate
  maxClassificationLevel: confidential
  rollout: { mode: observe, until: "2026-12-15" }
  skills:
  - { name: weather, version: 1.2.0 }
  egress:
  - host: api.openai.com
    recipient:
      maxClassificationLevel: confidential
      entities: [PERSON, US_SSN]
      encodedFields: ["/input/*/content/*/image_url"]
    idle: 15m
    owner: team-llm
    reason: model calls
    reviewBy: "2027-02-01"
  - { host: api.weather.gov, owner: team-weather, reason: forecasts, reviewBy: "2027-02-01" }
  - { host: acme-reports.s3.eu-west-1.amazonaws.com, owner: data, reason: reports, reviewBy: "2027-02-01" }
  - { host: "*.tiles.example.net", owner: maps, reason: map tiles, reviewBy: "2027-02-01" }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  networkEgress: deny
  egressRequirements:
  - { host: api.weather.gov, methods: [GET], paths: ["/points/*"] }
  maxClassificationLevel: public
  tools:
    get_forecast: { effect: external, urlFields: [url], contentFields: [note] }
    save_note: { effect: local }
  tests:
  - { connect: "https://evil.example/", expect: deny, control: egress.skill }
  - { connect: "https://api.weather.gov/points/1,2", method: GET, expect: allow }
  - { connect: "https://api.openai.com/v1", method: POST, expect: deny, control: egress.skill }
---
apiVersion: backstop.dev/v1alpha1
kind: Role
metadata: { name: researcher }
spec: { skills: [weather], volume: { mode: learn } }
---
apiVersion: backstop.dev/v1alpha1
kind: Classification
metadata: { name: corporate }
spec:
  levels: [public, internal, confidential, restricted]
  default: internal
  entities: { PERSON: internal, US_SSN: restricted }
  marks: [{ text: "ACME SECRET", level: restricted }]
"#;

#[test]
fn a_whole_policy_loads_and_holds_its_own_tests() {
    let policy = policy(EXAMPLE);
    expect![[r#"
        ok p.yaml:39 Skill/weather-1.2.0 in research: https://evil.example/ → deny by egress.tenant
        ok p.yaml:40 Skill/weather-1.2.0 in research: https://api.weather.gov/points/1,2 → allow
        ok p.yaml:41 Skill/weather-1.2.0 in research: https://api.openai.com/v1 → deny by egress.skill"#]].assert_eq(&outcomes(&policy));
    assert_eq!(policy.tenants().count(), 1);
}
