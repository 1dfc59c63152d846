//! Every transform that hides a value, undone in one place, and the one door for decompression.
//!
//! ```text
//!  text ─ survey (one cheap pass) ─┬─▶ escape · fold · spread · mirror ─▶ text      ┐
//!                                  └─▶ run · base85 · hex lists ─▶ bytes ─ nature ──┤ looked at again
//!                                                  inflate ◀── compressed ──────────┘ (`inspect`)
//! ```
//! Pure functions from text or bytes to what they hold. Whoever receives a leak need not keep to a
//! standard, so decoders take what they get; noise is dropped by `nature`.
//! Must not know what is looked for, nor budgets: `inspect` does.
//!
//! Reading order: `bytes`, the alphabets, `escape`, `fold`, `spread`, `mirror`, `inflate`, `nature`,
//! `run`, `encoded`.

pub(crate) mod bytes;

pub(crate) mod base32;
pub(crate) mod base58;
pub(crate) mod base64;
pub(crate) mod base85;
pub(crate) mod hex;

mod confusables;
pub(crate) mod escape;
pub(crate) mod fold;
pub(crate) mod mirror;
mod rewrite;
pub(crate) mod spread;

pub mod inflate;
pub(crate) mod nature;

pub(crate) mod encoded;
pub(crate) mod run;

pub(crate) use rewrite::Rewrite;

/// A transform that was undone, by name ("base64", "gzip").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transform(pub &'static str);

impl Transform {
    /// Base64 or base64url.
    pub const BASE64: Self = Self("base64");
    /// Base32.
    pub const BASE32: Self = Self("base32");
    /// Base58.
    pub const BASE58: Self = Self("base58");
    /// ASCII85, Z85 or RFC 1924's base85.
    pub const BASE85: Self = Self("base85");
    /// Hexadecimal in any spelling.
    pub const HEX: Self = Self("hex");
    /// A list of decimal character codes.
    pub const DECIMAL: Self = Self("decimal");
    /// Percent escapes.
    pub const PERCENT: Self = Self("percent");
    /// HTML character references.
    pub const HTML: Self = Self("html");
    /// Backslash escapes.
    pub const ESCAPES: Self = Self("escapes");
    /// Quoted-printable.
    pub const QUOTED_PRINTABLE: Self = Self("quoted-printable");
    /// Invisible characters, compatibility forms, look-alikes.
    pub const UNICODE: Self = Self("unicode");
    /// Separators between all characters, or unusual groups of digits.
    pub const SPACED: Self = Self("spaced");
    /// Letters for digits.
    pub const LEET: Self = Self("leet");
    /// ROT13.
    pub const ROT13: Self = Self("rot13");
    /// Last character first.
    pub const REVERSED: Self = Self("reversed");
    /// Base64 in reverse.
    pub const REVERSED_BASE64: Self = Self("reversed base64");
    /// Base32 in reverse.
    pub const REVERSED_BASE32: Self = Self("reversed base32");
    /// Hexadecimal in reverse.
    pub const REVERSED_HEX: Self = Self("reversed hex");
    /// Base64 by ROT13.
    pub const ROT13_BASE64: Self = Self("rot13 base64");
    /// Base32 by ROT13.
    pub const ROT13_BASE32: Self = Self("rot13 base32");
    /// Split over neighbouring fields.
    pub const JOINED: Self = Self("joined");
    /// UTF-16.
    pub const UTF16: Self = Self("utf-16");
    /// A data: URL.
    pub const DATA_URL: Self = Self("data-url");
    /// JSON within text.
    pub const JSON: Self = Self("json");
    /// A form within text.
    pub const FORM: Self = Self("form");
    /// Multipart within text.
    pub const MULTIPART: Self = Self("multipart");
    /// An archive or an office file taken apart.
    pub const ZIP: Self = Self("zip");
    /// A tape archive taken apart.
    pub const TAR: Self = Self("tar");
    /// A PDF taken apart.
    pub const PDF: Self = Self("pdf");
    /// A compound file taken apart.
    pub const COMPOUND: Self = Self("compound");

    /// A decompression.
    pub const fn of(codec: inflate::Codec) -> Self {
        use inflate::Codec;
        match codec {
            Codec::Gzip => Self("gzip"),
            Codec::Zlib => Self("zlib"),
            Codec::Deflate => Self("deflate"),
            Codec::Brotli => Self("brotli"),
            Codec::Zstd => Self("zstd"),
        }
    }
}
