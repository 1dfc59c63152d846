//! An HTTP/1.1 server that records every byte it gets, over TCP or TLS. Some paths have built-in
//! answers (`Answer::of_path`), and a test may script others. It must not be correct about what it
//! receives: it records what a correct server would refuse.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::ca::Ca;
use crate::cgi::Cgi;
use crate::message::{Extent, Kind, Message, extent};
use crate::serving::{self, Serving};
use crate::world::World;

/// LIMIT: more than this before a request is whole ends the connection.
const LONGEST_REQUEST: usize = 256 << 20;

/// A running upstream; dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    site: Arc<Site>,
    _serving: Serving,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The message; `raw` has the exact bytes.
    pub message: Message,
    /// Counts connections from 0.
    pub connection: usize,
    /// The name that the client asked for by TLS.
    pub sni: Option<String>,
}

/// What a server does about a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole reply with a length.
    Reply {
        /// The status code.
        status: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The request's own bytes as the body.
    Echo,
    /// These bytes as they are, then close.
    Raw(Vec<u8>),
    /// A reply in these chunks.
    Chunked(Vec<Vec<u8>>),
    /// A body of that many zero bytes.
    Zeros(u64),
    /// This body, one byte per interval.
    Slow(Vec<u8>, Duration),
    /// Chunks without end, until the client leaves.
    Endless,
    /// Nothing, ever; the connection stays open.
    Silence,
    /// The connection ends without an answer.
    Close,
    /// `200`, and from then on every byte comes back.
    Mirror,
    /// Whatever that program answers.
    Program(Cgi),
}

impl Answer {
    /// 200 with that text.
    pub fn text(body: &str) -> Self {
        Self::Reply { status: 200, headers: vec![], body: body.into() }
    }

    /// 302 to that place.
    pub fn redirect(location: &str) -> Self {
        Self::Reply {
            status: 302,
            headers: vec![("location".into(), location.into())],
            body: vec![],
        }
    }

    /// The built-in answers: `/echo`, `/redirect?URL`, `/status/N`, `/bytes/N`, `/chunked`, `/slow`,
    /// `/endless`, `/silence`, `/close`, `/mirror`; anything else is `hello`.
    pub fn of_path(path: &str) -> Self {
        let path = path
            .strip_prefix("http://")
            .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
            .unwrap_or(path);
        if let Some(location) = path.strip_prefix("/redirect?") {
            return Self::redirect(location);
        }
        if let Some(status) = path.strip_prefix("/status/").and_then(|number| number.parse().ok()) {
            return Self::Reply { status, headers: vec![], body: vec![] };
        }
        if let Some(length) = path.strip_prefix("/bytes/").and_then(|number| number.parse().ok()) {
            return Self::Zeros(length);
        }
        match path {
            "/echo" => Self::Echo,
            "/chunked" => Self::Chunked(vec![b"hel".to_vec(), b"lo\n".to_vec()]),
            "/slow" => Self::Slow(b"hello\n".to_vec(), Duration::from_millis(20)),
            "/endless" => Self::Endless,
            "/silence" => Self::Silence,
            "/close" => Self::Close,
            "/mirror" => Self::Mirror,
            _ => Self::text("hello\n"),
        }
    }
}

/// Whether an upstream keeps what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Every request is kept.
    Full,
    /// Only numbers are kept (for load).
    Counts,
}

#[derive(Debug, Default)]
struct Log {
    received: Vec<Received>,
    requests: usize,
    bytes: u64,
    connections: usize,
    handshakes_failed: usize,
}

#[derive(Debug)]
struct Site {
    recording: Recording,
    log: Mutex<Log>,
    script: Mutex<BTreeMap<String, Answer>>,
    below: Mutex<Vec<(String, Answer)>>,
}

impl Upstream {
    /// A plain HTTP server at a fresh address of the world, port 80.
    #[track_caller]
    pub fn http(world: &World) -> Self {
        Self::start(SocketAddr::new(world.address(), 80), None, Recording::Full)
    }

    /// A TLS server at a fresh address of the world, port 443, with a certificate for those names.
    #[track_caller]
    pub fn https(world: &World, ca: &Ca, names: &[&str]) -> Self {
        Self::start(SocketAddr::new(world.address(), 443), Some(ca.server(names)), Recording::Full)
    }

    /// A server at that address (port 0 takes a free one).
    #[track_caller]
    pub fn start(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        recording: Recording,
    ) -> Self {
        let listener =
            serving::bind(address).unwrap_or_else(|error| panic!("bind {address}: {error}"));
        let address = listener.local_addr().expect("read the bound address");
        let site = Site::new(recording);
        let acceptor = tls.map(TlsAcceptor::from);
        let serving = serving::serve(vec![listener], {
            let site = Arc::clone(&site);
            move |stream, _peer| {
                let (site, acceptor) = (Arc::clone(&site), acceptor.clone());
                async move {
                    let connection = site.connected();
                    match acceptor {
                        None => talk(stream, &site, connection, None).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => {
                                let sni = stream.get_ref().1.server_name().map(str::to_owned);
                                talk(stream, &site, connection, sni).await;
                            }
                            Err(_) => site.log.lock().unwrap().handshakes_failed += 1,
                        },
                    }
                }
            }
        });
        Self { address, site, _serving: serving }
    }

    /// A server that speaks no protocol: every byte comes back.
    #[track_caller]
    pub fn mirror(address: SocketAddr) -> Self {
        let listener =
            serving::bind(address).unwrap_or_else(|error| panic!("bind {address}: {error}"));
        let address = listener.local_addr().expect("read the bound address");
        let site = Site::new(Recording::Counts);
        let serving = serving::serve(vec![listener], {
            let site = Arc::clone(&site);
            move |mut stream, _peer| {
                let site = Arc::clone(&site);
                async move {
                    site.connected();
                    // A client that leaves early is no fault of the mirror.
                    let _ = mirror(&mut stream, |bytes| site.count(bytes)).await;
                }
            }
        });
        Self { address, site, _serving: serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address without the port.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// From now on requests to this path (with its query, as in the request line) get that answer.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.site.script.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// From now on requests to any path that begins so get that answer, unless `answer` names them.
    pub fn answer_below(&self, prefix: &str, answer: Answer) {
        self.site.below.lock().unwrap().push((prefix.to_owned(), answer));
    }

    /// What arrived so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.site.log.lock().unwrap().received.clone()
    }

    /// How many whole requests arrived.
    pub fn requests(&self) -> usize {
        self.site.log.lock().unwrap().requests
    }

    /// How many bytes arrived (inside TLS, if it is TLS).
    pub fn bytes(&self) -> u64 {
        self.site.log.lock().unwrap().bytes
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.site.log.lock().unwrap().connections
    }

    /// How many TLS handshakes failed.
    pub fn handshakes_failed(&self) -> usize {
        self.site.log.lock().unwrap().handshakes_failed
    }
}

