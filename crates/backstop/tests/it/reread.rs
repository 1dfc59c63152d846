//! What is registered while the gateway runs: it counts within a second, on connections that live,
//! and what is bad changes nothing and is said.

use crate::run::feed;
use crate::scene::{self, BINARY, on_record};
use backstop_testkit::client::{self, eventually};
use backstop_testkit::message::Kind;
use backstop_testkit::{Backstop, Session, Setup, Upstream, World};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;

const HOST: &str = "plain.example";
const VALUE: &str = "kestrel drum lamp 91x";

struct Stage {
    gateway: Backstop,
    session: Session,
    /// One connection that lives through everything.
    line: TcpStream,
    rules: PathBuf,
    _upstream: Upstream,
}

impl Stage {
    fn new(world: &World) -> Self {
        let upstream = Upstream::http(world);
        world.host(HOST, upstream.ip());
        let rules = world.path().join("rules.toml");
        std::fs::write(&rules, rule("first-key", "fk1")).unwrap();
        let config = json!({ "secrets": { "rules": [rules.display().to_string()] } });
        let policy = scene::policy(&["{ host: plain.example, ports: [80], protocol: HTTP }"]);
        let gateway = Backstop::start(world, Setup::new(world, BINARY, &policy).config(config));
        let session = scene::session(&gateway);
        let line = client::connect(gateway.proxy());
        Self { gateway, session, line, rules, _upstream: upstream }
    }

    /// Posts on the connection that lives: the control of a refusal, or nothing.
    fn post(&mut self, text: &str) -> String {
        let credential = self.session.authorization();
        let headers =
            [("proxy-authorization", credential.as_str()), ("content-type", "text/plain")];
        let url = format!("http://{HOST}/note");
        let head = client::head("POST", &url, &headers, text.as_bytes());
        self.line.write_all(&head).unwrap();
        let reply = client::read_reply(&mut self.line, Kind::Reply).unwrap();
        match reply.status() {
            200 => String::new(),
            _ => reply.json()["control"].as_str().unwrap_or_default().to_owned(),
        }
    }

    fn command(&self, arguments: &[&str], input: &str) -> Value {
        let state = self.gateway.state().display().to_string();
        let ran = feed(&[&["--state", &state, "--format", "json"], arguments].concat(), input);
        assert_eq!(ran.code, 0, "{}", ran.err);
        serde_json::from_str(&ran.out).unwrap_or_default()
    }
}

/// One rule of a gitleaks file: `PREFIX-` and 16 letters or digits.
fn rule(id: &str, prefix: &str) -> String {
    format!(
        "[[rules]]\nid = \"{id}\"\ndescription = \"a key of ours\"\nregex = '''\\b{prefix}-[a-z0-9]{{16}}\\b'''\nkeywords = [\"{prefix}-\"]\n"
    )
}

#[test]
fn what_is_registered_counts_within_a_second_on_live_connections() {
    World::run(|world| {
        let mut stage = Stage::new(world);
        let secret = format!("it is {VALUE} they say");
        assert_eq!(stage.post(&secret), "");
        stage.command(&["canary", "add", "vault", "--from-stdin"], VALUE);
        eventually("the value refused", || (stage.post(&secret) == "dlp.credential").then_some(()));
        stage.command(&["canary", "remove", "vault"], "");
        eventually("the value forgotten", || stage.post(&secret).is_empty().then_some(()));

        let stems = ["harbour", "ledger", "quartz", "meadow", "signal", "copper", "lantern"];
        let words = (0..400).map(|n| format!("{}{}", stems[n * 5 % 7], n * 7_919 % 10_007));
        let words: Vec<String> = words.collect();
        let passage = words[100..220].join(" ");
        assert_eq!(stage.post(&passage), "");
        let file = world.path().join("plan.txt");
        std::fs::write(&file, words.join(" ")).unwrap();
        let file = file.display().to_string();
        stage.command(&["corpus", "add", "--level", "restricted", &file], "");
        // Without a ceiling a level alone refuses nothing; the finding is on record all the same.
        eventually("the document known", || {
            let _answer = stage.post(&passage);
            scene::events(world, &stage.gateway)
                .iter()
                .any(|event| event["fact"]["findings"][0]["kind"] == "DOCUMENT")
                .then_some(())
        });
    });
}

#[test]
fn rules_are_read_again_and_bad_ones_change_nothing_and_are_said() {
    World::run(|world| {
        let mut stage = Stage::new(world);
        let (first, second) = ("key fk1-8s7d6f5g4h3j2k1l", "key sk2-8s7d6f5g4h3j2k1l");
        assert_eq!(
            (stage.post(first).as_str(), stage.post(second).as_str()),
            ("dlp.credential", "")
        );
        std::fs::write(&stage.rules, "[[rules]]\nid = ").unwrap();
        let rejected = on_record(world, &stage.gateway, "PolicyRejected", |fact| {
            fact["source"] == "detection"
        });
        assert!(rejected.to_string().contains("rules.toml"), "{rejected}");
        assert!(stage.gateway.stderr().contains("stay as they were"));
        assert_eq!(stage.post(first), "dlp.credential", "the last good rules stand");
        // Gone is bad too: a rule that was there must not fall silent.
        std::fs::remove_file(&stage.rules).unwrap();
        stage.gateway.signal(Signal::SIGHUP);
        eventually("its absence said", || {
            stage.gateway.stderr().contains("cannot read").then_some(())
        });
        assert_eq!(stage.post(first), "dlp.credential", "the last good rules stand");
        let both = rule("first-key", "fk1") + &rule("second-key", "sk2");
        std::fs::write(&stage.rules, both).unwrap();
        eventually("the second rule", || (stage.post(second) == "dlp.credential").then_some(()));
        assert_eq!(stage.post(first), "dlp.credential");
    });
}

#[test]
fn a_file_of_values_that_others_can_read_is_not_believed_while_running() {
    use std::os::unix::fs::PermissionsExt as _;
    World::run(|world| {
        let mut stage = Stage::new(world);
        stage.command(&["canary", "add", "vault", "--from-stdin"], VALUE);
        let secret = format!("it is {VALUE} they say");
        eventually("the value refused", || (stage.post(&secret) == "dlp.credential").then_some(()));
        // Whoever can write into the folder and empties the file in passing leaves its mode wrong.
        let file = stage.gateway.state().join("canaries");
        std::fs::write(&file, "# nothing\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        eventually("it is said", || {
            stage.gateway.stderr().contains("readable by others").then_some(())
        });
    });
}
