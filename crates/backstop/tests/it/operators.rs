//! What people do to a gateway that runs, by the command line: grants, quarantines, sessions, alerts
//! and holds; and that no token is ever written down.

use crate::scene::{
    self, BINARY, HOST, OTHER, ROW, SECOND, Tunnel, ask, connect, on_record, session, upstream,
};
use backstop_testkit::client::{self, eventually};
use backstop_testkit::{Backstop, Session, Setup, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn a_grant_lets_pass_and_ends_by_itself() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let backstop = scene::start(world, &scene::policy(&[ROW]));
        let session = session(&backstop);
        let credential = session.authorization();
        let headers = [("proxy-authorization", credential.as_str())];
        let (_, refused) = client::tunnel(backstop.proxy(), "other.example:443", &headers);
        assert_eq!(refused.status(), 403);
        let receipt = refused.json()["receipt"].as_str().unwrap().to_owned();
        scene::explained(world, &backstop, &receipt);
        let begin = Instant::now();
        let grant =
            ask(world, &backstop, &["allow", &receipt, "--for", "2s", "--reason", "the storm"]);
        assert!(grant["permanent"].as_str().unwrap().contains("other.example"), "{grant}");
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, "other.example");
        tunnel.assert_lives();
        tunnel.until_cut();
        let took = begin.elapsed();
        assert!((Duration::from_millis(1_500)..3 * SECOND).contains(&took), "{took:?}");
        assert_eq!(connect(&backstop, &session, "other.example:443").0, 403);
        let id = grant["id"].as_str().unwrap();
        on_record(world, &backstop, "AttemptPermitted", |fact| fact["grant"] == id);
        on_record(world, &backstop, "GrantIssued", |fact| fact["reason"] == "the storm");
    });
}

#[test]
fn observing_lets_pass_and_records_what_it_would_refuse() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let day = world.output(world.command("date").args(["-u", "-d", "+10 days", "+%F"]));
        let rollout =
            format!("  rollout: {{ mode: observe, until: \"{}\" }}\n  skills:", day.trim());
        let observing = scene::policy(&[ROW]).replacen("  skills:", &rollout, 1);
        let backstop = scene::start(world, &observing);
        let session = session(&backstop);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, "other.example");
        tunnel.assert_lives();
        let would = on_record(world, &backstop, "AttemptPermitted", |fact| {
            fact["asked"]["host"] == "other.example"
        });
        let reasons = would["fact"]["reasons"].as_array().unwrap();
        for control in ["egress.tenant", "egress.skill"] {
            assert!(
                reasons.iter().any(|r| r["control"] == control && r["ruling"] == "would_deny"),
                "{control} {would}"
            );
        }
        // What protects the network is enforced all the same.
        assert_eq!(
            connect(&backstop, &session, "169.254.169.254:80"),
            (403, "ssrf.address".to_owned())
        );
        // The state ends with its row, on what lives too.
        backstop.write_policy("policy.yaml", &scene::policy(&[ROW]));
        assert!(tunnel.until_cut() < SECOND);
    });
}

