//! `kill -9` in the middle of load: whatever had an effect is on record, and the next start goes on.

use crate::stage::{PLAIN, Stage, of_type, session, through_tunnel, tunnel_host};
use backstop_testkit::message::Kind;
use backstop_testkit::{Backstop, World, client};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

const CLIENTS: usize = 8;
const TUNNELLERS: usize = 4;

/// What the clients were told before the gateway died.
#[derive(Default)]
struct Told {
    receipts: BTreeSet<String>,
    sessions: BTreeSet<String>,
}

#[test]
fn kill_9_in_the_middle_of_load_loses_no_event_whose_effect_happened() {
    World::run(|world| rounds(world, "os", &[40, 150, 400]));
}

#[test]
fn kill_9_with_durability_disk_loses_no_event_either() {
    World::run(|world| rounds(world, "disk", &[60, 200]));
}

/// Each round kills once so many requests have arrived; the next one restarts on the same state.
fn rounds(world: &World, durability: &str, kills: &[usize]) {
    let stage = Stage::new(world);
    let mut gateway = stage.start(json!({ "ledger": { "durability": durability } }));
    let serial = AtomicUsize::new(0);
    let mut told = Told::default();
    for after in kills {
        load_until_killed(&stage, &gateway, &serial, *after, &mut told);
        let (state, setup) = (gateway.state(), gateway.setup());
        let exit = gateway.wait();
        assert!(exit.status.code().is_none(), "it was killed: {}", exit.status);
        settled(&stage);
        compare(&stage, &stage.export(&state), &told);
        stage.verify(&state, &[]);
        gateway = Backstop::start(world, setup);
        // What was on record stands again: the former sessions are open.
        let open = gateway.ask("GET", "/v1/sessions", None).json().to_string();
        for id in &told.sessions {
            assert!(open.contains(id.as_str()), "{id} is open after the restart\n{open}");
        }
    }
    let exit = gateway.stop();
    assert!(exit.status.success(), "{}", exit.stderr);
}

fn load_until_killed(
    stage: &Stage,
    gateway: &Backstop,
    serial: &AtomicUsize,
    after: usize,
    told: &mut Told,
) {
    let (proxy, api, trust) = (gateway.proxy(), gateway.api(), stage.ca.client());
    let before = stage.plain.requests();
    let bearer = format!("Bearer {}", gateway.token());
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let authorization = session(gateway).authorization();
            clients.push(scope.spawn(move || requests(proxy, &authorization, serial)));
        }
        for _ in 0..TUNNELLERS {
            let (authorization, trust) = (session(gateway).authorization(), &trust);
            scope.spawn(move || {
                loop {
                    let number = serial.fetch_add(1, Ordering::Relaxed);
                    let (host, path) = (tunnel_host(number), format!("/tunnel/{number}"));
                    if through_tunnel(proxy, &authorization, &host, &path, trust).is_none() {
                        break;
                    }
                }
            });
        }
        let opener = scope.spawn(move || open_sessions(api, &bearer));
        client::eventually("requests have arrived", || {
            (stage.plain.requests() - before >= after && stage.tls.requests() > 0).then_some(())
        });
        gateway.signal(nix::sys::signal::Signal::SIGKILL);
        for client in clients {
            told.receipts.extend(client.join().unwrap());
        }
        told.sessions.extend(opener.join().unwrap());
    });
}

/// Requests with paths of their own on one connection, until it breaks; the receipts of answers.
fn requests(proxy: std::net::SocketAddr, authorization: &str, serial: &AtomicUsize) -> Vec<String> {
    let mut receipts = Vec::new();
    let Ok(mut stream) = TcpStream::connect(proxy) else { return receipts };
    stream.set_read_timeout(Some(client::DEADLINE)).unwrap();
    loop {
        let number = serial.fetch_add(1, Ordering::Relaxed);
        let target = format!("http://{PLAIN}/unique/{number}");
        let head = client::head("GET", &target, &[("proxy-authorization", authorization)], b"");
        let reply =
            stream.write_all(&head).and_then(|()| client::read_reply(&mut stream, Kind::Reply));
        let Ok(reply) = reply else { return receipts };
        assert_eq!(reply.status(), 200, "{}", reply.text());
        receipts.push(reply.header("backstop-receipt").unwrap().to_owned());
    }
}

