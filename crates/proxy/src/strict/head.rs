//! One request head, judged strictly (RFC 9112 §2 to §6, RFC 9110 §5 and §7.2).
//! Must not know bodies. Next: `chunked`.

use super::{FAULT_METHOD, FIELD_CAP, Fault, Follows};
use http::StatusCode;

/// Whether the byte may stand in a token (RFC 9110 §5.6.2).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Splits a field line into name and value, without the white space around the value.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Fault::framing("a header line is folded"));
    }
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Fault::framing("a header line has no colon"))?;
    let (name, value) = line.split_at(colon);
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(Fault::framing("white space stands before a colon"));
    }
    if name.is_empty() || !name.iter().all(|byte| is_token_byte(*byte)) {
        return Err(Fault::framing("a header name is not a token"));
    }
    let value = value.get(1..).unwrap_or_default();
    for byte in value {
        match byte {
            0 => return Err(Fault::framing("a header value holds NUL")),
            b'\r' => return Err(Fault::framing("a line holds a bare CR")),
            b'\t' | b' '..=b'~' | 0x80.. => {}
            _ => return Err(Fault::framing("a header value holds a control character")),
        }
    }
    Ok((name, trim(value)))
}

struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
    http_11: bool,
}

/// Judges the request line alone, as soon as its end has been seen.
pub(super) fn request_line(line: &[u8]) -> Result<(), Fault> {
    read_line(line).map(drop)
}

fn read_line(line: &[u8]) -> Result<RequestLine<'_>, Fault> {
    if line.contains(&b'\r') {
        return Err(Fault::framing("a line holds a bare CR"));
    }
    if line.contains(&0) {
        return Err(Fault::framing("the request line holds NUL"));
    }
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if method.is_empty() || !method.iter().all(|byte| is_token_byte(*byte)) {
        return Err(Fault::framing("the method is not a token"));
    }
    if method == FAULT_METHOD.as_bytes() {
        return Err(Fault::framing("the method is reserved"));
    }
    let (Some(target), Some(version)) = (target, version) else {
        return Err(Fault::framing("the request line is not `method target version`"));
    };
    if target.is_empty() || parts.next().is_some() {
        return Err(Fault::framing("the request line is not parted by single spaces"));
    }
    if !target.iter().all(|byte| (0x21..=0x7e).contains(byte)) {
        return Err(Fault::framing("the request target holds bytes that no URI has"));
    }
    if target.iter().any(|byte| matches!(byte, b'#' | b'\\')) {
        return Err(Fault::framing("the request target holds `#` or a back-slash"));
    }
    let http_11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(Fault::framing("the version is not HTTP/1.1 or HTTP/1.0")),
    };
    if method != b"CONNECT" {
        web_scheme(target)?;
    }
    if http::Uri::try_from(target).is_err() {
        return Err(Fault::framing("the request target is not a URI"));
    }
    Ok(RequestLine { method, target, http_11 })
}

/// A target that is neither origin-form nor asterisk-form names a scheme that the web has
/// (RFC 9112 §3.2): `file:///etc/passwd` has no authority, so that no later parser would see a
/// scheme in it.
fn web_scheme(target: &[u8]) -> Result<(), Fault> {
    let colon = target.iter().position(|byte| *byte == b':').unwrap_or(target.len());
    let (scheme, rest) = target.split_at(colon);
    let web = [&b"http"[..], b"https", b"ws", b"wss"];
    let without = matches!(target, [b'/', ..] | b"*") || rest.is_empty();
    if without || web.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        Ok(())
    } else {
        Err(Fault::scheme("the scheme is not http, https, ws or wss"))
    }
}

/// Judges a whole head (request line and field lines, each with its CRLF) and says what follows it.
pub(super) fn check(head: &[u8]) -> Result<Follows, Fault> {
    let mut lines = head
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.get(..line.len().saturating_sub(2)).unwrap_or_default());
    let line = read_line(lines.next().unwrap_or_default())?;
    let mut fields = Fields::default();
    for (index, text) in lines.enumerate() {
        if index >= FIELD_CAP {
            return Err(Fault::limit(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "there are more than 100 header fields",
            ));
        }
        let (name, value) = field(text)?;
        fields.note(name, value)?;
    }
    authority(&line, fields.host)?;
    let follows = fields.follows(&line)?;
    if line.method == b"CONNECT" {
        return match follows {
            Follows::Nothing | Follows::Length(0) => Ok(Follows::Raw),
            Follows::Length(_) | Follows::Chunks | Follows::Raw => {
                Err(Fault::framing("a CONNECT request has a body"))
            }
        };
    }
    Ok(follows)
}

