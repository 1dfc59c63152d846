//! The ways out of the running gateway: by an upstream proxy, over IPv6, to private addresses where
//! a row says so and nowhere else, and never back into itself; without any privilege.

use crate::scene::{
    self, BINARY, HOST, ROW, SECOND, Tunnel, connect, explained, on_record, session, upstream,
};
use backstop_testkit::client::{self, eventually};
use backstop_testkit::message::Message;
use backstop_testkit::upstream::Recording;
use backstop_testkit::{Answer, Backstop, Ca, Session, Setup, Upstream, World};
use serde_json::json;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A request in absolute form.
#[track_caller]
fn send(backstop: &Backstop, session: &Session, method: &str, url: &str) -> Message {
    let credential = session.authorization();
    client::request(
        backstop.proxy(),
        method,
        url,
        &[("proxy-authorization", credential.as_str()), ("connection", "close")],
        b"",
    )
}

/// The status and, for a refusal, its control.
fn verdict(reply: &Message) -> (u16, String) {
    let problem = reply.header("content-type") == Some("application/problem+json");
    let control = problem.then(|| reply.json()["control"].as_str().unwrap_or_default().to_owned());
    (reply.status(), control.unwrap_or_default())
}

fn refused(control: &str) -> (u16, String) {
    (403, control.to_owned())
}

/// A plain HTTP server on port 80 of that address. It closes after each answer: a connection that is
/// kept would go on to where it leads, whatever its name says by then.
fn plain(ip: IpAddr) -> Upstream {
    let server = Upstream::start(SocketAddr::new(ip, 80), None, Recording::Full);
    let headers = vec![("connection".into(), "close".into())];
    server.answer_below("/", Answer::Reply { status: 200, headers, body: b"hello\n".into() });
    server
}

/// One more address of this machine, in this world alone.
fn own_address(world: &World, ip: &str) -> IpAddr {
    world.output(world.command("ip").args(["addr", "add", &format!("{ip}/32"), "dev", "lo"]));
    ip.parse().unwrap()
}

/// tinyproxy with a password, ended with the test.
struct Tinyproxy {
    child: Child,
    log: PathBuf,
}

