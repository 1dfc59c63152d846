//! The rules in force, exchanged at once, and what they did. Must not know messages. Next: `service`.

use super::decide::{Effect, Hit, Rules, Seen};
use super::tally::Counted;
use super::zone::Zone;
use arc_swap::{ArcSwap, Guard};
use backstop_gate::names::NamePermit;
use backstop_model::name::QueryName;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The zones in force. Who asks takes what is there now; an exchange waits for nobody.
#[derive(Debug)]
pub struct Filter {
    /// The operator's zones.
    rules: ArcSwap<Rules>,
    /// The built-in one: asked last, and not for names that are declared letter by letter.
    own: Rules,
    /// No zone of the operator's: what most questions find.
    idle: AtomicBool,
}

/// How often a rule spoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Whose rule.
    pub zone: QueryName,
    /// The draft's word for what it does.
    pub action: &'static str,
    /// It counted; otherwise its zone is `disabled`, and it was only told.
    pub counts: bool,
    /// How often.
    pub count: u64,
}

/// Whether a question or an answer is looked at for the first time. One that has to wait is looked at
/// again, as rules may have changed meanwhile; it is counted and noted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It is.
    First,
    /// It was looked at before.
    Again,
}

impl Filter {
    /// With these zones.
    pub fn new(rules: Rules, own: Option<Zone>) -> Self {
        let own = Rules::new(own.into_iter().map(Arc::new).collect());
        let idle = AtomicBool::new(rules.is_empty());
        Self { rules: ArcSwap::from_pointee(rules), own, idle }
    }
    /// Puts other zones in force: from the next question on. Who had a zone of that name goes on
    /// counting.
    pub fn exchange(&self, rules: Rules) {
        let idle = rules.is_empty();
        let rules = rules.counting_on(&self.rules());
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
    /// What the zones did, in order, the built-in one last.
    pub fn figures(&self) -> Vec<Figure> {
        let rules = self.rules();
        rules.figures().chain(self.own.figures()).collect()
    }

    /// What counts of a question: the hit goes to `take`. `declared` says that its name stands in
    /// policy letter by letter.
    pub fn question<T>(
        &self,
        (source, look): (Option<IpAddr>, Look),
        name: &QueryName,
        declared: Declared,
        would: &mut dyn FnMut(&Hit<'_>),
        take: impl FnOnce(Hit<'_>) -> T,
    ) -> Option<T> {
        let rules = self.rules();
        let mut told = |hit: Hit<'_>| {
            if look == Look::First {
                hit.tally.add(&hit.effect, Counted::Not);
                would(&hit);
            }
        };
        let mut hit = rules.of_question(source, name, &mut told);
        if hit.is_none() && declared == Declared::Otherwise {
            hit = self.own.of_question(None, name, &mut told);
        }
        hit.map(|hit| {
            if look == Look::First {
                hit.tally.add(&hit.effect, Counted::Yes);
            }
            take(hit)
        })
    }

    /// Whether the last of these names, to which a question's name leads, is not to be asked for: what
    /// is refused of the answer anyway. An earlier zone's rules for addresses might have let it pass; as
    /// with questions, who refuses without asking comes first.
    pub fn ends_way(&self, chain: &[QueryName], declared: Declared) -> bool {
        let rules = self.rules();
        let mut hit = rules.of_way(chain);
        if hit.is_none() && declared == Declared::Otherwise {
            hit = self.own.of_way(chain);
        }
        hit.is_some_and(|hit| match hit.effect {
            Effect::Passthru | Effect::TcpOnly => false,
            Effect::Nxdomain
            | Effect::Nodata
            | Effect::Drop
            | Effect::Local(_)
            | Effect::Alias(_) => true,
        })
    }

    /// What counts of an answer.
    pub fn answer<T>(
        &self,
        (name, declared, look): (&QueryName, Declared, Look),
        seen: Seen<'_>,
        would: &mut dyn FnMut(&Hit<'_>),
        take: impl FnOnce(Hit<'_>) -> T,
    ) -> Option<T> {
        let rules = self.rules();
        let mut told = |hit: Hit<'_>| {
            if look == Look::First {
                hit.tally.add(&hit.effect, Counted::Not);
                would(&hit);
            }
        };
        let mut hit = rules.of_answer(name, seen, &mut told);
        if hit.is_none() && declared == Declared::Otherwise {
            hit = self.own.of_answer(name, seen, &mut told);
        }
        hit.map(|hit| {
            if look == Look::First {
                hit.tally.add(&hit.effect, Counted::Yes);
            }
            take(hit)
        })
    }
}

/// How a name came to be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Declared {
    /// It stands in a row, letter by letter.
    ByName,
    /// By a wildcard, or otherwise.
    Otherwise,
}

impl Declared {
    /// How the name of this permit did.
    pub fn of(permit: &NamePermit<'_>) -> Self {
        if permit.is_declared_by_name() { Self::ByName } else { Self::Otherwise }
    }
}
