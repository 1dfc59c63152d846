//! Copies bytes both ways until both sides are done, nothing moves for too long, or the flow is cut.
//!
//! An idle tunnel holds no buffer: bytes pass through one buffer of the thread, and only what the
//! other side cannot take at once is kept (at most [`CHUNK`] each way). Each end is passed on by
//! itself (half-close). Must not know HTTP; of TLS, that a second hello is judged (`hello::follow`).

use crate::hello::Follow;
use backstop_gate::Flow;
use backstop_model::event::Ending;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// The most that is read at once, and the most that is kept for a slow side.
const CHUNK: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into_boxed_slice());
}

/// Runs a tunnel to its end. `first` goes to the upstream before anything else, `answered` to the
/// client. The flow is told why it ended; if the client sent what `follow` forbids, that is said.
pub(crate) async fn run(
    mut client: TcpStream,
    mut flow: Flow,
    first: Vec<u8>,
    answered: Vec<u8>,
    idle: Duration,
    follow: Option<Follow>,
) -> Option<&'static str> {
    let mut tunnel = Tunnel {
        client: &mut client,
        flow: &mut flow,
        up: Half { follow: follow.map(Box::new), ..Half::with(first) },
        down: Half::with(answered),
        idle,
        moved: Instant::now(),
        timer: None,
    };
    let ending = (&mut tunnel).await;
    let forbidden = tunnel.up.forbidden;
    flow.set_ending(ending);
    if ending != Ending::Closed {
        // Nothing more may be believed of this connection: a reset, not an orderly end.
        let _best_effort = socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO));
    }
    forbidden
}

struct Tunnel<'a> {
    client: &'a mut TcpStream,
    flow: &'a mut Flow,
    up: Half,
    down: Half,
    idle: Duration,
    moved: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Future for Tunnel<'_> {
    type Output = Ending;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let this = self.get_mut();
        let before = (this.up.moved, this.down.moved);
        let up = this.up.poll(cx, this.client, this.flow);
        let down = this.down.poll(cx, this.flow, this.client);
        for fault in [&up, &down] {
            if let Poll::Ready(Err(fault)) = fault {
                return Poll::Ready(ending(fault));
            }
        }
        if up.is_ready() && down.is_ready() {
            return Poll::Ready(Ending::Closed);
        }
        if before != (this.up.moved, this.down.moved) {
            this.moved = Instant::now();
        }
        let due = this.moved + this.idle;
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(Ending::Idle);
            }
            timer.as_mut().reset(due);
        }
    }
}

fn ending(fault: &io::Error) -> Ending {
    // The flow itself says so once it is cut.
    if fault.kind() == io::ErrorKind::ConnectionAborted { Ending::Revoked } else { Ending::Failed }
}

/// One direction.
#[derive(Default)]
struct Half {
    /// What the far side has not taken yet.
    kept: Vec<u8>,
    at: usize,
    moved: u64,
    unflushed: bool,
    ended: bool,
    done: bool,
    /// What the bytes are held to before they pass.
    follow: Option<Box<Follow>>,
    forbidden: Option<&'static str>,
}

impl Half {
    fn with(kept: Vec<u8>) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Ready once the end has been passed on.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while !self.done {
            while let Some(rest) = self.kept.get(self.at..).filter(|rest| !rest.is_empty()) {
                let count = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
                self.sent(count)?;
                self.at += count;
            }
            if self.at > 0 {
                (self.kept, self.at) = (Vec::new(), 0);
            }
            if self.ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.done = true;
                break;
            }
            match SCRATCH.with_borrow_mut(|scratch| self.pass(cx, from, to, scratch)) {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    if self.unflushed {
                        ready!(Pin::new(&mut *to).poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes what the far side takes; keeps the rest.
    fn pass<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        scratch: &mut [u8],
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        if read.is_empty() {
            self.ended = true;
            return Poll::Ready(Ok(()));
        }
        if let Some(follow) = &mut self.follow {
            if let Err(why) = follow.push(read) {
                self.forbidden = Some(why);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
            }
            if follow.is_done() {
                self.follow = None;
            }
        }
        let taken = match Pin::new(to).poll_write(cx, read) {
            Poll::Ready(taken) => {
                let taken = taken?;
                self.sent(taken)?;
                taken
            }
            Poll::Pending => 0,
        };
        self.kept.extend_from_slice(read.get(taken..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }

    fn sent(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.moved = self.moved.wrapping_add(1);
        self.unflushed = true;
        Ok(())
    }
}
