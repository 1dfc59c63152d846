//! Outside crates against `deny.toml`. The file is cargo-deny's own; building cargo-deny takes
//! longer than everything else here together, so the rules that need no database are checked by
//! this program, and cargo-deny is run as well where it is installed.
//!
//! ```text
//!  rules      deny.toml, the part of it that we use          licence   SPDX expressions
//! ```
//! Checked always: licences, sources, banned crates, yanked versions (from cargo's own copy of the
//! index). Advisories need cargo-deny and its database: without them a loud line says so.

mod licence;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::project::{self, Project, Reach, has};
use rules::Rules;

/// Runs all checks.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let rules = Rules::parse(&project.read("deny.toml")?)?;
    let metadata = project.metadata(Reach::Everything)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let built = built(project)?;
    let outside: Vec<Package> = packages
        .iter()
        .filter(|package| !package["source"].is_null())
        .map(Package::read)
        .filter(|package| built.contains(&(package.name.clone(), package.version.clone())))
        .collect();
    let mut faults = Vec::new();
    faults.extend(licences(&rules, &outside));
    faults.extend(sources(&outside));
    faults.extend(
        outside
            .iter()
            .filter(|p| rules.banned.contains(&p.name))
            .map(|p| format!("`{}` is banned", p.name)),
    );
    let (yanked, unknown) = yanked(&outside);
    faults.extend(yanked);
    println!("deny: {} outside crates", outside.len());
    if unknown > 0 {
        println!(
            "deny: cargo's copy of the index does not know {unknown} of them: NOT checked for yanked versions"
        );
    }
    for (name, versions) in several(&outside) {
        println!(
            "deny: warning: `{name}` is here {} times: {}",
            versions.len(),
            versions.join(", ")
        );
    }
    for name in
        rules.exceptions.keys().filter(|name| !outside.iter().any(|package| package.name == **name))
    {
        println!("deny: warning: the exception for `{name}` is not needed");
    }
    for fault in &faults {
        eprintln!("deny: {fault}");
    }
    if !faults.is_empty() {
        bail!("deny: {} faults", faults.len());
    }
    cargo_deny(project)
}

/// Name and version of every crate that some build uses. Cargo's metadata (and lock file) also
/// have those that only a feature which nobody turns on would bring.
fn built(project: &Project) -> anyhow::Result<BTreeSet<(String, String)>> {
    let tree = [
        "tree",
        "--locked",
        "--workspace",
        "--target",
        "all",
        "--edges",
        "all",
        "--prefix",
        "none",
    ];
    let text = project::output(&mut project.cargo(&tree))?;
    let pair = |line: &str| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    };
    Ok(text.lines().filter_map(pair).collect())
}

struct Package {
    name: String,
    version: String,
    licence: String,
    source: String,
}

impl Package {
    fn read(package: &Value) -> Self {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            version: text("version"),
            licence: text("license"),
            source: text("source"),
        }
    }
}

fn licences(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        let more = rules.exceptions.get(&package.name).map(Vec::as_slice).unwrap_or_default();
        match licence::satisfied(&package.licence, &|id| {
            rules.allowed.iter().chain(more).any(|allowed| allowed == id)
        }) {
            Some(true) => {}
            Some(false) => faults.push(format!(
                "`{}` {} has the licence `{}`",
                package.name, package.version, package.licence
            )),
            None => faults.push(format!(
                "`{}` {} has no licence that can be read: `{}`",
                package.name, package.version, package.licence
            )),
        }
    }
    faults
}

/// Registries only, and only one.
fn sources(packages: &[Package]) -> Vec<String> {
    let first = packages
        .iter()
        .map(|package| package.source.as_str())
        .find(|source| source.starts_with("registry+"));
    let foreign = packages.iter().filter(|package| Some(package.source.as_str()) != first);
    foreign.map(|package| format!("`{}` comes from `{}`", package.name, package.source)).collect()
}

fn several(packages: &[Package]) -> BTreeMap<&str, Vec<&str>> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// Yanked versions, and how many crates cargo's copy of the index does not know.
fn yanked(packages: &[Package]) -> (Vec<String>, usize) {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let indices: Vec<PathBuf> = home
        .and_then(|home| std::fs::read_dir(home.join("registry/index")).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join(".cache")))
        .collect();
    let mut faults = Vec::new();
    let mut unknown = 0;
    for package in packages {
        let place = index_path(&package.name);
        let files = indices.iter().filter_map(|index| std::fs::read(index.join(&place)).ok());
        // Cargo keeps the registry's lines of JSON as they came, parted by NUL.
        let entry = files.flat_map(|bytes| {
            let parts: Vec<Value> = bytes
                .split(|byte| *byte == 0)
                .filter_map(|part| serde_json::from_slice(part).ok())
                .collect();
            parts
        });
        match entry.into_iter().find(|entry| entry["vers"] == package.version.as_str()) {
            None => unknown += 1,
            Some(entry) if entry["yanked"] == true => {
                faults.push(format!("`{}` {} is yanked", package.name, package.version))
            }
            Some(_) => {}
        }
    }
    (faults, unknown)
}

/// Where a registry index keeps a crate: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcd…`.
fn index_path(name: &str) -> PathBuf {
    let name = name.to_ascii_lowercase();
    let part = |from: usize, to: usize| name.get(from..to).unwrap_or_default().to_owned();
    let folder = match name.len() {
        0..=2 => name.len().to_string(),
        3 => format!("3/{}", part(0, 1)),
        _ => format!("{}/{}", part(0, 2), part(2, 4)),
    };
    PathBuf::from(folder).join(name)
}

fn cargo_deny(project: &Project) -> anyhow::Result<()> {
    if !has("cargo-deny") {
        println!(
            "deny: ADVISORIES WERE NOT CHECKED: cargo-deny is not installed (`cargo install --locked cargo-deny`)"
        );
        return Ok(());
    }
    project::run(project.cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
    let fetched = project::output(&mut project.cargo(&["deny", "fetch", "db"]));
    if let Err(error) = fetched {
        println!("deny: ADVISORIES WERE NOT CHECKED: their database cannot be fetched: {error:#}");
        return Ok(());
    }
    project::run(project.cargo(&["deny", "check", "--disable-fetch", "advisories"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, licence: &str, source: &str) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            licence: licence.into(),
            source: source.into(),
        }
    }

    #[test]
    fn foreign_sources_and_licences_are_faults() {
        let rules = Rules {
            allowed: vec!["MIT".into()],
            exceptions: BTreeMap::from([("m".into(), vec!["MPL-2.0".into()])]),
            banned: vec![],
        };
        let packages = [
            package("a", "1.0.0", "MIT OR GPL-3.0", "registry+x"),
            package("m", "1.0.0", "MPL-2.0", "registry+x"),
            package("g", "1.0.0", "GPL-3.0", "git+y"),
            package("a", "2.0.0", "", "registry+z"),
        ];
        assert_eq!(
            licences(&rules, &packages),
            [
                "`g` 1.0.0 has the licence `GPL-3.0`",
                "`a` 2.0.0 has no licence that can be read: ``"
            ]
        );
        assert_eq!(sources(&packages), ["`g` comes from `git+y`", "`a` comes from `registry+z`"]);
        assert_eq!(several(&packages).get("a"), Some(&vec!["1.0.0", "2.0.0"]));
    }

    #[test]
    fn the_index_is_laid_out_by_length() {
        for (name, path) in
            [("a", "1/a"), ("ab", "2/ab"), ("nix", "3/n/nix"), ("Serde", "se/rd/serde")]
        {
            assert_eq!(index_path(name), PathBuf::from(path));
        }
    }
}
