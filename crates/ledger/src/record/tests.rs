//! Every fact reads back as it was written; the form itself is pinned.

use super::*;
use backstop_model::attempt::{Inspection, Plane};
use backstop_model::control::{Control, Severity};
use backstop_model::event::{Asked, Ending, Fact, Resolution, TokenKind, TokenRecord};
use backstop_model::finding::{FindingRecord, KeyedDigest, Part, PerMille};
use backstop_model::host::HostName;
use backstop_model::id::{
    AlertId, ByteCount, GrantId, HoldId, LevelName, Principal, QuarantineId, RoleName, SessionId,
    SkillId, SkillName, SkillVersion, TenantName, TokenId,
};
use backstop_model::standing::{Grant, Quarantined, Subject};
use backstop_model::verdict::{Duty, Obligation, Reason, Ruling};
use expect_test::expect;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use std::time::Duration;

fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_micros)
}
fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

macro_rules! drawn {
    ($($name:ident $ty:ident),*) => {$(
        fn $name() -> impl Strategy<Value = $ty> {
            any::<[u8; 10]>()
                .prop_map(|random| $ty::draw(Timestamp::from_unix_micros(1_000_000), random))
        }
    )*};
}
drawn!(
    session_id SessionId, receipt ReceiptId, hold_id HoldId, quarantine_id QuarantineId,
    alert_id AlertId, grant_id GrantId, token_id TokenId
);

macro_rules! named {
    ($($name:ident $ty:ident $pattern:literal),*) => {$(
        fn $name() -> impl Strategy<Value = $ty> {
            $pattern.prop_map(|text: String| $ty::parse(&text).unwrap())
        }
    )*};
}
named!(
    tenant TenantName "[a-z]([a-z0-9-]{0,20}[a-z0-9])?",
    skill_name SkillName "[a-z]([a-z0-9-]{0,20}[a-z0-9])?",
    version SkillVersion "[0-9A-Za-z.+-]{1,20}",
    role RoleName "[a-z]{1,9}",
    level LevelName "[a-z]{1,9}",
    principal Principal "[a-zA-Z0-9@.äß]{1,30}",
    host HostName "[a-z]{1,9}\\.example"
);

