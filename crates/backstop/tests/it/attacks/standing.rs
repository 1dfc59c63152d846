//! Credentials, the API from the agent's side, grants, and tunnels that outlive their permission.

use super::stage::{OPEN_PORT, POLICY, Stage, hold, told};
use backstop_testkit::backstop::basic;
use backstop_testkit::client::{self, eventually};
use backstop_testkit::hello::Hello;
use backstop_testkit::message::Message;
use backstop_testkit::{Session, World};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A live tunnel to the mirror, its first flight echoed.
fn tunnel(stage: &Stage, session: &Session) -> TcpStream {
    let auth = session.authorization();
    let (mut stream, reply) = client::tunnel(
        stage.backstop.proxy(),
        "raw.weather.example:443",
        &[("proxy-authorization", &auth)],
    );
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let hello = Hello::for_name("raw.weather.example").bytes();
    stream.write_all(&hello).unwrap();
    let mut echo = vec![0; hello.len()];
    stream.read_exact(&mut echo).unwrap();
    stream
}

/// How long the tunnel still carries bytes.
fn lives(mut stream: TcpStream) -> Duration {
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let record = [23, 3, 3, 0, 1, b'x'];
    let mut echo = [0; 6];
    while start.elapsed() < Duration::from_secs(15)
        && stream.write_all(&record).is_ok()
        && stream.read_exact(&mut echo).is_ok()
    {
        std::thread::yield_now();
    }
    start.elapsed()
}

#[test]
fn a_live_tunnel_ends_within_a_second_of_its_permission() {
    World::run(|world| {
        let stage = Stage::with(world, json!({ "policy_poll": "100ms" }), POLICY);
        let ask = |method: &str, path: &str, body: Value| {
            let body = (!body.is_null()).then_some(body);
            let reply = stage.backstop.ask(method, path, body.as_ref());
            assert!(reply.status() < 300, "{path}: {}", reply.text());
            reply
        };
        let open = || stage.backstop.session("research", &["weather@1.2.0"]);
        let why = "a test";
        let cut = |what: &str, session: &Session, act: &dyn Fn()| {
            let stream = tunnel(&stage, session);
            act();
            let lived = lives(stream);
            assert!(lived < Duration::from_secs(1), "{what}: lived {lived:?}");
            let reply = stage.get_as(&session.id, session.token(), "http://raw.weather.example/");
            assert!(matches!(reply.status(), 403 | 407), "{what}: {}", told(&reply));
        };
        let session = open();
        cut("session closed", &session, &|| {
            ask("DELETE", &format!("/v1/sessions/{}", session.id), Value::Null);
        });
        let session = open();
        cut("session in quarantine", &session, &|| {
            ask("POST", "/v1/quarantines", json!({ "session": session.id, "reason": why }));
        });
        let session = open();
        cut("token revoked", &session, &|| {
            let opened = stage.events("SessionOpened");
            let event =
                opened.iter().find(|e| e["subject"]["session"] == session.id.as_str()).unwrap();
            let id = event["fact"]["tokens"][0]["id"].as_str().unwrap().to_owned();
            ask("DELETE", &format!("/v1/tokens/{id}"), Value::Null);
        });
        let session = open();
        let skill = json!({ "name": "weather", "version": "1.2.0" });
        let mut quarantine = String::new();
        let quarantined = std::cell::RefCell::new(&mut quarantine);
        cut("skill in quarantine", &session, &|| {
            let body = json!({ "tenant": "research", "skill": skill, "reason": why });
            let id = ask("POST", "/v1/quarantines", body).json()["id"].as_str().unwrap().to_owned();
            **quarantined.borrow_mut() = id;
        });
        ask("POST", &format!("/v1/quarantines/{quarantine}/release"), json!({ "reason": why }));
        let session = open();
        let stream = tunnel(&stage, &session);
        let without = POLICY.replace(
            "  - { host: raw.weather.example, owner: t, reason: r, reviewBy: \"2099-01-01\" }\n",
            "",
        );
        assert_ne!(without, POLICY);
        stage.backstop.write_policy("policy.yaml", &without);
        let lived = lives(stream);
        assert!(lived < Duration::from_secs(2), "row removed: lived {lived:?}");
        stage.nothing_left();
    });
}

