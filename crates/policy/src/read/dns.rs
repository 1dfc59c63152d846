//! What documents say of look-ups: `dns:` of a row and of a tenant. Next: `target`.

use super::tenant::private;
use super::{texts, word};
use crate::decode::quote;
use crate::diagnostic::{Faults, Span};
use crate::document::{NameEch, RowDns, TenantDns};
use crate::yaml::{Node, Value};
use backstop_model::host::HostName;
use backstop_model::name::QueryType;
use std::sync::{Arc, LazyLock};

/// What may be asked for where a row does not say it: what a client needs to connect. Nearly all rows
/// share it.
static USUAL: LazyLock<Arc<[QueryType]>> = LazyLock::new(|| {
    let types =
        [QueryType::A, QueryType::CNAME, QueryType::AAAA, QueryType::SVCB, QueryType::HTTPS];
    Arc::from(types)
});

pub(super) fn of_row(node: Option<&Node>, faults: &mut Faults) -> RowDns {
    let given = node.and_then(|node| node.get("types"));
    let mut types: Vec<QueryType> = texts(given).filter_map(|t| query_type(t, faults)).collect();
    types.sort_unstable();
    types.dedup();
    match given {
        None => {}
        Some(list) if matches!(list.value, Value::List(_)) && list.items().is_empty() => {
            let message = "`types` is empty: nothing could be asked about the host".to_owned();
            let hint = "leave `types` out to get its default";
            faults.error("policy.value", list.span, message, Some(hint));
        }
        Some(_) => {}
    }
    let words = [("strip", NameEch::Strip), ("keep", NameEch::Keep)];
    let ech = word(node.and_then(|node| node.get("ech")), "ech", &words, faults);
    let types = if given.is_some() { types.into() } else { Arc::clone(&USUAL) };
    RowDns { types, ech: ech.unwrap_or(NameEch::Strip) }
}

fn query_type((text, span): (&str, Span), faults: &mut Faults) -> Option<QueryType> {
    let found = QueryType::parse(text);
    if found.is_none() {
        let message = format!("`{}` is not a record type", quote(text));
        let hint = "write a name as `AAAA`, or `TYPE65`";
        faults.error("policy.value", span, message, Some(hint));
    }
    found
}

pub(super) fn of_tenant(node: Option<&Node>, faults: &mut Faults) -> TenantDns {
    let Some(node) = node else { return TenantDns::default() };
    let search = texts(node.get("searchSuffixes"));
    let search = search.filter_map(|(text, span)| domain(text, span, faults)).collect();
    let zone = node.get("clusterZone");
    let zone = zone.and_then(|zone| domain(zone.text()?, zone.span, faults));
    let cidrs = private(node.get("clusterCidrs"), "clusterCidrs", faults);
    if let (None, false, Some(list)) = (&zone, cidrs.is_empty(), node.get("clusterCidrs")) {
        let message = "`clusterCidrs` means nothing without a `clusterZone`".to_owned();
        faults.error("policy.value", list.span, message, Some("add `clusterZone: cluster.local`"));
    }
    TenantDns { search, zone, cidrs: cidrs.into_iter().map(|(cidr, _)| cidr).collect() }
}

fn domain(text: &str, span: Span, faults: &mut Faults) -> Option<HostName> {
    match HostName::parse(text) {
        Ok(name) => Some(name),
        Err(fault) => {
            let message = format!("`{}` is not a domain: {}", quote(text), fault.why);
            faults.error("policy.host", span, message, Some("write `svc.cluster.local`"));
            None
        }
    }
}
