//! A message taken into the payloads that detectors read: its head as one document, its query as a
//! form, its body as what it says it is.
//!
//! Must not know wires: a plane fills in [`Content`]. Next: `pool`.

use super::evidence::Gathered;
use super::memory::Memory;
use super::windows;
use crate::analyzer::{Analyzer, Questions};
use backstop_detect::{
    Coding, Inspector, Limits, Looks, Media, Notes, Outcome, Payload, Report, ScanOptions, Score,
    Scratch, Unreadable,
};
use backstop_model::finding::{Look, Part};
use backstop_policy::DlpTerms;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// What a message would take out.
#[derive(Clone, Default)]
pub struct Content {
    /// The host name that it goes to.
    pub host: String,
    /// The path of its URL, as sent.
    pub path: String,
    /// The query of its URL, as sent.
    pub query: Option<String>,
    /// Its header fields and trailers by lower-case name, without those that end at the gateway.
    pub fields: Vec<(String, String)>,
    /// Its body, whole.
    pub body: Bytes,
    /// What the body says it is.
    pub content_type: Option<String>,
    /// How the body says it is compressed.
    pub content_encoding: Option<String>,
    /// Whether the body is all of it.
    pub extent: Extent,
}

/// How much of a body is there to be looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// A piece: read as text whatever it says it is, for its form is not whole.
    Window,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes of body)", self.body.len())
    }
}

/// How much may be done at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// As much as holds up an async thread for no longer than anything else.
    Little,
    /// All that the limits allow.
    Full,
}

/// One message and how to look at it.
pub(super) struct Job {
    pub(super) inspector: Arc<Inspector>,
    pub(super) terms: DlpTerms,
    pub(super) key: aws_lc_rs::hmac::Key,
    pub(super) cap: usize,
    pub(super) content: Content,
    /// Whose turn it is at the model for names.
    pub(super) session: u64,
    /// Who is asked besides, about query and body.
    pub(super) analyzer: Option<Arc<Analyzer>>,
    /// What the inspector found nothing in before.
    pub(super) memory: Arc<Memory>,
}

/// What the looks at one message came to, and what is still to be asked.
pub(super) struct Looked {
    pub(super) gathered: Gathered,
    pub(super) questions: Option<Questions>,
}

/// LIMIT: what is looked at in place.
const SMALL: usize = 4 * 1024;

impl Job {
    pub(super) fn is_small(&self) -> bool {
        let content = &self.content;
        let fields: usize =
            content.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let query = content.query.as_ref().map_or(0, String::len);
        content.body.len() + fields + query + content.path.len() <= SMALL
    }

    /// Looks. `None`: it takes more than a little effort.
    pub(super) fn run(&self, effort: Effort, scratch: &mut Scratch) -> Option<Looked> {
        let limits = match effort {
            Effort::Little => Limits {
                decoded: 16 * SMALL,
                work: 32 * SMALL,
                // What the model remembers is free; a run of it is not for an async thread.
                names: 0,
                ..Limits::default()
            },
            Effort::Full => {
                let usual = Limits::default();
                // A larger cap is given the room to be read in.
                let times = self.cap.div_ceil(usual.bytes).max(1);
                Limits {
                    bytes: self.cap.max(usual.bytes),
                    decoded: usual.decoded.saturating_mul(times),
                    work: usual.work.saturating_mul(times),
                    ..usual
                }
            }
        };
        let threshold = Score::new(f32::from(self.terms.threshold.get()) / 1_000.0);
        // Of what only notes, what policy names is enough for a verdict; a lower threshold lets
        // notes stand in for weak findings.
        let asked = (threshold >= Score::VERDICT).then(|| Arc::clone(&self.terms.named));
        let notes = asked.clone().map_or(Notes::All, Notes::Of);
        let threshold = threshold.min(Score::VERDICT);
        let scan = ScanOptions { threshold, notes, ..ScanOptions::default() };
        let kept = limits.decoded;
        let mut looks = Looks { limits, scan, session: self.session, ..Looks::default() };
        let mut questions = self.analyzer.as_ref().map(|analyzer| analyzer.questions());
        let mut gathered = Gathered::of(asked);
        for piece in self.pieces() {
            let piece = match piece {
                Ok(piece) => piece,
                Err(why) => {
                    gathered.end(Look::Unreadable(why));
                    continue;
                }
            };
            // The external analyzer may find something at each look.
            let mark = match self.analyzer {
                None => {
                    Memory::mark(&self.terms, &piece.media, &piece.coding, piece.part, &piece.bytes)
                }
                Some(_) => None,
            };
            if mark.is_some_and(|mark| self.memory.is_clean(&mark)) {
                continue;
            }
            let payload = Payload {
                bytes: &piece.bytes,
                media: piece.media,
                coding: piece.coding,
                at: piece.at,
            };
            // The head is not asked about: credentials that are at home there stand in it.
            looks.passages = (questions.is_some() && piece.part.is_some()).then_some(kept);
            let Report { found, passages, outcome, .. } =
                self.inspector.inspect(payload, &looks, scratch);
            // What is a bomb within a little may be no bomb within the limits.
            let little =
                matches!(outcome, Outcome::OverLimit(_) | Outcome::Unreadable(Unreadable::Bomb));
            if effort == Effort::Little && little {
                return None;
            }
            if let Some(mark) = mark
                && found.is_empty()
                && outcome == Outcome::Complete
            {
                self.memory.remember(mark);
            }
            gathered.end(look(outcome, piece.at));
            gathered.add(found, piece.part, &self.key);
            if let (Some(analyzer), Some(questions)) = (&self.analyzer, &mut questions) {
                questions.add(analyzer, piece.part, passages);
            }
        }
        Some(Looked { gathered, questions })
    }

