//! An agent's own network, as a pod has one: joined to the world by a single cable, with no route
//! anywhere else and a `/etc/resolv.conf` of its own. Whatever it sends arrives at the world's end
//! of the cable, or nowhere. Next: `tap`.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::world::World;

/// A pod; dropping it ends it.
#[derive(Debug)]
pub struct Pod {
    /// Holds the namespaces open for as long as its standard input is.
    holder: Child,
    gateway: Ipv4Addr,
    ip: Ipv4Addr,
}

impl Pod {
    /// The pod of that number: `10.99.NUMBER.2`, and the world is `10.99.NUMBER.1` to it. What
    /// stands in `resolv` is its `/etc/resolv.conf`; `GATEWAY` in it is the world's address.
    #[track_caller]
    pub fn new(world: &World, number: u8, resolv: &str) -> Self {
        let gateway = Ipv4Addr::new(10, 99, number, 1);
        let ip = Ipv4Addr::new(10, 99, number, 2);
        let file = world.path().join(format!("pod{number}-resolv.conf"));
        std::fs::write(&file, resolv.replace("GATEWAY", &gateway.to_string()))
            .expect("write the pod's resolv.conf");
        // Its network is new, and its mounts are its own before it says so. The shell ends with us.
        let mut holder = world
            .command("unshare")
            .args(["--net", "--mount", "sh", "-ec"])
            .arg("mount --bind \"$0\" /etc/resolv.conf; echo ready; exec cat")
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the pod");
        let mut said = String::new();
        let mut out = BufReader::new(holder.stdout.take().expect("piped"));
        out.read_line(&mut said).expect("hear from the pod");
        assert_eq!(said.trim(), "ready", "the pod does not stand");
        let pod = Self { holder, gateway, ip };
        let (outer, inner) = (format!("pod{number}"), "eth0");
        let pid = pod.holder.id().to_string();
        let link = ["link", "add", &outer, "type", "veth", "peer", "name", inner, "netns", &pid];
        world.output(world.command("ip").args(link));
        world.output(world.command("ip").args([
            "addr",
            "add",
            &format!("{gateway}/24"),
            "dev",
            &outer,
        ]));
        world.output(world.command("ip").args(["link", "set", &outer, "up"]));
        for arguments in [
            vec!["link", "set", "lo", "up"],
            vec!["addr", "add", &format!("{ip}/24"), "dev", inner],
            vec!["link", "set", inner, "up"],
        ] {
            world.output(pod.command(world, "ip").args(arguments));
        }
        pod
    }

    /// The world's end of its cable: where a resolver for it listens.
    pub fn gateway(&self) -> IpAddr {
        IpAddr::V4(self.gateway)
    }

    /// Its own address.
    pub fn ip(&self) -> IpAddr {
        IpAddr::V4(self.ip)
    }

    /// A program that will run in the pod.
    pub fn command(&self, world: &World, program: impl AsRef<Path>) -> Command {
        let mut command = world.command("nsenter");
        command
            .arg(format!("--target={}", self.holder.id()))
            // Its root too: a mount namespace alone would lead out of a chroot.
            .args(["--net", "--mount", "--root", "--wd", "--"])
            .arg(program.as_ref());
        command
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
