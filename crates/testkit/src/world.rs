//! A thread's own network and its own `/etc/hosts`: nothing that a test sends can leave the
//! machine, and yet hosts have real names and addresses that look public, so that the address
//! guard is tested as it is and needs no test switch.
//!
//! `World::new` moves the calling *thread* into fresh network and mount namespaces. Sockets,
//! threads and programs made by that thread afterwards live there; other threads do not. Needs
//! root or a mapped user namespace (`cargo xtask ci` sees to that: `unshare -r`).

use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use tempfile::TempDir;

use crate::ca::Ca;

/// The IPv4 prefix that is local in every world.
pub const PREFIX_V4: (Ipv4Addr, u8) = (Ipv4Addr::new(93, 184, 0, 0), 16);
/// The IPv6 prefix that is local in every world.
pub const PREFIX_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2606, 0x2800, 0, 0, 0, 0, 0, 0), 32);

/// One thread's own network. Dropping it takes the thread back to where it came from, if the
/// thread may: root in a user namespace may not enter a network that it does not own, and stays in
/// the dead end until its next world or its end. `World::run` never has to go back.
#[derive(Debug)]
pub struct World {
    directory: TempDir,
    home: (File, File, File, PathBuf),
    given: Cell<u16>,
    trusted: RefCell<Option<PathBuf>>,
    /// A world belongs to the thread that made it.
    not_send: PhantomData<*const ()>,
}

