//! Numbers of the United States: Social Security, taxpayer, routing, provider, prescriber.
//! Sources: SSA's numbering rules, IRS Pub. 1915 and 4757, ABA routing number policy, CMS NPI
//! check digit guide, 21 CFR 1301 practice of the DEA.

use super::Verdict;
use super::digits::{exactly, luhn, uniform, weighted};

/// A Social Security number that the SSA can have issued: area 001–899 without 666, no group of
/// zeros, no number that was printed in advertising or stands in manuals.
pub(crate) fn us_ssn(text: &str) -> Verdict {
    let Some(digits) = exactly::<9>(text) else { return Verdict::Invalid };
    let [first, ..] = digits;
    Verdict::possible(is_ssn_like(text) && first != 9 && !ADVERTISED.contains(&text))
}

/// Nine digits in the shape of a Social Security number, including areas not issued: what
/// Presidio reports.
pub(crate) fn us_ssn_like(text: &str) -> Verdict {
    // A mixture of separators is two numbers side by side.
    let separators = ['-', '.', ' '].iter().filter(|mark| text.contains(**mark)).count();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    Verdict::possible(separators <= 1 && is_ssn_like(&digits))
}

fn is_ssn_like(digits: &str) -> bool {
    let (Some(area), Some(group), Some(serial)) =
        (digits.get(..3), digits.get(3..5), digits.get(5..))
    else {
        return false;
    };
    // 078-05-1120 was a wallet's insert; 123-45-6789 is everyone's example.
    const NEVER: [&str; 2] = ["078051120", "123456789"];
    area != "000"
        && area != "666"
        && group != "00"
        && serial != "0000"
        && !uniform(digits.as_bytes())
        && !NEVER.contains(&digits)
}

/// Published by the SSA as misused or used in advertising.
const ADVERTISED: [&str; 4] = ["219099999", "457555462", "111223333", "123121234"];

