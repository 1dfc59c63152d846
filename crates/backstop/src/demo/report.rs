//! The demo's report: a table for people, one JSON document for programs.

use crate::cli::Format;
use crate::printer::Paint;
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// What came of one attempt.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// What was tried.
    pub(super) attack: &'static str,
    /// `allow` or `deny`.
    pub(super) expect: &'static str,
    /// The control that was to refuse it.
    #[serde(skip)]
    pub(super) expect_control: Option<&'static str>,
    /// `allow` or `deny`.
    pub(super) verdict: &'static str,
    /// The control that refused it.
    pub(super) control: Option<String>,
    /// The receipt.
    pub(super) receipt: Option<String>,
    /// From the skill's first byte to the answer, in microseconds.
    pub(super) micros: u128,
}

impl Row {
    /// Whether it came out as it must, by the control that must.
    pub(super) fn held(&self) -> bool {
        self.verdict == self.expect
            && self.receipt.is_some()
            && self.expect_control.is_none_or(|control| self.control.as_deref() == Some(control))
    }
}

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Everything came out as it must.
    pub(super) held: bool,
    /// Bytes that reached the attacker's server.
    pub(super) attacker_bytes: u64,
    /// Connections that reached it.
    pub(super) attacker_visits: u64,
    /// Refused names that were looked up all the same.
    pub(super) leaked_names: Vec<String>,
    /// `ledger verify` passed.
    pub(super) ledger_ok: bool,
    /// The attempts.
    pub(super) rows: Vec<Row>,
}

impl Report {
    /// Prints it.
    ///
    /// # Errors
    /// Where standard output is closed.
    pub(super) fn print(&self, format: Format) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if format == Format::Json {
            serde_json::to_writer(&mut out, self)?;
            writeln!(out)?;
            return Ok(());
        }
        let paint = Paint::for_stdout();
        writeln!(
            out,
            "A hijacked skill tries to get data out. What is not allowed must not leave.\n"
        )?;
        writeln!(
            out,
            "     {:<44} {:<16} {:<7} {:<30} {:>8}",
            "attempt", "control", "verdict", "receipt", "µs"
        )?;
        for row in &self.rows {
            let mark = if row.held() { paint.good("✓") } else { paint.bad("✗") };
            writeln!(
                out,
                "  {mark}  {:<44} {:<16} {:<7} {:<30} {:>8}",
                row.attack,
                row.control.as_deref().unwrap_or("–"),
                row.verdict,
                row.receipt.as_deref().unwrap_or("–"),
                row.micros
            )?;
        }
        let names = if self.leaked_names.is_empty() {
            "none".to_owned()
        } else {
            self.leaked_names.join(", ")
        };
        writeln!(
            out,
            "\n  attacker's server received   {} bytes in {} connections",
            self.attacker_bytes, self.attacker_visits
        )?;
        writeln!(out, "  refused names looked up      {names}")?;
        writeln!(
            out,
            "  ledger verify                {}",
            if self.ledger_ok { "passed" } else { "FAILED" }
        )?;
        let refused = self.rows.iter().filter(|row| row.verdict == "deny").count();
        let passed = self.rows.len() - refused;
        let end = if self.held { paint.good("HELD") } else { paint.bad("NOT HELD") };
        writeln!(out, "\n  {end}: {refused} refused, {passed} honest calls passed\n")?;
        writeln!(
            out,
            "  Plain HTTP was read whole. Not inspected yet: what stands inside a TLS tunnel (receipts\n  say `inspected: sni`). Names of people and places are looked for by tables alone: the model for\n  them is off in the demo; `backstop models install` gets it for `serve`."
        )?;
        Ok(())
    }
}
