//! Pages must be true: each path in backticks and each relative link exists, each row with a
//! `test` column names tests that exist or says `no test yet`, no two rows have one number, and
//! generated pages are what `cargo xtask codegen` would write.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::Fault;
use crate::lines;
use crate::project::Project;
use crate::{codegen, tidy};

/// What looks like a path of this project.
const ROOTS: &[&str] = &["crates/", "docs/", "xtask/", ".ci/", ".cargo/", "examples/", "fuzz/"];

/// Pages whose rows tie promises to tests.
const PROMISES: &[&str] = &["SPECIFICATION.md", "docs/threats.md"];

pub(super) fn check(project: &Project) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for page in project.files(".md")? {
        let text = project.read(&page)?;
        faults.extend(paths(project, &page, &text));
    }
    faults.extend(promises(project)?);
    faults.extend(fresh(project)?);
    Ok(faults)
}

fn paths(project: &Project, page: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (line, code) in lines::backticked(text) {
        if let Some(path) = path_of(code)
            && !project.root().join(path).exists()
        {
            faults.push(Fault(format!("{page}:{line}: `{path}` does not exist")));
        }
    }
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    for (line, target) in lines::links(text) {
        let target = target.split(['#', ' ']).next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let outside = Path::new(target).components().any(|part| part == Component::RootDir);
        if outside || !project.root().join(folder).join(target).exists() {
            faults.push(Fault(format!("{page}:{line}: the link to `{target}` leads nowhere")));
        }
    }
    faults
}

/// The path that a code span names, if it names one: no patterns, no placeholders; `:line` is cut.
fn path_of(code: &str) -> Option<&str> {
    let starts = ROOTS.iter().any(|root| code.starts_with(root) && code.len() > root.len());
    let plain = !code.contains(['*', '<', '{', ' ', '…', '$']);
    (starts && plain).then(|| code.split([':', '#']).next().unwrap_or(code))
}

fn promises(project: &Project) -> anyhow::Result<Vec<Fault>> {
    let mut known = BTreeSet::new();
    for path in project.files(".rs")? {
        let text = project.read(&path)?;
        for part in text.split("fn ").skip(1) {
            let name: String =
                part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            known.insert(name);
        }
    }
    let mut faults = Vec::new();
    for page in PROMISES.iter().filter(|page| project.root().join(page).exists()) {
        let text = project.read(page)?;
        let said = |(line, fault)| Fault(format!("{page}:{line}: {fault}"));
        faults.extend(twice(&text).into_iter().map(said));
        for row in lines::table_rows(&text) {
            if let Some(cell) = row.cell("test").or_else(|| row.cell("tests")) {
                faults.extend(
                    unheld(cell, &known)
                        .into_iter()
                        .map(|fault| Fault(format!("{page}:{}: {fault}", row.line))),
                );
            }
        }
    }
    Ok(faults)
}

/// Numbers that stand at more than one row, with the line of each later one.
fn twice(text: &str) -> Vec<(usize, String)> {
    let mut first = BTreeMap::new();
    let mut faults = Vec::new();
    for row in lines::table_rows(text) {
        let Some(number) = row.cell("no.") else { continue };
        match first.entry(number.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(row.line);
            }
            Entry::Occupied(taken) => {
                let fault = format!("the number `{number}` stands at line {} already", taken.get());
                faults.push((row.line, fault));
            }
        }
    }
    faults
}

/// What is wrong with a cell that should name tests.
fn unheld(cell: &str, known: &BTreeSet<String>) -> Vec<String> {
    let names = lines::backticked(cell);
    if names.is_empty() {
        return if cell.to_ascii_lowercase().contains("no test yet") {
            vec![]
        } else {
            vec![format!("`{cell}` names no test and does not say `no test yet`")]
        };
    }
    // A path (of a doctest, of a script) is checked with all other paths; a command by its run.
    let tests = names.into_iter().map(|(_, name)| name).filter(|name| !name.contains(['/', ' ']));
    tests
        .filter(|name| {
            !known.contains(name.rsplit("::").next().unwrap_or(name).trim_end_matches("()"))
        })
        .map(|name| format!("the test `{name}` does not exist"))
        .collect()
}

fn fresh(project: &Project) -> anyhow::Result<Vec<tidy::Fault>> {
    let mut faults = Vec::new();
    let pages = codegen::pages();
    for (path, text) in &pages {
        if project.read(path).ok().as_ref() != Some(text) {
            faults.push(Fault(format!("`{path}` is stale: run `cargo xtask codegen`")));
        }
    }
    for path in project.files(".md")? {
        if path.starts_with("docs/reference/")
            && !pages.iter().any(|(known, _)| *known == path)
            && project.read(&path)?.contains(codegen::MARK)
        {
            faults.push(Fault(format!(
                "`{path}` says that it is generated, but nothing generates it"
            )));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_paths() {
        assert_eq!(path_of("crates/gate/src/lib.rs:12"), Some("crates/gate/src/lib.rs"));
        assert_eq!(path_of("docs/bench/proxy-<date>.md"), None);
        assert_eq!(path_of("docs/reference/*.md"), None);
        assert_eq!(path_of("crates/"), None);
        assert_eq!(path_of("application/json"), None);
    }

    #[test]
    fn a_promise_names_a_test_or_says_that_it_has_none() {
        let known = BTreeSet::from(["a_tunnel_is_cut".to_owned()]);
        assert_eq!(unheld("`flow::a_tunnel_is_cut`", &known), [""; 0]);
        assert_eq!(unheld("No test yet", &known), [""; 0]);
        assert_eq!(unheld("`crates/gate/src/permit.rs`", &known), [""; 0]);
        assert_eq!(unheld("`gone`", &known), ["the test `gone` does not exist"]);
        assert_eq!(unheld("soon", &known), ["`soon` names no test and does not say `no test yet`"]);
    }

    #[test]
    fn a_number_stands_at_one_row_of_all_tables() {
        let table = |rows: &str| format!("| no. | promise | test |\n|---|---|---|\n{rows}\n\n");
        let text = table("| Q1 | a | `t` |\n| Q2 | b | `t` |");
        assert_eq!(twice(&text), []);
        let text = text + &table("| N1 | c | `t` |\n| Q1 | d | `t` |");
        assert_eq!(twice(&text), [(9, "the number `Q1` stands at line 3 already".to_owned())]);
        assert_eq!(twice("| attack | test |\n|---|---|\n| x | a |\n| x | b |\n"), []);
    }
}
