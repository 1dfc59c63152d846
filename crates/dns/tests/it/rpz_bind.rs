//! Our decisions held against a real BIND with the same zones and the same upstream, where both mean
//! the same: what a listed name hides below a wildcard, and what an earlier zone's rules for answers
//! do to a later zone's names, is read otherwise here, and told in `rpz::table` and `rpz::decide`.

use crate::rpz::zone;
use crate::whole::{House, query};
use backstop_dns::rpz::{Filter, Rules};
use domain::base::Message;
use domain::base::iana::Rtype;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::time::timeout;

struct Bind {
    child: Child,
    place: SocketAddr,
    _folder: TempDir,
}

impl Bind {
    async fn start(zones: &[(&str, &str)], upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let place = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut config = format!(
            "options {{ directory \"{path}\"; listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             pid-file none; session-keyfile none; recursion yes; allow-query {{ any; }}; dnssec-validation no;\n\
             forwarders {{ {} port {}; }}; forward only; empty-zones-enable no;\n response-policy {{ ",
            place.port(),
            upstream.ip(),
            upstream.port()
        );
        for (name, _) in zones {
            write!(config, "zone \"{name}\"; ").unwrap();
        }
        config.push_str("}; };\ncontrols { };\n");
        for (name, text) in zones {
            writeln!(config, "zone \"{name}\" {{ type primary; file \"{name}\"; }};").unwrap();
            let text = format!("$TTL 60\n@ SOA ns. host. 5 60 60 60 60\n@ NS localhost.\n{text}");
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let file = folder.path().join("named.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        #[allow(
            clippy::disallowed_methods,
            reason = "a test starts the server that it compares with"
        )]
        let child = Command::new("named")
            .args(["-g", "-n", "1", "-c"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("named: {error}: run `cargo xtask setup`"));
        let bind = Self { child, place, _folder: folder };
        for _ in 0..200 {
            if ask(place, "ready.example", Duration::from_millis(100)).await.is_some() {
                return bind;
            }
            // A port without a listener says so at once.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", std::fs::read_to_string(bind._folder.path().join("log")).unwrap_or_default());
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Code, cut short or not, and addresses in order; `None` is silence.
async fn ask(place: SocketAddr, name: &str, patience: Duration) -> Option<String> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(place).await.unwrap();
    socket.send(&query(name, 1, 1, 0x0100, false)).await.unwrap();
    let mut answer = vec![0; 4_096];
    let length = timeout(patience, socket.recv(&mut answer)).await.ok()?.ok()?;
    answer.truncate(length);
    let answer = Message::from_octets(answer).unwrap();
    let mut addresses: Vec<String> = answer
        .answer()
        .unwrap()
        .flatten()
        .filter(|record| record.rtype() == Rtype::A)
        .map(|record| {
            record.to_record::<domain::rdata::A>().unwrap().unwrap().data().addr().to_string()
        })
        .collect();
    addresses.sort();
    Some(format!("{} {} {addresses:?}", answer.header().rcode(), answer.header().tc()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_bind_decides_the_same_for_hundreds_of_names() {
    let (mut hosts, mut dropped) = (vec!["walled.example".to_owned()], Vec::new());
    let (mut first, mut second) = (String::new(), String::new());
    for number in 0..400 {
        let kind = ["plain", "byaddress", "twice", "chained"][number / 10 % 4];
        let (base, name) = (format!("n{number}.example"), format!("{kind}.n{number}.example"));
        hosts.push(name.clone());
        match number % 10 {
            0 => writeln!(first, "{name} CNAME ."),
            1 => writeln!(first, "*.{base} CNAME *."),
            2 => {
                writeln!(first, "{name} CNAME rpz-passthru.").unwrap();
                writeln!(second, "{name} CNAME .")
            }
            3 => writeln!(second, "{name} A 93.184.1.1\n{name} A 93.184.1.2\n{name} TXT \"x\""),
            4 => writeln!(second, "{name} CNAME rpz-tcp-only."),
            5 => {
                writeln!(second, "*.{base} CNAME .").unwrap();
                writeln!(second, "{name} CNAME rpz-passthru.")
            }
            6 => writeln!(first, "{name} CNAME walled.example."),
            7 => {
                hosts.push(format!("{name}.walled.example"));
                writeln!(first, "*.{base} CNAME *.walled.example.")
            }
            8 if number < 60 => {
                dropped.push(name.clone());
                writeln!(first, "{name} CNAME rpz-drop.")
            }
            _ => Ok(()),
        }
        .unwrap();
    }
    let third =
        "24.0.100.184.93.rpz-ip CNAME .\n32.9.100.184.93.rpz-ip CNAME *.\nmiddle.example CNAME .\n";
    let zones = [("first", first.as_str()), ("second", &second), ("third", third)];
    let ours = zones.iter().map(|(name, text)| zone(name, "given", text)).collect();
    let filter = Arc::new(Filter::new(Rules::new(ours), None));
    let house = House::filtered(&hosts, "", Some(filter)).await;
    let bind = Bind::start(&zones, house.upstream.place()).await;
    let mut differ = Vec::new();
    for name in &hosts {
        let patience = Duration::from_millis(if dropped.contains(name) { 300 } else { 10_000 });
        let (mine, theirs) =
            (ask(house.address, name, patience).await, ask(bind.place, name, patience).await);
        if mine != theirs {
            differ.push(format!("{name}: {mine:?}, BIND {theirs:?}"));
        }
    }
    assert!(differ.is_empty(), "{} of {}: {differ:#?}", differ.len(), hosts.len());
}
