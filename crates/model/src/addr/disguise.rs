//! Names that are addresses in disguise: data, and how it is matched. Whatever the list lacks, the
//! dial judges by the resolved address; the list spares the look-up and names the trick.
//! Must not know how names resolve. Next: `destination`.
//!
//! Not on the list on purpose: `*.local`, `*.internal`, `*.svc.cluster.local`. Honest services live
//! there, and the dial judges their addresses.

use super::AddressClass::{self, *};
use super::classify;
use crate::host::HostName;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a name stands for in truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disguise {
    /// The class of what stands behind it, never `Public`.
    pub class: AddressClass,
    /// The address that it spells, if it spells one.
    pub address: Option<IpAddr>,
    /// What it is, for a sentence: "it is …".
    pub why: &'static str,
}

/// Whether a name is an address in disguise, as far as the name alone shows.
///
/// Such names are refused by `parse_url` and `parse_authority`, so a policy row that names one can
/// never be reached.
pub fn disguise(name: &HostName) -> Option<Disguise> {
    let text = name.as_str();
    if let Some(row) = NAMES.iter().find(|row| row.pattern.fits(text)) {
        return Some(Disguise { class: row.class, address: None, why: row.why });
    }
    // The services' own sites (`nip.io` itself) are no spellings.
    SPELLERS.iter().find_map(|zone| strip_zone(text, zone)).and_then(judge_spelling)
}

