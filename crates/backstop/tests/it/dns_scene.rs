//! What the tests of the running resolver share: a gateway that listens at the world's end of each
//! pod's cable, and the policies of its clients.

use crate::scene::BINARY;
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
