//! Everything that can be put around bytes so that a receiver gets them back, in random chains.
//!
//! Shared by the example that measures and the test that holds the figure. Next: back to `main`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::io::Write as _;

/// One way of hiding; each can be undone without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrap {
    Base64,
    Base64Url,
    Base64Lines,
    DataUrl,
    Base32,
    Base58,
    Base85,
    Hex,
    HexList,
    Decimal,
    Percent,
    HtmlNumbers,
    Unicode,
    QuotedPrintable,
    Json,
    Form,
    Gzip,
    Zlib,
    Brotli,
    Zstd,
    Utf16,
    Rot13,
    Reversed,
}

/// Those that a receiver undoes by a standard.
pub(crate) const STANDARDS: [Wrap; 21] = [
    Wrap::Base64,
    Wrap::Base64Url,
    Wrap::Base64Lines,
    Wrap::DataUrl,
    Wrap::Base32,
    Wrap::Base58,
    Wrap::Base85,
    Wrap::Hex,
    Wrap::HexList,
    Wrap::Decimal,
    Wrap::Percent,
    Wrap::HtmlNumbers,
    Wrap::Unicode,
    Wrap::QuotedPrintable,
    Wrap::Json,
    Wrap::Form,
    Wrap::Gzip,
    Wrap::Zlib,
    Wrap::Brotli,
    Wrap::Zstd,
    Wrap::Utf16,
];

/// Those that turn all letters.
pub(crate) const TURNS: [Wrap; 2] = [Wrap::Rot13, Wrap::Reversed];

/// Values that must be found, with what stands around them and the entity that says so.
pub(crate) const SECRETS: [(&str, &str); 6] = [
    ("deploy with AKIAQWERTYUIOPASDFGH today", "AWS_ACCESS_KEY"),
    ("her ssn is 536-90-4399, keep it", "US_SSN"),
    ("card 4111 1111 1111 1111 until spring", "CREDIT_CARD"),
    ("pay to DE89370400440532013000 by Friday", "IBAN_CODE"),
    ("write to jane.roe@acme-corp.com about it", "EMAIL_ADDRESS"),
    ("postgres://app:t7Qz9pLm2xVb@db.acme-corp.com:5432/app", "POSTGRES_URL"),
];

/// A secret below a chain; `None` where the chain is none (text cannot be made of those bytes).
pub(crate) fn wrapped(text: &str, chain: &[Wrap]) -> Option<Vec<u8>> {
    chain.iter().try_fold(text.as_bytes().to_vec(), |bytes, wrap| wrap.around(&bytes))
}

/// A chain of one to `most` of these, by chance.
pub(crate) fn chain(wraps: &[Wrap], most: usize, dice: &mut Dice) -> Vec<Wrap> {
    (0..=dice.below(most)).filter_map(|_| wraps.get(dice.below(wraps.len())).copied()).collect()
}

impl Wrap {
    fn around(self, plain: &[u8]) -> Option<Vec<u8>> {
        let each = |form: fn(u8) -> String| {
            Some(plain.iter().flat_map(|b| form(*b).into_bytes()).collect())
        };
        let text = || str::from_utf8(plain).ok();
        match self {
            Self::Base64 => Some(STANDARD.encode(plain).into_bytes()),
            Self::Base64Url => Some(URL_SAFE_NO_PAD.encode(plain).into_bytes()),
            Self::Base64Lines => Some(
                STANDARD.encode(plain).as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..]),
            ),
            Self::DataUrl => Some(format!("data:;base64,{}", STANDARD.encode(plain)).into_bytes()),
            Self::Base32 => Some(base32(plain)),
            Self::Base58 => base58(plain),
            Self::Base85 => Some(base85(plain)),
            Self::Hex => each(|b| format!("{b:02x}")),
            Self::HexList => each(|b| format!("\\x{b:02X}")),
            Self::Decimal => {
                let list: Vec<String> = plain.iter().map(u8::to_string).collect();
                Some(format!("[{}]", list.join(", ")).into_bytes())
            }
            Self::Percent => each(|b| format!("%{b:02X}")),
            // Of bytes that are no text these two would make other bytes.
            Self::HtmlNumbers => Some(
                text()?.chars().map(|c| format!("&#{};", u32::from(c))).collect::<String>().into(),
            ),
            Self::Unicode => {
                let units = text()?.encode_utf16();
                Some(units.map(|unit| format!("\\u{unit:04x}")).collect::<String>().into())
            }
            Self::QuotedPrintable => each(|b| format!("={b:02X}")),
            Self::Json => Some(serde_json::json!({ "v": text()?, "n": 1 }).to_string().into()),
            Self::Form => {
                let escaped: String = plain.iter().map(|b| format!("%{b:02x}")).collect();
                Some(format!("kind=note&v={escaped}").into_bytes())
            }
            Self::Gzip => {
                let mut out =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                out.write_all(plain).ok()?;
                out.finish().ok()
            }
            Self::Zlib => {
                let mut out =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
                out.write_all(plain).ok()?;
                out.finish().ok()
            }
            Self::Brotli => {
                let (mut out, parameters) =
                    (Vec::new(), brotli::enc::BrotliEncoderParams::default());
                brotli::BrotliCompress(&mut &*plain, &mut out, &parameters).ok()?;
                Some(out)
            }
            Self::Zstd => {
                let level = ruzstd::encoding::CompressionLevel::Fastest;
                Some(ruzstd::encoding::compress_to_vec(plain, level))
            }
            Self::Utf16 => Some(text()?.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Rot13 => Some(plain.iter().map(|b| rot13(*b)).collect()),
            Self::Reversed => Some(text()?.chars().rev().collect::<String>().into()),
        }
    }
}

const fn rot13(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        _ => byte,
    }
}

fn base32(plain: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = plain.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    bits.chunks(5)
        .filter_map(|five| {
            let value = (0..5).fold(0, |sum, i| sum << 1 | five.get(i).copied().unwrap_or(0));
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".get(usize::from(value)).copied()
        })
        .collect()
}

/// LIMIT: bytes, since it takes the square of them and nobody sends files so.
fn base58(plain: &[u8]) -> Option<Vec<u8>> {
    if plain.len() > 1_400 {
        return None;
    }
    let mut digits: Vec<u32> = Vec::new();
    for byte in plain {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let alphabet = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let zeros = plain.iter().take_while(|b| **b == 0).map(|_| b'1');
    let rest = digits.iter().rev().filter_map(|digit| alphabet.get(*digit as usize).copied());
    Some(zeros.chain(rest).collect())
}

fn base85(plain: &[u8]) -> Vec<u8> {
    let mut out = b"<~".to_vec();
    for chunk in plain.chunks(4) {
        let four = (0..4).map(|i| chunk.get(i).copied().unwrap_or(0));
        let mut value = four.fold(0_u32, |sum, byte| sum << 8 | u32::from(byte));
        let mut five = [0; 5];
        for digit in five.iter_mut().rev() {
            *digit = (value % 85) as u8 + b'!';
            value /= 85;
        }
        out.extend(five.iter().take(chunk.len() + 1));
    }
    out.extend(b"~>");
    out
}

/// `SplitMix64` (Steele, Lea, Flood, 2014).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `bound`, which is not 0.
    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
