//! `tests:` as documents carry them. Next: `tenant`.

use super::{id, word};
use crate::decode::quote;
use crate::diagnostic::{Faults, Span};
use crate::document::{TestCase, TestSubject};
use crate::yaml::Node;
use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::control::Control;
use backstop_model::destination::{ParseRefusal, Protocol, parse_authority, parse_url};
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::verdict::Verdict;

/// Whose tests they are.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    Tenant,
    Skill,
}

pub(super) fn tests(node: Option<&Node>, owner: Owner, faults: &mut Faults) -> Vec<TestCase> {
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| test(item, owner, faults)).collect()
}

fn test(node: &Node, owner: Owner, faults: &mut Faults) -> Option<TestCase> {
    let who = subject(node, owner, faults);
    let words = [("allow", Verdict::Allow), ("hold", Verdict::Hold), ("deny", Verdict::Deny)];
    let expect = word(node.get("expect"), "expect", &words, faults);
    let control = control(node.get("control"), expect, faults);
    let Some(connect) = node.get("connect") else {
        if node.get("call").is_none() && !node.entries().is_empty() {
            let message = "a test without `connect` tries nothing".to_owned();
            let hint = "add `connect: \"https://host/path\"` or `connect: host:443`";
            faults.error("policy.test", node.span, message, Some(hint));
        }
        return None;
    };
    let text = connect.text()?;
    let method = node.get("method").and_then(Node::text);
    let attempt = attempt(text, method, connect.span, faults)?;
    Some(TestCase {
        connect: text.to_owned(),
        attempt,
        who: who?,
        expect: expect?,
        control: control?,
        span: connect.span,
    })
}

/// What is tried: an `https` URL or `host:port` as a tunnel, or, where the test names a method
/// or the scheme is `http`, a request whose head is visible.
fn attempt(
    text: &str,
    method: Option<&str>,
    span: Span,
    faults: &mut Faults,
) -> Option<Result<Attempt, ParseRefusal>> {
    let (parsed, path) = if text.contains("://") {
        match parse_url(text) {
            Ok(url) => (Ok(url.destination), url.path),
            Err(refusal) => (Err(refusal), String::new()),
        }
    } else {
        (parse_authority(text, Protocol::Https), "/".to_owned())
    };
    let destination = match parsed {
        Ok(destination) => destination,
        Err(refusal) if refusal.control.as_str().starts_with("ssrf.") => return Some(Err(refusal)),
        Err(refusal) => {
            // Denied for its form, it would prove nothing of the policy.
            let message = format!("`{}` is neither a URL nor `host:port`", quote(text));
            faults.error("policy.test", span, message, Some(&refusal.reason));
            return None;
        }
    };
    let request = |method: &str| {
        (Act::Request { method: method.to_owned(), path: path.clone() }, Inspection::Headers)
    };
    let (act, sight) = match (method, destination.protocol) {
        (Some(method), Protocol::Https | Protocol::Http) => request(method),
        (None, Protocol::Http) => request("GET"),
        (None, Protocol::Https) => (Act::Connect, Inspection::Sni),
    };
    Some(Ok(Attempt { plane: Plane::Explain, destination, act, sight }))
}

fn subject(node: &Node, owner: Owner, faults: &mut Faults) -> Option<TestSubject> {
    match owner {
        Owner::Skill => match node.get("tenant") {
            None => Some(TestSubject::Tenant(None)),
            given => {
                id(given, TenantName::parse, faults).map(|(t, _)| TestSubject::Tenant(Some(t)))
            }
        },
        Owner::Tenant => {
            let Some(skill) = node.get("skill") else { return Some(TestSubject::Skill(None)) };
            let text = skill.text()?;
            let (name, version) = match text.split_once('@') {
                Some((name, version)) => (name, Some(version)),
                None => (text, None),
            };
            let parsed = SkillName::parse(name)
                .and_then(|n| Ok((n, version.map(SkillVersion::parse).transpose()?)));
            match parsed {
                Ok(named) => Some(TestSubject::Skill(Some(named))),
                Err(fault) => {
                    let message = format!("`{}` names no skill", quote(text));
                    let hint = format!("write `name` or `name@version`: {}", fault.why);
                    faults.error("policy.test", skill.span, message, Some(&hint));
                    None
                }
            }
        }
    }
}

fn control(
    node: Option<&Node>,
    expect: Option<Verdict>,
    faults: &mut Faults,
) -> Option<Option<Control>> {
    let Some(node) = node else { return Some(None) };
    let text = node.text()?;
    if expect == Some(Verdict::Allow) {
        let message = "a test that expects `allow` names no `control`".to_owned();
        let hint = "no control decides an allow: take `control` out";
        faults.error("policy.test", node.span, message, Some(hint));
        return None;
    }
    let found = Control::parse(text);
    if found.is_none() {
        let message = format!("`{}` is not a control", quote(text));
        let near = crate::decode::nearest(text, Control::ALL.iter().map(|c| c.as_str()));
        let hint = near.map(|n| format!("did you mean `{n}`?"));
        faults.error("policy.value", node.span, message, hint.as_deref());
    }
    found.map(Some)
}
