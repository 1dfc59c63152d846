//! The guard on a socket: what hyper reads from a client has passed [`Framing`] before.
//!
//! A bad head never reaches hyper. In its place hyper reads one request with a method that no
//! client can send ([`FAULT_METHOD`]), so that the refusal is written by hyper in its turn, after
//! the answers to good requests before it. A bad body makes the read fail; what was sent on so
//! far ends without its last chunk, so that no upstream takes it for whole.
//! The guard also holds the client to its deadlines, on heads, bodies and unread answers.
//! Must not know identities or policy. Next: `crate::server`.

use super::{Fault, Framing};
use http::StatusCode;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The method of the request that stands in for a refused head. No client can send it.
pub const FAULT_METHOD: &str = "BACKSTOP-FAULT";

const STAND_IN: &[u8] =
    b"BACKSTOP-FAULT / HTTP/1.1\r\nhost: backstop.invalid\r\nconnection: close\r\n\r\n";

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From the first byte of a request head (for the first one: from the connection) to its last.
    pub head: Duration,
    /// Between two bytes of a body, and for a client that does not read its answer.
    pub body: Duration,
}

/// What the server sees of a guard that hyper owns.
#[derive(Debug, Clone, Default)]
pub struct Sight(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    fault: OnceLock<Fault>,
    raw: AtomicBool,
}

impl Sight {
    /// The fault for which the client's stream was stopped.
    pub fn fault(&self) -> Option<Fault> {
        self.0.fault.get().copied()
    }
    /// From now on the connection carries another protocol (after a 101).
    pub fn pass_everything(&self) {
        self.0.raw.store(true, Ordering::Release);
    }
}

/// A client's connection whose reads are guarded.
#[derive(Debug)]
pub struct Guarded<T> {
    inner: T,
    framing: Framing,
    sight: Sight,
    deadlines: Deadlines,
    /// Bytes that have been read and not delivered; those before `admitted` have been judged.
    held: Vec<u8>,
    delivered: usize,
    admitted: usize,
    stand_in: &'static [u8],
    head_due: Option<Instant>,
    moved: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
    linger: Option<Linger>,
}

#[derive(Debug)]
struct Linger {
    until: Pin<Box<Sleep>>,
    left: usize,
}

/// How much of a refused client's remaining bytes is read, and for how long, so that the close
/// does not turn into a reset that eats the answer (RFC 9112 §9.6).
const LINGER_BYTES: usize = 256 * 1024;
const LINGER_TIME: Duration = Duration::from_millis(500);

impl<T> Guarded<T> {
    /// Guards `inner`, a connection that begins now.
    pub fn new(inner: T, deadlines: Deadlines) -> Self {
        let now = Instant::now();
        Self {
            inner,
            framing: Framing::new(),
            sight: Sight::default(),
            deadlines,
            held: Vec::new(),
            delivered: 0,
            admitted: 0,
            stand_in: b"",
            head_due: Some(now + deadlines.head),
            moved: now,
            timer: None,
            stalled: None,
            linger: None,
        }
    }

    /// A view of it that stays when hyper has taken it.
    pub fn sight(&self) -> Sight {
        self.sight.clone()
    }

    /// The connection itself and the bytes that were read from it and not delivered, once it
    /// carries another protocol.
    pub fn into_inner(self) -> (T, Vec<u8>) {
        let mut rest = self.held;
        rest.drain(..self.delivered.min(rest.len()));
        (self.inner, rest)
    }

    /// Moves bytes that may pass from `held` into `buf`.
    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let ready = self.held.get(self.delivered..self.admitted).unwrap_or_default();
        let count = ready.len().min(buf.remaining());
        if count == 0 {
            return false;
        }
        buf.put_slice(ready.get(..count).unwrap_or_default());
        self.delivered += count;
        if self.delivered == self.held.len() {
            self.held = Vec::new();
            (self.delivered, self.admitted) = (0, 0);
        } else if self.delivered == self.admitted {
            self.held.drain(..self.delivered);
            (self.delivered, self.admitted) = (0, 0);
        }
        true
    }

    /// Judges what is held and not yet judged; whether more may be delivered.
    fn judge(&mut self) -> Result<bool, Fault> {
        let before = self.admitted;
        if self.admitted < self.held.len() {
            let unjudged = self.held.get(self.admitted..).unwrap_or_default();
            self.admitted += self.framing.admit(unjudged)?;
            self.time_the_head();
        }
        Ok(self.admitted > before)
    }

    /// A head's time runs from its first byte to its last.
    fn time_the_head(&mut self) {
        self.head_due =
            match (self.framing.in_head() && self.admitted < self.held.len(), self.head_due) {
                (true, None) => Some(Instant::now() + self.deadlines.head),
                (true, due) => due,
                (false, _) => None,
            };
    }

    fn stop(&mut self, fault: Fault) -> io::Result<()> {
        let first = self.sight.0.fault.set(fault).is_ok();
        self.held = Vec::new();
        (self.delivered, self.admitted) = (0, 0);
        if first && self.framing.in_head() {
            self.stand_in = STAND_IN;
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, fault.why))
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let due = match (self.framing.in_head(), self.head_due) {
            (true, Some(due)) => due,
            // Between requests: hyper's own timer knows whether an answer is still in progress.
            (true, None) => return Poll::Pending,
            (false, _) => self.moved + self.deadlines.body,
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(Fault::limit(
                    StatusCode::REQUEST_TIMEOUT,
                    "the client took too long to send its request",
                ));
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.sight.0.raw.load(Ordering::Acquire) {
                this.admitted = this.held.len();
                if this.deliver(buf) {
                    return Poll::Ready(Ok(()));
                }
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            }
            if !this.stand_in.is_empty() {
                let (now, later) = this.stand_in.split_at(this.stand_in.len().min(buf.remaining()));
                buf.put_slice(now);
                this.stand_in = later;
                return Poll::Ready(Ok(()));
            }
            if this.sight.fault().is_some() {
                return Poll::Pending;
            }
            if this.deliver(buf) {
                return Poll::Ready(Ok(()));
            }
            match this.judge() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(fault) => {
                    this.stop(fault)?;
                    continue;
                }
            }
            let before = buf.filled().len();
            match Pin::new(&mut this.inner).poll_read(cx, buf) {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    let fault = ready!(this.poll_deadline(cx));
                    this.stop(fault)?;
                    continue;
                }
            }
            let fresh = buf.filled().get(before..).unwrap_or_default();
            if fresh.is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.moved = Instant::now();
            // The usual case, whole parts of messages with nothing held, is judged in place.
            let mut passed = 0;
            if this.held.is_empty() {
                match this.framing.admit(fresh) {
                    Ok(count) => passed = count,
                    Err(fault) => {
                        buf.set_filled(before);
                        this.stop(fault)?;
                        continue;
                    }
                }
            }
            this.held.extend_from_slice(fresh.get(passed..).unwrap_or_default());
            buf.set_filled(before + passed);
            if passed > 0 {
                this.head_due = None;
                this.time_the_head();
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.hold_to_reading(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            if this.sight.fault().is_none() {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = this.linger.get_or_insert_with(|| Linger {
            until: Box::pin(tokio::time::sleep(LINGER_TIME)),
            left: LINGER_BYTES,
        });
        let mut scratch = [0u8; 4_096];
        while linger.left > 0 && linger.until.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buf.filled().len());
                }
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.hold_to_reading(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl<T> Guarded<T> {
    /// A client that stops reading its answer is let go after the body deadline.
    fn hold_to_reading(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let deadline = self.deadlines.body;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read its answer",
        )))
    }
}