impl Tinyproxy {
    #[track_caller]
    fn start(world: &World, place: SocketAddr) -> Self {
        let log = world.path().join("tinyproxy.log");
        let config = world.path().join("tinyproxy.conf");
        let text = format!(
            "Listen {}\nPort {}\nTimeout 60\nMaxClients 20\nLogFile \"{}\"\nLogLevel Connect\n\
             BasicAuth up pass\n",
            place.ip(),
            place.port(),
            log.display()
        );
        std::fs::write(&config, text).unwrap();
        let child = world
            .command("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("tinyproxy: {error}: run `cargo xtask setup`"));
        let tinyproxy = Self { child, log };
        eventually("tinyproxy", || TcpStream::connect(place).ok());
        tinyproxy
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_upstream_proxy_carries_everything_but_its_exceptions() {
    World::run(|world| {
        let (ca, upstream) = upstream(world);
        let direct = plain(world.address());
        let by_way = plain(world.address());
        world.host("direct.example", direct.ip());
        world.host("plain.example", by_way.ip());
        let place = SocketAddr::new(world.address(), 8888);
        let tinyproxy = Tinyproxy::start(world, place);
        let policy = scene::policy(&[
            ROW,
            "{ host: direct.example, ports: [80], protocol: HTTP }",
            "{ host: plain.example, ports: [80], protocol: HTTP }",
        ]);
        let start = |password: &str, directory: &str| {
            let mut setup = Setup::new(world, BINARY, &policy).config(json!({ "network": {
                "upstream_proxy": format!("http://up:{password}@{place}"),
                "no_proxy": ["direct.example"],
            }}));
            setup.directory = world.path().join(directory);
            Backstop::start(world, setup)
        };
        let backstop = start("p%61ss", "one");
        let session = session(&backstop);

        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        tunnel.assert_lives();
        tunnel.close();
        assert_eq!(send(&backstop, &session, "GET", "http://plain.example/a").text(), "hello\n");
        assert_eq!(send(&backstop, &session, "GET", "http://direct.example/b").text(), "hello\n");
        let log = tinyproxy.log();
        assert!(log.contains(HOST) && log.contains("plain.example"), "{log}");
        assert!(!log.contains("direct.example"), "{log}");

        // The record says who looked the name up.
        for (host, delegated) in [(HOST, true), ("plain.example", true), ("direct.example", false)]
        {
            let permit = on_record(world, &backstop, "AttemptPermitted", |fact| {
                fact["asked"]["host"] == host && fact["asked"]["act"] != "connect"
            });
            assert_eq!(permit["fact"]["delegated"], delegated, "{permit}");
            let ended = on_record(world, &backstop, "FlowEnded", |fact| {
                fact["permit"] == permit["receipt"]
            });
            assert_eq!(ended["fact"]["address"].is_null(), delegated, "{ended}");
            let receipt = permit["receipt"].as_str().unwrap();
            let shown = scene::run(world, &backstop, &["explain", receipt]);
            let shown = String::from_utf8(shown.stdout).unwrap();
            assert!(shown.contains(&format!("\"delegated\": {delegated}")), "{shown}");
        }
        // Its password is for it alone.
        for server in [&upstream, &by_way, &direct] {
            for received in server.received() {
                let raw = String::from_utf8_lossy(&received.message.raw).to_ascii_lowercase();
                assert!(!raw.contains("proxy-auth"), "{raw}");
            }
        }
        // What is refused before a look-up is refused here too.
        assert_eq!(connect(&backstop, &session, "169.254.169.254:443"), refused("ssrf.address"));
        assert_eq!(
            verdict(&send(&backstop, &session, "GET", "http://evil.example/")),
            refused("egress.tenant")
        );
        assert!(!tinyproxy.log().contains("evil.example"));

        let other = start("wrong", "two");
        let session = scene::session(&other);
        let reply = send(&other, &session, "GET", "http://plain.example/");
        assert_eq!(verdict(&reply), (502, "upstream.reach".to_owned()), "{}", reply.text());
        drop(tinyproxy);
        let reply = send(&other, &session, "GET", "http://plain.example/");
        assert_eq!(verdict(&reply), (502, "upstream.reach".to_owned()), "{}", reply.text());
        assert_eq!(by_way.requests(), 1);
    });
}

#[test]
fn extra_roots_judge_the_upstream_of_an_https_url() {
    World::run(|world| {
        let (ca, upstream) = upstream(world);
        let policy = scene::policy(&["{ host: api.weather.example, methods: [GET] }"]);
        // The world's own roots are the machine's: they know nothing of this CA.
        let plain = scene::start(world, &policy);
        let session = session(&plain);
        let reply = send(&plain, &session, "GET", "https://api.weather.example/points/1");
        assert_eq!(verdict(&reply), (502, "upstream.tls".to_owned()), "{}", reply.text());
        assert_eq!(upstream.requests(), 0);
        drop(plain);

        let roots = world.path().join("roots.pem");
        std::fs::write(&roots, ca.pem()).unwrap();
        let mut setup = Setup::new(world, BINARY, &policy)
            .config(json!({ "network": { "extra_roots": [roots.display().to_string()] } }));
        setup.directory = world.path().join("two");
        let backstop = Backstop::start(world, setup);
        let session = scene::session(&backstop);
        let url = "https://api.weather.example/points/1?x=y";
        let reply = send(&backstop, &session, "GET", url);
        assert_eq!(reply.text(), "hello\n", "{}", reply.first);
        let received = &upstream.received()[0];
        assert_eq!(received.sni.as_deref(), Some(HOST));
        assert_eq!(received.message.target(), "/points/1?x=y");
        // What is read can be held to its method; a tunnel could not be.
        assert_eq!(verdict(&send(&backstop, &session, "POST", url)), refused("egress.tenant"));
        assert_eq!(
            connect(&backstop, &session, "api.weather.example:443"),
            refused("egress.uninspected")
        );
        assert_eq!(upstream.requests(), 1);
    });
}

#[test]
fn an_ipv6_upstream_is_reached() {
    World::run(|world| {
        let ca = Ca::new();
        let ip = world.address_v6();
        let _upstream =
            Upstream::start(SocketAddr::new(ip, 443), Some(ca.server(&[HOST])), Recording::Full);
        world.host(HOST, ip);
        let backstop = scene::start(world, &scene::policy(&[ROW]));
        let session = session(&backstop);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        tunnel.assert_lives();
        tunnel.close();
        let ended = on_record(world, &backstop, "FlowEnded", |_| true);
        assert_eq!(ended["fact"]["address"], ip.to_string());
    });
}

#[test]
fn one_private_address_among_public_ones_refuses_the_name() {
    World::run(|world| {
        let inside = own_address(world, "10.1.2.3");
        let servers = [plain(world.address()), plain(world.address()), plain(inside)];
        for server in &servers {
            world.host("mixed.example", server.ip());
        }
        let row = "{ host: mixed.example, ports: [80], protocol: HTTP }";
        let backstop = scene::start(world, &scene::policy(&[row]));
        let session = session(&backstop);
        let reply = send(&backstop, &session, "GET", "http://mixed.example/");
        assert_eq!(verdict(&reply), refused("ssrf.address"));
        let receipt = reply.json()["receipt"].as_str().unwrap().to_owned();
        assert_eq!(
            explained(world, &backstop, &receipt),
            ("deny".to_owned(), "ssrf.address".to_owned(), "mixed.example".to_owned())
        );
        assert!(servers.iter().all(|server| server.connections() == 0));
        // Without it the name is good, and for this session it is then bound to good addresses.
        world.forget_host("mixed.example");
        world.host("mixed.example", servers[0].ip());
        assert_eq!(send(&backstop, &session, "GET", "http://mixed.example/").status(), 200);
        world.forget_host("mixed.example");
        world.host("mixed.example", inside);
        let reply = send(&backstop, &session, "GET", "http://mixed.example/");
        assert_eq!(verdict(&reply), refused("ssrf.rebind"));
        assert_eq!(servers[2].connections(), 0);
    });
}

#[test]
fn allow_private_reaches_what_its_row_names_and_nothing_else() {
    World::run(|world| {
        let inside = plain(own_address(world, "10.1.2.3"));
        let beside = plain(own_address(world, "10.1.3.3"));
        let loopback = plain("127.0.0.1".parse().unwrap());
        let row = |host: &str, more: &str| {
            format!("{{ host: {host}, ports: [80], protocol: HTTP{more} }}")
        };
        let rows = [
            row("inside.example", ", allowPrivate: [10.1.2.0/24]"),
            row("beside.example", ", allowPrivate: [10.1.2.0/24]"),
            row("other.example", ""),
            row("loop.example", ", allowPrivate: [10.1.2.0/24]"),
        ];
        for (name, server) in [
            ("inside.example", &inside),
            ("beside.example", &beside),
            ("other.example", &inside),
            ("loop.example", &loopback),
        ] {
            world.host(name, server.ip());
        }
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let backstop = scene::start(world, &scene::policy(&rows));
        let session = session(&backstop);
        let get =
            |name: &str| verdict(&send(&backstop, &session, "GET", &format!("http://{name}/")));
        assert_eq!(get("inside.example"), (200, String::new()));
        for name in ["beside.example", "other.example", "loop.example", "10.1.2.3"] {
            assert_eq!(get(name), refused("ssrf.address"), "{name}");
        }
        assert_eq!((inside.requests(), beside.connections(), loopback.connections()), (1, 0, 0));
        // It is no secret: every check reports it.
        let check = scene::run(world, &backstop, &["check"]);
        let said = String::from_utf8_lossy(&check.stdout).into_owned()
            + &String::from_utf8_lossy(&check.stderr);
        assert!(check.status.success() && said.contains("10.1.2.0/24"), "{said}");
    });
}

#[test]
fn a_row_that_loses_its_private_network_loses_its_tunnels() {
    World::run(|world| {
        let ca = Ca::new();
        let inside = own_address(world, "10.1.2.3");
        let place = SocketAddr::new(inside, 443);
        let _upstream = Upstream::start(place, Some(ca.server(&[HOST])), Recording::Full);
        world.host(HOST, inside);
        let private = "{ host: api.weather.example, allowPrivate: [10.1.2.0/24] }";
        let backstop = scene::start(world, &scene::policy(&[private]));
        let session = session(&backstop);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        tunnel.assert_lives();
        backstop.write_policy("policy.yaml", &scene::policy(&[ROW]));
        assert!(tunnel.until_cut() < SECOND);
        let ended = on_record(world, &backstop, "FlowEnded", |_| true);
        assert_eq!(ended["fact"]["ending"], "revoked", "{ended}");
    });
}

#[test]
fn no_way_out_leads_back_into_the_gateway() {
    World::run(|world| {
        let (own, other) = (world.address(), world.address());
        let neighbour = Upstream::start(SocketAddr::new(other, 3128), None, Recording::Full);
        world.host("self.example", own);
        world.host("neighbour.example", other);
        world.host("api.example", "127.0.0.1".parse().unwrap());
        let policy = |api: u16| {
            scene::policy(&[
                "{ host: self.example, ports: [3128,3129], protocol: HTTP }",
                "{ host: neighbour.example, ports: [3128], protocol: HTTP }",
                &format!("{{ host: api.example, ports: [{api}], protocol: HTTP }}"),
            ])
        };
        let mut setup = Setup::new(world, BINARY, &policy(1));
        setup.arguments = ["--proxy", &format!("{own}:3128"), "--proxy", "0.0.0.0:3129"]
            .map(str::to_owned)
            .into();
        let backstop = Backstop::start(world, setup);
        let api = backstop.api().port();
        scene::change_policy(&backstop, &policy(api));
        let session = session(&backstop);
        let get = |place: &str| {
            verdict(&send(&backstop, &session, "GET", &format!("http://{place}/healthz")))
        };
        assert_eq!(get("self.example:3128"), refused("ssrf.address"), "its own address");
        assert_eq!(get("self.example:3129"), refused("ssrf.address"), "any address of the machine");
        assert_eq!(get(&format!("api.example:{api}")), refused("ssrf.address"), "the API");
        assert_eq!(get("neighbour.example:3128"), (200, String::new()), "somebody else's port");
        assert_eq!(neighbour.requests(), 1);
    });
}

#[test]
fn an_idle_tunnel_ends_as_its_row_says() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let setup = Setup::new(
            world,
            BINARY,
            &scene::policy(&["{ host: api.weather.example, idle: 1s }", "{ host: other.example }"]),
        )
        .config(json!({ "proxy": { "idle": "2s" } }));
        let backstop = Backstop::start(world, setup);
        let session = session(&backstop);
        let mut other = Tunnel::open(&backstop, &session, &ca, "other.example");
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        other.assert_lives();
        tunnel.assert_lives();
        let took = tunnel.until_cut();
        assert!((Duration::from_millis(900)..2 * SECOND).contains(&took), "{took:?}");
        let ended = on_record(world, &backstop, "FlowEnded", |_| true);
        assert_eq!(ended["fact"]["ending"], "idle", "{ended}");
        // The configuration's own limit stands where no row says otherwise.
        other.assert_lives();
        let took = other.until_cut();
        assert!((Duration::from_millis(1_900)..3 * SECOND).contains(&took), "{took:?}");
    });
}

