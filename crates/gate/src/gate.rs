//! The gate itself: register, then ask.
//!
//! Must not know any wire protocol. Next: `settle`.

use crate::admin::{Claims, Control as Acts};
use crate::analyzer::Analyzer;
use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::exit::{Exit, OwnListeners, Wire};
use crate::fault::{Faulted, GateFault};
use crate::holds;
use crate::identity::Session;
use crate::inspect::{Inspected, Room};
use crate::judge::{Judged, Seen};
use crate::latest::Latest;
use crate::live::{Entry, Live, Registration, Ties};
use crate::names::Names;
use crate::permit::Answer;
use crate::readiness::Readiness;
use crate::record::{Recorder, Refused};
use crate::resolve::Resolve;
use crate::respond::Alerts;
use crate::settle::{asked, kept};
use crate::stats::{Counters, Stats};
use backstop_ledger::Ledger;
use backstop_model::attempt::{Attempt, Plane};
use backstop_model::control::Control;
use backstop_model::destination::ParseRefusal;
use backstop_model::event::{Asked, Event, Fact};
use backstop_model::id::{Digest, ReceiptId, SessionId};
use backstop_model::refusal::Refusal;
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use backstop_model::verdict::Verdict;
use backstop_policy::Policy;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use zeroize::Zeroize as _;

/// What a gate is made of. Time, randomness, resolution and the wire are ports.
pub struct Parts {
    /// How it runs.
    pub config: Config,
    /// Where everything is recorded.
    pub ledger: Ledger,
    /// The policy in force, as it changes.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids and tokens.
    pub random: Arc<dyn Random>,
    /// Names to addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Addresses to connections.
    pub wire: Arc<dyn Wire>,
}

/// The one door. A handle: clones are the same gate.
#[derive(Clone)]
pub struct Gate {
    pub(crate) inner: Arc<Inner>,
    acts: Acts,
}

/// What all handles share. No lock in here is held over an `.await`.
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) ledger: Ledger,
    pub(crate) policy: watch::Receiver<Arc<Policy>>,
    pub(crate) changes: watch::Receiver<u64>,
    latest_policy: Latest<Arc<Policy>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) exit: Exit,
    pub(crate) live: Arc<Live>,
    pub(crate) inspection: Room,
    pub(crate) recorder: Recorder,
    pub(crate) alerts: Alerts,
    pub(crate) watched: holds::Watched,
    pub(crate) placing: holds::Placing,
    pub(crate) claims: Claims,
    pub(crate) counters: Counters,
    pub(crate) readiness: Readiness,
    pub(crate) names: Names,
    drawn: AtomicU64,
}

impl Gate {
    /// Opens the gate.
    ///
    /// # Errors
    /// [`GateFault`] where the trusted roots or randomness are not to be had.
    pub fn new(parts: Parts) -> Result<Self, GateFault> {
        let Parts { config, ledger, policy, clock, random, resolver, wire } = parts;
        // Keys the digests of findings for as long as this process lives, and is kept nowhere.
        let mut secret = [0u8; 32];
        random.fill(&mut secret)?;
        let listeners = OwnListeners::default();
        let analyzer = config.inspect.analyzer.clone().map(|analyzer| {
            let (wire, listeners) = (Arc::clone(&wire), listeners.clone());
            Analyzer::new(analyzer, &config.network, wire, listeners, &*random)
        });
        let exit = Exit::new(config.network.clone(), resolver, wire, listeners)?;
        let inspection = Room::new(&config.inspect, analyzer.transpose()?, &secret);
        secret.zeroize();
        let changes = ledger.views().changes();
        let inner = Arc::new(Inner {
            latest_policy: Latest::new(&policy),
            inspection,
            live: Arc::new(Live::new(&config)),
            recorder: Recorder::new(&config),
            alerts: Alerts::new(config.alert_window),
            changes,
            watched: holds::Watched::default(),
            placing: holds::Placing::default(),
            claims: Claims::default(),
            counters: Counters::default(),
            readiness: Readiness::default(),
            names: Names::default(),
            drawn: AtomicU64::new(0),
            config,
            ledger,
            policy,
            clock,
            random,
            exit,
        });
        Ok(Self { acts: Acts { inner: Arc::clone(&inner) }, inner })
    }

