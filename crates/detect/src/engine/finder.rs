//! Finders: code that proposes hits where no pattern can (checksums over windows of words, phone
//! numbers by metadata). The rest of a detector stays data: keywords, context, examples.
//!
//! To add one: write `fn(&str, &mut Vec<Candidate>)` where it belongs and add its line to the
//! table below; a pack then says `finder: name`. It gets the whole text, once, and only when the
//! detector's keywords or trigger are in it. It must be linear.

use crate::score::Score;
use std::ops::Range;

/// What a finder proposes. Guards do not apply; validator, entropy, stop-words, allow-lists and
/// context do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Bytes of the text, at borders of characters.
    pub(crate) span: Range<usize>,
    /// How sure it is, before context.
    pub(crate) score: Score,
}

/// A finder of the table.
#[derive(Clone, Copy)]
pub(crate) struct Finder {
    name: &'static str,
    find: fn(&str, &mut Vec<Candidate>),
}

impl Finder {
    /// The finder of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        TABLE.iter().find(|known| known.name == name).copied()
    }
    /// Its name in packs.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }
    /// Everything it proposes in a text.
    pub(crate) fn find(self, text: &str, found: &mut Vec<Candidate>) {
        (self.find)(text, found);
    }
}

impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! table {
    ($($name:ident => $path:path,)*) => {
        /// Every finder, by name.
        const TABLE: &[Finder] = &[$(Finder { name: stringify!($name), find: $path },)*];
    };
}

table! {
    mailboxes => crate::mailbox::find_any,
    mailboxes_refused => crate::mailbox::find_refused,
    phone_abroad => crate::phone::phone_abroad,
    phone_international => crate::phone::phone_international,
    phone_look => crate::phone::phone_look,
    phone_national => crate::phone::phone_national,
    street_address => crate::address::street_address,
    assigned_passwords => crate::secret::assign::assigned_passwords,
    assigned_secrets => crate::secret::assign::assigned_secrets,
    seed_phrases => crate::secret::phrase::seed_phrases,
}