enum Pattern {
    /// This name.
    Exact(&'static str),
    /// This name and all below it.
    Under(&'static str),
    /// This name and all that begin with it, whatever zone follows.
    Leading(&'static str),
    /// All that begin with the first, in the zone of the second.
    Between(&'static str, &'static str),
}
use Pattern::{Between, Exact, Leading, Under};

impl Pattern {
    fn fits(&self, text: &str) -> bool {
        match self {
            Exact(name) => text == *name,
            Under(zone) => text == *zone || strip_zone(text, zone).is_some(),
            Leading(head) => leads(text, head),
            Between(head, zone) => strip_zone(text, zone).is_some_and(|below| leads(below, head)),
        }
    }
}

fn leads(text: &str, head: &str) -> bool {
    text.strip_prefix(head).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What stands below `zone`, without the dot between.
fn strip_zone<'a>(text: &'a str, zone: &str) -> Option<&'a str> {
    text.strip_suffix(zone)?.strip_suffix('.')
}

struct Row {
    pattern: Pattern,
    class: AddressClass,
    why: &'static str,
}

const fn row(pattern: Pattern, class: AddressClass, why: &'static str) -> Row {
    Row { pattern, class, why }
}

const NAMES: &[Row] = &[
    // This machine (RFC 6761 §6.3, and what /etc/hosts of the usual systems holds).
    row(Under("localhost"), Loopback, "a name of this machine (RFC 6761)"),
    row(Under("localdomain"), Loopback, "a name of this machine in /etc/hosts"),
    row(Exact("localhost4"), Loopback, "a name of this machine in /etc/hosts"),
    row(Under("localdomain4"), Loopback, "a name of this machine in /etc/hosts"),
    row(Exact("localhost6"), Loopback, "a name of this machine in /etc/hosts"),
    row(Under("localdomain6"), Loopback, "a name of this machine in /etc/hosts"),
    row(Exact("ip6-localhost"), Loopback, "a name of this machine in /etc/hosts"),
    row(Exact("ip6-loopback"), Loopback, "a name of this machine in /etc/hosts"),
    row(Exact("loopback"), Loopback, "a name of this machine in /etc/hosts"),
    row(Exact("ip6-localnet"), Unspecified, "a name of this network in /etc/hosts"),
    row(Exact("ip6-mcastprefix"), Multicast, "a multicast name in /etc/hosts"),
    row(Exact("ip6-allnodes"), Multicast, "a multicast name in /etc/hosts"),
    row(Exact("ip6-allrouters"), Multicast, "a multicast name in /etc/hosts"),
    row(Exact("ip6-allhosts"), Multicast, "a multicast name in /etc/hosts"),
    row(Exact("broadcasthost"), Multicast, "the broadcast name in /etc/hosts"),
    // systemd-resolved makes these up (systemd-resolved(8), nss-myhostname(8)).
    row(Exact("_gateway"), Private, "the gateway's name of systemd-resolved"),
    row(Exact("_outbound"), Private, "this machine's name of systemd-resolved"),
    row(Exact("_localdnsstub"), Loopback, "the resolver's name of systemd-resolved"),
    row(Exact("_localdnsproxy"), Loopback, "the resolver's name of systemd-resolved"),
    // The machine around a container.
    row(Under("docker.internal"), Private, "a name that Docker gives to its host"),
    row(Under("containers.internal"), Private, "a name that Podman gives to its host"),
    row(Under("lima.internal"), Private, "a name that Lima gives to its host"),
    row(Under("orb.internal"), Private, "a name that OrbStack gives to its host"),
    row(Under("minikube.internal"), Private, "a name that minikube gives to its host"),
    row(Under("k3d.internal"), Private, "a name that k3d gives to its host"),
    // The Kubernetes API server, under any cluster domain and by search list.
    row(Exact("kubernetes"), Private, "the Kubernetes API server"),
    row(Exact("kubernetes.default"), Private, "the Kubernetes API server"),
    row(Leading("kubernetes.default.svc"), Private, "the Kubernetes API server"),
    // Instance metadata of the clouds.
    row(Exact("metadata"), Metadata, "the metadata service, by search list"),
    row(Under("metadata.google.internal"), Metadata, "the metadata service of Google Cloud"),
    row(Under("metadata.goog"), Metadata, "the metadata service of Google Cloud"),
    row(Exact("instance-data"), Metadata, "the metadata service of AWS, by search list"),
    row(Between("instance-data", "internal"), Metadata, "the metadata service of AWS"),
    row(Under("metadata.azure.internal"), Metadata, "the metadata service of Azure"),
    row(Under("metadata.azure.com"), Metadata, "the metadata service of Azure"),
    row(Under("metadata.oraclecloud.com"), Metadata, "the metadata service of Oracle Cloud"),
    row(Under("metadata.oraclecloud.internal"), Metadata, "the metadata service of Oracle Cloud"),
    row(Under("metadata.aws.internal"), Metadata, "the metadata service of AWS"),
    row(Under("metadata.internal"), Metadata, "a metadata service"),
    row(Under("metadata.hetzner.cloud"), Metadata, "the metadata service of Hetzner"),
    row(Exact("alibaba.zaproxy.org"), Metadata, "a public name of Alibaba's 100.100.100.200"),
    row(Under("metadata.tencentyun.com"), Metadata, "the metadata service of Tencent Cloud"),
    row(Under("metadata.ibm.internal"), Metadata, "the metadata service of IBM Cloud"),
    row(Under("api.metadata.cloud.ibm.com"), Metadata, "the metadata service of IBM Cloud"),
    row(Under("metadata.packet.net"), Metadata, "the metadata service of Equinix Metal"),
    row(Under("metadata.platformequinix.com"), Metadata, "the metadata service of Equinix Metal"),
    row(Exact("rancher-metadata"), Metadata, "the metadata service of Rancher"),
    // Public names whose whole purpose is to resolve to 127.0.0.1.
    row(Under("localtest.me"), Loopback, "a public name of 127.0.0.1"),
    row(Under("lvh.me"), Loopback, "a public name of 127.0.0.1"),
    row(Under("vcap.me"), Loopback, "a public name of 127.0.0.1"),
    row(Under("lacolhost.com"), Loopback, "a public name of 127.0.0.1"),
    row(Under("fuf.me"), Loopback, "a public name of 127.0.0.1"),
    row(Under("ulh.us"), Loopback, "a public name of 127.0.0.1"),
    row(Under("smackaho.st"), Loopback, "a public name of 127.0.0.1"),
    row(Under("localho.st"), Loopback, "a public name of 127.0.0.1"),
    row(Under("lcl.host"), Loopback, "a public name of 127.0.0.1"),
    row(Under("lndo.site"), Loopback, "a public name of 127.0.0.1"),
    row(Under("ddev.site"), Loopback, "a public name of 127.0.0.1"),
    row(Under("127-0-0-1.org.uk"), Loopback, "a public name of 127.0.0.1"),
    row(Exact("spoofed.burpcollaborator.net"), Loopback, "a public name of 127.0.0.1"),
    row(Exact("localhost.domaincontrol.com"), Loopback, "a public name of 127.0.0.1"),
    // Rebinding services: the answer changes between two look-ups.
    row(Under("rbndr.us"), Loopback, "a DNS rebinding service"),
    row(Under("1u.ms"), Loopback, "a DNS rebinding service"),
    row(Under("rebind.it"), Loopback, "a DNS rebinding service"),
    row(Under("rebind.network"), Loopback, "a DNS rebinding service"),
];

/// Zones whose names spell the address that they resolve to.
const SPELLERS: &[&str] =
    &["nip.io", "sslip.io", "xip.io", "traefik.me", "backname.io", "ip.addr.tools"];

/// Judges what stands below a zone that spells addresses: refused if any reading is a refused
/// address, or if there is no reading at all (these services know more spellings than we do).
fn judge_spelling(below: &str) -> Option<Disguise> {
    const WHY: &str = "a name that spells an address";
    let mut any = false;
    for address in spelled4(below).map(IpAddr::V4).chain(spelled6(below).map(IpAddr::V6)) {
        any = true;
        let class = classify(address);
        if class != Public {
            return Some(Disguise { class, address: Some(address), why: WHY });
        }
    }
    let unread = "a name of a service that spells addresses, and it spells none that can be read";
    (!any).then_some(Disguise { class: Reserved, address: None, why: unread })
}

/// Every reading as IPv4: four decimal parts between dots or dashes, or eight hex digits.
fn spelled4(below: &str) -> impl Iterator<Item = Ipv4Addr> + '_ {
    let part = |text: &str| text.parse::<u8>().ok().filter(|_| text.len() <= 3);
    let mut last: [Option<u8>; 4] = [None; 4];
    let decimal = below.split(['.', '-']).filter_map(move |text| {
        last.rotate_left(1);
        if let Some(newest) = last.last_mut() {
            *newest = part(text);
        }
        match last {
            [Some(a), Some(b), Some(c), Some(d)] => Some(Ipv4Addr::new(a, b, c, d)),
            _ => None,
        }
    });
    let hex = below.split(['.', '-']).filter_map(|text| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        (digits.len() == 8)
            .then(|| u32::from_str_radix(digits, 16).ok().map(Ipv4Addr::from_bits))?
    });
    decimal.chain(hex)
}

/// The readings as IPv6 that sslip.io takes: dashes for colons within one label, the leftmost and
/// longest run of parts.
fn spelled6(below: &str) -> impl Iterator<Item = Ipv6Addr> + '_ {
    // LIMIT: eight groups and the empty parts around `::` make at most ten parts.
    const MOST: usize = 10;
    below.split('.').filter_map(|label| {
        let parts: Vec<&str> = label.split('-').collect();
        (0..parts.len()).find_map(|start| {
            let run = parts.get(start..)?;
            (3..=MOST.min(run.len()))
                .rev()
                .find_map(|length| run.get(..length)?.join(":").parse::<Ipv6Addr>().ok())
        })
    })
}
