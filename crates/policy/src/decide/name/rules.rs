//! The names of a policy as a list of rules, for those who cannot ask [`super::decide_name`]:
//! resolvers that take a zone. What such a list cannot say is said beside it.
//!
//! INVARIANT: no name that `decide_name` refuses is opened by the rules. Where a list cannot say a
//! thing exactly (record types, a depth, a date), it says less, or the difference is reported.
//! Next: `egress`.

use super::Asker;
use crate::document::HostPattern;
use crate::policy::{Policy, TenantRules};
use backstop_model::host::HostName;
use backstop_model::name::{NameGate, NamePart, NameRule, NameScope, QueryName, QueryType};
use backstop_model::standing::{Standing, Subject};
use backstop_model::time::Timestamp;
use std::collections::BTreeSet;

/// The rules of one subject, and what they do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRules {
    /// The rules, sorted by name.
    pub rules: Vec<NameRule>,
    /// Exact names that are open.
    pub exact: usize,
    /// Wildcard rows.
    pub wildcards: usize,
    /// Record types that any of the rows lists, sorted: the rules do not tell which row which.
    pub types: Vec<QueryType>,
    /// Until when the tenant only observes. The rules enforce all the same.
    pub observes_until: Option<Timestamp>,
    /// Whether the tenant's clients may ask for services of their own namespace. The rules leave
    /// them closed: a list cannot say how deep they go.
    pub cluster: bool,
}

/// What a subject may ask for: a tenant's rows, or those names of them that the acting skill
/// declares. Grants and quarantines are no part of the policy, and of the rules neither.
///
/// # Errors
/// A sentence for the operator: no such tenant, or a skill that may not act there.
pub fn name_rules(
    policy: &Policy,
    subject: &Subject,
    scope: NameScope,
    now: Timestamp,
) -> Result<NameRules, String> {
    let tenant = policy
        .tenant(&subject.tenant)
        .ok_or_else(|| format!("no Tenant document is called `{}`", subject.tenant))?;
    let standing = Standing::default();
    let asker = Asker { policy, tenant: Some(tenant), subject, scope, standing: &standing, now };
    let (exact, below) = match scope {
        NameScope::Tenant => of_rows(tenant),
        NameScope::Skill => (of_skill(&asker, tenant)?, BTreeSet::new()),
    };
    let mut list = List::default();
    for name in &exact {
        list.add(QueryName::of_host(name), NamePart::Itself, NameGate::Open);
    }
    for base in &below {
        let base_name = QueryName::of_host(base);
        list.add(base_name.clone(), NamePart::Below, NameGate::Open);
        list.suffixes_below(&base_name);
    }
    list.searches(tenant, &exact, &below);
    let types: BTreeSet<QueryType> =
        tenant.document.egress.iter().flat_map(|row| row.dns.types.iter()).copied().collect();
    let dns = &tenant.document.dns;
    Ok(NameRules {
        rules: list.sorted(),
        exact: exact.len(),
        wildcards: below.len(),
        types: types.into_iter().collect(),
        observes_until: tenant.document.observe_until.filter(|until| now < *until),
        cluster: !dns.cidrs.is_empty(),
    })
}

type Hosts<'p> = BTreeSet<&'p HostName>;

/// Exact names and the bases of wildcards. Rows for addresses are about no name.
fn of_rows(tenant: &TenantRules) -> (Hosts<'_>, Hosts<'_>) {
    let (mut exact, mut below) = (BTreeSet::new(), BTreeSet::new());
    for row in &tenant.document.egress {
        match &row.target.host {
            HostPattern::Exact(name) => {
                exact.insert(name);
            }
            HostPattern::Below(base) => {
                below.insert(base);
            }
            HostPattern::Address(_) => {}
        }
    }
    (exact, below)
}

