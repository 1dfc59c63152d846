//! ROT13 and reversed text. Both would turn all prose into other words, so they are undone only
//! where the beginning of a well-known credential stands in the text in that form.
//! Next: `inflate`.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::OnceLock;

/// How a text is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Letters by half the alphabet.
    Rot13,
    /// Last character first.
    Reversed,
}

/// Beginnings that no prose has, neither as they are nor turned.
#[rustfmt::skip]
const BEGINNINGS: &[&str] = &[
    "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-",
    "xoxp-", "xoxa-", "xapp-", "sk-ant-", "sk-proj-", "sk_live_", "rk_live_", "sk_test_", "whsec_",
    "AIza", "ya29.", "eyJhbGci", "eyJ0eXAi", "-----BEGIN ", "npm_", "pypi-", "hf_", "dop_v1_",
    "SG.", "glsa_", "shpat_", "dckr_pat_", "AGE-SECRET-KEY-", "xprv9", "PRIVATE KEY-----", "gsk_",
    "lin_api_", "sq0csp-", "EAACEdEose0cBA", "AccountKey=", "hvs.", "vault:v1:", "postgres://",
    "mongodb+srv://", "mysql://", "redis://", "social security", "password",
];

/// The turns after which a text may show something.
pub(crate) fn turns(text: &str) -> impl Iterator<Item = Turn> {
    let (mut rot13, mut reversed) = (false, false);
    if let Some((automaton, turns)) = automaton() {
        for found in automaton.find_overlapping_iter(text) {
            match turns.get(found.pattern().as_usize()) {
                Some(Turn::Rot13) => rot13 = true,
                Some(Turn::Reversed) => reversed = true,
                None => {}
            }
            if rot13 && reversed {
                break;
            }
        }
    }
    let rot13 = rot13.then_some(Turn::Rot13);
    rot13.into_iter().chain(reversed.then_some(Turn::Reversed))
}

/// Where the beginning of a well-known credential stands in a text as it is.
pub(crate) fn beginnings(text: &str) -> impl Iterator<Item = usize> {
    static AUTOMATON: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let automaton = AUTOMATON.get_or_init(|| {
        AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(BEGINNINGS).ok()
    });
    automaton.iter().flat_map(move |automaton| automaton.find_iter(text)).map(|found| found.start())
}

/// Turns a text (back).
pub(crate) fn turned(text: &str, turn: Turn) -> String {
    match turn {
        Turn::Rot13 => text.chars().map(rot13).collect(),
        Turn::Reversed => text.chars().rev().collect(),
    }
}

fn rot13(c: char) -> char {
    u8::try_from(c).map_or(c, |byte| char::from(rot13_byte(byte)))
}

/// A letter by half the alphabet; any other byte as it is.
pub(crate) const fn rot13_byte(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        _ => byte,
    }
}

fn automaton() -> Option<&'static (AhoCorasick, Vec<Turn>)> {
    static AUTOMATON: OnceLock<Option<(AhoCorasick, Vec<Turn>)>> = OnceLock::new();
    let build = || {
        let mut turns = Vec::new();
        let mut needles = Vec::new();
        for turn in [Turn::Rot13, Turn::Reversed] {
            for beginning in BEGINNINGS {
                turns.push(turn);
                needles.push(turned(beginning, turn));
            }
        }
        let built = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .build(needles);
        built.ok().map(|automaton| (automaton, turns))
    };
    AUTOMATON.get_or_init(build).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_seen_in_either_form() {
        let seen = |text: &str| turns(text).collect::<Vec<_>>();
        assert_eq!(seen("x NXVNDJ3RE5GLH7VBCNF2"), [Turn::Rot13]);
        assert_eq!(seen("2SAPOI7UYT5RE3WQAIKA"), [Turn::Reversed]);
        assert_eq!(seen("The quick brown fox jumps over the lazy dog"), []);
        assert_eq!(turned("NXVN", Turn::Rot13), "AKIA");
        assert_eq!(turned("añb", Turn::Reversed), "bña");
    }
}
