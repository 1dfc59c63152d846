//! A table: the special-purpose addresses, one row each. Only data and its look-up.
//! Must not know exceptions. Next: `cidr`.
//!
//! Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), IANA IPv6
//! Address Space (RFC 4291 §2.4), IPv4 and IPv6 multicast registries (RFC 5771, RFC 4291 §2.7), and
//! the clouds' own manuals for their metadata and platform addresses. Blocks that the registries
//! call globally reachable (AS112, AMT, PCP and TURN anycast) are refused too: they are
//! infrastructure, and no service that an agent may need lives there.

use super::AddressClass::{self, *};
use super::cidr::{Cidr, mask4, mask6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One row: a block, what it is, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Special {
    /// The block.
    pub block: Cidr,
    /// Its class, never `Public`.
    pub class: AddressClass,
    /// Its name in the registry or in the cloud's manual.
    pub name: &'static str,
    /// The registry's reference, or whose manual.
    pub source: &'static str,
}

/// The most specific row in which an address lies.
pub fn special(address: IpAddr) -> Option<&'static Special> {
    match address {
        IpAddr::V4(four) => find(V4, |row| four.to_bits() & row.mask == row.network),
        IpAddr::V6(six) => find(V6, |row| six.to_bits() & row.mask == row.network),
    }
}

/// All rows, the most specific first within each family.
pub fn table() -> impl Iterator<Item = &'static Special> {
    V4.iter().map(|row| &row.special).chain(V6.iter().map(|row| &row.special))
}

/// All of IPv6 that may be public at all (RFC 4291 §2.4, IANA IPv6 Address Space).
pub(super) const GLOBAL_UNICAST: [Cidr; 1] =
    [Cidr::constant(IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), 3)];

pub(super) fn beyond_global_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(six) => six.to_bits() >> 125 != 0b001,
    }
}

struct Row<Bits> {
    network: Bits,
    mask: Bits,
    special: Special,
}

/// INVARIANT: rows stand from the longest prefix to the shortest, so the first that fits is the
/// most specific (held by `the_table_is_sound`).
fn find<Bits>(
    rows: &'static [Row<Bits>],
    fits: impl Fn(&Row<Bits>) -> bool,
) -> Option<&'static Special> {
    rows.iter().find(|row| fits(row)).map(|row| &row.special)
}

macro_rules! v4 {
    ($([$a:literal $b:literal $c:literal $d:literal]/$prefix:literal $class:ident $name:literal $source:literal;)*) => {
        const V4: &[Row<u32>] = &[$({
            let network = Ipv4Addr::new($a, $b, $c, $d);
            Row { network: network.to_bits(), mask: mask4($prefix), special: Special {
                block: Cidr::constant(IpAddr::V4(network), $prefix), class: $class, name: $name, source: $source,
            } }
        },)*];
    };
}

macro_rules! v6 {
    ($([$a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal]/$prefix:literal $class:ident $name:literal $source:literal;)*) => {
        const V6: &[Row<u128>] = &[$({
            let network = Ipv6Addr::new($a, $b, $c, $d, $e, $f, $g, $h);
            Row { network: network.to_bits(), mask: mask6($prefix), special: Special {
                block: Cidr::constant(IpAddr::V6(network), $prefix), class: $class, name: $name, source: $source,
            } }
        },)*];
    };
}

