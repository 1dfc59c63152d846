//! International bank account numbers (ISO 13616): mod-97 and each country's own structure,
//! from SWIFT's public IBAN registry.

use super::Verdict;
use super::digits::mod_97;

/// An IBAN without separators, in upper case.
pub(crate) fn iban(text: &str) -> Verdict {
    Verdict::of(holds(text))
}

fn holds(text: &str) -> bool {
    let (Some(country), Some(check), Some(account)) =
        (text.get(..2), text.get(2..4), text.get(4..))
    else {
        return false;
    };
    let Some((_, structure)) = REGISTRY.iter().find(|(code, _)| country.eq_ignore_ascii_case(code))
    else {
        return false;
    };
    // ISO 7064 yields 02 to 98 only; 00, 01 and 99 would pass the remainder but are never issued.
    let issued = check.parse::<u32>().is_ok_and(|check| (2..=98).contains(&check));
    issued
        && fits(account.as_bytes(), structure)
        && mod_97(account.bytes().chain(country.bytes()).chain(check.bytes())) == 1
        && account.bytes().any(|byte| byte != b'0')
}

/// Whether the account part has a structure such as `4a14n`: n digits, a letters, c either.
fn fits(mut account: &[u8], structure: &str) -> bool {
    let mut count = 0;
    for byte in structure.bytes() {
        let kind: fn(&u8) -> bool = match byte {
            b'0'..=b'9' => {
                count = count * 10 + usize::from(byte - b'0');
                continue;
            }
            b'n' => u8::is_ascii_digit,
            b'a' => u8::is_ascii_alphabetic,
            _ => u8::is_ascii_alphanumeric,
        };
        let Some((part, rest)) = account.split_at_checked(count) else { return false };
        if !part.iter().all(kind) {
            return false;
        }
        account = rest;
        count = 0;
    }
    account.is_empty()
}

/// Country and structure of what follows the two check digits.
const REGISTRY: &[(&str, &str)] = &[
    ("AD", "8n12c"),
    ("AE", "19n"),
    ("AL", "8n16c"),
    ("AT", "16n"),
    ("AZ", "4a20c"),
    ("BA", "16n"),
    ("BE", "12n"),
    ("BG", "4a6n8c"),
    ("BH", "4a14c"),
    ("BI", "23n"),
    ("BR", "23n1a1c"),
    ("BY", "4c4n16c"),
    ("CH", "5n12c"),
    ("CR", "18n"),
    ("CY", "8n16c"),
    ("CZ", "20n"),
    ("DE", "18n"),
    ("DJ", "23n"),
    ("DK", "14n"),
    ("DO", "4c20n"),
    ("EE", "16n"),
    ("EG", "25n"),
    ("ES", "20n"),
    ("FI", "14n"),
    ("FK", "2a12n"),
    ("FO", "14n"),
    ("FR", "10n11c2n"),
    ("GB", "4a14n"),
    ("GE", "2a16n"),
    ("GI", "4a15c"),
    ("GL", "14n"),
    ("GR", "7n16c"),
    ("GT", "24c"),
    ("HN", "4a20n"),
    ("HR", "17n"),
    ("HU", "24n"),
    ("IE", "4a14n"),
    ("IL", "19n"),
    ("IQ", "4a15n"),
    ("IS", "22n"),
    ("IT", "1a10n12c"),
    ("JO", "4a4n18c"),
    ("KW", "4a22c"),
    ("KZ", "3n13c"),
    ("LB", "4n20c"),
    ("LC", "4a24c"),
    ("LI", "5n12c"),
    ("LT", "16n"),
    ("LU", "3n13c"),
    ("LV", "4a13c"),
    ("LY", "21n"),
    ("MC", "10n11c2n"),
    ("MD", "20c"),
    ("ME", "18n"),
    ("MK", "3n10c2n"),
    ("MN", "16n"),
    ("MR", "23n"),
    ("MT", "4a5n18c"),
    ("MU", "4a19n3a"),
    ("NI", "4a20n"),
    ("NL", "4a10n"),
    ("NO", "11n"),
    ("OM", "3n16c"),
    ("PK", "4a16c"),
    ("PL", "24n"),
    ("PS", "4a21c"),
    ("PT", "21n"),
    ("QA", "4a21c"),
    ("RO", "4a16c"),
    ("RS", "18n"),
    ("RU", "14n15c"),
    ("SA", "2n18c"),
    ("SC", "4a20n3a"),
    ("SD", "14n"),
    ("SE", "20n"),
    ("SI", "15n"),
    ("SK", "20n"),
    ("SM", "1a10n12c"),
    ("SO", "19n"),
    ("ST", "21n"),
    ("SV", "4a20n"),
    ("TL", "19n"),
    ("TN", "20n"),
    ("TR", "6n16c"),
    ("UA", "6n19c"),
    ("VA", "18n"),
    ("VG", "4a16n"),
    ("XK", "16n"),
    ("YE", "4a4n18c"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrys_examples_hold() {
        for number in [
            "GB29NWBK60161331926819",
            "DE89370400440532013000",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "BR1800360305000010009795493C1",
            "LC55HEMM000100010012001200023015",
            "SC18SSCB11010000000000001497USD",
            "MU17BOMM0101101030300200000MUR",
            "SD8811123456789012",
            "YE15CBYE0001018861234567891234",
            "gb29nwbk60161331926819",
        ] {
            assert_eq!(iban(number), Verdict::Valid, "{number}");
        }
    }

    #[test]
    fn near_misses_do_not() {
        for number in [
            "GB29NWBK60161331926818",  // check digits
            "GB29NWBK6016133192681",   // one short
            "GB29NWBK601613319268199", // one long
            "GB291WBK60161331926819",  // a digit for the bank's letter
            "XX29NWBK60161331926819",  // no such country
            "DE00000000000000000000",
            "DE",
            "ÄÖ89370400440532013000",
        ] {
            assert_eq!(iban(number), Verdict::Invalid, "{number}");
        }
    }
}
