//! Address classes, the table behind them, exceptions, and NAT64.

use backstop_model::addr::{
    AddressClass, AddressRules, Cidr, Coverage, classify, judge_literal, judge_resolved,
    nat64_embedded, nat64_prefix, special, table,
};
use expect_test::expect;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn cidr(text: &str) -> Cidr {
    Cidr::parse(text).unwrap()
}

#[test]
fn the_table_is_sound() {
    let mut blocks = BTreeSet::new();
    let mut longest = (u8::MAX, true);
    for row in table() {
        assert_eq!(cidr(&row.block.to_string()), row.block, "no host bits are set");
        assert!(blocks.insert(row.block), "{} stands twice", row.block);
        assert_ne!(row.class, AddressClass::Public);
        assert!(!row.name.is_empty() && !row.source.is_empty());
        let four = row.block.network().is_ipv4();
        if four == longest.1 {
            assert!(row.block.prefix() <= longest.0, "{} stands after shorter ones", row.block);
        }
        longest = (row.block.prefix(), four);
        // The first and last address of each block have its class, or a more specific row's.
        for edge in [row.block.network(), row.block.last()] {
            let found = special(edge).unwrap();
            assert!(found.block == row.block || row.block.covers(&found.block));
            assert!(found.block.prefix() >= row.block.prefix());
            assert_ne!(classify(edge), AddressClass::Public, "{edge}");
        }
    }
    assert!(blocks.len() > 60);
}

