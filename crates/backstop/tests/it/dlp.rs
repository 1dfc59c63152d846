//! What payloads may carry, from outside: the real binary, real curl, real upstreams.

use crate::scene::{self, BINARY, explained, on_record};
use backstop_testkit::client::{self, eventually};
use backstop_testkit::{Backstop, Session, Setup, Upstream, World};
use base64::Engine as _;
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;

const MODEL: &str = "model.example";
const OTHER: &str = "other.example";
const MAIL: &str = "mail.example";

/// A key of the gateway's own, by no provider's form.
const KEY: &str = "mk-7Yq2LwX9vR4tB8nZ3kD6";
const SSN: &str = "SSN 536-90-4399";

/// Three plain hosts: one may get an encoded field and the gateway's own key, one e-mail addresses
/// and names, one nothing.
fn policy() -> String {
    let rows = [
        "{ host: model.example, ports: [80], protocol: HTTP, credential: { env: MODEL_KEY }, recipient: { encodedFields: [\"/messages/*/content/*/source/data\", \"/input/*/content/*/image_url\"] } }",
        "{ host: mail.example, ports: [80], protocol: HTTP, recipient: { entities: [EMAIL_ADDRESS, PERSON] } }",
        "{ host: other.example, ports: [80], protocol: HTTP }",
    ];
    let declared =
        [MODEL, MAIL, OTHER].map(|h| format!("{{ host: {h}, ports: [80], protocol: HTTP }}"));
    scene::policy_with(&rows, &declared.each_ref().map(String::as_str))
}

struct Stage<'w> {
    world: &'w World,
    upstream: Upstream,
    gateway: Backstop,
    session: Session,
}

impl<'w> Stage<'w> {
    fn new(world: &'w World) -> Self {
        Self::with(world, json!({}))
    }

    fn with(world: &'w World, config: Value) -> Self {
        Self::keyed(world, config, KEY)
    }

    /// With that value in the variable of the gateway's environment that a row binds.
    fn keyed(world: &'w World, config: Value, key: &str) -> Self {
        let upstream = Upstream::http(world);
        for name in [MODEL, OTHER, MAIL] {
            world.host(name, upstream.ip());
        }
        let mut setup = Setup::new(world, BINARY, &policy()).config(config);
        setup.environment.push(("MODEL_KEY".into(), key.into()));
        let gateway = Backstop::start(world, setup);
        let session = scene::session(&gateway);
        Self { world, upstream, gateway, session }
    }

    /// What curl gets with these arguments: the status, and the control of a refusal.
    #[track_caller]
    fn curl(&self, arguments: &[&str]) -> (u16, String) {
        let mut command = self.world.command("curl");
        command.env("http_proxy", self.session.proxy_url(self.gateway.proxy()));
        command.args(["-sS", "-w", "\n%{http_code}"]).args(arguments);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
        let problem: Value = serde_json::from_str(body).unwrap_or_default();
        let control = problem["control"].as_str().unwrap_or_default().to_owned();
        (status.parse().unwrap_or_default(), control)
    }

    /// Posts a body with curl.
    #[track_caller]
    fn post(&self, host: &str, kind: &str, body: &[u8], more: &[&str]) -> (u16, String) {
        let file = self.world.path().join("body");
        std::fs::write(&file, body).unwrap();
        let (data, kind) = (format!("@{}", file.display()), format!("content-type: {kind}"));
        let url = format!("http://{host}/v1/messages");
        let mut arguments = vec!["--data-binary", &data, "-H", &kind, "-H", "expect:", &url];
        arguments.extend(more);
        self.curl(&arguments)
    }

    #[track_caller]
    fn json(&self, host: &str, body: &Value) -> (u16, String) {
        self.post(host, "application/json", body.to_string().as_bytes(), &[])
    }

    /// It is refused by that control, and the upstream sees nothing of it.
    #[track_caller]
    fn refused(&self, control: &str, answer: impl FnOnce() -> (u16, String)) {
        let before = self.upstream.requests();
        let (status, by) = answer();
        assert_eq!((status, by.as_str()), (403, control));
        assert_eq!(self.upstream.requests(), before, "nothing of it left");
    }

