//! dnstap, as readers that others wrote take it: `dnstap-read` of BIND and `fstrm_capture`; and
//! readers that do not read.

use crate::clients::holds;
use crate::server::{SOON, World, ask, query};
use crate::toy::Toy;
use crate::whole::{House, plain};
use backstop_dns::server::Config;
use backstop_dns::tap::{Outlet, Tap, Target};
use backstop_gate::{OwnListeners, OwnPlace, OwnSockets, SystemClock};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UdpSocket, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

struct Running {
    tap: Arc<Tap>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    fn new(target: Target) -> Self {
        let (tap, outlet): (Arc<Tap>, Outlet) = Tap::new(&SystemClock);
        let (stop, stopped) = watch::channel(false);
        let sockets = OwnSockets::new(OwnListeners::default());
        #[allow(clippy::disallowed_methods, reason = "a test has no task room")]
        let task = tokio::spawn(outlet.run(target, sockets, stopped));
        Self { tap, stop, task }
    }

    fn config(&self) -> Config {
        Config { tap: Some(Arc::clone(&self.tap)), ..Config::default() }
    }

    async fn end(self) {
        self.stop.send_replace(true);
        timeout(SOON, self.task).await.expect("the tap stops").unwrap();
    }
}

#[allow(clippy::disallowed_methods, reason = "a test's reader")]
fn program(name: &str) -> Command {
    Command::new(name)
}

