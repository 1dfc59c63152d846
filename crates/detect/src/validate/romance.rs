//! Numbers of France, Spain and Italy.
//! Sources: INSEE (NIR), DGFiP (numéro fiscal), Spain's Interior Ministry (NIF, NIE) and TGSS
//! (affiliation number), Italy's DM 23/12/1976 (codice fiscale) and Agenzia delle Entrate (IVA).

use super::Verdict;
use super::digits::{alphanumerics, exactly, is_day, luhn, number, uniform, value};

/// French NIR with its key: sex, year, month, place, order, 97 minus the remainder.
pub(crate) fn fr_nir(text: &str) -> Verdict {
    let Some(nir) = alphanumerics::<15>(text) else { return Verdict::Invalid };
    let [sex, _, _, m1, m2, p1, p2, ..] = nir;
    // Corsica's 2A and 2B count as 19 and 18.
    let (p1, p2) = match (p1, p2) {
        (b'2', b'A') => (b'1', b'9'),
        (b'2', b'B') => (b'1', b'8'),
        other => other,
    };
    let mut plain = nir;
    let [_, _, _, _, _, a, b, ..] = &mut plain;
    (*a, *b) = (p1, p2);
    let Some(digits) = std::str::from_utf8(&plain).ok().and_then(exactly::<15>) else {
        return Verdict::Invalid;
    };
    let month = value(m1) * 10 + value(m2);
    let body = digits.get(..13).map(number).unwrap_or_default();
    let key = digits.get(13..).map(number).unwrap_or_default();
    Verdict::of(
        matches!(sex, b'1' | b'2' | b'3' | b'4' | b'7' | b'8')
            && matches!(month, 1..=12 | 20..=42 | 50..=99)
            && (p1, p2) != (b'0', b'0')
            && 97 - body % 97 == key,
    )
}

/// French tax number (SPI): thirteen digits, the last three the rest by 511.
pub(crate) fn fr_tax_id(text: &str) -> Verdict {
    let Some(digits) = exactly::<13>(text) else { return Verdict::Invalid };
    let [first, ..] = digits;
    let body = digits.get(..10).map(number).unwrap_or_default();
    let key = digits.get(10..).map(number).unwrap_or_default();
    Verdict::of(first <= 3 && body > 0 && body % 511 == key)
}

/// The control letters of Spanish identity numbers, by the remainder by 23.
const SPANISH: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

fn spanish(number: u64, letter: u8) -> bool {
    SPANISH.get((number % 23) as usize) == Some(&letter.to_ascii_uppercase())
}

/// Spanish NIF (DNI): seven or eight digits and their letter.
pub(crate) fn es_nif(text: &str) -> Verdict {
    let Some((digits, letter)) = text.len().checked_sub(1).and_then(|at| text.split_at_checked(at))
    else {
        return Verdict::Invalid;
    };
    let body = digits.parse::<u64>().ok().filter(|_| (7..=8).contains(&digits.len()));
    let letter = letter.bytes().next().unwrap_or_default();
    Verdict::of(body.is_some_and(|body| body > 0 && spanish(body, letter)))
}

/// Spanish NIE: X, Y or Z (counting 0, 1, 2), seven digits and their letter.
pub(crate) fn es_nie(text: &str) -> Verdict {
    let Some([first, digits @ .., letter]) = alphanumerics::<9>(text) else {
        return Verdict::Invalid;
    };
    let front = match first {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return Verdict::Invalid,
    };
    let body = std::str::from_utf8(&digits).ok().and_then(exactly::<7>).map(|d| number(&d));
    Verdict::of(body.is_some_and(|body| spanish(front * 10_000_000 + body, letter)))
}

/// Spanish social security affiliation: province, eight digits, the rest by 97.
pub(crate) fn es_ssn(text: &str) -> Verdict {
    let Some(digits) = exactly::<12>(text) else { return Verdict::Invalid };
    let [p1, p2, body @ .., _, _] = digits;
    let province = u64::from(p1) * 10 + u64::from(p2);
    let serial = number(&body);
    let key = digits.get(10..).map(number).unwrap_or_default();
    // Serials below ten million are joined without their leading zeros.
    let whole = if serial < 10_000_000 {
        province * 10_000_000 + serial
    } else {
        province * 100_000_000 + serial
    };
    Verdict::of((1..=53).contains(&province) && serial > 0 && whole % 97 == key)
}

