//! DNS over TLS and HTTPS: clients that others wrote, and clients that mean ill.

use crate::clients::{holds, run};
use crate::server::{SOON, World, ends, hear, query, tell};
use crate::toy::Toy;
use backstop_dns::server::{Config, Files, Handshakes, Https, Tls};
use backstop_testkit::ca::Ca;
use bytes::Bytes;
use domain::base::iana::Rcode;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

struct Sealed {
    world: World,
    ca: Ca,
    folder: TempDir,
}

fn put(folder: &Path, (certificate, key): (String, String)) {
    // Beside and then into place, as certificates are renewed.
    for (name, text) in [("certificate.pem", certificate), ("key.pem", key)] {
        std::fs::write(folder.join("new"), text).unwrap();
        std::fs::rename(folder.join("new"), folder.join(name)).unwrap();
    }
}

impl Sealed {
    fn new(toy: Toy, config: Config) -> Self {
        let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
        put(folder.path(), ca.leaf_pem(&["dns.example", "127.0.0.1"]));
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let files = Files {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
        };
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let tls = Some(Tls { listen: listen.clone(), files: files.clone() });
        let https = Some(Https { listen, files, path: "/dns-query".to_owned() });
        let world = World::new(toy, Config { tls, https, ..config });
        Self { world, ca, folder }
    }

    fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    async fn connect(
        &self,
        to: SocketAddr,
        protocol: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_from("127.0.0.1", to, protocol, "dns.example").await
    }

