//! Export while the server writes, retention by configuration, status.

use crate::stage::{Stage, get, of_type, session};
use backstop_testkit::message::Kind;
use backstop_testkit::{Backstop, World, client};
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn export_and_verify_see_a_whole_ledger_while_the_server_writes() {
    World::run(|world| {
        let stage = Stage::new(world);
        let gateway = stage.start(Value::Null);
        let state = gateway.state();
        let authorization = session(&gateway).authorization();
        let (proxy, stop) = (gateway.proxy(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let stopped = Guard(&stop);
            for worker in 0..4 {
                let (authorization, stop) = (&authorization, &stop);
                scope.spawn(move || {
                    let mut stream = client::connect(proxy);
                    let head = client::head(
                        "GET",
                        &format!("http://plain.weather.example/worker/{worker}"),
                        &[("proxy-authorization", authorization)],
                        b"",
                    );
                    while !stop.load(Ordering::Relaxed) {
                        stream.write_all(&head).unwrap();
                        assert_eq!(
                            client::read_reply(&mut stream, Kind::Reply).unwrap().status(),
                            200
                        );
                    }
                });
            }
            let mut last = 0;
            for _ in 0..5 {
                let least = last + 50;
                let events = client::eventually("the ledger grows", || {
                    let events = stage.export(&state);
                    (events.len() >= least).then_some(events)
                });
                for (row, event) in (1..).zip(&events) {
                    assert_eq!(event["seq"], row);
                }
                last = events.len();
                // From there on, and of one tenant alone.
                let after = (last - 10).to_string();
                let ran = stage.cli(&state, &["ledger", "export", "--after", &after]);
                assert!(ran.out.lines().count() >= 10, "{}", ran.err);
                let ran = stage.cli(&state, &["ledger", "export", "--tenant", "nobody"]);
                assert_eq!((ran.code, ran.out.as_str()), (0, ""));
                let whole = stage.verify(&state, &[]);
                assert!(whole["rows"].as_u64().unwrap() >= last as u64, "{whole}");
            }
            drop(stopped);
        });
        let status = stage.cli(&state, &["--format", "json", "ledger", "status"]).json();
        let events = stage.export(&state);
        assert_eq!(status["last"], events.len(), "{status}");
        assert_eq!(status["at"], events.last().unwrap()["at"], "{status}");
        assert_eq!(status["directory"], state.join("ledger").display().to_string());
        assert!(status["bytes"].as_u64().unwrap() > 100_000, "{status}");
        let text = stage.cli(&state, &["ledger", "status"]);
        assert!(text.out.contains(&format!("last       {}", events.len())), "{}", text.out);
    });
}

/// Says stop however the scope is left, or its threads would hold a failed test for ever.
struct Guard<'a>(&'a AtomicBool);
impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn retention_by_size_removes_the_oldest_and_keeps_the_proofs_and_what_stands() {
    World::run(|world| {
        let stage = Stage::new(world);
        let witness = world.path().join("witness.jsonl");
        let gateway = stage.start(json!({ "ledger": {
            "checkpoint_every": 16, "retention": { "size": "300KB" },
            "witness": format!("file:{}", witness.display()),
        } }));
        let state = gateway.state();
        let session = session(&gateway);
        let first = get(&gateway, &session, "/first");
        let first = first.header("backstop-receipt").unwrap().to_owned();
        let base = client::eventually("old rows are gone", || {
            for number in 0..50 {
                assert_eq!(get(&gateway, &session, &format!("/more/{number}")).status(), 200);
            }
            let status = stage.cli(&state, &["--format", "json", "ledger", "status"]).json();
            status["base"].as_u64().filter(|base| *base > 100)
        });
        client::eventually("what is removed is gone", || {
            (stage.export(&state).first()?["seq"].as_u64()? > base).then_some(())
        });
        let whole = stage.verify(&state, &["--witness", witness.to_str().unwrap()]);
        assert!(whole["first"].as_u64().unwrap() > base, "{whole}");
        assert!(whole["outlived"].as_u64().unwrap() > 0, "{whole}");
        let gone = stage.cli(&state, &["ledger", "prove", &first]);
        assert_eq!(gone.code, 3, "{}", gone.out);
        assert!(gone.err.contains(&first), "{}", gone.err);
        // The session was opened by a row that is gone; it stands, and after a restart too.
        assert!(of_type(&stage.export(&state), "SessionOpened").next().is_none());
        let setup = gateway.setup();
        assert!(gateway.stop().status.success());
        let gateway = Backstop::start(world, setup);
        assert_eq!(get(&gateway, &session, "/still").status(), 200);
        let receipt = get(&gateway, &session, "/proved");
        let receipt = receipt.header("backstop-receipt").unwrap().to_owned();
        assert!(gateway.stop().status.success());
        stage.verify(&state, &["--witness", witness.to_str().unwrap()]);
        let proof = stage.cli(&state, &["ledger", "prove", &receipt]);
        assert_eq!(proof.code, 0, "{}", proof.err);
    });
}

#[test]
fn retention_by_age_is_kept_at_a_start() {
    World::run(|world| {
        let stage = Stage::new(world);
        let keep =
            |age: &str| json!({ "ledger": { "checkpoint_every": 8, "retention": { "age": age } } });
        let gateway = stage.start(keep("30d"));
        let state = gateway.state();
        let session = session(&gateway);
        for number in 0..40 {
            assert_eq!(get(&gateway, &session, &format!("/old/{number}")).status(), 200);
        }
        assert!(gateway.stop().status.success());
        let before = stage.export(&state).len() as u64;
        let gateway = stage.start(keep("1ms"));
        client::eventually("old rows are gone", || {
            (stage.export(&state).first()?["seq"].as_u64()? > before - 8).then_some(())
        });
        assert_eq!(get(&gateway, &session, "/new").status(), 200);
        assert!(gateway.stop().status.success());
        stage.verify(&state, &[]);
    });
}