/// The first user id that is nobody's.
const NOBODY: u32 = 65_534;

#[test]
fn it_runs_as_nobody() {
    World::run(|world| {
        let (ca, _upstream) = upstream(world);
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
        let everyone = map.split_whitespace().nth(2) == Some("4294967295");
        let mut setup = Setup::new(world, BINARY, &scene::policy(&[ROW]));
        // In a user namespace that maps one id alone, root is somebody without privilege already.
        let user = if everyone { NOBODY } else { 0 };
        // What it must read lies where it may; its state is its own.
        let binary = world.path().join("gateway");
        std::fs::copy(BINARY, &binary).unwrap();
        let state = setup.directory.join("state");
        std::fs::create_dir_all(&state).unwrap();
        world.output(world.command("chmod").arg("-R").arg("a+rX").arg(world.path()));
        world.output(world.command("chown").arg(format!("{user}:{user}")).arg(&state));
        world.output(world.command("chmod").arg("700").arg(&state));
        let wrapper = world.path().join("as-nobody");
        let ids = format!("--reuid={user} --regid={user} --clear-groups --inh-caps=-all");
        let ids = if everyone { ids } else { String::new() };
        std::fs::write(
            &wrapper,
            format!(
                "#!/bin/sh\nexec setpriv {ids} --bounding-set=-all --no-new-privs {} \"$@\"\n",
                binary.display()
            ),
        )
        .unwrap();
        world.output(world.command("chmod").arg("755").arg(&wrapper));
        setup.binary = wrapper;
        let backstop = Backstop::start(world, setup);
        let status = std::fs::read_to_string(format!("/proc/{}/status", backstop.pid())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(field("Uid:"), user.to_string());
        assert_eq!(u64::from_str_radix(&field("CapEff:"), 16), Ok(0), "no capability");
        let session = session(&backstop);
        let mut tunnel = Tunnel::open(&backstop, &session, &ca, HOST);
        tunnel.assert_lives();
        assert_eq!(connect(&backstop, &session, "evil.example:443"), refused("egress.tenant"));
        assert_eq!(backstop.ready()["policy_faults"], 0);
        tunnel.close();
        let exit = backstop.stop();
        assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
        // Everything that it left is its own.
        use std::os::unix::fs::MetadataExt as _;
        let own = std::fs::read_dir(&state).unwrap();
        assert!(own.map(|entry| entry.unwrap().metadata().unwrap().uid()).all(|uid| uid == user));
    });
}
