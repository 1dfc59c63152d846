//! One large body after another: bytes a second, and nothing kept in memory.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{STEP, dial};
use crate::message::Message;

/// What a transfer did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer {
    /// Bytes of the body.
    pub bytes: u64,
    /// From the request to the last byte.
    pub elapsed: Duration,
}

/// Asks for `target` at `to` (a proxy, or the upstream) and reads its body.
///
/// # Errors
/// The status is not 200, the reply has no length, or the body ends early.
pub async fn run(
    to: SocketAddr,
    target: &str,
    host: &str,
    authorization: Option<&str>,
) -> anyhow::Result<Transfer> {
    let mut stream = dial(to).await?;
    let authorization =
        authorization.map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let start = Instant::now();
    stream
        .write_all(
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n").as_bytes(),
        )
        .await?;
    let mut head = Vec::new();
    let end = loop {
        if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        anyhow::ensure!(
            tokio::time::timeout(STEP, stream.read_buf(&mut head)).await?? > 0,
            "the connection ended inside the head"
        );
    };
    let message = Message::parse(&head[..end]);
    anyhow::ensure!(message.status() == 200, "answered {}", message.first);
    let length: u64 = message.header("content-length").unwrap_or_default().parse()?;
    let mut got = (head.len() - end) as u64;
    let mut buffer = vec![0; 256 << 10];
    while got < length {
        let read = tokio::time::timeout(STEP, stream.read(&mut buffer)).await??;
        anyhow::ensure!(read > 0, "the body ended after {got} of {length} bytes");
        got += read as u64;
    }
    Ok(Transfer { bytes: got, elapsed: start.elapsed() })
}
