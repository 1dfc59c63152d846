//! UDP and TCP: answers, order, limits, and clients that mean ill.

use crate::toy::Toy;
use backstop_dns::server::{Config, ServerFault, Stats, start};
use backstop_gate::{OsRandom, SystemClock};
use domain::base::Message;
use domain::base::iana::Rcode;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<SocketAddr>,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) stats: Arc<Stats>,
    stop: watch::Sender<bool>,
    server: JoinHandle<Result<(), ServerFault>>,
}

impl World {
    pub(crate) fn new(toy: Toy, config: Config) -> Self {
        Self::at("127.0.0.1:0", toy, config)
    }

    pub(crate) fn at(listen: &str, toy: Toy, config: Config) -> Self {
        let config = Config { listen: vec![listen.parse().unwrap()], threads: 2, ..config };
        let server = start(config, toy, &SystemClock, &OsRandom).unwrap();
        let (stop, stopped) = watch::channel(false);
        let (address, stats) = (server.addresses()[0], server.stats());
        let (tls, https) = (server.tls_addresses().first(), server.https_addresses().first());
        let (tls, https) = (tls.copied(), https.copied());
        #[allow(clippy::disallowed_methods, reason = "a test has no task room")]
        let server = tokio::spawn(server.run(stopped));
        Self { address, tls, https, stats, stop, server }
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        timeout(SOON, self.server).await.expect("the server stops").unwrap().unwrap();
    }

    pub(crate) async fn udp(&self, from: &str) -> UdpSocket {
        let socket = UdpSocket::bind((from, 0)).await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket
    }

    pub(crate) async fn tcp(&self, from: &str) -> TcpStream {
        self.tcp_to(self.address, from).await
    }

    pub(crate) async fn tcp_to(&self, place: SocketAddr, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        #[allow(clippy::disallowed_methods, reason = "a test's client")]
        timeout(SOON, socket.connect(place)).await.unwrap().unwrap()
    }
}

pub(crate) fn query(id: u16, name: &str, edns: bool) -> Vec<u8> {
    let [i0, i1] = id.to_be_bytes();
    let mut message = vec![i0, i1, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    if edns {
        message.extend_from_slice(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 12, 0, 10, 0, 8]);
        message.extend_from_slice(b"abcdefgh");
    }
    message
}

pub(crate) async fn ask(socket: &UdpSocket, message: &[u8]) -> Message<Vec<u8>> {
    socket.send(message).await.unwrap();
    let mut answer = vec![0; 65_535];
    let length = timeout(SOON, socket.recv(&mut answer)).await.expect("an answer").unwrap();
    answer.truncate(length);
    Message::from_octets(answer).unwrap()
}

pub(crate) async fn tell(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) {
    let framed = [&(message.len() as u16).to_be_bytes()[..], message].concat();
    stream.write_all(&framed).await.unwrap();
}

pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Message<Vec<u8>> {
    let read = async {
        let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut answer).await.unwrap();
        Message::from_octets(answer).unwrap()
    };
    timeout(SOON, read).await.expect("an answer")
}

pub(crate) async fn ends(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut octet = [0];
    matches!(timeout(SOON, stream.read(&mut octet)).await, Ok(Ok(0) | Err(_)))
}

pub(crate) const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn both_protocols_answer_at_one_port_and_the_server_stops() {
    let world = World::new(Toy::default(), Config::default());
    let socket = world.udp("127.0.0.1").await;
    for (id, name) in [(1, "a.example"), (2, "slow.example")] {
        let answer = ask(&socket, &query(id, name, false)).await;
        assert_eq!((answer.header().id(), answer.header_counts().ancount()), (id, 1), "{name}");
    }
    let mut stream = world.tcp("127.0.0.1").await;
    tell(&mut stream, &query(3, "many.example", false)).await;
    assert_eq!(hear(&mut stream).await.header_counts().ancount(), 30);
    let (address, stats) = (world.address, Arc::clone(&world.stats));
    world.end().await;
    assert_eq!((stats.datagrams.read(), stats.streamed.read(), stats.waited.read()), (2, 1, 1));
    // Nobody is left at that port.
    std::net::UdpSocket::bind(address).unwrap();
}

#[tokio::test]
async fn a_batch_of_datagrams_is_answered_each_to_its_own_source() {
    let world = World::new(Toy::default(), Config::default());
    let mut clients = Vec::new();
    for number in 0..200u16 {
        let socket = world.udp("127.0.0.1").await;
        socket.send(&query(number, "a.example", number % 2 == 0)).await.unwrap();
        clients.push((number, socket));
    }
    for (number, socket) in clients {
        let mut answer = vec![0; 512];
        let length = timeout(SOON, socket.recv(&mut answer)).await.expect("an answer").unwrap();
        answer.truncate(length);
        assert_eq!(Message::from_octets(answer).unwrap().header().id(), number);
    }
    world.end().await;
}

