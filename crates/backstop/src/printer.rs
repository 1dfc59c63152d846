//! How results reach the terminal: colour only on a terminal, text or JSON as asked.

use crate::cli::Format;
use anyhow::Result;
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Colours where standard output is a terminal.
    pub(crate) fn for_stdout() -> Self {
        Self(std::io::stdout().is_terminal())
    }
    /// Something as it should be.
    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }
    /// Something that should not be.
    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("1;31", text)
    }
    /// Something to look at.
    pub(crate) fn warn(self, text: &str) -> String {
        self.wrap("33", text)
    }
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Prints a JSON array of objects as a table, or as it is. `columns` are (heading, member) pairs.
///
/// # Errors
/// Where standard output is closed.
pub(crate) fn rows(
    format: Format,
    list: &[Value],
    columns: &[(&str, &str)],
    empty: &str,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut out, list)?;
        writeln!(out)?;
        return Ok(());
    }
    if list.is_empty() {
        writeln!(out, "{empty}")?;
        return Ok(());
    }
    let cells: Vec<Vec<String>> = list
        .iter()
        .map(|item| columns.iter().map(|(_, member)| cell(item.pointer(member))).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, (heading, _))| {
            let longest = cells
                .iter()
                .filter_map(|row| row.get(index))
                .map(|text| text.chars().count())
                .max();
            longest.unwrap_or(0).max(heading.chars().count())
        })
        .collect();
    let headings: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    for row in std::iter::once(&headings).chain(&cells) {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints one JSON object: as it is, or through `text`.
///
/// # Errors
/// Where standard output is closed.
pub(crate) fn one(
    format: Format,
    value: &Value,
    text: impl FnOnce(&Value) -> String,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, value)?;
            writeln!(out)?;
        }
        Format::Text => writeln!(out, "{}", text(value).trim_end())?,
    }
    Ok(())
}

/// What a terminal would obey, or what would turn the text around it.
pub(crate) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A value as a table cell: control characters never reach the terminal.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", ")
        }
        // A skill, as people write it.
        Some(Value::Object(object)) => match (object.get("name"), object.get("version")) {
            (Some(Value::String(name)), Some(Value::String(version))) => {
                format!("{name}@{version}")
            }
            _ => object.values().map(|value| cell(Some(value))).collect::<Vec<_>>().join(" "),
        },
        Some(other @ (Value::Bool(_) | Value::Number(_))) => other.to_string(),
    };
    text.chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_never_carry_control_characters() {
        assert_eq!(cell(Some(&json!("a\u{1b}[2Jb\nc"))), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(cell(Some(&json!(["x", 1, true]))), "x, 1, true");
        assert_eq!(cell(Some(&json!("a\u{202e}b\u{2028}c"))), "a\u{fffd}b\u{fffd}c");
        assert_eq!(cell(None), "–");
    }
}
