//! A request in absolute form (RFC 9112 §3.2.2): hold its body, have it judged, ask, connect or
//! ride, send, pass the answer back.
//!
//! INVARIANT: what is sent upstream is what was judged: host and path come from the one parse that
//! the gate saw, and the body is the memory that was looked at. Redirects pass back untouched; the next request is judged for itself.
//! Must not know tunnels. Next: `fields`, `pool`.

use crate::body::{Inbound, Moved, Outbound, Relayed};
use crate::connection::{Desk, Next, after, asked};
use crate::fields::{self, Hop};
use crate::pool::{Key, Lease, Upgrade};
use crate::refusal::{self, After, RECEIPT};
use crate::upload::{self, Taken, Upload};
use crate::windows::{Fed, Feed, Window};
use backstop_gate::{Answer, Extent, HeldFault, Inspected, Permit, Session, Windows};
use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::control::Control;
use backstop_model::destination::{Destination, parse_url};
use backstop_model::event::Asked;
use backstop_model::id::ReceiptId;
use backstop_model::refusal::Refusal;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;

/// Answers one request.
pub(crate) async fn forward(
    desk: &Desk,
    session: Session,
    request: Request<Incoming>,
) -> Response<Outbound> {
    let after = after(&request);
    let mut order = match Order::read(desk, session, request) {
        Ok(order) => order,
        Err(refusal) => return refusal::answer(&refusal, after),
    };
    let outcome = match order.judge().await {
        Ok(judged) => order.run(judged).await,
        Err(stop) => Err(stop),
    };
    match outcome {
        Ok(response) => response,
        Err(Stop::Refused(refusal)) => refusal::answer(&refusal, after),
        Err(Stop::Cut(refusal)) => refusal::answer(&refusal, After::Close),
        Err(Stop::Full { refusal, status, why }) => {
            refusal::answer_with(&refusal, status, Some(&why), After::Close)
        }
        Err(Stop::Failed { status, why }) => {
            // The client's own bad framing comes before whatever it made the upstream say.
            if let Some(fault) = desk.sight.fault() {
                let refusal = desk.refuse_fault(&fault, Some(order.asked));
                return refusal::answer_with(&refusal, fault.status, Some(fault.why), After::Close);
            }
            let refusal =
                desk.gate.refuse(Some(&order.session), order.asked, Control::Fault, why.to_owned());
            refusal::answer_with(&refusal, status, Some(why), after)
        }
    }
}

/// One request and all that is needed to carry it out.
struct Order<'a> {
    desk: &'a Desk,
    session: Session,
    attempt: Attempt,
    asked: Asked,
    key: Key,
    hop: Hop,
    /// The query as it is sent.
    query: Option<String>,
    /// The head as it is sent, and the body that is still the client's.
    head: Option<http::request::Parts>,
    body: Option<Incoming>,
    /// The client's side of a WebSocket.
    client: Option<hyper::upgrade::OnUpgrade>,
}

enum Stop {
    Refused(Refusal),
    /// It was refused while its body left, so the rest of that is not read.
    Cut(Refusal),
    /// The body cannot be held, or has no turn to be looked at.
    Full {
        refusal: Refusal,
        status: StatusCode,
        why: String,
    },
    /// The upstream broke off or spoke no HTTP.
    Failed {
        status: StatusCode,
        why: &'static str,
    },
}

/// A message that was looked at, and the proof.
struct Judged {
    request: Request<Inbound>,
    inspected: Inspected,
    /// The rest of a body that is too large to be held.
    feed: Option<(Feed, Window)>,
}

/// A connection to send one request on.
struct Line {
    lease: Lease,
    receipt: ReceiptId,
    idle: Duration,
    reused: bool,
    /// The judge of a body that leaves in windows.
    windows: Option<Windows>,
}

