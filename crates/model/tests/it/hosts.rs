//! Hosts: what is normalised to what, and what is refused why.

use backstop_model::host::{Host, HostName};
use expect_test::{Expect, expect};
use std::fmt::Write as _;

fn check(inputs: &[&str], expected: &Expect) {
    let mut shown = String::new();
    for input in inputs {
        match Host::parse(input) {
            Ok(Host::Name(name)) => writeln!(shown, "{input:?} → {name}"),
            Ok(Host::Address(address)) => writeln!(shown, "{input:?} → address {address}"),
            Err(fault) => writeln!(shown, "{input:?} ✗ {:?}: {}", fault.shape, fault.why),
        }
        .unwrap();
    }
    expected.assert_eq(&shown);
}

#[test]
fn names_have_one_form() {
    check(
        &[
            "Example.COM",
            "example.com.",
            "EXAMPLE.com．",
            "bücher.example",
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.example",
            "faß.example",
            "_dmarc.example.com",
            "r3---sn-4g5e6nez.googlevideo.com",
            "user-.github.io",
            "ex%61mple.com",
            "ｅｘａｍｐｌｅ。com",
            "exa\u{ad}mple.com",
            "a",
            "1.2.3.4x",
            "127.0.0.1.example",
            "0x7f.example",
        ],
        &expect![[r#"
            "Example.COM" → example.com
            "example.com." → example.com
            "EXAMPLE.com．" → example.com
            "bücher.example" → xn--bcher-kva.example
            "xn--bcher-kva.example" → xn--bcher-kva.example
            "XN--BCHER-KVA.example" → xn--bcher-kva.example
            "faß.example" → xn--fa-hia.example
            "_dmarc.example.com" → _dmarc.example.com
            "r3---sn-4g5e6nez.googlevideo.com" → r3---sn-4g5e6nez.googlevideo.com
            "user-.github.io" → user-.github.io
            "ex%61mple.com" → example.com
            "ｅｘａｍｐｌｅ。com" → example.com
            "exa\u{ad}mple.com" → example.com
            "a" → a
            "1.2.3.4x" → 1.2.3.4x
            "127.0.0.1.example" → 127.0.0.1.example
            "0x7f.example" → 0x7f.example
        "#]],
    );
}

#[test]
fn what_reads_as_an_address_is_never_a_name() {
    check(
        &[
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F.0.0.0x1",
            "0177.0.0.01",
            "１２７．０．０．１",
            "①②⑦.0.0.1",
            "%31%32%37.0.0.1",
            "1%32%37。0。0。1",
            "0",
            "0x",
            "0b1111",
            "0.0o1",
            "1.2.3.4.5",
            "256.0.0.1",
            "08.0.0.1",
            "4294967296",
            "example.123",
            "example.0x7f",
            "example.0x",
            "1.2.3.",
            "1..2",
            "[::1]",
            "::1",
            "[::FFFF:127.0.0.1]",
            "[0:0:0:0:0:ffff:7f00:1]",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]",
            "fe80::1%1",
            "[::1",
            "::1]",
            "[]",
            "[127.0.0.1]",
            "[v1.fe]",
            "[::1]]",
            "[[::1]",
            "[::1].example",
            "%5B::1%5D",
            "1:2:3:4:5:6:7",
            ":::",
        ],
        &expect![[r#"
            "127.0.0.1" → address 127.0.0.1
            "127.0.0.1." → address 127.0.0.1
            "127.1" → address 127.0.0.1
            "2130706433" → address 127.0.0.1
            "0x7f000001" → address 127.0.0.1
            "0X7F.0.0.0x1" → address 127.0.0.1
            "0177.0.0.01" → address 127.0.0.1
            "１２７．０．０．１" → address 127.0.0.1
            "①②⑦.0.0.1" → address 127.0.0.1
            "%31%32%37.0.0.1" → address 127.0.0.1
            "1%32%37。0。0。1" → address 127.0.0.1
            "0" → address 0.0.0.0
            "0x" → address 0.0.0.0
            "0b1111" ✗ Address: its last label is a number, and it is no IPv4 address
            "0.0o1" ✗ Address: its last label is a number, and it is no IPv4 address
            "1.2.3.4.5" ✗ Address: its last label is a number, and it is no IPv4 address
            "256.0.0.1" ✗ Address: its last label is a number, and it is no IPv4 address
            "08.0.0.1" ✗ Address: its last label is a number, and it is no IPv4 address
            "4294967296" ✗ Address: its last label is a number, and it is no IPv4 address
            "example.123" ✗ Address: its last label is a number, and it is no IPv4 address
            "example.0x7f" ✗ Address: its last label is a number, and it is no IPv4 address
            "example.0x" ✗ Address: its last label is a number, and it is no IPv4 address
            "1.2.3." → address 1.2.0.3
            "1..2" ✗ Address: its last label is a number, and it is no IPv4 address
            "[::1]" → address ::1
            "::1" → address ::1
            "[::FFFF:127.0.0.1]" → address ::ffff:127.0.0.1
            "[0:0:0:0:0:ffff:7f00:1]" → address ::ffff:127.0.0.1
            "[fe80::1%eth0]" ✗ Address: it carries a zone id or a percent-encoding inside an IPv6 address
            "[fe80::1%25eth0]" ✗ Address: it carries a zone id or a percent-encoding inside an IPv6 address
            "fe80::1%1" ✗ Address: it carries a zone id or a percent-encoding inside an IPv6 address
            "[::1" ✗ Address: its brackets do not match
            "::1]" ✗ Address: its brackets do not match
            "[]" ✗ Address: it is no IPv6 address
            "[127.0.0.1]" ✗ Address: it is no IPv6 address
            "[v1.fe]" ✗ Address: it is no IPv6 address
            "[::1]]" ✗ Address: it is no IPv6 address
            "[[::1]" ✗ Address: it is no IPv6 address
            "[::1].example" ✗ Address: its brackets do not match
            "%5B::1%5D" ✗ Address: it carries a zone id or a percent-encoding inside an IPv6 address
            "1:2:3:4:5:6:7" ✗ Address: it is no IPv6 address
            ":::" ✗ Address: it is no IPv6 address
        "#]],
    );
}

#[test]
fn what_is_odd_is_no_host() {
    let long_label = format!("{}.example", "a".repeat(64));
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    let too_long = format!("{label}.{label}.{label}.{}", "b".repeat(62));
    assert!(Host::parse(&format!("{label}.example")).is_ok());
    assert_eq!(longest.len(), 253);
    assert!(Host::parse(&longest).is_ok());
    assert!(Host::parse(&format!("{longest}.")).is_ok());
    assert!(Host::parse(&too_long).is_err());
    assert!(Host::parse(&long_label).is_err());
    assert!(Host::parse(&"a".repeat(5000)).is_err());
    check(
        &[
            "",
            ".",
            "..",
            "example.com..",
            ".example.com",
            "a..b",
            "exa mple.com",
            "exam\tple.com",
            "example.com\0",
            "example.com\n",
            "exa%00mple.com",
            "exa%mple.com",
            "exa%4",
            "%2531.example",
            "%ff.example",
            "a%2fb.example",
            "a@b.example",
            "a:80",
            "a/b",
            "a\\b",
            "a?b",
            "a#b",
            "*.example.com",
            "a,b.example",
            "a!b.example",
            "-a.example",
            "xn--.example",
            "xn--a.example",
            "xn--127-.example",
            "a\u{202e}b.example",
            "\u{fffd}.example",
            "a．．b",
            "☃.example%",
            "a\u{2044}b.example",
            "a℀b.example",
            "a：80",
        ],
        &expect![[r#"
            "" ✗ Name: it is empty
            "." ✗ Name: it has an empty label
            ".." ✗ Name: it has an empty label
            "example.com.." ✗ Name: it has an empty label
            ".example.com" ✗ Name: it has an empty label
            "a..b" ✗ Name: it has an empty label
            "exa mple.com" ✗ Name: it holds characters that no host name holds
            "exam\tple.com" ✗ Name: it holds characters that no host name holds
            "example.com\0" ✗ Name: it holds characters that no host name holds
            "example.com\n" ✗ Name: it holds characters that no host name holds
            "exa%00mple.com" ✗ Name: it holds characters that no host name holds
            "exa%mple.com" ✗ Name: it holds a malformed percent-encoding
            "exa%4" ✗ Name: it holds a malformed percent-encoding
            "%2531.example" ✗ Name: it holds characters that no host name holds
            "%ff.example" ✗ Name: it holds characters that no host name holds
            "a%2fb.example" ✗ Name: it holds characters that no host name holds
            "a@b.example" ✗ Name: it holds characters that no host name holds
            "a:80" ✗ Name: it holds a colon
            "a/b" ✗ Name: it holds characters that no host name holds
            "a\\b" ✗ Name: it holds characters that no host name holds
            "a?b" ✗ Name: it holds characters that no host name holds
            "a#b" ✗ Name: it holds characters that no host name holds
            "*.example.com" ✗ Name: it holds characters that no host name holds
            "a,b.example" ✗ Name: it holds characters that no host name holds
            "a!b.example" ✗ Name: it holds characters that no host name holds
            "-a.example" ✗ Name: one of its labels begins with a hyphen
            "xn--.example" ✗ Name: it holds characters that no host name holds
            "xn--a.example" ✗ Name: it holds characters that no host name holds
            "xn--127-.example" ✗ Name: it holds characters that no host name holds
            "a\u{202e}b.example" ✗ Name: it holds characters that no host name holds
            "�.example" ✗ Name: it holds characters that no host name holds
            "a．．b" ✗ Name: it has an empty label
            "☃.example%" ✗ Name: it holds a malformed percent-encoding
            "a⁄b.example" → xn--ab-c6t.example
            "a℀b.example" ✗ Name: it holds characters that no host name holds
            "a：80" ✗ Name: it holds characters that no host name holds
        "#]],
    );
}

#[test]
fn a_name_knows_its_labels_and_its_zones() {
    let name = HostName::parse("Api.Weather.example.").unwrap();
    assert_eq!(name.labels().collect::<Vec<_>>(), ["api", "weather", "example"]);
    assert_eq!(name.labels().next_back(), Some("example"));
    for (zone, under, strictly) in [
        ("api.weather.example", true, false),
        ("weather.example", true, true),
        ("example", true, true),
        ("eather.example", false, false),
        ("pi.weather.example", false, false),
        ("x.api.weather.example", false, false),
        ("other", false, false),
    ] {
        let zone = HostName::parse(zone).unwrap();
        assert_eq!(name.is_under(&zone), under, "{zone}");
        assert_eq!(name.is_strictly_under(&zone), strictly, "{zone}");
    }
    assert!(HostName::parse("127.0.0.1").is_err());
}

#[test]
fn names_on_the_wire_are_not_decoded() {
    for (text, name) in [
        ("Api.Example.COM", "api.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_sip.example.com.", "_sip.example.com"),
    ] {
        assert_eq!(HostName::from_wire(text).unwrap().as_str(), name);
    }
    for text in [
        "exa%6dple.com",
        "bücher.example",
        "ｅxample.com",
        "example。com",
        "127.0.0.1",
        "[::1]",
        "",
        "a b",
    ] {
        assert!(HostName::from_wire(text).is_err(), "{text}");
    }
}

#[test]
fn faults_show_nothing_that_a_terminal_would_obey() {
    let fault = Host::parse("a\u{1b}[31m\u{202e}.example").unwrap_err();
    assert!(fault.to_string().chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{fault}");
    let fault = Host::parse(&"é@".repeat(2000)).unwrap_err();
    assert!(fault.text.chars().count() <= 255);
}
