//! One client connection: guard, hyper, and what the connection may turn into.
//!
//! A connection is one task. Its HTTP part ends when the client goes, when the process stops, or
//! when a request turns it into a tunnel; the tunnel then runs in the same task, with hyper and its
//! buffers gone. Must not know how requests are answered. Next: `connect`, `forward`.

use crate::body::Outbound;
use crate::config::Config;
use crate::identity::{self, Presented};
use crate::places::{Place, Places};
use crate::pool::Pool;
use crate::refusal::{self, After};
use crate::strict::{FAULT_METHOD, Fault, Guarded, Sight};
use crate::{connect, forward, server, tunnel};
use backstop_gate::{Flow, Gate, Permit, Session};
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::Asked;
use backstop_model::refusal::Refusal;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// What all connections of one listener share.
pub(crate) struct House {
    pub(crate) gate: Gate,
    pub(crate) config: Arc<Config>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) places: Arc<Places>,
}

/// What answering one connection's requests needs.
pub(crate) struct Desk {
    pub(crate) gate: Gate,
    pub(crate) config: Arc<Config>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) sight: Sight,
    /// Where the connection comes from.
    source: Option<IpAddr>,
    /// Who signed in last: whose a bad message is.
    known: Mutex<Option<Session>>,
    places: Arc<Places>,
    /// The connection's own, once somebody has signed in on it.
    place: Mutex<Option<Place>>,
    next: Mutex<Option<Next>>,
}

/// What the connection turns into once the answer is written.
pub(crate) enum Next {
    /// A tunnel whose first flight is still to be judged.
    Tunnel { client: OnUpgrade, session: Box<Session>, permit: Box<Permit> },
    /// Another protocol, which the upstream has agreed to (101).
    Switched { client: OnUpgrade, upstream: OnUpgrade, idle: Duration },
}

type Socket = TokioIo<Guarded<TcpStream>>;

