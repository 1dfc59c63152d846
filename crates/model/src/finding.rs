//! A finding: something in a payload that should not leave. Never the matched bytes.
//! Next: `control`.

use crate::control::Control;
use crate::id::LevelName;
use std::fmt;
use std::sync::Arc;

/// Something found in what would leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Everything about it that may be kept.
    pub record: FindingRecord,
    /// Where in the decoded field it starts, in bytes.
    pub start: usize,
    /// Whether it refuses by itself.
    pub acts: Acts,
}

/// A finding as it is kept: where and what, never the bytes.
///
/// `field` holds no key of the payload that could itself be a secret: who makes the record has
/// put `…` in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRecord {
    /// The control that it belongs to.
    pub control: Control,
    /// What kind (`US_SSN`, `AWS_ACCESS_KEY`, …).
    pub kind: String,
    /// In which part of the message.
    pub part: Part,
    /// Where in that part: an RFC 6901 JSON Pointer; empty for the whole.
    pub field: String,
    /// What was undone to see it (`base64 → gzip`); empty for plain text.
    pub chain: String,
    /// The classification level that its detector gives it.
    pub level: Option<LevelName>,
    /// The name of the registered value that it is, if it is one.
    pub canary: Option<String>,
    /// How sure its detector is.
    pub score: PerMille,
    /// How long it is, in bytes.
    pub length: u64,
    /// A keyed digest of the value: equal values are equal, and nothing else can be told from it.
    pub digest: KeyedDigest,
}

/// Whether a finding refuses by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acts {
    /// It does, unless the destination may receive it.
    Block,
    /// It does not; where the Classification names its kind, its level counts.
    Note,
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The body, or the arguments of a tool call.
    Body,
    /// The query of the URL.
    Query,
    /// The path of the URL.
    Path,
    /// A header field, a cookie or a trailer.
    Header,
    /// The host name.
    Host,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 5] = [Self::Body, Self::Query, Self::Path, Self::Header, Self::Host];
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
            Self::Path => "path",
            Self::Header => "header",
            Self::Host => "host",
        }
    }
    /// The part of that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == text)
    }
}

/// A share of a thousand, for scores: whole numbers compare and record exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PerMille(u16);

impl PerMille {
    /// All of it.
    pub const FULL: Self = Self(1_000);
    /// One half: from here on a finding counts, unless somebody says otherwise.
    pub const HALF: Self = Self(500);
    /// That share; more than all of it is all of it.
    pub const fn new(share: u16) -> Self {
        if share > 1_000 { Self::FULL } else { Self(share) }
    }
    /// As a number from 0 to 1000.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PerMille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// A value's digest under a key that is never kept: `keyed:` and 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyedDigest(pub [u8; 16]);

impl KeyedDigest {
    /// Reads the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("keyed:")?;
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digits.len() != 32 || !digits.bytes().all(lower) {
            return None;
        }
        let mut out = [0; 16];
        for (byte, pair) in out.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(out))
    }
}

impl fmt::Display for KeyedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keyed:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for FindingRecord {
    /// `US_SSN in body /note → base64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.kind, self.part.as_str())?;
        if !self.field.is_empty() {
            write!(f, " `{}`", self.field)?;
        }
        if !self.chain.is_empty() {
            write!(f, " → {}", self.chain)?;
        }
        match &self.canary {
            Some(name) => write!(f, " (the registered value `{name}`)"),
            None => Ok(()),
        }
    }
}

/// What is known of an attempt beside its own words when it is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What detectors found.
    pub findings: Vec<Finding>,
    /// How far the look at the payload came.
    pub look: Look,
    /// Of which entities even that was looked for which refuses nothing by itself; `None`: of all.
    pub asked: Option<Arc<[String]>>,
}

/// How far a look at a payload came. What was not seen whole is never taken for clean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Look {
    /// All of it was seen, or there was nothing to see.
    #[default]
    Whole,
    /// It cannot be read: an unknown coding, bytes after the end, a broken form.
    Unreadable(String),
    /// It is more than is looked at.
    OverLimit(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyed_digests_read_as_they_are_written() {
        let digest = KeyedDigest([0xa5; 16]);
        assert_eq!(KeyedDigest::parse(&digest.to_string()), Some(digest));
        for bad in ["", "keyed:", "keyed:A5", "sha256:00", "keyed:gggggggggggggggggggggggggggggggg"]
        {
            assert_eq!(KeyedDigest::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn shares_stay_within_the_whole() {
        assert_eq!(PerMille::new(2_000), PerMille::FULL);
        assert_eq!(PerMille::new(850).to_string(), "0.850");
        assert_eq!(PerMille::FULL.to_string(), "1.000");
    }
}
