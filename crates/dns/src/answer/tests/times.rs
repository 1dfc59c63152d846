//! How long answers hold: floors, stale answers, refreshing before the time, flipping names.

use super::{Stage, ask, key, told};
use crate::answer::Limits;
use crate::answer::Way;
use crate::cache;
use crate::forward::{Asker, Failure, Reach};
use crate::resolve::{PinConfig, Resolver};
use backstop_gate::Resolve as _;
use backstop_model::host::HostName;
use backstop_model::id::{SessionId, TenantName};
use backstop_model::name::QueryType;
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::{Asked, address};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const A: QueryType = QueryType::A;

fn quick() -> cache::Config {
    cache::Config {
        ttl_floor: Duration::from_millis(100),
        failure: Duration::from_millis(50),
        ..cache::Config::default()
    }
}

fn subject(session: Option<SessionId>) -> Subject {
    let tenant = TenantName::parse("team").unwrap();
    Subject { session, tenant, role: None, skill: None, ceiling: None }
}

/// Good the first time, private after that: DNS rebinding with a TTL of 0.
fn flipping(asked: &Asked) -> Vec<Vec<u8>> {
    let ip = match (asked.qtype, asked.before) {
        (1, 0) => "93.184.0.7",
        (1, _) => "169.254.169.254",
        _ => return told(asked, &[]),
    };
    told(asked, &[address(&asked.name, 0, ip)])
}

