//! What an exact row lets through to whoever runs its name servers: no name says anything there, but
//! when one is asked again does. How much that is, is measured by sending.

use crate::house::{House, Plan, asks};
use crate::whole::query;
use backstop_dns::cache;
use backstop_testkit::nameserver::{NameServer, address};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

const POLICY: &str = "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: { name: research }\nspec:\n  skills:\n  \
    - { name: asks, version: 1.0.0 }\n  egress:\n  \
    - { host: a.example, owner: o, reason: r, reviewBy: \"2099-01-01\" }\n---\n\
    apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: { name: asks-1.0.0 }\nspec:\n  name: asks\n  \
    version: 1.0.0\n  egressRequirements: [a.example]\n";

/// The types that a row allows unless it says otherwise.
const TYPES: [u16; 5] = [1, 28, 5, 64, 65];

/// A client that asks all types without a pause, of a name whose owner answers with a TTL of 0: no
/// type reaches its name server more often than the floor lets it, prefetch included.
#[tokio::test(flavor = "multi_thread")]
async fn an_exact_row_lets_a_question_through_for_each_type_and_floor() {
    let upstream = NameServer::start(|asked| {
        let reply = asked.reply();
        let reply = match asked.qtype {
            1 => reply.answer(address(&asked.name, 0, "93.184.215.14")),
            _ => reply,
        };
        vec![reply.wire()]
    });
    let floor = Duration::from_millis(200);
    let times = cache::Config { ttl_floor: floor, ..cache::Config::default() };
    let plan = Plan { times, ..Plan::new(POLICY.to_owned(), asks()) };
    let house = House::open(plan, upstream.place()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(house.address).await.unwrap();
    let mut answer = vec![0; 2_048];
    let (began, mut asked) = (Instant::now(), 0_u32);
    while began.elapsed() < floor * 20 {
        for qtype in TYPES {
            socket.send(&query("a.example", qtype, 1, 0x0100, false)).await.unwrap();
            let wait = tokio::time::timeout(Duration::from_secs(10), socket.recv(&mut answer));
            wait.await.expect("an answer").unwrap();
            asked += 1;
        }
    }
    let floors = began.elapsed().as_secs_f64() / floor.as_secs_f64();
    let mut reached: BTreeMap<u16, u32> = BTreeMap::new();
    for one in upstream.asked() {
        *reached.entry(one.qtype).or_default() += 1;
    }
    println!("{asked} questions in {floors:.1} floors; they reached the name server: {reached:?}");
    assert_eq!(reached.len(), TYPES.len());
    for (qtype, count) in &reached {
        // An answer is fetched anew in the last tenth of its time.
        assert!(f64::from(*count) <= floors / 0.9 + 1.0, "type {qtype}: {count} in {floors:.1}");
    }
    let all: u32 = reached.values().sum();
    // At the default floor of 5 s: what the same would be in a day.
    let a_day = f64::from(all) / floors * 86_400.0 / 5.0;
    println!("by presence alone, a bit each: {a_day:.0} bits a day and name");
    assert!(a_day <= 86_400.0 / 4.5 * 5.0 + 5_000.0, "{a_day}");
}
