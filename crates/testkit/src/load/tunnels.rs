//! Thousands of tunnels at once: opens them, holds them, and proves each alive by an echo.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::{Histogram, Inside, Proxy, STEP, Stream, open};

/// What to hold.
#[derive(Debug, Clone)]
pub struct Tunnels {
    /// Through which proxy.
    pub proxy: Proxy,
    /// The CONNECT target, `host:port`.
    pub authority: String,
    /// What is spoken inside; the upstream must mirror bytes.
    pub inside: Inside,
    /// How many.
    pub count: usize,
    /// How many may be in the making at once.
    pub parallel: usize,
}

/// Tunnels that are open.
pub struct Held {
    streams: Vec<Box<dyn Stream>>,
    /// How many CONNECTs were answered otherwise than 200, by status.
    pub refused: std::collections::BTreeMap<u16, usize>,
    /// How many failed without an answer.
    pub failed: usize,
    opened: Histogram,
    elapsed: std::time::Duration,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Held({} open, {:?} refused, {} failed)",
            self.streams.len(),
            self.refused,
            self.failed
        )
    }
}

/// Opens all; must run inside a `LocalSet`.
///
/// # Errors
/// A worker panicked.
pub async fn hold(tunnels: &Tunnels) -> anyhow::Result<Held> {
    let start = Instant::now();
    let mut held = Held {
        streams: vec![],
        refused: Default::default(),
        failed: 0,
        opened: Histogram::default(),
        elapsed: Default::default(),
    };
    let mut workers = JoinSet::new();
    for worker in 0..tunnels.parallel {
        let tunnels = tunnels.clone();
        workers.spawn_local(async move {
            let mut made = vec![];
            for _ in (worker..tunnels.count).step_by(tunnels.parallel) {
                let began = Instant::now();
                made.push((
                    open(&tunnels.proxy, &tunnels.authority, &tunnels.inside).await,
                    began.elapsed(),
                ));
            }
            made
        });
    }
    while let Some(made) = workers.join_next().await {
        for (opened, took) in made? {
            match opened {
                Ok(Ok(stream)) => {
                    held.streams.push(stream);
                    held.opened.add(took);
                }
                Ok(Err(status)) => *held.refused.entry(status).or_default() += 1,
                Err(_) => held.failed += 1,
            }
        }
    }
    held.elapsed = start.elapsed();
    Ok(held)
}

impl Held {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.streams.len()
    }

    /// What happened so far, as JSON.
    pub fn to_json(&self) -> Value {
        let refused: serde_json::Map<String, Value> =
            self.refused.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
        json!({
            "event": "held", "open": self.streams.len(), "refused": refused, "failed": self.failed,
            "opening": self.opened.summary(0, self.elapsed).to_json(),
        })
    }

    /// Sends a byte through each and counts those that bring it back.
    pub async fn alive(&mut self) -> (usize, super::Summary) {
        let start = Instant::now();
        let mut histogram = Histogram::default();
        let mut alive = 0;
        for (index, stream) in self.streams.iter_mut().enumerate() {
            let sent = [(index % 251) as u8];
            let began = Instant::now();
            let echo = async {
                stream.write_all(&sent).await?;
                stream.flush().await?;
                stream.read_u8().await
            };
            if let Ok(Ok(byte)) = tokio::time::timeout(STEP, echo).await
                && byte == sent[0]
            {
                alive += 1;
                histogram.add(began.elapsed());
            }
        }
        let lost = (self.streams.len() - alive) as u64;
        (alive, histogram.summary(lost, start.elapsed()))
    }
}
