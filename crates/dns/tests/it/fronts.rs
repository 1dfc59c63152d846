//! Who asks, where somebody stands in front: headers and options of peers that are trusted, and of
//! those who only pose as such; and from which address a wildcard listener answers.

use crate::clients::{holds, run};
use crate::server::{World, ask, ends, hear, query, tell};
use crate::toy::Toy;
use backstop_dns::server::Config;
use backstop_model::addr::Cidr;
use domain::base::iana::Rcode;
use nix::sched::{CloneFlags, unshare};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;

const STRANGER: &str = "192.0.2.66";

/// `192.0.2.66` is served nothing; `127.0.0.1` may stand in front.
fn world(trusted: &[&str]) -> World {
    let toy = Toy { stranger: Some(STRANGER.parse().unwrap()), ..Toy::default() };
    let trusted = trusted.iter().map(|range| Cidr::parse(range).unwrap()).collect();
    World::new(toy, Config { trusted, ..Config::default() })
}

fn header(source: &str) -> Vec<u8> {
    let IpAddr::V4(source) = source.parse().unwrap() else { panic!("IPv4 here") };
    let ports = [0x30, 0x39, 0, 53];
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c", &source.octets()[..], &[127, 0, 0, 1], &ports].concat()
}

fn with_option(name: &str, data: &[u8]) -> Vec<u8> {
    let mut message = query(9, name, false);
    message[11] = 1;
    let length = data.len() as u8;
    message.extend_from_slice(&[
        0,
        0,
        41,
        4,
        208,
        0,
        0,
        0,
        0,
        0,
        length + 4,
        0xff,
        0x85,
        0,
        length,
    ]);
    message.extend_from_slice(data);
    message
}

