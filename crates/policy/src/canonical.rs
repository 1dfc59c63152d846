//! The canonical form of a document, over which its digest is taken.
//!
//! JSON without white space in the manner of RFC 8785: object keys sorted by their UTF-8 bytes,
//! strings escaped minimally, every default written out. Lists whose order means nothing (rows,
//! ports, methods, skills) are sorted by their own canonical text; lists whose order means
//! something (a Classification's levels) keep it. Comments, key order, quoting, file names and
//! positions are not part of it, nor are a Skill's `tests`, which grant nothing.
//! Each form names itself and its version, so that a later build can tell them apart.
//! Must not know YAML. Next: `library`.

use crate::document::{
    Classification, Dlp, Document, Ech, Effect, NameEch, Names, OverCap, Role, Row, RowDns, Skill,
    Target, Tenant, TenantDns, TestCase, TestSubject,
};
use backstop_model::attempt::Act;
use backstop_model::id::Digest;
use std::fmt::Write as _;

/// A value of the canonical form.
enum Form {
    Null,
    Number(u64),
    Text(String),
    /// Order means something.
    List(Vec<Form>),
    /// Order means nothing.
    Set(Vec<Form>),
    Map(Vec<(String, Form)>),
}

/// The canonical text of a document.
pub(crate) fn canonical(document: &Document) -> String {
    let form = match document {
        Document::Tenant(tenant) => self::tenant(tenant),
        Document::Skill(skill) => map([
            ("form", text("backstop.dev/v1alpha1/Skill")),
            ("manifest", self::skill(skill)),
            ("tests", tests(&skill.tests)),
        ]),
        Document::Role(role) => self::role(role),
        Document::Classification(scheme) => classification(scheme),
    };
    let mut out = String::new();
    write(&form, &mut out);
    out
}

/// SHA-256 over the canonical form of a skill's manifest, its tests left out.
pub(crate) fn skill_digest(skill: &Skill) -> Digest {
    let mut out = String::new();
    write(&self::skill(skill), &mut out);
    Digest::of(out.as_bytes())
}

fn tenant(tenant: &Tenant) -> Form {
    let listed = tenant.skills.iter().map(|s| {
        map([
            ("digest", s.digest.map_or(Form::Null, text)),
            ("name", text(&s.name)),
            ("version", text(&s.version)),
        ])
    });
    map([
        ("ceiling", maybe(tenant.ceiling.as_ref().map(|(l, _)| l))),
        ("classification", maybe(tenant.classification.as_ref().map(|(c, _)| c))),
        ("dlp", dlp(tenant.dlp)),
        ("dns", tenant_dns(&tenant.dns)),
        ("egress", Form::Set(tenant.egress.iter().map(row).collect())),
        ("form", text("backstop.dev/v1alpha1/Tenant")),
        ("name", text(&tenant.name)),
        ("observeUntil", maybe(tenant.observe_until.as_ref())),
        ("skills", Form::Set(listed.collect())),
        ("tests", tests(&tenant.tests)),
    ])
}

fn row(row: &Row) -> Form {
    let recipient = row.recipient.as_ref().map_or(Form::Null, |r| {
        map([
            ("ceiling", maybe(r.ceiling.as_ref().map(|(l, _)| l))),
            ("encodedFields", set(&r.encoded_fields)),
            ("entities", Form::Set(r.entities.iter().map(|(e, _)| text(e)).collect())),
        ])
    });
    let ech = match row.ech {
        Ech::Allow => "allow",
        Ech::Refuse => "refuse",
    };
    map([
        ("allowPrivate", Form::Set(row.allow_private.iter().map(|(c, _)| text(c)).collect())),
        ("credential", maybe(row.credential.as_ref().map(|c| c.canary()).as_ref())),
        ("dlp", dlp(row.dlp)),
        ("dns", row_dns(&row.dns)),
        ("ech", text(ech)),
        ("idle", row.idle.map_or(Form::Null, |i| Form::Number(i.as_secs()))),
        ("inspect", text("tunnel")),
        ("owner", maybe(row.owner.as_ref())),
        ("reason", maybe(row.reason.as_ref())),
        ("recipient", recipient),
        ("reviewBy", maybe(row.review_by.as_ref())),
        ("target", target(&row.target)),
    ])
}

fn row_dns(dns: &RowDns) -> Form {
    let ech = match dns.ech {
        NameEch::Strip => "strip",
        NameEch::Keep => "keep",
    };
    map([("ech", text(ech)), ("types", set(&dns.types))])
}

fn tenant_dns(dns: &TenantDns) -> Form {
    map([
        ("clusterCidrs", set(&dns.cidrs)),
        ("clusterZone", maybe(dns.zone.as_ref())),
        ("searchSuffixes", set(&dns.search)),
    ])
}

