//! One connection to the analyzer (HTTP/1.1, RFC 9112), driven by whoever asks on it: dropping the
//! question drops the connection. Next: `answer`.

use super::{AnalyzerFault, AnalyzerPlace};
use crate::exit::{DialFault, ExitStream, UpstreamTls};
use crate::own::OwnDialer;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

/// LIMIT: bytes of one answer.
const ANSWER: usize = 1 << 20;
/// LIMIT: bytes and fields of its head.
const HEAD: usize = 64 << 10;
const FIELDS: usize = 64;

/// How connections are made.
pub(super) struct Line {
    pub(super) dialer: OwnDialer,
    pub(super) tls: Option<UpstreamTls>,
    pub(super) place: AnalyzerPlace,
}

impl Line {
    pub(super) async fn open(&self) -> Result<Link, AnalyzerFault> {
        let reach = |fault: DialFault| AnalyzerFault::Reach(fault.reason);
        let stream = self.dialer.dial(self.place.to()).await.map_err(reach)?;
        let stream = match &self.tls {
            Some(tls) => {
                let shaken = tls.verify(ExitStream::Tcp(stream), self.place.to().host()).await;
                shaken.map_err(reach)?
            }
            None => {
                // The name `localhost` could have led elsewhere.
                if !stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
                    let why = "plain HTTP goes to this machine alone";
                    return Err(AnalyzerFault::Reach(why.to_owned()));
                }
                ExitStream::Tcp(stream)
            }
        };
        let mut builder = Builder::new();
        builder.max_buf_size(HEAD).max_headers(FIELDS);
        let (sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(|fault| broke(&fault))?;
        Ok(Link { sender, connection: Box::pin(connection) })
    }
}

/// A connection.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<TokioIo<ExitStream>, Full<Bytes>>>>,
}

impl Link {
    /// Whether another question can be asked on it, as far as is known by now.
    pub(super) async fn is_usable(&mut self) -> bool {
        let ended = poll_fn(|cx| Poll::Ready(self.connection.as_mut().poll(cx).is_ready())).await;
        !ended && self.sender.is_ready()
    }

    /// Asks, and reads the answer whole: its status and bytes.
    pub(super) async fn ask(
        &mut self,
        place: &AnalyzerPlace,
        question: Bytes,
    ) -> Result<(u16, Bytes), AnalyzerFault> {
        let request = http::Request::post(place.path())
            .header(http::header::HOST, place.authority())
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::ACCEPT, "application/json")
            .body(Full::new(question))
            .map_err(|_| AnalyzerFault::Reach("its URL makes no request".to_owned()))?;
        let sender = &mut self.sender;
        let exchange = async move {
            let response = sender.send_request(request).await.map_err(|fault| broke(&fault))?;
            let status = response.status().as_u16();
            if status != 200 {
                return Ok((status, Bytes::new()));
            }
            let body = Limited::new(response.into_body(), ANSWER).collect().await;
            let body = body.map_err(|fault| match fault.downcast::<hyper::Error>() {
                Ok(fault) => broke(&fault),
                Err(_) => AnalyzerFault::Absurd("it is larger than 1 MiB"),
            })?;
            Ok((status, body.to_bytes()))
        };
        driven(self.connection.as_mut(), exchange).await
    }
}

/// Runs the connection for as long as the exchange takes, and the exchange on when the connection
/// has ended: what it had read before is still to be had.
async fn driven<T>(
    mut connection: Pin<&mut Connection<TokioIo<ExitStream>, Full<Bytes>>>,
    exchange: impl Future<Output = T>,
) -> T {
    let mut exchange = pin!(exchange);
    let mut ended = false;
    poll_fn(|cx| {
        if let Poll::Ready(done) = exchange.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if !ended {
            ended = connection.as_mut().poll(cx).is_ready();
            return exchange.as_mut().poll(cx);
        }
        Poll::Pending
    })
    .await
}

/// In words; nothing of what the far end wrote is repeated.
fn broke(fault: &hyper::Error) -> AnalyzerFault {
    let why = if fault.is_parse() {
        "what it speaks is not HTTP"
    } else if fault.is_incomplete_message() {
        "it broke off"
    } else {
        "the connection broke"
    };
    AnalyzerFault::Reach(why.to_owned())
}
