//! Tunnels: what gets through, what does not, and that nothing leaves before it is judged.

use crate::house::{House, Upstream, read_head, read_to_end, soon};
use backstop_model::event::{Ending, Fact};
use backstop_model::id::ByteCount;
use backstop_proxy::Config;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];
const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The first flight of a real client for `name`.
fn hello(name: &str, sni: bool) -> Vec<u8> {
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.enable_sni = sni;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut out = Vec::new();
    client.write_tls(&mut out).unwrap();
    out
}

/// The hello with one more extension.
fn with_extension(hello: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = hello.to_vec();
    let suites = 44 + usize::from(hello[43]);
    let compression =
        suites + 2 + usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
    let extensions = compression + 1 + usize::from(hello[compression]);
    out.extend(kind.to_be_bytes());
    out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    out.extend(data);
    let added = data.len() + 4;
    for (at, size) in [(3, 2), (6, 3), (extensions, 2)] {
        let old = out[at..at + size].iter().fold(0usize, |sum, b| sum << 8 | usize::from(*b));
        let new = (old + added).to_be_bytes();
        out[at..at + size].copy_from_slice(&new[8 - size..]);
    }
    out
}

/// What comes back when `bytes` are sent into a tunnel that must not come about.
async fn denied(house: &House, bytes: &[u8]) -> Vec<u8> {
    let mut client = house.tunnel("api.weather.example:443").await;
    client.write_all(bytes).await.unwrap();
    let mut back = Vec::new();
    let _reset_is_an_end = soon(client.read_to_end(&mut back)).await;
    assert!(house.tried().is_empty(), "nothing was dialled");
    back
}

async fn refused_by(house: &House, control: &str) {
    let is_it = |fact: &Fact| matches!(fact, Fact::AttemptRefused { control: by, .. } if by.as_str() == control);
    house.recorded(is_it).await;
}

