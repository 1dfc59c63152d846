//! `backstop alerts [--follow]`.

use super::remote;
use crate::cli::{Alerts, Format};
use crate::config::Config;
use crate::printer;
use anyhow::Result;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

const COLUMNS: &[(&str, &str)] = &[
    ("latest", "/latest"),
    ("severity", "/severity"),
    ("control", "/control"),
    ("count", "/count"),
    ("tenant", "/subject/tenant"),
    ("session", "/subject/session"),
    ("summary", "/summary"),
];

/// Runs the command against the running gateway.
pub(crate) async fn run(config: &Config, command: &Alerts, format: Format) -> Result<ExitCode> {
    let client = remote::client(config)?;
    let list = client.get("/v1/alerts").await?;
    printer::rows(format, remote::items(&list), COLUMNS, "no alerts")?;
    if command.follow {
        let mut events = client.follow("/v1/events?type=AlertRaised", None).await?;
        while let Some(event) = events.next().await? {
            print(&serde_json::from_str(&event.data)?, format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One alert as it comes.
fn print(event: &Value, format: Format) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let fact = event.get("fact").unwrap_or(event);
    let text = |value: &Value, member: &str| remote::text(value, member).escape_debug().to_string();
    match format {
        Format::Json => writeln!(out, "{event}")?,
        Format::Text => writeln!(
            out,
            "{}  {}  {}  {}",
            text(event, "at"),
            text(fact, "severity"),
            text(fact, "control"),
            text(fact, "summary")
        )?,
    }
    out.flush()?;
    Ok(())
}
