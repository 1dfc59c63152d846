//! A small client of this API, for the command line: JSON in and out, and event streams.
//! It reaches loopback addresses only, since tokens travel there in clear.
//! Must not know what routes mean. Next: `sse`.

use crate::sse::{Parser, StreamEvent};
use backstop_model::redacted::Redacted;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// The address is not on this machine.
    #[error("`{0}` is not a loopback address: the token would travel in clear")]
    NotLoopback(SocketAddr),
    /// Nobody listens there, or the connection broke.
    #[error("the API at `{address}` cannot be reached")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer did not come in time.
    #[error("the API at `{0}` did not answer in time")]
    Late(SocketAddr),
    /// What came is not HTTP, or broke off.
    #[error("the exchange with the API failed")]
    Http(#[source] hyper::Error),
    /// The request cannot be written (a path with a space, a token with a line break).
    #[error("the request cannot be written")]
    Request(#[source] http::Error),
    /// The answer is not what the API answers.
    #[error("the API's answer cannot be read: {0}")]
    Answer(&'static str),
    /// The API refused.
    #[error("{status}: {detail}")]
    Refused {
        /// The status.
        status: u16,
        /// The problem's `detail`.
        detail: String,
        /// The whole problem (RFC 9457), `null` if there was none.
        problem: Value,
    },
}

/// A client of one API listener.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    token: Option<Redacted<String>>,
    deadline: Duration,
}

impl Client {
    /// A client for the listener at `address`, with the bearer token it shows.
    ///
    /// # Errors
    /// [`ClientFault::NotLoopback`].
    pub fn new(address: SocketAddr, token: Option<Redacted<String>>) -> Result<Self, ClientFault> {
        if !address.ip().to_canonical().is_loopback() {
            return Err(ClientFault::NotLoopback(address));
        }
        Ok(Self { address, token, deadline: Duration::from_secs(30) })
    }

    /// The same client with another deadline for each answer.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// `GET path`, answered in JSON (`null` where there is no body).
    ///
    /// # Errors
    /// [`ClientFault`].
    pub async fn get(&self, path: &str) -> Result<Value, ClientFault> {
        self.call(Method::GET, path, None).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientFault> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub async fn delete(&self, path: &str) -> Result<Value, ClientFault> {
        self.call(Method::DELETE, path, None).await
    }

    /// `GET path` as text of whatever type (`/metrics`).
    ///
    /// # Errors
    /// [`ClientFault`].
    pub async fn text(&self, path: &str) -> Result<String, ClientFault> {
        let (status, body) = self.exchange(Method::GET, path, None).await?;
        let text =
            String::from_utf8(body.to_vec()).map_err(|_| ClientFault::Answer("it is not UTF-8"))?;
        if status.is_success() { Ok(text) } else { Err(refused(status, text.as_bytes())) }
    }

    /// Opens an event stream, behind the event `after` if one is given.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub async fn follow(&self, path: &str, after: Option<u64>) -> Result<Events, ClientFault> {
        let mut request = self.request(Method::GET, path, None)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(after) = after {
            request.headers_mut().insert("last-event-id", HeaderValue::from(after));
        }
        let (response, mut driver) = self.send(request).await?;
        let status = response.status();
        if !status.is_success() {
            let body = self.collect(response, &mut driver).await?;
            return Err(refused(status, &body));
        }
        Ok(Events { body: response.into_body(), driver: Some(driver), parser: Parser::default() })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientFault> {
        let (status, body) = self.exchange(method, path, body).await?;
        if !status.is_success() {
            return Err(refused(status, &body));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| ClientFault::Answer("it is not JSON"))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), ClientFault> {
        let request = self.request(method, path, body)?;
        let (response, mut driver) = self.send(request).await?;
        let status = response.status();
        Ok((status, self.collect(response, &mut driver).await?))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, ClientFault> {
        let mut builder = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string());
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|e| ClientFault::Request(e.into()))?;
            value.set_sensitive(true);
            builder = builder.header(header::AUTHORIZATION, value);
        }
        let bytes = body.map_or_else(Bytes::new, |value| Bytes::from(value.to_string()));
        if body.is_some() {
            builder = builder.header(header::CONTENT_TYPE, "application/json");
        }
        builder.body(Full::new(bytes)).map_err(ClientFault::Request)
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Driver), ClientFault> {
        let address = self.address;
        #[expect(
            clippy::disallowed_methods,
            reason = "the command line talks to its own server on loopback; nothing an agent asks for goes this way"
        )]
        let connect = TcpStream::connect(address);
        let stream = timeout(self.deadline, connect)
            .await
            .map_err(|_| ClientFault::Late(address))?
            .map_err(|source| ClientFault::Unreachable { address, source })?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientFault::Http)?;
        let mut driver: Driver = Box::pin(connection);
        let answer = sender.send_request(request);
        tokio::pin!(answer);
        let exchange = async {
            tokio::select! {
                biased;
                answer = &mut answer => answer,
                end = &mut driver => match end {
                    // The connection is done: the answer is there, or never comes.
                    Ok(()) => answer.await,
                    Err(fault) => Err(fault),
                },
            }
        };
        let response = timeout(self.deadline, exchange)
            .await
            .map_err(|_| ClientFault::Late(address))?
            .map_err(ClientFault::Http)?;
        Ok((response, driver))
    }

    async fn collect(
        &self,
        response: Response<Incoming>,
        driver: &mut Driver,
    ) -> Result<Bytes, ClientFault> {
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect();
        tokio::pin!(body);
        let whole = async {
            tokio::select! {
                biased;
                body = &mut body => body,
                _ = driver => body.await,
            }
        };
        Ok(timeout(self.deadline, whole)
            .await
            .map_err(|_| ClientFault::Late(self.address))?
            .map_err(|_| ClientFault::Answer("it breaks off or is larger than 64 MiB"))?
            .to_bytes())
    }
}

/// An open event stream. Dropping it closes the connection.
pub struct Events {
    body: Incoming,
    driver: Option<Driver>,
    parser: Parser,
}

impl Events {
    /// The next event; `None` once the stream has ended. Heartbeats are passed over.
    ///
    /// # Errors
    /// [`ClientFault`] where the stream breaks off.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>, ClientFault> {
        loop {
            if let Some(event) = self.parser.next() {
                return Ok(Some(event));
            }
            let frame = match &mut self.driver {
                Some(driver) => tokio::select! {
                    biased;
                    frame = self.body.frame() => frame,
                    end = driver => {
                        self.driver = None;
                        end.map_err(ClientFault::Http)?;
                        continue;
                    }
                },
                None => self.body.frame().await,
            };
            match frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref()
                        && !self.parser.push(data)
                    {
                        return Err(ClientFault::Answer("one event is larger than 4 MiB"));
                    }
                }
                Some(Err(fault)) => return Err(ClientFault::Http(fault)),
                None => return Ok(None),
            }
        }
    }
}

/// What moves a connection's bytes while an answer is awaited.
type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// The largest answer that is read.
const ANSWER_LIMIT: usize = 64 << 20;

fn refused(status: StatusCode, body: &[u8]) -> ClientFault {
    let problem: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let detail = problem
        .get("detail")
        .and_then(Value::as_str)
        .or_else(|| status.canonical_reason())
        .unwrap_or("refused")
        .to_owned();
    ClientFault::Refused { status: status.as_u16(), detail, problem }
}
