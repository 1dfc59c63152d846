//! The deciding function for names: pure and total, as [`decide`](super::decide) is.
//!
//! ```text
//!  class ─ exact row ─ search suffix ─ wildcard row ─ own namespace ─ refused
//! ```
//! INVARIANT: no text here repeats a name that nobody declared: its labels may be the data.
//! INVARIANT: what no row and no requirement names is refused. There is no closest encloser
//! (RFC 4592 §3.3.1) here: a name beside, above or below an allowed one shares nothing with it.
//! Case, class, type and header bits open nothing: the first is folded away before, the others
//! can only refuse.
//!
//! A declared name asked for an undeclared type is answered empty (NODATA), not NXDOMAIN: the
//! latter says that the *name* has no records at all (RFC 8020), so that a cache keeps it against
//! the addresses of the same name, and musl, which asks A and AAAA side by side, takes one
//! NXDOMAIN for the answer to both.
//! Next: `egress`.

mod rules;

pub use rules::{NameRules, name_rules};

use super::{Reasons, quarantine};
use crate::document::{HostPattern, NameEch, Row};
use crate::policy::{Policy, TenantRules};
use backstop_model::addr::Cidr;
use backstop_model::control::Control;
use backstop_model::finding::Acts;
use backstop_model::host::{Host, HostName};
use backstop_model::id::GrantId;
use backstop_model::name::{CLASS_IN, NameScope, NameSign, QueryName, QueryType};
use backstop_model::standing::{Grant, Standing, Subject};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Reason, Ruling, Verdict};

/// A question for a name, without its asker.
#[derive(Debug, Clone, Copy)]
pub struct NameAsked<'a> {
    /// The name.
    pub name: &'a QueryName,
    /// The type.
    pub qtype: QueryType,
    /// The class.
    pub class: u16,
}

/// What the asker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameTold {
    /// The name may be asked upstream.
    Ask,
    /// NXDOMAIN, and nobody minds: a search suffix.
    Nothing,
    /// NODATA: the name is allowed, the type is not.
    Empty,
    /// NXDOMAIN: it is refused.
    Refused,
}

/// Which rule a name met.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NameRow {
    /// A row or a requirement names it, or a person's grant.
    Exact,
    /// It lies under a tenant's `*.base`.
    Wildcard(HostName),
    /// An allowed name with a search suffix, or a suffix alone.
    SearchSuffix,
    /// A service of the own namespace.
    Cluster,
    /// None.
    None,
}

/// What answers to a permitted name must keep to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameTerms {
    /// Private networks that its addresses may lie in.
    pub allow_private: Vec<Cidr>,
    /// Whether ECH keys stay in HTTPS and SVCB records.
    pub keeps_ech: bool,
    /// The types that may be asked for, sorted; none where the name is not allowed.
    pub types: Vec<QueryType>,
}

/// The whole answer of [`decide_name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameDecision {
    /// What the asker is told.
    pub told: NameTold,
    /// Which rule the name met.
    pub row: NameRow,
    /// Each control's answer, in order.
    pub reasons: Vec<Reason>,
    /// What answers must keep to.
    pub terms: NameTerms,
    /// The grant that this leans on, if any.
    pub grant: Option<GrantId>,
}

impl NameDecision {
    /// The verdict: whatever is not asked upstream is refused, a search suffix apart.
    pub fn verdict(&self) -> Verdict {
        match self.told {
            NameTold::Ask | NameTold::Nothing => Verdict::Allow,
            NameTold::Empty | NameTold::Refused => Verdict::Deny,
        }
    }
    /// The control that refused, and why.
    pub fn deciding(&self) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.ruling == Ruling::Deny)
    }
}

