//! `backstop check [PATH…]`: every fault of every document with its place, and the tests inside.
//! Exit 0 clean, 1 where a test inside a policy fails, 2 where a document is refused.

use crate::cli::{Check, Format};
use crate::config::Config;
use crate::detection::Detection;
use crate::policies;
use crate::printer::Paint;
use anyhow::Result;
use backstop_gate::{Clock, SystemClock};
use backstop_policy::{Applied, Diagnostic, Level, Library, Source, TestOutcome};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
    Severity,
};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Reads the policies, prints what is wrong, runs the tests inside them.
pub(crate) async fn run(config: &Config, check: &Check, format: Format) -> Result<ExitCode> {
    let paths = if check.paths.is_empty() { &config.policy } else { &check.paths };
    let sources = policies::read(paths).map_err(super::usage)?;
    let now = SystemClock.now();
    let Applied { policy, diagnostics, .. } =
        Library::default().apply(&sources, &Detection::read(config)?.context(now));
    let tests = policy.run_tests(now);
    let grants = grants(config).await;
    let errors = count(&diagnostics, Level::Error);
    let failed = tests.iter().filter(|outcome| !outcome.passed).count();
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => {
            let answer = json!({
                "ok": errors == 0 && failed == 0,
                "digest": policy.digest().to_string(),
                "tenants": policy.tenants().map(ToString::to_string).collect::<Vec<_>>(),
                "skills": policy.skills().map(|skill| json!({
                    "name": skill.name.as_str(), "version": skill.version.as_str(), "digest": skill.digest.to_string(),
                })).collect::<Vec<_>>(),
                "diagnostics": diagnostics.iter().map(diagnostic_json).collect::<Vec<_>>(),
                "tests": tests.iter().map(test_json).collect::<Vec<_>>(),
                "grants": grants,
            });
            serde_json::to_writer_pretty(&mut out, &answer)?;
            writeln!(out)?;
        }
        Format::Text => {
            for diagnostic in &diagnostics {
                write!(out, "{}", render(diagnostic, &sources))?;
            }
            tests_text(&mut out, &tests)?;
            for skill in policy.skills() {
                writeln!(out, "skill {skill}  {}", skill.digest)?;
            }
            for grant in &grants {
                let text = |member: &str| super::remote::text(grant, member).to_owned();
                writeln!(
                    out,
                    "grant {}  {} for {}@{} until {}",
                    text("id"),
                    text("host"),
                    text("skill"),
                    text("tenant"),
                    text("until")
                )?;
            }
            let paint = Paint::for_stdout();
            let warnings = count(&diagnostics, Level::Warning);
            let end =
                if errors + failed == 0 { paint.good("clean") } else { paint.bad("not clean") };
            writeln!(
                out,
                "{end}: {} files, {} tenants, {} skills, {errors} errors, {warnings} warnings, {} of {} tests passed",
                sources.len(),
                policy.tenants().count(),
                policy.skills().count(),
                tests.len() - failed,
                tests.len()
            )?;
        }
    }
    Ok(ExitCode::from(match (errors, failed) {
        (0, 0) => 0,
        (0, _) => 1,
        (_, _) => 2,
    }))
}

fn count(diagnostics: &[Diagnostic], level: Level) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.level == level).count()
}

/// Grants in force, where a gateway runs with this state folder.
async fn grants(config: &Config) -> Vec<Value> {
    match super::remote::client(config) {
        Ok(client) => match client.get("/v1/grants").await {
            Ok(list) => super::remote::items(&list).to_vec(),
            Err(_) => Vec::new(),
        },
        Err(_) => Vec::new(),
    }
}

/// A diagnostic with the lines that it is about.
fn render(diagnostic: &Diagnostic, sources: &[Source]) -> String {
    let severity = match diagnostic.level {
        Level::Error => Severity::Error,
        Level::Warning => Severity::Warning,
        Level::Note => Severity::Advice,
    };
    let mut shown = MietteDiagnostic::new(diagnostic.message.clone())
        .with_code(diagnostic.code)
        .with_severity(severity)
        .with_label(LabeledSpan::at(
            diagnostic.offset..diagnostic.offset + diagnostic.length.max(1),
            "",
        ));
    if let Some(hint) = &diagnostic.hint {
        shown = shown.with_help(hint.clone());
    }
    let text = sources
        .iter()
        .find(|source| source.name == diagnostic.source)
        .map_or("", |source| source.text.as_str());
    let report =
        Report::new(shown).with_source_code(NamedSource::new(&diagnostic.source, text.to_owned()));
    let terminal = std::io::stdout().is_terminal();
    let theme =
        if terminal { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut rendered = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    if handler.render_report(&mut rendered, report.as_ref()).is_err() {
        rendered = format!("{diagnostic}\n");
    }
    rendered
}

fn tests_text(out: &mut impl Write, tests: &[TestOutcome]) -> Result<()> {
    let paint = Paint::for_stdout();
    for outcome in tests {
        let mark = if outcome.passed { paint.good("✓") } else { paint.bad("✗") };
        let test = &outcome.test;
        let got = outcome.control.map_or_else(String::new, |control| format!(" by {control}"));
        writeln!(
            out,
            "{mark} {}:{}: {} in {}: expected {}, got {}{got}",
            test.source,
            test.line,
            test.connect.escape_debug(),
            test.tenant,
            test.expect,
            outcome.verdict,
        )?;
        if !outcome.passed && !outcome.reason.is_empty() {
            writeln!(out, "    {}", outcome.reason)?;
        }
    }
    Ok(())
}

fn diagnostic_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "level": diagnostic.level.as_str(), "code": diagnostic.code, "source": diagnostic.source,
        "line": diagnostic.line, "column": diagnostic.column,
        "message": diagnostic.message, "hint": diagnostic.hint,
    })
}

fn test_json(outcome: &TestOutcome) -> Value {
    let test = &outcome.test;
    json!({
        "passed": outcome.passed, "source": test.source, "line": test.line, "column": test.column,
        "connect": test.connect, "tenant": test.tenant.as_str(), "expect": test.expect.as_str(),
        "verdict": outcome.verdict.as_str(), "control": outcome.control.map(|control| control.as_str()),
        "reason": outcome.reason,
    })
}
