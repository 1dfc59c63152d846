//! Addresses of crypto-currencies by their own checksums: base58check, bech32 and bech32m
//! (BIP-173, BIP-350), EIP-55, XRP, Stellar, Monero. Public keys and hashes only; private keys
//! and seeds are credentials and live in `secret`.

use super::Verdict;
use sha2::{Digest, Sha256};
use sha3::Keccak256;

/// An address of Bitcoin, Litecoin, Dogecoin, Dash, Zcash, Bitcoin Cash, Tron, XRP, Stellar,
/// Cardano, Cosmos or Monero whose checksum holds.
pub(crate) fn crypto_address(text: &str) -> Verdict {
    Verdict::of(
        base58_coin(text)
            || segwit(text)
            || other_bech32(text)
            || cash(text)
            || stellar(text)
            || monero(text),
    )
}

/// An Ethereum address: `Valid` where EIP-55's capitals check it, `Unknown` in one case only.
pub(crate) fn ethereum_address(text: &str) -> Verdict {
    let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
        return Verdict::Invalid;
    };
    if hex.len() != 40 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Verdict::Invalid;
    }
    let mut kinds = [false; 16];
    for byte in hex.bytes() {
        let value = super::digits::value(byte) as usize;
        if let Some(kind) = kinds.get_mut(value) {
            *kind = true;
        }
    }
    // Burn addresses and precompiles: 0x000…01, 0xdead…: nobody's.
    if kinds.iter().filter(|kind| **kind).count() < 6 {
        return Verdict::Invalid;
    }
    let mixed = hex.bytes().any(|byte| byte.is_ascii_lowercase())
        && hex.bytes().any(|byte| byte.is_ascii_uppercase());
    if !mixed {
        return Verdict::Unknown;
    }
    let hash = Keccak256::digest(hex.to_ascii_lowercase().as_bytes());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Verdict::of(
        hex.bytes().zip(nibbles).all(|(byte, nibble)| {
            byte.is_ascii_digit() || byte.is_ascii_uppercase() == (nibble >= 8)
        }),
    )
}

pub(crate) const BITCOIN_ALPHABET: &[u8; 58] =
    b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
pub(crate) const XRP_ALPHABET: &[u8; 58] =
    b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// Version bytes: Bitcoin 0, 5 (test 111, 196); Litecoin 48, 50; Dogecoin 30, 22; Dash 76, 16;
/// Tron 65; Zcash 28 and 29 with a second byte.
fn base58_coin(text: &str) -> bool {
    if !(25..=36).contains(&text.len()) {
        return false;
    }
    let bitcoin = base58(text, BITCOIN_ALPHABET).is_some_and(|bytes| {
        let known = match bytes.as_slice() {
            [0 | 5 | 111 | 196 | 48 | 50 | 30 | 22 | 76 | 16 | 65, ..] => bytes.len() == 25,
            [28, 184 | 189, ..] | [29, 37, ..] => bytes.len() == 26,
            _ => false,
        };
        known && twice_hashed(&bytes)
    });
    bitcoin
        || (text.starts_with('r')
            && base58(text, XRP_ALPHABET).is_some_and(|bytes| {
                bytes.len() == 25 && bytes.first() == Some(&0) && twice_hashed(&bytes)
            }))
}

/// The last four bytes are those of the double SHA-256 of the rest.
pub(crate) fn twice_hashed(bytes: &[u8]) -> bool {
    let Some((body, check)) = bytes.len().checked_sub(4).and_then(|at| bytes.split_at_checked(at))
    else {
        return false;
    };
    Sha256::digest(Sha256::digest(body)).starts_with(check)
}

