//! A proxy with everything behind it, and the servers and clients around it.

use backstop_gate::{
    Actor, BoxFuture, Config as GateConfig, Gate, OpenedSession, OsRandom, Parts, SessionRequest,
    SystemClock, Wire, bootstrap_operator, resolve::StaticResolver,
};
use backstop_ledger::Ledger;
use backstop_model::event::Fact;
use backstop_model::host::HostName;
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::redacted::Redacted;
use backstop_model::time::Timestamp;
use backstop_policy::{Level, Library, LoadContext, Policy, Source};
use backstop_proxy::Config;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub const POLICY: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  skills: [{ name: weather, version: 1.2.0 }]
  egress:
  - { host: api.weather.example, owner: maps, reason: forecasts, reviewBy: "2036-01-01" }
  - { host: api.weather.example, protocol: HTTP, owner: maps, reason: forecasts, reviewBy: "2036-01-01" }
  - { host: other.example, protocol: HTTP, owner: maps, reason: forecasts, reviewBy: "2036-01-01" }
  - { host: down.example, owner: maps, reason: forecasts, reviewBy: "2036-01-01" }
  - { host: down.example, protocol: HTTP, owner: maps, reason: forecasts, reviewBy: "2036-01-01" }
  - host: wide.example
    protocol: HTTP
    dlp: { overCap: window }
    owner: maps
    reason: uploads
    reviewBy: "2036-01-01"
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  egressRequirements:
  - api.weather.example
  - { host: api.weather.example, protocol: HTTP }
  - { host: other.example, protocol: HTTP }
  - down.example
  - { host: down.example, protocol: HTTP }
  - { host: wide.example, protocol: HTTP }
"#;

/// Where public-looking addresses really lead, and which were tried.
#[derive(Default)]
pub struct Map {
    ways: Mutex<HashMap<SocketAddr, SocketAddr>>,
    pub tried: Mutex<Vec<SocketAddr>>,
}

struct MapWire(Arc<Map>);

