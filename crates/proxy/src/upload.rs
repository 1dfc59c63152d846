//! A request body on its way in: held whole, within the gate's budget and a deadline, before anyone
//! says whether it may leave.
//!
//! Must not know what is looked for. Next: `pool`.

use backstop_gate::{Content, Extent, Held, HeldFault};
use backstop_model::destination::Destination;
use backstop_model::host::Host;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use std::pin::Pin;
use std::time::Duration;

/// A request body, whole.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// Whether it is all of the body.
    pub(crate) extent: Extent,
}

/// Why a body is not held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is too large, or too much is held already.
    Full(HeldFault),
    /// It did not come in time.
    Slow,
    /// It broke off; if its framing was bad, the guard knows.
    Broken,
    /// Its trailers are larger than a head may be.
    Trailers,
}

impl Fault {
    /// What the client is told: 413 (RFC 9110 §15.5.14) may never succeed, 503 may later.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Full(HeldFault::Cap(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Full(HeldFault::Share | HeldFault::Budget) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Trailers => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Full(fault) => fault.to_string(),
            Self::Slow => "the client took too long to send its body".to_owned(),
            Self::Trailers => "the trailers are larger than 64 KiB".to_owned(),
            Self::Broken => "the client broke its body off".to_owned(),
        }
    }
}

/// What came of holding a body.
#[derive(Debug)]
pub(crate) enum Taken {
    /// All of it.
    Whole(Upload),
    /// It is larger than may be held: what came so far, in order.
    Larger(Vec<Bytes>),
}

/// Holds a body to its end, or as far as it may be held.
pub(crate) async fn take(
    body: &mut (impl Body<Data = Bytes> + Unpin),
    held: Held,
    deadline: Duration,
) -> Result<Taken, Fault> {
    tokio::time::timeout(deadline, collect(body, held)).await.map_err(|_| Fault::Slow)?
}

async fn collect(
    body: &mut (impl Body<Data = Bytes> + Unpin),
    mut held: Held,
) -> Result<Taken, Fault> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // Not a byte of what is too large anyway is asked for: no 100 (Continue) is sent.
    if held.fits(announced).is_err() {
        return Ok(Taken::Larger(Vec::new()));
    }
    let mut trailers: Option<HeaderMap> = None;
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        let frame = match frame {
            None => {
                return Ok(Taken::Whole(Upload {
                    body: held.into_bytes(),
                    trailers,
                    extent: Extent::Whole,
                }));
            }
            Some(Err(_)) => return Err(Fault::Broken),
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(data) => match held.push(&data) {
                Ok(()) => {}
                Err(HeldFault::Cap(_)) => return Ok(Taken::Larger(vec![held.into_bytes(), data])),
                Err(fault) => return Err(Fault::Full(fault)),
            },
            Err(frame) => trailers = self::trailers(frame)?.or(trailers),
        }
    }
}

/// The trailers of a frame that holds no data.
pub(crate) fn trailers(frame: Frame<Bytes>) -> Result<Option<HeaderMap>, Fault> {
    let Ok(fields) = frame.into_trailers() else { return Ok(None) };
    let size: usize = fields.iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
    if size > TRAILERS { Err(Fault::Trailers) } else { Ok(Some(fields)) }
}

/// LIMIT: bytes of trailers, as of a head.
const TRAILERS: usize = 64 * 1024;

/// The message as it is judged: host, path, query, every field that goes upstream, the body.
pub(crate) fn content(
    destination: &Destination,
    path: &str,
    query: Option<&str>,
    head: &HeaderMap,
    upload: &Upload,
) -> Content {
    let host = match &destination.host {
        Host::Name(name) => name.to_string(),
        Host::Address(_) => String::new(),
    };
    let trailers = upload.trailers.iter().flatten().map(|(name, value)| (name.as_str(), value));
    let fields = head.iter().filter(|(name, _)| !is_frame(name));
    let fields = fields.map(|(name, value)| (name.as_str(), value)).chain(trailers);
    let one = |name: HeaderName| {
        let values: Vec<String> = head.get_all(name).iter().map(text).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    Content {
        host,
        path: path.to_owned(),
        query: query.map(str::to_owned),
        fields: fields.map(|(name, value)| (name.to_owned(), text(value))).collect(),
        body: upload.body.clone(),
        content_type: one(CONTENT_TYPE),
        content_encoding: one(CONTENT_ENCODING),
        extent: upload.extent,
    }
}

/// Fields that this proxy writes itself: nothing of the client's is in them.
fn is_frame(name: &HeaderName) -> bool {
    [HOST, VIA, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, TE, UPGRADE].contains(name)
}

/// A value as text; bytes that are no UTF-8 as the characters of Latin-1 (RFC 9110 §5.5).
pub(crate) fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}
