//! Numbers of Canada, Mexico and Brazil.
//! Sources: ESDC (SIN), RENAPO's CURP rules, SAT's RFC algorithm, Banxico's CLABE, Receita
//! Federal's CPF and CNPJ (alphanumeric since 2026), Caixa's PIS, SENATRAN's CNH.

use super::Verdict;
use super::digits::{alphanumerics, exactly, is_day, luhn, to_ten, uniform, value, weighted};

/// Canadian social insurance number: Luhn, first digit neither 0 nor 8.
pub(crate) fn ca_sin(text: &str) -> Verdict {
    let Some(digits) = exactly::<9>(text) else { return Verdict::Invalid };
    let [first, ..] = digits;
    Verdict::possible(first != 0 && first != 8 && luhn(&digits) && !uniform(&digits))
}

/// Ontario health card: ten digits with Luhn, then perhaps a version of two letters.
pub(crate) fn ca_health_card(text: &str) -> Verdict {
    let text = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let Some(digits) = exactly::<10>(text) else { return Verdict::Invalid };
    let [first, ..] = digits;
    Verdict::of(first != 0 && luhn(&digits) && !uniform(&digits))
}

/// Mexican CURP: initials, birth date, sex, state, consonants, homonym mark, check digit.
pub(crate) fn mx_curp(text: &str) -> Verdict {
    let Some(curp) = alphanumerics::<18>(text) else { return Verdict::Invalid };
    let [.., m1, m2, d1, d2, sex, s1, s2, _, _, _, homonym, check] = curp;
    let month = value(m1) * 10 + value(m2);
    let day = value(d1) * 10 + value(d2);
    let state = [s1, s2];
    let known = MX_STATES.split(' ').any(|code| code.as_bytes() == state);
    let sum: u32 =
        curp.iter().zip((2..=18).rev()).map(|(byte, weight)| mx_value(*byte) * weight).sum();
    Verdict::of(
        is_day(day, month)
            && matches!(sex, b'H' | b'M' | b'X')
            && known
            && homonym.is_ascii_alphanumeric()
            && to_ten(sum) == value(check)
            && check.is_ascii_digit(),
    )
}

/// The alphabet of the CURP has Ñ after N, so that O and what follows count one more.
fn mx_value(byte: u8) -> u32 {
    let value = value(byte);
    if byte > b'N' { value + 1 } else { value }
}

const MX_STATES: &str = "AS BC BS CC CL CM CS CH DF DG GT GR HG JC MC MN MS NT NL OC PL QT QR SP \
    SL SR TC TS TL VZ YN ZS NE";

/// Mexican RFC of a person: four letters, a date, a mark of three of which the last checks.
pub(crate) fn mx_rfc(text: &str) -> Verdict {
    let upper = text.to_uppercase();
    let characters: Vec<char> = upper.chars().collect();
    if characters.len() != 13 {
        return Verdict::Invalid;
    }
    let digits: Option<Vec<u32>> =
        characters.iter().skip(4).take(6).map(|character| character.to_digit(10)).collect();
    let Some(digits) = digits else { return Verdict::Invalid };
    let [_, _, m1, m2, d1, d2] = digits.as_slice() else { return Verdict::Invalid };
    let sum: Option<u32> = characters
        .iter()
        .take(12)
        .zip((2..=13).rev())
        .map(|(character, weight)| rfc_value(*character).map(|value| value * weight))
        .sum();
    let Some(sum) = sum else { return Verdict::Invalid };
    let expected = match 11 - sum % 11 {
        11 => '0',
        10 => 'A',
        rest => char::from_digit(rest, 10).unwrap_or_default(),
    };
    Verdict::of(is_day(d1 * 10 + d2, m1 * 10 + m2) && characters.last().copied() == Some(expected))
}

/// SAT's table: 0–9, A–N, &, O–Z, then a space and Ñ.
fn rfc_value(character: char) -> Option<u32> {
    const TABLE: &str = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";
    TABLE.chars().position(|known| known == character).and_then(|at| u32::try_from(at).ok())
}

/// Mexican bank account (CLABE): weights 3-7-1 by tens.
pub(crate) fn mx_clabe(text: &str) -> Verdict {
    let Some(digits) = exactly::<18>(text) else { return Verdict::Invalid };
    let sum: u32 = digits
        .iter()
        .zip([3, 7, 1].into_iter().cycle())
        .take(17)
        .map(|(digit, weight)| u32::from(*digit) * weight % 10)
        .sum();
    let [.., check] = digits;
    Verdict::of(to_ten(sum) == u32::from(check) && !uniform(&digits))
}