#[test]
fn a_session_that_expires_takes_its_tunnels_with_it() {
    World::run(|world| {
        let stage = Stage::new(world);
        let skills = json!([{ "name": "weather", "version": "1.2.0" }]);
        let body = json!({ "tenant": "research", "skills": skills, "for": "2s" });
        let session = stage.backstop.open_session(&body);
        let lived = lives(tunnel(&stage, &session));
        assert!(lived < Duration::from_secs(4), "{lived:?}");
        let reply = stage.get_as(&session.id, session.token(), "http://plain.weather.example/");
        assert_eq!(told(&reply), "407 identity");
    });
}

#[test]
fn credentials_that_are_not_the_askers() {
    World::run(|world| {
        let stage = Stage::new(world);
        let (session, backstop) = (&stage.session, &stage.backstop);
        let other = backstop.session("finance", &["payroll@2.0.0"]);
        let closed = backstop.session("research", &["weather@1.2.0"]);
        assert!(
            backstop.ask("DELETE", &format!("/v1/sessions/{}", closed.id), None).status() < 300
        );
        let runtime = backstop
            .ask(
                "POST",
                "/v1/tokens",
                Some(&json!({ "kind": "runtime", "principal": "runner", "tenant": "research" })),
            )
            .json()["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let last = |token: &str| {
            let (head, end) = token.split_at(token.len() - 1);
            format!("{head}{}", if end == "A" { "B" } else { "A" })
        };
        let url = "http://plain.weather.example/";
        let raw = |value: &[u8]| {
            let mut bytes = format!(
                "GET {url} HTTP/1.1\r\nHost: plain.weather.example\r\nProxy-Authorization: "
            )
            .into_bytes();
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n\r\n");
            stage.say_bytes(&bytes, 1).join("")
        };
        let by = |user: &str, token: &str| told(&stage.get_as(user, token, url));
        let token = session.token();
        let rows = vec![
            ("own", by(&session.id, token), "200"),
            ("token alone", by("", token), "200"),
            ("a closed session's", by(&closed.id, closed.token()), "407 identity"),
            ("another's name", by(&other.id, token), "407 identity"),
            ("another's token under the own name", by(&session.id, other.token()), "407 identity"),
            ("the name in upper case", by(&session.id.to_uppercase(), token), "407 identity"),
            ("no name's form", by("root", token), "407 identity"),
            ("a colon more", by(&session.id, &format!("{token}:")), "407 identity"),
            ("white space behind", by(&session.id, &format!("{token} ")), "407 identity"),
            ("one character off", by(&session.id, &last(token)), "407 identity"),
            (
                "as an operator's",
                by(&session.id, &token.replacen("bst_a_", "bst_o_", 1)),
                "407 identity",
            ),
            ("the operator's", by("", backstop.token()), "407 identity"),
            ("a runtime's", by("", &runtime), "407 identity"),
            ("the session's id as token", by("", &session.id), "407 identity"),
            ("no colon", raw(b"Basic Ym9vbQ=="), "407 identity"),
            ("not UTF-8", raw(b"Basic /////w=="), "407 identity"),
            ("bytes", raw(&[b'B', b'a', b's', b'i', b'c', b' ', 0xff, 0xfe]), "407 identity"),
            ("nothing", raw(b""), "407 identity"),
            (
                "two in one",
                raw(format!("{}, {}", session.authorization(), session.authorization()).as_bytes()),
                "407 identity",
            ),
            ("Digest", raw(b"Digest username=x"), "407 identity"),
            ("64 KiB", raw(&vec![b'a'; 70_000]), "431 limit"),
        ];
        hold(&rows);
        let two = stage.say(&format!("GET {url} HTTP/1.1\r\nHost: plain.weather.example\r\n{{auth}}\r\nProxy-Authorization: {}\r\n\r\n", other.authorization()), 1);
        assert_eq!(two, ["400 wire.framing"]);
        let as_own = stage.say(
            &format!(
                "GET {url} HTTP/1.1\r\nHost: plain.weather.example\r\nAuthorization: {}\r\n\r\n",
                session.authorization()
            ),
            1,
        );
        assert_eq!(as_own, ["407 identity"]);
        stage.nothing_left();
        // Every cause looks the same from outside, and none names a token.
        let unknown = stage.get_as("", &format!("bst_a_{}", "A".repeat(43)), url);
        let ended = stage.get_as("", closed.token(), url);
        let plain =
            |reply: &Message| reply.text().replace(reply.header("backstop-receipt").unwrap(), "");
        assert_eq!(plain(&unknown), plain(&ended));
    });
}

