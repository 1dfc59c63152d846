//! Every shape of request that two parsers could read differently, by name, and what is said to it.

use super::*;
use proptest::prelude::*;

/// Feeds `bytes` in parts of `size` and tells how much passed and what stopped it.
fn feed(bytes: &[u8], size: usize) -> (usize, Option<Fault>, bool) {
    let mut framing = Framing::new();
    let (mut passed, mut shown) = (0, 0);
    while shown < bytes.len() {
        shown = (shown + size).min(bytes.len());
        loop {
            match framing.admit(&bytes[passed..shown]) {
                Ok(0) => break,
                Ok(count) => passed += count,
                Err(fault) => return (passed, Some(fault), framing.in_head()),
            }
        }
    }
    (passed, None, framing.in_head())
}

/// What is said to `bytes`, the same however they are torn.
fn reading(name: &str, bytes: &[u8]) -> String {
    let (passed, fault, in_head) = feed(bytes, bytes.len().max(1));
    for size in [1, 2, 3, 7] {
        let torn = feed(bytes, size);
        assert_eq!(torn, (passed, fault, in_head), "{name}, torn in parts of {size}");
    }
    match fault {
        Some(fault) => format!("{} {}: {}", fault.status.as_u16(), fault.control, fault.why),
        None if passed == bytes.len() && in_head => "passes".to_owned(),
        None => format!("waits after {passed} of {}", bytes.len()),
    }
}

/// A head with these lines after a good request line and Host.
fn post(lines: &str) -> Vec<u8> {
    format!("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\n{lines}").into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    post(&format!("Transfer-Encoding: chunked\r\n\r\n{body}"))
}

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn check(cases: Vec<(&str, Vec<u8>, &str)>) {
    let mut names = std::collections::HashSet::new();
    for (name, bytes, expected) in cases {
        assert!(names.insert(name.to_owned()), "{name} stands twice");
        assert_eq!(reading(name, &bytes), expected, "{name}");
    }
}

