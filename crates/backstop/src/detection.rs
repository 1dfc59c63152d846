//! What is looked for, put together from the configuration: the built-in detectors and whatever
//! the owner of this machine has added to them. Used by `serve`, `inspect` and `demo` alike, so
//! that they find the same.

use crate::config::Config;
use anyhow::Result;
use backstop_detect::{Detectors, Inspector, Names};
use std::sync::Arc;

/// The detectors that this configuration asks for.
///
/// # Errors
/// A pack, rule file or recognizer file that cannot be read, with file and line.
pub(crate) fn detectors(_config: &Config) -> Result<Arc<Detectors>> {
    Ok(Detectors::builtin())
}

/// What looks through payloads and files.
///
/// # Errors
/// As [`detectors`].
pub(crate) fn inspector(config: &Config) -> Result<Inspector> {
    Ok(Inspector::new(detectors(config)?).with_names(Names::GateOnly))
}
