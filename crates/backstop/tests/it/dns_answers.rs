//! What a client was told by the running resolver is where its connections through the proxy lead,
//! and a client that follows no alias is told the whole of it.

use crate::dns_scene::{client, needs, start_with};
use crate::scene::BINARY;
use crate::stage::{PLAIN, Stage, get, session};
use backstop_testkit::nameserver::{NameServer, address, alias};
use backstop_testkit::upstream::Recording;
use backstop_testkit::{Answer, Backstop, Setup, Upstream, World};
use serde_json::json;
use std::net::SocketAddr;

#[test]
fn the_proxy_dials_what_the_client_was_told_and_asks_nobody_again() {
    World::run(|world| {
        let stage = Stage::new(world);
        stage.plain.answer_below("/", Answer::text("told"));
        // The name has an IPv6 address too, behind which somebody else stands.
        let six = world.address_v6();
        let other = Upstream::start(SocketAddr::new(six, 80), None, Recording::Full);
        other.answer_below("/", Answer::text("looked up"));
        let four = stage.plain.ip();
        let names = NameServer::start(move |asked| {
            let reply = asked.reply();
            let ip = if asked.qtype == 28 { six } else { four };
            vec![reply.answer(address(&asked.name, 60, &ip.to_string())).wire()]
        });
        let config = json!({ "dns": {
            "listen": ["127.0.0.1:0"],
            "clients": ["127.0.0.0/8=research/weather@1.2.0"],
            "upstreams": [names.place().to_string()],
        }});
        let backstop = stage.start(config);
        let dns: SocketAddr = backstop.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        let session = session(&backstop);
        let text = client(world, "dig", dns, &[PLAIN, "A", "+short"]);
        assert_eq!(text.trim(), four.to_string());
        assert_eq!(get(&backstop, &session, "/a").text(), "told");
        let asked: Vec<u16> = names.asked().iter().map(|asked| asked.qtype).collect();
        assert_eq!(asked, [1], "only what the client asked");
        assert_eq!(other.connections(), 0);
        backstop.stop();
    });
}

#[test]
fn a_client_that_follows_nothing_is_told_where_an_alias_leads_at_last() {
    World::run(|world| {
        let names = NameServer::start(|asked| {
            let reply = asked.reply();
            let reply = match asked.name.as_str() {
                "api.weather.example" => reply.answer(alias(&asked.name, 60, "a.cdn.example")),
                "a.cdn.example" => reply.answer(alias(&asked.name, 60, "b.cdn.example")),
                "b.cdn.example" => reply.answer(address(&asked.name, 60, "93.184.1.9")),
                "inside.weather.example" => reply.answer(alias(&asked.name, 60, "db.corp.example")),
                "db.corp.example" => reply.answer(address(&asked.name, 60, "10.1.2.3")),
                "round.weather.example" => reply.answer(alias(&asked.name, 60, "back.example")),
                _ => reply.answer(alias(&asked.name, 60, "round.weather.example")),
            };
            vec![reply.wire()]
        });
        let rows =
            ["api", "inside", "round"].map(|name| format!("{{ host: {name}.weather.example }}"));
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let policy = crate::dns_scene::policy("", &rows);
        let config = json!({ "dns": {
            "listen": ["127.0.0.1:0"],
            "clients": ["127.0.0.0/8=research/*"],
            "upstreams": [names.place().to_string()],
        }});
        let backstop = Backstop::start(world, Setup::new(world, BINARY, &policy).config(config));
        let dns: SocketAddr = backstop.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        let ask = |name: &str| client(world, "dig", dns, &[name, "A"]);
        let text = client(world, "dig", dns, &["api.weather.example", "A", "+short"]);
        assert_eq!(text, "a.cdn.example.\nb.cdn.example.\n93.184.1.9\n");
        // Judged at its end as any answer; and a loop is no answer.
        let text = ask("inside.weather.example");
        assert!(text.contains("NXDOMAIN") && text.contains("ssrf.address"), "{text}");
        assert!(!text.contains("10.1.2.3"), "{text}");
        let text = ask("round.weather.example");
        assert!(text.contains("SERVFAIL"), "{text}");
        assert!(names.asked().len() <= 3 + 2 + 2 * 2, "{:?}", names.asked().len());
        // The names on the way stand on the record of the one that was asked.
        let state = backstop.state();
        backstop.stop();
        let mut export = world.command(BINARY);
        let events = world.output(export.arg("--state").arg(&state).args(["ledger", "export"]));
        assert!(
            events.lines().any(|event| ["\"through\"", "a.cdn.example", "b.cdn.example"]
                .iter()
                .all(|part| event.contains(part))),
            "{events}"
        );
    });
}

