//! A name server that lies on order: datagrams and TCP on one port, each question answered by a
//! script. Next: `attacker`.
//!
//! It writes messages by hand, octet by octet: a library would not let it lie.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A question as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The whole message.
    pub message: Vec<u8>,
    /// The name in lower case, with dots, without the last one.
    pub name: String,
    /// The type.
    pub qtype: u16,
    /// Whether it came by TCP.
    pub by_tcp: bool,
    /// The port it came from.
    pub port: u16,
    /// How many questions for this name and type came before.
    pub before: usize,
}

impl Asked {
    /// The id.
    pub fn id(&self) -> [u8; 2] {
        [self.message[0], self.message[1]]
    }
    /// Name, type and class as they stood in the message.
    pub fn question(&self) -> &[u8] {
        let mut at = 12;
        while self.message[at] != 0 {
            at += 1 + usize::from(self.message[at]);
        }
        &self.message[12..at + 5]
    }
    /// An answer in due form.
    pub fn reply(&self) -> Reply {
        Reply {
            id: self.id(),
            flags: [0x81, 0x80],
            question: self.question().to_vec(),
            sections: [Vec::new(), Vec::new(), Vec::new()],
        }
    }
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The id.
    pub id: [u8; 2],
    /// Both octets of flags: QR, RD and RA by default.
    pub flags: [u8; 2],
    /// The question section.
    pub question: Vec<u8>,
    /// Records of answer, authority and additional section.
    pub sections: [Vec<Vec<u8>>; 3],
}

impl Reply {
    /// One more record in the answer section.
    #[must_use]
    pub fn answer(mut self, record: Vec<u8>) -> Self {
        self.sections[0].push(record);
        self
    }
    /// One more record in the authority section.
    #[must_use]
    pub fn authority(mut self, record: Vec<u8>) -> Self {
        self.sections[1].push(record);
        self
    }
    /// One more record in the additional section.
    #[must_use]
    pub fn additional(mut self, record: Vec<u8>) -> Self {
        self.sections[2].push(record);
        self
    }
    /// With that response code.
    #[must_use]
    pub fn code(mut self, rcode: u8) -> Self {
        self.flags[1] = (self.flags[1] & 0xf0) | rcode;
        self
    }
    /// Marked as cut short.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.flags[0] |= 2;
        self
    }
    /// The message.
    pub fn wire(&self) -> Vec<u8> {
        let mut wire = [self.id, self.flags, [0, 1]].concat();
        for section in &self.sections {
            wire.extend(u16::try_from(section.len()).unwrap().to_be_bytes());
        }
        wire.extend(&self.question);
        wire.extend(self.sections.iter().flatten().flatten());
        wire
    }
}

/// A name on the wire.
pub fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// A record of the class Internet.
pub fn record(owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut wire = name(owner);
    wire.extend(rtype.to_be_bytes());
    wire.extend(1u16.to_be_bytes());
    wire.extend(ttl.to_be_bytes());
    wire.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    wire.extend(data);
    wire
}

/// An A or AAAA record.
pub fn address(owner: &str, ttl: u32, ip: &str) -> Vec<u8> {
    match ip.parse::<IpAddr>().unwrap() {
        IpAddr::V4(ip) => record(owner, 1, ttl, &ip.octets()),
        IpAddr::V6(ip) => record(owner, 28, ttl, &ip.octets()),
    }
}

/// A CNAME record.
pub fn alias(owner: &str, ttl: u32, target: &str) -> Vec<u8> {
    record(owner, 5, ttl, &name(target))
}

/// A SOA record whose minimum is also its TTL.
pub fn soa(zone: &str, ttl: u32) -> Vec<u8> {
    let mut data = [name("ns.invalid"), name("host.invalid")].concat();
    for number in [1, 3600, 600, 86_400, ttl] {
        data.extend(u32::to_be_bytes(number));
    }
    record(zone, 6, ttl, &data)
}

/// What a script does with a question: the messages to send, in order; none is silence.
pub type Script = dyn Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync;

