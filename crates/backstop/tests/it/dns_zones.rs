//! Response policy zones of the real binary: what a file refuses, what a bad one changes (nothing),
//! what `dns explain` says of it; and the built-in list of resolvers over HTTPS.

use crate::dns_scene::{self, client, needs, receipt};
use crate::run::{backstop, policy};
use crate::scene::{BINARY, explained, on_record};
use backstop_testkit::client::eventually;
use backstop_testkit::nameserver::{NameServer, address, alias, name as wire, record};
use backstop_testkit::{Backstop, World};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;

/// A zone's file, put into place as a whole.
fn put(file: &Path, serial: u32, rules: &str) {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, format!("@ SOA ns. host. {serial} 1 1 1 1\n{rules}")).unwrap();
    std::fs::rename(&fresh, file).unwrap();
}

fn ask(world: &World, backstop: &Backstop, name: &str) -> String {
    let to: SocketAddr = backstop.ready()["dns"][0].as_str().unwrap().parse().unwrap();
    client(world, "dig", to, &[name, "A"])
}

#[track_caller]
fn is_answered(text: &str) {
    assert!(text.contains("status: NOERROR") && text.contains("93.184.1.1"), "{text}");
}

/// Refused by a zone: told so, and on record.
#[track_caller]
fn is_refused(world: &World, backstop: &Backstop, name: &str) {
    let text = ask(world, backstop, name);
    assert!(text.contains("status: NXDOMAIN"), "{text}");
    assert!(text.contains("EDE: 15 (Blocked): (dns.rpz rcp_"), "{text}");
    let (verdict, control, host) = explained(world, backstop, &receipt(&text));
    assert_eq!((verdict.as_str(), control.as_str(), host.as_str()), ("deny", "dns.rpz", name));
}

#[test]
fn a_bad_zone_file_of_a_running_gateway_keeps_the_zone_in_force_and_is_said() {
    needs("dig");
    World::run(|world| {
        let server = dns_scene::upstream();
        let file = world.path().join("feed.zone");
        put(&file, 5, "bad.example CNAME .\n");
        let feed = format!("feed.example={}", file.display());
        let policy = dns_scene::policy("", &["{ host: bad.example }", "{ host: good.example }"]);
        let dns = json!({ "listen": ["127.0.0.1:0"], "rpz": [feed] });
        let backstop = dns_scene::start_with(world, &policy, server.place(), dns);
        assert_eq!(backstop.ready()["rpz"], json!(["feed.example"]));
        is_refused(world, &backstop, "bad.example");
        is_answered(&ask(world, &backstop, "good.example"));

        put(&file, 6, "good.example CNAME .\nx.rpz-asn CNAME .\n");
        let fault = eventually("the fault on standard error", || {
            let said = backstop.stderr();
            let line = said.lines().find(|line| line.contains("stays as it was (serial 5)"));
            line.map(str::to_owned)
        });
        assert!(fault.contains("feed.zone:3"), "{fault}");
        on_record(world, &backstop, "PolicyRejected", |fact| {
            fact["source"] == json!(file) && fact["diagnostics"].to_string().contains("rpz-asn")
        });
        is_refused(world, &backstop, "bad.example");
        is_answered(&ask(world, &backstop, "good.example"));

        put(&file, 7, "good.example CNAME .\n");
        eventually("the new zone in force", || {
            ask(world, &backstop, "good.example").contains("status: NXDOMAIN").then_some(())
        });
        is_refused(world, &backstop, "good.example");
        let before = server.asked().iter().filter(|asked| asked.name == "bad.example").count();
        assert_eq!(before, 0, "what the zone refused was asked");
        is_answered(&ask(world, &backstop, "bad.example"));
    });
}

#[test]
fn resolvers_over_https_are_refused_under_a_wildcard_row_and_an_exact_row_wins() {
    needs("dig");
    World::run(|world| {
        let server = dns_scene::upstream();
        let rows = [
            "{ host: \"*.cloudflare-dns.com\" }",
            "{ host: security.cloudflare-dns.com }",
            "{ host: \"*.weather.example\" }",
        ];
        let policy = dns_scene::policy("", &rows);
        let dns = |mode: &str| json!({ "listen": ["127.0.0.1:0"], "doh_endpoints": mode });
        let gateway = dns_scene::start_with(world, &policy, server.place(), dns("block"));
        is_refused(world, &gateway, "mozilla.cloudflare-dns.com");
        is_answered(&ask(world, &gateway, "security.cloudflare-dns.com"));
        is_answered(&ask(world, &gateway, "api.weather.example"));
        assert!(server.asked().iter().all(|asked| asked.name != "mozilla.cloudflare-dns.com"));
        drop(gateway.stop());
        let gateway = dns_scene::start_with(world, &policy, server.place(), dns("allow"));
        is_answered(&ask(world, &gateway, "mozilla.cloudflare-dns.com"));
    });
}

