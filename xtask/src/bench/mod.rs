//! Benchmarks: builds what is compared as it is shipped, and lets `testkit` compare it. Next: `dlp`,
//! `snippets`, `corpus`, `dns`.

mod analyze;
mod corpus;
mod dlp;
mod dns;
mod snippets;

pub(crate) use corpus::corpus;
pub(crate) use dlp::dlp;
pub(crate) use dns::dns;
pub(crate) use snippets::snippets;

use crate::dist;
use crate::project::{self, Project};
use crate::setup;

/// Backstop's proxy beside tinyproxy, squid and Envoy, on one upstream in one run. `rest` goes to
/// `testkit bench` (`--rounds N`, `--requests N`, `--only NAMES`).
pub(crate) fn proxy(project: &Project, rest: &[&str]) -> anyhow::Result<()> {
    setup::run(project, setup::For::Benchmarks)?;
    let backstop = dist::build(project, dist::Profile::Taken, dist::What::Binary)?;
    let build = ["build", "--locked", "--release", "--package", "backstop-testkit"];
    project::run(project.cargo(&build))?;
    let mut command = project.as_root(&project.target().join("release/testkit"));
    command.args(["bench", "--backstop"]).arg(backstop);
    command.arg("--tools").arg(project.tools()).arg("--out").arg(project.root().join("docs/bench"));
    command.args(rest).env("TMPDIR", project.temporary()?);
    project::run(command)
}
