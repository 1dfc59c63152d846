//! Telephone numbers in running text: read as people write them, judged by the numbering plans.
//!
//! ```text
//!  text ─ number (runs of digits, brackets, separators) ─▶ plan (is it in use, and where) ─▶ candidate
//! ```
//! The finders differ in what they ask for: a `+`, any plan of the regions in `REGIONS`, or only
//! the look of a number beside a word for telephone (that word is the pack's business). Layouts of
//! one country are patterns of `packs/pii-phone.yaml`, with a validator that asks its plan.

mod number;
mod plan;

use crate::engine::{Candidate, Worth};
use crate::score::Score;
use crate::validate::Verdict;
use number::{Lead, each_run};
use plan::{Line, Plan, international};

/// Where a number without a calling code may be at home.
const REGIONS: [&str; 30] = [
    "US", "GB", "DE", "FR", "IT", "ES", "IN", "BR", "IL", "CA", "MX", "NL", "BE", "CH", "AT", "SE",
    "NO", "DK", "FI", "PL", "CZ", "PT", "IE", "AU", "NZ", "CN", "JP", "KR", "SG", "ZA",
];

/// `+`, calling code and a number in use: a telephone number without another word.
pub(crate) fn phone_international(text: &str, found: &mut Vec<Candidate>) {
    each_run(text, |run| {
        if run.lead == Lead::Plus
            && !run.looks_like_decimal()
            && let Some(span) = run.longest(|digits| international(digits).is_some())
        {
            found.push(Candidate { span, score: Score::new(0.6) });
        }
    });
}

/// The same with `00` or `011` before the calling code, which begin many another number.
pub(crate) fn phone_abroad(text: &str, worth: &mut Worth<'_>, found: &mut Vec<Candidate>) {
    each_run(text, |run| {
        let skip = match run.lead {
            Lead::None if run.digits.starts_with("011") && run.grouped() => 3,
            Lead::None if run.digits.starts_with("00") => 2,
            Lead::None | Lead::Plus => return,
        };
        let score = Score::new(if run.grouped() { 0.4 } else { 0.3 });
        if worth(&run.span(), score)
            && let Some(span) =
                run.longest(|digits| digits.get(skip..).and_then(international).is_some())
        {
            found.push(Candidate { span, score });
        }
    });
}

/// A number in use in one of many regions, as it is dialled there.
pub(crate) fn phone_national(text: &str, worth: &mut Worth<'_>, found: &mut Vec<Candidate>) {
    each_run(text, |run| {
        if run.lead != Lead::None
            || run.looks_like_date()
            || run.looks_like_address()
            || run.looks_like_ssn()
            || is_constant(text, &run.span())
            || cites(text, &run.span())
        {
            return;
        }
        let in_use = |digits: &str| {
            (8..=13).contains(&digits.len())
                && REGIONS
                    .iter()
                    .filter_map(|region| Plan::of(region))
                    .any(|plan| plan.national(digits).is_some())
        };
        let score = Score::new(0.4);
        // Thirty plans are asked only where a word says telephone.
        if worth(&run.span(), score)
            && let Some(span) = run.longest(in_use)
        {
            found.push(Candidate { span, score });
        }
    });
}

/// Whether a number is a constant of source code with its type: `CALL: u32 = 1074048887`.
fn is_constant(text: &str, span: &std::ops::Range<usize>) -> bool {
    const TYPES: [&str; 8] = ["u16", "i16", "u32", "i32", "u64", "i64", "usize", "isize"];
    let before = text.get(..span.start).unwrap_or_default().trim_end_matches(' ');
    let Some(head) = before.strip_suffix('=').map(str::trim_end) else { return false };
    TYPES
        .iter()
        .any(|name| head.strip_suffix(name).is_some_and(|head| head.trim_end().ends_with(':')))
}

/// Whether it is a place in a journal: `31 (1982) 188-190`.
fn cites(text: &str, span: &std::ops::Range<usize>) -> bool {
    let number = text.get(span.clone()).unwrap_or_default();
    let Some((before, rest)) = number.split_once('(') else { return false };
    let Some((year, _)) = rest.split_once(')') else { return false };
    before.contains(|c: char| c.is_ascii_digit())
        && year.len() == 4
        && (year.starts_with("19") || year.starts_with("20"))
}

/// What looks like a telephone number and nothing else; the pack asks for a word beside it.
pub(crate) fn phone_look(text: &str, found: &mut Vec<Candidate>) {
    each_run(text, |run| {
        let looks = (run.grouped() || run.lead == Lead::Plus)
            && !run.looks_like_date()
            && !run.looks_like_address()
            && !run.looks_like_ssn()
            && !cites(text, &run.span())
            && !run.looks_like_decimal();
        if looks && let Some(span) = run.longest(|digits| (7..=15).contains(&digits.len())) {
            found.push(Candidate { span, score: Score::new(0.3) });
        }
    });
}

