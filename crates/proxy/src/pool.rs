//! Idle connections to upstreams, each usable only by the session and skill that opened it, and
//! only for the same destination. Bounded in number and in age.
//!
//! Whether a further request may ride on one is the gate's to say (`Permit::ride`). Must not know
//! requests. Next: `forward`.

use crate::body::Inbound;
use backstop_gate::{Flow, FlowHandle, Ride, Session};
use backstop_model::destination::Destination;
use backstop_model::id::{SessionId, SkillId};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Whose connection it is, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    session: SessionId,
    skill: Option<SkillId>,
    destination: Destination,
}

impl Key {
    pub(crate) fn new(session: &Session, destination: &Destination) -> Self {
        Self {
            session: session.id().clone(),
            skill: session.subject().skill.clone(),
            destination: destination.clone(),
        }
    }
}

/// A connection that is free.
pub(crate) struct Idle {
    pub(crate) sender: SendRequest<Inbound>,
    pub(crate) handle: FlowHandle,
    since: Instant,
}

/// All idle connections, and the tasks that drive connections.
pub(crate) struct Pool {
    shelves: Mutex<Shelves>,
    drivers: Mutex<JoinSet<()>>,
    per_key: usize,
    in_all: usize,
    age: Duration,
}

#[derive(Default)]
struct Shelves {
    by_key: HashMap<Key, Vec<Idle>>,
    count: usize,
}

/// A connection in use: it goes back when its exchange has ended well, or is closed on drop.
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<Inbound>,
    pub(crate) handle: FlowHandle,
    /// The request's own registration, where it rides on an earlier permit's flow.
    pub(crate) ride: Option<Ride>,
    pub(crate) key: Key,
    pub(crate) pool: Arc<Pool>,
}

impl Lease {
    pub(crate) fn give_back(self) {
        let Self { sender, handle, ride, key, pool } = self;
        drop(ride);
        if !sender.is_closed() && handle.is_live() {
            pool.put(key, Idle { sender, handle, since: Instant::now() });
        }
    }
}

/// How long a connection that has just been given back may take to be free again.
const SETTLE: Duration = Duration::from_millis(20);

impl Pool {
    pub(crate) fn new(per_key: usize, in_all: usize, age: Duration) -> Self {
        Self { shelves: Mutex::default(), drivers: Mutex::default(), per_key, in_all, age }
    }

    /// A connection that is free and has not been cut or closed, the latest first.
    pub(crate) async fn take(&self, key: &Key) -> Option<Idle> {
        loop {
            let mut idle = self.pop(key)?;
            if idle.sender.is_closed() || !idle.handle.is_live() || idle.since.elapsed() > self.age
            {
                continue;
            }
            if idle.sender.is_ready() {
                return Some(idle);
            }
            // The last body's end has been seen here a moment before the connection's own task.
            if let Ok(Ok(())) = tokio::time::timeout(SETTLE, idle.sender.ready()).await {
                return Some(idle);
            }
        }
    }

    fn pop(&self, key: &Key) -> Option<Idle> {
        let mut shelves = lock(&self.shelves);
        let shelf = shelves.by_key.get_mut(key)?;
        let idle = shelf.pop();
        if shelf.is_empty() {
            shelves.by_key.remove(key);
        }
        if idle.is_some() {
            shelves.count = shelves.count.saturating_sub(1);
        }
        idle
    }

    fn put(&self, key: Key, idle: Idle) {
        let mut shelves = lock(&self.shelves);
        if shelves.count >= self.in_all {
            return;
        }
        let shelf = shelves.by_key.entry(key).or_default();
        if shelf.len() >= self.per_key {
            return;
        }
        shelf.push(idle);
        shelves.count += 1;
    }

    /// Closes what is too old, cut or closed by the other side; called from time to time.
    pub(crate) fn sweep(&self) {
        let mut shelves = lock(&self.shelves);
        let age = self.age;
        for shelf in shelves.by_key.values_mut() {
            shelf.retain(|idle| {
                !idle.sender.is_closed() && idle.handle.is_live() && idle.since.elapsed() <= age
            });
        }
        shelves.by_key.retain(|_, shelf| !shelf.is_empty());
        shelves.count = shelves.by_key.values().map(Vec::len).sum();
    }

    /// Closes all that is idle.
    pub(crate) fn clear(&self) {
        *lock(&self.shelves) = Shelves::default();
    }

    /// Starts HTTP/1.1 on a fresh flow. Its task ends with the connection.
    pub(crate) async fn start(
        &self,
        flow: Flow,
        upgrade: Upgrade,
    ) -> hyper::Result<SendRequest<Inbound>> {
        let (sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(CLIENT_BUFFER)
            .handshake(TokioIo::new(flow))
            .await?;
        match upgrade {
            Upgrade::Never => self.drive(connection),
            Upgrade::May => self.drive(connection.with_upgrades()),
        }
        Ok(sender)
    }

    fn drive(&self, connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
        let mut drivers = lock(&self.drivers);
        while drivers.try_join_next().is_some() {}
        drivers.spawn(async move {
            // Its fault is told to the exchange that runs on it.
            let _ended = connection.await;
        });
    }
}

/// Whether the exchange may turn into another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upgrade {
    Never,
    May,
}

/// LIMIT: an upstream's response head, and what is buffered of its body.
const CLIENT_BUFFER: usize = 128 * 1024;

/// A poisoned lock is still a lock: what it guards is changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
