//! Policy files: found, read, watched and put in force. What a document says is `policy`'s business.
//!
//! A good change is recorded and then takes effect, on live connections too. A bad document keeps
//! its last good version and is loud; a cold start begins with the last good texts on record.

use anyhow::{Context, Result, bail};
use backstop_gate::{Clock, Random};
use backstop_ledger::{Filter, Ledger, Reader};
use backstop_model::event::{Event, Fact};
use backstop_model::id::{Digest, ReceiptId};
use backstop_policy::{Applied, Diagnostic, Level, Library, LoadContext, Policy, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The largest number of policy files that are read.
const MOST_FILES: usize = 10_000;

/// Reads every policy file of these files and folders, in order of their names.
///
/// # Errors
/// A path that does not exist or cannot be read; too many files.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path)
            .with_context(|| format!("cannot read policy `{}`", path.display()))?;
        if kind.is_dir() { collect(path, &mut files)? } else { files.push(path.clone()) }
    }
    if files.len() > MOST_FILES {
        bail!("{} policy files are more than {MOST_FILES}", files.len());
    }
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read policy `{}`", path.display()))?;
            Ok(Source { name: path.display().to_string(), text })
        })
        .collect()
}

/// Files of a folder in order of their names. Hidden entries are passed over: a Kubernetes volume
/// keeps its former versions in `..2026_…` folders beside the links to the present one.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read folder `{}`", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path =
            entry.with_context(|| format!("cannot read folder `{}`", folder.display()))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

/// How long texts must stay as they are before they count.
const REST: Duration = Duration::from_millis(50);

/// Reads again until two readings agree; `None` where they do not soon.
///
/// An editor that writes in place shows an empty file first, and folders that are swapped can show
/// half of either: such a moment must not take a policy away, which would cut what lives.
async fn at_rest(
    mut before: Vec<Source>,
    mut read: impl FnMut() -> Result<Vec<Source>>,
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
    None
}

/// Puts policies in force and keeps them fresh.
pub(crate) struct Keeper {
    library: Library,
    sender: watch::Sender<Arc<Policy>>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    last: Option<Vec<Source>>,
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
    ) -> Result<Self> {
        let mut library = Library::default();
        let loads = Filter { types: vec!["PolicyLoaded".to_owned()], ..Filter::default() };
        let last = Reader::open(directory).and_then(|reader| reader.last(&loads));
        let last = last.context("cannot read the last policy on record")?;
        if let Some(Fact::PolicyLoaded { sources }) = last.map(|recorded| recorded.event.fact) {
            let sources: Vec<Source> =
                sources.into_iter().map(|(name, text)| Source { name, text }).collect();
            library = library.apply(&sources, &LoadContext { now: clock.now() }).library;
        }
        let sender = watch::Sender::new(Arc::new(Policy::empty()));
        Ok(Self { library, sender, ledger, clock, random, last: None })
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
            self.library.apply(&sources, &LoadContext { now: self.clock.now() });
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
        if self.last.is_none() || policy.digest() != self.sender.borrow().digest() {
            let texts = policy.sources().iter().map(|s| (s.name.clone(), s.text.clone())).collect();
            let fact = Fact::PolicyLoaded { sources: texts };
            self.record(fact, policy.digest()).await.context("cannot record the policy")?;
            tracing::info!(digest = %policy.digest(), tenants = policy.tenants().count(), "policy in force");
        }
        self.sender.send_replace(policy);
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
        let mut unreadable = false;
        let mut unrecorded = false;
        loop {
            let asked = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                _ = hangup.recv() => true,
                _ = tick.tick() => false,
            };
            match read(&paths) {
                Ok(sources) => {
                    unreadable = false;
                    // What does not come to rest is looked at again with the next tick.
                    if (asked || self.last.as_ref() != Some(&sources))
                        && let Some(sources) = at_rest(sources, || read(&paths), REST).await
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
                // What was in force stays; said once, not every second.
                Err(fault) if asked || !unreadable => {
                    tracing::error!("policies stay as they are: {fault:#}");
                    unreadable = true;
                }
                Err(_) => {}
            }
        }
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
        let settled = at_rest(text(""), read, Duration::from_millis(1)).await;
        assert_eq!(settled, Some(text("whole")));
        let mut count = 0;
        let restless = || {
            count += 1;
            Ok(text(&count.to_string()))
        };
        assert_eq!(at_rest(text(""), restless, Duration::from_millis(1)).await, None);
        let gone = || bail!("gone");
        assert_eq!(at_rest(text(""), gone, Duration::from_millis(1)).await, None);
    }
}