    /// Asks for an attempt. Never fails: what cannot be answered is refused.
    pub async fn ask(&self, session: &Session, attempt: Attempt) -> Answer {
        self.answer(session, attempt, None).await
    }

    /// Asks for an attempt whose payload was looked at.
    pub async fn ask_with(
        &self,
        session: &Session,
        attempt: Attempt,
        inspected: &Inspected,
    ) -> Answer {
        self.answer(session, attempt, Some(inspected)).await
    }

    /// Asks whether an attempt may go on to its payload: `None` if nothing is held against it so
    /// far. It permits nothing and records no permit; a refusal is one.
    pub async fn ask_before(&self, session: &Session, attempt: &Attempt) -> Option<Answer> {
        let answer = self.inner.ask_before(session, attempt).await;
        if answer.is_some() {
            tokio::task::yield_now().await;
        }
        answer
    }

    async fn answer(
        &self,
        session: &Session,
        attempt: Attempt,
        inspected: Option<&Inspected>,
    ) -> Answer {
        let began = Instant::now();
        let answer = self.inner.ask(session, attempt, inspected).await;
        self.inner.counters.asked(began.elapsed());
        if !matches!(answer, Answer::Permit(_)) {
            // Who is refused gives way: a client that asks in a loop holds up no other task.
            tokio::task::yield_now().await;
        }
        answer
    }

    /// A plane's own refusal (framing, limit), recorded like any other.
    pub fn refuse(
        &self,
        session: Option<&Session>,
        asked: Asked,
        control: Control,
        reason: String,
    ) -> Refusal {
        self.inner.refuse(Refused::new(session.map(Session::subject), asked, control, reason))
    }

    /// The refusal of a text that never became an attempt.
    pub fn refuse_unparsable(
        &self,
        session: Option<&Session>,
        plane: Plane,
        parse: &ParseRefusal,
    ) -> Refusal {
        let asked = Asked {
            plane,
            host: clean(parse.host.as_deref().unwrap_or_default(), 255),
            port: 0,
            act: "parse".to_owned(),
            path: String::new(),
        };
        self.refuse(session, asked, parse.control, parse.reason.clone())
    }