/// Ten digits (or eleven with a 1 before) in use in North America.
pub(crate) fn phone_north_american(text: &str) -> Verdict {
    let digits = digits_before_extension(text);
    let national = if digits.len() == 11 { digits.strip_prefix('1') } else { Some(&*digits) };
    let in_use = national
        .is_some_and(|digits| digits.len() == 10 && international(&format!("1{digits}")).is_some());
    Verdict::possible(in_use)
}

/// A Philippine mobile number.
pub(crate) fn phone_ph_mobile(text: &str) -> Verdict {
    in_use(text, "PH", "63", &[Line::Mobile])
}

/// A Turkish number, fixed or mobile.
pub(crate) fn phone_tr(text: &str) -> Verdict {
    in_use(text, "TR", "90", &[Line::Mobile, Line::Fixed])
}

/// A South African mobile number.
pub(crate) fn phone_za_mobile(text: &str) -> Verdict {
    in_use(text, "ZA", "27", &[Line::Mobile])
}

/// A South African fixed line.
pub(crate) fn phone_za_fixed(text: &str) -> Verdict {
    in_use(text, "ZA", "27", &[Line::Fixed])
}

fn in_use(text: &str, region: &str, code: &str, lines: &[Line]) -> Verdict {
    let digits = digits_before_extension(text);
    let national = if text.starts_with('+') { digits.strip_prefix(code) } else { Some(&*digits) };
    let line = Plan::of(region).zip(national).and_then(|(plan, digits)| plan.national(digits));
    Verdict::possible(line.is_some_and(|line| lines.contains(&line)))
}

fn digits_before_extension(text: &str) -> String {
    let number = text.split(['x', 'X', 'e', 'E', '#']).next().unwrap_or_default();
    number.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(finder: fn(&str, &mut Vec<Candidate>), text: &str) -> Vec<&str> {
        let mut candidates = Vec::new();
        finder(text, &mut candidates);
        candidates.into_iter().map(|candidate| text.get(candidate.span).unwrap()).collect()
    }

    fn national(text: &str, candidates: &mut Vec<Candidate>) {
        phone_national(text, &mut |_, _| true, candidates);
    }

    #[test]
    fn international_numbers_end_where_they_end() {
        for (text, expected) in [
            ("ring +44 20 7946 0000 at 9", "+44 20 7946 0000"),
            ("+41 (0)71 526 99 04", "+41 (0)71 526 99 04"),
            ("+1-604-696-5272x565", "+1-604-696-5272x565"),
            ("tel:+447400123456.", "+447400123456"),
            ("(+49) 30 123456", "(+49) 30 123456"),
            ("+49 30 123456 2 Stück", "+49 30 123456 2"),
        ] {
            assert_eq!(found(phone_international, text), [expected], "{text}");
        }
        for text in [
            "+2147483647",
            "a+447400123456",
            "+447400123456b",
            "+1.2025550123e5",
            "+0100",
            "1+1",
            "++447400123456",
        ] {
            assert_eq!(found(phone_international, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn north_american_numbers() {
        for text in ["(415) 555-0132", "1-415-555-0132", "415.555.0132 x12"] {
            assert_eq!(phone_north_american(text), Verdict::Unknown, "{text}");
        }
        for text in ["115-555-0132", "415-055-0132", "415-555-013", "2-415-555-0132", ""] {
            assert_eq!(phone_north_american(text), Verdict::Invalid, "{text}");
        }
    }

    #[test]
    fn national_numbers_are_in_use_somewhere() {
        for text in ["09-7625400", "0490 39 07 81", "13812345678", "0496 46 46 70"] {
            assert_eq!(found(national, text), [text]);
        }
        for text in [
            "2024-01-15",
            "192.168.10.12",
            "1.2.3.4",
            "12:30:45",
            "2012-10-01 00:46:43",
            "uname 2 2023-02-05",
            "1.0.0 / 2014-04-30",
            "536-90-4399",
            "31 (1982) 188-190",
            "const VHOST_VDPA_SET_CONFIG_CALL: u32 = 1074048887;",
        ] {
            assert_eq!(found(national, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn one_country() {
        assert_eq!(phone_ph_mobile("+63 (917) 123 4567"), Verdict::Unknown);
        assert_eq!(phone_ph_mobile("02 8123 4567"), Verdict::Invalid, "a fixed line");
        assert_eq!(phone_tr("+90 (532) 123 45 67"), Verdict::Unknown);
        assert_eq!(phone_tr("9123456789"), Verdict::Invalid);
        assert_eq!(phone_za_mobile("+27 82 123 4567"), Verdict::Unknown);
        assert_eq!(phone_za_fixed("011 978 5313"), Verdict::Unknown);
    }
}