#[tokio::test]
async fn a_trusted_peer_says_by_a_header_for_whom_it_asks() {
    let world = world(&["127.0.0.1/32"]);
    let socket = world.udp("127.0.0.1").await;
    for (source, expected) in [("192.0.2.7", Rcode::NOERROR), (STRANGER, Rcode::REFUSED)] {
        for name in ["a.example", "slow.example"] {
            let message = [header(source), query(1, name, false)].concat();
            let answer = ask(&socket, &message).await;
            assert_eq!(answer.header().rcode(), expected, "{source} {name}");
            let mut stream = world.tcp("127.0.0.1").await;
            // The header in pieces, and a question in the same segment as its end.
            let (first, rest) = message.split_at(7);
            stream.write_all(first).await.unwrap();
            let length = query(1, name, false).len();
            let (end, question) = rest.split_at(rest.len() - length);
            let tail = [end, &(length as u16).to_be_bytes(), question].concat();
            stream.write_all(&tail).await.unwrap();
            assert_eq!(hear(&mut stream).await.header().rcode(), expected, "{source} {name}");
        }
    }
    // As itself: without a header, and with one that says so (a health check).
    let answer = ask(&socket, &query(2, "a.example", false)).await;
    assert_eq!(answer.header().rcode(), Rcode::NOERROR);
    let local = [&b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"[..], &query(3, "a.example", false)].concat();
    assert_eq!(ask(&socket, &local).await.header().rcode(), Rcode::NOERROR);
    world.end().await;
}

#[tokio::test]
async fn what_a_client_puts_behind_the_header_of_the_front_is_no_header() {
    let world = world(&["127.0.0.1/32"]);
    let socket = world.udp("127.0.0.1").await;
    let nested = [header(STRANGER), header("192.0.2.7"), query(1, "a.example", false)].concat();
    assert_eq!(ask(&socket, &nested).await.header().rcode(), Rcode::NOTIMP);
    let mut stream = world.tcp("127.0.0.1").await;
    stream.write_all(&nested).await.unwrap();
    assert!(ends(&mut stream).await);
    // The option in a message for which the front gave a header is the client's own word.
    let message = [header("192.0.2.7"), with_option("a.example", b"\x01\0unknown")].concat();
    assert_eq!(ask(&socket, &message).await.header().rcode(), Rcode::NOERROR);
    let message = [header(STRANGER), with_option("a.example", b"\x01\0known")].concat();
    assert_eq!(ask(&socket, &message).await.header().rcode(), Rcode::REFUSED);
    assert_eq!(world.stats.forged.read(), 2);
    // A header that cannot be relied on is not passed over: whoever asks would be the front itself.
    socket.send(&[&header("192.0.2.7")[..14], &[0; 40]].concat()).await.unwrap();
    let mut unix = header("192.0.2.7");
    unix[13] = 0x31;
    socket.send(&[unix, query(2, "a.example", false)].concat()).await.unwrap();
    let answer = ask(&socket, &query(3, "a.example", false)).await;
    assert_eq!(answer.header().id(), 3);
    world.end().await;
}

#[tokio::test]
async fn nobody_else_is_believed_whom_he_names() {
    let world = world(&["10.0.0.0/8"]);
    let socket = world.udp("127.0.0.1").await;
    let message = [header("192.0.2.7"), query(1, "a.example", false)].concat();
    assert_eq!(ask(&socket, &message).await.header().rcode(), Rcode::NOTIMP);
    let mut stream = world.tcp("127.0.0.1").await;
    stream.write_all(&message).await.unwrap();
    assert!(ends(&mut stream).await);
    // The option: it changes nothing, whatever it says, and it is counted.
    for data in [&b"\x01\x04\xc0\0\x02\x42"[..], b"\x01\0unknown", b"rubbish"] {
        let answer = ask(&socket, &with_option("a.example", data)).await;
        assert_eq!(answer.header().rcode(), Rcode::NOERROR, "{data:?}");
        assert_eq!(answer.header_counts().ancount(), 1);
    }
    assert_eq!(world.stats.forged.read(), 3);
    world.end().await;
}

#[tokio::test]
async fn a_trusted_peer_names_an_address_or_an_identity_by_the_option() {
    let world = world(&["127.0.0.0/8"]);
    let socket = world.udp("127.0.0.1").await;
    for (data, expected) in [
        (&b"\x01\x04\xc0\0\x02\x07"[..], Rcode::NOERROR),
        (b"\x01\x04\xc0\0\x02\x42", Rcode::REFUSED),
        (b"\x01\0known", Rcode::NOERROR),
        // An identity that is named counts, not the address beside it.
        (b"\x01\x04\xc0\0\x02\x42known", Rcode::NOERROR),
        // What cannot be followed is nobody, never the front itself.
        (b"\x01\0unknown", Rcode::REFUSED),
        (b"\x02\0known", Rcode::REFUSED),
        (b"", Rcode::REFUSED),
    ] {
        for name in ["a.example", "slow.example"] {
            let message = with_option(name, data);
            assert_eq!(ask(&socket, &message).await.header().rcode(), expected, "{data:?} {name}");
            let mut stream = world.tcp("127.0.0.1").await;
            tell(&mut stream, &message).await;
            assert_eq!(hear(&mut stream).await.header().rcode(), expected, "{data:?} {name}");
        }
    }
    assert_eq!(world.stats.unfollowed.read(), 16, "four of them, of two names, in two ways");
    assert_eq!(world.stats.forged.read(), 0);
    world.end().await;
}

/// dnsdist as a real front: it adds the header (`useProxyProtocol`), and clients behind it are told
/// apart by it.
#[tokio::test(flavor = "multi_thread")]
async fn dnsdist_speaks_for_its_clients() {
    let toy = Toy { stranger: Some("127.0.0.66".parse().unwrap()), ..Toy::default() };
    let trusted = vec![Cidr::parse("127.0.0.1/32").unwrap()];
    let world = World::new(toy, Config { trusted, ..Config::default() });
    let folder = tempfile::tempdir().unwrap();
    let front = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = format!(
        "setLocal('{front}')\nsetACL('127.0.0.0/8')\n\
         newServer({{address='{}', source='127.0.0.1', useProxyProtocol=true, checkInterval=1}})\n",
        world.address
    );
    let file = folder.path().join("dnsdist.conf");
    std::fs::write(&file, settings).unwrap();
    #[allow(clippy::disallowed_methods, reason = "a test's front")]
    let dnsdist = tokio::process::Command::new("dnsdist")
        .args(["--supervised", "--disable-syslog", "-C"])
        .arg(&file)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let _dnsdist = match dnsdist {
        Ok(dnsdist) => dnsdist,
        Err(fault) => return eprintln!("SKIPPED: dnsdist: {fault}"),
    };
    let began = Instant::now();
    for (from, expected) in [("127.0.0.7", "status: NOERROR"), ("127.0.0.66", "status: REFUSED")] {
        for way in ["+notcp", "+tcp"] {
            let rest = ["-b", from, "a.example", "A", "+tries=1", "+time=1", way];
            loop {
                let Some(text) = run("dig", front, &rest).await else { return };
                if text.contains("status:") && !text.contains("SERVFAIL") {
                    holds(&text, &[expected]);
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(30), "{text}");
            }
        }
    }
    world.end().await;
}

#[tokio::test]
async fn the_connections_of_a_client_behind_a_front_are_its_own() {
    let trusted = vec![Cidr::parse("127.0.0.1/32").unwrap()];
    let config = Config { trusted, connections_per_source: 2, ..Config::default() };
    let world = World::new(Toy::default(), config);
    let mut held = Vec::new();
    for number in 0..6 {
        let mut stream = world.tcp("127.0.0.1").await;
        stream.write_all(&header(&format!("192.0.2.{number}"))).await.unwrap();
        tell(&mut stream, &query(1, "a.example", false)).await;
        assert_eq!(hear(&mut stream).await.header().rcode(), Rcode::NOERROR);
        held.push(stream);
    }
    for expected in [1, 2] {
        let mut stream = world.tcp("127.0.0.1").await;
        stream.write_all(&header("192.0.2.1")).await.unwrap();
        tell(&mut stream, &query(1, "a.example", false)).await;
        if expected == 1 {
            hear(&mut stream).await;
            held.push(stream);
        } else {
            assert!(ends(&mut stream).await, "its third");
        }
    }
    world.end().await;
}

async fn answers_from_where_it_was_asked(listen: &str, addresses: &[&str]) {
    let world = World::at(listen, Toy::default(), Config::default());
    let port = world.address.port();
    let (threads, names) = (8, ["a.example", "slow.example"]);
    for _ in 0..threads {
        for address in addresses {
            let place = SocketAddr::new(address.parse().unwrap(), port);
            let any = if place.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            // Connected: the kernel shows it nothing that comes from another address.
            let socket = tokio::net::UdpSocket::bind(any).await.unwrap();
            socket.connect(place).await.unwrap();
            for name in names {
                let answer = ask(&socket, &query(5, name, true)).await;
                assert_eq!(answer.header().rcode(), Rcode::NOERROR, "{place}");
            }
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_wildcard_listener_answers_from_the_address_that_was_asked() {
    answers_from_where_it_was_asked("0.0.0.0:0", &["127.0.0.1", "127.0.0.2", "127.9.8.7"]).await;
}

/// In a network namespace of its own, where there are two addresses that are not loopback's.
#[test]
fn a_wildcard_listener_with_two_addresses_answers_from_the_one_that_was_asked() {
    std::thread::spawn(|| {
        if let Err(fault) = unshare(CloneFlags::CLONE_NEWNET) {
            return eprintln!("SKIPPED: no network namespace of its own: {fault}");
        }
        for line in [
            "link set lo up",
            "addr add 10.9.0.1/32 dev lo",
            "addr add 10.9.0.2/32 dev lo",
            "addr add fd09::1/128 dev lo nodad",
            "addr add fd09::2/128 dev lo nodad",
        ] {
            #[allow(clippy::disallowed_methods, reason = "a test's own namespace")]
            let done = std::process::Command::new("ip").args(line.split(' ')).status();
            match done {
                Ok(status) => assert!(status.success(), "ip {line}"),
                Err(fault) => return eprintln!("SKIPPED: ip: {fault}"),
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            answers_from_where_it_was_asked("0.0.0.0:0", &["10.9.0.1", "10.9.0.2", "127.0.0.1"])
                .await;
            answers_from_where_it_was_asked("[::]:0", &["fd09::1", "fd09::2", "::1"]).await;
        });
    })
    .join()
    .unwrap();
}

/// RFC 7828: only who asks by TCP is told, and not the others.
#[tokio::test]
async fn the_time_a_connection_may_be_silent_is_told_to_who_asks() {
    let config = Config { idle: Duration::from_secs(7), ..Config::default() };
    let world = World::new(Toy::default(), config);
    let mut asks = query(1, "a.example", false);
    asks[11] = 1;
    asks.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 11, 0, 0]);
    let told = &[0, 11, 0, 2, 0, 70][..];
    let socket = world.udp("127.0.0.1").await;
    assert!(!ask(&socket, &asks).await.as_slice().ends_with(told));
    let mut stream = world.tcp("127.0.0.1").await;
    tell(&mut stream, &asks).await;
    assert!(hear(&mut stream).await.as_slice().ends_with(told));
    tell(&mut stream, &query(1, "a.example", true)).await;
    assert!(!hear(&mut stream).await.as_slice().ends_with(told));
    world.end().await;
}

/// Whoever speaks for others and cannot be followed is nobody: silence by datagrams, the end of a
/// connection, never the front's own rights; and each is counted.
#[tokio::test]
async fn a_header_that_cannot_be_followed_is_nobodys_and_counted() {
    let world = world(&["127.0.0.1/32"]);
    let socket = world.udp("127.0.0.1").await;
    let question = query(1, "a.example", false);
    let changed = |at: usize, to: u8| {
        let mut header = header("192.0.2.7");
        header[at] = to;
        header
    };
    let mut empty = changed(15, 0);
    empty.truncate(16);
    let malformed = [
        ("version 1", changed(12, 0x11)),
        ("version 3", changed(12, 0x31)),
        ("no such command", changed(12, 0x22)),
        ("a unix socket", changed(13, 0x31)),
        ("no such family", changed(13, 0x41)),
        ("IPv6 in the room of IPv4", changed(13, 0x22)),
        ("an address cut short", changed(15, 7)),
        ("no address at all", empty),
        ("longer than any header", changed(14, 0xff)),
    ];
    let mut counted = 0;
    for (what, header) in &malformed {
        socket.send(&[&header[..], &question].concat()).await.unwrap();
        // What comes behind is answered: one at a time, so nothing was before it.
        counted += 1;
        let answer = ask(&socket, &query(counted, "a.example", false)).await;
        assert_eq!(answer.header().id(), counted, "{what}");
        assert_eq!(world.stats.unfollowed.read(), u64::from(counted), "{what} by datagram");
    }
    for (what, header) in &malformed {
        let mut stream = world.tcp("127.0.0.1").await;
        let _ended = stream.write_all(header).await;
        let tail = [&(question.len() as u16).to_be_bytes()[..], &question].concat();
        let _ended = stream.write_all(&tail).await;
        assert!(ends(&mut stream).await, "{what}");
        counted += 1;
        assert_eq!(world.stats.unfollowed.read(), u64::from(counted), "{what} by stream");
    }
    // Cut off within the header: by datagram that is all there is, by stream the end comes first.
    for length in [1, 11, 12, 15, 16, 27] {
        let cut = &header("192.0.2.7")[..length];
        socket.send(cut).await.unwrap();
        counted += 1;
        assert_eq!(ask(&socket, &query(counted, "a.example", false)).await.header().id(), counted);
        let mut stream = world.tcp("127.0.0.1").await;
        stream.write_all(cut).await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(ends(&mut stream).await, "{length}");
    }
    world.end().await;
}
