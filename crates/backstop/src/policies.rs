//! Policy files, and what detection reads: found, read, watched and put in force. What a document
//! says is `policy`'s business.
//!
//! A good change is recorded and then takes effect, on live connections too. A bad document keeps
//! its last good version and is loud; a cold start begins with the last good texts on record.

use crate::detection::{Detection, Reread};
use anyhow::{Context, Result, bail};
use backstop_gate::{Clock, Gate, Random};
use backstop_ledger::{Filter, Ledger, Reader};
use backstop_model::event::{Event, Fact};
use backstop_model::id::{Digest, ReceiptId};
use backstop_model::time::Timestamp;
use backstop_policy::{Applied, Diagnostic, Level, Library, LoadContext, Policy, Source};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// LIMIT: policy files, and folders that hold them.
const MOST_FILES: usize = 10_000;
/// LIMIT: bytes of one policy file. The library says so of a file that is a little larger; nothing
/// larger than this is read at all.
const MOST_BYTES: u64 = 2 << 20;
/// LIMIT: bytes of all policy files.
const MOST_IN_ALL: usize = 256 << 20;

/// What was found.
pub(crate) struct Found {
    sources: Vec<Source>,
    /// Files and folders that are there and cannot be read, each with the reason.
    unread: Vec<(String, anyhow::Error)>,
}

/// Reads every policy file of these files and folders, in order of their names.
///
/// # Errors
/// A path that does not exist or cannot be read; too many files.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let found = find(paths)?;
    match found.unread.into_iter().next() {
        Some((_, fault)) => Err(fault),
        None => Ok(found.sources),
    }
}

/// The same, with the files that cannot be read told apart from those that can.
fn find(paths: &[PathBuf]) -> Result<Found> {
    let mut files = Files::default();
    for path in paths {
        let kind = std::fs::metadata(path)
            .with_context(|| format!("cannot read policy `{}`", path.display()))?;
        if kind.is_dir() { files.collect(path)? } else { files.paths.push(path.clone()) }
    }
    if files.paths.len() > MOST_FILES {
        bail!("{} policy files are more than {MOST_FILES}", files.paths.len());
    }
    let mut found = Found { sources: Vec::new(), unread: files.unread };
    let mut bytes = 0usize;
    for path in files.paths {
        let name = path.display().to_string();
        match text(&path).with_context(|| format!("cannot read policy `{name}`")) {
            Ok(text) => {
                bytes = bytes.saturating_add(text.len());
                if bytes > MOST_IN_ALL {
                    bail!("the policy files are larger than {MOST_IN_ALL} bytes in all");
                }
                found.sources.push(Source { name, text });
            }
            Err(fault) => found.unread.push((name, fault)),
        }
    }
    Ok(found)
}

/// A file's text. Whoever may put a file into the folder must not be able to stop the others: a
/// pipe is not waited for, a device not read to its end.
fn text(path: &Path) -> Result<String> {
    let nonblock = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(nonblock.bits()).open(path)?;
    let kind = file.metadata()?.file_type();
    // What another process fills while we read says something else each time.
    if kind.is_fifo() || kind.is_socket() || kind.is_dir() {
        bail!("it is not a plain file");
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        bail!("it is larger than {MOST_BYTES} bytes");
    }
    Ok(String::from_utf8(bytes)?)
}

/// The policy files of folders.
#[derive(Default)]
struct Files {
    paths: Vec<PathBuf>,
    /// Folders that were read, by device and inode: links may lead back up.
    folders: HashSet<(u64, u64)>,
    unread: Vec<(String, anyhow::Error)>,
}

