//! What is said of a person in any country: a date of birth, an age.

use super::Verdict;
use super::numeral::is_date;

/// A date of birth: of the calendar, and of somebody who may live.
pub(crate) fn birth_date(text: &str) -> Verdict {
    let numbers: Vec<u32> = text
        .split(|sign: char| !sign.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .filter_map(|part| part.parse().ok())
        .collect();
    let possible = match numbers.as_slice() {
        [year @ 1880..=2099, month, day] => is_date(*year, *month, *day),
        [one, two, year] if *year < 100 || (1880..=2099).contains(year) => {
            let year = if *year < 100 { year + 2000 } else { *year };
            is_date(year, *one, *two) || is_date(year, *two, *one)
        }
        // A month in letters: day and year, in whatever order.
        [one, two] => [one, two].iter().any(|n| (1..=31).contains(*n)),
        _ => false,
    };
    Verdict::possible(possible)
}

/// An age: one to 119.
pub(crate) fn age(text: &str) -> Verdict {
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    Verdict::possible(number.parse::<u8>().is_ok_and(|years| (1..120).contains(&years)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn birth_dates() {
        for date in
            ["1991-06-24", "6/24/1991", "24.6.1991", "24. Juni 1991", "June 24, 1991", "24/06/91"]
        {
            assert_eq!(birth_date(date), Verdict::Unknown, "{date}");
        }
        for date in ["1991-13-24", "31/31/1991", "1.2.3.4", "24.6.3991", "", "2023-02-29"] {
            assert_eq!(birth_date(date), Verdict::Invalid, "{date}");
        }
    }

    #[test]
    fn ages() {
        assert_eq!(age("47"), Verdict::Unknown);
        assert_eq!(age("0"), Verdict::Invalid);
        assert_eq!(age("147"), Verdict::Invalid);
    }
}
