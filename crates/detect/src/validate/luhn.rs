//! The Luhn checksum (ISO/IEC 7812-1 annex B): cards, IMEI, Swedish, Canadian and other numbers.

use super::Verdict;

/// The Luhn checksum over all digits; anything else is invalid.
pub(crate) fn luhn(text: &str) -> Verdict {
    Verdict::of(luhn_holds(text))
}

/// Whether the text is at least two digits whose Luhn sum is a multiple of ten.
pub(crate) fn luhn_holds(text: &str) -> bool {
    let mut sum = 0;
    for (place, byte) in text.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(byte - b'0');
        sum += match (place % 2, digit) {
            (0, digit) => digit,
            (_, 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        };
        // Keeps the sum small on any length.
        sum %= 10;
    }
    text.len() >= 2 && sum == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_hold_and_their_neighbours_do_not() {
        // ISO/IEC 7812-1's own example, and the networks' test numbers.
        for number in ["79927398713", "4111111111111111", "378282246310005", "6011000990139424"] {
            assert_eq!(luhn(number), Verdict::Valid, "{number}");
        }
        for number in ["79927398710", "4111111111111112", "", "0", "4111 1111", "411111111111111１"]
        {
            assert_eq!(luhn(number), Verdict::Invalid, "{number}");
        }
    }
}
