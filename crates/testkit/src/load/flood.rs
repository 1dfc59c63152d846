//! More new tunnels a second than a proxy may be able to serve. Open loop: the next one comes
//! whether or not the last was answered, as from clients that know nothing of each other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Inside, Proxy, open};

/// How many, how fast.
#[derive(Debug, Clone)]
pub struct Flood {
    /// Through which proxy.
    pub proxy: Proxy,
    /// The CONNECT target, `host:port`.
    pub authority: String,
    /// What is spoken inside; the upstream must mirror bytes.
    pub inside: Inside,
    /// Tunnels a second.
    pub rate: u64,
    /// For how long.
    pub duration: Duration,
}

/// How long one tunnel may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// LIMIT: tunnels in the making; past it those that are due are skipped and counted.
const IN_THE_MAKING: usize = 12_000;

/// Opens them all and says what became of them.
///
/// # Errors
/// A worker panicked.
pub async fn run(flood: &Flood) -> anyhow::Result<Value> {
    let local = tokio::task::LocalSet::new();
    local.run_until(pour(flood)).await
}

async fn pour(flood: &Flood) -> anyhow::Result<Value> {
    let start = Instant::now();
    let (mut sent, mut skipped) = (0, 0);
    let mut tally = Tally::default();
    let mut under_way = JoinSet::new();
    while start.elapsed() < flood.duration {
        let due = (start.elapsed().as_secs_f64() * flood.rate as f64) as u64;
        while sent + skipped < due {
            if under_way.len() >= IN_THE_MAKING {
                skipped += 1;
                continue;
            }
            sent += 1;
            let (proxy, authority, inside) =
                (flood.proxy.clone(), flood.authority.clone(), flood.inside.clone());
            under_way.spawn_local(async move {
                tokio::time::timeout(PATIENCE, open(&proxy, &authority, &inside)).await
            });
        }
        while let Some(done) = under_way.try_join_next() {
            tally.add(done?);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let poured = start.elapsed();
    while let Some(done) = under_way.join_next().await {
        tally.add(done?);
    }
    Ok(json!({
        "sent": sent, "skipped": skipped, "opened": tally.opened, "refused": tally.refused,
        "failed": tally.failed, "late": tally.late, "sent_per_second": sent as f64 / poured.as_secs_f64(),
        "seconds": start.elapsed().as_secs_f64(),
    }))
}

#[derive(Default)]
struct Tally {
    opened: u64,
    refused: BTreeMap<String, u64>,
    failed: u64,
    late: u64,
}

impl Tally {
    fn add<T>(
        &mut self,
        done: Result<anyhow::Result<Result<T, u16>>, tokio::time::error::Elapsed>,
    ) {
        match done {
            Ok(Ok(Ok(_tunnel))) => self.opened += 1,
            Ok(Ok(Err(status))) => *self.refused.entry(status.to_string()).or_default() += 1,
            Ok(Err(_)) => self.failed += 1,
            Err(_) => self.late += 1,
        }
    }
}
