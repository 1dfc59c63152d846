//! The Tenant document. Next: `skill`.

use super::case::{self, Owner};
use super::target::{self, Wildcards};
use super::{date, dlp, dns, duration, id, level, texts, word};
use crate::decode::quote;
use crate::diagnostic::{Faults, LoadContext, Span};
use crate::document::{Ech, HostPattern, ListedSkill, Row, Tenant, TestCase, TestSubject};
use crate::index::parents;
use crate::yaml::Node;
use backstop_model::addr::{Cidr, Coverage, classify};
use backstop_model::destination::Protocol;
use backstop_model::id::{ClassificationName, Digest, SkillName, SkillVersion, TenantName};
use backstop_model::time::{Date, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// LIMIT: how far ahead observing may end.
const LONGEST_OBSERVE_DAYS: i64 = 30;

pub(super) fn tenant(
    name: &Node,
    spec: &Node,
    ctx: &LoadContext,
    faults: &mut Faults,
) -> Option<Tenant> {
    let name = id(Some(name), TenantName::parse, faults);
    let classification = id(spec.get("classification"), ClassificationName::parse, faults);
    let ceiling = level(spec.get("maxClassificationLevel"), faults);
    let observe_until = spec.get("rollout").and_then(|r| rollout(r, ctx, faults));
    let skills = skills(spec.get("skills"), faults);
    let rows = spec.get("egress").map(Node::items).unwrap_or_default();
    let (mut egress, mut words) = (Vec::with_capacity(rows.len()), Words::default());
    egress.extend(rows.iter().filter_map(|r| row(r, ctx, &mut words, faults)));
    duplicates(&egress, faults);
    shadows(&egress, faults);
    needs_levels(spec, &egress, faults);
    tunnels(name.as_ref(), &egress, faults);
    let dlp = dlp::terms(spec.get("dlp"), ctx, faults);
    let dns = dns::of_tenant(spec.get("dns"), faults);
    let tests = case::tests(spec.get("tests"), Owner::Tenant, faults);
    actors(&tests, &skills, faults);
    Some(Tenant {
        name: name?.0,
        classification,
        ceiling,
        observe_until,
        skills,
        egress,
        dlp,
        dns,
        tests,
    })
}

/// When observing ends, if it has not ended already.
fn rollout(node: &Node, ctx: &LoadContext, faults: &mut Faults) -> Option<Timestamp> {
    let observes =
        word(node.get("mode"), "mode", &[("observe", true), ("enforce", false)], faults)?;
    let until = date(node.get("until"), faults);
    if !observes {
        if let Some((_, span)) = until {
            let message = "`until` has no meaning beside `mode: enforce`".to_owned();
            faults.error("policy.rollout", span, message, Some("take `until` out"));
        }
        return None;
    }
    let Some((day, span)) = until else {
        if node.get("until").is_none() {
            let message = "`mode: observe` needs a day on which it ends".to_owned();
            let hint = format!("add `until: \"{}\"`", latest(ctx));
            faults.error("policy.rollout", node.span, message, Some(&hint));
        }
        return None;
    };
    if day > latest(ctx) {
        let message =
            format!("observing until `{day}` is more than {LONGEST_OBSERVE_DAYS} days ahead");
        let hint = format!("the latest day is {}", latest(ctx));
        faults.error("policy.rollout", span, message, Some(&hint));
        return None;
    }
    if day.start() <= ctx.now {
        let message = format!("observing ended on `{day}`: the tenant enforces");
        faults.warn("policy.rollout", span, message, Some("take `rollout` out"));
    }
    Some(day.start())
}

fn latest(ctx: &LoadContext) -> Date {
    Date::from_days(ctx.now.date().days() + LONGEST_OBSERVE_DAYS)
}

fn skills(node: Option<&Node>, faults: &mut Faults) -> Vec<ListedSkill> {
    let mut seen = HashSet::new();
    let items = node.map(Node::items).unwrap_or_default();
    let mut out = Vec::new();
    for item in items {
        let name = id(item.get("name"), SkillName::parse, faults);
        let version = id(item.get("version"), SkillVersion::parse, faults);
        let digest = id(item.get("digest"), Digest::parse, faults);
        let (Some((name, span)), Some((version, _))) = (name, version) else { continue };
        if !seen.insert((name.clone(), version.clone())) {
            let message = format!("the skill `{name}` version `{version}` stands twice");
            faults.error("policy.duplicate_row", span, message, Some("keep one of them"));
        }
        out.push(ListedSkill { name, version, digest: digest.map(|(d, _)| d), span });
    }
    out
}

/// Words that stand in many rows are kept once.
#[derive(Default)]
struct Words(HashSet<Arc<str>>);

impl Words {
    fn of(&mut self, node: Option<&Node>) -> Option<Arc<str>> {
        let text = node.and_then(Node::text)?;
        if let Some(known) = self.0.get(text) {
            return Some(Arc::clone(known));
        }
        let new: Arc<str> = Arc::from(text);
        self.0.insert(Arc::clone(&new));
        Some(new)
    }
}

fn row(node: &Node, ctx: &LoadContext, words: &mut Words, faults: &mut Faults) -> Option<Row> {
    let target = target::target(node, Wildcards::Tenant, faults);
    let allow_private = private(node.get("allowPrivate"), "allowPrivate", faults);
    let _tunnel = word(node.get("inspect"), "inspect", &[("tunnel", ())], faults);
    let ech = match node.get("ech") {
        None => Some(Ech::Refuse),
        given => word(given, "ech", &[("allow", Ech::Allow), ("refuse", Ech::Refuse)], faults),
    };
    let review_by = date(node.get("reviewBy"), faults);
    let recipient = node.get("recipient").map(|r| Box::new(dlp::recipient(r, faults)));
    let credential = dlp::credential(node.get("credential"), faults).map(Box::new);
    let terms = dlp::terms(node.get("dlp"), ctx, faults);
    let idle = duration(node.get("idle"), faults);
    let dns = dns::of_row(node.get("dns"), faults);
    let row = Row {
        target: target?,
        recipient,
        dlp: terms,
        credential,
        allow_private,
        ech: ech?,
        idle,
        dns,
        owner: words.of(node.get("owner")),
        reason: words.of(node.get("reason")),
        review_by: review_by.map(|(day, _)| day),
    };
    if let Some((day, span)) = review_by
        && ctx.now.date() > day
    {
        let who = row.owner.as_deref().map(|o| format!("; its owner is `{}`", quote(o)));
        let message = format!(
            "the review of `{}` was due by `{day}`{}",
            row.target.host,
            who.unwrap_or_default()
        );
        let hint = "look whether it is still needed, then move `reviewBy` on or take the row out";
        faults.warn("policy.review_by", span, message, Some(hint));
    }
    exceptions(&row, faults);
    dlp::bound(&row, faults);
    dlp::windows(&row, faults);
    unreadable(&row, faults);
    Some(row)
}

/// Private networks that an exception may open, as written under `key`.
pub(super) fn private(node: Option<&Node>, key: &str, faults: &mut Faults) -> Vec<(Cidr, String)> {
    let mut out = Vec::new();
    for (text, span) in texts(node) {
        let cidr = match Cidr::parse(text) {
            Ok(cidr) => cidr,
            Err(fault) => {
                let message = format!("`{key}` cannot use this: {fault}");
                faults.error("policy.allow_private", span, message, Some("write `10.1.2.0/24`"));
                continue;
            }
        };
        let ends = [classify(cidr.network()), classify(cidr.last())];
        let why = match cidr.coverage() {
            Coverage::AlreadyPublic => {
                Some("it covers public addresses alone, which need no exception".to_owned())
            }
            Coverage::NeverOpens(class) => Some(format!("no exception opens {}", class.describe())),
            Coverage::Opens => ends
                .into_iter()
                .find(|class| !class.may_be_allowed())
                .map(|class| format!("it reaches from private space into {}", class.describe())),
        };
        match why {
            Some(why) => {
                let message = format!("`{key}: {cidr}` can have no effect as it stands: {why}");
                let hint = "name the private network itself, as narrow as it is; loopback, link-local and metadata never open";
                faults.error("policy.allow_private", span, message, Some(hint));
            }
            None => out.push((cidr, text.to_owned())),
        }
    }
    out
}

fn exceptions(row: &Row, faults: &mut Faults) {
    if row.allow_private.is_empty() {
        return;
    }
    let list: Vec<_> = row.allow_private.iter().map(|(cidr, _)| cidr.to_string()).collect();
    let message =
        format!("`{}` may resolve to private addresses: {}", row.target.host, list.join(", "));
    let hint = "an exception to the SSRF guard, reported by every check";
    faults.warn("policy.allow_private", row.target.span, message, Some(hint));
}

/// A rule about heads or bodies meets a tunnel that cannot be read.
fn unreadable(row: &Row, faults: &mut Faults) {
    if row.target.protocol == Protocol::Http {
        return;
    }
    let rules = [
        ("methods", !row.target.methods.is_empty()),
        ("paths", !row.target.paths.is_empty()),
        ("recipient", row.recipient.is_some()),
        ("dlp", row.dlp.names.is_some() || row.dlp.threshold.is_some()),
    ];
    let named: Vec<_> =
        rules.iter().filter(|(_, there)| *there).map(|(name, _)| format!("`{name}`")).collect();
    if named.is_empty() {
        return;
    }
    let message = format!(
        "`{}` has {}, which cannot be read in a tunnel: tunnels to it are denied",
        row.target.host,
        named.join(" and ")
    );
    let hint = "`egress.uninspected` denies until the traffic is inspected";
    faults.warn("policy.uninspected", row.target.span, message, Some(hint));
}

/// The same host, port and protocol in two rows.
fn duplicates(egress: &[Row], faults: &mut Faults) {
    let mut seen: HashMap<(&HostPattern, u16, Protocol), Span> = HashMap::new();
    for row in egress {
        let target = &row.target;
        let twice = target.ports.iter().find_map(|port| {
            let key = (&target.host, *port, target.protocol);
            match seen.entry(key) {
                std::collections::hash_map::Entry::Occupied(first) => Some((*port, *first.get())),
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(target.span);
                    None
                }
            }
        });
        if let Some((port, first)) = twice {
            let message = format!("`{}` port {port} stands in two rows", target.host);
            let hint = format!("the other is on line {}; make them one row", first.line);
            faults.error("policy.duplicate_row", target.span, message, Some(&hint));
        }
    }
}

