//! The whole resolver: real gate, ledger and forwarder behind the listeners, and a name server that
//! keeps what it was asked.

use crate::house;
use backstop_dns::rpz::Filter;
use backstop_dns::server::Config;
use backstop_model::attempt::Plane;
use backstop_model::event::Fact;
use backstop_testkit::nameserver::{self, NameServer, address, alias};
use domain::base::Message;
use domain::base::iana::Rcode;
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// A house whose upstream has an answer for every name.
pub(crate) struct House {
    house: house::House,
    pub(crate) upstream: NameServer,
}

impl Deref for House {
    type Target = house::House;
    fn deref(&self) -> &house::House {
        &self.house
    }
}

const GOOD: &str = "93.184.215.14";

impl House {
    /// A tenant and a skill that name these hosts; `127.0.0.1` is served, nobody else.
    pub(crate) async fn new(hosts: &[String]) -> Self {
        Self::with(hosts, Config::default()).await
    }

    pub(crate) async fn with(hosts: &[String], listening: Config) -> Self {
        Self::built(hosts, listening, "", None).await
    }

    /// The same behind response policy zones; `spec` is put into the tenant's.
    pub(crate) async fn filtered(
        hosts: &[String],
        spec: &str,
        filter: Option<Arc<Filter>>,
    ) -> Self {
        Self::built(hosts, Config::default(), spec, filter).await
    }

    async fn built(
        hosts: &[String],
        listening: Config,
        spec: &str,
        filter: Option<Arc<Filter>>,
    ) -> Self {
        let upstream = NameServer::start(|asked| {
            let reply = asked.reply();
            let parent = asked.name.split_once('.').map_or("", |(_, parent)| parent);
            let answered = match asked.name.split('.').next() {
                Some("served") => reply
                    .answer(address(&asked.name, 60, GOOD))
                    .authority(nameserver::record(
                        parent,
                        2,
                        60,
                        &nameserver::name("ns.evil.example"),
                    ))
                    .additional(address("ns.evil.example", 60, "203.0.113.53")),
                Some("byaddress") => reply.answer(address(&asked.name, 60, "93.184.100.7")),
                Some("middle") => reply
                    .answer(alias(&asked.name, 60, "last.example"))
                    .answer(address("last.example", 60, "93.184.100.9")),
                Some("last") => reply.answer(address(&asked.name, 60, "93.184.100.9")),
                Some("twice") => reply
                    .answer(alias(&asked.name, 60, "middle.example"))
                    .answer(alias("middle.example", 60, "last.example"))
                    .answer(address("last.example", 60, "93.184.100.9")),
                Some("inside") => reply.answer(address(&asked.name, 60, "10.1.2.3")),
                Some("chained") => reply
                    .answer(alias(&asked.name, 60, "elsewhere.example"))
                    .answer(address("elsewhere.example", 60, GOOD)),
                _ => reply.answer(address(&asked.name, 60, GOOD)),
            };
            vec![answered.wire()]
        });
        let (mut rows, mut needs) = (String::new(), String::new());
        for host in hosts {
            writeln!(rows, "  - {{ host: {host}, owner: o, reason: r, reviewBy: \"2030-01-01\" }}")
                .unwrap();
            writeln!(needs, "  - {host}").unwrap();
        }
        let text = format!(
            "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: research }}\nspec:\n{spec}  skills:\n  \
             - {{ name: asks, version: 1.0.0 }}\n  egress:\n{rows}---\n\
             apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: asks-1.0.0 }}\nspec:\n  name: asks\n  \
             version: 1.0.0\n  egressRequirements:\n{needs}"
        );
        let plan = house::Plan { listening, filter, ..house::Plan::new(text, house::asks()) };
        let house = house::House::open(plan, upstream.place()).await;
        Self { house, upstream }
    }

    pub(crate) async fn ask(&self, message: &[u8]) -> Message<Vec<u8>> {
        self.ask_from("127.0.0.1", message).await
    }

    async fn ask_from(&self, source: &str, message: &[u8]) -> Message<Vec<u8>> {
        let socket = UdpSocket::bind((source, 0)).await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(message).await.unwrap();
        let mut answer = vec![0; 4_096];
        let wait = timeout(Duration::from_secs(10), socket.recv(&mut answer));
        let length = wait.await.expect("an answer").unwrap();
        answer.truncate(length);
        Message::from_octets(answer).unwrap()
    }

