//! What each resolver must be told so that the zone means what it says. Each line is needed: the
//! tests run these words in the real programs. Next: `transfer`.

use super::text::{absolute, rest_origin};
use crate::wire::tsig::Key;
use backstop_model::name::QueryName;
use std::net::SocketAddr;

/// A resolver that takes policy zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// BIND 9 (`named`).
    Bind9,
    /// NLnet Labs' unbound.
    Unbound,
    /// PowerDNS Recursor.
    PdnsRecursor,
    /// Knot Resolver 5 (`kresd`).
    Knot,
}

/// Where it has the zone from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// A file.
    File(&'a str),
    /// A primary, and the key to sign with.
    Transfer(SocketAddr, &'a Key),
}

/// What goes into its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// Inside `options { }` of BIND or `server:` of unbound.
    pub options: String,
    /// At the top: clauses, or the Lua that PowerDNS and Knot are told policies in.
    pub clauses: String,
}

/// The words for a program; `None` where it cannot have the zone in this way. `rest` is the file of
/// the second zone.
#[must_use]
pub fn snippet(
    program: Program,
    zone: &QueryName,
    origin: Origin<'_>,
    rest: &str,
) -> Option<Snippet> {
    let name = |zone: &QueryName| absolute(zone).trim_end_matches('.').to_owned();
    let names = [name(zone), name(&rest_origin(zone))];
    match (program, origin) {
        (Program::Bind9, _) => Some(bind9(&names, origin, rest)),
        (Program::Unbound, Origin::File(path)) => Some(unbound(&names, path, rest)),
        (Program::PdnsRecursor, _) => Some(pdns(&names, origin)),
        (Program::Knot, Origin::File(path)) => Some(knot(path)),
        // unbound signs no transfers, and Knot Resolver has none.
        (Program::Unbound | Program::Knot, Origin::Transfer(..)) => None,
    }
}

fn bind9([name, behind]: &[String; 2], origin: Origin<'_>, rest: &str) -> Snippet {
    let options = format!(
        "// Without break-dnssec a client opens every name by setting DO=1; without\n\
         // qname-wait-recurse no, a refused name is asked of its own servers first; without\n\
         // recursive-only no, a client opens what is cached by RD=0; without the second zone\n\
         // names with `*` for a label are open. BIND 9.20: add servfail-until-ready yes.\n\
         response-policy {{\n    zone \"{name}\" policy given recursive-only no;\n    \
         zone \"{behind}\" policy given recursive-only no;\n}} break-dnssec yes\n  \
         qname-wait-recurse no\n  recursive-only no\n  nsip-enable no\n  nsdname-enable no;\n"
    );
    // Nobody may read out of the zone what is allowed.
    let shut = "    allow-query { none; };\n    allow-transfer { none; };\n";
    let file = |name: &str, path: &str| {
        format!("zone \"{name}\" {{\n    type primary;\n    file \"{path}\";\n{shut}}};\n")
    };
    let first = match origin {
        Origin::File(path) => file(name, path),
        Origin::Transfer(primary, key) => format!(
            "// key \"{key_name}\" {{ algorithm {algorithm}; secret \"…\"; }};\n\
             zone \"{name}\" {{\n    type secondary;\n    file \"{name}.db\";\n    \
             masterfile-format text;\n    \
             primaries {{ {address} port {port} key \"{key_name}\"; }};\n    \
             allow-notify {{ key \"{key_name}\"; }};\n{shut}}};\n",
            key_name = key.name(),
            algorithm = key.algorithm().text(),
            address = primary.ip(),
            port = primary.port(),
        ),
    };
    Snippet { options, clauses: first + &file(behind, rest) }
}

fn unbound([name, behind]: &[String; 2], path: &str, rest: &str) -> Snippet {
    let zone = |name: &str, path: &str| {
        format!("rpz:\n    name: \"{name}\"\n    zonefile: \"{path}\"\n    rpz-log: yes\n")
    };
    Snippet {
        options:
            "# respip must stand in front: it is what reads the zones. Without the second zone\n\
                  # names with `*` for a label are open.\n\
                  module-config: \"respip validator iterator\"\n"
                .to_owned(),
        clauses: zone(name, path) + &zone(behind, rest),
    }
}

fn pdns([name, _]: &[String; 2], origin: Origin<'_>) -> Snippet {
    let line = match origin {
        Origin::File(path) => format!("rpzFile(\"{path}\", {{policyName=\"{name}\"}})\n"),
        Origin::Transfer(primary, key) => format!(
            "rpzPrimary(\"{primary}\", \"{name}\", {{tsigname=\"{}\", tsigalgo=\"{}\", \
             tsigsecret=\"…\", refresh=60}})\n",
            key.name(),
            key.algorithm().text(),
        ),
    };
    // The second zone would refuse everything here: clients are looked at before names.
    let clauses = format!("-- in the file that lua-config-file of recursor.conf names\n{line}");
    Snippet { options: String::new(), clauses }
}

fn knot(path: &str) -> Snippet {
    Snippet {
        options: String::new(),
        // In kresd PASS ends the rules, a forwarding one behind it too: so it is put in its place.
        clauses: format!(
            "-- UPSTREAM is policy.STUB({{'ADDR'}}) or policy.FORWARD({{'ADDR'}}), or policy.PASS where\n\
             -- kresd recurses by itself.\n\
             local backstop = policy.rpz(policy.DENY, '{path}')\n\
             policy.add(function (req, query)\n    \
             local action = backstop(req, query)\n    \
             if action == policy.PASS then return UPSTREAM end\n    \
             return action or policy.DENY\nend)\n"
        ),
    }
}
