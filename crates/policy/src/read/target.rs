//! Hosts, ports, methods and paths, as tenants and skills name them.
//! Next: `case`.

use super::{texts, word};
use crate::decode::quote;
use crate::diagnostic::{Faults, Span};
use crate::document::{HostPattern, Target};
use crate::path::PathPattern;
use crate::yaml::{Node, Value};
use backstop_model::addr::{AddressClass, classify, disguise};
use backstop_model::destination::Protocol;
use backstop_model::host::{Host, HostName};
use std::net::IpAddr;

/// Whether `*.name` may be written.
#[derive(Clone, Copy)]
pub(super) enum Wildcards {
    Tenant,
    Refused,
}

/// A mapping with `host`, or a plain string that is one.
pub(super) fn target(node: &Node, wildcards: Wildcards, faults: &mut Faults) -> Option<Target> {
    let host_node = if node.text().is_some() { Some(node) } else { node.get("host") };
    let host = host_node.and_then(|h| host(h.text()?, h.span, wildcards, faults));
    let words = [("HTTPS", Protocol::Https), ("HTTP", Protocol::Http)];
    let protocol = match node.get("protocol") {
        None => Some(Protocol::Https),
        given @ Some(_) => word(given, "protocol", &words, faults),
    };
    let ports = ports(node.get("ports"), protocol.unwrap_or(Protocol::Https), faults);
    let methods = methods(node.get("methods"), faults);
    let paths = paths(node.get("paths"), faults);
    let span = host_node.map_or(node.span, |h| h.span);
    Some(Target {
        host: host?,
        ports: ports?.into(),
        protocol: protocol?,
        methods: methods?.into(),
        paths: paths?.into(),
        span,
    })
}

fn host(text: &str, span: Span, wildcards: Wildcards, faults: &mut Faults) -> Option<HostPattern> {
    if let Some(base) = text.strip_prefix("*.").filter(|base| !base.contains('*')) {
        return match wildcards {
            Wildcards::Tenant => below(text, base, span, faults),
            Wildcards::Refused => {
                let message = format!("a skill may not use the wildcard `{}`", quote(text));
                let hint = "name each host that the skill needs; only a tenant may use `*.name`";
                faults.error("policy.wildcard", span, message, Some(hint));
                None
            }
        };
    }
    if text.contains('*') {
        let message =
            format!("`{}` is not a host: `*` stands only as the whole first label", quote(text));
        let hint = "write `*.name` in a tenant, and exact names in a skill";
        faults.error("policy.wildcard", span, message, Some(hint));
        return None;
    }
    if text.contains('/') {
        let message = format!("`{}` is not a host", quote(text));
        let hint = "write the host alone, without scheme and path; ports stand in `ports`";
        faults.error("policy.host", span, message, Some(hint));
        return None;
    }
    match Host::parse(text) {
        Ok(Host::Name(name)) => named(name, text, span, faults).map(HostPattern::Exact),
        Ok(Host::Address(address)) => {
            let pattern = HostPattern::Address(address);
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            if pattern.to_string() == text || address.to_string() == bare {
                return public(address, &pattern, span, faults).then_some(pattern);
            }
            let message = format!("`{}` spells an IP address in disguise", quote(text));
            let hint = format!("write `{pattern}` if that address is meant");
            faults.error("policy.host", span, message, Some(&hint));
            None
        }
        Err(fault) => {
            let message = format!("`{}` is not a host: {}", quote(text), fault.why);
            let hint = "write a host name alone; ports stand in `ports`";
            faults.error("policy.host", span, message, Some(hint));
            None
        }
    }
}

/// A literal that is not public is refused before any row is asked, so no row can open it.
fn public(address: IpAddr, pattern: &HostPattern, span: Span, faults: &mut Faults) -> bool {
    let class = classify(address);
    if class == AddressClass::Public {
        return true;
    }
    let message = format!("`{pattern}` can never be reached: it is {}", class.describe());
    let hint = if class.may_be_allowed() {
        "give it a name, and open the network for that name with a tenant's `allowPrivate`"
    } else {
        "no exception opens such addresses; take it out"
    };
    faults.error("policy.address", span, message, Some(hint));
    false
}

/// A name that is not an address in disguise.
fn named(name: HostName, text: &str, span: Span, faults: &mut Faults) -> Option<HostName> {
    let Some(found) = disguise(&name) else { return Some(name) };
    let message = format!("`{}` can never be reached: it is {}", quote(text), found.why);
    let hint = "such names are refused before any look-up; take the row out";
    faults.error("policy.host", span, message, Some(hint));
    None
}

