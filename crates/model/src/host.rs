//! Hosts, parsed and normalised once: a `Host` exists only in its normal form.
//! Must not know policy. Next: `addr`.
//!
//! Sources: WHATWG URL (host parsing), UTS #46 (IDNA), RFC 1035 and RFC 2181 (lengths). Stricter
//! than WHATWG where DNS is: letters, digits, `-` and `_` only, lengths, no empty label.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// What a text that is no host tried to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A name.
    Name,
    /// An address: brackets, colons, or a last label that is a number.
    Address,
}

/// Why a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid host: {why}")]
pub struct HostFault {
    /// The text, cut to 255 characters, control characters escaped.
    pub text: String,
    /// The rule it breaks.
    pub why: &'static str,
    /// What it tried to be.
    pub shape: Shape,
}

impl HostFault {
    fn new(text: &str, shape: Shape, why: &'static str) -> Self {
        Self { text: printable(text), why, shape }
    }
}

/// At most 255 characters, all printable ASCII.
fn printable(text: &str) -> String {
    text.chars().take(255).flat_map(char::escape_default).take(255).collect()
}

/// A host name in normal form: ASCII lower case, A-labels (UTS #46, non-transitional), no trailing
/// dot, labels of 1 to 63 bytes, at most 253 bytes in all, and never something that reads as an address.
///
/// The text is absolute: a resolver must not complete it from a search list.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

impl HostName {
    /// Parses and normalises a name as people and URLs write it: percent-encodings are decoded and
    /// characters mapped as UTS #46 says. For bytes that are passed on, use [`HostName::from_wire`].
    ///
    /// # Errors
    /// [`HostFault`] for anything that is not a name, spelled addresses included.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        match Host::parse(text)? {
            Host::Name(name) => Ok(name),
            Host::Address(_) => {
                Err(HostFault::new(text, Shape::Address, "it is an IP address, not a name"))
            }
        }
    }
    /// Parses a name whose bytes go to somebody else as they are: a TLS server name (RFC 6066 §3), a
    /// name in a DNS message. Nothing is decoded or mapped but upper case, so what is judged here
    /// and what the other side reads cannot differ.
    ///
    /// # Errors
    /// As [`HostName::parse`], and for everything but letters, digits, `-`, `_` and dots.
    pub fn from_wire(text: &str) -> Result<Self, HostFault> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.bytes().all(plain) {
            Self::parse(text)
        } else {
            let why = "it holds characters that no name on the wire holds";
            Err(HostFault::new(text, Shape::Name, why))
        }
    }
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The labels, from the leftmost to the top-level one; never empty, none of them empty.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('.')
    }
    /// Whether it is `zone` or lies below it, label by label.
    pub fn is_under(&self, zone: &Self) -> bool {
        self == zone || self.is_strictly_under(zone)
    }
    /// Whether it lies below `zone`, at any depth.
    pub fn is_strictly_under(&self, zone: &Self) -> bool {
        self.0.strip_suffix(zone.as_str()).is_some_and(|below| below.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostName({})", self.0)
    }
}

/// A host: a name, or an address in whatever spelling it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name.
    Name(HostName),
    /// An address literal.
    Address(IpAddr),
}

/// LIMIT: 253 characters, each at most four bytes in three-character percent-encodings, and room
/// for code points that UTS #46 drops.
const LONGEST_TEXT: usize = 4096;
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Printable ASCII that no host name holds; the rest is letters, digits, `-`, `_` and the dot.
const REFUSED_ASCII: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

impl Host {
    /// Parses a host as it stands in a URL or an authority (IPv6 in brackets or bare).
    ///
    /// # Errors
    /// [`HostFault`] naming the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        let fault = |shape, why| HostFault::new(text, shape, why);
        if text.is_empty() {
            return Err(fault(Shape::Name, "it is empty"));
        }
        if text.len() > LONGEST_TEXT {
            return Err(fault(Shape::Name, "it is longer than 4096 bytes"));
        }
        let bracketed = text.starts_with('[') || text.ends_with(']');
        if bracketed || text.matches(':').nth(1).is_some() {
            let shape =
                if bracketed || looks_like_ipv6(text) { Shape::Address } else { Shape::Name };
            return match parse_ipv6(text) {
                Ok(six) => Ok(Self::Address(IpAddr::V6(six))),
                Err(why) => Err(fault(shape, why)),
            };
        }
        if text.contains(':') {
            return Err(fault(Shape::Name, "it holds a colon"));
        }
        let bytes;
        let ascii = if is_normal(text) {
            Cow::Borrowed(text)
        } else {
            bytes = percent_decoded(text)
                .ok_or_else(|| fault(Shape::Name, "it holds a malformed percent-encoding"))?;
            Uts46::new()
                .to_ascii(&bytes, REFUSED_ASCII, Hyphens::Allow, DnsLength::Ignore)
                .map_err(|_| fault(Shape::Name, "it holds characters that no host name holds"))?
        };
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        if ends_in_a_number(name) {
            // WHATWG's own reading of octal, hex and short forms.
            return match url::Host::parse(name) {
                Ok(url::Host::Ipv4(four)) => Ok(Self::Address(IpAddr::V4(four))),
                Ok(url::Host::Domain(_) | url::Host::Ipv6(_)) | Err(_) => Err(fault(
                    Shape::Address,
                    "its last label is a number, and it is no IPv4 address",
                )),
            };
        }
        check_name(name).map_err(|why| fault(Shape::Name, why))?;
        Ok(Self::Name(HostName(Arc::from(name))))
    }
    /// The name, if it is one.
    pub const fn name(&self) -> Option<&HostName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Host {
    /// The name, the IPv4 address, or the IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Hex digits, colons and dots, whatever stands behind the last `%`.
fn looks_like_ipv6(text: &str) -> bool {
    let head = text.rsplit_once('%').map_or(text, |(head, _)| head);
    head.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'%'))
}

/// Whether normalising changes nothing: lower case, no `xn--` that would have to be checked.
fn is_normal(text: &str) -> bool {
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    text.bytes().all(plain) && !text.contains("xn--")
}

fn parse_ipv6(text: &str) -> Result<Ipv6Addr, &'static str> {
    let bare = match (text.strip_prefix('['), text.strip_suffix(']')) {
        (None, None) => text,
        (Some(open), Some(_)) => open.strip_suffix(']').unwrap_or(open),
        (Some(_), None) | (None, Some(_)) => return Err("its brackets do not match"),
    };
    if bare.contains('%') {
        return Err("it carries a zone id or a percent-encoding inside an IPv6 address");
    }
    bare.parse().map_err(|_| "it is no IPv6 address")
}

/// `None` if a `%` is not followed by two hex digits. Encoded percent signs stay and are refused
/// later, so nothing is decoded twice.
fn percent_decoded(text: &str) -> Option<Cow<'_, [u8]>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    Some(Cow::Owned(decoded))
}

/// WHATWG URL, "ends in a number checker": only digits, or `0x` and hex digits or nothing. `0b` and
/// `0o`, which newer number readers know (C23), count too; no top-level domain looks like that.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match (last.strip_prefix("0x"), last.strip_prefix("0b").or(last.strip_prefix("0o"))) {
        (Some(hex), _) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        (None, Some(rest)) => digits(rest),
        (None, None) => !last.is_empty() && digits(last),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.len() > LONGEST_NAME {
        return Err("it is longer than 253 bytes");
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("it has an empty label");
        }
        if label.len() > LONGEST_LABEL {
            return Err("one of its labels is longer than 63 bytes");
        }
        if label.starts_with('-') {
            return Err("one of its labels begins with a hyphen");
        }
    }
    Ok(())
}
