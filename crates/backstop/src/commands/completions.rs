//! `backstop completions SHELL`.

use crate::cli::Cli;
use anyhow::Result;
use clap::CommandFactory;
use std::process::ExitCode;

/// Prints the completions of a shell.
pub(crate) fn run(shell: clap_complete::Shell) -> Result<ExitCode> {
    clap_complete::generate(shell, &mut Cli::command(), "backstop", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
