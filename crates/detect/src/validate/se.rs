//! Sweden: personnummer, samordningsnummer and organisationsnummer (SKV 704; Luhn's check).

use super::Verdict;
use super::luhn::luhn_holds;
use super::numeral::{bare, digits, is_date, is_short_date, pair};

/// Personnummer of ten or twelve digits, `-` or `+` before the last four; the day of a
/// samordningsnummer is 60 higher.
///
/// Ten digits alone, and digits that read as a date with a time of day behind it, are as often
/// something else: their score waits for context.
pub(crate) fn se_personnummer(text: &str) -> Verdict {
    let dated = match (digits::<12>(text), digits::<10>(text)) {
        (Some([c1, c2, y1, y2, m1, m2, d1, d2, ..]), _) => {
            let year = pair([c1, c2]) * 100 + pair([y1, y2]);
            let day = born_on(pair([d1, d2]));
            (1850..2050).contains(&year) && is_date(year, pair([m1, m2]), day)
        }
        (None, Some([y1, y2, m1, m2, d1, d2, ..])) => {
            let day = born_on(pair([d1, d2])) as u8;
            is_short_date([y1, y2], [m1, m2], [day / 10, day % 10])
        }
        (None, None) => false,
    };
    if !dated || !last_ten_hold(text) {
        return Verdict::Invalid;
    }
    let weak = if bare(text) {
        text.len() == 10 || ends_in_time(text)
    } else {
        text.len() == 13 && ends_in_time(text)
    };
    if weak { Verdict::Unknown } else { Verdict::Valid }
}

/// Organisationsnummer: ten digits, the third and fourth at least 20 (so that it is no month).
pub(crate) fn se_organisationsnummer(text: &str) -> Verdict {
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    let number = number.strip_prefix("16").filter(|rest| rest.len() == 10).unwrap_or(&number);
    let Some([group, _, m1, m2, ..]) = digits::<10>(number) else { return Verdict::Invalid };
    let holds = matches!(group, 1..=3 | 5..=9) && pair([m1, m2]) >= 20 && luhn_holds(number);
    if bare(text) { Verdict::possible(holds) } else { Verdict::of(holds) }
}

fn born_on(day: u32) -> u32 {
    if day > 60 { day - 60 } else { day }
}

fn last_ten_hold(text: &str) -> bool {
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    number.get(number.len().saturating_sub(10)..).is_some_and(luhn_holds)
}

/// Whether the last four digits could be hours and minutes of the present century's dates.
fn ends_in_time(text: &str) -> bool {
    let Some([c1, c2, .., h1, h2, i1, i2]) = digits::<12>(text) else { return false };
    pair([c1, c2]) == 20 && pair([h1, h2]) < 24 && pair([i1, i2]) < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personnummer() {
        // Skatteverket's test persons.
        for number in
            ["811218-9876", "19811218-9876", "189004119807", "701063-2391", "20110925-2385"]
        {
            assert_eq!(se_personnummer(number), Verdict::Valid, "{number}");
        }
        assert_eq!(se_personnummer("8112189876"), Verdict::Unknown, "ten digits alone");
        for number in ["811218-9875", "19001309-2393", "811318-9876", "81121-9876", ""] {
            assert_eq!(se_personnummer(number), Verdict::Invalid, "{number}");
        }
    }

    #[test]
    fn a_date_with_a_time_waits_for_context() {
        let stamps = (0..10).map(|last| format!("20240115123{last}"));
        assert!(stamps.into_iter().all(|stamp| se_personnummer(&stamp) != Verdict::Valid));
    }

    #[test]
    fn organisationsnummer() {
        assert_eq!(se_organisationsnummer("556703-7485"), Verdict::Valid);
        assert_eq!(se_organisationsnummer("2120000142"), Verdict::Unknown);
        assert_eq!(se_organisationsnummer("556703-7486"), Verdict::Invalid);
        assert_eq!(se_organisationsnummer("811218-9876"), Verdict::Invalid, "a person");
    }
}
