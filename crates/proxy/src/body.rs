//! The bodies that pass: a request's to the upstream, an answer's to the client.
//! An answer's streams with backpressure; a request's is one that was held and judged whole
//! (`upload`), or window by window (`windows`). Must not know policy. Next: `pool`.

use crate::pool::Lease;
use crate::windows::Fed;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A request body on its way to an upstream.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// None, or one that has been seen to be empty.
    Empty,
    /// What was held and judged, and nothing else.
    Whole {
        /// What has not been sent yet.
        left: Bytes,
        /// Judged with it.
        trailers: Option<HeaderMap>,
        moved: Moved,
    },
    /// What is too large to be held: judged window by window.
    Fed { fed: Box<Fed>, moved: Moved },
}

/// How much of a held body is given to the connection at once.
const PIECE: usize = 64 * 1024;

/// Whether a body has moved since somebody last looked: a long upload is not a slow upstream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moved(Arc<AtomicBool>);

impl Moved {
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Inbound {
    pub(crate) fn whole(left: Bytes, trailers: Option<HeaderMap>) -> Self {
        if left.is_empty() && trailers.is_none() {
            return Self::Empty;
        }
        Self::Whole { left, trailers, moved: Moved::default() }
    }
    pub(crate) fn fed(fed: Fed) -> Self {
        Self::Fed { fed: Box::new(fed), moved: Moved::default() }
    }
    pub(crate) fn moved(&self) -> Option<Moved> {
        match self {
            Self::Empty => None,
            Self::Whole { moved, .. } | Self::Fed { moved, .. } => Some(moved.clone()),
        }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole { left, trailers, moved } => {
                moved.0.store(true, Ordering::Relaxed);
                if left.is_empty() {
                    return Poll::Ready(trailers.take().map(|fields| Ok(Frame::trailers(fields))));
                }
                let piece = left.split_to(left.len().min(PIECE));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Self::Fed { fed, moved } => {
                moved.0.store(true, Ordering::Relaxed);
                fed.poll(cx)
            }
        }
    }
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole { left, trailers, .. } => left.is_empty() && trailers.is_none(),
            Self::Fed { .. } => false,
        }
    }
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole { left, .. } => {
                SizeHint::with_exact(u64::try_from(left.len()).unwrap_or(u64::MAX))
            }
            Self::Fed { .. } => SizeHint::default(),
        }
    }
}

/// An answer's body on its way to the client.
pub(crate) enum Outbound {
    /// Our own text.
    Full(Bytes),
    /// An upstream's, as it comes.
    Relayed(Box<Relayed>),
}

impl Outbound {
    pub(crate) const fn empty() -> Self {
        Self::Full(Bytes::new())
    }
    pub(crate) const fn full(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

/// An upstream's body. When it has ended well, the connection goes back to the pool; when
/// nothing moves for too long, or the client goes away, the connection is closed.
pub(crate) struct Relayed {
    body: Incoming,
    lease: Option<Lease>,
    idle: Duration,
    moved: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Relayed {
    pub(crate) fn new(body: Incoming, lease: Lease, idle: Duration) -> Self {
        let mut lease = Some(lease);
        if body.is_end_stream() {
            give_back(&mut lease);
        }
        Self { body, lease, idle, moved: Instant::now(), timer: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.moved = Instant::now();
                if frame.is_none() || self.body.is_end_stream() {
                    give_back(&mut self.lease);
                }
                return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
            }
            Poll::Pending => {}
        }
        let due = self.moved + self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                self.lease = None;
                return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
            }
            timer.as_mut().reset(due);
        }
    }
}

fn give_back(lease: &mut Option<Lease>) {
    if let Some(lease) = lease.take() {
        lease.give_back();
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Relayed(relayed) => relayed.poll(cx),
        }
    }
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Relayed(relayed) => relayed.body.is_end_stream(),
        }
    }
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Relayed(relayed) => relayed.body.size_hint(),
        }
    }
}
