//! What a receipt says, and what the policy of the files would answer to the same attempt today.

use super::explain::to_json;
use crate::cli::Format;
use crate::printer::Paint;
use anyhow::Result;
use backstop_gate::{Clock, Explanation, Question, SystemClock};
use backstop_ledger::Recorded;
use backstop_model::event::{Asked, Fact};
use backstop_model::finding::FindingRecord;
use backstop_model::standing::Standing;
use backstop_model::verdict::{Reason, Ruling, Verdict};
use backstop_policy::Policy;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Prints a recorded answer; exit 0 for a permit, 1 for anything else.
pub(super) fn print(
    out: &mut impl Write,
    recorded: &Recorded,
    policy: Option<&Policy>,
    format: Format,
) -> Result<ExitCode> {
    let (verdict, controls) = answer(&recorded.event.fact);
    let today = policy.and_then(|policy| today(policy, recorded));
    match format {
        Format::Json => {
            let shown = json!({
                "receipt": recorded.event.receipt.as_str(),
                "verdict": verdict.map(Verdict::as_str),
                "controls": controls.iter().map(|reason| json!({
                    "id": reason.control.as_str(), "answer": reason.ruling.as_str(), "reason": reason.text,
                })).collect::<Vec<_>>(),
                "recorded": backstop_ledger::record::to_json(recorded),
                "hint": today.as_ref().and_then(|today| today.hint.clone()),
                "today": today.as_ref().map(|today| to_json(&today.asked, today)),
            });
            serde_json::to_writer_pretty(&mut *out, &shown)?;
            writeln!(out)?;
        }
        Format::Text => text(out, recorded, verdict, &controls, today.as_ref())?,
    }
    Ok(ExitCode::from(u8::from(verdict != Some(Verdict::Allow))))
}

/// Verdict and controls of a recorded answer; none for an event that is no answer.
fn answer(fact: &Fact) -> (Option<Verdict>, Vec<Reason>) {
    if let Fact::AttemptPermitted { reasons, .. } = fact {
        return (Some(Verdict::Allow), reasons.clone());
    }
    if let Fact::AttemptRefused { control, reason, hold, .. } = fact {
        let (verdict, ruling) = if hold.is_some() {
            (Verdict::Hold, Ruling::Hold)
        } else {
            (Verdict::Deny, Ruling::Deny)
        };
        return (Some(verdict), vec![Reason { control: *control, ruling, text: reason.clone() }]);
    }
    (None, Vec::new())
}

/// What was found in the payload.
fn findings(fact: &Fact) -> &[FindingRecord] {
    if let Fact::AttemptPermitted { findings, .. } | Fact::AttemptRefused { findings, .. } = fact {
        return findings;
    }
    &[]
}

/// What the policy answers to the same attempt today.
fn today(policy: &Policy, recorded: &Recorded) -> Option<Explanation> {
    let (Fact::AttemptPermitted { asked, .. } | Fact::AttemptRefused { asked, .. }) =
        &recorded.event.fact
    else {
        return None;
    };
    let subject = recorded.event.subject.as_ref()?;
    let question = Question {
        tenant: subject.tenant.clone(),
        skill: subject
            .skill
            .as_ref()
            .map(|skill| (skill.name.clone(), Some(skill.version.clone()))),
        role: subject.role.clone(),
        text: place(asked)?,
        method: None,
    };
    Some(backstop_gate::explain(policy, &question, |_| Standing::default(), SystemClock.now()))
}

/// The attempt as a question: tunnels by authority, requests by URL.
fn place(asked: &Asked) -> Option<String> {
    let Asked { host, port, act, path, .. } = asked;
    match (act.as_str(), *port) {
        (_, 0) => None,
        ("connect" | "hello" | "opaque", port) => Some(format!("{host}:{port}")),
        (_, port) => Some(format!("http://{host}:{port}{path}")),
    }
}

fn text(
    out: &mut impl Write,
    recorded: &Recorded,
    verdict: Option<Verdict>,
    controls: &[Reason],
    today: Option<&Explanation>,
) -> Result<()> {
    let paint = Paint::for_stdout();
    let event = &recorded.event;
    let verdict = match verdict {
        Some(Verdict::Allow) => paint.good("allow"),
        Some(Verdict::Hold) => paint.warn("hold"),
        Some(Verdict::Deny) => paint.bad("deny"),
        None => "not an answer".to_owned(),
    };
    writeln!(out, "{verdict}  {}  {}  row {}", event.receipt, event.at, recorded.seq)?;
    if let Some(subject) = &event.subject {
        let dash = || "–".to_owned();
        writeln!(
            out,
            "tenant {}  skill {}  session {}",
            subject.tenant,
            subject.skill.as_ref().map_or_else(dash, ToString::to_string),
            subject.session.as_ref().map_or_else(dash, ToString::to_string)
        )?;
    }
    for reason in controls {
        writeln!(
            out,
            "{:<10} {:<20} {}",
            reason.ruling.as_str(),
            reason.control.as_str(),
            reason.text
        )?;
    }
    for found in findings(&recorded.event.fact) {
        let level = found.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
        writeln!(
            out,
            "{:<10} {:<20} {found} (score {}, {} bytes{level}, {})",
            "found",
            found.control.as_str(),
            found.score,
            found.length,
            found.digest
        )?;
    }
    let shown = backstop_ledger::record::to_json(recorded);
    let fact: &Value = shown.get("fact").unwrap_or(&shown);
    writeln!(out, "\n{}", serde_json::to_string_pretty(fact)?)?;
    if let Some(today) = today {
        writeln!(out, "\nthe policy files answer today: {}", today.verdict)?;
        if let Some(hint) = &today.hint {
            writeln!(out, "\n{hint}")?;
        }
    }
    Ok(())
}
