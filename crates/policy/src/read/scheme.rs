//! The two small documents: Role and Classification. Next: `library`.

use super::{dlp, id, level};
use crate::decode::quote;
use crate::diagnostic::{Faults, LoadContext, Span};
use crate::document::{Classification, Role};
use crate::yaml::Node;
use backstop_model::id::{ClassificationName, LevelName, RoleName, SkillName};
use std::collections::BTreeMap;

pub(super) fn role(
    name: &Node,
    spec: &Node,
    ctx: &LoadContext,
    faults: &mut Faults,
) -> Option<Role> {
    let name = id(Some(name), RoleName::parse, faults);
    let mut skills: Vec<(SkillName, Span)> = Vec::new();
    let items = spec.get("skills").map(Node::items).unwrap_or_default();
    for item in items {
        let Some((skill, span)) = id(Some(item), SkillName::parse, faults) else { continue };
        if skills.iter().any(|(other, _)| *other == skill) {
            let message = format!("the skill `{skill}` stands twice");
            faults.error("policy.duplicate_row", span, message, Some("keep one of them"));
        }
        skills.push((skill, span));
    }
    mode(spec.get("volume").and_then(|v| v.get("mode")), faults);
    let dlp = dlp::terms(spec.get("dlp"), ctx, faults);
    Some(Role { name: name?.0, skills, dlp })
}

fn mode(node: Option<&Node>, faults: &mut Faults) {
    let Some((node, text)) = node.and_then(|n| Some((n, n.text()?))) else { return };
    match text {
        "learn" => {}
        "shadow" | "enforce" => {
            let message =
                format!("this build cannot enforce `mode: {text}` yet: it has no baseline");
            faults.error("policy.cannot_enforce", node.span, message, Some("write `mode: learn`"));
        }
        _ => {
            let message = format!("`mode` does not know `{}`", quote(text));
            faults.error("policy.value", node.span, message, Some("write `learn`"));
        }
    }
}

pub(super) fn classification(
    name: &Node,
    spec: &Node,
    faults: &mut Faults,
) -> Option<Classification> {
    let name = id(Some(name), ClassificationName::parse, faults);
    let mut levels: Vec<LevelName> = Vec::new();
    let items = spec.get("levels").map(Node::items).unwrap_or_default();
    for item in items {
        let Some((found, span)) = level(Some(item), faults) else { continue };
        if levels.contains(&found) {
            let message = format!("the level `{found}` stands twice");
            faults.error("policy.level", span, message, Some("levels rise, each stands once"));
        }
        levels.push(found);
    }
    if let Some(node) = spec.get("levels")
        && items.is_empty()
        && matches!(node.value, crate::yaml::Value::List(_))
    {
        let message = "a classification needs at least one level".to_owned();
        faults.error(
            "policy.level",
            node.span,
            message,
            Some("write `levels: [public, internal]`"),
        );
    }
    let known = |node: Option<&Node>, faults: &mut Faults| {
        let (found, span) = level(node, faults)?;
        if levels.contains(&found) {
            return Some(found);
        }
        let message = format!("`{found}` is not one of this classification's levels");
        let near = crate::decode::nearest(found.as_str(), levels.iter().map(LevelName::as_str));
        let hint = near.map(|n| format!("did you mean `{n}`?"));
        faults.error("policy.level", span, message, hint.as_deref());
        None
    };
    let default = known(spec.get("default"), faults).or_else(|| levels.last().cloned());
    let mut entities = BTreeMap::new();
    for entry in spec.get("entities").map(Node::entries).unwrap_or_default() {
        if let Some(level) = known(Some(&entry.node), faults) {
            entities.insert(entry.key.clone(), level);
        }
    }
    let mut marks = Vec::new();
    for mark in spec.get("marks").map(Node::items).unwrap_or_default() {
        let level = known(mark.get("level"), faults);
        let text = mark_text(mark.get("text"), faults);
        if let (Some(text), Some(level)) = (text, level) {
            marks.push((text, level));
        }
    }
    let (name, span) = name?;
    Some(Classification { name, levels, default: default?, entities, marks, span })
}

fn mark_text(node: Option<&Node>, faults: &mut Faults) -> Option<String> {
    let node = node?;
    let text = node.text()?;
    if text.trim().is_empty() {
        let message = "an empty mark would stand in every text".to_owned();
        faults.error(
            "policy.value",
            node.span,
            message,
            Some("write the words that mark a document"),
        );
        return None;
    }
    Some(text.to_owned())
}
