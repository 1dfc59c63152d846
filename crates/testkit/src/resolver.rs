//! Real resolvers of others, each forwarding to one upstream, ended with the test. Next: `world`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `named`.
    Bind9,
    /// `unbound`.
    Unbound,
    /// `pdns_recursor`.
    PdnsRecursor,
    /// `kresd`.
    Knot,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bind9, Self::Unbound, Self::PdnsRecursor, Self::Knot];
}

/// A running resolver.
#[derive(Debug)]
pub struct Resolver {
    child: Child,
    place: SocketAddr,
    directory: TempDir,
}

impl Resolver {
    /// Starts it with what stands inside its options and at the top of its configuration
    /// (`DIRECTORY` in either stands for a folder of its own, which holds `files`).
    #[track_caller]
    pub fn start(
        program: Program,
        upstream: SocketAddr,
        words: [&str; 2],
        files: &[(&str, &str)],
    ) -> Self {
        Self::start_at(program, free_place(), upstream, words, files)
    }

    /// The same at that place.
    #[track_caller]
    pub fn start_at(
        program: Program,
        place: SocketAddr,
        upstream: SocketAddr,
        [options, clauses]: [&str; 2],
        files: &[(&str, &str)],
    ) -> Self {
        let directory =
            tempfile::Builder::new().prefix("resolver-").tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let path = directory.path().to_str().unwrap();
        let [options, clauses] = [options, clauses].map(|text| text.replace("DIRECTORY", path));
        let mut command = command(program, directory.path(), place, upstream, &options, &clauses);
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let child = command
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|fault| panic!("{program:?}: {fault}: run `cargo xtask setup`"));
        let mut this = Self { child, place, directory };
        this.wait(program);
        this
    }

    #[track_caller]
    fn wait(&mut self, program: Program) {
        let until = Instant::now() + Duration::from_secs(30);
        // It is ready when it refuses what no zone allows.
        let refuses = |answer: Vec<u8>| answer[3] & 0xF == 3;
        while !ask(self.place, &query(EARLY, 1, false)).is_some_and(refuses) {
            let ended = self.child.try_wait().unwrap().is_some();
            assert!(
                !ended && Instant::now() < until,
                "{program:?} does not answer:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where it is.
    pub fn place(&self) -> SocketAddr {
        self.place
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(
    program: Program,
    directory: &Path,
    place: SocketAddr,
    upstream: SocketAddr,
    options: &str,
    clauses: &str,
) -> Command {
    let path = directory.display();
    let (port, to) = (place.port(), upstream.port());
    let write = |name: &str, text: String| std::fs::write(directory.join(name), text).unwrap();
    let file = directory.join("conf");
    match program {
        Program::Bind9 => {
            write(
                "conf",
                format!(
                    "options {{\n directory \"{path}\";\n pid-file none;\n session-keyfile none;\n\
                     listen-on port {port} {{ 127.0.0.1; }};\n listen-on-v6 {{ none; }};\n\
                     recursion yes;\n allow-query {{ any; }};\n dnssec-validation no;\n\
                     forwarders {{ 127.0.0.1 port {to}; }};\n forward only;\n\
                     notify no;\n{options}}};\ncontrols {{ }};\n{clauses}"
                ),
            );
            let mut command = Command::new("named");
            command.args(["-g", "-n", "1", "-c"]).arg(file);
            command
        }
        Program::Unbound => {
            write(
                "conf",
                format!(
                    "server:\n interface: 127.0.0.1@{port}\n port: {port}\n do-daemonize: no\n\
                     chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n\
                     do-not-query-localhost: no\n{options}\nremote-control:\n control-enable: no\n\
                     {clauses}\nforward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@{to}\n"
                ),
            );
            let mut command = Command::new("unbound");
            command.arg("-d").arg("-c").arg(file);
            command
        }
        Program::PdnsRecursor => {
            write("policy.lua", clauses.to_owned());
            write(
                "recursor.conf",
                format!(
                    "local-address=127.0.0.1\nlocal-port={port}\nsocket-dir={path}\ndnssec=off\n\
                     forward-zones-recurse=.=127.0.0.1:{to}\nlua-config-file={path}/policy.lua\n\
                     daemon=no\nthreads=1\ndont-query=\nsecurity-poll-suffix=\n{options}"
                ),
            );
            let mut command = Command::new("pdns_recursor");
            command.arg(format!("--config-dir={path}"));
            command
        }
        Program::Knot => {
            write(
                "conf",
                format!(
                    "net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\ncache.size = 10*MB\n\
                     trust_anchors.remove('.')\nlocal UPSTREAM = policy.STUB({{'127.0.0.1@{to}'}})\n\
                     {options}{clauses}"
                ),
            );
            let mut command = Command::new("kresd");
            command.args(["-n", "-q", "-c"]).arg(file).arg(directory);
            command
        }
    }
}

/// The name that is asked for until it is refused.
pub const EARLY: &str = "refused-yet.example";

/// A query as stub resolvers send it, with or without DO.
pub fn query(name: &str, qtype: u16, dnssec_ok: bool) -> Vec<u8> {
    let mut wire = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    wire.extend(crate::nameserver::name(name));
    wire.extend(qtype.to_be_bytes());
    wire.extend([0, 1, 0, 0, 41, 4, 0xD0, 0, 0, if dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
    wire
}

fn ask(place: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket.send_to(query, place).ok()?;
    let mut room = [0; 4096];
    let length = socket.recv(&mut room).ok()?;
    Some(room[..length].to_vec())
}

/// Asks all of them, many at a time, each again until there is an answer; the answers in order.
#[track_caller]
pub fn ask_all(place: SocketAddr, queries: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut answers: Vec<Option<Vec<u8>>> = vec![None; queries.len()];
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut room = [0; 4096];
    for _ in 0..8 {
        let open: Vec<usize> = (0..queries.len()).filter(|at| answers[*at].is_none()).collect();
        for some in open.chunks(64) {
            for at in some {
                let mut query = queries[*at].clone();
                query[..2].copy_from_slice(&u16::try_from(*at).unwrap().to_be_bytes());
                socket.send_to(&query, place).unwrap();
            }
            let mut left = some.len();
            while left > 0 {
                let Ok(length) = socket.recv(&mut room) else { break };
                let at = usize::from(u16::from_be_bytes([room[0], room[1]]));
                if answers[at].is_none() {
                    left -= 1;
                    answers[at] = Some(room[..length].to_vec());
                }
            }
        }
    }
    answers
        .into_iter()
        .enumerate()
        .map(|(at, answer)| answer.unwrap_or_else(|| panic!("query {at} has no answer")))
        .collect()
}

/// A port that is free for both protocols.
#[must_use]
pub fn free_place() -> SocketAddr {
    (0..50)
        .find_map(|_| {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let place = udp.local_addr().ok()?;
            TcpListener::bind(place).ok().map(|_| place)
        })
        .expect("a free port")
}
