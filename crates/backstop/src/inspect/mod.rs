//! Files and folders looked through for what must not leave: the room behind `backstop inspect`.
//!
//! ```text
//!  paths ─ sources ─▶ Text ─ look (threads) ─▶ Inspector ─▶ place ─▶ Finding ─▶ show · sarif
//!                       └─ redact: replaced, looked at again, written only when nothing is left
//! ```
//! INVARIANT: no finding, note or fault of this room repeats a matched byte. Must not know what is
//! looked for. Reading order: `sources`, `look`, `asking`, `tokens`, `place`, `redact`, `show`, `sarif`.

mod asking;
mod look;
mod place;
mod progress;
mod redact;
mod sarif;
mod show;
mod sources;
mod tokens;

pub(crate) use asking::Asker;
pub(crate) use look::{Lens, Notes, all};
pub(crate) use progress::Progress;
pub(crate) use redact::redact;
pub(crate) use sarif::sarif;
pub(crate) use show::{json, text};
pub(crate) use sources::{Passed, Text, inputs, media, read};

use backstop_detect::{Acts, Family, More};
use std::sync::Arc;

/// Something found in a file.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// Where, if it could be told.
    pub(crate) place: Option<Place>,
    /// The field as an RFC 6901 pointer, empty for plain text; what was found is masked in it.
    pub(crate) field: String,
    /// What was undone to see it, outermost first.
    pub(crate) chain: Vec<&'static str>,
    /// What it is.
    pub(crate) entity: Arc<str>,
    /// Which control it belongs to.
    pub(crate) family: Family,
    /// Whether it refuses by itself.
    pub(crate) acts: Acts,
    /// Who found it.
    pub(crate) detector: Arc<str>,
    /// The detector's classification level.
    pub(crate) level: Option<Arc<str>>,
    /// How sure the detector is.
    pub(crate) score: f32,
    /// Its length in bytes, as it was found.
    pub(crate) length: usize,
    /// The registered value's name, when it is one.
    pub(crate) canary: Option<Arc<str>>,
}

/// A place in a file; lines and columns count from 1, columns in characters, the end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
}

/// What one file came to.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Its name, as it is shown.
    pub(crate) name: String,
    /// Bytes looked at.
    pub(crate) bytes: usize,
    /// What was found, by place.
    pub(crate) findings: Vec<Finding>,
    /// Findings that are like many of those and were only counted.
    pub(crate) more: Vec<More>,
    /// Why it was not, or not wholly, looked at.
    pub(crate) passed: Option<Passed>,
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// Every file, by name.
    pub(crate) files: Vec<File>,
}

impl Summary {
    /// Findings that refuse by themselves, listed or counted.
    pub(crate) fn findings(&self) -> usize {
        let all = self.files.iter().flat_map(|file| &file.findings);
        let listed = all.filter(|finding| finding.acts == Acts::Block).count();
        let counted = self.more().filter(|(_, more)| more.acts == Acts::Block);
        listed + counted.map(|(_, more)| more.count).sum::<usize>()
    }
    /// Findings that are counted and not listed, by file.
    pub(crate) fn more(&self) -> impl Iterator<Item = (&File, &More)> {
        self.files.iter().flat_map(|file| file.more.iter().map(move |more| (file, more)))
    }
    /// Files that should have been looked at wholly and were not.
    pub(crate) fn incomplete(&self) -> impl Iterator<Item = (&File, &Passed)> {
        self.passed().filter(|(_, passed)| passed.is_gap())
    }
    /// Files that were not, or not wholly, looked at.
    pub(crate) fn passed(&self) -> impl Iterator<Item = (&File, &Passed)> {
        self.files.iter().filter_map(|file| Some((file, file.passed.as_ref()?)))
    }
    /// Files that were looked at.
    pub(crate) fn looked_at(&self) -> usize {
        self.files.iter().filter(|file| file.bytes > 0 || file.passed.is_none()).count()
    }
    /// Bytes that were looked at.
    pub(crate) fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The control that a family belongs to.
pub(crate) const fn control(family: Family) -> &'static str {
    match family {
        Family::Pii => "dlp.pii",
        Family::Credential => "dlp.credential",
        Family::Encoded => "dlp.encoded",
        Family::Mark | Family::Document => "dlp.classification",
    }
}

/// A family's word.
pub(crate) const fn family(family: Family) -> &'static str {
    match family {
        Family::Pii => "pii",
        Family::Credential => "credential",
        Family::Encoded => "encoded",
        Family::Mark => "mark",
        Family::Document => "document",
    }
}
