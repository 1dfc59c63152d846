//! The precedence of the draft, case by case.

use super::super::zone::Terms;
use super::*;
use expect_test::{Expect, expect};

fn zone(name: &str, policy: &str, text: &str) -> Arc<Zone> {
    let terms = Terms { policy: Override::parse(policy).unwrap(), sinkholes: Vec::new() };
    let text = format!("@ SOA ns. host. 1 1 1 1 1\n{text}");
    let name = QueryName::from_text(name).unwrap();
    Arc::new(Zone::read(text.as_bytes(), &name, terms, 1 << 20, (3, 4)).unwrap())
}

fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

/// `chain` and `addresses` as words; name servers as `NAME` or an address.
fn decide(rules: &Rules, asked: &str, chain: &str, addresses: &str, servers: &str) -> String {
    let source = "192.0.2.9".parse().ok();
    let mut notes = Vec::new();
    let mut would = |hit: Hit<'_>| notes.push(format!("would {}", hit.evidence()));
    let names: Vec<QueryName> = chain.split_whitespace().map(name).collect();
    let addresses: Vec<IpAddr> = addresses.split_whitespace().map(|a| a.parse().unwrap()).collect();
    let (mut server_names, mut server_addresses) = (Vec::new(), Vec::new());
    for word in servers.split_whitespace() {
        match word.parse::<IpAddr>() {
            Ok(address) => server_addresses.push(address),
            Err(_) => server_names.push(name(word)),
        }
    }
    let seen = Seen {
        chain: &names,
        addresses: &addresses,
        servers: &server_names.iter().flat_map(|name| name.as_wire().to_vec()).collect::<Vec<u8>>(),
        server_addresses: &server_addresses,
    };
    let hit = match rules.of_question(source, &name(asked), &mut would) {
        Some(hit) => Some(hit.evidence()),
        None => rules.of_answer(&name(asked), seen, &mut would).map(|hit| hit.evidence()),
    };
    notes.extend(hit);
    if notes.is_empty() { "nothing".to_owned() } else { notes.join("; ") }
}

#[track_caller]
fn check(rules: &Rules, case: [&str; 4], expected: Expect) {
    let [asked, chain, addresses, servers] = case;
    expected.assert_eq(&decide(rules, asked, chain, addresses, servers));
}

#[test]
fn an_earlier_zone_counts_before_a_later_one_whatever_the_trigger() {
    let rules = Rules::new(vec![
        zone(
            "one",
            "given",
            "24.0.2.0.198.rpz-ip CNAME rpz-passthru.\nfirst CNAME rpz-passthru.\n",
        ),
        zone("two", "given", "first CNAME .\nalias CNAME *.\n24.0.2.0.198.rpz-ip CNAME .\n"),
    ]);
    check(&rules, ["first", "", "", ""], expect!["zone `one` (serial 1), QNAME `first`: PASSTHRU"]);
    check(
        &rules,
        ["other", "", "198.0.2.1", ""],
        expect!["zone `one` (serial 1), IP `198.0.2.1/24`: PASSTHRU"],
    );
    // The address rule of the first zone stands before the name rule of the second, at one stage.
    check(
        &rules,
        ["other", "alias", "198.0.2.1", ""],
        expect!["zone `one` (serial 1), IP `198.0.2.1/24`: PASSTHRU"],
    );
    check(
        &rules,
        ["other", "alias", "203.0.113.1", ""],
        expect!["zone `two` (serial 1), QNAME `alias`: NODATA"],
    );
    check(&rules, ["other", "elsewhere", "203.0.113.1", ""], expect!["nothing"]);
}

#[test]
fn an_earlier_name_of_the_chain_counts_before_an_earlier_zone() {
    let rules = Rules::new(vec![
        zone("one", "given", "last CNAME rpz-passthru.\n"),
        zone("two", "given", "middle CNAME .\n"),
    ]);
    check(
        &rules,
        ["asked", "middle last", "", ""],
        expect!["zone `two` (serial 1), QNAME `middle`: NXDOMAIN"],
    );
    check(
        &rules,
        ["asked", "last", "", ""],
        expect!["zone `one` (serial 1), QNAME `last`: PASSTHRU"],
    );
    check(
        &rules,
        ["middle", "last", "", ""],
        expect!["zone `two` (serial 1), QNAME `middle`: NXDOMAIN"],
    );
}

