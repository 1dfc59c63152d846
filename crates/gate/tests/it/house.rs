//! A house for tests: a real ledger in a directory of its own, a real policy, and an upstream on
//! loopback that stands for public addresses.

use backstop_gate::{
    Actor, Answer, BoxFuture, Clock, Config, Credential, Gate, MappedWire, OpenedSession, OsRandom,
    Parts, Permit, Random, RandomFault, Resolve, ResolveFault, Session, SessionRequest,
    bootstrap_operator,
};
use backstop_ledger::{Ledger, Recorded};
use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::control::Control;
use backstop_model::destination::{Protocol, parse_authority, parse_url};
use backstop_model::event::Fact;
use backstop_model::host::HostName;
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::redacted::Redacted;
use backstop_model::refusal::Refusal;
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use backstop_policy::{Library, LoadContext, Policy, Source};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const GOOD: &str = "93.184.215.14";
pub(crate) const OTHER: &str = "93.184.215.15";
pub(crate) const PRIVATE: &str = "10.1.2.3";

/// The tenant `research` with one skill and two hosts; `%ROWS%` takes more rows.
pub(crate) const POLICY: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  skills:
  - { name: weather, version: 1.2.0 }
  egress:
  - { host: api.weather.example, owner: t, reason: r, reviewBy: "2027-02-01" }
  - { host: plain.weather.example, protocol: HTTP, ports: [80], owner: t, reason: r, reviewBy: "2027-02-01" }
  - { host: rebind.weather.example, owner: t, reason: r, reviewBy: "2027-02-01" }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  egressRequirements:
  - { host: api.weather.example }
  - { host: plain.weather.example, protocol: HTTP, ports: [80] }
  - { host: rebind.weather.example }
"#;

/// The same without `api.weather.example`.
pub(crate) fn without_api() -> String {
    POLICY.replace(
        "  - { host: api.weather.example, owner: t, reason: r, reviewBy: \"2027-02-01\" }\n",
        "",
    )
}

/// The same with a private network behind `rebind.weather.example`.
pub(crate) fn with_private() -> String {
    POLICY.replace(
        "host: rebind.weather.example, owner",
        "host: rebind.weather.example, allowPrivate: [10.1.2.0/24], owner",
    )
}

/// The same with a row's idle time for `api.weather.example`.
pub(crate) fn with_idle() -> String {
    POLICY.replace("host: api.weather.example, owner", "host: api.weather.example, idle: 7m, owner")
}

/// Randomness that lets something happen at its next draw: the moment between a judgement and its
/// record, which draws a receipt.
#[derive(Default)]
pub(crate) struct Dice(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Dice {
    pub(crate) fn meanwhile(&self, happens: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(happens));
    }
}

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault> {
        let happens = self.0.lock().unwrap().take();
        if let Some(happens) = happens {
            happens();
        }
        OsRandom.fill(bytes)
    }
}

pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A resolver that counts who asks, and lets something happen during the next look-up.
#[derive(Default)]
pub(crate) struct Names {
    table: Mutex<HashMap<String, Vec<IpAddr>>>,
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
    asked: AtomicUsize,
    fails: AtomicBool,
}

impl Names {
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
    pub(crate) fn meanwhile(&self, happens: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::pin(happens));
    }
    pub(crate) fn set(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
        self.table.lock().unwrap().insert(name.to_owned(), addresses);
    }
}

impl Resolve for Names {
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        _who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.table.lock().unwrap().get(name.as_str()).cloned();
        let meanwhile = self.meanwhile.lock().unwrap().take();
        Box::pin(async move {
            if let Some(happens) = meanwhile {
                happens.await;
            }
            if self.fails.load(Ordering::SeqCst) {
                return Err(ResolveFault::TimedOut(name.clone()));
            }
            found.ok_or_else(|| ResolveFault::NoAddress(name.clone()))
        })
    }
}

