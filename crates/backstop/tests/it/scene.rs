//! What the tests of the running gateway share: policies, its own command line asked from inside
//! the world, and a live TLS tunnel.

use backstop_model::id::Digest;
use backstop_testkit::client::{self, eventually};
use backstop_testkit::{Backstop, Ca, Session, Setup, Upstream, World};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Output;
use std::time::{Duration, Instant};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_backstop");

/// Which host the tests' agents usually want.
pub(crate) const HOST: &str = "api.weather.example";
/// The row that allows it.
pub(crate) const ROW: &str = "{ host: api.weather.example }";
/// The row of another host at the same server.
pub(crate) const OTHER: &str = "{ host: other.example }";
/// Within this time whatever changes reaches what lives.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A TLS server that is both [`HOST`] and `other.example`, and who vouches for it.
pub(crate) fn upstream(world: &World) -> (Ca, Upstream) {
    let ca = Ca::new();
    let upstream = Upstream::https(world, &ca, &[HOST, "other.example"]);
    for name in [HOST, "other.example"] {
        world.host(name, upstream.ip());
    }
    (ca, upstream)
}

/// A tenant `research` whose skill `weather@1.2.0` may reach these: each a row as it stands in YAML,
/// with `host` first; the skill declares host, ports and protocol of the same row.
pub(crate) fn policy(rows: &[&str]) -> String {
    policy_with(rows, rows)
}

/// The same, but the skill declares those rows. Its content is its identity: a session goes on over
/// a change of the tenant's rows, not over one of the skill's.
pub(crate) fn policy_with(rows: &[&str], declared: &[&str]) -> String {
    let kept = |row: &&str| {
        let parts = row.trim_matches(['{', '}', ' ']).split(", ");
        let parts: Vec<&str> = parts
            .filter(|part| {
                ["host", "ports", "protocol"].iter().any(|key| part.starts_with(&format!("{key}:")))
            })
            .collect();
        format!("  - {{ {} }}\n", parts.join(", "))
    };
    let tenant: String = rows.iter().map(|row| format!("  - {row}\n")).collect();
    let skill: String = declared.iter().map(kept).collect();
    let list = |key: &str, rows: String| {
        if rows.is_empty() { String::new() } else { format!("  {key}:\n{rows}") }
    };
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: research }}\nspec:\n  \
         skills: [{{ name: weather, version: 1.2.0 }}]\n{}---\n\
         apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: weather-1.2.0 }}\nspec:\n  \
         name: weather\n  version: 1.2.0\n{}",
        list("egress", tenant),
        list("egressRequirements", skill)
    )
}

/// A session of the tenant and the skill of [`policy`].
#[track_caller]
pub(crate) fn session(backstop: &Backstop) -> Session {
    backstop.session("research", &["weather@1.2.0"])
}

/// Starts the gateway with that policy.
#[track_caller]
pub(crate) fn start(world: &World, policy: &str) -> Backstop {
    Backstop::start(world, Setup::new(world, BINARY, policy))
}

/// Runs a command of the binary beside the gateway, as an operator would.
#[track_caller]
pub(crate) fn run(world: &World, backstop: &Backstop, arguments: &[&str]) -> Output {
    let mut command = world.command(BINARY);
    command.arg("--state").arg(backstop.state()).arg("--policy").arg(backstop.policy());
    command.args(arguments).output().unwrap()
}

/// The same, and it must succeed; gives its JSON.
#[track_caller]
pub(crate) fn ask(world: &World, backstop: &Backstop, arguments: &[&str]) -> Value {
    let output = run(world, backstop, &[&["--format", "json"], arguments].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}\n{text}{fault}", output.status);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"))
}

