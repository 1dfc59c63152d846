//! Loads count what they did, in processes of their own, and never leave this machine.

use std::net::SocketAddr;

use backstop_testkit::{Ca, Kin, Upstream, World};
use serde_json::json;

/// CONNECT by hand: reads one head, then splices; enough to test the loads without a real proxy.
fn tiny_proxy(world: &World, upstream: SocketAddr) -> SocketAddr {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind(SocketAddr::new(world.address(), 3128)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut client = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap_or(0) > 0 {
                    head.push(byte[0]);
                }
                if !head.windows(4).any(|window| window == b"good") {
                    let _ =
                        client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
                    return;
                }
                let mut server = std::net::TcpStream::connect(upstream).unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let _ = std::io::copy(&mut server, &mut client);
            });
        }
    });
    address
}

#[test]
fn gets_at_a_rate_and_as_fast_as_they_go() {
    World::run(|world| {
        let mut upstream = Kin::server(world, &["upstream", "--listen", "93.184.9.9:80"]);
        let to = upstream.address().to_string();
        let common = [
            "load",
            "get",
            "--to",
            &to,
            "--target",
            "/",
            "--host",
            "a.example",
            "--connections",
            "4",
            "--requests",
            "200",
        ];
        let fast = Kin::run(world, &common);
        assert_eq!((&fast["count"], &fast["errors"]), (&json!(200), &json!(0)), "{fast}");
        let steady = Kin::run(world, &[&common[..], &["--rate", "1000"]].concat());
        assert!(steady["seconds"].as_f64().unwrap() > 0.19, "{steady}");
        let wrong = Kin::run(world, &[&common[..], &["--expect", "403"]].concat());
        assert_eq!(wrong["errors"], json!(200));
        assert_eq!(upstream.tell()["requests"], json!(600));
    });
}

#[test]
fn tunnels_are_held_and_proved_alive() {
    World::run(|world| {
        let mirror = Upstream::mirror(SocketAddr::new(world.address(), 443));
        let proxy = tiny_proxy(world, mirror.address()).to_string();
        let way = ["--proxy", &proxy, "--authorization", "good", "--authority", "api.example:443"];
        let mut tunnels = Kin::server(
            world,
            &[&["load", "tunnels", "--count", "50", "--parallel", "8"], &way[..]].concat(),
        );
        assert_eq!(mirror.connections(), 50);
        assert_eq!(tunnels.tell()["alive"], json!(50));
        let refused = Kin::server(
            world,
            &[
                "load",
                "tunnels",
                "--count",
                "5",
                "--parallel",
                "1",
                "--proxy",
                &proxy,
                "--authority",
                "a.b:443",
            ],
        );
        drop(refused);
        let setups = Kin::run(
            world,
            &[&["load", "connect", "--count", "20", "--connections", "2"], &way[..]].concat(),
        );
        assert_eq!((&setups["count"], &setups["errors"]), (&json!(20), &json!(0)), "{setups}");
        let direct = Kin::run(
            world,
            &["load", "dial", "--to", &mirror.address().to_string(), "--count", "20"],
        );
        assert_eq!(direct["count"], json!(20));
    });
}

#[test]
fn tls_inside_a_tunnel() {
    World::run(|world| {
        let ca = Ca::new();
        world.trust(&ca);
        let upstream = Upstream::https(world, &ca, &["api.example"]);
        let proxy = tiny_proxy(world, upstream.address()).to_string();
        let pem = world.ca_path().unwrap().display().to_string();
        let setups = Kin::run(
            world,
            &[
                "load",
                "connect",
                "--count",
                "3",
                "--proxy",
                &proxy,
                "--authorization",
                "good",
                "--authority",
                "api.example:443",
                "--ca",
                &pem,
            ],
        );
        assert_eq!((&setups["count"], &setups["errors"]), (&json!(3), &json!(0)), "{setups}");
        assert_eq!(upstream.received()[0].sni.as_deref(), Some("api.example"));
    });
}

#[test]
fn slow_clients_dribble() {
    World::run(|world| {
        let mut upstream = Kin::server(world, &["upstream", "--listen", "93.184.9.9:80"]);
        let to = upstream.address().to_string();
        let fates = Kin::run(
            world,
            &["load", "slow", "--to", &to, "--clients", "10", "--interval", "50", "--seconds", "1"],
        );
        assert_eq!(fates, json!({ "kept": 10, "ended": 0, "refused": 0 }));
        let counters = upstream.tell();
        assert_eq!(counters["connections"], json!(10));
        assert!(counters["bytes"].as_u64().unwrap() < 10 * 25, "{counters}");
    });
}

/// Outside a world a load has nowhere to go but loopback.
#[test]
fn load_stays_on_this_machine() {
    let public = "93.184.9.9".parse().unwrap();
    let outside = std::fs::read_to_string("/proc/thread-self/net/dev")
        .unwrap()
        .lines()
        .filter(|line| line.contains(':'))
        .count()
        > 1;
    assert_eq!(backstop_testkit::world::stays_here(public).is_err(), outside);
    assert!(backstop_testkit::world::stays_here("127.0.0.1".parse().unwrap()).is_ok());
}
