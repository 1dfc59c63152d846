//! Base58 in Bitcoin's alphabet, without a checksum. The number is held in limbs of 32 bits and ten
//! digits are worked in at once, so that the quadratic cost stays small up to the cap.
//! Next: `base85`.

use super::bytes::{NONE, digit, digits};

const TABLE: [u8; 256] = digits(&[b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"]);

/// LIMIT: the longest text that is tried, in characters: the cost grows with the square.
pub(crate) const MAX_DIGITS: usize = 2048;

/// Decodes a run of digits; `None` for any other byte, and past the cap.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_DIGITS {
        return None;
    }
    // Lowest limb first.
    let mut limbs: Vec<u32> = Vec::with_capacity(text.len() / 5 + 1);
    for group in text.chunks(5) {
        let (mut value, mut scale) = (0_u64, 1_u64);
        for &b in group {
            let d = digit(&TABLE, b);
            if d == NONE {
                return None;
            }
            value = value * 58 + u64::from(d);
            scale *= 58;
        }
        let mut carry = value;
        for limb in &mut limbs {
            let [high, low] = halves(u64::from(*limb) * scale + carry);
            *limb = low;
            carry = u64::from(high);
        }
        if carry > 0 {
            let [high, low] = halves(carry);
            limbs.push(low);
            if high > 0 {
                limbs.push(high);
            }
        }
    }
    let zeros = text.iter().take_while(|b| **b == b'1').count();
    let mut out = vec![0; zeros];
    let number = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes());
    out.extend(number.skip_while(|b| *b == 0));
    Some(out)
}

/// The upper and the lower half of a number.
const fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of draft-msporny-base58-03 §5.
    #[test]
    fn the_drafts_vectors_decode() {
        for (text, plain) in [
            ("2NEpo7TZRRrLZSi2U", b"Hello World!".as_slice()),
            (
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
                b"The quick brown fox jumps over the lazy dog.",
            ),
            ("11233QC4", &[0, 0, 0x28, 0x7f, 0xb4, 0xcd]),
            ("", b""),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(plain), "{text}");
        }
        assert_eq!(decode(b"0OIl"), None);
        assert_eq!(decode(&[b'z'; MAX_DIGITS + 1]), None);
    }
}
