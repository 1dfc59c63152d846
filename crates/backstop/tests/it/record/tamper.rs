//! Hands on the files, seen through the real command line: each is found, and the place named.

use crate::run::Ran;
use crate::stage::{Stage, get, of_type, session};
use backstop_testkit::World;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A ledger with some traffic, stopped; a witness and the public key kept elsewhere.
struct Scene<'w> {
    stage: Stage<'w>,
    state: PathBuf,
    /// The state folder as it was half-way.
    earlier: PathBuf,
    witness: PathBuf,
    key: PathBuf,
    /// A checkpoint that was printed half-way.
    checkpoint: PathBuf,
    events: Vec<Value>,
}

impl<'w> Scene<'w> {
    fn new(world: &'w World) -> Self {
        let stage = Stage::new(world);
        let elsewhere = world.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let witness = elsewhere.join("witness.jsonl");
        let config = json!({ "ledger": {
            "checkpoint_every": 8, "witness": format!("file:{}", witness.display()),
        } });
        let gateway = stage.start(config);
        let (state, setup) = (gateway.state(), gateway.setup());
        for number in 0..20 {
            assert_eq!(
                get(&gateway, &session(&gateway), &format!("/first/{number}")).status(),
                200
            );
        }
        gateway.stop();
        let earlier = elsewhere.join("earlier");
        copy(&state, &earlier);
        let (key, checkpoint) = (elsewhere.join("ledger.pub"), elsewhere.join("checkpoint.json"));
        for (command, file) in [("key", &key), ("checkpoint", &checkpoint)] {
            std::fs::write(file, stage.cli(&state, &["ledger", command]).out).unwrap();
        }
        let gateway = backstop_testkit::Backstop::start(world, setup);
        for number in 0..20 {
            assert_eq!(
                get(&gateway, &session(&gateway), &format!("/second/{number}")).status(),
                200
            );
        }
        gateway.stop();
        let events = stage.export(&state);
        Self { stage, state, earlier, witness, key, checkpoint, events }
    }

    /// A copy of the state folder that an attacker had in hand.
    fn tampered(&self, name: &str, hand: impl FnOnce(&Path)) -> PathBuf {
        let state = self.stage.world.path().join(name);
        copy(&self.state, &state);
        hand(&state.join("ledger/ledger.db"));
        state
    }

    /// The row of the permit of that path.
    fn row_of(&self, path: &str) -> u64 {
        let row = of_type(&self.events, "AttemptPermitted")
            .find(|event| event["fact"]["asked"]["path"] == path)
            .unwrap_or_else(|| panic!("{path} is not on record"));
        row["seq"].as_u64().unwrap()
    }

    fn ask(&self, state: &Path, format: &str, options: &[&str]) -> Ran {
        let mut all = vec!["--format", format, "ledger", "verify"];
        all.extend(options);
        self.stage.cli(state, &all)
    }

    /// `ledger verify` exits 1 and names kind and row in both formats.
    #[track_caller]
    fn is_found(&self, state: &Path, options: &[&str], kind: &str, row: u64, text: &str) {
        let json = self.ask(state, "json", options);
        assert_eq!(json.code, 1, "{}{}", json.out, json.err);
        let found = json.json();
        assert_eq!(
            (&found["ok"], &found["kind"], &found["row"]),
            (&json!(false), &json!(kind), &json!(row)),
            "{found}"
        );
        let shown = self.ask(state, "text", options);
        assert_eq!(shown.code, 1, "{}{}", shown.out, shown.err);
        assert!(shown.out.starts_with(&format!("broken: row {row}: ")), "{}", shown.out);
        assert!(shown.out.contains(text), "{}", shown.out);
    }

    fn elsewhere(&self) -> [&str; 4] {
        ["--witness", self.witness.to_str().unwrap(), "--key", self.key.to_str().unwrap()]
    }
}

type Change = Box<dyn Fn(&mut Value)>;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

fn sql(database: &Path, text: &str) {
    Connection::open(database).unwrap().execute_batch(text).unwrap();
}

