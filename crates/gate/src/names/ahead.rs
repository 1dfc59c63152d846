//! What is written down soon, many at once, with nobody waiting: for names in steady use the row of
//! their next minute, and what came of rows whose minute is over.
//!
//! A question in the last seconds of a name's minute has the next row made, under which the next
//! minute's questions are answered at once. That row says what happened: at that time the name was
//! asked, and permitted by the policy of that time. Where it finds things changed, it is judged and
//! recorded anew as any other.
//! INVARIANT: nothing here answers a question; what is not on record in time waits as ever.
//! Next: `answer`.

use super::Question;
use super::ask::Judged;
use super::client::NameClient;
use super::table::Entry;
use crate::gate::Inner;
use crate::identity::Session;
use crate::live::lock;
use backstop_model::event::Event;
use backstop_model::name::{CLASS_IN, QueryType};
use backstop_model::time::Timestamp;
use backstop_model::verdict::Ruling;
use backstop_policy::{NameRow, NameTold};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What is to be written down soon.
#[derive(Default)]
pub(super) struct Soon {
    list: Mutex<List>,
    wake: Notify,
}

#[derive(Default)]
struct List {
    next: Vec<Due>,
    over: Vec<Arc<Entry>>,
}

/// A name that wants the row of its next minute.
struct Due {
    client: NameClient,
    entry: Arc<Entry>,
    qtype: QueryType,
}

/// A next row that is decided and waits for its commit.
struct Decided {
    due: Due,
    at: Timestamp,
    session: Arc<Session>,
    judged: Judged,
}

/// LIMIT: names that wait for their next row, and ended rows; past it the former wait for their
/// minute, and the latter are written down by who finds them.
const MOST: usize = 16_384;
/// LIMIT: rows committed together.
const TOGETHER: usize = 512;
/// How long the first one waits for company.
const COMPANY: Duration = Duration::from_millis(100);

impl Soon {
    /// Adds to a list, if it has room.
    fn put<T>(&self, list: impl FnOnce(&mut List) -> &mut Vec<T>, one: T) -> Result<(), T> {
        let mut lists = lock(&self.list);
        let list = list(&mut lists);
        if list.len() >= MOST {
            return Err(one);
        }
        list.push(one);
        if lists.next.len() + lists.over.len() == 1 {
            self.wake.notify_one();
        }
        Ok(())
    }
    /// All that waits. RACE: both lists at once: what is put in while these are written down finds
    /// nothing there, and so wakes who writes once more.
    fn take(&self) -> List {
        std::mem::take(&mut lock(&self.list))
    }
}

impl Inner {
    /// Has the next row of a name made. Rows whose names are counted (wildcards), or whose tenant
    /// observes, are judged by what comes next; they wait for it.
    pub(super) fn record_ahead(&self, client: &NameClient, entry: &Arc<Entry>, qtype: QueryType) {
        match entry.row {
            NameRow::Exact | NameRow::Cluster => {}
            NameRow::Wildcard(_) | NameRow::SearchSuffix | NameRow::None => return,
        }
        let due = Due { client: client.clone(), entry: Arc::clone(entry), qtype };
        // Where there is no room it waits for its minute.
        let _full = self.names.soon.put(|list| &mut list.next, due);
    }

    /// Notes a row whose minute is over.
    pub(super) fn ended(&self, entry: Arc<Entry>) {
        if let Err(entry) = self.names.soon.put(|list| &mut list.over, entry) {
            self.resolved(&entry);
        }
    }

    /// Writes down what came of rows whose minute is over.
    pub(super) fn write_ended(&self) {
        let over = std::mem::take(&mut lock(&self.names.soon.list).over);
        over.iter().for_each(|entry| self.resolved(entry));
    }

    /// Writes down what is to be written soon, until `stop`.
    pub(crate) async fn write_names(self: &Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                stopped = stop.wait_for(|stop| *stop) => {
                    drop(stopped);
                    return;
                }
                () = self.names.soon.wake.notified() => {}
            }
            tokio::time::sleep(COMPANY).await;
            let List { next, over } = self.names.soon.take();
            let mut next = next.into_iter().peekable();
            while next.peek().is_some() {
                self.record_next(next.by_ref().take(TOGETHER)).await;
            }
            over.iter().for_each(|entry| self.resolved(entry));
        }
    }

    async fn record_next(self: &Arc<Self>, all: impl Iterator<Item = Due>) {
        let (mut events, mut decided) = (Vec::new(), Vec::new());
        for due in all {
            if let Some((event, one)) = self.decide_next(due).await {
                events.push(event);
                decided.push(one);
            }
        }
        let committed = self.ledger.commit_all(events).await;
        for (Decided { due, at, session, judged }, committed) in decided.into_iter().zip(committed)
        {
            // What could not be recorded is tried again by the first who asks in its minute.
            let Ok(receipt) = committed else { continue };
            let Due { client, entry, qtype: _ } = due;
            let name = (&entry.name.name(), entry.hash);
            let next = Arc::new(self.entry(name, receipt.id, session, (entry.ends(), at), judged));
            if let Err(unused) = client.standing().table.follow(&entry, next) {
                self.resolved(&unused);
            }
        }
    }

    /// The next row, if the name is still permitted as it was.
    async fn decide_next(self: &Arc<Self>, due: Due) -> Option<(Event, Decided)> {
        let Due { client, entry, qtype } = &due;
        let session = self.current_session(client.standing()).await.ok()?;
        let now = self.now();
        let name = entry.name.name();
        let question = Question { name: &name, qtype: *qtype, class: CLASS_IN };
        let judged = self
            .judged_alike(entry, &session, now)
            .unwrap_or_else(|| self.judge_name(client, &session, &question, &[], now));
        let decision = &judged.decision;
        let alike = decision.told == NameTold::Ask
            && decision.row == entry.row
            && decision.reasons.iter().all(|reason| reason.ruling != Ruling::WouldDeny);
        let event = alike.then(|| self.permit_of_name(&session, &question, &judged, now))?;
        Some((event, Decided { due, at: now, session, judged }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::entry_for_tests;
    use super::*;

    /// What came while others were written down was left there, and nobody was woken for it: from then
    /// on no name had its next row made.
    #[tokio::test]
    async fn whatever_is_put_in_while_others_are_written_down_wakes_once_more() {
        let soon = Soon::default();
        let woken = || tokio::time::timeout(Duration::from_millis(1), soon.wake.notified());
        let over = || soon.put(|list| &mut list.over, entry_for_tests());
        assert!(over().is_ok() && over().is_ok());
        assert!(woken().await.is_ok());
        assert!(woken().await.is_err(), "once for both");
        let List { next, over: ended } = soon.take();
        assert_eq!((next.len(), ended.len()), (0, 2));
        assert!(over().is_ok());
        assert!(woken().await.is_ok(), "the lists were empty");
        assert!(over().is_ok());
        assert!(woken().await.is_err(), "who writes is awake");
    }

    #[test]
    fn a_full_list_gives_back() {
        let (soon, entry) = (Soon::default(), entry_for_tests());
        for _ in 0..MOST {
            assert!(soon.put(|list| &mut list.over, Arc::clone(&entry)).is_ok());
        }
        assert!(soon.put(|list| &mut list.over, entry).is_err());
    }
}
