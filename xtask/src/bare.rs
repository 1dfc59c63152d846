//! Everything on an empty Debian: proof that the project's own files install all that they need.
//! mmdebstrap makes a root with git, a C compiler and certificates; the Rust toolchain comes from
//! this machine; sources, proxies and certificates are those that this machine uses, whatever they
//! are. Needs root.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::project::{self, Project, has, is_root};

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Only make the root and see that the toolchain runs in it.
    Root,
    /// Install what the tests need, and see that a second time finds all of it.
    Setup,
    /// Clone, demo, ci.
    Everything,
}

/// What a README may ask for, and no more.
const PACKAGES: &str = "git,gcc,libc6-dev,ca-certificates";

/// Files by which a machine tells its tools where to go; copied to the same place if they exist.
const SETTINGS: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/pip.conf",
    "/etc/npmrc",
    "/etc/ssl/certs/ca-certificates.crt",
];
/// The same, in the home directory.
const HOME_SETTINGS: &[&str] = &[".npmrc", ".config/pip/pip.conf", ".pip/pip.conf"];

/// Makes the root, and runs the project in it.
pub(crate) fn run(project: &Project, extent: Extent) -> anyhow::Result<()> {
    if !is_root() {
        bail!("bare: a Debian root can only be made by root");
    }
    if !has("mmdebstrap") {
        bail!("bare: please install the Debian package mmdebstrap");
    }
    let root = project.target().join("bare/root");
    if root.exists() {
        fs::remove_dir_all(&root).context("remove the old root")?;
    }
    fs::create_dir_all(&root)?;
    make(&root)?;
    settle(&root)?;
    let head = project::output(project.command("git").args(["rev-parse", "HEAD"]))?;
    let clone = root.join("srv/backstop");
    let mut git = project.command("git");
    git.args(["clone", "--quiet", "--no-local"]).arg(project.root()).arg(&clone);
    project::run(git)?;
    let mut git = project.command("git");
    git.arg("-C").arg(&clone).args(["checkout", "--quiet", "--detach", head.trim()]);
    project::run(git)?;
    let script = match extent {
        Extent::Root => {
            "cargo --version && git --version && gcc --version | head -1 && git -C /srv/backstop log -1 --format=%h"
        }
        Extent::Setup => "cd /srv/backstop && time cargo xtask setup && time cargo xtask setup",
        Extent::Everything => {
            "cd /srv/backstop && time cargo run --release -- demo && time cargo xtask ci"
        }
    };
    project::run(inside(&root, script)?)?;
    println!(
        "bare: {} in {}",
        match extent {
            Extent::Root => "the root works",
            Extent::Setup => "the tests' tools are installed",
            Extent::Everything => "demo and ci passed",
        },
        root.display()
    );
    Ok(())
}

fn make(root: &Path) -> anyhow::Result<()> {
    let release = fs::read_to_string("/etc/os-release")?;
    let suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("this is no Debian")?;
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase", "--include", PACKAGES]);
    for settings in files_in("/etc/apt/apt.conf.d") {
        // How this machine reaches its mirrors (proxies, transports), not what it does after installing.
        if fs::read_to_string(&settings).is_ok_and(|text| text.contains("Acquire")) {
            command.arg(format!("--aptopt={}", settings.display()));
        }
    }
    command.arg(suite.trim_matches('"')).arg(root);
    let lists =
        files_in("/etc/apt/sources.list.d").into_iter().chain(["/etc/apt/sources.list".into()]);
    command.args(lists.filter(|path| {
        path.is_file() && path.extension().is_some_and(|e| e == "list" || e == "sources")
    }));
    println!("bare: making a Debian {suite} root with {PACKAGES}");
    project::run(command)
}

fn settle(root: &Path) -> anyhow::Result<()> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()));
    let settings = SETTINGS.iter().map(|path| (PathBuf::from(path), PathBuf::from(path)));
    let settings = settings
        .chain(HOME_SETTINGS.iter().map(|path| (home.join(path), Path::new("/root").join(path))));
    for (from, to) in settings {
        if from.is_file() {
            let to = root.join(to.strip_prefix("/")?);
            fs::create_dir_all(to.parent().context("a file lies in a directory")?)?;
            fs::copy(&from, &to).with_context(|| format!("copy {}", from.display()))?;
        }
    }
    let cargo = home.join(".cargo");
    let cargo = std::env::var_os("CARGO_HOME").map_or(cargo, PathBuf::from);
    fs::create_dir_all(root.join("root/.cargo"))?;
    for name in ["config.toml", "config"] {
        if cargo.join(name).is_file() {
            fs::copy(cargo.join(name), root.join("root/.cargo").join(name))?;
        }
    }
    Ok(())
}

/// A shell in the root, with its own mounts, and of this machine only the toolchain and the
/// variables that say how to reach registries.
fn inside(root: &Path, script: &str) -> anyhow::Result<Command> {
    let sysroot = project::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let sysroot = sysroot.trim();
    fs::create_dir_all(root.join("opt/rust"))?;
    // The root is a mount of its own, as everywhere else: test worlds make its mounts private.
    let mounts = r#"
        mount --bind "$ROOT" "$ROOT"
        mount --bind "$SYSROOT" "$ROOT/opt/rust"
        mount -t proc proc "$ROOT/proc"
        mount --rbind /dev "$ROOT/dev"
        mount --rbind /sys "$ROOT/sys"
        exec chroot "$ROOT" env -i "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-euc", mounts, "sh"]);
    command.env("SYSROOT", sysroot).env("ROOT", root);
    command.args([
        "PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "LANG=C.UTF-8",
        "CI=true",
    ]);
    for (name, value) in std::env::vars_os() {
        if passes(&name.to_string_lossy()) {
            let mut pair = name;
            pair.push("=");
            pair.push::<OsString>(value);
            command.arg(pair);
        }
    }
    command.args(["bash", "-euc", script]);
    Ok(command)
}

/// Whether a variable says how to reach registries.
fn passes(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let reach = upper.ends_with("_PROXY")
        || ["PIP_", "NPM_CONFIG_", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"]
            .iter()
            .any(|p| upper.starts_with(p));
    reach
        || [
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "GIT_SSL_CAINFO",
        ]
        .contains(&name)
}

fn files_in(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}