impl Wire for MapWire {
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(async move {
            self.0.tried.lock().unwrap().push(address);
            let way = self.0.ways.lock().unwrap().get(&address).copied();
            match way {
                Some(way) => TcpStream::connect(way).await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
    fn has_reached(&self, _: SocketAddr, _: &TcpStream) -> io::Result<bool> {
        Ok(true)
    }
}

pub struct House {
    pub address: SocketAddr,
    pub gate: Gate,
    pub ledger: Ledger,
    pub map: Arc<Map>,
    pub operator: Actor,
    pub session: OpenedSession,
    pub stop: watch::Sender<bool>,
    pub served: JoinSet<io::Result<()>>,
    _tasks: JoinSet<()>,
    _policy: watch::Sender<Arc<Policy>>,
    _directory: tempfile::TempDir,
}

impl House {
    pub async fn open() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, |_| config).await
    }

    /// With a configuration that may need the session.
    pub async fn on(listener: TcpListener, config: impl FnOnce(&OpenedSession) -> Config) -> Self {
        Self::behind(GateConfig::default(), listener, config).await
    }

    /// With a configuration of the gate's.
    pub async fn behind(
        gate: GateConfig,
        listener: TcpListener,
        config: impl FnOnce(&OpenedSession) -> Config,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger_config = backstop_ledger::Config {
            directory: directory.path().join("ledger"),
            ..backstop_ledger::Config::default()
        };
        let clock: Arc<SystemClock> = Arc::new(SystemClock);
        let now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || backstop_gate::Clock::now(&*clock))
        };
        let at: Timestamp = now();
        let ledger = Ledger::open(ledger_config, now).unwrap();
        let sources = [Source { name: "policy.yaml".to_owned(), text: POLICY.to_owned() }];
        let applied = Library::default().apply(&sources, &LoadContext::at(at));
        let errors = applied.diagnostics.iter().filter(|d| d.level == Level::Error).count();
        assert_eq!(errors, 0, "{:?}", applied.diagnostics);
        let (keep, policy) = watch::channel(applied.policy);
        let names = [
            ("api.weather.example", "93.184.0.1"),
            ("other.example", "93.184.0.2"),
            ("down.example", "93.184.0.3"),
            ("wide.example", "93.184.0.4"),
            ("evil.example", "93.184.6.6"),
        ];
        let table: BTreeMap<HostName, Vec<IpAddr>> = names
            .iter()
            .map(|(name, ip)| (HostName::parse(name).unwrap(), vec![ip.parse().unwrap()]))
            .collect();
        let map = Arc::new(Map::default());
        let gate = Gate::new(Parts {
            config: gate,
            ledger: ledger.clone(),
            policy,
            clock,
            random: Arc::new(OsRandom),
            resolver: Arc::new(StaticResolver::new(table)),
            wire: Arc::new(MapWire(Arc::clone(&map))),
        })
        .unwrap();
        let file = directory.path().join("operator.token");
        bootstrap_operator(&file, &ledger, &SystemClock, &OsRandom).await.unwrap();
        let token = std::fs::read_to_string(file).unwrap().trim().to_owned();
        let operator = gate.authenticate(&Redacted::new("operator token", token)).unwrap();
        let session = open_session(&gate, &operator).await;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let run = gate.clone();
        let until = stopped.clone();
        tasks.spawn(async move { run.run(until).await });
        let address = listener.local_addr().unwrap();
        let mut served = JoinSet::new();
        let config = Arc::new(config(&session));
        served.spawn(backstop_proxy::serve(listener, gate.clone(), config, stopped));
        Self {
            address,
            gate,
            ledger,
            map,
            operator,
            session,
            stop,
            served,
            _tasks: tasks,
            _policy: keep,
            _directory: directory,
        }
    }

    /// Lets `name:port` (by its address) lead to a server on loopback.
    pub fn lead(&self, public: &str, to: SocketAddr) {
        self.map.ways.lock().unwrap().insert(public.parse().unwrap(), to);
    }
    pub fn token(&self) -> &str {
        self.session.tokens[0].1.expose()
    }
    /// The `Proxy-Authorization` line, with its end.
    pub fn credential(&self) -> String {
        credential(&self.session)
    }
    pub fn tried(&self) -> Vec<SocketAddr> {
        self.map.tried.lock().unwrap().clone()
    }
    pub async fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).await.unwrap();
        client.set_nodelay(true).unwrap();
        client
    }
    /// Sends bytes and reads until the proxy closes.
    pub async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.client().await;
        client.write_all(bytes.as_ref()).await.unwrap();
        read_to_end(&mut client).await
    }
    /// A tunnel that was answered with 200.
    pub async fn tunnel(&self, place: &str) -> TcpStream {
        let mut client = self.client().await;
        let head =
            format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{}\r\n", self.credential());
        client.write_all(head.as_bytes()).await.unwrap();
        let answer = read_head(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("backstop-receipt: rcp_"), "{answer}");
        client
    }
    /// What was refused, in order: the control and the reason.
    pub fn refused(&self) -> Vec<(String, String)> {
        let events = self.ledger.events_after(0, 1_000).unwrap();
        events
            .into_iter()
            .filter_map(|row| match row.event.fact {
                Fact::AttemptRefused { control, reason, .. } => Some((control.to_string(), reason)),
                _ => None,
            })
            .collect()
    }
    /// Waits until a fact is on record.
    pub async fn recorded(&self, wanted: impl Fn(&Fact) -> bool) -> Fact {
        let mut tail = self.ledger.tail();
        let found = async {
            let kept = self.ledger.events_after(0, 1_000).unwrap();
            if let Some(row) = kept.into_iter().find(|row| wanted(&row.event.fact)) {
                return row.event.fact;
            }
            loop {
                let row = tail.recv().await.unwrap();
                if wanted(&row.event.fact) {
                    return row.event.fact.clone();
                }
            }
        };
        soon(found).await
    }
}

pub fn credential(session: &OpenedSession) -> String {
    use base64::Engine as _;
    let pair = format!("{}:{}", session.id, session.tokens[0].1.expose());
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Proxy-Authorization: Basic {encoded}\r\n")
}