fn skill() -> impl Strategy<Value = SkillId> {
    (skill_name(), version(), digest()).prop_map(|(name, version, digest)| SkillId {
        name,
        version,
        digest,
    })
}
fn subject() -> impl Strategy<Value = Subject> {
    (of(session_id()), tenant(), of(role()), of(skill()), of(level())).prop_map(
        |(session, tenant, role, skill, ceiling)| Subject { session, tenant, role, skill, ceiling },
    )
}
fn asked() -> impl Strategy<Value = Asked> {
    (
        prop::sample::select(&Plane::ALL[..]),
        any::<String>(),
        any::<u16>(),
        any::<String>(),
        any::<String>(),
    )
        .prop_map(|(plane, host, port, act, path)| Asked { plane, host, port, act, path })
}
fn control() -> impl Strategy<Value = Control> {
    prop::sample::select(Control::ALL)
}
fn reason() -> impl Strategy<Value = Reason> {
    let ruling = prop::sample::select(
        &[Ruling::Pass, Ruling::Skipped, Ruling::WouldDeny, Ruling::Hold, Ruling::Deny][..],
    );
    (control(), ruling, any::<String>()).prop_map(|(control, ruling, text)| Reason {
        control,
        ruling,
        text,
    })
}
fn finding() -> impl Strategy<Value = FindingRecord> {
    let text = any::<String>;
    (
        (control(), text(), prop::sample::select(&Part::ALL[..]), text(), text()),
        (of(level()), of(text()), any::<u16>(), any::<u64>(), any::<[u8; 16]>()),
    )
        .prop_map(
            |((control, kind, part, field, chain), (level, canary, score, length, digest))| {
                FindingRecord {
                    control,
                    kind,
                    part,
                    field,
                    chain,
                    level,
                    canary,
                    score: PerMille::new(score),
                    length,
                    digest: KeyedDigest(digest),
                }
            },
        )
}
fn duty() -> impl Strategy<Value = Duty> {
    let obligation = prop_oneof![
        any::<u64>().prop_map(|cap| Obligation::InspectBody { cap: ByteCount(cap) }),
        Just(Obligation::MatchServerName),
        Just(Obligation::PinAddresses),
        Just(Obligation::CountBytes),
        Just(Obligation::RefuseRedirect),
    ];
    (obligation, any::<bool>()).prop_map(|(obligation, discharged)| Duty { obligation, discharged })
}
fn token() -> impl Strategy<Value = TokenRecord> {
    let kind =
        prop::sample::select(&[TokenKind::Agent, TokenKind::Runtime, TokenKind::Operator][..]);
    (token_id(), kind, digest(), of(principal()), of(subject()), of(at())).prop_map(
        |(id, kind, hash, principal, bound, expires)| TokenRecord {
            id,
            kind,
            hash,
            principal,
            bound,
            expires,
        },
    )
}
fn target() -> impl Strategy<Value = Quarantined> {
    prop_oneof![
        session_id().prop_map(Quarantined::Session),
        (tenant(), skill()).prop_map(|(tenant, skill)| Quarantined::Skill { tenant, skill }),
        skill().prop_map(Quarantined::SkillEverywhere),
    ]
}
fn ending() -> impl Strategy<Value = Ending> {
    use Ending::{Abandoned, Closed, Drained, Failed, Idle, Revoked};
    prop::sample::select(&[Closed, Idle, Revoked, Drained, Failed, Abandoned][..])
}

