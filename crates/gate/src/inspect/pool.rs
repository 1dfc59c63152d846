//! Where payloads are looked at: small ones in place, large ones on blocking threads, as many at a
//! time as there are processors, and no session more than half of these.
//!
//! INVARIANT: a look that panics is a refusal. Must not know what is looked for.
//! Next: `evidence`.

use crate::fault::Faulted;
use crate::live::lock;
use backstop_detect::Scratch;
use backstop_model::control::Control;
use backstop_model::id::SessionId;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The places where payloads are looked at.
pub(super) struct Pool {
    turns: Turns,
    patience: Duration,
    scratches: Arc<Mutex<Vec<Scratch>>>,
}

/// Places, and whose turn it is at them: no session has more than half.
pub(crate) struct Turns {
    places: Arc<Semaphore>,
    /// One queue for each session that waits: the places' own queue is first come, first served,
    /// so a session may only stand in it with what its own lane lets through.
    lanes: Mutex<HashMap<SessionId, Arc<Semaphore>>>,
    lane: usize,
}

/// A turn, for as long as it is held.
pub(crate) type Turn = [OwnedSemaphorePermit; 2];

/// LIMIT: lanes that are kept before those without anybody are taken out.
const LANES: usize = 1_024;
/// LIMIT: scratches that are kept.
const SCRATCHES: usize = 16;

impl Pool {
    pub(super) fn new(patience: Duration) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Turns::new(processors), patience, scratches: Arc::default() }
    }

    /// Does it on this thread.
    pub(super) fn here<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> Result<T, Faulted> {
        let mut scratch = lock(&self.scratches).pop().unwrap_or_default();
        // A scratch that has seen a panic is not used again.
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut scratch))).map_err(|_| panicked())?;
        put_back(&self.scratches, scratch);
        Ok(done)
    }

    /// Does it on a thread of its own, in turn.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        session: &SessionId,
        work: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, Faulted> {
        let turn = timeout(self.patience, self.turns.turn(session)).await;
        let closed = |_| Faulted::misuse("nothing is looked at any more");
        let places = turn.map_err(|_| busy())?.map_err(closed)?;
        let scratches = Arc::clone(&self.scratches);
        let done = tokio::task::spawn_blocking(move || {
            // Whoever asked may have gone: the places are free once the work is done.
            let _places = places;
            let mut scratch = lock(&scratches).pop().unwrap_or_default();
            let done = work(&mut scratch);
            put_back(&scratches, scratch);
            done
        });
        done.await.map_err(|_| panicked())
    }
}

impl Turns {
    /// So many places.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            lanes: Mutex::default(),
            lane: (places / 2).max(1),
        }
    }

    /// Waits for a turn of this session.
    ///
    /// # Errors
    /// None that is known: nobody closes the places.
    pub(crate) async fn turn(&self, session: &SessionId) -> Result<Turn, AcquireError> {
        let own = self.lane(session).acquire_owned().await?;
        let place = Arc::clone(&self.places).acquire_owned().await?;
        Ok([own, place])
    }

    fn lane(&self, session: &SessionId) -> Arc<Semaphore> {
        let mut lanes = lock(&self.lanes);
        if lanes.len() >= LANES && !lanes.contains_key(session) {
            // Only ours: nobody waits in it or works under it.
            lanes.retain(|_, lane| {
                Arc::strong_count(lane) > 1 || lane.available_permits() < self.lane
            });
        }
        let lane =
            lanes.entry(session.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.lane)));
        Arc::clone(lane)
    }
}

fn put_back(scratches: &Mutex<Vec<Scratch>>, scratch: Scratch) {
    let mut kept = lock(scratches);
    if kept.len() < SCRATCHES {
        kept.push(scratch);
    }
}

fn panicked() -> Faulted {
    Faulted::misuse("the look at the payload failed")
}

fn busy() -> Faulted {
    Faulted {
        control: Control::Limit,
        reason: "the payload had no turn to be looked at in time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::time::Timestamp;
    use std::sync::mpsc;
    use std::time::Instant;

    fn who(number: u8) -> SessionId {
        SessionId::draw(Timestamp::from_unix_micros(0), [number; 10])
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_look_that_panics_refuses_and_leaves_the_pool_usable() {
        let pool = Pool::new(Duration::from_secs(5));
        let fault = pool.apart(&who(1), |_| -> u8 { panic!("as it is meant to") }).await;
        assert_eq!(fault.unwrap_err().control, Control::Fault);
        let fault = pool.here(|_| -> u8 { panic!("as it is meant to") });
        assert_eq!(fault.unwrap_err().control, Control::Fault);
        for _ in 0..100 {
            assert_eq!(pool.apart(&who(1), |_| 7).await.unwrap(), 7);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_floods_waits_for_himself() {
        let pool = Arc::new(Pool { turns: Turns::new(2), ..Pool::new(Duration::from_secs(10)) });
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let mut flood = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (pool, gate) = (Arc::clone(&pool), Arc::clone(&gate));
            flood.spawn(async move {
                let work = move |_: &mut Scratch| lock(&gate).recv().is_ok();
                pool.apart(&who(1), work).await.unwrap()
            });
        }
        tokio::task::yield_now().await;
        let began = Instant::now();
        assert_eq!(pool.apart(&who(2), |_| 7).await.unwrap(), 7);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        for _ in 0..50 {
            release.send(()).unwrap();
        }
        assert_eq!(flood.join_all().await, vec![true; 50]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_has_no_turn_in_time_is_refused() {
        let pool = Pool { turns: Turns::new(0), ..Pool::new(Duration::from_millis(20)) };
        assert_eq!(pool.apart(&who(1), |_| 7).await.unwrap_err().control, Control::Limit);
    }
}
