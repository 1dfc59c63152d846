//! Singapore, Thailand, the Philippines, China and Japan: numbers of persons and businesses.
//!
//! Sources: ICA (NRIC, FIN; check letters as published in 1998 and for M in 2022); ACRA (UEN);
//! Thai Department of Provincial Administration; BIR (TIN); GB 11643-1999 with ISO 7064 mod 11-2;
//! Ordinance 85 of the Japanese Ministry of Internal Affairs, 2014 (My Number), and of the
//! National Tax Agency (corporate number).

use super::Verdict;
use super::numeral::{bare, digits, is_date, looks_like_clock, pair, trade_item, weighted};

/// NRIC and FIN: S, T, F, G or M, seven digits, check letter.
pub(crate) fn sg_nric_fin(text: &str) -> Verdict {
    let upper = text.to_ascii_uppercase();
    let (Some(series), Some(check), Some(number)) =
        (upper.chars().next(), upper.chars().last(), digits::<7>(&upper))
    else {
        return Verdict::Invalid;
    };
    let (offset, letters) = match series {
        'S' => (0, b"JZIHGFEDCBA"),
        'T' => (4, b"JZIHGFEDCBA"),
        'F' => (0, b"XWUTRQPNMLK"),
        'G' => (4, b"XWUTRQPNMLK"),
        'M' => (3, b"XWUTRQPNJLK"),
        _ => return Verdict::Invalid,
    };
    let rest = (weighted(&number, &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    Verdict::possible(upper.len() == 9 && letter(letters, rest) == Some(check))
}

/// UEN in its three forms: business (8 digits and letter), company (year, 5 digits, letter),
/// other (`T` or `S`, year, two letters, 4 digits, letter).
pub(crate) fn sg_uen(text: &str) -> Verdict {
    let upper = text.to_ascii_uppercase();
    let Some((body, check)) = upper.len().checked_sub(1).and_then(|at| upper.split_at_checked(at))
    else {
        return Verdict::Invalid;
    };
    let expected = match body.len() {
        8 if bare(body) => digits::<8>(body).and_then(|number| {
            let sum = weighted(&number, &[10, 4, 9, 3, 8, 2, 7, 1]);
            letter(b"XMKECAWLJDB", sum % 11)
        }),
        9 if bare(body) => digits::<9>(body).and_then(|number @ [y1, y2, y3, y4, ..]| {
            let year = pair([y1, y2]) * 100 + pair([y3, y4]);
            let sum = weighted(&number, &[10, 8, 6, 4, 9, 7, 5, 3, 1]);
            (1800..=2100).contains(&year).then(|| letter(b"ZKCMDNERGWH", sum % 11)).flatten()
        }),
        9 if body.starts_with(['R', 'S', 'T']) => entity_check(body),
        _ => None,
    };
    let holds = expected.is_some_and(|letter| check.len() == 1 && check.starts_with(letter));
    Verdict::of(holds)
}

fn letter(letters: &[u8], place: u32) -> Option<char> {
    usize::try_from(place).ok().and_then(|place| letters.get(place)).copied().map(char::from)
}

fn entity_check(body: &str) -> Option<char> {
    const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    const WEIGHTS: [usize; 9] = [4, 3, 5, 3, 10, 2, 2, 5, 7];
    let mut sum = 0;
    for ((place, sign), weight) in body.bytes().enumerate().zip(WEIGHTS) {
        let letters = matches!(place, 0 | 3 | 4);
        if letters != sign.is_ascii_alphabetic() {
            return None;
        }
        sum += SIGNS.iter().position(|known| *known == sign)? * weight;
    }
    let place = (sum + 11 - 5) % 11;
    SIGNS.get(place).copied().map(char::from)
}

/// Thai national id: thirteen digits, category 1 to 8, a province that exists, check mod 11.
pub(crate) fn th_tnin_any(text: &str) -> Verdict {
    let Some(number @ [category, p1, p2, ..]) = digits::<13>(text) else { return Verdict::Invalid };
    let [.., check] = number;
    let province =
        matches!(pair([p1, p2]), 10..=27 | 30..=58 | 60..=67 | 70..=77 | 80..=86 | 90..=96);
    let sum = weighted(&number, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let expected = (11 - sum % 11) % 10;
    Verdict::of(matches!(category, 1..=8) && province && expected == u32::from(check))
}

/// The same; one without separators that is also a clock or a trade item's bar code waits for
/// context.
pub(crate) fn th_tnin(text: &str) -> Verdict {
    let Some(number @ [category, ..]) = digits::<13>(text) else { return Verdict::Invalid };
    // In-store bar codes begin with 2; real ones carry the prefix of a country.
    let item = category != 2 && trade_item(&number);
    let verdict = th_tnin_any(text);
    let ambiguous = bare(text) && (item || looks_like_clock(&number));
    if verdict == Verdict::Valid && ambiguous { Verdict::Unknown } else { verdict }
}

/// A Philippine TIN begins with 0 to 5, or holds the check digit (the ninth, mod 11), which older
/// ones do not; the branch code is three to five digits.
pub(crate) fn ph_tin(text: &str) -> Verdict {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let Some([a, b, c, d, e, f, g, h, check]) = digits.first_chunk() else {
        return Verdict::Invalid;
    };
    let number = [a, b, c, d, e, f, g, h].map(|digit| digit - b'0');
    let sum = weighted(&number, &[9, 8, 7, 6, 5, 4, 3, 2]);
    let holds = sum % 11 == u32::from(check - b'0');
    let plausible = (*a <= b'5' || holds) && digits.iter().any(|digit| *digit != b'0');
    Verdict::possible(plausible && matches!(digits.len(), 9 | 12..=14))
}

/// Resident identity number: region, birth date, order, check sign of ISO 7064 mod 11-2.
pub(crate) fn cn_resident_id(text: &str) -> Verdict {
    let (Some(body), Some(check), 18) = (text.get(..17), text.get(17..), text.len()) else {
        return Verdict::Invalid;
    };
    let Some(number @ [r1, r2, _, _, _, _, y1, y2, y3, y4, m1, m2, d1, d2, ..]) =
        digits::<17>(body)
    else {
        return Verdict::Invalid;
    };
    let region = matches!(
        pair([r1, r2]),
        11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91
    );
    let year = pair([y1, y2]) * 100 + pair([y3, y4]);
    let dated = (1850..2100).contains(&year) && is_date(year, pair([m1, m2]), pair([d1, d2]));
    let sum = weighted(&number, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let expected = letter(b"10X98765432", sum % 11);
    Verdict::of(region && dated && expected == check.to_ascii_uppercase().chars().next())
}

/// My Number: twelve digits, check digit mod 11. Waits for context: nothing else marks it.
pub(crate) fn jp_my_number(text: &str) -> Verdict {
    let Some(number) = digits::<12>(text) else { return Verdict::Invalid };
    let [.., check] = number;
    let expected = match weighted(&number, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    Verdict::possible(number.iter().any(|digit| *digit != 0) && expected == u32::from(check))
}

/// Corporate number: thirteen digits, the first the check digit mod 9.
pub(crate) fn jp_corporate_number(text: &str) -> Verdict {
    let Some(number @ [check, ..]) = digits::<13>(text) else { return Verdict::Invalid };
    let sum = weighted(number.get(1..).unwrap_or_default(), &[2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
    Verdict::possible(u32::from(check) == 9 - sum % 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singapore() {
        for number in ["S2740116C", "F7654321Q", "T1234567J", "G1234567X", "s1234567d"] {
            assert_eq!(sg_nric_fin(number), Verdict::Unknown, "{number}");
        }
        for number in ["S2740116D", "B1234567Z", "S123456C", "M123", ""] {
            assert_eq!(sg_nric_fin(number), Verdict::Invalid, "{number}");
        }
        for number in ["201434292D", "T16RF0037C", "S57TU0392K"] {
            assert_eq!(sg_uen(number), Verdict::Valid, "{number}");
        }
        assert_eq!(sg_uen("53125226D"), Verdict::Valid);
        for number in ["53125226E", "201434292E", "T16RF0037D", "53125226", ""] {
            assert_eq!(sg_uen(number), Verdict::Invalid, "{number}");
        }
    }

    #[test]
    fn thailand() {
        assert_eq!(th_tnin("1-1037-02071-81-1"), Verdict::Valid);
        assert_eq!(th_tnin("1234567890121"), Verdict::Valid);
        for number in
            ["1234567890122", "1284567890124", "9234567890121", "0000000000000", "12345678901"]
        {
            assert_eq!(th_tnin(number), Verdict::Invalid, "{number}");
        }
        assert!(
            (0..10).all(|last| th_tnin(&format!("170383680012{last}")) != Verdict::Valid),
            "milliseconds"
        );
    }

    #[test]
    fn china() {
        assert_eq!(cn_resident_id("11010519491231002X"), Verdict::Valid, "the example of GB 11643");
        assert_eq!(cn_resident_id("440524188001010014"), Verdict::Valid, "its second example");
        assert_eq!(cn_resident_id("110105194912310021"), Verdict::Invalid);
        assert_eq!(cn_resident_id("11010519491331002X"), Verdict::Invalid);
    }

    #[test]
    fn japan() {
        assert_eq!(jp_my_number("123456789018"), Verdict::Unknown);
        assert_eq!(jp_my_number("123456789019"), Verdict::Invalid);
        assert_eq!(
            jp_corporate_number("7000012050002"),
            Verdict::Unknown,
            "the National Tax Agency's own"
        );
        assert_eq!(jp_corporate_number("8000012050002"), Verdict::Invalid);
    }

    #[test]
    fn philippines() {
        assert_eq!(ph_tin("000-123-456-001"), Verdict::Unknown);
        assert_eq!(ph_tin("600-000-000"), Verdict::Invalid);
        assert_eq!(ph_tin("000-000-000"), Verdict::Invalid);
    }
}
