//! What the tests of the running resolver share: a gateway that listens at the world's end of each
//! pod's cable, and the policies of its clients.

use crate::scene::BINARY;
use backstop_testkit::nameserver::{NameServer, address};
use backstop_testkit::{Backstop, Pod, Setup, World};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

/// A tenant whose rows decide alone (`skill: *`): each row as it stands in YAML, without owner,
/// reason and date.
pub(crate) fn policy(dns: &str, rows: &[&str]) -> String {
    let rows: String = rows
        .iter()
        .map(|row| {
            let row = row.trim().trim_end_matches('}');
            format!("  - {row}, owner: o, reason: r, reviewBy: \"2099-01-01\" }}\n")
        })
        .collect();
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: research }}\nspec:\n{dns}  egress:\n{rows}"
    )
}

/// Starts the gateway with a listener and a client for each pod; zones go to upstreams of their own.
#[track_caller]
pub(crate) fn start(
    world: &World,
    policy: &str,
    pods: &[&Pod],
    zones: &[(String, SocketAddr)],
) -> Backstop {
    let listen: Vec<String> = pods.iter().map(|pod| format!("{}:53", pod.gateway())).collect();
    let clients: Vec<String> = pods.iter().map(|pod| format!("{}=research/*", pod.ip())).collect();
    let zones: Vec<String> = zones.iter().map(|(zone, place)| format!("{zone}={place}")).collect();
    let config = json!({ "dns": { "listen": listen, "clients": clients, "zones": zones } });
    Backstop::start(world, Setup::new(world, BINARY, policy).config(config))
}

/// Starts the gateway with a listener on loopback for whoever is there, and one upstream.
#[track_caller]
pub(crate) fn start_local(world: &World, policy: &str, upstream: SocketAddr) -> Backstop {
    let config = json!({ "dns": {
        "listen": ["127.0.0.1:0"],
        "clients": ["127.0.0.0/8=research/*"],
        "upstreams": [upstream.to_string()],
    }});
    Backstop::start(world, Setup::new(world, BINARY, policy).config(config))
}

/// Starts the gateway with these settings of its resolver, for whoever is on loopback.
#[track_caller]
pub(crate) fn start_with(
    world: &World,
    policy: &str,
    upstream: SocketAddr,
    mut dns: Value,
) -> Backstop {
    dns["clients"] = json!(["127.0.0.0/8=research/*"]);
    dns["upstreams"] = json!([upstream.to_string()]);
    let config = json!({ "dns": dns, "policy_poll": "100ms" });
    Backstop::start(world, Setup::new(world, BINARY, policy).config(config))
}

/// What a client that others wrote (dig, kdig) prints of one question; an answer that never comes
/// is waited for once, and not for long.
#[track_caller]
pub(crate) fn client(world: &World, program: &str, to: SocketAddr, rest: &[&str]) -> String {
    let mut command = world.command(program);
    command.args([&format!("@{}", to.ip()), "-p", &to.port().to_string()]).args(rest);
    let output = command.args(["+retry=0", "+timeout=5"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The receipt that stands in what a client printed.
#[track_caller]
pub(crate) fn receipt(text: &str) -> String {
    let at = text.find("rcp_").unwrap_or_else(|| panic!("no receipt in:\n{text}"));
    text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// A name server that has an address for every name.
pub(crate) fn upstream() -> NameServer {
    NameServer::start(|asked| {
        let records = asked.reply();
        let records = match asked.qtype {
            1 => records.answer(address(&asked.name, 60, "93.184.1.1")),
            _ => records,
        };
        vec![records.wire()]
    })
}

/// Fails with advice where `cargo xtask setup` has not been run.
#[track_caller]
pub(crate) fn needs(program: &str) {
    let here = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    assert!(
        here.is_ok_and(|output| output.status.success()),
        "`{program}` is not here: run `cargo xtask setup`"
    );
}

/// Types that a careless row could allow, so that every kind of tunnel has its way.
const LIBERAL: &str = "[A, AAAA, CNAME, HTTPS, SVCB, TXT, \"NULL\", MX, SRV, KEY, TYPE65399]";

/// A free port of loopback for datagrams.
pub(crate) fn free_udp() -> SocketAddr {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A program that is ended with the test.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A wildcard row under which every kind of tunnel has its way.
pub(crate) fn liberal(zone: &str) -> String {
    format!("{{ host: \"*.{zone}\", dns: {{ types: {LIBERAL} }} }}")
}

/// Whether anything refused under that zone by that control is on record.
pub(crate) fn refused(events: &[Value], zone: &str, control: &str) -> bool {
    events.iter().any(|event| {
        event["type"] == "AttemptRefused"
            && event["fact"]["control"] == control
            && event["fact"]["asked"]["host"].as_str().is_some_and(|host| host.ends_with(zone))
    })
}

/// After how many names that were permitted under the zone the first alert of that control came.
pub(crate) fn flagged_after(events: &[Value], zone: &str, control: &str) -> Option<usize> {
    let raised = events.iter().position(|event| {
        event["type"] == "AlertRaised"
            && event["fact"]["control"] == control
            && event["fact"]["summary"].as_str().is_some_and(|text| text.contains(zone))
    })?;
    let below = |event: &&Value| {
        event["type"] == "AttemptPermitted"
            && event["fact"]["asked"]["host"].as_str().is_some_and(|host| host.ends_with(zone))
    };
    Some(events[..raised].iter().filter(below).count())
}
