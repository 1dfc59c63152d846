//! Names and types as they stand in DNS questions: any octets, not only host names.
//! Must not know messages or compression; who reads the wire hands over a whole name. Next: `addr`.
//!
//! Sources: RFC 1035 §3.1 (labels and lengths), §5.1 (escapes), RFC 4343 (case), the IANA registry
//! of resource record types.

mod kept;

pub use kept::KeptName;

use crate::control::Control;
use crate::finding::Acts;
use crate::host::HostName;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// The longest name on the wire, root label included (RFC 1035 §2.3.4).
pub const LONGEST_NAME: usize = 255;
const LONGEST_LABEL: u8 = 63;
/// More labels than that do not fit into [`LONGEST_NAME`].
const MOST_LABELS: usize = 127;

/// The name of a DNS question: wire octets without compression, root label included, ASCII folded
/// to lower case. It holds any octets; only [`QueryName::host`] says whether it is a host name.
///
/// It lies in place, so that reading one allocates nothing.
#[derive(Clone)]
pub struct QueryName {
    length: u8,
    octets: [u8; LONGEST_NAME],
}

impl QueryName {
    /// The root.
    pub const ROOT: Self = Self { length: 1, octets: [0; LONGEST_NAME] };

    /// The name of exactly these wire octets; `None` if they are none, or compressed.
    pub fn parse(wire: &[u8]) -> Option<Self> {
        let (name, length) = Self::read(wire)?;
        (length == wire.len()).then_some(name)
    }

    /// The name at the beginning of these octets and how many of them it takes; `None` if there is
    /// none, or a compressed one.
    pub fn read(octets: &[u8]) -> Option<(Self, usize)> {
        let mut name = Self::ROOT;
        let mut at = 0usize;
        loop {
            let length = *octets.get(at)?;
            if length > LONGEST_LABEL {
                return None;
            }
            let end = at + 1 + usize::from(length);
            let label = octets.get(at + 1..end)?;
            if end > LONGEST_NAME {
                return None;
            }
            *name.octets.get_mut(at)? = length;
            for (to, from) in name.octets.get_mut(at + 1..end)?.iter_mut().zip(label) {
                *to = from.to_ascii_lowercase();
            }
            if length == 0 {
                name.length = u8::try_from(end).ok()?;
                return Some((name, end));
            }
            at = end;
        }
    }

