//! `backstop ledger verify|prove|export|checkpoint|status`: reads the record, also while it grows.

use super::usage;
use crate::cli::{Format, Ledger};
use crate::config::Config;
use crate::printer::{self, Paint};
use anyhow::{Context, Result, anyhow};
use backstop_ledger::{Breakage, Checkpoint, Filter, Proof, PublicKey, Reader, VerifyOptions};
use backstop_model::id::ReceiptId;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the ledger lies within the state folder.
pub(crate) fn directory(config: &Config) -> PathBuf {
    config.state.join("ledger")
}

/// Runs the command on the ledger of the state folder. Exit 1 where a chain or a proof does not hold.
pub(crate) fn run(config: &Config, command: &Ledger, format: Format) -> Result<ExitCode> {
    let directory = directory(config);
    let open = || Reader::open(&directory);
    match command {
        Ledger::Verify { witness, key } => {
            let options = options(witness.as_deref(), key.as_deref())?;
            return verify(&open()?, &options, format);
        }
        Ledger::Prove { what, check: true, key } => {
            let key =
                key.as_deref().map(public_key).transpose()?.context("`--check` needs `--key`")?;
            return check_proof(Path::new(what), &key, format);
        }
        Ledger::Prove { what, check: false, .. } => {
            let receipt = ReceiptId::parse(what).map_err(|fault| usage(fault.into()))?;
            writeln!(std::io::stdout(), "{}", open()?.prove(&receipt)?.to_json())?;
        }
        Ledger::Export { after, tenant, session } => {
            let filter =
                Filter { session: session.clone(), tenant: tenant.clone(), ..Filter::default() };
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            open()?.export_after(&filter, *after, &mut out)?;
            out.flush()?;
        }
        Ledger::Checkpoint => match open()?.checkpoint()? {
            Some(checkpoint) => writeln!(std::io::stdout(), "{}", checkpoint.to_line())?,
            None => return Err(anyhow!("no checkpoint has been signed yet")),
        },
        Ledger::Key => writeln!(std::io::stdout(), "{}", open()?.public_key()?)?,
        Ledger::Status => status(&open()?, &directory, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn public_key(file: &Path) -> Result<PublicKey> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    PublicKey::parse(&text)
        .with_context(|| format!("`{}` holds no public key (`ed25519:…`)", file.display()))
}

/// A witness file holds checkpoints, one a line; one printed by `ledger checkpoint` is such a file.
fn options(witness: Option<&Path>, key: Option<&Path>) -> Result<VerifyOptions> {
    if let Some(file) = witness {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read `{}`", file.display()))?;
        let first = text.lines().find(|line| !line.trim().is_empty());
        let first = first.with_context(|| format!("`{}` holds no checkpoint", file.display()))?;
        Checkpoint::parse(first)
            .with_context(|| format!("`{}` holds no checkpoint", file.display()))?;
    }
    Ok(VerifyOptions {
        checkpoint: None,
        witness: witness.map(Path::to_owned),
        key: key.map(public_key).transpose()?,
    })
}

fn verify(reader: &Reader, options: &VerifyOptions, format: Format) -> Result<ExitCode> {
    let paint = Paint::for_stdout();
    match reader.verify(options) {
        Ok(good) => {
            let shown = json!({
                "ok": true, "ledger": good.ledger, "rows": good.rows, "first": good.first, "last": good.last,
                "hash": good.hash.to_string(), "signed": good.signed, "checkpoints": good.checkpoints,
                "witnessed": good.witnessed, "outlived": good.outlived,
            });
            printer::one(format, &shown, |_| {
                format!(
                    "{}: rows {} to {}, signed up to {}, {} checkpoints, {} witnessed\nhead {}",
                    paint.good("whole"),
                    good.first,
                    good.last,
                    good.signed,
                    good.checkpoints,
                    good.witnessed,
                    good.hash
                )
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            let shown = json!({
                "ok": false, "row": broken.row, "kind": word(broken.kind), "detail": broken.detail,
            });
            printer::one(format, &shown, |_| format!("{}: {broken}", paint.bad("broken")))?;
            Ok(ExitCode::from(1))
        }
    }
}

/// The stable word of a breakage.
const fn word(kind: Breakage) -> &'static str {
    match kind {
        Breakage::Altered => "altered",
        Breakage::Swapped => "swapped",
        Breakage::Missing => "missing",
        Breakage::CutTail => "cut_tail",
        Breakage::RolledBack => "rolled_back",
        Breakage::Rewritten => "rewritten",
        Breakage::ForgedCheckpoint => "forged_checkpoint",
        Breakage::Foreign => "foreign",
        Breakage::Standing => "standing",
        Breakage::Unreadable => "unreadable",
    }
}

fn check_proof(file: &Path, key: &PublicKey, format: Format) -> Result<ExitCode> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let paint = Paint::for_stdout();
    match Proof::parse(&text).and_then(|proof| proof.check(key)) {
        Ok(proved) => {
            let shown = json!({
                "ok": true, "seq": proved.seq, "hash": proved.hash.to_string(),
                "receipt": proved.event.receipt.as_str(), "at": proved.event.at.to_string(),
            });
            printer::one(format, &shown, |_| {
                format!(
                    "{}: {} at {}, row {}",
                    paint.good("proved"),
                    proved.event.receipt,
                    proved.event.at,
                    proved.seq
                )
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            let shown = json!({"ok": false, "detail": fault.to_string()});
            printer::one(format, &shown, |_| format!("{}: {fault}", paint.bad("proves nothing")))?;
            Ok(ExitCode::from(1))
        }
    }
}

/// What is on disk; the health of a running writer is in `/metrics` and `/readyz`.
fn status(reader: &Reader, directory: &Path, format: Format) -> Result<()> {
    let last = reader.last(&Filter::default())?;
    let checkpoint = reader.checkpoint()?;
    let bytes: u64 = std::fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|file| file.len())
        .sum();
    let shown = json!({
        "ledger": reader.id()?,
        "directory": directory.display().to_string(),
        "bytes": bytes,
        "last": last.as_ref().map(|row| row.seq),
        "at": last.as_ref().map(|row| row.event.at.to_string()),
        "signed": checkpoint.as_ref().map(|c| c.seq),
        "base": checkpoint.as_ref().map(|c| c.base),
    });
    printer::one(format, &shown, |shown| {
        let lines = shown.as_object().into_iter().flatten().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name:<10} {text}")
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}
