//! Aliases whose end an answer does not tell (an upstream that is no recursor, or whose answer was
//! cut): each target is asked for in its turn, so that a client, which asks one question and follows
//! nothing, has a whole answer. Next: `service`.
//!
//! This is still the question that was permitted: the names on the way are on its record, and every
//! address is judged by its permit. What response policy zones refuse of them is not asked for: the
//! answer ends at that name, and whoever tells it refuses it by the same rule. LIMIT: as many questions
//! as a chain may have aliases, and the time of one question for all of them. A name of the usual upstreams is never followed into a zone
//! that has upstreams of its own: its owner would ask there by our mouth.

use super::reading::{Reading, Step, Walk, step};
use super::{Answers, Screen};
use crate::cache::Content;
use crate::forward::{Failure, Key, Reach};
use crate::rpz::{Declared, Filter};
use backstop_gate::names::NamePermit;
use backstop_model::name::QueryName;
use std::sync::Arc;

/// Which rules the names on the way meet before one of them is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Way<'f> {
    watched: Option<(&'f Arc<Filter>, Declared)>,
}

impl<'f> Way<'f> {
    /// None: no rule would refuse this asker an answer for a name on it.
    pub const FREE: Self = Self { watched: None };

    /// Those of a filter, as it looks at the answers of this question.
    pub const fn watched(filter: &'f Arc<Filter>, declared: Declared) -> Self {
        Self { watched: Some((filter, declared)) }
    }
    /// Those that look at the answer of a permitted question. Where the tenant observes they refuse
    /// nothing.
    pub(super) fn of_permit(permit: &NamePermit<'_>, screen: Option<&Screen<'f>>) -> Self {
        match screen {
            Some(_) if permit.is_observed() => Self::FREE,
            Some(screen) => Self::watched(screen.filter, Declared::of(permit)),
            None => Self::FREE,
        }
    }
    /// What tells askers apart: they share a look-up only if the same rules watch it.
    pub(super) fn kind(self) -> Option<Declared> {
        self.watched.map(|(_, declared)| declared)
    }
    /// Whether an answer may be told to this asker: a whole one, or one that ends where the rules
    /// of this moment still end it.
    pub(super) fn admits(self, content: &Content) -> bool {
        !content.cut_off || self.ends_at(content.chain())
    }
    /// Handles of its own.
    pub(super) fn kept(self) -> Option<(Arc<Filter>, Declared)> {
        self.watched.map(|(filter, declared)| (Arc::clone(filter), declared))
    }
    /// The same again.
    pub(super) fn of(kept: Option<&'f (Arc<Filter>, Declared)>) -> Self {
        Self { watched: kept.map(|(filter, declared)| (filter, *declared)) }
    }
    fn ends_at(self, chain: &[QueryName]) -> bool {
        self.watched.is_some_and(|(filter, declared)| filter.ends_way(chain, declared))
    }
}

impl Answers {
    /// What upstreams say to `key`, to the end of its aliases.
    ///
    /// # Errors
    /// [`Failure`]: of the question, or of one for the target of an alias. Half an answer is none.
    pub(super) async fn whole(
        &self,
        key: &Key,
        reach: Reach,
        way: Way<'_>,
    ) -> Result<Reading, Failure> {
        let read = |message: &[u8]| step(Walk::new(key), message);
        let walk = match self.forwarder.ask(key, reach, read).await? {
            Step::Whole(reading) => return Ok(reading),
            Step::Open(walk) => walk,
        };
        let time = self.forwarder.deadline();
        tokio::time::timeout(time, self.chase(walk, key, reach, way))
            .await
            .unwrap_or(Err(Failure::TimedOut))
    }

    async fn chase(
        &self,
        mut walk: Walk<'_>,
        key: &Key,
        reach: Reach,
        way: Way<'_>,
    ) -> Result<Reading, Failure> {
        loop {
            let next = Key { name: walk.here().clone(), ..key.clone() };
            if !self.forwarder.leads_on(&key.name, &next.name, reach) {
                return Ok(walk.left_open());
            }
            if way.ends_at(walk.chain()) {
                return Ok(walk.cut_off());
            }
            let from = &walk;
            // Each step is an alias more, and so many are the end of it (`reading`).
            let read = |message: &[u8]| step(from.clone(), message);
            walk = match self.forwarder.ask(&next, reach, read).await? {
                Step::Whole(reading) => return Ok(reading),
                Step::Open(walk) => walk,
            };
        }
    }
}
