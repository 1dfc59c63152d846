//! What the policy says of an attempt, control by control.

use crate::desk::*;
use backstop_model::attempt::Inspection;
use backstop_model::control::Control;
use backstop_model::destination::{Protocol, parse_authority, parse_url};
use backstop_model::finding::{Evidence, Finding};
use backstop_model::id::{
    ByteCount, Digest, LevelName, QuarantineId, RoleName, SkillName, SkillVersion, TenantName,
};
use backstop_model::standing::{Standing, Usage};
use backstop_model::verdict::{Obligation, Ruling, Verdict};
use backstop_policy::{Policy, decide, decide_unparsable};
use expect_test::{Expect, expect};
use std::time::Duration;

fn check(policy: &Policy, words: &str, expected: Expect) {
    expected.assert_eq(&show(&ask(policy, words)));
}

#[test]
fn tenant_and_skill_must_both_name_it() {
    let both = policy(&pair(
        &["{ host: a.example.com }", "{ host: t.example.com }"],
        &["a.example.com", "s.example.com"],
    ));
    check(
        &both,
        "connect a.example.com:443",
        expect![[r#"
        allow
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `a.example.com`
    "#]],
    );
    check(
        &both,
        "connect t.example.com:443",
        expect![[r#"
        deny
        egress.tenant pass: the row `t.example.com` of `t`
        egress.skill deny: `s@1.0.0` does not declare t.example.com:443 HTTPS
    "#]],
    );
    check(
        &both,
        "connect s.example.com:443",
        expect![[r#"
        deny
        egress.tenant deny: the tenant `t` has no row for s.example.com:443 HTTPS
        egress.skill pass: `s@1.0.0` declares `s.example.com`
    "#]],
    );
    check(
        &both,
        "connect evil.example:443",
        expect![[r#"
        deny
        egress.tenant deny: the tenant `t` has no row for evil.example:443 HTTPS
        egress.skill deny: `s@1.0.0` does not declare evil.example:443 HTTPS
    "#]],
    );
}

#[test]
fn empty_means_deny() {
    check(
        &policy(&pair(&[], &[])),
        "connect a.example.com:443",
        expect![[r#"
        deny
        egress.tenant deny: the tenant `t` has no row for a.example.com:443 HTTPS
        egress.skill deny: `s@1.0.0` does not declare a.example.com:443 HTTPS
    "#]],
    );
    let subject = subject(&Policy::empty());
    let decision = decide(
        &Policy::empty(),
        &subject,
        &Standing::default(),
        &Usage::default(),
        &attempt("connect a.example.com:443"),
        &Evidence::default(),
        now(),
    );
    expect![[r#"
        deny
        egress.tenant deny: no Tenant document is called `t`
        egress.skill deny: without a tenant no skill may act
    "#]]
    .assert_eq(&show(&decision));
}

#[test]
fn port_and_protocol_are_part_of_a_row() {
    let policy = policy(&pair(
        &["{ host: a.example.com, ports: [8443] }", "{ host: h.example.com, protocol: HTTP }"],
        &["{ host: a.example.com, ports: [8443] }", "{ host: h.example.com, protocol: HTTP }"],
    ));
    assert_eq!(ask(&policy, "connect a.example.com:8443").verdict, Verdict::Allow);
    check(
        &policy,
        "connect a.example.com:443",
        expect![[r#"
        deny
        egress.tenant deny: the tenant `t` has no row for a.example.com:443 HTTPS
        egress.skill deny: `s@1.0.0` does not declare a.example.com:443 HTTPS
    "#]],
    );
    assert_eq!(ask(&policy, "GET http://h.example.com/").verdict, Verdict::Allow);
    check(
        &policy,
        "GET https://h.example.com/",
        expect![[r#"
        deny
        egress.tenant deny: the tenant `t` has no row for h.example.com:443 HTTPS
        egress.skill deny: `s@1.0.0` does not declare h.example.com:443 HTTPS
    "#]],
    );
    check(
        &policy,
        "GET http://a.example.com:8443/",
        expect![[r#"
        deny
        egress.tenant deny: the tenant `t` has no row for a.example.com:8443 HTTP
        egress.skill deny: `s@1.0.0` does not declare a.example.com:8443 HTTP
    "#]],
    );
}

#[test]
fn a_wildcard_covers_what_is_below_and_nothing_else() {
    let hosts = [
        "a.tiles.example.net",
        "a.b.c.tiles.example.net",
        "tiles.example.net",
        "xtiles.example.net",
        "example.net",
        "tiles.example.net.evil.example",
        "a.tiles.example.net.",
    ];
    let requirements: Vec<_> = hosts.to_vec();
    let requirements = &requirements[..6];
    let policy = policy(&pair(&["{ host: \"*.tiles.example.net\" }"], requirements));
    let allowed: Vec<_> = hosts
        .into_iter()
        .filter(|h| ask(&policy, &format!("connect {h}:443")).verdict == Verdict::Allow)
        .collect();
    assert_eq!(allowed, ["a.tiles.example.net", "a.b.c.tiles.example.net", "a.tiles.example.net."]);
}

#[test]
fn a_wildcard_never_reaches_across_a_public_suffix() {
    let bucket = "anyones-bucket.s3.eu-west-1.amazonaws.com";
    let policy = policy(&pair(&["{ host: \"*.amazonaws.com\" }"], &[bucket, "sts.amazonaws.com"]));
    check(
        &policy,
        &format!("connect {bucket}:443"),
        expect![[r#"
        deny
        egress.tenant deny: the tenant `t` has no row for anyones-bucket.s3.eu-west-1.amazonaws.com:443 HTTPS
        egress.skill pass: `s@1.0.0` declares `anyones-bucket.s3.eu-west-1.amazonaws.com`
    "#]],
    );
    assert_eq!(ask(&policy, "connect sts.amazonaws.com:443").verdict, Verdict::Allow);
}

#[test]
fn without_a_skill_nothing_leaves() {
    let policy = policy(&pair(&["{ host: a.example.com }"], &["a.example.com"]));
    let mut subject = subject(&policy);
    let mut answer = |change: &dyn Fn(&mut backstop_model::standing::Subject)| {
        change(&mut subject);
        let decision = decide(
            &policy,
            &subject,
            &Standing::default(),
            &Usage::default(),
            &attempt("connect a.example.com:443"),
            &Evidence::default(),
            now(),
        );
        show(&decision)
    };
    expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: the manifest of `s@1.0.0` has changed since the session was opened
    "#]]
    .assert_eq(&answer(&|s| s.skill.as_mut().unwrap().digest = Digest::ZERO));
    expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: the tenant `t` does not list the skill `s` version `2`
    "#]]
    .assert_eq(&answer(&|s| s.skill.as_mut().unwrap().version = SkillVersion::parse("2").unwrap()));
    expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: the credential names no skill
    "#]]
    .assert_eq(&answer(&|s| s.skill = None));
    expect![[r#"
        deny
        egress.tenant deny: no Tenant document is called `other`
        egress.skill deny: without a tenant no skill may act
    "#]]
    .assert_eq(&answer(&|s| s.tenant = TenantName::parse("other").unwrap()));
}

#[test]
fn a_digest_approves_one_manifest() {
    let skill = document(
        "Skill",
        "s-1.0.0",
        "  name: s\n  version: 1.0.0\n  egressRequirements: [a.example.com]",
    );
    let tenant = |digest: &str| {
        document(
            "Tenant",
            "t",
            &format!(
                "  skills: [{{ name: s, version: 1.0.0, digest: \"{digest}\" }}]\n  egress: [{{ host: a.example.com }}]"
            ),
        )
    };
    let zero = policy(&(tenant(&Digest::ZERO.to_string()) + &skill));
    check(
        &zero,
        "connect a.example.com:443",
        expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: the manifest of `s` version `1.0.0` is not the one that the tenant `t` approves
    "#]],
    );
    let digest = subject(&zero).skill.unwrap().digest;
    let right = policy(&(tenant(&digest.to_string()) + &skill));
    assert_eq!(ask(&right, "connect a.example.com:443").verdict, Verdict::Allow);
}

#[test]
fn a_role_holds_only_its_skills() {
    let text = pair(&["{ host: a.example.com }"], &["a.example.com"])
        + &document("Role", "with", "  skills: [s]")
        + &document("Role", "without", "  skills: []");
    let policy = policy(&text);
    let as_role = |role: &str| {
        let mut subject = subject(&policy);
        subject.role = Some(RoleName::parse(role).unwrap());
        show(&decide(
            &policy,
            &subject,
            &Standing::default(),
            &Usage::default(),
            &attempt("connect a.example.com:443"),
            &Evidence::default(),
            now(),
        ))
    };
    assert!(as_role("with").starts_with("allow"));
    expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: the role `without` does not hold the skill `s`
    "#]]
    .assert_eq(&as_role("without"));
    expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: no Role document is called `unknown`
    "#]]
    .assert_eq(&as_role("unknown"));
}

#[test]
fn methods_and_paths() {
    let policy = policy(&pair(
        &["{ host: a.example.com }"],
        &[
            "{ host: a.example.com, methods: [GET], paths: [/points/*] }",
            "{ host: a.example.com, methods: [POST], paths: [/log] }",
        ],
    ));
    assert_eq!(ask(&policy, "GET https://a.example.com/points/1").verdict, Verdict::Allow);
    assert_eq!(ask(&policy, "POST https://a.example.com/log").verdict, Verdict::Allow);
    check(
        &policy,
        "POST https://a.example.com/points/1",
        expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: `s@1.0.0` declares `a.example.com`, but not the path `/points/1`
    "#]],
    );
    check(
        &policy,
        "DELETE https://a.example.com/points/1",
        expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: `s@1.0.0` declares `a.example.com`, but not the method `DELETE`
    "#]],
    );
    check(
        &policy,
        "GET https://a.example.com/points/%2e%2e/admin",
        expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill deny: `s@1.0.0` declares `a.example.com`, but not the path `/points/%2e%2e/admin`
    "#]],
    );
    check(
        &policy,
        "connect a.example.com:443",
        expect![[r#"
            deny
            egress.tenant pass: the row `a.example.com` of `t`
            egress.skill pass: `s@1.0.0` declares `a.example.com`
            egress.uninspected deny: the skill's requirement has rules about request heads, and this path sees no more than `sni`
        "#]],
    );
    check(
        &policy,
        "hello a.example.com:443 a.example.com",
        expect![[r#"
            deny
            egress.tenant pass: the row `a.example.com` of `t`
            egress.skill pass: `s@1.0.0` declares `a.example.com`
            egress.uninspected deny: the skill's requirement has rules about request heads, and this path sees no more than `sni`
        "#]],
    );
}

#[test]
fn a_row_with_a_recipient_needs_the_body() {
    let policy = policy(&pair(
        &["{ host: a.example.com, recipient: { encodedFields: [/input] } }"],
        &["a.example.com"],
    ));
    check(
        &policy,
        "connect a.example.com:443",
        expect![[r#"
            deny
            egress.tenant pass: the row `a.example.com` of `t`
            egress.skill pass: `s@1.0.0` declares `a.example.com`
            egress.uninspected deny: the row has rules about bodies, and this path sees no more than `sni`
        "#]],
    );
    check(
        &policy,
        "GET https://a.example.com/",
        expect![[r#"
            deny
            egress.tenant pass: the row `a.example.com` of `t`
            egress.skill pass: `s@1.0.0` declares `a.example.com`
            egress.uninspected deny: the row has rules about bodies, and this path sees no more than `headers`
        "#]],
    );
    let mut seen = attempt("GET https://a.example.com/");
    seen.sight = Inspection::Body;
    let decision = decide(
        &policy,
        &subject(&policy),
        &Standing::default(),
        &Usage::default(),
        &seen,
        &Evidence::default(),
        now(),
    );
    assert_eq!(decision.verdict, Verdict::Allow);
    assert!(decision.duties.iter().all(|duty| duty.discharged));
}

#[test]
fn what_a_tunnel_must_show() {
    let policy = policy(&pair(
        &["{ host: a.example.com }", "{ host: e.example.com, ech: allow }"],
        &["a.example.com", "e.example.com"],
    ));
    assert_eq!(ask(&policy, "hello a.example.com:443 a.example.com").verdict, Verdict::Allow);
    check(
        &policy,
        "hello a.example.com:443 e.example.com",
        expect![[r#"
        deny
        wire.authority deny: the ClientHello names `e.example.com`, the tunnel is for `a.example.com`
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `a.example.com`
    "#]],
    );
    check(
        &policy,
        "hello a.example.com:443 -",
        expect![[r#"
        deny
        wire.authority deny: the ClientHello names no server, the tunnel is for `a.example.com`
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `a.example.com`
    "#]],
    );
    check(
        &policy,
        "hello a.example.com:443 a.example.com ech",
        expect![[r#"
        deny
        wire.ech deny: the ClientHello is encrypted, so its real server name cannot be seen
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `a.example.com`
    "#]],
    );
    check(
        &policy,
        "hello e.example.com:443 e.example.com ech",
        expect![[r#"
        allow
        wire.ech pass: the row has `ech: allow`
        egress.tenant pass: the row `e.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `e.example.com`
    "#]],
    );
    check(
        &policy,
        "opaque a.example.com:443",
        expect![[r#"
        deny
        wire.protocol deny: the tunnel is for HTTPS, and its first bytes are not TLS
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `a.example.com`
    "#]],
    );
}

#[test]
fn addresses() {
    let policy = policy(&pair(&["{ host: 93.184.216.34 }"], &["93.184.216.34", "93.184.216.35"]));
    check(
        &policy,
        "connect 93.184.216.34:443",
        expect![[r#"
        allow
        ssrf.literal pass: a row declares this address
        egress.tenant pass: the row `93.184.216.34` of `t`
        egress.skill pass: `s@1.0.0` declares `93.184.216.34`
    "#]],
    );
    check(
        &policy,
        "hello 93.184.216.34:443 -",
        expect![[r#"
        allow
        ssrf.literal pass: a row declares this address
        egress.tenant pass: the row `93.184.216.34` of `t`
        egress.skill pass: `s@1.0.0` declares `93.184.216.34`
    "#]],
    );
    check(
        &policy,
        "hello 93.184.216.34:443 a.example.com",
        expect![[r#"
        deny
        wire.authority deny: the ClientHello names `a.example.com`, the tunnel is for `93.184.216.34`
        ssrf.literal pass: a row declares this address
        egress.tenant pass: the row `93.184.216.34` of `t`
        egress.skill pass: `s@1.0.0` declares `93.184.216.34`
    "#]],
    );
    check(
        &policy,
        "connect 93.184.216.35:443",
        expect![[r#"
        deny
        ssrf.literal deny: the host is the IP address 93.184.216.35, and no row declares it
        egress.tenant deny: the tenant `t` has no row for 93.184.216.35:443 HTTPS
        egress.skill pass: `s@1.0.0` declares `93.184.216.35`
    "#]],
    );
}

#[test]
fn a_grant_stands_in_for_row_and_requirement() {
    let policy = policy(&pair(&["{ host: a.example.com }"], &["a.example.com"]));
    let with = |grant| Standing { quarantine: None, grants: vec![grant] };
    let good = with(grant("new.example", 443, "2026-11-22T13:00:00Z"));
    expect![[r#"
        allow
        egress.tenant pass: the grant `grt_01m81j18g00w3ge1r70w3ge1r7` until 2026-11-22T13:00:00.000000Z
        egress.skill pass: the grant `grt_01m81j18g00w3ge1r70w3ge1r7` until 2026-11-22T13:00:00.000000Z
        leans on grt_01m81j18g00w3ge1r70w3ge1r7
    "#]].assert_eq(&show(&ask_with(&policy, "connect new.example:443", &good)));
    assert_eq!(ask_with(&policy, "connect new.example:8443", &good).verdict, Verdict::Deny);
    assert_eq!(ask_with(&policy, "connect sub.new.example:443", &good).verdict, Verdict::Deny);
    assert_eq!(ask_with(&policy, "connect a.example.com:443", &good).grant, None);
    let over = with(grant("new.example", 443, "2026-11-22T12:00:00Z"));
    assert_eq!(ask_with(&policy, "connect new.example:443", &over).verdict, Verdict::Deny);
    let mut other = grant("new.example", 443, "2026-11-22T13:00:00Z");
    other.skill = SkillName::parse("x").unwrap();
    assert_eq!(ask_with(&policy, "connect new.example:443", &with(other)).verdict, Verdict::Deny);
    let mut other = grant("new.example", 443, "2026-11-22T13:00:00Z");
    other.tenant = TenantName::parse("x").unwrap();
    assert_eq!(ask_with(&policy, "connect new.example:443", &with(other)).verdict, Verdict::Deny);
}

#[test]
fn quarantine_is_before_all_else() {
    let policy = policy(&pair(&["{ host: a.example.com }"], &["a.example.com"]));
    let standing = Standing {
        quarantine: Some(QuarantineId::draw(now(), [1; 10])),
        grants: vec![grant("a.example.com", 443, "2026-12-01T00:00:00Z")],
    };
    let decision = ask_with(&policy, "connect a.example.com:443", &standing);
    assert_eq!(decision.deciding().unwrap().control, Control::Quarantine);
}

fn observing(until: &str) -> std::sync::Arc<Policy> {
    let text = pair(&["{ host: a.example.com }"], &["a.example.com"]).replace(
        "  skills:",
        &format!("  rollout: {{ mode: observe, until: \"{until}\" }}\n  skills:"),
    );
    policy(&text)
}

#[test]
fn observing_records_what_it_would_refuse() {
    let policy = observing("2026-11-23");
    check(
        &policy,
        "connect evil.example:443",
        expect![[r#"
        allow
        egress.tenant would_deny: the tenant `t` has no row for evil.example:443 HTTPS (the tenant observes until 2026-11-23)
        egress.skill would_deny: `s@1.0.0` does not declare evil.example:443 HTTPS (the tenant observes until 2026-11-23)
    "#]],
    );
    check(
        &policy,
        "connect 93.184.216.34:443",
        expect![[r#"
        deny
        ssrf.literal deny: the host is the IP address 93.184.216.34, and no row declares it
        egress.tenant would_deny: the tenant `t` has no row for 93.184.216.34:443 HTTPS (the tenant observes until 2026-11-23)
        egress.skill would_deny: `s@1.0.0` does not declare 93.184.216.34:443 HTTPS (the tenant observes until 2026-11-23)
    "#]],
    );
    check(
        &policy,
        "hello a.example.com:443 evil.example",
        expect![[r#"
        deny
        wire.authority deny: the ClientHello names `evil.example`, the tunnel is for `a.example.com`
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `a.example.com`
    "#]],
    );
    assert_eq!(ask(&observing("2026-11-22"), "connect evil.example:443").verdict, Verdict::Deny);
    let quarantined =
        Standing { quarantine: Some(QuarantineId::draw(now(), [1; 10])), grants: vec![] };
    assert_eq!(ask_with(&policy, "connect a.example.com:443", &quarantined).verdict, Verdict::Deny);
}

fn finding(control: Control) -> Finding {
    found(control, "US_SSN", None)
}

#[test]
fn findings_deny() {
    let policy = policy(&pair(&["{ host: a.example.com }"], &["a.example.com"]));
    let evidence = Evidence {
        findings: vec![
            finding(Control::DlpPii),
            finding(Control::DlpPii),
            finding(Control::DlpCredential),
        ],
        ..Evidence::default()
    };
    let decision = decide(
        &policy,
        &subject(&policy),
        &Standing::default(),
        &Usage::default(),
        &attempt("connect a.example.com:443"),
        &evidence,
        now(),
    );
    expect![[r#"
        deny
        egress.tenant pass: the row `a.example.com` of `t`
        egress.skill pass: `s@1.0.0` declares `a.example.com`
        dlp.pii deny: US_SSN in body `/note` and 1 more
        dlp.credential deny: US_SSN in body `/note`
    "#]]
    .assert_eq(&show(&decision));
}

#[test]
fn volume_is_flagged_while_the_role_learns() {
    let policy = policy(&pair(&["{ host: a.example.com }"], &["a.example.com"]));
    let flagged = |calls, received, words: &str| {
        let usage = Usage { calls, received: ByteCount(received) };
        let decision = decide(
            &policy,
            &subject(&policy),
            &Standing::default(),
            &usage,
            &attempt(words),
            &Evidence::default(),
            now(),
        );
        assert_eq!(decision.verdict, Verdict::Allow);
        decision
            .reasons
            .iter()
            .filter(|r| r.ruling == Ruling::WouldDeny)
            .map(|r| r.text.clone())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (connect, hello) = ("connect a.example.com:443", "hello a.example.com:443 a.example.com");
    assert_eq!(flagged(498, 50_000_000, connect), "");
    expect!["external call 500 of the session within 60 minutes"]
        .assert_eq(&flagged(499, 0, connect));
    assert_eq!(flagged(499, 0, hello), "");
    expect![[r#"
        the session received 50000001 bytes
        external call 500 of the session within 60 minutes"#]]
    .assert_eq(&flagged(500, 50_000_001, hello));
}

#[test]
fn reasons_stand_in_the_order_of_controls() {
    let policy = policy(&pair(&[], &[]));
    let findings = vec![finding(Control::DlpPii), finding(Control::SsrfRebind)];
    let evidence = Evidence { findings, ..Evidence::default() };
    let decision = decide(
        &policy,
        &subject(&policy),
        &Standing::default(),
        &Usage::default(),
        &attempt("hello 93.184.216.34:443 x.example ech"),
        &evidence,
        now(),
    );
    let controls: Vec<_> = decision.reasons.iter().map(|r| r.control).collect();
    assert!(controls.is_sorted(), "{controls:?}");
    assert!(decision.duties.is_sorted(), "{:?}", decision.duties);
}

#[test]
fn duties() {
    let policy = policy(&pair(&["{ host: a.example.com }"], &["a.example.com"]));
    let duties = |words: &str| {
        let list: Vec<_> = ask(&policy, words)
            .duties
            .iter()
            .map(|d| format!("{} {}", d.obligation.as_str(), d.discharged))
            .collect();
        list.join(", ")
    };
    expect!["inspect_body false, match_server_name true, pin_addresses true, count_bytes true"]
        .assert_eq(&duties("connect a.example.com:443"));
    expect!["inspect_body false, pin_addresses true, count_bytes true"]
        .assert_eq(&duties("GET https://a.example.com/"));
    assert!(matches!(
        ask(&policy, "connect a.example.com:443").duties[0].obligation,
        Obligation::InspectBody { cap: ByteCount(1_048_576) }
    ));
}

#[test]
fn what_never_became_an_attempt() {
    for (text, control) in [
        ("file:///etc/passwd", Control::SsrfScheme),
        ("http://169.254.169.254/", Control::SsrfAddress),
    ] {
        let decision = decide_unparsable(&parse_url(text).unwrap_err());
        assert_eq!(
            (decision.verdict, decision.deciding().unwrap().control),
            (Verdict::Deny, control)
        );
    }
}

#[test]
fn terms_of_a_row() {
    let policy = policy(&pair(
        &[
            "{ host: a.example.com, idle: 90s, allowPrivate: [10.1.0.0/16] }",
            "{ host: \"*.example.com\", idle: 1h, allowPrivate: [10.2.0.0/16] }",
        ],
        &[],
    ));
    let tenant = TenantName::parse("t").unwrap();
    let terms =
        |host: &str| policy.row_terms(&tenant, &parse_authority(host, Protocol::Https).unwrap());
    let exact = terms("a.example.com:443");
    assert_eq!((exact.idle, exact.allow_private.len()), (Some(Duration::from_secs(90)), 2));
    let below = terms("b.example.com:443");
    assert_eq!((below.idle, below.allow_private.len()), (Some(Duration::from_secs(3_600)), 1));
    let none = terms("a.example.com:8443");
    assert_eq!((none.idle, none.allow_private.len()), (None, 0));
}

#[test]
fn admission() {
    let text = pair(&["{ host: a.example.com }"], &["a.example.com"])
        .replace("  skills:", "  classification: c\n  skills:")
        + &document("Role", "r", "  skills: []")
        + &document("Classification", "c", "  levels: [low, high]");
    let policy = policy(&text);
    let skill = |name: &str, version: &str| {
        vec![(SkillName::parse(name).unwrap(), SkillVersion::parse(version).unwrap())]
    };
    let admit = |tenant: &str, role: Option<&str>, skills: &[_], ceiling: Option<&str>| {
        let role = role.map(|r| RoleName::parse(r).unwrap());
        let ceiling = ceiling.map(|c| LevelName::parse(c).unwrap());
        match policy.admit(
            &TenantName::parse(tenant).unwrap(),
            role.as_ref(),
            skills,
            ceiling.as_ref(),
        ) {
            Ok(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(why) => format!("no: {why}"),
        }
    };
    expect![[r#"
        s@1.0.0
        s@1.0.0

        no: no Tenant document is called `x`
        no: the tenant `t` does not list the skill `s` version `1.0.1`
        no: the role `r` does not hold the skill `s`
        no: no Role document is called `q`
        no: `top` is not a level of the classification of tenant `t`"#]]
    .assert_eq(
        &[
            admit("t", None, &skill("s", "1.0.0"), None),
            admit("t", None, &skill("s", "1.0.0"), Some("high")),
            admit("t", None, &[], None),
            admit("x", None, &[], None),
            admit("t", None, &skill("s", "1.0.1"), None),
            admit("t", Some("r"), &skill("s", "1.0.0"), None),
            admit("t", Some("q"), &[], None),
            admit("t", None, &skill("s", "1.0.0"), Some("top")),
        ]
        .join("\n"),
    );
}

#[test]
fn hints() {
    let policy = policy(&pair(&["{ host: a.example.com }"], &[]));
    let hint = |words: &str| {
        let decision = ask(&policy, words);
        policy.hint(&subject(&policy), &decision, &attempt(words)).unwrap_or_default()
    };
    expect![[r#"
        To allow it for good, in Tenant `t` (p.yaml), under `spec.egress`:
        + - { host: evil.example, owner: your-team, reason: why it is needed }
        To allow it for good, in Skill `s-1.0.0` (p.yaml), under `spec.egressRequirements`:
        + - evil.example
        To allow it for a while, on record and ending by itself:
          backstop allow evil.example --tenant t --skill s --for 4h --reason "why it is needed"
    "#]]
    .assert_eq(&hint("connect evil.example:443"));
    expect![[r#"
        To allow it for good, in Tenant `t` (p.yaml), under `spec.egress`:
        + - { host: a.example.com, ports: [8080], protocol: HTTP, owner: your-team, reason: why it is needed }
        To allow it for good, in Skill `s-1.0.0` (p.yaml), under `spec.egressRequirements`:
        + - { host: a.example.com, ports: [8080], protocol: HTTP }
        To allow it for a while, on record and ending by itself:
          backstop allow a.example.com:8080 --tenant t --skill s --for 4h --reason "why it is needed"
    "#]].assert_eq(&hint("GET http://a.example.com:8080/"));
    expect![[r#"
        To allow it for good, in Skill `s-1.0.0` (p.yaml), under `spec.egressRequirements`:
        + - a.example.com
        To allow it for a while, on record and ending by itself:
          backstop allow a.example.com --tenant t --skill s --for 4h --reason "why it is needed"
    "#]]
    .assert_eq(&hint("connect a.example.com:443"));
    expect![[r#"
        To allow it for good, in Tenant `t` (p.yaml), under `spec.egress`:
        + - { host: "93.184.216.34", owner: your-team, reason: why it is needed }
        To allow it for good, in Skill `s-1.0.0` (p.yaml), under `spec.egressRequirements`:
        + - "93.184.216.34"
    "#]]
    .assert_eq(&hint("connect 93.184.216.34:443"));
    expect![[r#"
        To allow it for good, in Skill `s-1.0.0` (p.yaml), under `spec.egressRequirements`:
        + - a.example.com
        Switch Encrypted ClientHello off in the client, or add `ech: allow` to the row of `a.example.com`: the real server name can then no longer be seen.
        To allow it for a while, on record and ending by itself:
          backstop allow a.example.com --tenant t --skill s --for 4h --reason "why it is needed"
    "#]].assert_eq(&hint("hello a.example.com:443 a.example.com ech"));
}
