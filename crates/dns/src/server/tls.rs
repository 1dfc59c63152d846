//! Certificates of the listeners under TLS: read at the start, and again when their files change. A
//! pair that cannot be used changes nothing and is said. Next: `tcp`, `https`.

use super::listen::stopped;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// The files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The chain, in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file that cannot be read, or holds no PEM of its kind.
    #[error("cannot read `{}`: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Key and certificate are not a pair, or of a kind that nobody here knows.
    #[error("certificate `{}` and its key: {why}", file.display())]
    Pair {
        /// The certificate's file.
        file: PathBuf,
        /// What is wrong with them.
        why: String,
    },
}

/// The pair that is in use.
pub(super) struct Pair {
    files: Files,
    seen: RwLock<Seen>,
}

#[derive(Clone)]
struct Seen {
    key: Arc<CertifiedKey>,
    /// What the files were when they were read.
    stamps: [Option<Stamp>; 2],
}

/// File, length and time of change: replaced, written anew or swapped by a link, one of them differs.
type Stamp = (u64, u64, i64, i64);

impl Pair {
    /// Reads both files.
    pub(super) fn read(files: Files) -> Result<Arc<Self>, TlsFault> {
        let seen = read(&files)?;
        Ok(Arc::new(Self { files, seen: RwLock::new(seen) }))
    }

    /// Reads them again whenever they change, until `stop`.
    pub(super) async fn follow(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut complained = None;
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = sleep(LOOK) => {}
            }
            let stamps = stamps(&self.files);
            let known = self.seen.read().unwrap_or_else(PoisonError::into_inner).stamps;
            if stamps == known || complained == Some(stamps) {
                continue;
            }
            match read(&self.files) {
                Ok(seen) => {
                    *self.seen.write().unwrap_or_else(PoisonError::into_inner) = seen;
                    complained = None;
                    let file = self.files.certificate.display();
                    tracing::info!(%file, "the resolver's certificate was read again");
                }
                Err(fault) => {
                    tracing::warn!(%fault, "the certificate before it stays in use");
                    complained = Some(stamps);
                }
            }
        }
    }

    /// Speaks TLS for these protocols (ALPN, RFC 7301), the best first.
    pub(super) fn acceptor(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<TlsAcceptor, TlsFault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = Arc::new(InUse(Arc::clone(self)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .map_err(|fault| pair(&self.files, &fault))?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        // A question in early data could be played again by whoever saw it (RFC 8446 §8).
        config.max_early_data_size = 0;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Whoever asks gets this certificate, whatever name it names: clients often know an address alone.
struct InUse(Arc<Pair>);

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.seen.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InUse").field(&self.0.files).finish()
    }
}

fn read(files: &Files) -> Result<Seen, TlsFault> {
    // RACE: a change that comes while we read gives another stamp next time.
    let stamps = stamps(files);
    let chain = within(&files.certificate).and_then(|pem| {
        CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|fault| file(&files.certificate, &fault))
    })?;
    let key = within(&files.key).and_then(|pem| {
        PrivateKeyDer::from_pem_slice(&pem).map_err(|fault| file(&files.key, &fault))
    })?;
    if chain.is_empty() {
        return Err(file(&files.certificate, &"it holds no certificate"));
    }
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|fault| pair(files, &fault))?;
    Ok(Seen { key: Arc::new(key), stamps })
}

fn within(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let read = || -> io::Result<Vec<u8>> {
        if std::fs::metadata(path)?.len() > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        std::fs::read(path)
    };
    read().map_err(|fault| file(path, &fault))
}

fn stamps(files: &Files) -> [Option<Stamp>; 2] {
    let stamp = |meta: Metadata| (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).ok().map(stamp))
}

fn file(path: &Path, why: &impl fmt::Display) -> TlsFault {
    TlsFault::File { file: path.to_owned(), why: why.to_string() }
}

fn pair(files: &Files, why: &impl fmt::Display) -> TlsFault {
    TlsFault::Pair { file: files.certificate.clone(), why: why.to_string() }
}

const VERSIONS: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// LIMIT: octets of a file.
const LONGEST: u64 = 1 << 20;
