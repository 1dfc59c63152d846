//! An upstream by HTTPS (RFC 8484): one connection by HTTP/2 that all questions share, opened when
//! one is asked, opened anew when it has ended or answers no more. Next: `exchange`.
//!
//! It goes to the address of the configuration and to no other: nothing is looked up, redirects are
//! not followed, and whoever answers has proved to be the configured name.

use super::exchange::ExchangeFault;
use super::query::{Match, Query};
use super::upstream::Site;
use crate::web::{MESSAGE, Tasks};
use backstop_gate::{OwnPlace, OwnSockets};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The connection to an upstream, if there is one.
#[derive(Default)]
pub(crate) struct Line(Mutex<Option<Open>>);

#[derive(Clone)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    /// Ends the connection when the last who uses it is gone.
    _tasks: Tasks,
}

impl Line {
    /// Asks, by the connection that is there or by a new one.
    pub(crate) async fn ask(
        &self,
        sockets: &OwnSockets,
        place: &OwnPlace,
        site: &Site,
        query: &Query,
    ) -> Result<Vec<u8>, ExchangeFault> {
        let kept = self.0.lock().await.clone().filter(|open| !open.sender.is_closed());
        // It may have been closed meanwhile; that is no fault of the upstream.
        if let Some(open) = kept {
            if let Ok(Ok(message)) = timeout(RESEND, converse(open, site, query)).await {
                return Ok(message);
            }
            *self.0.lock().await = None;
        }
        converse(self.open(sockets, place, site).await?, site, query).await
    }

    /// The connection that somebody else has opened meanwhile, or a new one.
    async fn open(
        &self,
        sockets: &OwnSockets,
        place: &OwnPlace,
        site: &Site,
    ) -> Result<Open, ExchangeFault> {
        let mut line = self.0.lock().await;
        if let Some(open) = line.clone().filter(|open| !open.sender.is_closed()) {
            return Ok(open);
        }
        let stream = sockets.secured_web(place, &site.host).await?;
        let tasks = Tasks::default();
        let (sender, connection) = http2::Builder::new(tasks.clone())
            .max_header_list_size(HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        tasks.execute(async move {
            let _ended = connection.await;
        });
        let open = Open { sender, _tasks: tasks };
        *line = Some(open.clone());
        Ok(open)
    }
}

async fn converse(mut open: Open, site: &Site, query: &Query) -> Result<Vec<u8>, ExchangeFault> {
    open.sender.ready().await.map_err(broken)?;
    let request = Request::post(site.uri())
        .header(CONTENT_TYPE, MESSAGE)
        .header(ACCEPT, MESSAGE)
        .body(Full::new(Bytes::copy_from_slice(query.wire())))
        .map_err(|fault| ExchangeFault::Io(fault.to_string()))?;
    let response = open.sender.send_request(request).await.map_err(broken)?;
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if response.status() != StatusCode::OK
        || !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(MESSAGE.as_bytes()))
    {
        let status = response.status().as_u16();
        return Err(ExchangeFault::Io(format!(
            "it answered by HTTP status {status} and no message"
        )));
    }
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    let body = body.map_err(|fault| ExchangeFault::Io(fault.to_string()))?.to_bytes();
    match query.matches(&body) {
        // Under TLS the spelling proves nothing more, and some upstreams fold.
        Match::Answer | Match::OtherCase => Ok(body.to_vec()),
        Match::Truncated | Match::Foreign => Err(ExchangeFault::Foreign),
    }
}

fn broken(fault: hyper::Error) -> ExchangeFault {
    ExchangeFault::Io(fault.to_string())
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

/// How long the answer by a connection that was kept is waited for.
const RESEND: Duration = Duration::from_millis(1_200);
/// LIMIT: octets of header fields, and of a message.
const HEADERS: u32 = 16 << 10;
const LONGEST: usize = 65_535;
