//! TLS towards the upstream: verified against name and roots, or refused. There is no way to
//! weaken it, by configuration or otherwise.
//! Must not know who asked. Next: `stream`.
//!
//! TLS 1.2 and 1.3 (RFC 8446), X25519MLKEM768 first. Sessions are not resumed: a resumed
//! handshake verifies no certificate, and tickets would let an upstream tie one tenant's
//! connections to another's.

use super::{DialFault, ExitStream};
use backstop_model::control::Control;
use backstop_model::host::Host;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore, version};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// By which roots an upstream's certificate is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The platform's roots, and those in these PEM files.
    PlatformAnd(Vec<PathBuf>),
    /// Those in these PEM files alone.
    Only(Vec<PathBuf>),
}

impl Default for Trust {
    fn default() -> Self {
        Self::PlatformAnd(Vec::new())
    }
}

/// Why the trusted roots could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TrustFault {
    /// A configured file is unreadable, or no PEM.
    #[error("cannot read the trust roots in `{path}`: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A configured file holds no certificate.
    #[error("there is no certificate in `{0}`")]
    Empty(PathBuf),
    /// The cryptography library refused its own configuration.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Speaks TLS as a client.
pub(crate) struct UpstreamTls {
    connector: TlsConnector,
}

impl UpstreamTls {
    pub(crate) fn new(trust: &Trust) -> Result<Self, TrustFault> {
        Self::speaking(trust, b"http/1.1")
    }

    /// For that application protocol (RFC 7301).
    pub(crate) fn speaking(trust: &Trust, protocol: &[u8]) -> Result<Self, TrustFault> {
        let mut roots = RootCertStore::empty();
        let files = match trust {
            Trust::Only(files) => files,
            Trust::PlatformAnd(files) => {
                add_platform_roots(&mut roots);
                files
            }
        };
        for file in files {
            add_file(&mut roots, file)?;
        }
        if roots.is_empty() {
            tracing::error!("no trust root at all: every `https` upstream will be refused");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Shakes hands; the stream is given back only if the far end has proved to be `host`.
    pub(crate) async fn verify(
        &self,
        stream: ExitStream,
        host: &Host,
    ) -> Result<ExitStream, DialFault> {
        let name = match host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => ServerName::try_from(name.as_str().to_owned()).map_err(|_| {
                let reason = format!("`{name}` cannot stand in a certificate (RFC 6125)");
                DialFault::new(Control::UpstreamTls, reason)
            })?,
        };
        match self.connector.connect(name, stream).await {
            Ok(stream) => Ok(ExitStream::Tls(Box::new(stream))),
            Err(fault) => Err(refused(host, &fault)),
        }
    }
}

/// The platform's roots. What cannot be read is named loudly; the rest serves.
fn add_platform_roots(roots: &mut RootCertStore) {
    let found = rustls_native_certs::load_native_certs();
    for fault in &found.errors {
        tracing::error!(%fault, "some of the platform's trust roots cannot be read");
    }
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if ignored > 0 {
        tracing::warn!(ignored, "some of the platform's trust roots are malformed");
    }
}

fn add_file(roots: &mut RootCertStore, path: &PathBuf) -> Result<(), TrustFault> {
    let fault =
        |why: &dyn std::fmt::Display| TrustFault::File { path: path.clone(), why: why.to_string() };
    let text = std::fs::read(path).map_err(|why| fault(&why))?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|why| fault(&why))?;
        roots.add(certificate).map_err(|why| fault(&why))?;
    }
    if roots.len() == before {
        return Err(TrustFault::Empty(path.clone()));
    }
    Ok(())
}

/// What went wrong, in words. Nothing that the far end wrote is repeated.
fn refused(host: &Host, fault: &io::Error) -> DialFault {
    let inner = fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (control, why) = match inner {
        None => (Control::UpstreamReach, format!("the connection broke: {}", fault.kind())),
        Some(rustls::Error::InvalidCertificate(why)) => {
            (Control::UpstreamTls, certificate_in_words(why).to_owned())
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            (Control::UpstreamTls, format!("it answered with the TLS alert `{alert:?}`"))
        }
        Some(rustls::Error::PeerIncompatible(why)) => {
            (Control::UpstreamTls, format!("it offers no acceptable TLS: {why:?}"))
        }
        Some(_) => (Control::UpstreamTls, "what it speaks is not valid TLS".to_owned()),
    };
    DialFault::new(control, format!("`{host}` is not verified: {why}"))
}

fn certificate_in_words(why: &CertificateError) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's open enum")]
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::UnknownIssuer => "its certificate is from no trusted issuer",
        CertificateError::BadSignature => "its certificate's signature is wrong",
        CertificateError::Revoked => "its certificate is revoked",
        CertificateError::BadEncoding => "its certificate is malformed",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers"
        }
        _ => "its certificate is not acceptable",
    }
}
