//! Smuggling shapes end to end: the upstream keeps every byte, and none of a bad message reaches it.

use crate::house::{House, Upstream, ok, read_answer, read_to_end, soon};
use tokio::io::AsyncWriteExt;

const LINE: &str = "POST http://api.weather.example/ HTTP/1.1\r\nHost: api.weather.example\r\n";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: api.weather.example\r\n\r\n";

#[tokio::test]
async fn no_smuggling_shape_reaches_the_upstream() {
    let house = House::open().await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let id = house.credential();
    let good = format!("{LINE}{id}Content-Length: 4\r\n\r\ngood");
    let heads = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length: 0x5\r\n\r\nhello",
        "Content-Length : 5\r\n\r\nhello",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: y\0\r\n\r\n",
        "Host: evil.example\r\n\r\n",
        "Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
    ];
    for head in heads {
        let mut client = house.client().await;
        let bad = format!("{good}{LINE}{id}{head}{SMUGGLED}");
        client.write_all(bad.as_bytes()).await.unwrap();
        let (first, body) = read_answer(&mut client).await;
        assert!(first.starts_with("HTTP/1.1 200"), "{head:?}: {first}");
        assert_eq!(body, "sunny");
        let (second, body) = read_answer(&mut client).await;
        assert!(second.starts_with("HTTP/1.1 400"), "{head:?}: {second}");
        assert!(second.contains("connection: close"), "{second}");
        assert!(second.contains("content-type: application/problem+json"), "{second}");
        assert!(second.contains("backstop-receipt: rcp_"), "{second}");
        assert!(body.contains("\"control\":\"wire."), "{body}");
        assert_eq!(read_to_end(&mut client).await, "", "nothing is read after it");
    }
    let expected = "POST / HTTP/1.1\r\nhost: api.weather.example\r\ncontent-length: 4\r\nvia: 1.1 backstop\r\n\r\ngood";
    assert_eq!(upstream.text(), expected.repeat(heads.len()));
}

#[tokio::test]
async fn a_bad_chunk_ends_the_message_before_it_is_whole() {
    let house = House::open().await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    for chunks in [
        "3\r\nabc\r\n0x5\r\nhello\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\r\n5\nhello\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
        "3\r\nabc\r\n0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        "3\r\nabc\r\n10000000000000000\r\n",
    ] {
        upstream.got.lock().unwrap().clear();
        let head = format!("{LINE}{}Transfer-Encoding: chunked\r\n\r\n", house.credential());
        let answer = house.exchange(format!("{head}{chunks}{SMUGGLED}")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer}");
        assert!(answer.contains("\"control\":\"wire.framing\""), "{chunks:?}: {answer}");
        let got = upstream.text();
        assert!(!got.contains("smuggled") && !got.contains("hello"), "{chunks:?}: {got}");
        assert!(!got.contains("\r\n0\r\n"), "no last chunk: {got}");
    }
}

#[tokio::test]
async fn other_protocols_on_the_proxy_port_are_refused() {
    let house = House::open().await;
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"GET /\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\x05\x01\x00",
        b"\r\n\r\nGET http://api.weather.example/ HTTP/1.1\r\n\r\n",
        b"BACKSTOP-FAULT / HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = house.exchange(bytes).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{bytes:?}: {answer}");
        assert!(answer.contains("\"control\":\"wire.framing\""), "{answer}");
    }
    soon(async {
        while house.refused().len() < 6 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn one_message_after_another_arrives_as_it_was_written() {
    let house = House::open().await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let id = house.credential();
    let inner = "GET /smuggled HTTP/1.1\r\n\r\n";
    let all: String = (0..20)
        .map(|_| format!("{LINE}{id}Content-Length: {}\r\n\r\n{inner}", inner.len()))
        .collect();
    let mut client = house.client().await;
    for part in all.as_bytes().chunks(7) {
        client.write_all(part).await.unwrap();
    }
    for _ in 0..20 {
        assert_eq!(read_answer(&mut client).await.1, "sunny");
    }
    assert_eq!(upstream.text().matches("POST / HTTP/1.1\r\n").count(), 20);
    assert_eq!(upstream.text().matches(inner).count(), 20);
}
