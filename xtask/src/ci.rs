//! Every check in order, each with its time; stops at the first that fails and says which. The
//! server runs exactly this (`.ci/run`).

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::project::{self, Project, is_root};
use crate::{deny, setup, tidy};

type Check = fn(&Project, &mut Counts) -> anyhow::Result<()>;

const STEPS: &[(&str, Check)] = &[
    ("setup", |project, _| setup::run(project, setup::For::Tests)),
    ("fmt", |project, _| project::run(project.cargo(&["fmt", "--all", "--", "--check"]))),
    ("clippy", |project, _| {
        project::run(project.cargo(&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    }),
    ("tidy", |project, _| tidy::run(project)),
    ("fuzz", |project, _| fuzz(project)),
    ("deny", |project, _| deny::run(project)),
    ("test", test),
    ("demo", demo),
];

/// What the tests counted.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
}

/// Runs all steps.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut counts = Counts::default();
    let mut failed = None;
    for (name, check) in STEPS {
        println!("\n== {name}");
        let start = Instant::now();
        let result = check(project, &mut counts);
        times.push((*name, start.elapsed()));
        println!(
            "== {name}: {} in {:.1} s",
            if result.is_ok() { "ok" } else { "FAILED" },
            start.elapsed().as_secs_f64()
        );
        if let Err(error) = result {
            failed = Some(error.context(format!("ci: `{name}` failed")));
            break;
        }
    }
    println!("\n| step | seconds |\n|---|---:|");
    for (name, time) in &times {
        println!("| {name} | {:.1} |", time.as_secs_f64());
    }
    println!("| all | {:.1} |", times.iter().map(|(_, time)| time.as_secs_f64()).sum::<f64>());
    for (name, _) in STEPS.iter().skip(times.len()) {
        println!("not run: {name}");
    }
    println!("\n{} passed, {} failed", counts.passed, counts.failed);
    failed.map_or(Ok(()), Err)
}

/// The fuzz targets are a workspace of their own that nobody builds by the way: they must still read.
fn fuzz(project: &Project) -> anyhow::Result<()> {
    let (lock, own) = (project.root().join("Cargo.lock"), project.root().join("fuzz/Cargo.lock"));
    std::fs::copy(&lock, &own).with_context(|| format!("copy {}", lock.display()))?;
    let mut command = project.cargo(&["check", "--manifest-path", "fuzz/Cargo.toml", "--bins"]);
    // Nothing is linked, so the fuzzer's own library need not be compiled (nor a C++ compiler be there).
    command.env("CUSTOM_LIBFUZZER_PATH", project.target().join("none/libfuzzer.a"));
    project::run(command)
}

/// Unit, integration and doc tests; test worlds need namespaces, hence `unshare` where we are not root.
fn test(project: &Project, counts: &mut Counts) -> anyhow::Result<()> {
    let cargo = project.cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    let mut command = if is_root() { cargo } else { mapped(project, &cargo) };
    command.env("TMPDIR", project.temporary()?).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("start the tests")?;
    for line in BufReader::new(child.stdout.take().context("stdout is piped")?).lines() {
        let line = line?;
        println!("{line}");
        if let Some((passed, failed)) = closing(&line) {
            counts.passed += passed;
            counts.failed += failed;
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "cargo test: {status}");
    ensure!(counts.passed > 0, "cargo test ran no test");
    Ok(())
}

/// The same command as root of a user namespace of its own.
fn mapped(project: &Project, inner: &Command) -> Command {
    let mut command = project.command("unshare");
    command.arg("--map-root-user").arg("--").arg(inner.get_program()).args(inner.get_args());
    command
}

/// What `test result: ok. 3 passed; 0 failed; …` counts.
fn closing(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        let part = counts.split(';').find(|part| part.trim().ends_with(word))?;
        part.trim().split(' ').next()?.parse().ok()
    };
    Some((count(" passed")?, count(" failed")?))
}

/// The main job on real traffic: every attack held, nothing reached the attacker, the ledger whole.
fn demo(project: &Project, _counts: &mut Counts) -> anyhow::Result<()> {
    let mut command = project.cargo(&[
        "run",
        "--locked",
        "--release",
        "--quiet",
        "--",
        "demo",
        "--format",
        "json",
    ]);
    command.env("TMPDIR", project.temporary()?).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("start the demo")?;
    let mut text = String::new();
    child.stdout.take().context("stdout is piped")?.read_to_string(&mut text)?;
    let status = child.wait()?;
    let report: Value = serde_json::from_str(&text)
        .with_context(|| format!("the demo ({status}) printed no JSON: {text}"))?;
    let rows = report["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    for row in rows {
        let word = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        println!("{:>8} {:<20} {}", word("verdict"), word("control"), word("attack"));
    }
    println!(
        "{} rows, {} bytes reached the attacker, ledger ok: {}",
        rows.len(),
        report["attacker_bytes"],
        report["ledger_ok"]
    );
    ensure!(status.success(), "the demo: {status}");
    if report["held"] != true
        || report["attacker_bytes"] != 0
        || report["ledger_ok"] != true
        || rows.is_empty()
    {
        bail!("the demo ended well, but its report does not say that all held");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::closing;

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.41s";
        assert_eq!(closing(line), Some((12, 4)));
        assert_eq!(closing("test result: ok. 0 passed; 0 failed; 0 ignored"), Some((0, 0)));
        assert_eq!(closing("running 3 tests"), None);
    }
}
