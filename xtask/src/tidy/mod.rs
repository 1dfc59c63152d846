//! The code against its map, and the pages against the code. Every fault is listed, not only the
//! first.
//!
//! ```text
//!  edges     crates and their edges: ARCHITECTURE.md ↔ cargo metadata
//!  files     every .rs file opens with `//!`; long files are named
//!  pages     paths and links in *.md exist; promises name tests that exist; generated pages are fresh
//! ```

mod edges;
mod files;
mod pages;

use anyhow::bail;

use crate::project::Project;

/// Something that is not as the project says.
pub(crate) struct Fault(pub(crate) String);

/// Runs all checks.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for check in [edges::check, files::check, pages::check] {
        faults.extend(check(project)?);
    }
    if faults.is_empty() {
        println!("tidy: nothing to say");
        return Ok(());
    }
    for Fault(fault) in &faults {
        eprintln!("tidy: {fault}");
    }
    bail!("tidy: {} faults", faults.len());
}
