//! The demo's outside world on loopback: an honest upstream with a CA of its own, and the
//! attacker's server that records every byte. Both are real servers behind real sockets.
//! Next: `net`, which leads public-looking addresses here.

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The demo's servers; they stop when this is dropped.
pub(super) struct Servers {
    /// `https://api.weather.example`.
    pub(super) https: SocketAddr,
    /// `http://plain.weather.example`.
    pub(super) http: SocketAddr,
    /// Everything else in the world.
    pub(super) attacker: SocketAddr,
    /// Trusts the demo's CA alone.
    pub(super) roots: Arc<rustls::RootCertStore>,
    /// What the attacker's server received, in bytes.
    pub(super) received: Arc<AtomicU64>,
    /// How many connections reached the attacker's server.
    pub(super) visits: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

/// Starts the servers on free ports of 127.0.0.1.
///
/// # Errors
/// Where no port is free or the certificate cannot be made.
pub(super) async fn start(names: &[&str]) -> Result<Servers> {
    let (acceptor, roots) = identity(names)?;
    let (https, http, attacker) = (listen().await?, listen().await?, listen().await?);
    let (received, visits) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    let addresses = (https.local_addr()?, http.local_addr()?, attacker.local_addr()?);
    tasks.spawn(accept(https, move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(tls) = acceptor.accept(stream).await {
                answer(tls).await;
            }
        }
    }));
    tasks.spawn(accept(http, |stream| async move { answer(stream).await }));
    let (count, calls) = (Arc::clone(&received), Arc::clone(&visits));
    tasks.spawn(accept(attacker, move |stream| {
        calls.fetch_add(1, Ordering::SeqCst);
        record(stream, Arc::clone(&count))
    }));
    Ok(Servers {
        https: addresses.0,
        http: addresses.1,
        attacker: addresses.2,
        roots: Arc::new(roots),
        received,
        visits,
        _tasks: tasks,
    })
}

async fn listen() -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port on 127.0.0.1")
}

async fn accept<F, T>(listener: TcpListener, serve: F)
where
    F: Fn(TcpStream) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream));
        while connections.try_join_next().is_some() {}
    }
}

/// The honest upstream: `/moved` redirects to cloud metadata, everything else is a forecast.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut head = Vec::new();
    let mut chunk = [0; 2048];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => head.extend_from_slice(chunk.get(..read).unwrap_or_default()),
        }
        if head.len() > 64 * 1024 {
            return;
        }
        if !head.windows(4).any(|window| window == b"\r\n\r\n") {
            continue;
        }
        let moved = head.starts_with(b"GET /moved ");
        head.clear();
        let reply: &[u8] = if moved {
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"forecast\":\"sunny\"}"
        };
        if stream.write_all(reply).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// The attacker's server: counts what comes and answers nothing.
async fn record(mut stream: TcpStream, received: Arc<AtomicU64>) {
    let mut chunk = [0; 4096];
    while let Ok(read) = stream.read(&mut chunk).await {
        if read == 0 {
            return;
        }
        received.fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

/// A CA made for this run alone, and a leaf for the honest names.
fn identity(names: &[&str]) -> Result<(TlsAcceptor, rustls::RootCertStore)> {
    let mut authority = rcgen::CertificateParams::new(Vec::new())?;
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Backstop demo CA");
    let key = rcgen::KeyPair::generate()?;
    let root = authority.self_signed(&key)?;
    let issuer = rcgen::Issuer::from_params(&authority, &key);
    let leaf_key = rcgen::KeyPair::generate()?;
    let texts: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = rcgen::CertificateParams::new(texts)?.signed_by(&leaf_key, &issuer)?;
    let private = rustls::pki_types::PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.der().clone())?;
    Ok((TlsAcceptor::from(Arc::new(server)), roots))
}