    /// The name of these labels, leftmost first; `None` where a label is empty or too long, or all
    /// of them are.
    pub fn of_labels<'l>(labels: impl IntoIterator<Item = &'l [u8]>) -> Option<Self> {
        let mut name = Self::ROOT;
        let mut at = 0usize;
        for label in labels {
            let length =
                u8::try_from(label.len()).ok().filter(|l| (1..=LONGEST_LABEL).contains(l))?;
            let end = at + 1 + label.len();
            if end >= LONGEST_NAME {
                return None;
            }
            *name.octets.get_mut(at)? = length;
            for (to, from) in name.octets.get_mut(at + 1..end)?.iter_mut().zip(label) {
                *to = from.to_ascii_lowercase();
            }
            at = end;
        }
        name.length = u8::try_from(at + 1).ok()?;
        Some(name)
    }

    /// The name of a host.
    pub fn of_host(host: &HostName) -> Self {
        // A host name is 1 to 253 octets in labels of 1 to 63: it always fits.
        Self::of_labels(host.labels().map(str::as_bytes)).unwrap_or(Self::ROOT)
    }

    /// The name in presentation form (RFC 1035 §5.1), with or without the last dot: `\.` and
    /// `\DDD` are read as [`fmt::Display`] writes them.
    pub fn from_text(text: &str) -> Option<Self> {
        if text == "." {
            return Some(Self::ROOT);
        }
        let mut labels: Vec<Vec<u8>> = vec![Vec::new()];
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let octet = match byte {
                b'.' => {
                    labels.push(Vec::new());
                    continue;
                }
                b'\\' => match rest.next()? {
                    digit @ b'0'..=b'9' => {
                        let mut value = u16::from(digit - b'0');
                        for _ in 0..2 {
                            let digit = rest.next().filter(u8::is_ascii_digit)?;
                            value = value * 10 + u16::from(digit - b'0');
                        }
                        u8::try_from(value).ok()?
                    }
                    plain => plain,
                },
                plain => plain,
            };
            labels.last_mut()?.push(octet);
        }
        if labels.last().is_some_and(Vec::is_empty) {
            labels.pop();
        }
        if labels.is_empty() {
            return None;
        }
        Self::of_labels(labels.iter().map(Vec::as_slice))
    }

    /// The wire octets, root label included, in lower case.
    pub fn as_wire(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The labels, leftmost first, without the root.
    pub fn labels(&self) -> Labels<'_> {
        Labels::of(self.as_wire())
    }

    /// The name itself, then each of its parents up to the root, as wire octets.
    pub fn suffixes(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut rest = Some(self.as_wire());
        std::iter::from_fn(move || {
            let this = rest?;
            let length = usize::from(this.first().copied().unwrap_or(0));
            rest = if length == 0 { None } else { this.get(1 + length..) };
            Some(this)
        })
    }

    /// How many labels it has, without the root.
    pub fn depth(&self) -> usize {
        self.suffixes().count().saturating_sub(1)
    }

    /// The part that is left of `zone` if this is `zone` or lies below it: its labels, leftmost
    /// first.
    pub fn below(&self, zone: &Self) -> Option<Labels<'_>> {
        let (wire, zone) = (self.as_wire(), zone.as_wire());
        let cut = wire.len().checked_sub(zone.len())?;
        // The cut must fall between two labels: the suffixes are exactly those cuts.
        self.suffixes()
            .any(|suffix| suffix.len() == zone.len() && suffix == zone)
            .then(|| Labels::of(wire.get(..cut).unwrap_or_default()))
    }

    /// The name as a host; `None` for what no host is called (other octets, spelled addresses).
    pub fn host(&self) -> Option<HostName> {
        let mut text = String::with_capacity(usize::from(self.length));
        for label in self.labels() {
            if label.contains(&b'.') {
                return None;
            }
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(std::str::from_utf8(label).ok()?);
        }
        HostName::from_wire(&text).ok()
    }

    /// The address that a reverse look-up asks about: `4.3.2.1.in-addr.arpa` and its IPv6 kin.
    pub fn reversed(&self) -> Option<IpAddr> {
        let mut labels = self.labels().rev();
        let (arpa, family) = (labels.next()?, labels.next()?);
        if arpa != b"arpa" {
            return None;
        }
        match family {
            b"in-addr" => {
                let mut octets = [0u8; 4];
                for octet in &mut octets {
                    *octet = std::str::from_utf8(labels.next()?).ok()?.parse().ok()?;
                }
                labels.next().is_none().then(|| IpAddr::from(octets))
            }
            b"ip6" => {
                let mut octets = [0u8; 16];
                for octet in &mut octets {
                    let mut nibble = || {
                        let label = labels.next().filter(|label| label.len() == 1)?;
                        char::from(*label.first()?).to_digit(16)
                    };
                    let (high, low) = (nibble()?, nibble()?);
                    *octet = u8::try_from(high * 16 + low).ok()?;
                }
                labels.next().is_none().then(|| IpAddr::from(octets))
            }
            _ => None,
        }
    }
}

impl PartialEq for QueryName {
    fn eq(&self, other: &Self) -> bool {
        self.as_wire() == other.as_wire()
    }
}
impl Eq for QueryName {}
impl Hash for QueryName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_wire().hash(state);
    }
}
impl std::borrow::Borrow<[u8]> for QueryName {
    fn borrow(&self) -> &[u8] {
        self.as_wire()
    }
}

impl fmt::Display for QueryName {
    /// As RFC 1035 §5.1 writes it, without the last dot: `\.` and `\\` for those two, `\DDD` for
    /// whatever is not printable ASCII. The root is `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length <= 1 {
            return f.write_str(".");
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
            if label.iter().all(plain)
                && let Ok(text) = std::str::from_utf8(label)
            {
                f.write_str(text)?;
                continue;
            }
            for octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(*octet))?;
                    }
                    b'!'..=b'~' => write!(f, "{}", char::from(*octet))?,
                    other => write!(f, "\\{other:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for QueryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryName({self})")
    }
}

/// The labels of a name, from both ends.
#[derive(Debug, Clone)]
pub struct Labels<'n> {
    wire: &'n [u8],
    starts: [u8; MOST_LABELS],
    front: usize,
    back: usize,
}

impl<'n> Labels<'n> {
    fn of(wire: &'n [u8]) -> Self {
        let mut starts = [0u8; MOST_LABELS];
        let (mut at, mut count) = (0usize, 0usize);
        while let Some(length) = wire.get(at).copied().filter(|length| *length > 0)
            && let Some(start) = starts.get_mut(count)
        {
            *start = u8::try_from(at).unwrap_or(u8::MAX);
            at += 1 + usize::from(length);
            count += 1;
        }
        Self { wire, starts, front: 0, back: count }
    }
    fn label(&self, number: usize) -> Option<&'n [u8]> {
        let start = usize::from(*self.starts.get(number)?);
        let length = usize::from(*self.wire.get(start)?);
        self.wire.get(start + 1..start + 1 + length)
    }
}

