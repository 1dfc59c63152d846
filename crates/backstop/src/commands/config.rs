//! `backstop config show`: every value with its origin.

use crate::cli::Format;
use crate::config::Resolved;
use crate::config::settings::SETTINGS;
use anyhow::Result;
use std::io::Write;
use std::process::ExitCode;

/// Prints every key; secrets only as set or not.
pub(crate) fn show(resolved: &Resolved, format: Format) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let rows = SETTINGS.iter().map(|setting| {
        let texts = resolved.all(setting.key);
        let shown = match (texts.is_empty(), setting.secret) {
            (true, _) => String::new(),
            (false, true) => "[set]".to_owned(),
            (false, false) => texts.join(", "),
        };
        (setting, shown, resolved.origin(setting.key))
    });
    match format {
        Format::Json => {
            let rows: Vec<_> = rows
                .map(|(setting, value, origin)| {
                    serde_json::json!({"key": setting.key, "value": value, "origin": origin.to_string(), "meaning": setting.meaning})
                })
                .collect();
            serde_json::to_writer_pretty(&mut out, &rows)?;
            writeln!(out)?;
        }
        Format::Text => {
            for (setting, value, origin) in rows {
                let value = if value.is_empty() { "–".to_owned() } else { value };
                writeln!(out, "{:<36} {:<40} {origin}", setting.key, value)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
