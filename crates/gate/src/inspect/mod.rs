//! Payloads: held within a budget, looked at off the async threads, and kept as evidence.
//!
//! ```text
//!  plane ─ Gate::hold ─▶ Held ─ Content ─▶ Gate::inspect ─▶ Inspected ─▶ Gate::ask_with ─▶ Permit
//!          budget, share          │ pool: fair, bounded        findings alone, no bytes
//!                                 ├─▶ detect::Inspector
//!                                 └─▶ analyzer              after that, off the pool
//! ```
//! INVARIANT: `Inspected` is made here alone, after the whole payload was looked at; without one
//! nothing is permitted as `sight: body`. What cannot be looked at whole is evidence against it,
//! and an inner fault is a refusal.
//! Reading order: `held` (what is held), `message` (what is looked at), `memory` (what was before), `pool` (where),
//! `evidence` (what is kept), `windows` (what is too large to be held). Must not know any wire.

mod evidence;
mod held;
mod memory;
mod message;
mod pool;
mod windows;

pub use held::{Held, HeldFault};
pub use message::{Content, Extent};
pub use windows::{WINDOW, WINDOW_OVERLAP, Windows};

use crate::analyzer::{Analyzer, AnalyzerConfig};
use crate::fault::Faulted;
use crate::gate::{Gate, Inner};
use crate::identity::Session;
use arc_swap::ArcSwap;
use backstop_detect::{Detectors, Inspector, NameCounts, Names as DetectNames};
use backstop_model::attempt::{Attempt, Inspection};
use backstop_model::control::Control;
use backstop_model::finding::{Evidence, Part};
use backstop_model::id::{ByteCount, SessionId};
use backstop_model::refusal::Refusal;
use backstop_model::time::Timestamp;
use backstop_policy::{LoadContext, Names, NamesModel, OverCap};
use held::Budget;
use memory::Memory;
use message::Looked;
use pool::Pool;
pub(crate) use pool::Turns;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How payloads are looked at.
#[derive(Debug, Clone)]
pub struct InspectConfig {
    /// LIMIT: bytes of one payload that are held and looked at; a larger one is refused.
    pub cap: ByteCount,
    /// LIMIT: bytes of payloads that are held at one time in all.
    pub budget: ByteCount,
    /// LIMIT: the share of one session in that.
    pub share: ByteCount,
    /// How long a payload may wait for its turn.
    pub patience: Duration,
    /// What looks; `None` for the built-in detectors. Its names may hold a model: it is used where
    /// policy asks for one.
    pub inspector: Option<Inspector>,
    /// An analyzer outside this process that is asked besides.
    pub analyzer: Option<AnalyzerConfig>,
}

impl Default for InspectConfig {
    fn default() -> Self {
        Self {
            cap: ByteCount(1 << 20),
            budget: ByteCount(64 << 20),
            share: ByteCount(16 << 20),
            patience: Duration::from_secs(10),
            inspector: None,
            analyzer: None,
        }
    }
}

/// The proof that a payload was looked at, and what was found. Only the gate makes one.
///
/// ```compile_fail,E0451
/// let clean = backstop_gate::Inspected { evidence: Default::default() };
/// ```
#[derive(Debug, Clone)]
pub struct Inspected {
    evidence: Arc<Evidence>,
}

