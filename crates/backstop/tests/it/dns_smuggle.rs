//! What a client could say to a friend at a name server beside the names themselves: the case of
//! letters, ids, ports, header bits, EDNS options, and when. The real binary; the upstream keeps
//! every octet that it was sent.

use crate::dns_scene;
use backstop_testkit::World;
use backstop_testkit::nameserver::{NameServer, address};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A query in the client's own spelling, with its own id, flags and options.
fn query(id: u16, spelling: &str, flags: u16, option: &[u8]) -> Vec<u8> {
    let mut message =
        [id.to_be_bytes(), flags.to_be_bytes(), [0, 1], [0; 2], [0; 2], [0, 1]].concat();
    for label in spelling.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0x80, 0]);
    let length = u16::try_from(option.len()).unwrap();
    message.extend((length + 4).to_be_bytes());
    // An option for local use (RFC 6891 §9).
    message.extend(65_001u16.to_be_bytes());
    message.extend(length.to_be_bytes());
    message.extend(option);
    message
}

fn ask(to: SocketAddr, message: &[u8]) -> Vec<u8> {
    // A port of its own for each, which could say something as well.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.send(message).unwrap();
    let mut answer = vec![0; 2048];
    let length = socket.recv(&mut answer).expect("an answer");
    answer.truncate(length);
    answer
}

/// The n-th spelling of a name: a letter in upper case for each bit that is set.
fn spelt(name: &str, bits: u32) -> String {
    let mut letter = 0;
    name.chars()
        .map(|one| {
            let upper = one.is_ascii_alphabetic() && {
                letter += 1;
                bits >> (letter - 1) & 1 == 1
            };
            if upper { one.to_ascii_uppercase() } else { one }
        })
        .collect()
}

#[test]
fn nothing_of_a_query_but_name_and_type_reaches_the_upstream_and_that_once() {
    World::run(|world| {
        let server = NameServer::start(|asked| {
            vec![asked.reply().answer(address(&asked.name, 300, "93.184.1.1")).wire()]
        });
        let policy = dns_scene::policy("", &["{ host: \"*.t.example\" }"]);
        let backstop = dns_scene::start_local(world, &policy, server.place());
        let to: SocketAddr = backstop.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        // 300 times 12 bits by case, 16 by the id, some by flags, 16 octets by an option.
        let secret = b"a stolen secret!";
        for bits in 0..300_u32 {
            let spelling = spelt("abcde.t.example", bits * 13 % 4096);
            let flags = [0x0100, 0x0110, 0x0120, 0x0000][bits as usize % 4];
            let answer = ask(to, &query(u16::try_from(bits).unwrap(), &spelling, flags, secret));
            assert_eq!((answer[3] & 15, answer[7]), (0, 1), "{spelling}");
        }
        assert_eq!(server.asked().len(), 1, "the cache answers for the rest");

        // Names asked once each, all in upper case: what goes on is spelt by the gateway's own dice.
        let names: Vec<String> = (0..64)
            .map(|n| format!("N{}ABCDEFGHIJ.T.EXAMPLE", char::from(b'A' + n % 26)))
            .collect();
        for (n, name) in names.iter().enumerate() {
            let _ = ask(to, &query(u16::try_from(n).unwrap(), name, 0x0110, secret));
        }
        let asked = server.asked();
        let (mut upper, mut letters) = (0, 0);
        for one in &asked[1..] {
            let text = &one.message[12..];
            upper += text.iter().take(22).filter(|octet| octet.is_ascii_uppercase()).count();
            letters += text.iter().take(22).filter(|octet| octet.is_ascii_alphabetic()).count();
        }
        assert!(letters > 400, "{letters}");
        assert!((letters * 35 / 100..letters * 65 / 100).contains(&upper), "{upper} of {letters}");
        for one in &asked {
            assert!(!one.message.windows(secret.len()).any(|part| part == secret));
            assert_eq!(one.message[2..4], [1, 0], "RD and nothing else");
            // One bare OPT at the end: no DO, no options.
            let opt = &one.message[one.message.len() - 11..];
            assert_eq!((&opt[..3], &opt[5..]), (&[0u8, 0, 41][..], &[0u8; 6][..]));
        }
        let mut ports: Vec<u16> = asked.iter().map(|one| one.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert!(ports.len() > 20, "ports are the gateway's own: {ports:?}");
    });
}
