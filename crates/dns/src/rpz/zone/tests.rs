//! Zone files, good and bad, and what is said of them.

use super::*;
use expect_test::{Expect, expect};

const TOP: &str = "@ SOA ns. host. 7 1 1 1 1\n";

fn read(text: &str) -> Result<Zone, Vec<Diagnostic>> {
    let name = QueryName::from_text("rpz.example").unwrap();
    Zone::read(text.as_bytes(), &name, Terms::default(), 1 << 20, (1, 2))
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|d| format!("{}: {}\n", d.line, d.text)).collect()
}

#[track_caller]
fn check_faults(text: &str, expected: Expect) {
    expected.assert_eq(&lines(&read(&format!("{TOP}{text}")).unwrap_err()));
}

#[test]
fn all_faults_of_a_zone_are_told_at_once_with_their_lines() {
    check_faults(
        "a CNAME rpz-log.\n\
         b CNAME rpz-future.example.rpz-new.\n\
         x.rpz-asn CNAME .\n\
         24.7.2.0.192.rpz-ip CNAME .\n\
         elsewhere.example. CNAME .\n\
         c CNAME .\n\
         c A 192.0.2.1\n\
         d CNAME x.example.\n\
         d CNAME y.example.\n\
         e DNAME x.example.\n\
         @ CNAME .\n\
         $INCLUDE more\n",
        expect![[r#"
            2: `a.rpz.example`: `rpz-log.` is no action that is known
            3: `b.rpz.example`: `rpz-future.example.rpz-new.` is no action that is known
            4: `x.rpz-asn.rpz.example`: `rpz-asn` is no trigger that is known
            5: `24.7.2.0.192.rpz-ip.rpz.example`: `192.0.2.7` has bits set behind its prefix of 24
            6: `elsewhere.example` is not in the zone `rpz.example`
            8: `c.rpz.example`: it says NXDOMAIN and something else
            10: `d.rpz.example`: a CNAME has other records beside it
            11: `e.rpz.example`: DNAME is no action
            12: CNAME at the top of the zone is no rule
            13: `$INCLUDE` is not followed: a zone is one file
        "#]],
    );
}

#[test]
fn half_a_zone_is_none() {
    let fault = lines(&read("a CNAME .\n").unwrap_err());
    expect![[r#"
        0: it has no SOA record at its top: is it a zone, and whole?
    "#]]
    .assert_eq(&fault);
    let many = format!("{TOP}{}", "x.rpz-asn CNAME .\n".repeat(1_000));
    let faults = read(&many).unwrap_err();
    assert_eq!((faults.len(), faults.last().unwrap().text.as_str()), (101, "and 900 faults more"));
}

#[test]
fn rules_of_every_kind_and_what_a_signed_zone_holds_beside() {
    let zone = read(&format!(
        "{TOP}@ NS localhost.\n@ TXT \"a feed\"\n\
         bad CNAME .\n*.bad CNAME *.\nself CNAME self.\nbad NSEC self CNAME NSEC\n\
         24.0.2.0.192.rpz-ip CNAME rpz-drop.\n32.1.0.0.127.rpz-client-ip CNAME rpz-passthru.\n\
         ns.evil.rpz-nsdname CNAME .\n48.zz.2.8db.2001.rpz-nsip CNAME .\n\
         local A 192.0.2.1\nlocal AAAA 2001:db8::1\nlocal TXT \"x\"\nlocal A 192.0.2.1\nsame A 192.0.2.7\nagain A 192.0.2.7\n"
    ))
    .unwrap();
    assert_eq!((zone.serial(), zone.len()), (7, 10));
    assert_eq!(zone.local.len(), 2, "equal records are kept once");
    let Action::Local(number) = found(&zone, "local").unwrap().action else { panic!() };
    assert_eq!(zone.local(number).unwrap().records.len(), 3);
    assert_eq!(found(&zone, "self").unwrap().action, Action::Passthru);
    expect![[r#"
        6: `self` is an alias of itself: read as PASSTHRU, as old zones write it; write `rpz-passthru.`
    "#]]
    .assert_eq(&lines(zone.warnings()));
}

#[test]
fn an_allowlist_with_holes_for_others_is_warned_of_with_names() {
    let zone = read(&format!("{TOP}* CNAME .\napi.weather.example CNAME rpz-passthru.\n*.tiles.example CNAME rpz-passthru.\n")).unwrap();
    expect![[r#"
        0: 2 rules that pass stand under a wildcard that refuses: BIND and unbound read that as holes (RFC 4592 §2.2.2) and would let through `anything.api.weather.example`, `anything.weather.example`, `anything.example`; here the wildcard holds; `backstop render rpz` writes a zone without holes
    "#]]
    .assert_eq(&lines(zone.warnings()));
    // Closed as `render rpz` closes it, and without a wildcard that refuses: nothing to say.
    let closed = "* CNAME .\nexample CNAME .\n*.example CNAME .\napi.example CNAME rpz-passthru.\n*.api.example CNAME .\n";
    for quiet in [closed, "bad CNAME .\ngood CNAME rpz-passthru.\n"] {
        assert_eq!(read(&format!("{TOP}{quiet}")).unwrap().warnings(), []);
    }
}
