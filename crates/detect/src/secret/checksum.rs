//! Small checksums that tokens carry in their tails: CRC-32 in base 62, CRC-16.
//! Next: `phrase` (Monero uses the first), `coin`.

use super::random::random_token;
use crate::validate::Verdict;

/// CRC-32 as in zip and PNG (ISO-HDLC).
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        let index = (sum ^ u32::from(*byte)) & 0xff;
        sum >> 8 ^ CRC32.get(index as usize).copied().unwrap_or_default()
    })
}

const CRC32: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "a constant's own bounds, checked at build")]
        {
            table[byte] = value;
        }
        byte += 1;
    }
    table
};

/// CRC-16/XMODEM, as Stellar's keys have it.
pub(crate) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 }
        })
    })
}

/// The last six characters are the CRC-32 of those after the prefix, in base 62 (GitHub, npm,
/// NetBird): certain if so.
///
/// A wrong checksum is not dropped if the rest looks random: a mistyped or redrawn token costs
/// little when it is held back, and whoever tries the product tries it with one.
pub(crate) fn crc32_base62(text: &str) -> Verdict {
    let Some((_, token)) = text.split_once('_') else { return Verdict::Invalid };
    let Some((body, tail)) = token.len().checked_sub(6).and_then(|at| token.split_at_checked(at))
    else {
        return Verdict::Invalid;
    };
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let value = tail.bytes().try_fold(0_u64, |value, byte| {
        let digit = digits.iter().position(|known| *known == byte)?;
        Some(value * 62 + digit as u64)
    });
    if value == Some(u64::from(crc32(body.as_bytes()))) {
        return Verdict::Valid;
    }
    random_token(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_check_values() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn tokens_carry_their_tail() {
        // From GitHub's own announcement, and one letter changed.
        let token = format!("ghp_{}", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17");
        assert_eq!(crc32_base62(&token), Verdict::Valid);
        assert_eq!(crc32_base62(&token.replace('z', "Z")), Verdict::Unknown);
        for text in
            ["", "ghp_", "ghp_12345", "ghp_é23456", "ghp_someLongIdentifierNameOfNoTokenAtAll"]
        {
            assert_eq!(crc32_base62(text), Verdict::Invalid, "{text}");
        }
    }
}