/// Decides a question for a name.
///
/// Pure: the same arguments give the same decision. Total: it answers for all of them. `signs`
/// are what is known of the name's shape and of what its client has asked before; they never
/// loosen a verdict.
pub fn decide_name(
    policy: &Policy,
    subject: &Subject,
    scope: NameScope,
    standing: &Standing,
    asked: NameAsked<'_>,
    signs: &[NameSign],
    now: Timestamp,
) -> NameDecision {
    let tenant = policy.tenant(&subject.tenant);
    let until = tenant.and_then(|t| t.document.observe_until);
    let mut reasons = Reasons::new(until.filter(|until| now < *until));
    quarantine(standing, &mut reasons);
    let asker = Asker { policy, tenant, subject, scope, standing, now };
    let found = asker.find(asked.name);
    match &found.refused {
        None => reasons.pass(Control::DnsUndeclared, found.by.clone()),
        Some(why) => reasons.deny(Control::DnsUndeclared, why.clone()),
    }
    if asked.class != CLASS_IN {
        // Nothing is known of other classes anywhere upstream: observing would learn nothing.
        let text = format!("class {} is not the Internet", asked.class);
        reasons.deny_always(Control::DnsUndeclared, text);
    }
    let allowed = refusal(&reasons.list).is_none();
    if let Some(text) = found.refused_type(asked.qtype) {
        if is_transfer(asked.qtype) {
            reasons.deny_always(Control::DnsUndeclared, text);
        } else {
            reasons.deny(Control::DnsUndeclared, text);
        }
    }
    let of_type = refusal(&reasons.list).is_some();
    for sign in signs {
        match sign.acts {
            Acts::Note => reasons.flag(sign.control, sign.text.clone()),
            Acts::Block => reasons.deny(sign.control, sign.text.clone()),
        }
    }
    let told = match (&found.row, allowed, of_type, refusal(&reasons.list).is_some()) {
        (_, false, _, _) => NameTold::Refused,
        (NameRow::SearchSuffix, true, _, _) => NameTold::Nothing,
        (_, true, true, _) => NameTold::Empty,
        (_, true, false, true) => NameTold::Refused,
        (_, true, false, false) => NameTold::Ask,
    };
    let mut list = reasons.list;
    list.sort_by_key(|reason| reason.control);
    NameDecision { told, row: found.row, reasons: list, terms: found.terms, grant: found.grant }
}

fn refusal(list: &[Reason]) -> Option<&Reason> {
    list.iter().find(|reason| reason.ruling == Ruling::Deny)
}

/// Types that ask for a whole zone or carry keys: no observing tenant needs one to go out.
fn is_transfer(qtype: QueryType) -> bool {
    matches!(qtype.0, 0 | 41 | 249..=254)
}

struct Asker<'p> {
    policy: &'p Policy,
    tenant: Option<&'p TenantRules>,
    subject: &'p Subject,
    scope: NameScope,
    standing: &'p Standing,
    now: Timestamp,
}

/// What was found about one name.
struct Found {
    row: NameRow,
    /// Which row, in words; empty where it is refused.
    by: String,
    refused: Option<String>,
    terms: NameTerms,
    grant: Option<GrantId>,
}

impl Found {
    fn refused(why: String) -> Self {
        Self {
            row: NameRow::None,
            by: String::new(),
            refused: Some(why),
            terms: NameTerms::default(),
            grant: None,
        }
    }
    /// Why an allowed name may not be asked for this type.
    fn refused_type(&self, qtype: QueryType) -> Option<String> {
        let judged = match self.row {
            NameRow::Exact | NameRow::Wildcard(_) | NameRow::Cluster => true,
            // A zone transfer is not passed on, not even where the tenant observes.
            NameRow::None => is_transfer(qtype),
            NameRow::SearchSuffix => false,
        };
        (judged && !self.terms.types.contains(&qtype))
            .then(|| format!("{} may not ask for {qtype} records", self.what()))
    }
    fn what(&self) -> &str {
        if self.by.is_empty() { "a client" } else { &self.by }
    }
}

impl<'p> Asker<'p> {
    fn find(&self, name: &QueryName) -> Found {
        let Some(tenant) = self.tenant else {
            return Found::refused(format!(
                "no Tenant document is called `{}`",
                self.subject.tenant
            ));
        };
        let host = name.host();
        let direct = host.as_ref().map(|host| self.allowed(tenant, host));
        if let Some(Ok(found)) = &direct
            && found.row == NameRow::Exact
        {
            return direct.and_then(Result::ok).unwrap_or_else(|| Found::refused(String::new()));
        }
        if let Some(by) = self.search_suffix(tenant, name) {
            return Found {
                row: NameRow::SearchSuffix,
                by,
                refused: None,
                terms: NameTerms::default(),
                grant: None,
            };
        }
        match direct {
            Some(Ok(found)) => found,
            Some(Err(why)) => self.cluster(tenant, name).unwrap_or_else(|| Found::refused(why)),
            None => self
                .cluster(tenant, name)
                .unwrap_or_else(|| Found::refused("no host is called that".to_owned())),
        }
    }