#[test]
fn aliases_to_resolvers_over_https_are_refused_under_a_wildcard_row() {
    needs("dig");
    World::run(|world| {
        // Whole answers: the alias and where it leads.
        let server = NameServer::start(|asked| {
            let led = alias(&asked.name, 60, "dns.google");
            let end = address("dns.google", 60, "93.184.1.1");
            vec![asked.reply().answer(led).answer(end).wire()]
        });
        let rows = ["{ host: \"*.weather.example\" }", "{ host: mine.weather.example }"];
        let policy = dns_scene::policy("", &rows);
        let dns = |mode: &str| json!({ "listen": ["127.0.0.1:0"], "doh_endpoints": mode });
        let gateway = dns_scene::start_with(world, &policy, server.place(), dns("block"));
        is_refused(world, &gateway, "x.weather.example");
        is_refused(world, &gateway, "x.weather.example");
        is_answered(&ask(world, &gateway, "mine.weather.example"));
        drop(gateway.stop());
        let gateway = dns_scene::start_with(world, &policy, server.place(), dns("allow"));
        is_answered(&ask(world, &gateway, "x.weather.example"));
    });
}

#[test]
fn metrics_tell_what_zones_refuse_who_was_not_believed_and_what_the_tap_wrote() {
    needs("dig");
    World::run(|world| {
        let server = dns_scene::upstream();
        let at = |name: &str| world.path().join(name);
        put(&at("one.zone"), 1, "bad.example CNAME .\nlet.example CNAME rpz-passthru.\n");
        put(&at("two.zone"), 1, "noted.example CNAME *.\n");
        let feeds = [
            format!("one.example={}", at("one.zone").display()),
            format!("two.example={} policy=disabled", at("two.zone").display()),
        ];
        let rows = ["bad", "let", "noted"].map(|name| format!("{{ host: {name}.example }}"));
        let policy = dns_scene::policy("", &rows.each_ref().map(String::as_str));
        let dns = json!({
            "listen": ["127.0.0.1:0"], "rpz": feeds, "trusted_peers": ["127.0.0.1/32"],
            "dnstap": { "file": at("tap") },
        });
        let gateway = dns_scene::start_with(world, &policy, server.place(), dns);
        let to: SocketAddr = gateway.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        for name in ["bad.example", "bad.example", "let.example", "noted.example"] {
            ask(world, &gateway, name);
        }
        // An option about who asks: of a stranger to `dns.trusted_peers`, and one of an unknown version.
        let named = |from: &str, option: &str| {
            let option = format!("+ednsopt=65413:{option}");
            client(world, "dig", to, &["-b", from, &option, "let.example", "A"])
        };
        assert!(named("127.0.0.2", "0104c0000207").contains("status: NOERROR"));
        assert!(named("127.0.0.1", "0204c0000207").contains("status: REFUSED"));
        let figures = || gateway.ask("GET", "/metrics", None).text();
        let text = figures();
        let hits = |zone: &str, action: &str, mode: &str, count: u64| {
            let labels = format!("zone=\"{zone}\",action=\"{action}\",mode=\"{mode}\"");
            format!("backstop_rpz_hits_total{{{labels}}} {count}\n")
        };
        for line in [
            hits("one.example", "NXDOMAIN", "enforced", 2),
            hits("one.example", "PASSTHRU", "enforced", 2),
            hits("one.example", "DROP", "enforced", 0),
            hits("two.example", "NODATA", "disabled", 1),
            hits("two.example", "NODATA", "enforced", 0),
            hits("built-in.doh-endpoints", "NXDOMAIN", "enforced", 0),
            "backstop_dns_identities_total{outcome=\"forged\"} 1\n".to_owned(),
            "backstop_dns_identities_total{outcome=\"unfollowed\"} 1\n".to_owned(),
            "backstop_dns_unserved_total{why=\"stranger\"} 1\n".to_owned(),
            "backstop_dns_messages_total{by=\"datagram\"} 6\n".to_owned(),
            "backstop_dnstap_messages_total{outcome=\"dropped\"} 0\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
        // Whatever is asked, the families stay as large as the configuration made them.
        assert_eq!(text.matches("backstop_rpz_hits_total{").count(), 3 * 7 * 2);
        assert!(!text.contains("bad.example"), "{text}");
        // Five questions with their answers, and two that were asked upstream.
        eventually("all messages written", || {
            figures()
                .contains("backstop_dnstap_messages_total{outcome=\"written\"} 14\n")
                .then_some(())
        });
    });
}

#[test]
fn dns_explain_names_the_zone_that_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.zone");
    put(&file, 5, "bad.example CNAME .\nempty.example CNAME *.\n");
    let rows = ["{ host: bad.example }", "{ host: empty.example }", "{ host: good.example }"];
    let (_policy, path) = policy(&dns_scene::policy("", &rows));
    for (terms, name, code, answer, evidence) in [
        ("", "good.example", 0, "asked upstream", None),
        ("", "bad.example", 1, "NXDOMAIN", Some(("QNAME `bad.example`: NXDOMAIN", true))),
        ("", "empty.example", 1, "empty answer (NODATA)", Some(("`empty.example`: NODATA", true))),
        (
            " policy=disabled",
            "bad.example",
            0,
            "asked upstream",
            Some(("QNAME `bad.example`: NXDOMAIN", false)),
        ),
        (" policy=passthru", "bad.example", 0, "asked upstream", Some((": PASSTHRU", true))),
    ] {
        let feed = format!("dns.rpz=feed.example={}{terms}", file.display());
        let all = ["--policy", &path, "--set", &feed];
        let rest = ["dns", "explain", name, "--tenant", "research"];
        let ran = backstop(&[&all[..], &["--format", "json"], &rest].concat());
        assert_eq!(ran.code, code, "{name}{terms}: {} {}", ran.out, ran.err);
        let said = ran.json();
        assert_eq!(said[0]["answer"], answer, "{said}");
        // The resolver's verdict, and beside it what policy alone says of the name.
        assert_eq!(said[0]["verdict"], if code == 0 { "allow" } else { "deny" }, "{said}");
        assert_eq!(said[0]["policy"]["verdict"], "allow", "{said}");
        let zones = said[0]["zones"].as_array().unwrap();
        assert_eq!(zones.len(), usize::from(evidence.is_some()), "{said}");
        let text = backstop(&[&all[..], &rest].concat()).out;
        if let Some((evidence, counts)) = evidence {
            let told = zones[0]["evidence"].as_str().unwrap();
            assert!(told.starts_with("zone `feed.example` (serial 5), QNAME"), "{said}");
            assert!(told.contains(evidence) && zones[0]["counts"] == counts, "{said}");
            assert!(text.contains("dns.rpz") && text.contains(told), "{text}");
        } else {
            assert!(!text.contains("dns.rpz"), "{text}");
        }
    }
}

