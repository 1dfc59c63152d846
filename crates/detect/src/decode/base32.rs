//! Base32 in the alphabet of RFC 4648 §6 and in Crockford's, either case, padded or not.
//! Next: `base58`.

use super::bytes::{NONE, digit, digits};

const TABLE: [u8; 256] =
    digits(&[b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz234567"]);
const CROCKFORD: [u8; 256] =
    digits(&[b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", b"0123456789abcdefghjkmnpqrstvwxyz"]);

/// Decodes the digits of RFC 4648; `None` where a byte is neither digit, blank nor padding.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    with_table(text, &TABLE)
}

/// Decodes Crockford's digits, which have 0 and 1 and no I, L, O, U.
pub(crate) fn decode_crockford(text: &[u8]) -> Option<Vec<u8>> {
    with_table(text, &CROCKFORD)
}

fn with_table(text: &[u8], table: &[u8; 256]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 8 * 5 + 5);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for &b in text {
        match b {
            b' ' | b'\t' | b'\r' | b'\n' | b'-' => {}
            b'=' => (bits, held) = (0, 0),
            _ => {
                let value = digit(table, b);
                if value == NONE {
                    return None;
                }
                bits = bits << 5 | u32::from(value);
                held += 5;
                if held >= 8 {
                    held -= 8;
                    out.push(low_byte(bits >> held));
                    bits &= (1 << held) - 1;
                }
            }
        }
    }
    Some(out)
}

/// The lowest eight bits.
pub(crate) const fn low_byte(bits: u32) -> u8 {
    let [_, _, _, low] = bits.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn the_rfc_vectors_decode() {
        for (text, plain) in [
            ("MY======", "f"),
            ("MZXQ====", "fo"),
            ("MZXW6===", "foo"),
            ("MZXW6YQ=", "foob"),
            ("MZXW6YTB", "fooba"),
            ("MZXW6YTBOI======", "foobar"),
            ("mzxw6ytboi", "foobar"),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(plain.as_bytes()), "{text}");
        }
        assert_eq!(decode(b"MZXW1"), None);
        assert_eq!(decode_crockford(b"CSQPYRK1E8").as_deref(), Some(b"foobar".as_slice()));
    }
}
