//! What documents say of payloads: `dlp:`, `recipient:` and `credential:`. Next: `target`.

use super::{level, texts, word};
use crate::decode::quote;
use crate::diagnostic::{Faults, LoadContext, NamesModel, Span};
use crate::document::{CredentialSource, Dlp, HostPattern, Names, OverCap, Recipient, Row};
use crate::pointer::FieldPattern;
use crate::yaml::Node;
use backstop_model::destination::Protocol;
use backstop_model::finding::PerMille;

/// How hard payloads are looked at, as a tenant or a role says it, or a row.
pub(super) fn terms(node: Option<&Node>, ctx: &LoadContext, faults: &mut Faults) -> Dlp {
    let Some(node) = node else { return Dlp::default() };
    let words =
        [("required", Names::Required), ("gate-only", Names::GateOnly), ("off", Names::Off)];
    let names = word(node.get("names"), "names", &words, faults);
    if names == Some(Names::Required) && ctx.names == NamesModel::Missing {
        let span = node.get("names").map_or(node.span, |n| n.span);
        let message = "`names: required` needs the model for names, which is not here".to_owned();
        let hint = "run `backstop models install`, or write `names: gate-only`";
        faults.error("policy.cannot_enforce", span, message, Some(hint));
    }
    Dlp {
        names,
        threshold: threshold(node.get("threshold"), faults),
        over_cap: over_cap(node.get("overCap"), faults),
    }
}

fn over_cap(node: Option<&Node>, faults: &mut Faults) -> Option<OverCap> {
    word(node, "overCap", &[("refuse", OverCap::Refuse), ("window", OverCap::Window)], faults)
}

/// What is weaker is said by every check, and where it can have no effect it is refused.
pub(super) fn windows(row: &Row, faults: &mut Faults) {
    match (row.dlp.over_cap, row.target.protocol) {
        (None | Some(OverCap::Refuse), _) => {}
        (Some(OverCap::Window), Protocol::Http) => {
            let message = format!(
                "what is sent to `{}` and is larger than is held is judged while it leaves",
                row.target.host
            );
            let hint = "weaker: when something is found the connection is cut, and what came before it has left";
            faults.warn("policy.over_cap", row.target.span, message, Some(hint));
        }
        (Some(OverCap::Window), Protocol::Https) => {
            let message = format!(
                "`overCap: window` of `{}` can have no effect: a tunnel's payload is not read",
                row.target.host
            );
            faults.error("policy.cannot_enforce", row.target.span, message, Some("take it out"));
        }
    }
}

/// `0.1` to `1.0`, with up to three decimals.
fn threshold(node: Option<&Node>, faults: &mut Faults) -> Option<PerMille> {
    let node = node?;
    let text = node.text()?;
    let found = share(text).filter(|share| (100..=1_000).contains(share));
    if found.is_none() {
        let message = format!("`{}` is not a score between 0.1 and 1.0", quote(text));
        faults.error("policy.value", node.span, message, Some("write `0.5`"));
    }
    found.map(PerMille::new)
}

fn share(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || whole.len() > 1 || !plain(rest) || rest.len() > 3 {
        return None;
    }
    let rest: u16 = format!("{rest:0<3}").parse().ok()?;
    whole.parse::<u16>().ok()?.checked_mul(1_000)?.checked_add(rest)
}

/// What a destination may receive.
pub(super) fn recipient(node: &Node, faults: &mut Faults) -> Recipient {
    let mut encoded_fields = Vec::new();
    for (text, span) in texts(node.get("encodedFields")) {
        match FieldPattern::parse(text) {
            Ok(field) => encoded_fields.push(field),
            Err(why) => {
                let message = format!("`{}` is not a JSON Pointer", quote(text));
                faults.error("policy.value", span, message, Some(why));
            }
        }
    }
    Recipient {
        ceiling: level(node.get("maxClassificationLevel"), faults),
        entities: texts(node.get("entities")).map(|(t, s)| (t.to_owned(), s)).collect(),
        encoded_fields,
    }
}

/// Where a bound value is found: exactly one place.
pub(super) fn credential(node: Option<&Node>, faults: &mut Faults) -> Option<CredentialSource> {
    let node = node?;
    let text = |key| node.get(key).and_then(Node::text).map(str::to_owned);
    let mut given = text("env")
        .map(CredentialSource::Env)
        .into_iter()
        .chain(text("file").map(CredentialSource::File))
        .chain(text("canary").map(CredentialSource::Canary));
    let (first, second) = (given.next(), given.next());
    match (first, second) {
        (Some(source), None) => return named(source, node.span, faults),
        (Some(_), Some(_)) => {
            let message = "`credential` names more than one place".to_owned();
            faults.error("policy.value", node.span, message, Some("keep one of them"));
        }
        (None, _) if node.entries().is_empty() => {
            let message = "`credential` names no value".to_owned();
            let hint = "write `credential: { env: OPENAI_API_KEY }`";
            faults.error("policy.value", node.span, message, Some(hint));
        }
        // Of the wrong shape: the decoder has said so.
        (None, _) => {}
    }
    None
}

fn named(source: CredentialSource, span: Span, faults: &mut Faults) -> Option<CredentialSource> {
    let wrong = match &source {
        CredentialSource::Env(name) => {
            let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let digit = name.bytes().next().is_none_or(|b| b.is_ascii_digit());
            (digit || !name.bytes().all(good)).then_some("write the name of a variable")
        }
        CredentialSource::File(path) => {
            (!path.starts_with('/')).then_some("write an absolute path")
        }
        CredentialSource::Canary(name) => {
            let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let bad = name.is_empty() || name.len() > 63 || !name.chars().all(good);
            bad.then_some("use letters, digits, `.`, `_` and `-`")
        }
    };
    let Some(hint) = wrong else { return Some(source) };
    faults.error("policy.value", span, "`credential` names no value".to_owned(), Some(hint));
    None
}

/// A value is bound to one host, and to one that nobody between can read.
pub(super) fn bound(row: &Row, faults: &mut Faults) {
    if row.credential.is_none() {
        return;
    }
    match &row.target.host {
        HostPattern::Below(_) => {
            let message = format!(
                "`{}` is many hosts: a credential is bound to exactly one",
                row.target.host
            );
            let hint = "give the host that needs it a row of its own";
            faults.error("policy.wildcard", row.target.span, message, Some(hint));
        }
        HostPattern::Exact(_) | HostPattern::Address(_) => {}
    }
    if row.target.protocol == Protocol::Http {
        let message = format!("the credential of `{}` travels unencrypted", row.target.host);
        let hint = "everybody on the way can read it; use `protocol: HTTPS`";
        faults.warn("policy.credential", row.target.span, message, Some(hint));
    }
}
