//! CONNECT (RFC 9110 §9.3.6): ask, answer 200, read the ClientHello, ask again, dial, copy.
//!
//! INVARIANT: no byte leaves before the gate has permitted the name that the ClientHello shows.
//! Must not know pools or other requests. Next: `tunnel`.

use crate::body::Outbound;
use crate::connection::{Desk, Next};
use crate::hello::{ClientHello, Follow, HelloReader, Progress};
use crate::refusal::{self, ACCESS_DENIED, After, INTERNAL_ERROR, RECEIPT};
use crate::tunnel;
use backstop_gate::{Answer, Permit, Session};
use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::control::Control;
use backstop_model::destination::{Protocol, parse_authority};
use backstop_model::event::Asked;
use backstop_model::refusal::Refusal;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Answers the CONNECT itself. On a permit the tunnel begins once the 200 is written.
pub(crate) async fn accept(
    desk: &Desk,
    session: Session,
    mut request: Request<Incoming>,
) -> Response<Outbound> {
    let target = request.uri().authority().map(|a| a.as_str().to_owned()).unwrap_or_default();
    let destination = match parse_authority(&target, Protocol::Https) {
        Ok(destination) => destination,
        Err(fault) => {
            let refusal = desk.gate.refuse_unparsable(Some(&session), Plane::Proxy, &fault);
            return refusal::answer(&refusal, After::Close);
        }
    };
    let attempt =
        Attempt { plane: Plane::Proxy, destination, act: Act::Connect, sight: Inspection::Sni };
    let permit = match desk.gate.ask(&session, attempt).await {
        Answer::Permit(permit) => permit,
        Answer::Refusal(refusal) | Answer::Hold(refusal) => {
            return refusal::answer(&refusal, After::Close);
        }
    };
    let mut response = Response::new(Outbound::empty());
    if let Ok(receipt) = HeaderValue::from_str(permit.receipt().as_str()) {
        response.headers_mut().insert(RECEIPT, receipt);
    }
    desk.leave(Next::Tunnel {
        client: hyper::upgrade::on(&mut request),
        session: Box::new(session),
        permit: Box::new(permit),
    });
    response
}

/// Runs the tunnel on the bare connection. `early` is what the client has sent already.
pub(crate) async fn run(
    desk: &Desk,
    mut client: TcpStream,
    early: Vec<u8>,
    session: Session,
    permit: Permit,
) {
    let idle = permit.idle().unwrap_or(desk.config.idle);
    let (first, act, follow) = match first_flight(&mut client, early, desk.config.hello).await {
        First::Hello { bytes, after, hello } => {
            let act = Act::Hello { sni: hello.sni.clone(), ech: hello.ech };
            let mut follow = Follow::new(hello);
            // The client need not wait for an answer: what stands behind its hello in the same
            // flight may be a second one.
            if let Err(why) = follow.push(bytes.get(after..).unwrap_or_default()) {
                desk.refuse_tunnel(&session, permit.attempt(), Control::WireAuthority, why);
                return end(client, Some(ACCESS_DENIED)).await;
            }
            (bytes, act, (!follow.is_done()).then_some(follow))
        }
        First::Opaque { bytes } => (bytes, Act::Opaque, None),
        First::Malformed(why) => {
            desk.refuse_tunnel(&session, permit.attempt(), Control::WireFraming, why);
            return end(client, Some(ACCESS_DENIED)).await;
        }
        First::Slow => {
            let why = "the ClientHello did not come in time";
            desk.refuse_tunnel(&session, permit.attempt(), Control::Limit, why);
            return end(client, None).await;
        }
        First::Gone => return,
    };
    let speaks_tls = matches!(act, Act::Hello { .. });
    let permit = match permit.refine(act).await {
        Answer::Permit(permit) => permit,
        Answer::Refusal(_) | Answer::Hold(_) => {
            return end(client, speaks_tls.then_some(ACCESS_DENIED)).await;
        }
    };
    let attempt = permit.attempt().clone();
    match permit.dial().await {
        Ok(flow) => {
            let forbidden = tunnel::run(client, flow, first, Vec::new(), idle, follow).await;
            if let Some(why) = forbidden {
                desk.refuse_tunnel(&session, &attempt, Control::WireAuthority, why);
            }
        }
        Err(refusal) => end(client, speaks_tls.then_some(alert_for(&refusal))).await,
    }
}

enum First {
    /// The hello, all bytes that came, and where those behind the hello begin.
    Hello {
        bytes: Vec<u8>,
        after: usize,
        hello: ClientHello,
    },
    Opaque {
        bytes: Vec<u8>,
    },
    Malformed(&'static str),
    Slow,
    Gone,
}

/// Reads until the first flight can be judged.
async fn first_flight(client: &mut TcpStream, early: Vec<u8>, deadline: Duration) -> First {
    let until = Instant::now() + deadline;
    let mut reader = HelloReader::new();
    let mut fresh = early;
    loop {
        match reader.push(&fresh) {
            Progress::NeedMore => {}
            Progress::Hello(hello) => {
                let after = reader.read();
                return First::Hello { bytes: reader.into_bytes(), after, hello };
            }
            Progress::NotTls => {
                return First::Opaque { bytes: reader.into_bytes() };
            }
            Progress::Malformed { why } => return First::Malformed(why),
        }
        fresh = Vec::with_capacity(4_096);
        match timeout_at(until, client.read_buf(&mut fresh)).await {
            Err(_) => return First::Slow,
            Ok(Err(_) | Ok(0)) => return First::Gone,
            Ok(Ok(_)) => {}
        }
    }
}

fn alert_for(refusal: &Refusal) -> [u8; 7] {
    match refusal.control.as_str().starts_with("upstream.") {
        true => INTERNAL_ERROR,
        false => ACCESS_DENIED,
    }
}

/// Says why in the client's own protocol and closes, reading on for a moment so that the close
/// does not turn into a reset that eats the alert.
async fn end(mut client: TcpStream, alert: Option<[u8; 7]>) {
    let parting = async {
        if let Some(alert) = alert {
            client.write_all(&alert).await?;
        }
        client.shutdown().await?;
        let mut scratch = [0u8; 1_024];
        let mut left = 64usize;
        while left > 0 && client.read(&mut scratch).await? > 0 {
            left -= 1;
        }
        std::io::Result::Ok(())
    };
    let _best_effort = timeout(PARTING, parting).await;
}

const PARTING: Duration = Duration::from_millis(500);

impl Desk {
    /// A refusal of what came through the tunnel that the gate never saw.
    fn refuse_tunnel(&self, session: &Session, attempt: &Attempt, control: Control, why: &str) {
        let place = &attempt.destination;
        let asked = Asked {
            plane: Plane::Proxy,
            host: place.host.to_string(),
            port: place.port,
            act: "hello".to_owned(),
            path: String::new(),
        };
        self.gate.refuse(Some(session), asked, control, why.to_owned());
    }
}