impl Inspected {
    /// What was found.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// The room behind it.
pub(crate) struct Room {
    pub(crate) cap: usize,
    budget: Arc<Budget>,
    pool: Pool,
    lenses: ArcSwap<Lenses>,
    analyzer: Option<Arc<Analyzer>>,
    key: aws_lc_rs::hmac::Key,
}

/// One inspector for each way to look for names.
#[derive(Debug)]
struct Lenses {
    off: Arc<Inspector>,
    gate_only: Arc<Inspector>,
    /// `None`: the model is not here, and who requires it is refused.
    required: Option<Arc<Inspector>>,
    /// What had nothing in it for these.
    memory: Arc<Memory>,
}

impl Lenses {
    fn of(inspector: &Inspector) -> Self {
        let with = |names| Arc::new(inspector.clone().with_names(names));
        let required = match &inspector.names {
            model @ DetectNames::Required(_) => Some(with(model.clone())),
            DetectNames::Off | DetectNames::GateOnly => None,
        };
        Self {
            off: with(DetectNames::Off),
            gate_only: with(DetectNames::GateOnly),
            required,
            memory: Arc::default(),
        }
    }
    fn at(&self, names: Names) -> Result<Arc<Inspector>, Faulted> {
        match names {
            Names::Off => Ok(Arc::clone(&self.off)),
            Names::GateOnly => Ok(Arc::clone(&self.gate_only)),
            Names::Required => {
                let missing = || Faulted::misuse("policy requires the model for names: not here");
                self.required.clone().ok_or_else(missing)
            }
        }
    }
}

impl Room {
    /// `secret` keys the digests of this process's findings; it is never kept.
    pub(crate) fn new(
        config: &InspectConfig,
        analyzer: Option<Analyzer>,
        secret: &[u8; 32],
    ) -> Self {
        let inspector = config.inspector.clone().unwrap_or_else(|| {
            Inspector::new(backstop_detect::Detectors::builtin()).with_names(DetectNames::GateOnly)
        });
        let size = |bytes: ByteCount| usize::try_from(bytes.0).unwrap_or(usize::MAX);
        Self {
            cap: size(config.cap),
            budget: Arc::new(Budget::new(size(config.budget), size(config.share))),
            pool: Pool::new(config.patience),
            lenses: ArcSwap::from_pointee(Lenses::of(&inspector)),
            analyzer: analyzer.map(Arc::new),
            key: aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret),
        }
    }
}

impl Room {
    /// What was found here, and what the external analyzer finds besides.
    async fn and_asked(
        &self,
        who: &SessionId,
        looked: Looked,
        detectors: &Detectors,
    ) -> Result<Evidence, Faulted> {
        let Looked { mut gathered, questions } = looked;
        if let (Some(analyzer), Some(questions)) = (&self.analyzer, questions) {
            let found = analyzer.ask(who, questions, detectors).await?;
            for part in [Part::Query, Part::Body] {
                let own = found.iter().filter(|(its, _)| *its == Some(part));
                let own = own.map(|(_, found)| found.clone()).collect();
                gathered.add_besides(own, Some(part), &self.key);
            }
        }
        Ok(gathered.evidence())
    }
}

/// What policies are held to where this inspector looks.
pub fn load_context(inspector: &Inspector, now: Timestamp) -> LoadContext {
    let known = inspector.detectors.catalog().entities();
    let mut entities: BTreeSet<String> = known.into_iter().map(str::to_owned).collect();
    let names = match &inspector.names {
        DetectNames::Required(_) => NamesModel::Installed,
        DetectNames::Off | DetectNames::GateOnly => NamesModel::Missing,
    };
    entities.extend(NAMES.map(str::to_owned));
    LoadContext { now, entities: Arc::new(entities), names }
}

/// What is found by names and not by packs.
const NAMES: [&str; 4] = ["PERSON", "LOCATION", "ORGANIZATION", "NRP"];

impl Gate {
    /// What policies are held to by this gate, now.
    pub fn load_context(&self) -> LoadContext {
        let lenses = self.inner.inspection.lenses.load();
        let best = lenses.required.as_ref().unwrap_or(&lenses.gate_only);
        load_context(best, self.now())
    }

    /// A place for one payload of this session: what is put into it counts against the budget
    /// until it is dropped.
    pub fn hold(&self, session: &Session) -> Held {
        let room = &self.inner.inspection;
        Held::new(Arc::clone(&room.budget), session.id.clone(), room.cap)
    }

    /// A place for one window of a payload that is larger than may be held.
    pub fn hold_window(&self, session: &Session) -> Held {
        let room = &self.inner.inspection;
        // What a border keeps back is less than a window.
        Held::new(Arc::clone(&room.budget), session.id.clone(), WINDOW)
    }