#[test]
fn hands_on_the_files_are_found_and_the_row_is_named() {
    World::run(|world| {
        let scene = Scene::new(world);
        let whole = scene.stage.verify(&scene.state, &scene.elsewhere());
        let last = scene.events.len() as u64;
        assert_eq!((&whole["last"], &whole["signed"]), (&json!(last), &json!(last)));
        assert!(whole["witnessed"].as_u64().unwrap() >= 10, "{whole}");
        let row = scene.row_of("/first/7");

        // One byte of the file itself, in the body of one row.
        let state = scene.tampered("flipped", |database| {
            let mut bytes = std::fs::read(database).unwrap();
            let marker = b"\"path\":\"/first/7\"";
            let place = bytes.windows(marker.len()).position(|w| w == marker).unwrap();
            bytes[place + marker.len() - 2] ^= 1;
            std::fs::write(database, bytes).unwrap();
        });
        scene.is_found(&state, &[], "altered", row, "it is not as it was written");
        scene.is_found(&state, &scene.elsewhere(), "altered", row, "it is not as it was written");

        let (one, other) = (scene.row_of("/first/3"), scene.row_of("/second/4"));
        let state = scene.tampered("swapped", |database| {
            sql(
                database,
                &format!(
                    "UPDATE events SET seq = -1 WHERE seq = {one};
                     UPDATE events SET seq = {one} WHERE seq = {other};
                     UPDATE events SET seq = {other} WHERE seq = -1;"
                ),
            );
        });
        let text = format!("it has changed places with row {other}");
        scene.is_found(&state, &[], "swapped", one, &text);

        let state = scene.tampered("deleted", |database| {
            sql(database, &format!("DELETE FROM events WHERE seq = {row}"));
        });
        scene.is_found(&state, &[], "missing", row, "it is missing");

        // The end alone: the ledger's own checkpoint has signed it.
        let state = scene.tampered("cut", |database| {
            sql(database, &format!("DELETE FROM events WHERE seq > {row}"));
        });
        scene.is_found(&state, &[], "cut_tail", row + 1, "the end was cut off");

        // A verify with another ledger's key or witness does not pass for this one's.
        let foreign = world.path().join("foreign.pub");
        std::fs::write(&foreign, format!("ed25519:{}\n", "ab".repeat(32))).unwrap();
        let ran = scene.ask(&scene.state, "json", &["--key", foreign.to_str().unwrap()]);
        assert_ne!(ran.code, 0, "{}", ran.out);
    });
}

/// What the documentation says of a tail without a witness, and no more: the end and the
/// checkpoints that sign it can go together, and a whole older copy is whole.
#[test]
fn a_cut_tail_and_an_older_copy_show_only_against_what_is_kept_elsewhere() {
    World::run(|world| {
        let scene = Scene::new(world);
        let kept = scene.checkpoint.to_str().unwrap();
        let signed: Value =
            serde_json::from_str(&std::fs::read_to_string(&scene.checkpoint).unwrap()).unwrap();
        let (signed, last) = (signed["seq"].as_u64().unwrap(), scene.events.len() as u64);
        assert!(signed < last);

        // Rolled back: an older copy of the whole state folder.
        scene.stage.verify(&scene.earlier, &[]);
        let before = scene.stage.export(&scene.earlier).len() as u64;
        scene.is_found(&scene.earlier, &scene.elsewhere(), "rolled_back", before + 1, "older copy");
        // The checkpoint of that very time cannot know better.
        scene.stage.verify(&scene.earlier, &["--witness", kept]);

        // Cut together with the checkpoints that sign it, before what was kept elsewhere.
        let state = scene.tampered("cut", |database| {
            sql(
                database,
                &format!(
                    "DELETE FROM events WHERE seq > {0}; DELETE FROM checkpoints WHERE seq > {0};
                     DELETE FROM meta WHERE name IN ('folded', 'since', 'seal');
                     DELETE FROM standing;",
                    signed - 4
                ),
            );
        });
        scene.is_found(&state, &["--witness", kept], "rolled_back", signed - 3, "kept elsewhere");
        scene.is_found(&state, &scene.elsewhere(), "rolled_back", signed - 3, "kept elsewhere");

        // Cut behind the last checkpoint that anybody has: nobody has signed that there was more.
        // The rows that a kill leaves are chained and not signed yet.
        let gateway = scene.stage.start(json!({ "ledger": { "checkpoint_every": 1000 } }));
        let state = gateway.state();
        get(&gateway, &session(&gateway), "/unsigned");
        let receipt = get(&gateway, &session(&gateway), "/unsigned");
        let receipt = receipt.header("backstop-receipt").unwrap().to_owned();
        gateway.kill();
        let whole = scene.stage.verify(&state, &scene.elsewhere());
        let (signed, all) = (whole["signed"].as_u64().unwrap(), whole["last"].as_u64().unwrap());
        assert!(signed < all, "{whole}");
        let ran = scene.stage.cli(&state, &["ledger", "prove", &receipt]);
        assert_eq!(ran.code, 3, "an unsigned row is not proved yet: {}", ran.out);
        sql(&state.join("ledger/ledger.db"), &format!("DELETE FROM events WHERE seq > {signed};"));
        let cut = scene.stage.verify(&state, &scene.elsewhere());
        assert_eq!(
            cut["last"],
            json!(signed),
            "documented: not visible behind the last checkpoint"
        );
    });
}

