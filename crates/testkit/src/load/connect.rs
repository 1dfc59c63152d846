//! Tunnels one after another on some connections at once: each from dial to the first byte that
//! comes back from the upstream.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::{Histogram, Inside, Proxy, STEP, Summary, dial, open};

/// What to open, how often.
#[derive(Debug, Clone)]
pub struct Connects {
    /// Through which proxy; none dials the upstream at `direct`.
    pub proxy: Option<Proxy>,
    /// Where to dial without a proxy.
    pub direct: std::net::SocketAddr,
    /// The CONNECT target, `host:port`.
    pub authority: String,
    /// What is spoken inside.
    pub inside: Inside,
    /// How many at once.
    pub connections: usize,
    /// How many in all.
    pub count: usize,
}

/// Runs the load. The upstream must mirror bytes or, for TLS, answer a GET.
///
/// # Errors
/// Never by itself: each failed tunnel counts as an error.
pub async fn run(connects: &Connects) -> anyhow::Result<Summary> {
    let start = Instant::now();
    let local = tokio::task::LocalSet::new();
    let (all, errors) = local
        .run_until(async {
            let mut workers = JoinSet::new();
            for worker in 0..connects.connections {
                workers.spawn_local(work(connects.clone(), worker));
            }
            let mut all = Histogram::default();
            let mut errors = 0;
            while let Some(done) = workers.join_next().await {
                let (histogram, failed) = done?;
                all.merge(&histogram);
                errors += failed;
            }
            anyhow::Ok((all, errors))
        })
        .await?;
    Ok(all.summary(errors, start.elapsed()))
}

async fn work(connects: Connects, worker: usize) -> (Histogram, u64) {
    let mut histogram = Histogram::default();
    let mut errors = 0;
    for _ in (worker..connects.count).step_by(connects.connections.max(1)) {
        let began = Instant::now();
        match tokio::time::timeout(STEP, one(&connects)).await {
            Ok(Ok(())) => histogram.add(began.elapsed()),
            _ => errors += 1,
        }
    }
    (histogram, errors)
}

async fn one(connects: &Connects) -> anyhow::Result<()> {
    let Some(proxy) = &connects.proxy else {
        let mut stream = dial(connects.direct).await?;
        stream.write_all(b"x").await?;
        stream.read_u8().await?;
        return Ok(());
    };
    let mut stream = match open(proxy, &connects.authority, &connects.inside).await? {
        Ok(stream) => stream,
        Err(status) => anyhow::bail!("CONNECT was answered {status}"),
    };
    match &connects.inside {
        // The mirrored hello was the first byte.
        Inside::Hello(_) => {}
        Inside::Raw => {
            stream.write_all(b"x").await?;
            stream.read_u8().await?;
        }
        Inside::Tls(name, _) => {
            stream.write_all(format!("GET / HTTP/1.1\r\nhost: {name}\r\n\r\n").as_bytes()).await?;
            stream.flush().await?;
            stream.read_u8().await?;
        }
    }
    Ok(())
}