impl Files {
    /// Files of a folder in order of their names. Hidden entries are passed over: a Kubernetes
    /// volume keeps its former versions in `..2026_…` folders beside the links to the present one.
    fn collect(&mut self, folder: &Path) -> Result<()> {
        let mut paths = match self.list(folder) {
            Ok(paths) => paths,
            Err(fault) => {
                let name = folder.display().to_string();
                let fault = fault.context(format!("cannot read folder `{name}`"));
                self.unread.push((name, fault));
                return Ok(());
            }
        };
        if self.folders.len() > MOST_FILES {
            bail!("there are more than {MOST_FILES} policy folders");
        }
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.collect(&path)?;
            } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
                self.paths.push(path);
            }
        }
        Ok(())
    }

    /// What stands in a folder that was not listed before.
    fn list(&mut self, folder: &Path) -> Result<Vec<PathBuf>> {
        let meta = std::fs::metadata(folder)?;
        let mut paths = Vec::new();
        if !self.folders.insert((meta.dev(), meta.ino())) {
            return Ok(paths);
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let hidden =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !hidden {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

/// How long texts must stay as they are before they count.
const REST: Duration = Duration::from_millis(50);

/// Reads again until two readings agree. A file that still does not counts with its text in `last`;
/// `None` where nothing can be read any more.
///
/// An editor that writes in place shows an empty file first, and folders that are swapped can show
/// half of either: such a moment must not take a policy away, which would cut what lives. Nor may
/// one file that never rests hold up all others.
async fn at_rest(
    mut before: Vec<Source>,
    mut read: impl FnMut() -> Result<Vec<Source>>,
    last: &[Source],
    rest: Duration,
) -> Option<Vec<Source>> {
    for _ in 0..4 {
        tokio::time::sleep(rest).await;
        let now = read().ok()?;
        if now == before {
            return Some(now);
        }
        before = now;
    }
    tokio::time::sleep(rest).await;
    let now = read().ok()?;
    Some(settled(&now, &before, last))
}

/// What two readings agree on, and for the rest what stood before.
fn settled(now: &[Source], before: &[Source], last: &[Source]) -> Vec<Source> {
    let by_name = |list: &[Source]| -> BTreeMap<String, String> {
        list.iter().map(|source| (source.name.clone(), source.text.clone())).collect()
    };
    let (now, mut before, last) = (by_name(now), by_name(before), by_name(last));
    let mut names: BTreeSet<String> = before.keys().cloned().collect();
    names.extend(now.keys().cloned());
    names
        .into_iter()
        .filter_map(|name| {
            let agreed = before.remove(&name).filter(|text| now.get(&name) == Some(text));
            let text = agreed.or_else(|| last.get(&name).cloned())?;
            Some(Source { name, text })
        })
        .collect()
}

/// Puts policies in force and keeps them fresh.
pub(crate) struct Keeper {
    library: Library,
    sender: watch::Sender<Arc<Policy>>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    last: Option<Vec<Source>>,
    detection: Arc<Detection>,
    /// What the last texts were held to, but for the time.
    held_to: Option<LoadContext>,
    /// Whom to tell of values that a policy binds, once there is a gate.
    gate: Option<Gate>,
}

impl Keeper {
    /// Starts from the last good texts on record, if there are any.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn new(
        directory: &Path,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        detection: Arc<Detection>,
    ) -> Result<Self> {
        let mut library = Library::default();
        let loads = Filter { types: vec!["PolicyLoaded".to_owned()], ..Filter::default() };
        let last = Reader::open(directory).and_then(|reader| reader.last(&loads));
        let last = last.context("cannot read the last policy on record")?;
        if let Some(Fact::PolicyLoaded { sources }) = last.map(|recorded| recorded.event.fact) {
            let sources: Vec<Source> =
                sources.into_iter().map(|(name, text)| Source { name, text }).collect();
            library = library.apply(&sources, &detection.context(clock.now())).library;
        }
        let sender = watch::Sender::new(Arc::new(Policy::empty()));
        Ok(Self {
            library,
            sender,
            ledger,
            clock,
            random,
            last: None,
            detection,
            held_to: None,
            gate: None,
        })
    }

    /// From now on the gate looks for the values that each policy binds.
    pub(crate) fn equips(&mut self, gate: &Gate) {
        self.gate = Some(gate.clone());
    }

    /// The policy in force, as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Policy>> {
        self.sender.subscribe()
    }

    /// Applies these texts: recorded first, then in force.
    ///
    /// # Errors
    /// Where the change cannot be recorded; what was in force stays.
    pub(crate) async fn apply(&mut self, sources: Vec<Source>) -> Result<Vec<Diagnostic>> {
        let Applied { library, policy, diagnostics, kept } =
            self.library.apply(&sources, &self.detection.context(self.clock.now()));
        self.held_to = Some(self.detection.context(Timestamp::default()));
        for diagnostic in &diagnostics {
            let place = format!("{}:{}:{}", diagnostic.source, diagnostic.line, diagnostic.column);
            match diagnostic.level {
                Level::Error => {
                    tracing::error!(place, hint = diagnostic.hint, "{}", diagnostic.message)
                }
                Level::Warning => {
                    tracing::warn!(place, hint = diagnostic.hint, "{}", diagnostic.message)
                }
                Level::Note => {
                    tracing::debug!(place, hint = diagnostic.hint, "{}", diagnostic.message)
                }
            }
        }
        for document in &kept {
            tracing::error!("{document}");
        }
        let faults: Vec<&Diagnostic> =
            diagnostics.iter().filter(|d| d.level == Level::Error).collect();
        if let Some(first) = faults.first() {
            let rendered: Vec<String> = faults
                .iter()
                .map(|d| format!("{}:{}:{}: {}", d.source, d.line, d.column, d.message))
                .collect();
            let fact = Fact::PolicyRejected {
                source: first.source.clone(),
                diagnostics: rendered.join("\n"),
            };
            self.record(fact, policy.digest()).await.context("cannot record the refused policy")?;
        }
        let fresh = self.last.is_none() || policy.digest() != self.sender.borrow().digest();
        if fresh {
            let texts = policy.sources().iter().map(|s| (s.name.clone(), s.text.clone())).collect();
            let fact = Fact::PolicyLoaded { sources: texts };
            self.record(fact, policy.digest()).await.context("cannot record the policy")?;
        }
        tokio::task::block_in_place(|| self.equip(&policy))?;
        let (digest, tenants) = (policy.digest(), policy.tenants().count());
        self.sender.send_replace(policy);
        if fresh {
            tracing::info!(%digest, tenants, "policy in force");
        }
        self.library = library;
        self.last = Some(sources);
        Ok(diagnostics)
    }

    /// Watches the files until told to stop: every `poll`, and at once on SIGHUP.
    ///
    /// Reading the texts and comparing them sees what file notifications miss (links that are
    /// swapped, network volumes).
    ///
    /// A change that cannot be recorded (a full disk) is not in force; it is tried again at every
    /// poll.
    ///
    /// # Errors
    /// Where signals cannot be had.
    pub(crate) async fn run(
        mut self,
        paths: Vec<PathBuf>,
        poll: Duration,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let mut tick = tokio::time::interval(poll);
        let mut unrecorded = false;
        let mut told = String::new();
        loop {
            let asked = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                _ = hangup.recv() => true,
                _ = tick.tick() => false,
            };
            let (sources, faults) = match self.look(&paths) {
                Ok((sources, faults)) => (Some(sources), faults),
                Err(fault) => (None, format!("{fault:#}")),
            };
            // What was in force stays; said once, not every second.
            if !faults.is_empty() && (asked || faults != told) {
                tracing::error!("what cannot be read stays as it was: {faults}");
            }
            told = faults;
            self.refresh(asked).await;
            if let Some(sources) = sources
                && (asked || self.last.as_ref() != Some(&sources))
                && let Some(sources) = self.at_rest(sources, &paths).await
                // A file that never rests brings nothing new of its own.
                && (asked || self.last.as_ref() != Some(&sources))
            {
                match self.apply(sources).await {
                    Ok(_) => unrecorded = false,
                    Err(fault) if asked || !unrecorded => {
                        tracing::error!("policies stay as they are: {fault:#}");
                        unrecorded = true;
                    }
                    Err(_) => {}
                }
            }
        }
    }

    /// Reads rules and registered values again where they have changed: from then on payloads are
    /// looked at with them, on connections that live too.
    async fn refresh(&mut self, asked: bool) {
        match tokio::task::block_in_place(|| self.detection.reread(asked)) {
            Reread::Changed if !asked => {
                tracing::info!("rules and registered values were read again");
            }
            Reread::Changed | Reread::Same => {}
            Reread::Bad(fault) => {
                let text = format!("{fault:#}");
                tracing::error!("rules and registered values stay as they were: {text}");
                let fact =
                    Fact::PolicyRejected { source: "detection".to_owned(), diagnostics: text };
                let policy = self.sender.borrow().digest();
                if let Err(fault) = self.record(fact, policy).await {
                    tracing::error!("it cannot be recorded: {fault:#}");
                }
            }
        }
        // What policies are held to has changed: entities of a rule, or the model's being there.
        let held_to = self.detection.context(Timestamp::default());
        if self.held_to.as_ref().is_some_and(|before| *before != held_to)
            && let Some(sources) = self.last.clone()
            && let Err(fault) = self.apply(sources).await
        {
            tracing::error!("policies stay as they are: {fault:#}");
        }
        let policy = Arc::clone(&self.sender.borrow());
        if let Err(fault) = tokio::task::block_in_place(|| self.equip(&policy)) {
            tracing::error!("payloads are looked at as before: {fault:#}");
        }
    }

    /// What a row binds is known as a leak elsewhere before the row is in force.
    fn equip(&self, policy: &Policy) -> Result<()> {
        if let Some(gate) = &self.gate
            && let Some(inspector) = self.detection.changed(policy)?
        {
            gate.equip(&inspector);
        }
        Ok(())
    }

    /// The texts as they are now, and what cannot be read of them.
    fn look(&self, paths: &[PathBuf]) -> Result<(Vec<Source>, String)> {
        let found = tokio::task::block_in_place(|| find(paths))?;
        let faults: Vec<String> =
            found.unread.iter().map(|(_, fault)| format!("{fault:#}")).collect();
        Ok((self.stand_in(found), faults.join("; ")))
    }

    async fn at_rest(&self, sources: Vec<Source>, paths: &[PathBuf]) -> Option<Vec<Source>> {
        let read = || self.look(paths).map(|(sources, _)| sources);
        at_rest(sources, read, self.last.as_deref().unwrap_or_default(), REST).await
    }

    /// A file that is there and cannot be read counts with its last text, so that it neither loses
    /// what it said nor holds up the others.
    fn stand_in(&self, found: Found) -> Vec<Source> {
        let Found { mut sources, unread } = found;
        let last = self.last.as_deref().unwrap_or_default();
        let stood_in = !unread.is_empty();
        for (name, _) in unread {
            // A folder stands for all that it held.
            sources.extend(
                last.iter().filter(|source| Path::new(&source.name).starts_with(&name)).cloned(),
            );
        }
        if !stood_in {
            return sources;
        }
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        sources
    }

    async fn record(&self, fact: Fact, policy: Digest) -> Result<()> {
        record(&self.ledger, &*self.clock, &*self.random, fact, policy).await
    }
}

