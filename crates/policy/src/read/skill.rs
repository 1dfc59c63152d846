//! The Skill document. Next: `scheme`.

use super::case::{self, Owner};
use super::target::{self, Wildcards};
use super::{id, level, texts, word};
use crate::decode::quote;
use crate::diagnostic::{Faults, Span};
use crate::document::{Effect, Skill, Target, Tool};
use crate::yaml::Node;
use backstop_model::id::{SkillName, SkillVersion};
use std::collections::BTreeMap;

pub(super) fn skill(document: &Node, spec: &Node, faults: &mut Faults) -> Option<Skill> {
    let name = id(spec.get("name"), SkillName::parse, faults);
    let version = id(spec.get("version"), SkillVersion::parse, faults);
    let document = document.text().map(|text| (text, document.span));
    if let (Some((name, _)), Some((version, _)), Some((text, span))) = (&name, &version, document) {
        named_after(name, version, text, span, faults);
    }
    let _only_deny = word(spec.get("networkEgress"), "networkEgress", &[("deny", ())], faults);
    let rows = spec.get("egressRequirements").map(Node::items).unwrap_or_default();
    let requirements: Vec<Target> =
        rows.iter().filter_map(|r| target::target(r, Wildcards::Refused, faults)).collect();
    duplicates(&requirements, faults);
    let ceiling = level(spec.get("maxClassificationLevel"), faults);
    let tools = tools(spec.get("tools"), faults);
    let tests = case::tests(spec.get("tests"), Owner::Skill, faults);
    let ((name, span), (version, _)) = (name?, version?);
    Some(Skill {
        document: document?.0.to_owned(),
        name,
        version,
        requirements,
        ceiling: ceiling.map(|(level, _)| level),
        tools,
        tests,
        span,
    })
}

/// `metadata.name` is `name-version`, in the characters that Kubernetes allows.
fn named_after(
    name: &SkillName,
    version: &SkillVersion,
    text: &str,
    span: Span,
    faults: &mut Faults,
) {
    let wanted = format!("{name}-{version}").to_ascii_lowercase().replace('+', "-");
    if text != wanted {
        let message = format!("the skill `{name}` version `{version}` is called `{}`", quote(text));
        let hint = format!("write `metadata: {{ name: {wanted} }}`");
        faults.error("policy.name", span, message, Some(&hint));
    }
}

fn duplicates(requirements: &[Target], faults: &mut Faults) {
    let mut seen = BTreeMap::new();
    for target in requirements {
        for port in target.ports.iter() {
            let key = (&target.host, *port, target.protocol, &target.methods, &target.paths);
            if let Some(first) = seen.insert(key, target.span.line) {
                let message =
                    format!("`{}` port {port} is required twice in the same words", target.host);
                let hint = format!("the other is on line {first}; keep one of them");
                faults.error("policy.duplicate_row", target.span, message, Some(&hint));
                break;
            }
        }
    }
}

fn tools(node: Option<&Node>, faults: &mut Faults) -> BTreeMap<String, Tool> {
    let mut out = BTreeMap::new();
    let entries = node.map(Node::entries).unwrap_or_default();
    for entry in entries {
        if entry.key.is_empty()
            || entry.key.chars().count() > 128
            || entry.key.chars().any(char::is_control)
        {
            let message = format!("`{}` is not a tool's name", quote(&entry.key));
            faults.error(
                "policy.name",
                entry.key_span,
                message,
                Some("use 1 to 128 printable characters"),
            );
            continue;
        }
        let words = [("external", Effect::External), ("local", Effect::Local)];
        let effect = word(entry.node.get("effect"), "effect", &words, faults);
        let list = |key| texts(entry.node.get(key)).map(|(t, _)| t.to_owned()).collect();
        let tool = Tool {
            effect: effect.unwrap_or(Effect::External),
            url_fields: list("urlFields"),
            content_fields: list("contentFields"),
        };
        out.insert(entry.key.clone(), tool);
    }
    out
}
