//! Splits texts into scheme, authority and the rest, and refuses what two parsers could read in
//! two ways. Must not know which hosts are refused. Next: `judge`.

use super::{Destination, Protocol};
use crate::host::{Host, HostFault};

/// Why a text is no place, before it is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// No scheme, or one that is not spoken here.
    Scheme(String),
    /// Its form.
    Form(&'static str),
    /// Its host is none.
    Host(HostFault),
    /// Its host is refused; the sentence.
    Refused(Host, String),
}

/// The parts of a URL, as they stand.
pub(super) struct Parts<'a> {
    pub(super) protocol: Protocol,
    pub(super) authority: &'a str,
    /// From the first `/`, `?` or `#` on.
    pub(super) tail: &'a str,
}

/// Schemes that are named in a refusal. What else stands before a colon could be a user's name.
const KNOWN_SCHEMES: &[&str] = &[
    "about",
    "acap",
    "afp",
    "blob",
    "bolt",
    "cap",
    "chrome",
    "cid",
    "data",
    "dict",
    "dns",
    "expect",
    "feed",
    "file",
    "filesystem",
    "ftp",
    "ftps",
    "git",
    "glob",
    "gopher",
    "gophers",
    "imap",
    "imaps",
    "ipfs",
    "ipns",
    "irc",
    "jar",
    "javascript",
    "jdbc",
    "jndi",
    "ldap",
    "ldapi",
    "ldaps",
    "mailto",
    "memcached",
    "mongodb",
    "mysql",
    "netdoc",
    "news",
    "nfs",
    "nntp",
    "ogg",
    "phar",
    "php",
    "pop3",
    "pop3s",
    "postgresql",
    "rar",
    "redis",
    "rediss",
    "resource",
    "rlogin",
    "rmi",
    "rsync",
    "rtmp",
    "rtsp",
    "scp",
    "sftp",
    "sip",
    "smb",
    "smbs",
    "smtp",
    "smtps",
    "socks4",
    "socks5",
    "ssh",
    "ssh2",
    "svn",
    "tcp",
    "tel",
    "telnet",
    "tftp",
    "udp",
    "unix",
    "urn",
    "vbscript",
    "view-source",
    "vnc",
    "vsock",
    "ws+unix",
    "http+unix",
    "xmpp",
    "zip",
    "zlib",
];

/// Splits an absolute URL, refusing other schemes and odd forms.
pub(super) fn split_url(text: &str) -> Result<Parts<'_>, Fault> {
    let Some(scheme) = read_scheme(text) else {
        return Err(Fault::Scheme("it is not an absolute URL: it has no scheme".to_owned()));
    };
    let protocol = match scheme.as_str() {
        "https" | "wss" => Protocol::Https,
        "http" | "ws" => Protocol::Http,
        other => {
            let named = KNOWN_SCHEMES.contains(&other).then(|| format!(" `{other}`"));
            let named = named.unwrap_or_default();
            let reason = format!("its scheme{named} is not http, https, ws or wss");
            return Err(Fault::Scheme(reason));
        }
    };
    refuse_odd_characters(text)?;
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(Fault::Form("its scheme is not followed by `//`"));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(Fault::Form("it carries credentials"));
    }
    if authority.is_empty() {
        return Err(Fault::Form("it names no host"));
    }
    Ok(Parts { protocol, authority, tail })
}

/// The scheme in lower case, read as leniently as any client does: leading controls and spaces are
/// skipped, tabs and newlines within dropped (WHATWG URL, "basic URL parser" steps 1 to 3).
fn read_scheme(text: &str) -> Option<String> {
    let mut scheme = String::new();
    for character in text.trim_start_matches(|c: char| c <= ' ').chars() {
        match character {
            '\t' | '\n' | '\r' => {}
            ':' => return (!scheme.is_empty()).then_some(scheme),
            'a'..='z' | 'A'..='Z' => scheme.push(character.to_ascii_lowercase()),
            '0'..='9' | '+' | '-' | '.' if !scheme.is_empty() => scheme.push(character),
            _ => return None,
        }
    }
    None
}

