//! No core dump of a gateway holds a body: none is written, even where somebody lifts the limit of
//! the running process.

use crate::scene::{self, BINARY};
use backstop_testkit::client;
use backstop_testkit::{Backstop, Setup, Upstream, World};
use nix::sys::signal::Signal;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

const HOST: &str = "plain.example";

/// A program that runs the binary with no limit of core dumps, in a folder that takes them.
fn unlimited(world: &World, folder: &Path) -> PathBuf {
    let program = world.path().join("unlimited");
    let text = format!(
        "#!/bin/sh\ncd '{}' || exit 9\nulimit -c unlimited || exit 9\nexec '{BINARY}' \"$@\"\n",
        folder.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn cores(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Whether a program of this machine that is killed like that leaves a core dump at all.
fn dumps_are_written(world: &World, folder: &Path) -> bool {
    let mut command = world.command("sh");
    let status = command
        .current_dir(folder)
        .args(["-c", "ulimit -c unlimited && kill -SEGV $$"])
        .status()
        .unwrap();
    cores(folder).iter().for_each(|core| std::fs::remove_file(core).unwrap());
    status.core_dumped()
}

#[test]
fn no_core_dump_is_written_whatever_the_limit() {
    World::run(|world| {
        let folder = world.path().join("cores");
        std::fs::create_dir(&folder).unwrap();
        let told = dumps_are_written(world, &folder);
        if !told {
            eprintln!("SKIPPED IN PART: this machine writes no core dumps, so none can be missed");
        }
        let upstream = Upstream::http(world);
        world.host(HOST, upstream.ip());
        let row = "{ host: plain.example, ports: [80], protocol: HTTP }";
        for lifted in [false, true] {
            let mut setup = Setup::new(world, unlimited(world, &folder), &scene::policy(&[row]));
            setup.directory = world.path().join(format!("lifted-{lifted}"));
            let mut gateway = Backstop::start(world, setup);
            let limits =
                std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
            let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
            let sizes: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
            assert_eq!(sizes, ["0", "0"], "{core}");
            // A body is held when it is killed.
            let session = scene::session(&gateway);
            let head = format!(
                "POST http://{HOST}/ HTTP/1.1\r\nhost: {HOST}\r\nproxy-authorization: {}\r\n\
                 content-length: 60000\r\n\r\n{}",
                session.authorization(),
                "a body that nobody may see ".repeat(1_000)
            );
            let mut stream = client::connect(gateway.proxy());
            stream.write_all(head.as_bytes()).unwrap();
            // Answered after the bytes above have come.
            assert_eq!(gateway.ask("GET", "/readyz", None).status(), 200);
            if lifted && !lift(gateway.pid()) {
                eprintln!("SKIPPED IN PART: the limit of another process cannot be lifted here");
            }
            // A SIGSEGV from outside is taken by Rust's handler for full stacks first, which gives
            // the signal back, and who starts the test in the background may have SIGQUIT ignored:
            // these two are dumped at once.
            let fatal = if lifted { Signal::SIGABRT } else { Signal::SIGSYS };
            gateway.signal(fatal);
            let exit = gateway.wait();
            assert_eq!(exit.status.signal(), Some(fatal as i32));
            assert!(!exit.status.core_dumped());
            assert_eq!(cores(&folder), Vec::<PathBuf>::new());
        }
    });
}

/// Lifts the limit of a running process, as root could by mistake.
fn lift(pid: u32) -> bool {
    let pid = pid.to_string();
    let mut command = std::process::Command::new("prlimit");
    command.args(["--pid", &pid, "--core=unlimited"]);
    command.status().is_ok_and(|status| status.success())
}
