//! A detector outside this process, asked as Presidio's analyzer is: one more pair of eyes, never
//! one fewer.
//!
//! ```text
//!  passages ─ questions ─▶ memory ─▶ known: found at once
//!                             └──▶ fresh ─ turn ─▶ link (gate/own) ─▶ answer ─▶ found
//! ```
//! INVARIANT: whatever goes wrong here is a fault, and a fault is a refusal: no answer, a late one,
//! one that makes no sense. Its place stands in the configuration; no answer can move it.
//! It is asked off the inspection's own places, so that one which hangs holds up nobody who does
//! not wait for it. Must not know planes or policy.
//! Reading order: `place`, `questions`, `memory`, `link`, `answer`.

mod answer;
mod link;
mod memory;
mod place;
mod questions;

pub use place::{AnalyzerPlace, AnalyzerPlaceFault};
pub use questions::Questions;

use crate::clock::Random;
use crate::exit::{self, OwnListeners, UpstreamTls, Wire};
use crate::fault::{Faulted, GateFault};
use crate::inspect::Turns;
use crate::live::lock;
use crate::own::OwnDialer;
use crate::resolve::SystemResolver;
use answer::Span;
use backstop_detect::{Detectors, Found};
use backstop_model::control::Control;
use backstop_model::finding::Part;
use backstop_model::id::SessionId;
use link::{Line, Link};
use memory::Memory;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroize as _;

/// How an external analyzer is asked.
#[derive(Debug, Clone)]
pub struct AnalyzerConfig {
    /// Where it is.
    pub place: AnalyzerPlace,
    /// How long all the answers for one payload may take.
    pub deadline: Duration,
    /// The languages that each text is asked in.
    pub languages: Vec<String>,
    /// What scores less is not asked for: 0 to 1.
    pub threshold: f32,
}