/// Individual taxpayer number: 9xx, group 50–65, 70–88, 90–92 or 94–99.
pub(crate) fn us_itin(text: &str) -> Verdict {
    let Some([first, _, _, tens, ones, ..]) = exactly::<9>(text) else { return Verdict::Invalid };
    let group = tens * 10 + ones;
    Verdict::possible(first == 9 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

/// ABA routing number: Federal Reserve prefixes, weights 3-7-1.
pub(crate) fn us_aba(text: &str) -> Verdict {
    let Some(digits) = exactly::<9>(text) else { return Verdict::Invalid };
    let [tens, ones, ..] = digits;
    let prefix = tens * 10 + ones;
    let sum = weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    Verdict::of(
        matches!(prefix, 0..=12 | 21..=32 | 61..=72 | 80)
            && sum.is_multiple_of(10)
            && !uniform(text.as_bytes()),
    )
}

/// The weights alone, without the prefixes: what Presidio reports.
pub(crate) fn us_aba_like(text: &str) -> Verdict {
    let Some(digits) = exactly::<9>(text) else { return Verdict::Invalid };
    let sum = weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    Verdict::of(sum.is_multiple_of(10) && !uniform(text.as_bytes()))
}

/// National provider identifier: 1 or 2, Luhn with 80840 in front.
pub(crate) fn us_npi(text: &str) -> Verdict {
    let Some(digits) = exactly::<10>(text) else { return Verdict::Invalid };
    let [first, a, b, c, d, e, f, g, h, check] = digits;
    let whole = [8, 0, 8, 4, 0, first, a, b, c, d, e, f, g, h, check];
    let filler = digits.get(..9).is_some_and(uniform);
    Verdict::of(matches!(first, 1 | 2) && luhn(&whole) && !filler)
}

/// DEA registration: two letters (the second may be 9) and seven digits, the last their check.
pub(crate) fn us_dea(text: &str) -> Verdict {
    let Some((letters, number)) = text.split_at_checked(2) else { return Verdict::Invalid };
    let Some(digits) = exactly::<7>(number) else { return Verdict::Invalid };
    let kind = letters.bytes().next().unwrap_or_default().to_ascii_uppercase();
    let sum = weighted(&digits, &[1, 2, 1, 2, 1, 2]);
    let [.., check] = digits;
    Verdict::of(b"ABCDEFGHJKLMPRSTUX".contains(&kind) && sum % 10 == u32::from(check))
}

/// Employer identification number by the prefixes that the IRS assigns.
pub(crate) fn us_ein(text: &str) -> Verdict {
    let Some(digits) = exactly::<9>(text) else { return Verdict::Invalid };
    let [tens, ones, ..] = digits;
    let prefix = tens * 10 + ones;
    let assigned = matches!(prefix,
        1..=6 | 10..=16 | 20..=27 | 30..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99);
    Verdict::possible(assigned && !uniform(text.as_bytes()))
}

/// A bank account number, which has no form; only fillers (111…, 123456789…) are none.
pub(crate) fn us_bank(text: &str) -> Verdict {
    let counted =
        "12345678901234567890".starts_with(text) || "01234567890123456789".starts_with(text);
    Verdict::possible(!counted && !uniform(text.as_bytes()))
}

/// Vehicle identification number (49 CFR 565): transliteration, weights, check digit in place 9.
pub(crate) fn vin(text: &str) -> Verdict {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let Some(characters) = super::digits::alphanumerics::<17>(text) else {
        return Verdict::Invalid;
    };
    let mut sum = 0;
    for (character, weight) in characters.iter().zip(WEIGHTS) {
        let value = match character {
            b'0'..=b'9' => character - b'0',
            b'A'..=b'H' => character - b'A' + 1,
            b'J'..=b'N' => character - b'J' + 1,
            b'P' => 7,
            b'R' => 9,
            b'S'..=b'Z' => character - b'S' + 2,
            _ => return Verdict::Invalid,
        };
        sum += u32::from(value) * weight;
    }
    let check = match sum % 11 {
        10 => b'X',
        rest => b'0' + rest as u8,
    };
    let [_, _, _, _, _, _, _, _, ninth, ..] = characters;
    Verdict::of(check == ninth && !uniform(&characters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn social_security() {
        for number in ["536904399", "899011234", "001010001"] {
            assert_eq!(us_ssn(number), Verdict::Unknown, "{number}");
        }
        for number in [
            "000123456",
            "666123456",
            "536004399",
            "536900000",
            "123456789",
            "078051120",
            "219099999",
            "912345678",
            "555555555",
            "53690439",
            "5369043999",
        ] {
            assert_eq!(us_ssn(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(us_ssn_like("912-34-5678"), Verdict::Unknown);
        assert_eq!(us_ssn_like("912-34.5678"), Verdict::Invalid);
    }

    #[test]
    fn taxpayers_and_banks() {
        assert_eq!(us_itin("911701234"), Verdict::Unknown);
        assert_eq!(us_itin("911661234"), Verdict::Invalid);
        assert_eq!(us_itin("811701234"), Verdict::Invalid);
        for number in ["021000021", "121000358", "322271627"] {
            assert_eq!(us_aba(number), Verdict::Valid, "{number}");
        }
        for number in ["021000022", "421042111", "000000000", "02100002"] {
            assert_eq!(us_aba(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(us_ein("121234567"), Verdict::Unknown);
        assert_eq!(us_ein("071234567"), Verdict::Invalid);
    }

    #[test]
    fn fillers_are_no_accounts() {
        assert_eq!(us_bank("945456787654"), Verdict::Unknown);
        assert_eq!(us_bank("1234567890"), Verdict::Invalid);
        assert_eq!(us_bank("00000000"), Verdict::Invalid);
    }

    #[test]
    fn providers() {
        // CMS's own example.
        assert_eq!(us_npi("1234567893"), Verdict::Valid);
        assert_eq!(us_npi("1234567890"), Verdict::Invalid);
        assert_eq!(us_npi("3234567893"), Verdict::Invalid);
        assert_eq!(us_npi("1111111112"), Verdict::Invalid, "a filler whose check digit holds");
        assert_eq!(us_dea("BB1388568"), Verdict::Valid);
        assert_eq!(us_dea("A91234563"), Verdict::Valid);
        assert_eq!(us_dea("BB1388567"), Verdict::Invalid);
        assert_eq!(us_dea("IB1388568"), Verdict::Invalid);
        assert_eq!(us_dea("é1388568"), Verdict::Invalid);
    }

    #[test]
    fn vehicles() {
        assert_eq!(vin("1M8GDM9AXKP042788"), Verdict::Valid);
        assert_eq!(vin("11111111111111111"), Verdict::Invalid);
        assert_eq!(vin("1M8GDM9A1KP042788"), Verdict::Invalid);
        assert_eq!(vin("1M8GDM9AXKP04278O"), Verdict::Invalid);
    }
}
