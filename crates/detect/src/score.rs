//! How sure a detector is: a number from 0 to 1 that can be compared and sorted.
//! Next: `hit`.

use std::cmp::Ordering;
use std::fmt;

/// How sure a detector is of a hit: 0 (not at all) to 1 (certain), ordered.
#[derive(Clone, Copy, PartialEq)]
pub struct Score(f32);

impl Score {
    /// Not at all sure.
    pub const ZERO: Self = Self(0.0);
    /// Certain: a checksum said so.
    pub const CERTAIN: Self = Self(1.0);
    /// From here on a finding refuses (`acts: block`).
    pub const VERDICT: Self = Self(0.5);

    /// A score, brought into 0..=1. What is no number counts as 0.
    pub const fn new(value: f32) -> Self {
        if value >= 1.0 {
            Self(1.0)
        } else if value > 0.0 {
            Self(value)
        } else {
            Self(0.0)
        }
    }
    /// The number.
    pub const fn value(self) -> f32 {
        self.0
    }
    /// What a context word near the hit makes of it: +0.35, at least 0.4, at most 1.
    #[must_use]
    pub fn with_context(self) -> Self {
        Self::new((self.0 + 0.35).max(0.4))
    }
}

impl Default for Score {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_stay_between_nothing_and_certain() {
        for (given, kept) in [(-1.0, 0.0), (f32::NAN, 0.0), (0.3, 0.3), (7.0, 1.0)] {
            assert_eq!(Score::new(given).value(), kept);
        }
        assert_eq!(Score::new(0.01).with_context().value(), 0.4);
        assert_eq!(Score::new(0.9).with_context(), Score::CERTAIN);
        assert!(Score::new(0.3) < Score::VERDICT);
    }
}
