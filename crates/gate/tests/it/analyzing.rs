//! An external analyzer: asked besides, and nothing that it does or leaves undone lets more through.

use crate::house::*;
use crate::inspecting::seen;
use backstop_gate::analyzer::{AnalyzerConfig, AnalyzerPlace};
use backstop_gate::{Answer, Config, Content, InspectConfig, Inspected, Session};
use backstop_model::control::Control;
use backstop_model::finding::Evidence;
use backstop_model::refusal::Refusal;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const URL: &str = "https://api.weather.example/";
const PLAIN: &str = "http://127.0.0.1:5002";

/// What the analyzer does with a question.
pub(crate) enum Does {
    Answers(Value),
    /// These bytes, and the end.
    Says(Vec<u8>),
    /// A status and a head besides.
    Status(&'static str),
    Hangs,
    Breaks,
}

pub(crate) struct Fake {
    pub(crate) at: SocketAddr,
    asked: Arc<Mutex<Vec<Value>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    async fn that(does: impl Fn(&Value) -> Does + Send + Sync + 'static) -> Self {
        Self::listening(None, does).await
    }
    /// Over TLS, where there is an acceptor.
    pub(crate) async fn listening(
        tls: Option<TlsAcceptor>,
        does: impl Fn(&Value) -> Does + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (asked, connections) =
            (Arc::<Mutex<Vec<Value>>>::default(), Arc::<AtomicUsize>::default());
        let (does, log, count) = (Arc::new(does), Arc::clone(&asked), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (tls, does, log) = (tls.clone(), Arc::clone(&does), Arc::clone(&log));
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => serve(tls.accept(stream).await?, does, log).await,
                        None => serve(stream, does, log).await,
                    }
                });
            }
        });
        Self { at, asked, connections }
    }
    pub(crate) fn texts(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|asked| asked["text"].as_str().unwrap().to_owned()).collect()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    does: Arc<impl Fn(&Value) -> Does>,
    log: Arc<Mutex<Vec<Value>>>,
) -> std::io::Result<()> {
    let mut got = Vec::new();
    loop {
        let question = loop {
            if let Some(head) = got.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&got[..head]).to_lowercase();
                assert!(text.starts_with("post /analyze http/1.1\r\n"), "{text}");
                let length: usize = text
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .and_then(|length| length.parse().ok())
                    .unwrap();
                if got.len() >= head + 4 + length {
                    let rest = got.split_off(head + 4 + length);
                    let whole = std::mem::replace(&mut got, rest);
                    break serde_json::from_slice::<Value>(&whole[head + 4..]).unwrap();
                }
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                read => got.extend_from_slice(&buffer[..read]),
            }
        };
        let done = does(&question);
        log.lock().unwrap().push(question);
        match done {
            Does::Answers(answer) => {
                let body = answer.to_string();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await?;
            }
            Does::Says(bytes) => {
                let _gone = stream.write_all(&bytes).await;
                return Ok(());
            }
            Does::Status(status) => {
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n[]");
                stream.write_all(head.as_bytes()).await?;
            }
            Does::Hangs => std::future::pending().await,
            Does::Breaks => return Ok(()),
        }
    }
}

pub(crate) fn config(url: &str, deadline: Duration) -> Config {
    Config {
        inspect: InspectConfig {
            analyzer: Some(AnalyzerConfig {
                place: AnalyzerPlace::parse(url).unwrap(),
                deadline,
                languages: vec!["en".to_owned()],
                threshold: 0.5,
            }),
            ..InspectConfig::default()
        },
        ..Config::default()
    }
}

async fn house(fake: &Fake) -> House {
    House::with_server(config(PLAIN, Duration::from_secs(20)), fake.at).await
}

pub(crate) fn body(text: impl Into<String>) -> Content {
    Content {
        body: text.into().into_bytes().into(),
        content_type: Some("application/json".to_owned()),
        ..Content::default()
    }
}

pub(crate) async fn looked(
    house: &House,
    who: &Session,
    content: Content,
) -> Result<Inspected, Refusal> {
    house.gate.inspect(who, &seen(URL), content).await
}

pub(crate) fn kinds(evidence: &Evidence) -> Vec<String> {
    let all = evidence.findings.iter().map(|finding| &finding.record);
    all.map(|record| format!("{}{} {}", record.field, record.chain, record.kind)).collect()
}

/// Finds `gloxinia`, wherever it stands.
pub(crate) fn flower(question: &Value) -> Does {
    let text = question["text"].as_str().unwrap();
    let found = text.find("gloxinia").map(|at| {
        let start = text[..at].chars().count();
        json!({ "entity_type": "FLOWER", "start": start, "end": start + 8, "score": 0.9 })
    });
    Does::Answers(found.into_iter().collect())
}

fn clean(_: &Value) -> Does {
    Does::Answers(json!([]))
}

