//! What this process looks for in payloads: the built-in packs, the user's rules, and registered
//! values: of its own environment, of canary files, of files that policy rows name; and the model
//! for names, where a policy asks for it.
//!
//! Must not know how anything is found. Next: `policies`.

use crate::commands::models;
use crate::config::Config;
use crate::config::own;
use crate::name_model::{ModelPlace, WhenAsked};
use anyhow::{Context, Result, bail};
use backstop_detect::corpus::Corpus;
use backstop_detect::{Builder, Canary, Detectors, Inspector, Names};
use backstop_gate::load_context;
use backstop_model::redacted::Redacted;
use backstop_model::time::Timestamp;
use backstop_policy::{CredentialSource, LoadContext, NamesModel, Policy};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// LIMIT: bytes of a file of rules or of registered values.
const MOST_BYTES: u64 = 1 << 20;

/// What looks through payloads and files, as `serve` does.
///
/// # Errors
/// As [`Detection::read`].
pub(crate) fn inspector(config: &Config) -> Result<Inspector> {
    Ok(Known::read(config)?.usual)
}

/// What this process looks for. It is read again when a file of it changes, and rebuilt when policy
/// names other values; what is bad then stays as it was.
pub(crate) struct Detection {
    config: Config,
    state: Mutex<State>,
    /// The model for names.
    model: Arc<ModelPlace>,
}

struct State {
    known: Arc<Known>,
    /// How the files stood when they were read.
    stamps: Stamps,
    /// How they stood when they were found bad: said once, not every second.
    bad: Option<Stamps>,
    /// What the inspector in use was built for.
    built: Option<Built>,
}

/// What an inspector depends on beside [`Known`].
#[derive(Clone, PartialEq, Eq)]
struct Built {
    named: BTreeSet<CredentialSource>,
    /// The files that policy names.
    files: Stamps,
    model: bool,
}

/// Rules and values as they stood when they were read.
struct Known {
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
    /// What policies are held to, but for time and model.
    context: LoadContext,
}

/// How files stand: device, inode, size, time of change (also of mode and links) of each.
pub(crate) type Stamps = Vec<(PathBuf, Option<[i64; 6]>)>;

pub(crate) fn stamps<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Stamps {
    let stamp = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        let whole = |number: u64| i64::from_ne_bytes(number.to_ne_bytes());
        let (device, inode, size) = (whole(meta.dev()), whole(meta.ino()), whole(meta.size()));
        Some([device, inode, size, meta.mtime(), meta.ctime(), meta.ctime_nsec()])
    };
    paths.into_iter().map(|path| (path.clone(), stamp(path))).collect()
}

impl Known {
    fn read(config: &Config) -> Result<Self> {
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
        let context = load_context(&usual, Timestamp::default());
        Ok(Self { rules, base, corpus, usual, environment, registered, context })
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

/// What a look at the files came to.
#[derive(Debug)]
pub(crate) enum Reread {
    /// They stand as they were read.
    Same,
    /// They were read again, and what they say counts.
    Changed,
    /// They are bad, and were not so found before; what they said last stays.
    Bad(anyhow::Error),
}

impl Detection {
    /// Reads rules and values.
    ///
    /// # Errors
    /// A file that cannot be read, that others can read, or that is malformed. No value is quoted.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let stamps = stamps(&files(config));
        let known = Arc::new(Known::read(config)?);
        let state = State { known, stamps, bad: None, built: None };
        let model = Arc::new(ModelPlace::below(&config.state));
        Ok(Self { config: config.clone(), state: Mutex::new(state), model })
    }

    /// Reads the files again where they have changed, or where somebody asks for it.
    pub(crate) fn reread(&self, asked: bool) -> Reread {
        let files = files(&self.config);
        let now = stamps(&files);
        {
            let state = self.state();
            if !asked && (state.stamps == now || state.bad.as_ref() == Some(&now)) {
                return Reread::Same;
            }
        }
        let known = Known::read(&self.config);
        // RACE: what changed while it was read is read again at the next look.
        if stamps(&files) != now {
            return Reread::Same;
        }
        let mut state = self.state();
        match known {
            Ok(known) => {
                (state.known, state.stamps) = (Arc::new(known), now);
                (state.bad, state.built) = (None, None);
                Reread::Changed
            }
            Err(fault) => {
                state.bad = Some(now);
                Reread::Bad(fault)
            }
        }
    }

    /// What answers `/analyze`: without registered values, which anyone who may ask could
    /// otherwise guess; with the model for names where it is installed as this process starts.
    ///
    /// # Errors
    /// Where the detectors do not compile.
    pub(crate) fn analyzer(&self) -> Result<Inspector> {
        let inspector = compiled(&self.known().rules)?;
        if !self.model.is_installed() {
            return Ok(inspector);
        }
        let model = Arc::new(WhenAsked(Arc::clone(&self.model)));
        Ok(inspector.with_names(Names::Required(model)))
    }

    /// An inspector for this policy; `None` where the last one that was given still does.
    ///
    /// # Errors
    /// Where the detectors do not compile.
    pub(crate) fn changed(&self, policy: &Policy) -> Result<Option<Inspector>> {
        let named: BTreeSet<CredentialSource> = policy.credentials().into_iter().cloned().collect();
        let paths: Vec<PathBuf> = named
            .iter()
            .filter_map(|source| match source {
                CredentialSource::File(path) => Some(PathBuf::from(path)),
                CredentialSource::Env(_) | CredentialSource::Canary(_) => None,
            })
            .collect();
        let model = if policy.requires_names() { self.model.load() } else { self.model.loaded() };
        let built = Built { named, files: stamps(&paths), model: model.is_some() };
        let known = self.known();
        if self.state().built.as_ref() == Some(&built) {
            return Ok(None);
        }
        let mut bound = Vec::new();
        for source in &built.named {
            match known.value(source) {
                Ok(canary) => bound.extend(canary),
                // Nothing is let through by it: a row that binds what is not known binds nothing.
                Err(fault) => tracing::error!("the credential `{}`: {fault:#}", source.canary()),
            }
        }
        let mut inspector = if bound.is_empty() {
            known.usual.clone()
        } else {
            let all = bound.into_iter().fold(known.base.clone(), Builder::canary);
            compiled(&all)?.with_corpus(known.corpus.clone())
        };
        if let Some(model) = model {
            inspector = inspector.with_names(Names::Required(Arc::clone(model)));
        }
        self.state().built = Some(built);
        Ok(Some(inspector))
    }

    /// What policies are held to.
    pub(crate) fn context(&self, now: Timestamp) -> LoadContext {
        let names =
            if self.model.is_installed() { NamesModel::Installed } else { NamesModel::Missing };
        LoadContext { now, names, ..self.known().context.clone() }
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.state().known)
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every file that is read here, whether it is there or not.
fn files(config: &Config) -> Vec<PathBuf> {
    let lists = [&config.packs, &config.recognizers, &config.secret_rules, &config.canaries];
    let mut files: Vec<PathBuf> = lists.into_iter().flatten().cloned().collect();
    files.extend([canaries_file(config), corpus_file(config), models::folder(&config.state)]);
    files
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
    let inspector = Inspector::new(detectors.into()).with_names(Names::GateOnly);
    Ok(inspector.with_opener(Arc::new(backstop_extract::Opener)))
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
