//! Upstreams over TLS (RFC 7858): verified or not used at all.

#![allow(clippy::disallowed_methods, reason = "servers of tests")]

use super::{Stage, ask, told};
use crate::forward::Failure;
use backstop_gate::Trust;
use backstop_model::name::QueryType;
use backstop_testkit::nameserver::{Asked, address};
use backstop_testkit::{Ca, NameServer};
use tempfile::TempDir;

fn good(asked: &Asked) -> Vec<Vec<u8>> {
    told(asked, &[address(&asked.name, 300, "93.184.0.7")])
}

fn stage(server: &NameServer, name: &str, trusted: &Ca, directory: &TempDir) -> Stage {
    let roots = directory.path().join("ca.pem");
    std::fs::write(&roots, trusted.pem()).unwrap();
    let mut stage = Stage::new(&[]);
    stage.texts = vec![format!("tls://{}#{name}", server.place())];
    stage.trust = Some(Trust::Only(vec![roots]));
    stage
}

#[tokio::test]
async fn an_upstream_over_tls_is_verified_and_its_connection_kept() {
    let (ca, directory) = (Ca::new(), TempDir::new().unwrap());
    let server = NameServer::secured(ca.name_server(&["dns.example"]), good);
    let answers = stage(&server, "dns.example", &ca, &directory).answers();
    for n in 0..20 {
        let name = format!("n{n}.example");
        assert!(ask(&answers, &name, QueryType::A).await.unwrap().ends_with("93.184.0.7"));
    }
    assert!(server.asked().iter().all(|asked| asked.by_tcp));
    assert_eq!((server.asked().len(), server.connections()), (20, 1));
}

#[tokio::test]
async fn an_upstream_that_cannot_prove_its_name_is_told_nothing() {
    let (ca, other, directory) = (Ca::new(), Ca::new(), TempDir::new().unwrap());
    for (named, trusted) in [("evil.example", &ca), ("dns.example", &other)] {
        let server = NameServer::secured(ca.name_server(&[named]), good);
        let answers = stage(&server, "dns.example", trusted, &directory).answers();
        let told = ask(&answers, "name.example", QueryType::A).await;
        assert_eq!(told, Err(Failure::Unreachable), "{named}");
        assert_eq!(server.asked().len(), 0, "no question was sent, by datagram neither");
    }
}

/// A real server of DNS over HTTPS, dnsdist, before a name server that keeps what it was asked; and
/// between it and us somebody who counts connections.
struct Https {
    server: NameServer,
    dnsdist: std::process::Child,
    front: std::net::SocketAddr,
    connections: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Https {
    async fn start(ca: &Ca, name: &str, directory: &TempDir) -> Option<Self> {
        let server = NameServer::start(good);
        let dnsdist = free();
        let (certificate, key) = ca.leaf_pem(&[name]);
        let at = |file: &str| directory.path().join(file);
        std::fs::write(at("certificate.pem"), certificate).unwrap();
        std::fs::write(at("key.pem"), key).unwrap();
        let settings = format!(
            "setLocal('{}')\naddDOHLocal('{dnsdist}', '{}', '{}', '/dns-query')\n\
             newServer({{address='{}', checkName='up.example.'}})\n",
            free(),
            at("certificate.pem").display(),
            at("key.pem").display(),
            server.place(),
        );
        std::fs::write(at("dnsdist.conf"), settings).unwrap();
        let started = std::process::Command::new("dnsdist")
            .args(["--supervised", "--disable-syslog", "-C"])
            .arg(at("dnsdist.conf"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(fault) => {
                eprintln!("SKIPPED: dnsdist: {fault}");
                return None;
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = listener.local_addr().unwrap();
        let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let Ok(mut far) = tokio::net::TcpStream::connect(dnsdist).await else { continue };
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tokio::spawn(
                    async move { tokio::io::copy_bidirectional(&mut near, &mut far).await },
                );
            }
        });
        let began = std::time::Instant::now();
        // Up when it listens and has found its own server.
        while std::net::TcpStream::connect(dnsdist).is_err()
            || !server.asked().iter().any(|asked| asked.name.starts_with("up."))
        {
            assert!(began.elapsed() < std::time::Duration::from_secs(20), "dnsdist does not start");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Some(Self { server, dnsdist: child, front, connections })
    }

    fn stage(&self, path: &str, name: &str, trusted: &Ca, directory: &TempDir) -> Stage {
        let mut stage = stage(&self.server, name, trusted, directory);
        stage.texts = vec![format!("https://{}{path}#{name}", self.front)];
        stage
    }

    fn asked(&self) -> usize {
        self.server.asked().iter().filter(|asked| !asked.name.starts_with("up.")).count()
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        let _ended = self.dnsdist.kill();
        let _reaped = self.dnsdist.wait();
    }
}

fn free() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_by_https_is_verified_and_its_connection_shared() {
    let (ca, other, directory) = (Ca::new(), Ca::new(), TempDir::new().unwrap());
    let Some(https) = Https::start(&ca, "dns.example", &directory).await else { return };
    let answers = https.stage("/dns-query", "dns.example", &ca, &directory).answers();
    let mut all = tokio::task::JoinSet::new();
    for n in 0..40 {
        let answers = std::sync::Arc::clone(&answers);
        all.spawn(async move {
            let told = ask(&answers, &format!("n{n}.example"), QueryType::A).await;
            assert!(told.unwrap().ends_with("93.184.0.7"));
        });
    }
    all.join_all().await;
    assert_eq!(https.connections.load(std::sync::atomic::Ordering::Relaxed), 1);
    let asked = https.asked();
    assert!(asked >= 40, "{asked}");
    // Another path, another name, another authority: nobody is asked, and by no other way.
    for (path, name, trusted) in [
        ("/other", "dns.example", &ca),
        ("/dns-query", "evil.example", &ca),
        ("/dns-query", "dns.example", &other),
    ] {
        let answers = https.stage(path, name, trusted, &directory).answers();
        let told = ask(&answers, "name.example", QueryType::A).await;
        assert_eq!(told, Err(Failure::Unreachable), "{path} {name}");
    }
    assert_eq!(https.asked(), asked);
}
