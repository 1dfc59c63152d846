//! Numbers of Germany.
//! Sources: BZSt (tax identification and VAT numbers), ICAO 9303 as the Personalausweisverordnung
//! uses it, VKVV (pension insurance), GKV's KVNR rules, KBV's rules for doctors and practices.

use super::Verdict;
use super::digits::{
    alphanumerics, exactly, is_day, mod_11_10, number, to_ten, uniform, value, weighted,
    weighted_cross,
};

/// Tax identification number: ISO 7064 MOD 11,10, no leading zero, no digit four times.
pub(crate) fn de_tax_id(text: &str) -> Verdict {
    let Some(digits) = exactly::<11>(text) else { return Verdict::Invalid };
    let [first, ..] = digits;
    let body = digits.get(..10).unwrap_or_default();
    let most = (0..10).map(|digit| body.iter().filter(|d| **d == digit).count()).max();
    // The law wants one digit two or three times; test numbers with ten different digits go about
    // and are accepted, as elsewhere.
    let spread = most.is_some_and(|most| most <= 3);
    Verdict::of(first != 0 && spread && mod_11_10(&digits))
}

/// VAT number: MOD 11,10 over nine digits. A wrong check digit is not dropped: the tax office
/// has issued numbers that fail it.
pub(crate) fn de_vat(text: &str) -> Verdict {
    let digits = text.get(2..).unwrap_or_default();
    match exactly::<9>(digits) {
        Some(digits) if mod_11_10(&digits) && !uniform(&digits) => Verdict::Valid,
        Some(_) => Verdict::Unknown,
        None => Verdict::Invalid,
    }
}

/// VAT number whose check digit holds.
pub(crate) fn de_vat_checked(text: &str) -> Verdict {
    Verdict::of(de_vat(text) == Verdict::Valid)
}

/// ICAO 9303's check digit: weights 7-3-1, letters from 10.
fn icao(characters: &[u8], check: u8) -> bool {
    let sum: u32 = characters
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(c, weight)| value(*c) * weight)
        .sum();
    check.is_ascii_digit() && sum % 10 == value(check)
}

/// No vowels and no letters that look like digits.
const DOCUMENT: &[u8] = b"0123456789CFGHJKLMNPRTVWXYZ";

/// Identity card or passport in the nine characters whose last is the check digit, or ten with
/// the check digit of the machine-readable zone. The old `T` and eight digits has none.
pub(crate) fn de_document(text: &str) -> Verdict {
    let upper = text.to_ascii_uppercase();
    let bytes = upper.as_bytes();
    let charset = bytes.iter().all(|byte| DOCUMENT.contains(byte));
    let [first, .., check] = bytes else { return Verdict::Invalid };
    if !charset || !first.is_ascii_alphabetic() || !(9..=10).contains(&bytes.len()) {
        return Verdict::Invalid;
    }
    let body = bytes.get(..bytes.len() - 1).unwrap_or_default();
    let old = bytes.len() == 9 && *first == b'T' && body.iter().skip(1).all(u8::is_ascii_digit);
    if icao(body, *check) {
        Verdict::Valid
    } else if old && check.is_ascii_digit() {
        Verdict::Unknown
    } else {
        Verdict::Invalid
    }
}

/// Identity card or passport as printed: nine characters without a check digit, or ten with.
/// For use beside words that say what it is.
pub(crate) fn de_document_printed(text: &str) -> Verdict {
    let upper = text.to_ascii_uppercase();
    let bytes = upper.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let printed = bytes.len() == 9
        && digits >= 3
        && bytes.iter().all(|byte| DOCUMENT.contains(byte))
        && bytes.first().is_some_and(u8::is_ascii_alphabetic);
    match de_document(text) {
        Verdict::Valid => Verdict::Valid,
        Verdict::Unknown | Verdict::Invalid => Verdict::possible(printed),
    }
}

/// Pension insurance number: area, birth date (day perhaps with 50 added), letter, serial, check.
pub(crate) fn de_pension(text: &str) -> Verdict {
    let Some(n) = alphanumerics::<12>(text) else { return Verdict::Invalid };
    let [a1, a2, d1, d2, m1, m2, y1, y2, letter, s1, s2, check] = n;
    let all = [a1, a2, d1, d2, m1, m2, y1, y2, s1, s2, check].iter().all(u8::is_ascii_digit);
    if !all || !letter.is_ascii_uppercase() {
        return Verdict::Invalid;
    }
    let place = letter - b'A' + 1;
    let digit = |byte: u8| byte - b'0';
    let digits = [
        digit(a1),
        digit(a2),
        digit(d1),
        digit(d2),
        digit(m1),
        digit(m2),
        digit(y1),
        digit(y2),
        place / 10,
        place % 10,
        digit(s1),
        digit(s2),
    ];
    let day = value(d1) * 10 + value(d2);
    let day = if day > 50 { day - 50 } else { day };
    let month = value(m1) * 10 + value(m2);
    let sum = weighted_cross(&digits, &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]);
    Verdict::of(is_day(day, month) && value(a1) * 10 + value(a2) >= 2 && sum % 10 == value(check))
}

