//! Finland, Norway and Denmark: numbers of persons and of businesses.
//!
//! Sources: Digi- ja väestötietovirasto (henkilötunnus, with the signs added in 2023);
//! Skatteetaten (fødselsnummer, D-nummer); CPR-kontoret (personnummeret i CPR); PRH (Y-tunnus);
//! Brønnøysundregistrene (organisasjonsnummer); Erhvervsstyrelsen (CVR).

use super::Verdict;
use super::numeral::{bare, digits, is_date, is_short_date, pair, value, weighted};

/// Henkilötunnus: `DDMMYYCZZZQ`, Q out of 31 signs.
pub(crate) fn fi_personal_identity_code(text: &str) -> Verdict {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let bytes = text.as_bytes();
    let (Some(date), Some(sign), Some(serial), Some(check), 11) =
        (text.get(..6), bytes.get(6), text.get(7..10), bytes.get(10), bytes.len())
    else {
        return Verdict::Invalid;
    };
    let century = match sign.to_ascii_uppercase() {
        b'+' => 1800,
        b'-' | b'Y' | b'X' | b'W' | b'V' | b'U' => 1900,
        b'A'..=b'F' => 2000,
        _ => return Verdict::Invalid,
    };
    let (Some(born @ [d1, d2, m1, m2, y1, y2]), Some(order)) =
        (digits::<6>(date), digits::<3>(serial))
    else {
        return Verdict::Invalid;
    };
    let remainder = (value(&born) * 1000 + value(&order)) % 31;
    let expected = usize::try_from(remainder).ok().and_then(|place| CHECKS.get(place));
    let dated = is_date(century + pair([y1, y2]), pair([m1, m2]), pair([d1, d2]));
    Verdict::of(dated && value(&order) >= 2 && expected == Some(&check.to_ascii_uppercase()))
}

/// Y-tunnus: seven digits, hyphen, check digit mod 11.
pub(crate) fn fi_business_id(text: &str) -> Verdict {
    let Some(number) = digits::<8>(text) else { return Verdict::Invalid };
    let [.., check] = number;
    let expected = match weighted(&number, &[7, 9, 10, 5, 8, 4, 2]) % 11 {
        0 => 0,
        1 => return Verdict::Invalid,
        other => 11 - other,
    };
    Verdict::possible(number.iter().any(|digit| *digit != 0) && expected == u32::from(check))
}

/// Fødselsnummer: birth date (day + 40 for a D-nummer), then two check digits mod 11.
pub(crate) fn no_fodselsnummer(text: &str) -> Verdict {
    let Some(number @ [d1, d2, m1, m2, y1, y2, ..]) = digits::<11>(text) else {
        return Verdict::Invalid;
    };
    let day = pair([d1, d2]) as u8;
    let day = if day > 40 { day - 40 } else { day };
    let month = pair([m1, m2]) as u8;
    // Synthetic persons of the test register have 80, and since 2032 real ones may have 40, added.
    let month = if month > 80 { month - 80 } else { month };
    let dated = is_short_date([y1, y2], [month / 10, month % 10], [day / 10, day % 10]);
    let first = weighted(&number, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(&number, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    Verdict::of(dated && first.is_multiple_of(11) && second.is_multiple_of(11))
}

/// Organisasjonsnummer: nine digits, mod 11, first 8 or 9.
pub(crate) fn no_organisasjonsnummer(text: &str) -> Verdict {
    let Some(number) = digits::<9>(text) else { return Verdict::Invalid };
    let [first, ..] = number;
    let sum = weighted(&number, &[3, 2, 7, 6, 5, 4, 3, 2, 1]);
    Verdict::possible(matches!(first, 8 | 9) && sum.is_multiple_of(11))
}

/// CPR: birth date and four digits. Since 2007 not all hold the old mod 11 check, so that only
/// those written with a hyphen *and* holding it are certain.
pub(crate) fn dk_cpr(text: &str) -> Verdict {
    let Some(number @ [d1, d2, m1, m2, y1, y2, ..]) = digits::<10>(text) else {
        return Verdict::Invalid;
    };
    if !is_short_date([y1, y2], [m1, m2], [d1, d2]) {
        return Verdict::Invalid;
    }
    let holds = weighted(&number, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11);
    if holds && !bare(text) { Verdict::Valid } else { Verdict::Unknown }
}

/// CVR: eight digits, mod 11.
pub(crate) fn dk_cvr(text: &str) -> Verdict {
    let Some(number) = digits::<8>(text) else { return Verdict::Invalid };
    let [first, ..] = number;
    let sum = weighted(&number, &[2, 7, 6, 5, 4, 3, 2, 1]);
    Verdict::possible(first != 0 && sum.is_multiple_of(11))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn henkilotunnus() {
        for code in ["131052-308T", "010594Y9032", "020594x903p", "030516D9037", "040594V9030"] {
            assert_eq!(fi_personal_identity_code(code), Verdict::Valid, "{code}");
        }
        for code in [
            "131052-308U",
            "310289-211C",
            "010324A110G",
            "131052:308T",
            "131052-3080T",
            "",
            "１31052-308T",
        ] {
            assert_eq!(fi_personal_identity_code(code), Verdict::Invalid, "{code}");
        }
    }

    #[test]
    fn norway() {
        // Skatteetaten's example of a test person, and one with a wrong last digit.
        assert_eq!(no_fodselsnummer("13116900216"), Verdict::Valid);
        assert_eq!(no_fodselsnummer("13116900217"), Verdict::Invalid);
        assert_eq!(no_organisasjonsnummer("974 760 673"), Verdict::Unknown);
        assert_eq!(no_organisasjonsnummer("974760674"), Verdict::Invalid);
    }

    #[test]
    fn denmark() {
        assert_eq!(dk_cpr("070761-4285"), Verdict::Valid, "CPR-kontoret's own example");
        assert_eq!(dk_cpr("070761-4286"), Verdict::Unknown);
        assert_eq!(dk_cpr("320761-4285"), Verdict::Invalid);
        assert_eq!(dk_cvr("10150817"), Verdict::Unknown);
        assert_eq!(dk_cvr("10150818"), Verdict::Invalid);
    }

    #[test]
    fn finnish_business() {
        assert_eq!(fi_business_id("0112038-9"), Verdict::Unknown);
        assert_eq!(fi_business_id("0112038-8"), Verdict::Invalid);
    }
}
