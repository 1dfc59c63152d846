//! The binary: command line and wiring, no rule of its own.
//!
//! ```text
//!  cli ─▶ config ─▶ commands ─▶ run (wiring) ─▶ tasks
//!                      │          policies ──watch──▶ gate ◀── detection (what is looked for)
//!                      ├─▶ demo                                   │
//!                      └─▶ inspect ◀──────────────────────────────┘
//! ```
//! Reading order: `cli`, `run`, `policies`, then one of `commands`.

mod cli;
mod commands;
mod config;
mod demo;
mod descriptors;
mod detection;
mod dns;
mod feeds;
mod figures;
mod hardening;
mod inspect;
mod name_model;
mod policies;
mod printer;
mod rpz;
mod run;
mod tasks;
mod transfers;

use anyhow::Result;
use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

/// 0 allowed or clean, 1 refused or findings, 2 usage or bad policy, 3 fault.
pub(crate) const FAULT: u8 = 3;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    hardening::quiet_panics();
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(code) => code,
        Err(fault) => {
            // A reader that went away (`| head`) is no fault.
            if fault.chain().any(|cause| {
                cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
            }) {
                return ExitCode::SUCCESS;
            }
            eprintln!("backstop: {fault:#}");
            ExitCode::from(if fault.is::<commands::Usage>() { USAGE } else { FAULT })
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    if let Command::Completions { shell } = &cli.command {
        return commands::completions::run(*shell);
    }
    if holds_secrets(&cli.command) {
        hardening::no_dumps();
    }
    let resolved = config::resolve(cli).map_err(commands::usage)?;
    if let Command::Inspect(inspect) = &cli.command {
        let config = config::Config::parse(&resolved).map_err(commands::usage)?;
        return commands::inspect::run(&config, inspect, cli.format);
    }
    let format = cli.format.plain().ok_or_else(|| {
        commands::usage(anyhow::anyhow!("`--format sarif` is for `backstop inspect` alone"))
    })?;
    if let Command::Config(cli::ConfigCommand::Show) = &cli.command {
        return commands::config::show(&resolved, format);
    }
    let config = config::Config::parse(&resolved).map_err(commands::usage)?;
    start_log(&resolved, matches!(cli.command, Command::Serve(_)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match &cli.command {
            Command::Demo => demo::run(format).await,
            Command::Serve(_) => commands::serve::run(config, format).await,
            Command::Check(check) => commands::check::run(&config, check, format).await,
            Command::Explain(explain) => commands::explain::run(&config, explain, format),
            Command::Allow(allow) => commands::allow::run(&config, allow, format).await,
            Command::Sessions(sessions) => commands::sessions::run(&config, sessions, format).await,
            Command::Tokens(tokens) => commands::tokens::run(&config, tokens, format).await,
            Command::Alerts(alerts) => commands::alerts::run(&config, alerts, format).await,
            Command::Quarantine(quarantine) => {
                commands::quarantine::run(&config, quarantine, format).await
            }
            Command::Holds(holds) => commands::holds::run(&config, holds, format).await,
            Command::Ledger(ledger) => commands::ledger::run(&config, ledger, format),
            Command::Models(models) => commands::models::run(&config, models, format),
            Command::Dns(cli::Dns::Explain(explain)) => {
                commands::dns::explain(&config, explain, format)
            }
            Command::Render(render) => commands::render::run(&config, render, format),
            Command::Canary(canary) => commands::canary::run(&config, canary, format),
            Command::Corpus(corpus) => commands::corpus::run(&config, corpus, format),
            Command::Config(_) | Command::Completions { .. } | Command::Inspect(_) => {
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// Whether a command has in its memory what must not leave it: payloads, files, registered values.
const fn holds_secrets(command: &Command) -> bool {
    match command {
        Command::Demo
        | Command::Serve(_)
        | Command::Inspect(_)
        | Command::Canary(_)
        | Command::Corpus(_) => true,
        Command::Check(_)
        | Command::Dns(_)
        | Command::Explain(_)
        | Command::Render(_)
        | Command::Allow(_)
        | Command::Sessions(_)
        | Command::Tokens(_)
        | Command::Alerts(_)
        | Command::Quarantine(_)
        | Command::Holds(_)
        | Command::Ledger(_)
        | Command::Models(_)
        | Command::Config(_)
        | Command::Completions { .. } => false,
    }
}

/// The log goes to standard error: results alone go to standard output.
fn start_log(resolved: &config::Resolved, serving: bool) -> Result<()> {
    let level = match (resolved.one("log.level"), serving) {
        // A command that ends is quiet about its inner life unless asked.
        ("info", false) => "off",
        (level, _) => level,
    };
    let filter = tracing_subscriber::EnvFilter::try_new(level).map_err(|_| {
        commands::usage(anyhow::anyhow!("`log.level`: `{level}` is no level or filter"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match resolved.one("log.format") {
        "json" => builder.json().init(),
        "text" => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        other => {
            return Err(commands::usage(anyhow::anyhow!(
                "`log.format`: `{other}` is neither `text` nor `json`"
            )));
        }
    }
    Ok(())
}
