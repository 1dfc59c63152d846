//! HTTP/1.1 messages as a test wants to see them: the exact bytes, and what they say. Parses
//! leniently, since it must also record what a correct server would refuse. Knows no sockets.

/// One message with its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Everything as it came, head and body with its framing.
    pub raw: Vec<u8>,
    /// The request line or status line.
    pub first: String,
    /// Names in lower case, values trimmed, in order.
    pub headers: Vec<(String, String)>,
    /// The body with chunking taken off.
    pub body: Vec<u8>,
}

/// How far a message lies in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// More bytes are needed.
    Partial,
    /// It ends there.
    Whole(usize),
    /// A reply without length: it ends with the connection.
    UntilClose,
}

/// Whether a message is a request or the reply to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A body only with a length or chunks.
    Request,
    /// A body until the connection closes, unless a length or chunks say otherwise.
    Reply,
    /// The reply to HEAD or CONNECT: never a body.
    HeadReply,
}

impl Message {
    /// The value of the first header with that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first word of a request.
    pub fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// The second word of a request.
    pub fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The status of a reply; 0 when there is none.
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// Reads a message whose extent is known.
    pub fn parse(raw: &[u8]) -> Self {
        let end = head_end(raw).unwrap_or(raw.len());
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut message = Self { raw: raw.to_vec(), first, headers, body: Vec::new() };
        let rest = &raw[end..];
        message.body = if message.is_chunked() { unchunk(rest).0 } else { rest.to_vec() };
        message
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
    }
}

/// Where the first message in `buffer` ends.
pub fn extent(buffer: &[u8], kind: Kind) -> Extent {
    let Some(end) = head_end(buffer) else { return Extent::Partial };
    let head = Message::parse(&buffer[..end]);
    let bodiless = kind == Kind::HeadReply
        || (kind == Kind::Reply
            && (head.status() == 204
                || head.status() == 304
                || (100..200).contains(&head.status())));
    if bodiless {
        return Extent::Whole(end);
    }
    if head.is_chunked() {
        return unchunk(&buffer[end..])
            .1
            .map_or(Extent::Partial, |length| Extent::Whole(end + length));
    }
    match head.header("content-length").and_then(|value| value.parse::<usize>().ok()) {
        Some(length) if buffer.len() >= end + length => Extent::Whole(end + length),
        Some(_) => Extent::Partial,
        None if kind == Kind::Request => Extent::Whole(end),
        None => Extent::UntilClose,
    }
}

fn head_end(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The data, and where the chunked body ends if it is whole.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, Option<usize>) {
    let whole = rest.len();
    let mut data = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else {
            return (data, None);
        };
        let size = String::from_utf8_lossy(&rest[..line]);
        let size =
            size.split(';').next().and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
        rest = &rest[line + 2..];
        match size {
            None => return (data, None),
            Some(0) => {
                // Trailers end with an empty line.
                return if rest.starts_with(b"\r\n") {
                    (data, Some(whole - rest.len() + 2))
                } else {
                    let end = head_end(rest).map(|end| whole - rest.len() + end);
                    (data, end)
                };
            }
            Some(size) if rest.len() >= size + 2 => {
                data.extend_from_slice(&rest[..size]);
                rest = &rest[size + 2..];
            }
            Some(_) => return (data, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_length() {
        let bytes = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET";
        assert_eq!(extent(bytes, Kind::Request), Extent::Whole(bytes.len() - 3));
        assert_eq!(extent(&bytes[..bytes.len() - 5], Kind::Request), Extent::Partial);
        assert_eq!(Message::parse(&bytes[..bytes.len() - 3]).body, b"abc");
    }

    #[test]
    fn a_chunked_reply_ends_with_its_last_chunk() {
        let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(extent(bytes, Kind::Reply), Extent::Whole(bytes.len()));
        assert_eq!(extent(&bytes[..bytes.len() - 2], Kind::Reply), Extent::Partial);
        assert_eq!(Message::parse(bytes).text(), "abcde");
        let trailers = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n";
        assert_eq!(extent(trailers, Kind::Reply), Extent::Whole(trailers.len()));
    }

    #[test]
    fn a_reply_without_length_lasts_until_close() {
        assert_eq!(extent(b"HTTP/1.1 200 OK\r\n\r\nabc", Kind::Reply), Extent::UntilClose);
        assert_eq!(extent(b"HTTP/1.1 200 OK\r\n\r\n", Kind::HeadReply), Extent::Whole(19));
        assert_eq!(extent(b"HTTP/1.1 204 No\r\n\r\n", Kind::Reply), Extent::Whole(19));
    }
}
