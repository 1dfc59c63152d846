//! `backstop canary add|list|remove`: values that must never leave, whatever they look like.
//!
//! They lie as they are in one file of the state folder that nobody else can read: detection looks
//! for them also encoded and in pieces, which no hash would allow, and a key beside the file would
//! protect nothing. Whoever can read the folder can read the ledger's key as well.

use super::usage;
use crate::cli::{Canary, Format};
use crate::config::Config;
use crate::detection::{SHORTEST, canaries_file, registered_in};
use crate::printer;
use crate::run::private_folder;
use anyhow::{Context, Result, anyhow, bail};
use backstop_gate::{OsRandom, Random};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use zeroize::Zeroizing;

/// Runs the command on the state folder.
pub(crate) fn run(config: &Config, command: &Canary, format: Format) -> Result<ExitCode> {
    let file = canaries_file(config);
    let mut known = if file.exists() { registered_in(&file)? } else { Vec::new() };
    match command {
        Canary::List => {
            let rows: Vec<_> = known
                .iter()
                .map(|canary| json!({ "name": bare(&canary.name), "bytes": canary.value.byte_len() }))
                .collect();
            let columns = [("NAME", "/name"), ("BYTES", "/bytes")];
            printer::rows(format, &rows, &columns, "no value is registered")?;
        }
        Canary::Add { name, from_stdin } => {
            named(name).map_err(usage)?;
            if known.iter().any(|canary| bare(&canary.name) == name) {
                return Err(usage(anyhow!("`{name}` is registered already; remove it first")));
            }
            private_folder(&config.state)?;
            let value = if *from_stdin { given().map_err(usage)? } else { drawn()? };
            let mut line = Zeroizing::new(format!("{name}="));
            line.push_str(&value);
            let mut lines: Vec<Zeroizing<String>> =
                known.iter().map(line_of).collect::<Result<_>>()?;
            lines.push(line);
            write(&file, &lines)?;
            let shown = if *from_stdin {
                json!({ "name": name })
            } else {
                json!({ "name": name, "value": value.as_str() })
            };
            eprintln!("registered as `canary:{name}`; a running gateway knows it within a second");
            printer::one(format, &shown, |_| match from_stdin {
                true => name.clone(),
                false => value.to_string(),
            })?;
        }
        Canary::Remove { name } => {
            let before = known.len();
            known.retain(|canary| bare(&canary.name) != name);
            if known.len() == before {
                return Err(usage(anyhow!("no value is registered as `{name}`")));
            }
            let lines: Vec<_> = known.iter().map(line_of).collect::<Result<_>>()?;
            write(&file, &lines)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The name without what it begins with in findings.
fn bare(name: &str) -> &str {
    name.strip_prefix("canary:").unwrap_or(name)
}

fn named(name: &str) -> Result<()> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        bail!("`{name}`: a name is 1 to 64 letters, digits, `_`, `.` and `-`");
    }
    Ok(())
}

/// The value on standard input: one line.
fn given() -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let mut input = std::io::stdin().lock().take(LONGEST + 2);
    input.read_to_string(&mut text).context("cannot read a value from standard input")?;
    let value = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if value.contains(['\r', '\n']) || value.trim() != value.as_str() {
        bail!("a value is one line without spaces around it");
    }
    let length = value.len();
    if length < SHORTEST || length as u64 > LONGEST {
        bail!("a value has {SHORTEST} to {LONGEST} bytes, not {length}");
    }
    Ok(value)
}

/// LIMIT: bytes of one value.
const LONGEST: u64 = 64 << 10;

/// A value that stands for nothing, to be planted where a thief would take it along.
fn drawn() -> Result<Zeroizing<String>> {
    const LETTERS: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u',
        'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7', '8', '9', '0',
    ];
    let mut bytes = [0_u8; 32];
    OsRandom.fill(&mut bytes)?;
    Ok(Zeroizing::new(bytes.iter().filter_map(|b| LETTERS.get(usize::from(b & 31))).collect()))
}

fn line_of(canary: &backstop_detect::Canary) -> Result<Zeroizing<String>> {
    let value =
        std::str::from_utf8(canary.value.expose()).context("a registered value is no text")?;
    let mut line = Zeroizing::new(format!("{}=", bare(&canary.name)));
    line.push_str(value);
    Ok(line)
}

/// Writes all values, or leaves the file as it was.
fn write(file: &Path, lines: &[Zeroizing<String>]) -> Result<()> {
    let mut text = Zeroizing::new(String::new());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    whole(file, |out| out.write_all(text.as_bytes()))
}

/// Writes a file that nobody else can read, all of it or nothing; `write` gives what stands in it.
pub(crate) fn whole(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> Result<()> {
    let fresh = file.with_extension("new");
    let failed = || format!("cannot write `{}`", file.display());
    // What an interrupted run has left.
    let _gone = std::fs::remove_file(&fresh);
    let out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .with_context(failed)?;
    let mut buffer = BufWriter::with_capacity(1 << 20, &out);
    write(&mut buffer)
        .and_then(|()| buffer.flush())
        .and_then(|()| out.sync_all())
        .with_context(failed)?;
    std::fs::rename(&fresh, file).with_context(failed)
}
