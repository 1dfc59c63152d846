//! The whole of it: listeners, gate with policy and ledger, cache, forwarder, and an upstream that
//! lies. What a client is told is read from its own socket.

use backstop_dns::answer::{Answers, Limits};
use backstop_dns::cache;
use backstop_dns::forward::{self, Forwarder, Upstream};
use backstop_dns::server::{Config, start};
use backstop_dns::service::{Names, Row};
use backstop_gate::names::{NameIdentity, NameSkill};
use backstop_gate::{
    Clock as _, Gate, OsRandom, OwnListeners, OwnSockets, Parts, SystemClock, SystemResolver,
    TcpWire,
};
use backstop_ledger::Ledger;
use backstop_model::addr::Cidr;
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_policy::{Library, LoadContext};
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::{Asked, address, alias, name, record};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

struct House {
    place: SocketAddr,
    _state: TempDir,
    _policy: watch::Sender<Arc<backstop_policy::Policy>>,
    _stop: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

const POLICY: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: team }
spec:
  skills: [{ name: asks, version: 1.0.0 }]
  egress: [{ host: name.example, owner: o, reason: r, reviewBy: "2099-01-01" }, { host: inner.example, allowPrivate: [10.1.2.0/24], owner: o, reason: r, reviewBy: "2099-01-01" }]
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: asks-1.0.0 }
spec: { name: asks, version: 1.0.0, egressRequirements: [name.example, inner.example] }
"#;

impl House {
    async fn new(upstream: &NameServer) -> Self {
        let source =
            backstop_policy::Source { name: "test.yaml".to_owned(), text: POLICY.to_owned() };
        let applied = Library::default().apply(&[source], &LoadContext::at(SystemClock.now()));
        let state = TempDir::new().unwrap();
        let directory = state.path().join("ledger");
        let config = backstop_ledger::Config { directory, ..Default::default() };
        let ledger = Ledger::open(config, Arc::new(|| SystemClock.now())).unwrap();
        let (policy, watched) = watch::channel(applied.policy);
        let gate = Gate::new(Parts {
            config: backstop_gate::Config::default(),
            ledger,
            policy: watched,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            resolver: Arc::new(SystemResolver::new(Duration::from_secs(2))),
            wire: Arc::new(TcpWire::default()),
        })
        .unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (running, stopping) = (gate.clone(), stopped.clone());
        tasks.spawn(async move {
            let _ended = running.run(stopping).await;
        });
        let upstreams = vec![Upstream::parse(&upstream.place().to_string()).unwrap()];
        let forwarding = forward::Config { upstreams, ..forward::Config::default() };
        let sockets = OwnSockets::new(OwnListeners::default());
        let forwarder = Forwarder::new(forwarding, sockets, Arc::new(OsRandom));
        // No floor: the upstream may flip from one question to the next.
        let times = cache::Config { ttl_floor: Duration::ZERO, ..cache::Config::default() };
        let answers = Answers::new(forwarder, times, Limits::default(), Handle::current());
        let who = NameIdentity {
            place: "127.0.0.0/8".to_owned(),
            tenant: TenantName::parse("team").unwrap(),
            skill: NameSkill::One(
                SkillName::parse("asks").unwrap(),
                SkillVersion::parse("1.0.0").unwrap(),
            ),
            role: None,
        };
        let session = gate.name_session(who).await.unwrap();
        let from = Some(Cidr::parse("127.0.0.0/8").unwrap());
        let names = Names::new(gate, answers, vec![Row { listen: None, from, session }]);
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let config = Config { listen, threads: 1, ..Config::default() };
        let server = start(config, names, &SystemClock, &OsRandom).unwrap();
        let place = server.addresses()[0];
        tasks.spawn(async move {
            let _ended = server.run(stopped).await;
        });
        Self { place, _state: state, _policy: policy, _stop: stop, _tasks: tasks }
    }