impl Site {
    fn new(recording: Recording) -> Arc<Self> {
        Arc::new(Self {
            recording,
            log: Mutex::default(),
            script: Mutex::default(),
            below: Mutex::default(),
        })
    }

    fn scripted(&self, target: &str) -> Option<Answer> {
        let exact = self.script.lock().unwrap().get(target).cloned();
        exact.or_else(|| {
            let below = self.below.lock().unwrap();
            let found = below.iter().find(|(prefix, _)| target.starts_with(prefix));
            found.map(|(_, answer)| answer.clone())
        })
    }

    fn connected(&self) -> usize {
        let mut log = self.log.lock().unwrap();
        log.connections += 1;
        log.connections - 1
    }

    fn count(&self, bytes: usize) {
        self.log.lock().unwrap().bytes += bytes as u64;
    }

    fn keep(&self, raw: &[u8], connection: usize, sni: Option<&str>) -> Answer {
        let message = Message::parse(raw);
        let answer =
            self.scripted(message.target()).unwrap_or_else(|| Answer::of_path(message.target()));
        let mut log = self.log.lock().unwrap();
        log.requests += 1;
        if self.recording == Recording::Full {
            log.received.push(Received { message, connection, sni: sni.map(str::to_owned) });
        }
        answer
    }
}

async fn talk<S>(mut stream: S, site: &Site, connection: usize, sni: Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let length = loop {
            if let Extent::Whole(length) = extent(&buffer, Kind::Request) {
                break length;
            }
            match stream.read_buf(&mut buffer).await {
                Ok(read) if read > 0 && buffer.len() <= LONGEST_REQUEST => site.count(read),
                _ => return,
            }
        };
        let raw: Vec<u8> = buffer.drain(..length).collect();
        let answer = site.keep(&raw, connection, sni.as_deref());
        if give(&mut stream, &raw, &buffer, answer).await.is_err() {
            return;
        }
    }
}

/// Answers; an error means that the connection is over. `early` came right behind the request.
async fn give<S>(
    stream: &mut S,
    request: &[u8],
    early: &[u8],
    answer: Answer,
) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let over = || std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
    match answer {
        Answer::Reply { status, headers, body } => {
            reply(stream, request, status, &headers, &body).await?
        }
        Answer::Echo => reply(stream, request, 200, &[], request).await?,
        Answer::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
            return Err(over());
        }
        Answer::Chunked(chunks) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            for chunk in chunks {
                write_chunk(stream, &chunk).await?;
                stream.flush().await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        Answer::Zeros(length) => {
            stream
                .write_all(
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes(),
                )
                .await?;
            static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
            let mut left = length;
            while left > 0 {
                let part = left.min(ZEROS.len() as u64);
                stream.write_all(&ZEROS[..part as usize]).await?;
                left -= part;
            }
        }
        Answer::Slow(body, interval) => {
            stream
                .write_all(
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(),
                )
                .await?;
            for byte in body {
                stream.flush().await?;
                tokio::time::sleep(interval).await;
                stream.write_all(&[byte]).await?;
            }
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                write_chunk(stream, &[b'.'; 16 << 10]).await?;
            }
        }
        Answer::Silence => {
            // Until the client leaves.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await? > 0 {}
            return Err(over());
        }
        Answer::Close => return Err(over()),
        Answer::Program(cgi) => {
            // It blocks this server alone, for the moment that a small program takes.
            stream.write_all(&cgi.answer(&Message::parse(request))?).await?;
        }
        Answer::Mirror => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            stream.write_all(early).await?;
            mirror(stream, |_| ()).await?;
            return Err(over());
        }
    }
    stream.flush().await
}

async fn reply<S>(
    stream: &mut S,
    request: &[u8],
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let mut out = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
    for (name, value) in headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if status != 204 && status != 304 {
        out.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    if !request.starts_with(b"HEAD ") {
        out.extend_from_slice(body);
    }
    stream.write_all(&out).await
}

async fn write_chunk<S: AsyncWrite + Unpin>(stream: &mut S, chunk: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
    stream.write_all(chunk).await?;
    stream.write_all(b"\r\n").await
}

/// Sends every byte back until the other side closes.
async fn mirror<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    count: impl Fn(usize),
) -> std::io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return stream.shutdown().await;
        }
        count(read);
        stream.write_all(&buffer[..read]).await?;
        stream.flush().await?;
    }
}
