//! The event stream: rows of the ledger as server-sent events, from a backlog into the live tail.
//!
//! The stream is pulled: while its peer does not read, nothing is read from the ledger for it,
//! so a slow reader costs a socket buffer and no more. Behind a live tail that has run away it is
//! cut with a last event that says where to resume.
//! Must not know HTTP. Next: `acts`.

use crate::sse;
use backstop_ledger::{Ledger, Recorded, record};
use backstop_model::id::{SessionId, TenantName};
use bytes::Bytes;
use serde_json::json;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::{Instant, sleep_until};

/// Which rows a reader wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) tenant: Option<TenantName>,
    pub(crate) session: Option<SessionId>,
    /// Names of types; empty for all.
    pub(crate) types: Vec<&'static str>,
}

impl Filter {
    fn wants(&self, row: &Recorded) -> bool {
        let subject = row.event.subject.as_ref();
        let tenant = self.tenant.as_ref().is_none_or(|t| subject.is_some_and(|s| s.tenant == *t));
        let session = self
            .session
            .as_ref()
            .is_none_or(|id| subject.is_some_and(|s| s.session.as_ref() == Some(id)));
        let named = self.types.is_empty() || self.types.contains(&record::type_of(&row.event.fact));
        tenant && session && named
    }
}

/// Whether a stream waits for what is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// It ends with the newest row.
    Backlog,
    /// It goes on.
    Live,
}

/// What a stream is made of.
pub(crate) struct Source {
    pub(crate) ledger: Ledger,
    pub(crate) filter: Filter,
    /// The last row that the reader has.
    pub(crate) after: u64,
    pub(crate) follow: Follow,
    pub(crate) heartbeat: Duration,
    pub(crate) stop: watch::Receiver<bool>,
    /// Whether the token still opens this stream.
    pub(crate) may: Box<dyn Fn() -> bool + Send>,
    /// Its place among the streams.
    pub(crate) place: OwnedSemaphorePermit,
}

/// A stream of chunks, each of whole events.
pub(crate) struct EventStream {
    step: Option<Pin<Box<dyn Future<Output = Step> + Send>>>,
}

type Step = (Option<Reader>, Bytes);

impl EventStream {
    pub(crate) fn open(source: Source) -> Self {
        let greeting = Bytes::from_static(GREETING.as_bytes());
        let reader = Reader { source, lagged: false, tail: None };
        Self { step: Some(Box::pin(std::future::ready((Some(reader), greeting)))) }
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(step) = &mut self.step else { return Poll::Ready(None) };
        match step.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready((reader, chunk)) => {
                self.step = reader
                    .map(|r| -> Pin<Box<dyn Future<Output = Step> + Send>> { Box::pin(r.step()) });
                Poll::Ready(Some(chunk))
            }
        }
    }
}

struct Reader {
    source: Source,
    /// Whether the live tail ran away while a chunk was gathered.
    lagged: bool,
    /// `Some` once the reader has everything up to the moment of its subscription.
    tail: Option<broadcast::Receiver<Arc<Recorded>>>,
}

/// What woke a reader of the live tail.
enum Woken {
    Row(Arc<Recorded>),
    Lagged,
    Closed,
    Beat,
    Stop,
}

impl Reader {
    /// The next chunk, and the reader if there may be more.
    async fn step(mut self) -> Step {
        loop {
            if *self.source.stop.borrow() {
                return self.end("end", "the server stops; resume with Last-Event-ID");
            }
            if !(self.source.may)() {
                return self.end("end", "the token opens this stream no longer");
            }
            if self.lagged {
                return self.end("cut", FELL_BEHIND);
            }
            let chunk = match self.tail.take() {
                None => self.backlog().await,
                Some(tail) => self.live(tail).await,
            };
            match chunk {
                Chunk::Events(text) => return (Some(self), Bytes::from(text)),
                Chunk::Nothing => {}
                Chunk::End(name, reason) => return self.end(name, reason),
            }
        }
    }

