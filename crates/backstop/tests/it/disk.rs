//! The state on a disk that fills up, fails, or is not ours: refused with a clear word, never open.

use crate::stage::{EVIL, PLAIN, Stage, get, of_type, policy, session, tunnel_host};
use backstop_testkit::hello::Hello;
use backstop_testkit::message::Message;
use backstop_testkit::{Backstop, Session, Upstream, World, client};
use nix::mount::{MsFlags, mount};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const NONE: Option<&str> = None;

fn tmpfs(at: &Path, size: &str) {
    std::fs::create_dir_all(at).unwrap();
    let options = format!("size={size},mode=700");
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).unwrap();
}

fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut block = vec![1u8; 65_536];
    while !block.is_empty() {
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
}

fn readiness(gateway: &Backstop) -> (u16, Value) {
    let reply = client::request(gateway.api(), "GET", "/readyz", &[("connection", "close")], b"");
    (reply.status(), reply.json())
}

/// A request for a host that no policy allows.
fn evil(gateway: &Backstop, session: &Session) -> Message {
    let authorization = session.authorization();
    let headers = [("proxy-authorization", authorization.as_str()), ("connection", "close")];
    client::request(gateway.proxy(), "GET", &format!("http://{EVIL}/"), &headers, b"")
}

fn receipt(reply: &Message) -> String {
    reply.header("backstop-receipt").unwrap().to_owned()
}

/// Asks until the first permit cannot be recorded any more; every answer before is whole.
#[track_caller]
fn first_refused(gateway: &Backstop, session: &Session) -> Message {
    client::eventually("a permit cannot be recorded", || {
        let reply = get(gateway, session, "/until-full");
        (reply.status() != 200).then_some(reply)
    })
}

/// A refusal by `fault` that tells the agent nothing about this machine.
#[track_caller]
fn is_fault(reply: &Message, state: &Path) {
    assert_eq!(reply.status(), 503, "{}", reply.text());
    let body = reply.json();
    assert_eq!((&body["control"], &body["host"]), (&json!("fault"), &json!(PLAIN)), "{body}");
    assert!(!body.to_string().contains(state.to_str().unwrap()), "{body}");
}

#[test]
fn a_full_disk_refuses_all_says_why_and_recovers() {
    World::run(|world| {
        let stage = Stage::new(world);
        let mirror = Upstream::mirror(SocketAddr::new(world.address(), 443));
        world.forget_host(&tunnel_host(0));
        world.host(&tunnel_host(0), mirror.ip());
        let setup = stage.setup(Value::Null);
        let state = setup.directory.join("state");
        tmpfs(&state, "48m");
        let gateway = Backstop::start(world, setup);
        let session = session(&gateway);
        assert_eq!(get(&gateway, &session, "/before").status(), 200);
        assert_eq!(evil(&gateway, &session).status(), 403);
        let authorization = session.authorization();
        let headers = [("proxy-authorization", authorization.as_str())];
        let (mut tunnel, reply) =
            client::tunnel(gateway.proxy(), &format!("{}:443", tunnel_host(0)), &headers);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let hello = Hello::for_name(&tunnel_host(0)).bytes();
        tunnel.write_all(&hello).unwrap();
        tunnel.read_exact(&mut vec![0; hello.len()]).unwrap();

        fill(&state.join("filler"));
        let first = first_refused(&gateway, &session);
        is_fault(&first, &state);
        let served = stage.plain.requests();
        let mut receipts = vec![receipt(&first)];
        for number in 0..20 {
            let reply = get(&gateway, &session, &format!("/full/{number}"));
            is_fault(&reply, &state);
            receipts.push(receipt(&reply));
        }
        assert_eq!(stage.plain.requests(), served, "nothing reached the upstream");
        let reply = evil(&gateway, &session);
        assert_eq!(
            (reply.status(), reply.json()["control"].as_str()),
            (403, Some("egress.tenant"))
        );
        receipts.push(receipt(&reply));
        let said = gateway.stderr();
        assert!(
            said.contains(&format!(
                "the disk of the ledger in `{}/ledger` is full",
                state.display()
            )),
            "{said}"
        );
        tunnel.write_all(b"what was permitted goes on").unwrap();
        tunnel.read_exact(&mut [0; 26]).unwrap();
        let (status, body) = readiness(&gateway);
        assert_eq!((status, &body["waiting"]), (503, &json!(["ledger"])), "{body}");
        let health =
            client::request(gateway.api(), "GET", "/healthz", &[("connection", "close")], b"");
        assert_eq!(health.status(), 200, "it lives, and restarting it would not help");
        let metrics = gateway.ask("GET", "/metrics", None).text();
        for line in
            ["backstop_ready 0\n", "backstop_ledger_writable 0\n", "backstop_ledger_lost 0\n"]
        {
            assert!(metrics.contains(line), "{line}{metrics}");
        }
        // What opens something fails, what takes something away still works.
        let body =
            json!({ "tenant": "research", "skills": [{ "name": "weather", "version": "1.2.0" }] });
        let refused = gateway.ask("POST", "/v1/sessions", Some(&body));
        assert_eq!(refused.status(), 503, "{}", refused.text());
        let body = json!({ "session": session.id, "reason": "just in case" });
        let imposed = gateway.ask("POST", "/v1/quarantines", Some(&body));
        assert_eq!(imposed.status(), 201, "{}", imposed.text());
        assert_eq!(get(&gateway, &session, "/quarantined").json()["control"], "quarantine");
        let id = imposed.json()["id"].as_str().unwrap().to_owned();
        // The reasons are on record, for the operator.
        client::eventually("the refusals are on record", || {
            let events = stage.export(&state);
            let there = |id: &String| events.iter().any(|event| event["receipt"] == id.as_str());
            receipts.iter().all(there).then_some(())
        });
        let shown = stage.cli(&state, &["explain", &receipts[3]]);
        assert!(
            shown.out.contains(&format!("`{}/ledger` is full", state.display())),
            "{}{}",
            shown.out,
            shown.err
        );

        std::fs::remove_file(state.join("filler")).unwrap();
        client::eventually("it is ready again", || (readiness(&gateway).0 == 200).then_some(()));
        let body = json!({ "reason": "there is space again" });
        let released = gateway.ask("POST", &format!("/v1/quarantines/{id}/release"), Some(&body));
        assert_eq!(released.status(), 204, "{}", released.text());
        assert_eq!(get(&gateway, &session, "/after").status(), 200);
        assert!(gateway.stop().status.success());
        let events = stage.export(&state);
        let paths: Vec<_> = of_type(&events, "AttemptPermitted")
            .map(|event| event["fact"]["asked"]["path"].as_str().unwrap())
            .collect();
        assert!(!paths.iter().any(|path| path.starts_with("/full/")), "{paths:?}");
        for request in stage.plain.received() {
            assert!(paths.contains(&request.message.target()), "{}", request.message.first);
        }
        stage.verify(&state, &[]);
    });
}

