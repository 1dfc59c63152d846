//! Runs the binary to its end and reads what it said.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a run came to.
pub(crate) struct Ran {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|fault| panic!("{fault}\n{}\n{}", self.out, self.err))
    }
}

/// The binary with nothing of this machine's environment.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
    command.env_clear().env("HOME", "/nonexistent");
    command
}

/// Runs the binary.
#[track_caller]
pub(crate) fn backstop(arguments: &[&str]) -> Ran {
    feed(arguments, "")
}

/// Runs the binary with something on standard input.
#[track_caller]
pub(crate) fn feed(arguments: &[&str], input: &str) -> Ran {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    said(child.wait_with_output().unwrap())
}

/// Runs a command that is made up already.
#[track_caller]
pub(crate) fn ended(command: &mut Command) -> Ran {
    said(command.output().unwrap())
}

#[track_caller]
fn said(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with one policy file.
pub(crate) fn policy(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), text).unwrap();
    let path = folder.path().join("policy.yaml").display().to_string();
    (folder, path)
}

/// The text of a file of the project.
pub(crate) fn project(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}
