//! Türkiye: national id (T.C. kimlik no), tax number, licence plate.
//!
//! Sources: Nüfus ve Vatandaşlık İşleri (two check digits); Gelir İdaresi (VKN);
//! Karayolları Trafik Yönetmeliği (plates begin with a province, 01 to 81).

use super::Verdict;
use super::numeral::{digits, pair, weighted};

/// T.C. kimlik no: eleven digits, the last two of which check the rest.
pub(crate) fn tr_national_id(text: &str) -> Verdict {
    let Some(number) = digits::<11>(text) else { return Verdict::Invalid };
    let [first, .., tenth, eleventh] = number;
    let odd = weighted(&number, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(&number, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let ten = (odd * 7 + 90 - even) % 10;
    let eleven = (odd + even + u32::from(tenth)) % 10;
    let repeated = number.iter().take(9).all(|digit| *digit == first);
    Verdict::of(first != 0 && !repeated && ten == u32::from(tenth) && eleven == u32::from(eleventh))
}

/// VKN: ten digits, the last a check digit. Waits for context.
pub(crate) fn tr_tax_number(text: &str) -> Verdict {
    let Some(number) = digits::<10>(text) else { return Verdict::Invalid };
    let [.., check] = number;
    let mut sum = 0;
    for (place, digit) in (0_u32..9).zip(number) {
        let shifted = (u32::from(digit) + 9 - place) % 10;
        if shifted != 0 {
            let raised = shifted * 2_u32.pow(9 - place) % 9;
            sum += if raised == 0 { 9 } else { raised };
        }
    }
    Verdict::possible((10 - sum % 10) % 10 == u32::from(check))
}

/// A plate: a province, one to three letters, two to five digits in the numbers that the
/// regulation gives to that many letters. Never certain: `12 MAR 2024` has the same build.
pub(crate) fn tr_license_plate(text: &str) -> Verdict {
    const DATES_AND_UNITS: [&str; 34] = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", "OCA",
        "NIS", "TEM", "EYL", "EKI", "KAS", "ARA", "AM", "PM", "KB", "MB", "GB", "TB", "PX", "PT",
        "MS", "NS", "HZ", "BIT", "AND", "OF", "TO",
    ];
    let letters: String =
        text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    let (Some(province), serial) = (
        text.bytes()
            .filter(u8::is_ascii_digit)
            .take(2)
            .map(|byte| byte - b'0')
            .collect::<Vec<_>>()
            .first_chunk()
            .copied(),
        text.bytes().filter(u8::is_ascii_digit).count().saturating_sub(2),
    ) else {
        return Verdict::Invalid;
    };
    let frame = matches!((letters.len(), serial), (1, 3..=5) | (2, 3..=4) | (3, 2..=4));
    let province = (1..=81).contains(&pair(province));
    Verdict::possible(frame && province && !DATES_AND_UNITS.contains(&letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_id() {
        for number in ["10000000146", "76543210794", "53857632436"] {
            assert_eq!(tr_national_id(number), Verdict::Valid, "{number}");
        }
        for number in ["10000000145", "00000000000", "12345678900", "1000000014", "11111111110"] {
            assert_eq!(tr_national_id(number), Verdict::Invalid, "{number}");
        }
    }

    #[test]
    fn plates_and_tax() {
        assert_eq!(tr_license_plate("34 ABC 123"), Verdict::Unknown);
        assert_eq!(tr_license_plate("06 A 123"), Verdict::Unknown);
        for wrong in ["82 ABC 123", "00 ABC 123", "12 MAR 2024", "10 GB 1024", ""] {
            assert_eq!(tr_license_plate(wrong), Verdict::Invalid, "{wrong}");
        }
        assert_eq!(tr_tax_number("1234567890"), Verdict::Unknown);
        assert_eq!(tr_tax_number("1234567891"), Verdict::Invalid);
    }
}