v4! {
    // Metadata and platform services of clouds.
    [169 254 169 254]/32 Metadata "instance metadata of AWS, Azure, Google, Oracle, OpenStack, DigitalOcean, Hetzner" "EC2 user guide, Azure IMDS, Compute Engine";
    [169 254 170 2]/32 Metadata "ECS task credentials" "Amazon ECS developer guide";
    [169 254 170 23]/32 Metadata "EKS Pod Identity agent" "Amazon EKS user guide";
    [169 254 169 253]/32 Metadata "Amazon VPC resolver" "Amazon VPC user guide";
    [169 254 169 123]/32 Metadata "Amazon Time Sync" "EC2 user guide";
    [169 254 42 42]/32 Metadata "Scaleway metadata" "Scaleway documentation";
    [169 254 0 23]/32 Metadata "Tencent Cloud metadata" "Tencent CVM documentation";
    [168 63 129 16]/32 Metadata "Azure platform (WireServer)" "Azure virtual network documentation";
    [100 100 100 200]/32 Metadata "Alibaba Cloud metadata" "Alibaba ECS documentation";
    [192 0 0 192]/32 Metadata "Oracle Cloud Classic metadata" "Oracle Compute Classic documentation";
    // IANA IPv4 Special-Purpose Address Registry.
    [0 0 0 0]/32 Unspecified "this host on this network" "RFC 1122 §3.2.1.3";
    [192 0 0 8]/32 Reserved "IPv4 dummy address" "RFC 7600";
    [192 0 0 9]/32 Reserved "Port Control Protocol anycast" "RFC 7723";
    [192 0 0 10]/32 Reserved "TURN anycast" "RFC 8155";
    [192 0 0 170]/32 Reserved "NAT64/DNS64 discovery" "RFC 8880, RFC 7050";
    [192 0 0 171]/32 Reserved "NAT64/DNS64 discovery" "RFC 8880, RFC 7050";
    [192 88 99 2]/32 Reserved "6a44 relay anycast" "RFC 6751";
    [255 255 255 255]/32 Multicast "limited broadcast" "RFC 919, RFC 8190";
    [192 0 0 0]/29 Reserved "IPv4 service continuity prefix" "RFC 7335";
    [192 0 0 0]/24 Reserved "IETF protocol assignments" "RFC 6890 §2.1";
    [192 0 2 0]/24 Reserved "documentation (TEST-NET-1)" "RFC 5737";
    [192 31 196 0]/24 Reserved "AS112-v4" "RFC 7535";
    [192 52 193 0]/24 Reserved "AMT" "RFC 7450";
    [192 88 99 0]/24 Reserved "6to4 relay anycast (deprecated)" "RFC 7526";
    [192 175 48 0]/24 Reserved "direct delegation AS112" "RFC 7534";
    [198 51 100 0]/24 Reserved "documentation (TEST-NET-2)" "RFC 5737";
    [203 0 113 0]/24 Reserved "documentation (TEST-NET-3)" "RFC 5737";
    [169 254 0 0]/16 LinkLocal "link local" "RFC 3927";
    [192 168 0 0]/16 Private "private use" "RFC 1918";
    [198 18 0 0]/15 Reserved "benchmarking" "RFC 2544";
    [172 16 0 0]/12 Private "private use" "RFC 1918";
    [100 64 0 0]/10 SharedSpace "shared address space" "RFC 6598";
    [0 0 0 0]/8 Unspecified "this network" "RFC 791 §3.2";
    [10 0 0 0]/8 Private "private use" "RFC 1918";
    [127 0 0 0]/8 Loopback "loopback" "RFC 1122 §3.2.1.3";
    [224 0 0 0]/4 Multicast "multicast" "RFC 5771";
    [240 0 0 0]/4 Reserved "reserved for future use" "RFC 1112 §4";
}