#[test]
fn addresses_have_these_classes() {
    let mut shown = String::new();
    for text in [
        "8.8.8.8",
        "1.1.1.1",
        "93.184.216.34",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "2001:4860::8888",
        "2001:200::1",
        "3ffd::1",
        "::",
        "::1",
        "::2",
        "::7f00:1",
        "::ffff:8.8.8.8",
        "::ffff:0:808:808",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "64:ff9b:2::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2001:20::1",
        "2002:808:808::",
        "2606::5efe:808:808",
        "2606::200:5efe:808:808",
        "2606::5eff:808:808",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00::5efe:a00:1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd00:ec3::254",
        "fd20:ce::254",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "fe80::5efe:a00:1",
        "fec0::1",
        "ff02::1",
        "1fff::1",
    ] {
        let name = special(ip(text)).map(|row| row.name).unwrap_or_default();
        writeln!(shown, "{text} {} {name}", classify(ip(text))).unwrap();
    }
    expect![[r#"
        8.8.8.8 public 
        1.1.1.1 public 
        93.184.216.34 public 
        172.15.255.255 public 
        172.32.0.0 public 
        100.63.255.255 public 
        100.128.0.0 public 
        169.253.255.255 public 
        169.255.0.0 public 
        192.0.1.0 public 
        198.17.255.255 public 
        198.20.0.0 public 
        223.255.255.255 public 
        126.255.255.255 public 
        128.0.0.0 public 
        168.63.129.15 public 
        168.63.129.17 public 
        0.0.0.0 unspecified this host on this network
        0.1.2.3 unspecified this network
        10.0.0.0 private private use
        10.255.255.255 private private use
        100.64.0.1 shared shared address space
        100.100.100.200 metadata Alibaba Cloud metadata
        127.0.0.1 loopback loopback
        127.255.255.255 loopback loopback
        168.63.129.16 metadata Azure platform (WireServer)
        169.254.0.1 link-local link local
        169.254.169.254 metadata instance metadata of AWS, Azure, Google, Oracle, OpenStack, DigitalOcean, Hetzner
        169.254.170.2 metadata ECS task credentials
        169.254.170.23 metadata EKS Pod Identity agent
        172.16.0.1 private private use
        172.31.255.255 private private use
        192.0.0.1 reserved IPv4 service continuity prefix
        192.0.0.192 metadata Oracle Cloud Classic metadata
        192.0.2.1 reserved documentation (TEST-NET-1)
        192.88.99.1 reserved 6to4 relay anycast (deprecated)
        192.168.0.1 private private use
        198.18.0.1 reserved benchmarking
        198.19.255.255 reserved benchmarking
        198.51.100.1 reserved documentation (TEST-NET-2)
        203.0.113.1 reserved documentation (TEST-NET-3)
        224.0.0.1 multicast multicast
        239.255.255.255 multicast multicast
        240.0.0.1 reserved reserved for future use
        255.255.255.255 multicast limited broadcast
        2606:4700::1111 public 
        2a00:1450:4001::1 public 
        2001:4860::8888 public 
        2001:200::1 public 
        3ffd::1 public 
        :: unspecified unspecified
        ::1 loopback loopback
        ::2 embedding IPv4-compatible (deprecated)
        ::7f00:1 embedding IPv4-compatible (deprecated)
        ::ffff:8.8.8.8 embedding IPv4-mapped
        ::ffff:0:808:808 embedding IPv4-translated
        64:ff9b::808:808 embedding NAT64 well-known prefix
        64:ff9b:1::1 embedding NAT64 local-use prefix
        64:ff9b:2::1 reserved 
        100::1 reserved discard only
        2001::1 embedding Teredo
        2001:db8::1 reserved documentation
        2001:20::1 reserved ORCHIDv2
        2002:808:808:: embedding 6to4
        2606::5efe:808:808 embedding 
        2606::200:5efe:808:808 embedding 
        2606::5eff:808:808 public 
        3fff::1 reserved documentation
        4000::1 reserved 
        5f00::1 reserved segment routing SIDs
        fc00::1 private unique local
        fd00::5efe:a00:1 embedding unique local
        fd00:ec2::254 metadata AWS instance services: metadata ::254, EKS ::23, resolver ::253, time ::123
        fd00:ec2::23 metadata AWS instance services: metadata ::254, EKS ::23, resolver ::253, time ::123
        fd00:ec3::254 private unique local
        fd20:ce::254 metadata Google Cloud metadata
        fe80::1 link-local link-local unicast
        fe80::a9fe:a9fe metadata OpenStack metadata
        fe80::5efe:a00:1 link-local link-local unicast
        fec0::1 private site-local (deprecated)
        ff02::1 multicast multicast
        1fff::1 reserved 
    "#]].assert_eq(&shown);
}

#[test]
fn prefixes_are_read_strictly() {
    for good in ["10.1.2.0/24", "0.0.0.0/0", "10.0.0.1/32", "fd00::/8", "::/0", "::1/128"] {
        assert_eq!(cidr(good).to_string(), good);
        assert_eq!(Cidr::parse(&cidr(good).to_string()), Ok(cidr(good)));
    }
    let mut shown = String::new();
    for bad in [
        "",
        "10.0.0.0",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0/8",
        "010.0.0.0/8",
        "0xa.0.0.0/8",
        "10.1.2.3/24",
        "fd00::/129",
        "fd00::1/64",
        "[fd00::]/8",
        "fd00::%1/8",
        "10.0.0.0/8/8",
        "10.0.0.0 /8",
        "10.0.0.0/256",
        "a\u{1b}/8",
    ] {
        writeln!(shown, "{bad:?} {}", Cidr::parse(bad).unwrap_err()).unwrap();
    }
    expect![[r#"
        "" `` has no prefix length (write `address/length`)
        "10.0.0.0" `10.0.0.0` has no prefix length (write `address/length`)
        "/8" `/8` does not begin with an IP address in its plain spelling
        "10.0.0.0/" `10.0.0.0/` has a bad prefix length (0 to 32, plain digits)
        "10.0.0.0/33" `10.0.0.0/33` has a bad prefix length (0 to 32, plain digits)
        "10.0.0.0/08" `10.0.0.0/08` has a bad prefix length (0 to 32, plain digits)
        "10.0.0.0/+8" `10.0.0.0/+8` has a bad prefix length (0 to 32, plain digits)
        "10.0.0/8" `10.0.0/8` does not begin with an IP address in its plain spelling
        "010.0.0.0/8" `010.0.0.0/8` does not begin with an IP address in its plain spelling
        "0xa.0.0.0/8" `0xa.0.0.0/8` does not begin with an IP address in its plain spelling
        "10.1.2.3/24" `10.1.2.3/24` has host bits set (did you mean `10.1.2.0/24`?)
        "fd00::/129" `fd00::/129` has a bad prefix length (0 to 128, plain digits)
        "fd00::1/64" `fd00::1/64` has host bits set (did you mean `fd00::/64`?)
        "[fd00::]/8" `[fd00::]/8` does not begin with an IP address in its plain spelling
        "fd00::%1/8" `fd00::%1/8` does not begin with an IP address in its plain spelling
        "10.0.0.0/8/8" `10.0.0.0/8/8` has a bad prefix length (0 to 32, plain digits)
        "10.0.0.0 /8" `10.0.0.0 /8` does not begin with an IP address in its plain spelling
        "10.0.0.0/256" `10.0.0.0/256` has a bad prefix length (0 to 32, plain digits)
        "a\u{1b}/8" `a\u{1b}/8` does not begin with an IP address in its plain spelling
    "#]]
    .assert_eq(&shown);
}

#[test]
fn prefixes_hold_their_own_family_alone() {
    assert!(cidr("10.1.2.0/24").contains(ip("10.1.2.255")));
    assert!(!cidr("10.1.2.0/24").contains(ip("10.1.3.0")));
    assert!(!cidr("0.0.0.0/0").contains(ip("::ffff:10.0.0.1")));
    assert!(!cidr("::/0").contains(ip("10.0.0.1")));
    assert!(cidr("fd00::/8").covers(&cidr("fd12::/16")));
    assert!(!cidr("fd12::/16").covers(&cidr("fd00::/8")));
    assert_eq!(Cidr::around(ip("10.1.2.3"), 24), cidr("10.1.2.0/24"));
    assert_eq!(cidr("10.1.2.0/24").last(), ip("10.1.2.255"));
}

#[test]
fn exceptions_that_can_never_open_anything_are_known() {
    let mut shown = String::new();
    for text in [
        "10.1.2.0/24",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "fd00::/8",
        "198.18.0.0/15",
        "0.0.0.0/0",
        "::/0",
        "100.100.100.200/31",
        "fe00::/7",
        "fd00:ec2::/31",
        "127.0.0.0/8",
        "127.0.0.1/32",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "100.100.100.200/32",
        "fd00:ec2::/48",
        "fd20:ce::254/128",
        "fe80::/10",
        "::1/128",
        "0.0.0.0/8",
        "224.0.0.0/4",
        "ff00::/8",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "2002::/16",
        "168.63.129.16/32",
        "168.63.129.0/24",
        "8.8.8.0/24",
        "2606:4700::/32",
        "fd00::5efe:a00:0/112",
    ] {
        let prefix = cidr(text);
        let verdict = match prefix.coverage() {
            Coverage::Opens => "opens".to_owned(),
            Coverage::AlreadyPublic => "is public already".to_owned(),
            Coverage::NeverOpens(class) => format!("never opens ({class})"),
        };
        writeln!(shown, "{text} {verdict}").unwrap();
    }
    expect![[r#"
        10.1.2.0/24 opens
        192.168.0.0/16 opens
        100.64.0.0/10 opens
        fd00::/8 opens
        198.18.0.0/15 opens
        0.0.0.0/0 opens
        ::/0 opens
        100.100.100.200/31 opens
        fe00::/7 opens
        fd00:ec2::/31 opens
        127.0.0.0/8 never opens (loopback)
        127.0.0.1/32 never opens (loopback)
        169.254.0.0/16 never opens (link-local)
        169.254.169.254/32 never opens (metadata)
        100.100.100.200/32 never opens (metadata)
        fd00:ec2::/48 never opens (metadata)
        fd20:ce::254/128 never opens (metadata)
        fe80::/10 never opens (link-local)
        ::1/128 never opens (loopback)
        0.0.0.0/8 never opens (unspecified)
        224.0.0.0/4 never opens (multicast)
        ff00::/8 never opens (multicast)
        ::ffff:0:0/96 never opens (embedding)
        64:ff9b::/96 never opens (embedding)
        2002::/16 never opens (embedding)
        168.63.129.16/32 never opens (metadata)
        168.63.129.0/24 never opens (metadata)
        8.8.8.0/24 is public already
        2606:4700::/32 is public already
        fd00::5efe:a00:0/112 never opens (embedding)
    "#]]
    .assert_eq(&shown);
}

#[test]
fn exceptions_open_private_space_and_nothing_worse() {
    let everything =
        AddressRules { allow_private: vec![cidr("0.0.0.0/0"), cidr("::/0")], nat64: Vec::new() };
    let open = ["10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "fd00::1", "198.18.0.1"];
    for text in open {
        assert_eq!(judge_resolved(ip(text), &everything), Ok(()), "{text}");
        assert_eq!(judge_literal(ip(text), &everything), Ok(()), "{text}");
        assert!(judge_resolved(ip(text), &AddressRules::default()).is_err(), "{text}");
    }
    for text in [
        "127.0.0.1",
        "0.0.0.0",
        "169.254.1.1",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "2002:a00:1::",
        "2001::1",
        "64:ff9b:1::a00:1",
        "fd00::5efe:a00:1",
        "2606::200:5efe:a00:1",
        "::ffff:8.8.8.8",
    ] {
        let class = classify(ip(text));
        assert_eq!(judge_resolved(ip(text), &everything), Err(class), "{text}");
        assert_eq!(judge_literal(ip(text), &everything), Err(class), "{text}");
    }
    for text in ["8.8.8.8", "2606:4700::1111"] {
        assert_eq!(judge_resolved(ip(text), &AddressRules::default()), Ok(()));
        assert_eq!(judge_literal(ip(text), &AddressRules::default()), Ok(()));
    }
    let narrow = AddressRules { allow_private: vec![cidr("10.1.2.0/24")], nat64: Vec::new() };
    assert_eq!(judge_resolved(ip("10.1.2.3"), &narrow), Ok(()));
    assert_eq!(judge_resolved(ip("10.1.3.3"), &narrow), Err(AddressClass::Private));
}

#[test]
fn nat64_answers_are_judged_by_what_they_embed() {
    let plain = AddressRules::default();
    assert_eq!(judge_resolved(ip("64:ff9b::8.8.8.8"), &plain), Ok(()));
    assert_eq!(judge_resolved(ip("64:ff9b::10.0.0.1"), &plain), Err(AddressClass::Private));
    assert_eq!(judge_resolved(ip("64:ff9b::169.254.169.254"), &plain), Err(AddressClass::Metadata));
    assert_eq!(judge_resolved(ip("64:ff9b::127.0.0.1"), &plain), Err(AddressClass::Loopback));
    assert_eq!(judge_literal(ip("64:ff9b::8.8.8.8"), &plain), Err(AddressClass::Embedding));
    assert_eq!(judge_resolved(ip("64:ff9b:1::8.8.8.8"), &plain), Err(AddressClass::Embedding));

    let local = AddressRules { allow_private: Vec::new(), nat64: vec![cidr("64:ff9b:1:2::/96")] };
    assert_eq!(judge_resolved(ip("64:ff9b:1:2::8.8.8.8"), &local), Ok(()));
    assert_eq!(judge_resolved(ip("64:ff9b:1:2::7f00:1"), &local), Err(AddressClass::Loopback));

    // A public prefix of the network's own: without the rule its addresses look public.
    let own = AddressRules { allow_private: Vec::new(), nat64: vec![cidr("2a00:1:2:3::/64")] };
    assert_eq!(judge_resolved(ip("2a00:1:2:3:8:808:800:0"), &own), Ok(()));
    assert_eq!(judge_resolved(ip("2a00:1:2:3:a:1:200:0"), &own), Err(AddressClass::Private));
    assert_eq!(judge_literal(ip("2a00:1:2:3:8:808:800:0"), &own), Err(AddressClass::Embedding));
    // Bits that must be zero.
    assert_eq!(judge_resolved(ip("2a00:1:2:3:108:808:800:0"), &own), Err(AddressClass::Embedding));
    assert_eq!(judge_resolved(ip("2a00:1:2:3:8:808:800:1"), &own), Err(AddressClass::Embedding));

    // Two prefixes that overlap: both readings must be permitted.
    let both = AddressRules {
        allow_private: Vec::new(),
        nat64: vec![cidr("2a00:1::/32"), cidr("2a00:1:808:808::/96")],
    };
    assert!(judge_resolved(ip("2a00:1:808:808::a00:1"), &both).is_err());
}

#[test]
fn the_examples_of_rfc_6052_decode() {
    // RFC 6052 §2.4, table 3, with 192.0.2.33.
    let inner = Ipv4Addr::new(192, 0, 2, 33);
    for (prefix, address) in [
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ] {
        assert_eq!(nat64_embedded(cidr(prefix), ip(address)), Some(inner), "{prefix}");
        assert!(nat64_prefix(cidr(prefix)).is_ok());
    }
    assert_eq!(nat64_embedded(cidr("64:ff9b::/96"), ip("64:ff9c::1")), None);
    assert_eq!(nat64_embedded(cidr("2001:db8::/33"), ip("2001:db8::1")), None);
    assert_eq!(nat64_embedded(cidr("10.0.0.0/8"), ip("10.0.0.1")), None);
    for bad in [
        "10.0.0.0/8",
        "2a00::/33",
        "2a00:0:0:0:100::/96",
        "fe80::/64",
        "2002::/32",
        "::/96",
        "ff00::/32",
    ] {
        assert!(nat64_prefix(cidr(bad)).is_err(), "{bad}");
    }
    for good in ["64:ff9b::/96", "64:ff9b:1::/48", "64:ff9b:1:fffe::/96", "fd00:64::/96"] {
        assert!(nat64_prefix(cidr(good)).is_ok(), "{good}");
    }
}
