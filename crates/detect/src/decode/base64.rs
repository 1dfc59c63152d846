//! Base64 and base64url in one alphabet: padded or not, wrapped, several in a row. RFC 4648 §4–5.
//!
//! A leak need not be well-formed for the receiver to read it, so the decoder takes what it gets:
//! blanks are skipped, padding ends one block and begins the next, a rest of one digit is dropped.
//! Next: `base32`.

use super::bytes::{NONE, digit, digits};

const TABLE: [u8; 256] =
    digits(&[b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", URL_SAFE]);
const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Decodes digits of either alphabet; `None` where a byte is neither digit, blank nor padding.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut rest = text;
    // Whole groups of four digits first; everything else goes byte by byte.
    loop {
        let (mut chunks, mut taken) = (rest.chunks_exact(4), 0);
        for chunk in chunks.by_ref() {
            let &[a, b, c, d] = chunk else { break };
            let (a, b, c, d) =
                (digit(&TABLE, a), digit(&TABLE, b), digit(&TABLE, c), digit(&TABLE, d));
            if (a | b | c | d) & 0x80 != 0 {
                break;
            }
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
            taken += 4;
        }
        rest = rest.get(taken..).unwrap_or_default();
        if rest.is_empty() {
            return Some(out);
        }
        rest = odd_group(rest, &mut out)?;
    }
}

/// The first nine bytes of what digits decode to; zeros for what is none.
pub(crate) fn start(text: &[u8]) -> [u8; 9] {
    let mut out = [0; 9];
    for (four, three) in text.chunks_exact(4).zip(out.chunks_exact_mut(3)) {
        if let (&[a, b, c, d], [x, y, z]) = (four, three) {
            let (a, b, c, d) =
                (digit(&TABLE, a), digit(&TABLE, b), digit(&TABLE, c), digit(&TABLE, d));
            (*x, *y, *z) = (a << 2 | b >> 4 & 3, b << 4 | c >> 2 & 15, c << 6 | d & 63);
        }
    }
    out
}

/// One group with blanks or padding in it; answers what follows.
fn odd_group<'t>(text: &'t [u8], out: &mut Vec<u8>) -> Option<&'t [u8]> {
    let (mut bits, mut held, mut used) = (0_u32, 0_u32, 0);
    for &b in text {
        used += 1;
        match b {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'=' => break,
            _ => {
                let value = digit(&TABLE, b);
                if value == NONE {
                    return None;
                }
                bits = bits << 6 | u32::from(value);
                held += 1;
                if held == 4 {
                    break;
                }
            }
        }
    }
    let [_, a, b, c] = (bits << (6 * (4 - held.min(4)))).to_be_bytes();
    let whole = usize::try_from(held * 6 / 8).unwrap_or_default();
    out.extend([a, b, c].iter().take(whole));
    // The padding that belongs to this group.
    let after = text.get(used..).unwrap_or_default();
    let pads = after.iter().take_while(|b| **b == b'=').count();
    after.get(pads..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[u8]) {
        assert_eq!(decode(text.as_bytes()).as_deref(), Some(expected), "{text}");
    }

    /// RFC 4648 §10, and what real senders make of it.
    #[test]
    fn all_shapes_decode() {
        for (text, plain) in [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmE", "fooba"),
            ("Zm9v\r\n YmFy", "foobar"),
            ("Zm 9vY\nmF y", "foobar"),
            ("Zg==Zm8=Zm9v", "ffofoo"),
            ("Zm9vY", "foo"),
            ("", ""),
        ] {
            check(text, plain.as_bytes());
        }
        check("-_-_", &[0xfb, 0xff, 0xbf]);
        check("+/+/", &[0xfb, 0xff, 0xbf]);
        assert_eq!(decode(b"Zm9v!"), None);
    }
}
