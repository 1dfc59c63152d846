//! The table of crates in ARCHITECTURE.md is the law: every crate stands in it, and no crate
//! depends on another of ours, or on an outside crate that has a home elsewhere, unless it says so.
//!
//! Columns read: `crate`, `may depend on`, and, where there is one, `alone brings` (outside crates
//! that only this crate may depend on). Dev-dependencies are free: they ship nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;

use super::Fault;
use crate::lines::{self, Row};
use crate::project::{Project, Reach};

const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(project: &Project) -> anyhow::Result<Vec<Fault>> {
    let rows = lines::table_rows(&project.read(MAP)?);
    let rows: Vec<Row> = rows
        .into_iter()
        .filter(|row| row.cell("crate").is_some() && row.cell("may depend on").is_some())
        .collect();
    anyhow::ensure!(
        !rows.is_empty(),
        "`{MAP}` has no table with the columns `crate` and `may depend on`"
    );
    compare(&law(&rows), &life(&project.metadata(Reach::Workspace)?)?)
}

/// What one crate may do.
#[derive(Default)]
struct Rule {
    may: BTreeSet<String>,
    brings: BTreeSet<String>,
}

/// What one crate does.
#[derive(Default)]
struct Use {
    ours: BTreeSet<String>,
    outside: BTreeSet<String>,
}

fn law(rows: &[Row]) -> BTreeMap<String, Rule> {
    let mut law = BTreeMap::new();
    for row in rows {
        let words = |column: &str| -> BTreeSet<String> {
            let cell = row.cell(column).unwrap_or_default();
            lines::backticked(cell).into_iter().map(|(_, word)| word.to_owned()).collect()
        };
        for name in words("crate") {
            law.insert(name, Rule { may: words("may depend on"), brings: words("alone brings") });
        }
    }
    law
}

fn life(metadata: &Value) -> anyhow::Result<BTreeMap<String, Use>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let folder = |package: &Value| -> Option<String> {
        let manifest = package["manifest_path"].as_str()?;
        manifest.strip_suffix("/Cargo.toml")?.rsplit('/').next().map(str::to_owned)
    };
    let ours: BTreeMap<&str, String> = packages
        .iter()
        .filter_map(|package| Some((package["name"].as_str()?, folder(package)?)))
        .collect();
    let mut life = BTreeMap::new();
    for package in packages {
        let mut uses = Use::default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // `kind` is null for what ships, "dev" or "build" otherwise.
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            let name = dependency["name"].as_str().unwrap_or_default();
            match ours.get(name) {
                Some(folder) => uses.ours.insert(folder.clone()),
                None => uses.outside.insert(name.to_owned()),
            };
        }
        life.insert(folder(package).context("a package has a folder")?, uses);
    }
    Ok(life)
}

fn compare(
    law: &BTreeMap<String, Rule>,
    life: &BTreeMap<String, Use>,
) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for name in law.keys().filter(|name| !life.contains_key(*name)) {
        faults.push(Fault(format!("`{MAP}` names the crate `{name}`, which does not exist")));
    }
    let named: BTreeSet<&String> = law.values().flat_map(|rule| &rule.may).collect();
    for name in named.into_iter().filter(|name| !law.contains_key(*name)) {
        faults.push(Fault(format!(
            "`{MAP}` lets crates depend on `{name}`, which has no row of its own"
        )));
    }
    for (name, uses) in life {
        let Some(rule) = law.get(name) else {
            faults.push(Fault(format!("the crate `{name}` has no row in `{MAP}`")));
            continue;
        };
        for edge in uses.ours.difference(&rule.may) {
            faults
                .push(Fault(format!("`{name}` depends on `{edge}`, which `{MAP}` does not allow")));
        }
        for outside in &uses.outside {
            let home =
                law.iter().find(|(_, rule)| rule.brings.contains(outside)).map(|(home, _)| home);
            if let Some(home) = home
                && home != name
            {
                faults.push(Fault(format!(
                    "`{name}` depends on `{outside}`, which `{home}` alone may bring (`{MAP}`)"
                )));
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(map: &str, packages: &[(&str, &[&str])]) -> Vec<String> {
        let packages: Vec<Value> = packages
            .iter()
            .map(|(name, dependencies)| {
                let dependencies: Vec<Value> = dependencies.iter().map(|name| json!({ "name": name, "kind": null })).collect();
                json!({ "name": format!("backstop-{name}"), "manifest_path": format!("/p/crates/{name}/Cargo.toml"), "dependencies": dependencies })
            })
            .collect();
        let life = life(&json!({ "packages": packages })).unwrap();
        compare(&law(&lines::table_rows(map)), &life)
            .unwrap()
            .into_iter()
            .map(|Fault(fault)| fault)
            .collect()
    }

    const TABLE: &str = "| crate | may depend on | alone brings |\n|---|---|---|\n| `model` | – | – |\n| `gate` | `model` | `rustls` |\n| `proxy` | `gate` | – |\n";

    #[test]
    fn a_faithful_workspace_has_no_faults() {
        let good: &[(&str, &[&str])] = &[
            ("model", &["url"]),
            ("gate", &["backstop-model", "rustls"]),
            ("proxy", &["backstop-gate"]),
        ];
        assert_eq!(faults(TABLE, good), [""; 0]);
    }

    #[test]
    fn every_kind_of_fault_is_named() {
        let bad: &[(&str, &[&str])] =
            &[("model", &["backstop-gate"]), ("gate", &[]), ("proxy", &["rustls"]), ("extra", &[])];
        let map = format!("{TABLE}| `gone` | `nowhere` | – |\n");
        assert_eq!(
            faults(&map, bad),
            [
                "`ARCHITECTURE.md` names the crate `gone`, which does not exist",
                "`ARCHITECTURE.md` lets crates depend on `nowhere`, which has no row of its own",
                "the crate `extra` has no row in `ARCHITECTURE.md`",
                "`model` depends on `gate`, which `ARCHITECTURE.md` does not allow",
                "`proxy` depends on `rustls`, which `gate` alone may bring (`ARCHITECTURE.md`)",
            ]
        );
    }
}
