//! Every source file says what it is for in its first line; long ones are named, not refused:
//! length is a hint that a second subject moved in, and people judge hints.

use super::Fault;
use crate::project::Project;

/// Past this a file is named.
const LONG: usize = 600;

pub(super) fn check(project: &Project) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let mut long = Vec::new();
    for path in project.files(".rs")? {
        let text = project.read(&path)?;
        let first = text
            .lines()
            .find(|line| !line.trim().is_empty() && !line.starts_with("#!"))
            .unwrap_or_default();
        if first.strip_prefix("//!").is_none_or(|rest| rest.trim().is_empty()) {
            faults.push(Fault(format!("`{path}` does not open with `//!` and a sentence")));
        }
        let length = text.lines().count();
        if length > LONG {
            long.push((length, path));
        }
    }
    long.sort_by(|one, other| other.cmp(one));
    for (length, path) in long {
        println!("tidy: {path} has {length} lines: look for the second subject");
    }
    Ok(faults)
}
