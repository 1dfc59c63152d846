//! Zones given to a real secondary: it fetches by a signed AXFR, hears of a change by NOTIFY, and
//! fetches what changed.

use crate::scene::{self, BINARY};
use backstop_dns::export::resolver::{Origin, Program as Words, snippet};
use backstop_dns::export::rest;
use backstop_dns::wire::tsig::Key;
use backstop_model::name::QueryName;
use backstop_testkit::client::eventually;
use backstop_testkit::nameserver::{NameServer, address};
use backstop_testkit::resolver::{Program, Resolver, ask_all, free_place, query};
use backstop_testkit::{Backstop, Setup, World};
use serde_json::json;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Command;

/// The secret of [`KEY`].
const SECRET: &str = "c2VjcmV0LW9mLWEtdGVzdC1vZi0zMi1vY3RldHMhISE=";
const KEY: &str = "key \"transfer.key\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0LW9mLWEtdGVzdC1vZi0zMi1vY3RldHMhISE=\";\n};\n";

fn dig(port: u16, rest: &[&str]) -> String {
    let port = port.to_string();
    #[allow(clippy::disallowed_methods, reason = "a test's client")]
    let output = Command::new("dig")
        .args(["@127.0.0.1", "-p", &port, "+tries=1", "+time=5"])
        .args(rest)
        .output()
        .unwrap_or_else(|fault| panic!("dig: {fault}: run `cargo xtask setup`"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    // Columns are tabs or blanks, as they fit.
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// A gateway that gives its names to whoever signs with [`KEY`].
#[track_caller]
fn primary(
    world: &World,
    upstream: &NameServer,
    (ours, terms): (SocketAddr, &str),
    policy: &str,
) -> (Backstop, PathBuf) {
    let path = world.path().join("transfer.key");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path).unwrap();
    file.write_all(KEY.as_bytes()).unwrap();
    let transfer =
        format!("rpz.backstop.=research/* key={} from=127.0.0.0/8{terms}", path.display());
    let config = json!({ "dns": {
        "listen": [ours.to_string()], "upstreams": [upstream.place().to_string()],
        "clients": ["127.0.0.0/8=research/*"], "transfers": [transfer],
    }});
    (Backstop::start(world, Setup::new(world, BINARY, policy).config(config)), path)
}

/// PowerDNS by the very line that the docs give, but for the secret and how often it looks: it hears
/// no NOTIFY.
#[test]
fn a_policy_change_reaches_a_real_powerdns_recursor() {
    let world = World::new();
    let upstream = NameServer::start(|asked| {
        vec![asked.reply().answer(address(&asked.name, 1, "198.51.100.7")).wire()]
    });
    let ours = free_place();
    let declared = ["{ host: api.weather.example }"];
    let rows = ["{ host: api.weather.example }", "{ host: \"*.tiles.example\" }"];
    let first = scene::policy_with(&rows, &declared);
    let (gateway, _path) = primary(&world, &upstream, (ours, ""), &first);
    let zone = QueryName::from_text("rpz.backstop").unwrap();
    let key = Key::parse(KEY).unwrap();
    let words = snippet(Words::PdnsRecursor, &zone, Origin::Transfer(ours, &key), "DIRECTORY/rest");
    let lua = words.unwrap().clauses;
    assert!(lua.contains("tsigsecret=\"…\"") && lua.contains("refresh=60"), "{lua}");
    let lua = lua.replace('…', SECRET).replace("refresh=60", "refresh=1");
    // It is taken for ready when it refuses what no row names: when it has the zone, that is.
    let secondary = Resolver::start(Program::PdnsRecursor, upstream.place(), ["", &lua], &[]);
    let passes = |name: &str| {
        let answers = ask_all(secondary.place(), &[query(name, 1, false)]);
        answers[0][3] & 0xF == 0 && answers[0][7] > 0
    };
    assert!(passes("api.weather.example") && passes("x.tiles.example"), "{}", secondary.log());
    assert!(!passes("x.api.weather.example") && !passes("evil.test"));
    // A row comes and a row goes. What it has answered it keeps for the TTL of our rows: each look is
    // at a name of which it was asked nothing before.
    let mut number = 0;
    let mut is_open = |under: &str| {
        number += 1;
        passes(&format!("n{number}.{under}"))
    };
    assert!(!is_open("new.example") && is_open("tiles.example"));
    let next = scene::policy_with(&[rows[0], "{ host: \"*.new.example\" }"], &declared);
    gateway.write_policy("policy.yaml", &next);
    eventually("the new row", || is_open("new.example").then_some(()));
    eventually("the lost row", || (!is_open("tiles.example")).then_some(()));
    assert!(passes("api.weather.example"), "{}", secondary.log());
}

#[test]
fn a_policy_change_reaches_a_real_secondary() {
    let world = World::new();
    let upstream = NameServer::start(|asked| {
        vec![asked.reply().answer(address(&asked.name, 1, "198.51.100.7")).wire()]
    });
    let (ours, theirs) = (free_place(), free_place());
    // A skill may not declare wildcards.
    let declared = ["{ host: api.weather.example }"];
    let rows = ["{ host: api.weather.example }", "{ host: \"*.tiles.example\" }"];
    let first = scene::policy_with(&rows, &declared);
    let notify = format!(" notify={theirs}");
    let (gateway, path) = primary(&world, &upstream, (ours, &notify), &first);

    // Nobody reads the policy without the key.
    let unsigned = dig(ours.port(), &["rpz.backstop", "AXFR"]);
    assert!(!unsigned.contains("CNAME") && unsigned.contains("Transfer failed"), "{unsigned}");
    let forged = "hmac-sha256:transfer.key:bm90LXRoZS1zZWNyZXQtYnV0LWFzLWxvbmctYXMtaXQ=";
    let forged = dig(ours.port(), &["-y", forged, "rpz.backstop", "AXFR"]);
    assert!(!forged.contains("CNAME"), "{forged}");
    let signed = dig(ours.port(), &["-k", path.to_str().unwrap(), "rpz.backstop", "AXFR"]);
    assert!(
        signed.contains("api.weather.example.rpz.backstop. 60 IN CNAME rpz-passthru."),
        "{signed}"
    );
    assert!(signed.contains("*.tiles.example.rpz.backstop. 60 IN CNAME rpz-passthru."), "{signed}");
    assert!(!signed.contains("verify"), "{signed}");

    let zone = QueryName::from_text("rpz.backstop").unwrap();
    let key = Key::parse(KEY).unwrap();
    let words = snippet(Words::Bind9, &zone, Origin::Transfer(ours, &key), "DIRECTORY/rest");
    let words = words.unwrap();
    let clauses = format!("{KEY}{}", words.clauses);
    let secondary = Resolver::start_at(
        Program::Bind9,
        theirs,
        upstream.place(),
        [&words.options, &clauses],
        &[("rest", &rest(&zone))],
    );
    let passes = |name: &str| {
        let answers = ask_all(secondary.place(), &[query(name, 1, false)]);
        answers[0][3] & 0xF == 0 && answers[0][7] > 0
    };
    eventually("the zone at the secondary", || passes("api.weather.example").then_some(()));
    assert!(
        passes("x.tiles.example") && !passes("new.example") && !passes("x.api.weather.example")
    );

    // The policy gains a row: the secondary is told, and fetches what changed (four SOA, two rows).
    let [api, tiles] = rows;
    let next = scene::policy_with(&[api, tiles, "{ host: new.example }"], &declared);
    gateway.write_policy("policy.yaml", &next);
    eventually("the new name at the secondary", || passes("new.example").then_some(()));
    assert!(passes("api.weather.example") && !passes("x.new.example"));
    let log = secondary.log();
    assert!(log.contains("received notify for zone 'rpz.backstop': TSIG 'transfer.key'"), "{log}");
    assert!(log.contains("1 messages, 6 records"), "{log}");
    // And loses one.
    gateway.write_policy(
        "policy.yaml",
        &scene::policy_with(&[api, "{ host: new.example }"], &declared),
    );
    eventually("the lost row", || (!passes("y.tiles.example")).then_some(()));
    assert!(passes("new.example"));
    let kept = std::fs::read_to_string(gateway.state().join("dns/rpz.backstop.zone")).unwrap();
    assert!(
        kept.contains("\nnew.example CNAME rpz-passthru.\n")
            && !kept.contains("*.tiles.example CNAME rpz")
    );
}
