//! Domain values as JSON strings, and the trait that ties a record's field to the domain's.
//! Next: `facts`.

use backstop_model::attempt::{Inspection, Plane};
use backstop_model::control::{Control, Severity};
use backstop_model::event::{Ending, Resolution, TokenKind};
use backstop_model::finding::{KeyedDigest, Part, PerMille};
use backstop_model::host::HostName;
use backstop_model::id::{
    AlertId, ByteCount, Digest, GrantId, HoldId, LevelName, Principal, QuarantineId, ReceiptId,
    RoleName, SessionId, SkillName, SkillVersion, TenantName, TokenId,
};
use backstop_model::time::Timestamp;
use backstop_model::verdict::Ruling;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

/// A record's field `Self` and the domain's `D` say the same.
pub(crate) trait Mirror<D>: Sized {
    fn of(value: &D) -> Self;
    fn back(self) -> D;
}

/// Whether a field is left out of the JSON: an absent option.
pub(crate) trait Absent {
    fn is_absent(&self) -> bool {
        false
    }
}

pub(crate) fn absent<T: Absent>(value: &T) -> bool {
    value.is_absent()
}

/// A domain value that is written as one JSON string and read back from it.
pub(crate) trait Word: Sized {
    fn write(&self) -> Cow<'_, str>;
    fn read(text: &str) -> Option<Self>;
}

/// A word in a record.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Word> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.write())
    }
}

impl<'de, T: Word> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: Word> Visitor<'_> for Reader<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a {}", std::any::type_name::<T>())
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                T::read(text)
                    .map(Text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Reader(PhantomData))
    }
}

impl<T> Absent for Text<T> {}
impl<T: Word + Clone> Mirror<T> for Text<T> {
    fn of(value: &T) -> Self {
        Self(value.clone())
    }
    fn back(self) -> T {
        self.0
    }
}

impl<R> Absent for Option<R> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}
impl<D, R: Mirror<D>> Mirror<Option<D>> for Option<R> {
    fn of(value: &Option<D>) -> Self {
        value.as_ref().map(R::of)
    }
    fn back(self) -> Option<D> {
        self.map(R::back)
    }
}

impl<R> Absent for Vec<R> {}
impl<D, R: Mirror<D>> Mirror<Vec<D>> for Vec<R> {
    fn of(value: &Vec<D>) -> Self {
        value.iter().map(R::of).collect()
    }
    fn back(self) -> Vec<D> {
        self.into_iter().map(R::back).collect()
    }
}

/// A list that is left out where it is empty: so a record from before it was known reads as one
/// without, and one without is written as it was then.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct OrNone<R>(Vec<R>);
impl<R> Default for OrNone<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
impl<R> Absent for OrNone<R> {
    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }
}
impl<D, R: Mirror<D>> Mirror<Vec<D>> for OrNone<R> {
    fn of(value: &Vec<D>) -> Self {
        Self(Mirror::of(value))
    }
    fn back(self) -> Vec<D> {
        self.0.back()
    }
}

macro_rules! plain {
    ($($ty:ty),*) => {$(
        impl Absent for $ty {}
        impl Mirror<$ty> for $ty {
            fn of(value: &$ty) -> Self { value.clone() }
            fn back(self) -> $ty { self }
        }
    )*};
}
plain!(String, bool, u16, u64);

impl Mirror<ByteCount> for u64 {
    fn of(value: &ByteCount) -> Self {
        value.0
    }
    fn back(self) -> ByteCount {
        ByteCount(self)
    }
}

/// A share of a thousand, as a whole number.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PerMilleJson(u16);
impl Absent for PerMilleJson {}
impl Mirror<PerMille> for PerMilleJson {
    fn of(value: &PerMille) -> Self {
        Self(value.get())
    }
    fn back(self) -> PerMille {
        PerMille::new(self.0)
    }
}

/// A span in whole microseconds.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Micros(u64);
impl Absent for Micros {}
impl Mirror<Duration> for Micros {
    fn of(value: &Duration) -> Self {
        Self(u64::try_from(value.as_micros()).unwrap_or(u64::MAX))
    }
    fn back(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

macro_rules! ids {
    ($($ty:ty),*) => {$(
        impl Word for $ty {
            fn write(&self) -> Cow<'_, str> { Cow::Borrowed(self.as_str()) }
            fn read(text: &str) -> Option<Self> { Self::parse(text).ok() }
        }
    )*};
}
ids!(
    AlertId,
    GrantId,
    HoldId,
    HostName,
    LevelName,
    Principal,
    QuarantineId,
    ReceiptId,
    RoleName,
    SessionId,
    SkillName,
    SkillVersion,
    TenantName,
    TokenId
);

macro_rules! words {
    ($($ty:ty: $($value:ident $word:literal),*;)*) => {$(
        impl Word for $ty {
            fn write(&self) -> Cow<'_, str> {
                Cow::Borrowed(match self { $(Self::$value => $word,)* })
            }
            fn read(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$value),)* _ => None }
            }
        }
    )*};
}
words! {
    Ruling: Pass "pass", Skipped "skipped", WouldDeny "would_deny", Hold "hold", Deny "deny";
    Ending: Closed "closed", Idle "idle", Revoked "revoked", Drained "drained", Failed "failed",
        Abandoned "abandoned";
    TokenKind: Agent "agent", Runtime "runtime", Operator "operator";
    Resolution: Approved "approved", Denied "denied", Expired "expired";
}

impl Word for Control {
    fn write(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}
impl Word for Part {
    fn write(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}
impl Word for KeyedDigest {
    fn write(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}
impl Word for Severity {
    fn write(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}
impl Word for Inspection {
    fn write(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}
impl Word for Plane {
    fn write(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plane| plane.as_str() == text)
    }
}
impl Word for Digest {
    fn write(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}
impl Word for IpAddr {
    fn write(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}
impl Word for Timestamp {
    /// RFC 3339; outside the years 0 to 9999, which it cannot say, `@` and microseconds.
    fn write(&self) -> Cow<'_, str> {
        let text = self.to_string();
        if Self::parse(&text) == Some(*self) {
            Cow::Owned(text)
        } else {
            Cow::Owned(format!("@{}", self.unix_micros()))
        }
    }
    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('@') {
            Some(micros) => micros.parse().ok().map(Self::from_unix_micros),
            None => Self::parse(text),
        }
    }
}

/// Declares a record and its two conversions; a field that the domain gains does not compile
/// until it stands here too.
macro_rules! mirror {
    ($($record:ident = $domain:ident { $($(#[$attr:meta])* $field:ident: $ty:ty),* $(,)? })*) => {$(
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(crate) struct $record {
            $($(#[$attr])* #[serde(skip_serializing_if = "crate::record::words::absent")]
            $field: $ty,)*
        }
        impl crate::record::words::Absent for $record {}
        impl crate::record::words::Mirror<$domain> for $record {
            fn of(value: &$domain) -> Self {
                let $domain { $($field),* } = value;
                Self { $($field: crate::record::words::Mirror::of($field)),* }
            }
            fn back(self) -> $domain {
                $domain { $($field: crate::record::words::Mirror::back(self.$field)),* }
            }
        }
    )*};
}
pub(crate) use mirror;
