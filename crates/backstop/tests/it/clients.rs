//! The clients that people use, each pointed at the gateway by one environment variable alone:
//! what is declared works, what is not is refused in words that its user can act on.

use crate::scene::{self, HOST, explained, on_record, session};
use backstop_testkit::cgi::Cgi;
use backstop_testkit::{Answer, Attacker, Backstop, Ca, Session, Upstream, World, world};
use std::process::{Command, Output};

const PLAIN: &str = "plain.weather.example";
const GIT: &str = "git.weather.example";
const EVIL: &str = "evil.example";

/// A gateway that lets one skill reach three hosts, and the attacker that it must not reach.
struct Street<'w> {
    world: &'w World,
    secure: Upstream,
    plain: Upstream,
    git: Upstream,
    attacker: Attacker,
    backstop: Backstop,
    session: Session,
}

impl<'w> Street<'w> {
    fn new(world: &'w World) -> Self {
        let ca = Ca::new();
        world.trust(&ca);
        let secure = Upstream::https(world, &ca, &[HOST]);
        let git = Upstream::https(world, &ca, &[GIT]);
        let plain = Upstream::http(world);
        let attacker = Attacker::new(world);
        for (name, ip) in
            [(HOST, secure.ip()), (GIT, git.ip()), (PLAIN, plain.ip()), (EVIL, attacker.ip())]
        {
            world.host(name, ip);
        }
        let backstop = scene::start(
            world,
            &scene::policy(&[
                "{ host: api.weather.example }",
                "{ host: git.weather.example }",
                "{ host: plain.weather.example, ports: [80], protocol: HTTP }",
            ]),
        );
        let session = session(&backstop);
        Self { world, secure, plain, git, attacker, backstop, session }
    }

    /// That program with one proxy variable.
    fn client(&self, program: &str, variable: &str) -> Command {
        let mut command = self.world.command(program);
        command.env(variable, self.session.proxy_url(self.backstop.proxy()));
        command
    }

    /// The problem that a client shows: readable, and on record under its receipt.
    #[track_caller]
    fn assert_refused(&self, shown: &str) {
        let start = shown.find('{').unwrap_or_else(|| panic!("no problem in: {shown}"));
        let mut problems =
            serde_json::Deserializer::from_str(&shown[start..]).into_iter::<serde_json::Value>();
        let problem = problems.next().unwrap().unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert_eq!(problem["status"], 403, "{problem}");
        assert_eq!(problem["control"], "egress.tenant", "{problem}");
        assert_eq!(problem["host"], EVIL, "{problem}");
        self.assert_on_record(problem["receipt"].as_str().unwrap());
    }

    /// A client that shows nothing but the status: the receipt is the newest refusal's.
    #[track_caller]
    fn assert_refused_tunnel(&self, output: &Output) {
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{shown}");
        assert!(shown.contains("403"), "{shown}");
        let refused = on_record(self.world, &self.backstop, "AttemptRefused", |fact| {
            fact["asked"]["host"] == EVIL && fact["asked"]["act"] == "connect"
        });
        self.assert_on_record(refused["receipt"].as_str().unwrap());
    }

    #[track_caller]
    fn assert_on_record(&self, receipt: &str) {
        assert_eq!(
            explained(self.world, &self.backstop, receipt),
            ("deny".to_owned(), "egress.tenant".to_owned(), EVIL.to_owned())
        );
        self.attacker.assert_nothing();
    }

    /// No upstream saw the credential.
    #[track_caller]
    fn assert_kept_secret(&self) {
        for upstream in [&self.secure, &self.plain, &self.git] {
            for received in upstream.received() {
                let text = String::from_utf8_lossy(&received.message.raw).into_owned();
                assert!(!text.to_ascii_lowercase().contains("proxy-authorization"), "{text}");
                assert!(!text.contains(self.session.token()), "{text}");
            }
        }
    }
}

/// Fails with advice where `cargo xtask setup` has not been run.
#[track_caller]
fn needs(world: &World, program: &str, proof: &[&str]) {
    let works = world.command(program).args(proof).output().is_ok_and(|o| o.status.success());
    assert!(
        works,
        "`{program} {}` does not work (tools: {:?}): run `cargo xtask setup`",
        proof.join(" "),
        world::tools()
    );
}