impl<'n> Iterator for Labels<'n> {
    type Item = &'n [u8];
    fn next(&mut self) -> Option<&'n [u8]> {
        if self.front == self.back {
            return None;
        }
        self.front += 1;
        self.label(self.front - 1)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.back - self.front, Some(self.back - self.front))
    }
}
impl DoubleEndedIterator for Labels<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front == self.back {
            return None;
        }
        self.back -= 1;
        self.label(self.back)
    }
}
impl ExactSizeIterator for Labels<'_> {}

/// The type of a DNS question or record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryType(pub u16);

macro_rules! query_types {
    ($($name:ident $value:literal $text:literal;)*) => {
        impl QueryType {
            $(#[doc = concat!("`", $text, "`")] pub const $name: Self = Self($value);)*
            /// The types that have a name here.
            pub const NAMED: &'static [(Self, &'static str)] = &[$((Self::$name, $text),)*];
        }
    };
}

query_types! {
    A 1 "A"; NS 2 "NS"; CNAME 5 "CNAME"; SOA 6 "SOA"; NULL 10 "NULL"; PTR 12 "PTR";
    HINFO 13 "HINFO"; MX 15 "MX"; TXT 16 "TXT"; RP 17 "RP"; AFSDB 18 "AFSDB"; SIG 24 "SIG";
    KEY 25 "KEY"; AAAA 28 "AAAA"; LOC 29 "LOC"; SRV 33 "SRV"; NAPTR 35 "NAPTR"; KX 36 "KX";
    CERT 37 "CERT"; DNAME 39 "DNAME"; OPT 41 "OPT"; APL 42 "APL"; DS 43 "DS"; SSHFP 44 "SSHFP";
    IPSECKEY 45 "IPSECKEY"; RRSIG 46 "RRSIG"; NSEC 47 "NSEC"; DNSKEY 48 "DNSKEY";
    DHCID 49 "DHCID"; NSEC3 50 "NSEC3"; NSEC3PARAM 51 "NSEC3PARAM"; TLSA 52 "TLSA";
    SMIMEA 53 "SMIMEA"; HIP 55 "HIP"; CDS 59 "CDS"; CDNSKEY 60 "CDNSKEY";
    OPENPGPKEY 61 "OPENPGPKEY"; CSYNC 62 "CSYNC"; ZONEMD 63 "ZONEMD"; SVCB 64 "SVCB";
    HTTPS 65 "HTTPS"; SPF 99 "SPF"; EUI48 108 "EUI48"; EUI64 109 "EUI64"; TKEY 249 "TKEY";
    TSIG 250 "TSIG"; IXFR 251 "IXFR"; AXFR 252 "AXFR"; MAILB 253 "MAILB"; MAILA 254 "MAILA";
    ANY 255 "ANY"; URI 256 "URI"; CAA 257 "CAA"; TA 32768 "TA"; DLV 32769 "DLV";
}

/// The class Internet (RFC 1035 §3.2.4).
pub const CLASS_IN: u16 = 1;

impl QueryType {
    /// The type of a name (`AAAA`, any case) or of the generic form `TYPE65` (RFC 3597 §5).
    pub fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMED.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        if let Some((found, _)) = named {
            return Some(*found);
        }
        let (word, digits) = text.split_at_checked(4)?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        (plain && word.eq_ignore_ascii_case("TYPE")).then(|| digits.parse().ok().map(Self))?
    }
    /// Its name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(known, _)| *known == self).map(|(_, name)| *name)
    }
}

impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whose names a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameScope {
    /// Those that both the tenant and the acting skill declare.
    Skill,
    /// Those of the tenant: several skills stand behind one address, and a resolver cannot tell
    /// them apart. Connections are judged by skill all the same.
    Tenant,
}

/// What a policy says of one name, or of all below it, as a tree of names can hold it: the nearest
/// rule counts, and where there is none a name is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRule {
    /// The name.
    pub name: QueryName,
    /// Itself, or what is below it.
    pub part: NamePart,
    /// Whether it may be asked for.
    pub gate: NameGate,
}

/// Which names a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NamePart {
    /// The name alone.
    Itself,
    /// All names below it, at any depth.
    Below,
}

/// Whether a name may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameGate {
    /// It may.
    Open,
    /// It may not.
    Closed,
}

