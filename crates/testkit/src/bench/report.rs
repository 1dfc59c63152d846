//! The figures as people and programs read them. Ratios are against Backstop: above 1 means more.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::{BULK, Figures, Plan, RATE};
use crate::load::micros;
use crate::world::World;

/// Of the steady loop, in the JSON.
const QUANTILES: [f64; 6] = [0.5, 0.9, 0.95, 0.98, 0.99, 0.995];

/// One proxy's medians.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) figures: Figures,
}

/// Prints the tables and writes them with machine and date.
pub(super) fn write(world: &World, plan: &Plan, rows: &[Row]) -> anyhow::Result<()> {
    let date = world.output(world.command("date").args(["--utc", "+%Y-%m-%d"])).trim().to_owned();
    let machine = machine();
    let page = page(plan, rows, &date, &machine);
    println!("\n{page}");
    let value = json!({
        "date": date, "machine": machine, "rounds": plan.rounds, "requests": plan.requests, "rate": RATE, "bulk_bytes": BULK,
        "rows": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
    });
    fs::create_dir_all(&plan.out)?;
    fs::write(plan.out.join(format!("proxy-{date}.json")), format!("{value:#}\n"))?;
    fs::write(plan.out.join(format!("proxy-{date}.md")), page)?;
    Ok(())
}

impl Row {
    fn to_json(&self) -> Value {
        let f = &self.figures;
        json!({
            "name": self.name, "version": self.version, "get_per_second": f.per_second, "get_p50_us": f.p50, "get_p99_us": f.p99,
            "steady_us": QUANTILES.map(|share| (format!("p{}", share * 100.0), micros(f.steady.quantile(share)))).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "connect_per_second": f.connects_per_second, "connect_p50_us": f.connect_p50, "connect_p99_us": f.connect_p99,
            "bulk_mb_per_second": f.megabytes_per_second, "rss_idle_mb": f.idle, "rss_after_mb": f.after, "errors": f.errors,
        })
    }
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|line| line.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} × {model}, Linux {}", kernel.trim())
}

fn page(plan: &Plan, rows: &[Row], date: &str, machine: &str) -> String {
    let base = rows
        .iter()
        .find(|row| row.name == "direct")
        .map(|row| row.figures.clone())
        .unwrap_or_default();
    let ours = rows
        .iter()
        .find(|row| row.name == "backstop")
        .map(|row| row.figures.clone())
        .unwrap_or_default();
    let mut page = format!(
        "# Proxies compared, {date}\n\n{machine}. `cargo xtask bench proxy`: {} rounds, medians. The proxy has one processor,\n\
         client and upstream share another. `GET/s` is a closed loop over 16 connections; added latency is\n\
         at {RATE} requests a second over 8 connections, in slices by turns, less the direct figure; a tunnel counts\n\
         from dial to the first byte back, one at a time. Backstop alone asks a policy and writes a ledger here.\n\n",
        plan.rounds
    );
    page.push_str("| proxy | GET/s | added p50 µs | added p99 µs | tunnels/s | tunnel p50 µs | tunnel p99 µs | bulk MB/s | RSS idle MB | RSS after MB | errors |\n");
    page.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for Row { name, version, figures: f } in rows {
        let _ = writeln!(
            page,
            "| {name} {version} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} |",
            f.per_second,
            f.p50 - base.p50,
            f.p99 - base.p99,
            f.connects_per_second,
            f.connect_p50,
            f.connect_p99,
            f.megabytes_per_second,
            f.idle,
            f.after,
            f.errors
        );
    }
    page.push_str("\nAs ratios against Backstop (1.00 is the same):\n\n| proxy | GET/s | added p50 | added p99 | tunnels/s | tunnel p50 | tunnel p99 | bulk | RSS after |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for Row { name, figures: f, .. } in
        rows.iter().filter(|row| row.name != "direct" && row.name != "backstop")
    {
        let _ = writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
            ratio(f.per_second, ours.per_second),
            ratio(f.p50 - base.p50, ours.p50 - base.p50),
            ratio(f.p99 - base.p99, ours.p99 - base.p99),
            ratio(f.connects_per_second, ours.connects_per_second),
            ratio(f.connect_p50, ours.connect_p50),
            ratio(f.connect_p99, ours.connect_p99),
            ratio(f.megabytes_per_second, ours.megabytes_per_second),
            ratio(f.after, ours.after),
        );
    }
    page
}

fn ratio(theirs: f64, ours: f64) -> String {
    // A difference that drowned in noise has no ratio.
    if theirs <= 0.0 || ours <= 0.0 { "–".into() } else { format!("{:.2}", theirs / ours) }
}