    /// Whether tenant and, where it counts, skill name a host.
    fn allowed(&self, tenant: &'p TenantRules, host: &HostName) -> Result<Found, String> {
        let target = Host::Name(host.clone());
        let rows: Vec<&Row> = tenant.rows_of(&target).collect();
        let grant = self.grant(host);
        if rows.is_empty() && grant.is_none() {
            return Err(format!("the tenant `{}` has no row for this name", tenant.document.name));
        }
        let exact = rows.iter().any(|row| matches!(row.target.host, HostPattern::Exact(_)));
        let (row, by) = match self.scope {
            NameScope::Skill => {
                let by = self.required(tenant, &target, host, grant)?;
                (NameRow::Exact, by)
            }
            NameScope::Tenant => match rows.first() {
                Some(Row { target, .. }) if !exact && grant.is_none() => match &target.host {
                    HostPattern::Below(base) => {
                        (NameRow::Wildcard(base.clone()), format!("the row `{}`", target.host))
                    }
                    HostPattern::Exact(_) | HostPattern::Address(_) => {
                        (NameRow::Exact, format!("the row `{}`", target.host))
                    }
                },
                Some(row) => (NameRow::Exact, format!("the row `{}`", row.target.host)),
                None => (NameRow::Exact, "a person's grant".to_owned()),
            },
        };
        Ok(Found {
            row,
            by,
            refused: None,
            terms: terms(&rows),
            grant: grant.filter(|_| rows.is_empty()).map(|grant| grant.id.clone()),
        })
    }

    /// Whether the acting skill names a host, in words.
    fn required(
        &self,
        tenant: &TenantRules,
        target: &Host,
        host: &HostName,
        grant: Option<&Grant>,
    ) -> Result<String, String> {
        let Some(id) = &self.subject.skill else {
            return Err("the client acts as no skill".to_owned());
        };
        let role = self.subject.role.as_ref();
        let rules = self.policy.skill_of(tenant, role, &id.name, &id.version)?;
        if rules.id.digest != id.digest {
            return Err(format!("the manifest of `{id}` has changed since the session was opened"));
        }
        if rules.names(target) {
            return Ok(format!("`{id}`, which declares `{host}`,"));
        }
        match grant {
            Some(grant) => Ok(format!("the grant `{}` until {}", grant.id, grant.until)),
            None => Err(format!("`{id}` does not declare this name")),
        }
    }

    fn grant(&self, host: &HostName) -> Option<&'p Grant> {
        let skill = self.subject.skill.as_ref()?;
        self.standing.grants.iter().find(|grant| {
            grant.tenant == self.subject.tenant
                && grant.skill == skill.name
                && grant.host == *host
                && self.now < grant.until
        })
    }

    /// An allowed name with a search suffix, or a suffix alone: what a resolver asks by itself.
    fn search_suffix(&self, tenant: &'p TenantRules, name: &QueryName) -> Option<String> {
        tenant.search_suffixes().iter().find_map(|suffix| {
            let left = name.below(suffix)?;
            if left.len() == 0 {
                return Some(format!("the search suffix `{suffix}`"));
            }
            let host = QueryName::of_labels(left)?.host()?;
            self.allowed(tenant, &host).ok()?;
            Some(format!("`{host}` with the search suffix `{suffix}`"))
        })
    }

    /// A service of the own namespace: `SERVICE.NAMESPACE.svc.ZONE`, or a pod of it.
    fn cluster(&self, tenant: &'p TenantRules, name: &QueryName) -> Option<Found> {
        let dns = &tenant.document.dns;
        let zone = tenant.namespace().filter(|_| !dns.cidrs.is_empty())?;
        let left = name.below(zone)?.len();
        (1..=2).contains(&left).then(|| Found {
            row: NameRow::Cluster,
            by: format!("a service of `{zone}`"),
            refused: None,
            terms: NameTerms {
                allow_private: dns.cidrs.clone(),
                keeps_ech: false,
                types: vec![QueryType::A, QueryType::AAAA, QueryType::SRV],
            },
            grant: None,
        })
    }
}

/// Rows only add.
fn terms(rows: &[&Row]) -> NameTerms {
    let mut terms = NameTerms::default();
    for row in rows {
        terms.allow_private.extend(row.allow_private.iter().map(|(cidr, _)| *cidr));
        terms.keeps_ech |= row.dns.ech == NameEch::Keep;
        terms.types.extend(row.dns.types.iter());
    }
    if rows.is_empty() {
        terms.types = vec![QueryType::A, QueryType::AAAA];
    }
    terms.types.sort_unstable();
    terms.types.dedup();
    terms
}