#[test]
fn curl_works_with_one_variable() {
    World::run(|world| {
        needs(world, "curl", &["--version"]);
        let street = Street::new(world);
        let output = world.output(
            street.client("curl", "HTTPS_PROXY").args(["-sS", "https://api.weather.example/a?b=c"]),
        );
        assert_eq!(output, "hello\n");
        let received = &street.secure.received()[0];
        assert_eq!(received.sni.as_deref(), Some(HOST));
        assert_eq!(received.message.target(), "/a?b=c");
        let output = world.output(street.client("curl", "http_proxy").args([
            "-sS",
            "-d",
            "note=rain",
            "http://plain.weather.example/echo",
        ]));
        assert!(output.contains("note=rain") && output.starts_with("POST /echo"), "{output}");
        // One variable for both.
        let output = world.output(street.client("curl", "ALL_PROXY").args([
            "-sS",
            "https://api.weather.example/",
            "http://plain.weather.example/",
        ]));
        assert_eq!(output, "hello\nhello\n");
        street.assert_kept_secret();
    });
}

#[test]
fn curl_shows_a_readable_refusal() {
    World::run(|world| {
        needs(world, "curl", &["--version"]);
        let street = Street::new(world);
        let output = street
            .client("curl", "http_proxy")
            .args(["-sS", "-D", "-", "http://evil.example/"])
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.starts_with("HTTP/1.1 403 "), "{shown}");
        assert!(shown.contains("application/problem+json"), "{shown}");
        street.assert_refused(&shown);
        // curl keeps the body of a refused CONNECT to itself, but shows its head.
        let output = street
            .client("curl", "HTTPS_PROXY")
            .args(["-sS", "-D", "-", "https://evil.example/"])
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).to_ascii_lowercase();
        let receipt =
            shown.lines().find_map(|line| line.strip_prefix("backstop-receipt: ")).unwrap();
        street.assert_on_record(receipt.trim());
        street.assert_refused_tunnel(&output);
    });
}

#[test]
fn requests_works_with_one_variable_and_shows_a_readable_refusal() {
    World::run(|world| {
        needs(world, "python3", &["-c", "import requests"]);
        let street = Street::new(world);
        let python = |variable: &str, text: &str| {
            let mut command = street.client("python3", variable);
            command.args(["-c", &format!("import requests\n{text}")]);
            command
        };
        let output = world.output(&mut python(
            "HTTPS_PROXY",
            "s = requests.Session()\n\
             for i in range(3):\n  r = s.get('https://api.weather.example/points/%d' % i)\n  print(r.status_code, r.text.strip())",
        ));
        assert_eq!(output, "200 hello\n".repeat(3));
        assert_eq!(street.secure.connections(), 1, "one tunnel is kept alive");
        let output = world.output(&mut python(
            "HTTP_PROXY",
            "r = requests.post('http://plain.weather.example/echo', json={'note': 'rain'})\n\
             print(r.status_code, 'note' in r.text, 'backstop-receipt' in r.headers)",
        ));
        assert_eq!(output, "200 True True\n");
        let output = world.output(&mut python(
            "HTTP_PROXY",
            "r = requests.get('http://evil.example/')\n\
             assert r.headers['content-type'] == 'application/problem+json'\nprint(r.text)",
        ));
        street.assert_refused(&output);
        let refused =
            python("HTTPS_PROXY", "requests.get('https://evil.example/')").output().unwrap();
        street.assert_refused_tunnel(&refused);
        let shown = String::from_utf8_lossy(&refused.stderr);
        assert!(shown.contains("403 Forbidden (egress.tenant rcp_"), "{shown}");
        street.assert_kept_secret();
    });
}

