//! Where things lie, and how programs are started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// This checkout.
pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
}

impl Project {
    /// The checkout that this program was built from, if it still is one.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in the project")?
            .to_owned();
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self { root, target })
    }

    /// The project's directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where `setup` puts tools.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Temporary files, on the same disk as the build; some machines keep a small /tmp.
    pub(crate) fn temporary(&self) -> anyhow::Result<PathBuf> {
        let path = self.target.join("tmp");
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// A program that starts in the project's directory.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The cargo that runs this program.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    /// The rustup that keeps the toolchain.
    pub(crate) fn rustup(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("rustup");
        command.args(arguments);
        command
    }

    /// A program that is root, of a user namespace if need be.
    pub(crate) fn as_root(&self, program: &Path) -> Command {
        if is_root() {
            return self.command(program);
        }
        let mut unshare = self.command("unshare");
        unshare.arg("--map-root-user").arg("--").arg(program);
        unshare
    }

    /// Files that git tracks or would track, with that ending.
    pub(crate) fn files(&self, ending: &str) -> anyhow::Result<Vec<String>> {
        let text = output(self.command("git").args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        Ok(text
            .lines()
            .filter(|path| path.ends_with(ending) && self.root.join(path).exists())
            .map(str::to_owned)
            .collect())
    }

    /// The text of a file of the project.
    pub(crate) fn read(&self, path: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.root.join(path)).with_context(|| format!("read `{path}`"))
    }

    /// `cargo metadata`, with or without outside crates.
    pub(crate) fn metadata(&self, reach: Reach) -> anyhow::Result<Value> {
        let mut command = self.cargo(&["metadata", "--format-version", "1", "--locked"]);
        if reach == Reach::Workspace {
            command.arg("--no-deps");
        }
        Ok(serde_json::from_str(&output(&mut command)?)?)
    }
}

/// How far `metadata` looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Our own crates.
    Workspace,
    /// Outside crates too.
    Everything,
}

/// Runs a program with the terminal as it is.
pub(crate) fn run(mut command: Command) -> anyhow::Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("start {}", shown(&command)))?;
    if !status.success() {
        bail!("{}: {status}", shown(&command));
    }
    Ok(())
}

/// Runs a program and gives what it printed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{}: {}\n{}", shown(command), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a program can be found.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}

/// Whether this process is root (of its user namespace).
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0")
}

fn shown(command: &Command) -> String {
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    words.join(" ")
}
