//! The body of a ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2), read strictly.
//! Must not know records. Next: `super`.

use super::ClientHello;
use backstop_model::host::HostName;
use std::collections::HashSet;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const EARLY_DATA: u16 = 42;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// Parses the message after its 4-byte header.
pub(super) fn parse(body: &[u8]) -> Result<ClientHello, &'static str> {
    let mut rest = Cursor(body);
    let version = rest.u16()?;
    if !(0x0300..=0x0304).contains(&version) {
        return Err("the ClientHello's version is not 3.0 to 3.4");
    }
    rest.take(32)?;
    if rest.short_vector()?.0.len() > 32 {
        return Err("the session id is longer than 32 bytes");
    }
    let suites = rest.long_vector()?.0.len();
    if suites == 0 || !suites.is_multiple_of(2) {
        return Err("the cipher suites are empty or torn");
    }
    if rest.short_vector()?.0.is_empty() {
        return Err("the compression methods are empty");
    }
    let mut hello = ClientHello { sni: None, ech: false, early_data: false, alpn: Vec::new() };
    if rest.0.is_empty() {
        return Ok(hello);
    }
    let mut extensions = rest.long_vector()?;
    if !rest.0.is_empty() {
        return Err("something follows the extensions");
    }
    let mut seen = HashSet::new();
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let data = extensions.long_vector()?;
        if !seen.insert(kind) {
            return Err("an extension stands twice");
        }
        match kind {
            SERVER_NAME => hello.sni = server_name(data)?,
            ALPN => hello.alpn = protocols(data)?,
            EARLY_DATA => hello.early_data = true,
            ENCRYPTED_CLIENT_HELLO => hello.ech = true,
            _ => {}
        }
    }
    Ok(hello)
}

/// RFC 6066 §3: a list that must hold exactly one name, of type `host_name`.
fn server_name(mut data: Cursor<'_>) -> Result<Option<HostName>, &'static str> {
    let mut list = data.long_vector()?;
    if !data.0.is_empty() {
        return Err("something follows the server name list");
    }
    if list.take(1)? != [0] {
        return Err("the server name is not of type host_name");
    }
    let name = list.long_vector()?;
    if !list.0.is_empty() {
        return Err("there is more than one server name");
    }
    if name.0.is_empty() {
        return Err("the server name is empty");
    }
    if !name.0.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'[' | b']')) {
        return Err("the server name holds characters that no host name has");
    }
    // An address here breaks RFC 6066; for us it is as good as no name, and is refused as such.
    Ok(std::str::from_utf8(name.0).ok().and_then(|text| HostName::parse(text).ok()))
}

/// RFC 7301 §3.1.
fn protocols(mut data: Cursor<'_>) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut list = data.long_vector()?;
    if !data.0.is_empty() {
        return Err("something follows the protocol name list");
    }
    let mut out = Vec::new();
    while !list.0.is_empty() {
        let name = list.short_vector()?;
        if name.0.is_empty() {
            return Err("a protocol name is empty");
        }
        out.push(name.0.to_vec());
    }
    Ok(out)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (head, tail) = self.0.split_at_checked(count).ok_or("a length points past the end")?;
        self.0 = tail;
        Ok(head)
    }
    fn u16(&mut self) -> Result<u16, &'static str> {
        let bytes = self.take(2)?;
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
    }
    fn short_vector(&mut self) -> Result<Self, &'static str> {
        let length = self.take(1)?.first().copied().unwrap_or(0);
        self.take(usize::from(length)).map(Self)
    }
    fn long_vector(&mut self) -> Result<Self, &'static str> {
        let length = self.u16()?;
        self.take(usize::from(length)).map(Self)
    }
}