#[test]
fn an_open_alias_to_what_a_zone_or_list_refuses_has_nothing_asked_of_anybody() {
    needs("dig");
    World::run(|world| {
        let names = NameServer::start(|asked| {
            let reply = asked.reply();
            let to = |target: &str| reply.clone().answer(alias(&asked.name, 60, target));
            let reply = match asked.name.as_str() {
                "api.weather.example" => to("a.cdn.example"),
                "a.cdn.example" => to("evil.example"),
                "let.weather.example" => to("let.cdn.example"),
                "let.cdn.example" => to("worse.example"),
                "x.wild.example" | "mine.weather.example" => to("dns.google"),
                _ => reply.answer(address(&asked.name, 60, "93.184.1.9")),
            };
            vec![reply.wire()]
        });
        let feed = world.path().join("feed.zone");
        let rules = "@ SOA ns. host. 1 1 1 1 1\nevil.example CNAME .\nworse.example CNAME .\n\
                     let.cdn.example CNAME rpz-passthru.\n32.2.0.0.127.rpz-client-ip CNAME rpz-passthru.\n";
        std::fs::write(&feed, rules).unwrap();
        let rows = [
            "{ host: api.weather.example }",
            "{ host: let.weather.example }",
            "{ host: mine.weather.example }",
            "{ host: \"*.wild.example\" }",
        ];
        let policy = crate::dns_scene::policy("", &rows);
        let feed = format!("feed.example={}", feed.display());
        let dns = json!({ "listen": ["127.0.0.1:0"], "rpz": [feed] });
        let backstop = start_with(world, &policy, names.place(), dns);
        let to: SocketAddr = backstop.ready()["dns"][0].as_str().unwrap().parse().unwrap();
        let ask = |from: &str, name: &str| client(world, "dig", to, &["-b", from, name, "A"]);
        let heard = |name: &str| names.asked().iter().filter(|asked| asked.name == name).count();

        // At once, again from what was kept, and by many who wait for one look-up.
        for _ in 0..3 {
            let text = ask("127.0.0.1", "api.weather.example");
            assert!(text.contains("status: NXDOMAIN") && text.contains("dns.rpz rcp_"), "{text}");
        }
        assert_eq!((heard("a.cdn.example"), heard("evil.example")), (1, 0));
        // Whom an earlier rule exempts has its answer, and nobody else has it of him.
        let text = ask("127.0.0.2", "api.weather.example");
        assert!(text.contains("status: NOERROR") && text.contains("93.184.1.9"), "{text}");
        assert_eq!(heard("evil.example"), 1);
        assert!(ask("127.0.0.1", "api.weather.example").contains("status: NXDOMAIN"));
        // An earlier name of the way counts before a later one.
        assert!(ask("127.0.0.1", "let.weather.example").contains("93.184.1.9"));
        assert_eq!(heard("worse.example"), 1);
        // The built-in list: not for whom a row declares letter by letter.
        let text = ask("127.0.0.1", "x.wild.example");
        assert!(text.contains("status: NXDOMAIN") && text.contains("dns.rpz rcp_"), "{text}");
        assert_eq!((heard("x.wild.example"), heard("dns.google")), (1, 0));
        assert!(ask("127.0.0.1", "mine.weather.example").contains("93.184.1.9"));
        assert_eq!(heard("dns.google"), 1);
    });
}
