//! `backstop inspect [FILE…|-]`: what in these files must not leave. Never prints what it found.
//! Exit 0 clean, 1 findings, 2 usage, 3 where not everything could be looked at.

use super::usage;
use crate::cli::{Inspect, Shape};
use crate::config::Config;
use crate::config::typed::size;
use crate::detection;
use crate::inspect::{self, Lens, Notes, Progress, Summary, Text};
use crate::printer::Paint;
use anyhow::{Result, anyhow, bail};
use backstop_detect::name::NAME_DETECTORS;
use backstop_detect::{
    Detectors, Families, Family, Inspector, Limits, Looks, ScanOptions, Score, Scratch,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Looks through files, or proves the detectors' own examples.
pub(crate) fn run(config: &Config, asked: &Inspect, shape: Shape) -> Result<ExitCode> {
    let inspector = detection::inspector(config).map_err(usage)?;
    if asked.self_test {
        return self_test(&inspector.detectors, shape);
    }
    let most = size(&asked.max_size)
        .map_err(|why| usage(anyhow!("`--max-size {}` does not do: {why}", asked.max_size)))?;
    let most = usize::try_from(most.0).unwrap_or(usize::MAX);
    let mut lens = lens(inspector, asked, most).map_err(usage)?;
    lens.asker = inspect::Asker::of(config).map_err(usage)?;
    lens.looks.passages = lens.asker.as_ref().map(|_| lens.looks.limits.decoded);
    let paths = paths(asked)?;
    let inputs = inspect::inputs(&paths).map_err(usage)?;
    if asked.redact {
        let [input] = inputs.as_slice() else {
            return Err(usage(anyhow!("`--redact` takes one file, or standard input")));
        };
        let text = inspect::read(input, lens.media.as_ref(), most);
        return redact(text.map_err(|passed| anyhow!("{}: {passed}", input.name))?, &lens);
    }
    let progress = Progress::for_stderr();
    let summary = inspect::all(&inputs, &lens, most, &progress);
    report(&summary, shape)
}

/// Prints what a run came to, and answers what the process exits with.
pub(super) fn report(summary: &Summary, shape: Shape) -> Result<ExitCode> {
    print(summary, shape)?;
    Ok(ExitCode::from(match (summary.findings(), summary.incomplete().count()) {
        (0, 0) => 0,
        (0, _) => crate::FAULT,
        (_, _) => 1,
    }))
}

/// What is asked of each scan.
fn lens(inspector: Inspector, asked: &Inspect, most: usize) -> Result<Lens> {
    let mut families = Families::ALL;
    if !asked.encoded {
        families = families.without(Family::Encoded);
    }
    let threshold = match asked.threshold {
        None => Score::VERDICT,
        Some(score) if (0.0..=1.0).contains(&score) => Score::new(score),
        Some(score) => bail!("`--threshold {score}` is not between 0 and 1"),
    };
    let known = known(&inspector.detectors);
    for entity in &asked.entities {
        if !known.contains(entity.as_str()) {
            bail!(
                "`--entities {entity}`: nothing of this name is looked for{}",
                near(entity, &known)
            );
        }
    }
    let entities = (!asked.entities.is_empty()).then(|| asked.entities.clone());
    let scan = ScanOptions { threshold, families, entities, ..ScanOptions::default() };
    let limits = Limits {
        bytes: usize::MAX,
        decoded: most.saturating_mul(8),
        fields: most,
        work: most.saturating_mul(64),
        alike: MOST_ALIKE,
        ..Limits::default()
    };
    Ok(Lens {
        inspector,
        looks: Looks { limits, scan, ..Looks::default() },
        notes: if asked.notes { Notes::Shown } else { Notes::Hidden },
        media: asked.media.as_deref().map(inspect::media).transpose()?,
        asker: None,
    })
}

/// LIMIT: findings of one kind that are listed for one file; the rest is counted.
const MOST_ALIKE: usize = 1_000;

/// The names of everything that can be found.
fn known(detectors: &Detectors) -> BTreeSet<&str> {
    let mut known = detectors.catalog().entities();
    known.extend(NAME_DETECTORS.iter().map(|detector| detector.entity));
    known.extend(WITHOUT_PACK);
    known
}

/// Entities that no pack names.
const WITHOUT_PACK: [&str; 5] =
    ["CANARY", "DOCUMENT", "ENCODED_BASE64", "ENCODED_HEX", "SEALED_CONTENT"];

/// Names that share a word with this one.
fn near(name: &str, known: &BTreeSet<&str>) -> String {
    let upper = name.to_uppercase();
    let words: Vec<&str> = upper.split('_').filter(|word| word.len() > 2).collect();
    let near: Vec<&str> = known
        .iter()
        .filter(|other| words.iter().any(|word| other.split('_').any(|part| part == *word)))
        .take(6)
        .copied()
        .collect();
    if near.is_empty() { String::new() } else { format!("; perhaps {}", near.join(", ")) }
}

/// The paths asked for; without any, standard input if something is piped into it.
fn paths(asked: &Inspect) -> Result<Vec<PathBuf>> {
    if !asked.paths.is_empty() {
        return Ok(asked.paths.clone());
    }
    if std::io::stdin().is_terminal() {
        return Err(usage(anyhow!("name files or folders, or pipe something in")));
    }
    Ok(vec![PathBuf::from("-")])
}

fn print(summary: &Summary, shape: Shape) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match shape {
        Shape::Text => inspect::text(&mut out, summary)?,
        Shape::Json => {
            serde_json::to_writer_pretty(&mut out, &inspect::json(summary))?;
            writeln!(out)?;
        }
        Shape::Sarif => {
            let log = inspect::sarif(summary, env!("CARGO_PKG_VERSION"));
            serde_json::to_writer_pretty(&mut out, &log)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Writes the text without what was found, or nothing at all.
fn redact(text: Text, lens: &Lens) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let redacted = inspect::redact(text, lens, &mut Scratch::default())
        .map_err(|fault| anyhow!("nothing was written: {fault}"))?;
    out.write_all(redacted.text.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::from(u8::from(redacted.replaced > 0)))
}

/// Holds every detector of every pack to its examples and counter-examples.
fn self_test(detectors: &Detectors, shape: Shape) -> Result<ExitCode> {
    let faults = detectors.self_test();
    let all = detectors.catalog().detectors();
    let packs: BTreeSet<&str> = all.iter().map(|entry| &*entry.pack).collect();
    let mut out = std::io::stdout().lock();
    match shape {
        Shape::Json | Shape::Sarif => {
            let list: Vec<_> = faults
                .iter()
                .map(|fault| {
                    json!({
                        "pack": &*fault.pack, "line": fault.line, "detector": &*fault.detector,
                        "message": fault.message,
                    })
                })
                .collect();
            let answer = json!({
                "version": 1, "ok": faults.is_empty(), "packs": packs.len(), "detectors": all.len(),
                "faults": list,
            });
            serde_json::to_writer_pretty(&mut out, &answer)?;
            writeln!(out)?;
        }
        Shape::Text => {
            let paint = Paint::for_stdout();
            for fault in &faults {
                writeln!(out, "{fault}")?;
            }
            let word = if faults.is_empty() { paint.good("sound") } else { paint.bad("not sound") };
            writeln!(
                out,
                "{word}: {} detectors in {} packs, {} examples that do not stand",
                all.len(),
                packs.len(),
                faults.len()
            )?;
        }
    }
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}
