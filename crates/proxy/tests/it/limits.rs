//! Limits and deadlines, slow clients, full houses, stopping.

use crate::house::{House, Upstream, ok, read_answer, read_to_end, soon};
use backstop_proxy::Config;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GET: &str = "GET http://api.weather.example/ HTTP/1.1\r\nHost: api.weather.example\r\n";

#[tokio::test]
async fn a_head_that_trickles_in_is_given_up() {
    let house = House::with(Config { head: Duration::from_millis(150), ..Config::default() }).await;
    let mut slow = house.client().await;
    slow.write_all(b"GET http://api.weather.example/ HTTP/1.1\r\nHost: api").await.unwrap();
    let answer = read_to_end(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"control\":\"limit\""), "{answer}");
    let mut silent = house.client().await;
    let answer = read_to_end(&mut silent).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_body_that_stops_is_given_up() {
    let house = House::with(Config { body: Duration::from_millis(150), ..Config::default() }).await;
    let upstream = Upstream::http(|_| ok("never")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let head = GET.replace("GET", "POST");
    let text = format!("{head}{}Content-Length: 10\r\n\r\nhello", house.credential());
    let answer = house.exchange(text).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    let house =
        House::with(Config { keep_alive: Duration::from_millis(150), ..Config::default() }).await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let mut client = house.client().await;
    client.write_all(format!("{GET}{}\r\n", house.credential()).as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut client).await.1, "sunny");
    assert_eq!(read_to_end(&mut client).await, "");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let house = House::open().await;
    let answer = house
        .exchange(format!("{GET}{}X-Large: {}\r\n\r\n", house.credential(), "x".repeat(70_000)))
        .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(answer.contains("\"control\":\"limit\""), "{answer}");
    let large = format!("{GET}{}X-Large: {}\r\n", house.credential(), "x".repeat(60_000));
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let answer = house.exchange(format!("{large}Connection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_full_house_says_so_at_once_and_has_room_again_later() {
    let house = House::with(Config { max_connections: 2, ..Config::default() }).await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let first = house.client().await;
    let mut second = house.client().await;
    second.write_all(format!("{GET}{}\r\n", house.credential()).as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut second).await.1, "sunny");
    for _ in 0..20 {
        let began = Instant::now();
        let answer = house.exchange(GET).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("\"control\":\"limit\""), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(1));
    }
    drop(first);
    let wanted = format!("{GET}{}Connection: close\r\n\r\n", house.credential());
    let served = async { while !house.exchange(&wanted).await.starts_with("HTTP/1.1 200") {} };
    soon(served).await;
}

#[tokio::test]
async fn slow_clients_do_not_hold_up_others() {
    let house = House::open().await;
    let upstream = Upstream::http(|_| ok("sunny")).await;
    house.lead("93.184.0.1:80", upstream.address);
    let mut slow = Vec::new();
    for index in 0..200 {
        let mut client = house.client().await;
        client.write_all(&GET.as_bytes()[..1 + index % 40]).await.unwrap();
        slow.push(client);
    }
    let mut quick = house.client().await;
    for _ in 0..20 {
        let began = Instant::now();
        quick.write_all(format!("{GET}{}\r\n", house.credential()).as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut quick).await.1, "sunny");
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn stopping_lets_a_request_finish_and_closes_what_is_idle() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let upstream = Upstream::start(move |mut stream, _| {
        let mut wait = wait.clone();
        async move {
            crate::house::read_head(&mut stream).await;
            wait.wait_for(|go| *go).await.unwrap();
            stream.write_all(ok("late").as_bytes()).await.unwrap();
        }
    })
    .await;
    let mut house = House::open().await;
    house.lead("93.184.0.1:80", upstream.address);
    let mut idle = house.client().await;
    let mut busy = house.client().await;
    busy.write_all(format!("{GET}{}\r\n", house.credential()).as_bytes()).await.unwrap();
    soon(async {
        while upstream.count() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    house.stop.send(true).unwrap();
    assert_eq!(read_to_end(&mut idle).await, "");
    go.send(true).unwrap();
    let (head, body) = read_answer(&mut busy).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "late");
    soon(house.served.join_next()).await.unwrap().unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(house.address).await.is_err());
}

#[tokio::test]
async fn stopping_cuts_what_does_not_end_in_time() {
    let upstream = Upstream::start(|stream, _| async move {
        let _kept = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let mut house =
        House::with(Config { drain: Duration::from_millis(100), ..Config::default() }).await;
    house.lead("93.184.0.1:80", upstream.address);
    let mut busy = house.client().await;
    busy.write_all(format!("{GET}{}\r\n", house.credential()).as_bytes()).await.unwrap();
    soon(async {
        while upstream.count() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    house.stop.send(true).unwrap();
    soon(house.served.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(read_to_end(&mut busy).await, "");
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_504_but_a_long_upload_is_not() {
    let idle = Duration::from_millis(200);
    let house = House::with(Config { idle, ..Config::default() }).await;
    let upstream =
        Upstream::http(
            |request| if request.contains("/quick") { ok("sunny") } else { "X".to_owned() },
        )
        .await;
    house.lead("93.184.0.1:80", upstream.address);
    let silent = Upstream::start(|stream, _| async move {
        let _kept = stream;
        std::future::pending::<()>().await;
    })
    .await;
    house.lead("93.184.0.2:80", silent.address);
    let head = "GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n";
    let answer = house.exchange(format!("{head}{}\r\n", house.credential())).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    let mut client = house.client().await;
    let head = "POST http://api.weather.example/quick HTTP/1.1\r\nHost: api.weather.example\r\n";
    let head = format!("{head}{}Content-Length: 8\r\n\r\n", house.credential());
    client.write_all(head.as_bytes()).await.unwrap();
    let mut pace = tokio::time::interval(idle * 3 / 4);
    for _ in 0..8 {
        pace.tick().await;
        client.write_all(b"x").await.unwrap();
    }
    assert_eq!(read_answer(&mut client).await.1, "sunny");
}

#[tokio::test]
async fn many_tunnels_hold_with_little_memory() {
    const TUNNELS: usize = 400;
    let upstream = Upstream::echo().await;
    let house = House::open().await;
    house.lead("93.184.0.1:443", upstream.address);
    let hello =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/src/hello/captured/curl.bin")).unwrap();
    let mut tunnels = Vec::new();
    let before = resident();
    for _ in 0..TUNNELS {
        let mut tunnel = house.tunnel("api.weather.example:443").await;
        tunnel.write_all(&hello).await.unwrap();
        let mut back = vec![0; hello.len()];
        soon(tunnel.read_exact(&mut back)).await.unwrap();
        assert_eq!(back, hello);
        tunnels.push(tunnel);
    }
    // Gateway, clients, upstream and other tests share this process: alone it is under 20 KiB.
    let each = resident().saturating_sub(before) / TUNNELS;
    assert!(each < 128 * 1024, "{each} bytes a tunnel");
    for tunnel in &mut tunnels {
        tunnel.write_all(b"still").await.unwrap();
        let mut back = [0; 5];
        soon(tunnel.read_exact(&mut back)).await.unwrap();
        assert_eq!(&back, b"still");
    }
}

/// Resident memory of this process (proc(5), `statm`), in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}