#[tokio::test]
async fn questions_of_one_connection_are_answered_as_they_come() {
    let world = World::new(Toy::default(), Config::default());
    let mut stream = world.tcp("127.0.0.1").await;
    // In one segment, the slow one first (RFC 7766 §6.2.1.1, §7).
    let mut both = Vec::new();
    for message in [query(1, "slow.example", false), query(2, "a.example", false)] {
        both.extend_from_slice(&(message.len() as u16).to_be_bytes());
        both.extend_from_slice(&message);
    }
    stream.write_all(&both).await.unwrap();
    assert_eq!(hear(&mut stream).await.header().id(), 2);
    assert_eq!(hear(&mut stream).await.header().id(), 1);
    // A client that has said all still hears the answer.
    tell(&mut stream, &query(3, "slow.example", false)).await;
    stream.shutdown().await.unwrap();
    assert_eq!(hear(&mut stream).await.header().id(), 3);
    assert!(ends(&mut stream).await);
    world.end().await;
}

#[tokio::test]
async fn a_stranger_is_refused_with_no_more_than_it_sent() {
    let stranger = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)));
    let world = World::new(Toy { stranger, ..Toy::default() }, Config::default());
    let socket = world.udp("127.0.0.9").await;
    let message = query(1, "many.example", false);
    let answer = ask(&socket, &message).await;
    assert_eq!(answer.header().rcode(), Rcode::REFUSED);
    assert_eq!(answer.as_slice().len(), message.len());
    assert_eq!(world.stats.strangers.read(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_forged_answer_or_rubbish_is_never_answered_at_length() {
    let world = World::new(Toy::default(), Config::default());
    let socket = world.udp("127.0.0.1").await;
    let mut forged = query(7, "a.example", false);
    forged[2] |= 0x80;
    socket.send(&forged).await.unwrap();
    socket.send(&[0; 5]).await.unwrap();
    socket.send(&[]).await.unwrap();
    socket.send(&vec![0; 60_000]).await.unwrap();
    let mut trailing = query(8, "a.example", false);
    trailing.extend_from_slice(&[0; 100]);
    // The first answer that comes is that of the last message: all before got none.
    let answer = ask(&socket, &trailing).await;
    assert_eq!((answer.header().id(), answer.header().rcode()), (8, Rcode::FORMERR));
    assert_eq!(answer.as_slice().len(), 12 + 11 + 4);
    world.end().await;
}

#[tokio::test]
async fn a_slow_or_silent_client_is_let_go_in_time() {
    let short = Duration::from_millis(200);
    let config = Config { patience: short, idle: short, ..Config::default() };
    let world = World::new(Toy::default(), config);
    let began = Instant::now();
    let mut silent = world.tcp("127.0.0.1").await;
    let mut slow = world.tcp("127.0.0.1").await;
    // An octet now and then does not prolong it.
    let message = query(1, "a.example", false);
    let mut cut = false;
    for octet in [0, message.len() as u8].into_iter().chain(message) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        cut |= slow.write_all(&[octet]).await.is_err();
    }
    assert!(cut || ends(&mut slow).await);
    assert!(ends(&mut silent).await);
    let mut idle = world.tcp("127.0.0.1").await;
    tell(&mut idle, &query(2, "a.example", false)).await;
    assert_eq!(hear(&mut idle).await.header().id(), 2);
    assert!(ends(&mut idle).await);
    assert!(began.elapsed() < SOON);
    world.end().await;
}

#[tokio::test]
async fn too_long_a_message_ends_the_connection() {
    let world = World::new(Toy::default(), Config::default());
    let mut stream = world.tcp("127.0.0.1").await;
    stream.write_all(&[0xFF, 0xFF, 0, 0]).await.unwrap();
    assert!(ends(&mut stream).await);
    world.end().await;
}

#[tokio::test]
async fn questions_that_wait_are_bounded_per_source_and_others_are_served() {
    let toy = Toy { pause: Duration::from_secs(2), ..Toy::default() };
    let config = Config { waiting: 64, waiting_per_source: 8, ..Config::default() };
    let world = World::new(toy, config);
    let greedy = world.udp("127.0.0.2").await;
    for id in 0..50 {
        greedy.send(&query(id, "slow.example", false)).await.unwrap();
    }
    let mut answer = vec![0; 512];
    for _ in 0..42 {
        let length = timeout(SOON, greedy.recv(&mut answer)).await.expect("a word").unwrap();
        let told = Message::from_octets(&answer[..length]).unwrap();
        assert_eq!(told.header().rcode(), Rcode::SERVFAIL);
    }
    assert_eq!(world.stats.turned_away.read(), 42);
    let other = world.udp("127.0.0.3").await;
    let answer = ask(&other, &query(1, "slow.example", false)).await;
    assert_eq!(answer.header().rcode(), Rcode::NOERROR);
    world.end().await;
}

#[tokio::test]
async fn half_open_clients_of_one_source_keep_nobody_out() {
    let world = World::new(Toy::default(), Config::default());
    let mut open = Vec::new();
    // Each costs this process a file; the server closes what is beyond the source's number.
    let most = getrlimit(Resource::RLIMIT_NOFILE).unwrap().1;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    assert!(most > 11_000, "{most} files are too few for this test");
    for _ in 0..10_000 {
        let mut stream = world.tcp("127.0.0.2").await;
        let _maybe_closed = stream.write_all(&[0]).await;
        open.push(stream);
    }
    let began = Instant::now();
    let mut stream = world.tcp("127.0.0.1").await;
    tell(&mut stream, &query(1, "a.example", false)).await;
    assert_eq!(hear(&mut stream).await.header().id(), 1);
    let socket = world.udp("127.0.0.1").await;
    assert_eq!(ask(&socket, &query(2, "a.example", false)).await.header().id(), 2);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(world.stats.crowded.read() >= 9_000);
    world.end().await;
}

#[tokio::test]
async fn half_open_clients_of_many_sources_lose_their_places_to_new_ones() {
    let config =
        Config { connections: 100, connections_per_source: 1, patience: SOON, ..Config::default() };
    let world = World::new(Toy::default(), config);
    let mut open = Vec::new();
    for number in 0..250u8 {
        open.push(world.tcp(&format!("127.0.1.{number}")).await);
    }
    let mut stream = world.tcp("127.0.0.1").await;
    tell(&mut stream, &query(1, "a.example", false)).await;
    assert_eq!(hear(&mut stream).await.header().id(), 1);
    // The first to come was the first to go.
    assert!(ends(&mut open[0]).await);
    assert!(world.stats.displaced.read() >= 150);
    world.end().await;
}

#[tokio::test]
async fn a_source_that_anyone_may_forge_gets_twice_its_query_until_it_proves_itself() {
    // Loopback is known; so the server sees these clients under another address of the machine.
    let Some(own) = own_address() else {
        eprintln!("SKIPPED: this machine has no address but loopback");
        return;
    };
    let config = Config { listen: vec![SocketAddr::new(own, 0)], threads: 1, ..Config::default() };
    let server = start(config, Toy::default(), &SystemClock, &OsRandom).unwrap();
    let (stop, stopped) = watch::channel(false);
    let address = server.addresses()[0];
    #[allow(clippy::disallowed_methods, reason = "a test has no task room")]
    let server = tokio::spawn(server.run(stopped));
    let socket = UdpSocket::bind((own, 0)).await.unwrap();
    socket.connect(address).await.unwrap();

    for name in ["many.example", "slow.example"] {
        for edns in [false, true] {
            let message = query(1, name, edns);
            let answer = ask(&socket, &message).await;
            assert!(answer.as_slice().len() <= 2 * message.len(), "{name} {edns}");
        }
    }
    let first = ask(&socket, &query(1, "many.example", true)).await;
    assert!(first.header().tc());
    // With the cookie that it was given, the same question is answered in full.
    let cookie =
        first.opt().unwrap().opt().iter::<domain::base::opt::Cookie>().next().unwrap().unwrap();
    let mut message = query(2, "many.example", false);
    message[11] = 1;
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 28, 0, 10, 0, 24]);
    message.extend_from_slice(b"abcdefgh");
    message.extend_from_slice(cookie.server().unwrap().as_ref());
    let answer = ask(&socket, &message).await;
    assert_eq!((answer.header().tc(), answer.header_counts().ancount()), (false, 30));
    // A forged cookie is none.
    let last = message.len() - 1;
    message[last] ^= 1;
    assert!(ask(&socket, &message).await.header().tc());
    // Whoever comes by TCP, as TC asks it to, reads what is sent to it.
    #[allow(clippy::disallowed_methods, reason = "a test's client")]
    let mut stream = TcpStream::connect(address).await.unwrap();
    tell(&mut stream, &query(3, "many.example", false)).await;
    assert_eq!(hear(&mut stream).await.header_counts().ancount(), 30);
    assert_eq!(ask(&socket, &query(4, "many.example", true)).await.header_counts().ancount(), 30);
    stop.send_replace(true);
    server.await.unwrap().unwrap();
}

/// An address of this machine that is not loopback.
fn own_address() -> Option<IpAddr> {
    let addresses = nix::ifaddrs::getifaddrs().ok()?;
    addresses
        .filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
        .find(|ip| !ip.is_loopback())
        .map(IpAddr::V4)
}
