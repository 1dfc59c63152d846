//! `backstop quarantine ls|add|release`.

use super::remote::{self, text};
use super::usage;
use crate::cli::{Format, Quarantine};
use crate::config::Config;
use crate::printer;
use anyhow::{Result, anyhow};
use serde_json::json;
use std::process::ExitCode;

/// Runs the command against the running gateway.
pub(crate) async fn run(config: &Config, command: &Quarantine, format: Format) -> Result<ExitCode> {
    let client = remote::client(config)?;
    match command {
        Quarantine::Ls => {
            let list = client.get("/v1/quarantines").await?;
            printer::rows(
                format,
                remote::items(&list),
                &[
                    ("quarantine", "/id"),
                    ("target", "/target"),
                    ("since", "/imposed"),
                    ("by", "/by"),
                    ("reason", "/reason"),
                    ("released", "/released/at"),
                ],
                "nothing is in quarantine",
            )?;
        }
        Quarantine::Add { target, tenant, reason } => {
            let body = if target.starts_with("ses_") {
                json!({"session": target, "reason": reason})
            } else {
                let (name, version) = target.split_once('@').ok_or_else(|| {
                    usage(anyhow!("`{target}`: write a session (`ses_…`) or `name@version`"))
                })?;
                let mut body =
                    json!({"skill": {"name": name, "version": version}, "reason": reason});
                if let (Some(tenant), Some(object)) = (tenant, body.as_object_mut()) {
                    object.insert("tenant".to_owned(), json!(tenant));
                }
                body
            };
            let made = client.post("/v1/quarantines", &body).await?;
            printer::one(format, &made, |made| {
                format!("{} in quarantine as {}", target, text(made, "id"))
            })?;
        }
        Quarantine::Release { id, reason } => {
            let ended = client
                .post(&format!("/v1/quarantines/{id}/release"), &json!({"reason": reason}))
                .await?;
            printer::one(format, &ended, |_| format!("released {id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
