//! The whole of it: listeners, gate with policy and ledger, cache, forwarder, and an upstream that
//! lies. What a client is told is read from its own socket.

use crate::house::{House, Plan, asks};
use backstop_dns::cache;
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::{Asked, address, alias, name, record};
use std::time::Duration;
use tokio::net::UdpSocket;

const POLICY: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  skills: [{ name: asks, version: 1.0.0 }]
  egress: [{ host: name.example, owner: o, reason: r, reviewBy: "2099-01-01" }, { host: inner.example, allowPrivate: [10.1.2.0/24], owner: o, reason: r, reviewBy: "2099-01-01" }]
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: asks-1.0.0 }
spec: { name: asks, version: 1.0.0, egressRequirements: [name.example, inner.example] }
"#;

struct Judged(House);

impl Judged {
    async fn new(upstream: &NameServer) -> Self {
        // No floor: the upstream may flip from one question to the next.
        let times = cache::Config { ttl_floor: Duration::ZERO, ..cache::Config::default() };
        let plan = Plan::new(POLICY.to_owned(), asks());
        let plan = Plan { times, from: "127.0.0.0/8", ..plan };
        Self(House::open(plan, upstream.place()).await)
    }

    /// The answer's code, and its octets.
    async fn ask(&self, host: &str, qtype: u16) -> (u8, Vec<u8>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.0.address).await.unwrap();
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
    let house = Judged::new(&server).await;
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
    let house = Judged::new(&server).await;
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
    let house = Judged::new(&server).await;
    for host in ["evil.example", "data.name.example", "example", "name.example.evil.test"] {
        house.refuses(host, 1, "dns.undeclared", &[93, 184, 0, 7]).await;
    }
    assert!(server.asked().is_empty());
    assert_eq!(house.ask("name.example", 1).await.0, 0);
    assert_eq!(server.asked().len(), 1);
}