/// Why an analyzer gave no answer that counts. Never a word of text or answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnalyzerFault {
    /// It cannot be reached, or the exchange broke.
    #[error("the external analyzer is not reached: {0}")]
    Reach(String),
    /// Too late.
    #[error("the external analyzer did not answer within {0:?}")]
    Late(Duration),
    /// Another status than 200; redirects are not followed.
    #[error("the external analyzer answered with status {0}")]
    Status(u16),
    /// An answer that makes no sense.
    #[error("the external analyzer's answer makes no sense: {0}")]
    Absurd(&'static str),
    /// More than it is asked at once.
    #[error("the payload is more than the external analyzer is asked at once: {0}")]
    TooMuch(&'static str),
}

impl From<AnalyzerFault> for Faulted {
    fn from(fault: AnalyzerFault) -> Self {
        let control = match fault {
            AnalyzerFault::TooMuch(_) => Control::Limit,
            AnalyzerFault::Reach(_)
            | AnalyzerFault::Late(_)
            | AnalyzerFault::Status(_)
            | AnalyzerFault::Absurd(_) => Control::Fault,
        };
        Self { control, reason: fault.to_string() }
    }
}

/// LIMIT: questions under way at one time.
const PLACES: usize = 4;
/// LIMIT: connections that are kept for the next question.
const IDLE: usize = PLACES;

/// An external analyzer.
pub struct Analyzer {
    config: AnalyzerConfig,
    line: Line,
    turns: Turns,
    idle: Mutex<Vec<Link>>,
    memory: Mutex<Memory>,
    key: aws_lc_rs::hmac::Key,
}

impl Analyzer {
    /// Makes it; nothing is dialled yet.
    ///
    /// # Errors
    /// [`GateFault`] where the trusted roots or randomness are not to be had.
    pub fn new(
        config: AnalyzerConfig,
        network: &exit::Config,
        wire: Arc<dyn Wire>,
        listeners: OwnListeners,
        random: &dyn Random,
    ) -> Result<Self, GateFault> {
        let mut secret = [0u8; 32];
        random.fill(&mut secret)?;
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        secret.zeroize();
        let tls =
            if config.place.is_tls() { Some(UpstreamTls::new(&network.trust)?) } else { None };
        let resolver = SystemResolver::new(network.deadline);
        let dialer = OwnDialer::new(resolver, wire, listeners, network.stagger);
        Ok(Self {
            line: Line { dialer, tls, place: config.place.clone() },
            config,
            turns: Turns::new(PLACES),
            idle: Mutex::default(),
            memory: Mutex::default(),
            key,
        })
    }

    /// No questions yet.
    pub fn questions(&self) -> Questions {
        Questions::default()
    }

    /// Everything that it finds in what was asked, each with the part it belongs to.
    ///
    /// # Errors
    /// [`AnalyzerFault`]: the payload must be refused.
    pub async fn ask(
        self: &Arc<Self>,
        who: &SessionId,
        questions: Questions,
        detectors: &Detectors,
    ) -> Result<Vec<(Option<Part>, Found)>, AnalyzerFault> {
        let (fresh, mut answers) = questions.sorted(self)?;
        // Dropping it, as whoever asked goes away, ends every question in it.
        let mut asked = JoinSet::new();
        for (name, text) in fresh {
            let (analyzer, who) = (Arc::clone(self), who.clone());
            asked.spawn(async move { (name, analyzer.one(&who, &text).await) });
        }
        let all = async {
            while let Some(done) = asked.join_next().await {
                let broken = |_| AnalyzerFault::Reach("the question was not asked".to_owned());
                let (name, spans) = done.map_err(broken)?;
                let spans: Arc<[Span]> = spans?.into();
                lock(&self.memory).keep(name, Arc::clone(&spans));
                answers.insert(name, spans);
            }
            Ok(())
        };
        let late = |_| AnalyzerFault::Late(self.config.deadline);
        timeout(self.config.deadline, all).await.map_err(late)??;
        Ok(questions.found(&answers, detectors))
    }

    /// What it finds in one text, in all languages.
    async fn one(&self, who: &SessionId, text: &str) -> Result<Vec<Span>, AnalyzerFault> {
        let mut spans = Vec::new();
        for language in &self.config.languages {
            let closed = |_| AnalyzerFault::Reach("nothing is asked any more".to_owned());
            let _turn = self.turns.turn(who).await.map_err(closed)?;
            let question = serde_json::json!({
                "text": text,
                "language": language,
                "score_threshold": self.config.threshold,
            });
            let body = self.exchange(question.to_string().into_bytes()).await?;
            spans.extend(answer::spans(&body, text, self.config.threshold)?);
        }
        Ok(spans)
    }

    async fn exchange(&self, question: Vec<u8>) -> Result<bytes::Bytes, AnalyzerFault> {
        let question = bytes::Bytes::from(question);
        let kept = lock(&self.idle).pop();
        if let Some(mut link) = kept
            && link.is_usable().await
        {
            // It may have been closed just now: a question may be asked twice.
            if let Ok(answer) = link.ask(&self.line.place, question.clone()).await {
                return self.done(link, answer).await;
            }
        }
        let mut link = self.line.open().await?;
        let answer = link.ask(&self.line.place, question).await?;
        self.done(link, answer).await
    }

    async fn done(
        &self,
        mut link: Link,
        (status, body): (u16, bytes::Bytes),
    ) -> Result<bytes::Bytes, AnalyzerFault> {
        if status != 200 {
            return Err(AnalyzerFault::Status(status));
        }
        if link.is_usable().await {
            let mut idle = lock(&self.idle);
            if idle.len() < IDLE {
                idle.push(link);
            }
        }
        Ok(body)
    }

    /// What a text is remembered by.
    fn name(&self, text: &str) -> Name {
        let mut name = [0; 32];
        let tag = aws_lc_rs::hmac::sign(&self.key, text.as_bytes());
        for (byte, from) in name.iter_mut().zip(tag.as_ref()) {
            *byte = *from;
        }
        name
    }
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer").field("place", &self.config.place).finish_non_exhaustive()
    }
}

/// A keyed digest of a text.
type Name = [u8; 32];
/// What was found in texts, by their names.
type Answers = HashMap<Name, Arc<[Span]>>;
