//! `cargo xtask bench dns`: processor time for each query, beside unbound, dnsdist and pdns-recursor
//! and beside a bare loop that sends datagrams back, in one run on one load.
//!
//! 90 % of the queries are for allowed names that every resolver has in its cache, 10 % are refused.
//! The time is the server's own (`/proc/PID/stat`), so what the load generator takes is not in it.
//! Each resolver does what it can of the same job: unbound by RPZ (with and without its log),
//! dnsdist by a set of names and its packet cache, pdns-recursor by RPZ. Next: back to `mod`.

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::dist;
use crate::project::{self, Project};
use crate::setup;

const PORT: u16 = 5_391;
const AUTHORITY: u16 = 5_392;
const MODES: &[&str] = &[
    "bare loop",
    "listeners alone",
    "backstop",
    "unbound",
    "unbound, rpz-log",
    "dnsdist",
    "pdns-recursor",
];

/// Runs everything and writes `docs/bench/dns-DATE.md`.
pub(crate) fn dns(project: &Project, rest: &[&str]) -> anyhow::Result<()> {
    let (mut seconds, mut only) = (5, None);
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match (*word, words.next()) {
            ("--seconds", Some(value)) => {
                seconds = value.parse().context("`--seconds` takes a number")?
            }
            ("--only", Some(value)) => only = Some(*value),
            _ => bail!("usage: cargo xtask bench dns [--seconds N] [--only NAME]"),
        }
    }
    setup::packages(setup::For::Benchmarks)?;
    let example = dist::What::Example("backstop-dns", "measure");
    let measure = dist::build(project, dist::Profile::Taken, example)?;
    let folder = project.temporary()?.join("bench-dns");
    let mut rows = Vec::new();
    for (names, threads) in [(1_000, 1), (1_000, 2), (100_000, 1)] {
        let world = World::new(&folder, names, &measure)?;
        let _authority = world.authority()?;
        for mode in MODES.iter().filter(|mode| only.is_none_or(|only| only == **mode)) {
            match world.run(mode, threads, seconds) {
                Ok(row) => {
                    println!("{row:?}");
                    rows.push(row);
                }
                // One that does not run is said so in the page, and the others still count.
                Err(fault) => {
                    eprintln!("bench: {mode} with {names} names, {threads} threads: {fault:#}");
                    rows.push(Row { mode: (*mode).to_owned(), names, threads, figures: None });
                }
            }
        }
    }
    let page = page(&rows, seconds)?;
    let path = project.root().join(format!("docs/bench/dns-{}.md", super::dlp::today()?));
    std::fs::write(&path, &page)?;
    println!("{page}\n{}", path.display());
    Ok(())
}

/// Names of one tenant: a policy file has 1 MiB at most. The example `measure` divides them alike.
const PART: usize = 8_000;

/// The names of a round, as each program wants to read them.
struct World {
    folder: PathBuf,
    names: usize,
    measure: PathBuf,
}

#[derive(Debug)]
struct Row {
    mode: String,
    names: usize,
    threads: usize,
    figures: Option<Figures>,
}

#[derive(Debug)]
struct Figures {
    micros: f64,
    per_second: f64,
    lost: f64,
    paced_p50: f64,
    paced_p99: f64,
    paced_micros: f64,
    rss: f64,
}

