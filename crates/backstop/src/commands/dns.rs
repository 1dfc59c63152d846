//! `backstop dns explain`: which row decides about a name, and why. Nothing is asked and nothing
//! recorded.

use super::explain::{policy, reasons, skill};
use super::usage;
use crate::cli::{ExplainName, Format};
use crate::config::Config;
use crate::dns::Settings;
use crate::printer::Paint;
use anyhow::{Result, anyhow};
use backstop_dns::rpz::{Declared, Effect, Filter, Hit, Look};
use backstop_gate::{Clock as _, SystemClock};
use backstop_model::control::Control;
use backstop_model::id::{RoleName, SkillId, TenantName};
use backstop_model::name::{CLASS_IN, NameScope, QueryName, QueryType};
use backstop_model::standing::{Standing, Subject};
use backstop_model::verdict::Verdict;
use backstop_policy::{NameAsked, NameDecision, NameRow, NameTold, Policy, decide_name};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

/// Answers for one tenant, or for each that there is.
pub(crate) fn explain(config: &Config, asked: &ExplainName, format: Format) -> Result<ExitCode> {
    let policy = policy(config).map_err(usage)?;
    let name = QueryName::from_text(&asked.name)
        .ok_or_else(|| usage(anyhow!("`{}` is no name", asked.name.escape_debug())))?;
    let qtype = QueryType::parse(&asked.qtype)
        .ok_or_else(|| usage(anyhow!("`{}` is no record type", asked.qtype.escape_debug())))?;
    let acting = acting(&policy, asked).map_err(usage)?;
    let role = asked.role.as_deref().map(RoleName::parse).transpose();
    let role = role.map_err(|fault| usage(fault.into()))?;
    let tenants = match asked.tenant.as_deref() {
        Some(tenant) => vec![TenantName::parse(tenant).map_err(|fault| usage(fault.into()))?],
        None => policy.tenants().cloned().collect(),
    };
    if tenants.is_empty() {
        return Err(usage(anyhow!("the policy has no tenant")));
    }
    let dns = &config.dns;
    let filter = crate::rpz::look(&dns.rpz, dns.doh_endpoints, &config.state, (0, 0));
    let filter = filter.map_err(usage)?;
    let mut out = std::io::stdout().lock();
    let mut allowed = false;
    let mut documents = Vec::new();
    for tenant in tenants {
        let subject = Subject {
            session: None,
            tenant: tenant.clone(),
            role: role.clone(),
            skill: acting.clone(),
            ceiling: None,
        };
        let scope = if acting.is_some() { NameScope::Skill } else { NameScope::Tenant };
        let question = NameAsked { name: &name, qtype, class: CLASS_IN };
        let standing = Standing::default();
        let now = SystemClock.now();
        let decision = decide_name(&policy, &subject, scope, &standing, question, &[], now);
        let zones = zones(&filter, &name, &decision);
        let observes = policy.observes_until(&tenant).is_some_and(|until| now < until);
        let said =
            Said { name: &name, qtype, tenant: &tenant, decision, zones, observes, budgets: dns };
        allowed |= said.verdict() == Verdict::Allow;
        match format {
            Format::Json => documents.push(said.to_json()),
            Format::Text => said.print(&mut out)?,
        }
    }
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut out, &documents)?;
        writeln!(out)?;
    }
    Ok(ExitCode::from(u8::from(!allowed)))
}

fn acting(policy: &Policy, asked: &ExplainName) -> Result<Option<SkillId>> {
    let Some(text) = asked.skill.as_deref() else { return Ok(None) };
    let (name, version) = skill(policy, text)?;
    let found = version.as_ref().and_then(|version| policy.skill(&name, version));
    found.cloned().map(Some).ok_or_else(|| anyhow!("the skill `{text}` is not loaded"))
}

/// What a response policy zone says of a name that policy permits.
struct ZoneSays {
    evidence: String,
    /// The zone is not `disabled`.
    counts: bool,
    refuses: bool,
    answer: &'static str,
}

/// Those that would say something of the question; who asks and what is answered is not known here.
fn zones(filter: &Filter, name: &QueryName, decision: &NameDecision) -> Vec<ZoneSays> {
    if decision.told != NameTold::Ask {
        return Vec::new();
    }
    let declared = match decision.row {
        NameRow::Exact => Declared::ByName,
        NameRow::Wildcard(_) | NameRow::SearchSuffix | NameRow::Cluster | NameRow::None => {
            Declared::Otherwise
        }
    };
    let says = |hit: &Hit<'_>, counts| ZoneSays {
        evidence: hit.evidence(),
        counts,
        refuses: !matches!(hit.effect, Effect::Passthru | Effect::TcpOnly),
        answer: match hit.effect {
            Effect::Nxdomain => "NXDOMAIN",
            Effect::Nodata => "empty answer (NODATA)",
            Effect::Passthru | Effect::TcpOnly => "asked upstream",
            Effect::Drop => "no answer",
            Effect::Local(_) => "answered by the zone's own records",
            Effect::Alias(_) => "answered as another name, if policy permits that one",
        },
    };
    let mut all = Vec::new();
    let mut would = |hit: &Hit<'_>| all.push(says(hit, false));
    let counts =
        filter.question((None, Look::First), name, declared, &mut would, |hit| says(&hit, true));
    all.extend(counts);
    all
}

