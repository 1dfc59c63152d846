//! The world in which the attempts are made.

use backstop_testkit::backstop::basic;
use backstop_testkit::client;
use backstop_testkit::message::{Kind, Message};
use backstop_testkit::{Answer, Attacker, Backstop, Ca, Session, Setup, Upstream, World};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where the proxy listens besides a free port of loopback: every address of the machine.
pub(super) const OPEN_PORT: u16 = 3199;
/// Where the API listens.
pub(super) const API_PORT: u16 = 8481;

pub(super) const POLICY: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  skills: [{ name: weather, version: 1.2.0 }, { name: idler, version: 1.0.0 }]
  egress:
  - { host: api.weather.example, owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: plain.weather.example, protocol: HTTP, ports: [80], owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: raw.weather.example, owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: "*.tiles.example", owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: self.example, protocol: HTTP, ports: [80, 3199, 8481], owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: loop.example, protocol: HTTP, ports: [80, 3199, 8481], owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: zero.example, protocol: HTTP, ports: [80, 3199, 8481], owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: meta.example, protocol: HTTP, ports: [80], owner: t, reason: r, reviewBy: "2099-01-01" }
  - { host: mixed.example, protocol: HTTP, ports: [80], owner: t, reason: r, reviewBy: "2099-01-01" }
---
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: finance }
spec:
  skills: [{ name: payroll, version: 2.0.0 }]
  egress: [{ host: bank.finance.example, owner: t, reason: r, reviewBy: "2099-01-01" }]
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  egressRequirements:
  - api.weather.example
  - raw.weather.example
  - { host: plain.weather.example, protocol: HTTP, ports: [80] }
  - { host: self.example, protocol: HTTP, ports: [80, 3199, 8481] }
  - { host: loop.example, protocol: HTTP, ports: [80, 3199, 8481] }
  - { host: zero.example, protocol: HTTP, ports: [80, 3199, 8481] }
  - { host: meta.example, protocol: HTTP, ports: [80] }
  - { host: mixed.example, protocol: HTTP, ports: [80] }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: idler-1.0.0 }
spec: { name: idler, version: 1.0.0, egressRequirements: [plain.weather.example] }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: payroll-2.0.0 }
spec: { name: payroll, version: 2.0.0, egressRequirements: [bank.finance.example] }
"#;

/// Everything that runs. Fields are dropped in order: the gateway first.
pub(super) struct Stage {
    pub(super) backstop: Backstop,
    pub(super) session: Session,
    pub(super) attacker: Attacker,
    pub(super) api: Upstream,
    pub(super) plain: Upstream,
    /// `raw.weather.example:443`: sends every byte back.
    pub(super) mirror: Upstream,
    dns: Dns,
}

impl Stage {
    /// With [`POLICY`] and no further configuration.
    pub(super) fn new(world: &World) -> Self {
        Self::with(world, json!({}), POLICY)
    }

