//! Requests over keep-alive connections: as fast as they go, or at a steady rate. At a rate the
//! latency counts from the planned start, so a stall is not hidden by the waiting it causes
//! (coordinated omission).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Histogram, STEP, Summary, dial, read_reply};
use crate::message::Kind;

/// What to ask, how often.
#[derive(Debug, Clone)]
pub struct Gets {
    /// Where to connect: the proxy or the upstream.
    pub to: SocketAddr,
    /// The request line's target: absolute for a proxy.
    pub target: String,
    /// The value of `Host`.
    pub host: String,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<String>,
    /// How many connections at once.
    pub connections: usize,
    /// How many requests in all.
    pub requests: usize,
    /// Requests a second over all connections; none is as fast as they go.
    pub rate: Option<f64>,
    /// Another status is an error.
    pub expect: u16,
}

/// Runs the load; the histogram is what the summary was made of.
///
/// # Errors
/// No connection can be made at all.
pub async fn run(gets: &Gets) -> anyhow::Result<(Summary, Histogram)> {
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..gets.connections {
        workers.spawn(work(gets.clone(), worker, start));
    }
    let mut all = Histogram::default();
    let mut errors = 0;
    while let Some(done) = workers.join_next().await {
        let (histogram, failed) = done??;
        all.merge(&histogram);
        errors += failed;
    }
    Ok((all.summary(errors, start.elapsed()), all))
}

async fn work(gets: Gets, worker: usize, start: Instant) -> anyhow::Result<(Histogram, u64)> {
    let authorization = gets
        .authorization
        .as_ref()
        .map(|value| format!("Proxy-Authorization: {value}\r\n"))
        .unwrap_or_default();
    let request =
        format!("GET {} HTTP/1.1\r\nHost: {}\r\n{authorization}\r\n", gets.target, gets.host);
    let mut histogram = Histogram::default();
    let mut errors = 0;
    let mut buffer = Vec::new();
    let mut open = None;
    for turn in (worker..gets.requests).step_by(gets.connections.max(1)) {
        let mut began = Instant::now();
        if let Some(rate) = gets.rate {
            let planned = start + Duration::from_secs_f64(turn as f64 / rate);
            tokio::time::sleep_until(planned.into()).await;
            // The timer wheel has a grain of 1 ms: only lateness that a reply caused may count.
            began = if began > planned { planned } else { Instant::now() };
        }
        match ask(&gets, &request, &mut open, &mut buffer).await {
            Ok(status) if status == gets.expect => histogram.add(began.elapsed()),
            Ok(_) => errors += 1,
            Err(_) => {
                errors += 1;
                buffer.clear();
            }
        }
    }
    Ok((histogram, errors))
}

/// One request on the open connection, or on a new one. A server may close an idle connection at
/// any time (RFC 9112 § 9.6): a reused one that ends without a byte of reply is tried again, once,
/// on a new one, and the time of both counts.
async fn ask(
    gets: &Gets,
    request: &str,
    open: &mut Option<TcpStream>,
    buffer: &mut Vec<u8>,
) -> anyhow::Result<u16> {
    if let Some(stream) = open.take() {
        if let Ok(status) = ask_on(stream, request, open, buffer).await {
            return Ok(status);
        }
        anyhow::ensure!(buffer.is_empty(), "the connection ended inside a reply");
    }
    ask_on(dial(gets.to).await?, request, open, buffer).await
}

async fn ask_on(
    mut stream: TcpStream,
    request: &str,
    open: &mut Option<TcpStream>,
    buffer: &mut Vec<u8>,
) -> anyhow::Result<u16> {
    let asked = async {
        stream.write_all(request.as_bytes()).await?;
        read_reply(&mut stream, buffer, Kind::Reply).await
    };
    let (status, closes) = tokio::time::timeout(STEP, asked).await??;
    *open = (!closes).then_some(stream);
    Ok(status)
}
