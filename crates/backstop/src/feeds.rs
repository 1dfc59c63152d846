//! Response policy zones that come from a primary (`dns.rpz` with `primary=`): fetched, kept, watched.
//! What a transfer may hold is `dns::secondary`'s business, when it counts is `rpz`'s. Next: `rpz`.
//!
//! As with files: what is good counts at once, what is bad changes nothing and is loud and on record. A
//! start takes the copy in the state folder and asks for a newer one behind it; without a copy it waits
//! for a primary, and where none gives the zone the process does not start.
//!
//! A zone that no primary has confirmed for as long as its SOA allows has expired. It stays in force:
//! such a zone only takes away, so an old one refuses what a missing one would not. It is said in the
//! log, on record, and by `backstop_rpz_expired`.

use crate::rpz::{Around, rendered};
use crate::transfers::key;
use anyhow::{Context as _, Result, bail};
use backstop_dns::rpz::{Terms, Zone};
use backstop_dns::secondary::{
    Arrived, Awaited, Changes, Fault, Image, Last, Means, Notices, Primary, Soa, Way, expired,
    fetch, next,
};
use backstop_dns::server::Aside;
use backstop_dns::wire::tsig::Key;
use backstop_gate::{Clock as _, OsRandom, OwnPlace, SystemClock};
use backstop_model::name::QueryName;
use backstop_model::time::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// Where a zone comes from, as the configuration says.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) primaries: Vec<OwnPlace>,
    pub(crate) key: Option<PathBuf>,
}

/// A zone that follows its primaries.
pub(crate) struct Follower {
    /// Its place among the zones.
    at: usize,
    origin: QueryName,
    terms: Terms,
    primaries: Vec<Primary>,
    copy: PathBuf,
    means: Means,
    keys: (u64, u64),
    held: Option<Held>,
    wake: Arc<Notify>,
    state: Arc<State>,
    told: String,
    recorded: Option<Instant>,
}

/// The version in force.
struct Held {
    zone: Arc<Zone>,
    soa: Soa,
}

/// What came of it, for `/metrics`.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) zone: QueryName,
    /// Seconds since 1970, of when a primary last said that this is the newest, or gave it.
    confirmed: AtomicU64,
    expired: AtomicU64,
    failing: AtomicU64,
    current: AtomicU64,
    changes: AtomicU64,
    whole: AtomicU64,
    failed: AtomicU64,
}

