//! Many bodies in windows at once, in a budget that has no room for all of them.

use crate::house::{House, credential, open_session};
use backstop_gate::{Config as GateConfig, InspectConfig};
use backstop_model::id::ByteCount;
use backstop_proxy::Config;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What each body has: several windows.
const BODY: usize = 9 << 17;
const SECRET: &[u8] = b" SSN 536-90-4399 ";

/// What one connection brought.
#[derive(Default, Clone)]
struct Brought {
    name: String,
    bytes: usize,
    whole: bool,
    leaked: bool,
}

/// A server that reads chunked bodies to their end.
async fn server() -> (SocketAddr, Arc<Mutex<Vec<Brought>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log: Arc<Mutex<Vec<Brought>>> = Arc::default();
    let kept = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(&kept);
            tokio::spawn(async move {
                let brought = read(stream).await;
                log.lock().unwrap().push(brought);
            });
        }
    });
    (address, log)
}

async fn read(mut stream: TcpStream) -> Brought {
    let (mut all, mut part) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        all.extend_from_slice(&part[..count]);
        if all.ends_with(b"\r\n0\r\n\r\n") {
            break;
        }
    }
    let text = String::from_utf8_lossy(&all);
    let name = text.lines().next().unwrap_or_default().to_owned();
    let whole = text.ends_with("\r\n0\r\n\r\n");
    let leaked = text.contains("536-90");
    if whole {
        let ok = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(ok).await.unwrap();
    }
    Brought { name, bytes: all.iter().filter(|byte| **byte == b'w').count(), whole, leaked }
}

/// Sends a body; the answer's first line and what follows.
async fn send(proxy: SocketAddr, credential: &str, name: &str, body: &[u8]) -> String {
    let mut client = TcpStream::connect(proxy).await.unwrap();
    let head = format!(
        "POST http://wide.example/{name} HTTP/1.1\r\nHost: wide.example\r\n{credential}\
         Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = client.into_split();
    let body = [body, b"\r\n0\r\n\r\n"].concat();
    let sent = tokio::spawn(async move {
        let _refused_meanwhile = writes.write_all(&body).await;
        writes
    });
    let mut out = Vec::new();
    let answer = tokio::time::timeout(Duration::from_secs(60), reads.read_to_end(&mut out)).await;
    let _reset_is_an_end = answer.expect("no upload waits for ever");
    sent.abort();
    String::from_utf8_lossy(&out).into_owned()
}

fn clean() -> Vec<u8> {
    b"wind from the west, some rain. ".iter().copied().cycle().take(BODY).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_in_windows_share_the_budget_and_give_it_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Room for three windows, or for one that grows and one more; of one session for two.
    let inspect = InspectConfig {
        cap: ByteCount(64 << 10),
        budget: ByteCount(7 << 18),
        share: ByteCount(5 << 18),
        ..InspectConfig::default()
    };
    let gate = GateConfig { inspect, ..GateConfig::default() };
    let house = House::behind(gate, listener, |_| Config::default()).await;
    let (address, brought) = server().await;
    house.lead("93.184.0.4:80", address);
    let other = open_session(&house.gate, &house.operator).await;
    let mut uploads = JoinSet::new();
    for number in 0..4 {
        let session = if number % 2 == 0 { &house.session } else { &other };
        let (credential, proxy) = (credential(session), house.address);
        let mut body = clean();
        let bad = number == 1;
        if bad {
            // In the second window.
            let at = BODY / 2;
            body[at..at + SECRET.len()].copy_from_slice(SECRET);
        }
        uploads.spawn(async move {
            let name = format!("{}{number}", if bad { "bad" } else { "good" });
            let answer = send(proxy, &credential, &name, &body).await;
            (name, answer)
        });
    }
    let answers = uploads.join_all().await;
    let good = |name: &str| name.contains("good");
    let mut passed = 0;
    for (name, answer) in &answers {
        let status = answer.get(9..12).unwrap_or_default();
        match status {
            "200" => {
                assert!(good(name), "{name}: {answer}");
                passed += 1;
            }
            // No room in time, or cut off.
            "503" => assert!(answer.contains("\"control\":\"limit\""), "{name}: {answer}"),
            _ => assert!(!good(name) && status != "200", "{name}: {answer}"),
        }
    }
    assert!(passed > 0, "some of them find room");
    let expected = clean().iter().filter(|byte| **byte == b'w').count();
    let seen = brought.lock().unwrap().clone();
    for one in &seen {
        assert!(!one.leaked, "{}", one.name);
        assert!(!one.whole || good(&one.name) && one.bytes >= expected, "{}", one.name);
    }
    assert_eq!(
        seen.iter().filter(|one| one.whole).count(),
        passed,
        "an answer for each whole body"
    );
    // What was held came back, of those that passed and of those that were refused.
    for session in [&house.session, &other] {
        let answer = send(house.address, &credential(session), "good-after", &clean()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
