//! The trap of allowlists written as `*` that refuses beside names that pass: other resolvers let
//! through what the author believes refused. Must not know files. Next: `decide`.
//!
//! A name in a zone makes its parents exist, and a wildcard stands for no name below one that exists
//! (RFC 4592 §2.2.2). So `*. CNAME .` with `api.example.com CNAME rpz-passthru.` lets
//! `anything.example.com` and `anything.api.example.com` through in BIND and unbound.

use super::action::Action;
use super::table::{Kind, Names, Reach};
use backstop_model::name::QueryName;

/// What to say of a zone that other resolvers would read otherwise than its author; `None` if there
/// is nothing. Names that would leak are shown.
pub(super) fn warning(names: &Names) -> Option<String> {
    let refusing: Vec<QueryName> = names
        .rules()
        .filter(|(_, reach, kind)| {
            *reach == Reach::Below
                && matches!(kind, Kind::Fixed(Action::Nxdomain | Action::Nodata | Action::Drop))
        })
        .filter_map(|(name, ..)| QueryName::parse(name))
        .take(WILDCARDS)
        .collect();
    let mut leaks: Vec<String> = Vec::new();
    let mut count = 0usize;
    if refusing.is_empty() {
        return None;
    }
    for (wire, _, kind) in names.rules() {
        if kind != Kind::Fixed(Action::Passthru) {
            continue;
        }
        let Some(name) = QueryName::parse(wire) else { continue };
        let covered = refusing.iter().any(|base| base != &name && name.below(base).is_some());
        let mut open = false;
        for suffix in name.suffixes().filter(|_| covered) {
            let Some(parent) = QueryName::parse(suffix) else { continue };
            let beyond = refusing.contains(&parent);
            if beyond {
                break;
            }
            let labels = std::iter::once(PROBE).chain(parent.labels());
            let Some(probe) = QueryName::of_labels(labels) else { continue };
            // Where the parent has a wildcard of its own, that one stands.
            if names.get(&parent, Reach::Below).is_none() {
                open = true;
                let text = probe.to_string();
                if leaks.len() < SHOWN && !leaks.contains(&text) {
                    leaks.push(text);
                }
            }
        }
        count += usize::from(open);
    }
    (!leaks.is_empty()).then(|| {
        format!(
            "{count} rules that pass stand under a wildcard that refuses: BIND and unbound read that as holes (RFC 4592 §2.2.2) and would let through `{}`; here the wildcard holds; `backstop render rpz` writes a zone without holes",
            leaks.join("`, `")
        )
    })
}

const PROBE: &[u8] = b"anything";
const SHOWN: usize = 3;
/// LIMIT: wildcards that are held against each rule that passes.
const WILDCARDS: usize = 64;
