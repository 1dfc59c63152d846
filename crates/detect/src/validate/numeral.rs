//! Numbers as people write them: digits out of text, weighted sums, check digits, calendar dates.
//!
//! Every national file beside this one is its own standard said in these words. Nothing here
//! knows a country.

/// Reads exactly `N` digits; whatever is no ASCII digit between them is passed over.
pub(super) fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut all = text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0');
    let mut read = [0_u8; N];
    for place in &mut read {
        *place = all.next()?;
    }
    all.next().is_none().then_some(read)
}

/// Whether the text is digits only, with no separators.
pub(super) fn bare(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number that these digits write.
pub(super) fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0_u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(*digit)))
}

/// Sum of digit times weight, as far as both lists go.
pub(super) fn weighted(digits: &[u8], weights: &[u8]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * u32::from(*weight)).sum()
}

/// Verhoeff's check (J. Verhoeff, *Error Detecting Decimal Codes*, 1969) over all digits.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    let mut interim = 0_u8;
    for (place, digit) in digits.iter().rev().enumerate() {
        interim = dihedral(interim, permuted(place, *digit));
    }
    interim == 0
}

/// The product of two elements of the dihedral group of order ten.
fn dihedral(left: u8, right: u8) -> u8 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => 5 + (left + right - 5) % 5,
        (false, true) => 5 + (left + 5 - right) % 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// Verhoeff's permutation, applied once for each place from the right.
fn permuted(place: usize, digit: u8) -> u8 {
    const ONCE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut image = digit;
    for _ in 0..place % 8 {
        image = ONCE.get(usize::from(image)).copied().unwrap_or(image);
    }
    image
}

/// The check digit of EAN-13 and UPC-A, which many long numbers in trade carry.
pub(super) fn trade_item(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| u32::from(*digit) * if place % 2 == 1 { 3 } else { 1 })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a year of four digits, a month and a day make a date of the Gregorian calendar.
pub(super) fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// Whether six digits, each pair given as tens and ones, can be a birthday of this or the last
/// century: the 29th of February counts when either century has it.
pub(super) fn is_short_date(year: [u8; 2], month: [u8; 2], day: [u8; 2]) -> bool {
    let (year, month, day) = (pair(year), pair(month), pair(day));
    is_date(1900 + year, month, day) || is_date(2000 + year, month, day)
}

/// Two digits as a number.
pub(super) fn pair([tens, ones]: [u8; 2]) -> u32 {
    u32::from(tens) * 10 + u32::from(ones)
}

/// Whether these digits read as a clock of our days in seconds, milliseconds or microseconds
/// since 1970 (2014 to 2036): programs write such numbers everywhere, so that a check digit
/// which one in ten of them satisfies by chance says nothing.
pub(super) fn looks_like_clock(digits: &[u8]) -> bool {
    let unit = match digits.len() {
        10 => 1,
        13 => 1_000,
        16 => 1_000_000,
        _ => return false,
    };
    (1_400_000_000..2_100_000_000).contains(&(value(digits) / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_through_separators_and_counted_exactly() {
        assert_eq!(digits::<4>("1 2-3.4"), Some([1, 2, 3, 4]));
        assert_eq!(digits::<4>("123"), None);
        assert_eq!(digits::<4>("12345"), None);
    }

    #[test]
    fn published_check_digits() {
        assert!(verhoeff(&[2, 3, 6, 3]), "Verhoeff's own: 236 has the check digit 3");
        assert!(!verhoeff(&[2, 6, 3, 3]), "a transposition");
        assert!(trade_item(&digits::<13>("4006381333931").unwrap()));
        assert!(!trade_item(&digits::<13>("4006381333932").unwrap()));
    }

    #[test]
    fn dates_follow_the_calendar() {
        assert!(is_date(2000, 2, 29) && !is_date(1900, 2, 29) && !is_date(2023, 4, 31));
        assert!(is_short_date([0, 0], [0, 2], [2, 9]));
        assert!(!is_short_date([9, 9], [0, 2], [2, 9]));
        assert!(!is_short_date([9, 9], [1, 3], [0, 1]));
    }

    #[test]
    fn clocks_are_known() {
        assert!(looks_like_clock(&digits::<13>("1763836800123").unwrap()));
        assert!(looks_like_clock(&digits::<10>("1763836800").unwrap()));
        assert!(!looks_like_clock(&digits::<13>("8001015000086").unwrap()));
    }
}
