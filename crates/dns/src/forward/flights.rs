//! Look-ups under way: equal questions share one, and there are never too many.
//! Must not know what is looked up. Next: `cache`.
//!
//! A look-up belongs to nobody: it goes on when its first asker has tired, so that asking again
//! finds it under way or its answer in the cache. One asker may start only so many at a time; past
//! that he is refused at once and takes nothing from the others.

use backstop_model::id::SessionId;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// On whose account a look-up is started.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A client of the resolver, by its address.
    Client(IpAddr),
    /// A session of another plane.
    Session(Option<SessionId>),
    /// The resolver itself: an answer that is refreshed before its time.
    Own,
}

/// The end of a look-up; `None` until then. A channel that closes without one broke off.
pub(crate) type Landing<T> = watch::Receiver<Option<T>>;

/// There is no room for one more look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

/// The look-ups under way.
pub(crate) struct Flights<K: Eq + Hash, T> {
    shared: Arc<Shared<K, T>>,
    tasks: Mutex<JoinSet<()>>,
    runtime: Handle,
    most: usize,
    most_of_one: usize,
}

struct Shared<K, T> {
    under_way: Mutex<UnderWay<K, T>>,
}

struct UnderWay<K, T> {
    flights: HashMap<K, Landing<T>>,
    askers: HashMap<Asker, usize>,
}

impl<K, T> Flights<K, T>
where
    K: Eq + Hash + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// None yet; they run on `runtime`, at most `most` in all and `most_of_one` for one asker.
    pub(crate) fn new(runtime: Handle, most: usize, most_of_one: usize) -> Self {
        let under_way = UnderWay { flights: HashMap::new(), askers: HashMap::new() };
        let shared = Arc::new(Shared { under_way: Mutex::new(under_way) });
        Self { shared, tasks: Mutex::default(), runtime, most, most_of_one }
    }

    /// Joins the look-up for `key`, or starts `work`. May be called from any thread.
    ///
    /// # Errors
    /// [`Crowded`].
    pub(crate) fn join_or_start<F>(
        &self,
        key: &K,
        asker: Asker,
        work: impl FnOnce() -> F,
    ) -> Result<Landing<T>, Crowded>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = lock(&self.shared.under_way);
        if let Some(landing) = under_way.flights.get(key) {
            return Ok(landing.clone());
        }
        let theirs = under_way.askers.get(&asker).copied().unwrap_or(0);
        if under_way.flights.len() >= self.most || theirs >= self.most_of_one {
            return Err(Crowded);
        }
        let (tell, landing) = watch::channel(None);
        under_way.flights.insert(key.clone(), landing.clone());
        under_way.askers.insert(asker.clone(), theirs + 1);
        drop(under_way);
        let over = Over { shared: Arc::clone(&self.shared), key: key.clone(), asker };
        let work = work();
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        let flight = async move {
            let done = work.await;
            // RACE: who asks from here on must find what the work left (in the cache), or start
            // anew; so the flight is over before its end is told.
            drop(over);
            let _nobody_listens_any_more = tell.send(Some(done));
        };
        tasks.spawn_on(flight, &self.runtime);
        Ok(landing)
    }

    #[cfg(test)]
    fn count(&self) -> (usize, usize) {
        let under_way = lock(&self.shared.under_way);
        (under_way.flights.len(), under_way.askers.len())
    }
}

/// Takes the flight off the list, also where its work panicked or the runtime ended.
struct Over<K: Eq + Hash, T> {
    shared: Arc<Shared<K, T>>,
    key: K,
    asker: Asker,
}

impl<K: Eq + Hash, T> Drop for Over<K, T> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.shared.under_way);
        under_way.flights.remove(&self.key);
        if let Some(theirs) = under_way.askers.get_mut(&self.asker) {
            *theirs = theirs.saturating_sub(1);
            if *theirs == 0 {
                under_way.askers.remove(&self.asker);
            }
        }
    }
}

/// INVARIANT: a panic under these locks leaves lists that are longer than they should be, never
/// shorter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::Key;
    use backstop_model::name::{CLASS_IN, QueryName, QueryType};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    fn key(text: &str) -> Key {
        Key { name: QueryName::from_text(text).unwrap(), qtype: QueryType::A, class: CLASS_IN }
    }

    #[tokio::test]
    async fn equal_questions_share_one_look_up() {
        let flights: Flights<Key, u8> = Flights::new(Handle::current(), 10, 10);
        let (started, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut landings = Vec::new();
        for _ in 0..50 {
            let (started, go) = (Arc::clone(&started), Arc::clone(&go));
            let work = move || async move {
                started.fetch_add(1, Ordering::Relaxed);
                go.notified().await;
                7
            };
            landings.push(flights.join_or_start(&key("a.example"), Asker::Own, work).unwrap());
        }
        go.notify_one();
        for mut landing in landings {
            assert_eq!(*landing.wait_for(Option::is_some).await.unwrap(), Some(7));
        }
        assert_eq!(started.load(Ordering::Relaxed), 1);
        assert_eq!(flights.count(), (0, 0));
    }

    #[tokio::test]
    async fn one_asker_cannot_take_every_place() {
        let flights: Flights<Key, ()> = Flights::new(Handle::current(), 4, 2);
        let asker = |n: u8| Asker::Client(IpAddr::from([192, 0, 2, n]));
        let start = |name: &str, n| {
            flights.join_or_start(&key(name), asker(n), std::future::pending).map(|_| ())
        };
        assert_eq!(start("a.example", 1), Ok(()));
        assert_eq!(start("b.example", 1), Ok(()));
        assert_eq!(start("c.example", 1), Err(Crowded));
        assert_eq!(start("a.example", 1), Ok(()), "joining costs nothing");
        assert_eq!(start("c.example", 2), Ok(()));
        assert_eq!(start("d.example", 3), Ok(()));
        assert_eq!(start("e.example", 4), Err(Crowded), "full");
    }

    #[tokio::test]
    async fn a_look_up_that_panics_leaves_nothing_behind() {
        let flights: Flights<Key, ()> = Flights::new(Handle::current(), 4, 2);
        let work = || async { panic!("on purpose") };
        let mut landing = flights.join_or_start(&key("a.example"), Asker::Own, work).unwrap();
        assert!(landing.wait_for(Option::is_some).await.is_err());
        assert_eq!(flights.count(), (0, 0));
    }
}
