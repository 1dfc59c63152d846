//! India: Aadhaar, PAN, GSTIN, vehicle registration, passport.
//!
//! Sources: UIDAI (Aadhaar with Verhoeff's check); Income Tax Department (PAN, fourth letter the
//! kind of holder); GST Network (GSTIN, check sign mod 36); Central Motor Vehicles Rules, 1989.

use super::Verdict;
use super::numeral::{digits, verhoeff};

/// Aadhaar: twelve digits, first 2 to 9, Verhoeff's check.
pub(crate) fn in_aadhaar(text: &str) -> Verdict {
    let Some(number) = digits::<12>(text) else { return Verdict::Invalid };
    let [first, ..] = number;
    let palindrome = number.iter().eq(number.iter().rev());
    let holds = first >= 2 && !palindrome && verhoeff(&number);
    Verdict::of(holds)
}

/// GSTIN: state, PAN, entity number, `Z`, check sign.
///
/// The check sign is not asked for: most numbers in circulation that people type as samples
/// break it, and the frame alone is as rare.
pub(crate) fn in_gstin(text: &str) -> Verdict {
    let text: String = text.chars().filter(|sign| !matches!(sign, ' ' | '-')).collect();
    let (Some(state), Some(pan), Some(rest), 15) =
        (text.get(..2), text.get(2..12), text.get(12..), text.len())
    else {
        return Verdict::Invalid;
    };
    let state = state.parse::<u8>().unwrap_or_default();
    let tail = matches!(
        rest.to_ascii_uppercase().as_bytes(),
        [b'1'..=b'9' | b'A'..=b'Z', b'Z', b'0'..=b'9' | b'A'..=b'Z']
    );
    Verdict::of((1..=37).contains(&state) && is_pan_frame(pan) && tail)
}

fn is_pan_frame(pan: &str) -> bool {
    pan.len() == 10
        && pan.bytes().enumerate().all(|(place, byte)| match place {
            0..=4 | 9 => byte.is_ascii_alphabetic(),
            _ => byte.is_ascii_digit(),
        })
}

/// PAN with a known kind of holder as fourth letter is certain enough; others are not.
pub(crate) fn in_pan(text: &str) -> Verdict {
    let kind = text.as_bytes().get(3).map(u8::to_ascii_uppercase);
    let known = matches!(
        kind,
        Some(b'A' | b'B' | b'C' | b'E' | b'F' | b'G' | b'H' | b'J' | b'K' | b'L' | b'P' | b'T')
    );
    Verdict::possible(is_pan_frame(text) && known)
}

/// What may be a PAN misread: ten letters and digits with four digits in a row.
pub(crate) fn in_pan_any(text: &str) -> Verdict {
    let digits = text.as_bytes().windows(4).any(|window| window.iter().all(u8::is_ascii_digit));
    Verdict::possible(digits)
}

/// A registration whose first two letters name a state or territory.
pub(crate) fn in_vehicle_registration(text: &str) -> Verdict {
    const STATES: [&str; 40] = [
        "AN", "AP", "AR", "AS", "BR", "CG", "CH", "DD", "DL", "DN", "GA", "GJ", "HP", "HR", "JH",
        "JK", "KA", "KL", "LA", "LD", "MH", "ML", "MN", "MP", "MZ", "NL", "OD", "OR", "PB", "PY",
        "RJ", "SK", "TG", "TN", "TR", "TS", "UA", "UK", "UP", "WB",
    ];
    let code = text.get(..2).unwrap_or_default().to_ascii_uppercase();
    // The Bharat series begins with its year and belongs to no state.
    Verdict::possible(text.starts_with("2") || STATES.contains(&code.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aadhaar() {
        assert_eq!(in_aadhaar("3998 7654 3211"), Verdict::Valid);
        assert_eq!(in_aadhaar("399876543211"), Verdict::Valid);
        assert_eq!(in_aadhaar("3998 7654 3212"), Verdict::Invalid);
        assert_eq!(in_aadhaar("0998 7654 3211"), Verdict::Invalid);
        assert_eq!(in_aadhaar("3998 7654 321"), Verdict::Invalid);
    }

    #[test]
    fn tax() {
        assert_eq!(in_gstin("27AAPFU0939F1ZV"), Verdict::Valid);
        assert_eq!(in_gstin("01ABCDE1234F1Z5"), Verdict::Valid);
        for wrong in ["38ABCDE1234F1Z5", "27ABCDE1234F1Z", "27ABCDE1234F1Y5", "27ABCDE1234F1Z55"] {
            assert_eq!(in_gstin(wrong), Verdict::Invalid, "{wrong}");
        }
        assert_eq!(in_pan("AAAPL1234C"), Verdict::Unknown);
        assert_eq!(in_pan("AAADL1234C"), Verdict::Invalid);
    }

    #[test]
    fn vehicles() {
        assert_eq!(in_vehicle_registration("KA99ME3456"), Verdict::Unknown);
        assert_eq!(in_vehicle_registration("XX99ME3456"), Verdict::Invalid);
    }
}
