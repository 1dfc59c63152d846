//! `backstop holds ls|approve|deny`.

use super::remote;
use crate::cli::{Format, Holds};
use crate::config::Config;
use crate::printer;
use anyhow::Result;
use serde_json::json;
use std::process::ExitCode;

/// Runs the command against the running gateway.
pub(crate) async fn run(config: &Config, command: &Holds, format: Format) -> Result<ExitCode> {
    let client = remote::client(config)?;
    match command {
        Holds::Ls => {
            let list = client.get("/v1/holds").await?;
            printer::rows(
                format,
                remote::items(&list),
                &[
                    ("hold", "/id"),
                    ("state", "/state"),
                    ("session", "/subject/session"),
                    ("asked", "/summary"),
                    ("until", "/until"),
                ],
                "nothing waits for a person",
            )?;
        }
        Holds::Approve { id } => {
            let done = client.post(&format!("/v1/holds/{id}/approve"), &json!({})).await?;
            printer::one(format, &done, |_| format!("approved {id}"))?;
        }
        Holds::Deny { id } => {
            let done = client.post(&format!("/v1/holds/{id}/deny"), &json!({})).await?;
            printer::one(format, &done, |_| format!("denied {id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
