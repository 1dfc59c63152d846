//! Real tunnels by DNS, each from a pod whose only way out is the resolver, to the real server of
//! the tunnel as the authority of a delegated zone. What arrives there is counted in front of it.

use crate::dns_scene::{self, Running, flagged_after, free_udp, liberal, needs, refused};
use crate::scene::events;
use backstop_testkit::client::eventually;
use backstop_testkit::{Backstop, Pod, Tap, World};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// The tunnel's own network: the server is `10.53.NUMBER.1`.
fn inner(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 53, number, 1)
}

/// iodined with a zone of its own, and what arrives before it.
struct Iodined {
    zone: String,
    number: u8,
    tap: Tap,
    _server: Running,
}

const PASSWORD: &str = "a shared word";

impl Iodined {
    fn start(world: &World, number: u8) -> Self {
        let zone = format!("t{number}.example");
        let place = free_udp();
        let log = std::fs::File::create(world.path().join(format!("iodined{number}.log"))).unwrap();
        let server = Running::start(
            world
                .command("iodined")
                .args([
                    "-f",
                    "-c",
                    "-P",
                    PASSWORD,
                    "-l",
                    "127.0.0.1",
                    "-d",
                    &format!("dns{number}"),
                ])
                .args(["-p", &place.port().to_string(), &format!("{}/24", inner(number)), &zone])
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        // It drops questions that come before it listens.
        eventually("iodined", || {
            let dev = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
            dev.contains(&format!("dns{number}:")).then_some(())
        });
        Self { zone, number, tap: Tap::before(place), _server: server }
    }

    fn client(&self, world: &World, pod: &Pod, arguments: &[&str]) -> Running {
        let log = world.path().join(format!("iodine{}.log", self.number));
        let log = std::fs::File::create(log).unwrap();
        Running::start(
            pod.command(world, "iodine")
                .args(["-f", "-P", PASSWORD, "-d", "dns0"])
                .args(arguments)
                .args([&pod.gateway().to_string(), &self.zone])
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        )
    }

    fn said(&self, world: &World) -> String {
        String::from_utf8_lossy(
            &std::fs::read(world.path().join(format!("iodine{}.log", self.number))).unwrap(),
        )
        .into_owned()
    }
}

/// The tunnel's ways: record types and how answers are coded. Names are Base32 in all of them at
/// last: case does not get through, and octets that no host name has are refused.
const WAYS: [&[&str]; 10] = [
    &["-r", "-T", "NULL"],
    &["-r", "-T", "PRIVATE"],
    &["-r", "-T", "TXT", "-O", "Raw"],
    &["-r", "-T", "TXT", "-O", "Base64"],
    &["-r", "-T", "SRV", "-O", "Base32"],
    &["-r", "-T", "SRV", "-O", "Base64u"],
    &["-r", "-T", "MX", "-O", "Base32"],
    &["-r", "-T", "CNAME", "-O", "Base128"],
    &["-r", "-T", "A", "-O", "Base32"],
    // Every type one after the other, and UDP past the resolver first.
    &[],
];

fn street(world: &World) -> (Vec<Pod>, Vec<Iodined>) {
    let numbers = 0..u8::try_from(WAYS.len()).unwrap();
    let pods = numbers.clone().map(|n| Pod::new(world, n, "nameserver GATEWAY\n")).collect();
    (pods, numbers.map(|n| Iodined::start(world, n)).collect())
}

fn gateway(world: &World, rows: &[String], pods: &[Pod], zones: &[(&str, &Tap)]) -> Backstop {
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let zones: Vec<_> = zones.iter().map(|(zone, tap)| ((*zone).to_owned(), tap.place())).collect();
    let pods: Vec<&Pod> = pods.iter().collect();
    dns_scene::start(world, &dns_scene::policy("", &rows), &pods, &zones)
}

#[test]
fn iodine_under_an_undeclared_domain_reaches_nobody() {
    needs("iodine");
    World::run(|world| {
        let (pods, servers) = street(world);
        let zones: Vec<_> = servers.iter().map(|s| (s.zone.as_str(), &s.tap)).collect();
        // The zones have their upstreams: nothing but the refusal keeps a question from them.
        let rows = ["{ host: api.weather.example }".to_owned()];
        let backstop = gateway(world, &rows, &pods, &zones);
        let both = servers.iter().zip(&pods).zip(WAYS);
        let clients: Vec<Running> =
            both.map(|((server, pod), way)| server.client(world, pod, way)).collect();
        for server in &servers {
            eventually("iodine gives up", || {
                let said = server.said(world);
                (said.contains("couldn't connect to server")
                    || said.contains("No suitable DNS query type"))
                .then_some(())
            });
        }
        drop(clients);
        let events = events(world, &backstop);
        for server in &servers {
            assert_eq!(server.tap.seen().questions, [], "{}", server.zone);
            assert!(refused(&events, &server.zone, "dns.undeclared"), "{}", server.zone);
        }
    });
}

/// An alias that its answer leaves open is asked for: a server that answers in aliases alone (`-T A`)
/// is asked for its own data instead, and its client hears nothing that it could use.
fn speechless(said: &str) -> bool {
    said.contains("couldn't connect to server")
}

#[test]
fn iodine_under_a_careless_wildcard_is_flagged_at_once_and_cut_at_the_budget() {
    needs("iodine");
    World::run(|world| {
        let (pods, servers) = street(world);
        let zones: Vec<_> = servers.iter().map(|s| (s.zone.as_str(), &s.tap)).collect();
        let rows: Vec<String> = servers.iter().map(|server| liberal(&server.zone)).collect();
        let backstop = gateway(world, &rows, &pods, &zones);
        let sinks: Vec<UdpSocket> = servers
            .iter()
            .map(|server| {
                let sink = UdpSocket::bind((inner(server.number), 9)).unwrap();
                sink.set_nonblocking(true).unwrap();
                sink
            })
            .collect();
        let mut running = Vec::new();
        for ((server, pod), way) in servers.iter().zip(&pods).zip(WAYS) {
            // Small answers are agreed on beforehand: no name is wasted on finding the largest.
            running.push(server.client(world, pod, &[&["-m", "100"], way].concat()));
            let to = inner(server.number).to_string();
            running.push(Running::start(pod.command(world, "python3").args(["-c", PUSH, &to])));
        }
        let begin = Instant::now();
        let events = loop {
            let events = events(world, &backstop);
            let open = |s: &&Iodined| {
                let said = s.said(world);
                // Names in answers lose their case as well: a code that needs it breaks by itself.
                let broken = said.contains("No reply from server on lazy switch");
                !refused(&events, &s.zone, "dns.payload") && !broken && !speechless(&said)
            };
            let open: Vec<&Iodined> = servers.iter().filter(open).collect();
            if open.is_empty() {
                break events;
            }
            let said = || open.iter().map(|s| s.said(world)).collect::<String>();
            assert!(begin.elapsed() < LONG, "not cut:\n{}", said());
            std::thread::sleep(Duration::from_millis(500));
        };
        // They go on trying for a while.
        let before: Vec<usize> = servers.iter().map(|s| s.tap.seen().questions.len()).collect();
        std::thread::sleep(Duration::from_secs(3));
        for ((server, way), (sink, before)) in
            servers.iter().zip(WAYS).zip(sinks.iter().zip(before))
        {
            let seen = server.tap.seen();
            let (octets, flagged) = (
                seen.octets_below(&server.zone),
                flagged_after(&events, &server.zone, "dns.payload"),
            );
            let mut arrived = 0;
            while let Ok(length) = sink.recv(&mut [0; 2048]) {
                arrived += length;
            }
            println!(
                "iodine {}: flagged after {flagged:?} names; {} names of {octets} octets arrived, \
                 with {arrived} octets of the document; {} octets came back",
                if way.is_empty() { "(all types)".to_owned() } else { way[1..].join(" ") },
                seen.names_below(&server.zone).len(),
                seen.answered,
            );
            if speechless(&server.said(world)) {
                assert_eq!(arrived, 0, "{way:?}");
            } else {
                assert!(flagged.is_some_and(|names| names <= 40), "{way:?}: {flagged:?}");
            }
            assert!(octets < 4_096, "{way:?}: {octets}");
            assert!(arrived < 4_096, "{way:?}: {arrived}");
            assert_eq!(seen.questions.len(), before, "{way:?}: what is cut stays cut");
        }
        let arrived: usize = servers.iter().filter(|s| s.tap.seen().answered > 0).count();
        assert_eq!(arrived, servers.len(), "each tunnel had its way as long as the budget lasted");
    });
}

/// How long the slowest of the tunnels may take to use up its budget.
const LONG: Duration = Duration::from_secs(90);

/// Sends a document into the tunnel, piece by piece, as soon as there is one.
const PUSH: &str = r#"
import os, socket, sys, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(600):
    try:
        out.sendto(os.urandom(100), (sys.argv[1], 9))
    except OSError:
        pass
    time.sleep(0.1)
"#;
