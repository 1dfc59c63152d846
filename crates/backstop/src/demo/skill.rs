//! The hijacked skill: it speaks to the proxy as any program would, over real sockets, and tries
//! what an attacker would try. It knows nothing of the gate.

use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What came back, as the skill sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    /// HTTP status; 0 when the connection ended without one.
    pub(super) status: u16,
    /// `Backstop-Receipt`, if any.
    pub(super) receipt: Option<String>,
    /// `control` of a problem+json body, if any.
    pub(super) control: Option<String>,
    /// `Location`, if any.
    pub(super) location: Option<String>,
}

/// The skill's way to the proxy.
pub(super) struct Skill {
    /// The proxy.
    pub(super) proxy: SocketAddr,
    /// `Proxy-Authorization` value, if it has one.
    pub(super) credential: Option<String>,
    /// The roots that it trusts.
    pub(super) roots: Arc<rustls::RootCertStore>,
}

impl Skill {
    /// Sends bytes to the proxy and reads one answer.
    pub(super) async fn raw(&self, bytes: &[u8]) -> Result<(Reply, TcpStream)> {
        let mut stream = self.dial().await?;
        stream.write_all(bytes).await?;
        let reply = read_reply(&mut stream).await?;
        Ok((reply, stream))
    }

    /// A plain request in absolute form.
    pub(super) async fn get(&self, target: &str, host: &str) -> Result<Reply> {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\n{}Connection: close\r\n\r\n",
            self.header()
        );
        Ok(self.raw(head.as_bytes()).await?.0)
    }

    /// Opens a tunnel.
    pub(super) async fn connect(&self, authority: &str) -> Result<(Reply, TcpStream)> {
        let head =
            format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n", self.header());
        self.raw(head.as_bytes()).await
    }

    /// Opens a tunnel and speaks HTTPS in it with the given server name.
    ///
    /// The first reply is the proxy's; the second the upstream's, absent where TLS did not come about.
    pub(super) async fn https(
        &self,
        authority: &str,
        sni: &str,
        path: &str,
    ) -> Result<(Reply, Option<Reply>)> {
        let (reply, stream) = self.connect(authority).await?;
        if reply.status != 200 {
            return Ok((reply, None));
        }
        let Ok(mut tls) = self.tls(stream, sni).await else { return Ok((reply, None)) };
        let head = format!("GET {path} HTTP/1.1\r\nHost: {sni}\r\n\r\n");
        tls.write_all(head.as_bytes()).await?;
        let inner = read_reply(&mut tls).await?;
        Ok((reply, Some(inner)))
    }

    /// TLS within a tunnel.
    pub(super) async fn tls(
        &self,
        stream: TcpStream,
        sni: &str,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        let name = rustls::pki_types::ServerName::try_from(sni.to_owned())?;
        Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
    }

    /// The credential's header line.
    pub(super) fn header(&self) -> String {
        self.credential
            .as_ref()
            .map(|value| format!("Proxy-Authorization: {value}\r\n"))
            .unwrap_or_default()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the hijacked skill is outside the gate: it dials its proxy"
    )]
    async fn dial(&self) -> Result<TcpStream> {
        TcpStream::connect(self.proxy).await.context("the demo's proxy does not answer")
    }
}

/// Reads one response head and, if it has a length, its body.
pub(super) async fn read_reply(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Reply> {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(0) | Err(_) => return Ok(Reply::default()),
            Ok(_) => bytes.extend_from_slice(&byte),
        }
        if bytes.len() > 64 * 1024 {
            bail!("the answer's head has no end");
        }
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let field = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let length: usize = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length.min(64 * 1024)];
    stream.read_exact(&mut body).await?;
    let problem: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let control =
        problem.as_ref().and_then(|p| p.get("control")).and_then(|c| c.as_str()).map(str::to_owned);
    Ok(Reply { status, receipt: field("backstop-receipt"), control, location: field("location") })
}

/// A TLS 1.3 ClientHello with a server name and an `encrypted_client_hello` extension
/// (RFC 8446 §4.1.2; RFC 9849 assigns 0xfe0d), as a client with ECH would send.
pub(super) fn hello_with_ech(name: &str) -> Vec<u8> {
    let sized = |width: usize, bytes: &[u8]| {
        let length = bytes.len().to_be_bytes();
        let mut out = length.get(length.len() - width..).unwrap_or_default().to_vec();
        out.extend_from_slice(bytes);
        out
    };
    let extension = |kind: u16, body: &[u8]| {
        let mut out = kind.to_be_bytes().to_vec();
        out.extend(sized(2, body));
        out
    };
    let mut entry = vec![0];
    entry.extend(sized(2, name.as_bytes()));
    let mut extensions = extension(0, &sized(2, &entry));
    extensions.extend(extension(0x002b, &[2, 3, 4]));
    extensions.extend(extension(0xfe0d, &[0; 64]));
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    hello.extend(sized(2, &extensions));
    let mut handshake = vec![1];
    handshake.extend(sized(3, &hello));
    let mut record = vec![22, 3, 1];
    record.extend(sized(2, &handshake));
    record
}
