//! A live connection to an upstream: it counts its bytes, and once cut every read and write fails,
//! even one that sleeps.
//!
//! Must not know what runs over it. Next: `admin`.

use crate::gate::Inner;
use crate::live::{Cord, Registration, Side};
use backstop_model::attempt::Act;
use backstop_model::control::Control;
use backstop_model::event::{Ending, Fact};
use backstop_model::id::{ByteCount, ReceiptId};
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use backstop_model::verdict::Duty;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A live connection to an upstream.
pub struct Flow {
    stream: crate::exit::ExitStream,
    tie: Tie,
    sent: u64,
    received: u64,
    ending: Option<Ending>,
}

/// What a flow carries: whoever rides on it must speak the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Requests, one after another, each judged.
    Requests,
    /// The client's own bytes.
    Tunnel,
}

impl Carries {
    pub(crate) const fn of(act: &Act) -> Self {
        match act {
            Act::Request { .. } => Self::Requests,
            Act::Connect | Act::Hello { .. } | Act::Opaque => Self::Tunnel,
        }
    }
}

/// What ties a flow to the permit it runs under.
pub(crate) struct Tie {
    pub(crate) inner: Arc<Inner>,
    pub(crate) registration: Registration,
    pub(crate) permit: ReceiptId,
    pub(crate) subject: Subject,
    pub(crate) destination: backstop_model::destination::Destination,
    pub(crate) address: Option<IpAddr>,
    pub(crate) delegated: bool,
    pub(crate) carries: Carries,
    pub(crate) began: Timestamp,
}

/// A name for a live flow, to watch it and to ride on it.
#[derive(Debug, Clone)]
pub struct FlowHandle {
    cord: Arc<Cord>,
    receipt: ReceiptId,
    pub(crate) subject: Subject,
    pub(crate) destination: backstop_model::destination::Destination,
    pub(crate) carries: Carries,
    address: Option<IpAddr>,
    delegated: bool,
}

/// A further request on a live flow. It lives as long as its exchange; if it may no longer, the
/// whole flow is cut.
#[derive(Debug)]
pub struct Ride {
    pub(crate) registration: Registration,
    pub(crate) receipt: ReceiptId,
    pub(crate) duties: Vec<Duty>,
}

impl Flow {
    pub(crate) fn new(stream: crate::exit::ExitStream, tie: Tie) -> Self {
        Self { stream, tie, sent: 0, received: 0, ending: None }
    }
    /// The permit it runs under.
    pub fn receipt(&self) -> &ReceiptId {
        &self.tie.permit
    }
    /// The address that was dialled; `None` if an upstream proxy chose it.
    pub fn address(&self) -> Option<IpAddr> {
        self.tie.address
    }
    /// Whether an upstream proxy looked the name up.
    pub fn is_delegated(&self) -> bool {
        self.tie.delegated
    }
    /// A name for it.
    pub fn handle(&self) -> FlowHandle {
        FlowHandle {
            cord: Arc::clone(self.tie.registration.cord()),
            receipt: self.tie.permit.clone(),
            subject: self.tie.subject.clone(),
            destination: self.tie.destination.clone(),
            carries: self.tie.carries,
            address: self.tie.address,
            delegated: self.tie.delegated,
        }
    }
    /// Says why it ends, for the record. A cut is always recorded as one.
    pub fn set_ending(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }
    /// Bytes sent and received so far.
    pub fn counted(&self) -> (ByteCount, ByteCount) {
        (ByteCount(self.sent), ByteCount(self.received))
    }

    fn stopped(&self, side: Side, cx: &Context<'_>) -> io::Result<()> {
        if self.tie.registration.cord().watch(side, cx.waker()) { Err(cut_off()) } else { Ok(()) }
    }
    fn has_sent(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.sent = self.sent.saturating_add(bytes);
        self.tie.inner.counters.sent.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the flow was cut: it is no longer permitted")
}

impl AsyncRead for Flow {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let flow = self.get_mut();
        flow.stopped(Side::Read, cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut flow.stream).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len().saturating_sub(before);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        flow.received = flow.received.saturating_add(bytes);
        flow.tie.registration.entry().received(bytes);
        flow.tie.inner.counters.received.fetch_add(bytes, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flow {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let flow = self.get_mut();
        flow.stopped(Side::Write, cx)?;
        let written = ready!(Pin::new(&mut flow.stream).poll_write(cx, bytes))?;
        flow.has_sent(written);
        Poll::Ready(Ok(written))
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let flow = self.get_mut();
        flow.stopped(Side::Write, cx)?;
        let written = ready!(Pin::new(&mut flow.stream).poll_write_vectored(cx, slices))?;
        flow.has_sent(written);
        Poll::Ready(Ok(written))
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flow = self.get_mut();
        flow.stopped(Side::Write, cx)?;
        Pin::new(&mut flow.stream).poll_flush(cx)
    }
    /// A cut flow may still be shut down: nothing but the end leaves by it, not even what TLS has
    /// taken and not sent yet. A shutdown that waits is woken by the cut.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flow = self.get_mut();
        match flow.stopped(Side::Write, cx) {
            Ok(()) => Pin::new(&mut flow.stream).poll_shutdown(cx),
            Err(_) => Pin::new(&mut flow.stream).poll_hang_up(cx),
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let stops = self.tie.inner.readiness.is_draining();
        let ending = match self.tie.registration.cord().why() {
            // The one limit that cuts is the end of the process.
            Some((Control::Limit, _)) if stops => Ending::Drained,
            Some(_) => Ending::Revoked,
            None => self.ending.unwrap_or(Ending::Closed),
        };
        let fact = Fact::FlowEnded {
            permit: self.tie.permit.clone(),
            address: self.tie.address,
            sent: ByteCount(self.sent),
            received: ByteCount(self.received),
            lasted: self.tie.inner.now().since(self.tie.began),
            ending,
        };
        self.tie.inner.owe(Some(self.tie.subject.clone()), fact);
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow").field("receipt", &self.tie.permit).finish_non_exhaustive()
    }
}

impl FlowHandle {
    /// Waits until the flow is cut. Nothing may be sent on it after that.
    pub async fn cut(&self) {
        self.cord.until_cut().await;
    }
    /// Whether it has not been cut.
    pub fn is_live(&self) -> bool {
        !self.cord.is_cut()
    }
    /// The control that cut it, and the reason for the operator.
    pub fn why(&self) -> Option<(Control, String)> {
        self.cord.why()
    }
    /// The permit it runs under.
    pub fn receipt(&self) -> &ReceiptId {
        &self.receipt
    }
    /// The address that was dialled; `None` if an upstream proxy chose it.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
    /// Whether an upstream proxy looked the name up.
    pub fn is_delegated(&self) -> bool {
        self.delegated
    }
    pub(crate) fn cord(&self) -> &Arc<Cord> {
        &self.cord
    }
}

impl Ride {
    /// Its own permit.
    pub fn receipt(&self) -> &ReceiptId {
        &self.receipt
    }
    /// What it obliges to.
    pub fn duties(&self) -> &[Duty] {
        &self.duties
    }
    /// Waits until the flow below it is cut.
    pub async fn cut(&self) {
        self.registration.cord().until_cut().await;
    }
    /// Whether the flow below it has not been cut.
    pub fn is_live(&self) -> bool {
        !self.registration.cord().is_cut()
    }
}
