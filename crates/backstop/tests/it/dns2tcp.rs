//! dns2tcp, the real client and server, by TXT and KEY. Its names have octets that no host name has
//! (`=auth`, Base64's `+` and `/`), so that it gets nowhere under a careless wildcard either.

use crate::dns_scene::{self, Running, flagged_after, free_udp, liberal, needs, refused};
use crate::scene::events;
use backstop_testkit::client::eventually;
use backstop_testkit::{Pod, Tap, World};

const TYPES: [&str; 2] = ["TXT", "KEY"];

struct Dns2tcpd {
    zone: String,
    tap: Tap,
    _server: Running,
}

impl Dns2tcpd {
    fn start(world: &World, number: usize) -> Self {
        let zone = format!("d{number}.example");
        let place = free_udp();
        let folder = world.path().join(format!("dns2tcpd{number}"));
        std::fs::create_dir(&folder).unwrap();
        let config = folder.join("conf");
        let text = format!(
            "listen = 127.0.0.1\nport = {}\nuser = root\nchroot = {}\ndomain = {zone}\n\
             key = shared\nresources = echo:127.0.0.1:7\n",
            place.port(),
            folder.display()
        );
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let server = Running::start(
            world
                .command("dns2tcpd")
                .args(["-F", "-d", "2", "-f"])
                .arg(&config)
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        eventually("dns2tcpd", || {
            let port = format!(":{:04X} ", place.port());
            let sockets = std::fs::read_to_string("/proc/thread-self/net/udp").unwrap();
            sockets.contains(&port).then_some(())
        });
        Self { zone, tap: Tap::before(place), _server: server }
    }

    /// Asks for the list of resources again and again, since each time is a new session.
    fn client(&self, world: &World, pod: &Pod, qtype: &str) -> Running {
        let ask = format!(
            "for n in $(seq 400); do timeout 2 dns2tcpc -t 1 -k shared -z {} -T {qtype} {}; done",
            self.zone,
            pod.gateway()
        );
        let log =
            std::fs::File::create(world.path().join(format!("dns2tcpc-{qtype}.log"))).unwrap();
        Running::start(
            pod.command(world, "sh")
                .args(["-c", &ask])
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        )
    }
}

#[test]
fn dns2tcp_reaches_nobody_undeclared_or_under_a_careless_wildcard() {
    needs("dns2tcpc");
    World::run(|world| {
        let pods: Vec<Pod> = (0..4).map(|n| Pod::new(world, n, "nameserver GATEWAY\n")).collect();
        let all: Vec<&Pod> = pods.iter().collect();
        let servers: Vec<Dns2tcpd> = (0..4).map(|n| Dns2tcpd::start(world, n)).collect();
        let zones: Vec<_> =
            servers.iter().map(|server| (server.zone.clone(), server.tap.place())).collect();
        // The first two are on nobody's list.
        let rows = [liberal(&servers[2].zone), liberal(&servers[3].zone)];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let backstop = dns_scene::start(world, &dns_scene::policy("", &rows), &all, &zones);
        let _clients: Vec<Running> = servers
            .iter()
            .zip(&pods)
            .zip(TYPES.iter().cycle())
            .map(|((server, pod), qtype)| server.client(world, pod, qtype))
            .collect();
        let all = eventually("every tunnel is refused", || {
            let events = events(world, &backstop);
            let stopped = |server: &Dns2tcpd| refused(&events, &server.zone, "dns.undeclared");
            servers.iter().all(stopped).then_some(events)
        });
        for (server, qtype) in servers.iter().zip(TYPES.iter().cycle()) {
            assert_eq!(server.tap.seen().questions, [], "{qtype} {}", server.zone);
            // Signs of the very first name: `=auth` and the like.
            let flagged = flagged_after(&all, &server.zone, "dns.payload");
            assert_eq!(flagged, Some(0), "{qtype} {}", server.zone);
        }
    });
}
