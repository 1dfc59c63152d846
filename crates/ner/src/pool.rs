//! The workers that run the model, and their queue: bounded, and fair to every session.
//!
//! Each session has a row of its own, and the workers take one batch from each in turn, so that
//! one prompt of 100 KB starves nobody. INVARIANT: past a bound the answer is a fault, never a
//! wait without end and never a pass.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use backstop_detect::{NameBudget, NameCounts, NameFault, NameModel, NameSpan};
use rten::ThreadPool;

use crate::cache::{Cache, Key};
use crate::network::{Model, RunFault};

/// How the pool runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Worker threads, each of which runs the model on itself alone.
    pub workers: NonZeroUsize,
    /// LIMIT: passages that may wait in all.
    pub queue: usize,
    /// LIMIT: answers that are remembered.
    pub remembered: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { workers: NonZeroUsize::MIN, queue: 4096, remembered: 16_384 }
    }
}

/// What runs a passage; the model, or a stand-in in tests.
type Runner = dyn Fn(&str, &Arc<ThreadPool>) -> Result<Vec<NameSpan>, RunFault> + Send + Sync;

/// The model with its workers. Its calls block: an async caller asks from a blocking task.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    cache: Mutex<Cache>,
    most: usize,
    run: Box<Runner>,
    looked: AtomicU64,
    remembered: AtomicU64,
}

/// Waiting passages, a row for each session, and whose turn it is.
#[derive(Default)]
struct Queue {
    rows: HashMap<u64, VecDeque<Job>>,
    turns: VecDeque<u64>,
    waiting: usize,
    stopped: bool,
}

struct Job {
    passage: String,
    number: usize,
    reply: Sender<(usize, Result<Vec<NameSpan>, RunFault>)>,
}

impl Pool {
    /// Starts the workers.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(model: Arc<Model>, config: PoolConfig) -> std::io::Result<Self> {
        Self::with(Box::new(move |passage, threads| model.spans(passage, threads)), config)
    }

    fn with(run: Box<Runner>, config: PoolConfig) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            cache: Mutex::new(Cache::new(config.remembered)),
            most: config.queue,
            run,
            looked: AtomicU64::new(0),
            remembered: AtomicU64::new(0),
        });
        let mut pool = Self { shared, workers: Vec::new() };
        for number in 0..config.workers.get() {
            let shared = Arc::clone(&pool.shared);
            let builder = std::thread::Builder::new().name(format!("names-{number}"));
            pool.workers.push(builder.spawn(move || work(&shared))?);
        }
        Ok(pool)
    }
}

impl NameModel for Pool {
    fn spans(
        &self,
        passages: &[&str],
        budget: &mut NameBudget,
    ) -> Result<Vec<Vec<NameSpan>>, NameFault> {
        let keys: Vec<Key> = passages.iter().map(|passage| Cache::key(passage)).collect();
        let mut answers: Vec<Option<Vec<NameSpan>>> = {
            let mut cache = lock(&self.shared.cache);
            keys.iter().map(|key| cache.get(key).map(|known| known.to_vec())).collect()
        };
        let (reply, replies) = channel();
        let mut jobs = Vec::new();
        let mut bytes = 0;
        for (number, (passage, _)) in
            passages.iter().zip(&answers).enumerate().filter(|(_, (_, answer))| answer.is_none())
        {
            bytes += passage.len();
            jobs.push(Job { passage: (*passage).to_owned(), number, reply: reply.clone() });
        }
        drop(reply);
        budget.bytes = budget.bytes.checked_sub(bytes).ok_or(NameFault::OverBudget)?;
        let asked = jobs.len();
        let known = passages.len().saturating_sub(asked);
        self.shared.remembered.fetch_add(known as u64, Ordering::Relaxed);
        self.shared.push(budget.session, jobs)?;
        for _ in 0..asked {
            let (number, result) = replies.recv().map_err(|_| NameFault::Broken)?;
            let found = result.map_err(|RunFault| NameFault::Broken)?;
            if let Some(key) = keys.get(number) {
                lock(&self.shared.cache).put(*key, Arc::from(found.clone()));
            }
            *answers.get_mut(number).ok_or(NameFault::Broken)? = Some(found);
        }
        answers.into_iter().collect::<Option<_>>().ok_or(NameFault::Broken)
    }