/// Mexican social security (NSS): eleven digits with Luhn.
pub(crate) fn mx_nss(text: &str) -> Verdict {
    Verdict::of(exactly::<11>(text).is_some_and(|digits| luhn(&digits) && !uniform(&digits)))
}

/// Brazilian CPF: two check digits modulo 11.
pub(crate) fn br_cpf(text: &str) -> Verdict {
    let Some(digits) = exactly::<11>(text) else { return Verdict::Invalid };
    let [.., first, second] = digits;
    let check = |weights: &[u32]| match weighted(&digits, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    Verdict::of(
        !uniform(&digits)
            && text != "12345678909"
            && check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == u32::from(first)
            && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == u32::from(second),
    )
}

/// Brazilian CNPJ, numeric or alphanumeric: two check digits modulo 11 over ASCII minus 48.
pub(crate) fn br_cnpj(text: &str) -> Verdict {
    let Some(characters) = alphanumerics::<14>(text) else { return Verdict::Invalid };
    let [.., first, second] = characters;
    let values = characters.map(|byte| byte.saturating_sub(b'0'));
    let check = |weights: &[u32]| match weighted(&values, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    Verdict::of(
        first.is_ascii_digit()
            && second.is_ascii_digit()
            && !uniform(&characters)
            && check(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == value(first)
            && check(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == value(second),
    )
}

/// Brazilian PIS/PASEP/NIS: one check digit modulo 11.
pub(crate) fn br_pis(text: &str) -> Verdict {
    let Some(digits) = exactly::<11>(text) else { return Verdict::Invalid };
    let [.., check] = digits;
    let rest = 11 - weighted(&digits, &[3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    Verdict::of(!uniform(&digits) && (if rest > 9 { 0 } else { rest }) == u32::from(check))
}

/// Brazilian driving licence (CNH): two check digits modulo 11, the second lessened where the
/// first overflowed.
pub(crate) fn br_cnh(text: &str) -> Verdict {
    let Some(digits) = exactly::<11>(text) else { return Verdict::Invalid };
    let [.., first, second] = digits;
    let one = weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
    let (one, lessen) = if one >= 10 { (0, 2) } else { (one, 0) };
    let two = (weighted(&digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 + 11 - lessen) % 11;
    let two = if two >= 10 { 0 } else { two };
    Verdict::of(!uniform(&digits) && one == u32::from(first) && two == u32::from(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canada() {
        assert_eq!(ca_sin("130692544"), Verdict::Unknown);
        for number in ["130692545", "046454286", "812345678", "999999999", "13069254"] {
            assert_eq!(ca_sin(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(ca_health_card("9876543217AB"), Verdict::Valid);
        assert_eq!(ca_health_card("9876543218AB"), Verdict::Invalid);
    }

    #[test]
    fn mexico() {
        // RENAPO's and SAT's own examples.
        assert_eq!(mx_curp("HEGG560427MVZRRL04"), Verdict::Valid);
        assert_eq!(mx_curp("HEGG560427MVZRRL05"), Verdict::Invalid);
        assert_eq!(mx_curp("HEGG561327MVZRRL04"), Verdict::Invalid);
        assert_eq!(mx_rfc("GODE561231GR8"), Verdict::Valid);
        assert_eq!(mx_rfc("GODE561231GR9"), Verdict::Invalid);
        assert_eq!(mx_rfc("GODE561331GR8"), Verdict::Invalid);
        assert_eq!(mx_clabe("032180000118359719"), Verdict::Valid);
        assert_eq!(mx_clabe("032180000118359718"), Verdict::Invalid);
    }

    #[test]
    fn brazil() {
        for number in ["52998224725", "11144477735"] {
            assert_eq!(br_cpf(number), Verdict::Valid, "{number}");
        }
        for number in ["52998224724", "11111111111", "5299822472", "52998224715"] {
            assert_eq!(br_cpf(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(br_cnpj("11222333000181"), Verdict::Valid);
        assert_eq!(br_cnpj("12ABC34501DE35"), Verdict::Valid, "Receita Federal's new form");
        assert_eq!(br_cnpj("11222333000182"), Verdict::Invalid);
        assert_eq!(br_pis("12056417921"), Verdict::Invalid);
        assert_eq!(br_pis("12056417920"), Verdict::Valid);
        assert_eq!(br_cnh("62472927637"), Verdict::Valid);
        assert_eq!(br_cnh("62472927638"), Verdict::Invalid);
    }
}