#[test]
fn good_messages_pass() {
    check(vec![
        ("get", raw("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"), "passes"),
        (
            "get with default port in host",
            raw("GET http://A.example/x?y=1 HTTP/1.1\r\nhost: a.EXAMPLE:80\r\n\r\n"),
            "passes",
        ),
        (
            "get over tls",
            raw("GET https://a.example:443/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
            "passes",
        ),
        ("http/1.0 without host", raw("GET http://a.example/ HTTP/1.0\r\n\r\n"), "passes"),
        (
            "one empty line before",
            raw("\r\nGET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
            "passes",
        ),
        ("origin form", raw("GET /healthz HTTP/1.1\r\nHost: proxy:3128\r\n\r\n"), "passes"),
        ("length", post("Content-Length: 5\r\n\r\nhello"), "passes"),
        ("length zero", post("Content-Length: 0\r\n\r\n"), "passes"),
        ("white space around a value", post("Content-Length: \t 5 \r\n\r\nhello"), "passes"),
        ("chunked", chunked("5\r\nhello\r\n0\r\n\r\n"), "passes"),
        (
            "chunked in capitals",
            post("TRANSFER-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"),
            "passes",
        ),
        ("chunk extension", chunked("5;a=b;c=\"d\"\r\nhello\r\n0;z\r\n\r\n"), "passes"),
        ("chunk size with zeros before", chunked("0005\r\nhello\r\n000\r\n\r\n"), "passes"),
        ("trailer", chunked("0\r\nX-Checksum: 12\r\nX-B: c\r\n\r\n"), "passes"),
        (
            "pipelined",
            [
                post("Content-Length: 5\r\n\r\nhello"),
                chunked("1\r\na\r\n0\r\n\r\n"),
                raw("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
            ]
            .concat(),
            "passes",
        ),
        (
            "bytes above 127 in a value",
            [post("X-Name: "), vec![0xc3, 0xa4], raw("\r\n\r\n")].concat(),
            "passes",
        ),
        ("empty header value", post("X-Empty:\r\n\r\n"), "passes"),
        (
            "keep-alive",
            post("Connection: keep-alive, TE\r\nTE: trailers\r\nContent-Length: 0\r\n\r\n"),
            "passes",
        ),
    ]);
    let connect =
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n\x16\x03\x01 anything\n";
    assert_eq!(feed(connect, 5), (connect.len(), None, false));
    let short = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_eq!(feed(short, 5), (short.len(), None, false));
    let python = b"CONNECT a.example:443 HTTP/1.0\r\n\r\n";
    assert_eq!(feed(python, 5), (python.len(), None, false));
}

#[test]
fn request_lines_with_two_readings_are_refused() {
    let get = |target: &str| raw(&format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    check(vec![
        (
            "http/2 preface",
            raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            "400 wire.framing: the version is not HTTP/1.1 or HTTP/1.0",
        ),
        (
            "http/0.9",
            raw("GET /\r\n"),
            "400 wire.framing: the request line is not `method target version`",
        ),
        (
            "http/0.9 absolute",
            raw("GET http://a.example/\r\n"),
            "400 wire.framing: the request line is not `method target version`",
        ),
        (
            "http/1.2",
            raw("GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the version is not HTTP/1.1 or HTTP/1.0",
        ),
        (
            "http/1.10",
            raw("GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the version is not HTTP/1.1 or HTTP/1.0",
        ),
        (
            "version in small letters",
            raw("GET / http/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the version is not HTTP/1.1 or HTTP/1.0",
        ),
        (
            "tls on the plain port",
            b"\x16\x03\x01\x02\x00\x01".to_vec(),
            "400 wire.framing: the first byte is not that of an HTTP method",
        ),
        (
            "two empty lines before",
            raw("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: empty lines stand before the request line",
        ),
        (
            "bare lf before",
            raw("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: empty lines stand before the request line",
        ),
        (
            "space before the method",
            raw(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the first byte is not that of an HTTP method",
        ),
        (
            "two spaces",
            raw("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the request line is not parted by single spaces",
        ),
        (
            "two spaces before the version",
            raw("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the request line is not parted by single spaces",
        ),
        (
            "tab",
            raw("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the method is not a token",
        ),
        (
            "tab before the version",
            raw("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the request line is not `method target version`",
        ),
        (
            "vertical tab",
            raw("GET /\x0b HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the request target holds bytes that no URI has",
        ),
        (
            "space after the version",
            raw("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
            "400 wire.framing: the request line is not parted by single spaces",
        ),
        (
            "method with a colon",
            raw("GE:T / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the method is not a token",
        ),
        (
            "method of the stand-in",
            raw("BACKSTOP-FAULT / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the method is reserved",
        ),
        (
            "bare cr in the request line",
            raw("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: a line holds a bare CR",
        ),
        (
            "nul in the target",
            raw("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 wire.framing: the request line holds NUL",
        ),
        (
            "bytes above 127 in the target",
            get("http://a.example/\u{e4}"),
            "400 wire.framing: the request target holds bytes that no URI has",
        ),
        (
            "fragment",
            get("http://a.example/#x"),
            "400 wire.framing: the request target holds `#` or a back-slash",
        ),
        (
            "back-slash",
            get("http://a.example\\@b.example/"),
            "400 wire.framing: the request target holds `#` or a back-slash",
        ),
        (
            "userinfo",
            get("http://a.example@b.example/"),
            "400 wire.authority: the request target holds credentials",
        ),
        (
            "userinfo with password",
            get("http://u:p@a.example/"),
            "400 wire.authority: the request target holds credentials",
        ),
        ("no authority", get("http:///x"), "400 wire.framing: the request target is not a URI"),
        (
            "lf instead of crlf after the request line",
            raw("GET / HTTP/1.1\nHost: a\r\n\r\n"),
            "400 wire.framing: a line ends in a bare LF",
        ),
    ]);
}

#[test]
fn heads_with_two_readings_are_refused() {
    check(vec![
        (
            "te and cl",
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
            "400 wire.framing: there are both Transfer-Encoding and Content-Length",
        ),
        (
            "cl and te",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "400 wire.framing: there are both Transfer-Encoding and Content-Length",
        ),
        (
            "two lengths",
            post("Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
            "400 wire.framing: there are several Content-Length fields",
        ),
        (
            "two equal lengths",
            post("Content-Length: 5\r\ncontent-length: 5\r\n\r\n"),
            "400 wire.framing: there are several Content-Length fields",
        ),
        (
            "length list",
            post("Content-Length: 5, 5\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length with plus",
            post("Content-Length: +5\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length with minus",
            post("Content-Length: -5\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length in hex",
            post("Content-Length: 0x5\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length with a space within",
            post("Content-Length: 1 5\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length with underscore",
            post("Content-Length: 1_5\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length empty",
            post("Content-Length:\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length overflow",
            post("Content-Length: 18446744073709551621\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length with full-width digits",
            post("Content-Length: \u{ff15}\r\n\r\n"),
            "400 wire.framing: the Content-Length is not a plain decimal number",
        ),
        (
            "length with form feed",
            post("Content-Length: 5\x0c\r\n\r\n"),
            "400 wire.framing: a header value holds a control character",
        ),
        (
            "te identity",
            post("Transfer-Encoding: identity\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te xchunked",
            post("Transfer-Encoding: xchunked\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te chunked not last",
            post("Transfer-Encoding: chunked, identity\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te chunked twice in a list",
            post("Transfer-Encoding: chunked, chunked\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te gzip, chunked",
            post("Transfer-Encoding: gzip, chunked\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te with parameter",
            post("Transfer-Encoding: chunked;q=1\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te quoted",
            post("Transfer-Encoding: \"chunked\"\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te with comma",
            post("Transfer-Encoding: ,chunked\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te with vertical tab",
            post("Transfer-Encoding: \x0bchunked\r\n\r\n"),
            "400 wire.framing: a header value holds a control character",
        ),
        (
            "te empty",
            post("Transfer-Encoding:\r\n\r\n"),
            "400 wire.framing: the Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "te in two fields",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
            "400 wire.framing: there are several Transfer-Encoding fields",
        ),
        (
            "te in http/1.0",
            raw(
                "POST http://a.example/ HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            "400 wire.framing: there is a Transfer-Encoding in HTTP/1.0",
        ),
        (
            "te with underscore",
            post("Transfer_Encoding: chunked\r\n\r\n"),
            "400 wire.framing: a header name looks like a framing field and is none",
        ),
        (
            "length with underscore in the name",
            post("Content_Length: 5\r\n\r\n"),
            "400 wire.framing: a header name looks like a framing field and is none",
        ),
        (
            "space before the colon",
            post("Content-Length : 5\r\n\r\n"),
            "400 wire.framing: white space stands before a colon",
        ),
        (
            "tab before the colon",
            post("Transfer-Encoding\t: chunked\r\n\r\n"),
            "400 wire.framing: white space stands before a colon",
        ),
        (
            "space within a name",
            post("Transfer Encoding: chunked\r\n\r\n"),
            "400 wire.framing: a header name is not a token",
        ),
        (
            "nul in a name",
            post("Transfer-Encoding\0: chunked\r\n\r\n"),
            "400 wire.framing: a header name is not a token",
        ),
        (
            "bytes above 127 in a name",
            post("Transfer-Encod\u{131}ng: chunked\r\n\r\n"),
            "400 wire.framing: a header name is not a token",
        ),
        ("no name", post(": chunked\r\n\r\n"), "400 wire.framing: a header name is not a token"),
        (
            "no colon",
            post("Transfer-Encoding chunked\r\n\r\n"),
            "400 wire.framing: a header line has no colon",
        ),
        (
            "obs-fold with space",
            post("Transfer-Encoding:\r\n chunked\r\n\r\n"),
            "400 wire.framing: a header line is folded",
        ),
        (
            "obs-fold after another field",
            post("X-A: b\r\n\tTransfer-Encoding: chunked\r\n\r\n"),
            "400 wire.framing: a header line is folded",
        ),
        (
            "bare lf between fields",
            post("X-A: b\nTransfer-Encoding: chunked\r\n\r\n"),
            "400 wire.framing: a line ends in a bare LF",
        ),
        (
            "bare lf as the empty line",
            post("X-A: b\r\n\n"),
            "400 wire.framing: a line ends in a bare LF",
        ),
        (
            "bare cr in a value",
            post("X-A: b\rTransfer-Encoding: chunked\r\n\r\n"),
            "400 wire.framing: a line holds a bare CR",
        ),
        ("cr cr lf", post("X-A: b\r\r\n\r\n"), "400 wire.framing: a line holds a bare CR"),
        ("nul in a value", post("X-A: b\0c\r\n\r\n"), "400 wire.framing: a header value holds NUL"),
        (
            "escape in a value",
            post("X-A: \x1b[0m\r\n\r\n"),
            "400 wire.framing: a header value holds a control character",
        ),
        (
            "delete in a value",
            post("X-A: \x7f\r\n\r\n"),
            "400 wire.framing: a header value holds a control character",
        ),
        (
            "no host",
            raw("GET http://a.example/ HTTP/1.1\r\n\r\n"),
            "400 wire.framing: there is no Host field",
        ),
        (
            "two hosts",
            post("Host: b.example\r\n\r\n"),
            "400 wire.framing: there are several Host fields",
        ),
        (
            "host is another place",
            raw("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n"),
            "400 wire.authority: the Host field and the request target name different places",
        ),
        (
            "host has another port",
            raw("GET http://a.example/ HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"),
            "400 wire.authority: the Host field and the request target name different places",
        ),
        (
            "host has the port of another scheme",
            raw("GET http://a.example/ HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
            "400 wire.authority: the Host field and the request target name different places",
        ),
        (
            "host empty",
            raw("GET http://a.example/ HTTP/1.1\r\nHost:\r\n\r\n"),
            "400 wire.authority: the Host field and the request target name different places",
        ),
        (
            "host with path",
            raw("GET http://a.example/ HTTP/1.1\r\nHost: a.example/x\r\n\r\n"),
            "400 wire.authority: the Host field is not one host and port",
        ),
        (
            "host with userinfo",
            raw("GET http://a.example/ HTTP/1.1\r\nHost: x@a.example\r\n\r\n"),
            "400 wire.authority: the Host field is not one host and port",
        ),
        (
            "host list",
            raw("GET http://a.example/ HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n"),
            "400 wire.authority: the Host field is not one host and port",
        ),
        (
            "a file, which has no authority",
            raw("GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            "403 ssrf.scheme: the scheme is not http, https, ws or wss",
        ),
        (
            "a scheme within a scheme",
            raw("GET jar:file:/a.jar!/b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            "403 ssrf.scheme: the scheme is not http, https, ws or wss",
        ),
        (
            "connect to one, host another",
            raw("CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"),
            "400 wire.authority: the Host field and the request target name different places",
        ),
        (
            "connect with a body",
            raw(
                "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: 4\r\n\r\n",
            ),
            "400 wire.framing: a CONNECT request has a body",
        ),
        (
            "connect with chunks",
            raw(
                "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            "400 wire.framing: a CONNECT request has a body",
        ),
        (
            "connection names the length",
            post("Connection: close, Content-Length\r\nContent-Length: 5\r\n\r\n"),
            "400 wire.framing: a Connection field names a framing field",
        ),
        (
            "connection names the host",
            post("Connection: host\r\n\r\n"),
            "400 wire.framing: a Connection field names a framing field",
        ),
        (
            "two credentials",
            post("Proxy-Authorization: Basic YTpi\r\nProxy-Authorization: Basic Yzpk\r\n\r\n"),
            "400 wire.framing: there are several Proxy-Authorization fields",
        ),
    ]);
}

#[test]
fn chunked_bodies_with_two_readings_are_refused() {
    let size = "400 wire.framing: a chunk size does not begin with a hexadecimal digit";
    let after = "400 wire.framing: a chunk size is not followed by CRLF";
    let data = "400 wire.framing: chunk data is not followed by CRLF";
    let routes = "400 wire.framing: a trailer carries a field that frames or routes a message";
    check(vec![
        ("chunk with plus", chunked("+5\r\nhello\r\n0\r\n\r\n"), size),
        ("chunk with minus", chunked("-5\r\nhello\r\n0\r\n\r\n"), size),
        ("chunk with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), after),
        ("chunk with underscore", chunked("1_0\r\n"), after),
        ("chunk with space before", chunked(" 5\r\nhello\r\n0\r\n\r\n"), size),
        ("chunk with space after", chunked("5 \r\nhello\r\n0\r\n\r\n"), after),
        ("chunk with space before an extension", chunked("5 ;a\r\nhello\r\n0\r\n\r\n"), after),
        ("chunk with tab after", chunked("5\t\r\nhello\r\n0\r\n\r\n"), after),
        ("chunk size empty", chunked("\r\nhello\r\n0\r\n\r\n"), size),
        ("chunk size only an extension", chunked(";a\r\nhello\r\n0\r\n\r\n"), size),
        (
            "chunk overflow",
            chunked("10000000000000005\r\nhello"),
            "400 wire.framing: a chunk size overflows",
        ),
        (
            "chunk overflow by zeros",
            chunked("0000000000000005\r\nhello"),
            "400 wire.framing: a chunk size overflows",
        ),
        ("chunk not hex", chunked("g\r\n"), size),
        ("chunk line ends in lf", chunked("5\nhello\r\n0\r\n\r\n"), after),
        (
            "chunk line ends in cr",
            chunked("5\rhello\r\n0\r\n\r\n"),
            "400 wire.framing: a line holds a bare CR",
        ),
        ("chunk data longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n"), data),
        ("chunk data shorter than its size", chunked("6\r\nhello\r\n0\r\n\r\n"), data),
        ("chunk data followed by lf", chunked("5\r\nhello\n0\r\n\r\n"), data),
        ("chunk data followed by crx", chunked("5\r\nhello\rx0\r\n\r\n"), data),
        (
            "chunk extension with lf",
            chunked("5;a\nhello\r\n0\r\n\r\n"),
            "400 wire.framing: a chunk extension holds a control character",
        ),
        (
            "chunk extension with nul",
            chunked("5;\0\r\nhello\r\n0\r\n\r\n"),
            "400 wire.framing: a chunk extension holds a control character",
        ),
        (
            "chunk extension too long",
            chunked(&format!("5;{}\r\n", "a".repeat(1_025))),
            "400 limit: the chunk extensions are larger than 1 KiB",
        ),
        ("last chunk ends in lf", chunked("0\r\n\n"), "400 wire.framing: a line ends in a bare LF"),
        ("trailer with te", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), routes),
        ("trailer with length", chunked("0\r\nContent-Length: 9\r\n\r\n"), routes),
        ("trailer with host", chunked("0\r\nhost: b.example\r\n\r\n"), routes),
        ("trailer with authorization", chunked("0\r\nAuthorization: x\r\n\r\n"), routes),
        (
            "trailer folded",
            chunked("0\r\nX-A: b\r\n c\r\n\r\n"),
            "400 wire.framing: a header line is folded",
        ),
        (
            "trailer is a request",
            chunked("0\r\nGET /x HTTP/1.1\r\n\r\n"),
            "400 wire.framing: a header line has no colon",
        ),
        (
            "trailer with space before the colon",
            chunked("0\r\nX-A : b\r\n\r\n"),
            "400 wire.framing: white space stands before a colon",
        ),
        (
            "trailer ends in lf",
            chunked("0\r\nX-A: b\n\r\n"),
            "400 wire.framing: a line ends in a bare LF",
        ),
        (
            "trailers too large",
            chunked(&format!("0\r\nX-A: {}\r\n\r\n", "b".repeat(9_000))),
            "431 limit: the trailers are larger than 8 KiB",
        ),
    ]);
}

#[test]
fn heads_have_limits() {
    check(vec![
        (
            "endless field",
            post(&format!("X-A: {}", "b".repeat(HEAD_CAP))),
            "431 limit: the request head is larger than 64 KiB",
        ),
        (
            "endless request line",
            raw(&format!("GET /{}", "a".repeat(HEAD_CAP))),
            "431 limit: the request head is larger than 64 KiB",
        ),
        (
            "101 fields",
            post(&format!("{}\r\n", "X-A: b\r\n".repeat(100))),
            "431 limit: there are more than 100 header fields",
        ),
        ("100 fields", post(&format!("{}\r\n", "X-A: b\r\n".repeat(99))), "passes"),
        ("half a head", post("X-A: b\r\n"), "waits after 0 of 58"),
    ]);
}

#[test]
fn good_messages_before_a_bad_one_pass_and_it_does_not() {
    let good = post("Content-Length: 5\r\n\r\nhello");
    let bad = post("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello");
    let (passed, fault, in_head) = feed(&[good.clone(), bad].concat(), 4_096);
    assert_eq!((passed, in_head), (good.len(), true));
    assert_eq!(fault.map(|f| f.why), Some("there are several Content-Length fields"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), size in 1usize..50) {
        let _ = feed(&bytes, size);
        let _ = feed(&[chunked(""), bytes.clone()].concat(), size);
        let _ = feed(&[post(""), bytes].concat(), size);
    }

    #[test]
    fn a_chunked_body_ends_where_its_writer_says(
        chunks in proptest::collection::vec(1usize..300, 0..8), size in 1usize..64,
    ) {
        let mut body = String::new();
        for length in &chunks {
            body.push_str(&format!("{length:x}\r\n{}\r\n", "\n".repeat(*length)));
        }
        body.push_str("0\r\n\r\n");
        let message = chunked(&body);
        let next = post("Content-Length: x\r\n\r\n");
        let (passed, fault, in_head) = feed(&[message.clone(), next].concat(), size);
        prop_assert_eq!(passed, message.len());
        prop_assert!(in_head && fault.is_some());
    }
}
