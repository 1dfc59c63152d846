//! URLs and authorities: what passes as what, and what is refused by which control with which words.

use backstop_model::destination::{Protocol, parse_authority, parse_url, path_ambiguity};
use expect_test::{Expect, expect};
use std::fmt::Write as _;

fn check(inputs: &[&str], expected: &Expect) {
    let mut shown = String::new();
    for input in inputs {
        match parse_url(input) {
            Ok(read) => {
                let query = if read.has_query { " with a query" } else { "" };
                writeln!(shown, "{input:?} → {read}{query}")
            }
            Err(refusal) => writeln!(shown, "{input:?} ✗ {refusal} [{:?}]", refusal.host),
        }
        .unwrap();
    }
    expected.assert_eq(&shown);
}

fn check_authorities(inputs: &[&str], expected: &Expect) {
    let mut shown = String::new();
    for input in inputs {
        match parse_authority(input, Protocol::Https) {
            Ok(read) => writeln!(shown, "{input:?} → {read}"),
            Err(refusal) => writeln!(shown, "{input:?} ✗ {refusal} [{:?}]", refusal.host),
        }
        .unwrap();
    }
    expected.assert_eq(&shown);
}

#[test]
fn honest_urls_pass() {
    check(
        &[
            "https://api.weather.example/points/1,2?units=si#frag",
            "http://api.weather.example",
            "HTTPS://API.Weather.Example:8443/",
            "wss://stream.example/socket",
            "ws://stream.example:80?x",
            "https://bücher.example/straße?q=ü",
            "https://example.com./a#b?c",
            "https://8.8.8.8/",
            "https://0x08.8.8.8/",
            "https://[2606:4700::1111]:8443/x",
            "https://8-8-8-8.nip.io/",
            "https://nip.io/",
            "https://weather.tenant.svc.cluster.local:8080/x",
            "https://example.com/?next=http://127.0.0.1/",
            "https://example.com/@user/x",
            "https://example.com/a:b",
            "https://example.com/{id}/<x>|^\"`?{}",
        ],
        &expect![[r#"
            "https://api.weather.example/points/1,2?units=si#frag" → https://api.weather.example:443/points/1,2 with a query
            "http://api.weather.example" → http://api.weather.example:80/
            "HTTPS://API.Weather.Example:8443/" → https://api.weather.example:8443/
            "wss://stream.example/socket" → https://stream.example:443/socket
            "ws://stream.example:80?x" → http://stream.example:80/ with a query
            "https://bücher.example/straße?q=ü" → https://xn--bcher-kva.example:443/stra%C3%9Fe with a query
            "https://example.com./a#b?c" → https://example.com:443/a
            "https://8.8.8.8/" → https://8.8.8.8:443/
            "https://0x08.8.8.8/" → https://8.8.8.8:443/
            "https://[2606:4700::1111]:8443/x" → https://[2606:4700::1111]:8443/x
            "https://8-8-8-8.nip.io/" → https://8-8-8-8.nip.io:443/
            "https://nip.io/" → https://nip.io:443/
            "https://weather.tenant.svc.cluster.local:8080/x" → https://weather.tenant.svc.cluster.local:8080/x
            "https://example.com/?next=http://127.0.0.1/" → https://example.com:443/ with a query
            "https://example.com/@user/x" → https://example.com:443/@user/x
            "https://example.com/a:b" → https://example.com:443/a:b
            "https://example.com/{id}/<x>|^\"`?{}" → https://example.com:443/%7Bid%7D/%3Cx%3E%7C%5E%22%60 with a query
        "#]],
    );
}

#[test]
fn only_web_schemes_are_spoken() {
    check(
        &[
            "file:///etc/passwd",
            "FILE:/etc/passwd",
            " \u{1}file:///etc/passwd",
            "fi\tle:///etc/passwd",
            "gopher://127.0.0.1:6379/_SET",
            "dict://example.com:11211/",
            "ftp://example.com/",
            "ldap://example.com/",
            "jar:http://example.com!/",
            "view-source:http://example.com/",
            "data:text/html,x",
            "javascript:alert(1)",
            "http+unix://%2fvar%2frun%2fdocker.sock/",
            "secretuser:secretpassword@example.com",
            "//example.com/",
            "/etc/passwd",
            "example.com",
            "\\\\server\\share",
            "ｈｔｔｐ://example.com/",
            "http",
            ":http://example.com/",
            "",
        ],
        &expect![[r#"
            "file:///etc/passwd" ✗ ssrf.scheme: its scheme `file` is not http, https, ws or wss [None]
            "FILE:/etc/passwd" ✗ ssrf.scheme: its scheme `file` is not http, https, ws or wss [None]
            " \u{1}file:///etc/passwd" ✗ ssrf.scheme: its scheme `file` is not http, https, ws or wss [None]
            "fi\tle:///etc/passwd" ✗ ssrf.scheme: its scheme `file` is not http, https, ws or wss [None]
            "gopher://127.0.0.1:6379/_SET" ✗ ssrf.scheme: its scheme `gopher` is not http, https, ws or wss [Some("127.0.0.1")]
            "dict://example.com:11211/" ✗ ssrf.scheme: its scheme `dict` is not http, https, ws or wss [Some("example.com")]
            "ftp://example.com/" ✗ ssrf.scheme: its scheme `ftp` is not http, https, ws or wss [Some("example.com")]
            "ldap://example.com/" ✗ ssrf.scheme: its scheme `ldap` is not http, https, ws or wss [Some("example.com")]
            "jar:http://example.com!/" ✗ ssrf.scheme: its scheme `jar` is not http, https, ws or wss [None]
            "view-source:http://example.com/" ✗ ssrf.scheme: its scheme `view-source` is not http, https, ws or wss [None]
            "data:text/html,x" ✗ ssrf.scheme: its scheme `data` is not http, https, ws or wss [None]
            "javascript:alert(1)" ✗ ssrf.scheme: its scheme `javascript` is not http, https, ws or wss [None]
            "http+unix://%2fvar%2frun%2fdocker.sock/" ✗ ssrf.scheme: its scheme `http+unix` is not http, https, ws or wss [None]
            "secretuser:secretpassword@example.com" ✗ ssrf.scheme: its scheme is not http, https, ws or wss [None]
            "//example.com/" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
            "/etc/passwd" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
            "example.com" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
            "\\\\server\\share" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
            "ｈｔｔｐ://example.com/" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
            "http" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
            ":http://example.com/" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
            "" ✗ ssrf.scheme: it is not an absolute URL: it has no scheme [None]
        "#]],
    );
}

#[test]
fn what_two_parsers_could_read_in_two_ways_is_refused() {
    check(
        &[
            "http:example.com",
            "http:/example.com",
            "http:///example.com",
            "http:\\\\example.com\\",
            "http://example.com\\@other.example/",
            "http://user:secret@example.com/?token=1",
            "http://example.com@other.example/",
            "http://@example.com/",
            "http://:@example.com/",
            "http://example.com%40other.example/",
            "http://example.com%2f@other.example/",
            "http://exa\nmple.com/",
            "http://exa\tmple.com/",
            "http://example.com/a b",
            "http://example.com/\0",
            " http://example.com/",
            "http://example.com/\u{85}",
            "http://example.com/\u{a0}",
            "ht\ntp://example.com/",
            "http://example.com:0/",
            "http://example.com:65536/",
            "http://example.com:/",
            "http://example.com:080/",
            "http://example.com:+80/",
            "http://example.com:８０/",
            "http://example.com:80:80/",
            "http://:80/",
            "http://",
            "http://?x",
            "http://#x",
            "http://../",
            "http://*.example.com/",
            "http://a,b/",
            "http://[2606:4700::1111]x:80/",
            "http://[2606:4700::1111/",
            "http://2606:4700::1111/",
        ],
        &expect![[r#"
            "http:example.com" ✗ wire.authority: its scheme is not followed by `//` [Some("example.com")]
            "http:/example.com" ✗ wire.authority: its scheme is not followed by `//` [Some("example.com")]
            "http:///example.com" ✗ wire.authority: it names no host [Some("example.com")]
            "http:\\\\example.com\\" ✗ wire.authority: it holds a back-slash [Some("example.com")]
            "http://example.com\\@other.example/" ✗ wire.authority: it holds a back-slash [None]
            "http://user:secret@example.com/?token=1" ✗ wire.authority: it carries credentials [Some("example.com")]
            "http://example.com@other.example/" ✗ wire.authority: it carries credentials [Some("other.example")]
            "http://@example.com/" ✗ wire.authority: it carries credentials [Some("example.com")]
            "http://:@example.com/" ✗ wire.authority: it carries credentials [Some("example.com")]
            "http://example.com%40other.example/" ✗ wire.authority: `example.com%40other.example` is not a valid host: it holds characters that no host name holds [Some("example.com%40other.example")]
            "http://example.com%2f@other.example/" ✗ wire.authority: it carries credentials [Some("other.example")]
            "http://exa\nmple.com/" ✗ wire.authority: it holds a line break [Some("example.com")]
            "http://exa\tmple.com/" ✗ wire.authority: it holds a tab [Some("example.com")]
            "http://example.com/a b" ✗ wire.authority: it holds a space [Some("example.com")]
            "http://example.com/\0" ✗ wire.authority: it holds a NUL [Some("example.com")]
            " http://example.com/" ✗ wire.authority: it holds a space [Some("example.com")]
            "http://example.com/\u{85}" ✗ wire.authority: it holds a control character [Some("example.com")]
            "http://example.com/\u{a0}" ✗ wire.authority: it holds white space [Some("example.com")]
            "ht\ntp://example.com/" ✗ wire.authority: it holds a line break [Some("example.com")]
            "http://example.com:0/" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("example.com")]
            "http://example.com:65536/" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("example.com")]
            "http://example.com:/" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("example.com")]
            "http://example.com:080/" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("example.com")]
            "http://example.com:+80/" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("example.com")]
            "http://example.com:８０/" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("example.com")]
            "http://example.com:80:80/" ✗ wire.authority: it holds two colons and no brackets [None]
            "http://:80/" ✗ wire.authority: it names no host [None]
            "http://" ✗ wire.authority: it names no host [None]
            "http://?x" ✗ wire.authority: it names no host [None]
            "http://#x" ✗ wire.authority: it names no host [None]
            "http://../" ✗ wire.authority: `..` is not a valid host: it has an empty label [Some("..")]
            "http://*.example.com/" ✗ wire.authority: `*.example.com` is not a valid host: it holds characters that no host name holds [Some("*.example.com")]
            "http://a,b/" ✗ wire.authority: `a,b` is not a valid host: it holds characters that no host name holds [Some("a,b")]
            "http://[2606:4700::1111]x:80/" ✗ ssrf.address: `[2606:4700::1111]x:80` is not a valid host: its brackets do not match; and something stands between its bracket and its port [None]
            "http://[2606:4700::1111/" ✗ ssrf.address: `[2606:4700::1111` is not a valid host: its brackets do not match; and its bracket is not closed [None]
            "http://2606:4700::1111/" ✗ wire.authority: it holds two colons and no brackets [Some("[2606:4700::1111]")]
        "#]],
    );
}

