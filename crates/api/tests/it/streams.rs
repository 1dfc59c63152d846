//! The event stream: nothing lost, nothing twice, nobody buffered without bound.

use crate::house::{House, soon};
use backstop_api::{ClientFault, Config, Events, StreamEvent};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

fn data(event: &StreamEvent) -> Value {
    serde_json::from_str(&event.data).unwrap()
}

fn row(event: &StreamEvent) -> u64 {
    event.id.as_ref().unwrap().parse().unwrap()
}

async fn next(events: &mut Events) -> StreamEvent {
    soon(events.next()).await.unwrap().expect("the stream ended")
}

/// Commits so many events with so long a text; answers the last row.
async fn flood(house: &House, rows: usize, length: usize) -> u64 {
    let text = "x".repeat(length);
    let mut busy = tokio::task::JoinSet::new();
    let mut last = 0;
    for _ in 0..rows {
        let (ledger, event) = (house.ledger.clone(), crate::house::event(None, &text));
        busy.spawn(async move { ledger.commit(event).await.unwrap().seq });
        if busy.len() >= 500 {
            last = last.max(busy.join_next().await.unwrap().unwrap());
        }
    }
    busy.join_all().await.into_iter().fold(last, u64::max)
}

/// All events until the stream ends.
async fn rest(events: &mut Events) -> Vec<StreamEvent> {
    let mut out = Vec::new();
    while let Some(event) = soon(events.next()).await.unwrap() {
        out.push(event);
    }
    out
}

#[tokio::test]
async fn a_stream_begins_where_it_is_told() {
    let house = House::open().await;
    let client = house.operator();
    for number in 0..5 {
        house.alert(None, &number.to_string()).await;
    }
    let newest = house.ledger.health().last;
    let mut all = client.follow("/v1/events?after=0&follow=false", None).await.unwrap();
    let mut all = rest(&mut all).await;
    let end = all.pop().unwrap();
    assert_eq!((end.name.as_str(), data(&end)["resumeAfter"].as_u64()), ("end", Some(newest)));
    assert_eq!(all.iter().map(row).collect::<Vec<_>>(), (1..=newest).collect::<Vec<_>>());
    assert!(all.iter().all(|e| e.name == "recorded"));

    // `Last-Event-ID` goes before `after`.
    let mut some =
        client.follow("/v1/events?after=0&follow=false", Some(newest - 2)).await.unwrap();
    let some = rest(&mut some).await;
    assert_eq!(some.iter().map(row).collect::<Vec<_>>(), [newest - 1, newest, newest]);

    // Without either only what is new comes.
    let mut live = client.follow("/v1/events", None).await.unwrap();
    let fresh = house.alert(None, "fresh").await;
    assert_eq!(row(&next(&mut live).await), fresh);

    // A row that is yet to come means another ledger.
    match client.follow("/v1/events", Some(fresh + 1_000)).await {
        Err(ClientFault::Refused { status: 409, .. }) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a stream from the future"),
    }
}