/// Rows only add: a narrow row below a wide one narrows nothing, and its author should know.
fn shadows(egress: &[Row], faults: &mut Faults) {
    let wide: HashMap<&str, &Row> = egress
        .iter()
        .filter(|r| {
            r.target.methods.is_empty() && r.target.paths.is_empty() && r.recipient.is_none()
        })
        .filter_map(|r| match &r.target.host {
            HostPattern::Below(base) => Some((base.as_str(), r)),
            HostPattern::Exact(_) | HostPattern::Address(_) => None,
        })
        .collect();
    if wide.is_empty() {
        return;
    }
    for row in egress {
        let narrow = !row.target.methods.is_empty()
            || !row.target.paths.is_empty()
            || row.recipient.is_some();
        let (HostPattern::Exact(name) | HostPattern::Below(name)) = &row.target.host else {
            continue;
        };
        if !narrow {
            continue;
        }
        let over = parents(name.as_str()).find_map(|parent| {
            wide.get(parent).filter(|w| {
                w.target.protocol == row.target.protocol
                    && w.target.ports.iter().any(|p| row.target.ports.contains(p))
            })
        });
        if let Some(wide) = over {
            let message = format!(
                "the rules of `{}` narrow nothing: `{}` (line {}) admits the same host without them",
                row.target.host, wide.target.host, wide.target.span.line
            );
            let hint = "rows only add; take the host out of the wildcard's reach or drop the rules";
            faults.warn("policy.shadowed", row.target.span, message, Some(hint));
        }
    }
}

