//! What makes a rule speak: read from its owner's name. Must not know actions. Next: `entries`.
//!
//! Source: draft-vixie-dnsop-dns-rpz-00 §4.

use super::prefixes::masked;
use super::table::Reach;
use backstop_model::name::QueryName;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The five kinds, in order of precedence within a zone (§5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `rpz-client-ip`: who asks.
    ClientIp,
    /// The name that is asked for.
    Qname,
    /// `rpz-ip`: an address in the answer.
    Ip,
    /// `rpz-nsdname`: the name of a name server.
    Nsdname,
    /// `rpz-nsip`: its address.
    Nsip,
}

impl Kind {
    /// The draft's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientIp => "client-IP",
            Self::Qname => "QNAME",
            Self::Ip => "IP",
            Self::Nsdname => "NSDNAME",
            Self::Nsip => "NSIP",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a rule's owner says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and mostly a name")]
pub(crate) enum Trigger {
    /// QNAME, or NSDNAME.
    Name(Kind, QueryName, Reach),
    /// Client-IP, IP or NSIP: a prefix.
    Address(Kind, IpAddr, u8),
}

impl Trigger {
    /// Reads the labels that an owner has left of its zone; there is at least one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(labels: &[&[u8]]) -> Result<Self, String> {
        let Some((last, rest)) = labels.split_last() else {
            return Err("the top of the zone is no rule".to_owned());
        };
        let kind = match *last {
            b"rpz-client-ip" => Kind::ClientIp,
            b"rpz-ip" => Kind::Ip,
            b"rpz-nsdname" => Kind::Nsdname,
            b"rpz-nsip" => Kind::Nsip,
            other if other.starts_with(b"rpz-") => {
                let word = String::from_utf8_lossy(other).escape_debug().to_string();
                return Err(format!("`{word}` is no trigger that is known"));
            }
            _ => return Self::of_name(Kind::Qname, labels),
        };
        match kind {
            Kind::Nsdname => Self::of_name(kind, rest),
            Kind::ClientIp | Kind::Ip | Kind::Nsip | Kind::Qname => {
                let (address, bits) = prefix(rest)?;
                Ok(Self::Address(kind, address, bits))
            }
        }
    }

    fn of_name(kind: Kind, labels: &[&[u8]]) -> Result<Self, String> {
        let (reach, base) = match labels.split_first() {
            Some((first, rest)) if *first == b"*" => (Reach::Below, rest),
            Some(_) => (Reach::Exact, labels),
            None => return Err(format!("a {kind} trigger needs a name")),
        };
        if base.iter().any(|label| *label == b"*") {
            return Err("`*` stands elsewhere than in front".to_owned());
        }
        let name = if base.is_empty() {
            Some(QueryName::ROOT)
        } else {
            QueryName::of_labels(base.iter().copied())
        };
        let name = name.ok_or_else(|| "it is no name".to_owned())?;
        Ok(Self::Name(kind, name, reach))
    }
}

/// `24.0.2.0.192` or `48.zz.2.8db.2001`: a length and an address, its parts from the right.
fn prefix(labels: &[&[u8]]) -> Result<(IpAddr, u8), String> {
    let texts: Option<Vec<&str>> = labels.iter().map(|l| std::str::from_utf8(l).ok()).collect();
    let texts = texts.unwrap_or_default();
    let Some((bits, parts)) = texts.split_first() else {
        return Err(
            "an address trigger needs `LENGTH.ADDRESS`, the address from the right".to_owned()
        );
    };
    let four = parts.len() == 4 && !parts.contains(&"zz");
    let (address, width) = if four { (of_four(parts), 32) } else { (of_six(parts), 128) };
    let address = address.ok_or_else(|| {
        format!("`{}` is no address written from the right", parts.join(".").escape_debug())
    })?;
    let bits = number(bits).and_then(|bits| u8::try_from(bits).ok());
    let bits = bits
        .filter(|bits| (1..=width).contains(bits))
        .ok_or_else(|| format!("the length of the prefix must be from 1 to {width}"))?;
    let key = match address {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    };
    if masked(key, width, bits) != key {
        return Err(format!("`{address}` has bits set behind its prefix of {bits}"));
    }
    Ok((address, bits))
}

