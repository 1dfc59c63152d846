//! A real authoritative server, NSD: compression, truncation, aliases and types as they are.

use super::{Stage, ask, key};
use crate::answer::Way;
use crate::forward::{Asker, Reach};
use backstop_model::name::QueryType;
use backstop_testkit::Nsd;
use std::time::Duration;

fn zone() -> String {
    let mut text = String::from(
        "$ORIGIN example.\n$TTL 300\n\
         @ SOA ns host 1 3600 600 86400 60\n@ NS ns\nns A 93.184.0.53\n\
         plain A 93.184.0.7\nplain AAAA 2606:2800::7\n\
         www CNAME cdn\ncdn CNAME edge\nedge A 93.184.0.8\n\
         old DNAME new\na.new A 93.184.0.9\n*.tiles A 93.184.0.10\n\
         svc HTTPS 1 . alpn=h2,h3 ipv4hint=93.184.0.7 ech=AEX+DQBBpQAgACB ipv6hint=2606:2800::7\n\
         mail MX 10 plain\nmail MX 20 edge\n_s._tcp SRV 1 2 443 plain\n\
         text TXT \"some text\"\ninner A 10.0.0.1\n",
    );
    text = text.replace("ech=AEX+DQBBpQAgACB", "ech=AEX+DQBBpQAgACBB");
    for n in 0..60 {
        text.push_str(&format!("many A 93.184.1.{n}\nmany AAAA 2606:2800::{n:x}\n"));
    }
    text
}

#[tokio::test]
async fn a_real_server_is_read_as_it_answers() {
    let nsd = Nsd::start(&[("example", &zone())]);
    let mut stage = Stage::new(&[]);
    stage.upstreams = vec![nsd.place()];
    stage.deadline = Duration::from_secs(20);
    let answers = stage.answers();
    let check = async |name: &str, qtype: &str, expected: &str| {
        let qtype = QueryType::parse(qtype).unwrap();
        let mut lines: Vec<String> =
            ask(&answers, name, qtype).await.unwrap().lines().map(str::to_owned).collect();
        lines[1..].sort();
        assert_eq!(lines.join("\n"), expected, "{name} {qtype}");
    };
    check("plain.example", "A", "NOERROR\nplain.example. A 93.184.0.7").await;
    check("plain.example", "AAAA", "NOERROR\nplain.example. AAAA 2606:2800::7").await;
    check(
        "www.example",
        "A",
        "NOERROR\ncdn.example. CNAME edge.example.\nedge.example. A 93.184.0.8\n\
         www.example. CNAME cdn.example.",
    )
    .await;
    check("www.example", "CNAME", "NOERROR\nwww.example. CNAME cdn.example.").await;
    check(
        "a.old.example",
        "A",
        "NOERROR\na.new.example. A 93.184.0.9\na.old.example. CNAME a.new.example.",
    )
    .await;
    check("z.y.tiles.example", "A", "NOERROR\nz.y.tiles.example. A 93.184.0.10").await;
    check(
        "mail.example",
        "MX",
        "NOERROR\nmail.example. MX 10 plain.example.\nmail.example. MX 20 edge.example.",
    )
    .await;
    check("_s._tcp.example", "SRV", "NOERROR\n_s._tcp.example. SRV 1 2 443 plain.example").await;
    check("text.example", "TXT", "NOERROR\ntext.example. TXT \"some text\"").await;
    check("plain.example", "TXT", "NOERROR\nexample. SOA").await;
    check("none.example", "A", "NXDOMAIN\nexample. SOA").await;
    // Sixty AAAA records fit into no datagram of 1,232 octets.
    let many = ask(&answers, "many.example", QueryType::AAAA).await.unwrap();
    assert_eq!(many.lines().count(), 61);
    let https = ask(&answers, "svc.example", QueryType::HTTPS).await.unwrap();
    assert!(https.contains("alpn=h2,h3") && !https.contains("ech"), "{https}");
    let hints = answers
        .look_up(key("svc.example", QueryType::HTTPS), Reach::Any, Asker::Own, Way::FREE)
        .await
        .unwrap();
    assert_eq!(hints.0.content().addresses().len(), 2);
}
