//! DNS over TLS and over HTTPS as the configuration of the real binary has them, asked by clients that
//! others wrote; and who stands beside them, a front or a reader of dnstap, and means ill.

use crate::dns_scene::{self, client, needs, receipt};
use crate::run::{command, policy};
use crate::scene::explained;
use backstop_testkit::client::eventually;
use backstop_testkit::resolver::query;
use backstop_testkit::{Ca, World};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Puts a certificate of that authority and its key into place, as renewals do.
fn put(folder: &Path, ca: &Ca) {
    let (certificate, key) = ca.leaf_pem(&["dns.example", "127.0.0.1"]);
    for (name, text) in [("dns.pem", certificate), ("dns.key", key), ("ca.pem", ca.pem())] {
        let fresh = folder.join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, folder.join(name)).unwrap();
    }
}

fn path(world: &World, name: &str) -> String {
    world.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_gateway_answers_by_tls_and_by_https_and_shows_a_renewed_certificate() {
    ["kdig", "dig", "curl"].iter().copied().for_each(needs);
    World::run(|world| {
        let server = dns_scene::upstream();
        let first = Ca::new();
        put(world.path(), &first);
        let any = ["127.0.0.1:0"];
        let dns = json!({
            "tls": { "listen": any, "certificate": path(world, "dns.pem"), "key": path(world, "dns.key") },
            "https": { "listen": any },
        });
        let policy = dns_scene::policy("", &["{ host: api.weather.example }"]);
        let backstop = dns_scene::start_with(world, &policy, server.place(), dns);
        let ready = backstop.ready();
        assert_eq!(ready["dns"], json!([]), "no plain listener was asked for");
        let tls: SocketAddr = ready["dns_tls"][0].as_str().unwrap().parse().unwrap();
        let url = ready["dns_https"][0].as_str().unwrap().to_owned();
        let place = url.strip_prefix("https://").and_then(|url| url.strip_suffix("/dns-query"));
        let https: SocketAddr = place.unwrap().parse().unwrap();

        let ask = |program: &str, (to, way): (SocketAddr, &str), name: &str| {
            let ca = format!("+tls-ca={}", path(world, "ca.pem"));
            client(world, program, to, &[way, &ca, "+tls-hostname=dns.example", name, "A"])
        };
        let ways = [(tls, "+tls"), (https, "+https")];
        for program in ["kdig", "dig"] {
            for way in ways {
                let text = ask(program, way, "api.weather.example");
                assert!(text.contains("status: NOERROR") && text.contains("93.184.1.1"), "{text}");
                let text = ask(program, way, "evil.example");
                assert!(text.contains("status: NXDOMAIN"), "{program} {way:?}: {text}");
                let (verdict, control, host) = explained(world, &backstop, &receipt(&text));
                let said = (verdict.as_str(), control.as_str(), host.as_str());
                assert_eq!(said, ("deny", "dns.undeclared", "evil.example"), "{text}");
            }
        }
        // curl, whose HTTP is another: `evil.example A` by GET.
        let question = "AAABAAABAAAAAAAABGV2aWwHZXhhbXBsZQAAAQAB";
        let body = path(world, "body");
        let said = world.output(
            world
                .command("curl")
                .args(["-s", "--noproxy", "*", "--cacert", &path(world, "ca.pem"), "-o", &body])
                .args(["-w", "%{http_code} %{content_type}", &format!("{url}?dns={question}")]),
        );
        assert_eq!(said.trim(), "200 application/dns-message");
        let answer = std::fs::read(&body).unwrap();
        assert_eq!((answer[3] & 15, answer[7]), (3, 0), "NXDOMAIN, no records: {answer:?}");
        assert!(server.asked().iter().all(|asked| asked.name == "api.weather.example"));

        // A pair that cannot be used changes nothing and is said.
        std::fs::write(world.path().join("dns.pem"), "not a certificate").unwrap();
        eventually("the fault in the log", || {
            backstop.stderr().contains("the certificate before it stays in use").then_some(())
        });
        for way in ways {
            assert!(ask("kdig", way, "api.weather.example").contains("status: NOERROR"));
        }
        // Another authority's: who trusts the new one alone is answered once it is shown.
        put(world.path(), &Ca::new());
        for way in ways {
            eventually("the new certificate", || {
                ask("kdig", way, "api.weather.example").contains("status: NOERROR").then_some(())
            });
        }
        std::fs::write(world.path().join("ca.pem"), first.pem()).unwrap();
        for way in ways {
            let text = ask("kdig", way, "api.weather.example");
            assert!(!text.contains("status:"), "the old one is still shown: {text}");
        }
    });
}

#[test]
fn who_begins_handshakes_without_end_is_closed_and_others_do_not_notice() {
    needs("kdig");
    World::run(|world| {
        let server = dns_scene::upstream();
        put(world.path(), &Ca::new());
        let dns = json!({ "tls": { "listen": ["127.0.0.1:0"],
            "certificate": path(world, "dns.pem"), "key": path(world, "dns.key") } });
        let policy = dns_scene::policy("", &["{ host: api.weather.example }"]);
        let backstop = dns_scene::start_with(world, &policy, server.place(), dns);
        let tls: SocketAddr = backstop.ready()["dns_tls"][0].as_str().unwrap().parse().unwrap();
        let hurried = || {
            let text = backstop.ask("GET", "/metrics", None).text();
            let name = "backstop_dns_connections_total{outcome=\"hurried\"} ";
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{text}")).parse::<u64>().unwrap()
        };
        let ask = |from: &str| {
            let ca = format!("+tls-ca={}", path(world, "ca.pem"));
            let rest = ["-b", from, "+tls", &ca, "+tls-hostname=dns.example"];
            client(world, "kdig", tls, &[&rest[..], &["api.weather.example", "A"]].concat())
        };
        assert!(ask("127.0.0.1").contains("status: NOERROR"));
        assert_eq!(hurried(), 0);
        // Each is begun and left.
        eventually("one that is closed", || {
            for _ in 0..50 {
                drop(std::net::TcpStream::connect(tls));
            }
            (hurried() > 0).then_some(())
        });
        assert!(ask("127.0.0.2").contains("status: NOERROR"), "another source");
        eventually("an end of it", || ask("127.0.0.1").contains("status: NOERROR").then_some(()));
    });
}

#[test]
fn the_banner_names_each_listener_of_the_resolver_the_tap_and_the_zones() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    put(folder.path(), &Ca::new());
    std::fs::write(at("feed.zone"), "@ SOA ns. host. 5 1 1 1 1\nbad.example CNAME .\n").unwrap();
    let (_policy, path) = policy(&dns_scene::policy("", &["{ host: a.example }"]));
    let mut gateway = command();
    gateway.args(["--state", &at("state"), "--policy", &path]);
    for set in [
        "proxy.listen=none".to_owned(),
        "api.listen=127.0.0.1:0".to_owned(),
        "dns.listen=127.0.0.1:0".to_owned(),
        "dns.tls.listen=127.0.0.1:0".to_owned(),
        format!("dns.tls.certificate={}", at("dns.pem")),
        format!("dns.tls.key={}", at("dns.key")),
        "dns.https.listen=127.0.0.1:0".to_owned(),
        "dns.https.path=/own".to_owned(),
        "dns.upstreams=127.0.0.1:9".to_owned(),
        "dns.clients=127.0.0.1=research/*".to_owned(),
        format!("dns.dnstap.file={}", at("tap")),
        format!("dns.rpz=feed.example={}", at("feed.zone")),
    ] {
        gateway.args(["--set", &set]);
    }
    let mut child =
        gateway.arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut banner = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        banner += &format!("{line}\n");
        if line == "ready" {
            break;
        }
    }
    let _ = child.kill();
    let fault = child.wait_with_output().unwrap().stderr;
    let fault = String::from_utf8_lossy(&fault).into_owned();
    let shown = |begin: &str, end: &str| {
        banner.lines().any(|line| line.starts_with(begin) && line.ends_with(end))
    };
    for (begin, end) in [
        ("dns     127.0.0.1:", ""),
        ("dns     tls://127.0.0.1:", ""),
        ("dns     https://127.0.0.1:", "/own"),
        ("dnstap  file /", "/tap"),
        ("rpz     feed.example (serial 5, 1 rules)", ""),
    ] {
        assert!(shown(begin, end), "{begin}\n{banner}{fault}");
    }
}