    fn pieces(&self) -> impl Iterator<Item = Result<Piece<'_>, String>> {
        let content = &self.content;
        let head = Piece {
            bytes: head(content).into(),
            media: Media::Json,
            coding: Coding::Identity,
            at: "",
            part: None,
        };
        let query = content.query.as_ref().filter(|query| !query.is_empty()).map(|query| Piece {
            bytes: query.as_bytes().into(),
            media: Media::Form,
            coding: Coding::Identity,
            at: "",
            part: Some(Part::Query),
        });
        let body = (!content.body.is_empty()).then(|| {
            let coding = Coding::of(content.content_encoding.as_deref())
                .map_err(|why| format!("body: {why}"))?;
            let media = match content.extent {
                Extent::Whole => Media::of(content.content_type.as_deref()),
                Extent::Window
                    if coding != Coding::Identity || !windows::is_text(&content.body) =>
                {
                    return Err(
                        "in windows only text is read, neither compressed nor binary".to_owned()
                    );
                }
                Extent::Window => Media::Text,
            };
            Ok(Piece {
                bytes: (&*content.body).into(),
                media,
                coding,
                at: "",
                part: Some(Part::Body),
            })
        });
        std::iter::once(Ok(head)).chain(query.map(Ok)).chain(body)
    }
}

struct Piece<'a> {
    bytes: std::borrow::Cow<'a, [u8]>,
    media: Media,
    coding: Coding,
    at: &'static str,
    /// `None`: the first step of each pointer says it.
    part: Option<Part>,
}

fn look(outcome: Outcome, at: &str) -> Look {
    let at = if at.is_empty() { "" } else { at };
    match outcome {
        Outcome::Complete => Look::Whole,
        Outcome::Unreadable(why) => Look::Unreadable(format!("{at}{why}")),
        Outcome::OverLimit(which) => Look::OverLimit(format!("{at}the limit `{which}` is reached")),
    }
}

/// Host, path and fields as one document, so that names stand beside values and pointers say where.
fn head(content: &Content) -> Vec<u8> {
    let words = |text: &str, at: char| -> Vec<Value> {
        text.split(at).filter(|word| !word.is_empty()).map(Value::from).collect()
    };
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in &content.fields {
        let value = if name == "cookie" { cookies(value) } else { Value::from(value.as_str()) };
        match fields.get_mut(name) {
            None => {
                fields.insert(name.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    let mut document = Map::new();
    document.insert(Part::Host.as_str().to_owned(), words(&content.host, '.').into());
    document.insert(Part::Path.as_str().to_owned(), words(&content.path, '/').into());
    document.insert(Part::Header.as_str().to_owned(), fields.into());
    serde_json::to_vec(&Value::Object(document)).unwrap_or_default()
}

/// `a=1; b=2` (RFC 6265 §4.2.1) as names and values.
fn cookies(value: &str) -> Value {
    let mut out = Map::new();
    for pair in value.split(';') {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let value = Value::from(value.trim());
        match out.get_mut(name.trim()) {
            None => {
                out.insert(name.trim().to_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    out.into()
}