#[tokio::test]
async fn what_the_analyzer_alone_finds_refuses() {
    let fake = Fake::that(flower).await;
    let house = house(&fake).await;
    let who = house.session().await;
    let text = r#"{"note":"größe 😀 gloxinia","sum":"all is well","gloxinia":"a name of mine"}"#;
    let found = looked(&house, &who, body(text)).await.unwrap();
    assert_eq!(kinds(found.evidence()), ["/note FLOWER", "/… FLOWER"]);
    let record = &found.evidence().findings[0].record;
    assert_eq!((record.control, record.length, record.score.get()), (Control::DlpPii, 8, 900));
    let Answer::Refusal(refusal) = house.gate.ask_with(&who, seen(URL), &found).await else {
        panic!("it is refused")
    };
    is_refused_by(&refusal, Control::DlpPii);
    assert!(!refusal.reason.contains("gloxinia"));
    // What an encoding hides is asked about as it reads.
    let hidden = r#"{"data":"dGhpcyBpcyBhIGdsb3hpbmlhLCBhcyBhbnlib2R5IGNhbiBzZWUgaGVyZQ=="}"#;
    let found = looked(&house, &who, body(hidden)).await.unwrap();
    assert!(kinds(found.evidence()).iter().any(|kind| kind.ends_with("base64 FLOWER")));
    // The same for the query; the head is not asked about.
    let content = Content {
        query: Some("q=a+gloxinia".to_owned()),
        fields: vec![("authorization".to_owned(), "Basic gloxinia-token".to_owned())],
        ..Content::default()
    };
    let found = looked(&house, &who, content).await.unwrap();
    assert!(kinds(found.evidence()).contains(&"/q FLOWER".to_owned()), "{:?}", found.evidence());
    assert!(!fake.texts().iter().any(|text| text.contains("token")));
    let first = fake.asked.lock().unwrap()[0].clone();
    assert_eq!((&first["language"], &first["score_threshold"]), (&json!("en"), &json!(0.5)));
    house.stop().await;
}

