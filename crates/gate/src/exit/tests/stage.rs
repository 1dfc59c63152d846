//! What stands around the dialer in its tests: a resolver that counts, servers, certificates.

use crate::BoxFuture;
use crate::exit::{
    Config, DialFault, Dialled, Exit, MappedWire, OwnListeners, TlsMode, Trust, Wire, dial,
};
use crate::resolve::{Resolve, ResolveFault};
use backstop_model::addr::{AddressRules, Cidr};
use backstop_model::destination::{Destination, Protocol};
use backstop_model::host::{Host, HostName};
use backstop_model::id::{SessionId, TenantName};
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Gives each name its answers one after another, the last one for good, and counts.
#[derive(Default)]
pub(super) struct Script {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Script {
    pub(super) fn answer(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.answers.lock().unwrap().entry(name.into()).or_default().push_back(addresses);
    }
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Script {
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        _who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.get_mut(name.as_str()).map(|queue| match queue.len() {
            1 => queue[0].clone(),
            _ => queue.pop_front().unwrap(),
        });
        Box::pin(async move { answer.ok_or_else(|| ResolveFault::NoAddress(name.clone())) })
    }
}

/// Counts what is dialled; addresses in `hangs` never answer.
pub(super) struct Watched {
    inner: MappedWire,
    hangs: Vec<IpAddr>,
    pub(super) dialled: Mutex<Vec<IpAddr>>,
}

impl Wire for Watched {
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, std::io::Result<TcpStream>> {
        self.dialled.lock().unwrap().push(address.ip());
        if self.hangs.contains(&address.ip()) {
            return Box::pin(std::future::pending());
        }
        self.inner.connect(address)
    }
    fn has_reached(&self, address: SocketAddr, stream: &TcpStream) -> std::io::Result<bool> {
        self.inner.has_reached(address, stream)
    }
}

/// A dialer with everything around it. Servers end with it.
pub(super) struct Stage {
    pub(super) config: Config,
    pub(super) script: Arc<Script>,
    pub(super) listeners: OwnListeners,
    pub(super) rules: AddressRules,
    pub(super) hangs: Vec<IpAddr>,
    pub(super) tasks: JoinSet<()>,
    table: BTreeMap<SocketAddr, SocketAddr>,
    roots: Option<tempfile::NamedTempFile>,
}

/// The made dialer.
pub(super) struct Out {
    pub(super) exit: Exit,
    pub(super) wire: Arc<Watched>,
    rules: AddressRules,
    _roots: Option<tempfile::NamedTempFile>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let config = Config {
            stagger: Duration::from_millis(5),
            trust: Trust::Only(Vec::new()),
            ..Config::default()
        };
        Self {
            config,
            script: Arc::default(),
            listeners: OwnListeners::default(),
            rules: AddressRules::default(),
            hangs: Vec::new(),
            tasks: JoinSet::new(),
            table: BTreeMap::new(),
            roots: None,
        }
    }
    /// Has `address` stand for a server.
    pub(super) fn map(&mut self, address: &str, server: SocketAddr) {
        self.table.insert(address.parse().unwrap(), server);
    }
    /// A server that gives back what it gets.
    pub(super) async fn echo(&mut self) -> SocketAddr {
        self.serve(async |mut stream: TcpStream| {
            let (mut read, mut write) = stream.split();
            drop(tokio::io::copy(&mut read, &mut write).await);
        })
        .await
    }
    /// A server that does `each` with every connection, one after another.
    pub(super) async fn serve<F>(
        &mut self,
        each: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> SocketAddr
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(each(stream));
            }
        });
        address
    }
    /// Trusts this authority and no other.
    pub(super) fn trust(&mut self, authority: &Authority) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(authority.pem.as_bytes()).unwrap();
        self.config.trust = Trust::Only(vec![file.path().to_owned()]);
        self.roots = Some(file);
    }
    pub(super) fn allow_private(&mut self, cidrs: &[&str]) {
        self.rules.allow_private = cidrs.iter().map(|cidr| Cidr::parse(cidr).unwrap()).collect();
    }
    pub(super) fn open(&mut self) -> Out {
        let wire = Arc::new(Watched {
            inner: MappedWire::new(self.table.clone()),
            hangs: self.hangs.clone(),
            dialled: Mutex::default(),
        });
        let exit = Exit::new(
            self.config.clone(),
            self.script.clone(),
            Arc::clone(&wire) as Arc<dyn Wire>,
            self.listeners.clone(),
        );
        let (exit, rules) = (exit.unwrap(), self.rules.clone());
        Out { exit, wire, rules, _roots: self.roots.take() }
    }
}

impl Out {
    pub(super) async fn dial(&self, place: &str) -> Result<Dialled, DialFault> {
        self.dial_as(place, TlsMode::Client, &subject(1)).await
    }
    pub(super) async fn dial_as(
        &self,
        place: &str,
        tls: TlsMode,
        who: &Subject,
    ) -> Result<Dialled, DialFault> {
        dial(&self.exit, &destination(place), &self.rules, tls, (who, None)).await
    }
    pub(super) fn dialled(&self) -> Vec<String> {
        self.wire.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

/// Whether bytes go there and come back.
pub(super) async fn echoes(dialled: &mut Dialled) {
    dialled.stream.write_all(b"ping").await.unwrap();
    dialled.stream.flush().await.unwrap();
    let mut back = [0; 4];
    dialled.stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"ping");
}

pub(super) fn destination(place: &str) -> Destination {
    let (host, port) = place.rsplit_once(':').unwrap();
    let (host, port) = (Host::parse(host).unwrap(), port.parse().unwrap());
    Destination { protocol: Protocol::Https, host, port }
}

pub(super) fn subject(n: u8) -> Subject {
    Subject {
        session: Some(SessionId::draw(Timestamp::from_unix_micros(1), [n; 10])),
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    }
}

/// A certificate authority of the test's own.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self::named("authority")
    }
    pub(super) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }
    /// A server's configuration with a certificate for `names`, changed by `change`.
    pub(super) fn server(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> ServerConfig {
        let (params, key) = leaf(names, change);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server(certificate, &key)
    }
}

/// A server's configuration with a certificate that signs itself.
pub(super) fn self_signed(names: &[&str]) -> ServerConfig {
    let (params, key) = leaf(names, |_| ());
    let certificate = params.self_signed(&key).unwrap();
    server(certificate, &key)
}

fn leaf(
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    change(&mut params);
    (params, KeyPair::generate().unwrap())
}

fn server(certificate: rcgen::Certificate, key: &KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
