//! The rules in force, exchanged at once, and what they did. Must not know messages. Next: `service`.

use super::decide::{Effect, Hit, Rules, Seen};
use super::zone::Zone;
use arc_swap::{ArcSwap, Guard};
use backstop_model::name::QueryName;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The zones in force. Who asks takes what is there now; an exchange waits for nobody.
#[derive(Debug)]
pub struct Filter {
    /// The operator's zones.
    rules: ArcSwap<Rules>,
    /// The built-in one: asked last, and not for names that are declared letter by letter.
    own: Rules,
    tally: Tally,
    /// No zone of the operator's: what most questions find.
    idle: AtomicBool,
}

/// What became of questions that a rule stood for.
#[derive(Debug, Default)]
struct Tally {
    cells: [AtomicU64; FIGURES],
}

/// A moment's figures: action, whether it counted (or its zone is `disabled`), how often.
pub type Figures = Vec<(&'static str, &'static str, u64)>;

impl Filter {
    /// With these zones.
    pub fn new(rules: Rules, own: Option<Zone>) -> Self {
        let own = Rules::new(own.into_iter().map(Arc::new).collect());
        let idle = AtomicBool::new(rules.is_empty());
        Self { rules: ArcSwap::from_pointee(rules), own, tally: Tally::default(), idle }
    }
    /// Puts other zones in force: from the next question on.
    pub fn exchange(&self, rules: Rules) {
        let idle = rules.is_empty();
        self.rules.store(Arc::new(rules));
        self.idle.store(idle, Ordering::Release);
    }
    /// The zones in force.
    pub fn rules(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }
    /// The built-in zone.
    pub fn own(&self) -> &Rules {
        &self.own
    }
    /// Whether there is nothing to ask for a name that came by policy like this.
    pub fn is_idle(&self, declared: Declared) -> bool {
        let own = declared == Declared::Otherwise && !self.own.is_empty();
        !own && self.idle.load(Ordering::Acquire)
    }
    /// What the zones did.
    pub fn figures(&self) -> Figures {
        self.tally.read()
    }

    /// What counts of a question: the hit goes to `take`. `declared` says that its name stands in
    /// policy letter by letter.
    pub fn question<T>(
        &self,
        source: Option<IpAddr>,
        name: &QueryName,
        declared: Declared,
        would: &mut dyn FnMut(&Hit<'_>),
        take: impl FnOnce(Hit<'_>) -> T,
    ) -> Option<T> {
        let rules = self.rules();
        let mut told = |hit: Hit<'_>| {
            self.tally.add(&hit.effect, Counted::Not);
            would(&hit);
        };
        let mut hit = rules.of_question(source, name, &mut told);
        if hit.is_none() && declared == Declared::Otherwise {
            hit = self.own.of_question(None, name, &mut told);
        }
        hit.map(|hit| {
            self.tally.add(&hit.effect, Counted::Yes);
            take(hit)
        })
    }

    /// What counts of an answer.
    pub fn answer<T>(
        &self,
        name: &QueryName,
        seen: Seen<'_>,
        would: &mut dyn FnMut(&Hit<'_>),
        take: impl FnOnce(Hit<'_>) -> T,
    ) -> Option<T> {
        let rules = self.rules();
        let mut told = |hit: Hit<'_>| {
            self.tally.add(&hit.effect, Counted::Not);
            would(&hit);
        };
        rules.of_answer(name, seen, &mut told).map(|hit| {
            self.tally.add(&hit.effect, Counted::Yes);
            take(hit)
        })
    }
}

/// How a name came to be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// It stands in a row, letter by letter.
    ByName,
    /// By a wildcard, or otherwise.
    Otherwise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Yes,
    Not,
}

impl Tally {
    fn add(&self, effect: &Effect<'_>, counted: Counted) {
        let at = ACTIONS.iter().position(|action| *action == effect.as_str()).unwrap_or(0);
        let at = at * 2 + usize::from(counted == Counted::Not);
        if let Some(cell) = self.cells.get(at) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }
    fn read(&self) -> Figures {
        let kinds = ACTIONS.iter().flat_map(|action| [(*action, "given"), (*action, "disabled")]);
        kinds
            .zip(&self.cells)
            .map(|((action, zone), cell)| (action, zone, cell.load(Ordering::Relaxed)))
            .collect()
    }
}

const ACTIONS: [&str; 7] =
    ["NXDOMAIN", "NODATA", "PASSTHRU", "DROP", "TCP-Only", "Local Data", "CNAME"];
const FIGURES: usize = ACTIONS.len() * 2;