pub(super) fn refuse_odd_characters(text: &str) -> Result<(), Fault> {
    for character in text.chars() {
        let why = match character {
            '\\' => "it holds a back-slash",
            '\t' => "it holds a tab",
            '\n' | '\r' => "it holds a line break",
            '\0' => "it holds a NUL",
            ' ' => "it holds a space",
            _ if character.is_control() => "it holds a control character",
            _ if character.is_whitespace() => "it holds white space",
            _ => continue,
        };
        return Err(Fault::Form(why));
    }
    Ok(())
}

/// Splits `host`, `host:port`, `[six]` or `[six]:port`; neither part is checked.
pub(super) fn split_port(authority: &str) -> Result<(&str, Option<&str>), Fault> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(Fault::Form("its bracket is not closed"))?;
        let (host, rest) =
            authority.split_at_checked(end.saturating_add(1)).unwrap_or((authority, ""));
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(Fault::Form("something stands between its bracket and its port")),
        };
    }
    match authority.split_once(':') {
        None => Ok((authority, None)),
        Some((_, rest)) if rest.contains(':') => {
            Err(Fault::Form("it holds two colons and no brackets"))
        }
        Some((host, port)) => Ok((host, Some(port))),
    }
}

/// Splits and parses host and port.
pub(super) fn parse_parts(authority: &str) -> Result<(Host, Option<u16>), Fault> {
    let (host, port) = split_port(authority)?;
    if host.is_empty() {
        return Err(Fault::Form("it names no host"));
    }
    let host = Host::parse(host).map_err(Fault::Host)?;
    let port = match port {
        None => None,
        Some(port) => {
            Some(parse_port(port).ok_or(Fault::Form("its port is not a number from 1 to 65535"))?)
        }
    };
    Ok((host, port))
}

/// Plain digits without a leading zero, and never 0.
fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok())?
}

/// Whether the `url` crate reads the same host and port from it.
pub(super) fn read_again(text: &str, destination: &Destination) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let same_host = match (url.host(), &destination.host) {
        (Some(url::Host::Domain(theirs)), Host::Name(ours)) => {
            theirs.strip_suffix('.').unwrap_or(theirs) == ours.as_str()
        }
        (Some(url::Host::Ipv4(theirs)), Host::Address(ours)) => *ours == theirs,
        (Some(url::Host::Ipv6(theirs)), Host::Address(ours)) => *ours == theirs,
        (Some(_) | None, Host::Name(_) | Host::Address(_)) => false,
    };
    same_host && url.port_or_known_default() == Some(destination.port)
}

/// The host that the standard finds in a URL of any scheme.
pub(super) fn standard_host(text: &str) -> Option<Host> {
    let url = url::Url::parse(text).ok()?;
    Host::parse(url.host_str()?).ok()
}

/// The host that a lenient reader would find, for a text whose form is refused anyway.
pub(super) fn lenient_host(text: &str) -> Option<Result<Host, HostFault>> {
    if let Some(host) = standard_host(text) {
        return Some(Ok(host));
    }
    let cleaned: String = text.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let after_scheme = match cleaned.split_once(':') {
        Some((_, rest)) if rest.starts_with(['/', '\\']) => rest,
        _ => cleaned.as_str(),
    };
    let rest = after_scheme.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest);
    let place = authority.rsplit('@').next().unwrap_or(authority);
    let host = match split_port(place) {
        Ok((host, _)) => Host::parse(host),
        Err(_) => Host::parse(place).or_else(|fault| {
            place.rsplit_once(':').and_then(|(host, _)| Host::parse(host).ok()).ok_or(fault)
        }),
    };
    (!place.is_empty()).then_some(host)
}
