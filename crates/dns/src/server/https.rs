//! DNS over HTTPS (RFC 8484): GET and POST at one path, over HTTP/2 and HTTP/1.1. Next: `listen`.
//!
//! Who asks is the connection's source, as everywhere; no header says it (`Forwarded` and the like
//! are an agent's own words). An answer belongs to one client, so caches of several may not keep it.

use super::accept::Door;
use super::tcp::Conversation;
use super::turn::{From, Turn, Wait};
use super::{Known, Service};
use crate::web::{MESSAGE, Tasks};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::base::Message;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

/// Which HTTP a connection speaks, as ALPN settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Two,
    One,
}

/// One client's connection.
struct Web<S: Service> {
    conversation: Conversation<S>,
    known: Option<Known<S::Client>>,
    path: Arc<str>,
    rest: Mutex<Rest>,
}

/// How long nobody has asked.
struct Rest {
    since: Instant,
    under_way: usize,
    /// The first request must come soon: who connects has one.
    patience: Duration,
}

/// Answers requests until the client is silent for too long, or leaves.
pub(super) async fn serve<S: Service>(
    conversation: Conversation<S>,
    path: Arc<str>,
    version: Version,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> io::Result<()> {
    let door = Arc::clone(&conversation.door);
    let Door { address, house, room, config, .. } = &*door;
    let known = house.service.client(*address, conversation.source.ip());
    let rest = Rest { since: Instant::now(), under_way: 0, patience: config.patience };
    let web = Arc::new(Web { conversation, known, path, rest: Mutex::new(rest) });
    let service = service_fn(|request| {
        let web = Arc::clone(&web);
        async move { Ok::<_, Infallible>(web.answer(request).await) }
    });
    let io = TokioIo::new(stream);
    let tasks = Tasks::default();
    let mut connection: std::pin::Pin<Box<dyn Future<Output = hyper::Result<()>> + Send + '_>> =
        match version {
            Version::Two => Box::pin(
                http2::Builder::new(tasks.clone())
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(u32::try_from(config.pipelined).unwrap_or(1))
                    .max_header_list_size(HEADERS)
                    .max_send_buf_size(SEND)
                    .initial_stream_window_size(WINDOW)
                    .initial_connection_window_size(WINDOW)
                    .max_pending_accept_reset_streams(RESETS)
                    .max_local_error_reset_streams(RESETS)
                    .serve_connection(io, service),
            ),
            Version::One => Box::pin(
                http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(config.patience.max(config.idle))
                    .max_header_size(usize::try_from(HEADERS).unwrap_or(usize::MAX))
                    .max_headers(64)
                    .serve_connection(io, service),
            ),
        };
    let mut pressure = pin!(room.pressure.notified());
    loop {
        let left = web.left(config.idle);
        tokio::select! {
            ended = &mut connection => return ended.map_err(io::Error::other),
            () = &mut pressure => {
                if web.is_idle() {
                    return Ok(());
                }
                // Somebody else should go in its place.
                room.pressure.notify_one();
                pressure.set(room.pressure.notified());
                sleep(TURN).await;
            }
            () = sleep(left.max(TURN)) => {
                if web.is_idle() && web.left(config.idle).is_zero() {
                    return Ok(());
                }
            }
        }
    }
}

impl<S: Service> Web<S> {
    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn is_idle(&self) -> bool {
        self.rest().under_way == 0
    }
    /// How much longer it may be silent.
    fn left(&self, idle: Duration) -> Duration {
        let rest = self.rest();
        rest.patience.min(idle).saturating_sub(rest.since.elapsed())
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let _under_way = UnderWay::begin(&self.rest, self.conversation.door.config.idle);
        let message = match self.message(request).await {
            Ok(message) => message,
            Err(status) => return refused(status),
        };
        let Conversation { door, source, peer, by } = &self.conversation;
        let from =
            From { listener: door.address, source: *source, peer: *peer, at: Instant::now() };
        door.house.stats.streamed.add(1);
        let mut out = Vec::new();
        match door.house.turn(&message, self.known.as_ref(), from, *by, &mut out) {
            Turn::Unanswered => out.clear(),
            Turn::Silence | Turn::Parts(_) => return refused(StatusCode::BAD_REQUEST),
            Turn::Answer => {}
            Turn::Wait(wait) => out = Wait::answer(*wait, &door.house.service).await,
        }
        // HTTP has no silence: a question that is dropped has no DNS message for an answer.
        if out.is_empty() {
            return refused(StatusCode::FORBIDDEN);
        }
        let keep = match least_ttl(&out) {
            Some(seconds) => format!("private, max-age={seconds}"),
            None => "no-store".to_owned(),
        };
        let mut response = Response::new(Full::new(Bytes::from(out)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MESSAGE));
        if let Ok(keep) = HeaderValue::try_from(keep) {
            response.headers_mut().insert(CACHE_CONTROL, keep);
        }
        response
    }

    /// The DNS message of a request.
    async fn message(&self, request: Request<Incoming>) -> Result<Vec<u8>, StatusCode> {
        // As it stands, letter by letter: what is spelled otherwise is another place.
        if request.uri().path() != &*self.path {
            return Err(StatusCode::NOT_FOUND);
        }
        match *request.method() {
            Method::GET => in_query(request.uri().query().unwrap_or_default()),
            Method::POST => {
                let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
                if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(MESSAGE.as_bytes())) {
                    return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
                }
                let patience = self.conversation.door.config.patience;
                let body = Limited::new(request.into_body(), LONGEST).collect();
                match timeout(patience, body).await {
                    Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
                    Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
                    Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
                }
            }
            _ => Err(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

/// The one `dns` of a query string; two of them are none.
fn in_query(query: &str) -> Result<Vec<u8>, StatusCode> {
    let mut given = query.split('&').filter_map(|part| part.strip_prefix("dns="));
    let (Some(text), None) = (given.next(), given.next()) else {
        return Err(StatusCode::BAD_REQUEST);
    };
    if text.len() > LONGEST.div_ceil(3) * 4 {
        return Err(StatusCode::URI_TOO_LONG);
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_| StatusCode::BAD_REQUEST)
}

/// For how long an answer may be kept (RFC 8484 §5.1); `None` for what is none.
fn least_ttl(message: &[u8]) -> Option<u32> {
    let message = Message::from_octets(message).ok()?;
    // NOERROR or NXDOMAIN; a failure may be over at the next question.
    if !matches!(message.header().rcode().to_int(), 0 | 3) {
        return None;
    }
    let (_, answers, authorities, _) = message.sections().ok()?;
    let ttls = answers.chain(authorities).map(|record| record.map(|record| record.ttl().as_secs()));
    ttls.collect::<Result<Vec<_>, _>>().ok()?.into_iter().min()
}

fn refused(status: StatusCode) -> Response<Full<Bytes>> {
    let text = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

/// A request that is being answered; given up, it is none any more.
struct UnderWay<'a>(&'a Mutex<Rest>);

impl<'a> UnderWay<'a> {
    fn begin(rest: &'a Mutex<Rest>, idle: Duration) -> Self {
        let mut now = rest.lock().unwrap_or_else(PoisonError::into_inner);
        now.under_way += 1;
        now.patience = idle;
        Self(rest)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rest.under_way -= 1;
        rest.since = Instant::now();
    }
}

/// LIMIT: the longest query, as over UDP.
const LONGEST: usize = 1_232;
/// LIMIT: octets of all header fields of a request, a question in the path included.
const HEADERS: u32 = 8 << 10;
/// LIMIT: octets of answers that wait for a client that does not read; of requests in flight.
const SEND: usize = 64 << 10;
const WINDOW: u32 = 64 << 10;
/// LIMIT: streams that a client has reset and that still lie about (CVE-2023-44487).
const RESETS: usize = 32;
const TURN: Duration = Duration::from_millis(5);