#[test]
fn spelled_addresses_are_refused_with_their_meaning() {
    check(
        &[
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0177.1/",
            "http://0xa9fea9fe/latest/meta-data/",
            "http://１６９.254.169.254/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1%25eth0]/",
            "http://[fe80::1%eth0]/",
            "http://[64:ff9b::8.8.8.8]/",
            "http://[2002:7f00:1::]/",
            "http://[2606:4700::5efe:7f00:1]/",
            "http://100.100.100.200/",
            "http://168.63.129.16/",
            "http://0/",
            "http://::1/",
            "http://fe80::1%25eth0/",
            "http://1.2.3.4.5/",
            "http://user:secret@127.0.0.1/",
            "http://example.com@127.0.0.1:80/?token=secret",
            "http:\\\\127.0.0.1\\",
            "http:127.0.0.1",
            "http:////127.0.0.1/",
            "http://127.0.0.1:99999/",
            " http://127.0.0.1/",
            "http://127.0.\t0.1/",
            "http://localhost:8080/",
            "http://LOCALHOST./",
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://10.0.0.1.nip.io/",
            "http://app-7f000001.nip.io/",
        ],
        &expect![[r#"
            "http://127.0.0.1/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3) [Some("127.0.0.1")]
            "http://2130706433/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3) [Some("127.0.0.1")]
            "http://0177.1/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3) [Some("127.0.0.1")]
            "http://0xa9fea9fe/latest/meta-data/" ✗ ssrf.address: `169.254.169.254` is a cloud metadata or platform address: instance metadata of AWS, Azure, Google, Oracle, OpenStack, DigitalOcean, Hetzner (EC2 user guide, Azure IMDS, Compute Engine) [Some("169.254.169.254")]
            "http://１６９.254.169.254/" ✗ ssrf.address: `169.254.169.254` is a cloud metadata or platform address: instance metadata of AWS, Azure, Google, Oracle, OpenStack, DigitalOcean, Hetzner (EC2 user guide, Azure IMDS, Compute Engine) [Some("169.254.169.254")]
            "http://[::ffff:169.254.169.254]/" ✗ ssrf.address: `[::ffff:169.254.169.254]` is an IPv6 form that hides an IPv4 address: IPv4-mapped (RFC 4291 §2.5.5.2) [Some("[::ffff:169.254.169.254]")]
            "http://[fd00:ec2::254]/" ✗ ssrf.address: `[fd00:ec2::254]` is a cloud metadata or platform address: AWS instance services: metadata ::254, EKS ::23, resolver ::253, time ::123 (EC2 user guide) [Some("[fd00:ec2::254]")]
            "http://[fe80::1%25eth0]/" ✗ ssrf.address: `[fe80::1%25eth0]` is not a valid host: it carries a zone id or a percent-encoding inside an IPv6 address [Some("[fe80::1%25eth0]")]
            "http://[fe80::1%eth0]/" ✗ ssrf.address: `[fe80::1%eth0]` is not a valid host: it carries a zone id or a percent-encoding inside an IPv6 address [Some("[fe80::1%eth0]")]
            "http://[64:ff9b::8.8.8.8]/" ✗ ssrf.address: `[64:ff9b::808:808]` is an IPv6 form that hides an IPv4 address: NAT64 well-known prefix (RFC 6052) [Some("[64:ff9b::808:808]")]
            "http://[2002:7f00:1::]/" ✗ ssrf.address: `[2002:7f00:1::]` is an IPv6 form that hides an IPv4 address: 6to4 (RFC 3056) [Some("[2002:7f00:1::]")]
            "http://[2606:4700::5efe:7f00:1]/" ✗ ssrf.address: `[2606:4700::5efe:7f00:1]` is an IPv6 form that hides an IPv4 address: ISATAP (RFC 5214) [Some("[2606:4700::5efe:7f00:1]")]
            "http://100.100.100.200/" ✗ ssrf.address: `100.100.100.200` is a cloud metadata or platform address: Alibaba Cloud metadata (Alibaba ECS documentation) [Some("100.100.100.200")]
            "http://168.63.129.16/" ✗ ssrf.address: `168.63.129.16` is a cloud metadata or platform address: Azure platform (WireServer) (Azure virtual network documentation) [Some("168.63.129.16")]
            "http://0/" ✗ ssrf.address: `0.0.0.0` is an unspecified address: this host on this network (RFC 1122 §3.2.1.3) [Some("0.0.0.0")]
            "http://::1/" ✗ ssrf.address: `[::1]` is a loopback address: loopback (RFC 4291 §2.5.3); and it holds two colons and no brackets [Some("[::1]")]
            "http://fe80::1%25eth0/" ✗ ssrf.address: `fe80::1%25eth0` is not a valid host: it carries a zone id or a percent-encoding inside an IPv6 address; and it holds two colons and no brackets [None]
            "http://1.2.3.4.5/" ✗ ssrf.address: `1.2.3.4.5` is not a valid host: its last label is a number, and it is no IPv4 address [Some("1.2.3.4.5")]
            "http://user:secret@127.0.0.1/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it carries credentials [Some("127.0.0.1")]
            "http://example.com@127.0.0.1:80/?token=secret" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it carries credentials [Some("127.0.0.1")]
            "http:\\\\127.0.0.1\\" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it holds a back-slash [Some("127.0.0.1")]
            "http:127.0.0.1" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and its scheme is not followed by `//` [Some("127.0.0.1")]
            "http:////127.0.0.1/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it names no host [Some("127.0.0.1")]
            "http://127.0.0.1:99999/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and its port is not a number from 1 to 65535 [Some("127.0.0.1")]
            " http://127.0.0.1/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it holds a space [Some("127.0.0.1")]
            "http://127.0.\t0.1/" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it holds a tab [Some("127.0.0.1")]
            "http://localhost:8080/" ✗ ssrf.address: `localhost` is a name of this machine (RFC 6761) [Some("localhost")]
            "http://LOCALHOST./" ✗ ssrf.address: `localhost` is a name of this machine (RFC 6761) [Some("localhost")]
            "http://metadata.google.internal/computeMetadata/v1/" ✗ ssrf.address: `metadata.google.internal` is the metadata service of Google Cloud [Some("metadata.google.internal")]
            "http://10.0.0.1.nip.io/" ✗ ssrf.address: `10.0.0.1.nip.io` is a name that spells an address: `10.0.0.1`, a private address [Some("10.0.0.1.nip.io")]
            "http://app-7f000001.nip.io/" ✗ ssrf.address: `app-7f000001.nip.io` is a name that spells an address: `127.0.0.1`, a loopback address [Some("app-7f000001.nip.io")]
        "#]],
    );
}

#[test]
fn authorities_are_host_and_port() {
    check_authorities(
        &[
            "api.weather.example:443",
            "API.weather.example.:8443",
            "8.8.8.8:443",
            "[2606:4700::1111]:443",
            "api.weather.example",
            "api.weather.example:",
            "api.weather.example:0",
            "api.weather.example:70000",
            ":443",
            "",
            "https://api.weather.example:443",
            "api.weather.example:443/",
            "api.weather.example:443?x",
            "api.weather.example:443#x",
            "user:secret@api.weather.example:443",
            "api.weather.example:443@127.0.0.1:80",
            "api.weather.example:443 ",
            "api.weather.example\\:443",
            "api.weather.example\r\nx:443",
            "2606:4700::1111:443",
            "::1:443",
            "[::1]:443",
            "127.1:443",
            "127.1",
            "%31%32%37.1:443",
            "localhost:443",
            "0x7f.1:443",
            "[::ffff:10.0.0.1]:443",
            "[fe80::1%25eth0]:443",
        ],
        &expect![[r#"
            "api.weather.example:443" → api.weather.example:443
            "API.weather.example.:8443" → api.weather.example:8443
            "8.8.8.8:443" → 8.8.8.8:443
            "[2606:4700::1111]:443" → [2606:4700::1111]:443
            "api.weather.example" ✗ wire.authority: it names no port [Some("api.weather.example")]
            "api.weather.example:" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("api.weather.example")]
            "api.weather.example:0" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("api.weather.example")]
            "api.weather.example:70000" ✗ wire.authority: its port is not a number from 1 to 65535 [Some("api.weather.example")]
            ":443" ✗ wire.authority: it names no host [None]
            "" ✗ wire.authority: it names no port [None]
            "https://api.weather.example:443" ✗ wire.authority: an authority is `host:port` and no more [Some("api.weather.example")]
            "api.weather.example:443/" ✗ wire.authority: an authority is `host:port` and no more [Some("api.weather.example")]
            "api.weather.example:443?x" ✗ wire.authority: an authority is `host:port` and no more [Some("api.weather.example")]
            "api.weather.example:443#x" ✗ wire.authority: an authority is `host:port` and no more [Some("api.weather.example")]
            "user:secret@api.weather.example:443" ✗ wire.authority: it carries credentials [Some("api.weather.example")]
            "api.weather.example:443@127.0.0.1:80" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it carries credentials [Some("127.0.0.1")]
            "api.weather.example:443 " ✗ wire.authority: it holds a space [Some("api.weather.example")]
            "api.weather.example\\:443" ✗ wire.authority: it holds a back-slash [Some("api.weather.example")]
            "api.weather.example\r\nx:443" ✗ wire.authority: it holds a line break [Some("api.weather.examplex")]
            "2606:4700::1111:443" ✗ wire.authority: it holds two colons and no brackets [Some("[2606:4700::1111:443]")]
            "::1:443" ✗ ssrf.address: `[::1:443]` is an IPv6 form that hides an IPv4 address: IPv4-compatible (deprecated) (RFC 4291 §2.5.5.1); and it holds two colons and no brackets [Some("[::1:443]")]
            "[::1]:443" ✗ ssrf.address: `[::1]` is a loopback address: loopback (RFC 4291 §2.5.3) [Some("[::1]")]
            "127.1:443" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3) [Some("127.0.0.1")]
            "127.1" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3); and it names no port [Some("127.0.0.1")]
            "%31%32%37.1:443" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3) [Some("127.0.0.1")]
            "localhost:443" ✗ ssrf.address: `localhost` is a name of this machine (RFC 6761) [Some("localhost")]
            "0x7f.1:443" ✗ ssrf.address: `127.0.0.1` is a loopback address: loopback (RFC 1122 §3.2.1.3) [Some("127.0.0.1")]
            "[::ffff:10.0.0.1]:443" ✗ ssrf.address: `[::ffff:10.0.0.1]` is an IPv6 form that hides an IPv4 address: IPv4-mapped (RFC 4291 §2.5.5.2) [Some("[::ffff:10.0.0.1]")]
            "[fe80::1%25eth0]:443" ✗ ssrf.address: `[fe80::1%25eth0]` is not a valid host: it carries a zone id or a percent-encoding inside an IPv6 address [Some("[fe80::1%25eth0]")]
        "#]],
    );
}

