//! South Africa and Nigeria: identity, company, tax and vehicle numbers.
//!
//! Sources: Identification Act 68 of 1997 (id number, Luhn); CIPC (company registration);
//! SARS (income tax and VAT reference numbers, mod 10); NIMC (NIN, Verhoeff).

use super::Verdict;
use super::luhn::luhn_holds;
use super::numeral::{bare, digits, is_short_date, looks_like_clock, verhoeff};

/// South African id: birth date, order, citizenship 0 to 2, 8 or 9, Luhn's check.
pub(crate) fn za_id_number(text: &str) -> Verdict {
    let Some(number @ [y1, y2, m1, m2, d1, d2, _, _, _, _, citizen, race, _]) = digits::<13>(text)
    else {
        return Verdict::Invalid;
    };
    let holds = is_short_date([y1, y2], [m1, m2], [d1, d2])
        && citizen <= 2
        && matches!(race, 8 | 9)
        && luhn_of(&number);
    if bare(text) && looks_like_clock(&number) {
        Verdict::possible(holds)
    } else {
        Verdict::of(holds)
    }
}

fn luhn_of(number: &[u8]) -> bool {
    luhn_holds(&number.iter().map(|digit| char::from(digit + b'0')).collect::<String>())
}

/// Company registration: a year since the first Companies Act, six digits, a kind of company.
pub(crate) fn za_company_registration(text: &str) -> Verdict {
    let mut parts = text.split('/');
    let year = parts.next().and_then(|year| {
        year.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok()
    });
    let kind = parts.nth(1).map(str::trim);
    let known = kind.is_none_or(|kind| {
        matches!(
            kind,
            "06" | "07"
                | "08"
                | "09"
                | "10"
                | "11"
                | "12"
                | "21"
                | "22"
                | "23"
                | "24"
                | "25"
                | "26"
                | "30"
                | "31"
        )
    });
    Verdict::possible(known && year.is_some_and(|year| (1800..2100).contains(&year) || year < 100))
}

/// Income tax reference: ten digits, first 0 to 3 or 9, Luhn's check. Waits for context.
pub(crate) fn za_income_tax_number(text: &str) -> Verdict {
    let Some(number @ [first, ..]) = digits::<10>(text) else { return Verdict::Invalid };
    Verdict::possible(matches!(first, 0..=3 | 9) && luhn_of(&number))
}

/// VAT registration: ten digits, first 4, Luhn's check. Waits for context.
pub(crate) fn za_vat_number(text: &str) -> Verdict {
    let Some(number @ [first, ..]) = digits::<10>(text) else { return Verdict::Invalid };
    Verdict::possible(first == 4 && luhn_of(&number))
}

/// Nigerian NIN: eleven digits, Verhoeff's check.
pub(crate) fn ng_nin(text: &str) -> Verdict {
    let Some(number @ [first, ..]) = digits::<11>(text) else { return Verdict::Invalid };
    let repeated = number.iter().all(|digit| *digit == first);
    Verdict::of(!repeated && verhoeff(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn south_africa() {
        for number in ["8001015009087", "8001015000086", "9912316789285", "0001015002288"] {
            assert_eq!(za_id_number(number), Verdict::Valid, "{number}");
        }
        for number in ["8001015009086", "9902294321191", "8013015009087", "80010150090"] {
            assert_eq!(za_id_number(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(za_company_registration("2014/123456/07"), Verdict::Unknown);
        assert_eq!(za_company_registration("2014/123456/99"), Verdict::Invalid);
        assert_eq!(za_vat_number("4012345671"), Verdict::Invalid);
        assert_eq!(za_vat_number("4012345676"), Verdict::Unknown);
    }

    #[test]
    fn nigeria() {
        assert_eq!(ng_nin("12345678901"), Verdict::Invalid);
        assert_eq!(ng_nin("12345678902"), Verdict::Valid);
        assert_eq!(ng_nin("11111111111"), Verdict::Invalid);
    }
}
