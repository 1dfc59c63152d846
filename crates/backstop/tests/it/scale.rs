//! Many clients, slow clients, too many clients: the real binary, with client and upstream in
//! processes of their own.
//!
//! Debug builds on two shared cores: what a release build does is in docs/bench.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use backstop_testkit::backstop::Session;
use backstop_testkit::{Backstop, Kin, Setup, World, client};
use serde_json::{Value, json};

const PLAIN: &str = "plain.example";
const TUNNEL: &str = "tunnel.example";
const POLICY: &str = "\
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: scale }
spec:
  skills: [{ name: load, version: 1.0.0 }]
  egress:
  - { host: plain.example, ports: [80], protocol: HTTP, owner: scale, reason: scale }
  - { host: tunnel.example, owner: scale, reason: scale }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: load-1.0.0 }
spec:
  name: load
  version: 1.0.0
  egressRequirements:
  - { host: plain.example, ports: [80], protocol: HTTP }
  - tunnel.example
";

struct Stage {
    gateway: Backstop,
    session: Session,
    upstream: Kin,
    mirror: Kin,
}

impl Stage {
    fn new(world: &World, binary: &Path, config: Value) -> Self {
        world.host(PLAIN, "93.184.200.1".parse().unwrap());
        world.host(TUNNEL, "93.184.200.2".parse().unwrap());
        let upstream = Kin::server(world, &["upstream", "--listen", "93.184.200.1:80"]);
        let mirror = Kin::server(world, &["mirror", "--listen", "93.184.200.2:443"]);
        let gateway = Backstop::start(world, Setup::new(world, binary, POLICY).config(config));
        let session = gateway.session("scale", &["load@1.0.0"]);
        Self { gateway, session, upstream, mirror }
    }

    /// Holds `count` tunnels in a process of its own.
    fn tunnels(&self, world: &World, count: usize) -> Kin {
        let (proxy, count) = (self.gateway.proxy().to_string(), count.to_string());
        let authorization = self.session.authorization();
        Kin::server(
            world,
            &[
                "load",
                "tunnels",
                "--proxy",
                &proxy,
                "--authorization",
                &authorization,
                "--authority",
                "tunnel.example:443",
                "--count",
                &count,
                "--parallel",
                "32",
            ],
        )
    }

    /// Honest requests at a steady rate; none may fail.
    fn honest(&self, world: &World, requests: usize) -> Value {
        let (proxy, requests) = (self.gateway.proxy().to_string(), requests.to_string());
        let authorization = self.session.authorization();
        Kin::run(
            world,
            &[
                "load",
                "get",
                "--to",
                &proxy,
                "--host",
                PLAIN,
                "--target",
                "http://plain.example/hello",
                "--authorization",
                &authorization,
                "--connections",
                "4",
                "--requests",
                &requests,
                "--rate",
                "50",
            ],
        )
    }

    fn is_ready(&self) -> bool {
        client::request(self.gateway.api(), "GET", "/readyz", &[("connection", "close")], b"")
            .status()
            == 200
    }

    fn figure(&self, name: &str) -> f64 {
        let page = self.gateway.ask("GET", "/metrics", None).text();
        let line = page.lines().find(|line| line.split(' ').next() == Some(name));
        let value =
            line.and_then(|line| line.rsplit(' ').next()).and_then(|text| text.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {page}"))
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.gateway.pid())).unwrap().count()
    }

    /// The share of one processor that the gateway uses while nobody does anything.
    fn idle_share(&self) -> f64 {
        let (before, start) = (self.ticks(), Instant::now());
        std::thread::sleep(Duration::from_secs(3));
        (self.ticks() - before) as f64 / 100.0 / start.elapsed().as_secs_f64()
    }

    /// User and system time in hundredths of a second (proc(5), fields 14 and 15).
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.gateway.pid())).unwrap();
        let rest = stat.rsplit_once(')').unwrap().1;
        rest.split_whitespace().skip(11).take(2).map(|text| text.parse::<u64>().unwrap()).sum()
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_backstop"))
}

/// `held` of the line that a load of tunnels prints first.
fn open(kin: &Kin) -> u64 {
    kin.ready()["open"].as_u64().unwrap()
}

