//! Starting, stopping and changing under a gateway that runs: what lives goes on, what may no
//! longer is cut within a second, and nothing that was good is lost to something bad.

use crate::scene::{
    self, BINARY, HOST, OTHER, ROW, SECOND, Tunnel, ask, connect, events, on_record, session,
    upstream,
};
use backstop_testkit::client::eventually;
use backstop_testkit::{Backstop, Setup, World};
use nix::sys::signal::Signal;
use serde_json::json;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn readyz(backstop: &Backstop) -> backstop_testkit::message::Message {
    backstop.ask("GET", "/readyz", None)
}

#[test]
fn sigterm_takes_readiness_back_and_lets_live_tunnels_end_by_themselves() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let mut backstop = scene::start(world, &scene::policy(&[ROW]));
        assert_eq!(readyz(&backstop).status(), 200);
        let session = session(&backstop);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        backstop.signal(Signal::SIGTERM);
        let not_ready = eventually("readiness off", || {
            Some(readyz(&backstop)).filter(|reply| reply.status() == 503)
        });
        assert!(not_ready.text().contains("drain"), "{}", not_ready.text());
        eventually("no new connections", || TcpStream::connect(backstop.proxy()).err());
        tunnel.assert_lives();
        let permit = tunnel.receipt.clone();
        tunnel.close();
        let exit = backstop.wait();
        assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
        let ended = on_record(world, &backstop, "FlowEnded", |_| true);
        assert_eq!(ended["fact"]["ending"], "closed", "{ended}");
        assert!(events(world, &backstop).iter().any(|event| event["receipt"] == permit.as_str()));
        assert_eq!(events(world, &backstop).last().unwrap()["type"], "ProcessStopped");
        assert!(!backstop.state().join("gateway.json").exists());
    });
}

#[test]
fn what_lives_past_the_drain_is_cut() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let setup =
            Setup::new(world, BINARY, &scene::policy(&[ROW])).config(json!({ "drain": "700ms" }));
        let mut backstop = Backstop::start(world, setup);
        let session = session(&backstop);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        tunnel.assert_lives();
        backstop.signal(Signal::SIGTERM);
        let took = tunnel.until_cut();
        assert!(took > Duration::from_millis(600), "{took:?}");
        assert_eq!(backstop.wait().status.code(), Some(0));
        let ended = on_record(world, &backstop, "FlowEnded", |_| true);
        assert_eq!(ended["fact"]["ending"], "drained", "{ended}");
    });
}

#[test]
fn a_second_sigterm_cuts_at_once_and_the_record_says_so() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let mut backstop = scene::start(world, &scene::policy(&[ROW]));
        let session = session(&backstop);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        backstop.signal(Signal::SIGTERM);
        eventually("readiness off", || (readyz(&backstop).status() == 503).then_some(()));
        tunnel.assert_lives();
        let begin = Instant::now();
        backstop.signal(Signal::SIGTERM);
        tunnel.until_cut();
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
        let exit = backstop.wait();
        assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
        let ended = on_record(world, &backstop, "FlowEnded", |_| true);
        assert_eq!(ended["fact"]["ending"], "drained", "{ended}");
        assert_eq!(events(world, &backstop).last().unwrap()["type"], "ProcessStopped");
    });
}

/// Regression: everything stopped at once on SIGTERM, so that for the whole drain nobody could cut
/// a tunnel and no change of policy reached it.
#[test]
fn a_draining_gateway_still_governs_its_tunnels() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let both = scene::policy(&[ROW, OTHER]);
        let mut backstop = scene::start(world, &both);
        let (one, two) = (session(&backstop), session(&backstop));
        let mut first = Tunnel::open(&backstop, &one, &ca, HOST);
        let mut second = Tunnel::open(&backstop, &two, &ca, "other.example");
        let mut third = Tunnel::open(&backstop, &two, &ca, HOST);
        backstop.signal(Signal::SIGTERM);
        eventually("readiness off", || (readyz(&backstop).status() == 503).then_some(()));
        for tunnel in [&mut first, &mut second, &mut third] {
            tunnel.assert_lives();
        }
        ask(world, &backstop, &["quarantine", "add", &one.id, "--reason", "test"]);
        assert!(first.until_cut() < SECOND);
        second.assert_lives();
        backstop.write_policy("policy.yaml", &scene::policy_with(&[ROW], &[ROW, OTHER]));
        assert!(second.until_cut() < SECOND);
        third.assert_lives();
        third.close();
        assert_eq!(backstop.wait().status.code(), Some(0));
    });
}

#[test]
fn a_changed_policy_file_cuts_a_live_tunnel_within_a_second() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let backstop = scene::start(world, &scene::policy(&[ROW, OTHER]));
        let session = session(&backstop);
        let mut doomed = Tunnel::open(&backstop, &session, &ca, "other.example");
        let mut kept = Tunnel::open(&backstop, &session, &ca, HOST);
        doomed.assert_lives();
        backstop.write_policy("policy.yaml", &scene::policy_with(&[ROW], &[ROW, OTHER]));
        let took = doomed.until_cut();
        assert!(took < SECOND, "{took:?}");
        assert_eq!(
            connect(&backstop, &session, "other.example:443"),
            (403, "egress.tenant".to_owned())
        );
        kept.assert_lives();
        let ended = on_record(world, &backstop, "FlowEnded", |_| true);
        assert_eq!(ended["fact"]["ending"], "revoked", "{ended}");
    });
}

