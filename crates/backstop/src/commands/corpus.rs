//! `backstop corpus add|list|remove|check`: documents that must not leave, known by fingerprints.
//! Nothing of their text is kept.

use super::canary::whole;
use super::usage;
use crate::cli::{Corpus as Command, CorpusAdd, Format, Shape};
use crate::config::Config;
use crate::detection::{self, corpus_file};
use crate::inspect::{self, Lens, Notes, Progress};
use crate::printer;
use crate::run::private_folder;
use anyhow::{Context, Result, anyhow};
use backstop_detect::corpus::{Corpus, CorpusBuilder, Document, Terms};
use backstop_detect::{Builder, Families, Family, Inspector, Limits, Looks, ScanOptions};
use backstop_gate::{OsRandom, Random};
use backstop_model::id::LevelName;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// LIMIT: bytes of one document, and of its text.
const MOST: usize = 256 << 20;

/// Runs the command on the state folder.
pub(crate) fn run(config: &Config, command: &Command, format: Format) -> Result<ExitCode> {
    match command {
        Command::Add(add) => self::add(config, add, format),
        Command::List => {
            let known = detection::corpus(config)?;
            let rows: Vec<Value> = known
                .iter()
                .flat_map(|corpus| corpus.documents())
                .map(|document| json!({ "id": &*document.id, "level": &*document.level }))
                .collect();
            let columns = [("ID", "/id"), ("LEVEL", "/level")];
            printer::rows(format, &rows, &columns, "no document is registered")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Remove { ids } => {
            let mut builder = begun(config)?;
            for id in ids {
                if builder.remove(id) == 0 {
                    return Err(usage(anyhow!("no document is registered as `{id}`")));
                }
            }
            whole(&corpus_file(config), |out| builder.finish().write(out))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { paths } => check(config, paths, format),
    }
}

fn add(config: &Config, add: &CorpusAdd, format: Format) -> Result<ExitCode> {
    LevelName::parse(&add.level).map_err(|fault| usage(fault.into()))?;
    private_folder(&config.state)?;
    let inputs = inspect::inputs(&add.paths).map_err(usage)?;
    let mut builder = begun(config)?;
    let (mut rows, mut skipped) = (Vec::new(), 0);
    for input in &inputs {
        let Some(path) = &input.path else {
            return Err(usage(anyhow!("a document needs a name: `-` cannot be registered")));
        };
        match one(&mut builder, path, &input.name, add) {
            Ok(row) => rows.push(row),
            Err(fault) if input.named => return Err(fault.context(input.name.clone())),
            Err(fault) => {
                skipped += 1;
                eprintln!("{}: left out: {fault:#}", input.name);
            }
        }
    }
    whole(&corpus_file(config), |out| builder.finish().write(out))?;
    let columns =
        [("ID", "/id"), ("LEVEL", "/level"), ("PRINTS", "/fingerprints"), ("ROWS", "/rows")];
    printer::rows(format, &rows, &columns, "nothing was registered")?;
    eprintln!(
        "{} documents registered, {skipped} left out; a running gateway knows them within a second",
        rows.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// Registers one document, in place of what had its id before.
fn one(builder: &mut CorpusBuilder, path: &Path, name: &str, add: &CorpusAdd) -> Result<Value> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > MOST as u64 {
        return Err(anyhow!("it is larger than {MOST} bytes"));
    }
    let bytes = std::fs::read(path).context("cannot read it")?;
    let document = Document { id: name.into(), level: add.level.as_str().into() };
    builder.remove(name);
    if add.columns.is_empty() && add.matches.is_none() {
        let text = backstop_extract::text(name, &bytes, MOST)?;
        let kept = builder.document(document, &text)?;
        if kept == 0 {
            builder.remove(name);
            return Err(anyhow!("it is too short to be told from other texts"));
        }
        return Ok(json!({ "id": name, "level": add.level, "fingerprints": kept, "rows": null }));
    }
    let text = String::from_utf8_lossy(&bytes);
    let table = backstop_extract::rows(&text, &add.columns)?;
    let width = table.columns.len();
    let k = add.matches.unwrap_or(width.min(3));
    let rows = table.rows.iter().map(|row| row.iter().map(String::as_str).collect());
    let kept = builder.table(document, k, rows)?;
    Ok(json!({ "id": name, "level": add.level, "fingerprints": null, "rows": kept }))
}

/// The corpus that is there, or an empty one.
fn begun(config: &Config) -> Result<CorpusBuilder> {
    if let Some(known) = detection::corpus(config)? {
        return Ok(known.into_builder());
    }
    let mut seed = [0; 8];
    OsRandom.fill(&mut seed)?;
    Ok(Corpus::builder(u64::from_le_bytes(seed), Terms::default()))
}

/// Looks for registered documents alone.
fn check(config: &Config, paths: &[PathBuf], format: Format) -> Result<ExitCode> {
    let corpus = detection::corpus(config)?.ok_or_else(|| {
        usage(anyhow!("no document is registered: `backstop corpus add` does it"))
    })?;
    let nothing = Builder::empty().build().map_err(|fault| anyhow!("{fault}"))?;
    let families = Families::of(&[Family::Document]);
    let limits = Limits {
        bytes: usize::MAX,
        decoded: MOST,
        fields: MOST,
        work: usize::MAX,
        ..Limits::default()
    };
    let lens = Lens {
        inspector: Inspector::new(nothing.into())
            .with_corpus(Some(Arc::new(corpus)))
            .with_opener(Arc::new(backstop_extract::Opener)),
        looks: Looks {
            limits,
            scan: ScanOptions { families, ..ScanOptions::default() },
            ..Looks::default()
        },
        notes: Notes::Hidden,
        media: None,
        asker: None,
    };
    let inputs = inspect::inputs(paths).map_err(usage)?;
    let summary = inspect::all(&inputs, &lens, MOST, &Progress::for_stderr());
    let shape = match format {
        Format::Text => Shape::Text,
        Format::Json => Shape::Json,
    };
    super::inspect::report(&summary, shape)
}