#[test]
fn what_an_agent_may_ask_of_the_api() {
    World::run(|world| {
        let stage = Stage::new(world);
        let api = stage.backstop.api();
        let token = stage.session.token();
        let bearer = format!("Bearer {token}");
        let id = &stage.session.id;
        let ask = |method: &str, path: &str, body: &Value| {
            let text = if body.is_null() { String::new() } else { body.to_string() };
            let headers =
                [("authorization", bearer.as_str()), ("content-type", "application/json")];
            client::request(api, method, path, &headers, text.as_bytes()).status()
        };
        let skills = json!([{ "name": "weather", "version": "1.2.0" }]);
        let until = json!({ "tenant": "research", "skill": "weather", "host": "evil.example", "for": "1h", "reason": "x" });
        for (method, path, body) in [
            ("POST", "/v1/sessions".to_owned(), json!({ "tenant": "research", "skills": skills })),
            ("GET", "/v1/sessions".to_owned(), Value::Null),
            ("DELETE", format!("/v1/sessions/{id}"), Value::Null),
            ("POST", "/v1/tokens".to_owned(), json!({ "kind": "operator", "principal": "me" })),
            ("GET", "/v1/tokens".to_owned(), Value::Null),
            ("GET", "/v1/events".to_owned(), Value::Null),
            ("GET", "/v1/alerts".to_owned(), Value::Null),
            ("GET", "/v1/holds".to_owned(), Value::Null),
            ("GET", "/v1/policy".to_owned(), Value::Null),
            ("POST", "/v1/grants".to_owned(), until),
            ("POST", "/v1/explain".to_owned(), json!({ "text": "https://evil.example/" })),
            ("GET", "/metrics".to_owned(), Value::Null),
        ] {
            let status = ask(method, &path, &body);
            assert!(matches!(status, 401 | 403), "{method} {path}: {status}");
        }
        // By the proxy, which is not the agent's own connection.
        for place in [
            format!("127.0.0.1:{}", api.port()),
            format!("[::1]:{}", api.port()),
            format!("0.0.0.0:{}", api.port()),
        ] {
            let reply = stage.get(&format!("http://{place}/healthz"));
            assert_eq!(told(&reply), "403 ssrf.address", "{place}");
        }
        let own = SocketAddr::from(([93, 184, 0, 1], OPEN_PORT));
        assert_eq!(told(&stage.get(&format!("http://{own}/"))), "403 ssrf.literal");
        // The proxy's port is not the API, and the API no proxy.
        let reply = client::request(
            api,
            "GET",
            "http://plain.weather.example/",
            &[("proxy-authorization", &basic(id, token))],
            b"",
        );
        assert_eq!(reply.status(), 400);
        let reply = client::request(
            stage.backstop.proxy(),
            "GET",
            "/v1/sessions",
            &[("authorization", &format!("Bearer {}", stage.backstop.token()))],
            b"",
        );
        assert_eq!(told(&reply), "407 identity");
        stage.nothing_left();
    });
}

