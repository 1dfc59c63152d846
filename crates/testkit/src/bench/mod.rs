//! Backstop's proxy beside others: the same upstream, the same client, the same minute.
//!
//! ```text
//!  peers    how tinyproxy, squid, Envoy and Backstop are started, all as plain forward proxies
//!  report   ratios against Backstop, as a table and as JSON with machine and date
//! ```
//! Upstream and mirror run in processes of their own; the proxy has one processor, client and
//! upstream share the other (`taskset`), so that no side hides behind another. Each figure is the
//! median of the rounds, and the rounds go through all peers in turn, so that a noisy minute hits
//! all. Latency is measured at a steady rate, from the planned start of each request, in slices that
//! go through all peers in turn too: what a shared host takes away each second for some milliseconds
//! decides a 99th percentile, so all must meet as much of it. Percentiles are of all slices together.

mod peers;
mod report;

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use crate::backstop::resident;
use crate::kin::Kin;
use crate::load::{Histogram, micros};
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
    steady: Histogram,
}

/// The plain upstream's name, and the mirror's, at which tunnels end.
const PLAIN: &str = "plain.example";
const TUNNEL: &str = "tunnel.example";
const PLAIN_ADDRESS: &str = "93.184.200.1:80";
const TUNNEL_ADDRESS: &str = "93.184.200.2:443";
/// Requests a second of the steady loop: far below what the slowest peer holds, so that latency is
/// compared and not the queue before a proxy that is full.
const RATE: usize = 300;
/// Slices of the steady loop in a round.
const SLICES: usize = 10;
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
    // Asked before this process is pinned itself: from then on it sees one processor.
    let apart = std::thread::available_parallelism()?.get() > 1;
    let pin = |pid: u32, processor: &str| if apart { pin(&world, pid, processor) } else { Ok(()) };
    for pid in [upstream.pid(), mirror.pid(), std::process::id()] {
        pin(pid, CLIENTS)?;
    }
    let peers = peers::start(&world, plan)?;
    for peer in &peers {
        pin(peer.pid, PROXY)?;
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
        for _ in 0..SLICES {
            steady(&world, plan, None, &mut direct);
            for (peer, figures) in peers.iter().zip(&mut figures) {
                steady(&world, plan, Some(peer), figures);
            }
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

/// One slice of the steady loop, added to the newest round.
fn steady(world: &World, plan: &Plan, peer: Option<&Peer>, rounds: &mut [Figures]) {
    let Some(figures) = rounds.last_mut() else { return };
    let rest = format!("--connections 8 --requests {} --rate {RATE}", plan.requests / 4 / SLICES);
    let done = load(world, "get", &common(peer), &format!("--target {} {rest}", hello(peer)));
    figures.errors += done["errors"].as_f64().unwrap_or_default();
    figures.steady.merge(&Histogram::from_json(&done["histogram"]));
}

fn load(world: &World, what: &str, common: &[String], more: &str) -> Value {
    let words: Vec<&str> = ["load", what]
        .into_iter()
        .chain(common.iter().map(String::as_str))
        .chain(more.split(' '))
        .collect();
    Kin::run(world, &words)
}

/// Where the load connects and as whom.
fn common(peer: Option<&Peer>) -> Vec<String> {
    let to = peer.map_or(PLAIN_ADDRESS.to_owned(), |peer| peer.address.to_string());
    let mut common = vec!["--to".to_owned(), to, "--host".into(), PLAIN.into()];
    if let Some(value) = peer.and_then(|peer| peer.authorization.clone()) {
        common.extend(["--authorization".to_owned(), value]);
    }
    common
}

/// The request line's target: absolute for a proxy.
fn target(peer: Option<&Peer>, path: &str) -> String {
    if peer.is_some() { format!("http://{PLAIN}{path}") } else { path.to_owned() }
}

fn hello(peer: Option<&Peer>) -> String {
    target(peer, "/hello")
}

fn measure(world: &World, plan: &Plan, peer: Option<&Peer>) -> anyhow::Result<Figures> {
    let idle = peer.map_or(0, |peer| resident(peer.pid));
    let common = common(peer);
    let requests = plan.requests;
    let hello = hello(peer);
    // Warm: name caches, upstream connections, allocators.
    let warm = format!("--target {hello} --connections 8 --requests 500");
    load(world, "get", &common, &warm);
    let fast = format!("--target {hello} --connections 16 --requests {requests}");
    let fast = load(world, "get", &common, &fast);
    let path = target(peer, &format!("/bytes/{BULK}"));
    let bulk = load(world, "bulk", &common, &format!("--target {path}"));
    let setups = |connections: usize, count: usize| {
        let many = format!("--connections {connections} --count {count}");
        let Some(peer) = peer else {
            return load(world, "dial", &[], &format!("--to {TUNNEL_ADDRESS} {many}"));
        };
        let mut way = vec!["--proxy".to_owned(), peer.address.to_string()];
        way.extend(["--authority".into(), format!("{TUNNEL}:443")]);
        if let Some(value) = peer.authorization.clone() {
            way.extend(["--authorization".to_owned(), value]);
        }
        load(world, "connect", &way, &many)
    };
    let tunnels = setups(8, requests / 10);
    let tunnel = setups(1, requests / 20);
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or_default();
    Ok(Figures {
        per_second: number(&fast, "per_second"),
        p50: 0.0,
        p99: 0.0,
        connects_per_second: number(&tunnels, "per_second"),
        connect_p50: number(&tunnel, "p50_us"),
        connect_p99: number(&tunnel, "p99_us"),
        megabytes_per_second: number(&bulk, "megabytes_per_second"),
        idle: idle as f64 / 1e6,
        after: peer.map_or(0, |peer| resident(peer.pid)) as f64 / 1e6,
        errors: [&fast, &tunnels, &tunnel].into_iter().map(|value| number(value, "errors")).sum(),
        steady: Histogram::default(),
    })
}

/// The median of each figure, but the first `idle`, the sum of errors, and the percentiles of all
/// slices of the steady loop.
fn median(rounds: &[Figures]) -> Figures {
    let mut steady = Histogram::default();
    for round in rounds {
        steady.merge(&round.steady);
    }
    let middle = |pick: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        per_second: middle(|f| f.per_second),
        p50: micros(steady.quantile(0.5)),
        p99: micros(steady.quantile(0.99)),
        connects_per_second: middle(|f| f.connects_per_second),
        connect_p50: middle(|f| f.connect_p50),
        connect_p99: middle(|f| f.connect_p99),
        megabytes_per_second: middle(|f| f.megabytes_per_second),
        idle: rounds.first().map_or(0.0, |f| f.idle),
        after: rounds.last().map_or(0.0, |f| f.after),
        errors: rounds.iter().map(|f| f.errors).sum(),
        steady,
    }
}

const PROXY: &str = "0";
const CLIENTS: &str = "1";

/// Gives a process and all its threads one processor, and looks whether it has it: a proxy beside
/// the client is woken in a fifth of the time that one on another processor takes.
fn pin(world: &World, pid: u32, processor: &str) -> anyhow::Result<()> {
    world.output(world.command("taskset").args([
        "--all-tasks",
        "--cpu-list",
        "--pid",
        processor,
        &pid.to_string(),
    ]));
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        anyhow::ensure!(
            allowed.is_none_or(|allowed| allowed.trim() == processor),
            "process {pid} is not on processor {processor} alone: {status}"
        );
    }
    Ok(())
}
