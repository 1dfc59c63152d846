//! Clients that others wrote: dig, kdig and dnsperf, where they are installed (`cargo xtask setup`).

use crate::server::World;
use crate::toy::Toy;
use backstop_dns::server::Config;
use std::net::SocketAddr;

/// What a program prints; `None`, loudly, where it is not installed.
pub(crate) async fn run(program: &str, address: SocketAddr, rest: &[&str]) -> Option<String> {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    #[allow(clippy::disallowed_methods, reason = "a test's client")]
    let mut command = tokio::process::Command::new(program);
    match program {
        "dnsperf" => command.args(["-s", &host, "-p", &port]),
        _ => command.args([&format!("@{host}"), "-p", &port]),
    };
    match command.args(rest).kill_on_drop(true).output().await {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(fault) => {
            eprintln!("SKIPPED: {program}: {fault}");
            None
        }
    }
}

pub(crate) fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dig_reads_answers_refusals_cookies_and_truncation() {
    let world = World::new(Toy::default(), Config::default());
    let Some(text) = run("dig", world.address, &["refused.example", "A"]).await else { return };
    // The receipt stands in the text; the reason for the operator does not.
    holds(
        &text,
        &["status: NXDOMAIN", "EDE: 15 (Blocked): (dns.undeclared rcp_", "SOA\t. . 1", "(good)"],
    );
    assert!(!text.contains("operator"));
    assert!(!text.contains("WARNING") && !text.contains("malformed"), "{text}");
    let text = run("dig", world.address, &["a.example", "A", "+tcp"]).await.unwrap();
    holds(&text, &["status: NOERROR", "203.0.113.0", "(TCP)"]);
    // Thirty addresses do not fit into 512 octets: dig comes again by TCP.
    let text = run("dig", world.address, &["many.longer.example", "A", "+noedns"]).await.unwrap();
    holds(&text, &["ANSWER: 30", "(TCP)"]);
    let text = run("dig", world.address, &["a.example", "+edns=1", "+noednsneg"]).await.unwrap();
    holds(&text, &["status: BADVERS"]);
    let text = run("dig", world.address, &["a.example", "+opcode=notify"]).await.unwrap();
    holds(&text, &["status: NOTIMP"]);
    let text = run("dig", world.address, &["a.example", "+header-only"]).await.unwrap();
    holds(&text, &["QUERY: 0"]);
    let text = run("dig", world.address, &["a.example", "CH", "TXT", "+subnet=192.0.2.0/24"])
        .await
        .unwrap();
    holds(&text, &["status: NOERROR"]);
    assert!(!text.contains("CLIENT-SUBNET"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kdig_keeps_a_connection_open_and_pads() {
    let world = World::new(Toy::default(), Config::default());
    let rest = [
        "+tcp",
        "+keepopen",
        "+padding",
        "+ednsopt=11",
        "slow.example",
        "A",
        "refused.example",
        "A",
    ];
    let Some(text) = run("kdig", world.address, &rest).await else { return };
    holds(&text, &["status: NOERROR", "status: NXDOMAIN", "203.0.113.0", "Blocked"]);
    assert!(!text.contains("WARNING"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kdig_puts_a_proxy_header_before_its_question() {
    let toy = Toy { stranger: Some("192.0.2.66".parse().unwrap()), ..Toy::default() };
    let trusted = vec![backstop_model::addr::Cidr::parse("127.0.0.1/32").unwrap()];
    let world = World::new(toy, Config { trusted, ..Config::default() });
    for (source, expected) in [("192.0.2.7", "NOERROR"), ("192.0.2.66", "REFUSED")] {
        for way in ["+notcp", "+tcp"] {
            let header = format!("+proxy={source}#1234-127.0.0.1#53");
            let Some(text) = run("kdig", world.address, &[&header, way, "a.example", "A"]).await
            else {
                return;
            };
            holds(&text, &[&format!("status: {expected}")]);
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dnsperf_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let queries = folder.path().join("queries");
    std::fs::write(&queries, "a.example A\nmany.example A\nrefused.example A\n".repeat(200))
        .unwrap();
    let world = World::new(Toy::default(), Config::default());
    let data = queries.to_str().unwrap();
    for mode in ["udp", "tcp"] {
        let rest = ["-d", data, "-n", "1", "-m", mode, "-e", "-E", "10:0001020304050607"];
        let Some(text) = run("dnsperf", world.address, &rest).await else { return };
        holds(&text, &["Queries completed:    600 (100.00%)", "NXDOMAIN 200 (33.33%)"]);
    }
    world.end().await;
}
