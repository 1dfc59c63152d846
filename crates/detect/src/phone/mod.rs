//! Telephone numbers in running text: read as people write them, judged by the numbering plans.
//!
//! ```text
//!  text ─ number (runs of digits, brackets, separators) ─▶ plan (is it in use, and where) ─▶ candidate
//! ```
//! The finders differ in what they ask for: a `+`, the North American layout, a plan of one
//! country, any plan of the regions in `REGIONS`, or only the look of a number beside a word for
//! telephone (that word is the pack's business). Packs: `packs/pii-phone.yaml`.

mod number;
mod plan;

use crate::engine::Candidate;
use crate::score::Score;
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
        let (score, skip) = match run.lead {
            Lead::Plus => (0.6, 0),
            // `00` and `011` also begin many another number.
            Lead::None if run.digits.starts_with("011") && run.grouped() => (0.4, 3),
            Lead::None if run.digits.starts_with("00") => {
                (if run.grouped() { 0.4 } else { 0.3 }, 2)
            }
            Lead::None => return,
        };
        let written = |digits: &str| digits.get(skip..).and_then(international).is_some();
        if let Some(span) = run.longest(written).filter(|_| !run.looks_like_decimal()) {
            found.push(Candidate { span, score: Score::new(score) });
        }
    });
}

/// Ten digits in the layouts of North America.
pub(crate) fn phone_north_american(text: &str, found: &mut Vec<Candidate>) {
    each_run(text, |run| {
        let score = match run.layout() {
            "(3) 3-4" | "(3)3-4" | "1 (3) 3-4" | "1-3-3-4" | "1(3)3-4" | "1-(3)-3-4"
            | "1.3.3.4" | "(3)-3-4" => 0.6,
            "3-3-4" | "(3) 3 4" => 0.5,
            "3.3.4" | "3 3 4" | "3 3-4" | "1 3 3 4" | "1 3-3-4" | "3/3-4" => 0.4,
            _ => return,
        };
        let in_use = |digits: &str| {
            let digits =
                if digits.len() == 11 { digits.get(1..).unwrap_or_default() } else { digits };
            digits.len() == 10 && international(&format!("1{digits}")).is_some()
        };
        if run.lead == Lead::None
            && let Some(span) = run.longest(in_use)
        {
            found.push(Candidate { span, score: Score::new(score) });
        }
    });
}

/// A number in use in one of many regions, as it is dialled there.
pub(crate) fn phone_national(text: &str, found: &mut Vec<Candidate>) {
    each_run(text, |run| {
        if run.lead != Lead::None || run.looks_like_date() || run.looks_like_address() {
            return;
        }
        let in_use = |digits: &str| {
            (8..=13).contains(&digits.len())
                && REGIONS
                    .iter()
                    .filter_map(|region| Plan::of(region))
                    .any(|plan| plan.national(digits).is_some())
        };
        if let Some(span) = run.longest(in_use) {
            found
                .push(Candidate { span, score: Score::new(if run.grouped() { 0.4 } else { 0.3 }) });
        }
    });
}

/// What looks like a telephone number and nothing else; the pack asks for a word beside it.
pub(crate) fn phone_look(text: &str, found: &mut Vec<Candidate>) {
    each_run(text, |run| {
        let looks = (run.grouped() || run.lead == Lead::Plus)
            && !run.looks_like_date()
            && !run.looks_like_address()
            && !run.looks_like_decimal();
        if looks && let Some(span) = run.longest(|digits| (7..=15).contains(&digits.len())) {
            found.push(Candidate { span, score: Score::new(0.3) });
        }
    });
}

fn of_country(text: &str, found: &mut Vec<Candidate>, region: &str, code: &str, lines: &[Line]) {
    let Some(plan) = Plan::of(region) else { return };
    each_run(text, |run| {
        if run.looks_like_date() || run.looks_like_address() {
            return;
        }
        let mut score = 0.0;
        let written = |digits: &str| {
            let at_home = digits.strip_prefix(code).filter(|_| run.lead == Lead::Plus);
            let (line, sure) = match (run.lead, at_home) {
                (Lead::Plus, Some(rest)) => (plan.national(rest), 0.6),
                (Lead::Plus, None) => (None, 0.0),
                (Lead::None, _) if plan.has_trunk(digits) => (plan.national(digits), 0.4),
                (Lead::None, _) => (plan.national(digits), 0.2),
            };
            score = sure;
            line.is_some_and(|line| lines.contains(&line))
        };
        if let Some(span) = run.longest(written) {
            found.push(Candidate { span, score: Score::new(score) });
        }
    });
}

/// A Philippine mobile number; at home it begins with 0.
pub(crate) fn phone_ph_mobile(text: &str, found: &mut Vec<Candidate>) {
    let first = found.len();
    of_country(text, found, "PH", "63", &[Line::Mobile]);
    // Ten digits that begin with 9 are no number that anyone dials.
    let kept = found.split_off(first.min(found.len()));
    found.extend(kept.into_iter().filter(|candidate| candidate.score > Score::new(0.3)));
}

/// A Turkish number, fixed or mobile.
pub(crate) fn phone_tr(text: &str, found: &mut Vec<Candidate>) {
    of_country(text, found, "TR", "90", &[Line::Mobile, Line::Fixed]);
}

/// A South African mobile number.
pub(crate) fn phone_za_mobile(text: &str, found: &mut Vec<Candidate>) {
    of_country(text, found, "ZA", "27", &[Line::Mobile]);
}

/// A South African fixed line.
pub(crate) fn phone_za_fixed(text: &str, found: &mut Vec<Candidate>) {
    of_country(text, found, "ZA", "27", &[Line::Fixed]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(finder: fn(&str, &mut Vec<Candidate>), text: &str) -> Vec<&str> {
        let mut candidates = Vec::new();
        finder(text, &mut candidates);
        candidates.into_iter().map(|candidate| text.get(candidate.span).unwrap()).collect()
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
    fn north_american_layouts() {
        for text in
            ["(415) 555-0132", "(415)555-0132", "415-555-0132", "1-415-555-0132", "415.555.0132"]
        {
            assert_eq!(found(phone_north_american, text), [text]);
        }
        for text in [
            "115-555-0132",
            "415-055-0132",
            "4155550132",
            "is415-555-0132",
            "415-555-0132-7",
            "v1.415.555.0132",
        ] {
            assert_eq!(found(phone_north_american, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn national_numbers_are_in_use_somewhere() {
        for text in ["09-7625400", "0490 39 07 81", "13812345678", "0496 46 46 70"] {
            assert_eq!(found(phone_national, text), [text]);
        }
        for text in ["2024-01-15", "192.168.10.12", "1.2.3.4", "12:30:45", "2012-10-01 00:46:43"] {
            assert_eq!(found(phone_national, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn one_country() {
        assert_eq!(found(phone_ph_mobile, "+63 (917) 123 4567"), ["+63 (917) 123 4567"]);
        assert_eq!(found(phone_ph_mobile, "917 123 4567"), [""; 0]);
        assert_eq!(found(phone_ph_mobile, "15091712345678"), [""; 0]);
        assert_eq!(found(phone_tr, "+90 (532) 123 45 67"), ["+90 (532) 123 45 67"]);
        assert_eq!(found(phone_tr, "9123456789"), [""; 0]);
    }
}
