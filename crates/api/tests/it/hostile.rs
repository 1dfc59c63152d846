//! Requests that nobody honest sends.

use crate::house::{House, session_request, soon};
use crate::wire::exchange;
use backstop_api::Config;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_name_that_is_rebound_to_loopback_gets_nothing() {
    let house = House::open().await;
    let port = house.address.port();
    for host in
        ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "127.0.0.1:1", "0.0.0.0"]
    {
        let answer = house.raw("GET /healthz", &[("Host", host)], "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (421, "wrong-host"), "{host}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")]
    {
        assert_eq!(house.raw("GET /healthz", &[("Host", &host)], "").await.status, 200, "{host}");
    }
    let absent = house.raw("GET /healthz", &[], "").await;
    assert_eq!(absent.status, 400);
    let host = house.address.to_string();
    let absolute = house.raw("GET http://evil.example/healthz", &[("Host", &host)], "").await;
    assert_eq!(absolute.problem(), "malformed");
}

#[tokio::test]
async fn a_page_of_another_origin_gets_nothing() {
    let house = House::open().await;
    let host = house.address.to_string();
    let bearer = format!("Bearer {}", house.operator);
    let base = [("Host", host.as_str()), ("Authorization", bearer.as_str())];
    let own = format!("http://{host}");
    let try_with = async |name: &'static str, value: &str| {
        let mut headers = base.to_vec();
        headers.push((name, value));
        house.raw("GET /v1/alerts", &headers, "").await
    };
    assert_eq!(try_with("Origin", &own).await.status, 200);
    for origin in ["http://evil.example", "null", "http://localhost:1", "file://"] {
        let answer = try_with("Origin", origin).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "foreign-origin"), "{origin}");
        assert!(answer.headers.iter().all(|(n, _)| !n.starts_with("access-control-")));
    }
    assert_eq!(try_with("Sec-Fetch-Site", "cross-site").await.problem(), "foreign-origin");
    // A preflight finds no CORS here.
    let preflight = house.send("OPTIONS /v1/grants", None, None).await;
    assert_eq!((preflight.status, preflight.header("allow")), (405, Some("GET, POST")));
}

#[tokio::test]
async fn wrong_methods_and_paths_are_named() {
    let house = House::open().await;
    for (line, status, allow) in [
        ("PUT /v1/sessions", 405, Some("POST, GET")),
        ("PATCH /v1/holds/hld_00000000000000000000000000/approve", 405, Some("POST")),
        ("POST /metrics", 405, Some("GET")),
        ("TRACE /healthz", 405, Some("GET")),
        ("GET /", 404, None),
        ("GET /v1/sessions/", 404, None),
        ("GET /v1/../healthz", 404, None),
        ("GET /healthz/", 404, None),
        ("GET /v1/sessions/not-an-id", 404, None),
        ("GET /v1/sessions/tok_00000000000000000000000000", 404, None),
    ] {
        let answer = house.send(line, Some(&house.operator), None).await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{line}");
        answer.problem();
    }
}