    /// It passes, and the upstream gets exactly this body.
    #[track_caller]
    fn passes(&self, body: &[u8], answer: impl FnOnce() -> (u16, String)) {
        let answer = answer();
        if answer.0 != 200 {
            let events = scene::events(self.world, &self.gateway);
            let last = events.iter().rfind(|event| event["type"] == "AttemptRefused");
            panic!("{answer:?}; on record so far: {:#}", last.unwrap_or(&Value::Null)["fact"]);
        }
        let received = self.upstream.received();
        assert_eq!(received.last().unwrap().message.body, body, "byte for byte");
    }
}

#[test]
fn personal_data_leaves_in_no_part_of_a_request() {
    World::run(|world| {
        let stage = Stage::new(world);
        let clean = json!({ "note": "rain tomorrow", "points": [47.1, 8.5] });
        stage.passes(clean.to_string().as_bytes(), || stage.json(OTHER, &clean));
        stage.refused("dlp.pii", || stage.json(OTHER, &json!({ "note": SSN })));
        stage.refused("dlp.pii", || stage.json(OTHER, &json!({ "deep": [{ "er": [SSN] }] })));
        stage.refused("dlp.pii", || stage.json(OTHER, &json!({ "card": 4012888888881881_u64 })));
        stage.refused("dlp.pii", || stage.post(OTHER, "text/plain", SSN.as_bytes(), &[]));
        let form = b"a=1&note=SSN+536-90-4399";
        stage.refused("dlp.pii", || {
            stage.post(OTHER, "application/x-www-form-urlencoded", form, &[])
        });
        let url = "http://other.example/find?q=SSN%20536-90-4399";
        stage.refused("dlp.pii", || stage.curl(&[url]));
        stage.refused("dlp.pii", || stage.curl(&["http://other.example/to/jane.roe@acme.com"]));
        stage.refused("dlp.pii", || {
            stage.curl(&["-H", "x-note: SSN 536-90-4399", "http://other.example/"])
        });
        stage.refused("dlp.pii", || {
            stage.curl(&["-b", "who=jane.roe@acme.com", "http://other.example/"])
        });
        stage.passes(b"", || stage.curl(&["http://other.example/points/47.1,8.5?units=si&days=3"]));
    });
}

#[test]
fn a_recipient_gets_what_its_row_lists_and_nothing_else() {
    World::run(|world| {
        let stage = Stage::new(world);
        let address = json!({ "to": "jane.roe@acme.com" });
        stage.passes(address.to_string().as_bytes(), || stage.json(MAIL, &address));
        stage.refused("dlp.pii", || stage.json(OTHER, &address));
        let both = json!({ "to": "jane.roe@acme.com", "note": SSN });
        stage.refused("dlp.pii", || stage.json(MAIL, &both));
    });
}

#[test]
fn the_gateways_own_key_goes_to_its_host_alone() {
    World::run(|world| {
        let stage = Stage::new(world);
        let header = format!("authorization: Bearer {KEY}");
        let ask = json!({ "messages": [{ "role": "user", "content": "will it rain?" }] });
        let ask = ask.to_string();
        let with_key =
            |host: &str| stage.post(host, "application/json", ask.as_bytes(), &["-H", &header]);
        stage.passes(ask.as_bytes(), || with_key(MODEL));
        stage.refused("dlp.credential", || with_key(OTHER));
        for body in
            [json!({ "note": KEY }), json!({ "note": format!("x{KEY}y") }), json!({ KEY: 1 })]
        {
            stage.refused("dlp.credential", || stage.json(OTHER, &body));
        }
        stage.refused("dlp.credential", || stage.curl(&[&format!("http://other.example/{KEY}")]));
        // The session's own token is nobody else's either, wherever it turns up.
        let token = json!({ "note": stage.session.token() });
        stage.refused("dlp.credential", || stage.json(MODEL, &token));
    });
}

/// As a provider writes them, and long enough to be an encoded run.
const PROVIDERS_KEY: &str = concat!(
    "sk-ant-",
    "api03-pTyGJMuHbEL31IeL2HPcHyGcFRl1SPnXNYvMIHa-2o76umfXfKm-r5kJP1VrT_1FJors-6ILi8IHn5kxsC7tVO-HbkQfyAA"
);

