//! Bad policy: each fault its own clear diagnostic, all of a file at once.

use crate::desk::{apply, document};
use backstop_policy::{Level, Library};
use expect_test::{Expect, expect};

/// All diagnostics of a text but the notes.
fn check(text: &str, expected: Expect) {
    let shown: Vec<_> = apply(text)
        .diagnostics
        .iter()
        .filter(|d| d.level != Level::Note)
        .map(ToString::to_string)
        .collect();
    expected.assert_eq(&shown.join("\n"));
}

fn tenant(spec: &str, expected: Expect) {
    check(&document("Tenant", "t", spec), expected);
}

fn row(row: &str, expected: Expect) {
    tenant(&format!("  egress:\n  - {row}"), expected);
}

fn skill(spec: &str, expected: Expect) {
    check(&document("Skill", "s-1.0.0", &format!("  name: s\n  version: 1.0.0\n{spec}")), expected);
}

fn requirement(row: &str, expected: Expect) {
    skill(&format!("  egressRequirements:\n  - {row}"), expected);
}

#[test]
fn nothing_wrong() {
    row(
        "{ host: a.example.com, ports: [443, 8443], idle: 15m, ech: refuse, inspect: tunnel }",
        expect![[""]],
    );
}

#[test]
fn unknown_key() {
    row(
        "{ host: a.example.com, port: [443] }",
        expect![[r#"
        p.yaml:7:28: error: unknown key `port` in `Tenant.spec.egress[]` [policy.unknown_key]
          hint: did you mean `ports`?"#]],
    );
    row(
        "{ host: a.example.com, knownNoise: true }",
        expect![[r#"
        p.yaml:7:28: error: unknown key `knownNoise` in `Tenant.spec.egress[]` [policy.unknown_key]
          hint: known keys: host, ports, protocol, methods, paths, recipient, dlp, allowPrivate, inspect, ech, idle, dns, owner, reason, reviewBy, credential"#]],
    );
    tenant(
        "  sandbox: {}",
        expect![[r#"
            p.yaml:6:3: error: unknown key `sandbox` in `Tenant.spec` [policy.unknown_key]
              hint: known keys: classification, maxClassificationLevel, rollout, skills, egress, dlp, dns, tests"#]],
    );
}

#[test]
fn every_fault_of_a_file_at_once() {
    check(
        "apiVersion: backstop.dev/v1\nkind: Tenant\nmetadata: { name: T }\nspec:\n  egres: []\n  egress:\n  - { host: \"*.com\" }\n  - { host: a.example, ports: [0] }\n  - { owner: me }\n---\napiVersion: backstop.dev/v1alpha1\nkind: Skil\n---\nkind: Role\n",
        expect![[r#"
            p.yaml:1:13: error: `backstop.dev/v1` is not an apiVersion that this build reads [policy.api_version]
              hint: write `apiVersion: backstop.dev/v1alpha1`
            p.yaml:3:19: error: `T` is not a valid tenant name [policy.name]
              hint: use lower-case letters, digits and hyphens only (RFC 1123 label)
            p.yaml:5:3: error: unknown key `egres` in `Tenant.spec` [policy.unknown_key]
              hint: did you mean `egress`?
            p.yaml:7:13: error: `*.com` would cover names of anyone: `com` is a public suffix or holds them [policy.public_suffix]
              hint: anybody can register a name there (publicsuffix.org); name the one that is yours
            p.yaml:8:32: error: `0` is not a port [policy.port]
              hint: ports are 1 to 65535
            p.yaml:9:5: error: `host` is missing in `Tenant.spec.egress[]` [policy.missing_key]
              hint: add `host: …` (a host name, `*.name` (any depth below the name, not the name itself, never across a public suffix) or a public IP address written out)
            p.yaml:12:7: error: `Skil` is not a kind of policy document [policy.kind]
              hint: did you mean `Skill`?
            p.yaml:14:1: error: `apiVersion` is missing in `Role` [policy.missing_key]
              hint: add `apiVersion: …` (the version of this form)
            p.yaml:14:1: error: `metadata` is missing in `Role` [policy.missing_key]
              hint: add `metadata: …` (how it is called)
            p.yaml:14:1: error: `spec` is missing in `Role` [policy.missing_key]
              hint: add `spec: …` (what it says)"#]],
    );
}

#[test]
fn yaml_that_is_not_yaml() {
    check(
        "a: [b\n",
        expect![[r#"
        p.yaml:2:1: error: not valid YAML: while parsing a flow sequence, expected ',' or ']' [policy.syntax]
          hint: nothing of this file is used until it is valid YAML 1.2"#]],
    );
    check(
        "a: b\n  c: d\n",
        expect![[r#"
        p.yaml:2:4: error: not valid YAML: mapping values are not allowed in this context [policy.syntax]
          hint: nothing of this file is used until it is valid YAML 1.2"#]],
    );
    check(
        "a: \"b\n",
        expect![[r#"
        p.yaml:1:4: error: not valid YAML: while scanning a quoted scalar, found unexpected end of stream [policy.syntax]
          hint: nothing of this file is used until it is valid YAML 1.2"#]],
    );
    check(
        "\t- x",
        expect![[r#"
        p.yaml:1:2: error: a policy document is a mapping, not a list [policy.type]
          hint: begin with `apiVersion: backstop.dev/v1alpha1`"#]],
    );
}

#[test]
fn not_a_policy_document() {
    check(
        "- a\n",
        expect![[r#"
        p.yaml:1:1: error: a policy document is a mapping, not a list [policy.type]
          hint: begin with `apiVersion: backstop.dev/v1alpha1`"#]],
    );
    check(
        "just text\n",
        expect![[r#"
        p.yaml:1:1: error: a policy document is a mapping, not text [policy.type]
          hint: begin with `apiVersion: backstop.dev/v1alpha1`"#]],
    );
    check("", expect![[""]]);
    check("# only a comment\n---\n", expect![[""]]);
}

#[test]
fn a_key_twice_in_one_mapping() {
    row(
        "{ host: a.example.com, host: b.example.com }",
        expect![[r#"
        p.yaml:7:28: error: `host` stands twice in the same mapping [policy.duplicate_key]
          hint: keep one of them"#]],
    );
}

#[test]
fn a_document_twice() {
    check(
        &(document("Role", "r", "  skills: []") + &document("Role", "r", "  skills: []")),
        expect![[r#"
            p.yaml:10:19: error: `Role/r` stands twice [policy.duplicate_document]
              hint: the one in p.yaml:4 is used; take one of them out"#]],
    );
}

#[test]
fn wrong_types() {
    row(
        "a.example.com",
        expect![[r#"
            p.yaml:7:5: error: `egress[]` takes a mapping, not text [policy.type]
              hint: docs/reference/policy.md shows the form"#]],
    );
    row(
        "{ host: [a.example.com], ports: 443 }",
        expect![[r#"
            p.yaml:7:13: error: `host` takes one value: host, not a list [policy.type]
              hint: docs/reference/policy.md shows the form
            p.yaml:7:37: error: `ports` takes a list, not text [policy.type]
              hint: docs/reference/policy.md shows the form"#]],
    );
    tenant(
        "  egress:",
        expect![[r#"
            p.yaml:6:3: error: `egress` takes a list and has no value [policy.type]
              hint: leave the key out to get its default"#]],
    );
    tenant(
        "  egress: { host: x }",
        expect![[r#"
        p.yaml:6:11: error: `egress` takes a list, not a mapping [policy.type]
          hint: docs/reference/policy.md shows the form"#]],
    );
    check(
        "apiVersion: backstop.dev/v1alpha1\nkind: Role\nmetadata:\nspec: {}\n",
        expect![[r#"
            p.yaml:3:1: error: `metadata` takes a mapping and has no value [policy.type]
              hint: leave the key out to get its default"#]],
    );
}

#[test]
fn anchors_aliases_merge_keys_and_tags() {
    check(
        "apiVersion: backstop.dev/v1alpha1\nkind: Role\nmetadata: &m { name: r }\nspec:\n  <<: *m\n  skills: !!seq []\n",
        expect![[r#"
            p.yaml:3:11: error: anchors are not supported [policy.alias]
              hint: write the value out where it is needed
            p.yaml:5:3: error: unknown key `<<` in `Role.spec` [policy.unknown_key]
              hint: merge keys are not supported: write the keys out
            p.yaml:5:7: error: aliases are not supported [policy.alias]
              hint: write the value out
            p.yaml:6:11: error: tags are not supported [policy.tag]
              hint: quote the value if it must be text"#]],
    );
    check(
        "? [a, b]\n: c\nkind: Role\n",
        expect![[r#"
        p.yaml:1:1: error: `apiVersion` is missing in `Role` [policy.missing_key]
          hint: add `apiVersion: …` (the version of this form)
        p.yaml:1:1: error: `metadata` is missing in `Role` [policy.missing_key]
          hint: add `metadata: …` (how it is called)
        p.yaml:1:1: error: `spec` is missing in `Role` [policy.missing_key]
          hint: add `spec: …` (what it says)
        p.yaml:1:3: error: a key must be text [policy.type]
          hint: write `key: value`"#]],
    );
}

#[test]
fn a_bomb_of_aliases_is_refused_cheaply() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for pair in ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"] {
        let (from, to) = pair.split_at(1);
        text += &format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 9].join(", "));
    }
    let applied = apply(&text);
    assert!(applied.diagnostics.iter().any(|d| d.code == "policy.alias"));
}

#[test]
fn nesting_has_an_end() {
    let deep = |n: usize| format!("{}x{}", "[".repeat(n), "]".repeat(n));
    let codes = |text: &str| apply(text).diagnostics.iter().map(|d| d.code).collect::<Vec<_>>();
    assert_eq!(codes(&deep(32)), ["policy.type"]);
    assert_eq!(codes(&deep(33)), ["policy.too_deep"]);
    // The YAML scanner has a limit of its own, which comes first here.
    assert_eq!(codes(&deep(100_000)), ["policy.syntax"]);
}

#[test]
fn a_file_has_at_most_a_mebibyte() {
    let role = document("Role", "r", "  skills: []");
    let mut text = role + "#";
    text += &" ".repeat((1 << 20) - text.len());
    assert_eq!(text.len(), 1 << 20);
    assert!(apply(&text).diagnostics.is_empty());
    text.push(' ');
    check(
        &text,
        expect![[r#"
        p.yaml:1:1: error: the file has 1048577 bytes, the limit is 1048576 [policy.too_large]
          hint: split it into several files"#]],
    );
}

#[test]
fn many_faults_are_cut() {
    let text = document("Tenant", "t", &"  - x\n".repeat(0))
        + &(0..3_000).map(|i| format!("k{i}: 1\n")).collect::<String>();
    let applied = apply(&text);
    assert_eq!(applied.diagnostics.len(), 1_001);
    assert!(applied.diagnostics.iter().any(|d| d.code == "policy.many_faults"));
    assert_eq!(applied.policy.tenants().count(), 0);
}

#[test]
fn places_are_exact_in_any_script() {
    let text = document("Tenant", "t", "  egress:\n  - { reason: \"für später ✓\", hosst: a }");
    let applied = apply(&text);
    for fault in &applied.diagnostics {
        let covered = &text[fault.offset..fault.offset + fault.length];
        match fault.code {
            "policy.unknown_key" => assert_eq!(covered, "hosst"),
            "policy.missing_key" => assert!(covered.starts_with("{ reason"), "{covered}"),
            other => panic!("{other}"),
        }
        let line = text.lines().nth(fault.line - 1).unwrap();
        let from: String = line.chars().skip(fault.column - 1).collect();
        assert!(from.starts_with(covered.lines().next().unwrap()), "{fault}");
    }
    assert_eq!(applied.diagnostics.len(), 2);
}

#[test]
fn names_that_yaml_11_would_eat() {
    let text = document(
        "Tenant",
        "no",
        "  skills: [{ name: s, version: 1.10 }, { name: s, version: 1.1 }, { name: yes, version: 010 }]\n  egress:\n  - { host: NO, owner: NO, reason: ~x }",
    );
    check(
        &text,
        expect![[r#"
        p.yaml:6:20: warning: no Skill document is called `s` version `1.10` [policy.reference]
          hint: until one is loaded, `egress.skill` denies it
        p.yaml:6:48: warning: no Skill document is called `s` version `1.1` [policy.reference]
          hint: until one is loaded, `egress.skill` denies it
        p.yaml:6:75: warning: no Skill document is called `yes` version `010` [policy.reference]
          hint: until one is loaded, `egress.skill` denies it"#]],
    );
    let long = document("Skill", "s-1.10", "  name: s\n  version: 1.10");
    let applied = apply(&long);
    let skills: Vec<_> = applied.policy.skills().map(ToString::to_string).collect();
    assert_eq!(skills, ["s@1.10"]);
}

#[test]
fn wildcards() {
    requirement(
        "\"*.example.com\"",
        expect![[r#"
        p.yaml:9:5: error: a skill may not use the wildcard `*.example.com` [policy.wildcard]
          hint: name each host that the skill needs; only a tenant may use `*.name`"#]],
    );
    requirement(
        "{ host: \"*.example.com\" }",
        expect![[r#"
        p.yaml:9:13: error: a skill may not use the wildcard `*.example.com` [policy.wildcard]
          hint: name each host that the skill needs; only a tenant may use `*.name`"#]],
    );
    requirement(
        "\"*\"",
        expect![[r#"
        p.yaml:9:5: error: `*` is not a host: `*` stands only as the whole first label [policy.wildcard]
          hint: write `*.name` in a tenant, and exact names in a skill"#]],
    );
    row(
        "{ host: \"*\" }",
        expect![[r#"
        p.yaml:7:13: error: `*` is not a host: `*` stands only as the whole first label [policy.wildcard]
          hint: write `*.name` in a tenant, and exact names in a skill"#]],
    );
    row(
        "{ host: \"a.*.example.com\" }",
        expect![[r#"
        p.yaml:7:13: error: `a.*.example.com` is not a host: `*` stands only as the whole first label [policy.wildcard]
          hint: write `*.name` in a tenant, and exact names in a skill"#]],
    );
    row(
        "{ host: \"*.*.example.com\" }",
        expect![[r#"
        p.yaml:7:13: error: `*.*.example.com` is not a host: `*` stands only as the whole first label [policy.wildcard]
          hint: write `*.name` in a tenant, and exact names in a skill"#]],
    );
    row(
        "{ host: \"*example.com\" }",
        expect![[r#"
        p.yaml:7:13: error: `*example.com` is not a host: `*` stands only as the whole first label [policy.wildcard]
          hint: write `*.name` in a tenant, and exact names in a skill"#]],
    );
    row(
        "{ host: \"*.10.1.2.3\" }",
        expect![[r#"
        p.yaml:7:13: error: `*.10.1.2.3` puts a wildcard over an IP address [policy.wildcard]
          hint: an address has no names below it"#]],
    );
}

#[test]
fn public_suffixes() {
    for suffix in [
        "co.uk",
        "com",
        "github.io",
        "s3.eu-west-1.amazonaws.com",
        "internal",
        "CO.UK",
        "ck",
        "foo.ck",
        "xn--p1ai",
        "рф",
        "com.",
    ] {
        let applied =
            apply(&document("Tenant", "t", &format!("  egress:\n  - {{ host: \"*.{suffix}\" }}")));
        assert!(applied.diagnostics.iter().any(|d| d.code == "policy.public_suffix"), "*.{suffix}");
        assert_eq!(applied.policy.tenants().count(), 0);
    }
    for fine in
        ["example.co.uk", "acme.github.io", "acme.s3.eu-west-1.amazonaws.com", "tiles.example.net"]
    {
        let applied =
            apply(&document("Tenant", "t", &format!("  egress:\n  - {{ host: \"*.{fine}\" }}")));
        assert!(applied.diagnostics.iter().all(|d| d.level == Level::Note), "*.{fine}");
    }
    row(
        "{ host: \"*.co.uk\" }",
        expect![[r#"
            p.yaml:7:13: error: `*.co.uk` would cover names of anyone: `co.uk` is a public suffix or holds them [policy.public_suffix]
              hint: anybody can register a name there (publicsuffix.org); name the one that is yours"#]],
    );
}

#[test]
fn ports() {
    row(
        "{ host: a.example.com, ports: [0] }",
        expect![[r#"
        p.yaml:7:36: error: `0` is not a port [policy.port]
          hint: ports are 1 to 65535"#]],
    );
    row(
        "{ host: a.example.com, ports: [65536, -1, +1, 0443, 4 43] }",
        expect![[r#"
        p.yaml:7:36: error: `65536` is not a port [policy.port]
          hint: ports are 1 to 65535
        p.yaml:7:43: error: `-1` is not a port [policy.port]
          hint: ports are 1 to 65535
        p.yaml:7:47: error: `+1` is not a port [policy.port]
          hint: ports are 1 to 65535
        p.yaml:7:51: error: `0443` is not a port [policy.port]
          hint: ports are 1 to 65535
        p.yaml:7:57: error: `4 43` is not a port [policy.port]
          hint: ports are 1 to 65535"#]],
    );
    row(
        "{ host: a.example.com, ports: [] }",
        expect![[r#"
            p.yaml:7:35: error: `ports` is empty: the row could never match [policy.value]
              hint: leave `ports` out to get its default"#]],
    );
    row(
        "{ host: a.example.com, ports: [443, 443] }",
        expect![[r#"
        p.yaml:7:41: error: port `443` stands twice [policy.port]
          hint: keep one of them"#]],
    );
    row(
        "{ host: a.example.com, ports: [https] }",
        expect![[r#"
        p.yaml:7:36: error: `https` is not a port [policy.port]
          hint: ports are 1 to 65535"#]],
    );
}

#[test]
fn hosts() {
    row(
        "{ host: \"https://a.example.com/\" }",
        expect![[r#"
        p.yaml:7:13: error: `https://a.example.com/` is not a host [policy.host]
          hint: write the host alone, without scheme and path; ports stand in `ports`"#]],
    );
    row(
        "{ host: \"a.example.com:443\" }",
        expect![[r#"
        p.yaml:7:13: error: `a.example.com:443` is not a host: it holds a colon [policy.host]
          hint: write a host name alone; ports stand in `ports`"#]],
    );
    row(
        "{ host: \"a..example.com\" }",
        expect![[r#"
        p.yaml:7:13: error: `a..example.com` is not a host: it has an empty label [policy.host]
          hint: write a host name alone; ports stand in `ports`"#]],
    );
    row(
        "{ host: \"\" }",
        expect![[r#"
        p.yaml:7:13: error: `` is not a host: it is empty [policy.host]
          hint: write a host name alone; ports stand in `ports`"#]],
    );
    row(
        "{ host: localhost }",
        expect![[r#"
        p.yaml:7:13: error: `localhost` can never be reached: it is a name of this machine (RFC 6761) [policy.host]
          hint: such names are refused before any look-up; take the row out"#]],
    );
    row(
        "{ host: metadata.google.internal }",
        expect![[r#"
        p.yaml:7:13: error: `metadata.google.internal` can never be reached: it is the metadata service of Google Cloud [policy.host]
          hint: such names are refused before any look-up; take the row out"#]],
    );
    row(
        "{ host: \"*.localhost\" }",
        expect![[r#"
        p.yaml:7:13: error: `*.localhost` can never be reached: it is a name of this machine (RFC 6761) [policy.host]
          hint: such names are refused before any look-up; take the row out"#]],
    );
    row(
        "{ host: 10-0-0-1.nip.io }",
        expect![[r#"
        p.yaml:7:13: error: `10-0-0-1.nip.io` can never be reached: it is a name that spells an address [policy.host]
          hint: such names are refused before any look-up; take the row out"#]],
    );
}

#[test]
fn addresses_as_hosts() {
    row("{ host: 93.184.216.34 }", expect![[""]]);
    row("{ host: \"[2606:2800:220:1:248:1893:25c8:1946]\" }", expect![[""]]);
    row("{ host: \"2606:2800:220:1:248:1893:25c8:1946\" }", expect![[""]]);
    row(
        "{ host: 0x5db8d822 }",
        expect![[r#"
        p.yaml:7:13: error: `0x5db8d822` spells an IP address in disguise [policy.host]
          hint: write `93.184.216.34` if that address is meant"#]],
    );
    row(
        "{ host: 1572395042 }",
        expect![[r#"
        p.yaml:7:13: error: `1572395042` spells an IP address in disguise [policy.host]
          hint: write `93.184.216.34` if that address is meant"#]],
    );
    row(
        "{ host: 10.1.2.3 }",
        expect![[r#"
            p.yaml:7:13: error: `10.1.2.3` can never be reached: it is a private address [policy.address]
              hint: give it a name, and open the network for that name with a tenant's `allowPrivate`"#]],
    );
    row(
        "{ host: 10.1.2.3, allowPrivate: [10.1.2.0/24] }",
        expect![[r#"
            p.yaml:7:13: error: `10.1.2.3` can never be reached: it is a private address [policy.address]
              hint: give it a name, and open the network for that name with a tenant's `allowPrivate`"#]],
    );
    row(
        "{ host: 169.254.169.254, allowPrivate: [10.0.0.0/8] }",
        expect![[r#"
            p.yaml:7:13: error: `169.254.169.254` can never be reached: it is a cloud metadata or platform address [policy.address]
              hint: no exception opens such addresses; take it out"#]],
    );
    requirement(
        "127.0.0.1",
        expect![[r#"
            p.yaml:9:5: error: `127.0.0.1` can never be reached: it is a loopback address [policy.address]
              hint: no exception opens such addresses; take it out"#]],
    );
    requirement(
        "10.1.2.3",
        expect![[r#"
        p.yaml:9:5: error: `10.1.2.3` can never be reached: it is a private address [policy.address]
          hint: give it a name, and open the network for that name with a tenant's `allowPrivate`"#]],
    );
}

#[test]
fn duplicate_rows() {
    tenant(
        "  egress:\n  - { host: a.example.com }\n  - { host: A.example.com., ports: [8443, 443] }\n  - { host: a.example.com, protocol: HTTP, ports: [443] }",
        expect![[r#"
            p.yaml:8:13: error: `a.example.com` port 443 stands in two rows [policy.duplicate_row]
              hint: the other is on line 7; make them one row"#]],
    );
    skill(
        "  egressRequirements:\n  - a.example.com\n  - { host: a.example.com, methods: [GET] }\n  - a.example.com",
        expect![[r#"
            p.yaml:11:5: error: `a.example.com` port 443 is required twice in the same words [policy.duplicate_row]
              hint: the other is on line 9; keep one of them"#]],
    );
    tenant(
        "  skills:\n  - { name: s, version: 1.0.0 }\n  - { name: s, version: 1.0.0 }",
        expect![[r#"
            p.yaml:8:13: error: the skill `s` version `1.0.0` stands twice [policy.duplicate_row]
              hint: keep one of them"#]],
    );
}

#[test]
fn allow_private() {
    row(
        "{ host: a.example.com, allowPrivate: [10.1.2.0/24, fd12:3456::/32] }",
        expect![[r#"
        p.yaml:7:13: warning: `a.example.com` may resolve to private addresses: 10.1.2.0/24, fd12:3456::/32 [policy.allow_private]
          hint: an exception to the SSRF guard, reported by every check"#]],
    );
    for bad in [
        "127.0.0.0/8",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "::1/128",
        "fe80::/10",
        "10.1.2.3/24",
        "10.0.0.0",
        "0.0.0.0/0",
        "::/0",
        "8.8.8.0/24",
        "fd00:ec2::254/128",
        "10.0.0.0/7",
        "100.100.100.200/32",
        "224.0.0.0/4",
    ] {
        let text = document(
            "Tenant",
            "t",
            &format!("  egress:\n  - {{ host: a.example.com, allowPrivate: [\"{bad}\"] }}"),
        );
        let applied = apply(&text);
        assert!(
            applied
                .diagnostics
                .iter()
                .any(|d| d.code == "policy.allow_private" && d.level == Level::Error),
            "{bad}"
        );
        assert_eq!(applied.policy.tenants().count(), 0);
    }
    row(
        "{ host: a.example.com, allowPrivate: [127.0.0.0/8, 10.1.2.3/24, 8.8.8.0/24] }",
        expect![[r#"
            p.yaml:7:43: error: `allowPrivate: 127.0.0.0/8` can have no effect as it stands: no exception opens a loopback address [policy.allow_private]
              hint: name the private network itself, as narrow as it is; loopback, link-local and metadata never open
            p.yaml:7:56: error: `allowPrivate` cannot use this: `10.1.2.3/24` has host bits set (did you mean `10.1.2.0/24`?) [policy.allow_private]
              hint: write `10.1.2.0/24`
            p.yaml:7:69: error: `allowPrivate: 8.8.8.0/24` can have no effect as it stands: it covers public addresses alone, which need no exception [policy.allow_private]
              hint: name the private network itself, as narrow as it is; loopback, link-local and metadata never open"#]],
    );
}

#[test]
fn words() {
    row(
        "{ host: a.example.com, protocol: https, ech: maybe, inspect: full, idle: 15 }",
        expect![[r#"
            p.yaml:7:38: error: `protocol` does not know `https` [policy.value]
              hint: write `HTTPS` or `HTTP`
            p.yaml:7:50: error: `ech` does not know `maybe` [policy.value]
              hint: write `allow` or `refuse`
            p.yaml:7:66: error: `inspect` does not know `full` [policy.value]
              hint: write `tunnel`
            p.yaml:7:78: error: `15` is not a duration between 1s and 24h [policy.duration]
              hint: write `90s`, `15m` or `2h`"#]],
    );
    row(
        "{ host: a.example.com, idle: 25h, methods: [get, CONNECT], paths: [a, /a*, /a/../b] }",
        expect![[r#"
            p.yaml:7:34: error: `25h` is not a duration between 1s and 24h [policy.duration]
              hint: write `90s`, `15m` or `2h`
            p.yaml:7:49: error: `get` is not an HTTP method for a row [policy.method]
              hint: methods are upper-case words such as GET; a tunnel needs no method
            p.yaml:7:54: error: `CONNECT` is not an HTTP method for a row [policy.method]
              hint: methods are upper-case words such as GET; a tunnel needs no method
            p.yaml:7:72: error: `a` is not a path pattern: it must start with `/` and hold no `//`, `..`, `;`, `\` or odd encoding [policy.path]
              hint: write `/exact/path`, `/one/*/segment` or `/all/below/**`
            p.yaml:7:75: error: `/a*` is not a path pattern: `*` stands for one whole segment [policy.path]
              hint: write `/exact/path`, `/one/*/segment` or `/all/below/**`
            p.yaml:7:80: error: `/a/../b` is not a path pattern: it must start with `/` and hold no `//`, `..`, `;`, `\` or odd encoding [policy.path]
              hint: write `/exact/path`, `/one/*/segment` or `/all/below/**`"#]],
    );
    row(
        "{ host: a.example.com, methods: [], paths: [] }",
        expect![[r#"
            p.yaml:7:37: error: `methods` is empty: the row could never match [policy.value]
              hint: leave `methods` out to get its default
            p.yaml:7:48: error: `paths` is empty: the row could never match [policy.value]
              hint: leave `paths` out to get its default"#]],
    );
    skill(
        "  networkEgress: allow",
        expect![[r#"
        p.yaml:8:18: error: `networkEgress` does not know `allow` [policy.value]
          hint: write `deny`"#]],
    );
}

#[test]
fn what_cannot_be_enforced_yet() {
    check(
        &document("Role", "r", "  skills: [s]\n  volume: { mode: enforce }"),
        expect![[r#"
        p.yaml:7:19: error: this build cannot enforce `mode: enforce` yet: it has no baseline [policy.cannot_enforce]
          hint: write `mode: learn`"#]],
    );
    check(
        &document("Role", "r", "  volume: { mode: lern }"),
        expect![[r#"
        p.yaml:6:19: error: `mode` does not know `lern` [policy.value]
          hint: write `learn`"#]],
    );
    skill(
        "  tests:\n  - { call: x, arguments: { a: b }, expect: deny }",
        expect![[r#"
        p.yaml:9:7: error: this build cannot enforce `call` yet [policy.cannot_enforce]
          hint: this build judges no tool calls: test connections with `connect`
        p.yaml:9:16: error: this build cannot enforce `arguments` yet [policy.cannot_enforce]
          hint: this build judges no tool calls: test connections with `connect`"#]],
    );
}

#[test]
fn rules_that_a_tunnel_hides() {
    row(
        "{ host: a.example.com, methods: [GET], paths: [/a/*] }",
        expect![[r#"
        p.yaml:7:13: warning: `a.example.com` has `methods` and `paths`, which cannot be read in a tunnel: tunnels to it are denied [policy.uninspected]
          hint: `egress.uninspected` denies until the traffic is inspected"#]],
    );
    row("{ host: a.example.com, protocol: HTTP, methods: [GET] }", expect![[""]]);
}

#[test]
fn rules_that_a_wildcard_undoes() {
    tenant(
        "  egress:\n  - { host: \"*.example.com\" }\n  - { host: a.example.com, methods: [GET] }",
        expect![[r#"
            p.yaml:8:13: warning: `a.example.com` has `methods`, which cannot be read in a tunnel: tunnels to it are denied [policy.uninspected]
              hint: `egress.uninspected` denies until the traffic is inspected
            p.yaml:8:13: warning: the rules of `a.example.com` narrow nothing: `*.example.com` (line 7) admits the same host without them [policy.shadowed]
              hint: rows only add; take the host out of the wildcard's reach or drop the rules"#]],
    );
}

#[test]
fn review() {
    row(
        "{ host: a.example.com, owner: team-a, reviewBy: \"2026-11-21\" }",
        expect![[r#"
        p.yaml:7:53: warning: the review of `a.example.com` was due by `2026-11-21`; its owner is `team-a` [policy.review_by]
          hint: look whether it is still needed, then move `reviewBy` on or take the row out"#]],
    );
    row("{ host: a.example.com, reviewBy: 2026-11-22 }", expect![[""]]);
    row(
        "{ host: a.example.com, reviewBy: soon }",
        expect![[r#"
        p.yaml:7:38: error: `soon` is not a day [policy.value]
          hint: write `YYYY-MM-DD`"#]],
    );
    let text =
        document("Tenant", "t", "  egress:\n  - { host: a.example.com, reviewBy: 2020-01-01 }");
    assert_eq!(apply(&text).policy.tenants().count(), 1);
}

#[test]
fn rollout() {
    tenant("  rollout: { mode: observe, until: 2026-12-22 }", expect![[""]]);
    tenant(
        "  rollout: { mode: observe, until: 2026-12-23 }",
        expect![[r#"
        p.yaml:6:36: error: observing until `2026-12-23` is more than 30 days ahead [policy.rollout]
          hint: the latest day is 2026-12-22"#]],
    );
    tenant(
        "  rollout: { mode: observe }",
        expect![[r#"
        p.yaml:6:12: error: `mode: observe` needs a day on which it ends [policy.rollout]
          hint: add `until: "2026-12-22"`"#]],
    );
    tenant(
        "  rollout: { mode: observe, until: 2026-11-22 }",
        expect![[r#"
        p.yaml:6:36: warning: observing ended on `2026-11-22`: the tenant enforces [policy.rollout]
          hint: take `rollout` out"#]],
    );
    tenant(
        "  rollout: { mode: enforce, until: 2026-12-01 }",
        expect![[r#"
        p.yaml:6:36: error: `until` has no meaning beside `mode: enforce` [policy.rollout]
          hint: take `until` out"#]],
    );
    tenant(
        "  rollout: { mode: shadow }",
        expect![[r#"
        p.yaml:6:20: error: `mode` does not know `shadow` [policy.value]
          hint: write `observe` or `enforce`"#]],
    );
}

#[test]
fn levels() {
    let scheme = document(
        "Classification",
        "c",
        "  levels: [public, secret]\n  entities: { PERSON: secret }",
    );
    let tenant = |spec: &str, expected| check(&(document("Tenant", "t", spec) + &scheme), expected);
    tenant("  classification: c\n  maxClassificationLevel: secret", expect![[""]]);
    tenant(
        "  classification: c\n  maxClassificationLevel: secrets",
        expect![[r#"
        p.yaml:7:27: error: `secrets` is not a level of the classification `c` [policy.level]
          hint: its levels are public, secret"#]],
    );
    tenant(
        "  classification: cc",
        expect![[r#"
            p.yaml:6:19: error: no Classification is called `cc` [policy.reference]
              hint: add a document of `kind: Classification` called `cc`"#]],
    );
    tenant(
        "  maxClassificationLevel: secret",
        expect![[r#"
            p.yaml:6:27: error: levels mean nothing without a `classification` [policy.level]
              hint: add `classification: NAME` of a Classification document to the tenant's spec"#]],
    );
    tenant(
        "  classification: c\n  egress:\n  - { host: a.example.com, recipient: { maxClassificationLevel: top, entities: [PERSON, PERSN], encodedFields: [x] } }",
        expect![[r#"
            p.yaml:8:13: warning: `a.example.com` has `recipient`, which cannot be read in a tunnel: tunnels to it are denied [policy.uninspected]
              hint: `egress.uninspected` denies until the traffic is inspected
            p.yaml:8:65: error: `top` is not a level of the classification `c` [policy.level]
              hint: its levels are public, secret
            p.yaml:8:89: error: `PERSN` is an entity that no detector finds [policy.reference]
              hint: did you mean `PERSON`?
            p.yaml:8:113: error: `x` is not a JSON Pointer [policy.value]
              hint: it begins with `/` (RFC 6901)"#]],
    );
    check(
        &document(
            "Classification",
            "c",
            "  levels: [a, b, a]\n  default: c\n  entities: { X: d }\n  marks: [{ text: \" \", level: b }]",
        ),
        expect![[r#"
            p.yaml:6:18: error: the level `a` stands twice [policy.level]
              hint: levels rise, each stands once
            p.yaml:7:12: error: `c` is not one of this classification's levels [policy.level]
            p.yaml:8:18: error: `d` is not one of this classification's levels [policy.level]
            p.yaml:9:19: error: an empty mark would stand in every text [policy.value]
              hint: write the words that mark a document"#]],
    );
    check(
        &document("Classification", "c", "  levels: []"),
        expect![[r#"
        p.yaml:6:11: error: a classification needs at least one level [policy.level]
          hint: write `levels: [public, internal]`"#]],
    );
}

#[test]
fn skills_that_tenants_list() {
    let skill =
        document("Skill", "s-1.0.0", "  name: s\n  version: 1.0.0\n  maxClassificationLevel: top");
    check(
        &(document("Tenant", "t", "  skills:\n  - { name: s, version: 1.0.1 }") + &skill),
        expect![[r#"
            p.yaml:7:13: warning: no Skill document is called `s` version `1.0.1` [policy.reference]
              hint: until one is loaded, `egress.skill` denies it"#]],
    );
    let zero = "sha256:".to_owned() + &"0".repeat(64);
    check(
        &(document(
            "Tenant",
            "t",
            &format!("  skills:\n  - {{ name: s, version: 1.0.0, digest: \"{zero}\" }}"),
        ) + &skill),
        expect![[r#"
            p.yaml:7:13: warning: the manifest of `s` version `1.0.0` is not the one that `digest` approves [policy.digest]
              hint: `egress.skill` denies it; after a review write `digest: "sha256:1958643a85f2a1e6517dcff5e41006c9f31acce77911793be2fac9d72f53dcdd"`"#]],
    );
    check(
        &document("Tenant", "t", "  skills:\n  - { name: S, version: \"1 0\", digest: abc }"),
        expect![[r#"
            p.yaml:7:13: error: `S` is not a valid skill name [policy.name]
              hint: use lower-case letters, digits and hyphens only (RFC 1123 label)
            p.yaml:7:25: error: `1 0` is not a valid skill version [policy.name]
              hint: use letters, digits, `.`, `+` and `-` only
            p.yaml:7:40: error: `abc` is not a valid digest [policy.name]
              hint: write `sha256:` and 64 hexadecimal digits"#]],
    );
    check(
        &document("Role", "r", "  skills: [s, s]"),
        expect![[r#"
        p.yaml:6:15: error: the skill `s` stands twice [policy.duplicate_row]
          hint: keep one of them"#]],
    );
    check(
        &document("Skill", "weather", "  name: s\n  version: 1.0.0"),
        expect![[r#"
        p.yaml:4:19: error: the skill `s` version `1.0.0` is called `weather` [policy.name]
          hint: write `metadata: { name: s-1.0.0 }`"#]],
    );
}

#[test]
fn bad_tests() {
    tenant(
        "  tests:\n  - { connect: evil.example, expect: deny }\n  - { connect: \"https://x.example/\", expect: never, control: egress.skil }\n  - { expect: deny }\n  - { connect: \"x.example:443\", expect: allow, control: egress.skill }\n  - { connect: \"x.example:443\", skill: s, expect: deny }",
        expect![[r#"
            p.yaml:7:16: error: `evil.example` is neither a URL nor `host:port` [policy.test]
              hint: it names no port
            p.yaml:8:46: error: `expect` does not know `never` [policy.value]
              hint: write `allow` or `hold` or `deny`
            p.yaml:8:62: error: `egress.skil` is not a control [policy.value]
              hint: did you mean `egress.skill`?
            p.yaml:9:5: error: a test without `connect` tries nothing [policy.test]
              hint: add `connect: "https://host/path"` or `connect: host:443`
            p.yaml:10:57: error: a test that expects `allow` names no `control` [policy.test]
              hint: no control decides an allow: take `control` out
            p.yaml:11:16: error: the test's skill `s` is not listed under `skills` [policy.test]
              hint: write `skill: name@version` of a listed one"#]],
    );
    skill(
        "  tests:\n  - { connect: \"x.example:443\", expect: deny }",
        expect![[r#"
        p.yaml:6:9: warning: the tests of `s` version `1.0.0` do not run: no tenant lists it [policy.test]
          hint: list it under `skills` of a tenant"#]],
    );
}

#[test]
fn the_note_on_tunnels() {
    let applied = apply(&document(
        "Tenant",
        "t",
        "  egress:\n  - { host: a.example.com }\n  - { host: b.example.com }",
    ));
    let notes: Vec<_> = applied.diagnostics.iter().map(ToString::to_string).collect();
    expect![[r#"
        p.yaml:4:19: note: 2 HTTPS rows of `t` pass as tunnels: host, address and server name are checked, bodies are not read [policy.tunnel]
          hint: `inspect: tunnel` is all that this build can do; every receipt says `inspected: sni`"#]].assert_eq(&notes.join("\n"));
}

#[test]
fn nothing_is_ever_half_loaded() {
    let text = document(
        "Tenant",
        "t",
        "  egress:\n  - { host: good.example.com }\n  - { host: \"*.com\" }",
    );
    let applied = apply(&text);
    assert_eq!(applied.policy.tenants().count(), 0);
    assert_eq!(
        applied.policy.digest(),
        Library::default().apply(&[], &crate::desk::ctx()).policy.digest()
    );
}
