//! Response policy zones: found, read, watched and put in force. What a zone says is `dns::rpz`'s
//! business. Next: `dns`.
//!
//! As with policies: a good change takes effect at once, a bad file keeps its last good version and is
//! loud and on record, and a cold start with a bad file begins with the last good copy, which is kept
//! in the state folder. Without one it refuses to start: a filter that is missing is no filter.

use crate::policies::record;
use anyhow::{Context as _, Result, bail};
use backstop_dns::rpz::{Diagnostic, Filter, Override, Rules, Terms, Zone, doh_endpoints};
use backstop_gate::{Clock, Gate, Random};
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
use tokio::sync::watch;

/// A zone of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    name: QueryName,
    file: PathBuf,
    terms: Terms,
}

/// What becomes of names of public resolvers over HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DohEndpoints {
    /// They are refused, unless a row declares them letter by letter.
    Block,
    /// Policy alone decides.
    Allow,
}

/// `NAME=FILE [policy=ACTION] [sinkhole=CIDR]…`.
pub(crate) fn feed(text: &str) -> Result<Feed, String> {
    let mut words = text.split_ascii_whitespace();
    let form = "write `NAME=FILE`, as `feed.example=/etc/backstop/feed.zone policy=nxdomain`";
    let (name, file) = words.next().and_then(|word| word.split_once('=')).ok_or(form)?;
    let name = HostName::parse(name).map_err(|fault| fault.to_string())?;
    if file.is_empty() {
        return Err(form.to_owned());
    }
    let mut terms = Terms::default();
    for word in words {
        match word.split_once('=') {
            Some(("policy", policy)) => terms.policy = Override::parse(policy)?,
            Some(("sinkhole", cidr)) => {
                terms.sinkholes.push(Cidr::parse(cidr).map_err(|fault| fault.to_string())?);
            }
            Some(_) | None => {
                return Err(format!("`{word}` is neither `policy=…` nor `sinkhole=…`"));
            }
        }
    }
    Ok(Feed { name: QueryName::of_host(&name), file: PathBuf::from(file), terms })
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
}