fn below(text: &str, base: &str, span: Span, faults: &mut Faults) -> Option<HostPattern> {
    let name = match Host::parse(base) {
        Ok(Host::Name(name)) => named(name, text, span, faults)?,
        Ok(Host::Address(_)) => {
            let message = format!("`{}` puts a wildcard over an IP address", quote(text));
            faults.error(
                "policy.wildcard",
                span,
                message,
                Some("an address has no names below it"),
            );
            return None;
        }
        Err(fault) => {
            let message = format!("`{}` is not a host: {}", quote(text), fault.why);
            faults.error("policy.host", span, message, None);
            return None;
        }
    };
    if is_public_suffix(&name) {
        let message = format!(
            "`{}` would cover names of anyone: `{name}` is a public suffix or holds them",
            quote(text)
        );
        let hint =
            "anybody can register a name there (publicsuffix.org); name the one that is yours";
        faults.error("policy.public_suffix", span, message, Some(hint));
        return None;
    }
    Some(HostPattern::Below(name))
}

/// Whether anybody can get a name right below this one. Single labels count, known or not, and so
/// do names that the list gives away label by label (`*.compute.amazonaws.com`, `*.kobe.jp`).
fn is_public_suffix(name: &HostName) -> bool {
    let any = format!("any-label.{name}");
    !name.as_str().contains('.')
        || psl::suffix_str(name.as_str()) == Some(name.as_str())
        || psl::suffix_str(&any) == Some(&any)
}

fn ports(node: Option<&Node>, protocol: Protocol, faults: &mut Faults) -> Option<Vec<u16>> {
    let Some(node) = node else { return Some(vec![protocol.default_port()]) };
    let (mut found, mut good) = (Vec::new(), true);
    for (text, span) in texts(Some(node)) {
        let plain = !text.starts_with('+') && (text.len() == 1 || !text.starts_with('0'));
        match text.parse::<u16>().ok().filter(|port| *port != 0 && plain) {
            Some(port) if found.contains(&port) => {
                let message = format!("port `{port}` stands twice");
                faults.error("policy.port", span, message, Some("keep one of them"));
                good = false;
            }
            Some(port) => found.push(port),
            None => {
                let message = format!("`{}` is not a port", quote(text));
                faults.error("policy.port", span, message, Some("ports are 1 to 65535"));
                good = false;
            }
        }
    }
    good &= not_empty(Some(node), "ports", faults);
    found.sort_unstable();
    good.then_some(found)
}

fn methods(node: Option<&Node>, faults: &mut Faults) -> Option<Vec<String>> {
    let (mut found, mut good) = (Vec::new(), true);
    for (text, span) in texts(node) {
        if text == "CONNECT"
            || text.is_empty()
            || !text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        {
            let message = format!("`{}` is not an HTTP method for a row", quote(text));
            let hint = "methods are upper-case words such as GET; a tunnel needs no method";
            faults.error("policy.method", span, message, Some(hint));
            good = false;
        } else {
            found.push(text.to_owned());
        }
    }
    good &= not_empty(node, "methods", faults);
    found.sort_unstable();
    found.dedup();
    good.then_some(found)
}

fn paths(node: Option<&Node>, faults: &mut Faults) -> Option<Vec<PathPattern>> {
    let (mut found, mut good) = (Vec::new(), true);
    for (text, span) in texts(node) {
        match PathPattern::parse(text) {
            Ok(pattern) => found.push(pattern),
            Err(why) => {
                let message = format!("`{}` is not a path pattern: {why}", quote(text));
                let hint = "write `/exact/path`, `/one/*/segment` or `/all/below/**`";
                faults.error("policy.path", span, message, Some(hint));
                good = false;
            }
        }
    }
    good &= not_empty(node, "paths", faults);
    found.sort();
    found.dedup();
    good.then_some(found)
}

/// Empty means deny: an empty list here would read as "all", so it is refused.
fn not_empty(node: Option<&Node>, name: &str, faults: &mut Faults) -> bool {
    let Some(node) = node.filter(|n| matches!(n.value, Value::List(_)) && n.items().is_empty())
    else {
        return true;
    };
    let message = format!("`{name}` is empty: the row could never match");
    faults.error(
        "policy.value",
        node.span,
        message,
        Some(&format!("leave `{name}` out to get its default")),
    );
    false
}
