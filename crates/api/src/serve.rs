//! The listener: connections, their limits and their end. Must not know routes.
//! Next: `front`.

use crate::config::{Config, ConfigFault};
use crate::counted::Counts;
use crate::dispatch;
use crate::front::Names;
use crate::reply;
use crate::stall::Stalling;
use backstop_detect::Inspector;
use backstop_gate::Gate;
use backstop_ledger::Ledger;
use backstop_policy::Policy;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What the API speaks for.
#[derive(Clone)]
pub struct Api {
    /// Authentication, acts, explanations, figures.
    pub gate: Gate,
    /// Views and events.
    pub ledger: Ledger,
    /// The policy in force, as it changes.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// What answers `/analyze`. It should know no registered values and documents: anyone may ask.
    pub analyzer: Inspector,
    /// The version of this build.
    pub version: &'static str,
    /// How the listener runs.
    pub config: Arc<Config>,
    /// Who else has figures for `/metrics`.
    pub counts: Vec<Arc<dyn Counts>>,
}

/// What one listener shares among its connections.
pub(crate) struct House {
    pub(crate) api: Api,
    pub(crate) names: Names,
    pub(crate) streams: Arc<Semaphore>,
    /// Places for texts that are being analyzed.
    pub(crate) analyses: Arc<Semaphore>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) figures: Figures,
    /// The description, written once.
    pub(crate) description: serde_json::Value,
}

/// What the API counts of itself.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) requests: AtomicU64,
    pub(crate) problems: AtomicU64,
    pub(crate) unauthenticated: AtomicU64,
}

/// Serves until `stop` says `true` (or its sender is gone), then lets connections end within
/// `config.drain`: event streams get a last event, requests under way their answer.
///
/// # Errors
/// [`ConfigFault`] where the listener may not be served as configured.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ConfigFault> {
    let address = listener.local_addr().map_err(ConfigFault::NoAddress)?;
    api.config.check(address)?;
    // No way out may lead back in here.
    api.gate.listeners().add(address);
    let limit = Arc::new(Semaphore::new(api.config.connections));
    let drain = api.config.drain;
    // Streams listen to a stop of their own: it outlives a sender that is dropped without a word.
    let (ending, ends) = watch::channel(false);
    let house = Arc::new(House {
        names: Names::new(address, &api.config),
        streams: Arc::new(Semaphore::new(api.config.streams)),
        analyses: Arc::new(Semaphore::new(
            std::thread::available_parallelism().map_or(1, usize::from),
        )),
        stop: ends,
        figures: Figures::default(),
        description: crate::openapi::document(api.version),
        api,
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = accept(&listener, &limit) => {
                let (stream, place) = accepted;
                connections.spawn(connection(stream, place, Arc::clone(&house)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    ending.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(drain, all).await.is_err() {
        tracing::warn!("API connections were cut: they did not end in time");
        connections.shutdown().await;
    }
    Ok(())
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can say anything any more: that is a stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    limit: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(limit).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(fault) => {
                // Out of descriptors, or the peer is gone: not a reason to spin or to stop.
                tracing::warn!(%fault, "the API cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, place: Option<OwnedSemaphorePermit>, house: Arc<House>) {
    let config = Arc::clone(&house.api.config);
    let mut stop = house.stop.clone();
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let house = Arc::clone(&house);
        async move {
            house.figures.requests.fetch_add(1, Ordering::Relaxed);
            let answer = dispatch::answer(&house, request).await;
            if answer.is_err() {
                house.figures.problems.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Infallible>(reply::write(answer))
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Stalling::new(stream, config.stall)), service);
    tokio::pin!(served);
    let end = tokio::select! {
        end = served.as_mut() => end,
        () = stopped(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(fault) = end {
        tracing::debug!(%fault, "an API connection ended early");
    }
    drop(place);
}

/// LIMIT: the largest head, as far as it takes more than one read, and write buffer of a connection.
const MAX_HEAD: usize = 64 * 1024;
/// The most header lines of a request.
const MAX_HEADERS: usize = 64;
/// How long to wait after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
