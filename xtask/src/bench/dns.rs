//! `cargo xtask bench dns`: processor time for each query, beside unbound, dnsdist and pdns-recursor
//! and beside a bare loop that sends datagrams back, in one run on one load.
//!
//! 90 % of the queries are for allowed names that every resolver has in its cache, 10 % are refused.
//! The time is the server's own (`schedstat` of its threads), so what the load generator takes is not in it.
//! Each resolver does what it can of the same job: unbound by RPZ (with and without its log),
//! dnsdist by a set of names and its packet cache, pdns-recursor by RPZ. All stand at once and are
//! asked by turns, a second each: what a shared host takes away for some milliseconds of each second
//! decides a 99th percentile, so all must meet as much of it. Next: back to `mod`.

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

/// Between the ports of two servers. The bare loop once had the authority's, and took a part of its
/// questions.
const APART: u16 = 10;

/// Runs everything and adds it to `docs/bench/dns-DATE.md`.
pub(crate) fn dns(project: &Project, rest: &[&str]) -> anyhow::Result<()> {
    let (mut seconds, mut only, mut built) = (5, None, None);
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match (*word, words.next()) {
            ("--seconds", Some(value)) => {
                seconds = value.parse().context("`--seconds` takes a number")?
            }
            ("--only", Some(value)) => only = Some(*value),
            // The example `measure` as it was built for an experiment.
            ("--measure", Some(value)) => built = Some(PathBuf::from(value)),
            _ => bail!("usage: cargo xtask bench dns [--seconds N] [--only NAME] [--measure FILE]"),
        }
    }
    setup::packages(setup::For::Benchmarks)?;
    let example = dist::What::Example("backstop-dns", "measure");
    let measure = match built {
        Some(built) => built,
        None => dist::build(project, dist::Profile::Taken, example)?,
    };
    let folder = project.temporary()?.join("bench-dns");
    let mut rows = Vec::new();
    for (names, threads) in [(1_000, 1), (1_000, 2), (100_000, 1)] {
        let world = World::new(&folder, names, &measure)?;
        let _authority = world.authority()?;
        let modes = MODES.iter().filter(|mode| only.is_none_or(|only| only == **mode));
        for row in world.run(&modes.copied().collect::<Vec<_>>(), threads, seconds)? {
            println!("{row:?}");
            rows.push(row);
        }
    }
    let page = page(&rows, seconds)?;
    let path = project.root().join(format!("docs/bench/dns-{}.md", super::dlp::today()?));
    // What was written of earlier runs of the day stays.
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let behind = if before.is_empty() { page.clone() } else { format!("{before}\n#{page}") };
    std::fs::write(&path, behind)?;
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

    fn run(&self, modes: &[&str], threads: usize, seconds: u64) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut servers = Vec::new();
        for (mode, place) in modes.iter().zip(0..) {
            // One that does not run is said so in the page, and the others still count.
            match self.start(mode, threads, PORT + APART * (place + 1)) {
                Ok(server) => servers.push(server),
                Err(fault) => {
                    let names = self.names;
                    eprintln!("bench: {mode} with {names} names, {threads} threads: {fault:#}");
                    rows.push(Row { mode: (*mode).to_owned(), names, threads, figures: None });
                }
            }
        }
        for _ in 0..seconds {
            for server in &mut servers {
                server.hurry(self, threads)?;
            }
        }
        for _ in 0..seconds {
            for server in &mut servers {
                server.pace(self, threads)?;
            }
        }
        for server in servers {
            let mode = server.mode.clone();
            rows.push(Row { mode, names: self.names, threads, figures: Some(server.figures()?) });
        }
        Ok(rows)
    }

    fn start(&self, mode: &str, threads: usize, port: u16) -> anyhow::Result<Server> {
        let command = self.command(mode, threads, port)?;
        let running = Running::start(command, port, &self.folder.join(format!("{port}.log")))?;
        // Once through, so that all is in the cache.
        self.load(threads, port, &["-n", "1", "-q", "50"], None)?;
        let mode = mode.to_owned();
        Ok(Server { mode, port, running, fast: Share::default(), paced: Share::default() })
    }

    /// dnsperf on the other processor; with two server threads on both. One for each part of the
    /// names, from an address of its own.
    fn load(
        &self,
        threads: usize,
        port: u16,
        rest: &[&str],
        rate: Option<usize>,
    ) -> anyhow::Result<String> {
        let parts = self.names.div_ceil(PART);
        let (port, pace) = (port.to_string(), rate.map(|rate| (rate / parts).to_string()));
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

    fn command(&self, mode: &str, threads: usize, port: u16) -> anyhow::Result<Command> {
        let processors = if threads == 1 { "0" } else { "0,1" };
        let (address, count) = (format!("127.0.0.1:{port}"), threads.to_string());
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
                let config = format!("unbound-{port}.conf");
                std::fs::write(
                    self.folder.join(&config),
                    format!(
                        "server:\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \"{folder}\"\n pidfile: \"\"\n \
                     use-syslog: no\n logfile: \"{folder}/unbound-{port}.log\"\n interface: 127.0.0.1@{port}\n num-threads: {threads}\n \
                     so-reuseport: yes\n do-not-query-localhost: no\n module-config: \"respip iterator\"\n \
                     msg-cache-size: 64m\n rrset-cache-size: 128m\n access-control: 127.0.0.0/8 allow\n\
                     rpz:\n name: rpz.bench\n zonefile: \"{folder}/rpz\"\n rpz-log: {log}\n\
                     remote-control:\n control-enable: no\n\
                     forward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@{AUTHORITY}\n",
                        folder = self.folder.display(),
                    ),
                )?;
                let mut command = pinned(processors, Path::new("unbound"));
                command.args(["-d", "-c", &path(&config)]);
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
                        "local-address=127.0.0.1\nlocal-port={port}\nthreads={threads}\nforward-zones-recurse=.=127.0.0.1:{AUTHORITY}\n\
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

/// A server under way and what was counted of it.
struct Server {
    mode: String,
    port: u16,
    running: Running,
    fast: Share,
    paced: Share,
}

/// What was counted over the turns of one kind.
#[derive(Default)]
struct Share {
    turns: f64,
    completed: f64,
    lost: f64,
    processor: Duration,
    per_second: f64,
    /// Seconds.
    latencies: Vec<f64>,
}

impl Server {
    /// A turn as fast as it goes.
    fn hurry(&mut self, world: &World, threads: usize) -> anyhow::Result<()> {
        let before = self.running.processor()?;
        let text = world.load(threads, self.port, &["-l", "1"], None)?;
        let share = &mut self.fast;
        share.processor += self.running.processor()?.saturating_sub(before);
        let completed = sum(&text, "Queries completed:");
        anyhow::ensure!(completed > 0.0, "dnsperf counts");
        share.turns += 1.0;
        share.completed += completed;
        share.lost += sum(&text, "Queries lost:");
        share.per_second += sum(&text, "Queries per second:");
        Ok(())
    }

    /// A turn at 20,000 queries a second.
    fn pace(&mut self, world: &World, threads: usize) -> anyhow::Result<()> {
        let before = self.running.processor()?;
        let text = world.load(threads, self.port, &["-l", "1", "-v"], Some(20_000))?;
        let share = &mut self.paced;
        share.processor += self.running.processor()?.saturating_sub(before);
        share.latencies.extend(
            text.lines()
                .filter(|line| line.starts_with("> "))
                .filter_map(|line| line.split_whitespace().next_back()?.parse::<f64>().ok()),
        );
        Ok(())
    }

    fn figures(self) -> anyhow::Result<Figures> {
        let Self { running, fast, paced: Share { mut latencies, processor, .. }, .. } = self;
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
        Ok(Figures {
            micros: fast.processor.as_secs_f64() * 1e6 / fast.completed,
            per_second: fast.per_second / fast.turns,
            lost: fast.lost,
            paced_p50: at(0.5),
            paced_p99: at(0.99),
            paced_micros: processor.as_secs_f64() * 1e6 / latencies.len() as f64,
            rss: running.resident()?,
        })
    }
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

    /// Processor time of all its threads, as the scheduler counts it in nanoseconds (the first
    /// field of `/proc/PID/task/TID/schedstat`): turns are short for ticks of 10 ms.
    fn processor(&self) -> anyhow::Result<Duration> {
        let mut nanos = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            // One that has ended meanwhile counts no more.
            let text = std::fs::read_to_string(thread?.path().join("schedstat"));
            nanos += text
                .ok()
                .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
                .unwrap_or_default();
        }
        Ok(Duration::from_nanos(nanos))
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
        "# Resolvers compared, {}\n\n`cargo xtask bench dns`, {seconds} s for each figure, a second each by turns, dnsperf with EDNS over 8 sockets (100,000 names: 13 of them side by side, a tenant each). 90 % of the queries\n\
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
