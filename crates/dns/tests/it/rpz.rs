//! Response policy zones behind the whole resolver: what a client is told, what is asked, what is on
//! record.

use crate::whole::{House, blocked, query};
use backstop_dns::answer::{Answers, Limits};
use backstop_dns::cache;
use backstop_dns::forward::{self, Forwarder, Upstream};
use backstop_dns::resolve::{PinConfig, Resolver};
use backstop_dns::rpz::{Filter, Override, Rules, Terms, Zone, doh_endpoints};
use backstop_gate::{OsRandom, OwnListeners, OwnSockets, Resolve as _, ResolveFault};
use backstop_model::addr::Cidr;
use backstop_model::control::Control;
use backstop_model::event::Fact;
use backstop_model::host::HostName;
use backstop_model::id::TenantName;
use backstop_model::name::QueryName;
use backstop_model::standing::Subject;
use backstop_testkit::nameserver::{NameServer, address};
use domain::base::Message;
use domain::base::iana::{Rcode, Rtype};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::time::timeout;

pub(crate) fn zone(name: &str, policy: &str, text: &str) -> Arc<Zone> {
    let sinkholes = vec![Cidr::parse("10.9.9.0/24").unwrap()];
    let terms = Terms { policy: Override::parse(policy).unwrap(), sinkholes };
    let text = format!("@ SOA ns. host. 5 1 1 1 1\n{text}");
    let name = QueryName::from_text(name).unwrap();
    Arc::new(Zone::read(text.as_bytes(), &name, terms, 1 << 20, (3, 4)).unwrap())
}

fn filter(zones: Vec<Arc<Zone>>) -> Option<Arc<Filter>> {
    Some(Arc::new(Filter::new(Rules::new(zones), Some(doh_endpoints((1, 2)).unwrap()))))
}

fn hosts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[allow(clippy::disallowed_methods, reason = "a test is a client")]
async fn connected(house: &House) -> TcpStream {
    TcpStream::connect(house.address).await.unwrap()
}

/// Code and records in words.
pub(crate) fn shown(answer: &Message<Vec<u8>>) -> String {
    let mut text = answer.header().rcode().to_string();
    if answer.header().tc() {
        text.push_str(" TC");
    }
    for record in answer.answer().unwrap().flatten() {
        let record = record
            .to_any_record::<domain::rdata::AllRecordData<_, domain::base::ParsedName<_>>>()
            .unwrap();
        text.push_str(&format!(" {} {} {};", record.owner(), record.rtype(), record.data()));
    }
    text
}

async fn told(house: &House, name: &str) -> String {
    shown(&house.ask(&query(name, 1, 1, 0x0100, false)).await)
}

