//! Benchmarks: builds what is compared in release, and lets `testkit` compare it. Next: `dlp`,
//! `corpus`, `dns`.

mod corpus;
mod dlp;
mod dns;

pub(crate) use corpus::corpus;
pub(crate) use dlp::dlp;
pub(crate) use dns::dns;

use std::process::Command;

use crate::project::{self, Project, is_root};
use crate::setup;

/// Backstop's proxy beside tinyproxy, squid and Envoy, on one upstream in one run. `rest` goes to
/// `testkit bench` (`--rounds N`, `--requests N`, `--only NAMES`).
pub(crate) fn proxy(project: &Project, rest: &[&str]) -> anyhow::Result<()> {
    setup::run(project, setup::For::Benchmarks)?;
    let build = [
        "build",
        "--locked",
        "--release",
        "--package",
        "backstop",
        "--package",
        "backstop-testkit",
    ];
    project::run(project.cargo(&build))?;
    let testkit = project.target().join("release/testkit");
    let mut command: Command = if is_root() {
        project.command(&testkit)
    } else {
        let mut unshare = project.command("unshare");
        unshare.arg("--map-root-user").arg("--").arg(&testkit);
        unshare
    };
    command.args(["bench", "--backstop"]).arg(project.target().join("release/backstop"));
    command.arg("--tools").arg(project.tools()).arg("--out").arg(project.root().join("docs/bench"));
    command.args(rest).env("TMPDIR", project.temporary()?);
    project::run(command)
}