    /// Names that the upstream was asked, each once.
    pub(crate) fn leaked(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.upstream.asked().into_iter().map(|asked| asked.name).collect();
        names.sort();
        names.dedup();
        names
    }
}

pub(crate) fn query(name: &str, qtype: u16, class: u16, flags: u16, dnssec_ok: bool) -> Vec<u8> {
    let [f0, f1] = flags.to_be_bytes();
    let mut message = vec![0xAB, 0xCD, f0, f1, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&class.to_be_bytes());
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, if dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
    message
}

pub(crate) fn plain(name: &str) -> Vec<u8> {
    query(name, 1, 1, 0x0100, false)
}

pub(crate) fn blocked(answer: &Message<Vec<u8>>) -> Option<String> {
    let opt = answer.opt()?;
    let error = opt.opt().iter::<domain::base::opt::ExtendedError<_>>().next()?.ok()?;
    assert_eq!(error.code().to_int(), 15);
    Some(error.text()?.ok()?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_name_is_answered_and_on_record_and_the_rest_never_leaves() {
    let house = House::new(&[
        "api.weather.example".to_owned(),
        "chained.example".to_owned(),
        "inside.example".to_owned(),
    ])
    .await;
    for _ in 0..3 {
        let answer = house.ask(&plain("ApI.weather.EXAMPLE")).await;
        assert_eq!(
            (answer.header().rcode(), answer.header_counts().ancount()),
            (Rcode::NOERROR, 1)
        );
        assert_eq!(answer.sole_question().unwrap().qname().to_string(), "ApI.weather.EXAMPLE");
    }
    let answer = house.ask(&plain("chained.example")).await;
    assert_eq!(answer.header_counts().ancount(), 2);

    let refused = house.ask(&plain("secret.evil.example")).await;
    assert_eq!((refused.header().rcode(), refused.header_counts().nscount()), (Rcode::NXDOMAIN, 1));
    let text = blocked(&refused).unwrap();
    let (control, receipt) = text.split_once(' ').unwrap();
    assert_eq!(control, "dns.undeclared");

    // A private address behind an allowed name is refused by what it is, not by its name.
    let inside = house.ask(&plain("inside.example")).await;
    assert_eq!((inside.header().rcode(), inside.header_counts().ancount()), (Rcode::NXDOMAIN, 0));
    assert!(blocked(&inside).unwrap().starts_with("ssrf."));

    assert_eq!(house.leaked(), ["api.weather.example", "chained.example", "inside.example"]);
    // Refusals are recorded soon, not before they are answered.
    while house.ledger.health().queued > 0 {
        tokio::task::yield_now().await;
    }
    let events = house.ledger.events_after(0, 1_000).unwrap();
    let permitted = events.iter().filter(|row| matches!(&row.event.fact,
        Fact::AttemptPermitted { asked, .. } if asked.plane == Plane::Dns && asked.host == "api.weather.example"));
    assert!((1..=2).contains(&permitted.count()), "one row a minute");
    assert!(
        events.iter().any(|row| row.event.receipt.as_str() == receipt),
        "{receipt} is on record"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_about_a_query_but_its_name_opens_a_name() {
    let house = House::new(&["api.weather.example".to_owned()]).await;
    for dnssec_ok in [false, true] {
        // RD, CD, AD, the reserved bit, all of them, none.
        for flags in [0x0100, 0x0010, 0x0020, 0x0040, 0x0170, 0] {
            for qtype in [1, 28, 65, 64, 5, 16, 10, 255, 252, 15, 33, 12, 65_535] {
                for class in [1, 3, 254, 255, 0] {
                    let message = query("leak.evil.example", qtype, class, flags, dnssec_ok);
                    let answer = house.ask(&message).await;
                    let said = (answer.header().rcode(), answer.header_counts().ancount());
                    assert_eq!(said, (Rcode::NXDOMAIN, 0), "{qtype} {class} {flags:x} {dnssec_ok}");
                }
            }
        }
    }
    // A type that the row does not name is empty, and leaves the name's addresses alone.
    for qtype in [16, 10, 255, 15, 252] {
        let answer = house.ask(&query("api.weather.example", qtype, 1, 0x0100, true)).await;
        let said = (answer.header().rcode(), answer.header_counts().ancount());
        assert_eq!(said, (Rcode::NOERROR, 0), "{qtype}");
        assert!(blocked(&answer).is_some());
    }
    assert_eq!(house.leaked(), [""; 0]);
    // Nobody is configured for this address.
    let answer = house.ask_from("127.0.0.9", &plain("api.weather.example")).await;
    assert_eq!(answer.header().rcode(), Rcode::REFUSED);
    assert_eq!(house.leaked(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sibling_child_parent_or_lookalike_of_a_thousand_allowed_names_passes() {
    let hosts: Vec<String> =
        (0..1_000).map(|number| format!("h{number}.zone{}.allowed.example", number % 37)).collect();
    let house = House::new(&hosts).await;
    let mut probes = vec!["example".to_owned(), "allowed.example".to_owned(), String::new()];
    for (number, host) in hosts.iter().enumerate() {
        probes.push(format!("x.{host}"));
        probes.push(format!("x{host}"));
        probes.push(format!("{host}x"));
        probes.push(format!("{host}.evil.example"));
        probes.push(host.replacen(&format!("h{number}."), &format!("s{number}."), 1));
        probes.push(host.split_once('.').unwrap().1.to_owned());
    }
    probes.sort();
    probes.dedup();
    assert!(probes.len() > 3_799, "{}", probes.len());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(house.address).await.unwrap();
    let mut answer = vec![0; 4_096];
    for probe in &probes {
        socket.send(&plain(probe)).await.unwrap();
        let wait = timeout(Duration::from_secs(10), socket.recv(&mut answer));
        let length = wait.await.expect("an answer").unwrap();
        let answer = Message::from_octets(&answer[..length]).unwrap();
        assert_eq!(
            (answer.header().rcode(), answer.header_counts().ancount()),
            (Rcode::NXDOMAIN, 0),
            "{probe}"
        );
    }
    assert_eq!(house.leaked(), [""; 0]);
}

/// All names in use want a new row at once when the policy changes (their minutes begin apart): what
/// is asked meanwhile waits, and nobody is turned away. One source, 2,000 names, 20,000 a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_policy_under_load_turns_nobody_away() {
    let hosts: Vec<String> = (0..2_000).map(|number| format!("h{number}.busy.example")).collect();
    let house = House::with(&hosts, Config::default()).await;
    for host in &hosts {
        assert_eq!(house.ask(&plain(host)).await.header().rcode(), Rcode::NOERROR);
    }
    let waited = house.stats.waited.read();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let _best_effort = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    socket.connect(house.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let (hears, asks) = (socket.try_clone().unwrap(), socket);
    let answered = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let heard = Arc::clone(&answered);
    let hears = std::thread::spawn(move || {
        let mut rcodes = std::collections::BTreeMap::new();
        let mut answer = [0; 4_096];
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            match hears.recv(&mut answer) {
                Ok(_) => {
                    heard.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    *rcodes.entry(answer[3] & 15).or_insert(0_u64) += 1;
                }
                Err(_) => break,
            }
        }
        rcodes
    });
    let began = std::time::Instant::now();
    let (mut sent, mut changed) = (0_u64, false);
    while began.elapsed() < Duration::from_secs(1) {
        let due = began.elapsed().as_micros() as u64 / 50;
        if !changed && due > 4_000 {
            house.policy.send_replace(Arc::clone(&house.again));
            changed = true;
        }
        // On a machine that is busy with something else it goes slower: 3,000 may be under way.
        let most = answered.load(std::sync::atomic::Ordering::Relaxed) + 3_000;
        while sent < due.min(most) {
            let _full = asks.send(&plain(&hosts[sent as usize * 7 % hosts.len()]));
            sent += 1;
        }
        std::thread::yield_now();
    }
    let rcodes = hears.join().unwrap();
    let waited = house.stats.waited.read() - waited;
    eprintln!("sent {sent}, answered {rcodes:?}, waited {waited}");
    assert!(changed && waited > 100, "{waited} waited");
    assert_eq!(house.stats.turned_away.read(), 0);
    assert_eq!(rcodes.keys().collect::<Vec<_>>(), [&0]);
}
