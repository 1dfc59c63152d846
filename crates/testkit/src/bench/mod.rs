//! Backstop's proxy beside others: the same upstream, the same client, the same minute.
//!
//! ```text
//!  peers    how tinyproxy, squid, Envoy and Backstop are started, all as plain forward proxies
//!  report   ratios against Backstop, as a table and as JSON with machine and date
//! ```
//! Upstream and mirror run in processes of their own; the proxy has one processor, client and
//! upstream share the other (`taskset`), so that no side hides behind another. Each figure is the
//! median of the rounds, and the rounds go through all peers in turn, so that a noisy minute hits
//! all. Latency is measured at a steady rate, from the planned start of each request.

mod peers;
mod report;

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use crate::backstop::resident;
use crate::kin::Kin;
use crate::world::World;
use peers::Peer;

/// How to run it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The release binary of Backstop.
    pub backstop: PathBuf,
    /// `target/tools`, for Envoy.
    pub tools: PathBuf,
    /// Where to write `proxy-DATE.json` and `.md`.
    pub out: PathBuf,
    /// How often to go through all.
    pub rounds: usize,
    /// Requests for the closed loop; the other loads follow from it.
    pub requests: usize,
    /// Only these peers; empty means all.
    pub only: Vec<String>,
}

/// What one peer did in one round; zero where it has no such thing.
#[derive(Debug, Clone, Default)]
struct Figures {
    per_second: f64,
    p50: f64,
    p99: f64,
    connects_per_second: f64,
    connect_p50: f64,
    connect_p99: f64,
    megabytes_per_second: f64,
    idle: f64,
    after: f64,
    errors: f64,
}

/// The plain upstream's name, and the mirror's, at which tunnels end.
const PLAIN: &str = "plain.example";
const TUNNEL: &str = "tunnel.example";
const PLAIN_ADDRESS: &str = "93.184.200.1:80";
const TUNNEL_ADDRESS: &str = "93.184.200.2:443";
/// Requests a second of the steady loop: far below what the slowest peer holds, so that latency is
/// compared and not the queue before a proxy that is full.
const RATE: usize = 300;
const BULK: u64 = 100 << 20;

/// Compares, prints, writes.
///
/// # Errors
/// A peer does not start, or a load fails as a whole.
pub fn run(plan: &Plan) -> anyhow::Result<()> {
    let world = World::new();
    world.host(PLAIN, PLAIN_ADDRESS.parse::<std::net::SocketAddr>()?.ip());
    world.host(TUNNEL, TUNNEL_ADDRESS.parse::<std::net::SocketAddr>()?.ip());
    let upstream = Kin::server(&world, &["upstream", "--listen", PLAIN_ADDRESS]);
    let mirror = Kin::server(&world, &["mirror", "--listen", TUNNEL_ADDRESS]);
    for pid in [upstream.pid(), mirror.pid(), std::process::id()] {
        pin(&world, pid, CLIENTS)?;
    }
    let peers = peers::start(&world, plan)?;
    for peer in &peers {
        pin(&world, peer.pid, PROXY)?;
        println!("bench: {} {} is ready", peer.name, peer.version);
    }
    let mut direct = Vec::new();
    let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); peers.len()];
    for round in 1..=plan.rounds {
        println!("bench: round {round} of {}", plan.rounds);
        direct.push(measure(&world, plan, None).context("direct")?);
        for (peer, figures) in peers.iter().zip(&mut figures) {
            figures.push(measure(&world, plan, Some(peer)).with_context(|| peer.name.clone())?);
        }
    }
    let mut rows = vec![report::Row {
        name: "direct".into(),
        version: String::new(),
        figures: median(&direct),
    }];
    for (peer, figures) in peers.iter().zip(&figures) {
        rows.push(report::Row {
            name: peer.name.clone(),
            version: peer.version.clone(),
            figures: median(figures),
        });
    }
    report::write(&world, plan, &rows)
}

