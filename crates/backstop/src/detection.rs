//! What this process looks for in payloads: the built-in packs, the user's rules, and registered
//! values: of its own environment, of canary files, of files that policy rows name.
//!
//! Must not know how anything is found. Next: `policies`.

use crate::config::Config;
use crate::config::own;
use anyhow::{Context, Result, bail};
use backstop_detect::corpus::Corpus;
use backstop_detect::{Builder, Canary, Detectors, Inspector, Names};
use backstop_gate::load_context;
use backstop_model::redacted::Redacted;
use backstop_model::time::Timestamp;
use backstop_policy::{CredentialSource, LoadContext, Policy};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// LIMIT: bytes of a file of rules or of registered values.
const MOST_BYTES: u64 = 1 << 20;

/// What looks through payloads and files, as `serve` does.
///
/// # Errors
/// As [`Detection::read`].
pub(crate) fn inspector(config: &Config) -> Result<Inspector> {
    Ok(Detection::read(config)?.usual)
}

/// What this process looks for; rebuilt when policy names other values.
pub(crate) struct Detection {
    /// Packs and rules without any registered value.
    rules: Builder,
    /// The same with all but the values that policy names.
    base: Builder,
    /// Registered documents.
    corpus: Option<Arc<Corpus>>,
    /// The same, compiled.
    usual: Inspector,
    /// The variables that policy may name, whatever they look like.
    environment: Vec<(String, Redacted<Vec<u8>>)>,
    registered: BTreeSet<String>,
    /// What policies are held to, but for the time.
    known: LoadContext,
    last: Mutex<BTreeSet<CredentialSource>>,
}

impl Detection {
    /// Reads rules and values.
    ///
    /// # Errors
    /// A file that cannot be read, that others can read, or that is malformed. No value is quoted.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let rules = rules(config)?;
        let mut base = rules.clone();
        let environment = own::variables();
        let mut registered = BTreeSet::new();
        let secret = environment.iter().filter(|(name, value)| own::is_secret(name, value));
        let mut canaries: Vec<Canary> = secret
            .flat_map(|(name, value)| own::values(name, value))
            .map(|(name, value)| Canary { name, value })
            .collect();
        let own = Some(canaries_file(config)).filter(|path| path.exists());
        for path in config.canaries.iter().chain(&own) {
            canaries.extend(registered_in(path)?);
        }
        for canary in canaries {
            registered.insert(canary.name.clone());
            base = base.canary(canary);
        }
        let corpus = corpus(config)?.map(Arc::new);
        let usual = compiled(&base)?.with_corpus(corpus.clone());
        let known = load_context(&usual, Timestamp::default());
        Ok(Self {
            rules,
            base,
            corpus,
            usual,
            environment,
            registered,
            known,
            last: Mutex::default(),
        })
    }

    /// What answers `/analyze`: without registered values, which anyone who may ask could
    /// otherwise guess.
    ///
    /// # Errors
    /// Where the detectors do not compile.
    pub(crate) fn analyzer(&self) -> Result<Inspector> {
        compiled(&self.rules)
    }

    /// An inspector for this policy.
    ///
    /// # Errors
    /// Where the detectors do not compile.
    pub(crate) fn inspector(&self, policy: &Policy) -> Result<Inspector> {
        let mut bound = Vec::new();
        for source in policy.credentials() {
            match self.value(source) {
                Ok(canary) => bound.extend(canary),
                // Nothing is let through by it: a row that binds what is not known binds nothing.
                Err(fault) => tracing::error!("the credential `{}`: {fault:#}", source.canary()),
            }
        }
        if bound.is_empty() {
            return Ok(self.usual.clone());
        }
        let inspector = compiled(&bound.into_iter().fold(self.base.clone(), Builder::canary))?;
        Ok(inspector.with_corpus(self.corpus.clone()))
    }

    /// The same, if this policy names other values than the last one.
    pub(crate) fn changed(&self, policy: &Policy) -> Result<Option<Inspector>> {
        let named: BTreeSet<CredentialSource> = policy.credentials().into_iter().cloned().collect();
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if *last == named {
                return Ok(None);
            }
            *last = named;
        }
        self.inspector(policy).map(Some)
    }

    /// What policies are held to.
    pub(crate) fn context(&self, now: Timestamp) -> LoadContext {
        LoadContext { now, ..self.known.clone() }
    }

    /// The value that a row names, where it is not registered anyway.
    fn value(&self, source: &CredentialSource) -> Result<Option<Canary>> {
        let name = source.canary();
        let value = match source {
            CredentialSource::Env(_) | CredentialSource::Canary(_)
                if self.registered.contains(&name) =>
            {
                return Ok(None);
            }
            CredentialSource::Env(variable) => {
                let own = self.environment.iter().find(|(known, _)| known == variable);
                own.map(|(_, value)| value.clone()).context("the variable is not set")?
            }
            CredentialSource::File(path) => {
                let text = text(Path::new(path))?;
                Redacted::new("file", text.trim().as_bytes().to_vec())
            }
            CredentialSource::Canary(_) => bail!("no value is registered under this name"),
        };
        if value.byte_len() < SHORTEST {
            bail!("the value is shorter than {SHORTEST} bytes and cannot be told from other text");
        }
        Ok(Some(Canary { name, value }))
    }
}

