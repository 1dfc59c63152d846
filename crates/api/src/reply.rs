//! Answers on their way to the wire, with the headers that every answer carries.
//! Must not know what they say. Next: `front`.

use crate::problem::Problem;
use crate::stream::EventStream;
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a route answers when it goes well.
pub(crate) enum Reply {
    Json(StatusCode, Value),
    Text(&'static str, String),
    Empty,
    Stream(EventStream),
}

/// A body: whole, or a stream of events.
pub(crate) enum ReplyBody {
    Whole(Option<Bytes>),
    Stream(EventStream),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(stream) => {
                stream.poll_chunk(cx).map(|chunk| chunk.map(|c| Ok(Frame::data(c))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(
                bytes.as_ref().map_or(0, |b| u64::try_from(b.len()).unwrap_or(u64::MAX)),
            ),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Writes an answer.
pub(crate) fn write(answer: Result<Reply, Problem>) -> Response<ReplyBody> {
    let (status, media, body, own) = match answer {
        Ok(Reply::Json(status, value)) => {
            (status, Some(JSON), whole(value.to_string()), Vec::new())
        }
        Ok(Reply::Text(media, text)) => (StatusCode::OK, Some(media), whole(text), Vec::new()),
        Ok(Reply::Empty) => (StatusCode::NO_CONTENT, None, ReplyBody::Whole(None), Vec::new()),
        Ok(Reply::Stream(stream)) => {
            (StatusCode::OK, Some(EVENTS), ReplyBody::Stream(stream), Vec::new())
        }
        Err(problem) => (
            problem.kind.status(),
            Some(PROBLEM),
            whole(problem.to_json().to_string()),
            problem.headers().to_vec(),
        ),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(media) = media {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    for (name, value) in ALWAYS {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    headers.extend(own.into_iter().map(|(name, value)| (Some(name), value)));
    response
}

fn whole(text: String) -> ReplyBody {
    ReplyBody::Whole(Some(Bytes::from(text)))
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const PROBLEM: &str = "application/problem+json";

/// Nothing that the API says is kept by a cache, sniffed as another type, framed or run.
static ALWAYS: &[(HeaderName, &str)] = &[
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];
