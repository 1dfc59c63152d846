//! What is wrong with a pack, with its lines: every fault at once, never a half-loaded pack.
//! Next: `fields`.

use std::fmt;

/// Why a pack was not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackFault {
    /// The file or other source.
    pub source: String,
    /// Everything that is wrong with it, by line.
    pub lines: Vec<PackLine>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackLine {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for PackFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.lines.iter().enumerate() {
            let gap = if number == 0 { "" } else { "\n" };
            write!(f, "{gap}{}:{}: {}", self.source, fault.line, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for PackFault {}

/// Faults while a source is read.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<PackLine>);

impl Faults {
    pub(super) fn add(&mut self, line: usize, message: impl Into<String>) {
        self.0.push(PackLine { line, message: message.into() });
    }
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
    /// What was said, as notes.
    pub(super) fn into_notes(mut self, source: &str) -> PackFault {
        self.0.sort_by_key(|fault| fault.line);
        PackFault { source: source.to_owned(), lines: self.0 }
    }
    /// The value, if nothing was wrong.
    pub(super) fn finish<T>(mut self, source: &str, value: T) -> Result<T, PackFault> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|fault| fault.line);
        Err(PackFault { source: source.to_owned(), lines: self.0 })
    }
}