const HELD: usize = 2_000;

#[test]
fn thousands_of_tunnels_hold_and_past_the_limit_clients_are_refused() {
    World::run(|world| {
        // The number for CI; SCALE_TUNNELS=9000 with a release build gives the full one.
        let count =
            std::env::var("SCALE_TUNNELS").ok().and_then(|n| n.parse().ok()).unwrap_or(HELD);
        let limits = json!({ "proxy": {
            "max_connections": count, "max_connections_per_session": count,
        } });
        let binary = std::env::var("SCALE_BINARY").map_or(binary().to_owned(), Into::into);
        let mut stage = Stage::new(world, &binary, limits);
        let idle = stage.gateway.resident();
        let began = Instant::now();
        let mut most = stage.tunnels(world, count - 50);
        let some = stage.tunnels(world, 50);
        assert_eq!((open(&most), open(&some)), (count as u64 - 50, 50), "{}", most.ready());
        println!("{count} tunnels opened in {:?}: {}", began.elapsed(), most.ready()["opening"]);
        assert_eq!(most.tell()["alive"], json!(count - 50));

        let began = Instant::now();
        let refused = stage.tunnels(world, 200);
        println!("200 more in {:?}: {}", began.elapsed(), refused.ready());
        assert_eq!(open(&refused), 0);
        assert!(refused.ready()["refused"]["503"].as_u64() > Some(0), "{}", refused.ready());
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(refused);

        let (share, descriptors, full) =
            (stage.idle_share(), stage.descriptors(), stage.gateway.resident());
        println!(
            "at the limit: {:.1} % of a processor, {descriptors} descriptors, {:.1} MB (idle {:.1} MB)",
            share * 100.0,
            full as f64 / 1e6,
            idle as f64 / 1e6
        );
        assert!(share < 0.10, "it spins: {share}");
        assert!(descriptors < 2 * count + 128);
        assert!(((full - idle) as usize) < count * 64 * 1024 + (64 << 20));
        assert!(stage.is_ready());

        // What goes makes room, and who was in has noticed nothing.
        drop(some);
        client::eventually("room for one", || (open(&stage.tunnels(world, 1)) == 1).then_some(()));
        let alive = most.tell();
        println!("after it: {alive}");
        assert_eq!(alive["alive"], json!(count - 50));
        assert!(stage.mirror.tell()["connections"].as_u64() >= Some(count as u64));
    });
}

#[test]
fn the_limit_of_open_files_lowers_the_number_of_connections() {
    World::run(|world| {
        let wrapper = world.path().join("few-files");
        let script = format!("#!/bin/sh\nulimit -n 400\nexec '{}' \"$@\"\n", binary().display());
        fs::write(&wrapper, script).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let stage = Stage::new(world, &wrapper, Value::Null);
        assert!(
            stage.gateway.stderr().contains("proxy.max_connections"),
            "{}",
            stage.gateway.stderr()
        );
        // (400 − 100) / 2
        let mut held = stage.tunnels(world, 150);
        assert_eq!(open(&held), 150, "{}", held.ready());
        let more = stage.tunnels(world, 100);
        assert_eq!(open(&more), 0, "{}", more.ready());
        drop(more);
        assert!(stage.descriptors() < 400);
        let share = stage.idle_share();
        println!("at the limit of open files: {:.1} % of a processor", share * 100.0);
        assert!(share < 0.05, "it spins: {share}");
        assert_eq!(held.tell()["alive"], json!(150));
        assert!(!stage.gateway.stderr().contains("cannot accept"), "{}", stage.gateway.stderr());
    });
}

