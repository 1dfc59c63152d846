//! One session against the others, and against disk and memory.

use super::stage::{POLICY, Stage, told};
use backstop_testkit::client;
use backstop_testkit::{Answer, World};
use serde_json::json;
use std::io::{Read as _, Write as _};

#[test]
fn one_session_cannot_take_every_connection() {
    World::run(|world| {
        let config =
            json!({ "proxy": { "max_connections": "40", "max_connections_per_session": "20" } });
        let stage = Stage::with(world, config, POLICY);
        let other = stage.backstop.session("research", &["weather@1.2.0"]);
        // Refused requests on connections that stay open hold no flow, but a connection each.
        let auth = stage.authorization();
        let request = client::head(
            "GET",
            "http://evil.example/",
            &[("proxy-authorization", auth.as_str())],
            b"",
        );
        let mut open = Vec::new();
        let mut limited = 0;
        for _ in 0..60 {
            let mut stream = client::connect(stage.backstop.proxy());
            stream.write_all(&request).unwrap();
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            let text = String::from_utf8_lossy(&part[..read]).into_owned();
            if text.starts_with("HTTP/1.1 429") {
                limited += 1;
            } else {
                assert!(text.starts_with("HTTP/1.1 403"), "{text}");
                open.push(stream);
            }
        }
        assert_eq!((open.len(), limited), (20, 40));
        let reply = stage.get_as(&other.id, other.token(), "http://plain.weather.example/");
        assert_eq!(reply.status(), 200, "{}", told(&reply));
        drop(open);
        client::eventually("places are given back", || {
            (stage.get("http://plain.weather.example/").status() == 200).then_some(())
        });
        stage.nothing_left();
    });
}

#[test]
fn slow_answers_and_endless_bodies_of_one_session_leave_another_alone() {
    World::run(|world| {
        let stage = Stage::new(world);
        let other = stage.backstop.session("research", &["weather@1.2.0"]);
        stage.script("/never", Answer::Silence);
        let auth = stage.authorization();
        let mut open = Vec::new();
        for path in ["never", "endless"] {
            let url = format!("http://plain.weather.example/{path}");
            for _ in 0..200 {
                let mut stream = client::connect(stage.backstop.proxy());
                let request =
                    client::head("GET", &url, &[("proxy-authorization", auth.as_str())], b"");
                stream.write_all(&request).unwrap();
                open.push(stream);
            }
        }
        for _ in 0..20 {
            let reply = stage.get_as(&other.id, other.token(), "http://plain.weather.example/");
            assert_eq!(reply.status(), 200);
        }
        let resident = stage.backstop.resident();
        assert!(resident < 200 << 20, "{resident}");
        stage.nothing_left();
    });
}

#[test]
fn a_hostile_agent_cannot_fill_the_ledger_with_refusals_or_long_paths() {
    World::run(|world| {
        let stage = Stage::new(world);
        let size = || -> u64 {
            std::fs::read_dir(stage.backstop.state().join("ledger"))
                .unwrap()
                .filter_map(|entry| entry.unwrap().metadata().ok())
                .map(|meta| meta.len())
                .sum()
        };
        let before = size();
        let auth = stage.authorization();
        let long = "a".repeat(60_000);
        let headers = [("proxy-authorization", auth.as_str())];
        let mut stream = client::connect(stage.backstop.proxy());
        for round in 0..2_000 {
            let url =
                format!("http://d{round}.evil.example/{}", if round < 100 { &long } else { "" });
            stream.write_all(&client::head("GET", &url, &headers, b"")).unwrap();
            let reply =
                client::read_reply(&mut stream, backstop_testkit::message::Kind::Reply).unwrap();
            assert_eq!(told(&reply), "403 egress.tenant");
            assert!(reply.raw.len() < 1_024, "a refusal is short: {}", reply.raw.len());
        }
        // Permitted ones are recorded each, with no more than 1 KiB of a path.
        for _ in 0..20 {
            let url = format!("http://plain.weather.example/{long}?{}", "q".repeat(2_000));
            assert_eq!(stage.get(&url).status(), 200);
        }
        let grown = size().saturating_sub(before);
        assert!(grown < 4 << 20, "{grown}");
        let permits = stage.events("AttemptPermitted");
        assert!(permits.len() >= 20);
        for permit in permits {
            let text = permit.to_string();
            assert!(text.len() < 8_192 && !text.contains("qqqq"), "{}", text.len());
        }
        stage.nothing_left();
    });
}
