//! A real authoritative name server, NSD, ended with the test. Next: `nameserver`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// NSD with some zones.
#[derive(Debug)]
pub struct Nsd {
    child: Child,
    place: SocketAddr,
    directory: TempDir,
}

impl Nsd {
    /// Starts it on a free port of loopback with these zones: name and master file.
    #[track_caller]
    pub fn start(zones: &[(&str, &str)]) -> Self {
        Self::serving(zones, "", "")
    }

    /// The same with clauses more in its configuration, and lines more in that of each zone.
    #[track_caller]
    pub fn serving(zones: &[(&str, &str)], clauses: &str, of_each: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("nsd-").tempdir().expect("a directory");
        let place = free_place();
        let path = directory.path().display();
        let mut config = format!(
            "server:\n ip-address: 127.0.0.1@{port}\n port: {port}\n server-count: 1\n\
             \x20username: \"\"\n chroot: \"\"\n zonesdir: \"{path}\"\n database: \"\"\n\
             \x20pidfile: \"\"\n xfrdfile: \"{path}/xfrd\"\n zonelistfile: \"{path}/list\"\n\
             \x20xfrdir: \"{path}\"\n logfile: \"{path}/log\"\n rrl-ratelimit: 0\n\
             remote-control:\n control-enable: no\n{clauses}",
            port = place.port(),
        );
        for (name, text) in zones {
            std::fs::write(directory.path().join(name), text).unwrap();
            config.push_str(&format!("zone:\n name: \"{name}\"\n zonefile: \"{name}\"\n{of_each}"));
        }
        let file = directory.path().join("nsd.conf");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new("nsd")
            .arg("-d")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("nsd: {error}: run `cargo xtask setup`"));
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(place).is_err() {
            if Instant::now() > until || child.try_wait().unwrap().is_some() {
                let log = std::fs::read_to_string(directory.path().join("log"));
                panic!("nsd does not answer: {log:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, place, directory }
    }

    /// Puts another text of a zone into its place and has it read.
    pub fn replace(&self, name: &str, text: &str) {
        let fresh = self.directory.path().join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, self.directory.path().join(name)).unwrap();
        self.signal(nix::sys::signal::Signal::SIGHUP);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let _ = nix::sys::signal::kill(id, signal);
    }

    /// Where it is.
    pub fn place(&self) -> SocketAddr {
        self.place
    }
}

impl Drop for Nsd {
    fn drop(&mut self) {
        // SIGTERM first: the server that forks must end its children.
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// A port that is free for both protocols.
fn free_place() -> SocketAddr {
    (0..50)
        .find_map(|_| {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let place = udp.local_addr().ok()?;
            TcpListener::bind(place).ok().map(|_| place)
        })
        .expect("a free port")
}