#[test]
fn a_providers_key_in_the_usual_fields_goes_to_its_host_alone() {
    World::run(|world| {
        let stage = Stage::keyed(world, json!({}), PROVIDERS_KEY);
        for field in ["authorization: Bearer ", "x-api-key: ", "cookie: auth_token="] {
            let header = format!("{field}{PROVIDERS_KEY}");
            let ask = json!({ "messages": [{ "role": "user", "content": "will it rain?" }] });
            let ask = ask.to_string();
            let with_key =
                |host| stage.post(host, "application/json", ask.as_bytes(), &["-H", &header]);
            stage.passes(ask.as_bytes(), || with_key(MODEL));
            stage.refused("dlp.credential", || with_key(OTHER));
            // Somebody else's key of the same kind is at home nowhere.
            let swapped = header.replace("pTyGJM", "qUzHKN");
            stage.refused("dlp.credential", || {
                stage.post(MODEL, "application/json", ask.as_bytes(), &["-H", &swapped])
            });
        }
    });
}

#[test]
fn a_file_that_a_row_names_is_bound_as_soon_as_the_row_is_in_force() {
    World::run(|world| {
        let stage = Stage::new(world);
        let file = world.path().join("model.key");
        std::fs::write(&file, "fk-Zq81LmX4tRvB7nWs2Kc9\n").unwrap();
        let body = json!({ "note": "fk-Zq81LmX4tRvB7nWs2Kc9" });
        stage.passes(body.to_string().as_bytes(), || stage.json(OTHER, &body));
        let bound = format!("credential: {{ file: {} }}", file.display());
        let text = policy().replace("credential: { env: MODEL_KEY }", &bound);
        std::fs::write(stage.gateway.policy().join("policy.yaml"), text).unwrap();
        eventually("the row in force", || {
            (stage.json(OTHER, &body).1 == "dlp.credential").then_some(())
        });
        stage.passes(body.to_string().as_bytes(), || stage.json(MODEL, &body));
    });
}

#[test]
fn a_canary_file_is_looked_for_and_never_quoted() {
    World::run(|world| {
        let file = world.path().join("canaries");
        std::fs::write(&file, "# planted\ndump=kestrel-drum-lamp\n").unwrap();
        let allow = |mode| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        allow(0o644);
        let config = json!({ "secrets": { "canaries": [file.display().to_string()] } });
        let open = Setup::new(world, BINARY, &policy()).config(config.clone());
        let exit = Backstop::try_start(world, open).unwrap_err();
        assert!(
            exit.stderr.contains("chmod go-rwx") && !exit.stderr.contains("kestrel"),
            "{}",
            exit.stderr
        );
        allow(0o600);
        let stage = Stage::with(world, config);
        let body = json!({ "rows": ["id,name", "7,kestrel-drum-lamp"] });
        stage.refused("dlp.credential", || stage.json(MODEL, &body));
        let refused = on_record(world, &stage.gateway, "AttemptRefused", |fact| {
            fact["findings"][0]["canary"] == "canary:dump"
        });
        assert!(!refused.to_string().contains("kestrel"), "{refused}");
    });
}

#[test]
fn a_finding_is_on_record_by_kind_place_and_digest_alone() {
    World::run(|world| {
        let stage = Stage::new(world);
        stage.refused("dlp.pii", || stage.json(OTHER, &json!({ "people": [{ "note": SSN }] })));
        let refused =
            on_record(world, &stage.gateway, "AttemptRefused", |fact| fact["control"] == "dlp.pii");
        let found = &refused["fact"]["findings"][0];
        assert_eq!(found["kind"], "US_SSN", "{found}");
        assert_eq!((&found["part"], &found["field"]), (&json!("body"), &json!("/people/0/note")));
        assert_eq!(found["length"], 11);
        assert!(found["digest"].as_str().unwrap().starts_with("keyed:"), "{found}");
        let receipt = refused["receipt"].as_str().unwrap();
        let (verdict, control, host) = explained(world, &stage.gateway, receipt);
        assert_eq!((verdict.as_str(), control.as_str(), host.as_str()), ("deny", "dlp.pii", OTHER));
        let shown = scene::run(world, &stage.gateway, &["explain", receipt]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("US_SSN in body `/people/0/note`"), "{shown}");
        assert!(!shown.contains("536-90"), "{shown}");
        // What may go is on record too.
        let address = json!({ "to": "jane.roe@acme.com" });
        stage.passes(address.to_string().as_bytes(), || stage.json(MAIL, &address));
        let passed = on_record(world, &stage.gateway, "AttemptPermitted", |fact| {
            fact["findings"][0]["kind"] == "EMAIL_ADDRESS"
        });
        assert_eq!(passed["fact"]["inspected"], "body");
        let duty = &passed["fact"]["duties"][0];
        assert_eq!(
            (&duty["obligation"], &duty["discharged"]),
            (&json!("inspect_body"), &json!(true))
        );
    });
}

