//! Joins defaults, file, environment and flags, keeping the origin of each value.
//! The one file that reads the environment.

use super::settings::{SETTINGS, Setting, find, variable};
use crate::cli::{Cli, Command};
use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The table.
    Default,
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// One key's values and their origin.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    /// The values as text; empty when not set.
    pub(crate) texts: Vec<String>,
    /// Where they came from.
    pub(crate) origin: Origin,
}

/// Every key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Resolved(pub(crate) BTreeMap<&'static str, Value>);

impl Resolved {
    /// The values of a key.
    pub(crate) fn all(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], |value| value.texts.as_slice())
    }
    /// The one value of a key; empty when not set.
    pub(crate) fn one(&self, key: &str) -> &str {
        self.all(key).first().map_or("", String::as_str)
    }
    /// Where a key's value came from.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.0.get(key).map_or(Origin::Default, |value| value.origin.clone())
    }
    /// The defaults and these `KEY=VALUE` pairs alone: no file, no environment.
    ///
    /// # Errors
    /// As [`resolve`].
    pub(crate) fn from_table(pairs: &[String]) -> Result<Self> {
        let mut resolved = Self(BTreeMap::new());
        for setting in SETTINGS {
            resolved.put(setting, split(setting, setting.default), Origin::Default)?;
        }
        resolved.set(pairs)?;
        Ok(resolved)
    }
    fn set(&mut self, pairs: &[String]) -> Result<()> {
        for pair in pairs {
            let (key, text) = pair
                .split_once('=')
                .with_context(|| format!("`--set {pair}` is not `KEY=VALUE`"))?;
            let setting = known(key)?;
            self.put(setting, split(setting, text), Origin::Flag)?;
        }
        Ok(())
    }
    fn put(&mut self, setting: &'static Setting, texts: Vec<String>, origin: Origin) -> Result<()> {
        if !setting.many && texts.len() > 1 {
            bail!("`{}` takes one value, not {} ({origin})", setting.key, texts.len());
        }
        self.0.insert(setting.key, Value { texts, origin });
        Ok(())
    }
}

/// Resolves the configuration of this process.
///
/// # Errors
/// An unreadable or malformed file, an unknown key, a key that takes one value given several.
pub(crate) fn resolve(cli: &Cli) -> Result<Resolved> {
    let mut resolved = Resolved::from_table(&[])?;
    resolved.put(known("state")?, vec![default_state()], Origin::Default)?;
    let file = cli.config.clone().or_else(|| environment("BACKSTOP_CONFIG").map(PathBuf::from));
    if let Some(path) = file {
        read_file(&path, &mut resolved)?;
    }
    for setting in SETTINGS {
        let name = variable(setting.key);
        if let Some(text) = environment(&name) {
            resolved.put(setting, split(setting, &text), Origin::Environment(name))?;
        }
    }
    flags(cli, &mut resolved)?;
    Ok(resolved)
}

fn flags(cli: &Cli, resolved: &mut Resolved) -> Result<()> {
    let mut set = |key: &str, texts: Vec<String>| resolved.put(known(key)?, texts, Origin::Flag);
    if let Some(state) = &cli.state {
        set("state", vec![state.display().to_string()])?;
    }
    if !cli.policy.is_empty() {
        set("policy", cli.policy.iter().map(|p| p.display().to_string()).collect())?;
    }
    if let Command::Serve(serve) = &cli.command {
        if !serve.proxy.is_empty() {
            set("proxy.listen", serve.proxy.clone())?;
        }
        if let Some(api) = &serve.api {
            set("api.listen", vec![api.clone()])?;
        }
    }
    resolved.set(&cli.set)
}

/// The setting of a key.
fn known(key: &str) -> Result<&'static Setting> {
    find(key).with_context(|| {
        format!("`{key}` is no configuration key; `backstop config show` lists them all")
    })
}

/// The text of a value as its parts: comma-separated where several are allowed.
fn split(setting: &Setting, text: &str) -> Vec<String> {
    if setting.many {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    } else if text.is_empty() {
        Vec::new()
    } else {
        vec![text.to_owned()]
    }
}

fn read_file(path: &Path, resolved: &mut Resolved) -> Result<()> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read configuration `{}`", path.display()))?;
    let nodes = MarkedYaml::load_from_str(&text).map_err(|fault| {
        anyhow::anyhow!("{}:{}: {}", path.display(), fault.marker().line(), fault.info())
    })?;
    match nodes.as_slice() {
        [] => Ok(()),
        [node] => walk(path, "", node, resolved),
        [_, second, ..] => {
            bail!(
                "{}:{}: a configuration is one document",
                path.display(),
                second.span.start.line()
            )
        }
    }
}

fn walk(path: &Path, prefix: &str, node: &MarkedYaml<'_>, resolved: &mut Resolved) -> Result<()> {
    let line = node.span.start.line();
    let setting = find(prefix);
    match (&node.data, setting) {
        (YamlData::Mapping(map), None) => {
            let mut seen = Vec::new();
            for (key, value) in map {
                let line = key.span.start.line();
                let Some(name) = scalar(key) else {
                    bail!("{}:{line}: a key must be text", path.display())
                };
                let full = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                if seen.contains(&full) {
                    bail!("{}:{line}: `{full}` stands twice", path.display());
                }
                let known = SETTINGS
                    .iter()
                    .any(|s| s.key == full || s.key.starts_with(&format!("{full}.")));
                if !known {
                    bail!(
                        "{}:{line}: `{full}` is no configuration key; `backstop config show` lists them all",
                        path.display()
                    );
                }
                walk(path, &full, value, resolved)?;
                seen.push(full);
            }
            Ok(())
        }
        (YamlData::Sequence(items), Some(setting)) => {
            let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
            let Some(texts) = texts else {
                bail!("{}:{line}: `{prefix}` takes plain values", path.display())
            };
            resolved.put(setting, texts, Origin::File(path.to_owned(), line))
        }
        (_, Some(setting)) => match scalar(node) {
            Some(text) => {
                resolved.put(setting, split(setting, &text), Origin::File(path.to_owned(), line))
            }
            None => bail!("{}:{line}: `{prefix}` takes a plain value", path.display()),
        },
        (_, None) if node.data.is_null() && prefix.is_empty() => Ok(()),
        (_, None) => bail!("{}:{line}: `{prefix}` is a group of keys", path.display()),
    }
}

/// A scalar as it was written.
fn scalar(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Value(saphyr::Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(saphyr::Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(saphyr::Scalar::FloatingPoint(number)) => Some(number.to_string()),
        YamlData::Value(saphyr::Scalar::Boolean(truth)) => Some(truth.to_string()),
        YamlData::Representation(text, _, _) => Some(text.to_string()),
        YamlData::Value(saphyr::Scalar::Null)
        | YamlData::Sequence(_)
        | YamlData::Mapping(_)
        | YamlData::Tagged(_, _)
        | YamlData::Alias(_)
        | YamlData::BadValue => None,
    }
}

/// Where state lives when nobody says.
fn default_state() -> String {
    match (environment("XDG_STATE_HOME"), environment("HOME")) {
        (Some(folder), _) => format!("{folder}/backstop"),
        (None, Some(home)) if home != "/root" => format!("{home}/.local/state/backstop"),
        (None, Some(_) | None) => "/var/lib/backstop".to_owned(),
    }
}

/// Every variable that is set; names that are no text are nobody's.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn environment_all() -> Vec<(String, Vec<u8>)> {
    use std::os::unix::ffi::OsStringExt as _;
    let known = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_vec()))
    };
    std::env::vars_os().filter_map(known).collect()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
