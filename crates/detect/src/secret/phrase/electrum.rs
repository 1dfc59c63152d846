//! Electrum's phrases: twelve English BIP-39 words whose HMAC-SHA512 under "Seed version" begins
//! with the version. https://electrum.readthedocs.io/en/latest/seedphrase.html

use super::words::List;
use sha2::{Digest, Sha512};

/// Whether the twelve words begin with a version's digits.
pub(super) fn holds(list: &List, window: &[u16]) -> bool {
    let words: Vec<&str> = window.iter().map(|index| list.word(*index)).collect();
    let code = hmac(b"Seed version", words.join(" ").as_bytes());
    // Standard 01, SegWit 100, with a second factor 101 and 102.
    matches!(code.as_slice(), [0x01, ..])
        || matches!(code.as_slice(), [0x10, low, ..] if low >> 4 <= 2)
}

/// HMAC (RFC 2104) with a key shorter than SHA-512's block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| -> Vec<u8> {
        key.iter().copied().chain(std::iter::repeat(0)).take(128).map(|k| k ^ byte).collect()
    };
    let inner = Sha512::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha512::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}