#[test]
fn past_the_cap_and_past_the_budget_the_answer_is_no() {
    World::run(|world| {
        let config = json!({ "inspect": { "body_cap": "64KiB", "session_share": "128KiB", "budget": "1MiB" } });
        let stage = Stage::with(world, config);
        let fits = vec![b'a'; 64 * 1024];
        stage.passes(&fits, || stage.post(OTHER, "text/plain", &fits, &[]));
        let over = vec![b'a'; 64 * 1024 + 1];
        let before = stage.upstream.requests();
        assert_eq!(stage.post(OTHER, "text/plain", &over, &[]), (413, "limit".to_owned()));
        let chunked = ["-H", "transfer-encoding: chunked"];
        assert_eq!(stage.post(OTHER, "text/plain", &over, &chunked), (413, "limit".to_owned()));
        assert_eq!(stage.upstream.requests(), before);

        // Two bodies that never end hold the session's share; its third is told to come later, and
        // another session has room.
        let credential = stage.session.authorization();
        let head = format!(
            "POST http://{OTHER}/ HTTP/1.1\r\nhost: {OTHER}\r\nproxy-authorization: {credential}\r\n\
             content-length: 65000\r\n\r\n"
        );
        let hold = || {
            let mut stream = client::connect(stage.gateway.proxy());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&fits[..60_000]).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        };
        let mut holders = [hold(), hold()];
        eventually("the share is in use", || {
            let refused = stage.post(OTHER, "text/plain", &fits, &[]).0 == 503;
            // The question itself may have had the room when a holder came: that one was answered,
            // and comes again.
            for holder in &mut holders {
                if holder.peek(&mut [0]).is_ok() {
                    *holder = hold();
                }
            }
            refused.then_some(())
        });
        let mut other = Stage { session: scene::session(&stage.gateway), ..stage };
        other.passes(&fits, || other.post(OTHER, "text/plain", &fits, &[]));
        drop(holders);
        other.session = scene::session(&other.gateway);
    });
}