pub(crate) struct House {
    pub(crate) gate: Gate,
    pub(crate) ledger: Ledger,
    pub(crate) policy: watch::Sender<Arc<Policy>>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) names: Arc<Names>,
    pub(crate) dice: Arc<Dice>,
    pub(crate) operator: Actor,
    pub(crate) upstream_saw: Arc<Mutex<Vec<u8>>>,
    pub(crate) dir: PathBuf,
    _kept: Option<TempDir>,
    stop: watch::Sender<bool>,
    run: Option<JoinHandle<()>>,
    _upstream: JoinHandle<()>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let dir = kept.path().to_owned();
        let mut house = Self::open(&dir, config).await;
        house._kept = Some(kept);
        house
    }

    /// With a server of its own behind [`OTHER`].
    pub(crate) async fn with_server(config: Config, server: SocketAddr) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let dir = kept.path().to_owned();
        let mut house = Self::furnished(&dir, config, Some(server)).await;
        house._kept = Some(kept);
        house
    }

    pub(crate) async fn open(dir: &Path, config: Config) -> Self {
        Self::furnished(dir, config, None).await
    }

    async fn furnished(dir: &Path, config: Config, server: Option<SocketAddr>) -> Self {
        // 2026-11-22T12:00:00Z
        let start = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(start.unix_micros())));
        let ticks = Arc::clone(&clock);
        let ledger = Ledger::open(
            backstop_ledger::Config { directory: dir.join("ledger"), ..Default::default() },
            Arc::new(move || ticks.now()),
        )
        .unwrap();
        let names = Arc::new(Names::default());
        names.set("api.weather.example", &[GOOD]);
        names.set("plain.weather.example", &[GOOD]);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let upstream_saw = Arc::new(Mutex::new(Vec::new()));
        let saw = Arc::clone(&upstream_saw);
        let upstream = tokio::spawn(echo(listener, saw));
        let mut table = BTreeMap::new();
        for (address, place) in [(GOOD, here), (PRIVATE, here), (OTHER, server.unwrap_or(here))] {
            for port in [80, 443] {
                table.insert(SocketAddr::new(address.parse().unwrap(), port), place);
            }
        }
        // Where tests put an external analyzer.
        table.insert(SocketAddr::from(([127, 0, 0, 1], 5002)), server.unwrap_or(here));
        let dice = Arc::new(Dice::default());
        let (policy, watched) = watch::channel(load(POLICY));
        let gate = Gate::new(Parts {
            config,
            ledger: ledger.clone(),
            policy: watched,
            clock: Arc::clone(&clock) as _,
            random: Arc::clone(&dice) as _,
            resolver: Arc::clone(&names) as _,
            wire: Arc::new(MappedWire::new(table)),
        })
        .unwrap();
        let path = dir.join("operator.token");
        bootstrap_operator(&path, &ledger, &*clock, &OsRandom).await.unwrap();
        let token = std::fs::read_to_string(path).unwrap();
        let operator =
            gate.authenticate(&Redacted::new("bearer token", token.trim().to_owned())).unwrap();
        let (stop, stopped) = watch::channel(false);
        let running = gate.clone();
        let run = tokio::spawn(async move { running.run(stopped).await });
        Self {
            gate,
            ledger,
            policy,
            clock,
            names,
            dice,
            operator,
            upstream_saw,
            dir: dir.to_owned(),
            _kept: None,
            stop,
            run: Some(run),
            _upstream: upstream,
        }
    }

    /// Stops as a process does: the gate's task is joined, the ledger closed.
    pub(crate) async fn stop(mut self) {
        self.gate.drain(Duration::from_millis(10)).await;
        self.stop_sweeping().await;
        self.ledger.close().await;
    }

    /// Ends the gate's task: nobody asks again what lives.
    pub(crate) async fn stop_sweeping(&mut self) {
        self.stop.send_replace(true);
        if let Some(run) = self.run.take() {
            run.await.unwrap();
        }
    }

    pub(crate) fn put_policy(&self, text: &str) {
        self.policy.send_replace(load(text));
    }

    pub(crate) async fn opened(&self) -> OpenedSession {
        self.gate.control().open_session(&self.operator, request()).await.unwrap()
    }

    pub(crate) async fn session(&self) -> Session {
        let opened = self.opened().await;
        self.gate.sign_in(Plane::Proxy, &credential(&opened)).unwrap()
    }

    pub(crate) async fn permit(&self, session: &Session, place: &str) -> Permit {
        match self.gate.ask(session, connect(place)).await {
            Answer::Permit(permit) => permit,
            other => panic!("{place} should be permitted: {other:?}"),
        }
    }

    pub(crate) async fn refusal(&self, session: &Session, place: &str) -> Refusal {
        match self.gate.ask(session, connect(place)).await {
            Answer::Refusal(refusal) => refusal,
            other => panic!("{place} should be refused: {other:?}"),
        }
    }

    /// Waits until what was noted is on record.
    pub(crate) async fn events_noted(&self) {
        while self.ledger.health().queued > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// All events, once everything that was noted before is on record.
    pub(crate) async fn events(&self) -> Vec<Recorded> {
        // The queue is in order within a lane; a commit of each lane comes after what was noted.
        let fence = backstop_model::event::Event {
            receipt: backstop_model::id::ReceiptId::draw(self.clock.now(), fresh()),
            at: self.clock.now(),
            policy: backstop_model::id::Digest::ZERO,
            subject: None,
            fact: Fact::ProcessStarted { version: "fence".to_owned() },
        };
        self.events_noted().await;
        self.ledger.commit(fence).await.unwrap();
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(0, |row: &Recorded| row.seq);
            let more = self.ledger.events_after(after, 1_000).unwrap();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }
}

