//! Questions over UDP that wait: so many at once, so many of one source, then none. Next: `turn`.

use super::Service;
use super::listen::stopped;
use super::turn::{House, Wait};
use nix::sys::socket::{MsgFlags, SockaddrStorage, sendto};
use socket2::Socket;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// A question that waits, and who waits for it.
pub(super) struct Job<S: Service> {
    pub(super) wait: Box<Wait<S>>,
    pub(super) to: To,
}

/// Where its answer goes.
pub(super) enum To {
    /// By this socket to this address.
    Datagram(Arc<Socket>, SocketAddr),
}

impl To {
    fn source(&self) -> IpAddr {
        let Self::Datagram(_, address) = self;
        address.ip()
    }

    /// An answer to who asked is no way out: its address is that of the question.
    fn send(&self, octets: &[u8]) -> bool {
        let Self::Datagram(socket, address) = self;
        let address = SockaddrStorage::from(*address);
        sendto(socket.as_raw_fd(), octets, &address, MsgFlags::MSG_DONTWAIT).is_ok()
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
    loop {
        let job = tokio::select! {
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
            job = jobs.recv() => match job {
                Some(job) => job,
                None => break,
            },
        };
        let source = job.to.source();
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
            if !job.to.send(&octets) {
                house.stats.unsent.add(1);
            }
            source
        });
    }
    waiting.shutdown().await;
}
