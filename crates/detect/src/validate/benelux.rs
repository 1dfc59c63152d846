//! Numbers of the Netherlands and Belgium.
//! Sources: RvIG (BSN and its eleven test), the Belgian National Register's royal decree of
//! 3 April 1984, the eID's card number.

use super::Verdict;
use super::digits::{exactly, is_day, number, uniform};

/// Dutch BSN: eight or nine digits, the eleven test with −1 for the last.
pub(crate) fn nl_bsn(text: &str) -> Verdict {
    let padded = if text.len() == 8 { format!("0{text}") } else { text.to_owned() };
    let Some(digits) = exactly::<9>(&padded) else { return Verdict::Invalid };
    let sum: i32 = digits
        .iter()
        .zip([9, 8, 7, 6, 5, 4, 3, 2, -1])
        .map(|(digit, weight)| i32::from(*digit) * weight)
        .sum();
    Verdict::of(sum % 11 == 0 && !uniform(&digits) && number(&digits) >= 1_000_000)
}

/// Belgian national number: birth date, serial, 97 minus the rest (2 in front since 2000).
///
/// Bis numbers have 20 or 40 added to the month; unknown months and days are zero.
pub(crate) fn be_national(text: &str) -> Verdict {
    let Some(digits) = exactly::<11>(text) else { return Verdict::Invalid };
    let [_, _, m1, m2, d1, d2, ..] = digits;
    let month = u32::from(m1 * 10 + m2);
    let month = if month >= 40 {
        month - 40
    } else if month >= 20 {
        month - 20
    } else {
        month
    };
    let day = u32::from(d1 * 10 + d2);
    let dated = is_day(day, month) || (month == 0 && day <= 31);
    let body = digits.get(..9).map(number).unwrap_or_default();
    let key = digits.get(9..).map(number).unwrap_or_default();
    let checks = 97 - body % 97 == key || 97 - (2_000_000_000 + body) % 97 == key;
    Verdict::of(dated && checks && !uniform(&digits))
}

/// Belgian identity card: twelve digits, the last two the rest by 97 (97 for none).
pub(crate) fn be_card(text: &str) -> Verdict {
    let Some(digits) = exactly::<12>(text) else { return Verdict::Invalid };
    let body = digits.get(..10).map(number).unwrap_or_default();
    let key = digits.get(10..).map(number).unwrap_or_default();
    let rest = body % 97;
    Verdict::of((if rest == 0 { 97 } else { rest }) == key && body > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netherlands() {
        for number in ["111222333", "123456782", "010464554", "10464554"] {
            assert_eq!(nl_bsn(number), Verdict::Valid, "{number}");
        }
        for number in ["123456789", "000000000", "1112223", "111222334"] {
            assert_eq!(nl_bsn(number), Verdict::Invalid, "{number}");
        }
    }

    #[test]
    fn belgium() {
        for number in ["85073003328", "93051822361", "17073003384"] {
            assert_eq!(be_national(number), Verdict::Valid, "{number}");
        }
        for number in ["85073003329", "85133003328", "8507300332", "00000000000"] {
            assert_eq!(be_national(number), Verdict::Invalid, "{number}");
        }
        assert_eq!(be_card("591917064514"), Verdict::Invalid);
    }
}
