//! Raw bytes at the listener: targets, Host, framing, credentials, what a refusal leaves behind.

use super::stage::{API_PORT, OPEN_PORT, Stage, hold};
use backstop_testkit::{Answer, World};

#[test]
fn connect_targets_that_are_not_what_they_seem() {
    World::run(|world| {
        let stage = Stage::new(world);
        let evil = stage.attacker.ip();
        let open = format!("93.184.0.1:{OPEN_PORT}");
        let api = format!("127.0.0.1:{API_PORT}");
        let rows: Vec<(String, &str)> = vec![
            ("evil.example:443".into(), "403 egress.tenant"),
            ("bank.finance.example:443".into(), "403 egress.tenant"),
            ("tile.tiles.example:443".into(), "403 egress.skill"),
            ("c2VjcmV0.tiles.example:443".into(), "403 egress.skill"),
            (format!("{evil}:443"), "403 ssrf.literal"),
            ("api.weather.example:80".into(), "403 egress.tenant"),
            ("api.weather.example:22".into(), "403 egress.tenant"),
            ("plain.weather.example:443".into(), "403 egress.tenant"),
            ("plain.weather.example:80".into(), "403 egress.tenant"),
            ("api.weather.example:0".into(), "403 wire.authority"),
            ("api.weather.example:65979".into(), "403 wire.authority"),
            ("api.weather.example:0443".into(), "403 wire.authority"),
            ("api.weather.example".into(), "403 wire.authority"),
            ("api.weather.example:".into(), "403 wire.authority"),
            ("api.weather.example..:443".into(), "403 wire.authority"),
            ("api.weather.example%2eevil.example:443".into(), "400 wire.framing"),
            ("evil.example%00.api.weather.example:443".into(), "400 wire.framing"),
            ("xn--vil-mdd.example:443".into(), "403 egress.tenant"),
            ("api.weather.example:443@evil.example:443".into(), "400 wire.authority"),
            ("evil.example:443@api.weather.example:443".into(), "400 wire.authority"),
            ("user:pw@api.weather.example:443".into(), "400 wire.authority"),
            ("api.weather.example:443/evil".into(), "400 wire.framing"),
            ("api.weather.example:443?evil".into(), "400 wire.framing"),
            ("http://evil.example:443".into(), "400 wire.authority"),
            ("https://api.weather.example:443".into(), "400 wire.authority"),
            ("/".into(), "400 wire.authority"),
            ("*".into(), "403 wire.authority"),
            ("0:443".into(), "403 ssrf.address"),
            ("127.1:443".into(), "403 ssrf.address"),
            ("0x7f.1:443".into(), "403 ssrf.address"),
            ("2130706433:443".into(), "403 ssrf.address"),
            ("017700000001:443".into(), "403 ssrf.address"),
            ("[::1]:443".into(), "403 ssrf.address"),
            ("[::]:443".into(), "403 ssrf.address"),
            ("[::ffff:169.254.169.254]:80".into(), "403 ssrf.address"),
            ("[64:ff9b::a9fe:a9fe]:80".into(), "403 ssrf.address"),
            ("[fe80::1%25eth0]:443".into(), "403 ssrf.address"),
            ("[fe80::1%eth0]:443".into(), "403 ssrf.address"),
            ("localhost:443".into(), "403 ssrf.address"),
            ("LOCALHOST.:443".into(), "403 ssrf.address"),
            ("169.254.169.254:80".into(), "403 ssrf.address"),
            ("metadata.google.internal:80".into(), "403 ssrf.address"),
            ("127.0.0.1.nip.io:443".into(), "403 ssrf.address"),
            (api, "403 ssrf.address"),
            (open, "403 ssrf.literal"),
            (format!("0.0.0.0:{OPEN_PORT}"), "403 ssrf.address"),
        ];
        let got: Vec<(&str, String, &str)> = rows
            .iter()
            .map(|(target, want)| {
                let text = format!(
                    "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{{auth}}\r\n\r\nGET / HTTP/1.1\r\n\r\nDATA"
                );
                (target.as_str(), stage.say(&text, 1).join(", "), *want)
            })
            .collect();
        stage.nothing_left();
        hold(&got);
        stage.works();
    });
}