impl World {
    /// Moves this thread into a network of its own.
    #[track_caller]
    #[expect(
        clippy::new_without_default,
        reason = "it changes the thread; nobody should get one by default"
    )]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("world-")
            .tempdir()
            .expect("make the world's directory");
        let home = (
            File::open("/proc/thread-self/ns/net").expect("open the thread's network namespace"),
            File::open("/proc/thread-self/ns/mnt").expect("open the thread's mount namespace"),
            File::open("/").expect("open the root"),
            std::env::current_dir().expect("read the working directory"),
        );
        for name in ["hosts", "resolv.conf"] {
            // A bare root may lack them; an empty file says the same as none.
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(Path::new("/etc").join(name))
                .expect("find or make the file in /etc to mount over");
        }
        let _found = tools();
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect(
            "a world needs the right to make namespaces: run tests as root or by `cargo xtask ci`, or under `unshare -r`",
        );
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .expect("make mounts private");
        let world = Self {
            directory,
            home,
            given: Cell::new(0),
            trusted: RefCell::new(None),
            not_send: PhantomData,
        };
        world.write_etc("hosts", "127.0.0.1 localhost\n::1 localhost\n");
        // Nobody answers there until a test starts a resolver: names outside `hosts` fail at once.
        world.write_etc("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
        world.bring_up();
        world
    }

    /// Runs `body` in a world on a thread of its own; use it where a test must not change its thread.
    pub fn run<T: Send>(body: impl FnOnce(&World) -> T + Send) -> T {
        std::thread::scope(|scope| match scope.spawn(|| body(&World::new())).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// A directory that lives as long as the world.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The next unused public-looking IPv4 address: 93.184.1.1, 93.184.1.2, …
    pub fn address(&self) -> IpAddr {
        let [high, low] = self.next().to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(93, 184, high, low))
    }

    /// The next unused public-looking IPv6 address: 2606:2800::101, …
    #[track_caller]
    pub fn address_v6(&self) -> IpAddr {
        let ip = Ipv6Addr::new(0x2606, 0x2800, 0, 0, 0, 0, 0, self.next());
        // For IPv6 a local route lets packets in, but only an address can be bound.
        self.output(self.command("ip").args([
            "addr",
            "add",
            &format!("{ip}/128"),
            "dev",
            "lo",
            "nodad",
        ]));
        IpAddr::V6(ip)
    }

    fn next(&self) -> u16 {
        self.given.set(self.given.get() + 1);
        0x100 + self.given.get()
    }

    /// Gives `name` that address, in `/etc/hosts`; several calls give it several addresses.
    pub fn host(&self, name: &str, address: IpAddr) {
        let mut hosts = OpenOptions::new()
            .append(true)
            .open(self.path().join("hosts"))
            .expect("open the world's hosts");
        writeln!(hosts, "{address} {name}").expect("write the world's hosts");
    }

    /// Makes one name out of a fresh address, and says which.
    pub fn new_host(&self, name: &str) -> IpAddr {
        let address = self.address();
        self.host(name, address);
        address
    }

    /// Forgets every address that `name` had: the next `host` gives it another.
    pub fn forget_host(&self, name: &str) {
        let path = self.path().join("hosts");
        let kept: String = fs::read_to_string(&path)
            .expect("read the world's hosts")
            .lines()
            .filter(|line| line.split_whitespace().nth(1) != Some(name))
            .map(|line| format!("{line}\n"))
            .collect();
        // Written in place: the mount shows this very file.
        fs::write(&path, kept).expect("write the world's hosts");
    }

    /// Programs started by `command` from now on trust this CA (curl, git, Python, Node, OpenSSL, rustls).
    pub fn trust(&self, ca: &Ca) {
        let path = self.path().join("ca.pem");
        fs::write(&path, ca.pem()).expect("write ca.pem");
        self.trusted.replace(Some(path));
    }

    /// Where `trust` wrote the CA.
    pub fn ca_path(&self) -> Option<PathBuf> {
        self.trusted.borrow().clone()
    }

    /// A program that will run in this world, with a clean environment: PATH, HOME, and the
    /// trusted CA. Tools that `cargo xtask setup` put into `target/tools/bin` come first.
    /// It must be started from the world's own thread.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH")
            .unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into());
        let tools =
            tools().map(|tools| format!("{}:", tools.join("bin").display())).unwrap_or_default();
        command
            .env_clear()
            .env("PATH", format!("{tools}{path}"))
            .env("HOME", self.path())
            .env("TMPDIR", self.path())
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(self.path());
        if let Some(ca) = self.trusted.borrow().as_ref() {
            for name in [
                "SSL_CERT_FILE",
                "CURL_CA_BUNDLE",
                "REQUESTS_CA_BUNDLE",
                "NODE_EXTRA_CA_CERTS",
                "GIT_SSL_CAINFO",
            ] {
                command.env(name, ca);
            }
        }
        command
    }

    /// Runs a program to its end and gives stdout; anything but success is a panic with its stderr.
    #[track_caller]
    pub fn output(&self, command: &mut Command) -> String {
        let output = command.output().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        assert!(
            output.status.success(),
            "{command:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn write_etc(&self, name: &str, text: &str) {
        let source = self.path().join(name);
        fs::write(&source, text).expect("write the world's own file");
        let none: Option<&str> = None;
        mount(Some(&source), &Path::new("/etc").join(name), none, MsFlags::MS_BIND, none)
            .unwrap_or_else(|error| panic!("mount over /etc/{name}: {error}"));
    }

    fn bring_up(&self) {
        // The /16 on `lo` makes each of its addresses local; so does the route for IPv6. An address
        // that is not 127.0.0.1 or ::1 is also what makes getaddrinfo ask for that family at all.
        let batch = "link set lo up\n\
             addr add 93.184.0.1/16 dev lo\n\
             addr add 2606:2800::1/128 dev lo nodad\n\
             route add local 2606:2800::/32 dev lo\n";
        let path = self.path().join("ip-batch");
        fs::write(&path, batch).expect("write the batch for ip");
        self.output(self.command("ip").arg("-batch").arg(&path));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let (net, mnt, root, directory) = &self.home;
        // Threads made here share their root and working directory with this one until it takes its
        // own; setns(2) asks for that.
        let back = unshare(CloneFlags::CLONE_FS)
            .and_then(|()| setns(net, CloneFlags::CLONE_NEWNET))
            .and_then(|()| setns(mnt, CloneFlags::CLONE_NEWNS));
        match back {
            Ok(()) => {
                // Entering a mount namespace also changes root and directory to its root; whoever was
                // in a chroot goes back into it.
                let _ = nix::unistd::fchdir(root).and_then(|()| nix::unistd::chroot("."));
                let _ = std::env::set_current_dir(directory);
            }
            Err(Errno::EPERM) => {}
            Err(error) if std::thread::panicking() => eprintln!("leave the world: {error}"),
            Err(error) => panic!("leave the world: {error}"),
        }
    }
}

/// Refuses to send load anywhere but to this machine: loopback, or a network without a way out.
///
/// # Errors
/// The address is not loopback and this thread's network has another device than `lo`.
pub fn stays_here(target: IpAddr) -> Result<(), String> {
    if target.is_loopback() {
        return Ok(());
    }
    let devices =
        fs::read_to_string("/proc/thread-self/net/dev").map_err(|error| error.to_string())?;
    let others: Vec<&str> = devices
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "lo")
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(format!("{target} could lie outside this machine: the network has {others:?} besides `lo`"))
}

/// `target/tools`, found from where this program lies.
pub fn tools() -> Option<PathBuf> {
    // Looked up once, before the first world: seen from another mount namespace the path of a
    // program in a changed root begins outside that root.
    static TOOLS: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let exe = std::env::current_exe().ok()?;
        let target = exe.ancestors().find(|path| path.join("CACHEDIR.TAG").exists())?;
        Some(target.join("tools"))
    };
    TOOLS.get_or_init(find).clone()
}
