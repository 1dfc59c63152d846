//! `cargo xtask …`: set-up, checks, benchmarks and generated pages. The only build tool besides
//! cargo.
//!
//! ```text
//!  setup    what tests need and cargo cannot bring          ci     every check, with its time
//!  tidy     the code against its map and its pages          deny   licences, sources, bans, advisories
//!  codegen  writes docs/reference from the types            bench  compares with other proxies
//!  dist     the binary to ship                              bare   all of it on an empty Debian
//! ```
//! Must not know how Backstop works: it reads the map (ARCHITECTURE.md), the pages and cargo's
//! metadata. Next: `ci`, then `tidy`.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a build tool starts programs and reads the environment by trade; serde_json's index gives null"
)]

mod bare;
mod bench;
mod ci;
mod codegen;
mod deny;
mod dist;
mod lines;
mod project;
mod setup;
mod tidy;

use std::process::ExitCode;

use project::Project;

const USAGE: &str = "\
usage: cargo xtask TASK

  setup [--bench]   install what tests (and benchmarks) need, where it is missing
  ci                every check; what the server runs
  tidy              the code against ARCHITECTURE.md, the pages against the code
  deny              licences, sources, bans, advisories of outside crates (deny.toml)
  codegen           write docs/reference/*.md
  bench proxy       compare with tinyproxy, squid and Envoy; writes docs/bench/
  bench dlp         compare the detectors with Presidio; writes docs/bench/
  bench snippets    draw real text by a seed and look at it; the refused is to be read
  bench dns         compare with unbound, dnsdist and pdns-recursor; writes docs/bench/
  bench corpus      register and check 1 GB of text; writes docs/bench/
  dist [--plain]    build the binary to ship, by the profile of a day's work (--plain: without)
  bare [--check|--setup]
                    run the demo and ci on an empty Debian (--check: only make the root; --setup:
                    only install what the tests need)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = Project::find().and_then(|project| match words.as_slice() {
        ["setup"] => setup::run(&project, setup::For::Tests),
        ["setup", "--bench"] => setup::run(&project, setup::For::Benchmarks),
        ["ci"] => ci::run(&project),
        ["tidy"] => tidy::run(&project),
        ["deny"] => deny::run(&project),
        ["codegen"] => codegen::run(&project),
        ["bench", "proxy", rest @ ..] => bench::proxy(&project, rest),
        ["bench", "dlp", rest @ ..] => bench::dlp(&project, rest),
        ["bench", "snippets", rest @ ..] => bench::snippets(&project, rest),
        ["bench", "dns", rest @ ..] => bench::dns(&project, rest),
        ["bench", "corpus", rest @ ..] => bench::corpus(&project, rest),
        ["dist"] => shipped(&project, dist::Profile::Taken),
        ["dist", "--plain"] => shipped(&project, dist::Profile::None),
        ["bare"] => bare::run(&project, bare::Extent::Everything),
        ["bare", "--check"] => bare::run(&project, bare::Extent::Root),
        ["bare", "--setup"] => bare::run(&project, bare::Extent::Setup),
        _ => Err(anyhow::anyhow!("{USAGE}")),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn shipped(project: &Project, profile: dist::Profile) -> anyhow::Result<()> {
    println!("{}", dist::build(project, profile, dist::What::Binary)?.display());
    Ok(())
}