async fn by_tcp(house: &House, name: &str) -> Message<Vec<u8>> {
    let mut stream = connected(house).await;
    let message = query(name, 1, 1, 0x0100, false);
    stream.write_all(&u16::try_from(message.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(&message).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_octets(answer).unwrap()
}

/// The figures that are not nought.
fn spoken(filter: &Filter) -> Vec<(String, &'static str, bool, u64)> {
    let spoke = filter.figures().into_iter().filter(|figure| figure.count > 0);
    spoke
        .map(|figure| (figure.zone.to_string(), figure.action, figure.counts, figure.count))
        .collect()
}

/// Evidence of what `dns.rpz` refused.
async fn on_record(house: &House) -> Vec<String> {
    while house.ledger.health().queued > 0 {
        tokio::task::yield_now().await;
    }
    let events = house.ledger.events_after(0, 1_000).unwrap();
    let refused = events.iter().filter_map(|row| {
        let Fact::AttemptRefused { control: Control::DnsRpz, reason, .. } = &row.event.fact else {
            return None;
        };
        Some(reason.clone())
    });
    refused.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_is_answered_in_its_own_way_and_nothing_refused_is_asked() {
    let names =
        ["nx", "nodata", "pass", "dropped", "tcp", "local", "private", "mine", "garden", "open"]
            .map(|label| format!("{label}.example"));
    let mut all = names.to_vec();
    all.push("walled.example".to_owned());
    all.push("wild.example.walled.example".to_owned());
    all.push("wild.example".to_owned());
    let house = House::filtered(
        &all,
        "",
        filter(vec![
            zone("first", "given", "pass.example CNAME rpz-passthru.\n"),
            zone(
                "second",
                "given",
                "pass.example CNAME .\nnx.example CNAME .\nnodata.example CNAME *.\n\
                 dropped.example CNAME rpz-drop.\ntcp.example CNAME rpz-tcp-only.\n\
                 local.example A 93.184.100.1\nlocal.example TXT \"walled\"\n\
                 private.example A 169.254.169.254\nmine.example A 10.9.9.9\n\
                 garden.example CNAME walled.example.\nopen.example CNAME undeclared.example.\n\
                 wild.example CNAME *.walled.example.\n",
            ),
        ]),
    )
    .await;
    assert_eq!(told(&house, "nx.example").await, "NXDOMAIN");
    assert_eq!(told(&house, "nodata.example").await, "NOERROR");
    assert_eq!(told(&house, "pass.example").await, "NOERROR pass.example A 93.184.215.14;");
    assert_eq!(told(&house, "local.example").await, "NOERROR local.example A 93.184.100.1;");
    assert_eq!(told(&house, "mine.example").await, "NOERROR mine.example A 10.9.9.9;");
    // A feed is a stranger too: it cannot send an agent to the metadata of a cloud.
    let private = house.ask(&query("private.example", 1, 1, 0x0100, false)).await;
    assert_eq!(shown(&private), "NXDOMAIN");
    assert!(blocked(&private).unwrap().starts_with("ssrf.address"));
    assert_eq!(told(&house, "tcp.example").await, "NOERROR TC");
    assert_eq!(shown(&by_tcp(&house, "tcp.example").await), "NOERROR tcp.example A 93.184.215.14;");
    assert_eq!(
        told(&house, "garden.example").await,
        "NOERROR garden.example CNAME walled.example.; walled.example A 93.184.215.14;"
    );
    assert_eq!(
        told(&house, "wild.example").await,
        "NOERROR wild.example CNAME wild.example.walled.example.; \
         wild.example.walled.example A 93.184.215.14;"
    );
    // Where the alias leads is not declared: no feed opens a name, and nobody asked it.
    let open = house.ask(&query("open.example", 1, 1, 0x0100, false)).await;
    assert_eq!(shown(&open), "NXDOMAIN");
    let text = blocked(&open).unwrap();
    let (control, receipt) = text.split_once(' ').unwrap();
    assert_eq!(control, "dns.rpz");

    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(house.address).await.unwrap();
    socket.send(&query("dropped.example", 1, 1, 0x0100, false)).await.unwrap();
    assert!(timeout(Duration::from_millis(300), socket.recv(&mut [0; 512])).await.is_err());

    assert_eq!(
        house.leaked(),
        ["pass.example", "tcp.example", "walled.example", "wild.example.walled.example"]
    );
    let events = on_record(&house).await;
    assert!(
        events.iter().any(
            |reason| reason.contains("zone `second` (serial 5), QNAME `dropped.example`: DROP")
        ),
        "{events:?}"
    );
    let all = house.ledger.events_after(0, 1_000).unwrap();
    assert!(all.iter().any(|row| row.event.receipt.as_str() == receipt));
    let alerts = all.iter().filter(|row| {
        matches!(&row.event.fact, Fact::AlertRaised { control: Control::DnsUndeclared, .. })
    });
    assert_eq!(alerts.count(), 0, "the agent asked nothing undeclared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_question_holds_up_no_other_of_its_connection() {
    let house = House::filtered(
        &hosts(&["dropped.example", "good.example"]),
        "",
        filter(vec![zone("one", "given", "dropped.example CNAME rpz-drop.\n")]),
    )
    .await;
    let mut stream = connected(&house).await;
    for name in ["dropped.example", "good.example"] {
        let message = query(name, 1, 1, 0x0100, false);
        stream.write_all(&u16::try_from(message.len()).unwrap().to_be_bytes()).await.unwrap();
        stream.write_all(&message).await.unwrap();
    }
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    let answer = Message::from_octets(answer).unwrap();
    assert_eq!(shown(&answer), "NOERROR good.example A 93.184.215.14;");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_meet_rules_for_addresses_aliases_and_name_servers_from_the_cache_too() {
    let house = House::filtered(
        &hosts(&["byaddress.example", "twice.example", "served.example", "served.other.example"]),
        "",
        filter(vec![zone(
            "one",
            "given",
            "24.0.100.184.93.rpz-ip CNAME .\nmiddle.example CNAME *.\n\
             *.evil.example.rpz-nsdname CNAME *.\n32.53.113.0.203.rpz-nsip CNAME .\n",
        )]),
    )
    .await;
    for _ in 0..2 {
        assert_eq!(told(&house, "byaddress.example").await, "NXDOMAIN");
        assert_eq!(told(&house, "twice.example").await, "NOERROR", "the alias, before the address");
        assert_eq!(told(&house, "served.example").await, "NOERROR");
    }
    assert_eq!(house.upstream.asked().len(), 3, "the second time from the cache");
    let events = on_record(&house).await;
    for evidence in [
        "IP `93.184.100.7/24`: NXDOMAIN",
        "QNAME `middle.example`: NODATA",
        "NSDNAME `*.evil.example`: NODATA",
    ] {
        assert!(events.iter().any(|reason| reason.contains(evidence)), "{evidence}: {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_disabled_or_observed_is_noted_and_answered() {
    let names = hosts(&["bad.example", "drop.example"]);
    let disabled = filter(vec![zone("one", "disabled", "bad.example CNAME .\n")]);
    let figures = disabled.clone().unwrap();
    let house = House::filtered(&names, "", disabled).await;
    for _ in 0..5 {
        assert!(told(&house, "bad.example").await.starts_with("NOERROR bad.example A"));
    }
    assert_eq!(spoken(&figures), [("one".to_owned(), "NXDOMAIN", false, 5)]);
    let noted = |house: &House| {
        let all = house.ledger.events_after(0, 1_000).unwrap();
        let alerts = all.iter().filter(|row| {
            matches!(&row.event.fact, Fact::AlertRaised { control: Control::DnsRpz, .. })
        });
        alerts.count()
    };
    assert_eq!((on_record(&house).await.len(), noted(&house)), (0, 1), "grouped, and no refusal");

    let until = "2026-12-10";
    let spec = format!("  rollout: {{ mode: observe, until: \"{until}\" }}\n");
    let given =
        filter(vec![zone("one", "given", "bad.example CNAME .\ndrop.example CNAME rpz-drop.\n")]);
    let house = House::filtered(&names, &spec, given).await;
    for name in &names {
        assert!(told(&house, name).await.starts_with("NOERROR"), "{name}");
    }
    assert_eq!((on_record(&house).await.len(), noted(&house)), (0, 2), "one for each domain");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_question_is_counted_once_by_zone_and_action_over_an_exchange_too() {
    let names = hosts(&["bad.example", "let.example", "noted.example", "would.example"]);
    let two = "noted.example CNAME rpz-passthru.\nwould.example CNAME *.\n";
    let zones = |first: &str| vec![zone("one", "given", first), zone("two", "disabled", two)];
    let filter = filter(zones("bad.example CNAME .\nlet.example CNAME rpz-passthru.\n"));
    let figures = filter.clone().unwrap();
    let house = House::filtered(&names, "", filter).await;
    for round in 1..=2 {
        for name in &names {
            // The second type finds the permit on record, and no answer yet: it has to wait, and is
            // looked at twice. The last one is answered at once.
            for qtype in [1, 28, 28] {
                house.ask(&query(name, qtype, 1, 0x0100, false)).await;
            }
        }
        let row = |zone: &str, action, counts| (zone.to_owned(), action, counts, 3 * round);
        let mut expected = vec![
            row("one", "NXDOMAIN", true),
            row("one", "PASSTHRU", true),
            row("two", "NODATA", false),
            row("two", "PASSTHRU", false),
        ];
        if round == 2 {
            let last = ("one".to_owned(), "PASSTHRU", true, 3);
            expected[1] = last;
            expected.insert(1, ("one".to_owned(), "NODATA", true, 3));
        }
        assert_eq!(spoken(&figures), expected);
        figures.exchange(Rules::new(zones("bad.example CNAME .\nlet.example CNAME *.\n")));
    }
    let all = figures.figures();
    assert_eq!(all.len(), 3 * 7 * 2, "zones, actions, and whether they count: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resolvers_over_https_are_refused_unless_declared_letter_by_letter() {
    let house = House::filtered(&hosts(&["dns.google"]), "", filter(Vec::new())).await;
    assert!(told(&house, "dns.google").await.starts_with("NOERROR dns.google A"));
    assert_eq!(told(&house, "use-application-dns.net").await, "NXDOMAIN");
    assert_eq!(told(&house, "cloudflare-dns.com").await, "NXDOMAIN");
    assert_eq!(house.leaked(), ["dns.google"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_addresses_are_those_of_the_socket() {
    let house = House::filtered(
        &hosts(&["good.example"]),
        "",
        filter(vec![zone("one", "given", "32.1.0.0.127.rpz-client-ip CNAME *.\n")]),
    )
    .await;
    assert_eq!(told(&house, "good.example").await, "NOERROR");
    assert_eq!(house.leaked(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_rules_under_load_loses_no_question_and_tells_no_half() {
    let zones = |answer: &str| {
        let text: String = (0..2_000).map(|n| format!("x{n}.example {answer}\n")).collect();
        zone("one", "given", &format!("{text}good.example {answer}\n"))
    };
    let (refusing, empty) = (zones("CNAME ."), zones("CNAME *."));
    let filter = filter(vec![Arc::clone(&refusing)]).unwrap();
    let house = House::filtered(&hosts(&["good.example"]), "", Some(Arc::clone(&filter))).await;
    let done = Arc::new(AtomicBool::new(false));
    let (stop, rules) = (Arc::clone(&done), Arc::clone(&filter));
    let exchanging = std::thread::spawn(move || {
        let mut times = 0;
        while !stop.load(Ordering::Relaxed) {
            for zone in [&refusing, &empty] {
                rules.exchange(Rules::new(vec![Arc::clone(zone)]));
                times += 1;
            }
        }
        times
    });
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(house.address).await.unwrap();
    let mut codes = [0u32; 2];
    for _ in 0..1_500 {
        socket.send(&query("good.example", 1, 1, 0x0100, false)).await.unwrap();
        let mut answer = [0; 512];
        let length = timeout(Duration::from_secs(5), socket.recv(&mut answer))
            .await
            .expect("an answer")
            .unwrap();
        let answer = Message::from_octets(answer[..length].to_vec()).unwrap();
        match answer.header().rcode() {
            Rcode::NXDOMAIN => codes[0] += 1,
            Rcode::NOERROR => codes[1] += 1,
            other => panic!("{other}"),
        }
        assert_eq!(answer.header_counts().ancount(), 0);
        assert!(!answer.sole_question().unwrap().qtype().eq(&Rtype::NULL));
    }
    done.store(true, Ordering::Relaxed);
    assert!(exchanging.join().unwrap() > 10);
    assert!(codes[0] > 0 && codes[1] > 0, "{codes:?}");
    assert_eq!(house.leaked(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_look_ups_of_a_proxy_meet_the_same_zones() {
    let upstream = NameServer::start(|asked| {
        let ip = if asked.name.starts_with("byaddress") { "93.184.100.7" } else { "93.184.215.14" };
        let reply = asked.reply();
        vec![
            if asked.qtype == 1 { reply.answer(address(&asked.name, 60, ip)) } else { reply }
                .wire(),
        ]
    });
    let config = forward::Config {
        upstreams: vec![Upstream::parse(&upstream.place().to_string()).unwrap()],
        ..forward::Config::default()
    };
    let sockets = OwnSockets::new(OwnListeners::default());
    let forwarder = Forwarder::new(config, sockets, Arc::new(OsRandom));
    let (times, limits) = (cache::Config::default(), Limits::default());
    let answers = Answers::new(forwarder, times, limits, Handle::current());
    let rules = |text: &str| Rules::new(vec![zone("one", "given", text)]);
    let filter = Arc::new(Filter::new(rules("late.test CNAME rpz-passthru.\n"), None));
    let resolver = Resolver::new(answers, PinConfig::default()).filtered(Some(Arc::clone(&filter)));
    let who = Subject {
        session: None,
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    };
    let look_up = async |name: &str| resolver.resolve(&HostName::parse(name).unwrap(), &who).await;
    assert!(look_up("late.test").await.is_ok() && look_up("byaddress.test").await.is_ok());
    filter.exchange(rules(
        "late.test CNAME .\ndropped.test CNAME rpz-drop.\nwalled.test CNAME late.test.\n\
         mine.test A 93.184.1.1\n24.0.100.184.93.rpz-ip CNAME *.\n",
    ));
    // What was told before is refused now, pinned or not.
    for name in ["late.test", "dropped.test", "walled.test", "byaddress.test"] {
        let fault = look_up(name).await.unwrap_err();
        assert!(
            matches!(&fault, ResolveFault::Filtered(_, why) if why.contains("zone `one`")),
            "{fault}"
        );
    }
    assert_eq!(look_up("mine.test").await.unwrap(), ["93.184.1.1".parse::<IpAddr>().unwrap()]);
    assert!(look_up("good.test").await.is_ok());
}
