//! Response policy zones that come from a real BIND, and from a real NSD: the first copy, changes that it tells of, signed;
//! and what is left of them when it is gone.

use crate::dns_scene::{self, Running, client, needs};
use crate::scene::{BINARY, on_record};
use backstop_testkit::client::eventually;
use backstop_testkit::nameserver::NameServer;
use backstop_testkit::resolver::free_place;
use backstop_testkit::{Backstop, Nsd, Setup, World};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const KEY: &str = "key \"feed.key\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0LW9mLWEtdGVzdC1vZi0zMi1vY3RldHMhISE=\";\n};\n";

/// Rules of every kind, as a file has them below its SOA.
const RULES: &str = "bad.example CNAME .\n*.wild.example CNAME .\nempty.example CNAME *.\npass.wild.example CNAME rpz-passthru.\n32.9.1.184.93.rpz-ip CNAME .\nlocal.example A 93.184.2.2\nlocal.example TXT \"a b\" \"c\"\n";

/// A primary in a folder of its own, ended with the test or before.
struct Primary {
    folder: PathBuf,
    place: SocketAddr,
    running: Option<Running>,
}

impl Primary {
    fn new(world: &World, notify: SocketAddr, serial: u32, rules: &str) -> Self {
        let folder = world.path().join("primary");
        std::fs::create_dir(&folder).unwrap();
        let place = free_place();
        let (port, to) = (place.port(), notify.port());
        let at = folder.display();
        let conf = format!(
            "{KEY}server 127.0.0.1 {{ keys {{ \"feed.key\"; }}; }};\n\
             options {{ directory \"{at}\"; pid-file none; session-keyfile \"{at}/session.key\";\n\
             managed-keys-directory \"{at}\"; recursion no; dnssec-validation no;\n\
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             notify-delay 0; notify-rate 100; startup-notify-rate 100; }};\ncontrols {{ }};\n\
             zone \"feed.example\" {{ type primary; file \"feed.zone\"; check-names ignore;\n\
             allow-transfer {{ key \"feed.key\"; }}; allow-update {{ key \"feed.key\"; }};\n\
             notify explicit; also-notify {{ 127.0.0.1 port {to} key \"feed.key\"; }}; }};\n"
        );
        std::fs::write(folder.join("named.conf"), conf).unwrap();
        std::fs::write(folder.join("feed.zone"), zone(serial, rules)).unwrap();
        let mut this = Self { folder, place, running: None };
        this.start(world);
        this
    }