/// Sessions opened one after another; the ids that were answered.
fn open_sessions(api: std::net::SocketAddr, bearer: &str) -> Vec<String> {
    let body =
        json!({ "tenant": "research", "skills": [{ "name": "weather", "version": "1.2.0" }] })
            .to_string();
    let host = api.to_string();
    let headers = [
        ("host", host.as_str()),
        ("authorization", bearer),
        ("content-type", "application/json"),
        ("connection", "close"),
    ];
    let mut opened = Vec::new();
    loop {
        let Ok(mut stream) = TcpStream::connect(api) else { return opened };
        stream.set_read_timeout(Some(client::DEADLINE)).unwrap();
        let head = client::head("POST", "/v1/sessions", &headers, body.as_bytes());
        let reply =
            stream.write_all(&head).and_then(|()| client::read_reply(&mut stream, Kind::Reply));
        let Ok(reply) = reply else { return opened };
        assert_eq!(reply.status(), 201, "{}", reply.text());
        opened.push(reply.json()["id"].as_str().unwrap().to_owned());
    }
}

/// Waits until the upstreams have read what was under way to them.
fn settled(stage: &Stage) {
    let seen = || (stage.plain.bytes(), stage.tls.bytes(), stage.tls.connections());
    let mut last = seen();
    let mut same = 0;
    client::eventually("the upstreams are quiet", || {
        let now = seen();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same >= 10).then_some(())
    });
}

fn compare(stage: &Stage, events: &[Value], told: &Told) {
    for (row, event) in (1..).zip(events) {
        assert_eq!(event["seq"], row, "rows follow each other");
    }
    let permits: Vec<&Value> = of_type(events, "AttemptPermitted").collect();
    let asked =
        |event: &Value, field: &str| event["fact"]["asked"][field].as_str().unwrap().to_owned();
    let paths: BTreeSet<String> = permits.iter().map(|permit| asked(permit, "path")).collect();
    let arrived = stage.plain.received();
    assert!(arrived.len() > 30);
    for request in &arrived {
        let path = request.message.target();
        assert!(paths.contains(path), "{path} reached the upstream and is not on record");
    }
    // A tunnel has two permits: for CONNECT, and for its ClientHello before anything is dialled.
    let mut hellos: BTreeMap<String, usize> = BTreeMap::new();
    for permit in permits.iter().filter(|permit| permit["fact"]["asked"]["act"] == "hello") {
        *hellos.entry(asked(permit, "host")).or_default() += 1;
    }
    let mut tunnels: BTreeMap<String, usize> = BTreeMap::new();
    for request in stage.tls.received() {
        *tunnels.entry(request.sni.unwrap()).or_default() += 1;
    }
    assert!(!tunnels.is_empty());
    for (host, count) in &tunnels {
        let permitted = hellos.get(host).copied().unwrap_or(0);
        assert!(permitted >= *count, "{count} tunnels reached {host}, {permitted} are on record");
    }
    assert!(
        hellos.values().sum::<usize>() >= stage.tls.connections(),
        "not even a connection without a byte is missing"
    );
    let receipts: BTreeSet<&str> =
        events.iter().filter_map(|event| event["receipt"].as_str()).collect();
    for receipt in &told.receipts {
        assert!(receipts.contains(receipt.as_str()), "a client holds {receipt}");
    }
    let sessions: BTreeSet<&str> = of_type(events, "SessionOpened")
        .filter_map(|event| event["subject"]["session"].as_str())
        .collect();
    for id in &told.sessions {
        assert!(sessions.contains(id.as_str()), "the API has answered with {id}");
    }
}
