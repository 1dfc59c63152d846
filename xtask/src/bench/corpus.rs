//! `cargo xtask bench corpus`: 1 GB of text registered by fingerprints, and text checked against it.
//!
//! Runs an example program of `backstop-detect` in processes of its own, so that each figure of
//! memory is that of one step. Next: back to `mod`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::dlp::today;
use crate::dist;
use crate::project::{self, Project};

/// Bytes that are registered, where `--bytes N` says nothing.
const BYTES: &str = "1000000000";
/// Goals: memory while registering, and speed of checking on one core.
const MOST_MEMORY: u64 = 1_000_000_000;
const LEAST_SPEED: f64 = 50.0;

/// Runs everything and writes `docs/bench/corpus-DATE.md`.
pub(crate) fn corpus(project: &Project, rest: &[&str]) -> anyhow::Result<()> {
    let bytes = match rest {
        [] => BYTES,
        ["--bytes", count] => count,
        _ => bail!("usage: cargo xtask bench corpus [--bytes N]"),
    };
    let example = dist::What::Example("backstop-detect", "corpus");
    let program = dist::build(project, dist::Profile::Taken, example)?;
    let folder = project.temporary()?.join("bench-corpus");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let cargo = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let registry = cargo.context("no CARGO_HOME and no HOME")?.join("registry/src");
    println!("bench: making {bytes} bytes of text");
    let mut make = project.command(&program);
    make.arg("make").arg(&folder).arg(bytes).arg(registry).arg("/usr/share/man");
    project::run(make)?;
    let file = folder.join("corpus");
    println!("bench: registering");
    let mut register = project.command(&program);
    register.arg("register").arg(folder.join("registered")).arg(&file);
    let registered: Value = serde_json::from_str(&project::output(&mut register)?)?;
    let mut checks = Vec::new();
    for name in ["foreign", "real", "planted"] {
        println!("bench: checking {name}");
        let mut check = project.command(&program);
        check.arg("check").arg(&file).arg(folder.join(name));
        checks.push((name, serde_json::from_str(&project::output(&mut check)?)?));
    }
    std::fs::remove_dir_all(&folder)?;
    let page = page(&registered, &checks)?;
    let path = project.root().join(format!("docs/bench/corpus-{}.md", today()?));
    std::fs::write(&path, &page)?;
    println!("{page}\n{}", path.display());
    Ok(())
}

fn page(registered: &Value, checks: &[(&str, Value)]) -> anyhow::Result<String> {
    use std::fmt::Write as _;
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap_or_default();
    let mega = |value: &Value, name: &str| number(value, name) / 1e6;
    let met = |yes: bool| if yes { "met" } else { "MISSED" };
    let mut page = format!(
        "# Registered documents, {}\n\n`cargo xtask bench corpus`: text of a generator (words as common as in a \
         language) and real text\n(sources and read-me files of the registry's crates, manual pages); one \
         thread, seconds of\nprocessor time; peak memory of the process. MB are 1,000,000 bytes.\n\n\
         | registered | documents | fingerprints | seconds | MB/s | peak MB | file MB | goal: under 1,000 MB |\n\
         |---:|---:|---:|---:|---:|---:|---:|---|\n",
        today()?
    );
    writeln!(
        page,
        "| {:.0} MB | {:.0} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} | {} |",
        mega(registered, "bytes"),
        number(registered, "documents"),
        number(registered, "fingerprints"),
        number(registered, "seconds"),
        mega(registered, "bytes") / number(registered, "seconds"),
        mega(registered, "rss"),
        mega(registered, "file"),
        met(number(registered, "rss") < MOST_MEMORY as f64)
    )?;
    page.push_str(
        "\n| checked | what | files | MB | MB/s | loading s | peak MB | files with a finding | of the right document | goal: over 50 MB/s |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for (name, check) in checks {
        let what = match *name {
            "foreign" => "made by the same generator, not registered",
            "real" => "real text, not registered (licences and the like stand in what is)",
            _ => {
                "60 words of a registered document each, in capitals, wrapped anew, in 4 KB of other text"
            }
        };
        let speed = mega(check, "bytes") / number(check, "seconds");
        let goal = if *name == "planted" { "–" } else { met(speed > LEAST_SPEED) };
        writeln!(
            page,
            "| {name} | {what} | {:.0} | {:.0} | {speed:.0} | {:.1} | {:.0} | {:.0} | {:.0} | {goal} |",
            number(check, "files"),
            mega(check, "bytes"),
            number(check, "load"),
            mega(check, "rss"),
            number(check, "hit"),
            number(check, "right"),
        )?;
    }
    Ok(page)
}