/// A regression: the change could not be recorded, the task that watches policies ended, and the
/// whole gateway with it; the live tunnel would have outlived the row that permitted it.
#[test]
fn a_policy_that_is_tightened_on_a_full_disk_still_cuts_live_tunnels() {
    World::run(|world| {
        let stage = Stage::new(world);
        let mirror = Upstream::mirror(SocketAddr::new(world.address(), 443));
        world.forget_host(&tunnel_host(0));
        world.host(&tunnel_host(0), mirror.ip());
        let mut setup = stage.setup(Value::Null);
        setup.arguments.extend(["--set".to_owned(), "policy_poll=50ms".to_owned()]);
        let state = setup.directory.join("state");
        tmpfs(&state, "48m");
        let gateway = Backstop::start(world, setup);
        let session = session(&gateway);
        let authorization = session.authorization();
        let headers = [("proxy-authorization", authorization.as_str())];
        let (mut tunnel, _) =
            client::tunnel(gateway.proxy(), &format!("{}:443", tunnel_host(0)), &headers);
        let hello = Hello::for_name(&tunnel_host(0)).bytes();
        tunnel.write_all(&hello).unwrap();
        tunnel.read_exact(&mut vec![0; hello.len()]).unwrap();
        fill(&state.join("filler"));
        is_fault(&first_refused(&gateway, &session), &state);

        // The tenant's row alone: a changed skill would be another skill.
        let gone = policy().replacen(&tunnel_host(0), "other.tunnel.example", 1);
        gateway.write_policy("policy.yaml", &gone);
        let mut rest = Vec::new();
        // A cut is an end or a reset; a tunnel that lives on is silent until the time-out.
        let ended = tunnel.read_to_end(&mut rest);
        let kind = ended.err().map(|fault| fault.kind());
        assert!(
            kind.is_none() || kind == Some(std::io::ErrorKind::ConnectionReset),
            "{kind:?}: the tunnel lived on"
        );
        std::fs::remove_file(state.join("filler")).unwrap();
        client::eventually("it is ready again", || (readiness(&gateway).0 == 200).then_some(()));
        assert_eq!(get(&gateway, &session, "/after").status(), 200);
        assert!(gateway.stop().status.success());
    });
}

