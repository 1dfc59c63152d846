//! Payment cards (ISO/IEC 7812): Luhn, and the ranges that the networks issue from.
//! Public sources: the networks' own BIN tables as the merchants' guides print them.

use super::Verdict;
use super::digits::{luhn, uniform};

/// Twelve to nineteen digits that a network issues, with Luhn.
pub(crate) fn card_number(text: &str) -> Verdict {
    Verdict::of((12..=19).contains(&text.len()) && is_issued(text, text.len()) && checks(text))
}

/// Twelve to nineteen digits with Luhn, for use beside a word that says card. Thirteen that begin
/// with 1 are milliseconds of a clock.
pub(crate) fn card_named(text: &str) -> Verdict {
    let clock = text.len() == 13 && text.starts_with('1');
    Verdict::of((12..=19).contains(&text.len()) && !clock && checks(text))
}

/// As `card_number`, and lengths that the networks do not issue: what Presidio reports.
pub(crate) fn card_like(text: &str) -> Verdict {
    let length = text.len();
    let begins = match text.as_bytes() {
        [b'1', ..] => (14..=17).contains(&length),
        [b'3' | b'4' | b'6', ..] | [b'5', b'0'..=b'5', ..] => (13..=17).contains(&length),
        _ => false,
    };
    let shaped = begins || is_issued(text, length);
    Verdict::of((12..=19).contains(&length) && shaped && checks(text))
}

fn checks(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut digits = [0; 19];
    let mut count = 0;
    for (slot, byte) in digits.iter_mut().zip(bytes) {
        if !byte.is_ascii_digit() {
            return false;
        }
        *slot = byte - b'0';
        count += 1;
    }
    // The account part alone (after six digits of issuer) may be all zeros: test cards are so.
    count == bytes.len() && !uniform(bytes) && digits.get(..count).is_some_and(luhn)
}

/// First six digits from and to, and the lengths that are issued there.
struct Range {
    from: u32,
    to: u32,
    lengths: std::ops::RangeInclusive<usize>,
}

const fn range(from: u32, to: u32, shortest: usize, longest: usize) -> Range {
    Range { from, to, lengths: shortest..=longest }
}

/// Who issues what; overlapping rows are one network within another's range.
const RANGES: &[Range] = &[
    range(100_000, 199_999, 15, 15), // UATP; JCB's old 1800
    range(194_600, 194_699, 16, 16), // GPN
    range(213_100, 213_199, 15, 15), // JCB, old
    range(220_000, 220_499, 16, 19), // Mir
    range(220_500, 220_599, 16, 16), // Borica
    range(222_100, 272_099, 16, 16), // Mastercard
    range(300_000, 305_999, 14, 19), // Diners Club
    range(309_500, 309_599, 14, 19), // Diners Club
    range(340_000, 349_999, 15, 15), // American Express
    range(350_000, 359_999, 16, 16), // JCB issues 3528 to 3589; generators of test data more
    range(352_800, 358_999, 17, 19), // JCB
    range(360_000, 369_999, 14, 19), // Diners Club
    range(370_000, 379_999, 15, 15), // American Express
    range(380_000, 399_999, 14, 19), // Diners Club
    range(400_000, 499_999, 13, 13), // Visa, old
    range(400_000, 499_999, 16, 16), // Visa
    range(400_000, 499_999, 18, 19), // Visa
    range(500_000, 509_999, 12, 19), // Maestro, Dankort, Verve, Elo, RuPay
    range(510_000, 559_999, 16, 16), // Mastercard
    range(560_000, 589_999, 12, 19), // Maestro
    range(600_000, 609_999, 12, 19), // Discover, RuPay, Hipercard, Maestro
    range(610_000, 619_999, 12, 19), // Maestro
    range(620_000, 629_999, 16, 19), // UnionPay
    range(630_000, 639_999, 12, 19), // Maestro, InterPayment, InstaPayment
    range(640_000, 659_999, 16, 19), // Discover, RuPay, Troy
    range(660_000, 699_999, 12, 19), // Maestro
    range(810_000, 829_999, 16, 19), // UnionPay, RuPay
    range(860_000, 860_099, 16, 16), // UzCard
    range(979_200, 979_299, 16, 16), // Troy
    range(986_000, 986_099, 16, 16), // Humo
];

fn is_issued(text: &str, length: usize) -> bool {
    let issuer = text.get(..6).and_then(|issuer| issuer.parse::<u32>().ok());
    issuer.is_some_and(|issuer| {
        RANGES.iter().any(|range| {
            (range.from..=range.to).contains(&issuer) && range.lengths.contains(&length)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_own_test_numbers_are_cards() {
        for number in [
            "4111111111111111",
            "4012888888881881",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "6011000990139424",
            "3530111333300000",
            "6200000000000005",
            "30569309025904",
            "4222222222222",
            "4000000000000000006",
        ] {
            assert_eq!(card_number(number), Verdict::Valid, "{number}");
        }
    }

    #[test]
    fn near_misses_are_none() {
        for number in [
            "4111111111111112",     // Luhn
            "0000000000000000",     // nobody's
            "1234567890123452",     // Luhn holds, no network
            "9007199254740993",     // 2^53 + 1
            "411111111111111",      // one short
            "41111111111111111",    // one long
            "4111-1111-1111-1111x", // letters
            "",
        ] {
            assert_eq!(card_number(number), Verdict::Invalid, "{number}");
        }
    }

    #[test]
    fn a_note_asks_less() {
        assert_eq!(card_like("1234567890123452"), Verdict::Valid);
        assert_eq!(card_like("0000000000000000"), Verdict::Invalid);
        assert_eq!(card_like("1748503543012"), Verdict::Invalid, "a clock");
        assert_eq!(card_like("1234567890123453"), Verdict::Invalid);
        assert_eq!(card_like("44343864319803"), Verdict::Valid, "Visa issues none of 14");
        assert_eq!(card_number("44343864319803"), Verdict::Invalid);
        assert_eq!(card_named("9795000000000018"), Verdict::Valid);
        assert_eq!(card_named("1748503543012"), Verdict::Invalid, "a clock");
    }
}