    /// With that configuration (the listeners are set here) and policy.
    pub(super) fn with(world: &World, mut config: Value, policy: &str) -> Self {
        let dns = Dns::new();
        let attacker = Attacker::new(world);
        for name in ["evil.example", "bank.finance.example", "tile.tiles.example"] {
            world.host(name, attacker.ip());
        }
        let ca = Ca::new();
        world.trust(&ca);
        let api = Upstream::https(world, &ca, &["api.weather.example"]);
        let plain = Upstream::http(world);
        let mirror = Upstream::mirror(SocketAddr::new(world.address(), 443));
        world.host("raw.weather.example", mirror.ip());
        world.host("api.weather.example", api.ip());
        world.host("plain.weather.example", plain.ip());
        world.host("self.example", IpAddr::V4(Ipv4Addr::new(93, 184, 0, 1)));
        world.host("loop.example", IpAddr::V4(Ipv4Addr::LOCALHOST));
        world.host("zero.example", IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        world.host("meta.example", IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)));
        world.host("mixed.example", attacker.ip());
        world.host("mixed.example", IpAddr::V4(Ipv4Addr::LOCALHOST));
        if config.get("drain").is_none() {
            config["drain"] = json!("1s");
        }
        let mut setup = Setup::new(world, env!("CARGO_BIN_EXE_backstop"), policy).config(config);
        setup.arguments = vec!["--proxy".into(), format!("0.0.0.0:{OPEN_PORT}")];
        let backstop = Backstop::start(world, setup);
        let session = backstop.session("research", &["weather@1.2.0"]);
        Self { backstop, session, attacker, api, plain, mirror, dns }
    }

    pub(super) fn authorization(&self) -> String {
        self.session.authorization()
    }

    /// Sends raw bytes to the proxy; `{auth}` in them is the whole credential line. Reads as many
    /// answers as are expected and describes each as `STATUS control`.
    pub(super) fn say(&self, text: &str, answers: usize) -> Vec<String> {
        let auth = format!("Proxy-Authorization: {}", self.authorization());
        self.say_bytes(text.replace("{auth}", &auth).as_bytes(), answers)
    }

    pub(super) fn say_bytes(&self, bytes: &[u8], answers: usize) -> Vec<String> {
        let mut stream = client::connect(self.backstop.proxy());
        // Who is refused early may find the connection closed while he still writes.
        let _best_effort = stream.write_all(bytes);
        let mut out = Vec::new();
        let mut rest = Rest { stream, buffer: Vec::new() };
        for _ in 0..answers {
            match rest.reply() {
                Some(reply) => out.push(told(&reply)),
                None => {
                    out.push("closed".to_owned());
                    break;
                }
            }
        }
        out
    }

    /// Opens a tunnel with that target.
    pub(super) fn connect(&self, target: &str) -> (std::net::TcpStream, Message) {
        let auth = self.authorization();
        client::tunnel(self.backstop.proxy(), target, &[("proxy-authorization", &auth)])
    }

    /// A GET by the proxy with that token.
    pub(super) fn get_as(&self, user: &str, token: &str, url: &str) -> Message {
        let auth = basic(user, token);
        client::request(self.backstop.proxy(), "GET", url, &[("proxy-authorization", &auth)], b"")
    }

    pub(super) fn get(&self, url: &str) -> Message {
        self.get_as(&self.session.id, self.session.token(), url)
    }

    /// Honest traffic passes: the refusals before were not an outage.
    #[track_caller]
    pub(super) fn works(&self) {
        let reply = self.get("http://plain.weather.example/honest");
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }

    /// The attacker has nothing: no connection, no byte, no look-up.
    #[track_caller]
    pub(super) fn nothing_left(&self) {
        self.attacker.assert_nothing();
        assert_eq!(self.attacker.connections(), 0, "connections to the attacker");
        assert_eq!(self.dns.count(), 0, "look-ups");
    }

    /// The events of that type, by the API.
    pub(super) fn events(&self, of: &str) -> Vec<Value> {
        let text = export(&self.backstop);
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|event| of.is_empty() || event["type"] == of || event["fact"]["type"] == of)
            .collect()
    }

    pub(super) fn script(&self, path: &str, answer: Answer) {
        self.plain.answer(path, answer);
    }
}

/// `backstop ledger export` of a running gateway's ledger.
pub(super) fn export(backstop: &Backstop) -> String {
    let state = backstop.state().display().to_string();
    let ran = crate::run::backstop(&["--state", &state, "ledger", "export"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

/// `STATUS control` of an answer; without a control just the status.
pub(super) fn told(reply: &Message) -> String {
    let control = serde_json::from_slice::<Value>(&reply.body)
        .ok()
        .and_then(|problem| problem["control"].as_str().map(str::to_owned));
    match control {
        Some(control) => format!("{} {control}", reply.status()),
        None => reply.status().to_string(),
    }
}

struct Rest {
    stream: std::net::TcpStream,
    buffer: Vec<u8>,
}

impl Rest {
    fn reply(&mut self) -> Option<Message> {
        use backstop_testkit::message::{Extent, extent};
        use std::io::Read as _;
        let mut part = [0; 4096];
        loop {
            // A 200 to CONNECT has no length; nothing that is expected here is cut by that.
            let tunnel = self.buffer.starts_with(b"HTTP/1.1 200 OK\r\nbackstop-receipt");
            let kind = if tunnel { Kind::HeadReply } else { Kind::Reply };
            if let Extent::Whole(length) = extent(&self.buffer, kind) {
                let raw: Vec<u8> = self.buffer.drain(..length).collect();
                return Some(Message::parse(&raw));
            }
            match self.stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.buffer.extend_from_slice(&part[..read]),
            }
        }
    }
}

/// The world's name server: answers nothing and counts.
struct Dns {
    count: Arc<AtomicUsize>,
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Dns {
    fn new() -> Self {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 53))).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (counted, stopped) = (Arc::clone(&count), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !stopped.load(Ordering::SeqCst) {
                if let Ok((read, peer)) = socket.recv_from(&mut buffer) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    // NXDOMAIN to the same question.
                    buffer[2] |= 0x80;
                    buffer[3] = 3;
                    let _ = socket.send_to(&buffer[..read], peer);
                }
            }
        });
        Self { count, stop, thread: Some(thread) }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A test of a table: every row whose outcome is another is told, all at once.
#[track_caller]
pub(super) fn hold(rows: &[(&str, String, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(_, got, want)| got != want)
        .map(|(name, got, want)| format!("{name}\n    want {want}\n    got  {got}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} attempts:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