    /// The answer's code, and its octets.
    async fn ask(&self, host: &str, qtype: u16) -> (u8, Vec<u8>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.place).await.unwrap();
        let mut query = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        query.extend(name(host));
        query.extend(qtype.to_be_bytes());
        query.extend([0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        socket.send(&query).await.unwrap();
        let mut message = vec![0; 4_096];
        let wait = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut message));
        let length = wait.await.unwrap().unwrap();
        message.truncate(length);
        (message[3] & 0x0f, message)
    }

    /// Nothing but a refusal by that control.
    async fn refuses(&self, host: &str, qtype: u16, control: &str, secret: &[u8]) {
        let (rcode, message) = self.ask(host, qtype).await;
        let text = String::from_utf8_lossy(&message);
        assert_eq!(rcode, 3, "{host} {qtype}: {text}");
        assert!(text.contains(control), "{host} {qtype}: no `{control}` in {text}");
        assert_eq!(message[6..8], [0, 0], "{host} {qtype}: no record");
        assert!(!holds(&message, secret), "{host} {qtype}: the address is told");
    }
}

fn holds(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len()).any(|window| window == part)
}

fn told(asked: &Asked, records: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut reply = asked.reply();
    reply.sections[0] = records;
    vec![reply.wire()]
}

const METADATA: [u8; 4] = [169, 254, 169, 254];

#[tokio::test(flavor = "multi_thread")]
async fn no_record_and_no_form_brings_a_forbidden_address_to_a_client() {
    let forms = [
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
        "2001:0:a9fe:a9fe::a9fe:a9fe",
        "fd00:ec2::254",
        "fe80::1",
        "::1",
    ];
    let server = NameServer::start(move |asked| {
        let n = asked.before;
        let host = asked.name.as_str();
        let public = address(host, 0, "93.184.0.7");
        let hint = |key: u8, value: &[u8]| {
            let length = u8::try_from(value.len()).unwrap();
            record(host, asked.qtype, 0, &[&[0, 1, 0, 0, key, 0, length], value].concat())
        };
        match (asked.qtype, n) {
            (1, 0) => told(asked, vec![address(host, 0, "169.254.169.254")]),
            (1, 1) => told(asked, vec![public, address(host, 0, "169.254.169.254")]),
            (1, 2) => {
                told(asked, vec![alias(host, 0, "x.test"), address("x.test", 0, "169.254.169.254")])
            }
            (1, _) => told(asked, vec![address(host, 0, "127.0.0.1")]),
            (28, n) => told(asked, vec![address(host, 0, forms[n % forms.len()])]),
            _ => told(asked, vec![hint(4, &[&[93, 184, 0, 7][..], &METADATA].concat())]),
        }
    });
    let house = House::new(&server).await;
    for _ in 0..4 {
        house.refuses("name.example", 1, "ssrf.address", &METADATA).await;
    }
    for _ in forms {
        house.refuses("name.example", 28, "ssrf.address", b"\xa9\xfe\xa9\xfe").await;
    }
    for qtype in [64, 65] {
        house.refuses("name.example", qtype, "ssrf.address", &METADATA).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_good_and_turns_inside_is_rebinding() {
    let server = NameServer::start(|asked| {
        let ip = if asked.before == 0 { "93.184.0.7" } else { "10.1.2.3" };
        told(asked, vec![address(&asked.name, 0, ip)])
    });
    let house = House::new(&server).await;
    let (rcode, message) = house.ask("name.example", 1).await;
    assert!(rcode == 0 && holds(&message, &[93, 184, 0, 7]), "{rcode}");
    house.refuses("name.example", 1, "ssrf.rebind", &[10, 1, 2, 3]).await;
    // The row of another name says that it may be there; what one name may is nothing to another.
    house.ask("inner.example", 1).await;
    let (rcode, message) = house.ask("inner.example", 1).await;
    assert!(rcode == 0 && holds(&message, &[10, 1, 2, 3]), "{rcode}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_name_reaches_no_upstream() {
    let server =
        NameServer::start(|asked| told(asked, vec![address(&asked.name, 60, "93.184.0.7")]));
    let house = House::new(&server).await;
    for host in ["evil.example", "data.name.example", "example", "name.example.evil.test"] {
        house.refuses(host, 1, "dns.undeclared", &[93, 184, 0, 7]).await;
    }
    assert!(server.asked().is_empty());
    assert_eq!(house.ask("name.example", 1).await.0, 0);
    assert_eq!(server.asked().len(), 1);
}
