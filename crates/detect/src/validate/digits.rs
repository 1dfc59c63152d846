//! Arithmetic that many numbers share: weighted sums, ISO 7064, the letter tables of Spain, Ireland
//! and others. Pure; knows no number by name.

/// The text's decimal digits as numbers, or `None` if there are not exactly `N` characters, all
/// digits.
pub(super) fn exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes: &[u8; N] = text.as_bytes().try_into().ok()?;
    bytes.iter().all(u8::is_ascii_digit).then(|| bytes.map(|byte| byte - b'0'))
}

/// The text's characters in upper case, or `None` if they are not exactly `N` ASCII letters or
/// digits.
pub(super) fn alphanumerics<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes: &[u8; N] = text.as_bytes().try_into().ok()?;
    bytes.iter().all(u8::is_ascii_alphanumeric).then(|| bytes.map(|byte| byte.to_ascii_uppercase()))
}

/// What a digit or letter counts: 0–9, then A = 10 to Z = 35.
pub(super) fn value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        b'a'..=b'z' => u32::from(byte - b'a') + 10,
        _ => 0,
    }
}

/// The sum of digits times weights; the shorter of the two ends it.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// The same with the cross-sum of every product (18 counts 1 + 8).
pub(super) fn weighted_cross(digits: &[u8], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .map(|product| product / 10 + product % 10)
        .sum()
}

/// What must be added to a sum to reach the next multiple of ten.
pub(super) const fn to_ten(sum: u32) -> u32 {
    (10 - sum % 10) % 10
}

/// The number that the digits spell.
pub(super) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(*digit))
}

/// The remainder by 97 of letters and digits read as ISO 7064 wants it (A = 10 … Z = 35).
pub(super) fn mod_97(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(0, |rest, byte| {
        let value = value(byte);
        let shift = if value > 9 { 100 } else { 10 };
        (rest * shift + value) % 97
    })
}

/// ISO 7064 MOD 11,10: whether the last digit checks those before it.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last() else { return false };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// The Luhn sum of digits is a multiple of ten.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(*digit) * if place % 2 == 0 { 1 } else { 2 };
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// All characters are the same: what people type to fill a field.
pub(super) fn uniform(text: &[u8]) -> bool {
    text.first().is_some_and(|first| text.iter().all(|byte| byte == first))
}

/// A day and month that a calendar has (29 February always).
pub(super) const fn is_day(day: u32, month: u32) -> bool {
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        _ => 0,
    };
    day >= 1 && day <= last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mod_97_is_that_of_the_standard() {
        // ISO 13616's own example, with the country and check digits at the end.
        assert_eq!(mod_97(*b"WEST12345698765432GB82"), 1);
        assert_eq!(mod_97(*b"WEST12345698765432GB83"), 2);
    }

    #[test]
    fn mod_11_10_is_that_of_the_standard() {
        assert!(mod_11_10(&[0, 7, 9, 4, 5]), "ISO 7064's example 0794 has the check digit 5");
        assert!(!mod_11_10(&[0, 7, 9, 4, 6]));
        assert!(!mod_11_10(&[]));
    }

    #[test]
    fn calendars() {
        assert!(is_day(29, 2) && is_day(31, 12) && is_day(1, 1));
        assert!(!is_day(30, 2) && !is_day(31, 4) && !is_day(0, 1) && !is_day(1, 13));
    }
}