/// Commits an event of the process itself.
///
/// # Errors
/// Where there is no randomness, or the ledger takes nothing.
pub(crate) async fn record(
    ledger: &Ledger,
    clock: &dyn Clock,
    random: &dyn Random,
    fact: Fact,
    policy: Digest,
) -> Result<()> {
    let at = clock.now();
    let mut ten = [0; 10];
    random.fill(&mut ten)?;
    let event = Event { receipt: ReceiptId::draw(at, ten), at, policy, subject: None, fact };
    ledger.commit(event).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_half_written_file_is_not_taken_for_the_whole() {
        let text = |text: &str| vec![Source { name: "a.yaml".to_owned(), text: text.to_owned() }];
        let mut later = ["half", "whole", "whole", "never read"].into_iter();
        let read = || Ok(text(later.next().unwrap()));
        let rest = Duration::from_millis(1);
        assert_eq!(at_rest(text(""), read, &[], rest).await, Some(text("whole")));
        let gone = || bail!("gone");
        assert_eq!(at_rest(text(""), gone, &[], rest).await, None);
    }

    #[tokio::test]
    async fn a_file_that_never_rests_counts_with_its_last_text_and_holds_up_no_other() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let mut count = 0;
        let restless = || {
            count += 1;
            Ok(vec![source("new.yaml", "new"), source("restless.yaml", &count.to_string())])
        };
        let last = [source("restless.yaml", "last")];
        let settled = at_rest(Vec::new(), restless, &last, Duration::from_millis(1)).await;
        let want = vec![source("new.yaml", "new"), source("restless.yaml", "last")];
        assert_eq!(settled, Some(want));
    }
}
