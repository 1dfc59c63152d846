//! Whether a text looks drawn by chance, as keys are, or written by people, as identifiers, paths
//! and words are: the model of what is not a secret.
//!
//! People write letters that follow each other in words, separated by signs; chance does not
//! care. So the share of common English letter pairs is measured, beside entropy and how often
//! letters, digits and cases alternate. Next: `assign`.

use super::placeholder::is_placeholder;
use crate::engine::entropy_bits;
use crate::validate::Verdict;

/// A token of a fixed shape is one unless it is a placeholder.
pub(crate) fn secret_token(text: &str) -> Verdict {
    // A token whose alphabet has `-` takes the rule that was drawn beneath it along.
    Verdict::possible(!is_placeholder(text.trim_matches(['-', '_'])))
}

/// A token whose shape words could have too: it must look random.
pub(crate) fn random_token(text: &str) -> Verdict {
    Verdict::possible(!is_placeholder(text) && looks_random(text))
}

/// Forty characters of base64 after `aws_secret_access_key`: not a hash, not a path.
pub(crate) fn aws_secret_key(text: &str) -> Verdict {
    let hash = text.bytes().all(|b| b.is_ascii_hexdigit());
    Verdict::possible(!hash && !is_placeholder(text) && looks_random(text))
}

/// The commonest letter pairs of English text and identifiers: about 60 % of what people write,
/// 15 % of what chance gives.
const PAIRS: &[u8] = b"thheinerreonanatenndtiesortetoofedisitalarstntngsehaasouiolevecomedehiriroicneearacelichllbemasiomurcaeltatrchpldissunplpralutecttyetossaduseabmpidamagowayayeowirolpegeuloaecprecexsp";

/// One row a first letter, one bit a second.
const COMMON: [u32; 26] = {
    let mut rows = [0; 26];
    let mut at = 0;
    while at + 1 < PAIRS.len() {
        #[expect(clippy::indexing_slicing, reason = "a constant's own bounds, checked at build")]
        {
            rows[(PAIRS[at] - b'a') as usize] |= 1 << (PAIRS[at + 1] - b'a');
        }
        at += 2;
    }
    rows
};

/// Whether one letter often follows the other.
fn is_common(first: u8, second: u8) -> bool {
    let place = |letter: u8| letter.to_ascii_lowercase().wrapping_sub(b'a');
    COMMON.get(usize::from(place(first))).is_some_and(|row| row >> place(second).min(31) & 1 == 1)
}

/// Whether a text of at least eight bytes looks drawn by chance.
pub(crate) fn looks_random(text: &str) -> bool {
    if text.len() < 8 || !text.is_ascii() {
        return false;
    }
    let census = Census::of(text.as_bytes());
    if census.hex_only {
        // Hex is random if digits and letters are both there in number and no one digit rules.
        let digits = census.digits * 100 / text.len();
        return (25..=90).contains(&digits) && entropy_bits(text) >= 2.6;
    }
    let written = census.pairs >= 6 && census.common * 100 > census.pairs * 42;
    if written {
        return false;
    }
    let length = text.len() as f32;
    // Random text of this length reaches about log2(length) - 0.5.
    if entropy_bits(text) < (length.log2() - 1.1).min(3.6) {
        return false;
    }
    match (census.digits > 0, census.upper > 0 && census.lower > 0) {
        (true, true) => census.turns * 6 >= text.len(),
        (true, false) => census.turns * 5 >= text.len() && census.digits * 12 >= text.len(),
        (false, true) => census.pairs >= 8 && census.turns * 5 >= text.len(),
        (false, false) => census.pairs >= 12 && census.common * 4 < census.pairs,
    }
}

#[derive(Debug, Default)]
struct Census {
    digits: usize,
    upper: usize,
    lower: usize,
    /// Letters that follow letters within one case run or a capitalised word.
    pairs: usize,
    /// Those that are common in English.
    common: usize,
    /// Changes between small, capital, digit and sign.
    turns: usize,
    hex_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Sign,
}

const fn kind(byte: u8) -> Kind {
    match byte {
        b'A'..=b'Z' => Kind::Upper,
        b'a'..=b'z' => Kind::Lower,
        b'0'..=b'9' => Kind::Digit,
        _ => Kind::Sign,
    }
}

impl Census {
    fn of(bytes: &[u8]) -> Self {
        let mut census = Self { hex_only: true, ..Self::default() };
        let mut before: Option<(Kind, u8)> = None;
        for byte in bytes {
            let now = kind(*byte);
            match now {
                Kind::Upper => census.upper += 1,
                Kind::Lower => census.lower += 1,
                Kind::Digit => census.digits += 1,
                Kind::Sign => {}
            }
            census.hex_only &= byte.is_ascii_hexdigit();
            if let Some((was, letter)) = before {
                // A capital that begins a word is no turn.
                let capitalised = was == Kind::Upper && now == Kind::Lower;
                census.turns += usize::from(was != now && !capitalised);
                let letters = matches!(was, Kind::Upper | Kind::Lower)
                    && (was == now || capitalised)
                    && matches!(now, Kind::Upper | Kind::Lower);
                if letters {
                    census.pairs += 1;
                    census.common += usize::from(is_common(letter, *byte));
                }
            }
            before = Some((now, *byte));
        }
        census
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_told_from_writing() {
        for text in [
            "hV7kq2Zt9LmW4xRc",
            "9f86d081884c7d659a2feaa0c55ad015",
            "Zk39qwNm2pd8XcVb7LsTyR4GhJf6Ka1WeUi0",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY",
            "qzxwvkjhbtrplmns",
            "x8FqkL2vZt0pWm5Y",
        ] {
            assert!(looks_random(text), "{text}");
        }
        for text in [
            "SomeVeryLongCamelCaseIdentifierName",
            "some_snake_case_identifier_name",
            "application/vnd.oci.image.manifest.v1",
            "com.example.service.TokenProvider2",
            "/usr/share/doc/python3/README.Debian",
            "AuthenticationTokenResponseHandler",
            "my-kebab-case-token-name-2",
            "2024-01-01T00:00:00Z",
            "authorization_code",
            "correcthorsebatterystaple",
            "00000000000000000000000000000000",
            "short",
        ] {
            assert!(!looks_random(text), "{text}");
        }
    }

    #[test]
    fn tokens_by_their_looks() {
        assert_eq!(random_token("hf_someVeryLongIdentifierNameOfACla"), Verdict::Invalid);
        assert_eq!(secret_token("glpat-XXXXXXXXXXXXXXXXXXXX"), Verdict::Invalid);
        assert_eq!(aws_secret_key("3f786850e387550fdab836ed7e6dc881de23001b"), Verdict::Invalid);
    }
}