/// LIMIT: of at most 128 characters, so that the quadratic conversion stays small.
pub(crate) fn base58(text: &str, alphabet: &[u8; 58]) -> Option<Vec<u8>> {
    if text.len() > 128 {
        return None;
    }
    // Little-endian base 256.
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for character in text.bytes() {
        let mut carry = alphabet.iter().position(|known| *known == character)?;
        for byte in &mut bytes {
            carry += usize::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push((carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    let zero = alphabet.first().copied();
    let zeros = text.bytes().take_while(|byte| Some(*byte) == zero).count();
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}

const BECH32_ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// BIP-173's checksum is 1, BIP-350's this.
const BECH32M: u32 = 0x2bc8_30a3;

/// The data part without checksum, and what the checksum comes to.
pub(crate) fn bech32(text: &str) -> Option<(String, Vec<u8>, u32)> {
    let lower = text.to_ascii_lowercase();
    if lower != text && text.to_ascii_uppercase() != text {
        return None;
    }
    let (prefix, data) = lower.rsplit_once('1')?;
    let values: Vec<u8> = data
        .bytes()
        .map(|byte| BECH32_ALPHABET.iter().position(|known| *known == byte).map(|at| at as u8))
        .collect::<Option<_>>()?;
    let sum = polymod(
        prefix
            .bytes()
            .map(|byte| byte >> 5)
            .chain(std::iter::once(0))
            .chain(prefix.bytes().map(|byte| byte & 31))
            .chain(values.iter().copied()),
    );
    let body = values.len().checked_sub(6)?;
    let prefix = prefix.to_owned();
    Some((prefix, values.into_iter().take(body).collect(), sum))
}

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        GENERATOR
            .iter()
            .enumerate()
            .fold(next, |next, (bit, word)| if top >> bit & 1 == 1 { next ^ word } else { next })
    })
}

/// Bitcoin and Litecoin: version 0 by BIP-173, later ones by BIP-350, with the program's length.
fn segwit(text: &str) -> bool {
    let Some((prefix, data, sum)) = bech32(text) else { return false };
    if !["bc", "tb", "bcrt", "ltc"].contains(&prefix.as_str()) {
        return false;
    }
    let Some((version, program)) = data.split_first() else { return false };
    let bytes = program.len() * 5 / 8;
    match version {
        0 => sum == 1 && (bytes == 20 || bytes == 32),
        1..=16 => sum == BECH32M && (2..=40).contains(&bytes),
        _ => false,
    }
}

/// Cardano (payment and stake) and the Cosmos family.
fn other_bech32(text: &str) -> bool {
    const PREFIXES: [&str; 8] =
        ["addr", "stake", "cosmos", "osmo", "celestia", "terra", "inj", "juno"];
    bech32(text).is_some_and(|(prefix, data, sum)| {
        sum == 1 && data.len() >= 32 && PREFIXES.contains(&prefix.as_str())
    })
}

/// Bitcoin Cash's CashAddr with its prefix.
fn cash(text: &str) -> bool {
    let Some(data) = text.strip_prefix("bitcoincash:") else { return false };
    let values: Option<Vec<u64>> = data
        .bytes()
        .map(|byte| BECH32_ALPHABET.iter().position(|known| *known == byte).map(|at| at as u64))
        .collect();
    let Some(values) = values else { return false };
    const GENERATOR: [u64; 5] =
        [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
    let prefix = "bitcoincash".bytes().map(|byte| u64::from(byte & 31)).chain(std::iter::once(0));
    let sum = prefix.chain(values).fold(1_u64, |sum, value| {
        let top = sum >> 35;
        let next = (sum & 0x07_ffff_ffff) << 5 ^ value;
        GENERATOR
            .iter()
            .enumerate()
            .fold(next, |next, (bit, word)| if top >> bit & 1 == 1 { next ^ word } else { next })
    });
    sum == 1
}

/// A Stellar account: base32 of version 48, 32 bytes of key and a CRC-16.
fn stellar(text: &str) -> bool {
    if text.len() != 56 || !text.starts_with('G') {
        return false;
    }
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::with_capacity(35);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'2'..=b'7' => character - b'2' + 26,
            _ => return false,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    let [body @ .., low, high] = bytes.as_slice() else { return false };
    let crc = body.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    });
    crc == u16::from_le_bytes([*low, *high])
}

/// A Monero address: eleven characters of base58 for every eight bytes, Keccak at the end.
fn monero(text: &str) -> bool {
    if !(text.len() == 95 || text.len() == 106) || !text.is_ascii() {
        return false;
    }
    let mut bytes = Vec::with_capacity(80);
    for block in text.as_bytes().chunks(11) {
        // A block of n characters holds this many bytes.
        let length = match block.len() {
            11 => 8,
            7 => 5,
            _ => return false,
        };
        let mut number = 0_u128;
        for byte in block {
            let Some(value) = BITCOIN_ALPHABET.iter().position(|known| known == byte) else {
                return false;
            };
            number = number * 58 + value as u128;
        }
        let all = number.to_be_bytes();
        let Some((zeros, part)) = all.split_at_checked(all.len() - length) else { return false };
        if zeros.iter().any(|byte| *byte != 0) {
            return false;
        }
        bytes.extend_from_slice(part);
    }
    let Some((body, check)) = bytes.len().checked_sub(4).and_then(|at| bytes.split_at_checked(at))
    else {
        return false;
    };
    matches!(body.first(), Some(18 | 19 | 42)) && Keccak256::digest(body).starts_with(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each from its project's own documents or specification.
    #[test]
    fn published_addresses_hold_and_their_neighbours_do_not() {
        for address in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
            "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
            "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
            "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
            "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",
        ] {
            assert_eq!(crypto_address(address), Verdict::Valid, "{address}");
            let mut wrong = address.to_owned();
            let last = if wrong.pop() == Some('q') { 'p' } else { 'q' };
            wrong.push(if address == address.to_uppercase() {
                last.to_ascii_uppercase()
            } else {
                last
            });
            assert_eq!(crypto_address(&wrong), Verdict::Invalid, "{wrong}");
        }
        assert_eq!(crypto_address(""), Verdict::Invalid);
        assert_eq!(crypto_address("bc1"), Verdict::Invalid);
    }

    #[test]
    fn eip_55s_own_examples() {
        for address in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            assert_eq!(ethereum_address(address), Verdict::Valid, "{address}");
            assert_eq!(ethereum_address(&address.to_lowercase()), Verdict::Unknown, "{address}");
        }
        assert_eq!(
            ethereum_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"),
            Verdict::Invalid
        );
        assert_eq!(
            ethereum_address("0x0000000000000000000000000000000000000001"),
            Verdict::Invalid
        );
    }
}