#[test]
fn what_is_refused_anyway_is_not_asked_for_its_body() {
    World::run(|world| {
        let stage = Stage::new(world);
        let credential = stage.session.authorization();
        let mut stream = client::connect(stage.gateway.proxy());
        let head = format!(
            "POST http://evil.example/ HTTP/1.1\r\nhost: evil.example\r\nproxy-authorization: {credential}\r\n\
             expect: 100-continue\r\ncontent-length: 5\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let reply =
            client::read_reply(&mut stream, backstop_testkit::message::Kind::Reply).unwrap();
        assert_eq!(reply.status(), 403, "{}", reply.first);
    });
}

#[test]
fn a_client_that_breaks_off_or_drips_gets_nothing_through() {
    World::run(|world| {
        let config = json!({ "proxy": { "upload_timeout": "500ms" } });
        let stage = Stage::with(world, config);
        let credential = stage.session.authorization();
        let send = |framing: &str, body: &[u8]| {
            let mut stream = client::connect(stage.gateway.proxy());
            let head = format!(
                "POST http://{OTHER}/ HTTP/1.1\r\nhost: {OTHER}\r\nproxy-authorization: {credential}\r\n{framing}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body).unwrap();
            stream
        };
        drop(send("content-length: 10", b"half"));
        drop(send("transfer-encoding: chunked", b"5\r\nhalf"));
        let mut slow = send("content-length: 10", b"half");
        let reply = client::read_reply(&mut slow, backstop_testkit::message::Kind::Reply).unwrap();
        assert_eq!(reply.status(), 408, "{}", reply.first);
        // Trailers are judged with the body.
        let body = format!("2\r\nok\r\n0\r\nx-note: {SSN}\r\n\r\n");
        let mut trailed = send("transfer-encoding: chunked\r\ntrailer: x-note", body.as_bytes());
        let reply =
            client::read_reply(&mut trailed, backstop_testkit::message::Kind::Reply).unwrap();
        assert_eq!((reply.status(), reply.json()["control"].as_str()), (403, Some("dlp.pii")));
        // A framing fault within a body is told as such.
        let mut bad = send("transfer-encoding: chunked", b"zz\r\n");
        let reply = client::read_reply(&mut bad, backstop_testkit::message::Kind::Reply).unwrap();
        assert_eq!((reply.status(), reply.json()["control"].as_str()), (400, Some("wire.framing")));
        assert_eq!(stage.upstream.requests(), 0);
    });
}

#[test]
fn a_body_whose_coding_nobody_knows_is_refused() {
    World::run(|world| {
        let stage = Stage::new(world);
        let coded = ["-H", "content-encoding: rot26"];
        stage.refused("egress.uninspected", || stage.post(OTHER, "text/plain", b"hello", &coded));
    });
}

/// A ZIP archive of one stored file.
fn zip(name: &str, plain: &[u8], flags: u8) -> Vec<u8> {
    let four = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let length = [u8::try_from(name.len()).unwrap(), 0];
    let sizes = [four(plain.len()), four(plain.len())].concat();
    let head =
        [&[20, 0, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &length, &[0, 0]].concat();
    let entry = [b"PK\x03\x04", &head[..], name.as_bytes(), plain].concat();
    let directory = [b"PK\x01\x02\x14\0", &head[..], &[0; 14], name.as_bytes()].concat();
    let end = [&[0, 0, 0, 0, 1, 0, 1, 0][..], &four(directory.len()), &four(entry.len()), &[0, 0]];
    [&entry[..], &directory, b"PK\x05\x06", &end.concat()].concat()
}

#[test]
fn archives_and_documents_are_opened_and_what_cannot_be_is_declared_or_stays() {
    World::run(|world| {
        let stage = Stage::new(world);
        let clean = zip("a.txt", b"rain tomorrow", 0);
        stage.passes(&clean, || stage.post(OTHER, "application/zip", &clean, &[]));
        let bad = zip("a.txt", SSN.as_bytes(), 0);
        for kind in ["application/zip", "application/octet-stream", "image/png", "text/plain"] {
            stage.refused("dlp.pii", || stage.post(OTHER, kind, &bad, &[]));
        }
        let nested = zip("inner.zip", &bad, 0);
        stage.refused("dlp.pii", || stage.post(OTHER, "application/zip", &nested, &[]));
        stage.refused("dlp.pii", || stage.json(OTHER, &json!({ "f": encoded(&gzip(&bad)) })));
        let part = [
            &b"--B\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.docx\"\r\n\r\n"[..],
            &bad,
            b"\r\n--B--\r\n",
        ]
        .concat();
        stage.refused("dlp.pii", || {
            stage.post(OTHER, "multipart/form-data; boundary=B", &part, &[])
        });
        // Encrypted: refused, but where the recipient declares the field.
        let sealed = zip("a.txt", &[0x9d; 40], 1);
        stage.refused("dlp.encoded", || stage.post(OTHER, "application/zip", &sealed, &[]));
        let data =
            json!({ "messages": [{ "content": [{ "source": { "data": encoded(&sealed) } }] }] });
        stage.passes(data.to_string().as_bytes(), || stage.json(MODEL, &data));
        stage.refused("dlp.encoded", || stage.json(OTHER, &data));
        // What is found in a declared field is found all the same.
        let data =
            json!({ "messages": [{ "content": [{ "source": { "data": encoded(&bad) } }] }] });
        stage.refused("dlp.pii", || stage.json(MODEL, &data));
    });
}

fn encoded(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &brotli::enc::BrotliEncoderParams::default())
        .unwrap();
    out
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn compressed_bodies_are_read_and_sent_as_they_came() {
    World::run(|world| {
        let stage = Stage::new(world);
        let (clean, bad) = (json!({ "note": "rain tomorrow" }), json!({ "note": SSN }));
        type Pack = fn(&[u8]) -> Vec<u8>;
        for (name, pack) in [("gzip", gzip as Pack), ("br", brotli), ("zstd", zstd)] {
            let coding = format!("content-encoding: {name}");
            let send = |body: &[u8]| stage.post(OTHER, "application/json", body, &["-H", &coding]);
            let packed = pack(clean.to_string().as_bytes());
            stage.passes(&packed, || send(&packed));
            stage.refused("dlp.pii", || send(&pack(bad.to_string().as_bytes())));
            let mut trailing = packed.clone();
            trailing.extend(SSN.as_bytes());
            stage.refused("egress.uninspected", || send(&trailing));
            let half = &packed[..packed.len() / 2];
            stage.refused("egress.uninspected", || send(half));
        }
        // Both, in the order in which they were applied.
        let twice = brotli(&gzip(bad.to_string().as_bytes()));
        let coding = ["-H", "content-encoding: gzip, br"];
        stage.refused("dlp.pii", || stage.post(OTHER, "application/json", &twice, &coding));
        // A bomb costs a refusal and little time.
        let bomb = gzip(&vec![b'a'; 64 << 20]);
        let began = std::time::Instant::now();
        let (status, _) = stage.post(OTHER, "text/plain", &bomb, &["-H", "content-encoding: gzip"]);
        assert_ne!(status, 200);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    });
}

#[test]
fn disguises_hide_nothing() {
    World::run(|world| {
        let stage = Stage::new(world);
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        for (what, note) in [
            ("Base64", base64(SSN.as_bytes())),
            ("gzip in Base64", base64(&gzip(format!("{SSN} {SSN}").as_bytes()))),
            ("JSON in a string", json!({ "inner": SSN }).to_string()),
            ("zero-width characters", SSN.replace('-', "\u{200b}-")),
            ("escapes", "SSN 536\\u002d90\\u002d4399".to_owned()),
            ("HTML entities", "SSN 536&#45;90&#45;4399".to_owned()),
        ] {
            let before = stage.upstream.requests();
            let answer = stage.json(OTHER, &json!({ "note": note }));
            assert_eq!(answer, (403, "dlp.pii".to_owned()), "{what}");
            assert_eq!(stage.upstream.requests(), before, "{what}");
        }
        for (what, note) in [
            ("Base64", base64(format!("the key is {KEY}").as_bytes())),
            ("hexadecimal", KEY.bytes().map(|byte| format!("{byte:02x}")).collect()),
            ("zero-width characters", KEY.replace('q', "q\u{200b}")),
            ("backwards", KEY.chars().rev().collect()),
        ] {
            let answer = stage.json(OTHER, &json!({ "note": note }));
            assert_eq!(answer, (403, "dlp.credential".to_owned()), "{what}");
        }
        let run = json!({ "note": picture() });
        stage.refused("dlp.encoded", || stage.json(OTHER, &run));
        stage.refused("dlp.encoded", || stage.json(MODEL, &run));
    });
}

#[test]
fn a_websocket_is_not_said_to_be_inspected() {
    World::run(|world| {
        let stage = Stage::new(world);
        let upgrade = |host: &str| {
            let url = format!("http://{host}/mirror");
            stage.curl(&[
                "-H",
                "connection: Upgrade",
                "-H",
                "upgrade: websocket",
                "-H",
                "sec-websocket-version: 13",
                "-H",
                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
                "--max-time",
                "2",
                &url,
            ])
        };
        stage.refused("egress.uninspected", || upgrade(MAIL));
        upgrade(OTHER);
        let passed = on_record(world, &stage.gateway, "AttemptPermitted", |fact| {
            fact["asked"]["host"] == OTHER
        });
        assert_eq!(passed["fact"]["inspected"], "headers");
    });
}

/// A picture as the SDKs send it.
fn picture() -> String {
    let bytes: Vec<u8> =
        (0..3_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn conversations_of_the_sdks_pass_to_their_host_alone() {
    World::run(|world| {
        let stage = Stage::new(world);
        let header = format!("x-api-key: {KEY}");
        let mut messages = Vec::new();
        for turn in 0..12 {
            messages.push(json!({ "role": "user", "content": [
                { "type": "text", "text": format!("What does picture {turn} show? {}", "It was taken on a rainy day. ".repeat(40)) },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": picture() } },
            ]}));
            messages.push(json!({ "role": "assistant", "content": "A street in the rain." }));
            let body =
                json!({ "model": "m-1", "max_tokens": 1024, "messages": messages }).to_string();
            stage.passes(body.as_bytes(), || {
                stage.post(MODEL, "application/json", body.as_bytes(), &["-H", &header])
            });
        }
        let elsewhere = json!({ "messages": messages });
        let (status, control) = stage.json(OTHER, &elsewhere);
        assert_eq!((status, control.as_str()), (403, "dlp.encoded"));
        let openai = json!({ "model": "m", "input": [{ "role": "user", "content": [
            { "type": "input_image", "image_url": format!("data:image/png;base64,{}", picture()) },
        ]}]});
        stage.passes(openai.to_string().as_bytes(), || stage.json(MODEL, &openai));
    });
}
