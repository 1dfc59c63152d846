//! Checksums and shapes that no pattern can say: pure functions from text to a verdict.
//!
//! To add one: write `pub(crate) fn name(text: &str) -> Verdict` in a file of its family and add
//! its line to the table below, in alphabetical order; packs then say `validator: name`. The text
//! is the hit's value without the detector's `normalise` characters. Must not know detectors.

mod luhn;

/// What a validator says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A checksum holds: certain.
    Valid,
    /// It cannot be one: no hit.
    Invalid,
    /// It may be one: the pattern's score stands.
    Unknown,
}

impl Verdict {
    /// `Valid` or `Invalid`.
    pub const fn of(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
    /// `Unknown` or `Invalid`: a shape without a checksum.
    pub const fn possible(possible: bool) -> Self {
        if possible { Self::Unknown } else { Self::Invalid }
    }
}

/// A validator of the table.
#[derive(Clone, Copy)]
pub struct Validator {
    name: &'static str,
    check: fn(&str) -> Verdict,
}

impl Validator {
    /// The validator of that name.
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.iter().find(|known| known.name == name).copied()
    }
    /// Its name in packs.
    pub const fn name(self) -> &'static str {
        self.name
    }
    /// What it says of a value.
    pub fn check(self, value: &str) -> Verdict {
        (self.check)(value)
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! table {
    ($($name:ident => $path:path,)*) => {
        /// Every validator, by name.
        const TABLE: &[Validator] =
            &[$(Validator { name: stringify!($name), check: $path },)*];
    };
}

table! {
    luhn => luhn::luhn,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for validator in TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.name == validator.name).count(), 1);
            assert_eq!(Validator::parse(validator.name).map(Validator::name), Some(validator.name));
        }
        assert!(Validator::parse("no_such_validator").is_none());
    }

    #[test]
    fn no_validator_panics_on_odd_text() {
        for validator in TABLE {
            for text in [
                "",
                "0",
                "é",
                "００１２",
                "-----",
                "\u{0}\u{10ffff}",
                "999999999999999999999999999999999999999999",
            ] {
                let _ = validator.check(text);
            }
        }
    }
}
