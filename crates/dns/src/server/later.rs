//! Questions over UDP that wait: so many at once, so many of one source, then none. Next: `turn`.
//!
//! Where one comes after the other without a pause, they are begun together, once a millisecond: each
//! would else wake the runtime and the ledger's writer for itself, and a commit of many rows costs
//! little more than one of a single row.

use super::Service;
use super::listen::stopped;
use super::local::Local;
use super::turn::{House, Wait};
use nix::sys::socket::{MsgFlags, SockaddrStorage, sendmsg};
use socket2::Socket;
use std::collections::HashMap;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

/// A question that waits, and who waits for it.
pub(super) struct Job<S: Service> {
    pub(super) wait: Box<Wait<S>>,
    pub(super) to: To,
}

/// Where its answer goes: by this socket to this address, from that address of ours.
pub(super) struct To {
    pub(super) socket: Arc<Socket>,
    pub(super) address: SocketAddr,
    pub(super) by: Option<Local>,
}

impl To {
    /// An answer to who asked is no way out: its address is that of the question.
    fn send(&self, octets: &[u8]) -> bool {
        let address = SockaddrStorage::from(self.address);
        let from = self.by.as_ref().map(Local::control);
        let (fd, octets) = (self.socket.as_raw_fd(), [IoSlice::new(octets)]);
        sendmsg(fd, &octets, from.as_slice(), MsgFlags::MSG_DONTWAIT, Some(&address)).is_ok()
    }
}

/// Answers what comes in until `stop`, then lets go of the rest: clients ask again.
pub(super) async fn run<S: Service>(
    house: Arc<House<S>>,
    mut jobs: mpsc::Receiver<Job<S>>,
    most: usize,
    most_per_source: usize,
    mut stop: watch::Receiver<bool>,
) {
    let mut waiting = JoinSet::new();
    let mut of_source: HashMap<IpAddr, usize> = HashMap::new();
    let mut together: Vec<Job<S>> = Vec::with_capacity(TOGETHER);
    let mut pace = Pace::new();
    let mut pause = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    let mut pauses = false;
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(ended) = waiting.join_next(), if !waiting.is_empty() => {
                // A task that panicked leaves its place taken; nothing in it may panic.
                if let Ok(source) = ended
                    && let Some(count) = of_source.get_mut(&source)
                {
                    *count -= 1;
                    if *count == 0 {
                        of_source.remove(&source);
                    }
                }
                continue;
            }
            () = &mut pause, if pauses => {
                pauses = false;
                continue;
            }
            count = jobs.recv_many(&mut together, TOGETHER), if !pauses => if count == 0 {
                break;
            },
        }
        if pace.is_quick(Instant::now()) {
            pause.as_mut().reset(Instant::now() + COMPANY);
            pauses = true;
        }
        for job in together.drain(..) {
            let source = job.wait.source;
            let count = of_source.entry(source).or_default();
            if *count >= most_per_source || waiting.len() >= most {
                house.stats.turned_away.add(1);
                let _best_effort = job.to.send(&job.wait.turned_away());
                if of_source.get(&source) == Some(&0) {
                    of_source.remove(&source);
                }
                continue;
            }
            *count += 1;
            let house = Arc::clone(&house);
            waiting.spawn(async move {
                let octets = job.wait.answer(&house.service).await;
                if !octets.is_empty() && !job.to.send(&octets) {
                    house.stats.unsent.add(1);
                }
                source
            });
        }
    }
    waiting.shutdown().await;
}

/// Whether questions come one after the other.
struct Pace {
    last: Instant,
    /// How many came soon after the one before, up to now.
    quick: usize,
}

impl Pace {
    fn new() -> Self {
        Self { last: Instant::now(), quick: 0 }
    }
    /// Notes that some came now; whether the next ones are to wait for each other. A client that looks
    /// up both kinds of address of one name is not slowed down.
    fn is_quick(&mut self, now: Instant) -> bool {
        let soon = now.saturating_duration_since(self.last) < SOON;
        self.last = now;
        self.quick = if soon { self.quick.saturating_add(1) } else { 0 };
        self.quick >= QUICK
    }
}

/// How long the next ones wait for each other.
const COMPANY: Duration = Duration::from_millis(1);
/// What comes within that time after the one before comes one after the other.
const SOON: Duration = Duration::from_millis(4);
/// From so many on.
const QUICK: usize = 4;
/// LIMIT: begun together.
const TOGETHER: usize = 512;
