//! A detector as the engine gets it: parsed, checked, not yet compiled.
//! Next: `schema` (how it is written), `engine` (what it becomes).

use crate::engine::Finder;
use crate::score::Score;
use crate::validate::Validator;
use std::sync::Arc;

/// Which control a finding belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Data about a person (`dlp.pii`).
    Pii,
    /// What opens doors (`dlp.credential`).
    Credential,
    /// A run of encoded bytes (`dlp.encoded`).
    Encoded,
    /// A classification mark (`dlp.classification`).
    Mark,
    /// A registered document (`dlp.classification`).
    Document,
}

impl Family {
    /// Its place in a set.
    pub(crate) const fn bit(self) -> u8 {
        match self {
            Self::Pii => 1,
            Self::Credential => 2,
            Self::Encoded => 4,
            Self::Mark => 8,
            Self::Document => 16,
        }
    }
}

/// Whether a finding refuses by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acts {
    /// A finding of score 0.5 or more refuses.
    Block,
    /// It is reported and never refuses by itself (a URL, a date, a UUID).
    Note,
}

/// A detector of any pack.
#[derive(Debug, Clone)]
pub(crate) struct Detector {
    pub(crate) id: Arc<str>,
    pub(crate) entity: Arc<str>,
    pub(crate) family: Family,
    pub(crate) acts: Acts,
    pub(crate) level: Option<Arc<str>>,
    pub(crate) country: Option<String>,
    /// Empty: answers for every language.
    pub(crate) languages: Vec<String>,
    /// Lower-case; empty: no keyword is needed.
    pub(crate) keywords: Vec<String>,
    pub(crate) trigger: Trigger,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) finder: Option<Finder>,
    pub(crate) validator: Option<Validator>,
    /// Characters that the validator does not see.
    pub(crate) normalise: String,
    /// Context words of every language.
    pub(crate) context: Vec<String>,
    pub(crate) context_required: bool,
    /// Shannon bits per character, at least.
    pub(crate) entropy: Option<f32>,
    /// Lower-case.
    pub(crate) stopwords: Vec<String>,
    /// Regular expressions on the value that drop the hit.
    pub(crate) allow: Vec<String>,
    pub(crate) priority: i32,
    pub(crate) examples: Vec<Example>,
    pub(crate) counter_examples: Vec<Example>,
    /// Where it is written.
    pub(crate) origin: Origin,
}

impl Detector {
    /// A detector of patterns alone.
    pub(super) fn of(id: &str, entity: &str, patterns: Vec<Pattern>, origin: Origin) -> Self {
        Self {
            id: Arc::from(id),
            entity: Arc::from(entity),
            family: Family::Pii,
            acts: Acts::Block,
            level: None,
            country: None,
            languages: Vec::new(),
            keywords: Vec::new(),
            trigger: Trigger::Always,
            patterns,
            finder: None,
            validator: None,
            normalise: String::new(),
            context: Vec::new(),
            context_required: false,
            entropy: None,
            stopwords: Vec::new(),
            allow: Vec::new(),
            priority: 0,
            examples: Vec::new(),
            counter_examples: Vec::new(),
            origin,
        }
    }
}

/// The source and line of a detector.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) source: Arc<str>,
    pub(crate) line: usize,
    /// From rules of others, which carry no examples.
    pub(crate) is_imported: bool,
}

/// One pattern of a detector.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) name: String,
    /// With its flags in front.
    pub(crate) regex: String,
    /// The group whose span is reported: its number, or a name.
    pub(crate) group: Group,
    pub(crate) score: Score,
    pub(crate) guard: Guard,
    pub(crate) line: usize,
}

/// Which part of a match is the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The group named `value` if there is one, else the whole match.
    Value,
    /// The first group that took part, else the whole match (gitleaks).
    First,
    /// This group.
    Number(usize),
}

/// What may not stand directly before or after a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// `[A-Za-z0-9_]` and letters of other scripts.
    Word,
    /// A digit, nor one of `.,-` with a digit behind it.
    Digit,
    /// `[A-Za-z0-9_+/=-]`.
    Token,
    /// As `Word`, nor `:` or `.` before it, nor either of them behind it with one more `:` or
    /// hexadecimal digit: a part of an IPv6 address is none.
    Address,
    /// What makes digits part of another number or token: `[A-Za-z0-9_]`, a `.` or `,` with a digit
    /// behind it, a `-` or (after the match) `:` or `/` with a letter or digit behind it.
    Number,
    /// Anything may.
    None,
}

/// What must stand in a text before a detector without keywords looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// At least this many digits, joined by single separators.
    Digits(u16),
    /// An `@`.
    At,
    /// `://`.
    ColonSlashes,
    /// Two colons within one word (MAC, IPv6).
    Colons,
    /// A word of letters and digits, with at least one digit, this long.
    LettersDigits(u16),
    /// This many hexadecimal digits in a row.
    HexRun(u16),
    /// This many characters of `[A-Za-z0-9_+/=-]` in a row.
    Token(u16),
    /// Any letter.
    Word,
    /// Every text.
    Always,
}

/// An example or counter-example.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) text: String,
    /// What exactly must be found.
    pub(crate) value: Option<String>,
    pub(crate) line: usize,
}