    fn counts(&self) -> NameCounts {
        NameCounts {
            looked: self.shared.looked.load(Ordering::Relaxed),
            remembered: self.shared.remembered.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.queue).stopped = true;
        self.shared.ready.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has already failed its callers.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn push(&self, session: u64, jobs: Vec<Job>) -> Result<(), NameFault> {
        if jobs.is_empty() {
            return Ok(());
        }
        let mut queue = lock(&self.queue);
        let row = queue.rows.get(&session).map_or(0, VecDeque::len);
        // No session may hold more than half the queue, so that there is room for the next.
        if queue.stopped
            || queue.waiting + jobs.len() > self.most
            || row + jobs.len() > self.most.div_ceil(2)
        {
            return Err(NameFault::Busy);
        }
        queue.waiting += jobs.len();
        if row == 0 {
            queue.turns.push_back(session);
        }
        queue.rows.entry(session).or_default().extend(jobs);
        drop(queue);
        self.ready.notify_all();
        Ok(())
    }

    /// The next passage, by turns; `None` when the pool stops.
    fn next(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.stopped {
                return None;
            }
            if let Some(session) = queue.turns.pop_front() {
                let (job, left) = match queue.rows.get_mut(&session) {
                    Some(row) => (row.pop_front(), !row.is_empty()),
                    None => (None, false),
                };
                if left {
                    queue.turns.push_back(session);
                } else {
                    queue.rows.remove(&session);
                }
                if let Some(job) = job {
                    queue.waiting -= 1;
                    return Some(job);
                }
                continue;
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work(shared: &Shared) {
    // The model's own threads: one, so that a run takes a worker's share and no more.
    let threads = Arc::new(ThreadPool::with_num_threads(1));
    while let Some(job) = shared.next() {
        shared.looked.fetch_add(1, Ordering::Relaxed);
        // A text that makes the model panic must not take the worker away from all others.
        let run = AssertUnwindSafe(|| (shared.run)(&job.passage, &threads));
        let result = catch_unwind(run).unwrap_or(Err(RunFault));
        // A caller that is gone wants no answer.
        let _ = job.reply.send((job.number, result));
    }
}

/// The queue and the cache stay whole when a holder panics: each change is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_detect::{Score, name::Label};
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    fn config(queue: usize) -> PoolConfig {
        PoolConfig { workers: NonZeroUsize::MIN, queue, remembered: 64 }
    }

    fn echo(passage: &str) -> Vec<NameSpan> {
        vec![NameSpan { label: Label::Given, span: 0..passage.len(), score: Score::CERTAIN }]
    }

    #[test]
    fn answers_come_in_order_and_are_remembered_for_free() {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let pool = Pool::with(
            Box::new(move |passage, _| {
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(echo(passage))
            }),
            config(16),
        )
        .unwrap();
        let mut budget = NameBudget { session: 1, bytes: 10 };
        let lengths =
            |answers: Vec<Vec<NameSpan>>| answers.iter().map(|a| a[0].span.end).collect::<Vec<_>>();
        assert_eq!(lengths(pool.spans(&["a", "bb", "ccc"], &mut budget).unwrap()), [1, 2, 3]);
        assert_eq!(budget.bytes, 4);
        assert_eq!(lengths(pool.spans(&["ccc", "dddd", "a"], &mut budget).unwrap()), [3, 4, 1]);
        assert_eq!((budget.bytes, runs.load(Ordering::Relaxed)), (0, 4));
        assert_eq!(pool.spans(&["e"], &mut budget).unwrap_err(), NameFault::OverBudget);
        assert!(pool.spans(&["bb"], &mut budget).is_ok());
    }

    #[test]
    fn a_failing_model_is_a_fault() {
        let pool = Pool::with(Box::new(|_, _| Err(RunFault)), config(16)).unwrap();
        let mut budget = NameBudget { session: 1, bytes: 100 };
        assert_eq!(pool.spans(&["a"], &mut budget).unwrap_err(), NameFault::Broken);
        let pool = Pool::with(Box::new(|_, _| panic!("a worker dies")), config(16)).unwrap();
        // Every call has its answer: nobody waits for a worker that is gone.
        for passage in ["a", "b"] {
            assert_eq!(pool.spans(&[passage], &mut budget).unwrap_err(), NameFault::Broken);
        }
    }

    #[test]
    fn sessions_take_turns_and_a_full_queue_is_a_fault() {
        let gate = Arc::new(Barrier::new(2));
        let order = Arc::new(Mutex::new(Vec::new()));
        let (inner_gate, inner_order) = (Arc::clone(&gate), Arc::clone(&order));
        let pool = Arc::new(
            Pool::with(
                Box::new(move |passage, _| {
                    if passage == "hold" {
                        inner_gate.wait();
                        inner_gate.wait();
                    }
                    lock(&inner_order).push(passage.to_owned());
                    Ok(echo(passage))
                }),
                config(8),
            )
            .unwrap(),
        );
        let ask = |session: u64, passages: &'static [&'static str]| {
            let pool = Arc::clone(&pool);
            std::thread::spawn(move || {
                pool.spans(passages, &mut NameBudget { session, bytes: 1000 })
            })
        };
        let held = ask(0, &["hold"]);
        gate.wait();
        // The worker is held: a long row of one session, then a short one of another.
        let long = ask(1, &["l1", "l2", "l3", "l4"]);
        while lock(&pool.shared.queue).waiting < 4 {
            std::thread::yield_now();
        }
        assert_eq!(ask(1, &["l5"]).join().unwrap().unwrap_err(), NameFault::Busy);
        let short = ask(2, &["s1"]);
        while lock(&pool.shared.queue).waiting < 5 {
            std::thread::yield_now();
        }
        assert_eq!(ask(3, &["x1", "x2", "x3", "x4"]).join().unwrap().unwrap_err(), NameFault::Busy);
        gate.wait();
        for asked in [held, long, short] {
            assert!(asked.join().unwrap().is_ok());
        }
        assert_eq!(*lock(&order), ["hold", "l1", "s1", "l2", "l3", "l4"]);
    }
}
