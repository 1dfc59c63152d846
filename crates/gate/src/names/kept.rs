//! A row on record that somebody keeps at hand: who answers the same questions again and again finds
//! it at one place of the memory, without a table that others write to. Next: `ahead`.
//!
//! INVARIANT: it answers nothing by itself. Policy and standing are asked at each question, as for a
//! row of the table; past its minute, and once what came of it is written down, it says nothing.

use super::client::NameClient;
use super::table::Entry;
use backstop_model::name::QueryName;
use backstop_model::time::Timestamp;
use std::sync::Arc;

/// A row on record, and whose questions it answered.
#[derive(Clone)]
pub struct KeptRow {
    entry: Arc<Entry>,
    client: NameClient,
}

impl KeptRow {
    pub(super) fn new(entry: Arc<Entry>, client: NameClient) -> Self {
        Self { entry, client }
    }
    /// Whether it may answer a question of this client at all.
    pub fn is_of(&self, client: &NameClient) -> bool {
        Arc::ptr_eq(&self.client.inner, &client.inner)
    }
    /// Whether it answers nothing any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        !self.entry.is_open(now)
    }
    /// Reads what a question will look at. Of thousands of rows none is where the processor has it;
    /// reads that do not wait for each other take little more time than one.
    pub fn warm(&self) -> u64 {
        self.entry.warm()
    }
    pub(super) fn of(
        &self,
        client: &NameClient,
        name: &QueryName,
        now: Timestamp,
    ) -> Option<&Arc<Entry>> {
        let counts = self.is_of(client) && self.entry.is_open(now) && self.entry.name == *name;
        counts.then_some(&self.entry)
    }
}

impl std::fmt::Debug for KeptRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptRow").field("receipt", &self.entry.receipt).finish_non_exhaustive()
    }
}