/// Serves a connection to its end.
pub(crate) async fn serve(house: &House, client: TcpStream, mut stop: watch::Receiver<bool>) {
    let source = client.peer_addr().ok().map(|peer| peer.ip());
    let guarded = Guarded::new(client, house.config.deadlines());
    let desk = Arc::new(Desk {
        gate: house.gate.clone(),
        config: Arc::clone(&house.config),
        pool: Arc::clone(&house.pool),
        sight: guarded.sight(),
        source,
        known: Mutex::new(None),
        places: Arc::clone(&house.places),
        place: Mutex::new(None),
        next: Mutex::new(None),
    });
    let at_desk = Arc::clone(&desk);
    let service = service_fn(move |request| {
        let desk = Arc::clone(&at_desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let http = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(house.config.keep_alive)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(guarded), service)
        .with_upgrades();
    let mut http = Box::pin(http);
    let ended = tokio::select! {
        ended = http.as_mut() => ended,
        () = server::stopped(&mut stop) => {
            http.as_mut().graceful_shutdown();
            http.as_mut().await
        }
    };
    drop(http);
    if ended.is_ok() {
        desk.turn().await;
    }
}

impl Desk {
    /// Keeps what the connection turns into until its answer is written.
    pub(crate) fn leave(&self, next: Next) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }

    async fn turn(&self) {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        match next {
            None => {}
            Some(Next::Tunnel { client, session, permit }) => {
                let Some((client, early)) = bare(client).await else { return };
                Box::pin(connect::run(self, client, early, *session, *permit)).await;
            }
            Some(Next::Switched { client, upstream, idle }) => {
                let (Some((client, early)), Ok(upstream)) = (bare(client).await, upstream.await)
                else {
                    return;
                };
                let Ok(parts) = upstream.downcast::<TokioIo<Flow>>() else { return };
                let answered = parts.read_buf.to_vec();
                tunnel::run(client, parts.io.into_inner(), early, answered, idle, None).await;
            }
        }
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Outbound> {
        if let (Some(fault), FAULT_METHOD) = (self.sight.fault(), request.method().as_str()) {
            return self.framing(&fault);
        }
        let after = after(&request);
        let session = match self.sign_in(&mut request) {
            Ok(session) => match self.source {
                Some(source) => session.at(source),
                None => session,
            },
            Err(refusal) => return refusal::answer(&refusal, after),
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        if !self.take_place(&session) {
            let why = format!(
                "all {} client connections of this session are in use",
                self.config.max_connections_per_session
            );
            let refusal = self.gate.refuse(Some(&session), asked(&request), Control::Limit, why);
            return refusal::answer(&refusal, After::Close);
        }
        let connect = request.method() == Method::CONNECT;
        let absolute = request.uri().scheme().is_some() && request.uri().authority().is_some();
        if connect {
            connect::accept(self, session, request).await
        } else if absolute {
            forward::forward(self, session, request).await
        } else {
            let why = "the request is for the proxy itself";
            let refusal = self.gate.refuse(
                Some(&session),
                asked(&request),
                Control::WireAuthority,
                why.to_owned(),
            );
            refusal::answer_with(&refusal, StatusCode::BAD_REQUEST, Some(HELP), after)
        }
    }

    /// Counts the connection as one of this session's.
    fn take_place(&self, session: &Session) -> bool {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if !place.as_ref().is_some_and(|place| place.is_of(session.id())) {
            // One that signs in as somebody else leaves its former place.
            *place = self.places.take(session.id());
        }
        place.is_some()
    }

    fn sign_in(&self, request: &mut Request<Incoming>) -> Result<Session, Refusal> {
        let presented = identity::take(request.headers_mut());
        if let Some(bound) = &self.config.bound {
            return self.gate.session_of(Plane::Proxy, &bound.session, bound.skill.as_ref());
        }
        let why = match presented {
            Presented::Credential(credential) => {
                return self.gate.sign_in(Plane::Proxy, &credential);
            }
            Presented::Nothing => "no credential was presented",
            Presented::Unreadable => "what was presented is not a credential of this proxy",
        };
        Err(self.gate.refuse(None, asked(request), Control::Identity, why.to_owned()))
    }

    /// The answer to a message that the guard did not let in.
    fn framing(&self, fault: &Fault) -> Response<Outbound> {
        let refusal = self.refuse_fault(fault, None);
        refusal::answer_with(&refusal, fault.status, Some(fault.why), After::Close)
    }

    /// Records the guard's refusal; `asked` if the head was read before the fault.
    pub(crate) fn refuse_fault(&self, fault: &Fault, asked: Option<Asked>) -> Refusal {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asked = asked.unwrap_or_else(|| Asked {
            plane: Plane::Proxy,
            host: String::new(),
            port: 0,
            act: "request".to_owned(),
            path: String::new(),
        });
        self.gate.refuse(known.as_ref(), asked, fault.control, fault.why.to_owned())
    }
}

/// The connection itself, once hyper has let go of it.
async fn bare(client: OnUpgrade) -> Option<(TcpStream, Vec<u8>)> {
    let upgraded: Upgraded = client.await.ok()?;
    let parts = upgraded.downcast::<Socket>().ok()?;
    let mut early = parts.read_buf.to_vec();
    let (client, rest) = parts.io.into_inner().into_inner();
    early.extend(rest);
    Some((client, early))
}

/// What a request that is refused before it is an attempt asked for: no query, no userinfo.
pub(crate) fn asked(request: &Request<Incoming>) -> Asked {
    let uri = request.uri();
    Asked {
        plane: Plane::Proxy,
        host: uri.host().unwrap_or_default().chars().take(255).collect(),
        port: uri.port_u16().unwrap_or(0),
        act: request.method().as_str().chars().take(32).collect(),
        path: uri.path().chars().take(1_024).collect(),
    }
}

/// After a refused CONNECT nobody can say what the next bytes are; HTTP/1.0 closes anyway.
pub(crate) fn after(request: &Request<Incoming>) -> After {
    if request.method() == Method::CONNECT || request.version() == Version::HTTP_10 {
        After::Close
    } else {
        After::KeepAlive
    }
}

const HELP: &str = "this is a forward proxy: ask with an absolute URL (`GET http://host/path`) or with `CONNECT host:port`";

/// LIMIT: hyper's buffer for one connection: a whole head fits.
const BUFFER: usize = 128 * 1024;
