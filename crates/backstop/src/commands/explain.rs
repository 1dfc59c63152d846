//! `backstop explain`: each control's answer to an attempt, in order, and how to allow it;
//! or what a receipt says. Nothing is recorded and nothing is looked up.

use super::{receipt, usage};
use crate::cli::{Explain, Format};
use crate::config::Config;
use crate::detection::Detection;
use crate::policies;
use crate::printer::Paint;
use anyhow::{Context, Result, anyhow, bail};
use backstop_gate::{Clock, SystemClock};
use backstop_gate::{Explanation, Question};
use backstop_ledger::{Filter, Reader, Recorded};
use backstop_model::id::{ReceiptId, RoleName, SkillName, SkillVersion, TenantName};
use backstop_model::standing::Standing;
use backstop_model::verdict::{Reason, Ruling, Verdict};
use backstop_policy::{Library, Policy};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// Answers one question, many from standard input, or explains a receipt.
pub(crate) fn run(config: &Config, explain: &Explain, format: Format) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let receipt = explain.target.as_deref().and_then(|text| ReceiptId::parse(text).ok());
    if explain.last || receipt.is_some() {
        let recorded = on_record(config, receipt.as_ref())?;
        return receipt::print(&mut out, &recorded, policy(config).ok().as_deref(), format);
    }
    let policy = policy(config).map_err(usage)?;
    let ask = |text: &str| answer(&policy, explain, text);
    if explain.stdin {
        let mut worst = Verdict::Allow;
        for line in std::io::stdin().lock().lines() {
            let line = line.context("cannot read standard input")?;
            let text = line.trim();
            if text.is_empty() {
                continue;
            }
            let explanation = ask(text)?;
            worst = worst.max(explanation.verdict);
            match format {
                Format::Json => writeln!(out, "{}", to_json(text, &explanation))?,
                Format::Text => {
                    let control =
                        deciding(&explanation).map_or("–", |reason| reason.control.as_str());
                    writeln!(
                        out,
                        "{:<6} {control:<20} {}",
                        explanation.verdict,
                        text.escape_debug()
                    )?;
                }
            }
        }
        return Ok(code(worst));
    }
    let text = explain.target.as_deref().unwrap_or_default();
    let explanation = ask(text)?;
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &to_json(text, &explanation))?;
            writeln!(out)?;
        }
        Format::Text => print(&mut out, &explanation)?,
    }
    Ok(code(explanation.verdict))
}

fn code(verdict: Verdict) -> ExitCode {
    ExitCode::from(u8::from(verdict != Verdict::Allow))
}

/// The policy of the configured files.
pub(super) fn policy(config: &Config) -> Result<Arc<Policy>> {
    let sources = policies::read(&config.policy)?;
    let applied =
        Library::default().apply(&sources, &Detection::read(config)?.context(SystemClock.now()));
    let faults: Vec<String> = applied
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.level == backstop_policy::Level::Error)
        .map(ToString::to_string)
        .collect();
    if !faults.is_empty() {
        bail!("the policy has faults:\n{}", faults.join("\n"));
    }
    Ok(applied.policy)
}

fn answer(policy: &Policy, explain: &Explain, text: &str) -> Result<Explanation> {
    let tenant = explain
        .tenant
        .as_deref()
        .ok_or_else(|| usage(anyhow!("name the tenant with `--tenant`")))?;
    let question = Question {
        tenant: TenantName::parse(tenant).map_err(|fault| usage(fault.into()))?,
        skill: explain
            .skill
            .as_deref()
            .map(|text| skill(policy, text))
            .transpose()
            .map_err(usage)?,
        role: explain
            .role
            .as_deref()
            .map(RoleName::parse)
            .transpose()
            .map_err(|fault| usage(fault.into()))?,
        text: text.to_owned(),
        method: explain.method.clone(),
    };
    Ok(backstop_gate::explain(policy, &question, |_| Standing::default(), SystemClock.now()))
}

