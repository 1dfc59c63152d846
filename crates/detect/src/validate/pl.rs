//! Poland: PESEL (person), NIP (tax), REGON (business), identity card and passport.
//!
//! Sources: Ustawa o ewidencji ludności, annex on PESEL; Ministry of Finance on NIP; GUS on REGON;
//! ICAO 9303 weights for documents as the Ministry of the Interior prints them.

use super::Verdict;
use super::numeral::{bare, digits, is_date, pair, weighted};

/// PESEL: birth date with the century in the month, then a check digit (weights 1, 3, 7, 9).
pub(crate) fn pl_pesel(text: &str) -> Verdict {
    if !bare(text) {
        return Verdict::Invalid;
    }
    let Some(number) = digits::<11>(text) else { return Verdict::Invalid };
    let [y1, y2, m1, m2, d1, d2, ..] = number;
    let coded = pair([m1, m2]);
    let century = match coded / 20 {
        0 => 1900,
        1 => 2000,
        2 => 2100,
        3 => 2200,
        _ => 1800,
    };
    let sum = weighted(&number, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let dated = is_date(century + pair([y1, y2]), coded % 20, pair([d1, d2]));
    Verdict::of(dated && sum.is_multiple_of(10))
}

/// NIP: ten digits, the last one the sum of the others mod 11.
pub(crate) fn pl_nip(text: &str) -> Verdict {
    let Some(number) = digits::<10>(text) else { return Verdict::Invalid };
    let [first, .., check] = number;
    let sum = weighted(&number, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11;
    Verdict::possible(first != 0 && sum == u32::from(check))
}

/// REGON: nine digits, or fourteen whose first nine are one.
pub(crate) fn pl_regon(text: &str) -> Verdict {
    if let Some(number) = digits::<9>(text) {
        return Verdict::possible(regon_holds(&number, &[8, 9, 2, 3, 4, 5, 6, 7]));
    }
    let Some(number) = digits::<14>(text) else { return Verdict::Invalid };
    let unit = number.first_chunk::<9>();
    let holds = unit.is_some_and(|unit| regon_holds(unit, &[8, 9, 2, 3, 4, 5, 6, 7]))
        && regon_holds(&number, &[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]);
    Verdict::possible(holds)
}

fn regon_holds(number: &[u8], weights: &[u8]) -> bool {
    let sum = weighted(number, weights) % 11 % 10;
    number.iter().any(|digit| *digit != 0)
        && number.last().is_some_and(|check| u32::from(*check) == sum)
}

/// Identity card: three letters, then six digits of which the first is the check digit.
pub(crate) fn pl_id_card(text: &str) -> Verdict {
    Verdict::possible(document_holds(text, 3, &[7, 3, 1, 9, 7, 3, 1, 7, 3]))
}

/// Passport: two letters, then seven digits of which the first is the check digit.
pub(crate) fn pl_passport(text: &str) -> Verdict {
    Verdict::possible(document_holds(text, 2, &[7, 3, 9, 1, 7, 3, 1, 7, 3]))
}

/// Letters count from A = 10; with the check digit's own weight of 9 the sum is a multiple of ten.
fn document_holds(text: &str, letters: usize, weights: &[u8; 9]) -> bool {
    let signs: Vec<u8> = text
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .enumerate()
        .map_while(|(place, byte)| match byte.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' if place < letters => Some(letter - b'A' + 10),
            digit @ b'0'..=b'9' if place >= letters => Some(digit - b'0'),
            _ => None,
        })
        .collect();
    signs.len() == weights.len()
        && text.bytes().filter(u8::is_ascii_alphanumeric).count() == weights.len()
        && weighted(&signs, weights).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pesel() {
        // The register's own example, and one of a child born in 2002.
        for number in ["44051401359", "02070803628", "02270803624"] {
            assert_eq!(pl_pesel(number), Verdict::Valid, "{number}");
        }
        for number in ["44051401459", "85040812345", "44-051401359", "44133201359", "4405140135"] {
            assert_eq!(pl_pesel(number), Verdict::Invalid, "{number}");
        }
    }

    #[test]
    fn business_numbers() {
        assert_eq!(pl_nip("123-456-32-18"), Verdict::Unknown);
        assert_eq!(pl_nip("123-456-32-19"), Verdict::Invalid);
        assert_eq!(pl_regon("123456785"), Verdict::Unknown);
        assert_eq!(pl_regon("12345678512347"), Verdict::Unknown);
        assert_eq!(pl_regon("123456786"), Verdict::Invalid);
    }

    #[test]
    fn documents() {
        // Specimens of the ministry.
        assert_eq!(pl_id_card("ABS123456"), Verdict::Unknown);
        assert_eq!(pl_id_card("ABS123457"), Verdict::Invalid);
        assert_eq!(pl_id_card("ABA300000"), Verdict::Unknown);
        assert_eq!(pl_passport("ZS0000177"), Verdict::Unknown);
        assert_eq!(pl_passport("ZS0000178"), Verdict::Invalid);
    }
}