#[test]
fn refusals_never_show_userinfo_or_query() {
    for text in [
        "http://hunter2:sekrit@example.com/?q=sekrit",
        "http://hunter2:sekrit@127.0.0.1/?q=sekrit",
        "http://hunter2:sekrit@exa mple.com/?q=sekrit",
        "http://hunter2:sekrit@[::1/?q=sekrit",
        "http://hunter2:sekrit@:80/?q=sekrit",
        "http://hunter2:sekrit@/?q=sekrit",
        "http:\\\\hunter2:sekrit@127.0.0.1\\?q=sekrit",
        "http:hunter2:sekrit@example.com?q=sekrit",
        "hunter2:sekrit@example.com?q=sekrit",
        "hunter2:sekrit@127.0.0.1/?q=sekrit",
        "hunter2://sekrit@127.0.0.1/?q=sekrit",
        "ftp://hunter2:sekrit@127.0.0.1/?q=sekrit",
        "ftp://hunter2:se/krit@127.0.0.1/?q=sekrit",
        "http://hunter2:se/krit@127.0.0.1/?q=sekrit",
        "http://example.com:99999/?q=sekrit",
        "http://exa mple.com/?q=sekrit#sekrit",
        "http://example.com:hunter2/?q=sekrit",
        "http://hunter2:80:sekrit@example.com/",
        "http://hunter2@sekrit@example.com/",
        "http://hunter2!/sekrit@example.com/",
        "http://hunter2!:80/sekrit@example.com/",
    ] {
        for refusal in [
            parse_url(text).unwrap_err(),
            parse_authority(text, Protocol::Https).unwrap_err(),
            parse_authority(text.trim_start_matches("http://"), Protocol::Http).unwrap_err(),
        ] {
            let shown = format!("{refusal:?} {refusal}");
            assert!(!shown.contains("sekrit") && !shown.contains("hunter2"), "{text}: {shown}");
            assert!(refusal.reason.chars().next().is_some_and(|c| !c.is_uppercase()), "{shown}");
            assert!(!refusal.reason.ends_with('.'), "{shown}");
        }
    }
}

#[test]
fn a_text_past_the_limit_is_refused_unread() {
    let text = format!("https://example.com/{}", "a".repeat(70_000));
    assert_eq!(parse_url(&text).unwrap_err().control.as_str(), "limit");
    assert_eq!(parse_authority(&text, Protocol::Http).unwrap_err().control.as_str(), "limit");
}

#[test]
fn paths_that_servers_read_differently_are_named() {
    for plain in ["/", "/points/1,2", "/a/b.c/..d", "/%c3%bc", "/a;b=1/c", "/...", "/a/"] {
        assert_eq!(path_ambiguity(plain), None, "{plain}");
    }
    for odd in [
        "",
        "a",
        "//",
        "/a//b",
        "/.",
        "/..",
        "/a/../b",
        "/a/./b",
        "/a/..",
        "/%2e%2E/b",
        "/.%2e/b",
        "/a%2fb",
        "/a%5Cb",
        "/a\\b",
        "/%252e%252e/b",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%00",
        "/..;/b",
        "/..;x=1/b",
        "/..%3b/b",
        "/a b",
        "/a?b",
        "/a#b",
        "/ü",
        "/a\u{7f}",
    ] {
        assert!(path_ambiguity(odd).is_some(), "{odd}");
    }
}