#[test]
fn a_start_behind_its_witness_says_so_loudly() {
    World::run(|world| {
        let scene = Scene::new(world);
        std::fs::remove_dir_all(&scene.state).unwrap();
        copy(&scene.earlier, &scene.state);
        let witness = format!("file:{}", scene.witness.display());
        let gateway = scene.stage.start(json!({ "ledger": { "witness": witness } }));
        let said = gateway.stderr();
        assert!(said.contains("the ledger is behind its witness"), "{said}");
        assert!(said.contains("an older copy put back"), "{said}");
        let metrics = gateway.ask("GET", "/metrics", None).text();
        assert!(metrics.contains("backstop_ledger_faulty 1"), "{metrics}");
    });
}

#[test]
fn a_proof_needs_nothing_but_itself_and_the_key() {
    World::run(|world| {
        let scene = Scene::new(world);
        let stage = &scene.stage;
        let permit = &scene.events[usize::try_from(scene.row_of("/second/3")).unwrap() - 1];
        let receipt = permit["receipt"].as_str().unwrap();
        let ran = stage.cli(&scene.state, &["ledger", "prove", receipt]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let file = world.path().join("proof.json");
        std::fs::write(&file, &ran.out).unwrap();
        // Elsewhere: no state folder, no policy, no network.
        let nothing = world.path().join("nothing");
        let check = |file: &Path, key: &Path| {
            let (file, key) = (file.to_str().unwrap(), key.to_str().unwrap());
            stage.cli(
                &nothing,
                &["--format", "json", "ledger", "prove", "--check", file, "--key", key],
            )
        };
        let good = check(&file, &scene.key);
        assert_eq!(good.code, 0, "{}{}", good.out, good.err);
        assert_eq!(good.json()["ok"], true);
        assert_eq!(good.json()["receipt"], receipt);
        assert_eq!(good.json()["seq"], permit["seq"]);
        assert!(!nothing.exists(), "checking makes nothing");

        let proof: Value = serde_json::from_str(&ran.out).unwrap();
        let changes: [(&str, Change); 5] = [
            (
                "body",
                Box::new(|p| {
                    let body = p["body"].as_str().unwrap().replace("/second/3", "/second/4");
                    p["body"] = body.into();
                }),
            ),
            ("seq", Box::new(|p| p["seq"] = (p["seq"].as_u64().unwrap() + 1).into())),
            ("previous", Box::new(|p| p["previous"] = format!("sha256:{}", "0".repeat(64)).into())),
            ("checkpoint", Box::new(|p| p["checkpoint"]["seq"] = 1.into())),
            ("ledger", Box::new(|p| p["ledger"] = format!("ldg_{}", "0".repeat(32)).into())),
        ];
        for (what, change) in changes {
            let mut changed = proof.clone();
            change(&mut changed);
            assert_ne!(changed, proof, "{what}");
            let file = world.path().join("changed.json");
            std::fs::write(&file, changed.to_string()).unwrap();
            let ran = check(&file, &scene.key);
            assert_eq!(ran.code, 1, "{what}: {}{}", ran.out, ran.err);
            assert_eq!(ran.json()["ok"], false, "{what}");
        }
        // Another ledger's key vouches for nothing here.
        let other = world.path().join("other.pub");
        let elsewhere = tempfile::tempdir().unwrap();
        let mut setup = stage.setup(Value::Null);
        setup.directory = elsewhere.path().to_owned();
        let gateway = backstop_testkit::Backstop::start(world, setup);
        std::fs::copy(gateway.state().join("ledger/ledger.pub"), &other).unwrap();
        let ran = check(&file, &other);
        assert_eq!((ran.code, &ran.json()["ok"]), (1, &json!(false)), "{}", ran.out);
    });
}
