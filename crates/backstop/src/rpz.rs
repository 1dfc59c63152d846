//! Response policy zones: found, read, watched and put in force. What a zone says is `dns::rpz`'s
//! business; those that come from a primary are `feeds`'s. Next: `dns`.
//!
//! As with policies: a good change takes effect at once, a bad file keeps its last good version and is
//! loud and on record, and a cold start with a bad file begins with the last good copy, which is kept
//! in the state folder. Without one it refuses to start: a filter that is missing is no filter.

use crate::feeds::{self, Follower, Remote};
use crate::policies::record;
use anyhow::{Context as _, Result, bail};
use backstop_dns::rpz::{Diagnostic, Filter, Override, Rules, Terms, Zone, doh_endpoints};
use backstop_gate::{Clock, Gate, OwnPlace, OwnSockets, Random};
use backstop_ledger::Ledger;
use backstop_model::addr::Cidr;
use backstop_model::event::Fact;
use backstop_model::host::HostName;
use backstop_model::name::QueryName;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

/// A zone of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    name: QueryName,
    origin: Origin,
    terms: Terms,
}

/// Where a zone comes from.
#[derive(Debug, Clone)]
enum Origin {
    File(PathBuf),
    Primaries(Remote),
}

/// What becomes of names of public resolvers over HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DohEndpoints {
    /// They are refused, unless a row declares them letter by letter.
    Block,
    /// Policy alone decides.
    Allow,
}

/// `NAME=FILE` or `NAME primary=ADDR:PORT… [key=FILE]`, behind it `[policy=ACTION] [sinkhole=CIDR]…`.
pub(crate) fn feed(text: &str) -> Result<Feed, String> {
    let mut words = text.split_ascii_whitespace();
    let form = "write `NAME=FILE`, as `feed.example=/etc/backstop/feed.zone policy=nxdomain`, or `NAME primary=ADDR:PORT key=FILE`, as `feed.example primary=10.0.0.53 key=/etc/backstop/feed.key`";
    let first = words.next().ok_or(form)?;
    let (name, file) = match first.split_once('=') {
        Some((name, file)) => (name, Some(file)),
        None => (first, None),
    };
    let name = HostName::parse(name).map_err(|fault| format!("{fault}: {form}"))?;
    if file == Some("") {
        return Err(form.to_owned());
    }
    let mut terms = Terms::default();
    let (mut primaries, mut key) = (Vec::new(), None);
    for word in words {
        match word.split_once('=') {
            Some(("policy", policy)) => terms.policy = Override::parse(policy)?,
            Some(("sinkhole", cidr)) => {
                terms.sinkholes.push(Cidr::parse(cidr).map_err(|fault| fault.to_string())?);
            }
            Some(("primary", place)) => {
                let place = OwnPlace::parse(place, 53).ok_or_else(|| {
                    format!("`{place}` is no primary: write an address, as `10.0.0.53` or `[2001:db8::53]:5353`")
                })?;
                if primaries.contains(&place) {
                    return Err(format!("the primary `{place}` stands twice"));
                }
                primaries.push(place);
            }
            Some(("key", "")) => return Err("`key=` names no file".to_owned()),
            Some(("key", path)) => {
                if key.replace(PathBuf::from(path)).is_some() {
                    return Err("`key=` stands twice: a zone has one key".to_owned());
                }
            }
            Some(_) | None => {
                return Err(format!(
                    "`{word}` is neither `policy=…` nor `sinkhole=…`, `primary=…` or `key=…`"
                ));
            }
        }
    }
    let origin = match (file, primaries.is_empty()) {
        (Some(_), false) => {
            return Err(format!(
                "the zone `{name}` has a file and a primary: write `{name}=FILE` or `{name} primary=ADDR:PORT`"
            ));
        }
        (Some(_), true) if key.is_some() => {
            return Err(format!(
                "`key=` signs transfers, and the zone `{name}` is a file: leave it out, or write `{name} primary=ADDR:PORT`"
            ));
        }
        (Some(file), true) => Origin::File(PathBuf::from(file)),
        (None, false) => Origin::Primaries(Remote { primaries, key }),
        (None, true) => {
            return Err(format!("the zone `{name}` has neither file nor primary: {form}"));
        }
    };
    Ok(Feed { name: QueryName::of_host(&name), origin, terms })
}

/// `block` or `allow`.
pub(crate) fn doh(text: &str) -> Result<DohEndpoints, String> {
    match text {
        "block" => Ok(DohEndpoints::Block),
        "allow" => Ok(DohEndpoints::Allow),
        _ => Err("write `block` or `allow`".to_owned()),
    }
}

/// Keeps the zones fresh.
pub(crate) struct Keeper {
    feeds: Vec<Watched>,
    filter: Arc<Filter>,
    folder: PathBuf,
    keys: (u64, u64),
    followers: Vec<Follower>,
}