#[tokio::test]
async fn an_entity_that_is_noted_here_is_noted_there() {
    let fake = Fake::that(|_| {
        Does::Answers(json!([{ "entity_type": "LOCATION", "start": 0, "end": 5, "score": 0.85 }]))
    })
    .await;
    let house = house(&fake).await;
    let who = house.session().await;
    let found = looked(&house, &who, body(r#"["Paris is sunny"]"#)).await.unwrap();
    assert!(kinds(found.evidence()).contains(&"/0 LOCATION".to_owned()));
    let answer = house.gate.ask_with(&who, seen(URL), &found).await;
    assert!(matches!(answer, Answer::Permit(_)), "{answer:?}");
    drop(answer);
    house.stop().await;
}

#[tokio::test]
async fn a_text_is_asked_about_once_and_a_connection_is_used_again() {
    let fake = Fake::that(flower).await;
    let house = house(&fake).await;
    let who = house.session().await;
    for turn in 1..10 {
        let talk: Vec<String> = (0..turn).map(|n| format!("turn number {n} of the talk")).collect();
        looked(&house, &who, body(json!(talk).to_string())).await.unwrap();
        assert_eq!(fake.texts().len(), turn);
    }
    assert_eq!(fake.connections.load(Ordering::SeqCst), 1);
    // What was found is found again, without asking.
    for _ in 0..2 {
        let found = looked(&house, &who, body(r#"["a gloxinia"]"#)).await.unwrap();
        assert_eq!(kinds(found.evidence()), ["/0 FLOWER"]);
    }
    assert_eq!(fake.texts().len(), 10);
    house.stop().await;
}

#[tokio::test]
async fn a_connection_that_was_closed_after_its_answer_is_no_fault() {
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]";
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
    for answer in [&answer[..], &short[..]] {
        let fake = Fake::that(move |_| Does::Says(answer.to_vec())).await;
        let house = house(&fake).await;
        let who = house.session().await;
        for text in [r#"["it will rain"]"#, r#"["it will snow"]"#, r#"["it will hail"]"#] {
            looked(&house, &who, body(text)).await.unwrap();
        }
        assert_eq!(fake.connections.load(Ordering::SeqCst), 3);
        house.stop().await;
    }
}

#[tokio::test]
async fn an_analyzer_that_lies_or_fails_refuses_even_while_a_tenant_observes() {
    let mut huge = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n".to_vec();
    huge.resize(3 << 20, b' ');
    let raw = |text: &str| Does::Says(text.as_bytes().to_vec());
    let cases: Vec<Box<dyn Fn() -> Does + Send + Sync>> = vec![
        Box::new(|| Does::Status("500 Internal Server Error")),
        Box::new(|| Does::Status("204 No Content")),
        Box::new(|| Does::Status("302 Found\r\nLocation: http://127.0.0.1:5002/analyze")),
        Box::new(|| Does::Breaks),
        Box::new(move || raw("SSH-2.0-OpenSSH_9.6\r\n")),
        Box::new(move || raw("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[]")),
        Box::new(move || Does::Says(huge.clone())),
        Box::new(|| Does::Answers(json!({ "error": "no" }))),
        Box::new(|| {
            Does::Answers(json!([{ "entity_type": "A", "start": 0, "end": 999, "score": 1 }]))
        }),
        Box::new(|| {
            let leak = "it will rain on sunday";
            Does::Answers(json!([{ "entity_type": leak, "start": 0, "end": 2, "score": 1 }]))
        }),
        Box::new(|| {
            let one = json!({ "entity_type": "A", "start": 0, "end": 2, "score": 1 });
            Does::Answers(Value::Array(vec![one; 2_000]))
        }),
    ];
    for (number, case) in cases.into_iter().enumerate() {
        let fake = Fake::that(move |_| case()).await;
        let house = house(&fake).await;
        let rollout =
            "spec:\n  rollout: { mode: observe, until: \"2026-12-15\" }\n  skills:\n  - {";
        house.put_policy(&POLICY.replacen("spec:\n  skills:\n  - {", rollout, 1));
        let who = house.session().await;
        let refusal = looked(&house, &who, body(r#"["it will rain on sunday"]"#)).await;
        let refusal = refusal.map(|_| number).expect_err("it is refused");
        is_refused_by(&refusal, Control::Fault);
        assert!(refusal.reason.contains("external analyzer"), "{number}: {}", refusal.reason);
        assert!(!refusal.reason.contains("rain"), "{number}: {}", refusal.reason);
        house.stop().await;
    }
}

#[tokio::test]
async fn without_an_analyzer_at_its_place_nothing_passes() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let house = House::with_server(config(PLAIN, Duration::from_secs(20)), gone).await;
    let who = house.session().await;
    let refusal = looked(&house, &who, body(r#"["it will rain"]"#)).await.unwrap_err();
    is_refused_by(&refusal, Control::Fault);
    // Nothing to ask about: nothing to refuse.
    looked(&house, &who, Content::default()).await.unwrap();
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyzer_that_hangs_holds_up_nobody_who_does_not_wait_for_it() {
    let fake = Fake::that(|question| match question["text"].as_str() {
        Some(text) if text.contains("slow") => Does::Hangs,
        _ => Does::Answers(json!([])),
    })
    .await;
    let house = House::with_server(config(PLAIN, Duration::from_secs(3)), fake.at).await;
    let (slow, other) = (house.session().await, house.session().await);
    let began = Instant::now();
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (gate, who) = (house.gate.clone(), slow.clone());
        // Large, so that it is looked at by the pool.
        let text = json!([format!("slow {number}"), "rain ".repeat(2_000)]).to_string();
        flood.spawn(async move { gate.inspect(&who, &seen(URL), body(text)).await });
    }
    // Somebody else's turn comes at once: no session has more than half of the places.
    while fake.texts().iter().filter(|text| text.contains("slow")).count() < 2 {
        tokio::task::yield_now().await;
    }
    let text = json!(["quick", "snow ".repeat(2_000)]).to_string();
    looked(&house, &other, body(text)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    for refused in flood.join_all().await {
        is_refused_by(&refused.unwrap_err(), Control::Fault);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // The places are free again.
    looked(&house, &slow, body(r#"["quick again"]"#)).await.unwrap();
    house.stop().await;
}

#[tokio::test]
async fn more_than_it_is_asked_at_once_is_refused_and_images_are_no_text() {
    let fake = Fake::that(clean).await;
    let house = house(&fake).await;
    let who = house.session().await;
    let long = "rain falls ".repeat(13_000);
    let refusal = looked(&house, &who, body(json!([long]).to_string())).await.unwrap_err();
    is_refused_by(&refusal, Control::Limit);
    let many: Vec<String> = (0..1_200).map(|n| format!("rain {n} mm")).collect();
    let refusal = looked(&house, &who, body(json!(many).to_string())).await.unwrap_err();
    is_refused_by(&refusal, Control::Limit);
    assert!(fake.texts().is_empty());
    let image = format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(20_000));
    looked(&house, &who, body(json!({ "url": image }).to_string())).await.unwrap();
    assert!(fake.texts().iter().all(|text| text.len() < 100), "{:?}", fake.texts().len());
    house.stop().await;
}

#[test]
fn its_place_stands_in_the_configuration_and_plain_http_stays_here() {
    for good in [
        "http://127.0.0.1:5002",
        "http://localhost:5002/analyze",
        "http://[::1]:5002/",
        "https://analyzer.corp.example",
        "https://10.1.2.3:8443/pii/analyze",
    ] {
        assert!(AnalyzerPlace::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "127.0.0.1:5002",
        "ftp://127.0.0.1:5002",
        "http://10.1.2.3:5002",
        "http://analyzer.corp.example",
        "http://localhost.evil.example:5002",
        "https://user:word@analyzer.corp.example",
        "https://analyzer.corp.example/?a=b",
        "https://analyzer.corp.example/a b",
        "https://analyzer.corp.example:0",
        "https:///analyze",
    ] {
        assert!(AnalyzerPlace::parse(bad).is_err(), "{bad}");
    }
}