    async fn connect_from(
        &self,
        from: &str,
        to: SocketAddr,
        protocol: &str,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.world.tcp_to(to, from).await;
        let mut config = (*self.ca.client()).clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        timeout(SOON, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
    }

    /// Status and body of what is answered to a request by HTTP/1.1.
    async fn http(&self, from: &str, request: &[u8]) -> (u16, Vec<u8>, Vec<u8>) {
        let to = self.world.https.unwrap();
        let mut stream = self.connect_from(from, to, "http/1.1", "dns.example").await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let _closed = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an answer");
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
        let status =
            answer.get(9..12).map_or(0, |code| String::from_utf8_lossy(code).parse().unwrap());
        let body = answer.get(head + 4..).unwrap_or_default().to_vec();
        answer.truncate(head);
        (status, answer, body)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kdig_and_dig_ask_by_tls() {
    let sealed = Sealed::new(Toy::default(), Config::default());
    let (to, ca) = (sealed.world.tls.unwrap(), sealed.ca_file());
    let strict = [&format!("+tls-ca={ca}"), "+tls-hostname=dns.example"];
    let rest = [
        "+tls",
        strict[0],
        strict[1],
        "+keepopen",
        "+padding",
        "slow.example",
        "A",
        "refused.example",
        "A",
    ];
    let Some(text) = run("kdig", to, &rest).await else { return };
    holds(
        &text,
        &["TLS session (TLS1.3)", "status: NOERROR", "status: NXDOMAIN", "Blocked", "PADDING"],
    );
    assert!(!text.contains("WARNING"), "{text}");
    // Rounded up: neither length says which it was.
    assert_eq!(text.matches("Received 468 B").count(), 2, "{text}");
    let Some(text) = run("kdig", to, &["+tls", "a.example", "A"]).await else { return };
    holds(&text, &["status: NOERROR"]);
    let rest = ["+tls", strict[0], strict[1], "many.example", "A"];
    let Some(text) = run("dig", to, &rest).await else { return };
    holds(&text, &["status: NOERROR", "ANSWER: 30", "(TLS)"]);
    let other = ["+tls", strict[0], "+tls-hostname=other.example", "a.example", "A"];
    let Some(text) = run("dig", to, &other).await else { return };
    assert!(!text.contains("status:"), "{text}");
    sealed.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kdig_dig_and_curl_ask_by_https() {
    let sealed = Sealed::new(Toy::default(), Config::default());
    let (to, ca) = (sealed.world.https.unwrap(), sealed.ca_file());
    let strict = [&format!("+tls-ca={ca}"), "+tls-hostname=dns.example"];
    for (program, way) in
        [("kdig", "+https"), ("kdig", "+https-get"), ("dig", "+https"), ("dig", "+https-get")]
    {
        for (name, status) in
            [("a.example", "NOERROR"), ("refused.example", "NXDOMAIN"), ("slow.example", "NOERROR")]
        {
            let rest = ["+https", way, strict[0], strict[1], name, "A"];
            let Some(text) = run(program, to, &rest).await else { return };
            holds(&text, &[&format!("status: {status}")]);
            assert!(!text.contains("WARNING"), "{text}");
        }
    }
    #[allow(clippy::disallowed_methods, reason = "a test's client")]
    let curl = tokio::process::Command::new("curl")
        .args(["-sv", "-4", "--max-time", "2", "--doh-insecure", "--doh-url"])
        .args([&format!("https://{to}/dns-query"), "http://a.example/"])
        .output()
        .await;
    match curl {
        // Nobody is there; but curl knows where to look.
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            holds(&text, &["203.0.113.0"]);
        }
        Err(fault) => eprintln!("SKIPPED: curl: {fault}"),
    }
    sealed.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_and_a_bad_one_is_not() {
    let mut sealed = Sealed::new(Toy::default(), Config::default());
    let to = sealed.world.tls.unwrap();
    let mut held = sealed.connect(to, "dot").await.unwrap();
    let next = Ca::new();
    // A key of another certificate: what was there stays.
    std::fs::write(sealed.folder.path().join("key.pem"), next.leaf_pem(&["dns.example"]).1)
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    sealed.connect(to, "dot").await.unwrap();
    put(sealed.folder.path(), next.leaf_pem(&["dns.example"]));
    sealed.ca = next;
    let began = Instant::now();
    while sealed.connect(to, "dot").await.is_err() {
        assert!(began.elapsed() < SOON);
    }
    // Who was there before goes on.
    tell(&mut held, &query(1, "a.example", false)).await;
    assert_eq!(hear(&mut held).await.header().rcode(), Rcode::NOERROR);
    sealed.world.end().await;
}

#[test]
fn a_certificate_that_cannot_be_used_is_said_at_the_start() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let (certificate, _) = ca.leaf_pem(&["a.example"]);
    let (_, key) = ca.leaf_pem(&["b.example"]);
    put(folder.path(), (certificate, key));
    let at = |name: &str| folder.path().join(name);
    let listen: Vec<SocketAddr> = vec!["127.0.0.1:0".parse().unwrap()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    for (certificate, key, said) in [
        ("certificate.pem", "key.pem", "and its key"),
        ("missing.pem", "key.pem", "missing.pem"),
        ("key.pem", "key.pem", "no certificate"),
        ("certificate.pem", "certificate.pem", "certificate.pem"),
    ] {
        let tls = Some(Tls {
            listen: listen.clone(),
            files: Files { certificate: at(certificate), key: at(key) },
        });
        let config = Config { listen: Vec::new(), tls, ..Config::default() };
        let (clock, random) = (backstop_gate::SystemClock, backstop_gate::OsRandom);
        let fault = backstop_dns::server::start(config, Toy::default(), &clock, &random).err();
        let text = fault.expect("it should not start").to_string();
        assert!(text.contains(said), "{text}");
    }
}

/// By TLS as by TCP: an address for a name, no name at all (RFC 6066), any ALPN or none but a wrong one.
#[tokio::test]
async fn a_client_that_names_no_server_is_answered_and_another_protocol_is_not() {
    let sealed = Sealed::new(Toy::default(), Config::default());
    let to = sealed.world.tls.unwrap();
    let mut stream = sealed.connect_from("127.0.0.1", to, "dot", "127.0.0.1").await.unwrap();
    tell(&mut stream, &query(1, "a.example", true)).await;
    assert_eq!(hear(&mut stream).await.as_slice().len(), 468);
    assert!(sealed.connect(to, "h2").await.is_err());
    assert!(sealed.connect(to, "http/1.1").await.is_err());
    assert!(sealed.connect(sealed.world.https.unwrap(), "dot").await.is_err());
    // Plain text at either door is no handshake.
    for to in [to, sealed.world.https.unwrap()] {
        let mut stream = sealed.world.tcp_to(to, "127.0.0.1").await;
        tell(&mut stream, &query(1, "a.example", false)).await;
        let mut said = Vec::new();
        let _closed = timeout(SOON, stream.read_to_end(&mut said)).await.unwrap();
        assert!(said.len() < 12, "an alert at most");
    }
    sealed.world.end().await;
}

fn get(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: dns.example\r\nConnection: close\r\n{more}\r\n")
        .into_bytes()
}

fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: dns.example\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// `a.example` A.
const ASKED: &str = "AAABAAABAAAAAAAAAWEHZXhhbXBsZQAAAQAB";

#[tokio::test]
async fn only_whole_questions_at_the_one_path_are_answered() {
    let sealed = Sealed::new(Toy::default(), Config::default());
    let message = query(0, "a.example", false);
    let good = format!("/dns-query?dns={ASKED}");
    let kind = "application/dns-message";
    let long = vec![0; 1_233];
    for (request, expected) in [
        (get(&good, ""), 200),
        (get(&format!("/dns-query?x=1&dns={ASKED}&y"), ""), 200),
        (post("/dns-query", kind, &message), 200),
        (post("/dns-query", "Application/DNS-Message", &message), 200),
        (get("/dns-query", ""), 400),
        (get("/dns-query?dns=", ""), 400),
        (get("/dns-query?dns=AAA", ""), 400),
        (get("/dns-query?dns=AAAB====", ""), 400),
        (get(&format!("{good}&dns={ASKED}"), ""), 400),
        (get(&format!("/dns-query?DNS={ASKED}"), ""), 400),
        (get(&format!("/dns-query?dns={}", "A".repeat(2_000)), ""), 414),
        (get(&format!("/dns-query?dns={}", "A".repeat(20_000)), ""), 431),
        // Another spelling of the path is another place.
        (get(&format!("/?dns={ASKED}"), ""), 404),
        (get(&format!("//dns-query?dns={ASKED}"), ""), 404),
        (get(&format!("/dns-query/?dns={ASKED}"), ""), 404),
        (get(&format!("/dns-query/../dns-query?dns={ASKED}"), ""), 404),
        (get(&format!("/%64ns-query?dns={ASKED}"), ""), 404),
        (get(&format!("/dns-query%3fdns={ASKED}"), ""), 404),
        (get(&format!("/dns-query;x?dns={ASKED}"), ""), 404),
        (post("/dns-query", "text/plain", &message), 415),
        (post("/dns-query", "application/dns-message, text/plain", &message), 415),
        (post("/dns-query", kind, &long), 413),
        (post("/dns-query", kind, b""), 400),
        (post("/dns-query", kind, &[0; 5]), 400),
        (b"PUT /dns-query HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(), 405),
        (b"CONNECT dns.example:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(), 404),
        (b"rubbish\r\n\r\n".to_vec(), 400),
    ] {
        let (status, ..) = sealed.http("127.0.0.1", &request).await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        assert_eq!(status, expected, "{shown}");
    }
    let (_, head, body) = sealed.http("127.0.0.1", &get(&good, "")).await;
    let head = String::from_utf8(head).unwrap().to_lowercase();
    holds(&head, &["content-type: application/dns-message", "cache-control: private, max-age=60"]);
    assert_eq!(body[3] & 15, 0);
    let refused = post("/dns-query", kind, &query(7, "refused.example", true));
    let (status, head, body) = sealed.http("127.0.0.1", &refused).await;
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert_eq!((status, body[3] & 15, body.len()), (200, 3, 468), "a refusal is an answer");
    holds(&head, &["cache-control: private, max-age="]);
    sealed.world.end().await;
}

/// Who asks is the connection's source, and no header says it.
#[tokio::test]
async fn no_header_of_a_request_says_who_asks() {
    let stranger = Some("127.0.0.9".parse().unwrap());
    let sealed = Sealed::new(Toy { stranger, ..Toy::default() }, Config::default());
    for more in [
        "",
        "X-Forwarded-For: 127.0.0.1\r\n",
        "Forwarded: for=127.0.0.1\r\n",
        "X-Real-IP: 127.0.0.1\r\n",
        "True-Client-IP: 127.0.0.1\r\n",
    ] {
        let request = get(&format!("/dns-query?dns={ASKED}"), more);
        let (status, head, body) = sealed.http("127.0.0.9", &request).await;
        assert_eq!((status, body[3] & 15), (200, 5), "{more}");
        holds(&String::from_utf8(head).unwrap().to_lowercase(), &["cache-control: no-store"]);
    }
    sealed.world.end().await;
}

async fn two(sealed: &Sealed) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let stream = sealed.connect(sealed.world.https.unwrap(), "h2").await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    #[allow(clippy::disallowed_methods, reason = "a test has no task room")]
    tokio::spawn(connection);
    sender
}

fn asks(name: &str) -> http::Request<Full<Bytes>> {
    http::Request::post("https://dns.example/dns-query")
        .header("content-type", "application/dns-message")
        .body(Full::new(Bytes::from(query(1, name, true))))
        .unwrap()
}

/// Streams that are opened and reset at once (CVE-2023-44487), and other clients meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_reset_at_once_hold_up_nobody() {
    let pause = Duration::from_secs(60);
    let sealed = Sealed::new(Toy { pause, ..Toy::default() }, Config::default());
    let mut ill = two(&sealed).await;
    for _ in 0..10_000 {
        if ill.ready().await.is_err() {
            break;
        }
        let asked = ill.send_request(asks("slow.example"));
        // As soon as it is on its way it is given up.
        let _ = timeout(Duration::from_micros(50), asked).await;
    }
    let mut well = two(&sealed).await;
    let began = Instant::now();
    let answer = timeout(SOON, well.send_request(asks("a.example"))).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(began.elapsed() < Duration::from_secs(2));
    sealed.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_of_either_kind_are_let_go_in_time() {
    let short = Duration::from_millis(400);
    let config = Config { patience: short, idle: short, ..Config::default() };
    let sealed = Sealed::new(Toy::default(), config);
    let (tls, https) = (sealed.world.tls.unwrap(), sealed.world.https.unwrap());
    let began = Instant::now();
    // No handshake; a handshake and nothing else; a head or a body that never ends.
    let mut silent = Vec::new();
    for to in [tls, https] {
        silent.push(sealed.world.tcp_to(to, "127.0.0.1").await);
    }
    for stream in &mut silent {
        assert!(ends(stream).await);
    }
    for (to, protocol) in [(tls, "dot"), (https, "h2"), (https, "http/1.1")] {
        let mut stream = sealed.connect(to, protocol).await.unwrap();
        let mut rest = Vec::new();
        let _closed = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("let go");
    }
    for begun in [&b"GET /dns-query HTTP/1.1\r\nHost: a\r\n"[..], b"POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Type: application/dns-message\r\nContent-Length: 100\r\n\r\nab"] {
        let mut stream = sealed.connect(https, "http/1.1").await.unwrap();
        stream.write_all(begun).await.unwrap();
        let drip = async {
            // An octet now and then gains nothing.
            while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                let mut octets = [0; 256];
                let read = timeout(Duration::from_millis(50), stream.read(&mut octets)).await;
                if let Ok(Ok(0) | Err(_)) = read {
                    break;
                }
            }
        };
        timeout(SOON, drip).await.expect("let go");
    }
    assert!(began.elapsed() < SOON);
    sealed.world.end().await;
}

/// So many that nobody else would find a place, if the silent ones kept theirs.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_tls_clients_keep_nobody_out() {
    let config = Config {
        connections: 100,
        connections_per_source: 40,
        patience: SOON,
        ..Config::default()
    };
    let sealed = Sealed::new(Toy::default(), config);
    let (tls, https) = (sealed.world.tls.unwrap(), sealed.world.https.unwrap());
    let mut open = std::collections::VecDeque::new();
    for number in 0..10_000_u32 {
        let from = format!("127.0.{}.{}", 1 + number / 200, 1 + number % 200);
        let mut stream =
            sealed.world.tcp_to(if number % 2 == 0 { tls } else { https }, &from).await;
        // The beginning of a handshake.
        let _closed = stream.write_all(&[22, 3, 1, 2, 0, 1]).await;
        open.push_back(stream);
        if open.len() > 400 {
            open.pop_front();
        }
    }
    let mut stream = sealed.connect(tls, "dot").await.unwrap();
    tell(&mut stream, &query(1, "a.example", true)).await;
    assert_eq!(hear(&mut stream).await.header().rcode(), Rcode::NOERROR);
    let mut sender = two(&sealed).await;
    let answer = timeout(SOON, sender.send_request(asks("a.example"))).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    sealed.world.end().await;
}

/// A source that does nothing but shake hands is let in at its rate; others do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_of_one_source_are_bounded_in_rate() {
    let handshakes = Handshakes { at_once: 5, every: Duration::from_millis(400) };
    let sealed = Sealed::new(Toy::default(), Config { handshakes, ..Config::default() });
    let shakes = async |from| {
        let to = sealed.world.tls.unwrap();
        sealed.connect_from(from, to, "dot", "dns.example").await.is_ok()
    };
    let began = Instant::now();
    let mut let_in = 0;
    for _ in 0..40 {
        let_in += u32::from(shakes("127.0.0.1").await);
    }
    let earned = u32::try_from(began.elapsed().as_millis() / 400).unwrap();
    assert!((5..=5 + earned + 1).contains(&let_in), "{let_in} of 40, {earned} earned");
    assert!(shakes("127.0.0.2").await, "another source");
    // Counted for all listeners under TLS together.
    assert_eq!(sealed.world.stats.hurried.read(), u64::from(40 - let_in));
    let until = Instant::now() + SOON;
    while !shakes("127.0.0.1").await {
        assert!(Instant::now() < until, "it is let in again");
    }
    sealed.world.end().await;
}