struct Watched {
    feed: Feed,
    zone: Arc<Zone>,
    source: Source,
}

/// What a zone is read from.
enum Source {
    File {
        path: PathBuf,
        /// The file as it was when it was last read, for good or ill.
        stamp: Option<Stamp>,
        told: String,
    },
    /// A follower says when there is another.
    Follower,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Reads all zones, for a look at them: no last good copies.
///
/// # Errors
/// What is wrong with the first that is bad.
pub(crate) fn look(
    feeds: &[Feed],
    own: DohEndpoints,
    state: &Path,
    keys: (u64, u64),
) -> Result<Filter> {
    let mut zones = Vec::new();
    for feed in feeds {
        let zone = match &feed.origin {
            Origin::File(file) => {
                let read = read(feed, file, io::sink(), keys);
                let told = |faults: Vec<_>| rendered(&file.display().to_string(), &faults);
                read.map(|(zone, _)| zone).map_err(told)
            }
            Origin::Primaries(_) => {
                let zone = feeds::look(&state.join(FOLDER), &feed.name, feed.terms.clone(), keys);
                zone.map_err(|fault| {
                    format!(
                        "the zone `{}` comes by transfer, and there is no copy of it: {fault}",
                        feed.name
                    )
                })
            }
        };
        zones.push(Arc::new(zone.map_err(anyhow::Error::msg)?));
    }
    Ok(Filter::new(Rules::new(zones), built_in(own, keys)?))
}

fn built_in(own: DohEndpoints, keys: (u64, u64)) -> Result<Option<Zone>> {
    match own {
        DohEndpoints::Allow => Ok(None),
        DohEndpoints::Block => match doh_endpoints(keys) {
            Ok(zone) => Ok(Some(zone)),
            Err(faults) => bail!("{}", rendered("doh.txt", &faults)),
        },
    }
}

/// Those of the zones that come from primaries, each with its first version.
///
/// # Errors
/// A key that cannot be read; a zone of which there is no copy and that no primary gives.
pub(crate) async fn followers(
    settings: &[Feed],
    state: &Path,
    sockets: OwnSockets,
    keys: (u64, u64),
) -> Result<Vec<Follower>> {
    let (folder, means) = (state.join(FOLDER), feeds::means(sockets));
    let mut followers = Vec::<Follower>::new();
    // Two secrets under one name could not be told apart on the wire.
    let mut named: Vec<(QueryName, &PathBuf)> = Vec::new();
    for (at, feed) in settings.iter().enumerate() {
        if let Origin::Primaries(remote) = &feed.origin {
            make_folder(&folder)?;
            let of = (feed.name.clone(), feed.terms.clone());
            let follower = Follower::new(at, of, remote, &folder, means.clone(), keys)?;
            if let (Some(key), Some(path)) = (follower.key(), &remote.key) {
                if named.iter().any(|(name, other)| name == key.name() && *other != path) {
                    bail!("`dns.rpz` has two keys that are called `{}`", key.name());
                }
                named.push((key.name().clone(), path));
            }
            followers.push(follower);
        }
    }
    // All at once: a start waits for the slowest of them, not for one after the other.
    let mut firsts = JoinSet::new();
    for mut follower in followers {
        firsts.spawn(async move { follower.first().await.map(|()| follower) });
    }
    let mut followers = Vec::new();
    while let Some(first) = firsts.join_next().await {
        followers.push(first??);
    }
    followers.sort_by_key(Follower::place);
    Ok(followers)
}

/// What scatters the names of tables, so that nobody can aim at one place.
pub(crate) fn keys(random: &dyn Random) -> Result<(u64, u64)> {
    let mut keys = [0u8; 16];
    random.fill(&mut keys)?;
    let half = |half: &[u8]| half.iter().fold(0u64, |key, octet| (key << 8) | u64::from(*octet));
    let (first, second) = keys.split_at(8);
    Ok((half(first), half(second)))
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))
}