    fn start(&mut self, world: &World) {
        let log = std::fs::File::create(self.folder.join("log")).unwrap();
        let mut command = world.command("named");
        let conf = self.folder.join("named.conf");
        command.args(["-g", "-n", "1", "-c"]).arg(conf).stdout(log.try_clone().unwrap());
        command.stderr(log).current_dir(&self.folder);
        self.running = Some(Running::start(&mut command));
        eventually("the primary's answer", || {
            let text = client(world, "dig", self.place, &["feed.example", "SOA", "+norec"]);
            if !text.contains("status: NOERROR") {
                assert!(!self.log().contains("exiting (due to fatal error)"), "{}", self.log());
                return None;
            }
            Some(())
        });
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Changes the zone by a signed update.
    fn update(&self, world: &World, lines: &str) {
        let key = self.folder.join("update.key");
        std::fs::write(&key, KEY).unwrap();
        let script = self.folder.join("update");
        let text =
            format!("server 127.0.0.1 {}\nzone feed.example\n{lines}\nsend\n", self.place.port());
        std::fs::write(&script, text).unwrap();
        let mut command = world.command("nsupdate");
        let output = command.arg("-k").arg(key).arg(script).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn zone(serial: u32, rules: &str) -> String {
    format!(
        "$TTL 60\n@ SOA ns.feed.example. host.feed.example. {serial} 3600 600 86400 60\n@ NS localhost.\n{rules}"
    )
}

fn policy() -> String {
    let names = [
        "bad", "\"*.bad", "wild", "\"*.wild", "empty", "local", "good", "n0", "n1", "n2", "n3",
        "n4",
    ];
    let rows = names.map(|name| {
        let quote = if name.starts_with('"') { "\"" } else { "" };
        format!("{{ host: {name}.example{quote} }}")
    });
    dns_scene::policy("", &rows.each_ref().map(String::as_str))
}

fn key_file(world: &World) -> PathBuf {
    let path = world.path().join("feed.key");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path).unwrap();
    std::io::Write::write_all(&mut file, KEY.as_bytes()).unwrap();
    path
}

/// The gateway at this place, with these zones.
fn gateway(world: &World, server: &NameServer, at: SocketAddr, feed: &str) -> Backstop {
    let dns = json!({ "listen": [at.to_string()], "rpz": [feed] });
    dns_scene::start_with(world, &policy(), server.place(), dns)
}

/// Response code and addresses, without what differs from one question to the next.
fn decided(world: &World, backstop: &Backstop, name: &str, qtype: &str) -> String {
    let to: SocketAddr = backstop.ready()["dns"][0].as_str().unwrap().parse().unwrap();
    let text = client(world, "dig", to, &[name, qtype]);
    let status = text.split("status: ").nth(1).unwrap_or("none").split(',').next().unwrap();
    let records: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with(";; ANSWER"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once("IN"))
        .map(|(_, rest)| rest)
        .collect();
    let blocked = text.contains("dns.rpz rcp_");
    format!("{status} {blocked} {}", records.join("|"))
}

fn refuses(world: &World, backstop: &Backstop, name: &str) -> bool {
    decided(world, backstop, name, "A") == "NXDOMAIN true "
}

fn figure(backstop: &Backstop, name: &str) -> String {
    let text = backstop.ask("GET", "/metrics", None).text();
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
    line.unwrap_or_else(|| panic!("no {name} in:\n{text}")).rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn a_zone_comes_from_a_real_bind_changes_at_its_word_and_outlives_it() {
    needs("named");
    needs("nsupdate");
    World::run(|world| {
        let server = dns_scene::upstream();
        let (at, key) = (free_place(), key_file(world));
        let mut primary = Primary::new(world, at, 10, RULES);
        // The first one is never there: the second one is asked.
        let feed = format!(
            "feed.example primary=127.0.0.1:1 primary={} key={}",
            primary.place,
            key.display()
        );
        let one = gateway(world, &server, at, &feed);
        assert_eq!(one.ready()["rpz"], json!(["feed.example"]));
        assert!(refuses(world, &one, "bad.example"));
        assert_eq!(decided(world, &one, "good.example", "A"), "NOERROR false \tA\t93.184.1.1");
        assert_eq!(figure(&one, "backstop_rpz_serial{zone=\"feed.example\"}"), "10");
        let outcome = |backstop: &Backstop, outcome: &str| {
            let labels = format!("zone=\"feed.example\",outcome=\"{outcome}\"");
            figure(backstop, &format!("backstop_rpz_transfers_total{{{labels}}}"))
        };
        assert_eq!(outcome(&one, "whole"), "1");

        // The same zone as a file: every decision is the same.
        let file = world.path().join("feed.zone");
        std::fs::write(&file, zone(10, RULES)).unwrap();
        let dns = json!({
            "listen": ["127.0.0.1:0"], "rpz": [format!("feed.example={}", file.display())],
            "clients": ["127.0.0.0/8=research/*"], "upstreams": [server.place().to_string()],
        });
        let mut setup = Setup::new(world, BINARY, &policy()).config(json!({ "dns": dns }));
        setup.directory = world.path().join("of-a-file");
        let two = Backstop::start(world, setup);
        for name in [
            "bad.example",
            "x.bad.example",
            "wild.example",
            "a.wild.example",
            "pass.wild.example",
            "x.pass.wild.example",
            "empty.example",
            "local.example",
            "good.example",
        ] {
            for qtype in ["A", "AAAA", "TXT"] {
                let [ours, theirs] = [&one, &two].map(|at| decided(world, at, name, qtype));
                assert_eq!(ours, theirs, "{name} {qtype}");
            }
        }
        drop(two.stop());

        // A change, told by a signed NOTIFY: in force within two seconds, by IXFR.
        let began = Instant::now();
        primary.update(
            world,
            "update add good.example.feed.example 60 CNAME .\nupdate delete bad.example.feed.example CNAME",
        );
        eventually("the change in force", || refuses(world, &one, "good.example").then_some(()));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        println!("in force {:?} after the update", began.elapsed());
        assert!(!refuses(world, &one, "bad.example"));
        assert!(refuses(world, &one, "a.wild.example"));
        assert_eq!(outcome(&one, "changes"), "1");
        assert_eq!(outcome(&one, "whole"), "1");
        assert_eq!(figure(&one, "backstop_rpz_serial{zone=\"feed.example\"}"), "11");
        let log = primary.log();
        assert!(log.contains("IXFR started: TSIG feed.key"), "{log}");
        // Several at once: all of them arrive.
        for number in 0..5 {
            primary.update(world, &format!("update add n{number}.example.feed.example 60 CNAME ."));
        }
        eventually("all changes in force", || {
            (0..5).all(|n| refuses(world, &one, &format!("n{n}.example"))).then_some(())
        });
        // Nobody but the primary, with the key, makes it ask.
        let to: SocketAddr = one.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        let forged = |from: &str| {
            client(world, "dig", to, &["-b", from, "+opcode=notify", "feed.example", "SOA"])
        };
        assert!(forged("127.0.0.1").contains("status: REFUSED"));
        assert!(forged("127.0.0.2").contains("status: NOTIMP"));

        // The primary goes, the gateway starts anew: the zone is there, and the missing primary said.
        let copy = one.state().join("rpz/feed.example.transferred");
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        primary.running = None;
        let setup = one.setup();
        drop(one.stop());
        let one = Backstop::start(world, setup.clone());
        assert!(refuses(world, &one, "good.example") && refuses(world, &one, "n4.example"));
        eventually("the failure in the figures", || {
            (figure(&one, "backstop_rpz_transfer_failing") == "1").then_some(())
        });
        assert_eq!(figure(&one, "backstop_rpz_expired"), "0");
        assert!(one.stderr().contains("stays as it was"), "{}", one.stderr());
        drop(one.stop());

        // It was gone for longer than the SOA allows: still in force, and said.
        let file = std::fs::File::options().write(true).open(&copy).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(90_000)).unwrap();
        let one = Backstop::start(world, setup.clone());
        assert!(refuses(world, &one, "good.example"));
        eventually("the expiry in the figures", || {
            (figure(&one, "backstop_rpz_expired") == "1").then_some(())
        });
        on_record(world, &one, "PolicyRejected", |fact: &Value| {
            fact["diagnostics"].to_string().contains("longer than its SOA allows")
        });
        // It comes back, and all is well.
        primary.start(world);
        eventually("the primary heard again", || {
            (figure(&one, "backstop_rpz_expired") == "0").then_some(())
        });
        drop(one.stop());

        // A copy that was damaged: the primary gives it anew. Without both there is no start.
        let mut octets = std::fs::read(&copy).unwrap();
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        std::fs::write(&copy, &octets).unwrap();
        let one = Backstop::start(world, setup.clone());
        assert!(one.stderr().contains("is of no use"), "{}", one.stderr());
        assert!(refuses(world, &one, "good.example"));
        drop(one.stop());
    });
}

#[test]
fn a_zone_comes_from_a_real_nsd_too_and_changes_at_its_word() {
    needs("nsd");
    World::run(|world| {
        let server = dns_scene::upstream();
        let (at, key) = (free_place(), key_file(world));
        let clauses = "key:\n name: feed.key\n algorithm: hmac-sha256\n \
                       secret: \"c2VjcmV0LW9mLWEtdGVzdC1vZi0zMi1vY3RldHMhISE=\"\n";
        let of_each = format!(
            " notify: 127.0.0.1@{} feed.key\n provide-xfr: 127.0.0.1 feed.key\n store-ixfr: yes\n \
             create-ixfr: yes\n",
            at.port()
        );
        let nsd = Nsd::serving(&[("feed.example", &zone(10, RULES))], clauses, &of_each);
        let feed = format!("feed.example primary={} key={}", nsd.place(), key.display());
        let one = gateway(world, &server, at, &feed);
        for name in ["bad.example", "a.wild.example", "empty.example", "local.example"] {
            assert!(decided(world, &one, name, "A").contains("true"), "{name}");
        }
        assert_eq!(decided(world, &one, "good.example", "A"), "NOERROR false \tA\t93.184.1.1");
        assert_eq!(figure(&one, "backstop_rpz_serial{zone=\"feed.example\"}"), "10");
        // Another version, of which NSD tells by a signed NOTIFY.
        let rules = RULES.replace("bad.example", "good.example");
        nsd.replace("feed.example", &zone(11, &rules));
        eventually("the change in force", || refuses(world, &one, "good.example").then_some(()));
        assert!(!refuses(world, &one, "bad.example") && refuses(world, &one, "a.wild.example"));
        assert_eq!(figure(&one, "backstop_rpz_serial{zone=\"feed.example\"}"), "11");
        let came = |outcome: &str| {
            let labels = format!("zone=\"feed.example\",outcome=\"{outcome}\"");
            figure(&one, &format!("backstop_rpz_transfers_total{{{labels}}}"))
        };
        println!("whole {}, changes {}", came("whole"), came("changes"));
        assert_eq!(came("failed"), "0");
    });
}

#[test]
fn a_start_asks_for_all_zones_at_once() {
    World::run(|world| {
        let feeds = ["one.example primary=127.0.0.1:1", "two.example primary=127.0.0.1:1"];
        let dns = json!({ "listen": ["127.0.0.1:0"], "rpz": feeds,
            "clients": ["127.0.0.0/8=research/*"], "upstreams": ["127.0.0.1:1"] });
        let setup = Setup::new(world, BINARY, &policy()).config(json!({ "dns": dns }));
        let Err(exit) = Backstop::try_start(world, setup) else { panic!("no zone, no start") };
        let said = |zone: &str| exit.stderr.contains(&format!("`{zone}` is not there yet"));
        assert!(said("one.example") && said("two.example"), "{}", exit.stderr);
        assert!(
            exit.stderr.contains("no primary gives the response policy zone"),
            "{}",
            exit.stderr
        );
    });
}
