//! Polyseed: sixteen words of the BIP-39 lists as a polynomial over GF(2048) that is zero at 2.
//! https://github.com/tevador/polyseed ("Checksum")

/// The length of every Polyseed phrase.
pub(super) const WORDS: usize = 16;

/// Monero, Aeon, Wownero: what is folded into the second word.
const COINS: [u16; 3] = [0, 1, 2];

/// Whether the numbers of sixteen words carry the checksum for one of the coins.
pub(super) fn holds(window: &[u16]) -> bool {
    window.len() == WORDS
        && COINS.iter().any(|coin| {
            let sum = window.iter().enumerate().rev().fold(0, |sum, (place, index)| {
                twice(sum) ^ if place == 1 { index ^ coin } else { *index }
            });
            sum == 0
        })
}

/// Twice an element of GF(2048), with the field's polynomial x¹¹ + x² + 1.
const fn twice(element: u16) -> u16 {
    if element < 1024 { element * 2 } else { (element * 2) ^ 0b1000_0000_0101 }
}
