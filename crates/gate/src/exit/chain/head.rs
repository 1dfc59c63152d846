//! The head of a proxy's answer to CONNECT, read strictly (RFC 9112 §4 and §5).
//! Must not know what was asked. Next: `no_proxy`.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Why a head is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadFault {
    #[error("the connection broke: {0}")]
    Broke(io::ErrorKind),
    #[error("it closed the connection before its answer was whole")]
    Cut,
    #[error("its answer is longer than {HEAD_CAP} bytes")]
    TooLong,
    #[error("its answer is not HTTP/1.1: {0}")]
    Malformed(&'static str),
    #[error("it sent bytes beyond its answer")]
    Excess,
}

/// Reads one head and gives its status. The caller has a deadline.
///
/// Bytes beyond the head are refused: whoever is spoken to here (TLS or HTTP) waits for the
/// client's first word, so that they could only be the proxy's own.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<u16, HeadFault> {
    let mut head = Vec::with_capacity(1_024);
    loop {
        let from = head.len().saturating_sub(3);
        let room = u64::try_from(HEAD_CAP + 1 - head.len()).unwrap_or(0);
        let read = stream.take(room).read_buf(&mut head).await;
        if read.map_err(|fault| HeadFault::Broke(fault.kind()))? == 0 {
            return Err(HeadFault::Cut);
        }
        let fresh = head.get(from..).unwrap_or_default();
        if let Some(end) = fresh.windows(4).position(|four| four == b"\r\n\r\n") {
            let end = from + end;
            if head.len() > end + 4 {
                return Err(HeadFault::Excess);
            }
            return parse(head.get(..end).unwrap_or_default()).map_err(HeadFault::Malformed);
        }
        if head.len() > HEAD_CAP {
            return Err(HeadFault::TooLong);
        }
    }
}

/// A status line and field lines, without the final empty line.
fn parse(head: &[u8]) -> Result<u16, &'static str> {
    let head = std::str::from_utf8(head).map_err(|_| "it is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("a field line has no colon")?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err("a field name is malformed");
        }
        if value.bytes().any(is_control) {
            return Err("a field value holds a control character");
        }
    }
    let rest = status
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| status.strip_prefix("HTTP/1.0 "))
        .ok_or("its first line is no status line")?;
    let (code, reason) = rest.split_at_checked(3).ok_or("it has no status")?;
    if !(reason.is_empty() || reason.starts_with(' ')) || reason.bytes().any(is_control) {
        return Err("its status line is malformed");
    }
    match code.parse::<u16>() {
        Ok(code @ 100..=599) => Ok(code),
        Ok(_) | Err(_) => Err("it has no status"),
    }
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_control(byte: u8) -> bool {
    byte != b'\t' && byte.is_ascii_control()
}

/// LIMIT: bytes of a proxy's answer.
const HEAD_CAP: usize = 16 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn heads_are_read_strictly() {
        async fn check(text: &str) -> Result<u16, String> {
            read(&mut text.as_bytes()).await.map_err(|fault| fault.to_string())
        }
        assert_eq!(check("HTTP/1.1 200 Connection established\r\n\r\n").await, Ok(200));
        assert_eq!(check("HTTP/1.0 200\r\n\r\n").await, Ok(200));
        assert_eq!(check("HTTP/1.1 407 Nö\r\nVia: 1.1 x\r\nA:\r\n\r\n").await, Ok(407));
        for bad in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 +20 OK\r\n\r\n",
            "HTTP/1.1 200OK\r\n\r\n",
            "HTTP/1.1 200 O\rK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
            "<html>503</html>\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert!(check(bad).await.is_err(), "{bad:?}");
        }
        let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(HEAD_CAP));
        assert!(check(&long).await.unwrap_err().contains("longer"));
    }

    #[tokio::test]
    async fn a_head_may_come_byte_by_byte() {
        let (mut near, mut far) = tokio::io::duplex(1);
        let text = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        let write = tokio::io::AsyncWriteExt::write_all(&mut far, text);
        let (status, _) = tokio::join!(read(&mut near), write);
        assert_eq!(status.unwrap(), 200);
    }
}