#[test]
fn absolute_targets_hosts_and_framing() {
    World::run(|world| {
        let stage = Stage::new(world);
        let evil = stage.attacker.ip();
        let plain = "plain.weather.example";
        let rows: Vec<(&str, String, usize, &str)> = vec![
            ("Host of another place", format!("GET http://{plain}/ HTTP/1.1\r\nHost: evil.example\r\n{{auth}}\r\n\r\n"), 1, "400 wire.authority"),
            ("target of another place", format!("GET http://evil.example/ HTTP/1.1\r\nHost: {plain}\r\n{{auth}}\r\n\r\n"), 1, "400 wire.authority"),
            ("two Hosts", format!("GET http://{plain}/ HTTP/1.1\r\nHost: {plain}\r\nHost: evil.example\r\n{{auth}}\r\n\r\n"), 1, "400 wire.framing"),
            ("data in the Host's port", format!("GET http://{plain}/ HTTP/1.1\r\nHost: {plain}:80secret\r\n{{auth}}\r\n\r\n"), 1, "400 wire.authority"),
            ("Host with white space", format!("GET http://{plain}/ HTTP/1.1\r\nHost: {plain} evil.example\r\n{{auth}}\r\n\r\n"), 1, "400 wire.authority"),
            ("Host named by Connection", format!("GET http://{plain}/ HTTP/1.1\r\nHost: {plain}\r\nConnection: host\r\n{{auth}}\r\n\r\n"), 1, "400 wire.framing"),
            ("credentials in the URL", format!("GET http://{plain}@evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{{auth}}\r\n\r\n"), 1, "400 wire.authority"),
            ("https with credentials", "GET https://u:p@api.weather.example/ HTTP/1.1\r\nHost: api.weather.example\r\n{auth}\r\n\r\n".into(), 1, "400 wire.authority"),
            ("https to the plain host", format!("GET https://{plain}/ HTTP/1.1\r\nHost: {plain}\r\n{{auth}}\r\n\r\n"), 1, "403 egress.tenant"),
            ("plain to the https host", "GET http://api.weather.example/ HTTP/1.1\r\nHost: api.weather.example\r\n{auth}\r\n\r\n".into(), 1, "403 egress.tenant"),
            ("plain to the https host's port", "GET http://api.weather.example:443/ HTTP/1.1\r\nHost: api.weather.example:443\r\n{auth}\r\n\r\n".into(), 1, "403 egress.tenant"),
            ("https at port 22", "GET https://api.weather.example:22/ HTTP/1.1\r\nHost: api.weather.example:22\r\n{auth}\r\n\r\n".into(), 1, "403 egress.tenant"),
            ("an address", format!("GET http://{evil}/ HTTP/1.1\r\nHost: {evil}\r\n{{auth}}\r\n\r\n"), 1, "403 ssrf.literal"),
            ("a wildcard's name carries data", "GET https://c2VjcmV0.tiles.example/ HTTP/1.1\r\nHost: c2VjcmV0.tiles.example\r\n{auth}\r\n\r\n".into(), 1, "403 egress.skill"),
            ("file", "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n".into(), 1, "403 ssrf.scheme"),
            ("gopher", "GET gopher://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n\r\n".into(), 1, "403 ssrf.scheme"),
            ("origin form names a host", "GET / HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n\r\n".into(), 1, "400 wire.authority"),
            ("network path", "GET //evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n\r\n".into(), 1, "400 wire.authority"),
            ("both framings", format!("POST http://{plain}/ HTTP/1.1\r\nHost: {plain}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n{{auth}}\r\n\r\n0\r\n\r\n"), 1, "400 wire.framing"),
            ("chunked twice", format!("POST http://{plain}/ HTTP/1.1\r\nHost: {plain}\r\nTransfer-Encoding: chunked, chunked\r\n{{auth}}\r\n\r\n0\r\n\r\n"), 1, "400 wire.framing"),
            ("xchunked", format!("POST http://{plain}/ HTTP/1.1\r\nHost: {plain}\r\nTransfer-Encoding: xchunked\r\n{{auth}}\r\n\r\n0\r\n\r\n"), 1, "400 wire.framing"),
            ("folded line", format!("GET http://{plain}/ HTTP/1.1\r\nHost: {plain}\r\nX: a\r\n Host: evil.example\r\n{{auth}}\r\n\r\n"), 1, "400 wire.framing"),
            ("bare LF", format!("GET http://{plain}/ HTTP/1.1\nHost: {plain}\n{{auth}}\n\n"), 1, "400 wire.framing"),
            ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 1, "400 wire.framing"),
            ("TLS to the proxy", "\u{16}\u{3}\u{1}\0\u{5}hello".into(), 1, "400 wire.framing"),
            ("SOCKS to the proxy", "\u{5}\u{1}\0\u{3}".into(), 1, "400 wire.framing"),
            ("a refused one, then one of another kind", format!("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{{auth}}\r\n\r\nGET http://bank.finance.example/ HTTP/1.1\r\nHost: bank.finance.example\r\n{{auth}}\r\n\r\nGET http://{plain}/third HTTP/1.1\r\nHost: {plain}\r\n\r\n"), 3, "403 egress.tenant, 403 egress.tenant, 407 identity"),
            ("a refused body is no request", "POST http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 60\r\n{auth}\r\n\r\nGET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(), 2, "403 egress.tenant, closed"),
            ("the credential of the first is not that of the second", format!("GET http://{plain}/one HTTP/1.1\r\nHost: {plain}\r\n{{auth}}\r\n\r\nGET http://{plain}/two HTTP/1.1\r\nHost: {plain}\r\n\r\n"), 2, "200, 407 identity"),
        ];
        let got: Vec<(&str, String, &str)> = rows
            .iter()
            .map(|(name, text, answers, want)| (*name, stage.say(text, *answers).join(", "), *want))
            .collect();
        stage.nothing_left();
        assert_eq!(stage.api.connections(), 0);
        hold(&got);
        let seen: Vec<String> =
            stage.plain.received().iter().map(|r| r.message.target().to_owned()).collect();
        assert_eq!(seen, ["/one"], "nothing that was refused arrived");
        stage.works();
    });
}