    /// The most bytes of one payload.
    pub fn payload_cap(&self) -> ByteCount {
        ByteCount(u64::try_from(self.inner.inspection.cap).unwrap_or(u64::MAX))
    }

    /// Whether a body to there that is larger than can be held may leave in windows.
    pub fn passes_in_windows(&self, session: &Session, attempt: &Attempt) -> bool {
        let terms = self.inner.policy().dlp_terms(&session.subject, &attempt.destination);
        terms.over_cap == OverCap::Window
    }

    /// What the model for names was asked so far; zeros without one.
    pub fn name_counts(&self) -> NameCounts {
        let lenses = self.inner.inspection.lenses.load();
        match lenses.required.as_deref().map(|inspector| &inspector.names) {
            Some(DetectNames::Required(model)) => model.counts(),
            Some(DetectNames::Off | DetectNames::GateOnly) | None => NameCounts::default(),
        }
    }

    /// From now on payloads are looked at with this inspector.
    pub fn equip(&self, inspector: &Inspector) {
        self.inner.inspection.lenses.store(Arc::new(Lenses::of(inspector)));
    }

    /// Looks at a payload. Its findings are evidence, and nothing else of it is kept.
    ///
    /// # Errors
    /// A refusal, recorded, where it cannot be looked at: no turn in time, or an inner fault.
    pub async fn inspect(
        &self,
        session: &Session,
        attempt: &Attempt,
        content: Content,
    ) -> Result<Inspected, Refusal> {
        let began = Instant::now();
        let looked = self.inner.look(session, attempt, content).await;
        self.inner.counters.inspected(began.elapsed());
        looked
            .map(|evidence| Inspected { evidence: Arc::new(evidence) })
            .map_err(|fault| self.inner.fault(session, attempt, fault, None))
    }
}

impl Inner {
    async fn look(
        &self,
        session: &Session,
        attempt: &Attempt,
        content: Content,
    ) -> Result<Evidence, Faulted> {
        let room = &self.inspection;
        let terms = self.policy().dlp_terms(&session.subject, &attempt.destination);
        let (inspector, memory) = {
            let lenses = room.lenses.load();
            (lenses.at(terms.names)?, Arc::clone(&lenses.memory))
        };
        let (key, cap) = (room.key.clone(), room.cap);
        let mut hasher = DefaultHasher::new();
        session.id.hash(&mut hasher);
        let detectors = Arc::clone(&inspector.detectors);
        let (turn, analyzer) = (hasher.finish(), room.analyzer.clone());
        let job =
            message::Job { inspector, terms, key, cap, content, session: turn, analyzer, memory };
        if job.is_small() {
            let little = |scratch: &mut _| job.run(message::Effort::Little, scratch);
            // What is small and unfolds to much is not looked at on this thread.
            if let Some(looked) = room.pool.here(little)? {
                return room.and_asked(&session.id, looked, &detectors).await;
            }
        }
        let work = move |scratch: &mut _| job.run(message::Effort::Full, scratch);
        let looked = room.pool.apart(&session.id, work).await?;
        let looked = looked.ok_or_else(|| Faulted::misuse("the payload was not looked at"))?;
        // The place is free again: an analyzer that hangs holds up nobody else.
        room.and_asked(&session.id, looked, &detectors).await
    }

    /// An attempt that claims more sight than its plane has shown.
    pub(crate) fn sees(attempt: &Attempt, inspected: Option<&Inspected>) -> Result<(), Faulted> {
        match (attempt.sight, inspected) {
            (Inspection::Windows | Inspection::Body, None) => Err(Faulted {
                control: Control::Fault,
                reason: "the payload was not inspected".to_owned(),
            }),
            (Inspection::Windows | Inspection::Body, Some(_))
            | (Inspection::None | Inspection::Sni | Inspection::Headers, _) => Ok(()),
        }
    }

    pub(crate) fn evidence(inspected: Option<&Inspected>) -> Arc<Evidence> {
        inspected.map(|inspected| Arc::clone(&inspected.evidence)).unwrap_or_default()
    }
}
