//! What a receiving thread has at hand answers as gate and cache would: policy is asked each time, an
//! answer ends with its time, and no question gets another one's.

use crate::house::{House, Plan, asks};
use crate::whole::plain;
use backstop_dns::cache;
use backstop_gate::{Clock as _, SystemClock};
use backstop_policy::{Library, LoadContext, Source};
use backstop_testkit::nameserver::{NameServer, address};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

fn policy(hosts: &[String]) -> String {
    let row = |host: &String| {
        format!("  - {{ host: {host}, owner: o, reason: r, reviewBy: \"2099-01-01\" }}\n")
    };
    let need = |host: &String| format!("  - {host}\n");
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: research }}\nspec:\n  skills:\n  \
         - {{ name: asks, version: 1.0.0 }}\n  egress:\n{}---\n\
         apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: asks-1.0.0 }}\nspec:\n  name: asks\n  \
         version: 1.0.0\n  egressRequirements:\n{}",
        hosts.iter().map(row).collect::<String>(),
        hosts.iter().map(need).collect::<String>()
    )
}

struct Asker(UdpSocket);

impl Asker {
    async fn of(house: &House) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(house.address).await.unwrap();
        Self(socket)
    }
    /// The response code and the one address.
    async fn ask(&self, name: &str) -> (u8, [u8; 4]) {
        self.0.send(&plain(name)).await.unwrap();
        let mut answer = vec![0; 2_048];
        let wait = tokio::time::timeout(Duration::from_secs(10), self.0.recv(&mut answer));
        let length = wait.await.expect("an answer").unwrap();
        // Behind the one record stands our OPT.
        let address = answer[length - 15..length - 11].try_into().unwrap();
        (answer[3] & 15, address)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_is_asked_each_time() {
    let upstream = NameServer::start(|asked| {
        vec![asked.reply().answer(address(&asked.name, 60, "93.184.215.14")).wire()]
    });
    let both = ["a.example".to_owned(), "b.example".to_owned()];
    let house = House::open(Plan::new(policy(&both), asks()), upstream.place()).await;
    let asker = Asker::of(&house).await;
    for _ in 0..5 {
        assert_eq!(asker.ask("a.example").await, (0, [93, 184, 215, 14]));
    }
    assert_eq!(upstream.asked().len(), 1);
    let text = policy(&both[1..]);
    let source = Source { name: "policy.yaml".to_owned(), text };
    let context = LoadContext::at(SystemClock.now());
    house.policy.send_replace(Library::default().apply(&[source], &context).policy);
    assert_eq!(asker.ask("a.example").await.0, 3);
    house.policy.send_replace(std::sync::Arc::clone(&house.again));
    assert_eq!(asker.ask("a.example").await, (0, [93, 184, 215, 14]));
    assert_eq!(upstream.asked().len(), 1, "what the cache has is told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_with_its_time() {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let upstream = NameServer::start(|asked| {
        let given = format!("93.184.215.{}", COUNT.fetch_add(1, Ordering::SeqCst));
        vec![asked.reply().answer(address(&asked.name, 0, &given)).wire()]
    });
    let floor = Duration::from_millis(200);
    let times = cache::Config { ttl_floor: floor, stale: Duration::ZERO, ..Default::default() };
    let plan = Plan { times, ..Plan::new(policy(&["a.example".to_owned()]), asks()) };
    let house = House::open(plan, upstream.place()).await;
    let asker = Asker::of(&house).await;
    let (began, mut last, mut since) = (Instant::now(), 0, Instant::now());
    while began.elapsed() < floor * 8 {
        let asked = Instant::now();
        let (rcode, [.., now]) = asker.ask("a.example").await;
        assert_eq!(rcode, 0);
        assert!(now >= last, "an older answer came back: {now} after {last}");
        if now > last {
            (last, since) = (now, Instant::now());
        }
        let told = asked.saturating_duration_since(since);
        assert!(told <= floor * 2, "the same answer is told for {told:?}");
    }
    assert!(last >= 6, "fetched anew {last} times");
}

/// More names than a desk has places for at first: it widens, and those whose places meet give way.
#[tokio::test(flavor = "multi_thread")]
async fn each_of_thousands_of_questions_gets_its_own_answer() {
    fn given(number: u32) -> [u8; 4] {
        let [_, high, middle, low] = number.to_be_bytes();
        [93, 100 + high, middle, low]
    }
    let upstream = NameServer::start(|asked| {
        let number = asked.name.split('.').next().and_then(|first| first.get(1..)?.parse().ok());
        let [a, b, c, d] = given(number.unwrap());
        vec![asked.reply().answer(address(&asked.name, 60, &format!("{a}.{b}.{c}.{d}"))).wire()]
    });
    let hosts: Vec<String> = (0..6_000).map(|number| format!("h{number}.example")).collect();
    let house = House::open(Plan::new(policy(&hosts), asks()), upstream.place()).await;
    let asker = Asker::of(&house).await;
    for _round in 0..3 {
        for (host, number) in hosts.iter().zip(0..) {
            assert_eq!(asker.ask(host).await, (0, given(number)), "{host}");
        }
    }
    assert_eq!(upstream.asked().len(), hosts.len());
}