/// What is not said is not written: a default is the other document's to change.
fn dlp(dlp: Dlp) -> Form {
    let names = dlp.names.map(|names| match names {
        Names::Off => "off",
        Names::GateOnly => "gate-only",
        Names::Required => "required",
    });
    let over_cap = dlp.over_cap.map(|over_cap| match over_cap {
        OverCap::Window => "window",
        OverCap::Refuse => "refuse",
    });
    map([
        ("names", names.map_or(Form::Null, text)),
        ("overCap", over_cap.map_or(Form::Null, text)),
        ("threshold", dlp.threshold.map_or(Form::Null, |t| Form::Number(u64::from(t.get())))),
    ])
}

fn target(target: &Target) -> Form {
    map([
        ("host", text(&target.host)),
        ("methods", set(&target.methods)),
        ("paths", set(&target.paths)),
        ("ports", Form::List(target.ports.iter().map(|p| Form::Number(u64::from(*p))).collect())),
        ("protocol", text(target.protocol.as_str())),
    ])
}

fn skill(skill: &Skill) -> Form {
    let tools = skill.tools.iter().map(|(name, tool)| {
        let effect = match tool.effect {
            Effect::External => "external",
            Effect::Local => "local",
        };
        let form = map([
            ("contentFields", set(&tool.content_fields)),
            ("effect", text(effect)),
            ("urlFields", set(&tool.url_fields)),
        ]);
        (name.clone(), form)
    });
    map([
        ("ceiling", maybe(skill.ceiling.as_ref())),
        ("egressRequirements", Form::Set(skill.requirements.iter().map(target).collect())),
        ("form", text("backstop.dev/v1alpha1/Skill/manifest")),
        ("name", text(&skill.name)),
        ("networkEgress", text("deny")),
        ("tools", Form::Map(tools.collect())),
        ("version", text(&skill.version)),
    ])
}

fn role(role: &Role) -> Form {
    map([
        ("dlp", dlp(role.dlp)),
        ("form", text("backstop.dev/v1alpha1/Role")),
        ("name", text(&role.name)),
        ("skills", Form::Set(role.skills.iter().map(|(s, _)| text(s)).collect())),
        ("volume", text("learn")),
    ])
}

fn classification(scheme: &Classification) -> Form {
    let entities = scheme.entities.iter().map(|(name, level)| (name.clone(), text(level)));
    let marks = scheme.marks.iter().map(|(mark, level)| Form::List(vec![text(mark), text(level)]));
    map([
        ("default", text(&scheme.default)),
        ("entities", Form::Map(entities.collect())),
        ("form", text("backstop.dev/v1alpha1/Classification")),
        ("levels", Form::List(scheme.levels.iter().map(text).collect())),
        ("marks", Form::Set(marks.collect())),
        ("name", text(&scheme.name)),
    ])
}

fn tests(tests: &[TestCase]) -> Form {
    Form::Set(
        tests
            .iter()
            .map(|test| {
                let who = match &test.who {
                    TestSubject::Skill(None) | TestSubject::Tenant(None) => Form::Null,
                    TestSubject::Skill(Some((name, version))) => {
                        Form::List(vec![text(name), maybe(version.as_ref())])
                    }
                    TestSubject::Tenant(Some(tenant)) => text(tenant),
                };
                let act = match &test.attempt {
                    Ok(attempt) => match &attempt.act {
                        Act::Connect => text("connect"),
                        Act::Hello { .. } => text("hello"),
                        Act::Opaque => text("opaque"),
                        Act::Request { method, .. } => text(format!("request {method}")),
                    },
                    Err(_) => Form::Null,
                };
                map([
                    ("act", act),
                    ("connect", text(&test.connect)),
                    ("control", maybe(test.control.as_ref())),
                    ("expect", text(test.expect)),
                    ("who", who),
                ])
            })
            .collect(),
    )
}

fn map<const N: usize>(entries: [(&'static str, Form); N]) -> Form {
    Form::Map(entries.into_iter().map(|(key, form)| (key.to_owned(), form)).collect())
}

fn text(value: impl ToString) -> Form {
    Form::Text(value.to_string())
}

fn maybe(value: Option<&impl ToString>) -> Form {
    value.map_or(Form::Null, |v| Form::Text(v.to_string()))
}

fn set(values: &[impl ToString]) -> Form {
    Form::Set(values.iter().map(|v| Form::Text(v.to_string())).collect())
}

fn write(form: &Form, out: &mut String) {
    match form {
        Form::Null => out.push_str("null"),
        Form::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Form::Text(text) => quoted(text, out),
        Form::List(items) => {
            let texts: Vec<String> = items.iter().map(written).collect();
            list(&texts, out);
        }
        Form::Set(items) => {
            let mut texts: Vec<String> = items.iter().map(written).collect();
            texts.sort_unstable();
            list(&texts, out);
        }
        Form::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
            out.push('{');
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quoted(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn written(form: &Form) -> String {
    let mut out = String::new();
    write(form, &mut out);
    out
}

fn list(texts: &[String], out: &mut String) {
    out.push('[');
    out.push_str(&texts.join(","));
    out.push(']');
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
