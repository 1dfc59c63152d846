//! Ids are newtypes: a tenant is never mistaken for a skill, nor a receipt for a session.
//! Must not know how ids are drawn (randomness is passed in). Next: `time`.

use std::fmt;
use std::sync::Arc;

/// Why a text is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {why}")]
pub struct IdFault {
    /// What was expected ("tenant name", …).
    pub what: &'static str,
    /// The text given, cut to 64 characters.
    pub text: String,
    /// The rule it breaks.
    pub why: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $check:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);
        impl $name {
            /// Parses the id.
            ///
            /// # Errors
            /// [`IdFault`] with the rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, IdFault> {
                match $check(text) {
                    Ok(()) => Ok(Self(Arc::from(text))),
                    Err(why) => Err(IdFault { what: $what, text: text.chars().take(64).collect(), why }),
                }
            }
            /// The id as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}({})", stringify!($name), self.0) }
        }
        impl std::str::FromStr for $name {
            type Err = IdFault;
            fn from_str(text: &str) -> Result<Self, IdFault> { Self::parse(text) }
        }
    )*};
}

names! {
    /// A tenant: a Kubernetes namespace (RFC 1123 label, 1 to 63 characters).
    TenantName, "tenant name", label;
    /// A skill's name (RFC 1123 label, 1 to 63 characters).
    SkillName, "skill name", label;
    /// A skill's version: 1 to 64 of `[A-Za-z0-9.+-]`, normally SemVer 2.0.
    SkillVersion, "skill version", version;
    /// An agent role (RFC 1123 label).
    RoleName, "role name", label;
    /// A classification scheme (RFC 1123 label).
    ClassificationName, "classification name", label;
    /// One level of a classification scheme (RFC 1123 label).
    LevelName, "classification level", label;
    /// A named person or machine account (1 to 128 printable characters without white space).
    Principal, "principal", principal;
    /// A session, `ses_` and 26 characters.
    SessionId, "session id", tagged;
    /// A receipt, `rcp_` and 26 characters: the id of one recorded answer.
    ReceiptId, "receipt id", tagged;
    /// A hold, `hld_` and 26 characters.
    HoldId, "hold id", tagged;
    /// A quarantine, `qrn_` and 26 characters.
    QuarantineId, "quarantine id", tagged;
    /// An alert, `alr_` and 26 characters.
    AlertId, "alert id", tagged;
    /// A grant made by `backstop allow`, `grt_` and 26 characters.
    GrantId, "grant id", tagged;
    /// A token's public id, `tok_` and 26 characters (never the token itself).
    TokenId, "token id", tagged;
}

macro_rules! drawn {
    ($($name:ident, $tag:literal;)*) => {$(
        impl $name {
            /// Makes an id from the time and 80 random bits: sorts by time, as a ULID does.
            pub fn draw(at: crate::time::Timestamp, random: [u8; 10]) -> Self {
                Self(Arc::from(ulid($tag, at, random)))
            }
        }
    )*};
}
drawn! {
    SessionId, "ses_"; ReceiptId, "rcp_"; HoldId, "hld_"; QuarantineId, "qrn_";
    AlertId, "alr_"; GrantId, "grt_"; TokenId, "tok_";
}

/// A skill as it is identified everywhere: name, version and the digest of its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SkillId {
    /// The skill's name.
    pub name: SkillName,
    /// Its version.
    pub version: SkillVersion,
    /// SHA-256 over the canonical form of its manifest.
    pub digest: Digest,
}

impl fmt::Display for SkillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Thirty-two zero bytes: the hash before the first row of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Parses `sha256:` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`IdFault`] where the text has another form.
    pub fn parse(text: &str) -> Result<Self, IdFault> {
        let fault = || IdFault {
            what: "digest",
            text: text.chars().take(64).collect(),
            why: "write `sha256:` and 64 hexadecimal digits",
        };
        let hex = text.strip_prefix("sha256:").ok_or_else(fault)?.as_bytes();
        if hex.len() != 64 {
            return Err(fault());
        }
        let mut out = [0u8; 32];
        for (byte, pair) in out.iter_mut().zip(hex.chunks_exact(2)) {
            let digit = |c: Option<&u8>| c.and_then(|c| char::from(*c).to_digit(16));
            let (Some(high), Some(low)) = (digit(pair.first()), digit(pair.last())) else {
                return Err(fault());
            };
            *byte = u8::try_from(high * 16 + low).map_err(|_| fault())?;
        }
        Ok(Self(out))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Two stand in every record, so that they are written at one go.
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ByteCount(pub u64);

fn label(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (None, _) | (_, None) => return Err("it is empty"),
        (Some(b'-'), _) | (_, Some(b'-')) => return Err("it starts or ends with a hyphen"),
        (Some(_), Some(_)) => {}
    }
    if bytes.len() > 63 {
        return Err("it is longer than 63 characters");
    }
    if !bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-') {
        return Err("use lower-case letters, digits and hyphens only (RFC 1123 label)");
    }
    Ok(())
}

fn version(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 64 {
        return Err("use 1 to 64 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-')) {
        return Err("use letters, digits, `.`, `+` and `-` only");
    }
    Ok(())
}

fn principal(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.chars().count() > 128 {
        return Err("use 1 to 128 characters");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("white space and control characters are not allowed");
    }
    Ok(())
}

fn tagged(text: &str) -> Result<(), &'static str> {
    let Some((tag, rest)) = text.split_once('_') else { return Err("it has no `xxx_` prefix") };
    if tag.len() != 3 || !tag.bytes().all(|b| b.is_ascii_lowercase()) {
        return Err("its prefix is not three lower-case letters");
    }
    if rest.len() != 26 || !rest.bytes().all(|b| CROCKFORD.contains(&b)) {
        return Err("after the prefix stand 26 characters of Crockford's base32");
    }
    Ok(())
}

/// Crockford's base32 alphabet in lower case.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 48 bits of milliseconds and 80 random bits in 26 characters (ULID specification, lower case).
fn ulid(tag: &str, at: crate::time::Timestamp, random: [u8; 10]) -> String {
    let mut value = u128::from(at.unix_millis().unsigned_abs() & 0xffff_ffff_ffff) << 80;
    for (index, byte) in random.iter().enumerate() {
        value |= u128::from(*byte) << (72 - 8 * index);
    }
    let mut out = String::with_capacity(tag.len() + 26);
    out.push_str(tag);
    for index in (0..26).rev() {
        let digit = usize::try_from((value >> (5 * index)) & 31).unwrap_or(0);
        out.push(char::from(CROCKFORD.get(digit).copied().unwrap_or(b'0')));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn labels_keep_to_rfc_1123() {
        for good in ["a", "weather", "a-1", "0x"] {
            assert!(TenantName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"x".repeat(64)] {
            assert!(TenantName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn drawn_ids_sort_by_time_and_parse_again() {
        let early = ReceiptId::draw(Timestamp::from_unix_micros(1_000_000), [255; 10]);
        let late = ReceiptId::draw(Timestamp::from_unix_micros(2_000_000), [0; 10]);
        assert!(early < late);
        assert_eq!(ReceiptId::parse(late.as_str()).as_ref(), Ok(&late));
        assert!(ReceiptId::parse("rcp_short").is_err());
    }

    #[test]
    fn digests_read_what_they_write() {
        let digest = Digest::of(b"abc");
        assert_eq!(
            digest.to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
        assert!(Digest::parse("sha256:zz").is_err());
    }
}
