//! `egress.*`: tenant ∩ role ∩ skill, and whether the path sees enough.
//!
//! Rows only add: of all rows that name the destination, the one that fits best speaks.
//! A person's grant stands in for the row and the requirement of one host and port; it never
//! stands in for a skill that the tenant does not list or approve.
//! Next: `wire`.

use super::Reasons;
use crate::document::{Ech, Row, Target};
use crate::policy::{Policy, TenantRules};
use backstop_model::attempt::{Act, Attempt, Inspection};
use backstop_model::control::Control;
use backstop_model::destination::Protocol;
use backstop_model::host::Host;
use backstop_model::id::GrantId;
use backstop_model::standing::{Grant, Standing, Subject};
use backstop_model::time::Timestamp;

/// What `egress.*` leaves for the controls after it.
pub(super) struct Found<'p> {
    /// The row that speaks, if the tenant has one.
    pub(super) row: Option<&'p Row>,
    /// The grant that the answer leans on.
    pub(super) grant: Option<GrantId>,
}

/// How well a row fits an attempt; the least is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Fits,
    /// It fits, but for the encrypted ClientHello.
    Encrypted,
    /// It asks to see more than this path shows.
    Unseen,
    /// Another path than its own.
    Path,
    /// Another method than its own.
    Method,
}

pub(super) fn judge<'p>(
    policy: &'p Policy,
    tenant: Option<&'p TenantRules>,
    subject: &Subject,
    standing: &Standing,
    attempt: &Attempt,
    now: Timestamp,
    reasons: &mut Reasons,
) -> Found<'p> {
    let Some(tenant) = tenant else {
        let text = format!("no Tenant document is called `{}`", subject.tenant);
        reasons.deny(Control::EgressTenant, text);
        let text = "without a tenant no skill may act".to_owned();
        reasons.deny(Control::EgressSkill, text);
        return Found { row: None, grant: None };
    };
    let grant = grant(subject, standing, attempt, now);
    let row = best(tenant.rows(&attempt.destination).map(|row| (row_fit(row, attempt), row)));
    let (row, row_grant, row_unseen) = of_tenant(tenant, row, grant, attempt, reasons);
    let (skill_grant, skill_unseen) = of_skill(policy, tenant, subject, grant, attempt, reasons);
    uninspected(row_unseen, skill_unseen, attempt, reasons);
    Found { row, grant: row_grant.or(skill_grant).map(|grant| grant.id.clone()) }
}

/// What of the path's sight bears on a row or requirement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    NotNeeded,
    Enough,
    Short(Inspection),
}

fn of_tenant<'p, 'g>(
    tenant: &TenantRules,
    row: Option<(Fit, &'p Row)>,
    grant: Option<&'g Grant>,
    attempt: &Attempt,
    reasons: &mut Reasons,
) -> (Option<&'p Row>, Option<&'g Grant>, Sight) {
    let control = Control::EgressTenant;
    if let Some((fit, row)) = row {
        match (fit, grant) {
            (Fit::Fits | Fit::Encrypted, Some(_) | None) | (Fit::Unseen, None) => {
                let text = format!("the row `{}` of `{}`", row.target.host, tenant.document.name);
                reasons.pass(control, text);
                return (Some(row), None, sight(row_needs(row), attempt.sight));
            }
            (Fit::Path | Fit::Method, None) => {
                let what = mismatch(fit, attempt);
                let text = format!("the row `{}` does not allow {what}", row.target.host);
                reasons.deny(control, text);
                return (Some(row), None, Sight::NotNeeded);
            }
            (Fit::Unseen | Fit::Path | Fit::Method, Some(grant)) => {
                reasons.pass(control, granted(grant));
                return (Some(row), Some(grant), Sight::NotNeeded);
            }
        }
    }
    if let Some(grant) = grant {
        reasons.pass(control, granted(grant));
        return (None, Some(grant), Sight::NotNeeded);
    }
    let destination = &attempt.destination;
    let text = format!(
        "the tenant `{}` has no row for {destination} {}",
        tenant.document.name,
        destination.protocol.as_str()
    );
    reasons.deny(control, text);
    (None, None, Sight::NotNeeded)
}

fn of_skill<'g>(
    policy: &Policy,
    tenant: &TenantRules,
    subject: &Subject,
    grant: Option<&'g Grant>,
    attempt: &Attempt,
    reasons: &mut Reasons,
) -> (Option<&'g Grant>, Sight) {
    let control = Control::EgressSkill;
    let Some(id) = &subject.skill else {
        reasons.deny(control, "the credential names no skill".to_owned());
        return (None, Sight::NotNeeded);
    };
    let rules = match policy.skill_of(tenant, subject.role.as_ref(), &id.name, &id.version) {
        Ok(rules) => rules,
        Err(text) => {
            reasons.deny(control, text);
            return (None, Sight::NotNeeded);
        }
    };
    if rules.id.digest != id.digest {
        let text = format!("the manifest of `{id}` has changed since the session was opened");
        reasons.deny(control, text);
        return (None, Sight::NotNeeded);
    }
    let fits = rules.requirements(&attempt.destination).map(|t| (target_fit(t, attempt), t));
    let required = best(fits);
    match (required, grant) {
        (Some((Fit::Fits | Fit::Encrypted, target)), Some(_) | None)
        | (Some((Fit::Unseen, target)), None) => {
            reasons.pass(control, format!("`{id}` declares `{}`", target.host));
            (None, sight(target_needs(target), attempt.sight))
        }
        (Some((Fit::Unseen | Fit::Path | Fit::Method, _)) | None, Some(grant)) => {
            reasons.pass(control, granted(grant));
            (Some(grant), Sight::NotNeeded)
        }
        (Some((fit @ (Fit::Path | Fit::Method), target)), None) => {
            let what = mismatch(fit, attempt);
            reasons.deny(control, format!("`{id}` declares `{}`, but not {what}", target.host));
            (None, Sight::NotNeeded)
        }
        (None, None) => {
            let destination = &attempt.destination;
            let protocol = destination.protocol.as_str();
            reasons.deny(control, format!("`{id}` does not declare {destination} {protocol}"));
            (None, Sight::NotNeeded)
        }
    }
}