/// What the acting skill declares and the tenant allows, by the deciding function's own look-up.
fn of_skill<'p>(asker: &Asker<'p>, tenant: &'p TenantRules) -> Result<Hosts<'p>, String> {
    let id = asker.subject.skill.as_ref().ok_or("a skill is needed to say what it may ask for")?;
    let skill =
        asker.policy.skill_of(tenant, asker.subject.role.as_ref(), &id.name, &id.version)?;
    let hosts = skill.document.requirements.iter().filter_map(|target| match &target.host {
        HostPattern::Exact(name) => Some(name),
        HostPattern::Below(_) | HostPattern::Address(_) => None,
    });
    Ok(hosts.filter(|name| asker.allowed(tenant, name).is_ok()).collect())
}

#[derive(Default)]
struct List(Vec<NameRule>);

impl List {
    fn add(&mut self, name: QueryName, part: NamePart, gate: NameGate) {
        self.0.push(NameRule { name, part, gate });
    }

    /// Public suffixes below a wildcard's base: what lies under them is somebody else's.
    fn suffixes_below(&mut self, base: &QueryName) {
        for line in SUFFIXES.lines().filter(|line| !line.starts_with('#')) {
            let (text, alone) = match line.strip_prefix("*.") {
                Some(text) => (text, false),
                None => (line, true),
            };
            let Some(name) = QueryName::from_text(text) else { continue };
            if name.below(base).is_none_or(|left| alone && left.len() == 0) {
                continue;
            }
            if alone {
                self.add(name.clone(), NamePart::Itself, NameGate::Closed);
            }
            self.add(name, NamePart::Below, NameGate::Closed);
        }
    }

    /// Allowed names with a search suffix, where a wildcard row would let them out.
    fn searches(&mut self, tenant: &TenantRules, exact: &Hosts<'_>, below: &Hosts<'_>) {
        let bases: Vec<QueryName> = below.iter().map(|base| QueryName::of_host(base)).collect();
        for suffix in tenant.search_suffixes() {
            if !bases.iter().any(|base| suffix.below(base).is_some()) {
                continue;
            }
            self.add(suffix.clone(), NamePart::Itself, NameGate::Closed);
            for (hosts, part) in [(exact, NamePart::Itself), (below, NamePart::Below)] {
                for host in hosts {
                    let labels = host.labels().map(str::as_bytes).chain(suffix.labels());
                    // A name that is too long cannot be asked for.
                    if let Some(name) = QueryName::of_labels(labels) {
                        self.add(name, part, NameGate::Closed);
                    }
                }
            }
        }
    }

    /// One rule for each name and part. An exact row is stronger than what closes its name, and
    /// what closes all below a name is stronger than a row, as in `decide_name`.
    fn sorted(mut self) -> Vec<NameRule> {
        let rank = |rule: &NameRule| match (rule.part, rule.gate) {
            (NamePart::Itself, NameGate::Open) | (NamePart::Below, NameGate::Closed) => 0,
            (NamePart::Itself, NameGate::Closed) | (NamePart::Below, NameGate::Open) => 1,
        };
        self.0.sort_by(|a, b| {
            let place = |rule: &NameRule| (rule.part, rank(rule));
            a.name.as_wire().cmp(b.name.as_wire()).then(place(a).cmp(&place(b)))
        });
        self.0.dedup_by(|next, kept| next.name == kept.name && next.part == kept.part);
        self.0
    }
}

const SUFFIXES: &str = include_str!("../../../data/suffixes_below.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_what_the_crate_says_of_it() {
        let mut lines = 0;
        for line in SUFFIXES.lines().filter(|line| !line.starts_with('#')) {
            lines += 1;
            let (under, deeper) = match line.strip_prefix("*.") {
                Some(name) => (format!("x.{name}"), format!("y.x.{name}")),
                None => (line.to_owned(), format!("x.{line}")),
            };
            assert_eq!(psl::suffix_str(&under), Some(under.as_str()), "{line}");
            assert_eq!(psl::domain_str(&deeper).map(str::len), Some(deeper.len()), "{line}");
            let name = line.strip_prefix("*.").unwrap_or(line);
            assert!(HostName::parse(name).is_ok(), "{line}");
        }
        assert!(lines > 1_000, "the list is there");
    }
}
