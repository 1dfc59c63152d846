//! A blocking HTTP/1.1 client for tests: sends exactly the bytes it is given and reads one reply.
//! Every call has a deadline. It dials from the calling thread, so in that thread's world.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::message::{Extent, Kind, Message, extent};

/// No reply may take longer.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Sends the bytes and reads one reply.
#[track_caller]
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Message {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap_or_else(|error| panic!("write to {address}: {error}"));
    let kind = if bytes.starts_with(b"HEAD ") || bytes.starts_with(b"CONNECT ") {
        Kind::HeadReply
    } else {
        Kind::Reply
    };
    let mut buffer = Vec::new();
    let reply = read_on(&mut stream, &mut buffer, kind)
        .unwrap_or_else(|error| panic!("read a reply of {address}: {error}"));
    if bytes.starts_with(b"CONNECT ") && reply.status() != 200 {
        // A refused CONNECT has a body, which may have come with the head.
        return read_on(&mut stream, &mut buffer, Kind::Reply)
            .unwrap_or_else(|error| panic!("read a refusal of {address}: {error}"));
    }
    reply
}

/// Sends a request with the usual headers and reads its reply. `Host` is the target's, or the
/// address for a target that is a path.
#[track_caller]
pub fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Message {
    let place = address.to_string();
    let mut headers = headers.to_vec();
    if target.starts_with('/') && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        headers.push(("host", &place));
    }
    exchange(address, &head(method, target, &headers, body))
}

/// A request's bytes: `Host` from the target if none is given, `Content-Length` if there is a body.
pub fn head(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        let authority = target.split_once("://").map_or(target, |(_, rest)| rest);
        let authority =
            authority.split('/').next().filter(|a| !a.is_empty()).unwrap_or("localhost");
        out.push_str(&format!("host: {authority}\r\n"));
    }
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        out.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

/// A connection with deadlines set.
#[track_caller]
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, DEADLINE)
        .unwrap_or_else(|error| panic!("connect to {address}: {error}"));
    stream.set_read_timeout(Some(DEADLINE)).expect("set a read time-out");
    stream.set_write_timeout(Some(DEADLINE)).expect("set a write time-out");
    stream.set_nodelay(true).expect("set no-delay");
    stream
}

/// Opens a tunnel; the reply is 200 when the stream may be used.
#[track_caller]
pub fn tunnel(
    proxy: SocketAddr,
    authority: &str,
    headers: &[(&str, &str)],
) -> (TcpStream, Message) {
    let mut stream = connect(proxy);
    stream.write_all(&head("CONNECT", authority, headers, b"")).expect("write CONNECT");
    let mut buffer = Vec::new();
    let reply = read_on(&mut stream, &mut buffer, Kind::HeadReply)
        .unwrap_or_else(|error| panic!("read the reply to CONNECT: {error}"));
    if reply.status() == 200 {
        return (stream, reply);
    }
    let reply = read_on(&mut stream, &mut buffer, Kind::Reply)
        .unwrap_or_else(|error| panic!("read a refusal: {error}"));
    (stream, reply)
}

/// Reads one reply from a stream.
///
/// # Errors
/// The connection fails, ends early or is silent past its time-out.
pub fn read_reply(stream: &mut impl io::Read, kind: Kind) -> io::Result<Message> {
    read_on(stream, &mut Vec::new(), kind)
}

fn read_on(stream: &mut impl io::Read, buffer: &mut Vec<u8>, kind: Kind) -> io::Result<Message> {
    let mut part = [0; 16 << 10];
    loop {
        let reach = extent(buffer, kind);
        if let Extent::Whole(length) = reach {
            return Ok(Message::parse(&buffer[..length]));
        }
        match stream.read(&mut part)? {
            0 if reach == Extent::UntilClose => return Ok(Message::parse(buffer)),
            0 => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("ended after {:?}", String::from_utf8_lossy(buffer)),
                ));
            }
            read => buffer.extend_from_slice(&part[..read]),
        }
    }
}

/// Asks again until `ready` gives a value; panics with `what` at the deadline. For facts that
/// another process brings about, where there is nothing to wait on.
#[track_caller]
pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
