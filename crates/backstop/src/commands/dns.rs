//! `backstop dns explain`: which row decides about a name, and why. Nothing is asked and nothing
//! recorded.

use super::explain::{policy, skill};
use super::usage;
use crate::cli::{ExplainName, Format};
use crate::config::Config;
use crate::printer::Paint;
use anyhow::{Result, anyhow};
use backstop_gate::{Clock as _, SystemClock};
use backstop_model::id::{RoleName, SkillId, TenantName};
use backstop_model::name::{CLASS_IN, NameScope, QueryName, QueryType};
use backstop_model::standing::{Standing, Subject};
use backstop_model::verdict::Ruling;
use backstop_policy::{NameAsked, NameDecision, NameRow, NameTold, Policy, decide_name};
use serde_json::{Value, json};
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
        allowed |= matches!(decision.told, NameTold::Ask | NameTold::Nothing);
        match format {
            Format::Json => documents.push(to_json(&name, qtype, &tenant, &decision)),
            Format::Text => print(&mut out, &name, qtype, &tenant, &decision)?,
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

/// What a client would get.
fn answer(told: NameTold) -> &'static str {
    match told {
        NameTold::Ask => "asked upstream",
        NameTold::Nothing => "NXDOMAIN from here, no alert",
        NameTold::Empty => "empty answer (NODATA)",
        NameTold::Refused => "NXDOMAIN",
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

/// `[{name, type, tenant, answer, verdict, row, types, controls: [{id, answer, reason}]}]`.
fn to_json(
    name: &QueryName,
    qtype: QueryType,
    tenant: &TenantName,
    decision: &NameDecision,
) -> Value {
    json!({
        "name": name.to_string(),
        "type": qtype.to_string(),
        "tenant": tenant.as_str(),
        "answer": answer(decision.told),
        "verdict": decision.verdict().as_str(),
        "row": row(&decision.row),
        "types": decision.terms.types.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "controls": decision.reasons.iter().map(|reason| json!({
            "id": reason.control.as_str(), "answer": reason.ruling.as_str(), "reason": reason.text,
        })).collect::<Vec<_>>(),
    })
}

fn print(
    out: &mut impl Write,
    name: &QueryName,
    qtype: QueryType,
    tenant: &TenantName,
    decision: &NameDecision,
) -> Result<()> {
    let paint = Paint::for_stdout();
    for reason in &decision.reasons {
        let answer = format!("{:<10}", reason.ruling.as_str());
        let answer = match reason.ruling {
            Ruling::Pass => paint.good(&answer),
            Ruling::Skipped => answer,
            Ruling::WouldDeny | Ruling::Hold => paint.warn(&answer),
            Ruling::Deny => paint.bad(&answer),
        };
        writeln!(out, "{answer} {:<20} {}", reason.control.as_str(), reason.text)?;
    }
    let told = answer(decision.told);
    let told = match decision.told {
        NameTold::Ask | NameTold::Nothing => paint.good(told),
        NameTold::Empty | NameTold::Refused => paint.bad(told),
    };
    let row = row(&decision.row);
    writeln!(out, "\n{told}  {name} {qtype} for tenant `{tenant}` (row: {row})")?;
    Ok(())
}
