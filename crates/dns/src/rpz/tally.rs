//! How often the rules of a zone spoke: a cell for each action, and for whether it counted. Must not
//! know rules. Next: `filter`.

use super::decide::Effect;
use std::sync::atomic::{AtomicU64, Ordering};

/// The figures of one zone; they outlive an exchange of its rules.
#[derive(Debug, Default)]
pub(super) struct Tally {
    cells: [AtomicU64; ACTIONS.len() * 2],
}

/// Whether a rule's word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// It does.
    Yes,
    /// Its zone is `disabled`.
    Not,
}

impl Tally {
    pub(super) fn add(&self, effect: &Effect<'_>, counted: Counted) {
        let at = ACTIONS.iter().position(|action| *action == effect.as_str()).unwrap_or(0);
        let at = at * 2 + usize::from(counted == Counted::Not);
        if let Some(cell) = self.cells.get(at) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Action, whether it counted, how often.
    pub(super) fn read(&self) -> impl Iterator<Item = (&'static str, bool, u64)> + '_ {
        let kinds = ACTIONS.iter().flat_map(|action| [(*action, true), (*action, false)]);
        kinds
            .zip(&self.cells)
            .map(|((action, counts), cell)| (action, counts, cell.load(Ordering::Relaxed)))
    }
}

const ACTIONS: [&str; 7] =
    ["NXDOMAIN", "NODATA", "PASSTHRU", "DROP", "TCP-Only", "Local Data", "CNAME"];
