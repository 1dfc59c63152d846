//! What every test here needs: texts to policies, words to attempts, decisions to text.

use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::control::Control;
use backstop_model::destination::{Protocol, parse_authority, parse_url};
use backstop_model::finding::{
    Acts, Evidence, Finding, FindingRecord, KeyedDigest, Part, PerMille,
};
use backstop_model::host::HostName;
use backstop_model::id::{GrantId, LevelName, SkillName, SkillVersion, TenantName};
use backstop_model::standing::{Grant, Standing, Subject, Usage};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Decision, Ruling};
use backstop_policy::{Applied, Level, Library, LoadContext, Policy, Source, decide};
use std::fmt::Write as _;
use std::sync::Arc;

/// The day of all tests.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T12:00:00Z").unwrap()
}

pub(crate) fn ctx() -> LoadContext {
    LoadContext::at(now())
}

pub(crate) fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned() }
}

pub(crate) fn apply(text: &str) -> Applied {
    Library::default().apply(&[source("p.yaml", text)], &ctx())
}

/// A policy whose text must have no errors.
pub(crate) fn policy(text: &str) -> Arc<Policy> {
    let applied = apply(text);
    let errors: Vec<_> = applied
        .diagnostics
        .iter()
        .filter(|d| d.level == Level::Error)
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    applied.policy
}

/// A document from its kind, name and spec (indented by two).
pub(crate) fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: backstop.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec:\n{spec}\n"
    )
}

/// A tenant `t` with these egress rows that lists the skill `s` 1.0.0, and the skill with these
/// requirements.
pub(crate) fn pair(rows: &[&str], requirements: &[&str]) -> String {
    let list = |items: &[&str]| items.iter().map(|i| format!("\n  - {i}")).collect::<String>();
    let rows = if rows.is_empty() { " []".to_owned() } else { list(rows) };
    let requirements = if requirements.is_empty() { " []".to_owned() } else { list(requirements) };
    let tenant = format!("  skills: [{{ name: s, version: 1.0.0 }}]\n  egress:{rows}");
    let skill = format!("  name: s\n  version: 1.0.0\n  egressRequirements:{requirements}");
    document("Tenant", "t", &tenant) + &document("Skill", "s-1.0.0", &skill)
}

pub(crate) fn subject(policy: &Policy) -> Subject {
    let (name, version) = (SkillName::parse("s").unwrap(), SkillVersion::parse("1.0.0").unwrap());
    Subject {
        session: None,
        tenant: TenantName::parse("t").unwrap(),
        role: None,
        skill: policy.skill(&name, &version).cloned(),
        ceiling: None,
    }
}

/// `connect HOST:PORT`, `hello HOST:PORT SNI|- [ech]`, `opaque HOST:PORT` or `METHOD URL`.
pub(crate) fn attempt(words: &str) -> Attempt {
    let words: Vec<_> = words.split(' ').collect();
    let tunnel = |act| Attempt {
        plane: Plane::Proxy,
        destination: parse_authority(words[1], Protocol::Https).unwrap(),
        act,
        sight: Inspection::Sni,
    };
    match words[0] {
        "connect" => tunnel(Act::Connect),
        "opaque" => tunnel(Act::Opaque),
        "hello" => tunnel(Act::Hello {
            sni: HostName::parse(words[2]).ok(),
            ech: words.get(3) == Some(&"ech"),
        }),
        method => {
            let url = parse_url(words[1]).unwrap();
            Attempt {
                plane: Plane::Proxy,
                destination: url.destination,
                act: Act::Request { method: method.to_owned(), path: url.path },
                sight: Inspection::Headers,
            }
        }
    }
}

pub(crate) fn grant(host: &str, port: u16, until: &str) -> Grant {
    Grant {
        id: GrantId::draw(now(), [7; 10]),
        tenant: TenantName::parse("t").unwrap(),
        skill: SkillName::parse("s").unwrap(),
        host: HostName::parse(host).unwrap(),
        port,
        until: Timestamp::parse(until).unwrap(),
    }
}

/// Decides for the tenant `t` and the skill `s`, with nothing held against them.
pub(crate) fn ask(policy: &Policy, words: &str) -> Decision {
    ask_with(policy, words, &Standing::default())
}

pub(crate) fn ask_with(policy: &Policy, words: &str, standing: &Standing) -> Decision {
    let (usage, evidence) = (Usage::default(), Evidence::default());
    decide(policy, &subject(policy), standing, &usage, &attempt(words), &evidence, now())
}

/// The verdict, and every control that did not simply pass in silence.
pub(crate) fn show(decision: &Decision) -> String {
    let mut out = format!("{}\n", decision.verdict);
    for reason in &decision.reasons {
        if reason.ruling != Ruling::Pass || !reason.text.is_empty() {
            let (control, ruling) = (reason.control, reason.ruling.as_str());
            let _ = writeln!(out, "{control} {ruling}: {}", reason.text);
        }
    }
    if let Some(grant) = &decision.grant {
        let _ = writeln!(out, "leans on {grant}");
    }
    out
}

/// A finding of that kind in the body's `/note`, with the level that its detector gives it.
pub(crate) fn found(control: Control, kind: &str, level: Option<&str>) -> Finding {
    Finding {
        record: FindingRecord {
            control,
            kind: kind.to_owned(),
            part: Part::Body,
            field: "/note".to_owned(),
            chain: String::new(),
            level: level.map(|level| LevelName::parse(level).unwrap()),
            canary: None,
            score: PerMille::FULL,
            length: 11,
            digest: KeyedDigest([0; 16]),
        },
        start: 0,
        acts: Acts::Block,
    }
}

/// Decides with these findings in a payload that was seen whole.
pub(crate) fn ask_about(policy: &Policy, words: &str, findings: Vec<Finding>) -> Decision {
    let mut attempt = attempt(words);
    attempt.sight = Inspection::Body;
    let evidence = Evidence { findings, ..Evidence::default() };
    let (standing, usage) = (Standing::default(), Usage::default());
    decide(policy, &subject(policy), &standing, &usage, &attempt, &evidence, now())
}
