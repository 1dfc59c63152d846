//! Binds, starts and stops the listeners. Next: `later`.

use super::accept::{Door, Room, Way};
use super::later;
use super::proven::Proven;
use super::stats::Stats;
use super::tls::{Pair, TlsFault};
use super::turn::House;
use super::udp::Receiver;
use super::{Config, Service};
use super::{accept, local};
use crate::wire::cookie::Cookies;
use backstop_gate::{Clock, Random};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};

/// Why the listeners cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerFault {
    /// An address is taken, not ours, or not permitted (53 needs `CAP_NET_BIND_SERVICE`).
    #[error("cannot listen for DNS at `{0}`")]
    Listen(SocketAddr, #[source] io::Error),
    /// A certificate that the configuration names.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// A thread could not be started.
    #[error("cannot start a thread for DNS")]
    Thread(#[source] io::Error),
    /// The secret for cookies cannot be drawn.
    #[error("cannot draw a secret for DNS cookies: {0}")]
    Random(String),
}

/// Listeners that are bound and answer once they run.
pub struct Server<S: Service> {
    config: Arc<Config>,
    house: Arc<House<S>>,
    addresses: Vec<SocketAddr>,
    datagrams: Vec<(SocketAddr, Arc<Socket>)>,
    streams: Vec<(SocketAddr, TcpListener, Way)>,
    tls_addresses: Vec<SocketAddr>,
    https_addresses: Vec<SocketAddr>,
    pairs: Vec<Arc<Pair>>,
}

/// Binds all listeners; nothing is answered before [`Server::run`].
///
/// # Errors
/// [`ServerFault`] at the first address that cannot be had.
pub fn start<S: Service>(
    config: Config,
    service: S,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Server<S>, ServerFault> {
    let mut secret = [0; 16];
    match config.cookie_secret {
        Some(given) => secret = given,
        None => random.fill(&mut secret).map_err(|fault| ServerFault::Random(fault.to_string()))?,
    }
    let house = Arc::new(House {
        service,
        asides: config.asides.clone(),
        cookies: Cookies::new(secret),
        proven: Proven::default(),
        stats: Arc::default(),
        began: (Instant::now(), clock.now()),
        trusted: config.trusted.clone(),
        idle: config.idle,
        tap: config.tap.clone(),
        told: AtomicU64::new(0),
    });
    let mut server = Server {
        house,
        addresses: Vec::new(),
        datagrams: Vec::new(),
        streams: Vec::new(),
        tls_addresses: Vec::new(),
        https_addresses: Vec::new(),
        pairs: Vec::new(),
        config: Arc::new(config),
    };
    let config = Arc::clone(&server.config);
    for wanted in &config.listen {
        server.bind(*wanted).map_err(|fault| ServerFault::Listen(*wanted, fault))?;
    }
    if let Some(tls) = &config.tls {
        let pair = Pair::read(tls.files.clone())?;
        for wanted in &tls.listen {
            let way = Way::Tls(pair.acceptor(&[b"dot"])?);
            let address = server.bind_stream(*wanted, way)?;
            server.tls_addresses.push(address);
        }
        server.pairs.push(pair);
    }
    if let Some(https) = &config.https {
        let pair = Pair::read(https.files.clone())?;
        for wanted in &https.listen {
            let way = Way::Https(pair.acceptor(&[b"h2", b"http/1.1"])?, https.path.as_str().into());
            let address = server.bind_stream(*wanted, way)?;
            server.https_addresses.push(address);
        }
        server.pairs.push(pair);
    }
    Ok(server)
}

impl<S: Service> Server<S> {
    /// The addresses that answer, with the ports that were drawn where the configuration said 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The same for DNS over TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// The same for DNS over HTTPS.
    pub fn https_addresses(&self) -> &[SocketAddr] {
        &self.https_addresses
    }

    /// What the listeners count.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.house.stats)
    }

    /// One port for both protocols, as clients expect.
    fn bind(&mut self, wanted: SocketAddr) -> io::Result<()> {
        let stream = listen(wanted)?;
        let address = stream.local_addr()?;
        for _ in 0..self.config.threads.max(1) {
            self.datagrams.push((address, Arc::new(datagram(address)?)));
        }
        self.streams.push((address, stream, Way::Plain));
        self.addresses.push(address);
        Ok(())
    }

    fn bind_stream(&mut self, wanted: SocketAddr, way: Way) -> Result<SocketAddr, ServerFault> {
        let fault = |fault| ServerFault::Listen(wanted, fault);
        let stream = listen(wanted).map_err(fault)?;
        let address = stream.local_addr().map_err(fault)?;
        self.streams.push((address, stream, way));
        Ok(address)
    }

    /// Answers until `stop`.
    ///
    /// # Errors
    /// [`ServerFault::Thread`] if a thread cannot be started; then nothing is answered.
    pub async fn run(self, stop: watch::Receiver<bool>) -> Result<(), ServerFault> {
        let Self { config, house, datagrams, streams, pairs, .. } = self;
        let (later, jobs) = mpsc::channel(config.waiting.max(1));
        let halt = Arc::new(AtomicBool::new(false));
        let _halts_at_the_end = Halt(Arc::clone(&halt));
        let mut threads = Vec::new();
        for (number, (listener, socket)) in datagrams.into_iter().enumerate() {
            let receiver = Receiver {
                socket,
                listener,
                house: Arc::clone(&house),
                later: later.clone(),
                stop: Arc::clone(&halt),
            };
            let thread = thread::Builder::new()
                .name(format!("dns-udp-{number}"))
                .spawn(move || receiver.run())
                .map_err(ServerFault::Thread)?;
            threads.push(thread);
        }
        drop(later);
        let mut tasks = JoinSet::new();
        tasks.spawn(later::run(
            Arc::clone(&house),
            jobs,
            config.waiting,
            config.waiting_per_source,
            stop.clone(),
        ));
        let room = Arc::new(Room::new(&config));
        for pair in pairs {
            tasks.spawn(pair.follow(stop.clone()));
        }
        for (address, stream, way) in streams {
            let (house, room, config) =
                (Arc::clone(&house), Arc::clone(&room), Arc::clone(&config));
            let door = Arc::new(Door { address, way, house, room, config });
            tasks.spawn(accept::run(stream, door, stop.clone()));
        }
        while tasks.join_next().await.is_some() {}
        halt.store(true, Ordering::Relaxed);
        let _joined = spawn_blocking(move || {
            for thread in threads {
                let _ended = thread.join();
            }
        })
        .await;
        Ok(())
    }
}

/// Waits until the process stops (or nobody is left who could say so).
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _guard = stop.wait_for(|stop| *stop).await;
}

/// Stops the threads however the task ends that started them.
struct Halt(Arc<AtomicBool>);

impl Drop for Halt {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn datagram(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Room for a burst; the kernel gives what its limits allow.
    let _best_effort = socket.set_recv_buffer_size(BUFFER);
    let _best_effort = socket.set_send_buffer_size(BUFFER);
    socket.set_read_timeout(Some(LOOK_UP))?;
    if local::is_wanted(address) {
        local::want(&socket, address)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// How often a thread without work looks whether it is to stop.
const LOOK_UP: Duration = Duration::from_millis(250);
const BUFFER: usize = 4 << 20;
const BACKLOG: i32 = 4_096;