#[tokio::test]
async fn tls_passes_end_to_end() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["api.weather.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let upstream = Upstream::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut tls = acceptor.accept(stream).await.unwrap();
            let mut asked = [0; 7];
            tls.read_exact(&mut asked).await.unwrap();
            assert_eq!(&asked, b"weather");
            tls.write_all(&[b'x'; 300_000]).await.unwrap();
            tls.shutdown().await.unwrap();
        }
    })
    .await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tunnel = house.tunnel("api.weather.example:443").await;
    let name = ServerName::try_from("api.weather.example").unwrap();
    let mut tls = soon(TlsConnector::from(Arc::new(config)).connect(name, tunnel)).await.unwrap();
    tls.write_all(b"weather").await.unwrap();
    let mut answer = Vec::new();
    soon(tls.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer.len(), 300_000);
    drop(tls);
    let ended = house.recorded(|fact| matches!(fact, Fact::FlowEnded { .. })).await;
    match ended {
        Fact::FlowEnded { sent, received, ending, .. } => {
            assert!(
                sent > ByteCount(300) && received > ByteCount(300_000),
                "{sent:?} {received:?}"
            );
            assert_eq!(ending, Ending::Closed);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hello_sent_byte_by_byte_arrives_whole_and_unchanged() {
    let upstream = Upstream::echo().await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let hello = hello("api.weather.example", true);
    let mut client = house.tunnel("api.weather.example:443").await;
    for (index, byte) in hello.iter().enumerate() {
        assert!(house.tried().is_empty(), "dialled after {index} bytes");
        client.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut back = vec![0; hello.len()];
    soon(client.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, hello);
    // Half-close: our end passes on, theirs comes back after it.
    client.write_all(b"more").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, "morebye");
}

#[tokio::test]
async fn a_hello_sent_together_with_the_connect_passes() {
    let upstream = Upstream::echo().await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let hello = hello("api.weather.example", true);
    let place = "api.weather.example:443";
    let head = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{}\r\n", house.credential());
    let mut client = house.client().await;
    client.write_all(&[head.as_bytes(), &hello].concat()).await.unwrap();
    client.shutdown().await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("bye"));
    assert_eq!(*upstream.got.lock().unwrap(), hello);
}

#[tokio::test]
async fn an_http_1_0_connect_without_host_passes() {
    let upstream = Upstream::echo().await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let hello = hello("api.weather.example", true);
    let mut client = house.client().await;
    let head = format!("CONNECT api.weather.example:443 HTTP/1.0\r\n{}\r\n", house.credential());
    client.write_all(head.as_bytes()).await.unwrap();
    let answer = read_head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(
        !answer.contains("content-length") && !answer.contains("transfer-encoding"),
        "{answer}"
    );
    client.write_all(&hello).await.unwrap();
    let mut back = vec![0; hello.len()];
    soon(client.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, hello);
}

#[tokio::test]
async fn an_undeclared_host_is_refused_before_any_lookup() {
    let house = House::open().await;
    let head = "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n";
    let answer = house.exchange(format!("{head}{}\r\n", house.credential())).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(answer.contains("backstop-receipt: rcp_"), "{answer}");
    assert!(answer.contains("\"control\":\"egress.tenant\",\"host\":\"evil.example\""), "{answer}");
    assert!(house.tried().is_empty());
}

#[tokio::test]
async fn forbidden_addresses_are_refused_in_every_spelling() {
    let house = House::open().await;
    for place in [
        "169.254.169.254:443",
        "127.0.0.1:443",
        "0x7f.1:443",
        "2130706433:443",
        "[::1]:443",
        "[::ffff:169.254.169.254]:443",
        "localhost:443",
        "metadata.google.internal:443",
    ] {
        let head = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
        let answer = house.exchange(format!("{head}{}\r\n", house.credential())).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{place}: {answer}");
        assert!(answer.contains("\"control\":\"ssrf."), "{place}: {answer}");
    }
    assert!(house.tried().is_empty());
}

#[tokio::test]
async fn another_server_name_is_refused() {
    let house = House::open().await;
    assert_eq!(denied(&house, &hello("evil.example", true)).await, ACCESS_DENIED);
    refused_by(&house, "wire.authority").await;
}

#[tokio::test]
async fn no_server_name_is_refused() {
    let house = House::open().await;
    assert_eq!(denied(&house, &hello("api.weather.example", false)).await, ACCESS_DENIED);
    refused_by(&house, "wire.authority").await;
}

#[tokio::test]
async fn an_encrypted_hello_is_refused() {
    let house = House::open().await;
    let hello = with_extension(&hello("api.weather.example", true), 0xfe0d, &[0, 0, 1, 0, 1]);
    assert_eq!(denied(&house, &hello).await, ACCESS_DENIED);
    refused_by(&house, "wire.ech").await;
}

#[tokio::test]
async fn a_second_server_name_is_refused() {
    let house = House::open().await;
    let evil = b"\x00\x0f\x00\x00\x0cevil.example";
    let hello = with_extension(&hello("api.weather.example", true), 0, evil);
    assert_eq!(denied(&house, &hello).await, ACCESS_DENIED);
    refused_by(&house, "wire.framing").await;
}

#[tokio::test]
async fn a_retried_hello_with_another_name_cuts_the_tunnel() {
    let upstream = Upstream::echo().await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let first = hello("api.weather.example", true);
    let mut client = house.tunnel("api.weather.example:443").await;
    client.write_all(&first).await.unwrap();
    let mut back = vec![0; first.len()];
    soon(client.read_exact(&mut back)).await.unwrap();
    client
        .write_all(&[&[20, 3, 3, 0, 1, 1][..], &hello("evil.example", true)].concat())
        .await
        .unwrap();
    read_to_end(&mut client).await;
    refused_by(&house, "wire.authority").await;
    assert!(!upstream.text().contains("evil.example"));
}

#[tokio::test]
async fn other_protocols_are_refused() {
    for bytes in [&b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"[..], b"SSH-2.0-x\r\n", b"\0"] {
        let house = House::open().await;
        assert_eq!(denied(&house, bytes).await, b"");
        refused_by(&house, "wire.protocol").await;
    }
}

#[tokio::test]
async fn a_silent_client_does_not_keep_a_tunnel() {
    let config = Config { hello: Duration::from_millis(50), ..Config::default() };
    let house = House::with(config).await;
    assert_eq!(denied(&house, &hello("api.weather.example", true)[..40]).await, b"");
    refused_by(&house, "limit").await;
}

#[tokio::test]
async fn an_upstream_that_is_down_shows_as_one() {
    let house = House::open().await;
    let mut client = house.tunnel("down.example:443").await;
    client.write_all(&hello("down.example", true)).await.unwrap();
    let mut back = Vec::new();
    soon(client.read_to_end(&mut back)).await.unwrap();
    assert_eq!(back, INTERNAL_ERROR);
    refused_by(&house, "upstream.reach").await;
}

#[tokio::test]
async fn a_closed_session_cuts_its_live_tunnels_within_a_second() {
    let upstream = Upstream::echo().await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let hello = hello("api.weather.example", true);
    let mut client = house.tunnel("api.weather.example:443").await;
    client.write_all(&hello).await.unwrap();
    let mut back = vec![0; hello.len()];
    soon(client.read_exact(&mut back)).await.unwrap();
    let began = Instant::now();
    house.gate.control().close_session(&house.operator, &house.session.id).await.unwrap();
    let ended = soon(client.read(&mut back)).await;
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    house.recorded(|fact| matches!(fact, Fact::FlowEnded { ending: Ending::Revoked, .. })).await;
}

#[tokio::test]
async fn a_tunnel_in_which_nothing_moves_ends() {
    let upstream = Upstream::echo().await;
    let house = House::with(Config { idle: Duration::from_millis(100), ..Config::default() }).await;
    house.lead("93.184.0.1:443", upstream.address);
    let mut client = house.tunnel("api.weather.example:443").await;
    client.write_all(&hello("api.weather.example", true)).await.unwrap();
    read_to_end(&mut client).await;
    house.recorded(|fact| matches!(fact, Fact::FlowEnded { ending: Ending::Idle, .. })).await;
}

#[tokio::test]
async fn a_slow_side_gets_every_byte_in_order() {
    const SIZE: usize = 4_000_000;
    let upstream = Upstream::start(|mut stream, _| async move {
        let mut first = vec![0; hello("api.weather.example", true).len()];
        stream.read_exact(&mut first).await.unwrap();
        let all: Vec<u8> = (0..SIZE).map(|n| u8::try_from(n % 251).unwrap()).collect();
        stream.write_all(&all).await.unwrap();
    })
    .await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let mut client = house.tunnel("api.weather.example:443").await;
    client.write_all(&hello("api.weather.example", true)).await.unwrap();
    let mut seen = 0;
    let mut part = vec![0; 1_000];
    while seen < SIZE {
        let count = soon(client.read(&mut part)).await.unwrap();
        assert!(count > 0, "ended after {seen}");
        for byte in &part[..count] {
            assert_eq!(usize::from(*byte), seen % 251);
            seen += 1;
        }
        tokio::task::yield_now().await;
    }
}
