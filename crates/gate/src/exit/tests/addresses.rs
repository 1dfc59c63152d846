//! Which addresses are dialled at all.

use super::stage::{Stage, echoes, subject};
use crate::exit::{Nat64Prefix, TlsMode};
use backstop_model::control::Control;

/// One of each class and spelling that an agent may not reach.
const REFUSED: &[&str] = &[
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "168.63.129.16",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fd00::1",
    "fd00:ec2::254",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
    "::ffff:93.184.0.7",
    "::ffff:10.0.0.1",
    "::93.184.0.7",
    "::ffff:0:93.184.0.7",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "2002:5db8:7::1",
    "2001::5db8:7",
    "2606:2800::5efe:10.0.0.1",
];

#[tokio::test]
async fn a_name_is_looked_up_once_and_a_literal_never() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    stage.map("93.184.0.7:443", server);
    stage.map("[2606:2800::7]:443", server);
    stage.script.answer("api.example", &["93.184.0.7"]);
    let out = stage.open();
    let mut dialled = out.dial("api.example:443").await.unwrap();
    echoes(&mut dialled).await;
    assert_eq!(dialled.address, Some("93.184.0.7".parse().unwrap()));
    assert!(!dialled.delegated);
    assert_eq!(stage.script.asked(), 1);
    for literal in ["93.184.0.7:443", "[2606:2800::7]:443"] {
        echoes(&mut out.dial(literal).await.unwrap()).await;
    }
    assert_eq!(stage.script.asked(), 1);
}

#[tokio::test]
async fn a_name_that_resolves_to_a_refused_address_is_refused() {
    let mut stage = Stage::new();
    for (n, address) in REFUSED.iter().enumerate() {
        stage.script.answer(&format!("n{n}.example"), &[address]);
        // Good addresses around it change nothing.
        let mixed = ["93.184.0.7", "2606:2800::7", address, "93.184.0.8"];
        stage.script.answer(&format!("mixed{n}.example"), &mixed);
    }
    let out = stage.open();
    for (n, address) in REFUSED.iter().enumerate() {
        for name in ["n", "mixed"] {
            let fault = out.dial(&format!("{name}{n}.example:443")).await.unwrap_err();
            assert_eq!(fault.control, Control::SsrfAddress, "{address}: {fault}");
            let shown = address.parse::<std::net::IpAddr>().unwrap().to_string();
            assert!(fault.reason.contains(&shown), "{fault}");
        }
    }
    assert_eq!(out.dialled(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_literal_is_refused_without_a_look_up() {
    let mut stage = Stage::new();
    stage.config.nat64 = vec![Nat64Prefix::parse("2606:2800:64::/96").unwrap()];
    let out = stage.open();
    let translated = ["64:ff9b::93.184.0.7", "2606:2800:64::93.184.0.7"];
    for address in REFUSED.iter().chain(&translated) {
        let address: std::net::IpAddr = address.parse().unwrap();
        let fault = out.dial(&std::net::SocketAddr::new(address, 443).to_string()).await;
        assert_eq!(fault.unwrap_err().control, Control::SsrfAddress, "{address}");
    }
    assert_eq!((stage.script.asked(), out.dialled().len()), (0, 0));
}

#[tokio::test]
async fn a_private_address_needs_its_own_exception() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    stage.map("10.1.2.3:443", server);
    stage.allow_private(&["10.1.2.0/24", "127.0.0.0/8", "169.254.0.0/16"]);
    stage.script.answer("in.example", &["10.1.2.3"]);
    stage.script.answer("beside.example", &["10.1.3.3"]);
    stage.script.answer("loop.example", &["127.0.0.1"]);
    stage.script.answer("meta.example", &["169.254.169.254"]);
    let out = stage.open();
    echoes(&mut out.dial("in.example:443").await.unwrap()).await;
    for name in ["beside", "loop", "meta"] {
        let fault = out.dial(&format!("{name}.example:443")).await.unwrap_err();
        assert_eq!(fault.control, Control::SsrfAddress, "{name}");
    }
}

#[tokio::test]
async fn a_name_that_was_good_and_turns_inward_is_being_rebound() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    stage.map("93.184.0.7:443", server);
    stage.script.answer("turns.example", &["93.184.0.7"]);
    stage.script.answer("turns.example", &["169.254.169.254"]);
    let out = stage.open();
    out.dial("turns.example:443").await.unwrap();
    let fault = out.dial("turns.example:443").await.unwrap_err();
    assert_eq!(fault.control, Control::SsrfRebind, "{fault}");
    let stranger = out.dial_as("turns.example:443", TlsMode::Client, &subject(2)).await;
    assert_eq!(stranger.unwrap_err().control, Control::SsrfAddress, "never good for this one");
    out.exit.forget(subject(1).session.as_ref().unwrap());
    let fault = out.dial("turns.example:443").await.unwrap_err();
    assert_eq!(fault.control, Control::SsrfAddress, "{fault}");
    assert_eq!(out.dialled(), ["93.184.0.7"]);
}

#[tokio::test]
async fn rotation_over_sixty_addresses_never_fires() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    for n in 1..=60 {
        stage.map(&format!("93.184.1.{n}:443"), server);
        stage.script.answer("cdn.example", &[&format!("93.184.1.{n}")]);
    }
    let out = stage.open();
    for n in 1..=60 {
        let dialled = out.dial("cdn.example:443").await.unwrap();
        assert_eq!(dialled.address.unwrap().to_string(), format!("93.184.1.{n}"));
    }
    assert_eq!(stage.script.asked(), 60);
}