    /// One page of rows that are on record.
    async fn backlog(&mut self) -> Chunk {
        // RACE: subscribe first, then read: a row committed in between stands in both, and the
        // second is passed over by its number.
        let tail = self.source.ledger.tail();
        let (ledger, after) = (self.source.ledger.clone(), self.source.after);
        let read = tokio::task::spawn_blocking(move || ledger.events_after(after, PAGE)).await;
        let Ok(Ok(rows)) = read else {
            return Chunk::End("end", "the ledger cannot be read");
        };
        if rows.is_empty() {
            match self.source.follow {
                Follow::Backlog => return Chunk::End("end", "that was the newest row"),
                Follow::Live => self.tail = Some(tail),
            }
        }
        let mut text = String::new();
        if let Some(first) = rows.first()
            && after > 0
            && first.seq > after.saturating_add(1)
        {
            // Retention removed what the reader has not seen: it must know.
            let data = json!({ "after": after, "before": first.seq });
            sse::write(&mut text, None, "gap", &data.to_string());
        }
        for row in &rows {
            self.take(row, &mut text);
        }
        if text.is_empty() { Chunk::Nothing } else { Chunk::Events(text) }
    }

    /// Waits for the next row of the live tail and takes what is there already.
    async fn live(&mut self, mut tail: broadcast::Receiver<Arc<Recorded>>) -> Chunk {
        let beat = Instant::now() + self.source.heartbeat;
        let woken = tokio::select! {
            row = tail.recv() => match row {
                Ok(row) => Woken::Row(row),
                Err(RecvError::Lagged(_)) => Woken::Lagged,
                Err(RecvError::Closed) => Woken::Closed,
            },
            () = sleep_until(beat) => Woken::Beat,
            // A sender that is gone means that nobody can stop us but the tail's end.
            Ok(()) = self.source.stop.changed() => Woken::Stop,
        };
        let mut next = match woken {
            Woken::Row(row) => Some(row),
            Woken::Beat => {
                self.tail = Some(tail);
                return Chunk::Events(sse::HEARTBEAT.to_owned());
            }
            Woken::Stop => {
                self.tail = Some(tail);
                return Chunk::Nothing;
            }
            Woken::Lagged => {
                return Chunk::End("cut", FELL_BEHIND);
            }
            Woken::Closed => return Chunk::End("end", "the ledger is closed"),
        };
        let mut text = String::new();
        while let Some(row) = next {
            if row.seq > self.source.after.saturating_add(1) {
                // A row that the tail did not bring: the ledger has it.
                return if text.is_empty() { Chunk::Nothing } else { Chunk::Events(text) };
            }
            self.take(&row, &mut text);
            if text.len() >= CHUNK {
                break;
            }
            next = match tail.try_recv() {
                Ok(row) => Some(row),
                Err(TryRecvError::Empty | TryRecvError::Closed) => None,
                Err(TryRecvError::Lagged(_)) => {
                    self.lagged = true;
                    None
                }
            };
        }
        self.tail = Some(tail);
        if text.is_empty() { Chunk::Nothing } else { Chunk::Events(text) }
    }

    fn take(&mut self, row: &Recorded, text: &mut String) {
        if row.seq <= self.source.after {
            return;
        }
        self.source.after = row.seq;
        if self.source.filter.wants(row) {
            sse::write(text, Some(row.seq), "recorded", &record::to_json(row).to_string());
        }
    }

    /// The last event: why, and behind which row to resume.
    fn end(self, name: &'static str, reason: &'static str) -> Step {
        let mut text = String::new();
        let data = json!({ "reason": reason, "resumeAfter": self.source.after });
        sse::write(&mut text, Some(self.source.after), name, &data.to_string());
        drop(self.source.place);
        (None, Bytes::from(text))
    }
}

enum Chunk {
    Events(String),
    Nothing,
    End(&'static str, &'static str),
}

const FELL_BEHIND: &str = "the reader fell behind; resume with Last-Event-ID";
/// How long a browser waits before it comes back (WHATWG HTML §9.2.6).
const GREETING: &str = "retry: 1000\n\n";
/// Rows of one read of the backlog.
const PAGE: usize = 256;
/// Bytes after which a chunk is handed over.
const CHUNK: usize = 64 * 1024;