/// What would become of a question, as far as a process that asks nobody can know.
struct Said<'a> {
    name: &'a QueryName,
    qtype: QueryType,
    tenant: &'a TenantName,
    decision: NameDecision,
    zones: Vec<ZoneSays>,
    /// The tenant observes: what zones refuse is noted and answered.
    observes: bool,
    budgets: &'a Settings,
}

impl Said<'_> {
    /// The zone that refuses or replaces, if one does.
    fn stops(&self) -> Option<&ZoneSays> {
        self.zones.last().filter(|zone| zone.counts && zone.refuses && !self.observes)
    }

    /// The resolver's: policy, record types and zones. Budgets of a day are the running gateway's to
    /// know; `budgets` says which would count.
    fn verdict(&self) -> Verdict {
        match self.stops() {
            Some(_) => Verdict::Deny,
            None => self.decision.verdict(),
        }
    }

    /// What a client would get.
    fn answer(&self) -> &'static str {
        if let Some(zone) = self.stops() {
            return zone.answer;
        }
        match self.decision.told {
            NameTold::Ask => "asked upstream",
            NameTold::Nothing => "NXDOMAIN from here, no alert",
            NameTold::Empty => "empty answer (NODATA)",
            NameTold::Refused => "NXDOMAIN",
        }
    }

    /// The octets of distinct names, of answers and of repeats from which the row is closed to a
    /// client for the day; only names under a wildcard row have budgets.
    fn budgets(&self) -> Option<[(&'static str, u64); 5]> {
        if !matches!(self.decision.row, NameRow::Wildcard(_)) || self.verdict() != Verdict::Allow {
            return None;
        }
        let of = self.budgets;
        Some([
            ("block", of.block.0),
            ("block_all", of.block_all.0),
            ("block_shared", of.block_shared.0),
            ("block_answers", of.block_answers.0),
            ("block_repeats", of.block_repeats.0),
        ])
    }

    /// `[{name, type, tenant, verdict, answer, row, types, policy: {verdict}, controls: [{id, answer,
    /// reason}], zones: [{evidence, counts}], budgets: null | {block, …}}]`.
    fn to_json(&self) -> Value {
        let decision = &self.decision;
        json!({
            "name": self.name.to_string(),
            "type": self.qtype.to_string(),
            "tenant": self.tenant.as_str(),
            "verdict": self.verdict().as_str(),
            "answer": self.answer(),
            "row": row(&decision.row),
            "types": decision.terms.types.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "policy": { "verdict": decision.verdict().as_str() },
            "controls": decision.reasons.iter().map(|reason| json!({
                "id": reason.control.as_str(), "answer": reason.ruling.as_str(), "reason": reason.text,
            })).collect::<Vec<_>>(),
            "zones": self.zones.iter().map(|zone| json!({
                "evidence": zone.evidence, "counts": zone.counts && !self.observes,
            })).collect::<Vec<_>>(),
            "budgets": self.budgets().map(BTreeMap::from),
        })
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        let paint = Paint::for_stdout();
        reasons(out, &self.decision.reasons)?;
        for zone in &self.zones {
            let counts = zone.counts && !self.observes;
            let (word, tint): (_, fn(Paint, &str) -> String) = match (counts, zone.refuses) {
                (false, _) => ("would", Paint::warn),
                (true, true) => ("deny", Paint::bad),
                (true, false) => ("pass", Paint::good),
            };
            let word = tint(paint, &format!("{word:<10}"));
            writeln!(out, "{word} {:<20} {}", Control::DnsRpz.as_str(), zone.evidence)?;
        }
        if let Some(budgets) = self.budgets() {
            let budgets = budgets.map(|(name, octets)| format!("{name} {octets}")).join(", ");
            let (word, control) = (paint.warn(&format!("{:<10}", "until")), Control::DnsPayload);
            writeln!(
                out,
                "{word} {:<20} a budget of the day is spent: {budgets}",
                control.as_str()
            )?;
        }
        let answer = match self.verdict() {
            Verdict::Allow => paint.good(self.answer()),
            Verdict::Hold | Verdict::Deny => paint.bad(self.answer()),
        };
        let (name, qtype, tenant) = (self.name, self.qtype, self.tenant);
        let row = row(&self.decision.row);
        writeln!(out, "\n{answer}  {name} {qtype} for tenant `{tenant}` (row: {row})")?;
        Ok(())
    }
}

fn row(row: &NameRow) -> String {
    match row {
        NameRow::Exact => "exact".to_owned(),
        NameRow::Wildcard(base) => format!("*.{base}"),
        NameRow::SearchSuffix => "search suffix".to_owned(),
        NameRow::Cluster => "own namespace".to_owned(),
        NameRow::None => "none".to_owned(),
    }
}
