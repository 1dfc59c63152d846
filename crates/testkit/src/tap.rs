//! Stands in front of a name server and passes everything on, both ways, unchanged but for the id:
//! what really arrives there is counted here, whatever the server makes of it. Next: `attacker`.

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A tap; dropping it ends it.
#[derive(Debug)]
pub struct Tap {
    place: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Whose question went on under an id, and the id that it had.
type Waiting = HashMap<u16, (SocketAddr, [u8; 2])>;

/// What arrived, and what came back.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Questions in the order in which they came: the labels of the name in lower case, and its type.
    pub questions: Vec<(Vec<Vec<u8>>, u16)>,
    /// Octets of all messages that came back.
    pub answered: usize,
    /// The first of the messages that came, for a test that wants to look.
    pub messages: Vec<Vec<u8>>,
}

impl Seen {
    /// The names that end so, each once.
    pub fn names_below(&self, zone: &str) -> BTreeSet<Vec<Vec<u8>>> {
        let zone: Vec<Vec<u8>> = zone.split('.').map(|label| label.as_bytes().to_vec()).collect();
        let below = |labels: &&Vec<Vec<u8>>| labels.ends_with(&zone);
        let cut = |labels: &Vec<Vec<u8>>| labels[..labels.len() - zone.len()].to_vec();
        self.questions.iter().map(|(labels, _)| labels).filter(below).map(cut).collect()
    }

    /// The octets of these names on the wire, below the zone: a length and its label for each.
    pub fn octets_below(&self, zone: &str) -> usize {
        self.names_below(zone).iter().flatten().map(|label| 1 + label.len()).sum()
    }
}

impl Tap {
    /// On a free port of loopback, before the server at that port of loopback.
    #[track_caller]
    pub fn before(server: SocketAddr) -> Self {
        let inside = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind the tap");
        let outside = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind the tap");
        outside.connect(server).expect("connect the tap");
        for socket in [&inside, &outside] {
            socket.set_read_timeout(Some(TICK)).expect("a time limit");
        }
        let place = inside.local_addr().expect("an address");
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let stop: Arc<AtomicBool> = Arc::default();
        let asked: Arc<Mutex<Waiting>> = Arc::default();
        let (inside, outside) = (Arc::new(inside), Arc::new(outside));
        let in_way = {
            let (inside, outside) = (Arc::clone(&inside), Arc::clone(&outside));
            let (asked, seen, stop) = (Arc::clone(&asked), Arc::clone(&seen), Arc::clone(&stop));
            move || {
                let (mut buffer, mut id) = ([0u8; 4096], 0u16);
                while !stop.load(Ordering::Relaxed) {
                    let Ok((length, from)) = inside.recv_from(&mut buffer) else { continue };
                    let message = &mut buffer[..length];
                    seen.lock().unwrap().note(message);
                    id = id.wrapping_add(1);
                    asked.lock().unwrap().insert(id, (from, [message[0], message[1]]));
                    message[..2].copy_from_slice(&id.to_be_bytes());
                    // The server may not be there: then nothing comes back.
                    let _ = outside.send(message);
                }
            }
        };
        let out_way = {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                let mut buffer = vec![0u8; 65_536];
                while !stop.load(Ordering::Relaxed) {
                    let Ok(length) = outside.recv(&mut buffer) else { continue };
                    let message = &mut buffer[..length];
                    seen.lock().unwrap().answered += length;
                    let id = u16::from_be_bytes([message[0], message[1]]);
                    let Some((to, old)) = asked.lock().unwrap().remove(&id) else { continue };
                    message[..2].copy_from_slice(&old);
                    let _ = inside.send_to(message, to);
                }
            }
        };
        let threads = vec![std::thread::spawn(in_way), std::thread::spawn(out_way)];
        Self { place, seen, stop, threads }
    }

    /// Where it is.
    pub fn place(&self) -> SocketAddr {
        self.place
    }

    /// What passed so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Seen {
    fn note(&mut self, message: &[u8]) {
        let (mut labels, mut at) = (Vec::new(), 12);
        while let Some(length) = message.get(at).copied().map(usize::from).filter(|n| *n > 0) {
            labels.push(message[at + 1..at + 1 + length].to_ascii_lowercase());
            at += 1 + length;
        }
        let qtype = u16::from_be_bytes([message[at + 1], message[at + 2]]);
        self.questions.push((labels, qtype));
        if self.messages.len() < KEPT {
            self.messages.push(message.to_vec());
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// LIMIT: messages kept whole.
const KEPT: usize = 4_096;
const TICK: Duration = Duration::from_millis(50);