/// Every event on record, in order.
#[track_caller]
pub(crate) fn events(world: &World, backstop: &Backstop) -> Vec<Value> {
    let output = run(world, backstop, &["ledger", "export"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until an event of that type for which `fits` holds is on record.
#[track_caller]
pub(crate) fn on_record(
    world: &World,
    backstop: &Backstop,
    kind: &str,
    fits: impl Fn(&Value) -> bool,
) -> Value {
    eventually(&format!("{kind} on record"), || {
        events(world, backstop)
            .into_iter()
            .find(|event| event["type"] == kind && fits(&event["fact"]))
    })
}

/// Replaces the policy, and waits until this text is in force: it is on record a moment before.
#[track_caller]
pub(crate) fn change_policy(backstop: &Backstop, text: &str) {
    let digest = Digest::of(text.as_bytes()).to_string();
    backstop.write_policy("policy.yaml", text);
    eventually("the policy in force", || {
        let answer = backstop.ask("GET", "/v1/policy", None);
        (answer.json()["sources"][0]["digest"] == digest).then_some(())
    });
}

/// What is on record under a receipt, as `backstop explain RECEIPT` tells it: verdict, the control
/// that decided, and the host.
#[track_caller]
pub(crate) fn explained(
    world: &World,
    backstop: &Backstop,
    receipt: &str,
) -> (String, String, String) {
    // Refusals answer before they are written.
    let output = eventually("the receipt on record", || {
        let output = run(world, backstop, &["--format", "json", "explain", receipt]);
        (output.status.code() != Some(3)).then_some(output)
    });
    let shown: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(text(&shown["receipt"]), receipt);
    (
        text(&shown["verdict"]),
        text(&shown["controls"][0]["id"]),
        text(&shown["recorded"]["fact"]["asked"]["host"]),
    )
}

/// Asks for a tunnel and gives the status and, for a refusal, its control.
#[track_caller]
pub(crate) fn connect(backstop: &Backstop, session: &Session, authority: &str) -> (u16, String) {
    let credential = session.authorization();
    let headers = [("proxy-authorization", credential.as_str())];
    let (_stream, reply) = client::tunnel(backstop.proxy(), authority, &headers);
    let control = match reply.status() {
        200 => String::new(),
        _ => reply.json()["control"].as_str().unwrap_or_default().to_owned(),
    };
    (reply.status(), control)
}

/// A TLS connection through the proxy to a server that mirrors: it lives until somebody ends it.
pub(crate) struct Tunnel {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// The receipt of the CONNECT.
    pub(crate) receipt: String,
}

impl Tunnel {
    /// Opens it to port 443 of that host, which must be an `Upstream` over TLS.
    #[track_caller]
    pub(crate) fn open(backstop: &Backstop, session: &Session, ca: &Ca, host: &str) -> Self {
        Self::through(backstop.proxy(), session, ca, host)
    }

    /// The same through that proxy.
    #[track_caller]
    pub(crate) fn through(proxy: SocketAddr, session: &Session, ca: &Ca, host: &str) -> Self {
        let credential = session.authorization();
        let headers = [("proxy-authorization", credential.as_str())];
        let (stream, reply) = client::tunnel(proxy, &format!("{host}:443"), &headers);
        assert_eq!(reply.status(), 200, "{}{}", reply.first, reply.text());
        let receipt = reply.header("backstop-receipt").unwrap().to_owned();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let tls = ClientConnection::new(ca.client(), name).unwrap();
        let mut tunnel = Self { stream: StreamOwned::new(tls, stream), receipt };
        tunnel.stream.write_all(b"GET /mirror HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tunnel.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
        tunnel
    }

    /// Sends something and gets it back.
    #[track_caller]
    pub(crate) fn assert_lives(&mut self) {
        self.stream.write_all(b"ping").unwrap();
        let mut back = [0; 4];
        self.stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"ping");
    }

    /// Waits until somebody else ends it, and says how long that took.
    #[track_caller]
    pub(crate) fn until_cut(mut self) -> Duration {
        let begin = Instant::now();
        match self.stream.read(&mut [0; 16]) {
            Ok(0) => {}
            Ok(read) => panic!("{read} bytes came instead of an end"),
            Err(error) => assert!(
                !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ),
                "the tunnel still lives after {:?}",
                begin.elapsed()
            ),
        }
        begin.elapsed()
    }

    /// Ends it in good order: what the server still sends is read first. A socket that is closed
    /// over unread bytes (TLS session tickets, say) resets the connection, and the flow has failed.
    pub(crate) fn close(mut self) {
        self.stream.conn.send_close_notify();
        let _ = self.stream.flush();
        let _ = self.stream.sock.shutdown(Shutdown::Write);
        let _ = self.stream.sock.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = std::io::copy(&mut self.stream.sock, &mut std::io::sink());
    }
}