/// A name server that follows a script.
pub struct NameServer {
    place: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl NameServer {
    /// On a free port of loopback.
    pub fn start(script: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), script)
    }

    /// The same; its streams are TLS (RFC 7858).
    pub fn secured(
        tls: Arc<rustls::ServerConfig>,
        script: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::open((Ipv4Addr::LOCALHOST, 0).into(), Some(tls), script)
    }

    /// At that place.
    #[track_caller]
    pub fn at(
        place: SocketAddr,
        script: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::open(place, None, script)
    }

    #[track_caller]
    fn open(
        place: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        script: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        // A port that is free for one protocol may be taken for the other.
        let (udp, tcp) = (0..50)
            .find_map(|_| {
                let udp = UdpSocket::bind(place).ok()?;
                let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, tcp))
            })
            .expect("a port for both protocols");
        let place = udp.local_addr().unwrap();
        udp.set_read_timeout(Some(TICK)).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let state = State {
            script: Arc::new(script),
            asked: Arc::default(),
            counts: Arc::default(),
            stop: Arc::default(),
            connections: Arc::default(),
            tls,
        };
        let connections = Arc::clone(&state.connections);
        let (asked, stop) = (Arc::clone(&state.asked), Arc::clone(&state.stop));
        let other = state.clone();
        let threads = vec![
            std::thread::spawn(move || state.datagrams(&udp)),
            std::thread::spawn(move || other.streams(&tcp)),
        ];
        Self { place, asked, connections, stop, threads }
    }

    /// Where it is.
    pub fn place(&self) -> SocketAddr {
        self.place
    }
    /// How many connections came.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
    /// Every question that came.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct State {
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
    counts: Arc<Mutex<HashMap<(String, u16), usize>>>,
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl State {
    fn answer(&self, message: &[u8], by_tcp: bool, port: u16) -> Vec<Vec<u8>> {
        let mut at = 12;
        let mut labels = Vec::new();
        while message[at] != 0 {
            let end = at + 1 + usize::from(message[at]);
            labels.push(String::from_utf8_lossy(&message[at + 1..end]).to_lowercase());
            at = end;
        }
        let name = labels.join(".");
        let qtype = u16::from_be_bytes([message[at + 1], message[at + 2]]);
        let before = {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry((name.clone(), qtype)).or_default();
            *count += 1;
            *count - 1
        };
        let asked = Asked { message: message.to_vec(), name, qtype, by_tcp, port, before };
        self.asked.lock().unwrap().push(asked.clone());
        (self.script)(&asked)
    }

    fn datagrams(&self, socket: &UdpSocket) {
        let mut buffer = [0u8; 4096];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            for message in self.answer(&buffer[..length], false, from.port()) {
                let _ = socket.send_to(&message, from);
            }
        }
    }

    fn streams(&self, listener: &TcpListener) {
        while !self.stop.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((stream, from)) => {
                    let this = self.clone();
                    this.connections.fetch_add(1, Ordering::Relaxed);
                    std::thread::spawn(move || this.connection(stream, from.port()));
                }
                Err(_) => std::thread::sleep(TICK / 10),
            }
        }
    }

    fn connection(&self, stream: TcpStream, port: u16) {
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        match &self.tls {
            None => self.stream(stream, port),
            Some(tls) => {
                let tls = rustls::ServerConnection::new(Arc::clone(tls)).unwrap();
                self.stream(rustls::StreamOwned::new(tls, stream), port);
            }
        }
    }

    fn stream(&self, mut stream: impl std::io::Read + std::io::Write, port: u16) {
        let mut length = [0u8; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut message = vec![0u8; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut message).is_err() {
                return;
            }
            for reply in self.answer(&message, true, port) {
                let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
                let framed = [&length[..], &reply].concat();
                if stream.write_all(&framed).and_then(|()| stream.flush()).is_err() {
                    return;
                }
            }
        }
    }
}

const TICK: Duration = Duration::from_millis(50);
