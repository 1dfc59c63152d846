//! The versions of a zone: what it holds now, and what changed between those before. Next: `asked`.

use crate::export::Record;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// A zone's contents and its recent past. Immutable: a change makes the next.
#[derive(Debug, Clone)]
pub struct Versions {
    serial: u32,
    records: Arc<[Record]>,
    /// The oldest first; each ends where the next begins, the last at `serial`.
    changes: VecDeque<Arc<Change>>,
}

/// What changed from one version to the next.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) gone: Arc<[Record]>,
    pub(super) new: Arc<[Record]>,
}

impl Versions {
    pub(super) fn first(serial: u32, records: Vec<Record>) -> Self {
        Self { serial, records: records.into(), changes: VecDeque::new() }
    }

    /// The version after this one; `None` if nothing changed.
    pub(super) fn next(&self, serial: u32, records: Vec<Record>) -> Option<Self> {
        let (before, after): (HashSet<&Record>, HashSet<&Record>) =
            (self.records.iter().collect(), records.iter().collect());
        let gone: Vec<Record> =
            self.records.iter().filter(|record| !after.contains(record)).cloned().collect();
        let new: Vec<Record> =
            records.iter().filter(|record| !before.contains(record)).cloned().collect();
        if gone.is_empty() && new.is_empty() {
            return None;
        }
        let mut changes = self.changes.clone();
        let change = Change { from: self.serial, to: serial, gone: gone.into(), new: new.into() };
        changes.push_back(Arc::new(change));
        // Past the size of the zone itself the whole is shorter than the way to it.
        let size = |changes: &VecDeque<Arc<Change>>| {
            changes.iter().map(|change| change.gone.len() + change.new.len()).sum::<usize>()
        };
        while changes.len() > MOST || size(&changes) > records.len() {
            if changes.pop_front().is_none() {
                break;
            }
        }
        Some(Self { serial, records: records.into(), changes })
    }

    /// The serial of what it holds now.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    pub(super) fn records(&self) -> &Arc<[Record]> {
        &self.records
    }

    /// The changes since a version; `None` where that is forgotten, or never was.
    pub(super) fn since(&self, serial: u32) -> Option<Vec<Arc<Change>>> {
        let at = self.changes.iter().position(|change| change.from == serial)?;
        Some(self.changes.iter().skip(at).cloned().collect())
    }
}

/// LIMIT: versions that are remembered.
const MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Action;
    use backstop_model::name::QueryName;

    fn records(names: &[&str]) -> Vec<Record> {
        let record = |text: &&str| Record {
            owner: QueryName::from_text(text).unwrap(),
            action: Action::NxDomain,
        };
        names.iter().map(record).collect()
    }

    #[test]
    fn versions_are_remembered_until_they_are_many_or_large() {
        let mut versions = Versions::first(1, records(&["a", "b", "c", "d", "e", "f"]));
        assert!(versions.next(2, records(&["f", "a", "b", "c", "d", "e"])).is_none());
        versions = versions.next(2, records(&["a", "b", "c", "d", "e", "g"])).unwrap();
        versions = versions.next(3, records(&["a", "b", "c", "d", "e", "h"])).unwrap();
        assert_eq!(versions.since(1).map(|all| all.len()), Some(2));
        assert_eq!(versions.since(2).map(|all| all[0].to), Some(3));
        assert!(versions.since(3).is_none() && versions.since(0).is_none());
        versions = versions.next(4, records(&["i", "j", "k", "d", "e", "h"])).unwrap();
        assert!(versions.since(1).is_none() && versions.since(2).is_none());
        assert_eq!(versions.since(3).map(|all| all.len()), Some(1));
        versions = versions.next(5, records(&["u", "v", "w", "x", "y", "z"])).unwrap();
        assert!(versions.since(4).is_none(), "the whole is shorter");
    }
}
