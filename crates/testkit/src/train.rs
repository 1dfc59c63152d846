//! The work that a profile of the shipped binary is taken from (`cargo xtask dist`): an ordinary
//! day of a gateway, through the real binary, on addresses of this machine.
//!
//! What is here decides what the compiler takes to be hot: honest requests above all, payloads of
//! several kinds, names that stand in the cache, and some of each that are refused. Next: `bench`.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::backstop::{Backstop, Session, Setup};
use crate::client;
use crate::kin::Kin;
use crate::nameserver::{NameServer, address};
use crate::resolver::{ask_all, query};
use crate::world::World;

const PLAIN: &str = "plain.example";
const PLAIN_ADDRESS: &str = "93.184.200.1:80";
const TUNNEL: &str = "tunnel.example";
const TUNNEL_ADDRESS: &str = "93.184.200.2:443";
/// How often everything is gone through: between the turns the ledger sweeps and signs.
const TURNS: usize = 6;

/// Runs the binary through its day and ends it, so that it writes its profile.
///
/// # Errors
/// The binary did not end well.
pub fn run(binary: &Path) -> anyhow::Result<()> {
    let world = World::new();
    world.host(PLAIN, PLAIN_ADDRESS.parse::<SocketAddr>()?.ip());
    world.host(TUNNEL, TUNNEL_ADDRESS.parse::<SocketAddr>()?.ip());
    let _upstream = Kin::server(&world, &["upstream", "--listen", PLAIN_ADDRESS]);
    let _mirror = Kin::server(&world, &["mirror", "--listen", TUNNEL_ADDRESS]);
    let names = NameServer::start(|asked| {
        let reply = asked.reply();
        let reply = match asked.qtype {
            1 => reply.answer(address(&asked.name, 300, "93.184.1.1")),
            _ => reply,
        };
        vec![reply.wire()]
    });
    let config = json!({ "dns": {
        "listen": ["127.0.0.1:0"],
        "clients": ["127.0.0.0/8=day/*"],
        "upstreams": [names.place().to_string()],
    }});
    let gate = Backstop::start(&world, Setup::new(&world, binary, &policy()).config(config));
    let session = gate.session("day", &["work@1.0.0"]);
    for turn in 0..TURNS {
        requests(&world, &gate, &session);
        bodies(&gate, &session, turn);
        questions(&gate);
    }
    let exit = gate.stop();
    anyhow::ensure!(exit.status.success(), "{}\n{}", exit.status, exit.stderr);
    Ok(())
}

fn policy() -> String {
    let reviewed = "owner: o, reason: r, reviewBy: \"2099-01-01\"";
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: day }}\nspec:\n\
         \x20 skills: [{{ name: work, version: 1.0.0 }}]\n  egress:\n\
         \x20 - {{ host: {PLAIN}, ports: [80], protocol: HTTP, {reviewed} }}\n\
         \x20 - {{ host: {TUNNEL}, {reviewed} }}\n\
         \x20 - {{ host: \"*.names.example\", {reviewed} }}\n---\n\
         apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: work-1.0.0 }}\nspec:\n  name: work\n  version: 1.0.0\n\
         \x20 egressRequirements:\n  - {{ host: {PLAIN}, ports: [80], protocol: HTTP }}\n  - {TUNNEL}\n"
    )
}

/// Requests and tunnels, as many as come and at a steady rate.
fn requests(world: &World, gate: &Backstop, session: &Session) {
    let (to, authorization) = (gate.proxy().to_string(), session.authorization());
    let hello = format!("http://{PLAIN}/hello");
    let bytes = format!("http://{PLAIN}/bytes/1000000");
    let way = ["--to", &to, "--host", PLAIN, "--authorization", &authorization];
    for rest in [
        vec!["--target", &hello, "--connections", "16", "--requests", "800"],
        vec!["--target", &hello, "--connections", "4", "--requests", "200", "--rate", "200"],
        vec!["--target", &bytes, "--connections", "2", "--requests", "8"],
    ] {
        let words: Vec<&str> = ["load", "get"].into_iter().chain(way).chain(rest).collect();
        let _figures: Value = Kin::run(world, &words);
    }
    let authority = format!("{TUNNEL}:443");
    let _figures: Value = Kin::run(
        world,
        &[
            "load",
            "connect",
            "--proxy",
            &to,
            "--authorization",
            &authorization,
            "--authority",
            &authority,
            "--connections",
            "4",
            "--count",
            "200",
        ],
    );
}

/// Payloads of several kinds, some of them with what must not leave, and hosts that are not
/// declared.
fn bodies(gate: &Backstop, session: &Session, turn: usize) {
    let authorization = session.authorization();
    let records: Vec<Value> = (0..40)
        .map(|at| json!({ "id": at * 7919 + turn, "name": format!("part {at}"), "state": "open", "sum": 12.5, "at": "2026-05-04T10:11:12Z", "tags": ["a", "bc"] }))
        .collect();
    let code = include_str!("train.rs");
    let prose = "The forecast for tomorrow says rain in the morning and wind from the west; please write a short note to the team about the walk and move the meeting to the afternoon. ";
    let kinds: [(&str, Vec<u8>); 6] = [
        ("application/json", json!({ "records": records }).to_string().into_bytes()),
        ("application/json", json!({ "model": "m", "messages": [{ "role": "user", "content": prose.repeat(8) }, { "role": "user", "content": code }] }).to_string().into_bytes()),
        ("text/plain", prose.repeat(20).into_bytes()),
        ("application/x-www-form-urlencoded", b"q=forecast+for+monday&units=metric&page=2".to_vec()),
        ("application/json", json!({ "note": "her number is 078-05-1120, the key AKIAIOSFODNN7EXAMPLE" }).to_string().into_bytes()),
        ("application/json", json!({ "query": "weather", "lang": "en", "limit": 20 }).to_string().into_bytes()),
    ];
    let hosts = [PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, "undeclared.example", "169.254.169.254"];
    for at in 0..60 {
        let (kind, body) = &kinds[at % kinds.len()];
        let target = format!("http://{}/hello?turn={turn}&at={at}", hosts[at % hosts.len()]);
        let headers = [
            ("proxy-authorization", authorization.as_str()),
            ("content-type", *kind),
            ("accept", "application/json"),
            ("user-agent", "agent/1.0 (day)"),
        ];
        let _reply = client::request(gate.proxy(), "POST", &target, &headers, body);
    }
}

/// Names of a wildcard row, most of them asked before, and names that are refused.
fn questions(gate: &Backstop) {
    let Some(place) = gate.ready()["dns"][0].as_str().and_then(|text| text.parse().ok()) else {
        panic!("no resolver in {}", gate.ready())
    };
    let queries: Vec<Vec<u8>> = (0..6_000)
        .map(|at: usize| match at % 10 {
            9 => query(&format!("host{}.elsewhere.example", at % 50), 1, false),
            8 => query("tunnel.example", 28, false),
            _ => query(&format!("n{}.names.example", at % 20), 1, at.is_multiple_of(3)),
        })
        .collect();
    let _answers = ask_all(place, &queries);
}