pub(crate) fn fresh() -> [u8; 10] {
    let mut bytes = [0; 10];
    OsRandom.fill(&mut bytes).unwrap();
    bytes
}

async fn echo(listener: TcpListener, saw: Arc<Mutex<Vec<u8>>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let saw = Arc::clone(&saw);
        tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                saw.lock().unwrap().extend_from_slice(&buffer[..read]);
                if stream.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        });
    }
}

pub(crate) fn load(text: &str) -> Arc<Policy> {
    let source = Source { name: "policy.yaml".to_owned(), text: text.to_owned() };
    let now = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
    let applied = Library::default().apply(&[source], &LoadContext::at(now));
    let bad: Vec<_> = applied
        .diagnostics
        .iter()
        .filter(|d| matches!(d.level, backstop_policy::Level::Error))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    applied.policy
}

pub(crate) fn weather() -> (SkillName, SkillVersion) {
    (SkillName::parse("weather").unwrap(), SkillVersion::parse("1.2.0").unwrap())
}

pub(crate) fn request() -> SessionRequest {
    SessionRequest {
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skills: vec![weather()],
        ceiling: None,
        lives: None,
    }
}

pub(crate) fn credential(opened: &OpenedSession) -> Credential {
    Credential { session: Some(opened.id.clone()), token: opened.tokens[0].1.clone() }
}

pub(crate) fn connect(place: &str) -> Attempt {
    Attempt {
        plane: Plane::Proxy,
        destination: parse_authority(place, Protocol::Https).unwrap(),
        act: Act::Connect,
        sight: Inspection::Sni,
    }
}

pub(crate) fn get(url: &str) -> Attempt {
    let url = parse_url(url).unwrap();
    Attempt {
        plane: Plane::Proxy,
        destination: url.destination,
        act: Act::Request { method: "GET".to_owned(), path: url.path },
        sight: Inspection::Headers,
    }
}

pub(crate) fn is_refused_by(refusal: &Refusal, control: Control) {
    assert_eq!(refusal.control, control, "{refusal:?}");
}

/// Waits for something that another task brings about, at most a second of real time.
pub(crate) async fn within_a_second(mut done: impl FnMut() -> bool) {
    let waited = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), waited).await.expect("within a second");
}

/// What a server of these names shows, and the root that vouches for it.
pub(crate) fn tls_server(names: &[&str]) -> (tokio_rustls::TlsAcceptor, String) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let secret = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), certificate.pem())
}