/// A medium that fails under a running system is mounted read-only by ext4 itself; nothing else
/// can take a file away from a process that has it open for writing. Needs a loop device.
#[test]
fn a_disk_that_turns_read_only_refuses_all_and_loses_nothing() {
    World::run(|world| {
        let stage = Stage::new(world);
        // With `os` a failing disk is as a power cut: what the system had not written is gone.
        let setup = stage.setup(json!({ "ledger": { "durability": "disk" } }));
        let state = setup.directory.join("state");
        let Some(disk) = Ext4::mount(world, &state) else { return };
        let gateway = Backstop::start(world, setup.clone());
        let session = session(&gateway);
        for number in 0..5 {
            assert_eq!(get(&gateway, &session, &format!("/before/{number}")).status(), 200);
        }
        disk.fail();
        let first = first_refused(&gateway, &session);
        is_fault(&first, &state);
        let served = stage.plain.requests();
        for number in 0..20 {
            is_fault(&get(&gateway, &session, &format!("/read-only/{number}")), &state);
        }
        assert_eq!(evil(&gateway, &session).status(), 403);
        assert_eq!(stage.plain.requests(), served, "nothing reached the upstream");
        let said = gateway.stderr();
        assert!(
            said.contains(&format!("the ledger in `{}/ledger` cannot be used", state.display())),
            "{said}"
        );
        assert!(said.contains("mounted read-write"), "{said}");
        let (status, body) = readiness(&gateway);
        assert_eq!((status, &body["waiting"]), (503, &json!(["ledger"])), "{body}");
        // There is nowhere to record these: at least they are counted.
        client::eventually("what is lost is counted", || {
            let metrics = gateway.ask("GET", "/metrics", None).text();
            let lost =
                metrics.lines().find_map(|line| line.strip_prefix("backstop_ledger_lost "))?;
            (lost.parse::<u64>().unwrap() >= 20).then_some(())
        });
        gateway.kill();

        // Repaired and mounted again, it goes on where it was.
        disk.repair();
        let gateway = Backstop::start(world, setup);
        assert_eq!(get(&gateway, &session, "/after").status(), 200);
        assert!(gateway.stop().status.success());
        let events = stage.export(&state);
        for request in stage.plain.received() {
            let path = request.message.target();
            let mut permits = of_type(&events, "AttemptPermitted");
            assert!(permits.any(|event| event["fact"]["asked"]["path"] == path), "{path}");
        }
        stage.verify(&state, &[]);
    });
}

/// A small file system of its own on a loop device, in the world's mount namespace.
struct Ext4<'w> {
    world: &'w World,
    at: std::path::PathBuf,
}

impl<'w> Ext4<'w> {
    fn mount(world: &'w World, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let image = world.path().join("disk.img");
        File::create(&image).unwrap().set_len(64 << 20).unwrap();
        world.output(world.command("mkfs.ext4").args(["-q", "-F"]).arg(&image));
        let disk = Self { world, at: at.to_owned() };
        let mounted = disk.attach().output().unwrap();
        if !mounted.status.success() {
            let why = String::from_utf8_lossy(&mounted.stderr).into_owned();
            eprintln!("NOT TESTED: no loop device may be mounted here ({})", why.trim());
            return None;
        }
        std::fs::remove_dir(at.join("lost+found")).unwrap();
        Some(disk)
    }

    fn attach(&self) -> std::process::Command {
        let mut command = self.world.command("mount");
        command.args(["-o", "loop,errors=remount-ro"]);
        command.arg(self.world.path().join("disk.img")).arg(&self.at);
        command
    }

    /// What ext4 does about an error of its medium.
    fn fail(&self) {
        let mounts = std::fs::read_to_string("/proc/thread-self/mounts").unwrap();
        let at = self.at.to_str().unwrap();
        let device = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let device = words.next()?.strip_prefix("/dev/")?;
            (words.next() == Some(at)).then(|| device.to_owned())
        });
        let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", device.unwrap());
        // The write itself is the error.
        std::fs::write(trigger, "the test says so").unwrap();
    }

    fn repair(&self) {
        client::eventually("the disk is free", || {
            let gone = self.world.command("umount").arg(&self.at).output().unwrap();
            gone.status.success().then_some(())
        });
        let image = self.world.path().join("disk.img");
        // Exit 1: errors were corrected.
        let checked = self.world.command("e2fsck").args(["-f", "-y"]).arg(image).output().unwrap();
        assert!(checked.status.code().is_some_and(|code| code <= 1), "{checked:?}");
        self.world.output(&mut self.attach());
    }
}

impl Drop for Ext4<'_> {
    fn drop(&mut self) {
        let _ = self.world.command("umount").arg("-l").arg(&self.at).status();
    }
}

