//! `POST /analyze` with names, beside a real Presidio's: whole requests over HTTP, the same ones to
//! both. A part of `dlp`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::dist;
use crate::project::{self, Project};

/// The goal: the time of ours over that of theirs.
const MOST: f64 = 1.3;

/// A section of the page. `list` are the documents, `sets` the set of each.
pub(super) fn section(
    project: &Project,
    python: &Path,
    list: &Path,
    sets: &[&str],
    model: &Path,
) -> anyhow::Result<String> {
    let backstop = dist::build(project, dist::Profile::Taken, dist::What::Binary)?;
    let folder = project.temporary()?.join("bench-analyze");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let (state, policy) = (folder.join("state"), folder.join("policy"));
    let installed = state.join("models").join(model.file_name().context("a folder")?);
    std::fs::create_dir_all(&installed)?;
    std::fs::create_dir_all(&policy)?;
    for file in std::fs::read_dir(model)? {
        let file = file?;
        std::fs::copy(file.path(), installed.join(file.file_name()))?;
    }
    let script = folder.join("analyze.py");
    std::fs::write(&script, include_str!("analyze.py"))?;
    println!("bench: /analyze");
    let mut command = project.command(python);
    command.arg(&script).arg(list).arg(backstop);
    command.arg(&state).arg(&policy);
    command.arg(project.root().join("crates/backstop/tests/it/analyzer/presidio.py"));
    let answers = project::output(&mut command)?;
    std::fs::remove_dir_all(&folder)?;
    let answers: Vec<Value> =
        answers.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    table(&answers, sets)
}

fn table(answers: &[Value], sets: &[&str]) -> anyhow::Result<String> {
    let mut page = format!(
        "\n`POST /analyze` over HTTP, with names and the model, and the same requests to Presidio 2.2.366 behind a\n\
         small HTTP server; each document once to either. Goal: at most {MOST} times Presidio's time in all.\n\n\
         | set | requests | ours p50 µs | ours p99 µs | Presidio p50 µs | Presidio p99 µs | time in all, ours / Presidio | |\n\
         |---|---:|---:|---:|---:|---:|---:|---|\n"
    );
    let mut names: Vec<&str> = Vec::new();
    sets.iter().for_each(|set| {
        if !names.contains(set) {
            names.push(set)
        }
    });
    for name in names {
        let of = |which: &str| {
            let own = answers.iter().zip(sets).filter(|(_, set)| **set == name);
            let mut times: Vec<f64> =
                own.map(|(answer, _)| answer[which].as_f64().unwrap_or_default()).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        let (ours, theirs) = (of("ours"), of("theirs"));
        let at = |times: &[f64], share: usize| {
            times.get(times.len() * share / 100).copied().unwrap_or_default()
        };
        let ratio = ours.iter().sum::<f64>() / theirs.iter().sum::<f64>().max(1.0);
        let met = if ratio <= MOST { "met" } else { "MISSED" };
        writeln!(
            page,
            "| {name} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {ratio:.2} | {met} |",
            ours.len(),
            at(&ours, 50),
            at(&ours, 99),
            at(&theirs, 50),
            at(&theirs, 99),
        )?;
    }
    Ok(page)
}
