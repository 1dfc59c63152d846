//! A request body that is too large to be held, where its row lets it leave in windows: read,
//! judged and sent window by window, with no more than two of them in memory.
//!
//! ```text
//!  client ─▶ fill ─▶ [ kept back from before │ new … ] ─▶ judge ─▶ send all but the last overlap
//! ```
//! INVARIANT: what is sent has been judged together with `WINDOW_OVERLAP` bytes behind it, so that
//! of anything found that is no longer than that, not a byte has left. Windows begin and end
//! between words, so that half a number is not taken for another.
//! Must not know what is looked for. Next: `body`.

use crate::upload::{self, Fault};
use backstop_gate::{Gate, HeldFault, Session, WINDOW, WINDOW_OVERLAP, Windows};
use backstop_model::control::Control;
use backstop_model::refusal::Refusal;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How far a border is moved to stand between words.
const WORD: usize = 4 * 1024;
/// How long a window waits for room in the budget.
const PATIENCE: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(20);

/// The body, as far as it has come.
pub(crate) struct Feed {
    gate: Gate,
    session: Session,
    /// How long a window may take to come.
    deadline: Duration,
    /// What came before it was known to be too large, oldest first.
    lead: Vec<Bytes>,
    body: Option<Incoming>,
    trailers: Option<HeaderMap>,
    /// What was looked at already and waits for what follows it.
    kept: Bytes,
    judge: Option<Windows>,
    /// Bytes that were let go.
    left: u64,
    /// Why it ended before its end, for whoever answers the client.
    refused: Arc<OnceLock<Refusal>>,
}

/// One window.
pub(crate) struct Window {
    /// Everything that is there.
    bytes: Bytes,
    /// How much of it is looked at.
    seen: usize,
    /// How much of that may go once it is judged.
    goes: usize,
}

impl Window {
    /// What is to be looked at.
    pub(crate) fn seen(&self) -> Bytes {
        self.bytes.slice(..self.seen)
    }
}

impl Feed {
    pub(crate) fn new(
        gate: Gate,
        session: Session,
        deadline: Duration,
        lead: Vec<Bytes>,
        body: Incoming,
    ) -> Self {
        Self {
            gate,
            session,
            deadline,
            lead,
            body: Some(body),
            trailers: None,
            kept: Bytes::new(),
            judge: None,
            left: 0,
            refused: Arc::default(),
        }
    }

    /// From now on windows are judged under this permit.
    pub(crate) fn judged_by(&mut self, judge: Windows) {
        self.judge = Some(judge);
    }
    /// Where the refusal will be that ends it.
    pub(crate) fn refused(&self) -> Arc<OnceLock<Refusal>> {
        Arc::clone(&self.refused)
    }
    /// What stands behind the body, once that has ended.
    pub(crate) fn trailers(&self) -> Option<HeaderMap> {
        self.trailers.clone()
    }

    /// Reads the next window.
    pub(crate) async fn fill(&mut self) -> Result<Window, Fault> {
        let due = Instant::now() + self.deadline;
        let mut held = self.gate.hold_window(&self.session);
        let kept = std::mem::take(&mut self.kept);
        push(&mut held, &kept).await?;
        drop(kept);
        self.lead.reverse();
        while held.len() < WINDOW {
            let room = WINDOW - held.len();
            let mut data = match self.lead.pop() {
                Some(data) => data,
                None => match timeout_at(due, self.frame()).await.map_err(|_| Fault::Slow)?? {
                    Some(data) => data,
                    None => break,
                },
            };
            let now = data.split_to(room.min(data.len()));
            push(&mut held, &now).await?;
            if !data.is_empty() {
                self.lead.push(data);
            }
        }
        self.lead.reverse();
        let bytes = held.into_bytes();
        if self.body.is_none() && self.lead.is_empty() {
            let all = bytes.len();
            return Ok(Window { bytes, seen: all, goes: all });
        }
        let (seen, goes) = borders(&bytes);
        Ok(Window { bytes, seen, goes })
    }

    /// Lets go of what a judged window lets go.
    pub(crate) fn release(&mut self, window: Window) -> Bytes {
        let Window { mut bytes, goes, .. } = window;
        let gone = bytes.split_to(goes);
        self.kept = bytes;
        self.left = self.left.saturating_add(u64::try_from(gone.len()).unwrap_or(u64::MAX));
        gone
    }

    /// The next piece that may go; `None` at the end.
    async fn next(&mut self) -> Result<Option<Frame<Bytes>>, Refusal> {
        if self.is_read() {
            return Ok(self.trailers.take().map(Frame::trailers));
        }
        let window = match self.fill().await {
            Ok(window) => window,
            Err(fault) => return Err(self.give_up(&fault)),
        };
        let trailers = self.trailers.iter().flatten();
        let fields = trailers.map(|(name, value)| (name.as_str().to_owned(), upload::text(value)));
        let fields = fields.collect();
        match &self.judge {
            Some(judge) => judge.judge(window.seen(), fields, self.left).await?,
            // Nothing leaves that nobody has judged.
            None => return Ok(None),
        }
        Ok(Some(Frame::data(self.release(window))))
    }

    fn is_read(&self) -> bool {
        self.body.is_none() && self.lead.is_empty() && self.kept.is_empty()
    }