/// Italian codice fiscale: the check letter decides between certain and possible.
///
/// Shape: six letters, year, month letter, day (40 more for women), place, check. Digits may be
/// written as letters where two people would share a code.
pub(crate) fn it_fiscal_code(text: &str) -> Verdict {
    let Some(code) = alphanumerics::<16>(text) else { return Verdict::Invalid };
    let [body @ .., check] = code;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        // Omocodia.
        letter => b"LMNPQRSTUV".iter().position(|known| *known == letter).map(|at| at as u32),
    };
    let [n1, n2, n3, n4, n5, n6, y1, y2, month, d1, d2, place, p1, p2, p3] = body;
    let names = [n1, n2, n3, n4, n5, n6, place].iter().all(u8::is_ascii_uppercase);
    let digits = [y1, y2, d1, d2, p1, p2, p3].iter().all(|byte| digit(*byte).is_some());
    let Some(month) = b"ABCDEHLMPRST".iter().position(|known| *known == month) else {
        return Verdict::Invalid;
    };
    let day = digit(d1).unwrap_or_default() * 10 + digit(d2).unwrap_or_default();
    let day = if day > 40 { day - 40 } else { day };
    if !names || !digits || !is_day(day, month as u32 + 1) || !check.is_ascii_uppercase() {
        return Verdict::Invalid;
    }
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(place, byte)| if place % 2 == 0 { odd(*byte) } else { u32::from(ordinal(*byte)) })
        .sum();
    if sum % 26 == u32::from(check - b'A') { Verdict::Valid } else { Verdict::Unknown }
}

/// What a character counts in the first, third, fifth … place.
fn odd(byte: u8) -> u32 {
    const ODD: [u8; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    ODD.get(usize::from(ordinal(byte))).copied().map(u32::from).unwrap_or_default()
}

/// Its place among the digits or among the letters.
fn ordinal(byte: u8) -> u8 {
    if byte.is_ascii_digit() { byte - b'0' } else { byte.saturating_sub(b'A') }
}

/// Italian VAT number: eleven digits with Luhn.
pub(crate) fn it_vat(text: &str) -> Verdict {
    Verdict::of(exactly::<11>(text).is_some_and(|digits| luhn(&digits) && !uniform(&digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn france() {
        assert_eq!(fr_nir("255081416802538"), Verdict::Valid);
        assert_eq!(fr_nir("255081416802539"), Verdict::Invalid);
        assert_eq!(fr_nir("955081416802538"), Verdict::Invalid);
        // 1 85 02 2A 004 123: 1850219004123 by 97 leaves 89.
        assert_eq!(fr_nir("185022A00412308"), Verdict::Valid);
        assert_eq!(fr_nir("185022A00412309"), Verdict::Invalid);
        // 3023217600 by 511 leaves 53.
        assert_eq!(fr_tax_id("3023217600053"), Verdict::Valid);
        assert_eq!(fr_tax_id("3023217600054"), Verdict::Invalid);
    }

    #[test]
    fn spain() {
        for number in ["12345678Z", "55555555K", "1111111G", "12345678z"] {
            assert_eq!(es_nif(number), Verdict::Valid, "{number}");
        }
        for number in ["12345678A", "123456Z", "Z", "", "00000000T"] {
            assert_eq!(es_nif(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(es_nie("X1234567L"), Verdict::Valid);
        assert_eq!(es_nie("Y8063915Z"), Verdict::Valid);
        assert_eq!(es_nie("Y8063915Q"), Verdict::Invalid);
        assert_eq!(es_nie("W8063915Z"), Verdict::Invalid);
        assert_eq!(es_ssn("281234567840"), Verdict::Valid);
        assert_eq!(es_ssn("281234567841"), Verdict::Invalid);
    }

    #[test]
    fn italy() {
        assert_eq!(it_fiscal_code("RSSMRA85T10A562S"), Verdict::Valid);
        assert_eq!(it_fiscal_code("rssmra85t10a562s"), Verdict::Valid);
        assert_eq!(it_fiscal_code("RSSMRA85T10A562X"), Verdict::Unknown);
        assert_eq!(it_fiscal_code("RSSMRA85Z10A562S"), Verdict::Invalid);
        assert_eq!(it_fiscal_code("RSSMRA85T75A562S"), Verdict::Invalid);
        assert_eq!(it_vat("01333550323"), Verdict::Valid);
        assert_eq!(it_vat("01333550324"), Verdict::Invalid);
        assert_eq!(it_vat("00000000000"), Verdict::Invalid);
    }
}
