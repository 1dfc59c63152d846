//! Who is let in, and what is said to those who are not.

use crate::house::{House, Upstream, ok, read_answer};
use backstop_proxy::{Bound, Config};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const GET: &str = "GET http://api.weather.example/points HTTP/1.1\r\nHost: api.weather.example\r\n";

#[tokio::test]
async fn without_a_credential_a_client_is_challenged_and_may_try_again() {
    let house = House::open().await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let mut client = house.client().await;
    client.write_all(format!("{GET}\r\n").as_bytes()).await.unwrap();
    let (head, body) = read_answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 407"), "{head}");
    assert!(head.contains("proxy-authenticate: Basic realm=\"backstop\"\r\n"), "{head}");
    assert!(head.contains("proxy-authenticate: Bearer realm=\"backstop\"\r\n"), "{head}");
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    assert!(head.contains("backstop-receipt: rcp_"), "{head}");
    assert!(body.contains("\"control\":\"identity\""), "{body}");
    let again = format!("{GET}{}\r\n", house.credential());
    client.write_all(again.as_bytes()).await.unwrap();
    let (head, body) = read_answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "sunny");
    assert!(!upstream.text().to_ascii_lowercase().contains("proxy-"), "{}", upstream.text());
    assert!(!upstream.text().contains(house.token()));
}

#[tokio::test]
async fn a_connect_without_a_credential_is_challenged_and_closed() {
    let house = House::open().await;
    let answer = house
        .exchange(
            "CONNECT api.weather.example:443 HTTP/1.1\r\nHost: api.weather.example:443\r\n\r\n",
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 407"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(house.tried().is_empty());
}

#[tokio::test]
async fn a_wrong_credential_is_challenged_too() {
    let house = House::open().await;
    let session = &house.session.id;
    let wrong = format!("bst_a_{}", "x".repeat(43));
    for line in [
        format!("Proxy-Authorization: Bearer {wrong}\r\n"),
        "Proxy-Authorization: Basic !!!\r\n".to_owned(),
        "Proxy-Authorization: Digest x\r\n".to_owned(),
        format!("Proxy-Authorization: Bearer {session}\r\n"),
    ] {
        let answer = house.exchange(format!("{GET}{line}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 407"), "{line}{answer}");
        assert!(!answer.contains(&wrong));
    }
    assert!(house.refused().iter().all(|(_, reason)| !reason.contains(&wrong)));
}

#[tokio::test]
async fn a_bearer_token_is_enough() {
    let house = House::open().await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let line =
        format!("Proxy-Authorization: Bearer {}\r\nConnection: close\r\n\r\n", house.token());
    let answer = house.exchange(format!("{GET}{line}")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_bound_listener_asks_for_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let house = House::on(listener, |session| Config {
        bound: Some(Bound { session: session.id.clone(), skill: None }),
        ..Config::default()
    })
    .await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let answer = house.exchange(format!("{GET}Connection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_closed_session_is_no_session() {
    let house = House::open().await;
    house.gate.control().close_session(&house.operator, &house.session.id).await.unwrap();
    let answer =
        house.exchange(format!("{GET}{}Connection: close\r\n\r\n", house.credential())).await;
    assert!(answer.starts_with("HTTP/1.1 407"), "{answer}");
}

#[tokio::test]
async fn a_request_for_the_proxy_itself_gets_help() {
    let house = House::open().await;
    let answer = house
        .exchange(format!(
            "GET /healthz HTTP/1.1\r\nHost: proxy\r\n{}Connection: close\r\n\r\n",
            house.credential()
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("this is a forward proxy"), "{answer}");
}
