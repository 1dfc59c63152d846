//! What a tunnel carries before and after it is permitted, and how it ends.

use super::stage::Stage;
use backstop_testkit::World;
use backstop_testkit::hello::Hello;
use std::io::{Read as _, Write as _};

fn name(sni: &str) -> Hello {
    Hello::for_name(sni)
}

/// A handshake message in a record of its own (RFC 8446 §5.1).
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, length[0], length[1]], body].concat()
}

#[test]
fn first_flights_that_name_another_place() {
    World::run(|world| {
        let stage = Stage::new(world);
        let good = name("api.weather.example");
        let rows: Vec<(&str, Vec<u8>)> = vec![
            ("another name", name("evil.example").bytes()),
            ("no name", Hello::default().bytes()),
            ("an address as name", name("93.184.1.1").bytes()),
            ("data in a label", name("c2VjcmV0.api.weather.example").bytes()),
            ("trailing dot and more", name("api.weather.example.evil.example").bytes()),
            ("decoded only", name("api%2eweather.example").bytes()),
            ("NUL", name("api.weather.example\0.evil.example").bytes()),
            ("ECH, or its GREASE", Hello { ech: Some(vec![0; 40]), ..good.clone() }.bytes()),
            ("spread over a record a byte, another name", name("evil.example").records(1)),
            ("a length of 16 MiB", record(22, &[1, 255, 255, 255, 3, 3])),
            ("HTTP", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec()),
            ("SSH", b"SSH-2.0-x\r\n".to_vec()),
            ("an alert first", [record(21, &[1, 0]), good.bytes()].concat()),
            ("SSLv2", vec![0x80, 0x2e, 1, 3, 1, 0, 0x15]),
        ];
        for (what, bytes) in &rows {
            let (mut stream, reply) = stage.connect("api.weather.example:443");
            assert_eq!(reply.status(), 200, "{what}");
            stream.write_all(bytes).unwrap();
            let mut answer = Vec::new();
            let _reset = stream.read_to_end(&mut answer);
            let denied = answer.is_empty() || answer == [21, 3, 3, 0, 2, 2, 49];
            assert!(denied, "{what}: {answer:?}");
        }
        stage.nothing_left();
        assert_eq!(stage.api.bytes(), 0);
        let controls: Vec<String> = stage
            .events("AttemptRefused")
            .iter()
            .map(|event| event["fact"]["control"].as_str().unwrap_or("?").to_owned())
            .collect();
        let want = [
            "wire.authority",
            "wire.authority",
            "wire.authority",
            "wire.authority",
            "wire.authority",
            "wire.framing",
            "wire.framing",
            "wire.ech",
            "wire.authority",
            "wire.framing",
            "wire.protocol",
            "wire.protocol",
            "wire.protocol",
            "wire.protocol",
        ];
        assert_eq!(controls, want);
    });
}

/// A server may believe the name of a second hello (RFC 8446 §4.1.4), also where the client has not
/// waited for the server to ask for one.
#[test]
fn a_second_hello_in_the_first_flight_was_not_judged() {
    World::run(|world| {
        let stage = Stage::new(world);
        let good = name("raw.weather.example").bytes();
        let evil = name("evil.example").bytes();
        for (what, between) in [
            ("at once", vec![]),
            ("behind a change of cipher", record(20, &[1])),
            ("behind a warning", record(21, &[1, 0])),
        ] {
            for split in [0, 1, 7, evil.len() - 1] {
                let (mut stream, reply) = stage.connect("raw.weather.example:443");
                assert_eq!(reply.status(), 200, "{what}");
                let (now, later) = evil.split_at(evil.len() - split);
                stream.write_all(&[&good, between.as_slice(), now].concat()).unwrap();
                std::thread::yield_now();
                let _cut = stream.write_all(later);
                let mut answer = Vec::new();
                let _reset = stream.read_to_end(&mut answer);
                assert!(!contains(&answer, &evil), "{what}, {split}: a second name went out");
            }
        }
        stage.nothing_left();
        let refused = stage.events("AttemptRefused");
        assert_eq!(refused.len(), 12, "{refused:?}");
    });
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
