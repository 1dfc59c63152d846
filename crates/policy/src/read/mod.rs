//! From a tree to a document: everything is parsed here, once, and all faults are gathered.
//!
//! `target` (host, ports, methods, paths) serves `tenant` and `skill`; `case` reads `tests:`;
//! `scheme` reads the two small documents. What has the wrong shape is skipped: `decode` has
//! reported it. Must not know other documents. Next: `tenant`.

mod case;
mod dlp;
mod dns;
mod scheme;
mod skill;
mod target;
mod tenant;

use crate::decode::{check_map, nearest, quote};
use crate::diagnostic::{Faults, LoadContext, Span};
use crate::document::{Document, DocumentKey, Kind};
use crate::schema::{API_VERSION, CLASSIFICATION, ROLE, SKILL, TENANT};
use crate::yaml::{Node, Value, YamlDocument};
use backstop_model::id::{IdFault, LevelName};
use backstop_model::time::Date;
use std::sync::Arc;
use std::time::Duration;

/// What came of one document.
pub(crate) struct Reading {
    /// Which document it is, if that much could be read.
    pub(crate) key: Option<(DocumentKey, Span)>,
    /// The document, as far as it could be read.
    pub(crate) document: Option<Document>,
    /// Whether it is good; only then may it be used.
    pub(crate) good: bool,
}

/// Reads one document of a file.
pub(crate) fn read(yaml: &YamlDocument, ctx: &LoadContext, faults: &mut Faults) -> Reading {
    let before = faults.errors();
    let root = &yaml.root;
    let kind = kind(root, faults);
    let key = kind.and_then(|kind| identity(root, kind));
    let Some(kind) = kind else { return Reading { key: None, document: None, good: false } };
    let table = match kind {
        Kind::Tenant => &TENANT,
        Kind::Skill => &SKILL,
        Kind::Role => &ROLE,
        Kind::Classification => &CLASSIFICATION,
    };
    check_map(root, table, root.span, faults);
    let nothing = Node { span: root.span, value: Value::Broken };
    let spec = root.get("spec").unwrap_or(&nothing);
    let name = root.get("metadata").and_then(|m| m.get("name")).unwrap_or(&nothing);
    let document = match kind {
        Kind::Tenant => tenant::tenant(name, spec, ctx, faults).map(Arc::new).map(Document::Tenant),
        Kind::Skill => skill::skill(name, spec, faults).map(Arc::new).map(Document::Skill),
        Kind::Role => scheme::role(name, spec, ctx, faults).map(Arc::new).map(Document::Role),
        Kind::Classification => {
            scheme::classification(name, spec, faults).map(Arc::new).map(Document::Classification)
        }
    };
    let good = faults.errors() == before && !yaml.broken;
    Reading { key, document, good }
}

/// The document's kind, once `apiVersion` and `kind` are known to be ours.
fn kind(root: &Node, faults: &mut Faults) -> Option<Kind> {
    if !matches!(root.value, Value::Map(_)) {
        let message = format!("a policy document is a mapping, not {}", root.what());
        let hint = "begin with `apiVersion: backstop.dev/v1alpha1`";
        faults.error("policy.type", root.span, message, Some(hint));
        return None;
    }
    if let Some(version) = root.get("apiVersion")
        && let Some(text) = version.text()
        && text != API_VERSION
    {
        let message = format!("`{}` is not an apiVersion that this build reads", quote(text));
        let hint = format!("write `apiVersion: {API_VERSION}`");
        faults.error("policy.api_version", version.span, message, Some(&hint));
    }
    let Some(node) = root.get("kind") else {
        let message = "`kind` is missing: it says which document this is".to_owned();
        let hint = "add `kind: Tenant`, `Skill`, `Role` or `Classification`";
        faults.error("policy.missing_key", root.span, message, Some(hint));
        return None;
    };
    let text = node.text().unwrap_or_default();
    let found = Kind::ALL.into_iter().find(|k| k.as_str() == text);
    if found.is_none() {
        let message = format!("`{}` is not a kind of policy document", quote(text));
        let hint = match nearest(text, Kind::ALL.into_iter().map(Kind::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "the kinds are Tenant, Skill, Role and Classification".to_owned(),
        };
        faults.error("policy.kind", node.span, message, Some(&hint));
    }
    found
}

fn identity(root: &Node, kind: Kind) -> Option<(DocumentKey, Span)> {
    let node = root.get("metadata")?.get("name")?;
    let name = node.text()?;
    Some((DocumentKey { kind, name: name.to_owned() }, node.span))
}

/// A text value parsed as an id.
fn id<T>(
    node: Option<&Node>,
    parse: impl Fn(&str) -> Result<T, IdFault>,
    faults: &mut Faults,
) -> Option<(T, Span)> {
    let node = node?;
    match parse(node.text()?) {
        Ok(id) => Some((id, node.span)),
        Err(fault) => {
            let message = format!("`{}` is not a valid {}", quote(&fault.text), fault.what);
            faults.error("policy.name", node.span, message, Some(fault.why));
            None
        }
    }
}

fn level(node: Option<&Node>, faults: &mut Faults) -> Option<(LevelName, Span)> {
    id(node, LevelName::parse, faults)
}

/// A text value that must be one of a few words.
fn word<T: Copy>(
    node: Option<&Node>,
    name: &str,
    words: &[(&'static str, T)],
    faults: &mut Faults,
) -> Option<T> {
    let node = node?;
    let text = node.text()?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let message = format!("`{name}` does not know `{}`", quote(text));
        faults.error(
            "policy.value",
            node.span,
            message,
            Some(&format!("write {}", known.join(" or "))),
        );
    }
    found
}

fn date(node: Option<&Node>, faults: &mut Faults) -> Option<(Date, Span)> {
    let node = node?;
    let text = node.text()?;
    let found = Date::parse(text);
    if found.is_none() {
        let message = format!("`{}` is not a day", quote(text));
        faults.error("policy.value", node.span, message, Some("write `YYYY-MM-DD`"));
    }
    found.map(|date| (date, node.span))
}

/// `90s`, `15m`, `2h`: at least a second, at most a day.
fn duration(node: Option<&Node>, faults: &mut Faults) -> Option<Duration> {
    let node = node?;
    let text = node.text()?;
    let units = [("s", 1_u64), ("m", 60), ("h", 3_600)];
    let found = units.into_iter().find_map(|(unit, seconds)| {
        let digits = text.strip_suffix(unit)?;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let total = digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(seconds)?;
        (1..=86_400).contains(&total).then(|| Duration::from_secs(total))
    });
    if found.is_none() {
        let message = format!("`{}` is not a duration between 1s and 24h", quote(text));
        faults.error("policy.duration", node.span, message, Some("write `90s`, `15m` or `2h`"));
    }
    found
}

/// The texts of a list.
fn texts(node: Option<&Node>) -> impl Iterator<Item = (&str, Span)> {
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| Some((item.text()?, item.span)))
}
