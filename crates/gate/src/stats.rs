//! What the gate counts of itself, for `/metrics`: atomics only, so that counting never waits.
//! Next: `live`.

use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::verdict::Verdict;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The upper bounds of the latency buckets, in microseconds; the last bucket has none.
pub const BUCKETS: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// A moment's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Answers given: plane, deciding control (`None` for allowed), verdict, how many. Zeros are left out.
    pub answers: Vec<Answered>,
    /// Flows, rides and permits that live now.
    pub live: u64,
    /// Flows that were cut since the start.
    pub cut: u64,
    /// Bytes sent to and received from upstreams since the start.
    pub sent: u64,
    /// Bytes received from upstreams since the start.
    pub received: u64,
    /// How long `ask` took.
    pub asked: Latency,
    /// How long `dial` took, successful or not.
    pub dialled: Latency,
    /// How long looking at a payload took, waiting included.
    pub inspected: Latency,
    /// Refusals that were counted instead of recorded singly.
    pub counted: u64,
}

/// How many answers of one kind were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// On which plane.
    pub plane: Plane,
    /// By which control; `None` when allowed.
    pub control: Option<Control>,
    /// What the answer was.
    pub verdict: Verdict,
    /// How many.
    pub count: u64,
}

/// A latency histogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    /// Upper bound in microseconds (`None`: no bound) and how many fell into it (not cumulative).
    pub buckets: Vec<(Option<u64>, u64)>,
    /// The sum, in microseconds.
    pub sum_micros: u64,
    /// How many.
    pub count: u64,
}

const PLANES: usize = Plane::ALL.len();
const CONTROLS: usize = Control::ALL.len() + 1;
/// Threads that count side by side have rows of their own: one that all write to would wander
/// between the processors at every answer.
const ROWS: usize = 8;
const VERDICTS: [Verdict; 3] = [Verdict::Allow, Verdict::Hold, Verdict::Deny];

/// The counters themselves.
#[derive(Debug)]
pub(crate) struct Counters {
    answers: [Box<[AtomicU64]>; ROWS],
    pub(crate) cut: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) counted: AtomicU64,
    asked: Histogram,
    dialled: Histogram,
    inspected: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        let answers = PLANES * CONTROLS * VERDICTS.len();
        Self {
            answers: std::array::from_fn(|_| {
                std::iter::repeat_with(AtomicU64::default).take(answers).collect()
            }),
            cut: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            asked: Histogram::default(),
            dialled: Histogram::default(),
            inspected: Histogram::default(),
        }
    }
}

impl Counters {
    pub(crate) fn answer(&self, plane: Plane, control: Option<Control>, verdict: Verdict) {
        let plane = Plane::ALL.iter().position(|p| *p == plane).unwrap_or(0);
        let control = control
            .and_then(|control| Control::ALL.iter().position(|c| *c == control))
            .map_or(0, |index| index + 1);
        let verdict = VERDICTS.iter().position(|v| *v == verdict).unwrap_or(0);
        let cell = (plane * CONTROLS + control) * VERDICTS.len() + verdict;
        if let Some(cell) = self.answers.get(row()).and_then(|row| row.get(cell)) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }
    pub(crate) fn asked(&self, took: Duration) {
        self.asked.add(took);
    }
    pub(crate) fn inspected(&self, took: Duration) {
        self.inspected.add(took);
    }
    pub(crate) fn dialled(&self, took: Duration) {
        self.dialled.add(took);
    }
    pub(crate) fn read(&self, live: usize) -> Stats {
        let mut answers = Vec::new();
        let mut cells = 0..;
        let count = |cell: usize| -> u64 {
            let cells = self.answers.iter().filter_map(|row| row.get(cell));
            cells.map(|cell| cell.load(Ordering::Relaxed)).sum()
        };
        for plane in Plane::ALL {
            for control in std::iter::once(None).chain(Control::ALL.iter().copied().map(Some)) {
                for verdict in VERDICTS {
                    let count = cells.next().map_or(0, count);
                    if count > 0 {
                        answers.push(Answered { plane, control, verdict, count });
                    }
                }
            }
        }
        Stats {
            answers,
            live: u64::try_from(live).unwrap_or(u64::MAX),
            cut: self.cut.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            asked: self.asked.read(),
            dialled: self.dialled.read(),
            inspected: self.inspected.read(),
            counted: self.counted.load(Ordering::Relaxed),
        }
    }
}

/// The row that this thread counts in.
fn row() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static ROW: usize = NEXT.fetch_add(1, Ordering::Relaxed) % ROWS);
    ROW.with(|row| *row)
}

#[derive(Debug, Default)]
struct Histogram {
    cells: [AtomicU64; BUCKETS.len() + 1],
    sum: AtomicU64,
}

impl Histogram {
    fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|top| micros <= *top).unwrap_or(BUCKETS.len());
        if let Some(cell) = self.cells.get(bucket) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }
    fn read(&self) -> Latency {
        let tops = BUCKETS.iter().copied().map(Some).chain(std::iter::once(None));
        let buckets: Vec<_> =
            tops.zip(self.cells.iter().map(|cell| cell.load(Ordering::Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Latency { buckets, sum_micros: self.sum.load(Ordering::Relaxed), count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_counted_in_its_own_cell() {
        let counters = Counters::default();
        counters.answer(Plane::Proxy, None, Verdict::Allow);
        counters.answer(Plane::Proxy, Some(Control::EgressTenant), Verdict::Deny);
        counters.answer(Plane::Proxy, Some(Control::EgressTenant), Verdict::Deny);
        counters.answer(Plane::Explain, Some(Control::SandboxUndeclared), Verdict::Hold);
        let stats = counters.read(0);
        let counts: Vec<_> = stats.answers.iter().map(|a| (a.control, a.count)).collect();
        assert_eq!(
            counts,
            [(None, 1), (Some(Control::EgressTenant), 2), (Some(Control::SandboxUndeclared), 1)]
        );
    }

    #[test]
    fn a_latency_falls_into_its_bucket() {
        let histogram = Histogram::default();
        histogram.add(Duration::from_micros(50));
        histogram.add(Duration::from_micros(51));
        histogram.add(Duration::from_secs(9));
        let read = histogram.read();
        assert_eq!((read.count, read.sum_micros), (3, 9_000_101));
        assert_eq!(read.buckets.first(), Some(&(Some(50), 1)));
        assert_eq!(read.buckets.last(), Some(&(None, 1)));
    }
}
