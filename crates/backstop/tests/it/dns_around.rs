//! 3,799 names around a thousand that are allowed, asked of the real binary in every manner: RPZ with
//! `*` and passthru lets most of them through in some resolvers (RFC 4592, closest encloser). What
//! reaches the upstream is counted there.

use crate::dns_scene;
use backstop_testkit::World;
use backstop_testkit::nameserver::{NameServer, address};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

const PROBES: usize = 3_799;

/// A thousand names of four shapes under 40 domains and a few top-level domains.
fn allowed() -> Vec<String> {
    let tlds = ["example", "com", "co.uk", "io"];
    let name = |n: usize| {
        let domain = format!("zone{}.{}", n % 40, tlds[n % 4]);
        match n % 5 {
            0 => format!("h{n}.{domain}"),
            1 => format!("h{n}.eu.{domain}"),
            2 => format!("a.b.h{n}.{domain}"),
            3 => format!("h{n}-x.{domain}"),
            _ => format!("shop{n}.{}", tlds[n % 4]),
        }
    };
    (0..1_000).map(name).collect()
}

/// Siblings, children, parents, apexes, top-level domains and look-alikes, none of them allowed.
fn around(allowed: &[String]) -> Vec<String> {
    let known: BTreeSet<&str> = allowed.iter().map(String::as_str).collect();
    let mut probes = BTreeSet::new();
    for (n, name) in allowed.iter().enumerate() {
        let (first, parent) = name.split_once('.').unwrap();
        probes.insert(format!("sibling{n}.{parent}"));
        probes.insert(format!("child.{name}"));
        probes.insert(format!("{first}x.{parent}"));
        probes.insert(format!("deep.er.{first}-.{parent}"));
        let mut above = parent;
        loop {
            probes.insert(above.to_owned());
            let Some((_, rest)) = above.split_once('.') else { break };
            above = rest;
        }
    }
    probes.insert(String::new());
    let mut probes: Vec<String> =
        probes.into_iter().filter(|probe| !known.contains(probe.as_str())).collect();
    assert!(probes.len() >= PROBES, "{}", probes.len());
    probes.truncate(PROBES);
    probes
}

/// A query with those flags, that type, with or without DNSSEC OK.
fn query(id: u16, name: &str, qtype: u16, flags: u16, dnssec_ok: bool) -> Vec<u8> {
    let mut message =
        [id.to_be_bytes(), flags.to_be_bytes(), [0, 1], [0, 0], [0, 0], [0, 1]].concat();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1, 0, 0, 41, 4, 208, 0, 0, if dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
    message
}

/// What the client asks with: RD, RD and CD, AD, nothing; types; DO.
const MANNERS: [(u16, u16, bool); 8] = [
    (0x0100, 1, false),
    (0x0100, 1, true),
    (0x0110, 28, true),
    (0x0000, 1, true),
    (0x0130, 65, false),
    (0x0010, 16, true),
    (0x0100, 255, false),
    (0x0120, 2, true),
];

/// Sends all of them, and gives code and number of answers of each; some wait for others to go.
fn ask_all(to: SocketAddr, messages: &[Vec<u8>]) -> Vec<(u8, u16)> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answers = vec![(0xff, 0); messages.len()];
    for (number, chunk) in messages.chunks(64).enumerate() {
        for message in chunk {
            socket.send(message).unwrap();
        }
        for _ in chunk {
            let mut answer = [0; 2048];
            let length = socket.recv(&mut answer).expect("an answer to each");
            assert!(length >= 12);
            let at = usize::from(u16::from_be_bytes([answer[0], answer[1]]));
            assert_eq!(at / 64, number, "an answer to another question");
            answers[at] = (answer[3] & 15, u16::from_be_bytes([answer[6], answer[7]]));
        }
    }
    answers
}

#[test]
fn of_3799_names_around_a_thousand_allowed_ones_none_reaches_the_upstream() {
    World::run(|world| {
        let server = NameServer::start(|asked| {
            vec![asked.reply().answer(address(&asked.name, 60, "93.184.1.1")).wire()]
        });
        let allowed = allowed();
        let rows: Vec<String> = allowed.iter().map(|name| format!("{{ host: {name} }}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let policy = dns_scene::policy("", &rows);
        let backstop = dns_scene::start_local(world, &policy, server.place());
        let to: SocketAddr = backstop.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        let probes = around(&allowed);
        for (flags, qtype, dnssec_ok) in MANNERS {
            let message = |(n, name): (usize, &String)| {
                query(u16::try_from(n).unwrap(), name, qtype, flags, dnssec_ok)
            };
            let messages: Vec<Vec<u8>> = probes.iter().enumerate().map(message).collect();
            for (answer, probe) in ask_all(to, &messages).into_iter().zip(&probes) {
                assert_eq!(answer, (3, 0), "`{probe}` {qtype} {flags:x} {dnssec_ok}");
            }
        }
        // The same by TCP, one after the other on one connection.
        let mut stream = TcpStream::connect(to).unwrap();
        for (n, probe) in probes.iter().enumerate().step_by(10) {
            let message = query(u16::try_from(n).unwrap(), probe, 1, 0x0110, true);
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &message].concat()).unwrap();
            let mut head = [0; 2];
            stream.read_exact(&mut head).unwrap();
            let mut answer = vec![0; usize::from(u16::from_be_bytes(head))];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!((answer[3] & 15, answer[7]), (3, 0), "{probe}");
        }
        let asked = server.asked();
        assert_eq!(asked.len(), 0, "{:?}", asked.iter().map(|a| &a.name).collect::<Vec<_>>());
        // And the thousand themselves do pass.
        let plain =
            |(n, name): (usize, &String)| query(u16::try_from(n).unwrap(), name, 1, 0x0100, false);
        let messages: Vec<Vec<u8>> = allowed.iter().enumerate().map(plain).collect();
        for (answer, name) in ask_all(to, &messages).into_iter().zip(&allowed) {
            assert_eq!(answer, (0, 1), "{name}");
        }
        assert_eq!(server.asked().len(), 1_000);
    });
}