/// A reader of dnstap that never says a word, and headers of a front that cannot be followed: the
/// running gateway answers all others as ever, and says how many there were.
#[test]
fn a_reader_that_says_nothing_and_headers_that_say_nonsense_are_counted() {
    World::run(|world| {
        let reader = world.path().join("tap");
        let _mute = UnixListener::bind(&reader).unwrap();
        let upstream = dns_scene::upstream();
        let policy = dns_scene::policy("", &["{ host: a.example }"]);
        let dns = json!({
            "listen": ["127.0.0.1:0"], "trusted_peers": ["127.0.0.1/32"],
            "dnstap": { "socket": reader },
        });
        let gateway = dns_scene::start_with(world, &policy, upstream.place(), dns);
        let to: SocketAddr = gateway.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        let socket = |from: &str| {
            let socket = UdpSocket::bind((from, 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket.connect(to).unwrap();
            socket
        };
        let (client, front) = (socket("127.0.0.2"), socket("127.0.0.1"));
        let question = query("refused.example", 1, false);
        let before = gateway.resident();
        let mut room = [0; 2_048];
        for _ in 0..10_000 {
            client.send(&question).unwrap();
            client.recv(&mut room).expect("an answer, whoever does not read");
        }
        // Version 1, a unix socket as source, cut short: silence each time, and the next is answered.
        let header = |version: u8, family: u8, length: u8| {
            let head = [version, family, 0, length];
            let source = [192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 0, 53];
            [b"\r\n\r\n\0\r\nQUIT\n", &head[..], &source, &question].concat()
        };
        for nonsense in [header(0x11, 0x12, 12), header(0x21, 0x31, 12), header(0x21, 0x12, 5)] {
            front.send(&nonsense).unwrap();
            front.send(&question).unwrap();
            let length = front.recv(&mut room).expect("an answer to the question alone");
            assert_eq!(room[3] & 0xF, 3, "{:?}", &room[..length]);
        }
        let figures = gateway.ask("GET", "/metrics", None).text();
        let count = |line: &str| -> u64 {
            let line = figures.lines().find_map(|row| row.strip_prefix(line));
            line.unwrap_or_else(|| panic!("{figures}")).trim().parse().unwrap()
        };
        let dropped = count("backstop_dnstap_messages_total{outcome=\"dropped\"}");
        assert!((3_000..20_000).contains(&dropped), "{dropped} of 20,000 and 16,384 in the queue");
        assert_eq!(count("backstop_dnstap_messages_total{outcome=\"written\"}"), 0);
        assert_eq!(count("backstop_dns_identities_total{outcome=\"unfollowed\"}"), 3);
        let grown = gateway.resident().saturating_sub(before);
        assert!(grown < 64 << 20, "{grown} octets");
    });
}