#[tokio::test]
async fn a_ttl_of_0_is_kept_for_the_floor() {
    let server = NameServer::start(flipping);
    let answers = Stage::new(&[&server]).answers();
    for _ in 0..100 {
        assert!(ask(&answers, "name.example", A).await.unwrap().ends_with("93.184.0.7"));
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_name_that_flips_flips_for_nobody_who_was_told() {
    let server = NameServer::start(flipping);
    let mut stage = Stage::new(&[&server]);
    stage.times = quick();
    stage.times.ttl_floor = Duration::ZERO;
    let resolver = Resolver::new(stage.answers(), PinConfig::default());
    let session = |n: u8| subject(Some(SessionId::draw(Timestamp::from_unix_micros(1), [n; 10])));
    let name = HostName::parse("name.example").unwrap();
    let (told, other) = (session(1), session(2));
    let good: IpAddr = "93.184.0.7".parse().unwrap();
    for _ in 0..20 {
        assert_eq!(resolver.resolve(&name, &told).await.unwrap(), [good]);
    }
    // Who asks for the first time is told what holds now; the dialer judges it.
    let flipped: IpAddr = "169.254.169.254".parse().unwrap();
    assert_eq!(resolver.resolve(&name, &other).await.unwrap(), [flipped]);
    assert_eq!(resolver.resolve(&name, &told).await.unwrap(), [good]);
}

#[tokio::test]
async fn an_old_answer_is_told_while_no_upstream_answers() {
    let server = NameServer::start(|asked| match asked.before {
        0 => told(asked, &[address(&asked.name, 0, "93.184.0.7")]),
        _ => vec![asked.reply().code(2).wire()],
    });
    let mut stage = Stage::new(&[&server]);
    stage.times = quick();
    let answers = stage.answers();
    let look = || answers.look_up(key("name.example", A), Reach::Any, Asker::Own, Way::FREE);
    let (first, _) = look().await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    let (second, age) = look().await.unwrap();
    assert_eq!((first.content(), age), (second.content(), cache::Age::Stale));
    let asked = server.asked().len();
    for _ in 0..20 {
        assert_eq!(look().await.unwrap().1, cache::Age::Stale);
    }
    assert_eq!(server.asked().len(), asked, "the next try is put off");
    let body =
        crate::answer::Body::new(std::borrow::Cow::Owned(second), crate::answer::Ech::Strip, age);
    assert_eq!((body.is_stale(), body.ttl()), (true, Duration::from_secs(30)));
}

#[tokio::test]
async fn an_old_answer_is_told_soon_where_the_upstream_is_slow() {
    let server = NameServer::start(|asked| match asked.before {
        0 => told(asked, &[address(&asked.name, 0, "93.184.0.7")]),
        _ => Vec::new(),
    });
    let mut stage = Stage::new(&[&server]);
    stage.times = quick();
    stage.limits = Limits { patience: Duration::from_millis(100), ..Limits::default() };
    let answers = stage.answers();
    ask(&answers, "name.example", A).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    let start = std::time::Instant::now();
    let found = answers.look_up(key("name.example", A), Reach::Any, Asker::Own, Way::FREE).await;
    assert_eq!(found.unwrap().1, cache::Age::Stale);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_answer_too_old_is_not_told() {
    let server = NameServer::start(|asked| match asked.before {
        0 => told(asked, &[address(&asked.name, 0, "93.184.0.7")]),
        _ => vec![asked.reply().code(2).wire()],
    });
    let mut stage = Stage::new(&[&server]);
    stage.times = cache::Config { stale: Duration::from_millis(10), ..quick() };
    let answers = stage.answers();
    ask(&answers, "name.example", A).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(ask(&answers, "name.example", A).await, Err(Failure::Rcode(2)));
}

#[tokio::test]
async fn an_answer_that_is_asked_for_is_refreshed_before_its_time() {
    let server = NameServer::start(|asked| {
        told(asked, &[address(&asked.name, 1, &format!("93.184.0.{}", asked.before))])
    });
    let mut stage = Stage::new(&[&server]);
    stage.times = quick();
    let answers = stage.answers();
    let start = std::time::Instant::now();
    let mut newest = String::new();
    while start.elapsed() < Duration::from_millis(1_500) {
        newest = ask(&answers, "name.example", A).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(newest.ends_with("93.184.0.1"), "{newest}");
    assert_eq!(server.asked().len(), 2, "once, by one asker");
}

#[tokio::test]
async fn rotating_addresses_are_pinned_together() {
    let server = NameServer::start(|asked| {
        let rotating = |n| address(&asked.name, 5, &format!("93.184.{}.{n}", asked.before));
        let six = |n| address(&asked.name, 5, &format!("2606:2800::{n:x}"));
        match (asked.qtype, asked.name.as_str()) {
            (1, _) => told(asked, &(0..60).map(rotating).collect::<Vec<_>>()),
            (28, "both.example") => told(asked, &(0..60).map(six).collect::<Vec<_>>()),
            _ => told(asked, &[]),
        }
    });
    let resolver = Resolver::new(Stage::new(&[&server]).answers(), PinConfig::default());
    let name = HostName::parse("name.example").unwrap();
    let who = subject(None);
    let first = resolver.resolve(&name, &who).await.unwrap();
    assert_eq!(first.len(), 60);
    assert_eq!(resolver.resolve(&name, &who).await.unwrap(), first);
    // The dialer takes 64 at most: half of each family.
    let both = HostName::parse("both.example").unwrap();
    let both = resolver.resolve(&both, &who).await.unwrap();
    assert_eq!(both.iter().filter(|address| address.is_ipv6()).count(), 32);
    assert_eq!(both.len(), 64);
}

#[tokio::test]
async fn the_cache_stays_within_its_bytes_and_keeps_what_is_asked_for() {
    let server = NameServer::start(|asked| told(asked, &[address(&asked.name, 300, "93.184.0.7")]));
    let mut stage = Stage::new(&[&server]);
    stage.times.bytes = 256 << 10;
    let answers = stage.answers();
    ask(&answers, "asked-for.example", A).await.unwrap();
    let mut names = tokio::task::JoinSet::new();
    for n in 0..4 {
        let answers = Arc::clone(&answers);
        names.spawn(async move {
            for m in 0..250 {
                ask(&answers, &format!("n{n}-{m}.example"), A).await.unwrap();
                ask(&answers, "asked-for.example", A).await.unwrap();
            }
        });
    }
    names.join_all().await;
    let (count, bytes) = answers.cache().fill();
    assert!(bytes <= 256 << 10 && count < 1_000, "{count} answers, {bytes} bytes");
    let asked = server.asked();
    let again = asked.iter().filter(|asked| asked.name == "asked-for.example").count();
    assert_eq!(again, 1, "what is asked for stays");
}
