//! `backstop sessions ls|open|close`.

use super::remote::{self, text};
use super::usage;
use crate::cli::{Format, Sessions};
use crate::config::Config;
use crate::printer;
use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs the command against the running gateway.
pub(crate) async fn run(config: &Config, command: &Sessions, format: Format) -> Result<ExitCode> {
    let client = remote::client(config)?;
    match command {
        Sessions::Ls => {
            let list = client.get("/v1/sessions").await?;
            printer::rows(
                format,
                remote::items(&list),
                &[
                    ("session", "/id"),
                    ("tenant", "/tenant"),
                    ("role", "/role"),
                    ("skills", "/skills"),
                    ("opened", "/opened"),
                    ("closed", "/closed"),
                    ("calls", "/calls"),
                    ("refused", "/refused"),
                ],
                "no sessions",
            )?;
        }
        Sessions::Open { tenant, role, skill, ceiling } => {
            let skills: Result<Vec<Value>> = skill
                .iter()
                .map(|text| match text.split_once('@') {
                    Some((name, version)) => Ok(json!({"name": name, "version": version})),
                    None => Err(usage(anyhow!("`--skill {text}`: write `name@version`"))),
                })
                .collect();
            let mut body = json!({"tenant": tenant, "skills": skills?});
            if let Some(object) = body.as_object_mut() {
                if let Some(role) = role {
                    object.insert("role".to_owned(), json!(role));
                }
                if let Some(ceiling) = ceiling {
                    object.insert("maxClassificationLevel".to_owned(), json!(ceiling));
                }
            }
            let opened = client.post("/v1/sessions", &body).await?;
            let proxy = remote::whereabouts(config)?.proxy.first().copied();
            printer::one(format, &opened, |opened| {
                let id = text(opened, "id");
                let proxy = proxy.map_or_else(|| "HOST:PORT".to_owned(), |proxy| proxy.to_string());
                let mut out = format!("session {id}\n");
                for entry in opened.get("tokens").and_then(Value::as_array).into_iter().flatten() {
                    let token = text(entry, "token");
                    let skill = entry.get("skill").unwrap_or(&Value::Null);
                    let skill = format!("{}@{}", text(skill, "name"), text(skill, "version"));
                    out.push_str(&format!(
                        "  {skill}  {token}\n  HTTPS_PROXY=http://{id}:{token}@{proxy}\n"
                    ));
                }
                out.push_str("The tokens are shown this once only.");
                out
            })?;
        }
        Sessions::Close { id } => {
            client.delete(&format!("/v1/sessions/{id}")).await?;
            printer::one(format, &json!({"closed": id}), |_| format!("closed {id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