impl World {
    fn new(folder: &Path, names: usize, measure: &Path) -> anyhow::Result<Self> {
        let _absent = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder)?;
        let (mut list, mut rpz) = (String::new(), String::new());
        let parts = names.div_ceil(PART);
        let mut loads = vec![String::new(); parts];
        rpz.push_str("$ORIGIN rpz.bench.\n$TTL 3600\n@ SOA . . 1 3600 600 86400 60\n@ NS .\n");
        for number in 0..names {
            let name = format!("h{number}.zone{}.bench.example", number % 97);
            writeln!(list, "{name}")?;
            writeln!(rpz, "{name} CNAME rpz-passthru.")?;
        }
        // What no row names is refused; the load asks for nothing that this form leaks.
        rpz.push_str("* CNAME .\n");
        // Nine allowed to one refused, in an order that no cache is made for.
        let mut state = 0x9E37_79B9_u64;
        for number in 0..100_000_usize.max(names * 10 / 9) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let drawn = usize::try_from(state >> 33)? % names;
            let load = loads.get_mut(drawn / PART).context("a part for each name")?;
            if number % 10 == 9 {
                writeln!(load, "r{drawn}.denied.test A")?;
            } else {
                writeln!(load, "h{drawn}.zone{}.bench.example A", drawn % 97)?;
            }
        }
        for (file, text) in [("names", &list), ("rpz", &rpz)] {
            std::fs::write(folder.join(file), text)?;
        }
        for (part, load) in loads.iter().enumerate() {
            std::fs::write(folder.join(format!("load{part}")), load)?;
        }
        Ok(Self { folder: folder.to_owned(), names, measure: measure.to_owned() })
    }

    fn authority(&self) -> anyhow::Result<Running> {
        let mut command = pinned("1", &self.measure);
        command.args(["authority", &format!("127.0.0.1:{AUTHORITY}"), "1"]);
        Running::start(command, AUTHORITY, &self.folder.join("authority.log"))
    }

    fn run(&self, mode: &str, threads: usize, seconds: u64) -> anyhow::Result<Row> {
        let command = self.command(mode, threads)?;
        let server = Running::start(command, PORT, &self.folder.join("server.log"))?;
        // Once through, so that all is in the cache.
        self.load(threads, &["-n", "1", "-q", "50"], None)?;
        let length = seconds.to_string();
        let (busy, before) = (Instant::now(), server.processor()?);
        let text = self.load(threads, &["-l", &length], None)?;
        let took = server.processor()? - before;
        let completed = sum(&text, "Queries completed:");
        anyhow::ensure!(completed > 0.0, "dnsperf counts");
        let lost = sum(&text, "Queries lost:");
        let per_second = completed / busy.elapsed().as_secs_f64();
        let before = server.processor()?;
        let paced = self.load(threads, &["-l", &length, "-v"], Some(20_000))?;
        let spent = server.processor()? - before;
        let mut latencies: Vec<f64> = paced
            .lines()
            .filter(|line| line.starts_with("> "))
            .filter_map(|line| line.split_whitespace().next_back()?.parse().ok())
            .collect();
        latencies.sort_by(f64::total_cmp);
        let at = |part: f64| {
            // Truncation is meant.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in a list"
            )]
            let place = (latencies.len() as f64 * part) as usize;
            latencies.get(place).copied().unwrap_or(f64::NAN) * 1e6
        };
        let paced_count = latencies.len() as f64;
        let figures = Figures {
            micros: took.as_secs_f64() * 1e6 / completed,
            per_second,
            lost,
            paced_p50: at(0.5),
            paced_p99: at(0.99),
            paced_micros: spent.as_secs_f64() * 1e6 / paced_count,
            rss: server.resident()?,
        };
        Ok(Row { mode: mode.to_owned(), names: self.names, threads, figures: Some(figures) })
    }

    /// dnsperf on the other processor; with two server threads on both. One for each part of the
    /// names, from an address of its own.
    fn load(&self, threads: usize, rest: &[&str], rate: Option<usize>) -> anyhow::Result<String> {
        let parts = self.names.div_ceil(PART);
        let (port, pace) = (PORT.to_string(), rate.map(|rate| (rate / parts).to_string()));
        let one = |part: usize| {
            let mut command = pinned(if threads == 1 { "1" } else { "0,1" }, Path::new("dnsperf"));
            command.args(["-s", "127.0.0.1", "-p", &port, "-e", "-t", "2"]);
            command.args(["-c", if parts == 1 { "8" } else { "1" }]);
            command.args(["-a", &format!("127.0.0.{}", part + 1)]);
            command.arg("-d").arg(self.folder.join(format!("load{part}"))).args(rest);
            if let Some(pace) = &pace {
                command.args(["-Q", pace]);
            }
            project::output(&mut command)
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..parts).map(|part| scope.spawn(move || one(part))).collect();
            let mut text = String::new();
            for one in all {
                text.push_str(&one.join().map_err(|_| anyhow::anyhow!("a load broke off"))??);
            }
            Ok(text)
        })
    }

    fn command(&self, mode: &str, threads: usize) -> anyhow::Result<Command> {
        let processors = if threads == 1 { "0" } else { "0,1" };
        let (address, count) = (format!("127.0.0.1:{PORT}"), threads.to_string());
        let path = |name: &str| self.folder.join(name).display().to_string();
        let ours = |mode: &str| {
            let mut command = pinned(processors, &self.measure);
            command.args([mode, &address, &count]);
            command
        };
        Ok(match mode {
            "bare loop" => ours("bare"),
            "listeners alone" => ours("front"),
            "backstop" => {
                let mut command = ours("resolver");
                command.args([path("names"), format!("127.0.0.1:{AUTHORITY}"), path("state")]);
                command
            }
            "unbound" | "unbound, rpz-log" => {
                let log = if mode == "unbound" { "no" } else { "yes" };
                std::fs::write(
                    self.folder.join("unbound.conf"),
                    format!(
                        "server:\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \"{folder}\"\n pidfile: \"\"\n \
                     use-syslog: no\n logfile: \"{folder}/unbound.log\"\n interface: 127.0.0.1@{PORT}\n num-threads: {threads}\n \
                     so-reuseport: yes\n do-not-query-localhost: no\n module-config: \"respip iterator\"\n \
                     msg-cache-size: 64m\n rrset-cache-size: 128m\n access-control: 127.0.0.0/8 allow\n\
                     rpz:\n name: rpz.bench\n zonefile: \"{folder}/rpz\"\n rpz-log: {log}\n\
                     remote-control:\n control-enable: no\n\
                     forward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@{AUTHORITY}\n",
                        folder = self.folder.display(),
                    ),
                )?;
                let mut command = pinned(processors, Path::new("unbound"));
                command.args(["-d", "-c", &path("unbound.conf")]);
                command
            }
            "dnsdist" => {
                let more: String = (1..threads)
                    .map(|_| format!("addLocal('{address}', {{reusePort=true}})\n"))
                    .collect();
                std::fs::write(
                    self.folder.join("dnsdist.conf"),
                    format!(
                        "setLocal('{address}', {{reusePort=true}})\n{more}newServer({{address='127.0.0.1:{AUTHORITY}'}})\n\
                     getPool(''):setCache(newPacketCache(300000, {{maxTTL=86400}}))\n\
                     local names = newDNSNameSet()\nfor line in io.lines('{}') do names:add(newDNSName(line)) end\n\
                     addAction(NotRule(QNameSetRule(names)), RCodeAction(DNSRCode.NXDOMAIN))\n",
                        path("names"),
                    ),
                )?;
                let mut command = pinned(processors, Path::new("dnsdist"));
                command.args(["--supervised", "--disable-syslog", "-C", &path("dnsdist.conf")]);
                command
            }
            "pdns-recursor" => {
                std::fs::write(
                    self.folder.join("rpz.lua"),
                    format!("rpzFile('{}', {{policyName='bench'}})\n", path("rpz")),
                )?;
                std::fs::write(
                    self.folder.join("recursor.conf"),
                    format!(
                        "local-address=127.0.0.1\nlocal-port={PORT}\nthreads={threads}\nforward-zones-recurse=.=127.0.0.1:{AUTHORITY}\n\
                     lua-config-file={}\nallow-from=127.0.0.0/8\ndont-query=\ndaemon=no\nsocket-dir={folder}\nquiet=yes\n\
                     dnssec=off\nsecurity-poll-suffix=\nreuseport=yes\npdns-distributes-queries=no\ndisable-syslog=yes\n\
                     packetcache-ttl=86400\nmax-packetcache-entries=500000\nwebserver=no\n",
                        path("rpz.lua"),
                        folder = self.folder.display(),
                    ),
                )?;
                let mut command = pinned(processors, Path::new("pdns_recursor"));
                command.arg(format!("--config-dir={}", self.folder.display()));
                command
            }
            other => bail!("no mode `{other}`"),
        })
    }
}

