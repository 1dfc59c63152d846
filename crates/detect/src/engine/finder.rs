//! Finders: code that proposes hits where no pattern can (checksums over windows of words, phone
//! numbers by metadata). The rest of a detector stays data: keywords, context, examples.
//!
//! To add one: write the function where it belongs and its line in the table below, with what a text
//! must hold before it can find anything; a pack then says `finder: name`. It runs only when the detector's keywords or trigger are in the text, must
//! be linear, and is of one kind:
//! - `whole`: gets the whole text, once. The dearest kind: a pass over every text that triggers it.
//! - `masked`: gets the whole text with the kinds of its bytes, sixty-four at a time.
//! - `near`: gets the stretches around the detector's keywords, so many bytes before and behind,
//!   and looks for what starts there.
//! - `asking`: gets the whole text and a question to ask before anything costly: whether a
//!   candidate of this span and score could count at all (a weak one only beside a context word).
//!
//! Next: `judge`.

use super::needs::Needs;
use crate::mask::Mask;
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

/// Answers whether a candidate of this span and score could count.
pub(crate) type Worth<'a> = dyn FnMut(&Range<usize>, Score) -> bool + 'a;

/// A finder of the table.
#[derive(Clone, Copy)]
pub(crate) struct Finder {
    name: &'static str,
    pub(super) kind: Kind,
    /// What a text must hold before it can find anything.
    pub(super) needs: Needs,
}

/// How a finder is brought to its places.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Whole(fn(&str, &mut Vec<Candidate>)),
    Masked(fn(&str, &[Mask], &mut Vec<Candidate>)),
    Near(Reach, fn(&str, Range<usize>, &mut Vec<Candidate>)),
    Asking(fn(&str, &mut Worth<'_>, &mut Vec<Candidate>)),
}

/// How far from a keyword a `near` finder looks, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    pub(super) before: usize,
    pub(super) behind: usize,
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
}

impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! table {
    ($($name:ident => $kind:expr, $needs:expr;)*) => {
        /// Every finder, by name.
        const TABLE: &[Finder] =
            &[$(Finder { name: stringify!($name), kind: $kind, needs: $needs },)*];
    };
}

const fn whole(find: fn(&str, &mut Vec<Candidate>)) -> Kind {
    Kind::Whole(find)
}

const fn masked(find: fn(&str, &[Mask], &mut Vec<Candidate>)) -> Kind {
    Kind::Masked(find)
}

const fn near(
    before: usize,
    behind: usize,
    find: fn(&str, Range<usize>, &mut Vec<Candidate>),
) -> Kind {
    Kind::Near(Reach { before, behind }, find)
}

const fn asking(find: fn(&str, &mut Worth<'_>, &mut Vec<Candidate>)) -> Kind {
    Kind::Asking(find)
}

const NOTHING: Needs = Needs { digits: 0, stretch: 0, row: 0, sign: None };
/// The fewest digits of a telephone number.
const PHONE: Needs = Needs { digits: 7, ..NOTHING };

table! {
    mailboxes => whole(crate::mailbox::find_any), NOTHING;
    mailboxes_refused => whole(crate::mailbox::find_refused), NOTHING;
    phone_abroad => asking(crate::phone::phone_abroad), PHONE;
    phone_international => whole(crate::phone::phone_international), PHONE;
    phone_look => whole(crate::phone::phone_look), PHONE;
    phone_national => asking(crate::phone::phone_national), PHONE;
    street_address => near(256, 320, crate::address::street_address), Needs { digits: 1, ..NOTHING };
    assigned_passwords => near(0, 192, crate::secret::assign::assigned_passwords), NOTHING;
    assigned_secrets => near(0, 192, crate::secret::assign::assigned_secrets), NOTHING;
    seed_phrases => masked(crate::secret::phrase::seed_phrases), Needs { row: 12, ..NOTHING };
}