#[tokio::test]
async fn filters_pass_what_is_asked_for() {
    let house = House::open().await;
    let (session, _) = house.session("research").await;
    let view = house.ledger.views().session(&session.parse().unwrap()).unwrap();
    house.session("finance").await;
    house.alert(Some(view.subject), "of the session").await;
    house.alert(None, "of the house").await;
    let of = async |query: &str| {
        let path = format!("/v1/events?after=0&follow=false&{query}");
        let mut events = house.operator().follow(&path, None).await.unwrap();
        let mut all = rest(&mut events).await;
        assert_eq!(all.pop().unwrap().name, "end");
        all.iter().map(|e| data(e)["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("type=AlertRaised").await, ["AlertRaised", "AlertRaised"]);
    assert_eq!(of(&format!("session={session}")).await, ["SessionOpened", "AlertRaised"]);
    assert_eq!(of("tenant=finance").await, ["SessionOpened"]);
    assert_eq!(
        of("tenant=research&type=SessionOpened,AlertRaised").await,
        ["SessionOpened", "AlertRaised"]
    );
    assert_eq!(of("tenant=nobody").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_while_events_are_written_and_readers_resume() {
    const EVENTS: usize = 2_000;
    let house = House::open().await;
    let first = house.ledger.health().last;
    let writer = {
        let ledger = house.ledger.clone();
        tokio::spawn(async move {
            let mut busy = tokio::task::JoinSet::new();
            for number in 0..EVENTS {
                let (ledger, event) =
                    (ledger.clone(), crate::house::event(None, &number.to_string()));
                busy.spawn(async move { ledger.commit(event).await.unwrap() });
                if busy.len() >= 32 {
                    busy.join_next().await;
                }
            }
            busy.join_all().await;
        })
    };
    // A reader that goes away after ever more events and comes back behind the last one it had.
    let mut rows: Vec<u64> = Vec::new();
    let mut take = 1;
    while rows.len() < EVENTS {
        let after = rows.last().copied().unwrap_or(first);
        let mut events =
            house.operator().follow("/v1/events?type=AlertRaised", Some(after)).await.unwrap();
        for _ in 0..take {
            if rows.len() == EVENTS {
                break;
            }
            let event = next(&mut events).await;
            if event.name == "cut" {
                break;
            }
            rows.push(row(&event));
        }
        take = (take * 2).min(700);
    }
    soon(writer).await.unwrap();
    let mut stored = house
        .operator()
        .follow("/v1/events?after=0&follow=false&type=AlertRaised", None)
        .await
        .unwrap();
    let mut stored = rest(&mut stored).await;
    stored.pop();
    assert_eq!(rows, stored.iter().map(row).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_falls_behind_is_cut_with_a_last_event_and_can_resume() {
    let house =
        House::with(Config { heartbeat: Duration::from_millis(10), ..Config::default() }).await;
    // A client that asks and then does not read.
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let request = format!(
        "GET /v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        house.address, house.operator
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // Wait for a heartbeat: the stream is then in the live tail.
    let mut got = vec![0; 64 * 1_024];
    let mut text = String::new();
    while !text.contains(": heartbeat") {
        let count = soon(stream.read(&mut got)).await.unwrap();
        text.push_str(&String::from_utf8_lossy(&got[..count]));
    }
    // More than the sockets hold and more rows than the tail holds.
    let written = flood(&house, 8_000, 1_500).await;
    // Now it reads on: what it had coming, then why it ends.
    loop {
        let count = soon(stream.read(&mut got)).await.unwrap();
        text.push_str(&String::from_utf8_lossy(&got[..count]));
        if count == 0 || text.ends_with("\r\n0\r\n\r\n") {
            break;
        }
    }
    let cut = text.split("event: cut\n").nth(1).unwrap_or_else(|| panic!("not cut"));
    let last: Value =
        serde_json::from_str(cut.split("data: ").nth(1).unwrap().split('\n').next().unwrap())
            .unwrap();
    let resume = last["resumeAfter"].as_u64().unwrap();
    assert!(resume < written);
    let mut events = house
        .operator()
        .follow("/v1/events?follow=false&type=AlertRaised", Some(resume))
        .await
        .unwrap();
    let mut rows: Vec<u64> = rest(&mut events).await.iter().map(row).collect();
    rows.pop();
    assert_eq!(rows.first(), Some(&(resume + 1)));
    assert_eq!(rows.last(), Some(&written));
    assert!(rows.windows(2).all(|w| w[1] == w[0] + 1));
}

#[tokio::test]
async fn a_reader_that_stops_reading_loses_its_connection() {
    let house =
        House::with(Config { stall: Duration::from_millis(200), ..Config::default() }).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(house.address).await.unwrap();
    flood(&house, 700, 8_000).await;
    let request = format!(
        "GET /v1/events?after=0 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        house.address, house.operator
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // Reading nothing, until the server gives up: its place among the streams is free then.
    let open = async || {
        let figures = house.operator().text("/metrics").await.unwrap();
        figures.lines().find_map(|l| l.strip_prefix("backstop_api_streams ")).unwrap().to_owned()
    };
    soon(async {
        while open().await != "1" {
            tokio::task::yield_now().await;
        }
        while open().await != "0" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn streams_have_a_limit() {
    let house = House::with(Config { streams: 1, ..Config::default() }).await;
    let first = house.operator().follow("/v1/events", None).await.unwrap();
    let second = house.send("GET /v1/events", Some(&house.operator), None).await;
    assert_eq!((second.status, second.problem().as_str()), (503, "unavailable"));
    assert_eq!(second.header("retry-after"), Some("5"));
    drop(first);
    soon(async {
        while house.operator().follow("/v1/events", None).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_stream_beats_and_a_revoked_token_ends_it() {
    let house =
        House::with(Config { heartbeat: Duration::from_millis(20), ..Config::default() }).await;
    let made = house
        .operator()
        .post("/v1/tokens", &json!({ "kind": "operator", "principal": "bob" }))
        .await
        .unwrap();
    let mut events = house
        .client(made["token"].as_str().unwrap())
        .follow("/v1/events?type=ProcessStopped", None)
        .await
        .unwrap();
    let raw = async {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        let request = format!(
            "GET /v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            house.address, house.operator
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let (mut text, mut got) = (String::new(), [0; 1_024]);
        while !text.contains(": heartbeat") {
            let count = stream.read(&mut got).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&got[..count]));
        }
        assert!(text.contains("content-type: text/event-stream"));
    };
    soon(raw).await;
    house.operator().delete(&format!("/v1/tokens/{}", made["id"].as_str().unwrap())).await.unwrap();
    let end = next(&mut events).await;
    assert_eq!(end.name, "end");
    assert!(end.data.contains("token"), "{}", end.data);
    assert!(soon(events.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_stop_ends_streams_politely_and_the_listener_in_time() {
    let house = House::open().await;
    let mut events = house.operator().follow("/v1/events", None).await.unwrap();
    let row = house.alert(None, "before").await;
    assert_eq!(next(&mut events).await.id, Some(row.to_string()));
    house.stop.send_replace(true);
    let end = next(&mut events).await;
    assert_eq!((end.name.as_str(), data(&end)["resumeAfter"].as_u64()), ("end", Some(row)));
    assert!(soon(events.next()).await.unwrap().is_none());
    soon(house.served).await.unwrap();
    assert!(TcpStream::connect(house.address).await.is_err());
}
