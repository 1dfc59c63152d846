//! The machine's own resolver (getaddrinfo), made absolute, bounded and patient only so long.
//! Must not know which names are allowed. Next: `exit`.
//!
//! A look-up blocks a thread that nobody can interrupt, up to half a minute with the defaults of
//! resolv.conf(5), however soon its asker gives up. So:
//!
//! - a slot is held by the *thread* until it is done, not by the asker until he tires;
//! - each session has few slots, so that one with slow names starves only itself;
//! - askers for a name that is being looked up wait for that same answer: asking again after a
//!   time-out starts nothing, and a thousand askers are one query.

use super::{Resolve, ResolveFault, hosts};
use crate::BoxFuture;
use backstop_model::host::HostName;
use backstop_model::id::SessionId;
use backstop_model::standing::Subject;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// The resolver of the machine, behind a deadline.
#[derive(Clone)]
pub struct SystemResolver {
    shared: Arc<Shared>,
    deadline: Duration,
}

impl SystemResolver {
    /// Asks the machine's resolver and waits at most `deadline` for each answer.
    pub fn new(deadline: Duration) -> Self {
        let hosts = PathBuf::from("/etc/hosts");
        Self::asking(deadline, Arc::new(move |spelling| getaddrinfo(spelling, &hosts)))
    }

    fn asking(deadline: Duration, ask: Arc<Ask>) -> Self {
        let shared = Shared {
            ask,
            slots: Arc::new(Semaphore::new(SLOTS)),
            under_way: Mutex::default(),
            askers: Mutex::default(),
        };
        Self { shared: Arc::new(shared), deadline }
    }

    /// Looks up a name of the configuration as any program on this machine would (search list
    /// included). For `own` alone: never for a name that an agent chose.
    pub(crate) async fn look_up_own(&self, name: &HostName) -> Result<Vec<IpAddr>, ResolveFault> {
        self.look_up(Spelling::AsSystem(name.clone()), Asker::Own, name).await
    }

    async fn look_up(
        &self,
        spelling: Spelling,
        asker: Asker,
        name: &HostName,
    ) -> Result<Vec<IpAddr>, ResolveFault> {
        let answer = async {
            let mut answer = self.shared.join_or_start(spelling, asker).await?;
            let answer = answer.wait_for(Option::is_some).await.ok()?;
            answer.clone()
        };
        match tokio::time::timeout_at(Instant::now() + self.deadline, answer).await {
            Err(_) => Err(ResolveFault::TimedOut(name.clone())),
            Ok(None) => Err(ResolveFault::Failed(name.clone(), "the look-up broke off".into())),
            Ok(Some(Err(why))) => Err(ResolveFault::Failed(name.clone(), why)),
            Ok(Some(Ok(addresses))) if addresses.is_empty() => {
                Err(ResolveFault::NoAddress(name.clone()))
            }
            Ok(Some(Ok(addresses))) => Ok(addresses),
        }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        let asker = Asker::Session(who.session.clone());
        Box::pin(self.look_up(Spelling::Absolute(name.clone()), asker, name))
    }
}

type Ask = dyn Fn(&Spelling) -> io::Result<Vec<IpAddr>> + Send + Sync;
type Answer = Result<Vec<IpAddr>, String>;

/// How a name is put to the system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Spelling {
    /// With a trailing dot: the search list of resolv.conf(5) is never tried, so that
    /// `allowed.example` cannot become `allowed.example.corp.internal`.
    Absolute(HostName),
    /// As it stands.
    AsSystem(HostName),
}

/// On whose slots a look-up runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asker {
    Own,
    Session(Option<SessionId>),
}

struct Shared {
    ask: Arc<Ask>,
    slots: Arc<Semaphore>,
    under_way: Mutex<HashMap<Spelling, watch::Receiver<Option<Answer>>>>,
    askers: Mutex<HashMap<Asker, Arc<Semaphore>>>,
}

impl Shared {
    /// The answer to come: of the look-up under way, or of a new one. `None` if no slot can be had.
    async fn join_or_start(
        self: &Arc<Self>,
        spelling: Spelling,
        asker: Asker,
    ) -> Option<watch::Receiver<Option<Answer>>> {
        if let Some(answer) = lock(&self.under_way).get(&spelling) {
            return Some(answer.clone());
        }
        let theirs = self.slots_of(asker).acquire_owned().await.ok()?;
        let one = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let mut under_way = lock(&self.under_way);
        // RACE: another asker may have started it while this one waited for a slot.
        if let Some(answer) = under_way.get(&spelling) {
            return Some(answer.clone());
        }
        let (send, answer) = watch::channel(None);
        under_way.insert(spelling.clone(), answer.clone());
        drop(under_way);
        let running = Running { shared: Arc::clone(self), spelling, send, _slots: [theirs, one] };
        drop(tokio::task::spawn_blocking(move || running.run()));
        Some(answer)
    }

    fn slots_of(&self, asker: Asker) -> Arc<Semaphore> {
        let mut askers = lock(&self.askers);
        if askers.len() >= IDLE_ASKERS {
            askers.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        let slots = askers.entry(asker).or_insert_with(|| Arc::new(Semaphore::new(SLOTS_EACH)));
        Arc::clone(slots)
    }
}

/// One look-up in its thread. Dropping it, by whatever way, frees name and slots.
struct Running {
    shared: Arc<Shared>,
    spelling: Spelling,
    _slots: [OwnedSemaphorePermit; 2],
    /// Dropped last: whoever hears of the end finds the slots free.
    send: watch::Sender<Option<Answer>>,
}

impl Running {
    fn run(self) {
        let answer = (self.shared.ask)(&self.spelling).map_err(|fault| fault.to_string());
        lock(&self.shared.under_way).remove(&self.spelling);
        self.send.send_replace(Some(answer));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut under_way = lock(&self.shared.under_way);
        // Only its own entry: a new look-up for the name may have begun since `run` removed it.
        let receiver = self.send.subscribe();
        if under_way.get(&self.spelling).is_some_and(|other| other.same_channel(&receiver)) {
            under_way.remove(&self.spelling);
        }
    }
}

/// glibc passes over the hosts file for a name with a trailing dot (seen with 2.36: an entry
/// `hosted.example` is found as `hosted.example` and not as `hosted.example.`), so the file is
/// read here first, which is also the order of nsswitch.conf(5) everywhere.
fn getaddrinfo(spelling: &Spelling, hosts_file: &std::path::Path) -> io::Result<Vec<IpAddr>> {
    let text = match spelling {
        Spelling::AsSystem(name) => name.as_str().to_owned(),
        Spelling::Absolute(name) => {
            let written = hosts::in_hosts_file(hosts_file, name.as_str())?;
            if !written.is_empty() {
                return Ok(written);
            }
            format!("{name}.")
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the one home of name resolution")]
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(text.as_str(), 0))?;
    let mut addresses = Vec::new();
    for address in found.map(|found| found.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// INVARIANT: nothing under these locks can leave the maps half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// LIMIT: threads that look up names at once; tokio has 512 for all blocking work.
const SLOTS: usize = 128;
/// LIMIT: of which one session may hold.
const SLOTS_EACH: usize = 8;
/// LIMIT: askers without a look-up under way that are kept before they are swept.
const IDLE_ASKERS: usize = 1_024;

#[cfg(test)]
mod tests;
