//! A summary for people and as JSON. Neither holds a matched byte. Next: `sarif`.

use super::{Finding, Place, Summary, control, family};
use crate::printer::Paint;
use anyhow::Result;
use backstop_detect::{Acts, More};
use serde_json::{Value, json};
use std::io::Write;

/// The version of the JSON document.
const VERSION: u32 = 1;

/// Prints a line for each finding, what was passed over, and the sum.
pub(crate) fn text(out: &mut impl Write, summary: &Summary) -> Result<()> {
    let paint = Paint::for_stdout();
    for file in &summary.files {
        for finding in &file.findings {
            let entity = match finding.acts {
                Acts::Block => paint.bad(&finding.entity),
                Acts::Note => paint.warn(&finding.entity),
            };
            writeln!(out, "{}{}  {entity}  {}", file.name, place(finding), about(finding))?;
        }
        for more in &file.more {
            writeln!(out, "{}: {}", file.name, paint.warn(&and_more(more)))?;
        }
    }
    for (file, passed) in summary.passed() {
        if passed.is_gap() {
            writeln!(out, "{}: {}", file.name, paint.warn(&passed.to_string()))?;
        }
    }
    let (findings, gaps) = (summary.findings(), summary.incomplete().count());
    let left = summary.passed().count() - gaps;
    let word = match (findings, gaps) {
        (0, 0) => paint.good("clean"),
        (0, _) => paint.warn("not known to be clean"),
        (_, _) => paint.bad("not clean"),
    };
    write!(
        out,
        "{word}: {findings} findings in {} files, {} bytes",
        summary.looked_at(),
        summary.bytes()
    )?;
    if gaps > 0 {
        write!(out, "; {gaps} not wholly looked at")?;
    }
    if left > 0 {
        write!(out, "; {left} binary or special files left out")?;
    }
    writeln!(out)?;
    Ok(())
}

/// `and 17 more US_SSN`.
pub(super) fn and_more(more: &More) -> String {
    let note = if more.acts == Acts::Note { " (notes)" } else { "" };
    format!("and {} more {}{note}", more.count, more.entity)
}

/// `:3:17`, or nothing where the place is not known.
fn place(finding: &Finding) -> String {
    finding.place.map_or_else(String::new, |Place { line, column, .. }| format!(":{line}:{column}"))
}

/// Everything else of a finding, in one line.
fn about(finding: &Finding) -> String {
    let mut parts = vec![control(finding.family).to_owned()];
    let mut field = finding.field.clone();
    for transform in &finding.chain {
        field.push_str(if field.is_empty() { "" } else { " " });
        field.push_str("→ ");
        field.push_str(transform);
    }
    if !field.is_empty() {
        let clean = field.chars().map(|c| if crate::printer::misleads(c) { '\u{fffd}' } else { c });
        parts.push(clean.collect());
    }
    parts.push(format!("{} bytes", finding.length));
    parts.push(format!("score {:.2}", finding.score));
    parts.extend(finding.level.iter().map(ToString::to_string));
    parts.push(finding.detector.to_string());
    parts.extend(finding.canary.iter().map(|name| format!("({name})")));
    if finding.acts == Acts::Note {
        parts.push("note".to_owned());
    }
    parts.join("  ")
}

/// The whole summary; documented in `docs/inspect.md`.
pub(crate) fn json(summary: &Summary) -> Value {
    let findings: Vec<Value> = summary
        .files
        .iter()
        .flat_map(|file| file.findings.iter().map(|finding| finding_json(&file.name, finding)))
        .collect();
    let (gaps, left): (Vec<_>, Vec<_>) = summary.passed().partition(|(_, passed)| passed.is_gap());
    let list = |list: Vec<(&super::File, &super::Passed)>| -> Vec<Value> {
        list.into_iter()
            .map(|(file, passed)| {
                json!({ "file": file.name, "why": passed.word(), "detail": passed.to_string() })
            })
            .collect()
    };
    json!({
        "version": VERSION,
        "clean": summary.findings() == 0 && gaps.is_empty(),
        "files": summary.looked_at(),
        "bytes": summary.bytes(),
        "findings": findings,
        "more": summary.more().map(|(file, more)| more_json(&file.name, more)).collect::<Vec<_>>(),
        "incomplete": list(gaps),
        "left_out": list(left),
    })
}

fn finding_json(file: &str, finding: &Finding) -> Value {
    json!({
        "file": file,
        "line": finding.place.map(|place| place.line),
        "column": finding.place.map(|place| place.column),
        "end_line": finding.place.map(|place| place.end_line),
        "end_column": finding.place.map(|place| place.end_column),
        "field": finding.field,
        "chain": finding.chain,
        "entity": &*finding.entity,
        "family": family(finding.family),
        "control": control(finding.family),
        "acts": acts(finding.acts),
        "detector": &*finding.detector,
        "level": finding.level.as_deref(),
        "score": score(finding.score),
        "length": finding.length,
        "canary": finding.canary.as_deref(),
    })
}

fn more_json(file: &str, more: &More) -> Value {
    json!({
        "file": file,
        "entity": &*more.entity,
        "family": family(more.family),
        "control": control(more.family),
        "acts": acts(more.acts),
        "level": more.level.as_deref(),
        "count": more.count,
    })
}

const fn acts(acts: Acts) -> &'static str {
    match acts {
        Acts::Block => "block",
        Acts::Note => "note",
    }
}

/// A score with two digits: more would only show how floats are kept.
fn score(score: f32) -> f64 {
    (f64::from(score) * 100.0).round() / 100.0
}
