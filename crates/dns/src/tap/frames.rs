//! Frame Streams: events one behind the other to a file, or to a reader at a socket, who is greeted
//! first. A reader that does not read is left, and found again. Next: the parent.

use super::Tap;
use backstop_gate::{OwnPlace, OwnSockets};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::{File, OpenOptions, rename};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To this file, begun anew at a start and when it is full; the one before is kept as `.old`.
    File(PathBuf),
    /// To who listens at this socket.
    Unix(PathBuf),
    /// To who listens there.
    Tcp(OwnPlace),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Unix(path) => write!(f, "unix {}", path.display()),
            Self::Tcp(place) => write!(f, "tcp {place}"),
        }
    }
}

/// The end of a tap that writes.
pub struct Outlet {
    tap: Arc<Tap>,
    events: mpsc::Receiver<Vec<u8>>,
}

/// Why writing stopped.
enum Stopped {
    /// The process stops.
    Asked,
    /// The file is full.
    Full,
}

impl Outlet {
    pub(super) fn new(tap: Arc<Tap>, events: mpsc::Receiver<Vec<u8>>) -> Self {
        Self { tap, events }
    }

    /// Writes until `stop`.
    pub async fn run(
        mut self,
        target: Target,
        sockets: OwnSockets,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut said = false;
        loop {
            let ended = match &target {
                Target::File(path) => self.fill(path, &mut stop).await,
                Target::Unix(path) => match UnixStream::connect(path).await {
                    Ok(stream) => self.serve(stream, &mut stop).await,
                    Err(fault) => Err(fault),
                },
                Target::Tcp(place) => match sockets.stream(place).await {
                    Ok(stream) => self.serve(stream, &mut stop).await,
                    Err(fault) => Err(fault),
                },
            };
            match ended {
                Ok(Stopped::Asked) => return,
                Ok(Stopped::Full) => continue,
                Err(fault) if !said => {
                    tracing::warn!(%fault, ?target, "dnstap has no reader; what finds no room is dropped");
                    said = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(AGAIN) => {}
            }
        }
    }

    async fn fill(&mut self, path: &Path, stop: &mut watch::Receiver<bool>) -> io::Result<Stopped> {
        let mut old = path.as_os_str().to_owned();
        old.push(".old");
        match rename(path, &old).await {
            Ok(()) => {}
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
            Err(fault) => return Err(fault),
        }
        let mut file: File =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await?;
        file.write_all(&control(START, Content::Named)).await?;
        let ended = self.write(&mut file, stop, FILE).await?;
        file.write_all(&control(STOP, Content::None)).await?;
        file.flush().await?;
        Ok(ended)
    }

    /// READY, ACCEPT, START, events, STOP, FINISH.
    async fn serve(
        &mut self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        stop: &mut watch::Receiver<bool>,
    ) -> io::Result<Stopped> {
        let greeted = async {
            stream.write_all(&control(READY, Content::Named)).await?;
            stream.flush().await?;
            let accepted = read_control(&mut stream).await?;
            let ours = accepted.windows(CONTENT.len()).any(|part| part == CONTENT);
            if !accepted.starts_with(&ACCEPT.to_be_bytes()) || !ours {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            stream.write_all(&control(START, Content::Named)).await
        };
        timeout(PATIENCE, greeted).await??;
        let ended = self.write(&mut stream, stop, u64::MAX).await?;
        let parted = async {
            stream.write_all(&control(STOP, Content::None)).await?;
            stream.flush().await?;
            read_control(&mut stream).await
        };
        let _best_effort = timeout(PARTING, parted).await;
        Ok(ended)
    }

    async fn write(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        stop: &mut watch::Receiver<bool>,
        most: u64,
    ) -> io::Result<Stopped> {
        let mut written = 0_u64;
        let mut buffer = Vec::with_capacity(2 * GATHERED);
        loop {
            let first = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => None,
                event = self.events.recv() => event,
            };
            // What is there when the process stops is still written.
            let mut next = first.or_else(|| self.events.try_recv().ok());
            if next.is_none() {
                return Ok(Stopped::Asked);
            }
            let (mut count, mut octets) = (0, 0);
            while let Some(event) = next {
                let length = u32::try_from(event.len()).unwrap_or(0);
                buffer.extend_from_slice(&length.to_be_bytes());
                buffer.extend_from_slice(&event);
                (count, octets) = (count + 1, octets + event.len());
                next = if buffer.len() < GATHERED { self.events.try_recv().ok() } else { None };
            }
            self.tap.taken(octets);
            let sent = timeout(PATIENCE, async {
                to.write_all(&buffer).await?;
                to.flush().await
            });
            match sent.await {
                Ok(Ok(())) => self.tap.written.add(count),
                // A frame may have gone in part: the stream cannot go on.
                broken => {
                    self.tap.dropped.add(count);
                    broken??;
                }
            }
            written += u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            buffer.clear();
            if written >= most {
                return Ok(Stopped::Full);
            }
        }
    }
}

/// Whether a control frame names what the data is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Named,
}

/// A control frame: an empty length, its own length, kind, and perhaps the content type.
fn control(kind: u32, content: Content) -> Vec<u8> {
    let mut body = kind.to_be_bytes().to_vec();
    if content == Content::Named {
        body.extend_from_slice(&1_u32.to_be_bytes());
        body.extend_from_slice(&u32::try_from(CONTENT.len()).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(CONTENT);
    }
    let length = u32::try_from(body.len()).unwrap_or(0);
    [&[0; 4][..], &length.to_be_bytes(), &body].concat()
}

async fn read_control(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let (escape, length) = (from.read_u32().await?, from.read_u32().await?);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if escape != 0 || !(4..=LONGEST).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok(body)
}

const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";
const ACCEPT: u32 = 1;
const START: u32 = 2;
const STOP: u32 = 3;
const READY: u32 = 4;
/// LIMIT: octets of a reader's control frame.
const LONGEST: usize = 512;
/// LIMIT: octets of a file before it is begun anew; there are two of them.
const FILE: u64 = 256 << 20;
/// Octets that are written at once.
const GATHERED: usize = 64 << 10;
/// How long a reader may take for anything.
const PATIENCE: Duration = Duration::from_secs(5);
const PARTING: Duration = Duration::from_secs(1);
/// How long after a fault the next attempt is made.
const AGAIN: Duration = Duration::from_secs(2);