fn measure(world: &World, plan: &Plan, peer: Option<&Peer>) -> anyhow::Result<Figures> {
    let idle = peer.map_or(0, |peer| resident(peer.pid));
    let to = peer.map_or(PLAIN_ADDRESS.to_owned(), |peer| peer.address.to_string());
    let target =
        |path: &str| if peer.is_some() { format!("http://{PLAIN}{path}") } else { path.to_owned() };
    let mut common = vec!["--to".to_owned(), to.clone(), "--host".into(), PLAIN.into()];
    let authorization = peer.and_then(|peer| peer.authorization.clone());
    common.extend(
        authorization.iter().flat_map(|value| ["--authorization".to_owned(), value.clone()]),
    );
    let load = |what: &str, common: &[String], more: &[String]| -> Value {
        let words: Vec<&str> = ["load", what]
            .into_iter()
            .chain(common.iter().chain(more).map(String::as_str))
            .collect();
        Kin::run(world, &words)
    };
    let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let requests = plan.requests;
    let hello = target("/hello");
    // Warm: name caches, upstream connections, allocators.
    load("get", &common, &words(format!("--target {hello} --connections 8 --requests 500")));
    let fast = load(
        "get",
        &common,
        &words(format!("--target {hello} --connections 16 --requests {requests}")),
    );
    let steady = load(
        "get",
        &common,
        &words(format!(
            "--target {hello} --connections 8 --requests {} --rate {RATE}",
            requests / 4
        )),
    );
    let bulk =
        load("bulk", &common, &words(format!("--target {}", target(&format!("/bytes/{BULK}")))));
    let setups = |connections: usize, count: usize| match peer {
        None => load(
            "dial",
            &[],
            &words(format!("--to {TUNNEL_ADDRESS} --connections {connections} --count {count}")),
        ),
        Some(_) => {
            let mut way = vec![
                "--proxy".to_owned(),
                to.clone(),
                "--authority".into(),
                format!("{TUNNEL}:443"),
            ];
            way.extend(
                authorization
                    .iter()
                    .flat_map(|value| ["--authorization".to_owned(), value.clone()]),
            );
            load("connect", &way, &words(format!("--connections {connections} --count {count}")))
        }
    };
    let tunnels = setups(8, requests / 10);
    let tunnel = setups(1, requests / 20);
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or_default();
    Ok(Figures {
        per_second: number(&fast, "per_second"),
        p50: number(&steady, "p50_us"),
        p99: number(&steady, "p99_us"),
        connects_per_second: number(&tunnels, "per_second"),
        connect_p50: number(&tunnel, "p50_us"),
        connect_p99: number(&tunnel, "p99_us"),
        megabytes_per_second: number(&bulk, "megabytes_per_second"),
        idle: idle as f64 / 1e6,
        after: peer.map_or(0, |peer| resident(peer.pid)) as f64 / 1e6,
        errors: [&fast, &steady, &tunnels, &tunnel]
            .into_iter()
            .map(|value| number(value, "errors"))
            .sum(),
    })
}

/// The median of each figure, but the first `idle` and the sum of errors.
fn median(rounds: &[Figures]) -> Figures {
    let middle = |pick: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        per_second: middle(|f| f.per_second),
        p50: middle(|f| f.p50),
        p99: middle(|f| f.p99),
        connects_per_second: middle(|f| f.connects_per_second),
        connect_p50: middle(|f| f.connect_p50),
        connect_p99: middle(|f| f.connect_p99),
        megabytes_per_second: middle(|f| f.megabytes_per_second),
        idle: rounds.first().map_or(0.0, |f| f.idle),
        after: rounds.last().map_or(0.0, |f| f.after),
        errors: rounds.iter().map(|f| f.errors).sum(),
    }
}

const PROXY: &str = "0";
const CLIENTS: &str = "1";

/// Gives a process one processor; a machine with only one keeps all on it.
fn pin(world: &World, pid: u32, processor: &str) -> anyhow::Result<()> {
    if std::thread::available_parallelism()?.get() > 1 {
        world.output(world.command("taskset").args([
            "--all-tasks",
            "--cpu-list",
            "--pid",
            processor,
            &pid.to_string(),
        ]));
    }
    Ok(())
}
