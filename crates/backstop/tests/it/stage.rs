//! A world with upstreams that record, a policy that lets them be reached, and the real gateway.

use crate::run::{Ran, ended};
use backstop_testkit::{Backstop, Ca, Session, Setup, Upstream, World, client};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

/// Plain HTTP on port 80: requests are seen.
pub(crate) const PLAIN: &str = "plain.weather.example";
/// On nobody's list.
pub(crate) const EVIL: &str = "evil.example";
const SKILL: &str = "weather@1.2.0";
/// Names that tunnels may lead to.
pub(crate) const TUNNELS: usize = 400;

/// The n-th name that a tunnel may lead to.
pub(crate) fn tunnel_host(number: usize) -> String {
    format!("t{}.tunnel.example", number % TUNNELS)
}

/// One tenant whose skill may reach [`PLAIN`] and every [`tunnel_host`].
pub(crate) fn policy() -> String {
    let terms = "owner: team, reason: test, reviewBy: \"2099-01-01\"";
    let rows: String =
        (0..TUNNELS).map(|n| format!("  - {{ host: {}, {terms} }}\n", tunnel_host(n))).collect();
    let needs: String = (0..TUNNELS).map(|n| format!("  - {}\n", tunnel_host(n))).collect();
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: research }}\nspec:\n\
         \x20 skills:\n  - {{ name: weather, version: 1.2.0 }}\n  egress:\n\
         \x20 - {{ host: {PLAIN}, protocol: HTTP, ports: [80], {terms} }}\n{rows}---\n\
         apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: weather-1.2.0 }}\nspec:\n\
         \x20 name: weather\n  version: 1.2.0\n  egressRequirements:\n\
         \x20 - {{ host: {PLAIN}, protocol: HTTP, ports: [80], methods: [GET, POST], paths: [\"/**\"] }}\n{needs}"
    )
}

/// The upstreams of one world.
pub(crate) struct Stage<'w> {
    pub(crate) world: &'w World,
    pub(crate) plain: Upstream,
    pub(crate) tls: Upstream,
    pub(crate) ca: Ca,
}

impl<'w> Stage<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let ca = Ca::new();
        let plain = Upstream::http(world);
        world.host(PLAIN, plain.ip());
        let tls = Upstream::https(world, &ca, &["*.tunnel.example"]);
        for number in 0..TUNNELS {
            world.host(&tunnel_host(number), tls.ip());
        }
        Self { world, plain, tls, ca }
    }

    /// The binary with that policy and these keys of its configuration.
    pub(crate) fn setup(&self, config: Value) -> Setup {
        let mut setup = Setup::new(self.world, env!("CARGO_BIN_EXE_backstop"), &policy());
        if config.is_object() {
            setup = setup.config(config);
        }
        setup.arguments.extend(["--set".to_owned(), "drain=1s".to_owned()]);
        setup
    }

    pub(crate) fn start(&self, config: Value) -> Backstop {
        Backstop::start(self.world, self.setup(config))
    }

    /// Runs a command of the binary on that state folder, as an operator would.
    #[track_caller]
    pub(crate) fn cli(&self, state: &Path, arguments: &[&str]) -> Ran {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_backstop"));
        command.arg("--state").arg(state).args(arguments).stdin(Stdio::null());
        ended(&mut command)
    }

    /// Every event on record, oldest first.
    #[track_caller]
    pub(crate) fn export(&self, state: &Path) -> Vec<Value> {
        let ran = self.cli(state, &["ledger", "export"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// `ledger verify`, which must pass.
    #[track_caller]
    pub(crate) fn verify(&self, state: &Path, arguments: &[&str]) -> Value {
        let mut all = vec!["--format", "json", "ledger", "verify"];
        all.extend(arguments);
        let ran = self.cli(state, &all);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        ran.json()
    }
}

pub(crate) fn session(gateway: &Backstop) -> Session {
    gateway.session("research", &[SKILL])
}

/// One plain request through the proxy; the reply.
#[track_caller]
pub(crate) fn get(
    gateway: &Backstop,
    session: &Session,
    path: &str,
) -> backstop_testkit::message::Message {
    let authorization = session.authorization();
    let headers = [("proxy-authorization", authorization.as_str()), ("connection", "close")];
    client::request(gateway.proxy(), "GET", &format!("http://{PLAIN}{path}"), &headers, b"")
}

/// The facts of that type.
pub(crate) fn of_type<'a>(events: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["type"] == name)
}

/// One request over TLS in a tunnel of its own. `None` where the gateway went away.
pub(crate) fn through_tunnel(
    proxy: SocketAddr,
    authorization: &str,
    host: &str,
    path: &str,
    trust: &Arc<rustls::ClientConfig>,
) -> Option<()> {
    let mut stream = TcpStream::connect(proxy).ok()?;
    stream.set_read_timeout(Some(client::DEADLINE)).ok()?;
    let head = client::head(
        "CONNECT",
        &format!("{host}:443"),
        &[("proxy-authorization", authorization)],
        b"",
    );
    stream.write_all(&head).ok()?;
    let reply = client::read_reply(&mut stream, backstop_testkit::message::Kind::HeadReply).ok()?;
    if reply.status() != 200 {
        return None;
    }
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).unwrap();
    let tls = rustls::ClientConnection::new(Arc::clone(trust), name).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, stream);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").ok()?;
    stream.flush().ok()?;
    let mut first = [0; 64];
    (stream.read(&mut first).ok()? > 0).then_some(())
}
