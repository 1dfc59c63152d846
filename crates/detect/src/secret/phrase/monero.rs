//! Monero's phrases of 25 words (13 by MyMonero): the last word repeats the one that the CRC-32
//! of all words' first letters points to. src/mnemonics/electrum-words.cpp of monero-project.

use crate::secret::checksum::crc32;

/// Whether the last of these words is the checksum of the others.
pub(super) fn holds<'w>(words: impl Iterator<Item = &'w str>, prefix: usize) -> bool {
    let mut heads: Vec<String> = words
        .map(|word| word.chars().flat_map(char::to_lowercase).take(prefix).collect())
        .collect();
    let Some(last) = heads.pop() else { return false };
    let checked = crc32(heads.concat().as_bytes()) as usize % heads.len().max(1);
    heads.get(checked) == Some(&last)
}