/// `name@version`, or `name` where the policy has one version of it.
pub(super) fn skill(policy: &Policy, text: &str) -> Result<(SkillName, Option<SkillVersion>)> {
    if let Some((name, version)) = text.split_once('@') {
        return Ok((SkillName::parse(name)?, Some(SkillVersion::parse(version)?)));
    }
    let name = SkillName::parse(text)?;
    let versions: Vec<&SkillVersion> =
        policy.skills().filter(|s| s.name == name).map(|s| &s.version).collect();
    match versions.as_slice() {
        [] => Ok((name, None)),
        [only] => Ok((name, Some((*only).clone()))),
        [_, _, ..] => {
            let all: Vec<String> =
                versions.iter().map(|version| format!("`{name}@{version}`")).collect();
            bail!("the policy has several versions of `{name}`: write {}", all.join(" or "))
        }
    }
}

fn deciding(explanation: &Explanation) -> Option<&backstop_model::verdict::Reason> {
    explanation
        .controls
        .iter()
        .find(|reason| {
            reason.ruling.verdict() == explanation.verdict && reason.ruling != Ruling::Pass
        })
        .filter(|_| explanation.verdict != Verdict::Allow)
}

/// The stable JSON form: `{asked, verdict, controls: [{id, answer, reason}], duties, hint, policy}`.
pub(super) fn to_json(text: &str, explanation: &Explanation) -> Value {
    json!({
        "asked": text,
        "verdict": explanation.verdict.as_str(),
        "controls": explanation.controls.iter().map(|reason| json!({
            "id": reason.control.as_str(), "answer": reason.ruling.as_str(), "reason": reason.text,
        })).collect::<Vec<_>>(),
        "duties": explanation.duties.iter().map(|duty| json!({
            "obligation": duty.obligation.as_str(), "discharged": duty.discharged,
        })).collect::<Vec<_>>(),
        "hint": explanation.hint,
        "policy": explanation.policy.to_string(),
    })
}

/// What each control said, a line each.
pub(crate) fn reasons(out: &mut impl Write, reasons: &[Reason]) -> Result<()> {
    let paint = Paint::for_stdout();
    for reason in reasons {
        let answer = format!("{:<10}", reason.ruling.as_str());
        let answer = match reason.ruling {
            Ruling::Pass => paint.good(&answer),
            Ruling::Skipped => answer,
            Ruling::WouldDeny | Ruling::Hold => paint.warn(&answer),
            Ruling::Deny => paint.bad(&answer),
        };
        writeln!(out, "{answer} {:<20} {}", reason.control.as_str(), reason.text)?;
    }
    Ok(())
}

fn print(out: &mut impl Write, explanation: &Explanation) -> Result<()> {
    let paint = Paint::for_stdout();
    reasons(out, &explanation.controls)?;
    let verdict = match explanation.verdict {
        Verdict::Allow => paint.good("allow"),
        Verdict::Hold => paint.warn("hold"),
        Verdict::Deny => paint.bad("deny"),
    };
    writeln!(out, "\n{verdict}  {}", explanation.asked)?;
    for duty in explanation.duties.iter().filter(|duty| !duty.discharged) {
        writeln!(out, "not discharged on this path: {}", duty.obligation.as_str())?;
    }
    if let Some(hint) = &explanation.hint {
        writeln!(out, "\n{hint}")?;
    }
    Ok(())
}

/// The event of a receipt, or the newest refusal.
fn on_record(config: &Config, receipt: Option<&ReceiptId>) -> Result<Recorded> {
    let reader = Reader::open(&super::ledger::directory(config))?;
    match receipt {
        Some(receipt) => {
            reader.find(receipt)?.with_context(|| format!("`{receipt}` is not on record"))
        }
        None => {
            let refusals = Filter { types: vec!["AttemptRefused".to_owned()], ..Filter::default() };
            reader.last(&refusals)?.context("no refusal is on record")
        }
    }
}