struct Watched {
    feed: Feed,
    zone: Arc<Zone>,
    /// The file as it was when it was last read, for good or ill.
    stamp: Option<Stamp>,
    told: String,
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
pub(crate) fn look(feeds: &[Feed], own: DohEndpoints, keys: (u64, u64)) -> Result<Filter> {
    let mut zones = Vec::new();
    for feed in feeds {
        let (zone, _) = read(feed, &feed.file, io::sink(), keys).map_err(|faults| {
            anyhow::anyhow!("{}", rendered(&feed.file.display().to_string(), &faults))
        })?;
        zones.push(Arc::new(zone));
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

impl Keeper {
    /// Reads the zones: each file, or its last good copy.
    ///
    /// # Errors
    /// Everything that is wrong with the files of which there is no good copy.
    pub(crate) fn open(
        feeds: &[Feed],
        own: DohEndpoints,
        state: &Path,
        random: &dyn Random,
    ) -> Result<Self> {
        let mut keys = [0u8; 16];
        random.fill(&mut keys)?;
        let half =
            |half: &[u8]| half.iter().fold(0u64, |key, octet| (key << 8) | u64::from(*octet));
        let (first, second) = keys.split_at(8);
        let keys = (half(first), half(second));
        let folder = state.join("rpz");
        if !feeds.is_empty() {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        let (mut watched, mut bad) = (Vec::<Watched>::new(), Vec::new());
        for feed in feeds {
            if watched.iter().any(|known| known.feed.name == feed.name) {
                bail!("`dns.rpz` names the zone `{}` twice", feed.name);
            }
            let name = feed.file.display().to_string();
            match read_and_keep(feed, &folder, keys) {
                Ok((zone, stamp)) => {
                    announce(&zone, &name);
                    let (zone, told) = (Arc::new(zone), String::new());
                    watched.push(Watched { feed: feed.clone(), zone, stamp: Some(stamp), told });
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
                            let zone = Arc::new(zone);
                            watched.push(Watched { feed: feed.clone(), zone, stamp: None, told });
                        }
                        Err(_) => bad.push(told),
                    }
                }
            }
        }
        if !bad.is_empty() {
            bail!(
                "response policy zones that are bad, and no good copy is there:\n{}",
                bad.join("\n")
            );
        }
        let zones = watched.iter().map(|watched| Arc::clone(&watched.zone)).collect();
        let filter = Arc::new(Filter::new(Rules::new(zones), built_in(own, keys)?));
        Ok(Self { feeds: watched, filter, folder, keys })
    }

    /// The zones in force.
    pub(crate) fn filter(&self) -> Arc<Filter> {
        Arc::clone(&self.filter)
    }

    /// Watches the files until told to stop: every `poll`, and at once on SIGHUP.
    ///
    /// # Errors
    /// Where signals cannot be had.
    pub(crate) async fn run(
        mut self,
        around: Around,
        poll: Duration,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let mut tick = tokio::time::interval(poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                _ = hangup.recv() => true,
                _ = tick.tick() => false,
            };
            let mut changed = false;
            for at in 0..self.feeds.len() {
                changed |= self.look(at, asked, &around).await;
            }
            if changed {
                let zones = self.feeds.iter().map(|watched| Arc::clone(&watched.zone)).collect();
                self.filter.exchange(Rules::new(zones));
            }
        }
    }

    /// Looks at one file; whether there is another zone now.
    async fn look(&mut self, at: usize, asked: bool, around: &Around) -> bool {
        let (folder, keys) = (self.folder.clone(), self.keys);
        let Some(watched) = self.feeds.get_mut(at) else { return false };
        let now = std::fs::metadata(&watched.feed.file).map(|meta| Stamp::of(&meta)).ok();
        if !asked && now.is_some() && now == watched.stamp {
            return false;
        }
        // A file that is being written is left to rest first.
        tokio::time::sleep(REST).await;
        let rested = std::fs::metadata(&watched.feed.file).map(|meta| Stamp::of(&meta)).ok();
        if now.is_some() && rested != now {
            return false;
        }
        let feed = watched.feed.clone();
        let name = feed.file.display().to_string();
        // What the reader of zones does with hostile octets cannot take this task down.
        let read = tokio::task::spawn_blocking(move || read_and_keep(&feed, &folder, keys)).await;
        let read = read.unwrap_or_else(|fault| {
            Err(vec![Diagnostic { line: 0, text: format!("it cannot be read: {fault}") }])
        });
        match read {
            Ok((zone, stamp)) => {
                let before = watched.zone.len();
                announce(&zone, &name);
                if zone.len() < before / 2 {
                    tracing::warn!(
                        "the zone `{}` had {before} rules and has {} now: is it whole?",
                        zone.name(),
                        zone.len()
                    );
                }
                (watched.zone, watched.stamp) = (Arc::new(zone), Some(stamp));
                watched.told.clear();
                true
            }
            Err(faults) => {
                watched.stamp = rested;
                let told = rendered(&name, &faults);
                if asked || told != watched.told {
                    tracing::error!(
                        "the zone `{}` stays as it was (serial {}): {told}",
                        watched.feed.name,
                        watched.zone.serial()
                    );
                    around.reject(&name, told.clone()).await;
                }
                watched.told = told;
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
    async fn reject(&self, source: &str, diagnostics: String) {
        let fact = Fact::PolicyRejected { source: source.to_owned(), diagnostics };
        let policy = self.gate.policy().digest();
        if let Err(fault) = record(&self.ledger, &*self.clock, &*self.random, fact, policy).await {
            tracing::error!("it cannot be recorded: {fault:#}");
        }
    }
}

fn announce(zone: &Zone, file: &str) {
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
    let (zone, stamp) = read(feed, &feed.file, &mut kept, keys)?;
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

fn rendered(file: &str, faults: &[Diagnostic]) -> String {
    let lines = faults.iter().map(|fault| match fault.line {
        0 => format!("{file}: {}", fault.text),
        line => format!("{file}:{line}: {}", fault.text),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// LIMIT: octets of one zone's file: some four million rules.
const MOST_BYTES: u64 = 256 << 20;
/// How long a file must stay as it is before it counts.
const REST: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
