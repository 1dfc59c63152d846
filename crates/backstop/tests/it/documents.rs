//! Registered documents and tables, from `backstop corpus add` to a refusal on the wire: the real
//! binary, plain HTTP, one paragraph in every shape in which it could be sent.

use crate::run::ended;
use crate::scene::{self, BINARY};
use backstop_testkit::{Backstop, Session, Setup, Upstream, World, client};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

const HOST: &str = "plain.example";

/// A document as people write them, with words that come again and again.
fn plan() -> String {
    let subjects = ["the board", "our partner", "the northern plant", "each supplier", "the fund"];
    let verbs = ["will sell", "must not announce", "has agreed to", "can delay", "pays for"];
    let objects = ["the harbour site", "the second tranche", "both licences", "all old machines"];
    let ends = ["before the summer", "at a loss", "without notice", "once the court has ruled"];
    let mut state = 7_u64;
    let mut draw = |list: &[&'static str]| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        list[(state >> 33) as usize % list.len()]
    };
    let mut text = String::new();
    for paragraph in 0..30 {
        for sentence in 0..8 {
            text.push_str(&format!(
                "In step {paragraph}.{sentence} {} {} {} {}. ",
                draw(&subjects),
                draw(&verbs),
                draw(&objects),
                draw(&ends)
            ));
        }
        text.push_str("\n\n");
    }
    text
}

const CUSTOMERS: &str = "id,name,street,account,tier\n\
    1,Ada Lovelock,Marylebone 12,AC-4711-X,gold\n\
    2,Alan Turnley,Wilmslow Lane 8,AC-4712-Y,blue\n\
    3,Grace Hopewell,Arlington Row 3,AC-4713-Z,gold\n";

struct Desk<'w> {
    world: &'w World,
    upstream: Upstream,
    gateway: Backstop,
    session: Session,
    plan: String,
    table: String,
}