#[test]
fn within_a_zone_the_kinds_come_in_order() {
    let all = "24.0.2.0.192.rpz-client-ip CNAME .\nasked CNAME *.\n32.1.113.0.203.rpz-ip CNAME rpz-drop.\n\
               ns.evil.rpz-nsdname CNAME rpz-tcp-only.\n32.53.113.0.203.rpz-nsip CNAME rpz-passthru.\n";
    let lines: Vec<&str> = all.lines().collect();
    let mut told = String::new();
    for from in 0..lines.len() {
        let rules = Rules::new(vec![zone("one", "given", &(lines[from..].join("\n") + "\n"))]);
        told += &decide(&rules, "asked", "", "203.0.113.1", "ns.evil 203.0.113.53");
        told.push('\n');
    }
    expect![[r#"
        zone `one` (serial 1), client-IP `192.0.2.9/24`: NXDOMAIN
        zone `one` (serial 1), QNAME `asked`: NODATA
        zone `one` (serial 1), IP `203.0.113.1/32`: DROP
        zone `one` (serial 1), NSDNAME `ns.evil`: TCP-Only
        zone `one` (serial 1), NSIP `203.0.113.53/32`: PASSTHRU
    "#]]
    .assert_eq(&told);
}

#[test]
fn the_longest_prefix_and_of_equal_ones_the_lowest_address() {
    let rules = Rules::new(vec![zone(
        "one",
        "given",
        "8.0.0.0.203.rpz-ip CNAME .\n32.9.113.0.203.rpz-ip CNAME *.\n32.7.113.0.203.rpz-ip CNAME rpz-drop.\n\
         64.zz.8db.2001.rpz-ip CNAME rpz-tcp-only.\n",
    )]);
    check(
        &rules,
        ["a", "", "203.1.2.3 203.0.113.9 203.0.113.7", ""],
        expect!["zone `one` (serial 1), IP `203.0.113.7/32`: DROP"],
    );
    check(
        &rules,
        ["a", "", "203.0.113.7 203.0.113.9", ""],
        expect!["zone `one` (serial 1), IP `203.0.113.7/32`: DROP"],
    );
    check(
        &rules,
        ["a", "", "203.1.2.3", ""],
        expect!["zone `one` (serial 1), IP `203.1.2.3/8`: NXDOMAIN"],
    );
    check(
        &rules,
        ["a", "", "203.0.113.9 2001:8db::1", ""],
        expect!["zone `one` (serial 1), IP `2001:8db::1/64`: TCP-Only"],
    );
}

#[test]
fn of_name_servers_the_nearest_rule_counts_wherever_it_stands() {
    let rules = Rules::new(vec![zone(
        "one",
        "given",
        "*.evil.rpz-nsdname CNAME .\n*.very.evil.rpz-nsdname CNAME *.\nns.other.rpz-nsdname CNAME rpz-drop.\n",
    )]);
    check(
        &rules,
        ["a", "", "", "x.evil x.very.evil"],
        expect!["zone `one` (serial 1), NSDNAME `*.very.evil`: NODATA"],
    );
    check(
        &rules,
        ["a", "", "", "x.very.evil ns.other"],
        expect!["zone `one` (serial 1), NSDNAME `ns.other`: DROP"],
    );
}

#[test]
fn overrides_replace_what_a_zone_says_and_disabled_ones_only_tell() {
    let text = "bad CNAME .\ngood CNAME rpz-passthru.\nlocal A 192.0.2.1\n";
    let mut told = String::new();
    for policy in [
        "given",
        "disabled",
        "passthru",
        "drop",
        "nxdomain",
        "nodata",
        "tcp-only",
        "cname:x.example",
        "cname:*.x.example",
    ] {
        let rules =
            Rules::new(vec![zone("one", policy, text), zone("two", "given", "bad CNAME *.\n")]);
        for asked in ["bad", "good", "local"] {
            told += &format!("{policy} {asked}: {}\n", decide(&rules, asked, "", "", ""));
        }
    }
    expect![[r#"
        given bad: zone `one` (serial 1), QNAME `bad`: NXDOMAIN
        given good: zone `one` (serial 1), QNAME `good`: PASSTHRU
        given local: zone `one` (serial 1), QNAME `local`: Local Data
        disabled bad: would zone `one` (serial 1), QNAME `bad`: NXDOMAIN; zone `two` (serial 1), QNAME `bad`: NODATA
        disabled good: would zone `one` (serial 1), QNAME `good`: PASSTHRU
        disabled local: would zone `one` (serial 1), QNAME `local`: Local Data
        passthru bad: zone `one` (serial 1), QNAME `bad`: PASSTHRU
        passthru good: zone `one` (serial 1), QNAME `good`: PASSTHRU
        passthru local: zone `one` (serial 1), QNAME `local`: PASSTHRU
        drop bad: zone `one` (serial 1), QNAME `bad`: DROP
        drop good: zone `one` (serial 1), QNAME `good`: DROP
        drop local: zone `one` (serial 1), QNAME `local`: DROP
        nxdomain bad: zone `one` (serial 1), QNAME `bad`: NXDOMAIN
        nxdomain good: zone `one` (serial 1), QNAME `good`: NXDOMAIN
        nxdomain local: zone `one` (serial 1), QNAME `local`: NXDOMAIN
        nodata bad: zone `one` (serial 1), QNAME `bad`: NODATA
        nodata good: zone `one` (serial 1), QNAME `good`: NODATA
        nodata local: zone `one` (serial 1), QNAME `local`: NODATA
        tcp-only bad: zone `one` (serial 1), QNAME `bad`: TCP-Only
        tcp-only good: zone `one` (serial 1), QNAME `good`: TCP-Only
        tcp-only local: zone `one` (serial 1), QNAME `local`: TCP-Only
        cname:x.example bad: zone `one` (serial 1), QNAME `bad`: CNAME
        cname:x.example good: zone `one` (serial 1), QNAME `good`: CNAME
        cname:x.example local: zone `one` (serial 1), QNAME `local`: CNAME
        cname:*.x.example bad: zone `one` (serial 1), QNAME `bad`: CNAME
        cname:*.x.example good: zone `one` (serial 1), QNAME `good`: CNAME
        cname:*.x.example local: zone `one` (serial 1), QNAME `local`: CNAME
    "#]]
    .assert_eq(&told);
}

#[test]
fn an_expansion_that_is_too_long_leads_nowhere() {
    let rules = Rules::new(vec![zone("one", "given", "* CNAME *.garden.example.\n")]);
    let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(50)].join(".");
    let hit = rules.of_question(None, &name("bad.test"), &mut |_| {}).unwrap();
    assert_eq!(hit.effect, Effect::Alias(Box::new(name("bad.test.garden.example"))));
    let hit = rules.of_question(None, &name(&long), &mut |_| {}).unwrap();
    assert_eq!(hit.effect, Effect::Nxdomain);
}
