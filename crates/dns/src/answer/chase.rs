//! Aliases whose end an answer does not tell (an upstream that is no recursor, or whose answer was
//! cut): each target is asked for in its turn, so that a client, which asks one question and follows
//! nothing, has a whole answer. Next: `service`.
//!
//! This is still the question that was permitted: the names on the way are on its record, and every
//! address is judged by its permit. LIMIT: as many questions as a chain may have aliases, and the
//! time of one question for all of them. A name of the usual upstreams is never followed into a zone
//! that has upstreams of its own: its owner would ask there by our mouth.

use super::Answers;
use super::reading::{Reading, Step, Walk, step};
use crate::forward::{Failure, Key, Reach};

impl Answers {
    /// What upstreams say to `key`, to the end of its aliases.
    ///
    /// # Errors
    /// [`Failure`]: of the question, or of one for the target of an alias. Half an answer is none.
    pub(super) async fn whole(&self, key: &Key, reach: Reach) -> Result<Reading, Failure> {
        let read = |message: &[u8]| step(Walk::new(key), message);
        let walk = match self.forwarder.ask(key, reach, read).await? {
            Step::Whole(reading) => return Ok(reading),
            Step::Open(walk) => walk,
        };
        let time = self.forwarder.deadline();
        tokio::time::timeout(time, self.chase(walk, key, reach))
            .await
            .unwrap_or(Err(Failure::TimedOut))
    }

    async fn chase(&self, mut walk: Walk<'_>, key: &Key, reach: Reach) -> Result<Reading, Failure> {
        loop {
            let next = Key { name: walk.here().clone(), ..key.clone() };
            if !self.forwarder.leads_on(&key.name, &next.name, reach) {
                return Ok(walk.left_open());
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