impl State {
    /// Seconds since a primary confirmed the zone.
    pub(crate) fn age(&self) -> u64 {
        seconds().saturating_sub(self.confirmed.load(Ordering::Relaxed))
    }
    /// 1 where it has expired.
    pub(crate) fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }
    /// 1 where the last attempt brought nothing.
    pub(crate) fn failing(&self) -> u64 {
        self.failing.load(Ordering::Relaxed)
    }
    /// How often what came of asking.
    pub(crate) fn outcomes(&self) -> [(&'static str, u64); 4] {
        [
            ("current", &self.current),
            ("changes", &self.changes),
            ("whole", &self.whole),
            ("failed", &self.failed),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

/// Why a version does not count.
enum Refused {
    /// Nothing came.
    Fetch(Fault),
    /// What came is no zone, or cannot be put on what is here.
    Bad(String),
}

impl Follower {
    /// # Errors
    /// A key that cannot be read.
    pub(crate) fn new(
        at: usize,
        (origin, terms): (QueryName, Terms),
        remote: &Remote,
        folder: &Path,
        means: Means,
        keys: (u64, u64),
    ) -> Result<Self> {
        let key = remote.key.as_deref().map(key).transpose();
        let key = key.with_context(|| format!("`dns.rpz`: the zone `{origin}`"))?;
        let primary = |place: &OwnPlace| Primary { place: *place, key: key.clone() };
        let state = State {
            zone: origin.clone(),
            confirmed: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            failing: AtomicU64::new(0),
            current: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            whole: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        Ok(Self {
            at,
            copy: copy_of(folder, &origin),
            origin,
            terms,
            primaries: remote.primaries.iter().map(primary).collect(),
            means,
            keys,
            held: None,
            wake: Arc::default(),
            state: Arc::new(state),
            told: String::new(),
            recorded: None,
        })
    }

    /// Its place among the zones.
    pub(crate) fn place(&self) -> usize {
        self.at
    }
    /// For `/metrics`.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }
    /// What its transfers and notices are signed with.
    pub(crate) fn key(&self) -> Option<&Key> {
        self.primaries.first().and_then(|primary| primary.key.as_ref())
    }
    /// Wakes it.
    pub(crate) fn waker(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }
    /// The version that it has, from its first one on.
    pub(crate) fn zone(&self) -> Option<Arc<Zone>> {
        self.held.as_ref().map(|held| Arc::clone(&held.zone))
    }

    /// The first version: the copy, or what a primary gives.
    ///
    /// # Errors
    /// Neither.
    pub(crate) async fn first(&mut self) -> Result<()> {
        let (origin, terms, copy, keys) =
            (self.origin.clone(), self.terms.clone(), self.copy.clone(), self.keys);
        let limits = self.means.limits.clone();
        let read = move || {
            let (image, confirmed) = read_copy(&copy, &origin, &limits)?;
            let zone = image.zone(terms, keys);
            let zone = zone.map_err(|faults| rendered(&copy.display().to_string(), &faults))?;
            Ok::<_, String>((Arc::new(zone), image.soa().clone(), confirmed))
        };
        match tokio::task::spawn_blocking(read).await? {
            Ok((zone, soa, confirmed)) => {
                tracing::info!(
                    "the zone `{}` begins with its copy (serial {})",
                    self.origin,
                    soa.serial()
                );
                self.state.confirmed.store(confirmed, Ordering::Relaxed);
                self.held = Some(Held { zone, soa });
                return Ok(());
            }
            Err(fault) if self.copy.exists() => {
                tracing::error!("the copy of the zone `{}` is of no use: {fault}", self.origin);
            }
            Err(_) => {}
        }
        let until = Instant::now() + START;
        loop {
            let Err(fault) = self.refresh().await else { return Ok(()) };
            tracing::warn!("the zone `{}` is not there yet: {fault}", self.origin);
            if Instant::now() >= until {
                bail!(
                    "no primary gives the response policy zone `{}`, and no copy of it is there:\n{fault}",
                    self.origin
                );
            }
            sleep(AGAIN).await;
        }
    }

    /// Follows the primaries until told to stop; each new version goes to `news`.
    pub(crate) async fn run(
        mut self,
        news: mpsc::Sender<(usize, Arc<Zone>)>,
        around: Arc<Around>,
        mut stop: watch::Receiver<bool>,
    ) {
        let wake = Arc::clone(&self.wake);
        let mut due = Instant::now();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = wake.notified() => {}
                () = sleep_until(due) => {}
            }
            let began = Instant::now();
            let before = self.held.as_ref().map(|held| held.soa.serial());
            let refreshed = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                refreshed = self.refresh() => refreshed,
            };
            let last = match refreshed {
                Ok(()) => {
                    self.told.clear();
                    Last::Heard
                }
                Err(fault) => {
                    self.complain(fault, &around).await;
                    Last::Failed
                }
            };
            self.aged(&around).await;
            let Some(held) = &self.held else { return };
            if before != Some(held.soa.serial())
                && news.send((self.at, Arc::clone(&held.zone))).await.is_err()
            {
                return;
            }
            let mut chance = [0];
            let _low = self.means.random.fill(&mut chance);
            due = began + next(&held.soa, last, chance[0]);
            // LIMIT: notices make us ask once in this time at most; one that comes meanwhile waits.
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep_until(began + APART) => {}
            }
        }
    }

    /// Asks the primaries in order, until one has something newer, or all have been asked.
    async fn refresh(&mut self) -> Result<(), String> {
        let (mut faults, mut heard) = (Vec::new(), false);
        for number in 0..self.primaries.len() {
            let Some(primary) = self.primaries.get(number).cloned() else { break };
            match self.from(&primary).await {
                Ok(true) => {
                    self.state.failing.store(0, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(false) => heard = true,
                Err(Refused::Fetch(fault)) => faults.push(format!("{}: {fault}", primary.place)),
                Err(Refused::Bad(text)) => faults.push(format!("{}: {text}", primary.place)),
            }
        }
        if heard {
            self.state.current.fetch_add(1, Ordering::Relaxed);
            self.state.failing.store(0, Ordering::Relaxed);
            self.confirm();
            return Ok(());
        }
        self.state.failed.fetch_add(1, Ordering::Relaxed);
        self.state.failing.store(1, Ordering::Relaxed);
        Err(faults.join("\n"))
    }

    /// Whether this one has something newer.
    async fn from(&mut self, primary: &Primary) -> Result<bool, Refused> {
        let ours = self.held.as_ref().map(|held| held.soa.clone());
        let mut way = Way::Changes;
        loop {
            let arrived = fetch(&self.means, primary, &self.origin, ours.as_ref(), way).await;
            let (source, count) = match arrived.map_err(Refused::Fetch)? {
                Arrived::Current => return Ok(false),
                Arrived::Whole(image) => (Arrives::Whole(image), &self.state.whole),
                Arrived::Changes(changes) => (Arrives::Changes(changes), &self.state.changes),
            };
            let changed = matches!(source, Arrives::Changes(_));
            match self.build(source).await {
                Ok(held) => {
                    count.fetch_add(1, Ordering::Relaxed);
                    self.announce(&held, primary, changed);
                    self.held = Some(held);
                    self.state.confirmed.store(seconds(), Ordering::Relaxed);
                    return Ok(true);
                }
                Err(fault) if changed => {
                    tracing::warn!(
                        "changes of the zone `{}` from {} are not taken, so all of it is fetched: {fault}",
                        self.origin,
                        primary.place
                    );
                    way = Way::Whole;
                }
                Err(fault) => return Err(Refused::Bad(fault)),
            }
        }
    }

    /// Makes the zone that it is, and keeps a copy.
    async fn build(&self, source: Arrives) -> Result<Held, String> {
        let (origin, terms, copy, keys) =
            (self.origin.clone(), self.terms.clone(), self.copy.clone(), self.keys);
        let limits = self.means.limits.clone();
        let built = tokio::task::spawn_blocking(move || {
            let image = match source {
                Arrives::Whole(image) => *image,
                Arrives::Changes(changes) => {
                    let (image, _) = read_copy(&copy, &origin, &limits)?;
                    changes.apply(&image, &limits).map_err(|fault| fault.to_string())?
                }
            };
            let zone = image.zone(terms, keys).map_err(|faults| rendered("record", &faults))?;
            if let Err(fault) = keep(&image, &copy) {
                // The zone is good all the same; a restart without the primary would miss the copy,
                // and the next change will be fetched whole.
                tracing::error!("no copy of the zone `{origin}` can be kept: {fault}");
            }
            Ok(Held { zone: Arc::new(zone), soa: image.soa().clone() })
        });
        // What the reader of zones does with hostile octets cannot take this task down.
        built.await.unwrap_or_else(|fault| Err(format!("it cannot be read: {fault}")))
    }

    fn announce(&self, held: &Held, primary: &Primary, changed: bool) {
        crate::rpz::announce(&held.zone, &self.origin.to_string());
        tracing::info!(
            zone = %self.origin, primary = %primary.place, serial = held.soa.serial(), changed,
            "transferred"
        );
        let before = self.held.as_ref().map_or(0, |held| held.zone.len());
        crate::rpz::shrunk(&held.zone, before);
    }

    /// A primary said that ours is the newest: the copy bears the time of it, for the next start.
    fn confirm(&self) {
        self.state.confirmed.store(seconds(), Ordering::Relaxed);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds());
        let stamped = File::options().write(true).open(&self.copy);
        if let Err(fault) = stamped.and_then(|file| file.set_modified(now)) {
            tracing::warn!("the copy of the zone `{}` cannot be stamped: {fault}", self.origin);
        }
    }

    /// Whether it has expired since it was last asked.
    fn ages(&self) -> bool {
        let age = Duration::from_secs(self.state.age());
        let old = self.held.as_ref().is_some_and(|held| expired(&held.soa, age));
        self.state.expired.swap(old.into(), Ordering::Relaxed) == 0 && old
    }

    async fn aged(&self, around: &Around) {
        if self.ages() {
            let text = format!(
                "no primary has confirmed the zone for {} s, longer than its SOA allows; it stays in force as it is",
                self.state.age()
            );
            tracing::error!("the zone `{}` has expired: {text}", self.origin);
            around.reject(&self.origin.to_string(), text).await;
        }
    }

    async fn complain(&mut self, fault: String, around: &Around) {
        let serial = self.held.as_ref().map(|held| held.soa.serial()).unwrap_or_default();
        tracing::error!("the zone `{}` stays as it was (serial {serial}): {fault}", self.origin);
        // LIMIT: a record each minute at most, and none that says the same again.
        let lately = self.recorded.is_some_and(|at| at.elapsed() < RECORDED);
        if fault != self.told && !lately {
            around.reject(&self.origin.to_string(), fault.clone()).await;
            self.recorded = Some(Instant::now());
            self.told = fault;
        }
    }
}

/// What is to become a zone.
enum Arrives {
    Whole(Box<Image>),
    Changes(Changes),
}

/// What hears notices for these zones; `None` where there are none.
pub(crate) fn notices(followers: &[Follower]) -> Option<Arc<dyn Aside>> {
    if followers.is_empty() {
        return None;
    }
    let zones = followers.iter().map(|follower| Awaited {
        origin: follower.origin.clone(),
        primaries: follower
            .primaries
            .iter()
            .map(|primary| primary.place.address().ip().to_canonical())
            .collect(),
        key: follower.key().cloned(),
        wake: follower.waker(),
    });
    Some(Arc::new(Notices::new(zones.collect(), Arc::new(SystemClock))))
}

/// A zone's copy, for a look at it.
///
/// # Errors
/// There is none, or it is of no use.
pub(crate) fn look(
    folder: &Path,
    origin: &QueryName,
    terms: Terms,
    keys: (u64, u64),
) -> Result<Zone, String> {
    let copy = copy_of(folder, origin);
    let (image, _) = read_copy(&copy, origin, &backstop_dns::secondary::Limits::default())?;
    image.zone(terms, keys).map_err(|faults| rendered(&copy.display().to_string(), &faults))
}

fn copy_of(folder: &Path, origin: &QueryName) -> PathBuf {
    // A host name: nothing in it leads out of the folder. No file's copy ends like this.
    folder.join(format!("{origin}.transferred"))
}

/// The copy, and when it was last confirmed.
fn read_copy(
    copy: &Path,
    origin: &QueryName,
    limits: &backstop_dns::secondary::Limits,
) -> Result<(Image, u64), String> {
    let told = |fault: &dyn std::fmt::Display| format!("{}: {fault}", copy.display());
    let nonblock = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(nonblock.bits()).open(copy);
    let file = opened.map_err(|fault| told(&fault))?;
    let meta = file.metadata().map_err(|fault| told(&fault))?;
    if !meta.is_file() {
        return Err(told(&"it is not a plain file"));
    }
    let modified =
        meta.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let image = Image::read(file, origin, limits).map_err(|fault| told(&fault))?;
    // Nobody confirms in the future.
    let confirmed = modified.map_or(0, |at| at.as_secs()).min(seconds());
    Ok((image, confirmed))
}

/// Whole or not at all.
fn keep(image: &Image, copy: &Path) -> std::io::Result<()> {
    let new = copy.with_extension("new-transferred");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let mut out = BufWriter::new(file);
    image.write(&mut out)?;
    out.into_inner()?.sync_all()?;
    std::fs::rename(&new, copy)
}

fn seconds() -> u64 {
    let now: Timestamp = SystemClock.now();
    now.unix_seconds().cast_unsigned()
}

/// By what followers fetch.
pub(crate) fn means(sockets: backstop_gate::OwnSockets) -> Means {
    Means {
        sockets,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        limits: backstop_dns::secondary::Limits::default(),
    }
}

/// For how long a start without a copy goes on asking; a transfer that goes on by then may end.
const START: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(1);
/// LIMIT: between two attempts, however many notices come.
const APART: Duration = Duration::from_secs(1);
/// LIMIT: between two records of what is wrong with a zone.
const RECORDED: Duration = Duration::from_secs(60);
