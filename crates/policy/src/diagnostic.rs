//! What is wrong with a policy text, with the place and a way out.
//! Must not know what a document means. Next: `yaml`.

use backstop_model::time::Timestamp;
use std::fmt;

/// One policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's path, as it is shown to people.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// What loading must know of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadContext {
    /// The present moment: dated keys (`reviewBy`, `rollout.until`) are judged by it.
    pub now: Timestamp,
}

/// How grave a diagnostic is. `Note < Warning < Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Good to know; nothing is wrong.
    Note,
    /// It loads, but somebody should look.
    Warning,
    /// The document is refused.
    Error,
}

impl Level {
    /// The lower-case word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One fault of a policy text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How grave it is.
    pub level: Level,
    /// A stable id (`policy.unknown_key`, …).
    pub code: &'static str,
    /// The name of the source.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// Where it starts, in bytes of the text.
    pub offset: usize,
    /// How many bytes it covers.
    pub length: usize,
    /// What is wrong: lower-case, no full stop, the input in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}: {} [{}]",
            self.source,
            self.line,
            self.column,
            self.level.as_str(),
            self.message,
            self.code
        )?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}