#[test]
fn grants_open_neither_addresses_nor_other_tenants_nor_longer_times() {
    World::run(|world| {
        let stage = Stage::new(world);
        let ask = |body: Value| stage.backstop.ask("POST", "/v1/grants", Some(&body)).status();
        let grant = |host: &str, tenant: &str, span: &str| {
            ask(
                json!({ "tenant": tenant, "skill": "weather", "host": host, "port": 80, "for": span, "reason": "x" }),
            )
        };
        let refused = |status: u16| matches!(status, 400 | 403 | 404 | 409 | 422);
        for host in [
            "0x7f.1",
            "127.0.0.1",
            "169.254.169.254",
            "[::1]",
            "localhost",
            "metadata.google.internal",
            "a b",
            "*.example",
            "http://evil.example/",
            "evil.example/x",
            "",
        ] {
            let status = grant(host, "research", "1h");
            // Should one be given, the address guard stands behind it.
            let reply = if host.contains(['/', ' ', '*']) || host.is_empty() {
                None
            } else {
                Some(stage.get(&format!("http://{host}/")))
            };
            if let Some(reply) = reply {
                assert!(told(&reply).starts_with("403 ssrf."), "{host}: {}", told(&reply));
            } else {
                assert!(refused(status), "{host:?}: {status}");
            }
        }
        for span in ["8d", "0s", "-1h", "99999999999d", "1h1h", ""] {
            let status = grant("later.example", "research", span);
            assert!(refused(status), "{span:?}: {status}");
        }
        assert!(refused(grant("later.example", "nobody", "1h")), "no such tenant");
        // For another tenant it opens nothing here.
        grant("evil.example", "finance", "1h");
        assert_eq!(told(&stage.get("http://evil.example/")), "403 egress.tenant");
        stage.nothing_left();
    });
}

#[test]
fn observing_lets_no_forbidden_address_pass() {
    World::run(|world| {
        let date = "2026-12-15";
        let policy = POLICY.replacen(
            "spec:\n  skills: [{ name: weather",
            &format!("spec:\n  rollout: {{ mode: observe, until: \"{date}\" }}\n  skills: [{{ name: weather"),
            1,
        );
        let stage = Stage::with(world, json!({}), &policy);
        let evil = stage.attacker.ip();
        let rows: Vec<(&str, String, &str)> = vec![
            ("literal", told(&stage.get(&format!("http://{evil}/"))), "403 ssrf.literal"),
            ("metadata", told(&stage.get("http://169.254.169.254/")), "403 ssrf.address"),
            ("metadata by name", told(&stage.get("http://meta.example/")), "403 ssrf.address"),
            ("one of two addresses", told(&stage.get("http://mixed.example/")), "403 ssrf.address"),
            (
                "home",
                told(&stage.get(&format!("http://self.example:{OPEN_PORT}/"))),
                "403 ssrf.address",
            ),
            (
                "undeclared name of loopback",
                told(&stage.get("http://localhost.localdomain/")),
                "403 ssrf.address",
            ),
            (
                "scheme",
                stage
                    .say(
                        "GET ftp://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n\r\n",
                        1,
                    )
                    .join(""),
                "403 ssrf.scheme",
            ),
            ("observed", told(&stage.get("http://nowhere.weather.example/")), "502 upstream.reach"),
        ];
        hold(&rows);
        assert_eq!(stage.attacker.connections(), 0);
    });
}

/// CONNECTs while rows come and go: what is refused stays so, and nothing hangs.
#[test]
fn policies_that_change_in_the_middle_of_a_connect() {
    World::run(|world| {
        let stage = Stage::with(world, json!({ "policy_poll": "100ms" }), POLICY);
        let row =
            "  - { host: raw.weather.example, owner: t, reason: r, reviewBy: \"2099-01-01\" }\n";
        let without = POLICY.replace(row, "");
        let hello = Hello::for_name("raw.weather.example").bytes();
        let mut halves = Vec::new();
        for _ in 0..5 {
            let (mut stream, reply) = stage.connect("raw.weather.example:443");
            assert_eq!(reply.status(), 200);
            stream.write_all(&hello[..hello.len() / 2]).unwrap();
            halves.push(stream);
        }
        stage.backstop.write_policy("policy.yaml", &without);
        eventually("the row is gone", || {
            let (_, reply) = stage.connect("raw.weather.example:443");
            (reply.status() == 403).then_some(())
        });
        let before = stage.mirror.bytes();
        for mut stream in halves {
            let _cut = stream.write_all(&hello[hello.len() / 2..]);
            let mut answer = Vec::new();
            let _reset = stream.read_to_end(&mut answer);
            assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
        }
        assert_eq!(stage.mirror.bytes(), before, "no hello went out under a row that is gone");
        stage.works();
    });
}
