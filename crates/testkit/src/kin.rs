//! `testkit …` in a process of its own, for load: client, proxy and upstream then have each their
//! own descriptors and their own scheduler, as in life.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::Value;

use crate::world::World;

/// A `testkit` process; dropping it ends it.
#[derive(Debug)]
pub struct Kin {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    ready: Value,
}

impl Kin {
    /// Starts `testkit ARGUMENTS` in the world; servers then have said where they listen.
    #[track_caller]
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        let mut command = world.command(binary());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("start {}: {error}", binary().display()));
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, lines, ready: Value::Null }
    }

    /// Starts a server of `testkit` and waits for the line that says where it listens.
    #[track_caller]
    pub fn server(world: &World, arguments: &[&str]) -> Self {
        let mut kin = Self::start(world, arguments);
        kin.ready = kin.line();
        kin
    }

    /// Runs `testkit ARGUMENTS` to its end and gives the JSON that it printed last.
    #[track_caller]
    pub fn run(world: &World, arguments: &[&str]) -> Value {
        let mut command = world.command(binary());
        command.args(arguments);
        let output = world.output(&mut command);
        let last = output.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| {
            panic!("testkit {arguments:?} printed no JSON ({error}): {output}")
        })
    }

    /// Where the server listens.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        self.ready["address"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("no address in {}", self.ready))
    }

    /// The line that a server, or a load that holds, printed first.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// The next line of JSON that it prints.
    #[track_caller]
    pub fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("read from testkit");
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("testkit printed no JSON ({error}): `{line}`"))
    }

    /// Tells it to go on: a server reports its counters, a load that holds goes to its next step.
    #[track_caller]
    pub fn tell(&mut self) -> Value {
        let stdin = self.stdin.as_mut().expect("still open");
        stdin.write_all(b"\n").and_then(|()| stdin.flush()).expect("write to testkit");
        self.line()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Kin {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `testkit` binary beside this test; built anew if it is missing or older than its source.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let exe = std::env::current_exe().expect("find this program");
        if exe.file_name().is_some_and(|name| name == "testkit") {
            return exe;
        }
        // target/debug/deps/it-… or target/debug/xtask
        let directory = exe.parent().expect("a program lies in a directory");
        let directory = if directory.ends_with("deps") {
            directory.parent().expect("deps has a parent")
        } else {
            directory
        };
        let binary = directory.join("testkit");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        if changed(&binary) < newest(&source) {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut command = Command::new(cargo);
            command.args([
                "build",
                "--offline",
                "--quiet",
                "--package",
                "backstop-testkit",
                "--bin",
                "testkit",
            ]);
            if directory.ends_with("release") {
                command.arg("--release");
            }
            let target = directory.parent().expect("the profile's directory has a parent");
            command.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
            let status = command.status().expect("start cargo");
            assert!(status.success(), "build testkit: {status}");
        }
        binary
    })
}

fn changed(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(directory: &Path) -> SystemTime {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(
            |entry| {
                if entry.path().is_dir() { newest(&entry.path()) } else { changed(&entry.path()) }
            },
        )
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