/// What was seen in a name, or in the names of one client: never the octets themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSign {
    /// The control that it belongs to.
    pub control: Control,
    /// What was seen, in one line.
    pub text: String,
    /// Whether it refuses by itself.
    pub acts: Acts,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> QueryName {
        QueryName::from_text(text).unwrap()
    }

    #[test]
    fn a_name_folds_case_and_keeps_any_octet() {
        let read = QueryName::parse(b"\x03WwW\x07Example\x00").unwrap();
        assert_eq!(read, name("www.example"));
        assert_eq!(read.to_string(), "www.example");
        assert_eq!(read.host().unwrap().as_str(), "www.example");
        let odd = QueryName::parse(b"\x04a.b\xff\x01\\\x00").unwrap();
        assert_eq!(odd.to_string(), r"a\.b\255.\\");
        assert_eq!(name(&odd.to_string()), odd);
        assert_eq!(odd.host(), None);
        assert_eq!(QueryName::ROOT.to_string(), ".");
        assert_eq!(QueryName::ROOT.host(), None);
    }

    #[test]
    fn a_kept_name_is_the_name() {
        let label = "abcdefghijklmnopqrstuvwxyzabcdefghij";
        for text in ["a", label, &format!("{label}z"), &format!("x.{label}.{label}.example"), "."] {
            let name = QueryName::from_text(text).unwrap();
            let kept = KeptName::from(&name);
            assert_eq!((kept.as_wire(), kept.name()), (name.as_wire(), name.clone()), "{text}");
            assert!(kept == name && kept != QueryName::from_text("b").unwrap());
        }
        assert!(size_of::<KeptName>() <= 40);
    }

    #[test]
    fn what_is_no_name_is_none() {
        for wire in [
            &b""[..],
            b"\x01",
            b"\x01a",
            b"\x01a\x00\x00",
            b"\xc0\x0c",
            b"\x40aaaa\x00",
            b"\x80\x00",
        ] {
            assert_eq!(QueryName::parse(wire), None, "{wire:?}");
        }
        let label: Vec<u8> = [&[63u8][..], &[b'a'; 63]].concat();
        let longest = [&label[..], &label, &label, &[61], &[b'a'; 61], &[0]].concat();
        assert_eq!(longest.len(), 255);
        assert!(QueryName::parse(&longest).is_some());
        let over = [&label[..], &label, &label, &[62], &[b'a'; 62], &[0]].concat();
        assert_eq!(QueryName::parse(&over), None);
        for text in ["", "..", "a..b", ".a", &"a".repeat(64), r"a\30", r"a\999", "\\"] {
            assert_eq!(QueryName::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn labels_come_from_both_ends() {
        let host = name("a.bb.ccc");
        assert_eq!(host.labels().collect::<Vec<_>>(), [&b"a"[..], b"bb", b"ccc"]);
        assert_eq!(host.labels().next_back(), Some(&b"ccc"[..]));
        assert_eq!((host.labels().len(), host.depth()), (3, 3));
        let deep = name(&vec!["x"; 127].join("."));
        assert_eq!((deep.labels().count(), deep.labels().rev().count()), (127, 127));
        let below = |zone: &str| host.below(&name(zone)).map(Iterator::count);
        assert_eq!((below("ccc"), below("bb.ccc"), below("a.bb.ccc")), (Some(2), Some(1), Some(0)));
        assert_eq!((below("b.ccc"), below("cc"), below("x.a.bb.ccc")), (None, None, None));
        assert_eq!(host.below(&QueryName::ROOT).map(Iterator::count), Some(3));
        assert_eq!(name("evilccc").below(&name("ccc")).map(Iterator::count), None);
    }

    #[test]
    fn a_label_that_looks_like_a_cut_is_none() {
        // The octets of `ccc` with its length stand inside a label here.
        let trick = QueryName::parse(b"\x08aaa\x03ccc\x00\x00").map(|n| n.to_string());
        assert_eq!(trick.as_deref(), Some(r"aaa\003ccc\000"));
        let trick = QueryName::parse(b"\x07aaa\x03ccc\x00").unwrap();
        assert!(trick.below(&name("ccc")).is_none());
    }

    #[test]
    fn reverse_names_say_their_address() {
        let reversed = |text: &str| name(text).reversed().map(|a| a.to_string());
        assert_eq!(reversed("4.3.2.1.in-addr.arpa").as_deref(), Some("1.2.3.4"));
        let six = format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23));
        assert_eq!(reversed(&six).as_deref(), Some("2001:db8::1"));
        for none in ["3.2.1.in-addr.arpa", "x.3.2.1.in-addr.arpa", "1.in-addr.example", "arpa"] {
            assert_eq!(reversed(none), None, "{none}");
        }
    }

    #[test]
    fn types_read_as_they_are_written() {
        for (known, text) in QueryType::NAMED {
            assert_eq!(QueryType::parse(text), Some(*known));
            assert_eq!(known.to_string(), *text);
        }
        assert_eq!(QueryType::parse("type65"), Some(QueryType::HTTPS));
        assert_eq!(QueryType(4711).to_string(), "TYPE4711");
        assert_eq!(QueryType::parse("TYPE4711"), Some(QueryType(4711)));
        for bad in ["", "TYPE", "TYPE65536", "TYPE-1", "AB", "TYPÉ5"] {
            assert_eq!(QueryType::parse(bad), None, "{bad}");
        }
    }
}