#[test]
fn quarantine_cuts_within_a_second_and_survives_a_restart() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let backstop = scene::start(world, &scene::policy(&[ROW]));
        let (bad, good) = (session(&backstop), session(&backstop));
        let mut doomed = Tunnel::open(&backstop, &bad, &ca, HOST);
        let mut kept = Tunnel::open(&backstop, &good, &ca, HOST);
        doomed.assert_lives();
        let imposed =
            ask(world, &backstop, &["quarantine", "add", &bad.id, "--reason", "it was hijacked"]);
        let took = doomed.until_cut();
        assert!(took < SECOND, "{took:?}");
        kept.assert_lives();
        let refused = (403, "quarantine".to_owned());
        assert_eq!(connect(&backstop, &bad, "api.weather.example:443"), refused);
        let setup = backstop.setup();
        drop(kept);
        backstop.kill();
        let backstop = Backstop::start(world, setup);
        assert_eq!(connect(&backstop, &bad, "api.weather.example:443"), refused);
        assert_eq!(connect(&backstop, &good, "api.weather.example:443").0, 200);
        // The whole skill, then; a version in the CLI's own words.
        let mut kept = Tunnel::open(&backstop, &good, &ca, HOST);
        kept.assert_lives();
        let skill = ask(
            world,
            &backstop,
            &[
                "quarantine",
                "add",
                "weather@1.2.0",
                "--tenant",
                "research",
                "--reason",
                "all of it",
            ],
        );
        assert!(kept.until_cut() < SECOND);
        assert_eq!(connect(&backstop, &good, "api.weather.example:443"), refused);
        for quarantine in [&imposed, &skill] {
            let id = quarantine["id"].as_str().unwrap();
            ask(world, &backstop, &["quarantine", "release", id, "--reason", "it was cleaned"]);
        }
        assert_eq!(connect(&backstop, &bad, "api.weather.example:443").0, 200);
        let released = on_record(world, &backstop, "QuarantineReleased", |_| true);
        assert_eq!(released["fact"]["reason"], "it was cleaned");
        assert_eq!(released["fact"]["by"], "first-start");
    });
}

#[test]
fn closing_a_session_cuts_what_it_has() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let backstop = scene::start(world, &scene::policy(&[ROW]));
        let opened = ask(
            world,
            &backstop,
            &["sessions", "open", "--tenant", "research", "--skill", "weather@1.2.0"],
        );
        let token = opened["tokens"][0]["token"].as_str().unwrap().to_owned();
        let session = Session {
            id: opened["id"].as_str().unwrap().to_owned(),
            tokens: vec![("weather".to_owned(), token)],
        };
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        tunnel.assert_lives();
        ask(world, &backstop, &["sessions", "close", &session.id]);
        let took = tunnel.until_cut();
        assert!(took < SECOND, "{took:?}");
        assert_eq!(
            connect(&backstop, &session, "api.weather.example:443"),
            (407, "identity".to_owned())
        );
        let closed = on_record(world, &backstop, "SessionClosed", |_| true);
        assert_eq!(closed["subject"]["session"], session.id.as_str(), "{closed}");
    });
}

#[test]
fn alerts_and_holds_reach_a_person_through_the_command_line() {
    World::run(|world| {
        let (_ca, _upstream) = upstream(world);
        let backstop = scene::start(world, &scene::policy(&[ROW]));
        let first = session(&backstop);
        assert_eq!(connect(&backstop, &first, "evil.example:443").0, 403);
        let alert = eventually("the alert", || {
            let alerts = ask(world, &backstop, &["alerts"]);
            items(&alerts).into_iter().find(|alert| alert["control"] == "egress.tenant")
        });
        assert!(alert["summary"].as_str().unwrap().contains("evil.example"), "{alert}");

        // A skill in quarantine comes back under the same name and version with other content:
        // a person decides.
        ask(
            world,
            &backstop,
            &["quarantine", "add", "weather@1.2.0", "--tenant", "research", "--reason", "test"],
        );
        scene::change_policy(&backstop, &scene::policy(&[ROW, OTHER]));
        let (one, two) = (session(&backstop), session(&backstop));
        let held = |session: &Session| {
            assert_eq!(
                connect(&backstop, session, "api.weather.example:443"),
                (403, "quarantine".to_owned())
            );
            eventually("the hold", || {
                items(&ask(world, &backstop, &["holds", "ls"])).into_iter().find(|hold| {
                    hold["subject"]["session"] == session.id.as_str()
                        && hold["summary"].as_str().unwrap().contains(HOST)
                })
            })
        };
        let (approve, deny) = (held(&one), held(&two));
        ask(world, &backstop, &["holds", "approve", approve["id"].as_str().unwrap()]);
        ask(world, &backstop, &["holds", "deny", deny["id"].as_str().unwrap()]);
        assert_eq!(connect(&backstop, &one, "api.weather.example:443").0, 200);
        assert_eq!(connect(&backstop, &two, "api.weather.example:443").0, 403);
        let resolved =
            on_record(world, &backstop, "HoldResolved", |fact| fact["hold"] == approve["id"]);
        assert_eq!(resolved["fact"]["by"], "first-start", "{resolved}");
    });
}

