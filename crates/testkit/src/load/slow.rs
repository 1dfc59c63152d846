//! Clients that dribble: each sends a request one byte per interval, as a slow-loris attack does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::{dial, read_reply};
use crate::message::Kind;

/// Who dribbles, and how.
#[derive(Debug, Clone)]
pub struct Slow {
    /// The proxy.
    pub to: std::net::SocketAddr,
    /// Sent at once before; if it is a CONNECT, its answer is read too.
    pub opening: Vec<u8>,
    /// The bytes, sent one by one and then again from the start.
    pub bytes: Vec<u8>,
    /// How many clients.
    pub clients: usize,
    /// Between two bytes.
    pub interval: Duration,
    /// When to stop.
    pub duration: Duration,
}

/// Runs them until the time is over; says how many the server let go of, and how many it kept.
///
/// # Errors
/// A worker panicked.
pub async fn run(slow: &Slow) -> anyhow::Result<Value> {
    let until = Instant::now() + slow.duration;
    let mut clients = JoinSet::new();
    for _ in 0..slow.clients {
        let slow = slow.clone();
        clients.spawn(async move {
            let Ok(mut stream) = dial(slow.to).await else { return Fate::Refused };
            let mut reply = [0; 1024];
            if stream.write_all(&slow.opening).await.is_err() {
                return Fate::Ended;
            }
            if slow.opening.starts_with(b"CONNECT ") {
                let mut buffer = Vec::new();
                match read_reply(&mut stream, &mut buffer, Kind::HeadReply).await {
                    Ok((200, _)) => {}
                    Ok(_) | Err(_) => return Fate::Refused,
                }
            }
            for byte in slow.bytes.iter().cycle() {
                if Instant::now() >= until {
                    return Fate::Kept;
                }
                if stream.write_all(&[*byte]).await.is_err() {
                    return Fate::Ended;
                }
                // Whatever comes before the request is whole is the server's good-bye.
                if let Ok(Ok(_)) =
                    tokio::time::timeout(slow.interval, stream.read(&mut reply)).await
                {
                    return Fate::Ended;
                }
            }
            Fate::Kept
        });
    }
    let (mut kept, mut ended, mut refused) = (0, 0, 0);
    while let Some(fate) = clients.join_next().await {
        match fate? {
            Fate::Kept => kept += 1,
            Fate::Ended => ended += 1,
            Fate::Refused => refused += 1,
        }
    }
    Ok(json!({ "kept": kept, "ended": ended, "refused": refused }))
}

enum Fate {
    Kept,
    Ended,
    Refused,
}