#[test]
fn a_bad_document_keeps_its_last_good_version_and_others_go_ahead() {
    World::run(|world| {
        let (_ca, _upstream) = upstream(world);
        world.new_host("new.example");
        let text = scene::policy(&[ROW, "{ host: other.example }", "{ host: new.example }"]);
        let (tenant, skill) = text.split_once("---\n").unwrap();
        // At first the tenant does not list `new.example`.
        let before = tenant.replace("  - { host: new.example }\n", "");
        let backstop = scene::start(world, &format!("{before}---\n{skill}"));
        let session = session(&backstop);
        assert_eq!(connect(&backstop, &session, "new.example:443").0, 403);
        // One change: the skill is broken, the tenant gains a row.
        backstop.write_policy(
            "policy.yaml",
            &format!(
                "{tenant}---\n{}",
                skill.replace("version: 1.2.0\n", "version: 1.2.0\n  nonsense: true\n")
            ),
        );
        eventually("the tenant's change", || {
            (connect(&backstop, &session, "new.example:443").0 == 200).then_some(())
        });
        assert_eq!(connect(&backstop, &session, "api.weather.example:443").0, 200);
        let rejected = on_record(world, &backstop, "PolicyRejected", |_| true);
        let said = rejected["fact"]["diagnostics"].as_str().unwrap();
        assert!(said.contains("policy.yaml:") && said.contains("nonsense"), "{said}");
        assert!(backstop.stderr().contains("nonsense"), "{}", backstop.stderr());
        assert!(backstop.stderr().contains("weather-1.2.0"), "{}", backstop.stderr());
    });
}

#[test]
fn sighup_reads_the_policies_at_once() {
    World::run(|world| {
        let (_ca, _upstream) = upstream(world);
        let setup = Setup::new(world, BINARY, &scene::policy_with(&[ROW], &[ROW, OTHER]))
            .config(json!({ "policy_poll": "1h" }));
        let backstop = Backstop::start(world, setup);
        let session = session(&backstop);
        backstop.write_policy("policy.yaml", &scene::policy(&[ROW, OTHER]));
        let begin = Instant::now();
        assert_eq!(connect(&backstop, &session, "other.example:443").0, 403);
        backstop.signal(Signal::SIGHUP);
        eventually("the change", || {
            (connect(&backstop, &session, "other.example:443").0 == 200).then_some(())
        });
        assert!(begin.elapsed() < 2 * SECOND, "{:?}", begin.elapsed());
    });
}

#[test]
fn a_cold_start_with_a_broken_policy_uses_the_last_good_snapshot() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let backstop = scene::start(world, &scene::policy(&[ROW]));
        let (mut setup, session) = (backstop.setup(), session(&backstop));
        assert_eq!(backstop.stop().status.code(), Some(0));
        for broken in ["kind: [", "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\n", ""] {
            setup.policies = vec![("policy.yaml".to_owned(), broken.to_owned())];
            let backstop = Backstop::start(world, setup.clone());
            let faults = backstop.ready()["policy_faults"].as_u64().unwrap();
            if broken.is_empty() {
                // An empty file is no broken one: it takes everything away.
                assert_eq!(faults, 0);
                assert_eq!(connect(&backstop, &session, "api.weather.example:443").0, 403);
            } else {
                assert!(faults > 0, "{}", backstop.ready());
                Tunnel::open(&backstop, &session, &ca, HOST).assert_lives();
            }
            backstop.kill();
        }
    });
}

/// As the kubelet does it: a new folder, then one rename of the link `..data`.
#[test]
fn the_swapped_link_of_a_configmap_is_picked_up() {
    World::run(|world| {
        use std::os::unix::fs::symlink;
        let (_ca, _upstream) = upstream(world);
        let mut setup = Setup::new(world, BINARY, "");
        setup.policies.clear();
        let folder = setup.directory.join("policy");
        let put = |version: &str, text: &str| {
            let place = folder.join(version);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("policy.yaml"), text).unwrap();
            symlink(version, folder.join("..data_tmp")).unwrap();
            std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        };
        put("..2026_01", &scene::policy_with(&[ROW], &[ROW, OTHER]));
        symlink("..data/policy.yaml", folder.join("policy.yaml")).unwrap();
        let backstop = Backstop::start(world, setup);
        let session = session(&backstop);
        assert_eq!(connect(&backstop, &session, "api.weather.example:443").0, 200);
        assert_eq!(connect(&backstop, &session, "other.example:443").0, 403);
        put("..2026_02", &scene::policy_with(&[OTHER], &[ROW, OTHER]));
        std::fs::remove_dir_all(folder.join("..2026_01")).unwrap();
        eventually("the new folder", || {
            (connect(&backstop, &session, "other.example:443").0 == 200).then_some(())
        });
        assert_eq!(connect(&backstop, &session, "api.weather.example:443").0, 403);
        let loaded = events(world, &backstop);
        assert!(loaded.iter().all(|event| event["type"] != "PolicyRejected"));
    });
}
