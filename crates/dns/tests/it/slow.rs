//! Tunnels that take their time, as clients that talk to the real UDP listener, with a clock that is
//! moved: what their names carried is counted at the name server, past gate, cache and forwarder.

use crate::house::{House, Plan};
use backstop_gate::names::NameSkill;
use backstop_gate::{Clock, SystemClock};
use backstop_model::control::Control;
use backstop_model::time::Timestamp;
use backstop_testkit::nameserver::{NameServer, address};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
}

const POLICY: &str = "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: { name: research }\nspec:\n  egress:\n  \
    - { host: \"*.t.example\", owner: o, reason: r, reviewBy: \"2030-01-01\" }\n";

async fn opened(upstream: &NameServer) -> (House, Arc<Hand>) {
    // An hour past midnight (UTC), so that the day does not end meanwhile.
    let begin = SystemClock.now().unix_seconds() / 86_400 * 86_400 + 3_600;
    let clock = Arc::new(Hand(AtomicI64::new(begin * 1_000_000)));
    let plan = Plan::new(POLICY.to_owned(), NameSkill::Any);
    let plan = Plan { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..plan };
    (House::open(plan, upstream.place()).await, clock)
}

fn is_flagged(house: &House) -> bool {
    house.ledger.views().alerts().iter().any(|alert| alert.control == Control::DnsPayload)
}

fn query(id: u16, name: &str) -> Vec<u8> {
    let mut message = [id.to_be_bytes(), [1, 0], [0, 1], [0; 2], [0; 2], [0; 2]].concat();
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// Numbers that are the same at every run.
fn draw(at: u64) -> usize {
    let state = (at ^ (at >> 30)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from(state >> 33).unwrap()
}

fn text(seed: u64, length: u64, symbols: &[u8]) -> String {
    let one = |at| char::from(symbols[draw(seed * 1_000 + at) % symbols.len()]);
    (0..length).map(one).collect()
}

const WORDS: [&str; 16] = [
    "apple", "bridge", "candle", "desert", "engine", "forest", "garden", "hammer", "island",
    "jacket", "kettle", "lantern", "market", "needle", "orange", "pencil",
];

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_of_the_real_listener_are_flagged_within_40_names_and_cut_at_the_budget() {
    type Talker = fn(u64) -> String;
    let tunnels: [(&str, u64, Talker); 5] = [
        ("dnscat2's hexadecimal, 2 labels of 60", 1_000, |n| {
            let half = |part| text(n * 2 + part, 60, b"0123456789abcdef");
            format!("{}.{}", half(0), half(1))
        }),
        ("base32 in 14 short labels, 98 a minute", 612, |n| {
            let label = |part| text(n * 14 + part, 16, b"abcdefghijklmnopqrstuvwxyz234567");
            (0..14).map(label).collect::<Vec<_>>().join(".")
        }),
        ("16 hexadecimal digits, one in 4 minutes", 240_000, |n| text(n, 16, b"0123456789abcdef")),
        ("four words of a list, one in 5 minutes", 300_000, |n| {
            (0..4).map(|at| WORDS[draw(n * 4 + at) % 16]).collect::<Vec<_>>().join("-")
        }),
        ("8 symbols of base36, one in 2 minutes", 120_000, |n| {
            text(n, 8, b"abcdefghijklmnopqrstuvwxyz0123456789")
        }),
    ];
    for (what, pause, talk) in tunnels {
        let upstream = NameServer::start(|asked| {
            vec![asked.reply().answer(address(&asked.name, 60, "93.184.215.14")).wire()]
        });
        let (house, clock) = opened(&upstream).await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(house.address).await.unwrap();
        let (mut asked, mut flagged, mut refused) = (0_u64, None, 0);
        let mut answer = vec![0; 2_048];
        // It stops when it is refused ten times in a row, or the day is nearly over.
        while refused < 10 && (asked * pause) < 80_000_000 {
            clock.0.fetch_add(i64::try_from(pause * 1_000).unwrap(), Ordering::SeqCst);
            let name = format!("{}.t.example", talk(asked));
            let id = u16::try_from(asked % 60_000).unwrap();
            socket.send(&query(id, &name)).await.unwrap();
            let wait = timeout(Duration::from_secs(10), socket.recv(&mut answer));
            let length = wait.await.expect("an answer").unwrap();
            assert!(length > 12 && answer[..2] == id.to_be_bytes());
            asked += 1;
            refused = if answer[3] & 15 == 3 { refused + 1 } else { 0 };
            if flagged.is_none() && is_flagged(&house) {
                flagged = Some(asked);
            }
        }
        let arrived: BTreeSet<String> =
            upstream.asked().into_iter().map(|asked| asked.name).collect();
        let zone = ".t.example".len();
        let octets: usize = arrived.iter().map(|name| name.len() - zone + 1).sum();
        println!(
            "{what}: flagged after {flagged:?} questions; {} names of {octets} octets arrived",
            arrived.len()
        );
        assert!(flagged.is_some_and(|questions| questions <= 40), "{what}: {flagged:?}");
        assert!((1..4_096).contains(&octets), "{what}: {octets}");
        assert!(refused == 10 || octets > 3_000, "{what}: it was not the pause that kept it small");
    }
}