#[test]
fn five_hundred_slow_clients_starve_nobody() {
    World::run(|world| {
        let stage = Stage::new(world, binary(), Value::Null);
        let proxy = stage.gateway.proxy().to_string();
        let authorization = stage.session.authorization();
        let quiet = stage.honest(world, 200);
        let connect = format!(
            "CONNECT {TUNNEL}:443 HTTP/1.1\r\nhost: {TUNNEL}:443\r\nproxy-authorization: {authorization}\r\n\r\n"
        );
        let post = format!(
            "POST http://{PLAIN}/slow HTTP/1.1\r\nhost: {PLAIN}\r\nproxy-authorization: {authorization}\r\ncontent-length: 100000\r\n\r\n"
        );
        let slow = ["load", "slow", "--to", &proxy, "--seconds", "9"];
        let start = |more: &[&str]| Kin::start(world, &[&slow[..], more].concat());
        let mut heads = start(&["--clients", "200"]);
        let mut hellos = start(&["--clients", "150", "--opening", &connect, "--hello", TUNNEL]);
        let mut bodies = start(&["--clients", "150", "--opening", &post, "--text", "x"]);
        client::eventually("500 slow clients", || (stage.descriptors() >= 500).then_some(()));
        let honest = stage.honest(world, 300);
        println!("quiet {quiet}\namong 500 slow clients {honest}");
        assert_eq!(honest["errors"], json!(0), "{honest}");
        // A shared machine and a debug build: starved is whoever waits for the slow, 9 seconds.
        assert!(honest["p99_us"].as_f64() < Some(3_000_000.0), "{honest}");
        let (heads, hellos, bodies) = (heads.line(), hellos.line(), bodies.line());
        println!("heads {heads}, hellos {hellos}, bodies {bodies}");
        for (slow, count) in [(heads, 200), (hellos, 150), (bodies, 150)] {
            assert_eq!(slow["refused"], json!(0), "{slow}");
            assert_eq!(slow["kept"].as_u64().unwrap() + slow["ended"].as_u64().unwrap(), count);
        }
        drop(stage.upstream);
    });
}

#[test]
fn a_flood_of_new_tunnels_costs_no_record_and_no_readiness() {
    World::run(|world| {
        let limits = json!({ "proxy": { "max_connections": 4000 } });
        let mut stage = Stage::new(world, binary(), limits);
        let proxy = stage.gateway.proxy().to_string();
        let authorization = stage.session.authorization();
        let mut flood = Kin::start(
            world,
            &[
                "load",
                "flood",
                "--proxy",
                &proxy,
                "--authorization",
                &authorization,
                "--authority",
                "tunnel.example:443",
                "--rate",
                "4000",
                "--seconds",
                "3",
            ],
        );
        let (mut asked, mut most) = (0, 0);
        client::eventually("the flood is felt", || (stage.descriptors() > 100).then_some(()));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            assert!(stage.is_ready(), "it is not ready in the flood");
            asked += 1;
            most = most.max(stage.gateway.resident());
        }
        let came = flood.line();
        most = most.max(stage.gateway.resident());
        println!("{came}, asked for readiness {asked} times, at most {:.1} MB", most as f64 / 1e6);
        assert!(most < 400 << 20);
        assert!(stage.is_ready());
        let opened = came["opened"].as_u64().unwrap();
        assert!(opened > 100, "{came}");
        client::eventually("all tunnels end", || {
            (stage.figure("backstop_live_flows") == 0.0).then_some(())
        });
        // Every tunnel that reached the upstream is on record with both its permits, and no event
        // was lost.
        let reached = stage.mirror.tell()["connections"].as_u64().unwrap();
        assert!(reached >= opened, "{reached} {came}");
        client::eventually("all is written", || {
            (stage.figure("backstop_ledger_queue") == 0.0).then_some(())
        });
        assert_eq!(stage.figure("backstop_ledger_lost"), 0.0);
        let state = stage.gateway.state();
        let exit = stage.gateway.stop();
        assert!(exit.status.success(), "{}", exit.stderr);
        let state = state.display().to_string();
        let verified = crate::run::backstop(&["ledger", "verify", "--state", &state]);
        assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
        let events = crate::run::backstop(&["ledger", "export", "--state", &state]).out;
        let ended = events.lines().filter(|line| line.contains("\"type\":\"FlowEnded\"")).count();
        let hellos = events
            .lines()
            .filter(|line| {
                line.contains("\"type\":\"AttemptPermitted\"") && line.contains("\"act\":\"hello\"")
            })
            .count();
        println!("{reached} reached the upstream, {hellos} permits, {ended} ends on record");
        assert!(hellos as u64 >= reached, "{hellos} permits for {reached} connections");
        assert!(ended as u64 >= reached, "{ended} ends for {reached} connections");
    });
}