/// What BIND's reader makes of a file; `None`, loudly, where it is not installed.
fn read(file: &Path) -> Option<String> {
    match program("dnstap-read").arg(file).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(fault) => {
            eprintln!("SKIPPED: dnstap-read: {fault}");
            None
        }
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < SOON, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_events_is_read_by_bind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tap");
    std::fs::write(&file, "from another time").unwrap();
    let running = Running::new(Target::File(file.clone()));
    let house = House::with(&["api.weather.example".to_owned()], running.config()).await;
    house.ask(&plain("api.weather.example")).await;
    house.ask(&plain("evil.example")).await;
    // A name that carries data: the record keeps no label of it, and neither does the tap.
    let secret = "4a6f686e20446f65206f776573203130303020646f6c6c617273";
    house.ask(&plain(&format!("{secret}.{secret}.evil.example"))).await;
    until("eight events", || running.tap.written.read() >= 8).await;
    assert_eq!(running.tap.dropped.read(), 0);
    running.end().await;
    let octets = std::fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&octets).into_owned();
    assert!(!text.contains(secret), "the data stands in the file");
    // Policy: type, control and name as the record has it; and the receipt beside it.
    holds(&text, &["backstop", "dns.undeclared", "octets].evil.example", "rcp_"]);
    assert_eq!(std::fs::read(folder.path().join("tap.old")).unwrap(), b"from another time");
    let Some(text) = read(&file) else { return };
    let lines: Vec<&str> = text.lines().collect();
    let count = |kind: &str, rest: &str| {
        lines.iter().filter(|line| line.contains(kind) && line.ends_with(rest)).count()
    };
    for (kind, name, expected) in [
        (" CQ 127.0.0.1:", "api.weather.example/IN/A", 1),
        (" CR 127.0.0.1:", "api.weather.example/IN/A", 1),
        (" CQ 127.0.0.1:", " evil.example/IN/A", 1),
        (" CR 127.0.0.1:", " evil.example/IN/A", 1),
        (" CQ 127.0.0.1:", "", 3),
        (" CR 127.0.0.1:", "", 3),
        (" FQ ", "", 1),
        (" FR ", "", 1),
    ] {
        assert_eq!(count(kind, name), expected, "{kind} {name}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fstrm_capture_takes_events_by_a_socket_and_by_tcp() {
    for by_tcp in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (socket, file) = (folder.path().join("socket"), folder.path().join("tap"));
        let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let target = if by_tcp {
            Target::Tcp(OwnPlace::parse(&place.to_string(), 6_000).unwrap())
        } else {
            Target::Unix(socket.clone())
        };
        // Nobody is there yet: it is found when it comes.
        let running = Running::new(target);
        let mut capture = program("fstrm_capture");
        capture.args(["-t", "protobuf:dnstap.Dnstap", "-w"]).arg(&file);
        match by_tcp {
            true => capture.args(["-a", "127.0.0.1", "-p", &place.port().to_string()]),
            false => capture.arg("-u").arg(&socket),
        };
        let mut capture = match capture.stderr(Stdio::null()).spawn() {
            Ok(capture) => capture,
            Err(fault) => return eprintln!("SKIPPED: fstrm_capture: {fault}"),
        };
        let world = World::new(Toy::default(), running.config());
        let client = world.udp("127.0.0.1").await;
        for (id, name) in [(1, "a.example"), (2, "slow.example"), (3, "refused.example")] {
            ask(&client, &query(id, name, true)).await;
        }
        until("six events", || running.tap.written.read() == 6).await;
        running.end().await;
        // It writes what it has when it is told to end.
        let id = nix::unistd::Pid::from_raw(i32::try_from(capture.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(capture.wait().unwrap().success());
        world.end().await;
        let Some(text) = read(&file) else { return };
        holds(&text, &["a.example/IN/A", "slow.example/IN/A", "refused.example/IN/A", " UDP "]);
        assert_eq!(text.lines().count(), 6, "{text}");
    }
}

/// Asks until so many messages found no room; no answer may be long in coming. How often it asked.
async fn ask_until_dropped(running: &Running, client: &UdpSocket, dropped: u64) -> u64 {
    let (mut slowest, mut asked) = (Duration::ZERO, 0_u64);
    while running.tap.dropped.read() < dropped {
        let began = Instant::now();
        ask(client, &query(1, "many.example", true)).await;
        slowest = slowest.max(began.elapsed());
        asked += 1;
        assert!(asked < 200_000, "the queue has no end");
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    asked
}

/// Questions are answered as ever while a reader takes nothing; what finds no room is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_never_reads_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let running = Running::new(Target::Unix(socket));
    let world = World::new(Toy::default(), running.config());
    let (mut reader, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    // The greeting is as it must be, and then nothing is read.
    let mut ready = [0; 42];
    timeout(SOON, reader.read_exact(&mut ready)).await.unwrap().unwrap();
    let content = b"protobuf:dnstap.Dnstap";
    assert!(ready.starts_with(&[0, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 4]) && ready.ends_with(content));
    let mut accept = ready.to_vec();
    accept[11] = 1;
    reader.write_all(&accept).await.unwrap();
    let client = world.udp("127.0.0.1").await;
    let _asked = ask_until_dropped(&running, &client, 1).await;
    drop(reader);
    world.end().await;
    running.end().await;
}

/// Nobody is there, and nobody waits for him: what finds no room is dropped, to the last message
/// counted; and who comes at last is told what was kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_dead_costs_no_more_than_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let running = Running::new(Target::Unix(socket.clone()));
    let world = World::new(Toy::default(), running.config());
    let client = world.udp("127.0.0.1").await;
    let asked = ask_until_dropped(&running, &client, 100).await;
    let (told, dropped) = (2 * asked, running.tap.dropped.read());
    assert!(told - dropped <= 16_384 + 2, "{told} told, {dropped} dropped");
    assert_eq!(running.tap.written.read(), 0);
    // It comes, dies in the midst of it, and comes again: questions are answered as ever.
    for _ in 0..2 {
        let _gone = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let (mut reader, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
        let mut ready = [0; 42];
        timeout(SOON, reader.read_exact(&mut ready)).await.unwrap().unwrap();
        ready[11] = 1;
        reader.write_all(&ready).await.unwrap();
        let mut some = vec![0; 10_000];
        timeout(SOON, reader.read_exact(&mut some)).await.unwrap().unwrap();
        drop(reader);
        ask(&client, &query(2, "many.example", true)).await;
    }
    assert!(running.tap.written.read() > 0);
    world.end().await;
    running.end().await;
}

/// A reader that answers the greeting with something else is told nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_none_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let running = Running::new(Target::Unix(socket));
    for answer in [
        // Another content, a frame that is no control frame, one that is too long.
        [&[0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2][..], b"xx"].concat(),
        vec![0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1],
        vec![0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1],
    ] {
        let (mut reader, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
        let mut said = [0; 42];
        timeout(SOON, reader.read_exact(&mut said)).await.unwrap().unwrap();
        reader.write_all(&answer).await.unwrap();
        let more = timeout(SOON, reader.read(&mut said)).await.unwrap();
        assert!(matches!(more, Ok(0) | Err(_)), "READY alone");
    }
    running.end().await;
}
