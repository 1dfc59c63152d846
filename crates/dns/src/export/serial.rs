//! Serial numbers of zones (RFC 1982): they go round, and still grow. Next: `coredns`.

use std::cmp::Ordering;

/// How two serials stand to each other; `None` where they are half the circle apart.
#[must_use]
pub const fn compare(one: u32, other: u32) -> Option<Ordering> {
    match one.wrapping_sub(other) {
        0 => Some(Ordering::Equal),
        0x8000_0000 => None,
        1..0x8000_0000 => Some(Ordering::Greater),
        0x8000_0001.. => Some(Ordering::Less),
    }
}

/// The serial of changed contents: the seconds since 1970, or one more than the last where that
/// is not behind them. So a zone whose file was lost goes on growing.
#[must_use]
pub fn next(last: Option<u32>, unix_seconds: i64) -> u32 {
    let low = unix_seconds.cast_unsigned() & u64::from(u32::MAX);
    let now = u32::try_from(low).unwrap_or(1);
    match last {
        Some(last) if compare(now, last) != Some(Ordering::Greater) => last.wrapping_add(1),
        Some(_) | None => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_compared_on_a_circle() {
        // RFC 1982 §5.2, for 32 bits.
        for (one, other) in [(1, 0), (44, 0), (100, 44), (0, u32::MAX), (0x8000_0000, 1)] {
            assert_eq!(compare(one, other), Some(Ordering::Greater), "{one} {other}");
            assert_eq!(compare(other, one), Some(Ordering::Less), "{one} {other}");
        }
        assert_eq!(compare(7, 7), Some(Ordering::Equal));
        assert_eq!(compare(0x8000_0000, 0), None);
    }

    #[test]
    fn the_next_is_always_greater() {
        for last in [
            0,
            1,
            1_800_000_000,
            1_800_000_001,
            u32::MAX - 1,
            u32::MAX,
            0x8000_0000 + 1_800_000_000,
        ] {
            let next = next(Some(last), 1_800_000_000);
            assert_eq!(compare(next, last), Some(Ordering::Greater), "{last}");
        }
        assert_eq!(next(None, 1_800_000_000), 1_800_000_000);
        assert_eq!(next(Some(5), 1_800_000_000), 1_800_000_000);
        assert_eq!(next(Some(1_800_000_000), 1_800_000_000), 1_800_000_001);
    }
}
