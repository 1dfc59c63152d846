//! The binary to ship: optimised as a whole, by the profile of a day's work.
//!
//! ```text
//!  release build that counts ─▶ a day's work (`testkit train`, demo, inspect) ─▶ llvm-profdata
//!                                                                                    │
//!  target/dist/backstop ◀─ `dist` profile: one unit, link-time optimised, by that profile
//! ```
//! A request to a gateway that has little to do runs code that is cold: what a profile puts side by
//! side is what it waits for. Next: `bench`, which measures what is shipped.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::project::{self, Project};

/// How the binary is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// By the profile of a day's work.
    Taken,
    /// Without one: nothing but cargo is needed.
    None,
}

/// What is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// `backstop` itself.
    Binary,
    /// An example program of a crate.
    Example(&'static str, &'static str),
}

/// Builds and says where it lies.
///
/// # Errors
/// A build fails, or the profile's tools cannot be had.
pub(crate) fn build(project: &Project, profile: Profile, what: What) -> anyhow::Result<PathBuf> {
    let host = host(project)?;
    let flags = match profile {
        Profile::Taken => format!("-Cprofile-use={}", taken(project, &host)?.display()),
        Profile::None => String::new(),
    };
    let words: Vec<&str> = match what {
        What::Binary => vec!["--package", "backstop"],
        What::Example(package, name) => vec!["--package", package, "--example", name],
    };
    let mut command = project.cargo(&["build", "--locked", "--profile", "dist", "--target", &host]);
    // A separate folder: other flags would make every other build begin anew.
    command.args(words).env("RUSTFLAGS", flags).arg("--target-dir").arg(folder(project));
    project::run(command)?;
    let built = folder(project).join(host).join("dist");
    match what {
        What::Binary => {
            let shipped = project.target().join("dist/backstop");
            std::fs::create_dir_all(project.target().join("dist"))?;
            std::fs::copy(built.join("backstop"), &shipped)?;
            Ok(shipped)
        }
        What::Example(_, name) => Ok(built.join("examples").join(name)),
    }
}

/// The profile of this source: taken anew whenever the binary that counts is another one.
fn taken(project: &Project, host: &str) -> anyhow::Result<PathBuf> {
    let profdata = tool(project, host)?;
    let raw = folder(project).join("raw");
    let mut command = project.cargo(&["build", "--locked", "--release", "--target", host]);
    command.args(["--package", "backstop", "--target-dir"]).arg(folder(project));
    command.env("RUSTFLAGS", format!("-Cprofile-generate={}", raw.display()));
    project::run(command)?;
    let counts = folder(project).join(host).join("release/backstop");
    // The compiler counts the profile among what it reads: another one builds everything anew.
    let (merged, of) = (folder(project).join("day.profdata"), folder(project).join("day.mark"));
    let mark = mark(&counts)?;
    if merged.exists() && std::fs::read_to_string(&of).is_ok_and(|known| known == mark) {
        return Ok(merged);
    }
    if raw.exists() {
        std::fs::remove_dir_all(&raw)?;
    }
    train(project, &counts)?;
    let mut command = project.command(profdata);
    project::output(command.args(["merge", "--output"]).arg(&merged).arg(&raw))?;
    std::fs::write(of, mark)?;
    Ok(merged)
}

/// A day's work.
fn train(project: &Project, binary: &Path) -> anyhow::Result<()> {
    project::run(project.cargo(&[
        "build",
        "--locked",
        "--release",
        "--package",
        "backstop-testkit",
    ]))?;
    let testkit = project.target().join("release/testkit");
    let mut command = project.as_root(&testkit);
    command.arg("train").arg("--backstop").arg(binary).env("TMPDIR", project.temporary()?);
    project::run(command)?;
    for _ in 0..2 {
        project::output(project.command(binary).args(["demo", "--format", "json"]))?;
    }
    // Findings are expected, and so is exit status 1.
    for folder in ["docs", "crates/model/src", "packs"] {
        if project.root().join(folder).exists() {
            let _found = project::output(project.command(binary).args(["inspect", folder]));
        }
    }
    Ok(())
}

/// LLVM's own tool, of the version that this toolchain was built with.
fn tool(project: &Project, host: &str) -> anyhow::Result<PathBuf> {
    let sysroot = project::output(project.command("rustc").args(["--print", "sysroot"]))?;
    let tool = Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin/llvm-profdata");
    if !tool.exists() {
        project::run(project.rustup(&["component", "add", "llvm-tools"])).context(
            "the profile needs rustup's component `llvm-tools`; `cargo xtask dist --plain` builds without",
        )?;
    }
    if !tool.exists() {
        bail!("`{}` is not there; `cargo xtask dist --plain` builds without it", tool.display());
    }
    Ok(tool)
}

fn host(project: &Project) -> anyhow::Result<String> {
    let text = project::output(project.command("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}

fn folder(project: &Project) -> PathBuf {
    project.target().join("profiled")
}

/// What tells one build from another.
fn mark(binary: &Path) -> anyhow::Result<String> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    std::fs::read(binary)?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}
