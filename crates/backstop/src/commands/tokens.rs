//! `backstop tokens ls|runtime|operator|revoke`.

use super::remote::{self, text};
use crate::cli::{Format, Tokens};
use crate::config::Config;
use crate::printer;
use anyhow::Result;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs the command against the running gateway.
pub(crate) async fn run(config: &Config, command: &Tokens, format: Format) -> Result<ExitCode> {
    let client = remote::client(config)?;
    let body = match command {
        Tokens::Ls => {
            let list = client.get("/v1/tokens").await?;
            printer::rows(
                format,
                remote::items(&list),
                &[
                    ("token", "/id"),
                    ("kind", "/kind"),
                    ("principal", "/principal"),
                    ("tenant", "/bound/tenant"),
                    ("revoked", "/revoked"),
                    ("expires", "/expires"),
                ],
                "no tokens",
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        Tokens::Revoke { id } => {
            client.delete(&format!("/v1/tokens/{id}")).await?;
            printer::one(format, &json!({"revoked": id}), |_| format!("revoked {id}"))?;
            return Ok(ExitCode::SUCCESS);
        }
        Tokens::Runtime { name, tenant, role, ceiling } => {
            let mut body = json!({"kind": "runtime", "principal": name, "tenant": tenant});
            if let Some(object) = body.as_object_mut() {
                if let Some(role) = role {
                    object.insert("role".to_owned(), json!(role));
                }
                if let Some(ceiling) = ceiling {
                    object.insert("maxClassificationLevel".to_owned(), json!(ceiling));
                }
            }
            body
        }
        Tokens::Operator { name } => json!({"kind": "operator", "principal": name}),
    };
    let issued: Value = client.post("/v1/tokens", &body).await?;
    printer::one(format, &issued, |issued| {
        format!(
            "{}\n{}\nThe token is shown this once only.",
            text(issued, "id"),
            text(issued, "token")
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
