//! Base85 in its three common alphabets: Adobe's ASCII85 (`<~…~>`), Z85 (ZeroMQ RFC 32) and the one
//! of RFC 1924 that Python calls `b85`. Next: `hex`.

use super::bytes::{ALNUM, CONTROL, GRAPH, NONE, RUN, digit, digits, is};
use super::nature::{Nature, nature, said};
use crate::mask::{Ground, Mask};
use memchr::memmem;
use std::ops::Range;

const ADOBE: [u8; 256] = digits(&[
    b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstu",
]);
const Z85: [u8; 256] = digits(&[
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
]);
const RFC_1924: [u8; 256] = digits(&[
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
]);

/// Which alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// ASCII85, with `z` for four zero bytes.
    Adobe,
    /// Z85.
    Z85,
    /// RFC 1924's order, as in Python's `base64.b85encode` and git's binary patches.
    Rfc1924,
}

impl Alphabet {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Adobe, Self::Z85, Self::Rfc1924];

    const fn table(self) -> &'static [u8; 256] {
        match self {
            Self::Adobe => &ADOBE,
            Self::Z85 => &Z85,
            Self::Rfc1924 => &RFC_1924,
        }
    }
}

/// Decodes digits of one alphabet, skipping blanks; a short last group gives its bytes less one.
/// `None` for any other byte and for a group beyond 2^32.
pub(crate) fn decode(text: &[u8], alphabet: Alphabet) -> Option<Vec<u8>> {
    let table = alphabet.table();
    let mut out = Vec::with_capacity(text.len() / 5 * 4 + 4);
    let (mut value, mut held) = (0_u64, 0_usize);
    for &b in text {
        match (b, alphabet) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (b'z', Alphabet::Adobe) if held == 0 => out.extend_from_slice(&[0; 4]),
            (_, Alphabet::Adobe | Alphabet::Z85 | Alphabet::Rfc1924) => {
                let d = digit(table, b);
                if d == NONE {
                    return None;
                }
                value = value * 85 + u64::from(d);
                held += 1;
                if held == 5 {
                    out.extend_from_slice(&u32::try_from(value).ok()?.to_be_bytes());
                    (value, held) = (0, 0);
                }
            }
        }
    }
    if held > 1 {
        for _ in held..5 {
            value = value * 85 + 84;
        }
        let bytes = u32::try_from(value).ok()?.to_be_bytes();
        out.extend(bytes.iter().take(held - 1));
    }
    Some(out)
}

/// A stretch of text in base85, decoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Where it stands.
    pub(crate) span: Range<usize>,
    /// What it decodes to: text or a compressed stream.
    pub(crate) bytes: Vec<u8>,
}

/// The shortest word that is tried: twelve bytes.
pub(crate) const MIN_WORD: usize = 15;

/// Finds base85 in a text: whatever stands between `<~` and `~>`, and words whose mixture of
/// punctuation no other text has. `ground` are the kinds of its bytes.
pub(crate) fn words(text: &[u8], ground: &Ground) -> Vec<Word> {
    let mut out = Vec::new();
    if memmem::find(text, b"<~").is_none() {
        ground.runs(text.len(), Mask::graph, |start, end| {
            if end - start >= MIN_WORD {
                out.extend(word(text, start..end));
            }
        });
        return out;
    }
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let [b'<', b'~', inner @ ..] = rest
            && let Some(end) = memmem::find(inner, b"~>")
            && let Some(bytes) = inner.get(..end).and_then(|inner| decode(inner, Alphabet::Adobe))
        {
            if nature(&bytes) != Nature::Noise {
                out.push(Word { span: at..at + end + 4, bytes });
            }
            at += end + 4;
            continue;
        }
        let length = rest.iter().take_while(|b| is(**b, GRAPH)).count();
        if length >= MIN_WORD {
            out.extend(word(text, at..at + length));
        }
        at += length.max(1);
    }
    out
}

/// A word, if it reads.
fn word(text: &[u8], span: Range<usize>) -> Option<Word> {
    let word = text.get(span.clone()).filter(|word| mixed(word))?;
    read(word).map(|bytes| Word { span, bytes })
}

/// The first alphabet in which a word, perhaps in quotes, reads.
fn read(word: &[u8]) -> Option<Vec<u8>> {
    let bare = word.strip_prefix(b"\"").unwrap_or(word);
    let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
    Alphabet::ALL.into_iter().find_map(|alphabet| {
        // Most words show in their first group that they are none of this.
        let plausible = start(bare, alphabet)
            .is_some_and(|four| said(&four).is_some() || !four.iter().any(|b| is(*b, CONTROL)));
        let bytes = if plausible { decode(bare, alphabet)? } else { return None };
        (nature(&bytes) != Nature::Noise).then_some(bytes)
    })
}

/// The four bytes of a word's first group.
fn start(word: &[u8], alphabet: Alphabet) -> Option<[u8; 4]> {
    let table = alphabet.table();
    let value = word.get(..5)?.iter().try_fold(0_u64, |value, b| {
        let d = digit(table, *b);
        (d != NONE).then(|| value * 85 + u64::from(d))
    })?;
    u32::try_from(value).ok().map(u32::to_be_bytes)
}

/// Whether a word mixes letters of either case or digits with punctuation as base85 does: at least
/// one in eight of a kind that addresses, paths and identifiers do not use.
fn mixed(word: &[u8]) -> bool {
    let odd = word.iter().filter(|b| is(**b, GRAPH) && !is(**b, RUN) && !b"./:,".contains(b));
    let letters = word.iter().filter(|b| is(**b, ALNUM)).count();
    odd.count() * 8 >= word.len() && letters * 4 >= word.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Python's `base64.a85encode` and `b85encode`; Z85's is the RFC's own vector.
    #[test]
    fn known_vectors_decode() {
        for (text, alphabet, plain) in [
            ("87cURD]i,\"Ebo80", Alphabet::Adobe, b"Hello World!".as_slice()),
            ("87cUR\nD]i,\"Ebo7", Alphabet::Adobe, b"Hello World"),
            ("z!!", Alphabet::Adobe, &[0, 0, 0, 0, 0]),
            ("NM&qnZy;B1a%^NFAp", Alphabet::Rfc1924, b"Hello World!!"),
            ("HelloWorld", Alphabet::Z85, &[0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B]),
        ] {
            assert_eq!(decode(text.as_bytes(), alphabet).as_deref(), Some(plain), "{text}");
        }
        assert_eq!(decode(b"uuuuu", Alphabet::Adobe), None, "beyond 2^32");
    }

    #[test]
    fn words_are_found_in_text() {
        // `base64.a85encode` and `b85encode` of "my ssn is 536-90-4399".
        for text in [
            "see <~D0[7FF)E+7F!*=r2D$pC/Mo7D3<~> end",
            "see D0[7FF)E+7F!*=r2D$pC/Mo7D3< end",
            "\"ZFwMbb8aAMb09S{HZ3_YEi^MZIR\"",
        ] {
            let found = words(text.as_bytes(), &Ground::of(text.as_bytes()));
            let bytes = found.first().map(|word| word.bytes.as_slice());
            assert_eq!(bytes, Some(b"my ssn is 536-90-4399".as_slice()), "{text}");
        }
        let code = b"f(x) => { a[i] = b && c; } https://example.com/?a=1&b=2";
        assert!(words(code, &Ground::of(code)).is_empty());
    }
}