#[tokio::test]
async fn a_body_has_one_reading_or_none() {
    let house = House::open().await;
    let cases: &[(&str, u16, &str)] = &[
        (r#"{"tenant":"research","tenant":"finance","skills":[]}"#, 400, "/tenant"),
        (
            r#"{"tenant":"research","skills":[{"name":"a","\u006eame":"b","version":"1"}]}"#,
            400,
            "/skills/0/name",
        ),
        (r#"{"tenant":"research","skills":[],"admin":true}"#, 422, "/admin"),
        (r#"{"tenant":"Research","skills":[]}"#, 422, "/tenant"),
        (r#"{"tenant":"research","skills":[],"for":"4 hours"}"#, 422, "/for"),
        (r#"{"tenant":null,"skills":[]}"#, 422, "/tenant"),
        (r#"{"skills":[]}"#, 422, "/tenant"),
        (r#"[]"#, 422, ""),
        (r#"{"tenant":"research","skills":[]} {}"#, 400, ""),
        ("", 400, ""),
    ];
    for (body, status, pointer) in cases {
        let host = house.address.to_string();
        let bearer = format!("Bearer {}", house.operator);
        let headers = [
            ("Host", host.as_str()),
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", &body.len().to_string()),
        ];
        let answer = house.raw("POST /v1/sessions", &headers, body).await;
        assert_eq!(answer.status, *status, "{body}: {}", answer.text());
        answer.problem();
        assert_eq!(answer.json()["errors"][0]["pointer"], *pointer, "{body}");
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let answer = house
        .send("POST /v1/sessions", Some(&house.operator), Some(&serde_json::Value::Null))
        .await;
    assert_eq!(answer.status, 422);
    let length = deep.len().to_string();
    let answer = house
        .raw(
            "POST /v1/sessions",
            &[
                ("Host", &house.address.to_string()),
                ("Authorization", &format!("Bearer {}", house.operator)),
                ("Content-Type", "application/json"),
                ("Content-Length", &length),
            ],
            &deep,
        )
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["detail"].as_str().unwrap().contains("nests deeper"));
}

#[tokio::test]
async fn a_query_is_known_and_stands_once() {
    let house = House::open().await;
    for (path, pointer) in [
        ("/v1/sessions?all=yes", "?all"),
        ("/v1/sessions?all=true&all=true", "?all"),
        ("/v1/sessions?limit=1", "?limit"),
        ("/v1/alerts?x", "?x"),
        ("/v1/events?after=-1", "?after"),
        ("/v1/events?type=Nothing", "?type"),
        ("/v1/events?session=x", "?session"),
    ] {
        let answer = house.send(&format!("GET {path}"), Some(&house.operator), None).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{path}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn bodies_have_a_size_a_type_and_a_place() {
    let house = House::open().await;
    let host = house.address.to_string();
    let bearer = format!("Bearer {}", house.operator);
    let base = [("Host", host.as_str()), ("Authorization", bearer.as_str())];
    let with = async |line: &str, more: &[(&str, &str)], body: &str| {
        let mut headers = base.to_vec();
        headers.extend_from_slice(more);
        soon(house.raw(line, &headers, body)).await
    };
    let json = ("Content-Type", "application/json");
    // Announced and not sent; sent in chunks without an announcement.
    let announced = with("POST /v1/sessions", &[json, ("Content-Length", "1048577")], "").await;
    assert_eq!((announced.status, announced.problem().as_str()), (413, "too-large"));
    let chunk = format!("110000\r\n{}\r\n0\r\n\r\n", " ".repeat(0x11_0000));
    let chunked =
        with("POST /v1/sessions", &[json, ("Transfer-Encoding", "chunked")], &chunk).await;
    assert_eq!(chunked.status, 413);
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "json",
    ] {
        let typed = [("Content-Type", media), ("Content-Length", "2")];
        let answer = with("POST /v1/sessions", &typed, "{}").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (415, "wrong-media-type"),
            "{media}"
        );
    }
    assert_eq!(with("POST /v1/sessions", &[("Content-Length", "2")], "{}").await.status, 415);
    let encoded = [json, ("Content-Encoding", "gzip"), ("Content-Length", "2")];
    assert_eq!(with("POST /v1/sessions", &encoded, "{}").await.status, 415);
    let utf8 = [("Content-Type", "application/json; charset=UTF-8"), ("Content-Length", "2")];
    assert_eq!(with("POST /v1/sessions", &utf8, "{}").await.status, 422);
    for line in
        ["GET /v1/alerts", "GET /healthz", "DELETE /v1/tokens/tok_00000000000000000000000000"]
    {
        let answer = with(line, &[json, ("Content-Length", "2")], "{}").await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"), "{line}");
    }
}

#[tokio::test]
async fn slow_heads_and_bodies_are_given_up() {
    let house = House::with(Config {
        head: Duration::from_millis(150),
        body: Duration::from_millis(150),
        ..Config::default()
    })
    .await;
    // A head that never ends: the connection is closed.
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x").await.unwrap();
    let mut rest = Vec::new();
    let _ = soon(stream.read_to_end(&mut rest)).await;
    // No head at all, at first or after an answer.
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", house.address);
    for first in ["", request.as_str()] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        soon(stream.read_to_end(&mut got)).await.unwrap();
        assert_eq!(got.starts_with(b"HTTP/1.1 200"), !first.is_empty());
    }
    // A body that never ends: an answer, and the connection is closed.
    let request = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        house.address, house.operator
    );
    let answer = soon(exchange(house.address, request.as_bytes())).await;
    assert_eq!((answer.status, answer.problem().as_str()), (408, "too-slow"));
}

#[tokio::test]
async fn connections_past_the_limit_wait_their_turn() {
    let house = House::with(Config { connections: 1, ..Config::default() }).await;
    let first = TcpStream::connect(house.address).await.unwrap();
    let host = house.address.to_string();
    let headers = [("Host", host.as_str())];
    let second = house.raw("GET /healthz", &headers, "");
    tokio::pin!(second);
    let early = tokio::time::timeout(Duration::from_millis(100), &mut second).await;
    assert!(early.is_err(), "a second connection was served beside the first");
    drop(first);
    assert_eq!(soon(second).await.status, 200);
}

#[tokio::test]
async fn headers_that_stand_twice_are_refused() {
    let house = House::open().await;
    let host = house.address.to_string();
    let bearer = format!("Bearer {}", house.operator);
    for twice in
        [("Host", host.as_str()), ("Authorization", "Bearer x"), ("Content-Type", "text/plain")]
    {
        let body = session_request("research").to_string();
        let headers = [
            ("Host", host.as_str()),
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", &body.len().to_string()),
            twice,
        ];
        let answer = house.raw("POST /v1/sessions", &headers, &body).await;
        assert_eq!(answer.status, 400, "{twice:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_1_1_is_refused() {
    let house = House::open().await;
    let host = house.address.to_string();
    let old = format!("GET /healthz HTTP/1.0\r\nHost: {host}\r\n\r\n");
    assert_eq!(exchange(house.address, old.as_bytes()).await.problem(), "malformed");
    // What hyper itself cannot read gets a bare status.
    for bytes in [
        "GET /healthz\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n folded: x\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nHost : {host}\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1, 2\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "X: y\r\n".repeat(100)),
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "y".repeat(300_000)),
    ] {
        let answer = soon(exchange(house.address, bytes.as_bytes())).await;
        assert!(
            (400..500).contains(&answer.status),
            "{} {}",
            answer.status,
            bytes.chars().take(80).collect::<String>()
        );
    }
}

#[tokio::test]
async fn the_api_is_not_served_where_tokens_would_cross_a_network() {
    let house = House::open().await;
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let fault = soon(backstop_api::serve(listener, house.api.clone(), stopped)).await.unwrap_err();
    assert!(matches!(fault, backstop_api::ConfigFault::NotLoopback(_)));
    let away = "192.0.2.1:8480".parse().unwrap();
    assert!(matches!(
        backstop_api::Client::new(away, None),
        Err(backstop_api::ClientFault::NotLoopback(_))
    ));
}
