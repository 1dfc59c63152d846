//! Files under the gateway: policy folders that others may write to, state, token, witness.

use super::stage::{POLICY, Stage};
use backstop_testkit::client::eventually;
use backstop_testkit::{Backstop, Setup, World};
use nix::sys::stat::Mode;
use serde_json::json;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// One more tenant, to see whether a reload still happens.
fn tenant(name: &str) -> String {
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: {name} }}\nspec: {{ skills: [{{ name: weather, version: 1.2.0 }}], egress: [] }}\n"
    )
}

#[track_caller]
fn reloads(backstop: &Backstop, name: &str) {
    backstop.write_policy(&format!("{name}.yaml"), &tenant(name));
    eventually(&format!("tenant {name} in force"), || {
        let body = json!({ "tenant": name, "skills": [{ "name": "weather", "version": "1.2.0" }] });
        (backstop.ask("POST", "/v1/sessions", Some(&body)).status() == 201).then_some(())
    });
}

#[test]
fn a_pipe_or_a_loop_among_the_policies_does_not_stop_the_reload() {
    World::run(|world| {
        let stage = Stage::with(world, json!({ "policy_poll": "100ms" }), POLICY);
        let folder = stage.backstop.policy();
        reloads(&stage.backstop, "first");
        nix::unistd::mkfifo(&folder.join("pipe.yaml"), Mode::S_IRWXU).unwrap();
        reloads(&stage.backstop, "behind-a-pipe");
        std::fs::create_dir_all(folder.join("dir.yaml/deeper")).unwrap();
        symlink(&folder, folder.join("dir.yaml/up")).unwrap();
        symlink(&folder, folder.join("dir.yaml/deeper/up")).unwrap();
        symlink("self.yaml", folder.join("self.yaml")).unwrap();
        reloads(&stage.backstop, "behind-a-loop");
        symlink("/dev/zero", folder.join("zero.yaml")).unwrap();
        symlink("/dev/stdin", folder.join("stdin.yaml")).unwrap();
        reloads(&stage.backstop, "behind-a-device");
        std::fs::write(folder.join("bytes.yaml"), [0xff, 0xfe, 0]).unwrap();
        std::fs::File::create(folder.join("huge.yaml")).unwrap().set_len(1 << 40).unwrap();
        reloads(&stage.backstop, "behind-rubbish");
        assert!(stage.backstop.resident() < 150 << 20, "{}", stage.backstop.resident());
        stage.works();
        stage.nothing_left();
        let said = stage.backstop.stderr();
        assert!(said.contains("pipe.yaml") && said.contains("not a plain file"), "{said}");
    });
}

#[test]
fn a_policy_that_becomes_unreadable_keeps_what_it_said() {
    World::run(|world| {
        let stage = Stage::with(world, json!({ "policy_poll": "100ms" }), POLICY);
        let file = stage.backstop.policy().join("policy.yaml");
        std::fs::rename(&file, stage.backstop.policy().join(".kept")).unwrap();
        nix::unistd::mkfifo(&file, Mode::S_IRWXU).unwrap();
        reloads(&stage.backstop, "later");
        stage.works();
        stage.nothing_left();
    });
}

#[test]
fn a_state_folder_that_others_can_write_is_refused() {
    World::run(|world| {
        let setup = Setup::new(world, env!("CARGO_BIN_EXE_backstop"), POLICY);
        let state = setup.directory.join("state");
        std::fs::create_dir_all(&state).unwrap();
        for mode in [0o777, 0o775, 0o1777] {
            std::fs::set_permissions(&state, std::fs::Permissions::from_mode(mode)).unwrap();
            let exit = Backstop::try_start(world, setup.clone()).unwrap_err();
            assert!(exit.stderr.contains("can be written by others"), "{}", exit.stderr);
            assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0, "nothing was put there");
        }
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::chown(&state, Some(65_534), None).unwrap();
        let exit = Backstop::try_start(world, setup.clone()).unwrap_err();
        assert!(exit.stderr.contains("belongs to user 65534"), "{}", exit.stderr);
        // A link is as good as the folder behind it.
        std::os::unix::fs::chown(&state, Some(0), None).unwrap();
        std::fs::rename(&state, setup.directory.join("real")).unwrap();
        symlink(setup.directory.join("real"), &state).unwrap();
        Backstop::start(world, setup).stop();
    });
}

#[test]
fn a_token_file_that_is_not_ours_is_not_believed() {
    World::run(|world| {
        let backstop = Stage::new(world).backstop;
        let setup = backstop.setup();
        let file = backstop.state().join("operator.token");
        let ours = std::fs::read_to_string(&file).unwrap();
        backstop.stop();
        let refused = |said: &str| {
            let exit = Backstop::try_start(world, setup.clone()).unwrap_err();
            assert!(exit.stderr.contains(said), "{said}: {}", exit.stderr);
        };
        std::fs::write(&file, format!("bst_o_{}\n", "A".repeat(43))).unwrap();
        refused("does not hold an operator token of this ledger");
        std::fs::write(&file, &ours).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        refused("others can read it");
        std::fs::remove_file(&file).unwrap();
        symlink("/etc/hosts", &file).unwrap();
        refused("operator.token");
        std::fs::remove_file(&file).unwrap();
        nix::unistd::mkfifo(&file, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        refused("operator.token");
    });
}

/// After a crash the port that `gateway.json` names is anybody's.
#[test]
fn the_operators_token_is_not_sent_to_whoever_has_the_port_of_a_dead_gateway() {
    World::run(|world| {
        let backstop = Stage::new(world).backstop;
        let (state, token) = (backstop.state(), backstop.token().to_owned());
        let proxy = backstop.api();
        backstop.kill();
        let thief = backstop_testkit::Attacker::listen(proxy.ip(), &[proxy.port()]);
        let ran = world
            .command(env!("CARGO_BIN_EXE_backstop"))
            .args(["--state", state.to_str().unwrap(), "sessions", "ls"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && said.contains("no gateway runs"), "{said}");
        assert_eq!(thief.connections(), 0, "{:?}", thief.samples());
        assert!(!said.contains(token.as_str()));
    });
}

#[test]
fn a_pipe_in_place_of_the_witness_holds_up_nobody() {
    World::run(|world| {
        let witness = world.path().join("witness");
        nix::unistd::mkfifo(&witness, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let config = json!({ "ledger": {
            "witness": format!("file:{}", witness.display()), "checkpoint_every": "2",
        } });
        let stage = Stage::with(world, config, POLICY);
        for _ in 0..10 {
            stage.works();
        }
        assert!(stage.backstop.stderr().contains("witness"), "{}", stage.backstop.stderr());
    });
}