/// One strategy for each type: [`every_type_is_generated`] sees that none is forgotten.
fn fact() -> impl Strategy<Value = Fact> {
    let resolution =
        prop::sample::select(&[Resolution::Approved, Resolution::Denied, Resolution::Expired][..]);
    let inspected = prop::sample::select(
        &[Inspection::None, Inspection::Sni, Inspection::Headers, Inspection::Body][..],
    );
    let severity = prop::sample::select(
        &[Severity::Info, Severity::Warning, Severity::High, Severity::Critical][..],
    );
    let text = any::<String>;
    let grant = (grant_id(), tenant(), skill_name(), host(), any::<u16>(), at()).prop_map(
        |(id, tenant, skill, host, port, until)| Grant { id, tenant, skill, host, port, until },
    );
    let flow = (
        receipt(),
        of(any::<std::net::IpAddr>()),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        ending(),
    );
    let permitted = (
        asked(),
        vec(reason(), 0..4),
        vec(duty(), 0..4),
        inspected,
        of(receipt()),
        of(grant_id()),
        any::<bool>(),
        vec(finding(), 0..3),
    );
    let one = prop_oneof![
        text().prop_map(|version| Fact::ProcessStarted { version }),
        Just(Fact::ProcessStopped),
        vec((text(), text()), 0..3).prop_map(|sources| Fact::PolicyLoaded { sources }),
        (text(), text())
            .prop_map(|(source, diagnostics)| Fact::PolicyRejected { source, diagnostics }),
        token().prop_map(Fact::TokenIssued),
        (token_id(), principal()).prop_map(|(id, by)| Fact::TokenRevoked { id, by }),
        vec(token(), 0..3).prop_map(|tokens| Fact::SessionOpened { tokens }),
        Just(Fact::SessionClosed),
    ];
    let two =
        prop_oneof![
            permitted.prop_map(
                |(asked, reasons, duties, inspected, refines, grant, delegated, findings)| {
                    Fact::AttemptPermitted {
                        asked,
                        reasons,
                        duties,
                        inspected,
                        refines,
                        grant,
                        delegated,
                        findings,
                    }
                }
            ),
            (asked(), control(), text(), of(hold_id()), of(receipt()), vec(finding(), 0..3))
                .prop_map(|(asked, control, reason, hold, refines, findings)| {
                    Fact::AttemptRefused { asked, control, reason, hold, refines, findings }
                }),
            (control(), any::<u64>(), at()).prop_map(|(control, count, since)| {
                Fact::RefusalsCounted { control, count, since }
            }),
            flow.prop_map(|(permit, address, sent, received, micros, ending)| Fact::FlowEnded {
                permit,
                address,
                sent: ByteCount(sent),
                received: ByteCount(received),
                lasted: Duration::from_micros(micros),
                ending,
            }),
            (receipt(), any::<u64>(), any::<u64>(), proptest::collection::vec(text(), 0..3))
                .prop_map(|(permit, queries, answered, through)| Fact::NameResolved {
                    permit,
                    queries,
                    answered: ByteCount(answered),
                    through,
                }),
            (hold_id(), digest(), text(), at()).prop_map(|(hold, asked, summary, until)| {
                Fact::HoldPlaced { hold, asked, summary, until }
            }),
            (hold_id(), resolution, of(principal()), of(at())).prop_map(
                |(hold, resolution, by, until)| Fact::HoldResolved { hold, resolution, by, until }
            ),
        ];
    let three = prop_oneof![
        (quarantine_id(), target(), of(principal()), text()).prop_map(
            |(id, target, by, reason)| Fact::QuarantineImposed { id, target, by, reason }
        ),
        (quarantine_id(), principal(), text())
            .prop_map(|(id, by, reason)| Fact::QuarantineReleased { id, by, reason }),
        (alert_id(), control(), severity, text(), of(receipt()), any::<u64>()).prop_map(
            |(id, control, severity, summary, cause, count)| Fact::AlertRaised {
                id,
                control,
                severity,
                summary,
                cause,
                count
            }
        ),
        (grant, principal(), text()).prop_map(|(grant, by, reason)| Fact::GrantIssued {
            grant,
            by,
            reason
        }),
        (grant_id(), principal()).prop_map(|(id, by)| Fact::GrantRevoked { id, by }),
    ];
    prop_oneof![8 => one, 6 => two, 5 => three]
}

fn event() -> impl Strategy<Value = Event> {
    (receipt(), at(), digest(), of(subject()), fact()).prop_map(
        |(receipt, at, policy, subject, fact)| Event { receipt, at, policy, subject, fact },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn every_event_reads_back(event in event()) {
        let body = encode(&event).unwrap();
        prop_assert_eq!(&decode(&body).unwrap(), &event);
        prop_assert_eq!(encode(&decode(&body).unwrap()).unwrap(), body);
    }
}

#[test]
fn every_type_is_generated() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        seen.insert(type_of(&fact().new_tree(&mut runner).unwrap().current()));
    }
    assert_eq!(seen, TYPES.iter().copied().collect());
}