/// Where `backstop canary` keeps its values.
pub(crate) fn canaries_file(config: &Config) -> PathBuf {
    config.state.join("canaries")
}

/// Where `backstop corpus` keeps its fingerprints.
pub(crate) fn corpus_file(config: &Config) -> PathBuf {
    config.state.join("corpus")
}

/// The registered documents, if there are any.
///
/// # Errors
/// A file that cannot be read, or that is damaged: it is not passed over, for then what stands in
/// it could leave.
pub(crate) fn corpus(config: &Config) -> Result<Option<Corpus>> {
    let file = corpus_file(config);
    if !file.exists() {
        return Ok(None);
    }
    let open =
        std::fs::File::open(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let input = std::io::BufReader::with_capacity(1 << 20, open);
    let corpus = Corpus::read(input).with_context(|| format!("`{}`", file.display()))?;
    Ok(Some(corpus))
}

/// The built-in packs and whatever the owner of this machine has added to them.
fn rules(config: &Config) -> Result<Builder> {
    let mut rules = Detectors::builder();
    for (key, paths, add) in [
        ("detect.packs", &config.packs, Builder::pack as fn(Builder, &str, &str) -> _),
        ("detect.recognizers", &config.recognizers, Builder::presidio),
        ("secrets.rules", &config.secret_rules, Builder::gitleaks),
    ] {
        for path in paths {
            let text = text(path).with_context(|| format!("`{key}`"))?;
            let added = add(rules, &path.display().to_string(), &text);
            rules = added.map_err(|fault| anyhow::anyhow!("`{key}`: {fault}"))?;
        }
    }
    for note in rules.notes() {
        tracing::warn!("{note}");
    }
    Ok(rules)
}

fn compiled(builder: &Builder) -> Result<Inspector> {
    let detectors = builder.clone().build().map_err(|fault| anyhow::anyhow!("{fault}"))?;
    Ok(Inspector::new(detectors.into()).with_names(Names::GateOnly))
}

/// LIMIT: a shorter value would stand in innocent texts.
pub(crate) const SHORTEST: usize = 8;

/// `NAME=VALUE` in each line; `#` begins a line that is none.
pub(crate) fn registered_in(path: &Path) -> Result<Vec<Canary>> {
    let mode = std::fs::metadata(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?
        .mode();
    if mode & 0o077 != 0 {
        bail!(
            "`{}` has mode {:o}: values that must not leave are readable by others; `chmod go-rwx` it",
            path.display(),
            mode & 0o7777
        );
    }
    let text = text(path)?;
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .with_context(|| format!("{}:{}: not `NAME=VALUE`", path.display(), number + 1))?;
        if value.len() < SHORTEST {
            bail!("{}:{}: shorter than {SHORTEST} bytes", path.display(), number + 1);
        }
        let value = Redacted::new("canary", value.as_bytes().to_vec());
        out.push(Canary { name: format!("canary:{}", name.trim()), value });
    }
    Ok(out)
}

fn text(path: &Path) -> Result<Zeroizing<String>> {
    let size =
        std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?.len();
    if size > MOST_BYTES {
        bail!("`{}` is larger than {MOST_BYTES} bytes", path.display());
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Zeroizing::new(text))
}