fn pinned(processors: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", processors]).arg(program);
    command
}

/// A program that answers; it ends with this value.
struct Running(Child);

impl Running {
    fn start(mut command: Command, port: u16, log: &Path) -> anyhow::Result<Self> {
        let log = std::fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut running = Self(command.spawn().context("start a server")?);
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        socket.connect(("127.0.0.1", port))?;
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            if let Some(status) = running.0.try_wait()? {
                bail!("it ended at once: {status}");
            }
            let _refused = socket.send(b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02h0\x05zone0\x05bench\x07example\x00\x00\x01\x00\x01");
            let mut answer = [0; 512];
            if socket.recv(&mut answer).is_ok() && answer[3] & 15 == 0 {
                return Ok(running);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("it does not answer")
    }

    /// Processor time of all its threads (proc(5): fields 14 and 15, in hundredths of a second).
    fn processor(&self) -> anyhow::Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, after) = text.rsplit_once(')').context("a line of proc")?;
        let ticks: u64 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse::<u64>().ok())
            .sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    fn resident(&self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        Ok(field(&text, "VmRSS:").context("memory")? / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// The numbers behind these words, wherever they stand.
fn sum(text: &str, words: &str) -> f64 {
    text.match_indices(words).filter_map(|(at, _)| field(text.get(at..)?, words)).sum()
}

/// The first number behind these words.
fn field(text: &str, words: &str) -> Option<f64> {
    let (_, after) = text.split_once(words)?;
    after.split_whitespace().next()?.parse().ok()
}

fn page(rows: &[Row], seconds: u64) -> anyhow::Result<String> {
    let mut page = format!(
        "# Resolvers compared, {}\n\n`cargo xtask bench dns`, {seconds} s for each figure, dnsperf with EDNS over 8 sockets (100,000 names: 13 of them side by side, a tenant each). 90 % of the queries\n\
         are allowed and cached, 10 % refused. CPU is the server's own time for each query, user and system.\n\
         `bare loop` sends datagrams back unread; `listeners alone` is Backstop's UDP path before a service\n\
         that answers at once, with neither policy nor cache nor record.\n\n\
         | server | names | threads | CPU µs/query | over bare loop | queries/s | lost | CPU µs/query at 20,000/s | p50 µs | p99 µs | RSS MB |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        super::dlp::today()?
    );
    for row in rows {
        let floor = rows.iter().find(|floor| {
            floor.mode == "bare loop" && (floor.names, floor.threads) == (row.names, row.threads)
        });
        let Row { mode, names, threads, figures } = row;
        let Some(figures) = figures else {
            writeln!(page, "| {mode} | {names} | {threads} | did not run | | | | | | | |")?;
            continue;
        };
        let over = floor
            .and_then(|floor| floor.figures.as_ref())
            .map_or(f64::NAN, |floor| figures.micros - floor.micros);
        let Figures { micros, per_second, lost, paced_p50, paced_p99, paced_micros, rss } = figures;
        writeln!(
            page,
            "| {mode} | {names} | {threads} | {micros:.2} | {over:+.2} | {per_second:.0} | {lost:.0} | {paced_micros:.2} | {paced_p50:.0} | {paced_p99:.0} | {rss:.1} |"
        )?;
    }
    Ok(page)
}