impl<'w> Desk<'w> {
    /// Registers, then serves.
    fn new(world: &'w World) -> Self {
        let upstream = Upstream::http(world);
        world.host(HOST, upstream.ip());
        let row = "{ host: plain.example, ports: [80], protocol: HTTP }";
        let setup = Setup::new(world, BINARY, &scene::policy(&[row]));
        let state = setup.directory.join("state");
        let write = |name: &str, text: &str| {
            let path = world.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (plan, table) = (write("plan.md", &plan()), write("customers.csv", CUSTOMERS));
        for arguments in [
            ["--level", "restricted", &plan].as_slice(),
            &[
                "--level",
                "confidential",
                "--columns",
                "name,street,account",
                "--match",
                "2",
                &table,
            ],
        ] {
            let mut command = world.command(BINARY);
            command.arg("--state").arg(&state).args(["corpus", "add"]).args(arguments);
            let ran = ended(&mut command);
            assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        }
        let gateway = Backstop::start(world, setup);
        let session = scene::session(&gateway);
        Self { world, upstream, gateway, session, plan, table }
    }

    /// Posts a body; the status and the control of a refusal, with its receipt.
    #[track_caller]
    fn post(&self, kind: &str, body: &[u8]) -> (u16, String, String) {
        let authorization = self.session.authorization();
        let headers = [
            ("proxy-authorization", authorization.as_str()),
            ("content-type", kind),
            ("connection", "close"),
        ];
        let target = format!("http://{HOST}/notes");
        let reply = client::request(self.gateway.proxy(), "POST", &target, &headers, body);
        let receipt = reply.header("backstop-receipt").unwrap_or_default().to_owned();
        if reply.status() == 200 {
            return (200, String::new(), receipt);
        }
        (reply.status(), reply.json()["control"].as_str().unwrap_or_default().to_owned(), receipt)
    }

    /// It is refused, by the id of that document among others, and nothing of it leaves.
    #[track_caller]
    fn refused(&self, what: &str, document: &str, kind: &str, body: &[u8]) {
        let before = self.upstream.requests();
        let (status, control, receipt) = self.post(kind, body);
        // A row of a table may hold a name or an address besides.
        assert!(status == 403 && control.starts_with("dlp."), "{what}: {status} {control}");
        assert_eq!(self.upstream.requests(), before, "{what}: nothing of it left");
        let event = client::eventually("the refusal on record", || {
            scene::events(self.world, &self.gateway)
                .into_iter()
                .find(|event| event["receipt"] == receipt.as_str())
        });
        let findings = event["fact"]["findings"].as_array().unwrap();
        let id = format!("document:{document}");
        assert!(findings.iter().any(|found| found["canary"] == id.as_str()), "{what}: {event}");
    }

    #[track_caller]
    fn refused_json(&self, what: &str, document: &str, body: &Value) {
        self.refused(what, document, "application/json", body.to_string().as_bytes());
    }

    #[track_caller]
    fn passes(&self, what: &str, kind: &str, body: &[u8]) {
        let (status, control, _) = self.post(kind, body);
        assert_eq!((status, control.as_str()), (200, ""), "{what}");
        assert_eq!(self.upstream.received().last().unwrap().message.body, body, "{what}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_paragraph_of_a_registered_document_leaves_in_no_shape() {
    World::run(|world| {
        let desk = Desk::new(world);
        let text = plan();
        let words: Vec<&str> = text.split_whitespace().collect();
        let part = &words[400..480];
        let plain = part.join(" ");
        let id = desk.plan.as_str();
        desk.refused("as it is", id, "text/plain", plain.as_bytes());
        desk.refused("in part", id, "text/plain", words[403..460].join(" ").as_bytes());
        let shouted = format!("note: {} and so on", plain.to_uppercase());
        desk.refused("re-cased", id, "text/plain", shouted.as_bytes());
        let wrapped: String =
            part.chunks(3).map(|line| format!("> {}\r\n", line.join("\t"))).collect();
        desk.refused("re-wrapped", id, "text/plain", wrapped.as_bytes());
        let dropped: Vec<&str> = words[300..500]
            .iter()
            .enumerate()
            .filter(|(at, _)| at % 10 != 4)
            .map(|(_, word)| *word)
            .collect();
        desk.refused("every tenth word dropped", id, "text/plain", dropped.join(" ").as_bytes());
        let marked: String = part.iter().map(|word| format!("<b>{word}</b> ")).collect();
        desk.refused("in markup", id, "text/html", marked.as_bytes());
        desk.refused_json("in a field", id, &json!({ "a": 1, "deep": [{ "note": plain }] }));
        let (one, two) = (part[..40].join(" "), part[40..].join(" "));
        desk.refused_json("over two fields", id, &json!({ "first": one, "second": two }));
        let lines: Vec<Value> =
            part.chunks(7).map(|line| json!({ "text": line.join(" ") })).collect();
        desk.refused_json("a line a field", id, &json!({ "lines": lines }));
        desk.refused_json("a word a field", id, &json!(part));
        let numbered = json!(
            part.chunks(6)
                .enumerate()
                .map(|(n, line)| (format!("line-{n:02}"), json!(line.join(" "))))
                .collect::<serde_json::Map<_, _>>()
        );
        desk.refused_json("a line under a name each", id, &numbered);
        // Written by hand: a map would put them in another order.
        let keys: Vec<String> =
            part.chunks(4).map(|line| format!("{}:1", json!(line.join(" ")))).collect();
        let keys = format!("{{{}}}", keys.join(","));
        desk.refused("in keys", id, "application/json", keys.as_bytes());
        let both: Vec<String> = part
            .chunks(6)
            .map(|line| {
                let (key, value) = line.split_at(line.len() / 2);
                format!("{}:{}", json!(key.join(" ")), json!(value.join(" ")))
            })
            .collect();
        let both = format!("{{{}}}", both.join(","));
        desk.refused("in keys and values by turns", id, "application/json", both.as_bytes());
        let packed = STANDARD.encode(gzip(&plain));
        desk.refused_json("gzip in Base64", id, &json!({ "blob": packed }));
        let inner = gzip(&STANDARD.encode(&plain));
        desk.refused_json("Base64 in gzip in Base64", id, &json!({ "b": STANDARD.encode(inner) }));
        let halves = json!({ "a": STANDARD.encode(&one), "b": STANDARD.encode(&two) });
        desk.refused_json("half a paragraph encoded in each field", id, &halves);
        let escaped: String = plain.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let escaped = format!("{{\"note\":\"{escaped}\"}}");
        desk.refused("escaped", id, "application/json", escaped.as_bytes());
        let form = format!("q=1&note={}", plain.replace(' ', "+"));
        desk.refused("a form", id, "application/x-www-form-urlencoded", form.as_bytes());
        let query = plain.replace(' ', "%20");
        let authorization = desk.session.authorization();
        let headers = [("proxy-authorization", authorization.as_str()), ("connection", "close")];
        let target = format!("http://{HOST}/find?q={query}");
        let reply = client::request(desk.gateway.proxy(), "GET", &target, &headers, b"");
        assert_eq!(reply.json()["control"], "dlp.classification", "in a query");

        desk.passes("a few words of it", "text/plain", words[400..415].join(" ").as_bytes());
        let other = "The ferry sails with the first tide and comes back before the summer rain. "
            .repeat(20);
        desk.passes("another text", "text/plain", other.as_bytes());
        desk.passes(
            "another text in a field",
            "application/json",
            json!({ "n": other }).to_string().as_bytes(),
        );
        // Nothing of the document is on record or in the state folder.
        let exported = scene::run(world, &desk.gateway, &["ledger", "export"]);
        let exported = String::from_utf8_lossy(&exported.stdout).to_lowercase();
        assert!(exported.contains("document:") && !exported.contains("harbour site"));
    });
}

#[test]
fn k_cells_of_a_registered_row_leave_in_no_shape() {
    World::run(|world| {
        let desk = Desk::new(world);
        let id = desk.table.as_str();
        let text = "Please charge AC-4711-X, that is ADA  lovelock.";
        desk.refused("two cells in a sentence", id, "text/plain", text.as_bytes());
        desk.refused_json(
            "a cell a field",
            id,
            &json!({ "who": "Alan Turnley", "acct": "AC-4712-Y" }),
        );
        let csv = "account,street\nAC-4713-Z,Arlington Row 3\n";
        desk.refused("as a table", id, "text/csv", csv.as_bytes());
        desk.refused_json("encoded", id, &json!({ "x": STANDARD.encode(text) }));
        for (what, text) in [
            ("one cell", "The account AC-4711-X is closed."),
            ("cells of two rows", "AC-4711-X and AC-4712-Y are closed."),
            ("a column that was not named", "AC-4711-X has gold."),
        ] {
            desk.passes(what, "text/plain", text.as_bytes());
        }
    });
}