impl Keeper {
    /// Reads the zones: each file, or its last good copy; what comes from primaries is there already.
    ///
    /// # Errors
    /// Everything that is wrong with the files of which there is no good copy.
    pub(crate) fn open(
        feeds: &[Feed],
        own: DohEndpoints,
        state: &Path,
        keys: (u64, u64),
        followers: Vec<Follower>,
    ) -> Result<Self> {
        let folder = state.join(FOLDER);
        if !feeds.is_empty() {
            make_folder(&folder)?;
        }
        let (mut watched, mut bad) = (Vec::<Watched>::new(), Vec::new());
        let mut followed = followers.iter();
        for feed in feeds {
            if watched.iter().any(|known| known.feed.name == feed.name) {
                bail!("`dns.rpz` names the zone `{}` twice", feed.name);
            }
            let path = match &feed.origin {
                Origin::File(path) => path.clone(),
                Origin::Primaries(_) => {
                    let zone = followed.next().and_then(Follower::zone);
                    let zone =
                        zone.with_context(|| format!("the zone `{}` is not there", feed.name));
                    let source = Source::Follower;
                    watched.push(Watched { feed: feed.clone(), zone: zone?, source });
                    continue;
                }
            };
            let name = path.display().to_string();
            let (zone, stamp, told) = match read_and_keep(feed, &path, &folder, keys) {
                Ok((zone, stamp)) => {
                    announce(&zone, &name);
                    (zone, Some(stamp), String::new())
                }
                Err(faults) => {
                    let told = rendered(&name, &faults);
                    let copy = copy_of(&folder, feed);
                    match read(feed, &copy, io::sink(), keys) {
                        Ok((zone, _)) => {
                            tracing::error!(
                                "the zone `{}` begins with its last good copy (serial {}): {told}",
                                feed.name,
                                zone.serial()
                            );
                            (zone, None, told)
                        }
                        Err(_) => {
                            bad.push(told);
                            continue;
                        }
                    }
                }
            };
            let (zone, source) = (Arc::new(zone), Source::File { path, stamp, told });
            watched.push(Watched { feed: feed.clone(), zone, source });
        }
        if !bad.is_empty() {
            bail!(
                "response policy zones that are bad, and no good copy is there:\n{}",
                bad.join("\n")
            );
        }
        let zones = watched.iter().map(|watched| Arc::clone(&watched.zone)).collect();
        let filter = Arc::new(Filter::new(Rules::new(zones), built_in(own, keys)?));
        Ok(Self { feeds: watched, filter, folder, keys, followers })
    }

    /// What comes from primaries.
    pub(crate) fn followers(&self) -> &[Follower] {
        &self.followers
    }

    /// The zones in force.
    pub(crate) fn filter(&self) -> Arc<Filter> {
        Arc::clone(&self.filter)
    }

    /// Watches files and primaries until told to stop: files every `poll`, and all at once on SIGHUP.
    ///
    /// # Errors
    /// Where signals cannot be had; a follower that ends early.
    pub(crate) async fn run(
        mut self,
        around: Around,
        poll: Duration,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let mut tick = tokio::time::interval(poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let around = Arc::new(around);
        let stopping = stop.clone();
        let (news, mut arriving) = mpsc::channel(1);
        let followers = std::mem::take(&mut self.followers);
        let wakers: Vec<Arc<Notify>> = followers.iter().map(Follower::waker).collect();
        let mut following = JoinSet::new();
        for follower in followers {
            following.spawn(follower.run(news.clone(), Arc::clone(&around), stop.clone()));
        }
        loop {
            let asked = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                _ = hangup.recv() => true,
                _ = tick.tick() => false,
                Some((at, zone)) = arriving.recv() => {
                    if let Some(watched) = self.feeds.get_mut(at) {
                        watched.zone = zone;
                    }
                    self.exchange();
                    continue;
                }
                Some(ended) = following.join_next() => {
                    ended.context("a zone is followed no longer")?;
                    if *stopping.borrow() {
                        break;
                    }
                    bail!("a zone is followed no longer");
                }
            };
            if asked {
                wakers.iter().for_each(|waker| waker.notify_one());
            }
            let mut changed = false;
            for at in 0..self.feeds.len() {
                changed |= self.look(at, asked, &around).await;
            }
            if changed {
                self.exchange();
            }
        }
        Ok(())
    }

    fn exchange(&self) {
        let zones = self.feeds.iter().map(|watched| Arc::clone(&watched.zone)).collect();
        self.filter.exchange(Rules::new(zones));
    }

    /// Looks at one file; whether there is another zone now.
    async fn look(&mut self, at: usize, asked: bool, around: &Around) -> bool {
        let (folder, keys) = (self.folder.clone(), self.keys);
        let Some(watched) = self.feeds.get_mut(at) else { return false };
        let Source::File { path, stamp, told } = &mut watched.source else { return false };
        let now = std::fs::metadata(&*path).map(|meta| Stamp::of(&meta)).ok();
        if !asked && now.is_some() && now == *stamp {
            return false;
        }
        // A file that is being written is left to rest first.
        tokio::time::sleep(REST).await;
        let rested = std::fs::metadata(&*path).map(|meta| Stamp::of(&meta)).ok();
        if now.is_some() && rested != now {
            return false;
        }
        let (feed, file) = (watched.feed.clone(), path.clone());
        let name = path.display().to_string();
        // What the reader of zones does with hostile octets cannot take this task down.
        let read =
            tokio::task::spawn_blocking(move || read_and_keep(&feed, &file, &folder, keys)).await;
        let read = read.unwrap_or_else(|fault| {
            Err(vec![Diagnostic { line: 0, text: format!("it cannot be read: {fault}") }])
        });
        match read {
            Ok((zone, fresh)) => {
                announce(&zone, &name);
                shrunk(&zone, watched.zone.len());
                (watched.zone, *stamp) = (Arc::new(zone), Some(fresh));
                told.clear();
                true
            }
            Err(faults) => {
                *stamp = rested;
                let now = rendered(&name, &faults);
                if asked || now != *told {
                    tracing::error!(
                        "the zone `{}` stays as it was (serial {}): {now}",
                        watched.feed.name,
                        watched.zone.serial()
                    );
                    around.reject(&name, now.clone()).await;
                }
                *told = now;
                false
            }
        }
    }
}