v6! {
    [0 0 0 0 0 0 0 0]/128 Unspecified "unspecified" "RFC 4291 §2.5.2";
    [0 0 0 0 0 0 0 1]/128 Loopback "loopback" "RFC 4291 §2.5.3";
    // Metadata and platform services of clouds.
    [0xfd20 0xce 0 0 0 0 0 0x254]/128 Metadata "Google Cloud metadata" "Compute Engine documentation";
    [0xfd00 0xc1 0 0 0 0 0xa9fe 0xa9fe]/128 Metadata "Oracle Cloud metadata" "Oracle Cloud Infrastructure documentation";
    [0xfd00 0x42 0 0 0 0 0 0x42]/128 Metadata "Scaleway metadata" "Scaleway documentation";
    [0xfe80 0 0 0 0 0 0xa9fe 0xa9fe]/128 Metadata "OpenStack metadata" "OpenStack Nova documentation";
    // IANA IPv6 Special-Purpose Address Registry, and forms that embed IPv4.
    [0x2001 1 0 0 0 0 0 1]/128 Reserved "Port Control Protocol anycast" "RFC 7723";
    [0x2001 1 0 0 0 0 0 2]/128 Reserved "TURN anycast" "RFC 8155";
    [0x2001 1 0 0 0 0 0 3]/128 Reserved "DNS-SD service registration anycast" "RFC 9665";
    [0 0 0 0 0 0 0 0]/96 Embedding "IPv4-compatible (deprecated)" "RFC 4291 §2.5.5.1";
    [0 0 0 0 0 0xffff 0 0]/96 Embedding "IPv4-mapped" "RFC 4291 §2.5.5.2";
    [0 0 0 0 0xffff 0 0 0]/96 Embedding "IPv4-translated" "RFC 2765 §2.1, RFC 7915";
    [0x64 0xff9b 0 0 0 0 0 0]/96 Embedding "NAT64 well-known prefix" "RFC 6052";
    [0x100 0 0 0 0 0 0 0]/64 Reserved "discard only" "RFC 6666";
    [0x100 0 0 1 0 0 0 0]/64 Reserved "dummy prefix" "RFC 9780";
    [0x64 0xff9b 1 0 0 0 0 0]/48 Embedding "NAT64 local-use prefix" "RFC 8215";
    [0x2001 2 0 0 0 0 0 0]/48 Reserved "benchmarking" "RFC 5180";
    [0x2001 4 0x112 0 0 0 0 0]/48 Reserved "AS112-v6" "RFC 7535";
    [0x2620 0x4f 0x8000 0 0 0 0 0]/48 Reserved "direct delegation AS112" "RFC 7534";
    [0xfd00 0xec2 0 0 0 0 0 0]/32 Metadata "AWS instance services: metadata ::254, EKS ::23, resolver ::253, time ::123" "EC2 user guide";
    [0x2001 0 0 0 0 0 0 0]/32 Embedding "Teredo" "RFC 4380";
    [0x2001 3 0 0 0 0 0 0]/32 Reserved "AMT" "RFC 7450";
    [0x2001 0xdb8 0 0 0 0 0 0]/32 Reserved "documentation" "RFC 3849";
    [0x2001 0x10 0 0 0 0 0 0]/28 Reserved "ORCHID (deprecated)" "RFC 4843";
    [0x2001 0x20 0 0 0 0 0 0]/28 Reserved "ORCHIDv2" "RFC 7343";
    [0x2001 0x30 0 0 0 0 0 0]/28 Reserved "drone remote ID entity tags" "RFC 9374";
    [0x2001 0 0 0 0 0 0 0]/23 Reserved "IETF protocol assignments" "RFC 2928";
    [0x3fff 0 0 0 0 0 0 0]/20 Reserved "documentation" "RFC 9637";
    [0x2002 0 0 0 0 0 0 0]/16 Embedding "6to4" "RFC 3056";
    [0x3ffe 0 0 0 0 0 0 0]/16 Reserved "6bone (returned)" "RFC 3701";
    [0x5f00 0 0 0 0 0 0 0]/16 Reserved "segment routing SIDs" "RFC 9602";
    [0xfe80 0 0 0 0 0 0 0]/10 LinkLocal "link-local unicast" "RFC 4291 §2.5.6";
    [0xfec0 0 0 0 0 0 0 0]/10 Private "site-local (deprecated)" "RFC 3879";
    [0xff00 0 0 0 0 0 0 0]/8 Multicast "multicast" "RFC 4291 §2.7";
    [0xfc00 0 0 0 0 0 0 0]/7 Private "unique local" "RFC 4193";
}
