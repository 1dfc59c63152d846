//! Bearer tokens: 256 random bits behind a prefix that says the kind. Only their hash is kept.
//! Next: `identity`.

use crate::clock::{Random, RandomFault};
use backstop_model::event::TokenKind;
use backstop_model::id::Digest;
use backstop_model::redacted::Redacted;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize as _;

/// The prefix of a kind of token.
pub(crate) const fn prefix(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Agent => "bst_a_",
        TokenKind::Runtime => "bst_r_",
        TokenKind::Operator => "bst_o_",
    }
}

/// Draws a token: what its holder gets, and what is kept.
pub(crate) fn draw(
    kind: TokenKind,
    random: &dyn Random,
) -> Result<(Redacted<String>, Digest), RandomFault> {
    let mut bits = [0u8; 32];
    random.fill(&mut bits)?;
    let hash = Digest::of(&bits);
    let text = format!("{}{}", prefix(kind), URL_SAFE_NO_PAD.encode(bits));
    bits.zeroize();
    Ok((Redacted::new("bearer token", text), hash))
}

/// The kind that a text claims and the hash of its bits; `None` if it is not a token at all.
pub(crate) fn read(text: &str) -> Option<(TokenKind, Digest)> {
    let kinds = [TokenKind::Agent, TokenKind::Runtime, TokenKind::Operator];
    let (kind, bits) =
        kinds.into_iter().find_map(|kind| Some((kind, text.strip_prefix(prefix(kind))?)))?;
    if bits.len() != 43 {
        return None;
    }
    let mut bits = URL_SAFE_NO_PAD.decode(bits).ok()?;
    let hash = (bits.len() == 32).then(|| Digest::of(&bits));
    bits.zeroize();
    Some((kind, hash?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::OsRandom;

    #[test]
    fn a_token_reads_as_what_was_kept_and_is_never_printed() {
        for kind in [TokenKind::Agent, TokenKind::Runtime, TokenKind::Operator] {
            let (token, hash) = draw(kind, &OsRandom).unwrap();
            assert_eq!(token.byte_len(), 6 + 43);
            assert_eq!(read(token.expose()), Some((kind, hash)));
            assert_eq!(format!("{token:?}"), "[bearer token, 49 bytes]");
        }
    }

    #[test]
    fn what_is_not_a_token_has_no_hash() {
        let body = "A".repeat(43);
        for text in [
            "",
            "bst_a_",
            &body,
            &format!("bst_x_{body}"),
            &format!("bst_a_{body}A"),
            &format!("bst_a_{}!", "A".repeat(42)),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        // A last character whose spare bits are set is a second spelling of the same bits.
        assert_eq!(read(&format!("bst_a_{}B", "A".repeat(42))), None);
    }
}