#[test]
fn the_form_is_pinned() {
    let event = Event {
        receipt: ReceiptId::draw(Timestamp::from_unix_micros(1_700_000_000_000_000), [7; 10]),
        at: Timestamp::from_unix_micros(1_700_000_000_000_000),
        policy: Digest::ZERO,
        subject: Some(Subject {
            session: None,
            tenant: TenantName::parse("research").unwrap(),
            role: None,
            skill: Some(SkillId {
                name: SkillName::parse("weather").unwrap(),
                version: SkillVersion::parse("1.2.0").unwrap(),
                digest: Digest::ZERO,
            }),
            ceiling: None,
        }),
        fact: Fact::FlowEnded {
            permit: ReceiptId::draw(Timestamp::from_unix_micros(1_000_000), [1; 10]),
            address: Some("2001:db8::1".parse().unwrap()),
            sent: ByteCount(1),
            received: ByteCount(2),
            lasted: Duration::from_millis(3),
            ending: Ending::Idle,
        },
    };
    let zero = "0".repeat(64);
    let body = String::from_utf8(encode(&event).unwrap()).unwrap().replace(&zero, "0…0");
    expect![[r#"{"version":1,"receipt":"rcp_01hf7yat000w3ge1r70w3ge1r7","at":"2023-11-14T22:13:20.000000Z","policy":"sha256:0…0","subject":{"tenant":"research","skill":{"name":"weather","version":"1.2.0","digest":"sha256:0…0"}},"type":"FlowEnded","fact":{"permit":"rcp_00000000z8040g2081040g2081","address":"2001:db8::1","sent":1,"received":2,"lasted_us":3000,"ending":"idle"}}"#]]
    .assert_eq(&body);
}

#[test]
fn unknown_fields_are_ignored_and_other_versions_refused() {
    let text = |version: u32, more: &str| {
        format!(
            r#"{{"version":{version},"receipt":"rcp_01hf7yat00e1r70w3gsf0e1r70","at":"2023-11-14T22:13:20Z","policy":"{}","later":[1],"type":"ProcessStarted","fact":{{"version":"1.0"{more}}}}}"#,
            Digest::ZERO
        )
    };
    let event = decode(text(1, r#","later":{"a":null}"#).as_bytes()).unwrap();
    assert_eq!(event.fact, Fact::ProcessStarted { version: "1.0".into() });
    assert_eq!(decode(text(2, "").as_bytes()), Err(RecordFault::Version(2)));
    assert_eq!(decode(br#"{"version":3}"#), Err(RecordFault::Version(3)));
    assert!(matches!(decode(br#"{"version":1}"#), Err(RecordFault::Malformed(_))));
    assert!(matches!(decode(b"\xff"), Err(RecordFault::Malformed(_))));
}

/// A refusal as builds wrote it before they looked into payloads.
const BEFORE_FINDINGS: &str = r#"{"version":1,"receipt":"rcp_01hf7yat00e1r70w3gsf0e1r70","at":"2023-11-14T22:13:20.000000Z","policy":"sha256:POLICY","type":"AttemptRefused","fact":{"asked":{"plane":"proxy","host":"evil.example","port":443,"act":"connect","path":""},"control":"egress.tenant","reason":"no row"}}"#;

#[test]
fn a_record_from_before_findings_reads_and_is_written_as_it_was() {
    let text = BEFORE_FINDINGS.replace("POLICY", &"0".repeat(64));
    let event = decode(text.as_bytes()).unwrap();
    let Fact::AttemptRefused { findings, .. } = &event.fact else { panic!("{:?}", event.fact) };
    assert!(findings.is_empty());
    assert_eq!(String::from_utf8(encode(&event).unwrap()).unwrap(), text);
}

#[test]
fn the_form_of_a_finding_is_pinned() {
    let text = BEFORE_FINDINGS.replace("POLICY", &"0".repeat(64));
    let mut event = decode(text.as_bytes()).unwrap();
    let Fact::AttemptRefused { findings, .. } = &mut event.fact else { panic!() };
    findings.push(FindingRecord {
        control: Control::DlpPii,
        kind: "US_SSN".to_owned(),
        part: Part::Body,
        field: "/note".to_owned(),
        chain: "base64 → gzip".to_owned(),
        level: Some(LevelName::parse("restricted").unwrap()),
        canary: None,
        score: PerMille::new(850),
        length: 11,
        digest: KeyedDigest([0; 16]),
    });
    let body = String::from_utf8(encode(&event).unwrap()).unwrap();
    let (_, findings) = body.split_once(r#""findings":"#).unwrap();
    expect![[r#"[{"control":"dlp.pii","kind":"US_SSN","part":"body","field":"/note","chain":"base64 → gzip","level":"restricted","score_per_mille":850,"length":11,"digest":"keyed:00000000000000000000000000000000"}]}}"#]]
    .assert_eq(findings);
}
