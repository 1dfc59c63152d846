//! `cargo xtask bench snippets`: pieces of real text on this machine, drawn by a seed, and which of
//! them would be refused.
//!
//! Whether a refusal is false only a person can say: the refused pieces are written to a file to be
//! read, and the figures that are published come from that reading. Next: back to `mod`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::project::{self, Project};

/// Pieces of each kind, where `--each N` says nothing.
const EACH: &str = "700";

/// Draws, looks, and prints a table; the pieces and the refused ones stay in the target folder.
pub(crate) fn snippets(project: &Project, rest: &[&str]) -> anyhow::Result<()> {
    let (seed, each) = match rest {
        [seed] => (*seed, EACH),
        [seed, "--each", each] => (*seed, *each),
        _ => bail!("usage: cargo xtask bench snippets SEED [--each N]"),
    };
    for (package, example) in [("backstop-detect", "draw"), ("backstop-ner", "measure")] {
        let build = ["build", "--locked", "--release", "--package", package, "--example", example];
        project::run(project.cargo(&build))?;
    }
    let examples = project.target().join("release/examples");
    let mut draw = project.command(examples.join("draw"));
    draw.args([seed, each]);
    let roots = roots()?;
    for (kind, root) in &roots {
        let mut argument = std::ffi::OsString::from(format!("{kind}="));
        argument.push(root);
        draw.arg(argument);
    }
    let drawn = project::output(&mut draw)?;
    let list = project.temporary()?.join(format!("snippets-{seed}.jsonl"));
    std::fs::write(&list, &drawn)?;
    let mut measure = project.command(examples.join("measure"));
    measure.arg(&list);
    let model = project.target().join("models").join("rampart-1.4.0");
    if model.is_dir() {
        measure.arg(&model);
    } else {
        eprintln!("bench: the model is not at {}: names by tier 1 alone", model.display());
        measure.arg("gate");
    }
    let answers = project::output(&mut measure)?;
    let (table, refused) = judged(&drawn, &answers)?;
    let path = project.temporary()?.join(format!("snippets-{seed}.txt"));
    std::fs::write(&path, refused)?;
    println!("{table}\nto be read by hand: {}", path.display());
    Ok(())
}

/// Where real text stands on a machine, by kind.
fn roots() -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let home = std::env::var_os("HOME").map(PathBuf::from).context("no HOME")?;
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let registry = cargo.join("registry/src");
    let system = |path: &str| Path::new("/usr").join(path);
    Ok(vec![
        ("rust", registry.clone()),
        ("readme", registry.clone()),
        ("manual", system("share/man")),
        ("json", registry.clone()),
        ("json", system("share")),
        ("json", system("lib")),
        ("json", system("local")),
        ("python", system("lib")),
        ("python", home.join(".pyenv/versions")),
        ("other", registry),
        ("other", system("include")),
        ("other", system("share")),
        ("other", system("lib")),
        ("npm", system("lib/node_modules")),
        ("npm", system("local/lib/node_modules")),
        ("npm", system("share/nodejs")),
    ])
}

#[derive(Default)]
struct Count {
    all: usize,
    pii: usize,
    credential: usize,
    other: usize,
}

/// The table, and the refused pieces with what was found in them.
fn judged(drawn: &str, answers: &str) -> anyhow::Result<(String, String)> {
    let (mut counts, mut refused): (BTreeMap<String, Count>, String) = Default::default();
    for (number, (piece, answer)) in drawn.lines().zip(answers.lines()).enumerate() {
        let (piece, answer): (Value, Value) =
            (serde_json::from_str(piece)?, serde_json::from_str(answer)?);
        let is = |name: &str| answer[name].as_bool().unwrap_or_default();
        let kind = piece["kind"].as_str().unwrap_or_default();
        for name in [kind, "all"] {
            let count = counts.entry(name.to_owned()).or_default();
            count.all += 1;
            count.pii += usize::from(is("pii"));
            count.credential += usize::from(is("credential"));
            count.other += usize::from(is("refused") && !is("pii") && !is("credential"));
        }
        if !is("refused") {
            continue;
        }
        let text: Vec<char> = piece["text"].as_str().unwrap_or_default().chars().collect();
        writeln!(refused, "=== {number} {kind} {}", piece["file"])?;
        for hit in answer["hits"].as_array().into_iter().flatten() {
            // Entity, start, end, score, whether it refuses, detector, chain.
            if hit[4].as_bool() != Some(true) {
                continue;
            }
            let at = |place: usize| hit[place].as_u64().unwrap_or_default() as usize;
            let value: String = text.get(at(1)..at(2)).unwrap_or_default().iter().collect();
            writeln!(refused, "  {} {} {} {value:?} {}", hit[0], hit[3], hit[5], hit[6])?;
        }
        writeln!(refused, "---\n{}\n", text.iter().collect::<String>())?;
    }
    let mut table =
        "| kind | pieces | refused for PII | for credentials | for something else |\n|---|---:|---:|---:|---:|\n"
            .to_owned();
    for (kind, count) in counts {
        let Count { all, pii, credential, other } = count;
        let share = pii as f64 * 100.0 / all.max(1) as f64;
        writeln!(table, "| {kind} | {all} | {pii} ({share:.2} %) | {credential} | {other} |")?;
    }
    Ok((table, refused))
}