fn needs_levels(spec: &Node, egress: &[Row], faults: &mut Faults) {
    if spec.get("classification").is_some() {
        return;
    }
    let own = spec.get("maxClassificationLevel").map(|n| n.span);
    let rows = egress
        .iter()
        .filter_map(|r| r.recipient.as_ref())
        .filter_map(|r| r.ceiling.as_ref().map(|(_, span)| *span));
    for span in own.into_iter().chain(rows) {
        let message = "levels mean nothing without a `classification`".to_owned();
        let hint = "add `classification: NAME` of a Classification document to the tenant's spec";
        faults.error("policy.level", span, message, Some(hint));
    }
}

/// A tenant's test names a skill that the tenant lists, and only one version of it is meant.
fn actors(tests: &[TestCase], skills: &[ListedSkill], faults: &mut Faults) {
    for test in tests {
        let TestSubject::Skill(Some((name, version))) = &test.who else { continue };
        let listed = skills
            .iter()
            .filter(|s| s.name == *name && version.as_ref().is_none_or(|v| *v == s.version))
            .count();
        let message = match listed {
            0 => format!("the test's skill `{name}` is not listed under `skills`"),
            1 => continue,
            _ => format!("the test's skill `{name}` is listed in several versions"),
        };
        faults.error(
            "policy.test",
            test.span,
            message,
            Some("write `skill: name@version` of a listed one"),
        );
    }
}

fn tunnels(name: Option<&(TenantName, Span)>, egress: &[Row], faults: &mut Faults) {
    let count = egress.iter().filter(|r| r.target.protocol == Protocol::Https).count();
    let (Some((name, span)), true) = (name, count > 0) else { return };
    let rows = match count {
        1 => format!("one HTTPS row of `{name}` passes as a tunnel"),
        _ => format!("{count} HTTPS rows of `{name}` pass as tunnels"),
    };
    let message = format!("{rows}: host, address and server name are checked, bodies are not read");
    faults.note(
        "policy.tunnel",
        *span,
        message,
        Some(
            "`inspect: tunnel` is all that this build can do; every receipt says `inspected: sni`",
        ),
    );
}