    fn give_up(&self, fault: &Fault) -> Refusal {
        let (control, why) = (Control::Limit, fault.why());
        match &self.judge {
            Some(judge) => judge.give_up(control, why, self.left),
            None => {
                let asked = backstop_model::event::Asked {
                    plane: backstop_model::attempt::Plane::Proxy,
                    host: String::new(),
                    port: 0,
                    act: String::new(),
                    path: String::new(),
                };
                self.gate.refuse(Some(&self.session), asked, control, why)
            }
        }
    }

    /// The body's next data; its trailers are kept. `None` at the end.
    async fn frame(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(body) = &mut self.body else { return Ok(None) };
        loop {
            match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
                None => {
                    self.body = None;
                    return Ok(None);
                }
                Some(Err(_)) => return Err(Fault::Broken),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(frame) => self.trailers = upload::trailers(frame)?.or(self.trailers.take()),
                },
            }
        }
    }
}

/// Puts bytes into a window; while the budget is in use it waits its turn, and so does the client.
async fn push(held: &mut backstop_gate::Held, bytes: &[u8]) -> Result<(), Fault> {
    let due = Instant::now() + PATIENCE;
    loop {
        match held.push(bytes) {
            Ok(()) => return Ok(()),
            Err(HeldFault::Share | HeldFault::Budget) if Instant::now() < due => {
                sleep(BREATH).await;
            }
            Err(fault) => return Err(Fault::Full(fault)),
        }
    }
}

/// Of a full window: how much of it is looked at, and how much of that may go.
fn borders(window: &[u8]) -> (usize, usize) {
    let seen = between_words(window, window.len());
    (seen, between_words(window, seen.saturating_sub(WINDOW_OVERLAP)))
}

/// The last place at or before `at` that stands behind a blank or a comma, or else behind a whole
/// character; `at` itself where there is none near.
fn between_words(bytes: &[u8], at: usize) -> usize {
    let from = at.saturating_sub(WORD);
    let near = bytes.get(from..at).unwrap_or_default();
    let stops = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    match near.iter().rposition(stops) {
        Some(stop) => from + stop + 1,
        None => (at.saturating_sub(3)..=at)
            .rev()
            .find(|place| bytes.get(*place).is_none_or(|byte| byte & 0xc0 != 0x80))
            .unwrap_or(at),
    }
}

/// The feed as a body: it reads, waits for the judgement and goes on, as fast as the upstream takes.
pub(crate) struct Fed {
    work: Option<Work>,
    refused: Arc<OnceLock<Refusal>>,
}

type Step = (Feed, Result<Option<Frame<Bytes>>, Refusal>);
type Work = Pin<Box<dyn Future<Output = Step> + Send>>;

impl Fed {
    /// A body of which the first window is judged already.
    pub(crate) fn new(mut feed: Feed, first: Window) -> Self {
        let refused = feed.refused();
        let gone = feed.release(first);
        let work: Work = Box::pin(async move { (feed, Ok(Some(Frame::data(gone)))) });
        Self { work: Some(work), refused }
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<io::Result<Frame<Bytes>>>> {
        use std::task::{Poll, ready};
        let Some(work) = &mut self.work else { return Poll::Ready(None) };
        let (mut feed, step) = ready!(work.as_mut().poll(cx));
        self.work = None;
        match step {
            Ok(Some(frame)) => {
                self.work = Some(Box::pin(async move {
                    let step = feed.next().await;
                    (feed, step)
                }));
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(None) => Poll::Ready(None),
            Err(refusal) => {
                let _first = self.refused.set(refusal);
                // The request never ends: neither its last chunk nor its last byte is sent.
                Poll::Ready(Some(Err(io::Error::other("the body was refused"))))
            }
        }
    }
}

impl std::fmt::Debug for Fed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_longer_than_the_overlap_is_seen_whole_before_a_byte_of_it_goes() {
        for text in ["a word, then ", "nothing-between-", "ünïcödé ", "\n"] {
            let body: Vec<u8> = text.bytes().cycle().take(4 * WINDOW).collect();
            let (mut at, mut windows) = (0, Vec::new());
            while let Some(window) = body.get(at..at + WINDOW) {
                let (seen, goes) = borders(window);
                assert!(goes > WINDOW / 2 && goes < seen && seen <= WINDOW, "{text:?}");
                windows.push((at, at + seen));
                at += goes;
            }
            windows.push((at, body.len()));
            // Each window's share ends where the next begins.
            for pair in windows.windows(2) {
                let [(from, seen), (next, _)] = pair else { continue };
                for offset in 0..200 {
                    for start in [next.saturating_sub(offset), next + offset] {
                        let end = start + WINDOW_OVERLAP;
                        let here = start < *next;
                        assert!(!here || start >= *from && end <= *seen, "{text:?} at {start}");
                    }
                }
            }
        }
    }

    #[test]
    fn borders_stand_between_words_and_never_in_a_character() {
        assert_eq!(between_words(b"one two three", 10), 8);
        assert_eq!(between_words(b"one,two", 7), 4);
        assert_eq!(between_words(b"abcdef", 4), 4);
        assert_eq!(between_words("a€b".as_bytes(), 3), 1);
        assert_eq!(between_words(b"", 0), 0);
        let long = vec![b'x'; 3 * WORD];
        assert_eq!(between_words(&long, 2 * WORD), 2 * WORD);
    }
}