/// Health insurance number: a letter and nine digits, the last their check.
pub(crate) fn de_health_insurance(text: &str) -> Verdict {
    let (Some(letter), Some(digits)) = (text.get(..1), text.get(1..).and_then(exactly::<9>)) else {
        return Verdict::Invalid;
    };
    let Some(letter @ b'A'..=b'Z') = letter.bytes().next().map(|b| b.to_ascii_uppercase()) else {
        return Verdict::Invalid;
    };
    let place = letter - b'A' + 1;
    let [d1, d2, d3, d4, d5, d6, d7, d8, check] = digits;
    let all = [place / 10, place % 10, d1, d2, d3, d4, d5, d6, d7, d8];
    Verdict::of(weighted_cross(&all, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) % 10 == u32::from(check))
}

/// Doctor's number for life: six digits, their check (weights 4 and 9), two of the speciality.
pub(crate) fn de_doctor(text: &str) -> Verdict {
    let Some(digits) = exactly::<9>(text) else { return Verdict::Invalid };
    let [.., check, _, _] = digits;
    let sum = weighted(digits.get(..6).unwrap_or_default(), &[4, 9, 4, 9, 4, 9]);
    Verdict::of(to_ten(sum) == u32::from(check) && number(&digits) > 0)
}

/// Practice number: two digits of a region that exists, seven more.
pub(crate) fn de_practice(text: &str) -> Verdict {
    let Some(digits) = exactly::<9>(text) else { return Verdict::Invalid };
    let [tens, ones, ..] = digits;
    Verdict::possible(tens * 10 + ones != 0)
}

/// Postcode: 01001 to 99998.
pub(crate) fn de_postcode(text: &str) -> Verdict {
    let code = exactly::<5>(text).map(|digits| number(&digits));
    Verdict::possible(code.is_some_and(|code| (1001..=99_998).contains(&code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taxes() {
        for number in ["86095742719", "47036892816", "65929970489", "57549285017"] {
            assert_eq!(de_tax_id(number), Verdict::Valid, "{number}");
        }
        for number in ["86095742718", "02476291358", "11112345678", "8609574271"] {
            assert_eq!(de_tax_id(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(de_vat("DE136695976"), Verdict::Valid);
        assert_eq!(de_vat("DE136695977"), Verdict::Unknown);
        assert_eq!(de_vat("DE13669597"), Verdict::Invalid);
        assert_eq!(de_vat_checked("DE136695977"), Verdict::Invalid);
        assert_eq!(de_postcode("01001"), Verdict::Unknown);
        assert_eq!(de_postcode("01000"), Verdict::Invalid);
    }

    #[test]
    fn documents() {
        // The specimen of the Bundesdruckerei: L01X00T47 with check digit 1; ICAO's own C01X00T47 8.
        assert_eq!(de_document("L01X00T471"), Verdict::Valid);
        assert_eq!(de_document("C01X00T478"), Verdict::Valid);
        assert_eq!(de_document("CZ6311T03"), Verdict::Valid);
        assert_eq!(de_document("T22000129"), Verdict::Unknown);
        for number in ["L01X00T472", "L01X00T47", "A01234567", "123456789", "C0123456A", "C0123456"]
        {
            assert_eq!(de_document(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(de_document_printed("L01X00T47"), Verdict::Unknown);
        assert_eq!(de_document_printed("KLMNPRTVW"), Verdict::Invalid);
    }

    #[test]
    fn insurance() {
        assert_eq!(de_pension("15070649C103"), Verdict::Valid);
        assert_eq!(de_pension("65070803A019"), Verdict::Valid);
        for number in ["15070649C104", "15850649C103", "15071349C103", "15070649C10"] {
            assert_eq!(de_pension(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(de_health_insurance("A123456780"), Verdict::Valid);
        assert_eq!(de_health_insurance("A123456787"), Verdict::Invalid);
        assert_eq!(de_doctor("123456601"), Verdict::Valid);
        assert_eq!(de_doctor("123456901"), Verdict::Invalid);
        assert_eq!(de_practice("741234567"), Verdict::Unknown);
        assert_eq!(de_practice("001234567"), Verdict::Invalid);
    }
}