/// The fields that decide how the message is framed or where it goes.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    credentials: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn note(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), Fault> {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let (place, twice) = if is("host") {
            (&mut self.host, "there are several Host fields")
        } else if is("content-length") {
            (&mut self.length, "there are several Content-Length fields")
        } else if is("transfer-encoding") {
            (&mut self.encoding, "there are several Transfer-Encoding fields")
        } else if is("proxy-authorization") {
            (&mut self.credentials, "there are several Proxy-Authorization fields")
        } else if is("content_length") || is("transfer_encoding") {
            return Err(Fault::framing("a header name looks like a framing field and is none"));
        } else if is("connection") || is("proxy-connection") {
            return nominated(value);
        } else {
            return Ok(());
        };
        match place.replace(value) {
            Some(_) => Err(Fault::framing(twice)),
            None => Ok(()),
        }
    }

    /// RFC 9112 §6.3, without its leniency.
    fn follows(&self, line: &RequestLine<'_>) -> Result<Follows, Fault> {
        match (self.encoding, self.length) {
            (Some(_), Some(_)) => {
                Err(Fault::framing("there are both Transfer-Encoding and Content-Length"))
            }
            (Some(_), None) if !line.http_11 => {
                Err(Fault::framing("there is a Transfer-Encoding in HTTP/1.0"))
            }
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Follows::Chunks),
            (Some(_), None) => {
                Err(Fault::framing("the Transfer-Encoding is not exactly `chunked`"))
            }
            (None, Some(length)) => content_length(length).map(Follows::Length),
            (None, None) => Ok(Follows::Nothing),
        }
    }
}

/// RFC 9110 §8.6: digits and nothing else.
fn content_length(value: &[u8]) -> Result<u64, Fault> {
    const FAULT: Fault = Fault::framing("the Content-Length is not a plain decimal number");
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(FAULT);
    }
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(FAULT)
}

/// A `Connection` field may not name what frames or routes the message: a proxy would take it off.
fn nominated(value: &[u8]) -> Result<(), Fault> {
    const NEVER: [&[u8]; 4] =
        [b"content-length", b"transfer-encoding", b"host", b"proxy-authorization"];
    for option in value.split(|byte| *byte == b',').map(trim) {
        if NEVER.iter().any(|name| option.eq_ignore_ascii_case(name)) {
            return Err(Fault::framing("a Connection field names a framing field"));
        }
    }
    Ok(())
}

/// Host and request target must name the same place (RFC 9112 §3.2.2 lets a proxy ignore Host;
/// two readers that differ on it are what smuggling is made of).
fn authority(line: &RequestLine<'_>, host: Option<&[u8]>) -> Result<(), Fault> {
    let Some(host) = host else {
        return if line.http_11 { Err(Fault::framing("there is no Host field")) } else { Ok(()) };
    };
    if !host.iter().all(|byte| (0x21..=0x7e).contains(byte) && !b"/?#@\\,".contains(byte)) {
        return Err(Fault::authority("the Host field is not one host and port"));
    }
    let (target, default_port): (&[u8], &[u8]) = if line.method == b"CONNECT" {
        // Some clients leave the port off here, whichever it is.
        let end = line.target.iter().rposition(|byte| *byte == b':').unwrap_or(line.target.len());
        let (name, port) = line.target.split_at(end);
        if host.eq_ignore_ascii_case(name) {
            return Ok(());
        }
        (line.target, port)
    } else if let Some((scheme, rest)) = split_scheme(line.target) {
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let target = rest.get(..end).unwrap_or_default();
        if target.contains(&b'@') {
            return Err(Fault::authority("the request target holds credentials"));
        }
        let secure = scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"wss");
        (target, if secure { b":443" } else { b":80" })
    } else {
        return Ok(());
    };
    let bare = |text: &[u8]| -> Vec<u8> {
        text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase()
    };
    if bare(host) == bare(target) {
        Ok(())
    } else {
        Err(Fault::authority("the Host field and the request target name different places"))
    }
}

/// `scheme://rest`, if the target has a scheme.
fn split_scheme(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = target.windows(3).position(|window| window == b"://")?;
    let (scheme, rest) = target.split_at(at);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.iter().all(plain).then(|| (scheme, rest.get(3..).unwrap_or_default()))
}

/// Without the spaces and tabs at both ends.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