/// The list in an answer of the command line.
fn items(shown: &Value) -> Vec<Value> {
    shown.as_array().unwrap().clone()
}

#[test]
fn no_token_is_ever_written_down() {
    World::run(|world| {
        use std::os::unix::fs::PermissionsExt as _;
        let (ca, upstream) = upstream(world);
        let setup = Setup::new(world, BINARY, &scene::policy(&[ROW]))
            .config(json!({ "log": { "level": "trace", "format": "json" } }));
        let backstop = Backstop::start(world, setup);
        let token_file = backstop.state().join("operator.token");
        assert_eq!(std::fs::metadata(&token_file).unwrap().permissions().mode() & 0o777, 0o600);
        let mut said = String::new();
        let session = session(&backstop);
        let wrong = Session {
            id: session.id.clone(),
            tokens: vec![("x".to_owned(), format!("bst_a_{}", "Z".repeat(43)))],
        };
        let runtime = ask(
            world,
            &backstop,
            &["tokens", "runtime", "--name", "runner", "--tenant", "research"],
        );
        let operator = ask(world, &backstop, &["tokens", "operator", "--name", "ada"]);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        tunnel.assert_lives();
        tunnel.close();
        // Refused, unauthenticated and failing attempts say more than good ones.
        connect(&backstop, &session, "evil.example:443");
        connect(&backstop, &wrong, "api.weather.example:443");
        let plain = [("proxy-authorization", session.authorization())];
        let plain: Vec<(&str, &str)> = plain.iter().map(|(n, v)| (*n, v.as_str())).collect();
        said += &client::request(
            backstop.proxy(),
            "GET",
            "https://api.weather.example/points/1?token=bst_q_query",
            &plain,
            b"",
        )
        .text();
        for arguments in [
            &["sessions", "ls"][..],
            &["tokens", "ls"],
            &["alerts"],
            &["explain", "--last"],
            &["ledger", "export"],
            &["ledger", "status"],
            &["config", "show"],
        ] {
            let output = scene::run(world, &backstop, arguments);
            said += &String::from_utf8_lossy(&output.stdout);
            said += &String::from_utf8_lossy(&output.stderr);
        }
        said += &backstop.ask("GET", "/metrics", None).text();
        said += &backstop.ask("GET", "/v1/sessions", None).text();
        let secrets = [
            session.token().to_owned(),
            session.authorization().split_once(' ').unwrap().1.to_owned(),
            wrong.token().to_owned(),
            backstop.token().to_owned(),
            runtime["token"].as_str().unwrap().to_owned(),
            operator["token"].as_str().unwrap().to_owned(),
            "bst_q_query".to_owned(),
        ];
        let state = backstop.state();
        let exit = backstop.stop();
        said += &exit.stdout;
        said += &exit.stderr;
        assert!(exit.stderr.contains("policy in force"), "{}", exit.stderr);
        assert!(said.contains(&session.id), "what was printed says little");
        let mut files = vec![("what was printed".to_owned(), said.into_bytes())];
        let mut folders = vec![state];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path != token_file {
                    files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
                }
            }
        }
        assert!(files.len() > 3, "{:?}", files.iter().map(|(name, _)| name).collect::<Vec<_>>());
        for received in upstream.received() {
            files.push(("what the upstream received".to_owned(), received.message.raw));
        }
        for (name, bytes) in &files {
            for secret in &secrets {
                // The random part alone would be enough.
                let secret = secret.trim_start_matches("bst_a_").as_bytes();
                let found = bytes.windows(secret.len()).any(|window| window == secret);
                let query = name == "what the upstream received";
                assert!(
                    !found || (query && secret == b"bst_q_query"),
                    "{name} holds {}",
                    String::from_utf8_lossy(secret)
                );
            }
        }
    });
}
