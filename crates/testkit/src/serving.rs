//! One server, one thread, one current-thread runtime. The listener is bound by the caller, on the
//! world's thread, so it lives in the world's network; the thread inherits that network too.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{Backlog, listen};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A server's thread; dropping it stops the server and waits for the thread.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Binds with a queue long enough for thousands of clients at once.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // std queues 128 connections; asking the kernel again only raises the limit.
    listen(&listener.as_fd(), Backlog::MAXALLOWABLE)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Runs `talk` for every connection to any of the listeners.
pub(crate) fn serve<F, T>(listeners: Vec<TcpListener>, talk: F) -> Serving
where
    F: Fn(TcpStream, SocketAddr) -> T + Clone + Send + 'static,
    T: Future<Output = ()> + 'static,
{
    let (stop, mut stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("start a runtime");
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let mut doors = JoinSet::new();
            for listener in listeners {
                let talk = talk.clone();
                doors.spawn_local(accept(listener, talk));
            }
            // A dropped handle stops the server as well as a told one.
            let _ = (&mut stopped).await;
        });
    });
    Serving { stop: Some(stop), thread: Some(thread) }
}

async fn accept<F, T>(listener: TcpListener, talk: F)
where
    F: Fn(TcpStream, SocketAddr) -> T,
    T: Future<Output = ()> + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener).expect("adopt the listener");
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                connections.spawn_local(talk(stream, peer));
                while connections.try_join_next().is_some() {}
            }
            // Out of descriptors: wait for connections to end instead of spinning.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("a test server's thread panicked");
        }
    }
}