#[test]
fn names_whose_addresses_lead_home_or_inside() {
    World::run(|world| {
        let stage = Stage::new(world);
        let mut rows = Vec::new();
        let urls: Vec<String> = [
            ("self", OPEN_PORT),
            ("loop", OPEN_PORT),
            ("loop", API_PORT),
            ("loop", 80),
            ("zero", OPEN_PORT),
            ("zero", API_PORT),
            ("meta", 80),
            ("mixed", 80),
        ]
        .iter()
        .map(|(name, port)| format!("http://{name}.example:{port}/v1/sessions"))
        .collect();
        for url in &urls {
            let reply = stage.get(url);
            rows.push((url.as_str(), super::stage::told(&reply), "403 ssrf.address"));
        }
        stage.nothing_left();
        hold(&rows);
        stage.works();
    });
}

#[test]
fn what_goes_upstream_is_what_was_judged_and_nothing_of_ours() {
    World::run(|world| {
        let stage = Stage::new(world);
        let plain = "plain.weather.example";
        let before = stage.plain.received().len();
        let say = |text: &str| stage.say(text, 1).join(", ");
        let rows = vec![
            (
                "TRACE",
                say(&format!(
                    "TRACE http://{plain}/echo HTTP/1.1\r\nHost: {plain}\r\nMax-Forwards: 0\r\n{{auth}}\r\n\r\n"
                )),
                "200",
            ),
            (
                "h2c",
                say(&format!(
                    "GET http://{plain}/h2c HTTP/1.1\r\nHost: {plain}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n{{auth}}\r\n\r\n"
                )),
                "200",
            ),
            (
                "hop by hop",
                say(&format!(
                    "GET http://{plain}/hop HTTP/1.1\r\nHost: {plain}\r\nConnection: x-smuggled, cookie\r\nX-Smuggled: 1\r\nCookie: a\r\nProxy-Foo: 1\r\nKeep-Alive: 5\r\n{{auth}}\r\n\r\n"
                )),
                "200",
            ),
            (
                "expect",
                say(&format!(
                    "POST http://{plain}/expect HTTP/1.1\r\nHost: {plain}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n{{auth}}\r\n\r\nhi"
                )),
                "100",
            ),
            (
                "expect something else",
                say(&format!(
                    "POST http://{plain}/other HTTP/1.1\r\nHost: {plain}\r\nExpect: 200-ok\r\nContent-Length: 2\r\n{{auth}}\r\n\r\nhi"
                )),
                "200",
            ),
            (
                "chunk extensions and trailers",
                say(&format!(
                    "POST http://{plain}/chunks HTTP/1.1\r\nHost: {plain}\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\n{{auth}}\r\n\r\n2;secret=extension\r\nhi\r\n0\r\nx-t: 1\r\nx-u: 2\r\n\r\n"
                )),
                "200",
            ),
            (
                "trailers that route",
                say(&format!(
                    "POST http://{plain}/trailer HTTP/1.1\r\nHost: {plain}\r\nTransfer-Encoding: chunked\r\nTrailer: host\r\n{{auth}}\r\n\r\n2\r\nhi\r\n0\r\nHost: evil.example\r\n\r\n"
                )),
                "400 wire.framing",
            ),
            (
                "a second credential",
                say(&format!(
                    "GET http://{plain}/two HTTP/1.1\r\nHost: {plain}\r\n{{auth}}\r\n{{auth}}\r\n\r\n"
                )),
                "400 wire.framing",
            ),
            (
                "as Authorization",
                say(&format!(
                    "GET http://{plain}/own HTTP/1.1\r\nHost: {plain}\r\n{}\r\n\r\n",
                    "{auth}".to_owned() + "\r\nAuthorization: Bearer for-the-upstream"
                )),
                "200",
            ),
        ];
        hold(&rows);
        let received = stage.plain.received();
        let secret = stage.session.token().to_owned();
        let encoded = stage.authorization();
        for got in received.iter().skip(before) {
            let text = String::from_utf8_lossy(&got.message.raw).into_owned();
            for never in [
                secret.as_str(),
                encoded.as_str(),
                "smuggled",
                "roxy-",
                "HTTP2-Settings",
                "h2c\r",
                "extension",
                "keep-alive: 5",
                "forwarded",
                "evil",
            ] {
                assert!(!text.to_lowercase().contains(&never.to_lowercase()), "{never}:\n{text}");
            }
            assert!(text.contains("plain.weather.example\r\n"), "{text}");
            assert!(!text.contains("127.0.0.1"), "nothing of this machine: {text}");
        }
        stage.nothing_left();
    });
}