/// What a keeper records with.
pub(crate) struct Around {
    pub(crate) gate: Gate,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Around {
    pub(crate) async fn reject(&self, source: &str, diagnostics: String) {
        let fact = Fact::PolicyRejected { source: source.to_owned(), diagnostics };
        let policy = self.gate.policy().digest();
        if let Err(fault) = record(&self.ledger, &*self.clock, &*self.random, fact, policy).await {
            tracing::error!("it cannot be recorded: {fault:#}");
        }
    }
}

/// Says that a zone has far fewer rules than before.
pub(crate) fn shrunk(zone: &Zone, before: usize) {
    if zone.len() < before / 2 {
        tracing::warn!(
            "the zone `{}` had {before} rules and has {} now: is it whole?",
            zone.name(),
            zone.len()
        );
    }
}

pub(crate) fn announce(zone: &Zone, file: &str) {
    for Diagnostic { line, text } in zone.warnings() {
        tracing::warn!(place = format!("{file}:{line}"), "{text}");
    }
    tracing::info!(
        rules = zone.len(),
        octets = zone.octets(),
        serial = zone.serial(),
        policy = %zone.terms().policy,
        "response policy zone `{}` in force",
        zone.name()
    );
}

/// Reads a feed's file; once it is good, a copy of just these octets stays.
fn read_and_keep(
    feed: &Feed,
    path: &Path,
    folder: &Path,
    keys: (u64, u64),
) -> Result<(Zone, Stamp), Vec<Diagnostic>> {
    let whole = |text: String| vec![Diagnostic { line: 0, text }];
    let copy = copy_of(folder, feed);
    let new = copy.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(&new).map_err(|fault| {
        whole(format!("no copy can be kept in `{}`: {fault}", folder.display()))
    })?;
    let mut kept = io::BufWriter::new(file);
    let (zone, stamp) = read(feed, path, &mut kept, keys)?;
    let placed = kept.flush().and_then(|()| std::fs::rename(&new, &copy));
    if let Err(fault) = placed {
        // The zone is good all the same; only a restart with a bad file would miss the copy.
        tracing::error!("no copy of the zone `{}` can be kept: {fault}", feed.name);
    }
    Ok((zone, stamp))
}

fn copy_of(folder: &Path, feed: &Feed) -> PathBuf {
    // A host name: nothing in it leads out of the folder.
    folder.join(format!("{}.zone", feed.name))
}

fn read(
    feed: &Feed,
    path: &Path,
    kept: impl Write,
    keys: (u64, u64),
) -> Result<(Zone, Stamp), Vec<Diagnostic>> {
    let whole = |text: String| vec![Diagnostic { line: 0, text }];
    let nonblock = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(nonblock.bits()).open(path);
    let file = opened.map_err(|fault| whole(format!("it cannot be opened: {fault}")))?;
    let meta = file.metadata().map_err(|fault| whole(format!("it cannot be read: {fault}")))?;
    if !meta.is_file() {
        return Err(whole("it is not a plain file".to_owned()));
    }
    let stamp = Stamp::of(&meta);
    let source = BufReader::with_capacity(1 << 16, Tee { file, kept });
    let zone = Zone::read(source, &feed.name, feed.terms.clone(), MOST_BYTES, keys)?;
    Ok((zone, stamp))
}

/// Keeps what it reads.
struct Tee<W> {
    file: File,
    kept: W,
}

impl<W: Write> Read for Tee<W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(into)?;
        self.kept.write_all(into.get(..got).unwrap_or_default())?;
        Ok(got)
    }
}

pub(crate) fn rendered(file: &str, faults: &[Diagnostic]) -> String {
    let lines = faults.iter().map(|fault| match fault.line {
        0 => format!("{file}: {}", fault.text),
        line => format!("{file}:{line}: {}", fault.text),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Below the state folder.
const FOLDER: &str = "rpz";
/// LIMIT: octets of one zone's file: some four million rules.
const MOST_BYTES: u64 = 256 << 20;
/// How long a file must stay as it is before it counts.
const REST: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