    /// The acts of people and runtimes.
    pub fn control(&self) -> &Acts {
        &self.acts
    }
    /// Whether every room is ready; each plane holds one token of it.
    pub fn readiness(&self) -> &Readiness {
        &self.inner.readiness
    }
    /// This process's own listeners, to which no way out may lead. Each plane adds its own.
    pub fn listeners(&self) -> &OwnListeners {
        self.inner.exit.listeners()
    }
    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.inner.policy()
    }
    /// The time, by the clock that was passed in.
    pub fn now(&self) -> Timestamp {
        self.inner.now()
    }
    /// This moment's figures.
    pub fn stats(&self) -> Stats {
        self.inner.counters.read(self.inner.live.len())
    }
    /// Takes readiness back and waits until nothing lives, at most for `deadline`; then cuts what
    /// is left and writes down what was only counted.
    pub async fn drain(&self, deadline: Duration) {
        self.inner.readiness.drain();
        if tokio::time::timeout(deadline, self.inner.live.until_empty()).await.is_err() {
            for entry in self.inner.live.entries() {
                entry.cord.cut(Control::Limit, "the process stops".to_owned());
            }
            // What was cut ends at once; its record should still be written.
            let _ = tokio::time::timeout(LAST_BREATH, self.inner.live.until_empty()).await;
        }
        self.inner.flush_all();
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.latest_policy.look(Arc::clone)
    }
    /// Whether this is the policy in force.
    pub(crate) fn is_in_force(&self, policy: &Arc<Policy>) -> bool {
        self.latest_policy.look(|now| Arc::ptr_eq(now, policy))
    }
    /// How often anybody's standing may have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.ledger.views().change_count()
    }

    async fn ask(
        self: &Arc<Self>,
        session: &Session,
        attempt: Attempt,
        inspected: Option<&Inspected>,
    ) -> Answer {
        if let Err(fault) = Self::sees(&attempt, inspected) {
            return self.faulted(session, &attempt, fault, None);
        }
        let root = holds::digest(&session.subject, &attempt);
        let ties = Ties { evidence: Self::evidence(inspected), ..Ties::default() };
        // RACE: registered before it is checked. A change of policy or standing that comes after
        // the check finds the entry in the registry and cuts it; one that came before is seen by
        // the check.
        let registration = match self.register(session, attempt.clone(), root, ties) {
            Ok(registration) => registration,
            Err(fault) => return self.faulted(session, &attempt, fault, None),
        };
        let judged = self.judge(registration.entry(), &attempt, Seen::Asked);
        self.settle(registration, attempt, judged, None).await
    }

    async fn ask_before(self: &Arc<Self>, session: &Session, attempt: &Attempt) -> Option<Answer> {
        let root = holds::digest(&session.subject, attempt);
        let registration = match self.register(session, attempt.clone(), root, Ties::default()) {
            Ok(registration) => registration,
            Err(fault) => return Some(self.faulted(session, attempt, fault, None)),
        };
        let judged = self.judge(registration.entry(), attempt, Seen::Asked);
        match judged.decision.verdict {
            Verdict::Allow => None,
            Verdict::Hold | Verdict::Deny => {
                Some(self.settle(registration, attempt.clone(), judged, None).await)
            }
        }
    }

    pub(crate) fn register(
        self: &Arc<Self>,
        session: &Session,
        attempt: Attempt,
        root: Digest,
        ties: Ties,
    ) -> Result<Registration, Faulted> {
        let now = self.now();
        let recorded = |id: &SessionId| self.ledger.views().usage(id, now).received.0;
        self.live.register(session, attempt, root, ties, now, recorded).map_err(Faulted::limit)
    }

    pub(crate) fn denied(
        &self,
        entry: &Entry,
        attempt: &Attempt,
        judged: &Judged,
        refines: Option<ReceiptId>,
    ) -> Answer {
        let (control, reason) = judged.deciding();
        let subject = Some(&entry.session.subject);
        let mut refused = Refused::new(subject, asked(attempt), control, reason);
        refused.refines = refines;
        refused.findings = kept(&entry.evidence());
        Answer::Refusal(self.refuse(refused))
    }

    pub(crate) fn faulted(
        &self,
        session: &Session,
        attempt: &Attempt,
        fault: Faulted,
        refines: Option<ReceiptId>,
    ) -> Answer {
        Answer::Refusal(self.fault(session, attempt, fault, refines))
    }

    pub(crate) fn fault(
        &self,
        session: &Session,
        attempt: &Attempt,
        fault: Faulted,
        refines: Option<ReceiptId>,
    ) -> Refusal {
        let Faulted { control, reason } = fault;
        let mut refused = Refused::new(Some(&session.subject), asked(attempt), control, reason);
        refused.refines = refines;
        self.refuse(refused)
    }

    /// A session is closed: what was only counted of it is written down, the rest forgotten.
    pub(crate) fn forget(&self, session: &SessionId) {
        self.flush(Some(session));
        self.exit.forget(session);
        self.live.forget(session);
    }

    /// A receipt. Ids are not secrets: should randomness fail, a count keeps them apart.
    pub(crate) fn receipt(&self) -> ReceiptId {
        ReceiptId::draw(self.now(), self.ten())
    }
    pub(crate) fn ten(&self) -> [u8; 10] {
        let mut bytes = [0u8; 10];
        if self.random.id(&mut bytes).is_err() {
            let count = self.drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            for (byte, count) in bytes.iter_mut().zip(count.iter().rev()) {
                *byte = *count;
            }
        }
        bytes
    }
    pub(crate) fn event(&self, policy: Digest, subject: Option<Subject>, fact: Fact) -> Event {
        Event { receipt: self.receipt(), at: self.now(), policy, subject, fact }
    }
}

/// How long cut flows are waited for when the process stops.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// Characters that change how what stands around them is shown (Unicode TR 36 §2.6): a record that
/// reads in another order than it was written lies.
const fn misleads(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// At most `most` bytes of a text, control characters and those that turn the text escaped.
pub(crate) fn clean(text: &str, most: usize) -> String {
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        let escaped = c.is_control() || misleads(c);
        let length = if escaped { c.escape_default().len() } else { c.len_utf8() };
        if out.len() + length > most {
            break;
        }
        if escaped { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