pub async fn open_session(gate: &Gate, operator: &Actor) -> OpenedSession {
    gate.control()
        .open_session(
            operator,
            SessionRequest {
                tenant: TenantName::parse("research").unwrap(),
                role: None,
                skills: vec![(
                    SkillName::parse("weather").unwrap(),
                    SkillVersion::parse("1.2.0").unwrap(),
                )],
                ceiling: None,
                lives: None,
            },
        )
        .await
        .unwrap()
}

/// Nothing here takes long; a test that hangs fails.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it takes too long")
}

pub async fn read_head(client: &mut TcpStream) -> String {
    let mut out = Vec::new();
    while !out.ends_with(b"\r\n\r\n") {
        let byte = soon(client.read_u8()).await;
        match byte {
            Ok(byte) => out.push(byte),
            Err(fault) => panic!("{fault} after {}", String::from_utf8_lossy(&out)),
        }
    }
    String::from_utf8(out).unwrap()
}

/// A head and the body that its Content-Length announces.
pub async fn read_answer(client: &mut TcpStream) -> (String, String) {
    let head = read_head(client).await;
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ").map(|n| n.parse().unwrap()))
        .unwrap_or(0usize);
    let mut body = vec![0; length];
    soon(client.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

pub async fn read_to_end(client: &mut TcpStream) -> String {
    let mut out = Vec::new();
    let _reset_is_an_end = soon(client.read_to_end(&mut out)).await;
    String::from_utf8_lossy(&out).into_owned()
}

/// A server on loopback that keeps every byte it gets.
pub struct Upstream {
    pub address: SocketAddr,
    pub got: Arc<Mutex<Vec<u8>>>,
    pub connections: Arc<Mutex<usize>>,
    _tasks: JoinSet<()>,
}

impl Upstream {
    /// Answers each request (as told by `whole`) with what `reply` makes of it; an empty reply
    /// closes the connection.
    pub async fn http(reply: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let reply = Arc::new(reply);
        Self::start(move |mut stream, got| {
            let reply = Arc::clone(&reply);
            async move {
                let mut pending = Vec::new();
                loop {
                    let mut part = [0; 4_096];
                    let count = stream.read(&mut part).await.unwrap_or(0);
                    if count == 0 {
                        return;
                    }
                    got.lock().unwrap().extend_from_slice(&part[..count]);
                    pending.extend_from_slice(&part[..count]);
                    while let Some(end) = whole(&pending) {
                        let request: Vec<u8> = pending.drain(..end).collect();
                        let answer = reply(&String::from_utf8_lossy(&request));
                        if answer.is_empty() {
                            return;
                        }
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        if answer.contains("X-Then: close") {
                            return;
                        }
                    }
                }
            }
        })
        .await
    }

    /// Sends back what it gets; at the end says `bye`.
    pub async fn echo() -> Self {
        Self::start(|mut stream, got| async move {
            let mut part = [0; 4_096];
            loop {
                match stream.read(&mut part).await {
                    Ok(0) => {
                        let _gone = stream.write_all(b"bye").await;
                        return;
                    }
                    Ok(count) => {
                        got.lock().unwrap().extend_from_slice(&part[..count]);
                        stream.write_all(&part[..count]).await.unwrap();
                    }
                    Err(_) => return,
                }
            }
        })
        .await
    }

    pub async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream, Arc<Mutex<Vec<u8>>>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (kept, counted) = (Arc::clone(&got), Arc::clone(&connections));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *counted.lock().unwrap() += 1;
                served.spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { address, got, connections, _tasks: tasks }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.got.lock().unwrap()).into_owned()
    }
    pub fn count(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

/// Where the first whole request ends, for what hyper writes.
fn whole(bytes: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let head = text.find("\r\n\r\n")? + 4;
    if text[..head].contains("transfer-encoding: chunked") {
        let last = text[head..].find("0\r\n")? + head;
        return text[last..].find("\r\n\r\n").map(|end| last + end + 4);
    }
    let length = text[..head]
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ").map(|n| n.parse().unwrap()))
        .unwrap_or(0usize);
    (bytes.len() >= head + length).then_some(head + length)
}

/// An answer with a body.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