impl<'a> Order<'a> {
    fn read(
        desk: &'a Desk,
        session: Session,
        mut request: Request<Incoming>,
    ) -> Result<Self, Refusal> {
        let address = parse_url(&request.uri().to_string())
            .map_err(|fault| desk.gate.refuse_unparsable(Some(&session), Plane::Proxy, &fault))?;
        let asked = asked(&request);
        let unsendable = |desk: &Desk| {
            let why = "the request cannot be written as it was judged".to_owned();
            desk.gate.refuse(Some(&session), asked.clone(), Control::WireFraming, why)
        };
        let hop = fields::hop(request.method(), request.version(), request.headers());
        let client = hop.websocket.then(|| hyper::upgrade::on(&mut request));
        let (mut head, body) = request.into_parts();
        let query = head.uri.query().map(str::to_owned);
        let target = match &query {
            Some(query) => format!("{}?{query}", address.path),
            None => address.path.clone(),
        };
        let target = if head.method == Method::OPTIONS && head.uri.path_and_query().is_none() {
            "*".to_owned()
        } else {
            target
        };
        let host = host_field(&address.destination).ok_or_else(|| unsendable(desk))?;
        fields::to_upstream(&mut head.headers, hop, host, head.version);
        if !body.is_end_stream() && !head.headers.contains_key(CONTENT_LENGTH) {
            // hyper would send a GET without its body otherwise.
            head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        head.uri = Uri::try_from(target).map_err(|_| unsendable(desk))?;
        head.version = Version::HTTP_11;
        let act = Act::Request { method: head.method.as_str().to_owned(), path: address.path };
        let key = Key::new(&session, &address.destination);
        let attempt = Attempt {
            plane: Plane::Proxy,
            destination: address.destination,
            act,
            // What runs over a WebSocket is read by nobody here.
            sight: if hop.websocket { Inspection::Headers } else { Inspection::Body },
        };
        let (head, body) = (Some(head), Some(body));
        Ok(Self { desk, session, attempt, asked, key, hop, query, head, body, client })
    }

    /// Holds the whole message and has it looked at. What is refused without its body is refused
    /// before a byte of that is asked for.
    async fn judge(&mut self) -> Result<Judged, Stop> {
        let (gate, mut body) = (&self.desk.gate, self.body.take().ok_or(GONE)?);
        let mut upload = Upload::default();
        let mut feed = None;
        if !body.is_end_stream() {
            match gate.ask_before(&self.session, &self.attempt).await {
                None => {}
                Some(Answer::Refusal(refusal) | Answer::Hold(refusal)) => {
                    return Err(Stop::Refused(refusal));
                }
                Some(Answer::Permit(_)) => return Err(GONE),
            }
            let held = gate.hold(&self.session);
            let deadline = self.desk.config.upload;
            match upload::take(&mut body, held, deadline).await.map_err(|f| self.full(&f))? {
                Taken::Whole(whole) => upload = whole,
                Taken::Larger(lead) if gate.passes_in_windows(&self.session, &self.attempt) => {
                    let (gate, session) = (gate.clone(), self.session.clone());
                    let mut begun = Feed::new(gate, session, deadline, lead, body);
                    let window = begun.fill().await.map_err(|fault| self.full(&fault))?;
                    upload.body = window.seen();
                    upload.trailers = begun.trailers();
                    upload.extent = Extent::Window;
                    self.attempt.sight = Inspection::Windows;
                    feed = Some((begun, window));
                }
                Taken::Larger(_) => {
                    let cap = usize::try_from(gate.payload_cap().0).unwrap_or(usize::MAX);
                    return Err(self.full(&upload::Fault::Full(HeldFault::Cap(cap))));
                }
            }
        }
        let head = self.head.take().ok_or(GONE)?;
        let path = match &self.attempt.act {
            Act::Request { path, .. } => path.as_str(),
            Act::Connect | Act::Hello { .. } | Act::Opaque => "",
        };
        let destination = &self.attempt.destination;
        let content =
            upload::content(destination, path, self.query.as_deref(), &head.headers, &upload);
        let inspected = gate.inspect(&self.session, &self.attempt, content).await;
        let inspected = inspected.map_err(|refusal| Stop::Full {
            refusal,
            status: StatusCode::SERVICE_UNAVAILABLE,
            why: "the request could not be looked at now".to_owned(),
        })?;
        let body = match &feed {
            None => Inbound::whole(upload.body, upload.trailers),
            Some(_) => Inbound::Empty,
        };
        Ok(Judged { request: Request::from_parts(head, body), inspected, feed })
    }

    /// What is answered where a body cannot be held.
    fn full(&self, fault: &upload::Fault) -> Stop {
        if *fault == upload::Fault::Broken {
            return BROKEN;
        }
        let (status, why) = (fault.status(), fault.why());
        let (gate, asked) = (&self.desk.gate, self.asked.clone());
        let refusal = gate.refuse(Some(&self.session), asked, Control::Limit, why.clone());
        Stop::Full { refusal, status, why }
    }

    /// Sends a body window by window. It has a connection of its own, for the whole of that is cut
    /// when something is found.
    async fn feed(
        &mut self,
        request: Request<Inbound>,
        inspected: &Inspected,
        (mut feed, first): (Feed, Window),
    ) -> Result<Response<Outbound>, Stop> {
        let mut line = self.connect(Reuse::Never, inspected).await?;
        feed.judged_by(line.windows.take().ok_or(GONE)?);
        let refused = feed.refused();
        let request = request.map(|_| Inbound::fed(Fed::new(feed, first)));
        let moved = request.body().moved();
        let sent = line.lease.sender.send_request(request);
        match in_time(line.idle, moved.as_ref(), sent).await {
            Some(Ok(response)) => self.answer(line, response),
            // Whatever the connection ended with: it was cut for this.
            Some(Err(_)) | None if refused.get().is_some() => {
                Err(refused.get().cloned().map_or(SLOW, Stop::Cut))
            }
            Some(Err(fault)) => Err(failed(&fault)),
            None => Err(SLOW),
        }
    }

    async fn run(&mut self, judged: Judged) -> Result<Response<Outbound>, Stop> {
        let Judged { mut request, inspected, feed } = judged;
        if let Some(feed) = feed {
            return self.feed(request, &inspected, feed).await;
        }
        let mut line = self.connect(Reuse::May, &inspected).await?;
        // RFC 9110 §9.2.2: a connection that was idle may have been closed under the request. Only
        // what can be said twice without harm is, and only once.
        let again =
            (line.reused && request.body().is_end_stream() && is_idempotent(request.method()))
                .then(|| copy(&request));
        let moved = request.body().moved();
        let sent = line.lease.sender.try_send_request(request);
        let answer = in_time(line.idle, moved.as_ref(), sent).await;
        match answer {
            None => Err(SLOW),
            Some(Ok(response)) => self.answer(line, response),
            Some(Err(mut fault)) => {
                // Given back: not a byte of it was sent.
                request = match (fault.take_message(), again) {
                    (Some(unsent), _) if line.reused => unsent,
                    (None, Some(copy)) if is_broken_off(fault.error()) => copy,
                    (_, _) => return Err(failed(fault.error())),
                };
                drop(line);
                let mut line = self.connect(Reuse::Never, &inspected).await?;
                let moved = request.body().moved();
                let sent = line.lease.sender.send_request(request);
                match in_time(line.idle, moved.as_ref(), sent).await {
                    None => Err(SLOW),
                    Some(Ok(response)) => self.answer(line, response),
                    Some(Err(fault)) => Err(failed(&fault)),
                }
            }
        }
    }

    /// Asks, and finds or makes a connection. Each try has a permit of its own.
    async fn connect(&self, reuse: Reuse, inspected: &Inspected) -> Result<Line, Stop> {
        let asked = self.desk.gate.ask_with(&self.session, self.attempt.clone(), inspected);
        let permit = match asked.await {
            Answer::Permit(permit) => permit,
            Answer::Refusal(refusal) | Answer::Hold(refusal) => {
                return Err(Stop::Refused(refusal));
            }
        };
        let receipt = permit.receipt().clone();
        let idle = permit.idle().unwrap_or(self.desk.config.idle);
        let pool = Arc::clone(&self.desk.pool);
        let kept = match (reuse, self.hop.websocket) {
            (Reuse::May, false) => pool.take(&self.key).await,
            (Reuse::May | Reuse::Never, _) => None,
        };
        let key = self.key.clone();
        if let Some(kept) = kept {
            let ride = permit.ride(&kept.handle).await.map_err(Stop::Refused)?;
            let lease =
                Lease { sender: kept.sender, handle: kept.handle, ride: Some(ride), key, pool };
            return Ok(Line { lease, receipt, idle, reused: true, windows: None });
        }
        let windows = Some(permit.windows());
        let (sender, handle) = self.dial(permit).await?;
        let lease = Lease { sender, handle, ride: None, key, pool };
        Ok(Line { lease, receipt, idle, reused: false, windows })
    }

    async fn dial(
        &self,
        permit: Permit,
    ) -> Result<(hyper::client::conn::http1::SendRequest<Inbound>, backstop_gate::FlowHandle), Stop>
    {
        let flow = permit.dial().await.map_err(Stop::Refused)?;
        let handle = flow.handle();
        let upgrade = if self.hop.websocket { Upgrade::May } else { Upgrade::Never };
        let sender = self.desk.pool.start(flow, upgrade).await.map_err(|fault| failed(&fault))?;
        Ok((sender, handle))
    }

    /// The upstream's answer as the client gets it.
    fn answer(
        &mut self,
        line: Line,
        mut response: Response<Incoming>,
    ) -> Result<Response<Outbound>, Stop> {
        // RFC 9112 §6.3: two lengths for one body are an attempt at response smuggling. hyper reads
        // the chunks and would pass the other length on.
        if response.headers().contains_key(TRANSFER_ENCODING)
            && response.headers().contains_key(CONTENT_LENGTH)
        {
            return Err(Stop::Failed { status: StatusCode::BAD_GATEWAY, why: TWO_LENGTHS });
        }
        let receipt = HeaderValue::from_str(line.receipt.as_str()).ok();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let agreed = response.headers().get(UPGRADE);
            return match self.client.take() {
                Some(client)
                    if agreed
                        .is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) =>
                {
                    Ok(self.switch(client, line, response, receipt))
                }
                // RFC 9110 §7.8: only to what was asked for.
                Some(_) | None => {
                    Err(Stop::Failed { status: StatusCode::BAD_GATEWAY, why: UNASKED })
                }
            };
        }
        let upstream_spoke = response.version();
        let headers = response.headers_mut();
        fields::strip(headers);
        fields::via(headers, upstream_spoke);
        stamp(headers, receipt);
        *response.version_mut() = Version::HTTP_11;
        Ok(response
            .map(|body| Outbound::Relayed(Box::new(Relayed::new(body, line.lease, line.idle)))))
    }

    /// RFC 9110 §15.2.2: from here on the connection is a tunnel under the same permit.
    fn switch(
        &self,
        client: hyper::upgrade::OnUpgrade,
        line: Line,
        mut response: Response<Incoming>,
        receipt: Option<HeaderValue>,
    ) -> Response<Outbound> {
        let upstream = hyper::upgrade::on(&mut response);
        self.desk.sight.pass_everything();
        self.desk.leave(Next::Switched { client, upstream, idle: line.idle });
        let headers = response.headers_mut();
        fields::strip(headers);
        headers.insert(http::header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        stamp(headers, receipt);
        response.map(|_| Outbound::empty())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    May,
    Never,
}

const GONE: Stop = Stop::Failed { status: StatusCode::BAD_GATEWAY, why: "the request is gone" };
const BROKEN: Stop =
    Stop::Failed { status: StatusCode::BAD_REQUEST, why: "the client broke its body off" };
const TWO_LENGTHS: &str = "the upstream's answer has both Transfer-Encoding and Content-Length";
const UNASKED: &str = "the upstream switched to a protocol that was not asked for";
const SLOW: Stop = Stop::Failed {
    status: StatusCode::GATEWAY_TIMEOUT,
    why: "the upstream did not answer in time",
};

fn failed(fault: &hyper::Error) -> Stop {
    let why = if fault.is_parse() {
        "the upstream's answer is not HTTP/1.1"
    } else if is_broken_off(fault) {
        "the upstream closed the connection before it answered"
    } else {
        "the connection to the upstream failed"
    };
    Stop::Failed { status: StatusCode::BAD_GATEWAY, why }
}

fn is_broken_off(fault: &hyper::Error) -> bool {
    fault.is_incomplete_message() || fault.is_canceled() || fault.is_closed()
}

/// The answer, unless neither it nor the request's body moves for `idle`.
async fn in_time<T>(
    idle: Duration,
    moved: Option<&Moved>,
    answer: impl Future<Output = T>,
) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    loop {
        match tokio::time::timeout(idle, answer.as_mut()).await {
            Ok(answer) => return Some(answer),
            Err(_) if moved.is_some_and(Moved::take) => {}
            Err(_) => return None,
        }
    }
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE]
        .contains(method)
}

/// A request without a body, a second time.
fn copy(request: &Request<Inbound>) -> Request<Inbound> {
    let mut copy = Request::new(Inbound::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// `Host` as the judged destination says it (RFC 9112 §3.2), without the scheme's own port.
fn host_field(place: &Destination) -> Option<HeaderValue> {
    let text = if place.port == place.protocol.default_port() {
        place.host.to_string()
    } else {
        place.to_string()
    };
    HeaderValue::from_str(&text).ok()
}

/// No upstream can speak of receipts.
fn stamp(headers: &mut HeaderMap, receipt: Option<HeaderValue>) {
    headers.remove(RECEIPT);
    if let Some(receipt) = receipt {
        headers.insert(RECEIPT, receipt);
    }
    headers.remove(HOST);
}
