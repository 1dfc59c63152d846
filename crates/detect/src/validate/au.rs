//! Australia: ABN, ACN, TFN and Medicare card numbers.
//!
//! Sources: Australian Business Register (ABN), ASIC (ACN), Australian Taxation Office (TFN),
//! Services Australia (Medicare).

use super::Verdict;
use super::numeral::{digits, weighted};

/// ABN: eleven digits, one taken off the first, weighted sum a multiple of 89.
pub(crate) fn au_abn(text: &str) -> Verdict {
    let Some(mut number) = digits::<11>(text) else { return Verdict::Invalid };
    let [first, ..] = &mut number;
    // A power of ten holds the sum, too, and is no number of a business.
    let round = text.bytes().filter(|byte| *byte == b'0').count() > 7;
    let Some(less) = first.checked_sub(1).filter(|_| !round) else { return Verdict::Invalid };
    *first = less;
    Verdict::of(weighted(&number, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).is_multiple_of(89))
}

/// ACN: nine digits, check digit mod 10. One number in ten holds it.
pub(crate) fn au_acn(text: &str) -> Verdict {
    let Some(number) = digits::<9>(text) else { return Verdict::Invalid };
    let [.., check] = number;
    let expected = (10 - weighted(&number, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10;
    Verdict::of(number.iter().any(|digit| *digit != 0) && expected == u32::from(check))
}

/// TFN: nine digits, weighted sum a multiple of 11.
pub(crate) fn au_tfn(text: &str) -> Verdict {
    let Some(number) = digits::<9>(text) else { return Verdict::Invalid };
    let sum = weighted(&number, &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
    Verdict::of(sum > 0 && sum.is_multiple_of(11))
}

/// Medicare card: first digit 2 to 6, ninth the check digit, tenth the issue.
pub(crate) fn au_medicare(text: &str) -> Verdict {
    let Some(number @ [first, .., check, issue]) = digits::<10>(text) else {
        return Verdict::Invalid;
    };
    let sum = weighted(&number, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
    let holds = matches!(first, 2..=6) && issue != 0 && sum == u32::from(check);
    Verdict::of(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers() {
        assert_eq!(au_abn("51 824 753 556"), Verdict::Valid, "the register's own example");
        assert_eq!(au_abn("52 824 753 556"), Verdict::Invalid);
        assert_eq!(au_abn("10000000000"), Verdict::Invalid);
        assert_eq!(au_acn("004 085 616"), Verdict::Valid, "ASIC's own example");
        assert_eq!(au_acn("004 085 617"), Verdict::Invalid);
        assert_eq!(au_tfn("123 456 782"), Verdict::Valid, "the tax office's example");
        assert_eq!(au_tfn("123 456 789"), Verdict::Invalid);
        assert_eq!(au_medicare("2123 45670 1"), Verdict::Valid);
        assert_eq!(au_medicare("2123456701"), Verdict::Valid);
        assert_eq!(au_medicare("2123 25870 1"), Verdict::Invalid);
        assert_eq!(au_medicare("7123 45670 1"), Verdict::Invalid);
    }
}