/// A decimal without a sign or a zero in front: one number, one spelling.
fn number(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

fn of_four(parts: &[&str]) -> Option<IpAddr> {
    let mut octets = [0u8; 4];
    for (octet, part) in octets.iter_mut().zip(parts.iter().rev()) {
        *octet = u8::try_from(number(part)?).ok()?;
    }
    Some(Ipv4Addr::from(octets).into())
}

fn of_six(parts: &[&str]) -> Option<IpAddr> {
    let gaps = parts.iter().filter(|part| **part == "zz").count();
    let fits = match gaps {
        0 => parts.len() == 8,
        // A gap stands for one group or more.
        1 => parts.len() <= 8,
        _ => false,
    };
    if !fits {
        return None;
    }
    let mut groups = Vec::with_capacity(8);
    for part in parts.iter().rev() {
        if *part == "zz" {
            groups.extend(std::iter::repeat_n(0u16, 9 - parts.len()));
        } else {
            let plain =
                (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
            groups.push(plain.then(|| u16::from_str_radix(part, 16).ok())??);
        }
    }
    <[u16; 8]>::try_from(groups).ok().map(|groups| Ipv6Addr::from(groups).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(owner: &str, expected: Expect) {
        let labels: Vec<&[u8]> = owner.split('.').map(str::as_bytes).collect();
        expected.assert_eq(&match Trigger::read(&labels) {
            Ok(Trigger::Name(kind, name, reach)) => format!("{kind} {reach:?} {name}"),
            Ok(Trigger::Address(kind, address, bits)) => format!("{kind} {address}/{bits}"),
            Err(fault) => fault,
        });
    }

    #[test]
    fn owners_are_read_as_the_draft_writes_them() {
        check("bad.example", expect!["QNAME Exact bad.example"]);
        check("*.bad.example", expect!["QNAME Below bad.example"]);
        check("*", expect!["QNAME Below ."]);
        check("24.0.2.0.192.rpz-ip", expect!["IP 192.0.2.0/24"]);
        check("32.7.2.0.192.rpz-client-ip", expect!["client-IP 192.0.2.7/32"]);
        check("48.zz.2.8db.2001.rpz-nsip", expect!["NSIP 2001:8db:2::/48"]);
        check("128.1.zz.db8.2001.rpz-ip", expect!["IP 2001:db8::1/128"]);
        check("128.8.7.6.5.4.3.2.1.rpz-ip", expect!["IP 1:2:3:4:5:6:7:8/128"]);
        check("ns.evil.example.rpz-nsdname", expect!["NSDNAME Exact ns.evil.example"]);
        check("*.evil.example.rpz-nsdname", expect!["NSDNAME Below evil.example"]);
        // A name that only looks like one.
        check("rpz-ip.example", expect!["QNAME Exact rpz-ip.example"]);
    }

    #[test]
    fn what_is_no_trigger_is_said_to_be_none() {
        check("x.rpz-log", expect!["`rpz-log` is no trigger that is known"]);
        check("24.7.2.0.192.rpz-ip", expect!["`192.0.2.7` has bits set behind its prefix of 24"]);
        check("33.7.2.0.192.rpz-ip", expect!["the length of the prefix must be from 1 to 32"]);
        check("0.0.0.0.0.rpz-ip", expect!["the length of the prefix must be from 1 to 32"]);
        check("032.7.2.0.192.rpz-ip", expect!["the length of the prefix must be from 1 to 32"]);
        check("32.7.2.0.0192.rpz-ip", expect!["`7.2.0.0192` is no address written from the right"]);
        check("128.zz.1.zz.rpz-ip", expect!["`zz.1.zz` is no address written from the right"]);
        check("a.*.example", expect!["`*` stands elsewhere than in front"]);
        check("*.rpz-ip", expect!["`` is no address written from the right"]);
        check("rpz-nsdname", expect!["a NSDNAME trigger needs a name"]);
    }
}
