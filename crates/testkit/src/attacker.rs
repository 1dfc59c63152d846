//! Where stolen data would arrive: listens on many ports of one address, TCP and UDP, and counts
//! every byte. A test ends with `attacker.bytes() == 0`.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::serving::{self, Serving};
use crate::world::World;

/// The ports that an exfiltration would try first.
pub const PORTS: &[u16] = &[
    21, 22, 25, 53, 80, 123, 389, 443, 853, 1080, 3128, 3306, 4444, 5432, 6379, 8000, 8080, 8443,
    9000, 9001,
];

/// The attacker's server; dropping it stops it.
#[derive(Debug)]
pub struct Attacker {
    ip: IpAddr,
    loot: Arc<Loot>,
    _serving: Serving,
    stop: Arc<AtomicBool>,
    datagrams: Vec<JoinHandle<()>>,
}

/// What arrived.
#[derive(Debug, Default)]
pub(crate) struct Loot {
    connections: AtomicU64,
    bytes: AtomicU64,
    /// The first bytes of each arrival, with the port, so that a failed test can say what leaked.
    samples: Mutex<Vec<(u16, Vec<u8>)>>,
}

impl Attacker {
    /// Listens on `PORTS` of a fresh address of the world.
    #[track_caller]
    pub fn new(world: &World) -> Self {
        Self::listen(world.address(), PORTS)
    }

    /// Listens on those ports of that address.
    #[track_caller]
    pub fn listen(ip: IpAddr, ports: &[u16]) -> Self {
        let loot = Arc::new(Loot::default());
        let stop = Arc::new(AtomicBool::new(false));
        let mut listeners = Vec::new();
        let mut datagrams = Vec::new();
        for port in ports {
            let address = SocketAddr::new(ip, *port);
            listeners.push(
                serving::bind(address).unwrap_or_else(|error| panic!("bind {address}: {error}")),
            );
            let socket = UdpSocket::bind(address)
                .unwrap_or_else(|error| panic!("bind {address} for UDP: {error}"));
            datagrams.push(loot.clone().count_datagrams(socket, stop.clone()));
        }
        let serving = serving::serve(listeners, {
            let loot = Arc::clone(&loot);
            move |mut stream, _peer| {
                let loot = Arc::clone(&loot);
                async move {
                    let port = stream.local_addr().map_or(0, |address| address.port());
                    loot.connections.fetch_add(1, Ordering::SeqCst);
                    let mut buffer = [0; 16 << 10];
                    while let Ok(read) = stream.read(&mut buffer).await
                        && read > 0
                    {
                        loot.add(port, &buffer[..read]);
                        // A willing server keeps the thief talking.
                        let _ =
                            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                    }
                }
            }
        });
        Self { ip, loot, _serving: serving, stop, datagrams }
    }

    /// Its address.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// How many bytes reached it on any port.
    pub fn bytes(&self) -> u64 {
        self.loot.bytes.load(Ordering::SeqCst)
    }

    /// How many connections reached it, even without a byte.
    pub fn connections(&self) -> u64 {
        self.loot.connections.load(Ordering::SeqCst)
    }

    /// The beginnings of what arrived, with the port.
    pub fn samples(&self) -> Vec<(u16, Vec<u8>)> {
        self.loot.samples.lock().unwrap().clone()
    }

    /// Panics with what leaked, if anything did.
    #[track_caller]
    pub fn assert_nothing(&self) {
        let shown: Vec<String> = self
            .samples()
            .iter()
            .map(|(port, bytes)| format!("port {port}: {}", String::from_utf8_lossy(bytes)))
            .collect();
        assert!(
            self.bytes() == 0,
            "{} bytes reached the attacker:\n{}",
            self.bytes(),
            shown.join("\n")
        );
    }
}

impl Loot {
    fn add(&self, port: u16, bytes: &[u8]) {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        let mut samples = self.samples.lock().unwrap();
        if samples.len() < 64 {
            samples.push((port, bytes[..bytes.len().min(512)].to_vec()));
        }
    }

    fn count_datagrams(
        self: Arc<Self>,
        socket: UdpSocket,
        stop: Arc<AtomicBool>,
    ) -> JoinHandle<()> {
        let port = socket.local_addr().map_or(0, |address| address.port());
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("set a read time-out");
        std::thread::spawn(move || {
            let mut buffer = [0; 64 << 10];
            while !stop.load(Ordering::SeqCst) {
                if let Ok((read, _)) = socket.recv_from(&mut buffer) {
                    // An empty datagram is a signal too.
                    self.add(port, &buffer[..read]);
                    self.connections.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.datagrams.drain(..) {
            let _ = thread.join();
        }
    }
}
