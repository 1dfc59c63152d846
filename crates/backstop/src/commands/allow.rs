//! `backstop allow HOST|RECEIPT --for 4h --reason TEXT`: a recorded grant that ends by itself,
//! and the permanent change that would make it unnecessary.

use super::remote::{self, text};
use super::usage;
use crate::cli::{Allow, Format};
use crate::config::Config;
use crate::printer;
use anyhow::{Result, anyhow};
use backstop_ledger::Reader;
use backstop_model::event::Fact;
use backstop_model::id::ReceiptId;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs the command against the running gateway.
pub(crate) async fn run(config: &Config, command: &Allow, format: Format) -> Result<ExitCode> {
    let asked = asked(config, command)?;
    let client = remote::client(config)?;
    let body = json!({
        "tenant": asked.tenant, "skill": asked.skill, "host": asked.host, "port": asked.port,
        "for": command.span, "reason": command.reason,
    });
    let grant = client.post("/v1/grants", &body).await?;
    let diff = permanent(&asked);
    let mut shown = grant.clone();
    if let Some(object) = shown.as_object_mut() {
        object.insert("permanent".to_owned(), Value::String(diff.clone()));
    }
    printer::one(format, &shown, |grant| {
        format!(
            "{}: {}:{} for {}@{} until {}\n\nTo allow it for good:\n{diff}",
            text(grant, "id"),
            asked.host,
            asked.port,
            asked.skill,
            asked.tenant,
            text(grant, "until"),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

struct Asked {
    tenant: String,
    skill: String,
    host: String,
    port: u16,
}

/// What is to be allowed: from the receipt of a refusal, or from the arguments.
fn asked(config: &Config, command: &Allow) -> Result<Asked> {
    let mut tenant = command.tenant.clone();
    let mut skill = command.skill.clone();
    let (host, port) = if let Ok(receipt) = ReceiptId::parse(&command.target) {
        let found = Reader::open(&super::ledger::directory(config))?.find(&receipt)?;
        let recorded = found.ok_or_else(|| usage(anyhow!("`{receipt}` is not on record")))?;
        if let Some(subject) = recorded.event.subject {
            tenant = tenant.or_else(|| Some(subject.tenant.to_string()));
            skill = skill.or_else(|| subject.skill.map(|skill| skill.name.to_string()));
        }
        let Fact::AttemptRefused { asked, .. } = recorded.event.fact else {
            return Err(usage(anyhow!("`{receipt}` is not the receipt of a refusal")));
        };
        (asked.host, asked.port)
    } else {
        match command.target.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse().map_err(|_| usage(anyhow!("`{port}` is not a port")))?;
                (host.to_owned(), port)
            }
            None => (command.target.clone(), 443),
        }
    };
    let tenant = tenant.ok_or_else(|| usage(anyhow!("name the tenant with `--tenant`")))?;
    let skill = skill.ok_or_else(|| usage(anyhow!("name the skill with `--skill`")))?;
    Ok(Asked { tenant, skill, host, port })
}

/// The policy lines that would make the grant unnecessary.
fn permanent(asked: &Asked) -> String {
    let Asked { tenant, skill, host, port } = asked;
    let ports = if *port == 443 { String::new() } else { format!(", ports: [{port}]") };
    format!(
        "  Tenant {tenant}, spec.egress:\n+   - {{ host: {host}{ports}, owner: …, reason: …, reviewBy: \"…\" }}\n  Skill {skill}, spec.egressRequirements:\n+   - {{ host: {host}{ports} }}"
    )
}
