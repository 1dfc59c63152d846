//! A world is one thread's own network, and ends at this machine.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant};

use backstop_testkit::client::request;
use backstop_testkit::{Attacker, Ca, Upstream, World, world};

fn namespace() -> String {
    std::fs::read_link("/proc/thread-self/ns/net").unwrap().display().to_string()
}

#[test]
fn the_thread_comes_back() {
    let (before, directory) = (namespace(), std::env::current_dir().unwrap());
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
    let world = World::new();
    assert_ne!(namespace(), before);
    world.host("a.example", world.address());
    assert_ne!(std::fs::read_to_string("/etc/hosts").unwrap(), hosts);
    let elsewhere = std::thread::spawn(namespace);
    assert_eq!(elsewhere.join().unwrap(), namespace(), "a thread made in the world lives there");
    let path = world.path().to_owned();
    drop(world);
    assert!(!path.exists());
    let owner = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    if owner.split_whitespace().nth(2) != Some("4294967295") {
        // Root of a user namespace may not enter the network that it came from.
        return;
    }
    assert_eq!(namespace(), before);
    assert_eq!(std::env::current_dir().unwrap(), directory);
    assert_eq!(std::fs::read_to_string("/etc/hosts").unwrap(), hosts);
}

#[test]
fn two_worlds_share_nothing() {
    let serve = |word: &'static str| {
        World::run(|world| {
            let upstream = Upstream::http(world);
            assert_eq!(upstream.address().to_string(), "93.184.1.1:80");
            upstream.answer("/", backstop_testkit::Answer::text(word));
            request(upstream.address(), "GET", "/", &[], b"").text()
        })
    };
    std::thread::scope(|scope| {
        let (one, two) = (scope.spawn(|| serve("one")), scope.spawn(|| serve("two")));
        assert_eq!((one.join().unwrap(), two.join().unwrap()), ("one".into(), "two".into()));
    });
}

#[test]
fn nothing_outside_can_be_reached() {
    World::run(|world| {
        let start = Instant::now();
        for address in ["1.1.1.1:443", "10.0.0.1:80", "192.0.2.1:80", "[2001:db8::1]:80"] {
            let address: SocketAddr = address.parse().unwrap();
            let error = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(101), "{address}: {error}");
        }
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        assert!(socket.send_to(b"x", "1.1.1.1:53").is_err());
        assert!(("unknown.example", 80).to_socket_addrs().is_err());
        assert!(start.elapsed() < Duration::from_secs(5), "refusals come at once");
        assert!(world::stays_here(world.address()).is_ok());
    });
}

#[test]
fn names_resolve_in_this_process_and_in_programs() {
    World::run(|world| {
        let ip = world.new_host("api.weather.example");
        let six = world.address_v6();
        world.host("six.example", six);
        let found = ("api.weather.example", 1).to_socket_addrs().unwrap().next().unwrap();
        assert_eq!(found.ip(), ip);
        assert_eq!(("six.example", 1).to_socket_addrs().unwrap().next().unwrap().ip(), six);
        let output = world.output(world.command("getent").args(["hosts", "api.weather.example"]));
        assert!(output.starts_with(&ip.to_string()), "{output}");
        world.forget_host("api.weather.example");
        assert!(("api.weather.example", 1).to_socket_addrs().is_err());
        let other = world.new_host("api.weather.example");
        assert_ne!(other, ip);
        assert_eq!(
            ("api.weather.example", 1).to_socket_addrs().unwrap().next().unwrap().ip(),
            other
        );
    });
}

#[test]
fn curl_reaches_a_tls_server_by_its_name() {
    World::run(|world| {
        let ca = Ca::new();
        world.trust(&ca);
        let upstream = Upstream::https(world, &ca, &["api.weather.example"]);
        world.host("api.weather.example", upstream.ip());
        let output = world.output(world.command("curl").args([
            "-sS",
            "--noproxy",
            "*",
            "https://api.weather.example/points/1?a=b",
        ]));
        assert_eq!(output, "hello\n");
        let received = &upstream.received()[0];
        assert_eq!(received.sni.as_deref(), Some("api.weather.example"));
        assert_eq!(received.message.target(), "/points/1?a=b");
        // Another name is not in the certificate, and an untrusting client does not talk.
        world.host("other.example", upstream.ip());
        assert!(
            !world
                .command("curl")
                .args(["-sS", "--noproxy", "*", "https://other.example/"])
                .output()
                .unwrap()
                .status
                .success()
        );
        assert_eq!(upstream.requests(), 1);
    });
}

#[test]
fn ipv6_servers_are_reached_too() {
    World::run(|world| {
        let address = SocketAddr::new(world.address_v6(), 80);
        let upstream = Upstream::start(address, None, backstop_testkit::upstream::Recording::Full);
        assert_eq!(request(upstream.address(), "GET", "/", &[], b"").text(), "hello\n");
    });
}

#[test]
fn the_attacker_counts_every_byte() {
    World::run(|world| {
        let attacker = Attacker::new(world);
        attacker.assert_nothing();
        let mut stream = TcpStream::connect((attacker.ip(), 443)).unwrap();
        stream.write_all(b"secret").unwrap();
        UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"data", (attacker.ip(), 53)).unwrap();
        backstop_testkit::client::eventually("ten bytes", || {
            (attacker.bytes() == 10).then_some(())
        });
        assert_eq!(attacker.connections(), 2);
        assert!(attacker.samples().contains(&(53, b"data".to_vec())));
        assert!(
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attacker.assert_nothing()))
                .is_err()
        );
    });
}
