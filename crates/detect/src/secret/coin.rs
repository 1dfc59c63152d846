//! Private keys of crypto-currencies by their own checksums: WIF and BIP-38, extended keys
//! (BIP-32), Nostr, Sui and Cardano keys in bech32, Stellar seeds, XRP family seeds, Tezos keys.
//! Addresses are personal data and live in `validate/crypto`. Next: `userinfo`.

use super::checksum::crc16;
use crate::decode::base32;
use crate::validate::Verdict;
use crate::validate::crypto::{BITCOIN_ALPHABET, XRP_ALPHABET, base58, bech32, twice_hashed};

/// A private key as wallets export it (base58check, 32 bytes and a version).
pub(crate) fn wif_key(text: &str) -> Verdict {
    Verdict::of(checked(text).is_some_and(|bytes| match bytes.as_slice() {
        // Bitcoin 128, test nets 239, Litecoin 176, Dogecoin 158, Dash 204.
        [128 | 239 | 176 | 158 | 204, rest @ ..] => match rest.len() {
            36 => true,
            37 => rest.get(32) == Some(&1),
            _ => false,
        },
        _ => false,
    }))
}

/// A private key under a passphrase (BIP-38).
pub(crate) fn bip38_key(text: &str) -> Verdict {
    Verdict::of(
        checked(text)
            .is_some_and(|b| b.len() == 43 && matches!(b.as_slice(), [1, 0x42 | 0x43, ..])),
    )
}

/// An extended private key: xprv, yprv, zprv, tprv and their kin (BIP-32, SLIP-132).
pub(crate) fn extended_key(text: &str) -> Verdict {
    // The key itself is 33 bytes and begins with a zero byte; a public one with 2 or 3.
    Verdict::of(checked(text).is_some_and(|bytes| bytes.len() == 82 && bytes.get(45) == Some(&0)))
}

/// A secret in bech32: nsec (Nostr), suiprivkey, Cardano's ed25519 keys, age's keys.
pub(crate) fn bech32_secret(text: &str) -> Verdict {
    Verdict::of(bech32(text).is_some_and(|(_, data, sum)| sum == 1 && data.len() >= 51))
}

/// A Stellar seed: version byte `S`, 32 bytes, CRC-16 (SEP-23).
pub(crate) fn stellar_seed(text: &str) -> Verdict {
    let bytes = base32::decode(text.as_bytes()).unwrap_or_default();
    Verdict::of(match bytes.split_last_chunk::<2>() {
        Some((body, check)) => {
            bytes.len() == 35 && bytes.first() == Some(&0x90) && crc16(body).to_le_bytes() == *check
        }
        None => false,
    })
}

/// An XRP family seed.
pub(crate) fn xrp_seed(text: &str) -> Verdict {
    Verdict::of(base58(text, XRP_ALPHABET).is_some_and(|bytes| {
        let length = match bytes.as_slice() {
            [0x21, ..] => 21,
            [0x01, 0xe1, 0x4b, ..] => 23,
            _ => return false,
        };
        bytes.len() == length && twice_hashed(&bytes)
    }))
}

/// A Tezos secret key: ed25519, secp256k1 or P-256, plain or encrypted.
pub(crate) fn tezos_key(text: &str) -> Verdict {
    Verdict::of(checked(text).is_some_and(|bytes| bytes.len() >= 40))
}

/// A Solana key pair as its tools write it: 64 bytes in brackets, not a table of small numbers.
pub(crate) fn byte_array(text: &str) -> Verdict {
    let numbers = text.trim_matches(|c| matches!(c, '[' | ']')).split(',');
    let bytes: Option<Vec<u8>> = numbers.map(|number| number.trim().parse().ok()).collect();
    Verdict::possible(bytes.is_some_and(|bytes| {
        let mut kinds = [false; 256];
        for byte in &bytes {
            if let Some(kind) = kinds.get_mut(usize::from(*byte)) {
                *kind = true;
            }
        }
        let distinct = kinds.iter().filter(|kind| **kind).count();
        bytes.len() == 64 && distinct >= 44 && !bytes.is_sorted()
    }))
}

/// The bytes of base58check in Bitcoin's alphabet, version and checksum included.
fn checked(text: &str) -> Option<Vec<u8>> {
    base58(text, BITCOIN_ALPHABET).filter(|bytes| twice_hashed(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_keys_hold_and_their_neighbours_do_not() {
        type Check = fn(&str) -> Verdict;
        let cases: [(Check, &str); 9] = [
            (wif_key, "5Hwgr3u458GLafKBgxtssHSPqJnYoGrSzgQsPwLFhLNYskDPyyA"),
            (wif_key, "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"),
            (bip38_key, "6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg"),
            (
                extended_key,
                "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
            ),
            (bech32_secret, "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"),
            (stellar_seed, "SDJHRQF4GCMIIKAAAQ6IHY42X73FQFLHUULAPSKKD4DFDM7UXWWCRHBE"),
            (xrp_seed, "snoPBrXtMeMyMHUVTgbuqAfg1SUTb"),
            (xrp_seed, "sEdTM1uX8pu2do5XvTnutH6HsouMaM2"),
            (tezos_key, "edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh"),
        ];
        for (check, key) in cases {
            assert_eq!(check(key), Verdict::Valid, "{key}");
            let mut changed: Vec<char> = key.chars().collect();
            if let Some(c) = changed.get_mut(9) {
                *c = if *c == 'q' { 'p' } else { 'q' };
            }
            let changed: String = changed.into_iter().collect();
            assert_eq!(check(&changed), Verdict::Invalid, "{changed}");
        }
        // The public half of BIP-32's first vector is no secret.
        let public = "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8";
        assert_eq!(extended_key(public), Verdict::Invalid);
    }
}
