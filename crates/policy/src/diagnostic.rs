//! What is wrong with a policy text, with the place and a way out.
//! Must not know what a document means. Next: `yaml`.

use backstop_model::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// One policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's path, as it is shown to people.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// What loading must know of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadContext {
    /// The present moment: dated keys (`reviewBy`, `rollout.until`) are judged by it.
    pub now: Timestamp,
    /// The entities that this process's detectors know; empty where nobody said.
    pub entities: Arc<BTreeSet<String>>,
    /// Whether `names: required` can be kept.
    pub names: NamesModel,
}

/// Whether the model for names is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamesModel {
    /// It is.
    Installed,
    /// It is not; `backstop models install` gets it.
    Missing,
}

impl LoadContext {
    /// That moment, and nothing known of detectors.
    pub fn at(now: Timestamp) -> Self {
        Self { now, entities: Arc::default(), names: NamesModel::Missing }
    }
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

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Span {
    /// The first character of a text.
    pub(crate) const START: Self = Self { line: 1, column: 1, offset: 0, length: 0 };
}

/// LIMIT: how many diagnostics of one file are kept; the last says that there are more.
pub(crate) const MAX_FAULTS: usize = 1_000;

/// Collects all faults of one file.
#[derive(Debug)]
pub(crate) struct Faults {
    source: String,
    list: Vec<Diagnostic>,
    errors: usize,
}

impl Faults {
    pub(crate) fn of(source: &str) -> Self {
        Self { source: source.to_owned(), list: Vec::new(), errors: 0 }
    }
    /// How many errors were found so far, kept or not.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: String,
        hint: Option<&str>,
    ) {
        self.errors += 1;
        self.push(Level::Error, code, span, message, hint);
    }
    pub(crate) fn warn(
        &mut self,
        code: &'static str,
        span: Span,
        message: String,
        hint: Option<&str>,
    ) {
        self.push(Level::Warning, code, span, message, hint);
    }
    pub(crate) fn note(
        &mut self,
        code: &'static str,
        span: Span,
        message: String,
        hint: Option<&str>,
    ) {
        self.push(Level::Note, code, span, message, hint);
    }
    fn push(
        &mut self,
        level: Level,
        code: &'static str,
        span: Span,
        message: String,
        hint: Option<&str>,
    ) {
        if self.list.len() > MAX_FAULTS {
            return;
        }
        let (code, level, message, hint) = if self.list.len() == MAX_FAULTS {
            let more = format!("more than {MAX_FAULTS} faults; the rest is not shown");
            ("policy.many_faults", Level::Error, more, None)
        } else {
            (code, level, message, hint.map(str::to_owned))
        };
        self.list.push(Diagnostic {
            level,
            code,
            source: self.source.clone(),
            line: span.line,
            column: span.column,
            offset: span.offset,
            length: span.length,
            message,
            hint,
        });
    }
    /// All of them, in the order of the text.
    pub(crate) fn into_list(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|d| d.offset);
        self.list
    }
}