#[test]
fn upstreams_that_answer_with_what_no_client_asked_for() {
    World::run(|world| {
        let stage = Stage::new(world);
        let raw = |text: &str| Answer::Raw(text.as_bytes().to_vec());
        stage.script("/switch", raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\nraw"));
        stage.script("/split", raw("HTTP/1.1 200 OK\r\nX: a\rContent-Length: 0\r\n\r\n"));
        stage.script("/two", raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
        stage.script("/both", raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
        stage.script(
            "/lengths",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        );
        stage.script("/forged", raw("HTTP/1.1 200 OK\r\nBackstop-Receipt: rcp_forged\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"));
        let flood = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n".repeat(20_000)
            + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        stage.script("/flood", raw(&flood));
        stage.script(
            "/huge",
            raw(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(1 << 20))),
        );
        let get = |path: &str| {
            let host = "plain.weather.example";
            stage
                .say(
                    &format!(
                        "GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\n{{auth}}\r\n\r\n"
                    ),
                    1,
                )
                .join(", ")
        };
        let before = stage.backstop.resident();
        let rows = vec![
            ("101 unasked", get("/switch"), "502 fault"),
            ("split", get("/split"), "502 fault"),
            ("two answers", get("/two"), "200"),
            ("the next one is not the poison", get("/next"), "200"),
            ("both framings", get("/both"), "502 fault"),
            ("two lengths", get("/lengths"), "502 fault"),
            ("a forged receipt", get("/forged"), "200"),
            ("flood of 1xx", get("/flood"), "200"),
            ("a huge head", get("/huge"), "502 fault"),
        ];
        let grown = stage.backstop.resident().saturating_sub(before);
        assert!(grown < 16 << 20, "grew by {grown}");
        let next = stage.get("http://plain.weather.example/next");
        assert_eq!(next.text(), "hello\n");
        let forged = stage.get("http://plain.weather.example/forged");
        assert!(forged.header("backstop-receipt").is_some_and(|receipt| receipt != "rcp_forged"));
        assert_eq!(forged.header("proxy-authenticate"), None);
        hold(&rows);
        stage.nothing_left();
    });
}