#[test]
fn dns_explain_says_that_zones_refuse_nothing_to_an_observing_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.zone");
    put(&file, 5, "bad.example CNAME .\n");
    let day = std::process::Command::new("date").args(["-u", "-d", "+9 days", "+%F"]).output();
    let day = String::from_utf8(day.unwrap().stdout).unwrap();
    let observing = format!("  rollout: {{ mode: observe, until: \"{}\" }}\n", day.trim());
    let (_policy, path) = policy(&dns_scene::policy(&observing, &["{ host: bad.example }"]));
    let feed = format!("dns.rpz=feed.example={}", file.display());
    let rest = ["dns", "explain", "bad.example", "--tenant", "research", "--format", "json"];
    let ran = backstop(&[&["--policy", &path, "--set", &feed][..], &rest].concat());
    let said = ran.json();
    assert_eq!((ran.code, &said[0]["verdict"]), (0, &"allow".into()), "{said}");
    assert_eq!(said[0]["zones"][0]["counts"], false, "{said}");
}

/// What a forwarder knows of name servers is what its upstream tells of them, and no more.
#[test]
fn name_servers_and_their_addresses_are_refused_where_the_upstream_tells_them() {
    World::run(|world| {
        let upstream = NameServer::start(|asked| {
            let told = asked.reply().answer(address(&asked.name, 60, "93.184.1.1"));
            let served = |server: &str| record("example", 2, 60, &wire(server));
            let told = match asked.name.split('.').next().unwrap() {
                // Its server's name and address.
                "whole" => told.authority(served("ns.evil.test")).additional(address(
                    "ns.evil.test",
                    60,
                    "203.0.113.53",
                )),
                // The name alone, as most resolvers do, if they send even that.
                "named" => told.authority(served("ns.evil.test")),
                "listed" => told.authority(served("ns.listed.test")),
                // An address of nobody who is a server of this name.
                "beside" => told.additional(address("ns.evil.test", 60, "203.0.113.53")),
                _ => told,
            };
            vec![told.wire()]
        });
        let file = world.path().join("feed.zone");
        put(&file, 1, "32.53.113.0.203.rpz-nsip CNAME .\nns.listed.test.rpz-nsdname CNAME .\n");
        let rows = ["whole", "named", "listed", "beside", "silent"];
        let rows = rows.map(|name| format!("{{ host: {name}.example }}"));
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let feed = format!("feed.example={}", file.display());
        let settings = json!({ "listen": ["127.0.0.1:0"], "rpz": [feed] });
        let policy = dns_scene::policy("", &rows);
        let backstop = dns_scene::start_with(world, &policy, upstream.place(), settings);
        for refused in ["whole.example", "listed.example"] {
            is_refused(world, &backstop, refused);
            // From the cache too.
            is_refused(world, &backstop, refused);
        }
        for answered in ["named.example", "beside.example", "silent.example"] {
            is_answered(&ask(world, &backstop, answered));
        }
        let metrics = backstop.ask("GET", "/metrics", None).text();
        assert!(metrics.contains("zone=\"feed.example\""), "{metrics}");
        let state = backstop.state();
        backstop.stop();
        let mut export = world.command(BINARY);
        let events = world.output(export.arg("--state").arg(&state).args(["ledger", "export"]));
        for trigger in ["NSIP", "NSDNAME"] {
            let told = |line: &str| line.contains("dns.rpz") && line.contains(trigger);
            assert!(events.lines().any(told), "{trigger}: {events}");
        }
    });
}
