//! Korea: resident and foreigner registration, business registration, driver licence.
//!
//! Sources: 주민등록법 시행규칙 (RRN; no check digit since October 2020), 출입국관리법 시행규칙
//! (FRN), National Tax Service (BRN), National Police Agency (licence).

use super::Verdict;
use super::numeral::{bare, digits, is_date, looks_like_clock, pair, weighted};

/// RRN: birth date, sex and century, region, check digit. Numbers given since October 2020 have
/// none, so that one without it is possible.
pub(crate) fn kr_rrn(text: &str) -> Verdict {
    resident(text, &[1900, 2000], 1)
}

/// FRN: as the RRN, with 5 to 8 for sex and century.
pub(crate) fn kr_frn(text: &str) -> Verdict {
    resident(text, &[1900, 2000], 5)
}

fn resident(text: &str, centuries: &[u32; 2], first_sex: u8) -> Verdict {
    let Some(number @ [y1, y2, m1, m2, d1, d2, sex, r1, r2, ..]) = digits::<13>(text) else {
        return Verdict::Invalid;
    };
    let [.., check] = number;
    let Some(kind @ 0..=3) = sex.checked_sub(first_sex) else { return Verdict::Invalid };
    let century = centuries.get(usize::from(kind / 2)).copied().unwrap_or_default();
    let region = first_sex == 5 || pair([r1, r2]) <= 96;
    if !region || !is_date(century + pair([y1, y2]), pair([m1, m2]), pair([d1, d2])) {
        return Verdict::Invalid;
    }
    let sum = weighted(&number, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11;
    let base = if first_sex == 5 { 13 } else { 11 };
    let holds = (base - sum) % 10 == u32::from(check);
    let clock = bare(text) && looks_like_clock(&number);
    if holds && !clock { Verdict::Valid } else { Verdict::Unknown }
}

/// BRN: ten digits, the ninth counted five-fold with its carry.
pub(crate) fn kr_brn(text: &str) -> Verdict {
    let Some(number) = digits::<10>(text) else { return Verdict::Invalid };
    let [office, .., ninth, check] = number;
    let sum = weighted(&number, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + u32::from(ninth) * 5 / 10;
    let holds = office != 0 && (10 - sum % 10) % 10 == u32::from(check);
    Verdict::of(holds)
}

/// Driver licence: the first two digits name one of the police regions 11 to 28.
pub(crate) fn kr_driver_license(text: &str) -> Verdict {
    let Some([r1, r2, ..]) = digits::<12>(text) else { return Verdict::Invalid };
    let region = (11..=28).contains(&pair([r1, r2]));
    if bare(text) { Verdict::possible(region) } else { Verdict::of(region) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residents() {
        assert_eq!(kr_rrn("960121-1021413"), Verdict::Valid);
        assert_eq!(kr_rrn("960121-1234567"), Verdict::Unknown, "no check digit since 2020");
        assert_eq!(kr_rrn("961321-1021413"), Verdict::Invalid);
        assert_eq!(kr_rrn("911124-5678906"), Verdict::Invalid, "a foreigner");
        assert_eq!(kr_frn("911124-5678906"), Verdict::Valid);
        assert_eq!(kr_frn("911124-5678901"), Verdict::Unknown);
        assert_eq!(kr_frn("760413-1212134"), Verdict::Invalid);
    }

    #[test]
    fn others() {
        assert_eq!(kr_brn("104-82-13138"), Verdict::Valid);
        assert_eq!(kr_brn("1048656659"), Verdict::Valid);
        assert_eq!(kr_brn("123-45-67890"), Verdict::Invalid);
        assert_eq!(kr_driver_license("13-22-123456-12"), Verdict::Valid);
        assert_eq!(kr_driver_license("29-22-123456-12"), Verdict::Invalid);
    }
}