#[tokio::test]
async fn an_answer_without_measure_is_refused_and_an_empty_one_too() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    let many: Vec<String> = (1..=65).map(|n| format!("93.184.1.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    stage.map("93.184.1.1:443", server);
    stage.script.answer("many.example", &many);
    stage.script.answer("most.example", &many[..64]);
    stage.script.answer("none.example", &[]);
    let out = stage.open();
    let control = async |name: &str| out.dial(name).await.unwrap_err().control;
    assert_eq!(control("many.example:443").await, Control::Limit);
    assert_eq!(control("none.example:443").await, Control::UpstreamReach);
    assert_eq!(control("unknown.example:443").await, Control::UpstreamReach);
    assert!(out.dial("most.example:443").await.is_ok());
}

#[tokio::test]
async fn behind_nat64_four_is_dialled_as_six_and_judged_as_four() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    stage.config.nat64 = vec![Nat64Prefix::parse("2606:2800:64::/96").unwrap()];
    stage.map("[2606:2800:64::93.184.0.7]:443", server);
    stage.map("[2606:2800::9]:443", server);
    stage.script.answer("four.example", &["93.184.0.7"]);
    stage.script.answer("dns64.example", &["93.184.0.7", "2606:2800:64::93.184.0.7"]);
    stage.script.answer("both.example", &["93.184.0.7", "2606:2800::9"]);
    stage.script.answer("inward.example", &["2606:2800:64::10.0.0.1"]);
    stage.script.answer("meta.example", &["2606:2800:64::169.254.169.254"]);
    stage.script.answer("crooked.example", &["10.0.0.1"]);
    let out = stage.open();
    for place in ["four.example:443", "93.184.0.7:443"] {
        let mut dialled = out.dial(place).await.unwrap();
        echoes(&mut dialled).await;
        assert_eq!(dialled.address, Some("93.184.0.7".parse().unwrap()), "{place}");
    }
    out.dial("dns64.example:443").await.unwrap();
    let dialled = out.dial("both.example:443").await.unwrap();
    assert_eq!(dialled.address, Some("2606:2800::9".parse().unwrap()));
    let translated = "2606:2800:64::5db8:7";
    assert_eq!(out.dialled(), [translated, translated, translated, "2606:2800::9"]);
    for name in ["inward", "meta", "crooked"] {
        let fault = out.dial(&format!("{name}.example:443")).await.unwrap_err();
        assert_eq!(fault.control, Control::SsrfAddress, "{name}");
    }
}
