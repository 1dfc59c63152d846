//! Numbers of the United Kingdom and Ireland.
//! Sources: NHS data dictionary, HMRC's NINO manual (NIM39110), DVLA INF53 and INS57P, HMRC's UTR
//! check digit, Irish Revenue's PPSN rules.

use super::Verdict;
use super::digits::{alphanumerics, exactly, is_day, uniform, value, weighted};

/// NHS number: modulus 11 over ten digits.
pub(crate) fn uk_nhs(text: &str) -> Verdict {
    let Some(digits) = exactly::<10>(text) else { return Verdict::Invalid };
    let [.., check] = digits;
    let expected = (11 - weighted(&digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    Verdict::of(expected == u32::from(check))
}

/// National Insurance number by the prefixes that are issued. It has no check digit.
pub(crate) fn uk_nino(text: &str) -> Verdict {
    let Some([first, second, digits @ .., suffix]) = alphanumerics::<9>(text) else {
        return Verdict::Invalid;
    };
    let letters = first.is_ascii_alphabetic() && second.is_ascii_alphabetic();
    let never = [*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"];
    Verdict::possible(
        letters
            && !b"DFIQUV".contains(&first)
            && !b"DFIOQUV".contains(&second)
            && !never.contains(&[first, second])
            && digits.iter().all(u8::is_ascii_digit)
            && (b'A'..=b'D').contains(&suffix),
    )
}

/// Driving licence: surname padded with nines, birth date in DVLA's order, initials.
pub(crate) fn uk_driving_licence(text: &str) -> Verdict {
    let Some(licence) = alphanumerics::<16>(text) else { return Verdict::Invalid };
    let [s1, s2, s3, s4, s5, _, m1, m2, d1, d2, _, i1, i2, _, e1, e2] = licence;
    let surname = [s1, s2, s3, s4, s5];
    let letters = surname.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let padded = surname.iter().skip(letters).all(|byte| *byte == b'9');
    let month = value(m1) * 10 + value(m2);
    // Women have 50 added to the month.
    let month = if month > 50 { month - 50 } else { month };
    let initial = |byte: u8| byte.is_ascii_alphabetic() || byte == b'9';
    let digits = licence.iter().skip(5).take(6).all(u8::is_ascii_digit);
    Verdict::possible(
        letters >= 1
            && padded
            && digits
            && is_day(value(d1) * 10 + value(d2), month)
            && initial(i1)
            && initial(i2)
            && e1.is_ascii_alphabetic()
            && e2.is_ascii_alphabetic(),
    )
}

/// Registration mark: of today's form (certain by its age code), of 1983–2001 or of 1963–1983.
pub(crate) fn uk_vehicle(text: &str) -> Verdict {
    let mark: Vec<u8> = text
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_uppercase())
        .collect();
    let issued = |byte: u8, never: &[u8]| byte.is_ascii_alphabetic() && !never.contains(&byte);
    match mark.as_slice() {
        [a, b, x, y, l @ .., m]
            if l.len() == 2
                && b.is_ascii_alphabetic()
                && x.is_ascii_digit()
                && y.is_ascii_digit() =>
        {
            let age = value(*x) * 10 + value(*y);
            Verdict::of(
                issued(*a, b"IQZ")
                    && issued(*b, b"IQZ")
                    && matches!(age, 2..=29 | 51..=79)
                    && l.iter().chain([m]).all(|byte| issued(*byte, b"IQ")),
            )
        }
        // A letter for the year, up to three digits, three letters.
        [year, rest @ .., a, b, c] if rest.iter().all(u8::is_ascii_digit) && !rest.is_empty() => {
            Verdict::possible(
                issued(*year, b"IOQUZ")
                    && rest.len() <= 3
                    && [a, b, c].iter().all(|byte| issued(**byte, b"IQ")),
            )
        }
        [a, b, c, rest @ .., year] if rest.iter().all(u8::is_ascii_digit) && !rest.is_empty() => {
            Verdict::possible(
                issued(*year, b"IOQUZ")
                    && rest.len() <= 3
                    && [a, b, c].iter().all(|byte| issued(**byte, b"IQ")),
            )
        }
        _ => Verdict::Invalid,
    }
}

/// Unique taxpayer reference: ten digits, the first checks the other nine by modulus 11.
pub(crate) fn uk_utr(text: &str) -> Verdict {
    let Some([check, rest @ ..]) = exactly::<10>(text) else { return Verdict::Invalid };
    let remainder = weighted(&rest, &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
    let expected = match remainder {
        0 => 2,
        1 => 1,
        rest => 11 - rest,
    };
    Verdict::of(expected == u32::from(check) && !uniform(&rest))
}

/// Irish PPS number: seven digits, a check letter modulo 23, and since 2013 a second letter.
pub(crate) fn ie_pps(text: &str) -> Verdict {
    let (digits, letters) = text.split_at_checked(7).unwrap_or_default();
    let Some(digits) = exactly::<7>(digits) else { return Verdict::Invalid };
    let mut letters = letters.bytes().map(|byte| byte.to_ascii_uppercase());
    let (check, second, end) = (letters.next(), letters.next(), letters.next());
    // The second letter counts nine times its place; W stands for none.
    let extra = match second {
        None | Some(b'W') => 0,
        Some(letter @ b'A'..=b'I') => u32::from(letter - b'A' + 1) * 9,
        Some(_) => return Verdict::Invalid,
    };
    let sum = (weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) + extra) % 23;
    let expected = if sum == 0 { b'W' } else { b'A' + (sum - 1) as u8 };
    Verdict::of(end.is_none() && check == Some(expected) && !uniform(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_and_insurance() {
        assert_eq!(uk_nhs("9434765919"), Verdict::Valid);
        assert_eq!(uk_nhs("9434765918"), Verdict::Invalid);
        assert_eq!(uk_nhs("943476591"), Verdict::Invalid);
        for number in ["AB123456C", "tw987654a", "HH010203D"] {
            assert_eq!(uk_nino(number), Verdict::Unknown, "{number}");
        }
        for number in ["QQ123456C", "NT998877A", "UV987654B", "AO123456C", "AB123456E", "AB12345C"]
        {
            assert_eq!(uk_nino(number), Verdict::Invalid, "{number}");
        }
    }

    #[test]
    fn drivers_and_vehicles() {
        for licence in ["MORGA657054SM9IJ", "MO999657054SM9IJ", "smith802290ab1cd"] {
            assert_eq!(uk_driving_licence(licence), Verdict::Unknown, "{licence}");
        }
        for licence in [
            "MORGA613054SM9IJ",
            "MORGA607324SM9IJ",
            "99999657054SM9IJ",
            "MO9GA607054SM9IJ",
            "MORGA607054SM9I1",
        ] {
            assert_eq!(uk_driving_licence(licence), Verdict::Invalid, "{licence}");
        }
        assert_eq!(uk_vehicle("AB51 ABC"), Verdict::Valid);
        assert_eq!(uk_vehicle("A123 BCD"), Verdict::Unknown);
        assert_eq!(uk_vehicle("DEF456G"), Verdict::Unknown);
        for mark in ["AB30 ABC", "AQ51 ABC", "AB51 AIB", "O123 BCD", "ABC 123Z", "ABC", ""] {
            assert_eq!(uk_vehicle(mark), Verdict::Invalid, "{mark}");
        }
    }

    #[test]
    fn taxpayers() {
        // HMRC's documented test reference.
        assert_eq!(uk_utr("1123456789"), Verdict::Valid);
        assert_eq!(uk_utr("2123456789"), Verdict::Invalid);
        // Revenue's own examples.
        assert_eq!(ie_pps("1234567T"), Verdict::Valid);
        assert_eq!(ie_pps("1234567FA"), Verdict::Valid);
        assert_eq!(ie_pps("1234567TW"), Verdict::Valid);
        assert_eq!(ie_pps("1234567U"), Verdict::Invalid);
        assert_eq!(ie_pps("1234567TAB"), Verdict::Invalid);
    }
}
