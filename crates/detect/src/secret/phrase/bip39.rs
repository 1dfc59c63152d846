//! BIP-39: eleven bits a word; the last bits are the first of the entropy's SHA-256, one for each
//! 32 bits of entropy. https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki

use sha2::{Digest, Sha256};

/// Whether the numbers of 12, 15, 18, 21 or 24 words carry their checksum.
pub(super) fn holds(window: &[u16]) -> bool {
    if !window.len().is_multiple_of(3) {
        return false;
    }
    let mut bytes = Vec::with_capacity(34);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for index in window {
        held = held << 11 | u32::from(*index);
        bits += 11;
        while bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    // 11 bits × 3n words = 32 bits × n entropy and n bits of checksum.
    let checked = window.len() / 3;
    let entropy = checked * 4;
    if bits > 0 {
        bytes.push((held << (8 - bits) & 0xff) as u8);
    }
    let (Some(secret), Some(check)) = (bytes.get(..entropy), bytes.get(entropy)) else {
        return false;
    };
    let digest = Sha256::digest(secret);
    let mask = 0xff_u8 << (8 - checked.min(8));
    digest.first().is_some_and(|first| first & mask == check & mask)
}