fn uninspected(row: Sight, requirement: Sight, attempt: &Attempt, reasons: &mut Reasons) {
    let control = Control::EgressUninspected;
    let needed = match (row, requirement) {
        (Sight::NotNeeded, Sight::NotNeeded) => return,
        (Sight::Short(one), Sight::Short(other)) => one.max(other),
        (Sight::Short(one), Sight::NotNeeded | Sight::Enough)
        | (Sight::NotNeeded | Sight::Enough, Sight::Short(one)) => one,
        (Sight::Enough, Sight::Enough | Sight::NotNeeded) | (Sight::NotNeeded, Sight::Enough) => {
            reasons.pass(control, String::new());
            return;
        }
    };
    let who = match (row, requirement) {
        (Sight::Short(_), _) => "the row",
        (Sight::NotNeeded | Sight::Enough, _) => "the skill's requirement",
    };
    let what = match needed {
        Inspection::Windows | Inspection::Body => "bodies",
        Inspection::Headers => "request heads",
        Inspection::None | Inspection::Sni => "names",
    };
    let text = format!(
        "{who} has rules about {what}, and this path sees no more than `{}`",
        attempt.sight
    );
    reasons.deny(control, text);
}

/// The grant for exactly this tenant, skill, host and port that has not ended.
fn grant<'g>(
    subject: &Subject,
    standing: &'g Standing,
    attempt: &Attempt,
    now: Timestamp,
) -> Option<&'g Grant> {
    let Host::Name(host) = &attempt.destination.host else { return None };
    let skill = subject.skill.as_ref()?;
    standing.grants.iter().find(|grant| {
        grant.tenant == subject.tenant
            && grant.skill == skill.name
            && grant.host == *host
            && grant.port == attempt.destination.port
            && now < grant.until
    })
}

fn granted(grant: &Grant) -> String {
    format!("the grant `{}` until {}", grant.id, grant.until)
}

/// The best fit; of equals the first, which is the most specific.
fn best<T>(candidates: impl Iterator<Item = (Fit, T)>) -> Option<(Fit, T)> {
    let mut best: Option<(Fit, T)> = None;
    for (fit, candidate) in candidates {
        if fit == Fit::Fits {
            return Some((fit, candidate));
        }
        if best.as_ref().is_none_or(|(least, _)| fit < *least) {
            best = Some((fit, candidate));
        }
    }
    best
}

fn row_fit(row: &Row, attempt: &Attempt) -> Fit {
    let hidden = match &attempt.act {
        Act::Hello { ech, .. } => *ech && attempt.destination.protocol == Protocol::Https,
        Act::Connect | Act::Opaque | Act::Request { .. } => false,
    };
    match target_fit(&row.target, attempt) {
        Fit::Fits if row_needs(row) > attempt.sight => Fit::Unseen,
        Fit::Fits if hidden && row.ech == Ech::Refuse => Fit::Encrypted,
        fit @ (Fit::Fits | Fit::Encrypted | Fit::Unseen | Fit::Path | Fit::Method) => fit,
    }
}

fn target_fit(target: &Target, attempt: &Attempt) -> Fit {
    if target_needs(target) > attempt.sight {
        return Fit::Unseen;
    }
    let (method, path) = match &attempt.act {
        Act::Request { method, path } => (method, path),
        Act::Connect | Act::Hello { .. } | Act::Opaque => return Fit::Fits,
    };
    if !target.methods.is_empty() && !target.methods.contains(method) {
        return Fit::Method;
    }
    if !target.paths.is_empty() && !target.paths.iter().any(|p| p.matches(path)) {
        return Fit::Path;
    }
    Fit::Fits
}

fn target_needs(target: &Target) -> Inspection {
    if target.methods.is_empty() && target.paths.is_empty() {
        Inspection::None
    } else {
        Inspection::Headers
    }
}

fn row_needs(row: &Row) -> Inspection {
    match &row.recipient {
        None if row.dlp.names.is_none() && row.dlp.threshold.is_none() => target_needs(&row.target),
        Some(_) | None => Inspection::Windows,
    }
}

fn sight(needed: Inspection, sight: Inspection) -> Sight {
    match needed {
        Inspection::None => Sight::NotNeeded,
        Inspection::Sni | Inspection::Headers | Inspection::Windows | Inspection::Body => {
            if sight >= needed { Sight::Enough } else { Sight::Short(needed) }
        }
    }
}

fn mismatch(fit: Fit, attempt: &Attempt) -> String {
    match (&attempt.act, fit) {
        (Act::Request { method, .. }, Fit::Method) => {
            format!("the method `{}`", crate::decode::quote(method))
        }
        (Act::Request { path, .. }, _) => format!("the path `{}`", crate::decode::quote(path)),
        (Act::Connect | Act::Hello { .. } | Act::Opaque, _) => "this".to_owned(),
    }
}