#[track_caller]
fn does_not_start(world: &World, setup: backstop_testkit::Setup, words: &[&str]) {
    match Backstop::try_start(world, setup) {
        Ok(gateway) => panic!("it started: {}", gateway.ready()),
        Err(exit) => {
            assert_eq!(exit.status.code(), Some(3), "{}{}", exit.stdout, exit.stderr);
            for word in words {
                assert!(exit.stderr.contains(word), "`{word}` in:\n{}", exit.stderr);
            }
        }
    }
}

#[test]
fn a_start_on_a_read_only_state_folder_says_so_and_exits_3() {
    World::run(|world| {
        let stage = Stage::new(world);
        let setup = stage.setup(Value::Null);
        let state = setup.directory.join("state");
        tmpfs(&state, "48m");
        let gateway = Backstop::start(world, setup.clone());
        assert_eq!(get(&gateway, &session(&gateway), "/before").status(), 200);
        assert!(gateway.stop().status.success());
        mount(NONE, &state, NONE, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, NONE).unwrap();
        let folder = state.display().to_string();
        does_not_start(
            world,
            setup.clone(),
            &[&folder, "Read-only file system", "mounted read-write"],
        );
        // Reading needs no more than reading.
        stage.verify(&state, &[]);
        mount(NONE, &state, NONE, MsFlags::MS_REMOUNT, NONE).unwrap();
        let gateway = Backstop::start(world, setup);
        assert_eq!(get(&gateway, &session(&gateway), "/after").status(), 200);
    });
}

#[test]
fn a_start_on_a_full_disk_says_so_and_exits_3() {
    World::run(|world| {
        let stage = Stage::new(world);
        let setup = stage.setup(Value::Null);
        let state = setup.directory.join("state");
        tmpfs(&state, "2m");
        fill(&state.join("filler"));
        does_not_start(world, setup, &[&state.display().to_string(), "full", "free space there"]);
    });
}

#[test]
fn a_state_folder_of_another_user_is_refused() {
    World::run(|world| {
        let stage = Stage::new(world);
        let setup = stage.setup(Value::Null);
        let state = setup.directory.join("state");
        std::fs::create_dir_all(&state).unwrap();
        if nix::unistd::chown(&state, Some(1_234.into()), None).is_err() {
            // Alone in a user namespace nobody else can be given anything.
            eprintln!("NOT TESTED: no folder can be given to another user here");
            return;
        }
        let folder = state.display().to_string();
        does_not_start(world, setup.clone(), &[&folder, "belongs to user 1234", "--state"]);
        assert!(std::fs::read_dir(&state).unwrap().next().is_none(), "nothing was made in it");
        // The folder may be root's, as a mounted volume is; what was made in it may not be another's.
        nix::unistd::chown(&state, Some(0.into()), None).unwrap();
        let gateway = Backstop::start(world, setup.clone());
        assert!(gateway.stop().status.success());
        nix::unistd::chown(&state.join("ledger"), Some(1_234.into()), None).unwrap();
        does_not_start(world, setup, &["/ledger` belongs to user 1234"]);
    });
}

#[test]
fn a_state_folder_that_may_not_be_written_is_refused() {
    World::run(|world| {
        let stage = Stage::new(world);
        let state = world.path().join("plain-file");
        std::fs::write(&state, "no folder").unwrap();
        let ran = stage.cli(&state, &["--policy", "/dev/null", "serve"]);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains(&state.display().to_string()), "{}", ran.err);
        // A token that others could have read is not trusted any more.
        let setup = stage.setup(Value::Null);
        let token = setup.directory.join("state/operator.token");
        assert!(Backstop::start(world, setup.clone()).stop().status.success());
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
        does_not_start(world, setup, &["operator.token", "mode 644", "chmod 600"]);
    });
}

#[test]
fn a_second_process_on_the_same_state_is_told_who_holds_it() {
    World::run(|world| {
        let stage = Stage::new(world);
        let gateway = stage.start(Value::Null);
        let pid = format!("is in use by process {}", gateway.pid());
        let folder = gateway.state().display().to_string();
        does_not_start(world, gateway.setup(), &[&pid, &folder]);
        // The first one is none the worse for it.
        let session = session(&gateway);
        assert_eq!(get(&gateway, &session, "/after").status(), 200);
        let listed = stage.cli(&gateway.state(), &["sessions", "ls"]);
        assert!(
            listed.code == 0 && listed.out.contains(&session.id),
            "{}{}",
            listed.out,
            listed.err
        );
        assert!(gateway.stop().status.success());
    });
}