#[test]
fn nodes_fetch_works_with_one_variable_and_shows_a_readable_refusal() {
    World::run(|world| {
        needs(world, "node", &["-e", "process.exit(process.version.startsWith('v24.') ? 0 : 1)"]);
        let street = Street::new(world);
        let node = |variable: &str, text: &str| {
            let mut command = street.client("node", variable);
            command.env("NODE_USE_ENV_PROXY", "1");
            command.args(["--input-type=module", "-e", text]);
            command
        };
        let output = world.output(&mut node(
            "HTTPS_PROXY",
            "for (const i of [1, 2, 3]) {\n\
               const r = await fetch('https://api.weather.example/points/' + i);\n\
               console.log(r.status, (await r.text()).trim());\n}",
        ));
        assert_eq!(output, "200 hello\n".repeat(3));
        // `fetch` tunnels plain HTTP too, and a tunnel must speak TLS; `node:http` sends it as it is.
        let get = |url: &str| {
            format!(
                "import http from 'node:http';\n\
                 http.get('{url}', (r) => {{ r.setEncoding('utf8'); r.on('data', (d) => process.stdout.write(d)); }});"
            )
        };
        let output = world.output(&mut node("HTTP_PROXY", &get("http://plain.weather.example/")));
        assert_eq!(output, "hello\n");
        street.assert_refused_tunnel(
            &node("HTTPS_PROXY", "await fetch('https://evil.example/')").output().unwrap(),
        );
        let output = world.output(&mut node("HTTP_PROXY", &get("http://evil.example/")));
        street.assert_refused(&output);
        street.assert_kept_secret();
    });
}

#[test]
fn git_clones_and_pushes_with_one_variable_and_shows_a_readable_refusal() {
    World::run(|world| {
        needs(world, "sh", &["-c", "test -x \"$(git --exec-path)/git-http-backend\""]);
        let street = Street::new(world);
        let origin = world.path().join("repositories/forecast.git");
        let git = |arguments: &[&str]| {
            let mut command = world.command("git");
            command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]);
            command.args(arguments);
            command
        };
        let work = world.path().join("work");
        world.output(git(&["init", "-q", "-b", "main", "work"]).current_dir(world.path()));
        // Large enough that it does not travel in one packet.
        let data: String = (0..200_000).map(|n| format!("{n:x}\n")).collect();
        std::fs::write(work.join("data"), data).unwrap();
        world.output(git(&["add", "data"]).current_dir(&work));
        world.output(git(&["commit", "-q", "-m", "rain"]).current_dir(&work));
        world.output(&mut git(&[
            "clone",
            "-q",
            "--bare",
            work.to_str().unwrap(),
            origin.to_str().unwrap(),
        ]));
        let configure = ["-C", origin.to_str().unwrap(), "config", "http.receivepack", "true"];
        world.output(&mut git(&configure));
        let served = Cgi::git(world.path().join("repositories"));
        street.git.answer_below("/forecast.git/", Answer::Program(served));

        let clone = |url: &str, to: &str| {
            let mut command = street.client("git", "HTTPS_PROXY");
            command.args(["clone", "-q", url, to]).current_dir(world.path());
            command
        };
        world.output(&mut clone("https://git.weather.example/forecast.git", "copy"));
        let copy = world.path().join("copy");
        assert_eq!(
            std::fs::read(copy.join("data")).unwrap(),
            std::fs::read(work.join("data")).unwrap()
        );
        std::fs::write(copy.join("more"), "sun").unwrap();
        world.output(git(&["add", "more"]).current_dir(&copy));
        world.output(git(&["commit", "-q", "-m", "sun"]).current_dir(&copy));
        let mut push = street.client("git", "HTTPS_PROXY");
        world.output(push.args(["push", "-q", "origin", "main"]).current_dir(&copy));
        let log = ["-C", origin.to_str().unwrap(), "log", "--format=%s"];
        assert_eq!(world.output(&mut git(&log)), "sun\nrain\n");
        assert!(street.git.received().iter().any(|r| r.message.method() == "POST"));

        street.assert_refused_tunnel(
            &clone("https://evil.example/forecast.git", "stolen").output().unwrap(),
        );
        street.assert_kept_secret();
    });
}

#[test]
fn without_a_credential_every_client_is_told_so() {
    World::run(|world| {
        needs(world, "curl", &["--version"]);
        let street = Street::new(world);
        let output = world
            .command("curl")
            .env("http_proxy", format!("http://{}", street.backstop.proxy()))
            .args(["-sS", "-D", "-", "http://plain.weather.example/"])
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.starts_with("HTTP/1.1 407 "), "{shown}");
        assert!(shown.contains("\"control\":\"identity\""), "{shown}");
        assert_eq!(street.plain.requests(), 0);
    });
}
